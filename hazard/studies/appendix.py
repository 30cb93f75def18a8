"""The coefficient table of a run in the layout of the 2016 report, its numbers beside.

One row per way out, influence, network and lag, as in Table 7-1 of Oslo Economics (2016), or per
window of lags, as in Table 7-2; the columns of the published estimators come first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.baselines.fit import exponentials
from hazard.errors import EstimandError
from hazard.model.terms.lagged import window_labels
from hazard.output.coefficients import COEFFICIENT, CORRELATION, GROUP_SD, INTERCEPT, WALK_SD
from hazard.output.tables import HAZARD_MODEL
from hazard.spec import ModelSpec
from hazard.studies.published import published_country_table, published_table

KEY = ["outcome", "exposure", "network", "lag_months"]
_ORDER = ["exposure", "outcome", "network"]
COLUMNS = {
    "linear probability": ("lpm_coefficient", "lpm_se"),
    "multinomial logit": ("mnlogit_log_odds", "mnlogit_se"),
    HAZARD_MODEL: ("hazard_model_log_odds", "hazard_model_sd"),
}
_COEFFICIENTS = (INTERCEPT, COEFFICIENT, GROUP_SD, WALK_SD, CORRELATION)
_NUMBERS = ["estimate", "sd", "lower", "upper"]
_SIDE_BY_SIDE = {
    HAZARD_MODEL: [f"hazard_model_{name}" for name in _NUMBERS],
    "multinomial logit": ["mnlogit_estimate", "mnlogit_se", "mnlogit_lower", "mnlogit_upper"],
    "linear probability": ["lpm_estimate", "lpm_se", "lpm_lower", "lpm_upper"],
}
_RATIOS = {"multinomial logit": "mnlogit", HAZARD_MODEL: "hazard_model"}
_COUNTRIES = {"Irak": "iraq", "Afghanistan": "afghanistan"}


def covariate_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """Coefficients of covariates, periods and groups, the estimators side by side.

    Parameters
    ----------
    estimates : DataFrame
        Of a run (see :mod:`hazard.output.coefficients`).

    Returns
    -------
    DataFrame
        One row per ``quantity``, ``term``, ``by``, ``level`` and ``exit``: ``reference``; of each
        estimator of the run its estimate, its error (of the hazard model the sd) and the ends of
        its interval. The linear probability model in probability per period, the others in log-odds
        or log-hazard.

    Raises
    ------
    EstimandError
        If the run has none.
    """
    coefficients = estimates[estimates["quantity"].isin(_COEFFICIENTS)]
    if coefficients.empty:
        raise EstimandError("table of covariates must have coefficients; the run has none.")
    key = ["quantity", "term", "by", "level", "exit"]
    named = coefficients.assign(
        **{name: coefficients[name].astype(object).fillna("") for name in key}
    )
    table = named[[*key, "reference"]].drop_duplicates(key)
    for estimator, names in _SIDE_BY_SIDE.items():
        part = named.loc[named["estimator"].eq(estimator), [*key, *_NUMBERS]]
        if len(part):
            new_names = dict(zip(_NUMBERS, names, strict=True))
            table = table.merge(
                part.rename(columns=new_names), on=key, how="left", validate="one_to_one"
            )
    return table.reset_index(drop=True)


def in_layout(estimates: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The table of a run that its model asks for: of lags where there are any, or of covariates.

    Parameters
    ----------
    estimates : DataFrame
        Of a run (see :mod:`hazard.output.tables`).
    spec : ModelSpec
        Its model.

    Returns
    -------
    DataFrame
        From :func:`lag_table` or :func:`covariate_table`.
    """
    return lag_table(estimates, spec) if spec.lagged else covariate_table(estimates)


def lag_table(estimates: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The published table of lags: Table 7-2 where they are joined, else Table 7-1.

    Parameters
    ----------
    estimates : DataFrame
    spec : ModelSpec

    Returns
    -------
    DataFrame
        From :func:`window_table` or :func:`coefficient_table`.
    """
    if any(term.windows is not None for term in spec.lagged):
        return window_table(estimates, spec)
    return coefficient_table(estimates)


def coefficient_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """Lag coefficients in the layout of Table 7-1, with the published ones where there are.

    Parameters
    ----------
    estimates : DataFrame
        Of a run (see :mod:`hazard.output.tables`).

    Returns
    -------
    DataFrame
        ``outcome``, ``exposure``, ``network``, ``lag_months``; of each estimator of the run its
        estimate and standard error (of the hazard model: posterior mean and sd); then
        ``published_lpm_coefficient`` and so on, missing for what the report does not have. The
        linear probability model in probability per month, the others in log-odds.

    Raises
    ------
    EstimandError
        If the run has no lag coefficients, or two terms of one exposure and network.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, Table 7-1.

    Examples
    --------
    >>> lags = {"quantity": "lag_coefficient", "term": "a", "exposure": "forced_return", "lag": [0]}
    >>> rest = {"network": "centre", "exit": "assisted", "level": None, "estimate": 0.5, "sd": 0.1}
    >>> rows = pd.DataFrame({**lags, **rest, "estimator": "multinomial logit"})
    >>> table = coefficient_table(rows)
    >>> table[["mnlogit_log_odds", "mnlogit_se", "published_mnlogit_log_odds"]].values.tolist()
    [[0.5, 0.1, 0.4]]
    """
    named = _lag_rows(estimates)
    table = _in_order(named)
    for estimator, columns in COLUMNS.items():
        part = named.loc[named["estimator"].eq(estimator), [*KEY, "estimate", "sd"]]
        if len(part):
            part = part.rename(columns=dict(zip(["estimate", "sd"], columns, strict=True)))
            table = table.merge(part, on=KEY, how="left", validate="one_to_one")
    printed = published_table().rename(
        columns={name: f"published_{name}" for pair in COLUMNS.values() for name in pair}
    )
    table["lag_months"] = table["lag_months"].astype(int)
    return table.merge(printed, on=KEY, how="left", validate="one_to_one")


def window_table(estimates: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Relative risk ratios of windows of lags in the layout of Table 7-2, the published beside.

    Parameters
    ----------
    estimates : DataFrame
        Of a run (see :mod:`hazard.output.tables`).
    spec : ModelSpec
        Its model; a lag that no window joins is a window of its own.

    Returns
    -------
    DataFrame
        ``outcome``, ``exposure``, ``network``, ``lag_window_months``; of the multinomial logit and
        of the hazard model ``_rrr``, ``_se``, ``_lower``, ``_upper``; for a model of one published
        country its columns of the report, such as ``published_iraq_rrr``.

    Raises
    ------
    EstimandError
        If the run has no lag coefficients, two terms of one exposure and network, or coefficients
        that are no log-odds.

    Notes
    -----
    The ratio of a log-odds b with standard error s is exp(b), its error s exp(b) by the delta
    method, as the report prints it, and its interval the exponentiated one of b, which is not
    symmetric. Of the hazard model b is the posterior mean and s the sd.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, Table 7-2.
    """
    named = _lag_rows(estimates)
    windows = _windows(spec)
    named = named.merge(windows, on=["term", "lag_months"], validate="many_to_one")
    ratios = {name: _ratios(named, name) for name in _RATIOS}
    table = _in_order(named).merge(
        named[[*KEY, "lag_window_months"]].drop_duplicates(), on=KEY, validate="one_to_one"
    )
    for columns in ratios.values():
        if len(columns):
            table = table.merge(columns, on=KEY, how="left", validate="one_to_one")
    table.insert(3, "lag_window_months", table.pop("lag_window_months"))
    return _with_country(table.drop(columns="lag_months"), spec)


def _lag_rows(estimates: pd.DataFrame) -> pd.DataFrame:
    """Lag coefficients of common curves, under the names of the report."""
    coefficients = estimates[
        estimates["quantity"].eq("lag_coefficient") & estimates["level"].isna()
    ]
    if coefficients.empty:
        raise EstimandError("coefficient table must have lag coefficients; the run has none.")
    named = coefficients.rename(columns={"exit": "outcome", "lag": "lag_months"})
    if named.duplicated([*KEY, "estimator"]).any():
        repeated_terms = named.loc[named.duplicated([*KEY, "estimator"]), "term"].unique().tolist()
        raise EstimandError(
            "coefficient table must have one term per exposure and network; got another in "
            f"{repeated_terms}. Run a model with one threshold each."
        )
    return named


def _in_order(named: pd.DataFrame) -> pd.DataFrame:
    """Every row of the table once, in the order of the report."""
    keys = named[KEY].drop_duplicates()
    ranks = [keys["lag_months"].to_numpy(dtype=int)]
    ranks += [pd.factorize(keys[name])[0] for name in reversed(_ORDER)]
    return keys.iloc[np.lexsort(ranks)].reset_index(drop=True)


def _windows(spec: ModelSpec) -> pd.DataFrame:
    """First lag and label of every window."""
    rows = [
        (term.name, first, str(label))
        for term in spec.lagged
        for (first, _), label in zip(
            term.coefficient_windows, window_labels(term.coefficient_windows), strict=True
        )
    ]
    return pd.DataFrame(rows, columns=["term", "lag_months", "lag_window_months"])


def _ratios(named: pd.DataFrame, estimator: str) -> pd.DataFrame:
    coefficients = named[named["estimator"].eq(estimator)]
    if coefficients["unit"].ne("log-odds").any():
        raise EstimandError(
            "relative risk ratios must come from log-odds; got coefficients in "
            f"{sorted(set(coefficients['unit']) - {'log-odds'})}. Use a model with link 'softmax'."
        )
    names = {"estimate": "rrr", "sd": "se", "lower": "lower", "upper": "upper"}
    ratios = exponentials(coefficients[[*names]].astype(float), error="sd")
    prefix = _RATIOS[estimator]
    return coefficients[KEY].join(
        ratios.rename(columns={k: f"{prefix}_{v}" for k, v in names.items()})
    )


def _with_country(table: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The published ratios beside, where the model is of one of the countries only."""
    nationality = spec.only.get("nationality", ())
    levels = (nationality,) if isinstance(nationality, str) else nationality
    country = _COUNTRIES.get(levels[0]) if len(levels) == 1 and len(spec.only) == 1 else None
    if country is None:
        return table
    key = ["outcome", "exposure", "network", "lag_window_months"]
    printed = published_country_table()[[*key, f"{country}_rrr", f"{country}_rrr_se"]]
    named = printed.rename(columns={name: f"published_{name}" for name in printed.columns[4:]})
    return table.merge(named, on=key, how="left", validate="one_to_one")
