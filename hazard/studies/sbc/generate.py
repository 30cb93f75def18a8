"""From coefficients to a data set: one exit per person along the observed rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.arrays import FloatArray
from hazard.model.design import Design
from hazard.model.likelihood import linear_predictor, rows
from hazard.model.links import hazard


def outcomes(
    design: Design, person: npt.ArrayLike, beta: FloatArray, rng: np.random.Generator
) -> Design:
    """The same rows with simulated exits, person by person and month by month.

    Parameters
    ----------
    design : Design
        Not collapsed. Exposures and covariates stay as they are: nobody reacts to what is drawn.
    person : array_like of int, shape (row,)
        Person of each row of the design; rows of a person are consecutive, months ascend.
    beta : ndarray, shape (coefficient, exit)
    rng : Generator

    Returns
    -------
    Design
        Rows after the first exit of a person have weight 0, so that all arrays keep their shapes.

    Examples
    --------
    >>> from hazard import spec
    >>> from hazard.model import design
    >>> import pandas as pd
    >>> exits = pd.Categorical(["stay"] * 4, ["stay", "left"])
    >>> model = spec.ModelSpec(name="a", question="what is next?", outcome={"exits": ["left"]})
    >>> built = design.build(pd.DataFrame({"exit": exits}), {}, model)
    >>> simulated = outcomes(built, [0, 0, 1, 1], np.array([[50.0]]), np.random.default_rng(1))
    >>> simulated.outcome.tolist(), simulated.weight.tolist()
    ([1, 0, 1, 0], [1.0, 0.0, 1.0, 0.0])
    """
    eta = xr.DataArray(linear_predictor(rows(design), beta), dims=("row", "exit"))
    below = hazard(eta, design.link).values.cumsum(axis=1)
    passed = (rng.random(len(below))[:, None] >= below).sum(axis=1)
    code = np.where(passed < below.shape[1], passed + 1, 0)
    exits_before = np.cumsum(code > 0) - (code > 0)
    person_of_row = np.asarray(person)
    first = np.concatenate([[True], person_of_row[1:] != person_of_row[:-1]])
    exits_before_person = exits_before[first][np.cumsum(first) - 1]
    gone = exits_before > exits_before_person
    return replace(
        design,
        outcome=np.where(gone, 0, code).astype(np.int8),
        weight=np.where(gone, 0.0, 1.0),
    )
