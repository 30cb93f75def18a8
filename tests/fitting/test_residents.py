"""Rates per resident: who is in the registers when, from dated rows to a fitted model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hazard import cli, fitting, spec
from hazard.data import exposures
from hazard.data import panel as panels
from hazard.data import registers as regs
from hazard.data.registers import FamilyHistories, Registers
from hazard.fitting.store import read_run
from hazard.inference import laplace
from hazard.model import design, parameterisation
from hazard.months import month_number, month_text
from hazard.spec import DataSpec, LaggedTerm
from slow_exposures import (
    NETWORKS,
    Loops,
    applications,
    dated,
    histories_of,
    slow_history,
    slow_known_months,
)
from small_registers import (
    Person,
    random_registers,
    registers,
    slow_centre,
    slow_families,
    term,
    write,
)

DEFAULT = DataSpec()
SHORT = ("2005-01", "2005-06", "2006-12")
NEVER_REJECTED = (("2005-01-10", "rejected", "no"),)
JANUARY, FEBRUARY, MARCH = "2005-01-01", "2005-02-10", "2005-03-20"


# --- who is known when, by hand -----------------------------------------------------------------
def months_of(person: Person) -> str:
    """Months of one family within half a year: a centre, ``-`` for none, nothing if unknown."""
    found = regs.define(registers(person, window=SHORT), DEFAULT).residents()
    where = dict(zip(found["calendar"], found["centre"].astype(object), strict=True))
    first = month_number(SHORT[0])
    cells = [where.get(first + m, ".") for m in range(6)]
    return "".join("-" if pd.isna(cell) else cell for cell in cells)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({}, "AAAAAA"),
        ({"asylum": "2005-03-31", "stays": [], "decisions": []}, "..----"),
        ({"asylum": None, "stays": [], "decisions": []}, "......"),
        ({"asylum": None, "decisions": [(FEBRUARY, "granted", "no")], "stays": []}, ".-----"),
        ({"asylum": None, "stays": [("A", FEBRUARY, MARCH)], "decisions": []}, ".AA---"),
        # two centres in one month: that of the stay that began last
        ({"stays": [("A", JANUARY, FEBRUARY), ("B", FEBRUARY, None)]}, "ABBBBB"),
        # returned: to the month of the return, whichever register says so
        ({"stays": [("A", JANUARY, MARCH)], "returns": [(MARCH, "assisted")]}, "AAA..."),
        ({"stays": [("A", JANUARY, MARCH)], "deportations": [(MARCH, "dublin")]}, "AAA..."),
        ({"stays": [("A", JANUARY, FEBRUARY)], "applications": [(JANUARY, MARCH)]}, "AA-..."),
        # an application that led to nothing is no return
        ({"stays": [("A", JANUARY, FEBRUARY)], "applications": [(JANUARY, None)]}, "AA----"),
        # nobody ended the stay
        ({"returns": [(MARCH, "police")]}, "AAA..."),
        ({"stays": [("A", FEBRUARY, None)], "returns": [("2005-02-28", "police")]}, "-A...."),
        # registered after the return: a stay with a last day, another decision, a new stay
        ({"stays": [("A", JANUARY, MARCH)], "returns": [(FEBRUARY, "police")]}, "AAA..."),
        (
            {"returns": [(FEBRUARY, "police")], "decisions": [(MARCH, "rejected", "yes")]},
            "AAA...",
        ),
        (
            {
                "returns": [(FEBRUARY, "police")],
                "stays": [("A", JANUARY, FEBRUARY), ("B", "2005-04-30", None)],
            },
            "AA-BBB",
        ),
        # left for nobody knows where; and with a permit
        ({"stays": [("A", JANUARY, FEBRUARY)]}, "AA----"),
        ({"decisions": [(FEBRUARY, "granted", "yes")], "stays": [("A", JANUARY, MARCH)]}, "AAA---"),
    ],
)
def test_months_in_which_a_family_is_known_by_hand(what: dict[str, object], expected: str) -> None:
    assert months_of(Person("p", **what)) == expected


def test_members_make_one_family_by_hand() -> None:
    stays = [("A", JANUARY, FEBRUARY)]
    one, other = Person("p", "f", stays=stays), Person("q", "f", stays=[("B", MARCH, None)])
    found = regs.define(registers(one, other, window=SHORT), DEFAULT).residents()
    assert found["centre"].astype(object).tolist() == ["A", "A", "B", "B", "B", "B"]
    assert found["person"].unique().tolist() == [0]


def test_rows_of_unknown_persons_are_nobody() -> None:
    known = registers(Person("p"), Person("x", citizenship="Iran"), window=SHORT)
    strange = replace(known, persons=known.persons[:1])
    found = regs.define(strange, DEFAULT).residents()
    assert found["nationality"].unique().tolist() == ["Irak"]


def test_the_privacy_filter_takes_nobody_out_of_the_residents() -> None:
    given_registers = random_registers(np.random.default_rng(3), 40)
    found, everybody = (
        regs.define(given_registers, DataSpec(privacy_filter=rule))
        for rule in ("apply", "as_delivered")
    )
    assert len(found.families) < len(everybody.families)
    columns = ["calendar", "centre", "nationality"]
    pd.testing.assert_frame_equal(found.residents()[columns], everybody.residents()[columns])


# --- who is known when, against loops -----------------------------------------------------------
Places = set[tuple[str, str, str | None, str]]


def places(found: FamilyHistories, given_registers: Registers, data: DataSpec) -> Places:
    """(family, month, centre, nationality) as the package finds them."""
    known = dated(given_registers, data)
    names = sorted(known.families, key=lambda name: (not known.rows[name], name))
    rows = found.residents().astype({"centre": object, "nationality": object})
    return {
        (names[person], month_text(calendar), None if pd.isna(centre) else centre, nationality)
        for person, calendar, centre, nationality in rows.itertuples(index=False)
    }


def slow_places(
    given_registers: Registers, data: DataSpec, months: Callable[[Registers], dict[str, range]]
) -> Places:
    families, known = slow_families(given_registers, data), months(given_registers)
    window = given_registers.window
    return {
        (name, month_text(month), slow_centre(family, month), family.nationality)
        for name, family in families.items()
        for month in range(window.first, window.last + 1)
        if month in known[name]
    }


def for_ever(given_registers: Registers) -> dict[str, range]:
    """Planted: nobody leaves with a return."""
    last = given_registers.window.follow_up_end
    known = slow_known_months(given_registers)
    return {name: range(own.start, last + 1) for name, own in known.items()}


def from_the_first_stay(given_registers: Registers) -> dict[str, range]:
    """Planted: a family is known by its stays only."""
    families = slow_families(given_registers, DEFAULT)
    known = slow_known_months(given_registers)
    for name, family in families.items():
        first = min((stay[0] for stay in family.stays), default=None)
        start = month_number(f"{first:%Y-%m}") if first else known[name].stop
        known[name] = range(start, known[name].stop)
    return known


@given(seed=st.integers(0, 2**32), rule=st.sampled_from(["rejection", "arrival"]))
@settings(max_examples=25)
def test_residents_equal_slow_loops(seed: int, rule: str) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 20)
    data = DataSpec(at_risk_from=rule)
    found = regs.define(given_registers, data)
    rows = found.residents()
    assert not rows.duplicated(["person", "calendar"]).any()
    assert places(found, given_registers, data) == slow_places(
        given_registers, data, slow_known_months
    )


@pytest.mark.parametrize("mistake", [for_ever, from_the_first_stay])
def test_residents_differ_from_loops_with_a_mistake(
    mistake: Callable[[Registers], dict[str, range]],
) -> None:
    given_registers = random_registers(np.random.default_rng(8), 60)
    found = regs.define(given_registers, DEFAULT)
    assert places(found, given_registers, DEFAULT) != slow_places(given_registers, DEFAULT, mistake)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10)
def test_every_event_is_of_a_resident_at_its_place(seed: int) -> None:
    found = regs.define(random_registers(np.random.default_rng(seed), 30), DEFAULT)
    columns = ["person", "calendar", "centre", "nationality"]
    there = set(found.residents()[columns].astype(str).itertuples(index=False, name=None))
    within = found.events.loc[found.events["calendar"] <= found.window.last, columns]
    assert set(within.astype(str).itertuples(index=False, name=None)) <= there
    later = within.assign(calendar=within["calendar"] + 12)  # negative control
    assert not set(later.astype(str).itertuples(index=False, name=None)) <= there


# --- rates from registers, by hand --------------------------------------------------------------
# March 2005: d is fetched at A, u of no centre as well. b is at risk; f waits for a decision; g has
# been sent home in February, from a stay that nobody ended; h lives elsewhere.
#
#       at      Jan Feb Mar Apr May Jun     for b, A: others there 3 3 2 1 1 1; one event, in March
#  b    A        x   x   x   x   x   x
#  d    A        x   x   x                  of b's nationality known: d f g u 4 4 3 1 1 1, and two
#  f    A        x   x   x   x   x   x      events in March
#  g    A        x   x
#  u    none     x   x   x
#  h    B        x   x   x   x   x   x      Iranian
def neighbours() -> list[Person]:
    return [
        Person("b"),
        Person("d", stays=[("A", JANUARY, MARCH)], deportations=[(MARCH, "asyl")]),
        Person("f", decisions=NEVER_REJECTED),
        Person("g", decisions=NEVER_REJECTED, returns=[(FEBRUARY, "assisted")]),
        Person("h", citizenship="Iran", stays=[("B", JANUARY, None)]),
        Person("u", decisions=NEVER_REJECTED, stays=[], deportations=[(MARCH, "dublin")]),
    ]


def rates(network: str, person: int, **changes: object) -> list[float]:
    found = regs.define(registers(*neighbours(), window=SHORT), DEFAULT)
    panel = panels.build(found)
    asked = term("forced_return", network, measure="per_resident", lags=(0, 0), **changes)
    (history,) = exposures.register_histories(panel, found, [asked]).values()
    return history.values[(panel["person"] == person).to_numpy(), 0].tolist()


@pytest.mark.parametrize(
    ("network", "march"),
    [
        ("centre", 1 / 2),
        ("nationality", 2 / 3),
        ("centre_nationality", 1 / 2),
        ("centre_other", 0.0),
        ("nationality_elsewhere", 1 / 1),
    ],
)
def test_rate_from_registers_by_hand(network: str, march: float) -> None:
    assert rates(network, 0) == pytest.approx([0, 0, march, 0, 0, 0], abs=1e-7)


def test_rate_where_nobody_else_lives_is_zero() -> None:
    assert rates("centre", 2) == [0] * 6  # h, alone at B
    assert rates("nationality", 2) == [0] * 6


# --- rates against loops ------------------------------------------------------------------------
OWN_EVENT = Loops(counts=lambda _event, _family: True)
SHIFTED = Loops(month=lambda calendar, lag: calendar - lag - 1)
FUTURE = Loops(month=lambda calendar, lag: calendar + lag)
OWN_RESIDENCE = Loops(resides=lambda _event, _family: True)
RESIDENTS_OF_NOW = Loops(month_of_residents=lambda calendar, _lag: calendar)


@pytest.mark.parametrize("network", NETWORKS)
def test_rates_differ_from_loops_with_a_mistake(network: str) -> None:
    gone = Person("r", deportations=[(FEBRUARY, "asyl")])
    given_registers = registers(*applications(), gone, window=SHORT)
    data = DataSpec(assisted_date="completion")
    asked = term("assisted_application", network, measure="per_resident", lags=(0, 3))
    known = dated(given_registers, data)
    (found,) = histories_of(given_registers, [asked], centre="current", data=data).values()
    np.testing.assert_array_equal(found, slow_history(known, asked, centre="current"))
    for mistake in (OWN_EVENT, SHIFTED, FUTURE, OWN_RESIDENCE, RESIDENTS_OF_NOW):
        wrong = slow_history(known, asked, centre="current", loops=mistake)
        # a family is never of another nationality than itself
        harmless = network == "centre_other" and mistake in (OWN_EVENT, OWN_RESIDENCE)
        assert np.array_equal(found, wrong, equal_nan=True) == harmless


# --- from register files to a fitted model ------------------------------------------------------
MODEL = """name = "rates"
question = "What comes after forced returns of a share of the residents?"
[outcome]
exits = ["assisted", "disappeared", "forced"]
[[term]]
kind = "baseline"
breaks = [1, 4]
prior = { family = "normal", scale = 1.0, reason = "an example only" }
[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
measure = "per_resident"
lags = [0, 1]
history_before_start = "missing"
prior = { family = "decay", scale = 5.0, half_life = 3.0, reason = "an example only" }
[[estimand]]
kind = "lag_curve"
[[estimand]]
kind = "cumulative_incidence"
horizon_months = 6
"""
NAME = "forced_return_centre_per_resident"


def command(*argv: object) -> int:
    return CliRunner().invoke(cli.app, [*map(str, argv)]).exit_code


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "rates.toml"
    path.write_text(MODEL, encoding="utf-8")
    return path


def test_panel_command_writes_rates_as_the_loops_find_them(
    tmp_path: Path, model_file: Path
) -> None:
    given_registers = random_registers(np.random.default_rng(2), 60)
    (tmp_path / "in").mkdir()
    folder, out = write(given_registers, tmp_path / "in"), tmp_path / "panel.parquet"
    assert command("panel", folder, "--model", model_file, "--out", out) == 0
    (asked,) = spec.read(str(model_file)).lagged
    written = pd.read_parquet(out)[[f"{NAME}_lag0", f"{NAME}_lag1"]].to_numpy()
    expected = slow_history(dated(given_registers, DEFAULT), asked, centre="current")
    np.testing.assert_array_equal(written, expected)
    assert (expected > 0).any()
    shifted = slow_history(  # negative control
        dated(given_registers, DEFAULT), asked, centre="current", loops=SHIFTED
    )
    assert not np.array_equal(written, shifted, equal_nan=True)


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    folder = tmp_path / "registers"
    assert command("simulate", "--size", "small", "--seed", 3, "--out", folder) == 0
    return folder


def test_design_of_a_rate_from_registers(simulated: Path, model_file: Path) -> None:
    wanted = spec.read(str(model_file))
    rows = fitting.panel_from_registers(simulated, wanted)
    built = design.build(rows.frame, rows.histories, wanted)
    # only the first month of the register has no month before it
    first = rows.frame["calendar"] == regs.read(simulated).window.first
    assert sum(each.rows for each in built.left_out.values()) == first.sum() > 0
    around = laplace.fit(parameterisation.standard(built))
    mode = around.coordinates.coefficients(around.mode.beta)[built.span(NAME)]
    assert mode.shape == (2, 3)
    assert np.isfinite(mode).all()


@pytest.mark.slow
def test_run_command_fits_a_rate(simulated: Path, tmp_path: Path, model_file: Path) -> None:
    out = tmp_path / "run"
    few = ["--draws", 20, "--tune", 20, "--chains", 2]
    # so few draws do not pass the gate
    assert command("run", model_file, "--registers", simulated, "--out", out, *few) == 4
    estimates = read_run(out).estimates
    curve = estimates[estimates["quantity"] == "lag_coefficient"]
    assert curve.groupby("estimator").size().to_dict() == {
        "hazard model": 6,
        "linear probability": 6,
        "multinomial logit": 6,
    }
    assert np.isfinite(curve["estimate"]).all()
    assert set(estimates["arm"].dropna()) == {"observed"}  # and none with one event


# --- nobody pays who does not ask ---------------------------------------------------------------
def asked_terms(measure: str) -> Iterator[LaggedTerm]:
    for network in ("centre", "nationality"):
        yield term("forced_return", network, measure=measure)


def test_residents_are_made_once_and_only_when_asked() -> None:
    found = regs.define(registers(*neighbours(), window=SHORT), DEFAULT)
    made = []

    def residents() -> pd.DataFrame:
        made.append(1)
        return found.residents()

    watched = replace(found, residents=residents)
    panel = panels.build(watched)
    exposures.register_histories(panel, watched, list(asked_terms("count")))
    assert made == []
    exposures.register_histories(panel, watched, list(asked_terms("per_resident")))
    assert made == [1]
