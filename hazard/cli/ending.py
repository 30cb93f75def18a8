"""How a command ends: an exit code, one sentence, and nothing half-written.

========================= ====================================================================
exit code                 what happened
========================= ====================================================================
0                         all went well
1                         a fault of the program; its type and place are given, not its text
2, 3, 4, 5, 6             a :class:`hazard.errors.HazardError`, by kind
2                         a disk that is full, a file that cannot be used, too little memory
129, 130, 143             SIGHUP, SIGINT, SIGTERM
========================= ====================================================================
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from hazard.errors import HazardError, UsageError
from hazard.files import atomic
from hazard.files.terminal import escaped, escaped_line

FULL_TRACEBACK = "HAZARD_TRACEBACK"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 128 + signal.SIGINT
_LEAST_MEMORY = 1_200 * 2**20  # bytes of addresses that the libraries take before any data
_NO_MEMORY = ("can't start new thread", "failed to map segment", "cannot allocate memory")
_PACKAGE = Path(atomic.__file__).parents[1]


# --- signals ------------------------------------------------------------------------------------
@contextmanager
def stoppable() -> Iterator[None]:
    """Where SIGINT, SIGTERM and SIGHUP end the process at once, with nothing half-written.

    They raise no exception, which foreign code could catch or lose: the drafts are removed, and the
    process is gone, with its threads. A signal that is ignored, as under ``nohup``, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = [number for number in _SIGNALS if handlers[number] not in (signal.SIG_IGN, None)]
    try:
        for number in handled:
            signal.signal(number, _stop)
        yield
    finally:
        for number in handled:
            signal.signal(number, handlers[number])


def _stop(number: int, _: FrameType | None) -> None:
    atomic.between_steps(lambda: _exit_on_signal(signal.Signals(number)))


def _exit_on_signal(received: signal.Signals) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    message = "\x1b[?25h\n" if os.isatty(2) else ""  # a bar of progress hides the cursor
    message += f"hazard: stopped by {received.name}"
    if atomic.release():
        message += (
            "; nothing was written. The same command starts anew, or goes on with the chains or "
            "simulations that were finished"
        )
    with suppress(OSError):  # not through a stream, in whose middle the signal may have come
        os.write(2, f"{message}.\n".encode())
    os._exit(128 + received)


# --- errors -------------------------------------------------------------------------------------
def run(command: Callable[[], Any]) -> None:
    """Run a command to its end; every way to fail is one sentence and an exit code."""
    with stoppable():
        try:
            _refuse_controls(sys.argv[1:])
            _refuse_little_memory()
            command()
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the last place where one can be printed
            _fail(error)
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            _fail(error)  # a panic of a library in another language


def _refuse_controls(arguments: Sequence[str]) -> None:
    positions = [
        n for n, argument in enumerate(arguments, start=1) if escaped_line(argument) != argument
    ]
    if positions:
        raise UsageError(
            "arguments must be free of control characters, which could move the cursor or turn the "
            f"order of a text; got some in argument {', '.join(map(str, positions))}."
        )


def _refuse_little_memory() -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _LEAST_MEMORY:
        raise UsageError(
            f"memory limit (ulimit -v) must be at least {_LEAST_MEMORY // 2**10:,} KiB; got "
            f"{limit // 2**10:,}."
        )


def _fail(error: BaseException) -> None:
    """Print an error, and end with its exit code."""
    code, sentence = _exit_message(error)
    if code == 1 and os.environ.get(FULL_TRACEBACK):
        sentence = "".join(traceback.format_exception(error)) + sentence
    with suppress(OSError, ValueError):
        sys.stderr.write(escaped(f"hazard: {sentence}\n") if code == 1 else f"hazard: {sentence}\n")
        sys.stderr.flush()
    _close(sys.stdout)
    if _is_memory_error(error):  # libraries that are loaded in part crash where they are let go
        os._exit(code)
    sys.exit(code)


def _exit_message(error: BaseException) -> tuple[int, str]:
    if isinstance(error, HazardError):
        return error.exit_code, escaped_line(str(error))
    if _is_memory_error(error):
        return UsageError.exit_code, (
            "memory must hold what the command needs; there was too little. Give it more, or fewer "
            "rows, draws or terms."
        )
    if isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        file_name = "a file" if error.filename is None else str(error.filename)
        return UsageError.exit_code, escaped_line(f"{file_name} must be usable; got: {reason}.")
    return 1, (
        f"a fault of the program, {type(error).__name__} at {_place(error.__traceback__)}. Its "
        f"text may hold values of persons; {FULL_TRACEBACK}=1 shows it."
    )


def _is_memory_error(error: BaseException) -> bool:
    """Whether memory, or the memory of a thread, could not be had."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, ImportError | RuntimeError | OSError) and any(
        words in str(error).lower() for words in _NO_MEMORY
    )


def _place(trace: TracebackType | None) -> str:
    """File and line where an exception came from, and the last line of the package before it."""
    frames = traceback.extract_tb(trace)
    package_frames = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents]
    places = [
        f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno}"
        for frame in (*package_frames[-1:], *frames[-1:])
    ]
    return ", in ".join(dict.fromkeys(places)) or "an unknown place"


def _close(stream: Any) -> None:
    """Let go of a stream that may be full, so that the interpreter does not fail on it again."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
