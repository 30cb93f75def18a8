"""One folder of compiled code for all workers of a test run: what one compiled, the other loads.

Numba writes a file whole or not at all, but what it finds stands in two of them, the index of a
function and the code of one signature. Two processes that compile two signatures at once take the
same next number, and one of them is led to the code of the other. Here a process that reads or
writes the pair waits for the one that does. The processes that a test starts know nothing of it:
they have a folder of their own (``NUMBA_CACHE_DIR`` and ``PYTENSOR_FLAGS`` of the worker).
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import numba
from numba.core.caching import IndexDataCacheFile
from pytensor.link.numba import cache


def share(folder: Path) -> None:
    """Let this process keep compiled code in a folder with others that do the same."""
    numba.config.CACHE_DIR = str(folder / "numba")
    cache.NUMBA_CACHE_PATH = folder / "pytensor"
    cache.NUMBA_CACHE_PATH.mkdir(parents=True, exist_ok=True)
    for name in ("load", "save"):
        alone = _alone(getattr(IndexDataCacheFile, name), folder / "lock")
        setattr(IndexDataCacheFile, name, alone)


def _alone[**P, R](step: Callable[P, R], lock: Path) -> Callable[P, R]:
    @wraps(step)
    def waits(*args: P.args, **kwargs: P.kwargs) -> R:
        with _held(lock):
            return step(*args, **kwargs)

    return waits


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
