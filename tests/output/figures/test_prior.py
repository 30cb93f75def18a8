"""The picture of what priors of lag curves say, against its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from hazard.output import figures

ENDS = ("p2_5", "p25", "p50", "p75", "p97_5")


def summary(*, window: int = 3) -> pd.DataFrame:
    """Two exits and two terms; the ratio of lag l of term t is 1 + l + 10 t at the median."""
    rows = []
    for number, term in enumerate(("visit_centre", "visit_own")):
        for exit_ in ("left", "died"):
            for lag in [*range(window), np.nan]:
                middle = 1 + 10 * number + (window if np.isnan(lag) else lag)
                rows.append(("odds_ratio", term, lag, exit_, None, middle, "odds ratio"))
                rows.append(
                    ("monthly_probability_difference", term, lag, exit_, None, middle / 1e3, "")
                )
            rows.append(("risk_difference", term, np.nan, exit_, "with - without", 0.01, ""))
    table = pd.DataFrame(rows, columns=["quantity", "term", "lag", "exit", "arm", "middle", "unit"])
    table = table[~(table["quantity"].eq("monthly_probability_difference") & table["lag"].isna())]
    factors = dict(zip(ENDS, (0.25, 0.5, 1.0, 2.0, 4.0), strict=True))
    return table.assign(month=12, **{name: table["middle"] * f for name, f in factors.items()})


def medians(figure: Figure, panel: int) -> list[list[float]]:
    """Heights of the points of one panel, one list per set of points."""
    return [np.asarray(line.get_ydata()).tolist() for line in figure.axes[panel].lines[:2]]


def test_picture_has_the_numbers_of_its_table() -> None:
    figure = figures.prior(summary())
    assert len(figure.axes) == 2 * 3
    assert medians(figure, 0) == [[1.0, 2.0, 3.0], [4.0]]
    assert medians(figure, 3) == [[11.0, 12.0, 13.0], [14.0]]
    np.testing.assert_allclose(medians(figure, 1)[0], [0.1, 0.2, 0.3])
    bars = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    first = bars[0].get_segments()[0]
    np.testing.assert_allclose(np.asarray(first)[:, 1], [0.25, 4.0])
    assert [axes.get_title(loc="left") for axes in figure.axes[::3]] == [
        "visit_centre",
        "visit_own",
    ]
    assert figures.rendered(figure, "png").startswith(b"\x89PNG")


def test_many_lags_are_not_all_labelled() -> None:
    labels = [
        text.get_text() for text in figures.prior(summary(window=24)).axes[0].get_xticklabels()
    ]
    assert labels[-1] == "sum"
    assert len(labels) <= 9


@pytest.mark.parametrize("term", ["visit_centre", "visit_own"])
def test_text_says_the_ends_of_the_sums(term: str) -> None:
    low, high = {"visit_centre": ("1", "16"), "visit_own": ("3.5", "56")}[term]
    assert f"{term}: all lags together, odds ratio from {low} to {high}" in figures.prior_text(
        summary()
    )
