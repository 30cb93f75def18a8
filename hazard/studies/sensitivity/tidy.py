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
from hazard.output.summaries import DETAIL, Compared, detailed
from hazard.spec import ModelSpec
from hazard.spec.links import LINKS
from hazard.studies.sensitivity.conclusions import STATUSES, conclusions, statuses
from hazard.studies.sensitivity.grid import REFERENCE, Cell, cell_name
from hazard.studies.sensitivity.prior_intervals import lag_half_widths, sum_half_width

KEY = ("term", "exposure", "network", "exit", "quantity", "lag", "month")
COLUMNS = (
    "prior",
    "multiple",
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
    "lower_mcse",
    "upper_mcse",
    "p_direction",
    "p_direction_mcse",
    "conclusion",
    "status",
)
_ERRORS = ["lower_mcse", "upper_mcse", "p_direction", "p_direction_mcse"]
_PUBLISHED = ["term", "exit", "quantity", "month"]
_SHOWN = (*_PUBLISHED, "estimate", "lower", "upper", "unit", "conclusion")
_AS_THEY_COME: dict[str, Any] = {"sort": False, "dropna": False}


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
    """Every quantity under every prior, with what the prior said, and whether that changes it.

    Parameters
    ----------
    fits : sequence of Fitted
        All with the same quantities; the first of the model's own priors is the reference.
    spec : ModelSpec

    Returns
    -------
    DataFrame
        One row per fit and number, in the order of the fits. ``multiple`` is the width of the 95
        percent prior interval of the sum over the lags in units of that under the model's own
        prior, empty for the latter. ``prior_lower`` and ``prior_upper`` are the 95 percent interval
        of a lag or of a sum before the rows are seen, empty for risk differences. ``p_direction``
        is the share of draws on the side of zero where most are. ``conclusion`` is ``above`` or
        ``below`` where the interval excludes zero, else ``unclear``; ``status`` is ``same``,
        ``changed`` or ``undecided``: whether the conclusion is another one than under the
        reference, beyond the Monte Carlo errors ``lower_mcse`` and ``upper_mcse`` of the ends
        (:func:`hazard.studies.sensitivity.conclusions.statuses`). Of the reference itself it is
        ``undecided`` where its own errors leave two conclusions open.

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
    marked = [frame.assign(status=statuses(frame, reference_frames[0])) for frame in frames]
    joined = pd.concat([frame.astype(object) for frame in marked], ignore_index=True)
    with np.errstate(invalid="ignore"):  # pandas tries whether infinite numbers are whole
        return joined.reindex(columns=list(COLUMNS)).convert_dtypes()


def overview(estimates: pd.DataFrame) -> pd.DataFrame:
    """Each published conclusion under the model's own priors, and what the others do to it.

    Parameters
    ----------
    estimates : DataFrame
        From :func:`table`; what was sampled beside the approximation does not count.

    Returns
    -------
    DataFrame
        One row per term, exit and sum or risk difference: ``estimate``, ``lower``, ``upper``,
        ``unit``, ``conclusion`` under the model's own priors; the number of other priors under
        which it is ``same``, ``changed`` or ``undecided``; ``changed_under``, the names of those
        that change it.
    """
    main = estimates[estimates["engine"] == estimates["engine"].iloc[0]]
    published = main[main["quantity"] != "lag_coefficient"]
    rows = [_overview_row(rows) for _, rows in published.groupby(_PUBLISHED, **_AS_THEY_COME)]
    return pd.DataFrame(rows).convert_dtypes()


def _overview_row(rows: pd.DataFrame) -> dict[str, Any]:
    """One conclusion: ``rows`` are those of every prior."""
    reference, others = rows[rows["prior"] == REFERENCE].iloc[0], rows[rows["prior"] != REFERENCE]
    changing = others[others["status"] == "changed"]
    names = map(cell_name, changing["prior"], changing["multiple"])
    counts = {status: int((others["status"] == status).sum()) for status in STATUSES}
    return {
        **{name: reference[name] for name in _SHOWN},
        **counts,
        "changed_under": ", ".join(names),
    }


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
    key = ["prior", "multiple", *KEY]
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
    for _, rows in distances.groupby(["prior", "multiple"], sort=False, dropna=False):
        cell: Any = rows.iloc[0]
        name = cell_name(cell["prior"], cell["multiple"])
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
        multiple=np.nan if fit.cell.multiple is None else fit.cell.multiple,
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
    rows = detailed(draws, Compared(0.0))
    shown = rows.drop(columns=[name for name in DETAIL if name not in _ERRORS])
    return shown.assign(quantity=quantity, draws=draws.sizes["chain"] * draws.sizes["draw"])


def _prior_half_widths(rows: pd.DataFrame, cell: Cell, spec: ModelSpec) -> pd.Series:
    widths: dict[tuple[str, str, float], float] = {}
    for term in spec.lagged:
        prior = cell.priors[term.name]
        by_lag = lag_half_widths(term, prior).tolist()
        for lag, width in zip(term.every_lag, by_lag, strict=True):
            widths["lag_coefficient", term.name, float(lag)] = width
        widths["cumulative_lag_effect", term.name, -np.inf] = sum_half_width(term, prior)
    place = rows["lag"].astype(float).fillna(-np.inf)
    keys = pd.MultiIndex.from_arrays([rows["quantity"], rows["term"], place])
    return pd.Series([widths.get(key, np.nan) for key in keys], index=rows.index)
