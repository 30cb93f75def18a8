"""Random panels with every column that a term may name, and term texts for model files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hazard.spec import ModelSpec
from small_panels import POOLED, TERM, SmallPanel

NATIONALITIES = ("Afghanistan", "Irak", "Korea, Rep.", "Somalia")
VARIES = "varies_by = { by = 'nationality', prior = { family = 'pooled', scale = 1.0, "
VARIES += "reason = 'an example only' } }\n"
LISTED = VARIES.replace("prior =", "levels = ['Korea, Rep.', 'Irak'], prior =")


def calendar(by: str) -> str:
    """Calendar term without its prior."""
    return f'{TERM}"calendar"\nby = "{by}"\n'


def group(*by: str, prior: str = POOLED) -> str:
    """Group term of one or several columns."""
    return f'{TERM}"group"\nby = {list(by) if len(by) > 1 else by[0]!r}\n{prior}'


def wide_panel(spec: ModelSpec, rng: np.random.Generator, *, persons: int = 80) -> SmallPanel:
    """Random panel with all columns of the registers, from May 2005 on; no history is unknown."""
    length = rng.integers(1, 13, persons)
    person = np.repeat(np.arange(persons, dtype=np.int64), length)
    first = np.repeat(np.cumsum(length) - length, length)
    month = (np.arange(len(person)) - first + 1).astype(np.int32)
    left = rng.integers(0, 1 + len(spec.outcome.exits), persons)
    code = np.where(month == length[person], left[person], 0)
    panel = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "calendar": (rng.integers(423, 437, persons)[person] + month).astype(np.int32),
            "entry": np.int32(0),
            "sex": pd.Categorical.from_codes(rng.integers(0, 2, persons)[person], ["man", "woman"]),
            "age": rng.integers(40, 80, persons)[person] / 2,
            "centre": pd.Categorical.from_codes(
                rng.integers(0, 4, len(person)), [f"centre {n}" for n in range(4)]
            ),
            "nationality": pd.Categorical.from_codes(
                rng.integers(0, 4, persons)[person], list(NATIONALITIES)
            ),
            "exit": pd.Categorical.from_codes(code, ["stay", *spec.outcome.exits]),
        }
    )
    histories = {}
    for term in spec.lagged:
        lags = np.arange(term.lags[0], term.lags[1] + 1)
        values = (rng.random((len(person), len(lags))) < 0.3).astype(np.float32)
        histories[term.name] = xr.DataArray(values, {"lag": lags}, ("row", "lag"))
    return SmallPanel(panel, histories)
