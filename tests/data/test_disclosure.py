"""Nobody is read out: levels of few persons are put together, and few persons make no result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from hazard import fitting
from hazard import spec as specs
from hazard.cli import app
from hazard.data import disclosure
from hazard.errors import DisclosureError, HazardError
from hazard.inference import laplace_draws
from hazard.model import design, parameterisation

MODEL = """
name = "small"
question = "Does anybody leave at all?"
outcome = {{ exits = ["left"] }}
table = {{ confidential = true }}
{}
"""
GROUP = """[[term]]
kind = "group"
by = {}
prior = {{ family = "normal", scale = 3.0, reason = "an example only" }}
"""
COVARIATE = """[[term]]
kind = "covariate"
column = "{}"
prior = {{ family = "normal", scale = 1.0, reason = "an example only" }}
"""


def people(rng: np.random.Generator, number: int, **columns: object) -> pd.DataFrame:
    """One row each, of whom about half leave, whatever their columns are."""
    left = rng.random(number) < 0.5
    exits = np.where(left, "left", "stay")
    frame = pd.DataFrame({"person": [f"ID{n:04}" for n in range(number)], "month": 1})
    return frame.assign(exit=exits, **columns)


def written(frame: pd.DataFrame, terms: str, folder: Path) -> tuple[Path, Path]:
    (folder / "m.toml").write_text(MODEL.format(terms), encoding="utf-8")
    frame.to_csv(folder / "p.csv", index=False)
    return folder / "m.toml", folder / "p.csv"


def called(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def run(frame: pd.DataFrame, terms: str, folder: Path) -> tuple[Result, Path]:
    model, panel = written(frame, terms, folder)
    out = folder / "out"
    return called("run", model, "--panel", panel, "--engine", "laplace", "--out", out), out


def code_of(done: Result) -> int:
    """Exit code that the command line returns."""
    error = done.exception
    return error.exit_code if isinstance(error, HazardError) else done.exit_code


# --- levels -------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 40)), min_size=1, max_size=200))
def test_nothing_is_told_of_few(pairs: list[tuple[int, int]]) -> None:
    level, person = (np.array(each, dtype=np.int64) for each in zip(*pairs, strict=True))
    code = pd.factorize(level)[0].astype(np.int64)
    small = disclosure.small_levels(code, person)
    persons = [set(person[code == k].tolist()) for k in range(code.max() + 1)]
    assert all(len(own) >= 10 for own, few in zip(persons, small, strict=True) if not few)
    together = set().union(*(own for own, few in zip(persons, small, strict=True) if few))
    assert small.all() or not small.any() or len(together) >= 10


def test_persons_are_counted_and_not_rows() -> None:
    panel = pd.DataFrame({"person": [0] * 40 + [*range(1, 31)], "centre": ["A"] * 40 + ["B"] * 30})
    with pytest.raises(DisclosureError, match=r"^column 'centre' must have two levels of at least"):
        disclosure.pooled(panel, "centre")


def test_a_column_of_ids_is_refused_and_one_of_centres_is_not() -> None:
    panel = pd.DataFrame({"person": range(40), "house": [f"h{n}" for n in range(40)]})
    sentence = (
        r"^column 'house' must not tell who a person is; got a level that nobody else has for more "
        r"than half of 40 persons\. Name another column, or join its levels\.$"
    )
    with pytest.raises(DisclosureError, match=sentence):
        disclosure.pooled(panel, "house")
    half = panel.assign(house=["big"] * 20 + [f"h{n}" for n in range(20)])
    assert set(disclosure.pooled(half, "house")) == {"big", disclosure.POOLED}


def test_sentences_propose_levels_of_ten_persons_only() -> None:
    column = pd.Series(["many"] * 10 + ["seven"] * 7 + [None])
    assert disclosure.common(column) == ["many"]
    assert disclosure.common(column, pd.Series([0] * 18)) == []


# --- commands -----------------------------------------------------------------------------------
def test_a_small_level_stands_in_nothing_that_a_run_leaves(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    centre = ["Northmost"] + ["Eastmost"] * 3 + ["West"] * 40 + ["South"] * 36
    country = ["Faraway"] * 2 + ["Near"] * 40 + ["Nearer"] * 38
    frame = people(rng, 80, centre=centre, country=np.roll(country, 5), sex=["f", "m"] * 40)
    terms = GROUP.format('"centre"') + GROUP.format('["country", "sex"]') + COVARIATE.format("sex")
    done, out = run(frame, terms, tmp_path)
    assert code_of(done) == 0, done.output
    brief = called("brief", out, "--out", tmp_path / "b.html", "--lang", "en")
    assert brief.exit_code == 0
    words = ["Northmost", "Eastmost", "Faraway", "ID00"]
    files = [path for path in [*out.rglob("*"), tmp_path / "b.html"] if path.is_file()]
    texts = [done.output, *(path.read_bytes().decode("latin-1") for path in files)]
    assert not [word for word in words for text in texts if word in text]
    with xr.open_datatree(out / "posterior.nc") as tree:
        levels = [
            str(value)
            for name, each in tree["posterior"].coords.items()
            if str(name).endswith("level")
            for value in each.values
        ]
    assert disclosure.POOLED in levels
    assert not [word for word in words for level in levels if word in level]
    assert "West" in levels  # the control: what may be told is there


def test_a_table_that_is_not_confidential_is_told_of_as_it_is(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    frame = people(rng, 8, centre=["One"] * 3 + ["Two"] * 5).assign(exit=["left", "stay"] * 4)
    model, panel = written(frame, GROUP.format('"centre"'), tmp_path)
    told = model.read_text(encoding="utf-8").replace("confidential = true", "confidential = false")
    model.write_text(told, encoding="utf-8")
    out = tmp_path / "out"
    done = called("survival", model, "--panel", panel, "--by", "centre", "--out", out)
    assert code_of(done) == 0, done.output
    assert set(pd.read_csv(out / "life_table.csv")["group"]) == {"all", "One", "Two"}


@pytest.mark.parametrize("by", ["centre", "person", "exit"])
def test_survival_by_few_persons(by: str, tmp_path: Path, rng: np.random.Generator) -> None:
    frame = people(rng, 50, centre=["One"] + ["B"] * 24 + ["C"] * 25, sex=["f", "m"] * 25)
    model, panel = written(frame, COVARIATE.format("sex"), tmp_path)
    out = tmp_path / "out"
    done = called("survival", model, "--panel", panel, "--by", by, "--out", out)
    if by != "centre":
        assert code_of(done) == 2
        assert not out.exists()
        return
    assert code_of(done) == 0, done.output
    texts = [done.output, *(path.read_text("latin-1") for path in out.iterdir())]
    assert not [text for text in texts if "One" in text]
    assert set(pd.read_csv(out / "life_table.csv")["group"]) == {"all", "C", disclosure.POOLED}


@pytest.mark.parametrize("command", ["run", "survival", "prior"])
@pytest.mark.parametrize(("number", "code"), [(9, 5), (10, 0)])
def test_few_persons_make_no_result(
    command: str, number: int, code: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Of twenty persons, nine or ten are of the country that is asked for."""
    frame = people(rng, 20, country=["A"] * number + ["B"] * (20 - number))
    frame = frame.assign(exit=["left", "stay"] * 10, age=np.arange(20.0))
    terms = '[only]\ncountry = "A"\n' + COVARIATE.format("age")
    model, panel = written(frame, terms, tmp_path)
    out = tmp_path / ("out.csv" if command == "prior" else "out")
    engine = ["--engine", "laplace"] if command == "run" else []
    done = called(command, model, "--panel", panel, "--out", out, *engine)
    assert code_of(done) == code, done.output
    assert out.exists() == (code == 0)
    if code:
        assert str(done.exception) == (
            "a model must be about at least 10 persons; got fewer. Ask for more levels, or for "
            "other data."
        )


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([1] + [0] * 39, 5),
        ([1] * 39 + [0], 5),
        ([1, 1, 1, 0.999] + [0] * 36, 5),
        ([1000] + [0] * 39, 5),
        ([1] * 10 + [0] * 30, 0),
        ([*range(40)], 0),  # an age: nobody is set apart from all others by one number
    ],
)
def test_a_number_of_few_is_refused(
    numbers: list[float], code: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    done, out = run(people(rng, 40, ill=numbers), COVARIATE.format("ill"), tmp_path)
    assert code_of(done) == code, done.exception
    assert out.exists() == (code == 0)
    if code:
        assert str(done.exception).startswith(
            "column 'ill' must have each of its values in at least 10"
        )


LAGGED = """[[term]]
kind = "lagged"
exposure = "ill"
network = "own"
lags = [0, 1]
history_before_start = "zero"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
"""


@pytest.mark.parametrize(("late", "code"), [(1, 5), (12, 0)])
def test_a_lag_of_few_is_refused(
    late: int, code: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Thirteen persons are ill, of whom so many are still there a month later."""
    people_ = people(rng, 40, ill=[1] * 13 + [0] * 27)
    stays = people_.assign(exit="stay")
    after = people_.assign(month=2, ill=0)
    first = np.where(np.arange(40) < late, "stay", people_["exit"])
    first = np.where((np.arange(40) >= late) & (np.arange(40) < 13), "left", first)
    rows = pd.concat([stays.assign(exit=first), after[first == "stay"]], ignore_index=True)
    done, _ = run(rows.sort_values(["person", "month"]), LAGGED, tmp_path)
    assert code_of(done) == code, done.exception


def test_a_reference_that_is_not_there_lists_no_cells(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    born = [f"1980-01-{1 + n % 2:02}" for n in range(40)]
    reference = COVARIATE.format("born").replace("prior", 'reference = "zzz"\nprior')
    done, _ = run(people(rng, 40, born=born), reference, tmp_path)
    assert code_of(done) == 3
    assert "'zzz'" in str(done.exception)
    assert "1980" not in str(done.exception)


def test_a_header_that_is_missing_is_not_quoted(tmp_path: Path, rng: np.random.Generator) -> None:
    frame = people(rng, 20).set_axis(["persson", "monnth", "exiit"], axis=1)
    done, _ = run(frame, "", tmp_path)
    assert code_of(done) == 3
    assert not [word for word in ("persson", "monnth", "exiit") if word in str(done.exception)]
    assert "Did you mean column 1?" in str(done.exception)


# --- an attack ----------------------------------------------------------------------------------
def guessed(posterior: xr.Dataset, frame: pd.DataFrame, level: pd.Series) -> float:
    """Share of the persons whose exit is that of the sign of their level's effect."""
    name = next(
        str(n) for n in posterior if any(dim.endswith("level") for dim in posterior[n].dims)
    )
    mean = posterior[name].mean(("chain", "draw")).isel(exit=0).to_series()
    sign = level.map(mean).to_numpy() > 0
    return float((sign == (frame["exit"] == "left")).mean())


def test_the_sign_of_an_effect_does_not_tell_an_exit(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """Recovery of exits from levels of two persons, who leave or stay together.

    Negative control: without levels put together nearly everybody is read out.
    """
    house = pd.Series([f"h{n // 2:02}" if n < 60 else "camp" for n in range(120)])
    frame = people(rng, 120, house=house)
    frame["exit"] = (
        frame["exit"].groupby(house).transform("first").where(house != "camp", frame.exit)
    )
    frame["exit"] = np.where(np.arange(120) == 119, "left", frame["exit"])
    model, panel = written(frame, GROUP.format('"house"'), tmp_path)
    wanted = specs.read(str(model))
    rows = fitting.panel_from_table(panel, wanted)

    def posterior(of: fitting.Panel) -> xr.Dataset:
        built = design.build(of.frame, of.histories, wanted)
        around = laplace_draws.fit(parameterisation.standard(built))
        return laplace_draws.draws(around, 200, np.random.default_rng(1))

    among = frame[house != "camp"]
    open_ = guessed(posterior(rows), among, house[among.index])
    assert open_ > 0.9
    closed = posterior(fitting.pool_small_levels(rows, wanted))
    told = house.where(house == "camp", disclosure.POOLED)
    share = guessed(closed, among, told[among.index])
    left = float((among["exit"] == "left").mean())
    assert share <= max(left, 1 - left) + 1e-12  # one sign for all of them: at best the majority
