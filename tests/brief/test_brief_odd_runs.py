"""Briefs of real runs in odd settings: nobody leaves, one way out, separation, odd names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from hazard import brief, fitting, spec
from hazard.fitting import Fit
from hazard.fitting.quantities import joined
from hazard.fitting.store import read_run, write_run
from hazard.inference import nuts
from hazard.output import figures
from odd_pages import DRAWN, check
from pages import LANGUAGES, Tree, rows_of

PRIOR = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }'
LAGGED = f"""[[term]]
kind = "lagged"
exposure = "ev"
network = "own"
lags = [0, 1]
history_before_start = "zero"
{PRIOR}
"""
COVARIATE = f'[[term]]\nkind = "covariate"\ncolumn = "x"\n{PRIOR}\n'
ASKED = """[[estimand]]
kind = "cumulative_incidence"
term = "ev_own"
horizon_months = 6
[[estimand]]
kind = "g_formula"
term = "ev_own"
horizon_months = 6
"""
SETTINGS = nuts.SamplerSettings(20, 4, 2, 1, seed=0, engine="laplace")


@pytest.fixture(autouse=True)
def undrawn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in DRAWN:
            patch.setattr(figures, name, lambda *_, **__: Figure())
        yield


def table(exits: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """Sixty persons over at most eight months, each exit as likely as any other."""
    rows = []
    for person in range(60):
        x = int(rng.integers(0, 2))
        for month in range(1, 9):
            name = rng.choice(exits) if exits and rng.random() < 0.15 else "stay"
            rows.append((person, month, str(name), x, int(rng.random() < 0.3)))
            if name != "stay":
                break
    return pd.DataFrame(rows, columns=["person", "month", "exit", "x", "ev"])


def run_of(folder: Path, exits: Sequence[str], rows: pd.DataFrame, asked: str = ASKED) -> Fit:
    """The run of a small model, as read back from its folder."""
    outcome = f'name = "m"\nquestion = "How do they leave?"\n[outcome]\nexits = {list(exits)}\n'
    (folder / "m.toml").write_text(outcome + LAGGED + COVARIATE + asked, encoding="utf-8")
    rows.to_parquet(folder / "p.parquet", index=False)
    model = spec.read(str(folder / "m.toml"))
    read = fitting.panel_from_table(folder / "p.parquet", model)
    write_run(folder / "run", fitting.fit(read, model, SETTINGS))
    return read_run(folder / "run")


def separated(rows: pd.DataFrame) -> pd.DataFrame:
    """Nobody with x = 1 leaves through the first exit."""
    leaves = set(rows.loc[rows["exit"].eq("a"), "person"])
    return rows.assign(x=rows["x"].where(~rows["person"].isin(leaves), 0))


def test_nobody_leaves(tmp_path: Path, rng: np.random.Generator) -> None:
    check(run_of(tmp_path, ("a", "b"), table((), rng)))


def test_one_way_out(tmp_path: Path, rng: np.random.Generator) -> None:
    check(run_of(tmp_path, ("a",), table(("a",), rng)))


def test_a_separated_covariate(tmp_path: Path, rng: np.random.Generator) -> None:
    check(run_of(tmp_path, ("a", "b"), separated(table(("a", "b"), rng))))


def test_exits_that_are_called_like_nothing_or_like_a_column(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    names = ("null", "n_at_risk", "NA", "with")
    run = run_of(tmp_path, names, table(names, rng))
    assert set(run.estimates["exit"].dropna()) == set(names)
    for lang in LANGUAGES:
        rows = rows_of(brief.html(run, lang), "table-incidence")
        assert [row[0] for row in rows if len(row) == 5] == list(names)


def test_infinite_estimates_are_joined_without_a_warning() -> None:
    parts = [pd.DataFrame({"estimate": [np.inf, 1e300]}), pd.DataFrame({"estimate": [1.0]})]
    assert joined(parts)["estimate"].tolist() == [np.inf, 1e300, 1.0]


# --- a difference that is taken apart -------------------------------------------------------------
def first_number(cell: str) -> float:
    """First number of a cell; 0 for what is over or under 0."""
    head = cell.split(" (", maxsplit=1)[0].replace("−", "-").replace(",", ".")
    return 0.0 if head[:1] in "uo" else float(head)


def test_parts_of_a_separable_difference_are_told(tmp_path: Path, rng: np.random.Generator) -> None:
    asked = f'{ASKED}effect = "separable"\nexit = "a"\n'
    run = run_of(tmp_path, ("a", "b"), table(("a", "b"), rng), asked)
    rows = run.estimates[run.estimates["month"].eq(6) & run.estimates["estimand"].eq("g_formula")]
    parts = [
        100 * float(rows.loc[rows["quantity"].eq(name) & rows["exit"].eq("a"), "estimate"].iloc[0])
        for name in ("risk_difference", "separable_direct", "separable_indirect")
    ]
    assert parts[0] == pytest.approx(parts[1] + parts[2], abs=1e-9)
    for lang, lead in (("en", "Taken apart: "), ("nb", "Delt opp: ")):
        page = brief.html(run, lang)
        *_, last = rows_of(page, "table-parts-g_formula")
        printed = [first_number(cell) for cell in last[1:]]
        assert printed == pytest.approx(parts, abs=5.0)  # the last digit is that of 40 draws
        text = Tree(page).said()
        assert f"{lead}{last[2]}" in text
        assert text.count(last[3]) >= 2
