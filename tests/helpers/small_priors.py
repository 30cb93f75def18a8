"""A prior of any family with plain parameters, and what the tests of families share."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from hazard.arrays import FloatArray
from hazard.spec.priors import Prior, PriorFamily

REASON = "an example only"
SCALE = st.floats(0.01, 100.0)
DRAWS = 40_000


def example(family: type[PriorFamily]) -> Prior:
    """A prior of a family, every number of which that must be given is 1."""
    fields = family.model_fields
    needed = {name: 1.0 for name, field in fields.items() if field.is_required()}
    [name] = fields["family"].annotation.__args__  # type: ignore[union-attr]
    return family.model_validate({**needed, "family": name, "reason": REASON})


def lags(n: int, first: int = 0) -> FloatArray:
    return np.arange(first, first + n, dtype=np.float64)


def far(found: FloatArray, expected: FloatArray) -> float:
    """Largest distance of the means of the columns of draws, in Monte Carlo standard errors."""
    error = found.std(axis=0) / math.sqrt(len(found))
    return float((np.abs(found.mean(axis=0) - expected) / error).max())
