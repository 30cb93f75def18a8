"""Models with one lagged term of every kind, panels with counts for them, and coefficients."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hazard.model.design import Design
from hazard.spec import ModelSpec
from hazard.spec.links import LinkName
from small_panels import (
    BASELINE,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    model,
    small_panel,
)
from small_terms import VARIES

_COUNT = VISIT.replace("lags", 'measure = "count"\nlags')
KINDS = {
    "indicators": VISIT,
    "counts": _COUNT,
    "windows": VISIT + "windows = [[0, 0], [1, 2]]\n",
    "own curves": VISIT + VARIES,
    "counts with own curves": _COUNT + VARIES,
}


def of_kind(kind: str, link: LinkName = "softmax") -> ModelSpec:
    """Model with two exits and an event of a kind."""
    terms = [BASELINE + WALK, SEX + NORMAL, KINDS[kind] + NORMAL, NATIONALITY + POOLED]
    return model(*terms, exits=2, link=link)


def with_counts(spec: ModelSpec, rng: np.random.Generator, *, persons: int = 40) -> SmallPanel:
    """A small panel; of counts, histories far from zero. No history is unknown."""
    small = small_panel(spec, rng, persons=persons)
    shape = small.histories[spec.lagged[0].name].shape
    counts = spec.lagged[0].measure == "count"
    values = rng.poisson(7.0, shape) if counts else rng.random(shape) < 0.3
    history = small.histories[spec.lagged[0].name].copy(data=values.astype(np.float32))
    return SmallPanel(small.panel, {spec.lagged[0].name: history})


def random_beta(made: Design, rng: np.random.Generator) -> xr.DataArray:
    """One draw of the coefficients of a design, of which few persons leave in a month."""
    beta = rng.normal(0.0, 0.3, (1, 1, made.n_coefficients, len(made.exits)))
    beta[:, :, 0] -= 2.0
    coords = {"exit": list(made.exits)}
    return xr.DataArray(beta, coords, ("chain", "draw", "coefficient", "exit"))
