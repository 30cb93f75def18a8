"""Fits under different priors -> one tidy table; no fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard import languages
from hazard.errors import EstimandError
from hazard.inference.convergence import Gate
from hazard.output import tables
from hazard.output.digits import language_marks, number
from hazard.spec import ModelSpec
from hazard.spec.links import LINKS
from hazard.studies.sensitivity.grid import REFERENCE, Cell
from hazard.studies.sensitivity.prior_intervals import half_widths

KEY = ("term", "exposure", "network", "exit", "quantity", "lag", "month")
COLUMNS = (
    "prior",
    "scale",
    "reason",
    "engine",
    "term",
    "exposure",
    "network",
    "exit",
    "quantity",
    "lag",
    "month",
    "estimate",
    "lower",
    "upper",
    "ci_prob",
    "ci_kind",
    "unit",
    "sd",
    "mcse",
    "draws",
    "prior_lower",
    "prior_upper",
    "probability_of_direction",
    "conclusion",
    "changed",
)
_OVER = ("chain", "draw")


@dataclass(frozen=True)
class Fitted:
    """Estimates under one prior.

    Attributes
    ----------
    cell : Cell
    engine : str
    quantities : mapping of str to DataArray, dims (chain, draw, ...)
        ``lag_coefficient`` (term, lag, exit), ``cumulative_lag_effect`` (term, exit) and, where the
        model asks for one, ``risk_difference`` (term, exit, month).
    gate : Gate or None
        None for the approximate engine.
    """

    cell: Cell
    engine: str
    quantities: Mapping[str, xr.DataArray]
    gate: Gate | None = None


def table(fits: Sequence[Fitted], spec: ModelSpec) -> pd.DataFrame:
    """Every quantity under every prior, with what the prior said, and whether it is concluded.

    Parameters
    ----------
    fits : sequence of Fitted
        All with the same quantities; the first of the model's own priors is the reference.
    spec : ModelSpec

    Returns
    -------
    DataFrame
        One row per fit and number, in the order of the fits. ``prior_lower`` and ``prior_upper``
        are the 95 percent interval of a lag or of a sum before the rows are seen, empty for risk
        differences. ``probability_of_direction`` is the share of draws on the side of zero where
        most are. ``conclusion`` is ``above`` or ``below`` where the interval excludes zero, else
        ``unclear``; ``changed`` says that it is another one than under the reference.

    Raises
    ------
    EstimandError
        If no fit is that of the model's own priors.
    """
    frames = [_of_fit(fit, spec) for fit in fits]
    reference_frames = [
        frame for frame, fit in zip(frames, fits, strict=True) if fit.cell.prior == REFERENCE
    ]
    if not reference_frames:
        raise EstimandError("sensitivity must have a fit under the model's own priors; got none.")
    reference = reference_frames[0]["conclusion"].to_numpy()
    marked = [frame.assign(changed=frame["conclusion"].to_numpy() != reference) for frame in frames]
    joined = pd.concat([frame.astype(object) for frame in marked], ignore_index=True)
    with np.errstate(invalid="ignore"):  # pandas tries whether infinite numbers are whole
        return joined.reindex(columns=list(COLUMNS)).convert_dtypes()


def repeated(estimates: pd.DataFrame) -> pd.DataFrame:
    """Where a prior was both approximated and sampled: how far the two are apart.

    Parameters
    ----------
    estimates : DataFrame
        From :func:`table`.

    Returns
    -------
    DataFrame
        From :func:`hazard.output.tables.apart`, with both conclusions.
    """
    key = ["prior", "scale", *KEY]
    approximated, sampled = (estimates[estimates["engine"] == name] for name in ("laplace", "nuts"))
    distances = tables.apart(approximated, sampled, key)
    conclusion_rows = [rows[[*key, "conclusion"]] for rows in (approximated, sampled)]
    pairs = conclusion_rows[0].merge(
        conclusion_rows[1], on=key, suffixes=("", "_nuts"), validate="one_to_one"
    )
    return distances.assign(
        conclusion=pairs["conclusion"], conclusion_nuts=pairs["conclusion_nuts"]
    )


def repeated_text(distances: pd.DataFrame, lang: str = languages.ENGLISH) -> list[str]:
    """One sentence per prior that was repeated: how far approximation and sampling are apart."""
    text, marks = languages.words("commands.sensitivity", lang)["repeated"], language_marks(lang)
    lines = []
    for _, rows in distances.groupby(["prior", "scale"], sort=False, dropna=False):
        cell: Any = rows.iloc[0]
        name = cell["prior"] if pd.isna(cell["scale"]) else f"{cell['prior']}:{cell['scale']:g}"
        n_same = int((rows["conclusion"] == rows["conclusion_nuts"]).sum())
        estimate_distance = rows["apart"].astype(float).abs()
        end_distances = rows[["apart_lower", "apart_upper"]].astype(float).abs().to_numpy()
        values = {
            "median": estimate_distance.median(),
            "largest": estimate_distance.max(),
            "end": end_distances.max(),
        }
        numbers = {key: number(value, -2, marks) for key, value in values.items()}
        lines.append(text.format(prior=name, same=n_same, all=len(rows), **numbers))
    return lines


def _of_fit(fit: Fitted, spec: ModelSpec) -> pd.DataFrame:
    parts = [_summary(draws, name) for name, draws in fit.quantities.items()]
    rows = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    rows = rows[rows["estimate"].notna()].reset_index(drop=True)  # lags a term does not have
    rows = rows.reindex(columns=list(dict.fromkeys([*rows, "lag", "month"])))
    log_scale = LINKS[spec.outcome.link].unit
    exposure = {term.name: term.exposure for term in spec.lagged}
    network = {term.name: term.network for term in spec.lagged}
    is_share = rows["quantity"] == "risk_difference"
    prior = _prior_half_widths(rows, fit.cell, spec)
    return rows.assign(
        prior=fit.cell.prior,
        scale=np.nan if fit.cell.scale is None else fit.cell.scale,
        reason=fit.cell.reason,
        engine=fit.engine,
        exposure=rows["term"].map(exposure),
        network=rows["term"].map(network),
        unit=np.where(is_share, "probability", log_scale),
        prior_lower=-prior,
        prior_upper=prior,
        conclusion=conclusions(rows["lower"], rows["upper"]),
    )


def _summary(draws: xr.DataArray, quantity: str) -> pd.DataFrame:
    above, below = (draws > 0).mean(_OVER), (draws < 0).mean(_OVER)
    directions = xr.Dataset(
        {"probability_of_direction": above.where(above >= below, below)}
    ).to_dataframe()
    summary_rows = tables.summary(draws)
    n = draws.sizes["chain"] * draws.sizes["draw"]
    keys = [str(name) for name in directions.index.names]
    return summary_rows.join(directions, on=keys).assign(quantity=quantity, draws=n)


def conclusions(lower: pd.Series, upper: pd.Series) -> list[str]:
    """What intervals say of the sign.

    Examples
    --------
    >>> conclusions(pd.Series([0.1, -2.0, -0.1]), pd.Series([0.2, -0.5, 0.3]))
    ['above', 'below', 'unclear']
    """
    return [
        "above" if low > 0 else "below" if high < 0 else "unclear"
        for low, high in zip(lower, upper, strict=True)
    ]


def _prior_half_widths(rows: pd.DataFrame, cell: Cell, spec: ModelSpec) -> pd.Series:
    widths: dict[tuple[str, str, float], float] = {}
    for term in spec.lagged:
        windows = term.coefficient_windows
        *by_lag, total = half_widths(cell.priors[term.name], windows).tolist()
        for lag, width in zip(term.every_lag, by_lag, strict=True):
            widths["lag_coefficient", term.name, float(lag)] = width
        widths["cumulative_lag_effect", term.name, -np.inf] = total
    place = rows["lag"].astype(float).fillna(-np.inf)
    keys = pd.MultiIndex.from_arrays([rows["quantity"], rows["term"], place])
    return pd.Series([widths.get(key, np.nan) for key in keys], index=rows.index)
