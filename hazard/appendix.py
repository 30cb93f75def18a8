"""The coefficient table of a run in the layout of the 2016 report, its numbers beside.

One row per way out, influence, network and lag, as in Table 7-1 of Oslo Economics (2016); the
columns of the two published estimators come first, under their published names.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.errors import EstimandError
from hazard.evidence import published_table
from hazard.tables import HAZARD_MODEL

KEY = ["outcome", "exposure", "network", "lag_months"]
_ORDER = ["exposure", "outcome", "network"]
COLUMNS = {
    "linear probability": ("lpm_coefficient", "lpm_se"),
    "multinomial logit": ("mnlogit_log_odds", "mnlogit_se"),
    HAZARD_MODEL: ("hazard_model_log_odds", "hazard_model_sd"),
}


def coefficient_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """Lag coefficients in the layout of Table 7-1, with the published ones where there are.

    Parameters
    ----------
    estimates : DataFrame
        Of a run (see :mod:`hazard.tables`).

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
    >>> own = {"network": "centre", "exit": "assisted", "level": None, "estimate": 0.5, "sd": 0.1}
    >>> rows = pd.DataFrame({**lags, **own, "estimator": "multinomial logit"})
    >>> found = coefficient_table(rows)
    >>> found[["mnlogit_log_odds", "mnlogit_se", "published_mnlogit_log_odds"]].values.tolist()
    [[0.5, 0.1, 0.4]]
    """
    own = estimates[estimates["quantity"].eq("lag_coefficient") & estimates["level"].isna()]
    if own.empty:
        raise EstimandError("coefficient table must have lag coefficients; the run has none.")
    named = own.rename(columns={"exit": "outcome", "lag": "lag_months"})
    if named.duplicated([*KEY, "estimator"]).any():
        twice = named.loc[named.duplicated([*KEY, "estimator"]), "term"].unique().tolist()
        raise EstimandError(
            "coefficient table must have one term per exposure and network; got another in "
            f"{twice}. Run a model with one threshold each."
        )
    found = named[KEY].drop_duplicates()
    ranks = [found["lag_months"].to_numpy(dtype=int)]
    ranks += [pd.factorize(found[name])[0] for name in reversed(_ORDER)]
    found = found.iloc[np.lexsort(ranks)]
    found = found.reset_index(drop=True)
    for estimator, columns in COLUMNS.items():
        part = named.loc[named["estimator"].eq(estimator), [*KEY, "estimate", "sd"]]
        if len(part):
            part = part.rename(columns=dict(zip(["estimate", "sd"], columns, strict=True)))
            found = found.merge(part, on=KEY, how="left", validate="one_to_one")
    printed = published_table().rename(
        columns={name: f"published_{name}" for pair in COLUMNS.values() for name in pair}
    )
    found["lag_months"] = found["lag_months"].astype(int)
    return found.merge(printed, on=KEY, how="left", validate="one_to_one")
