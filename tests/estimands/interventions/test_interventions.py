"""Interventions on histories: by hand, against loops over dated events, and against the panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from hazard import spec
from hazard.data import contracts, exposures
from hazard.data import panel as panels
from hazard.data import registers as regs
from hazard.data.registers import FamilyHistories, Registers
from hazard.errors import EstimandError
from hazard.estimands import interventions as iv
from hazard.estimands.interventions.positivity import ALL_TERMS
from hazard.model import design, likelihood, links
from hazard.spec import DataSpec, LaggedTerm
from slow_exposures import NETWORKS, RIGHT, Dated, Loops, _ruled, _told, dated
from small_panels import BASELINE, CENTRE, NATIONALITY, NORMAL, POOLED, WALK, YEAR, model
from small_registers import Person, random_registers, registers, term

NAN = float("nan")
MEASURES = [{"at_least": 1}, {"at_least": 2}, {"measure": "count"}, {"measure": "per_resident"}]
AT_CENTRE = term("forced_return", "centre", lags=(0, 2))
COUNT = term("forced_return", "centre", measure="count", lags=(0, 2))
RATE = term("forced_return", "centre", measure="per_resident", lags=(0, 0))


def arm(*interventions: iv.Intervention, before: str = "observed") -> iv.Arm:
    return iv.Arm(name="an arm", interventions=interventions, before=before)


def made(found: Registers, data: DataSpec | None = None) -> tuple[pd.DataFrame, FamilyHistories]:
    defined = regs.define(found, data or DataSpec())
    return panels.build(defined), defined


# --- by hand ------------------------------------------------------------------------------------
# b, c and d live at A and e at B; all but e are of one nationality. Returned by force: c in
# February, b and e in March, d in May. The path of b is January to June.
#
#            Jan  Feb  Mar  Apr  May  Jun
#  b sees         c              d          at the centre; its own return is not seen
#  families   3    3    2    1    1    0    at A
def march() -> Registers:
    def fetched(name: str, day: str, **changes: object) -> Person:
        centre = [(changes.pop("centre", "A"), "2005-01-01", day)]
        return Person(name, stays=centre, deportations=[(day, "asyl")], **changes)

    return registers(
        fetched("b", "2005-03-10"),
        fetched("c", "2005-02-10"),
        fetched("d", "2005-05-10"),
        fetched("e", "2005-03-20", citizenship="Iran", centre="B"),
        Person("f", citizenship="Iran", stays=[("C", "2005-01-01", None)]),
        window=("2005-01", "2005-12", "2006-12"),
    )


def of_b(
    one: LaggedTerm, asked: iv.Arm, *, horizon: int = 6, unknown: str = "keep"
) -> list[list[float]]:
    panel, found = made(march())
    path = iv.paths(panel, iv.first_rows(panel)[:1], horizon=horizon)
    around = iv.from_registers(path, found, [one])
    return iv.histories(around, asked, unknown=unknown)[one.name].values.tolist()


def lagged(*months: float, lags: int = 3, before: float = NAN) -> list[list[float]]:
    """Rows by lag of a series by month."""
    known = [before] * (lags - 1) + list(months)
    return [known[row : row + lags][::-1] for row in range(len(months))]


OBSERVED = [0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("interventions", "months"),
    [
        ((), OBSERVED),
        ((iv.Observed(term=COUNT.name),), OBSERVED),
        ((iv.NoEvents(term=COUNT.name),), [0] * 6),
        ((iv.NoEvents(term="forced_return"),), [0] * 6),
        ((iv.OneInMonth(term=COUNT.name, month=3),), [0, 0, 1, 0, 0, 0]),
        ((iv.OneInMonth(term=COUNT.name, month=1, events=2),), [2, 0, 0, 0, 0, 0]),
        ((iv.Added(term=COUNT.name, month=2),), [0, 2, 0, 0, 1, 0]),
        ((iv.Delayed(term=COUNT.name, months=2),), [0, 0, 0, 1, 0, 0]),
        ((iv.Delayed(term=COUNT.name, months=9),), [0] * 6),
        ((iv.More(term=COUNT.name, share=1.0, seed=0),), [0, 2, 0, 0, 2, 0]),
        ((iv.Campaign(term=COUNT.name, threshold=2),), [1, 2, 0, 0, 1, 0]),
        ((iv.Campaign(term=COUNT.name, threshold=1),), [1, 2, 1, 0, 1, 0]),
        (
            (iv.NoEvents(term=COUNT.name), iv.Campaign(term=COUNT.name, threshold=2)),
            [1, 1] + 4 * [0],
        ),
    ],
)
def test_events_by_hand(interventions: Sequence[iv.Intervention], months: list[float]) -> None:
    np.testing.assert_array_equal(of_b(COUNT, arm(*interventions)), lagged(*months))
    none_before = of_b(COUNT, arm(*interventions, before="none"))
    np.testing.assert_array_equal(none_before, lagged(*months, before=0))
    indicator = [float(n > 0) for n in months]
    by_name = [
        one.model_copy(
            update={"term": "forced_return"} | ({"events": None} if "events" in one else {})
        )
        for one in interventions
    ]
    np.testing.assert_array_equal(of_b(AT_CENTRE, arm(*by_name)), lagged(*indicator))


def test_own_event_and_events_before_the_start_by_hand() -> None:
    """From February on, d sees the return of c as history, those of b and of nobody else after."""
    panel, found = made(march())
    row = iv.rows_of_month(panel, found.window.first + 1)
    of_d = row[panel["person"].to_numpy()[row] == 2]
    around = iv.from_registers(iv.paths(panel, of_d, horizon=4), found, [COUNT])
    by_arm = {
        name: iv.histories(around, arm(*one), unknown="keep")[COUNT.name].values.tolist()
        for name, one in {
            "observed": (),
            "none": (iv.NoEvents(term=COUNT.name),),
            "delayed": (iv.Delayed(term=COUNT.name, months=1),),
        }.items()
    }
    assert by_arm["observed"][1:] == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert by_arm["none"][1:] == [[0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert by_arm["delayed"][1:] == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    march_start = iv.rows_of_month(panel, found.window.first + 2)
    later = iv.paths(panel, march_start[panel["person"].to_numpy()[march_start] == 2], horizon=3)
    kept = iv.histories(
        iv.from_registers(later, found, [COUNT]), arm(iv.NoEvents(term="forced_return"))
    )
    assert kept[COUNT.name].values.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_threshold_needs_so_many_at_once_by_hand() -> None:
    two = term("forced_return", "centre", at_least=2, lags=(0, 2))
    one = iv.OneInMonth(term=two.name, month=2)
    assert of_b(two, arm(one))[2:4] == [[0, 1, 0], [0, 0, 1]]
    single = one.model_copy(update={"events": 1})
    assert of_b(two, arm(single))[2:4] == [[0, 0, 0], [0, 0, 0]]


def test_rate_has_no_more_events_than_residents_by_hand() -> None:
    """Others known at A: c and d, then d, then nobody in June; d is fetched in May."""
    panel, found = made(march())
    path = iv.paths(panel, iv.first_rows(panel)[:1], horizon=6)
    around = iv.from_registers(path, found, [RATE])
    observed = iv.histories(around, arm())[RATE.name]
    assert observed.values.ravel().tolist() == [0, 1 / 2, 0, 0, 1, 0]
    added = iv.histories(around, arm(*(iv.Added(term=RATE.name, month=m) for m in (1, 5, 6))))
    assert added[RATE.name].values.ravel().tolist() == [1 / 2, 1 / 2, 0, 0, 1, 0]
    assert (observed.attrs["beyond_residents"], added[RATE.name].attrs["beyond_residents"]) == (
        0,
        2,
    )


def test_copies_fall_later_and_their_owner_does_not_see_them() -> None:
    panel, found = made(march())
    everybody = iv.paths(panel, iv.first_rows(panel), horizon=12)
    around = iv.from_registers(everybody, found, [COUNT])
    more = iv.More(term=COUNT.name, share=1.0, spread=6, seed=3)
    events = around.after(around.counts[COUNT.name])
    spread = iv.histories(around, arm(more), unknown="keep")[COUNT.name].values[:, 0]
    copies = spread.reshape(events.shape) - events
    # three events at A, of which b, c and d each had one; e alone at B, and nothing at C
    assert copies.sum(axis=1).tolist() == [2, 2, 2, 0, 0]
    assert (copies >= 0).all()
    assert not np.array_equal(copies, events)


# --- against loops over dated events ------------------------------------------------------------
def slow_path(
    known: Dated, one: LaggedTerm, path: iv.Paths, *, centre: str, loops: Loops = RIGHT
) -> np.ndarray:
    """Observed histories on paths, by loops over starts, months, lags and dated events."""
    names = [name for name, rows in known.rows.items() if rows]
    lines = []
    for start in path.starts().itertuples():
        name = names[start.person]
        for step in range(path.horizon):
            by_lag: dict[int, float | None] = {}
            for lag in range(min(one.lags[0], 0), max(one.lags[1], 0) + 1):
                when = start.calendar + step - lag
                while when > path.last():
                    when -= 12
                now = start.centre if centre == "current" or step >= lag else None
                by_lag[lag] = _told(known, one, (name, when, 0), now, loops)
            lines.append(list(_ruled(one, by_lag)))
    return np.array(lines, dtype=np.float32)


terms = st.builds(
    lambda exposure, network, rule, measure, lags: term(
        exposure, network, rule, lags=lags, **measure
    ),
    st.sampled_from(["forced_return", "assisted_application"]),
    st.sampled_from(NETWORKS),
    st.sampled_from(["missing", "zero", "carry"]),
    st.sampled_from(MEASURES),
    st.sampled_from([(0, 3), (0, 0), (2, 4), (-2, 2)]),
)


@given(
    seed=st.integers(0, 2**32),
    asked=st.lists(terms, min_size=2, max_size=4, unique_by=lambda one: one.name),
    centre=st.sampled_from(["current", "then"]),
)
@settings(max_examples=12)
def test_observed_paths_equal_slow_loops(seed: int, asked: list[LaggedTerm], centre: str) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 25)
    panel, found = made(given_registers)
    assume(np.ptp(panel["calendar"]) == 11)
    path = iv.paths(panel, iv.first_rows(panel)[:4], horizon=14)
    around = iv.from_registers(path, found, asked, history_centre=centre)
    values = iv.histories(around, arm(), unknown="keep")
    known = dated(given_registers, DataSpec())
    for one in asked:
        np.testing.assert_array_equal(values[one.name], slow_path(known, one, path, centre=centre))


OWN_LEFT_IN = Loops(counts=lambda _event, _family: True)
SHIFTED = Loops(month=lambda calendar, lag: calendar - lag - 1)


@pytest.mark.parametrize("mistake", [OWN_LEFT_IN, SHIFTED], ids=["own event", "lag shifted"])
def test_loops_with_a_mistake_differ(mistake: Loops) -> None:
    """Negative control."""
    panel, found = made(march())
    path = iv.paths(panel, iv.first_rows(panel), horizon=6)
    values = iv.histories(iv.from_registers(path, found, [COUNT]), arm(), unknown="keep")
    known = dated(march(), DataSpec())
    np.testing.assert_array_equal(
        values[COUNT.name], slow_path(known, COUNT, path, centre="current")
    )
    wrong = slow_path(known, COUNT, path, centre="current", loops=mistake)
    assert not np.array_equal(values[COUNT.name], wrong, equal_nan=True)


# --- identities ---------------------------------------------------------------------------------
ALL = [
    term(exposure, network, rule, **measure)
    for exposure, rule in (("forced_return", "missing"), ("assisted_application", "carry"))
    for network in NETWORKS
    for measure in MEASURES
]


@pytest.mark.parametrize("before_risk", ["observed", "zero"])
@pytest.mark.parametrize("centre", ["current", "then"])
def test_observed_on_observed_rows_is_the_history_of_the_panel(
    rng: np.random.Generator, centre: str, before_risk: str
) -> None:
    panel, found = made(random_registers(rng, 150))
    own = term("family_size", "own", lags=(0, 3))
    rule = {"history_before_risk": before_risk}
    asked = [one.model_copy(update=rule) for one in [*ALL, own]]
    of_panel = exposures.register_histories(panel, found, asked, history_centre=centre)
    compared = 0
    for calendar in range(found.window.first, found.window.last - 1):
        rows = iv.rows_of_month(panel, calendar)
        path = iv.paths(panel, rows, horizon=3)
        around = iv.from_registers(path, found, asked, history_centre=centre)
        values = iv.histories(around, arm(), unknown="keep")
        frame = path.frame().assign(on_path=np.arange(path.n_rows))
        keys = ["person", "month", "centre"]  # who moved sees another centre than the path
        if centre == "then":  # and before the move the one of then, which the path does not know
            frame = frame[path.month == 1]
        both = frame.merge(panel.assign(row=np.arange(len(panel))), on=keys)
        compared += len(both)
        for one in asked:
            np.testing.assert_array_equal(
                values[one.name].values[both["on_path"]], of_panel[one.name].values[both["row"]]
            )
    assert compared >= len(panel[panel["calendar"] < found.window.last - 1])


@pytest.fixture
def around(rng: np.random.Generator) -> iv.PathEvents:
    panel, found = made(random_registers(rng, 150))
    path = iv.paths(panel, iv.first_rows(panel), horizon=12)
    return iv.from_registers(path, found, ALL)


def values_of(around: iv.PathEvents, *interventions: iv.Intervention) -> dict[str, np.ndarray]:
    found = iv.histories(around, arm(*interventions), unknown="keep")
    return {name: history.values for name, history in found.items()}


def assert_same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    assert list(left) == list(right)
    for name, values in left.items():
        np.testing.assert_array_equal(values, right[name])


FORCED = "forced_return"


def test_interventions_that_change_nothing(around: iv.PathEvents) -> None:
    observed = values_of(around)
    assert_same(values_of(around, iv.Delayed(term=FORCED, months=0)), observed)
    assert_same(values_of(around, iv.More(term=FORCED, share=0.0, spread=3, seed=1)), observed)
    assert_same(values_of(around, iv.NoEvents(term=FORCED), iv.Observed(term=FORCED)), observed)
    empty = iv.Campaign(term="forced_return_centre", threshold=10**6)
    assert_same(values_of(around, empty), observed)


def test_none_and_then_one_is_one(around: iv.PathEvents) -> None:
    one = iv.OneInMonth(term=FORCED, month=4)
    added = iv.Added(term=FORCED, month=4)
    both = values_of(around, iv.NoEvents(term=FORCED), added)
    assert_same(values_of(around, one), both)
    shifted = values_of(around, iv.OneInMonth(term=FORCED, month=5))
    assert not np.array_equal(shifted["forced_return_centre"], both["forced_return_centre"])


def test_only_the_named_term_changes(around: iv.PathEvents) -> None:
    observed = values_of(around)
    without = values_of(around, iv.NoEvents(term="forced_return_centre_count"))
    changed = [name for name in observed if not np.array_equal(observed[name], without[name], True)]
    assert changed == ["forced_return_centre_count"]


def test_copies_are_nested_and_doubling_doubles(around: iv.PathEvents) -> None:
    name = "forced_return_nationality_count"
    by_share = [
        values_of(around, iv.More(term=FORCED, share=share, seed=5))[name]
        for share in (0.0, 0.3, 0.6, 1.0)
    ]
    np.testing.assert_array_equal(by_share[-1][:, 0], 2 * by_share[0][:, 0])
    for less, more in pairwise(by_share):
        assert (more >= less)[~np.isnan(less)].all()
        assert np.nansum(more) > np.nansum(less)


def test_parts_of_the_paths_make_the_whole(around: iv.PathEvents) -> None:
    interventions = (
        iv.More(term=FORCED, share=0.5, spread=2, seed=8),
        iv.Campaign(term="forced_return_centre", threshold=8),
    )
    whole = values_of(around, *interventions)
    parts = [values_of(part, *interventions) for part in around.parts(17)]
    assert_same({name: np.vstack([part[name] for part in parts]) for name in whole}, whole)
    frames = pd.concat([part.paths.frame() for part in around.parts(17)], ignore_index=True)
    pd.testing.assert_frame_equal(frames, around.paths.frame())


# --- metamorphic --------------------------------------------------------------------------------
def relabelled(found: FamilyHistories, code: np.ndarray) -> FamilyHistories:
    def frame(old: pd.DataFrame) -> pd.DataFrame:
        new = old.assign(person=code[old["person"]])
        return new.sort_values(["person", *(["calendar"] if "calendar" in new else [])])

    return replace(
        found,
        families=frame(found.families).reset_index(drop=True),
        residence=frame(found.residence),
        exits=frame(found.exits),
        events=frame(found.events).sample(frac=1.0, random_state=1),
        residents=lambda: frame(found.residents()),
    )


def test_permuting_persons_changes_nothing(rng: np.random.Generator) -> None:
    panel, found = made(random_registers(rng, 60))
    n = len(found.families)
    code = np.arange(10**4)
    code[:n] = rng.permutation(n)
    other = relabelled(found, code)
    permuted = panels.build(other)
    interventions = (
        iv.Delayed(term="assisted_application", months=2),
        iv.Campaign(term="forced_return_centre", threshold=8),
    )
    of = [
        values_of(
            iv.from_registers(iv.paths(each, iv.first_rows(each), horizon=5), source, ALL),
            *interventions,
        )
        for each, source in ((panel, found), (permuted, other))
    ]
    persons = panel["person"].unique()
    at = np.searchsorted(np.sort(code[persons]), code[persons])
    row = (at[:, None] * 5 + np.arange(5)).ravel()
    assert_same(of[0], {name: values[row] for name, values in of[1].items()})
    assert not np.array_equal(of[0]["forced_return_centre"], of[1]["forced_return_centre"], True)


# --- paths --------------------------------------------------------------------------------------
def test_paths_are_a_panel(rng: np.random.Generator) -> None:
    panel, _ = made(random_registers(rng, 80))
    path = iv.paths(panel, iv.first_rows(panel), horizon=15)
    frame = path.frame()
    contracts.check_panel(frame, list(panel["exit"].cat.categories[1:]), columns=panel.columns)
    assert (frame["exit"] == "stay").all()
    assert frame.dtypes.equals(panel.dtypes)
    first = frame[path.month == 1].reset_index(drop=True)
    kept = [name for name in panel if name not in ("exit", "entry")]
    pd.testing.assert_frame_equal(first[kept], path.starts()[kept])
    last = panel["calendar"].max()
    beyond = (path.starts()["calendar"].to_numpy()[:, None] + np.arange(15) > last).sum()
    assert path.n_repeated == beyond > 0
    assert frame["calendar"].max() == last


def test_paths_beyond_the_panel_are_left_out_or_refused() -> None:
    panel, _ = made(march())  # f stays to December, the others leave earlier
    rows = iv.rows_of_month(panel, 424)  # May: d and f
    assert len(iv.paths(panel, rows, horizon=8, beyond="leave_out").row) == 2
    late = np.array([iv.first_rows(panel)[0], len(panel) - 1])
    left = iv.paths(panel, late, horizon=2, beyond="leave_out")
    assert left.row.tolist() == late[:1].tolist()
    assert left.left_out == {"path beyond the last month of the panel": 1}
    with pytest.raises(
        EstimandError,
        match=r"^paths must end with the last calendar month of the panel; got later ends of 2 of "
        r"2 paths\. Shorten the horizon, repeat the last year, or leave these paths out\.$",
    ):
        iv.paths(panel, rows, horizon=9, beyond="refuse")
    with pytest.raises(EstimandError, match=r"^paths must be at least one; all 2 go on after "):
        iv.paths(panel, rows, horizon=9, beyond="leave_out")
    short = panel[panel["calendar"] >= 421].reset_index(drop=True)
    with pytest.raises(
        EstimandError,
        match=r"^panel must cover 12 months, so that its last year can come again; got 11\. ",
    ):
        iv.paths(short, iv.first_rows(short), horizon=24)


@pytest.mark.parametrize("rows", [[0, 1], [12, 0], []])
def test_paths_start_once_per_person(rows: list[int]) -> None:
    panel, _ = made(march())
    with pytest.raises(EstimandError, match=r"^paths must start at "):
        iv.paths(panel, np.array(rows, dtype=np.int64))


# --- ready tables -------------------------------------------------------------------------------
def test_rows_tell_what_registers_know_where_there_are_rows(rng: np.random.Generator) -> None:
    panel, found = made(random_registers(rng, 150))
    at_start = panel.groupby("person")["centre"].transform("first")
    moved = panel.loc[panel["centre"] != at_start, "person"]
    panel = panel[~panel["person"].isin(moved)].reset_index(drop=True)
    asked = [one for one in ALL if one.history_before_start == "missing"]
    asked.append(term("forced_return", "centre", measure="count", lags=(-2, 1), at_least=1))
    asked = list({one.name: one for one in asked}.values())
    of_panel = exposures.register_histories(panel, found, asked)
    path = iv.paths(panel, iv.first_rows(panel), horizon=6, beyond="leave_out")
    told = values_of(iv.from_rows(path, of_panel, asked))
    known = values_of(iv.from_registers(path, found, asked))
    frame = path.frame()
    rows = pd.MultiIndex.from_frame(panel[["person", "month"]])
    there = pd.MultiIndex.from_frame(frame[["person", "month"]]).isin(rows)
    for name in told:
        np.testing.assert_array_equal(told[name][there], known[name][there])
        unknown = np.isnan(told[name])
        np.testing.assert_array_equal(told[name][~unknown], known[name][~unknown])
        assert unknown[~there].any()


def test_of_rows_that_disagree_the_nearest_to_the_start_is_believed() -> None:
    """Lag 1 of month 2 tells of another centre than lag 0 of month 1: the person moved."""
    panel = pd.DataFrame({"person": [0, 0, 1], "month": [1, 2, 1]})
    history = xr.DataArray(np.array([[0, 1], [1, 1], [1, 0]], np.float32), dims=("row", "lag"))
    one = term("visit", "centre", lags=(0, 1))
    path = iv.Paths(panel, np.array([0, 2]), 2, {})
    told = iv.from_rows(path, {one.name: history}, [one]).counts[one.name]
    np.testing.assert_array_equal(told, [[1, 0, 1], [0, 1, NAN]])


def test_rows_refuse_what_needs_dated_events() -> None:
    panel, found = made(march())
    rates = [AT_CENTRE, RATE]
    of_panel = exposures.register_histories(panel, found, rates)
    path = iv.paths(panel, iv.rows_of_month(panel, 422), horizon=3)
    around = iv.from_rows(path, of_panel, rates)
    for one in (
        iv.Delayed(term=AT_CENTRE.name, months=1),
        iv.More(term=AT_CENTRE.name, share=0.1, seed=1),
        iv.Added(term=AT_CENTRE.name, month=1),
        iv.Campaign(term=AT_CENTRE.name, threshold=1),
    ):
        with pytest.raises(
            EstimandError,
            match=rf"^intervention '{one.kind}' on term 'forced_return_centre' must have dated "
            r"events of others, from registers; got rows only\. Use 'none', 'one_in_month', "
            r"'sustained' or 'observed'\.$",
        ):
            iv.histories(around, arm(one))
    with pytest.raises(EstimandError, match=r"must have the number of residents, from registers"):
        iv.histories(around, arm(iv.OneInMonth(term=RATE.name, month=1)))
    with pytest.raises(
        EstimandError,
        match=r"^history of term 'forced_return_centre' must be known on every path; got unknown "
        r"months in 4 of 12 rows \(first: row 2\)\. After the last row of a person nothing is "
        r'known\. Intervene on the term, give the arm after = "drawn", which lets everybody go on '
        r"as those who are still there, or shorten the horizon where nobody is\.$",
    ):
        iv.histories(around, arm())
    none = iv.histories(around, arm(iv.NoEvents(term="forced_return")))
    assert all(np.isfinite(history).all() for history in none.values())


def test_arms_name_what_is_wrong() -> None:
    panel, found = made(march())
    path = iv.paths(panel, iv.first_rows(panel), horizon=3)
    wide = term("forced_return", "nationality")
    around = iv.from_registers(path, found, [wide])
    with pytest.raises(
        EstimandError,
        match=r"^term of intervention 'none' must be one of \['forced_return_nationality', "
        r"'forced_return'\]; got 'forced_returns'\. Did you mean 'forced_return'\?$",
    ):
        iv.histories(around, arm(iv.NoEvents(term="forced_returns")))
    with pytest.raises(EstimandError, match=r"^intervention 'campaign' must act on a term of the "):
        iv.histories(around, arm(iv.Campaign(term=wide.name, threshold=1)))
    with pytest.raises(
        EstimandError,
        match=r"^intervention 'added' must act within the 3 months of the paths; got month 4\.$",
    ):
        iv.histories(around, arm(iv.Added(term=wide.name, month=4)))
    with pytest.raises(ValueError, match="union_tag_invalid"):
        iv.Arm.model_validate({"name": "x", "interventions": [{"kind": "nothing", "term": "x"}]})


# --- support ------------------------------------------------------------------------------------
def test_observed_histories_are_supported_and_others_at_their_distance(
    rng: np.random.Generator,
) -> None:
    panel, found = made(random_registers(rng, 60))
    asked = [one for one in ALL if one.exposure == FORCED and one.measure != "per_resident"][:5]
    of_panel = exposures.register_histories(panel, found, asked)
    known = ~np.any([np.isnan(each.values).any(axis=1) for each in of_panel.values()], axis=0)
    rows = iv.first_rows(panel, np.flatnonzero(known))
    around = iv.from_registers(iv.paths(panel, rows, horizon=6), found, asked)
    observed = iv.support(around, iv.histories(around, arm()), of_panel)
    at_start = observed[observed["month"] == 1]
    assert (at_start[["unseen", "distance", "flagged"]] == 0).all(axis=None)
    assert (at_start["seen_least"] >= 1).all()
    assert observed["term"].unique().tolist() == [*(one.name for one in asked), ALL_TERMS]
    one = iv.histories(around, arm(iv.OneInMonth(term=FORCED, month=2, events=3)))
    for within in ((), ("centre",), ("centre", "nationality")):
        table = iv.support(around, one, of_panel, far=2, within=within)
        for name, terms_of in [(asked[2].name, asked[2:3]), (ALL_TERMS, asked)]:
            slow = slow_support(around, one, of_panel, terms_of, within)
            month = table[table["term"] == name].set_index("month")
            by_month = slow.groupby("month")
            assert month["unseen"].tolist() == by_month["unseen"].mean().tolist()
            assert month["distance"].tolist() == by_month["distance"].max().tolist()
            assert month["seen_median"].tolist() == by_month["seen"].median().tolist()
            assert month["seen_least"].tolist() == by_month["seen"].min().tolist()
            far = (slow["distance"] > 2).groupby(slow["month"]).mean()
            assert month["flagged"].tolist() == far.tolist()


def slow_support(
    around: iv.PathEvents,
    found: dict[str, xr.DataArray],
    observed: dict[str, xr.DataArray],
    asked: list[LaggedTerm],
    within: tuple[str, ...],
) -> pd.DataFrame:
    """Support of every row of an arm, by the distance of all pairs of rows."""
    left = np.hstack([found[one.name].values for one in asked])
    right = np.hstack([observed[one.name].values for one in asked])
    known = ~np.any([np.isnan(each.values).any(axis=1) for each in observed.values()], axis=0)
    apart = np.rint(cdist(left, np.nan_to_num(right), "hamming") * left.shape[1])
    panel = around.paths.panel
    apart[:, ~known] = left.shape[1]
    never = np.broadcast_to(~known, apart.shape).copy()
    for column in within:
        level = panel[column].astype(str).to_numpy()
        own = level[np.repeat(around.paths.row, around.paths.horizon)]
        never |= own[:, None] != level
        apart[never] = left.shape[1]
    return pd.DataFrame(
        {
            "month": around.paths.month,
            "distance": apart.min(axis=1),
            "seen": ((apart == 0) & ~never).sum(axis=1),
            "unseen": ~((apart == 0) & ~never).any(axis=1),
        }
    )


def test_an_arm_far_from_everything_is_refused() -> None:
    panel, found = made(march())
    of_panel = exposures.register_histories(panel, found, [AT_CENTRE])
    rows = iv.rows_of_month(panel, found.window.first + 2)
    around = iv.from_registers(iv.paths(panel, rows, horizon=4), found, [AT_CENTRE])
    name = AT_CENTRE.name
    every_month = [iv.OneInMonth(term=name, month=1)]
    every_month += [iv.Added(term=name, month=m) for m in (2, 3, 4)]
    table = iv.support(around, iv.histories(around, arm(*every_month)), of_panel)
    # observed are 000, 100, 010, 001 and, of d in March and of the others, 110: never 111
    assert table["distance"].tolist() == [1, 1, 1, 1]
    iv.check_positivity(table)
    nearer = iv.support(around, iv.histories(around, arm(*every_month)), of_panel, far=0)
    with pytest.raises(
        EstimandError,
        match=r"^histories of an arm must be near observed ones on all but 10% of the paths; got "
        r"more in \d of 4 terms and months \(worst: term 'forced_return_centre', month \d, "
        r"[\d.]+% of the paths, up to 1 lags away\)\. Ask for an arm nearer to what happened, or "
        r"allow a larger distance\.$",
    ):
        iv.check_positivity(nearer, share=0.1)
    unknown = iv.histories(around, arm())
    unknown[name] = unknown[name].copy(data=np.full_like(unknown[name].values, np.nan))
    with pytest.raises(EstimandError, match=r"^histories of an arm must be known on every path"):
        iv.support(around, unknown, of_panel)


# --- to hazards ---------------------------------------------------------------------------------
def test_hazards_on_paths_are_those_of_the_panel_at_the_start(rng: np.random.Generator) -> None:
    lag = (
        '[[term]]\nkind = "lagged"\nexposure = "forced_return"\nnetwork = "centre"\n'
        'lags = [0, 2]\nhistory_before_start = "missing"\n'
    )
    terms_of = [BASELINE + WALK, YEAR + NORMAL, CENTRE + POOLED, NATIONALITY + POOLED, lag + WALK]
    made_model: spec.ModelSpec = model(*terms_of)
    panel, found = made(random_registers(rng, 120))
    of_panel = exposures.register_histories(panel, found, made_model.lagged)
    built = design.build(panel, of_panel, made_model)
    beta = rng.normal(size=(built.n_coefficients, 3))
    path = iv.paths(panel, iv.first_rows(panel, built.row), horizon=8)
    around = iv.from_registers(path, found, made_model.lagged)
    observed, without = (
        _hazard(built, path, iv.histories(around, one), made_model, beta)
        for one in (arm(), arm(iv.NoEvents(term="forced_return"), before="none"))
    )
    at_start = np.isin(built.row, path.row)
    of_rows = likelihood.linear_predictor(likelihood.rows(built), beta)[at_start]
    np.testing.assert_array_equal(observed[path.month == 1], _probabilities(of_rows))
    assert not np.array_equal(observed, without)


def _hazard(
    built: design.Design,
    path: iv.Paths,
    histories: dict[str, xr.DataArray],
    made_model: spec.ModelSpec,
    beta: np.ndarray,
) -> np.ndarray:
    applied = design.apply(built, path.frame(), histories, made_model)
    assert len(applied.row) == path.n_rows
    return _probabilities(likelihood.linear_predictor(likelihood.rows(applied), beta))


def _probabilities(eta: np.ndarray) -> np.ndarray:
    return links.hazard(xr.DataArray(eta, dims=("row", "exit"))).values
