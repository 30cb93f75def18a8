"""What is said of a lag curve follows from the band of the whole curve."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from hazard.brief.language import language
from hazard.brief.outcome import clear_lags, lags
from hazard.brief.view import View
from small_runs import estimates, small_run

UP, DOWN, HOLDS = (0.1, 0.9), (-0.9, -0.1), (-0.1, 0.9)


def said(ends: list[tuple[float, float]], code: str) -> str:
    """What is said of the first exit after a forced return, of bands with these ends by lag."""
    run = small_run()
    term = run.spec.lagged[0]
    rows = run.estimates
    own = rows["term"].eq(term.name) & rows["exit"].eq("assisted")
    own &= rows["estimator"].eq("hazard model") & rows["quantity"].eq("lag_coefficient")
    columns = ["lower_simultaneous", "upper_simultaneous"]
    changed = rows.copy()
    changed.loc[own, columns] = pd.DataFrame(ends, rows.index[own], columns)
    view = View(replace(run, estimates=changed), language(code))
    return clear_lags(view, term).split(". ")[0].replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("ends", "english", "norwegian"),
    [
        ([HOLDS] * 7, "holds 1 in all months", "rommer 1 i alle måneder"),
        (
            [UP] * 7,
            "lies above 1 at 0 to 6 months after the event",
            "ligger over 1 ved 0 til 6 måneder etter hendelsen",
        ),
        (
            [UP, HOLDS, UP, UP, HOLDS, DOWN, HOLDS],
            (
                "lies above 1 at 0 and 2 to 3 months, below 1 at 5 months after the event"
                "; elsewhere it holds 1"
            ),
            (
                "ligger over 1 ved 0 og 2 til 3 måneder, under 1 ved 5 måneder etter hendelsen"
                "; ellers rommer det 1"
            ),
        ),
        (
            [HOLDS, UP, HOLDS, HOLDS, HOLDS, HOLDS, HOLDS],
            "lies above 1 at 1 month after the event; elsewhere it holds 1",
            "ligger over 1 ved 1 måned etter hendelsen; ellers rommer det 1",
        ),
    ],
    ids=["nowhere", "everywhere", "here and there", "one month"],
)
def test_months_that_stand_out_by_hand(
    ends: list[tuple[float, float]], english: str, norwegian: str
) -> None:
    whole = "the 95 percent band of the whole curve"
    assert said(ends, "en") == f"Applied for assisted return: {whole} {english}"
    whole = "95-prosentbåndet for hele kurven"
    assert said(ends, "nb") == f"Søkt om assistert retur: {whole} {norwegian}"


def test_intervals_of_single_months_are_not_asked() -> None:
    """Negative control: intervals of single months leave 1 out, and the band does not."""
    run = small_run()
    term = run.spec.lagged[0]
    clear = run.estimates.assign(
        lower=0.1, upper=0.2, lower_simultaneous=-0.1, upper_simultaneous=0.3
    )
    text = clear_lags(View(replace(run, estimates=clear), language("en")), term)
    assert text.count("holds 1 in all months.") == len(run.spec.outcome.exits)
    assert "above" not in text


def test_shapes_are_told_with_both_probabilities() -> None:
    """Of the run of the helper: 93 and 91 percent after the data, 28 before."""
    run = small_run()
    asked = {"kind": "lag_shape", "name": "back", "term": "forced_return_nationality"}
    asked |= {"exit": "assisted"}
    asked |= {
        "shape": [{"kind": "positive", "lags": (0, 1)}, {"kind": "decreasing", "lags": (0, 6)}]
    }
    kinds = ("lag_shape", "lag_curve")
    kept = [e.model_dump() for e in run.spec.estimand if e.kind in kinds]
    model = run.spec.replace(estimand=[*kept, asked])
    shown = replace(run, spec=model, estimates=estimates(model))
    *_, how, table = lags(View(shown, language("en"))).blocks
    assert "by the prior alone" in how.text
    assert [name for name, _ in table.groups] == [
        "Applied for assisted return",
        "Disappeared from the centre",
        "Returned by force",
    ]
    assisted, disappeared, _ = [
        [tuple(cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row) for row in rows]
        for _, rows in table.groups
    ]
    here = "A forced return at the same centre"
    elsewhere = "A forced return of someone of the same nationality"
    back = "every ratio above 1 at 0 to 1 months and ratios that do not rise at 0 to 6 months"
    assert assisted == [
        (f"{here}: the largest ratio at 3 to 6 months", "93 (0.6)", "28 (0.7)"),
        (f"{here}: every ratio between 0.91 and 1.10 at 5 to 6 months", "91 (0.6)", "28 (0.7)"),
        (f"{elsewhere}: {back}", "89 (0.6)", "28 (0.7)"),
    ]
    assert len(disappeared) == 2  # the third is asked of one exit only


def test_without_shapes_nothing_is_said_of_them() -> None:
    run = small_run()
    model = run.spec.replace(estimand=[])
    blocks = lags(View(replace(run, spec=model), language("en"))).blocks
    assert not any(getattr(block, "name", "") == "table-shapes" for block in blocks)
