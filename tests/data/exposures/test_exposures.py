"""Exposure histories: other families' events by lag, against slow loops over dated events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from hazard import simulation
from hazard.data import exposures
from hazard.data import panel as panels
from hazard.data import registers as regs
from hazard.data.registers import Registers, Window
from hazard.errors import HistoryError, PanelError
from hazard.spec import DataSpec, LaggedTerm
from small_registers import (
    Person,
    random_registers,
    registers,
    term,
)

DEFAULT = DataSpec()
NAN = float("nan")
RULES = st.sampled_from(["missing", "zero", "carry"])


def histories_of(
    given_registers: Registers, one: LaggedTerm, centre: str = "current", **definitions: object
) -> np.ndarray:
    found = regs.define(given_registers, DataSpec(**definitions))
    panel = panels.build(found)
    by_name = exposures.register_histories(panel, found, [one], history_centre=centre)
    return by_name[one.name].values


# --- by hand ------------------------------------------------------------------------------------
# March 2005 at centre A: d is fetched. b lives at A, c at B, e moves from A to B in April; all are
# Iraqi but c. lags 0 to 3, rows are January to June.
#
#  row   b: same centre     e, centre now   e, centre then   c: same nationality
#  J     0 . . .            0 . . .         0 . . .          0 . . .
#  F     0 0 . .            0 0 . .         0 0 . .          0 0 . .
#  M     1 0 0 .            1 0 0 .         1 0 0 .          0 0 0 .
#  A     0 1 0 0            0 0 0 0         0 1 0 0          0 0 0 0
#  M     0 0 1 0            0 0 0 0         0 0 1 0          0 0 0 0
#  J     0 0 0 1            0 0 0 0         0 0 0 1          0 0 0 0
def march(*more: Person) -> Registers:
    moves = [("A", "2005-01-01", "2005-04-02"), ("B", "2005-04-02", None)]
    return registers(
        Person("b"),
        Person("c", citizenship="Iran", stays=[("B", "2005-01-01", None)]),
        Person("d", deportations=[("2005-03-31", "asyl")]),
        Person("e", stays=moves),
        *more,
        window=("2005-01", "2005-06", "2006-12"),
    )


EXPOSED = [
    [0, NAN, NAN, NAN],
    [0, 0, NAN, NAN],
    [1, 0, 0, NAN],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
]
UNEXPOSED = [*([0 if v == 1 else v for v in row] for row in EXPOSED)]
MOVED = [*EXPOSED[:3], [0] * 4, [0] * 4, [0] * 4]
ROWS = {"b": slice(0, 6), "c": slice(6, 12), "d": slice(12, 15), "e": slice(15, 21)}


@pytest.mark.parametrize(
    ("family", "network", "centre", "expected"),
    [
        ("b", "centre", "current", EXPOSED),
        ("b", "centre", "then", EXPOSED),
        ("c", "centre", "current", UNEXPOSED),
        ("d", "centre", "current", UNEXPOSED[:3]),
        ("e", "centre", "current", MOVED),
        ("e", "centre", "then", EXPOSED),
        ("b", "nationality", "current", EXPOSED),
        ("c", "nationality", "then", UNEXPOSED),
        ("d", "nationality", "current", UNEXPOSED[:3]),
        ("e", "nationality", "current", EXPOSED),
    ],
)
def test_forced_return_by_hand(
    family: str, network: str, centre: str, expected: list[list[float]]
) -> None:
    found = histories_of(march(), term("forced_return", network), centre)
    np.testing.assert_array_equal(found[ROWS[family]], expected)


def test_threshold_counts_other_families_once_by_hand() -> None:
    one, two = (term("forced_return", "centre", at_least=n) for n in (1, 2))
    member = Person("d2", "d", size=2, deportations=[("2005-03-02", "asyl")])
    np.testing.assert_array_equal(histories_of(march(member), two)[ROWS["b"]], UNEXPOSED)
    outside = Person("x", decisions=[], deportations=[("2005-03-02", "asyl")])
    np.testing.assert_array_equal(histories_of(march(outside), two)[ROWS["b"]], EXPOSED)
    # d sees the other one, and not itself
    np.testing.assert_array_equal(histories_of(march(outside), one)[ROWS["d"]], EXPOSED[:3])
    np.testing.assert_array_equal(histories_of(march(outside), two)[ROWS["d"]], UNEXPOSED[:3])


def test_rules_for_missing_history_by_hand() -> None:
    event = Person("x", decisions=[], deportations=[("2005-01-31", "asyl")])
    row = {
        rule: histories_of(march(event), term("forced_return", "centre", rule))[1]
        for rule in ("missing", "zero", "carry")
    }
    np.testing.assert_array_equal(row["missing"], [0, 1, NAN, NAN])
    np.testing.assert_array_equal(row["zero"], [0, 1, 0, 0])
    np.testing.assert_array_equal(row["carry"], [0, 1, 1, 1])


def test_event_before_the_register_starts_is_not_used() -> None:
    event = Person("x", decisions=[], deportations=[("2004-12-31", "asyl")])
    found = histories_of(march(event), term("forced_return", "centre"))
    np.testing.assert_array_equal(found[ROWS["b"]], EXPOSED)


def test_carry_needs_no_lag_zero_by_hand() -> None:
    late = term("forced_return", "centre", "carry", lags=(2, 3))
    event = Person("x", decisions=[], deportations=[("2005-01-31", "asyl")])
    found = histories_of(march(event), late)[ROWS["b"]]
    np.testing.assert_array_equal(found, [[1, 1], [1, 1], [1, 1], [0, 1], [1, 0], [0, 1]])


def test_centre_of_the_time_is_known_before_the_time_at_risk() -> None:
    rejected = [("2005-05-10", "rejected", "yes")]
    found = registers(
        Person("b", decisions=rejected), Person("d", deportations=[("2005-03-31", "asyl")])
    )
    histories = regs.define(found, DEFAULT)
    panel = panels.build(histories)
    one = term("forced_return", "centre")
    of_register = exposures.register_histories(panel, histories, [one], history_centre="then")
    np.testing.assert_array_equal(of_register[one.name].values[0], [0, 0, 1, 0])
    of_panel = exposures.peer_histories(
        panel, histories.events, [one], window=histories.window, history_centre="then"
    )
    np.testing.assert_array_equal(of_panel[one.name].values[0], [0, NAN, NAN, NAN])


def test_months_in_no_centre_are_missing_history() -> None:
    away = [("A", "2005-01-01", "2005-02-02"), ("A", "2005-04-30", None)]
    found = registers(Person("b", stays=away), Person("d", deportations=[("2005-03-31", "asyl")]))
    row = {
        rule: histories_of(found, term("forced_return", "centre", rule), "then")[2]
        for rule in ("missing", "zero", "carry")
    }
    np.testing.assert_array_equal(row["missing"], [0, NAN, 0, 0])
    np.testing.assert_array_equal(row["zero"], [0, 0, 0, 0])
    np.testing.assert_array_equal(row["carry"], [0, 0, 0, 0])
    current = histories_of(found, term("forced_return", "centre"))
    np.testing.assert_array_equal(current[2], [0, 1, 0, 0])


def test_definition_of_assisted_decides_what_others_see() -> None:
    withdrawn = Person("x", decisions=[], applications=[("2005-03-02", None)])
    one = term("assisted_application", "centre")
    np.testing.assert_array_equal(histories_of(march(withdrawn), one)[ROWS["b"]], UNEXPOSED)
    found = histories_of(march(withdrawn), one, assisted="any")
    np.testing.assert_array_equal(found[ROWS["b"]], EXPOSED)


def test_own_event_is_left_out_of_its_own_group_only_by_hand() -> None:
    """Two months, the person moves from A to B; own events in both, others' events at B."""
    panel = pd.DataFrame({"person": [0, 0, 1, 1], "calendar": [420, 421, 420, 421]})
    panel["centre"] = pd.Categorical(["A", "B", "B", "B"])
    events = pd.DataFrame(
        {
            "person": [0, 0, 9, 9, 7],
            "exposure": "visit",
            "calendar": [420, 421, 420, 420, 421],
            "centre": pd.Categorical(["A", "B", "B", "B", None]),
        }
    )
    window = Window(420, 421, 421)
    asked = [term("visit", "centre", at_least=at_least, lags=(0, 1)) for at_least in (1, 2)]
    found = exposures.peer_histories(panel, events, asked, window=window)
    np.testing.assert_array_equal(found["visit_centre"], [[0, NAN], [0, 1], [1, NAN], [1, 1]])
    np.testing.assert_array_equal(found["visit_centre_2plus"], [[0, NAN], [0, 0], [0, NAN], [0, 0]])


def test_an_event_that_others_never_see_changes_nothing(rng: np.random.Generator) -> None:
    """Events in another group, and an own event: exactly the rows that may see them change."""
    given_registers = random_registers(rng, 40)
    histories = regs.define(given_registers, DEFAULT)
    panel = panels.build(histories)
    one = term("forced_return", "nationality")
    window = histories.window
    before = exposures.peer_histories(panel, histories.events, [one], window=window)[one.name]
    row = panel.iloc[len(panel) // 2]
    event = histories.events.iloc[:1].assign(
        person=row["person"], calendar=row["calendar"], nationality=row["nationality"]
    )
    more = pd.concat([histories.events, event], ignore_index=True)
    more["nationality"] = more["nationality"].astype(histories.events["nationality"].dtype)
    after = exposures.peer_histories(panel, more, [one], window=window)[one.name]
    lag = panel["calendar"].to_numpy()[:, None] - int(row["calendar"])
    may_see = (panel["nationality"] == row["nationality"]) & (panel["person"] != row["person"])
    sees = may_see.to_numpy()[:, None] & (lag == np.arange(4))
    np.testing.assert_array_equal(after.values[~sees], before.values[~sees])
    assert (after.values[sees] == 1).all()
    assert sees.any()


def test_panel_and_histories_equal_the_oracle_of_the_simulator(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    """The simulator keeps the books of families and dates; it shares no code with the panel."""
    simulated = simulation.registers(simulation.truth("small", rng), rng)
    simulation.write(simulated, tmp_path / "registers")
    histories = regs.define(regs.read(tmp_path / "registers"), DEFAULT)
    panel, oracle = panels.build(histories), simulated.oracle
    assert panel["person"].tolist() == pd.factorize(oracle["family_id"], sort=True)[0].tolist()
    for name in ("calendar", "month", "centre", "nationality", "exit"):
        assert panel[name].tolist() == oracle[name].tolist()
    asked = [
        term(exposure, network, lags=(0, 6))
        for exposure in ("forced_return", "assisted_application")
        for network in ("centre", "nationality")
    ]
    found = exposures.to_columns(exposures.register_histories(panel, histories, asked))
    assert set(found) <= set(oracle)
    # the simulator also knows what happened before the register starts
    lag = np.array([int(name[-1]) for name in found])
    known = panel["calendar"].to_numpy()[:, None] - lag >= histories.window.first
    np.testing.assert_array_equal(found.notna().to_numpy(), known)
    expected = oracle[list(found)].where(known).to_numpy(dtype=np.float32)
    np.testing.assert_array_equal(found.to_numpy(), expected)
    shifted = expected[:, [*range(1, len(lag)), 0]]
    assert not np.array_equal(found.to_numpy(), shifted, equal_nan=True)


# --- leads --------------------------------------------------------------------------------------
# March 2005 at centre A, as above; leads 2 and 1, lag 0, for b in January to June.
@pytest.mark.parametrize(
    ("rule", "last"),
    [("missing", NAN), ("zero", 0.0), ("carry", 1.0)],
)
def test_leads_by_hand(rule: str, last: float) -> None:
    june = Person("x", decisions=[], deportations=[("2005-06-30", "asyl")])
    found = histories_of(march(june), term("forced_return", "centre", rule, lags=(-2, 0)))
    np.testing.assert_array_equal(
        found[ROWS["b"]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [last, 1, 0], [last, last, 1]],
    )


def test_lead_carried_from_lag_zero_by_hand() -> None:
    june = Person("x", decisions=[], deportations=[("2005-06-30", "asyl")])
    found = histories_of(march(june), term("forced_return", "centre", "carry", lags=(-3, -2)))
    np.testing.assert_array_equal(found[ROWS["b"]][-2:], [[1, 1], [1, 1]])


def test_centre_of_the_time_is_unknown_after_the_family_left_by_hand() -> None:
    left = [("A", "2005-01-01", "2005-02-02")]
    found = registers(Person("b", stays=left), Person("d", deportations=[("2005-03-31", "asyl")]))
    one = term("forced_return", "centre", lags=(-2, 0))
    np.testing.assert_array_equal(histories_of(found, one, "then")[0], [NAN, 0, 0])
    np.testing.assert_array_equal(histories_of(found, one, "current")[0], [1, 0, 0])


# --- per resident -------------------------------------------------------------------------------
def lived(persons: str, centres: str, exposure: str) -> pd.DataFrame:
    """One month at centres named by letters, ``-`` for none."""
    frame = pd.DataFrame({"person": [int(p) for p in persons], "calendar": 420})
    frame["centre"] = pd.Categorical([None if c == "-" else c for c in centres])
    return frame.assign(exposure=exposure)


WINDOW = Window(420, 420, 420)
RATE = term("visit", "centre", measure="per_resident", lags=(0, 0))


def test_rate_is_per_other_resident_by_hand() -> None:
    everyone = lived("012345", "AAABB-", "resident")
    events = pd.concat([everyone, lived("023", "AAB", "visit")])
    found = exposures.peer_histories(everyone[:5], events, [RATE], window=WINDOW)
    expected = np.float32([1 / 2, 2 / 2, 1 / 2, 0 / 1, 1 / 1])
    np.testing.assert_array_equal(found["visit_centre_per_resident"][:, 0], expected)
    with_own = np.float32([2 / 3, 2 / 3, 2 / 3, 1 / 2, 1 / 2])  # negative control
    assert not np.array_equal(found["visit_centre_per_resident"][:, 0], with_own)


def test_rate_is_zero_where_nobody_else_lives() -> None:
    everyone = lived("01", "AB", "resident")
    events = pd.concat([everyone, lived("01", "AB", "visit")])
    found = exposures.peer_histories(everyone, events, [RATE], window=WINDOW)
    assert found["visit_centre_per_resident"].values.tolist() == [[0], [0]]


def test_rate_needs_every_resident() -> None:
    everyone = lived("01", "AB", "resident")
    events = pd.concat([everyone, lived("7", "B", "visit")])
    with pytest.raises(
        HistoryError,
        match=r"^residents of a network must be at least as many as its families with an event; "
        r"got fewer in 1 of 2 rows \(first: row 2\)\.$",
    ):
        exposures.peer_histories(everyone, events, [RATE], window=WINDOW)
    with pytest.raises(
        HistoryError,
        match=r"^events must hold every family and month with the exposure 'resident' for the "
        r"measure 'per_resident'; got none\.$",
    ):
        exposures.peer_histories(everyone, lived("7", "B", "visit"), [RATE], window=WINDOW)


def test_register_histories_keep_the_order_of_the_terms() -> None:
    histories = regs.define(march(), DEFAULT)
    panel = panels.build(histories)
    asked = [
        term("family_size", "own"),
        term("forced_return", "nationality"),
        term("assisted_application", "centre"),
        term("forced_return", "centre"),
    ]
    found = exposures.register_histories(panel, histories, asked)
    assert list(found) == [one.name for one in asked]
    for history in found.values():
        assert (history.dims, history.dtype) == (("row", "lag"), np.dtype("float32"))
        assert history.shape == (len(panel), 4)
        assert history["lag"].values.tolist() == [0, 1, 2, 3]


# --- errors -------------------------------------------------------------------------------------
def test_peer_histories_name_what_is_wrong() -> None:
    histories = regs.define(march(), DEFAULT)
    panel, window = panels.build(histories), histories.window
    with pytest.raises(
        HistoryError,
        match=r"^term exposure must be one of \['forced_return', 'assisted_application'\]; got "
        r"'forced_returns'\. Did you mean 'forced_return'\?$",
    ):
        exposures.peer_histories(
            panel, histories.events, [term("forced_returns", "centre")], window=window
        )
    with pytest.raises(PanelError, match=r"^table must have the columns \['calendar', 'street'\]"):
        exposures.peer_histories(
            panel.drop(columns="calendar"),
            histories.events,
            [term("forced_return", "street")],
            window=window,
        )
    with pytest.raises(
        HistoryError,
        match=r"^panel column 'calendar' must lie within the window of the events; got other "
        r"months in 4 of 21 rows \(first: row 1\)\.$",
    ):
        exposures.peer_histories(
            panel,
            histories.events,
            [term("forced_return", "centre")],
            window=Window(window.first + 1, window.last, window.last),
        )
