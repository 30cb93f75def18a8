"""How the bias depends on what the report does not print."""

from __future__ import annotations

import pandas as pd

from hazard.studies.immortal_time.expected import expected_shares, pooled_limit, within_limit
from hazard.studies.immortal_time.talks import EXITS, talk_population

OTHER_EXITS = (0.03, 0.05, None, 0.10)
FOLLOW_UP = (0, 2, 6)


def assumptions() -> pd.DataFrame:
    """Limits of least squares without an effect, by other exits and length of follow-up.

    Returns
    -------
    DataFrame, columns other_exits, follow_up, design, talk_2014, talk_2015
        ``other_exits``: P(disappear or be returned by force in a month); ``follow_up``: months
        after October 2015. Every line is calibrated anew to the printed shares.

    Notes
    -----
    The report says neither how many persons left in other ways, nor until when returns were seen.
    """
    rows = []
    for other_exits in OTHER_EXITS:
        for follow_up in FOLLOW_UP:
            population = talk_population(other_exits=other_exits, follow_up=follow_up)
            other_hazard = float(population.hazard[0, EXITS.index("assisted") + 1 :].sum())
            shares = expected_shares(population)
            for name, limit in (
                ("ever_treated", pooled_limit(shares)),
                ("ever_treated_within", within_limit(shares)),
            ):
                rows.append((other_hazard, follow_up, name, *limit))
    columns = ["other_exits", "follow_up", "design", "talk_2014", "talk_2015"]
    return pd.DataFrame(rows, columns=columns)
