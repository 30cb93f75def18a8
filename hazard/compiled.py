"""Loops as machine code: the decorators of numba, which has no types of its own, with types.

A compiled function keeps the signature that it was written with, so that its callers are checked
like those of any other function.
"""

from __future__ import annotations

from collections.abc import Callable

import numba


def compiled[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """A loop as machine code that is kept on disk and runs beside other threads."""
    machine_code: Callable[P, R] = numba.njit(nogil=True, cache=True)(loop)
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
    machine_code: Callable[P, R] = numba.njit(parallel=True, cache=True)(loop)
    return machine_code
