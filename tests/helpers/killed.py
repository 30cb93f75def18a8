"""Commands killed at random moments: ``python killed.py FOLDER SIGNALS COMMAND...``.

Each signal, with commas between them, is sent to each command once. The libraries are loaded once;
every kill is of a process of its own, forked before any thread runs.
A line of JSON is written for each command that went to its end, and for each kill: the signal, the
moment, how the process ended, after how many seconds, what it said, and the files in its folder
with their digests. Who is killed by SIGKILL can clean nothing: the command is given once more in
the same folder, and ``again`` holds how that ended and the files there.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

LOADED = (
    "fitting.store", "simulation", "studies.classical", "studies.describe", "studies.estimators",
    "studies.immortal_time", "studies.published", "studies.sbc", "studies.scenario",
    "studies.sensitivity",
)  # fmt: skip


def begun(command: list[str], folder: Path) -> int:
    """Process id of a command that runs in a folder, with its words in a file beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        return pid
    try:
        os.chdir(folder)
        words = os.open(folder.with_suffix(".said"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(words, 1)
        os.dup2(words, 2)
        from hazard.cli import main

        sys.argv = ["hazard", *command]
        main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(int(end.code or 0))
    finally:
        os._exit(99)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def files(folder: Path) -> dict[str, str]:
    """Digest of every file of a folder, and nothing for a folder in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(folder.rglob("*"))
    }


def whole(command: list[str], folder: Path) -> dict[str, object]:
    """A command that goes to its end."""
    since = time.perf_counter()
    code = ended(begun(command, folder))
    return {
        "command": command,
        "code": code,
        "seconds": time.perf_counter() - since,
        "said": folder.with_suffix(".said").read_text(),
        "files": files(folder),
    }


def killed(command: list[str], folder: Path, by: signal.Signals, after: float) -> dict[str, object]:
    pid = begun(command, folder)
    time.sleep(after)
    since = time.perf_counter()
    os.kill(pid, by)
    code = ended(pid)
    line: dict[str, object] = {
        "command": command,
        "signal": by.name,
        "after": after,
        "code": code,
        "seconds": time.perf_counter() - since,
        "said": folder.with_suffix(".said").read_text(),
        "files": files(folder),
    }
    return line | ({"again": whole(command, folder)} if by == signal.SIGKILL else {})


def write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(place: Path, signals: list[signal.Signals], commands: list[str]) -> None:
    for name in LOADED:
        importlib.import_module(f"hazard.{name}")
    rng = random.Random(f"{signals} {commands}")  # noqa: S311 - moments, no secrets
    for n, text in enumerate(commands):
        command = text.split()
        # the first fills caches of files, and takes longer
        lines = [whole(command, place / f"{n}-{name}") for name in ("cold", "warm")]
        for line in lines:
            write(line)
        length = min(float(str(line["seconds"])) for line in lines)
        for k, by in enumerate(signals):
            after = (0.05 + 0.4 * rng.random()) * length  # before the end, also where it is quicker
            write(killed(command, place / f"{n}-{k}", by, after))


if __name__ == "__main__":
    sent = [signal.Signals[name] for name in sys.argv[2].split(",")]
    main(Path(sys.argv[1]), sent, sys.argv[3:])
