"""Commands killed at random moments: ``python killed.py FOLDER KILLS COMMAND...``, JSON lines out.

The libraries are loaded once; every kill is of a process of its own, forked before any thread runs.
Each line holds the command, the signal, the moment, how the process ended, after how many seconds,
what it said, and what it left in its folder.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
LOADED = (
    "calibration", "classical", "concordance", "describe", "ever_treated", "evidence", "pipeline",
    "scenario", "sensitivity", "simulate", "store",
)  # fmt: skip


def begun(command: list[str], folder: Path) -> int:
    """Process id of a command that runs in a folder, with its words in a file beside it."""
    folder.mkdir(parents=True)
    pid = os.fork()
    if pid:
        return pid
    try:
        os.chdir(folder)
        said = os.open(folder.with_suffix(".said"), os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        from hazard.cli import main

        sys.argv = ["hazard", *command]
        main()
    except SystemExit as left:
        sys.stdout.flush()
        os._exit(int(left.code or 0))
    finally:
        os._exit(99)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(command: list[str], folder: Path, by: signal.Signals, after: float) -> dict[str, object]:
    pid = begun(command, folder)
    time.sleep(after)
    since = time.perf_counter()
    os.kill(pid, by)
    code = ended(pid)
    return {
        "command": command,
        "signal": by.name,
        "after": after,
        "code": code,
        "seconds": time.perf_counter() - since,
        "said": folder.with_suffix(".said").read_text(),
        "left": sorted(str(each.relative_to(folder)) for each in folder.rglob("*")),
    }


def told(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(place: Path, kills: int, commands: list[str]) -> None:
    import importlib

    for name in LOADED:
        importlib.import_module(f"hazard.{name}")
    rng = random.Random(f"{kills} {commands}")  # noqa: S311 - moments, no secrets
    for n, line in enumerate(commands):
        command = line.split()
        seconds = []
        for name in ("cold", "whole"):  # the first fills caches of files, and takes longer
            since = time.perf_counter()
            code = ended(begun(command, place / f"{n}-{name}"))
            seconds.append(time.perf_counter() - since)
        whole = min(seconds)
        told({"command": command, "code": code, "whole": whole})
        for k in range(kills):
            by = SIGNALS[(n + k) % len(SIGNALS)]
            after = (0.05 + 0.4 * rng.random()) * whole  # before the end, also where it is quicker
            told(killed(command, place / f"{n}-{k}", by, after))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
