"""Loops as machine code: the decorators of numba, which has no types of its own, with types.

A compiled function keeps the signature that it was written with, so that its callers are checked
like those of any other function. Numba keeps machine code on disk by the name and the time of one
file, and does not see that a loop of another file, which went into the code, is another one by now.
Here the name has a digest of the file, and of the loops and numbers that it imports by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np

_DIGEST = "digest_of_sources"


def compiled[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """A loop as machine code that is kept on disk and runs beside other threads.

    The loops and numbers of other modules that it uses must be imported by name.
    """
    machine_code: Callable[P, R] = numba.njit(nogil=True, cache=True)(_named(loop))
    return machine_code


def compiled_anew[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """As :func:`compiled`, compiled in every process and never kept on disk.

    Examples
    --------
    >>> @compiled_anew
    ... def triangle(n: int) -> int:
    ...     total = 0
    ...     for i in range(n + 1):
    ...         total += i
    ...     return total
    >>> triangle(4)
    10
    """
    machine_code: Callable[P, R] = numba.njit(nogil=True)(loop)
    return machine_code


def compiled_in_parallel[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """As :func:`compiled`, with the turns of ``numba.prange`` shared among the cores."""
    machine_code: Callable[P, R] = numba.njit(parallel=True, cache=True)(_named(loop))
    return machine_code


def digest_of(loop: Callable[..., Any]) -> str:
    """Digest of all sources of a loop of :func:`compiled`, as 64 hexadecimal digits.

    Examples
    --------
    >>> from hazard.model.links import share_out
    >>> len(digest_of(share_out))
    64
    """
    digest: str = getattr(loop.py_func, _DIGEST)  # type: ignore[attr-defined]
    return digest


def _named[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """The loop, with a digest of its sources in the name by which numba keeps it."""
    total = hashlib.sha256(_source(loop.__code__.co_filename))
    module_names: dict[str, Any] = loop.__globals__
    for name in sorted(name for name in module_names if not name.startswith("__")):
        total.update(f"{name}={_fingerprint(module_names[name])};".encode())
    setattr(loop, _DIGEST, total.hexdigest())
    loop.__qualname__ += f"_{total.hexdigest()[:16]}"
    return loop


def _fingerprint(value: object) -> str:
    """What of a name goes into machine code: another loop, or a number that stays as it is."""
    if callable(python := getattr(value, "py_func", None)):
        return str(getattr(python, _DIGEST, ""))
    if isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple):
        return f"({','.join(map(_fingerprint, value))})"
    if isinstance(value, np.ndarray):
        return repr((value.dtype, value.shape, value.tobytes()))
    return value.__name__ if isinstance(value, ModuleType) else ""


@cache
def _source(file: str) -> bytes:
    path = Path(file)
    return path.read_bytes() if path.is_file() else file.encode()
