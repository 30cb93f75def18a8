"""A brief of any finished run: whatever its numbers, names and rows are, there is a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from hazard import brief
from hazard.fitting import Fit
from hazard.output import figures
from hazard.spec import ModelSpec
from odd_pages import DRAWN, check
from pages import LANGUAGES, rows_of
from small_runs import small_run

# Separated, constant, missing and infinite numbers, and some beyond all bounds.
ODD = (np.nan, np.inf, -np.inf, 0.0, 1e-300, 1e300, -1e300, 800.0, -800.0, 1.0)
MODELS = ("oslo2016", "mgus2", "rossi_employment")
# Keys of the catalogues, columns of tables, words for nothing, and signs of other languages.
NAMES = (
    *("other", "with", "without", "first", "heading", "all", "page", "share_axis", "lag_odds"),
    *("n_at_risk", "at_risk", "censored", "survival", "month", "exit", "estimate", "level", "lag"),
    *(
        "null",
        "None",
        "NA",
        "nan",
        "NaN",
        "inf",
        "True",
        "a-b",
        "é",
        "漢字",
        "a_",
        "total",
        "n_exits",
    ),
)


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """Empty figures; their text alternatives are made all the same."""
    with pytest.MonkeyPatch.context() as patch:
        for name in DRAWN:
            patch.setattr(figures, name, lambda *_, **__: Figure())
        yield


def poisoned(rows: pd.DataFrame | None, rng: np.random.Generator, share: float) -> Any:
    """Rows of which a share of the numbers are odd ones."""
    if rows is None:
        return None
    odd = rows.copy()
    for name in odd.columns:
        if pd.api.types.is_float_dtype(odd[name]) and name != "ci_prob":
            hit = rng.random(len(odd)) < share
            odd.loc[hit, name] = rng.choice(ODD, hit.sum())
    return odd


def renamed(run: Fit, names: dict[str, str]) -> Fit:
    """The same run with other names of exits."""
    text = run.spec.model_dump(mode="json")
    text["outcome"]["exits"] = [names[name] for name in run.spec.outcome.exits]
    frames = {
        name: getattr(run, name).replace({"exit": names}) for name in ("estimates", "predictive")
    }
    counts = dict(run.facts["panel"])
    for key in ("exits", "design_exits"):
        counts[key] = {names[name]: n for name, n in counts[key].items()}
    manifest = {**run.facts, "panel": counts}
    return replace(run, spec=ModelSpec.model_validate(text), facts=manifest, **frames)


@given(st.sampled_from(MODELS), st.integers(0, 2**32), st.sampled_from((0.02, 0.3, 1.0)))
@settings(max_examples=6)
def test_any_number_makes_a_page(name: str, seed: int, share: float) -> None:
    run, rng = small_run(name), np.random.default_rng(seed)
    check(
        replace(
            run,
            estimates=poisoned(run.estimates, rng, share),
            predictive=poisoned(run.predictive, rng, share),
            gate=replace(run.gate, table=poisoned(run.gate.table, rng, share)),
        )
    )


@given(st.lists(st.sampled_from(NAMES), min_size=3, max_size=3, unique=True))
@settings(max_examples=5)
def test_any_name_of_an_exit_makes_a_page(names: list[str]) -> None:
    run = small_run()
    check_names = dict(zip(run.spec.outcome.exits, names, strict=True))
    told = renamed(run, check_names)
    for lang in LANGUAGES:
        page = brief.html(told, lang)
        first = [row[0] for row in rows_of(page, "table-incidence") if len(row) == 5]
        assert first == names


@given(st.integers(0, 2**32), st.sampled_from((0.1, 0.9)))
@settings(max_examples=4)
def test_rows_that_are_not_there_make_a_page(seed: int, share: float) -> None:
    run, rng = small_run(), np.random.default_rng(seed)
    counted = run.estimates["estimator"].eq("Aalen-Johansen").to_numpy()
    kept = counted | (rng.random(len(run.estimates)) > share)
    check(replace(run, estimates=run.estimates[kept]))


# One separated coefficient of the logit: exp(800) is beyond all floating-point numbers.
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("odd", [800.0, -800.0, np.inf, -np.inf])
def test_a_separated_coefficient_is_told_as_such(lang: str, odd: float) -> None:
    run = small_run()
    logit = run.estimates["estimator"].eq("multinomial logit")
    first = run.estimates.index[logit][0]
    run.estimates.loc[first, ["estimate", "lower", "upper"]] = (odd, odd - 400.0, odd + 400.0)
    cell = rows_of(brief.html(run, lang), "table-forced_return_centre")[0][3]
    plain = cell.replace("\u00a0", " ").replace("\u202f", ",")
    over, to = "over 1,000,000", {"en": "to", "nb": "til"}[lang]
    nothing = {"en": "under 0.1", "nb": "under 0,1"}[lang]
    if np.isinf(odd):
        assert plain == "–"
    elif odd > 0:
        assert plain == f"{over} ({over} {to} {over})"
    else:
        small = nothing.replace("1", "01") if "01" in plain else nothing
        assert plain == f"{small} ({small} {to} {small})"
