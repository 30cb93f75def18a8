"""The plan of a score, and the score."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.errors import EstimandError, did_you_mean
from hazard.fitting.records import Fit
from hazard.inference import laplace_draws
from hazard.model import parameterisation
from hazard.model.design import Design
from hazard.model.terms.block import column

Progress = Callable[[str, float], None]
REFITTED = ("refit", "refit, too few draws")
TRUSTED = ("psis", "refit")


@dataclass(frozen=True)
class ScorePlan:
    """How much is spent on a score; the same plan gives the same numbers.

    Attributes
    ----------
    draws : int
        Largest number of draws of a posterior that are used, evenly spaced, and of every refit.
    most_refits : int
        Units whose weights cannot be trusted are fitted again without the unit, those with the
        largest ``p_loo`` first, so many of them. The others keep a number that is counted as not to
        be trusted.
    seed : int
        Of the draws of refits.
    """

    draws: int = 1000
    most_refits: int = 40
    seed: int = 0


@dataclass(frozen=True)
class Score:
    """How well one model predicts units that it has not seen.

    Attributes
    ----------
    model : str
    unit : str
        What is left out: a column, or ``"future"``.
    units : DataFrame
        One row per unit (and ``block`` of the future): ``unit``, ``rows``, ``elpd``, ``p_loo``,
        ``k_hat``, ``mcse``, ``how``: ``"psis"``, ``"refit"``, ``"refit, too few draws"``,
        ``"not refitted"`` or ``"refit failed"``. It says something of single persons: only sums of
        it are to be published.
    mcse : float
        Monte Carlo standard error of the sum of ``elpd``.
    block_mcse : mapping of str to float
        That of the sum of each block of the future.
    engine : str
        Whose draws: ``"nuts"``, ``"laplace"``, or ``"nuts, refits laplace"``.
    rows : str
        Digest of persons, months, exits and units, the same for models of the same rows.
    facts : mapping
        How it was found: draws, threshold of k-hat, what was integrated, seconds.
    """

    model: str
    unit: str
    units: pd.DataFrame
    mcse: float
    block_mcse: Mapping[str, float]
    engine: str
    rows: str
    facts: Mapping[str, Any]


def silent(stage: str, share: float) -> None:
    """Progress that is not shown."""


def unit_column(fit: Fit, name: str) -> pd.Series:
    """Column of the panel by which units are left out.

    Raises
    ------
    EstimandError
        If the panel has no such column.
    DesignError
        If a value of it is missing.
    """
    columns = fit.design_rows.columns
    if name not in columns:
        raise EstimandError(
            f"score must be by a column of the panel, {list(columns)}; got {name!r}."
            + did_you_mean(name, columns)
        )
    return column(fit.design_rows, name)


def with_rows(design: Design, keep: npt.ArrayLike) -> Design:
    """Some rows of a design, by position or mask, in an unchanged model.

    Levels without rows stay: their coefficients have the distribution that the model gives to
    levels it knows nothing of.
    """
    selected = np.asarray(keep)
    return replace(
        design,
        index=np.ascontiguousarray(design.index[selected]),
        outcome=design.outcome[selected],
        weight=design.weight[selected],
        row=design.row[selected],
    )


def approximate(design: Design, n: int, seed: int) -> xr.Dataset:
    """Draws from the approximate posterior of a design.

    Raises
    ------
    ConvergenceError
        If the approximation does not settle.
    """
    laplace = laplace_draws.fit(parameterisation.standard(design))
    return laplace_draws.draws(laplace, n, np.random.default_rng(seed))


def digest(fit: Fit, labels: pd.Series | npt.NDArray[Any]) -> str:
    """SHA-256 of person, month, exit and unit of every row, in their order."""
    labelled = pd.DataFrame(
        {
            "person": fit.design_rows["person"].astype(str).to_numpy(),
            "month": fit.design_rows["month"].to_numpy(dtype=np.int64),
            "exit": fit.design_rows["exit"].astype(str).to_numpy(),
            "unit": np.asarray(labels).astype(str),
        }
    )
    hashed = pd.util.hash_pandas_object(labelled, index=False).to_numpy()
    return hashlib.sha256(hashed.tobytes()).hexdigest()
