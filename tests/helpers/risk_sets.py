"""Whether risk sets balance."""

from __future__ import annotations

import pandas as pd


def balance(risk_sets: pd.DataFrame, exits: list[str], moved: tuple[str, str]) -> pd.Series:
    """n(t + 1) minus what the flows of the months say it is."""
    away, back = moved
    left = risk_sets[[*exits, "censored", away]].sum(axis=1)
    came = risk_sets[["entries", back]].sum(axis=1)
    expected = (risk_sets["n_at_risk"] - left).shift(1, fill_value=0) + came
    return risk_sets["n_at_risk"] - expected
