"""Dated spells and a window of observation: what they become, and the sentence for each fault."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard import months
from hazard import spec as specs
from hazard.data import table
from hazard.data.contracts import check_panel
from hazard.errors import PanelError, SpecError
from hazard.model.terms import calendar
from hazard.spec import ModelSpec
from slow_start_stop import Row, slow_rows

EXITS = ["assisted", "forced"]
TERM = '[[term]]\nkind = "calendar"\nby = "year"\n'
PRIOR = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
GROUP = '[[term]]\nkind = "group"\nby = "centre"\n' + PRIOR
HEAD = f"""name = "example"
question = "what comes after?"
[outcome]
exits = {EXITS}
[table]
layout = "spells"
start = "start"
exit = [
  {{ name = "assisted", time = "end", event = "how", code = "a" }},
  {{ name = "forced", time = "end", event = "how", code = "f" }},
]
"""
YEARS = 'unit = "year"\nunit_months = 12\n'
WINDOW = 'window_start = "2001-01"\nwindow_end = "2003-06"\n'


def model(*parts: str) -> ModelSpec:
    return specs.load(HEAD + "".join(parts))


def months_of(panel: pd.DataFrame) -> dict[int, list[int]]:
    return {person: rows.tolist() for person, rows in panel.groupby("person")["month"]}


def ends_of(panel: pd.DataFrame) -> list[str]:
    return panel.drop_duplicates("person", keep="last")["exit"].tolist()


# --- by hand ------------------------------------------------------------------------------------
#     from        to          how   months 2001-01 to 2003-06 in months since the start
#  K  2000-11-30  2001-02-01  a     3, 4: the first two lie before the window
#  L  2003-05-10                    1, 2: still there at the end of the window
#  M  2001-03-31  2001-03-31  f     1: on the day of arrival
#  N  2000-01-15  2000-12-31  a     none: left before the window
#  O  2003-07-01                    none: came after the window
#  P  2003-04-01  2003-08-20  f     1, 2, 3: left after the window, and is censored in it
#  Q  2001-01-01  2001-02-28  x     1, 2: left otherwise
SPELLS = """person,start,end,how,centre
K,2000-11-30,2001-02-01,a,B
L,2003-05-10,,,A
M,2001-03-31,2001-03-31,f,A
N,2000-01-15,2000-12-31,a,A
O,2003-07-01,,,A
P,2003-04-01,2003-08-20,f,A
Q,2001-01-01,2001-02-28,x,A
"""


def read(folder: Path, text: str, *parts: str) -> pd.DataFrame:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return table.read(path, model(*parts))


def test_months_of_a_window_by_hand(tmp_path: Path) -> None:
    panel = read(tmp_path, SPELLS, WINDOW, GROUP)
    check_panel(panel, EXITS)
    assert months_of(panel) == {0: [3, 4], 1: [1, 2], 2: [1], 3: [1, 2, 3], 4: [1, 2]}
    assert ends_of(panel) == ["assisted", "stay", "forced", "stay", "stay"]
    assert panel.drop_duplicates("person")["entry"].tolist() == [2, 0, 0, 0, 0]
    first = panel.drop_duplicates("person")["calendar"]
    assert [months.month_text(month) for month in first] == [
        *("2001-01", "2003-05", "2001-03", "2003-04", "2001-01")
    ]
    assert panel["centre"].tolist()[:3] == ["B", "B", "A"]
    assert panel.attrs["left_out"] == {"spells without a whole month in the window": (2, 2, 1)}


def test_without_a_window_nobody_is_late_or_left_out(tmp_path: Path) -> None:
    closed = "\n".join(line for line in SPELLS.splitlines() if ",," not in line) + "\n"
    panel = read(tmp_path, closed)
    assert months_of(panel) == {
        0: [1, 2, 3, 4],
        1: [1],
        2: [*range(1, 13)],
        3: [*range(1, 6)],
        4: [1, 2],
    }
    assert (panel["entry"] == 0).all()
    assert ends_of(panel) == ["assisted", "forced", "assisted", "forced", "stay"]
    assert panel.attrs["left_out"] == {}


# The same window in years since the month of the start; | is where a year begins.
#
#     from        to          how   2001-01 ............... 2003-06
#  K  1999-07     2002-06     a       |07 (2)   |07 (3)               entry 2, leaves in year 3
#  L  2001-01                        |01 (1)   |01 (2)   |01          two whole years
#  M  2001-08     2002-07     f         |08 (1)                       in the last month of year 1
#  N  2002-08     2003-03     f                     |08               year 1 ends after the window
#  O  2000-06     2001-05     a      .... |06                         left in a year seen in part
#  P  2001-02     2001-12     x       |02                             not a year, and no exit
#  Q  2001-02     2002-01     x       |02 (1)                         a year, filled
IN_YEARS = """person,start,end,how
K,1999-07-20,2002-06-03,a
L,2001-01-31,,
M,2001-08-15,2002-07-01,f
N,2002-08-01,2003-03-02,f
O,2000-06-02,2001-05-30,a
P,2001-02-01,2001-12-31,x
Q,2001-02-01,2002-01-01,x
"""


def test_years_of_a_window_by_hand(tmp_path: Path) -> None:
    panel = read(tmp_path, IN_YEARS, YEARS, WINDOW)
    check_panel(panel, EXITS)
    assert months_of(panel) == {0: [3], 1: [1, 2], 2: [1], 3: [1]}
    assert ends_of(panel) == ["assisted", "stay", "forced", "stay"]
    assert panel.drop_duplicates("person")["entry"].tolist() == [2, 0, 0, 0]
    assert [months.month_text(month) for month in panel["calendar"]] == [
        *("2001-07", "2001-01", "2002-01", "2001-08", "2001-02")
    ]
    assert panel.attrs["left_out"] == {"spells without a whole year in the window": (3, 3, 2)}


def test_years_give_calendar_terms_their_levels(tmp_path: Path) -> None:
    spec = model(YEARS, WINDOW, TERM + PRIOR)
    panel = read(tmp_path, IN_YEARS, YEARS, WINDOW, TERM + PRIOR)
    block, index = calendar.build(spec.term[0], panel)  # type: ignore[arg-type]
    assert block.levels.tolist() == [2001, 2002]
    assert index.tolist() == [0, 0, 1, 0, 0]


def test_endpoints_with_days_of_their_own() -> None:
    own = HEAD.replace(
        'time = "end", event = "how", code = "f"', 'time = "fetched", event = "police", code = 1'
    )
    raw = pd.DataFrame(
        {
            "person": [1, 2, 3, 4],
            "start": "2001-01-01",
            "end": ["2001-05-02", "2001-05-02", "2001-04-01", "2001-04-01"],
            "how": ["a", "a", "-", "-"],
            "fetched": ["2001-05-01", "2001-06-01", None, "2001-07-01"],
            "police": [1, 1, 0, 0],
        }
    )
    panel = table.panel(raw, specs.load(own))
    # the earlier day, in one month too; without an exit the latest day is the end of follow-up
    assert ends_of(panel) == ["forced", "assisted", "stay", "stay"]
    assert [rows[-1] for rows in months_of(panel).values()] == [5, 5, 4, 7]


# --- several spells of a person -----------------------------------------------------------------
EARLIER = "Z,1990-01-01,1990-01-31,f\n"  # so that both codes occur
AGAIN = "person,start,end,how\nK,2001-03-05,2001-04-02,a\nK,2001-01-01,2001-02-10,f\n"
ALONE = (
    "table column 'person' must be another in every row; got a person again in 1 of 2 rows "
    "(first: row 2). Keep one spell per person, or set again = 'separate' under [table]."
)
OVERLAP = (
    "table column 'person' must have spells that do not overlap; got spells that start before an "
    "earlier one of the person ends in 1 of 3 rows (first: row 1). Correct the dates, or give "
    "different persons different ids."
)


def test_spells_of_a_person_are_refused_or_separate(tmp_path: Path) -> None:
    with pytest.raises(PanelError, match=f"^{re.escape(ALONE)}$"):
        read(tmp_path, AGAIN)
    panel = read(tmp_path, AGAIN, 'again = "separate"\n')
    assert months_of(panel) == {0: [1, 2], 1: [1, 2]}
    assert ends_of(panel) == ["assisted", "forced"]


@pytest.mark.parametrize("end", ["2001-03-06", ""])
def test_spells_of_a_person_must_not_overlap(tmp_path: Path, end: str) -> None:
    on_one_day = AGAIN.replace("2001-02-10", "2001-03-05")
    assert len(read(tmp_path, on_one_day, 'again = "separate"\n')) == 5
    text = AGAIN.replace("2001-02-10,f", f"{end},{'f' if end else ''}") + EARLIER
    with pytest.raises(PanelError, match=f"^{re.escape(OVERLAP)}$"):
        read(tmp_path, text, 'again = "separate"\n', 'window_end = "2002-01"\n')
    other = text.replace("K,2001-01", "L,2001-01")  # negative control: two persons may
    read(tmp_path, other, 'again = "separate"\n', 'window_end = "2002-01"\n')


# --- how dates are written ----------------------------------------------------------------------
def test_dates_of_every_type_give_the_same_panel(tmp_path: Path) -> None:
    iso = pd.DataFrame(
        {
            "person": [1, 2, 3],
            "start": ["1867-10-23", "2001-01-31", "1990-05-02"],
            "end": ["1869-02-01", None, "1991-04-30"],
            "how": ["a", None, "f"],
        }
    )
    spec = model(YEARS, 'window_end = "2003-06"\n')
    expected = table.panel(iso, spec)
    assert len(expected) == 5
    moments = iso.assign(**{name: pd.to_datetime(iso[name]) for name in ("start", "end")})
    zoned = moments.assign(start=moments["start"].dt.tz_localize("America/Toronto"))
    days = moments.assign(start=moments["start"].dt.date)
    for other in (moments, zoned, days):
        pd.testing.assert_frame_equal(table.panel(other, spec), expected)
    moments.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(table.read(tmp_path / "table.parquet", spec), expected)
    norwegian = iso.assign(
        **{name: moments[name].dt.strftime("%d.%m.%Y") for name in ("start", "end")}
    )
    spec = model(YEARS, 'window_end = "2003-06"\ndates = "dd.mm.yyyy"\n')
    pd.testing.assert_frame_equal(table.panel(norwegian, spec), expected)
    with pytest.raises(PanelError, match=r"'start' must hold dates written YYYY-MM-DD; got some"):
        table.panel(norwegian, model('window_end = "2003-06"\n'))


@given(st.dates(), st.sampled_from(["yyyy-mm-dd", "dd.mm.yyyy"]))
def test_a_day_comes_back(day: dt.date, written: months.Written) -> None:
    iso = written == "yyyy-mm-dd"
    text = day.isoformat() if iso else f"{day.day}.{day.month}.{day.year:04}"
    found, strange = months.days(pd.Series([text, day, None]), written)
    assert found.tolist() == [day, day, None]
    assert not strange.any()
    assert months.month_of(found[:1]) == (day.year - 1970) * 12 + day.month - 1


@pytest.mark.parametrize(
    "cell", ["2001-02-30", "2001-2-3", "20010203", "2001-02", "03.02.2001", "x", 20010203, 1.5]
)
def test_what_is_not_a_day(cell: object) -> None:
    found, strange = months.days(pd.Series(["2001-02-03", cell, None], dtype=object), "yyyy-mm-dd")
    assert np.isnat(found).tolist() == [False, True, True]
    assert strange.tolist() == [False, True, False]


ZONED = """person,start,end,how
1,2020-01-01T00:00:00+01:00,2020-03-01T00:00:00+01:00,a
2,2020-01-15 00:00:00+0100,2020-03-15 23:59:59.9+01:00,f
3,2020-07-01T00:30:00+02:00,2020-07-31T23:30:00Z,x
"""


def test_the_day_of_a_time_zone_is_the_one_that_is_written(tmp_path: Path) -> None:
    written = read(tmp_path, ZONED)
    assert written.drop_duplicates("person")["calendar"].tolist() == [600, 600, 606]
    assert months_of(written) == {0: [1, 2, 3], 1: [1, 2, 3], 2: [1]}
    oslo = pd.read_csv(tmp_path / "table.csv")[:2]
    for name in ("start", "end"):
        utc = pd.to_datetime(oslo[name], utc=True, format="ISO8601")
        oslo[name] = utc.dt.tz_convert("Europe/Oslo")
    oslo.to_parquet(tmp_path / "table.parquet")
    stored = table.read(tmp_path / "table.parquet", model())
    pd.testing.assert_frame_equal(stored, written[written["person"] < 2])
    greenwich = oslo.assign(start=oslo["start"].dt.tz_convert("UTC"))  # negative control
    assert table.panel(greenwich, model())["calendar"].tolist()[0] == 599


def test_one_moment_in_two_time_zones_has_two_days() -> None:
    east = dt.datetime.fromisoformat("2020-01-01T00:30:00+01:00")
    both = pd.Series([east, east.astimezone(dt.UTC)], dtype=object)
    assert both[0] == both[1]
    assert months.days(both, "yyyy-mm-dd")[0].astype(str).tolist() == ["2020-01-01", "2019-12-31"]


# --- what is wrong with a file ------------------------------------------------------------------
FAULTS = {
    ("K,2000-11-30", "K,30/11/2000"): (
        "table column 'start' must hold dates written YYYY-MM-DD; got something else in 1 of 7 "
        "rows (first: row 1). Correct the cells, or state how dates are written by dates under "
        "[table]."
    ),
    ("M,2001-03-31", "M,"): (
        "table column 'start' must not be missing; got missing values in 1 of 7 rows (first: row "
        "3). Complete them,"
    ),
    ("2001-02-01,a", ",a"): (
        "table column 'end' where 'how' is 'a' must not be missing; got missing values in 1 of 7 "
        "rows (first: row 1). Complete them,"
    ),
    ("2001-02-01,a", "2001-02-01,"): (
        "table column 'how' where 'end' is given must not be missing; got missing values in 1 of 7 "
        "rows (first: row 1). Complete them,"
    ),
    ("2001-02-01,a", "2000-11-29,a"): (
        "table column 'end' must not be before 'start'; got earlier days in 1 of 7 rows (first: "
        "row 1). Correct the dates."
    ),
    ("start,end", "begun,end"): "table column 'start' must exist once; got 0.",
    ("how,centre", "how,center"): "table column 'centre' must exist once; got 0. Did you mean 'ce",
}


@pytest.mark.parametrize(("old", "new"), FAULTS)
def test_spells_that_break_a_rule(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(PanelError, match=f"^{re.escape(FAULTS[old, new])}[^\n]*$"):
        read(tmp_path, SPELLS.replace(old, new), WINDOW, GROUP)


def test_spells_without_an_end_need_one_of_the_window(tmp_path: Path) -> None:
    sentence = (
        "table columns ['end'] must hold the end of a spell where there is no window_end; got "
        "spells without an end in 2 of 7 rows (first: row 2). Complete them, or state window_end "
        "under [table] to follow these spells until then."
    )
    for text in (SPELLS, SPELLS.replace("10,,", "10,9999-12-31,x")):
        with pytest.raises(PanelError, match=f"^{re.escape(sentence)}$"):
            read(tmp_path, text, 'window_start = "2001-01"\n')


def test_a_window_without_spells(tmp_path: Path) -> None:
    with pytest.raises(PanelError, match=r"^panel must have at least one row; got none\.$"):
        read(tmp_path, SPELLS, 'window_start = "1990-01"\nwindow_end = "1990-12"\n')


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ('entry = "late"\n', "start needs layout 'spells', without entry, origin and time_scale"),
        ("time_scale = 12.0\n", "start needs layout 'spells', without entry, origin and time_sca"),
        ("unit_months = 12\n", "unit must name what unit_months months are, such as 'year' for"),
        (WINDOW.replace("2003", "2000"), "window_start must not be after window_end"),
        ('window_start = "2001-13"\n', "table.window_start must be a month written YYYY-MM"),
        ('dates = "mm/dd/yyyy"\n', "table.dates must be 'yyyy-mm-dd' or 'dd.mm.yyyy'"),
    ],
)
def test_a_table_that_does_not_hold_together(part: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=re.escape(sentence)):
        model(part)


def test_a_window_needs_dates() -> None:
    with pytest.raises(SpecError, match="unit_months, window_start, window_end must come with"):
        specs.load(HEAD.replace('start = "start"\n', "") + YEARS + WINDOW)


# --- against a slow loop over the months of every spell -----------------------------------------


SPELL = st.tuples(
    st.integers(0, 40), st.integers(0, 40) | st.none(), st.sampled_from(["a", "f", "x"])
)


@settings(max_examples=60)
@given(
    st.lists(SPELL, min_size=1, max_size=12),
    st.sampled_from([1, 3, 12]),
    st.integers(0, 30),
    st.integers(6, 40),
)
def test_rows_equal_a_slow_loop(
    drawn: list[tuple[int, int | None, str]], unit: int, opens: int, length: int
) -> None:
    window = range(360 + opens, 360 + opens + length)
    spells = [(360 + start, None if n is None else 360 + start + n, how) for start, n, how in drawn]
    names = {"a": "assisted", "f": "forced", "x": "stay"}
    expected = [
        slow_rows(start, end, "stay" if end is None else names[how], unit, window)
        for start, end, how in spells
    ]
    found = expanded(spells, unit, window) if any(expected) else []
    assert found == [rows for rows in expected if rows]


def expanded(
    spells: list[tuple[int, int | None, str]], unit: int, window: range
) -> list[list[Row]]:
    raw = pd.DataFrame(
        {
            "person": range(len(spells)),
            "start": [f"{months.month_text(start)}-28" for start, _, _ in spells],
            "end": [None if e is None else f"{months.month_text(e)}-28" for _, e, _ in spells],
            "how": [None if e is None else how for _, e, how in spells],
        }
    ).astype({"how": object})
    early = {"start": "1960-01-01", "end": "1960-02-01"}  # so that both codes occur
    both = pd.DataFrame({"person": [-1, -2], "how": ["a", "f"]}).assign(**early)
    raw = pd.concat([raw, both], ignore_index=True)
    opens, closes = months.month_text(window[0]), months.month_text(window[-1])
    spec = model(
        f'unit = "period"\nunit_months = {unit}\n',
        f'window_start = "{opens}"\nwindow_end = "{closes}"\n',
    )
    panel = table.panel(raw, spec)
    check_panel(panel, EXITS)
    rows = panel.astype({"exit": str}).groupby("person")[["month", "exit"]]
    return [list(map(tuple, own.to_numpy().tolist())) for _, own in rows]
