"""Ready tables: what a file becomes, row by row, and the sentence for each way to be wrong."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard import spec as specs
from hazard.data import table
from hazard.data.contracts import check_panel
from hazard.errors import PanelError, SpecError, UsageError
from hazard.spec import BaselineTerm, ModelSpec

NORMAL = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
SEX = '[[term]]\nkind = "covariate"\ncolumn = "sex"\n' + NORMAL
LAGGED = '[[term]]\nkind = "lagged"\nhistory_before_start = "missing"\nlags = [0, 1]\n' + NORMAL
OWN = LAGGED + 'exposure = "employed"\nnetwork = "own"\n'
PEERS = LAGGED + 'exposure = "event"\nnetwork = "centre"\n'
SPELLS = """[table]
layout = "spells"
person = "id"
exit = [
  { name = "assisted", time = "weeks", event = "how", code = "a" },
  { name = "forced", time = "weeks_f", event = "fetched", code = 1 },
]
"""


def model(*parts: str) -> ModelSpec:
    head = 'name = "example"\nquestion = "what comes after?"\n'
    return specs.load(head + '[outcome]\nexits = ["assisted", "forced"]\n' + "".join(parts))


def write(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- one row per person and month, by hand ------------------------------------------------------
ROWS = """person,month,exit,sex,event_centre_lag0,event_centre_lag1,note
K7,3,stay,female,1,0,x
A2,1,stay,male,NA,,y
K7,4,assisted,female,0,1,
A2,2,stay,male,0,,z
"""


def test_rows_by_hand(tmp_path: Path) -> None:
    panel = table.read(write(tmp_path, ROWS), model(SEX, PEERS))
    check_panel(panel, ["assisted", "forced"])
    assert list(panel) == [
        *("person", "month", "entry", "exit", "sex", "event_centre_lag0", "event_centre_lag1")
    ]
    assert panel["person"].tolist() == [0, 0, 1, 1]  # K7 comes first in the file
    assert panel["month"].tolist() == [3, 4, 1, 2]
    assert panel["entry"].tolist() == [2, 2, 0, 0]
    assert panel["exit"].tolist() == ["stay", "assisted", "stay", "stay"]
    assert panel["sex"].cat.categories.tolist() == ["female", "male"]
    np.testing.assert_array_equal(panel["event_centre_lag0"], [1, 0, np.nan, 0])
    np.testing.assert_array_equal(panel["event_centre_lag1"], [0, 1, np.nan, np.nan])
    types = panel.dtypes[["person", "month", "entry"]].astype(str).tolist()
    assert types == ["int64", "int32", "int32"]


def test_csv_and_parquet_give_the_same_panel(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + ROWS)
    stored = pd.read_csv(path).set_index("person").astype({"exit": "category"})
    stored.to_parquet(tmp_path / "table.parquet")
    spec = model(SEX, PEERS)
    pd.testing.assert_frame_equal(
        table.read(path, spec), table.read(tmp_path / "table.parquet", spec), check_dtype=True
    )


def test_columns_of_other_names_and_calendar() -> None:
    names = '[table]\nperson = "family"\nmonth = "t"\nexit = "how"\nentry = "late"\n'
    raw = pd.DataFrame(
        {"family": [9, 9], "t": [2, 4], "how": ["stay", "forced"], "late": [1, 1]}
    ).assign(calendar=[500, 502])
    panel = table.panel(raw, model(names))
    assert panel.drop(columns="exit").to_numpy().tolist() == [[0, 2, 500, 1], [0, 4, 502, 1]]


def test_own_exposure_in_words_becomes_numbers() -> None:
    raw = pd.DataFrame({"person": [1, 1], "month": [1, 2], "exit": "stay"})
    panel = table.panel(raw.assign(employed=["yes", "no"]), model(OWN))
    assert panel["employed"].tolist() == [1.0, 0.0]
    with pytest.raises(
        PanelError,
        match=re.escape(
            "table column 'employed' must hold numbers, or yes and no; got other text in 1 of 2 "
            "rows (first: row 2). Correct the text"
        ),
    ):
        table.panel(raw.assign(employed=["yes", "perhaps"]), model(OWN))


def test_covariate_of_numbers_stays_and_group_of_numbers_becomes_levels() -> None:
    group = '[[term]]\nkind = "group"\nby = "centre"\n' + NORMAL
    raw = pd.DataFrame({"person": [1, 2, 3], "month": 1, "exit": "stay"})
    panel = table.panel(raw.assign(sex=[1.5, 2, 3], centre=[12, 7, 12]), model(SEX, group))
    assert panel["sex"].tolist() == [1.5, 2.0, 3.0]
    assert panel["centre"].tolist() == ["12", "7", "12"]


def test_column_of_the_persons_of_costs_is_kept_and_must_be_there() -> None:
    raw = pd.DataFrame({"person": [1, 2], "month": 1, "exit": "stay", "sex": ["a", "b"]})
    sized = raw.assign(members=[1, 3])
    costs = '[costs]\npersons = "members"\n'
    assert table.panel(sized, model(SEX, costs))["members"].tolist() == [1, 3]
    assert "members" not in table.panel(sized, model(SEX))  # negative control: nobody asks for it
    with pytest.raises(PanelError, match="members"):
        table.panel(raw, model(SEX, costs))


# --- one row per person, by hand ----------------------------------------------------------------
# id   weeks how  weeks_f fetched      last month and exit
#  b       3   a        3       1      3, assisted: both in month 3, the first in the list counts
#  c       2   -        4       0      4, still there: the later of the two times
#  a       4   a        1       1      1, forced: before the application
PERSONS = """id,weeks,how,weeks_f,fetched,sex,emp1,emp2,emp3,emp4
b,3,a,3,1,male,no,yes,no,
c,2,-,4,0,female,yes,no,yes,yes
a,4,a,1,1,male,yes,,,
"""
WIDE = 'wide = { employed = "emp" }\n'


def test_spells_by_hand(tmp_path: Path) -> None:
    panel = table.read(write(tmp_path, PERSONS), model(SPELLS, WIDE, SEX, OWN))
    check_panel(panel, ["assisted", "forced"])
    assert panel["person"].tolist() == [0, 0, 0, 1, 1, 1, 1, 2]
    assert panel["month"].tolist() == [1, 2, 3, 1, 2, 3, 4, 1]
    assert panel["exit"].tolist() == [*["stay"] * 2, "assisted", *["stay"] * 4, "forced"]
    assert panel["employed"].tolist() == [0, 1, 0, 1, 0, 1, 1, 1]
    assert panel["sex"].tolist() == ["male"] * 3 + ["female"] * 4 + ["male"]


def test_order_of_the_endpoints_decides_in_one_month(tmp_path: Path) -> None:
    first, second = SPELLS.splitlines()[4:6]
    swapped = SPELLS.replace(first, "#").replace(second, f"{second}\n{first}")
    panel = table.read(write(tmp_path, PERSONS), model(swapped))
    assert panel["exit"].tolist()[2] == "forced"


def test_months_before_the_entry_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "id,weeks,how,weeks_f,fetched,seen\nx,4,a,4,0,2\ny,2,-,2,1,0\n")
    panel = table.read(path, model(SPELLS, 'entry = "seen"\n'))
    assert panel["month"].tolist() == [3, 4, 1, 2]
    assert panel["entry"].tolist() == [2, 2, 0, 0]


def test_calendar_of_a_spell_is_that_of_month_one() -> None:
    spells = pd.DataFrame({"entry": [1], "last": [3], "exit": ["stay"], "calendar": [500]})
    assert table.expand(spells)["calendar"].tolist() == [501, 502]


def test_times_in_years_are_rounded_up_to_months() -> None:
    years = [0.01, 0.16666667, 0.5, 0.7, 1.0]  # 0.12, 2, 6, 8.4 and 12 months
    raw = pd.DataFrame({"id": range(5), "weeks": years, "how": "a", "weeks_f": 9, "fetched": 0})
    raw = pd.concat(
        [raw, pd.DataFrame({"id": [5], "weeks": 1, "how": "-", "weeks_f": 2, "fetched": 1})]
    )
    panel = table.panel(raw, model(SPELLS, "time_scale = 12.0\n"))
    assert panel.groupby("person")["month"].max().tolist() == [1, 2, 6, 9, 12, 24]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.booleans()), max_size=12))
def test_expanded_spells_add_up(drawn: list[tuple[int, int, bool]]) -> None:
    entry, length, leaves = np.array(drawn, dtype=np.int64).reshape(-1, 3).T
    spells = pd.DataFrame({"entry": entry, "last": entry + length})
    spells = spells.assign(exit=np.where(leaves == 1, "forced", "stay"), person=range(len(entry)))
    rows = table.expand(spells)
    assert len(rows) == length.sum()
    assert (rows["exit"] == "forced").sum() == leaves.sum()
    by_person = rows.groupby("person")["month"]
    assert (by_person.min() == entry + 1).all()
    assert (by_person.max() == entry + length).all()
    assert (by_person.nunique() == length).all()


def test_persons_with_a_missing_covariate_are_left_out_on_request_and_counted(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, PERSONS.replace("female", ""))
    with pytest.raises(
        PanelError,
        match=re.escape(
            "'sex' must not be missing; got missing values in 1 of 3 rows (first: row 2)"
        ),
    ):
        table.read(path, model(SPELLS, SEX))
    panel = table.read(path, model(SPELLS, 'incomplete = "drop"\n', SEX))
    assert panel.attrs["left_out"] == {"persons with a missing value": (1, 1, 0)}
    assert panel["person"].tolist() == [0, 0, 0, 1]
    assert table.read(path, model(SPELLS)).attrs["left_out"] == {}


# --- what is wrong with a file ------------------------------------------------------------------
def test_path_that_cannot_be_read_is_a_matter_of_usage(tmp_path: Path) -> None:
    missing = tmp_path / "no such folder" / "table.csv"
    for path in (missing, tmp_path / "table.parquet"):
        with pytest.raises(UsageError, match=re.escape(f"must exist; no file at {str(path)!r}.")):
            table.read(path, model())
    text = write(tmp_path, ROWS, "table.txt")
    with pytest.raises(UsageError, match=r"must be a \.csv or a \.parquet file; got '.*txt'\.$"):
        table.read(text, model())
    with pytest.raises(
        UsageError,
        match=r"one of \['lifelines\.canadian_.*'lifelines\.rossi'\]; got 'lifelines\.rosi'\. Did",
    ):
        table.bundled("lifelines.rosi")
    assert UsageError.exit_code == 2


HEAD = "person,month,exit,sex\n"
FILES = {
    "": "table must have at least one row; got an empty file.",
    HEAD: "panel must have at least one row; got none.",
    "person,month,sexx\n1,1,male\n": (
        "table column 'exit' must exist once; got 0.\n"
        "table column 'sex' must exist once; got 0. Did you mean 'sexx'?"
    ),
    HEAD.replace("\n", ",sex\n") + "1,1,stay,male,male\n": (
        "table column 'sex' must exist once; got 2."
    ),
    HEAD + "1,1,stay,male\n1,2,stay\n": (
        "table must have as many cells in every row as in its header; got another number in 1 rows "
        "(first: row 2). Quote cells with a comma."
    ),
    HEAD + "2,1,stay,male\n1,0,stay,male\n": (
        "panel column 'month' must be at least 1; got months before the start in 1 of 2 rows "
        "(first: row 2). Number the months at risk from 1; add 1 to all where they start at 0."
    ),
    HEAD + "2,2,dissapeared,male\n1,1,asisted,male\n": (
        "panel column 'exit' must be one of ['assisted', 'forced', 'stay']; got 'asisted' and 1 "
        "other labels in 2 of 2 rows (first: row 1). Did you mean 'assisted'? Correct the "
        "register, or declare the exit under [outcome]."
    ),
    HEAD + "2,2,forced,male\n1,1,stay,male\n2,1,forced,male\n": (
        "panel must have at most one exit per person; got further exits in 1 of 3 rows "
        "(first: row 1). Keep the first exit."
    ),
    HEAD + "1,one,stay,male\n": (
        "table column 'month' must hold numbers; got text in 1 of 1 rows (first: row 1). Correct "
        "the cells, with a decimal point in fractions."
    ),
}


@pytest.mark.parametrize("text", FILES)
def test_file_that_breaks_a_rule(tmp_path: Path, text: str) -> None:
    with pytest.raises(PanelError, match=f"^{re.escape(FILES[text])}$"):
        table.read(write(tmp_path, text), model(SEX))


def test_files_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(HEAD.encode() + b"1,1,stay,\xff\xfe\n")
    (tmp_path / "b.parquet").write_text("canary", encoding="utf-8")
    (tmp_path / "c.csv").write_bytes(b"\n\n")
    for name, kind in (("a.csv", "CSV"), ("b.parquet", "Parquet"), ("c.csv", "CSV")):
        with pytest.raises(PanelError, match=f"^table must be a .*{kind} file.*; got [a-z ]+"):
            table.read(tmp_path / name, model(SEX))


SPELL_FAULTS = {
    ("b,3,", "b,0,"): (
        "table column 'weeks' must be above 0; got a spell without a month at risk in 1 of 3 rows "
        "(first: row 1). Leave the person out, or count the month of entry as month 1: where the "
        "first month is called 0, set origin = -1.0 under [table]."
    ),
    ("c,2,", "c,2.5,"): (
        "table column 'weeks' must hold whole months; got fractions in 1 of 3 rows "
        "(first: row 2). Round the times, or set time_scale under [table] to the months in one "
        "unit of time (1.0 for months): times are then rounded up."
    ),
    ("c,2,", "c,soon,"): (
        "table column 'weeks' must hold numbers; got text in 1 of 3 rows (first: row 2). Correct "
        "the cells, with a decimal point in fractions."
    ),
    ("a,4,", "b,4,"): (
        "table column 'id' must be another in every row of layout 'spells'; got a person again in "
        "1 of 3 rows (first: row 3). Keep one row per person, or use layout 'rows'."
    ),
    ("c,2,-,4,0", "c,2,-,4,"): (
        "table column 'fetched' must not be missing; got missing values in 1 of 3 rows "
        "(first: row 2). Complete them, or take these rows out of the table."
    ),
    ("4,0", "4,never"): (
        "table column 'fetched' must hold numbers; got text in 1 of 3 rows (first: row 2). Correct "
        "the code 1 under [table], or these cells."
    ),
    ("no,yes,no", "no,,no"): (
        "table columns 'emp1' to 'emp4' in a month at risk must not be missing; got missing values "
        "in 1 of 3 rows (first: row 1). Complete them, or take these rows out of the table."
    ),
    ("no,yes,no", "no,perhaps,no"): (
        "table columns 'emp1' to 'emp4' must hold numbers, or yes and no; got other text in 1 of 3 "
        "rows (first: row 1). Correct the text."
    ),
    ("emp4", "empp4"): "table columns 'emp1' to 'emp4' must all exist; got 3 of 4.",
}


@pytest.mark.parametrize(("old", "new"), SPELL_FAULTS)
def test_spells_that_break_a_rule(tmp_path: Path, old: str, new: str) -> None:
    sentence = SPELL_FAULTS[old, new]
    path = write(tmp_path, PERSONS.replace(old, new))
    with pytest.raises(PanelError, match=f"^{re.escape(sentence)}"):
        table.read(path, model(SPELLS, WIDE, SEX, OWN))


def test_person_seen_only_after_the_end_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, "id,weeks,how,weeks_f,fetched,seen\nx,4,a,4,0,4\ny,9,-,9,1,1\n")
    with pytest.raises(
        PanelError,
        match=r"^table column 'seen' must be from 0, the start of the clock, to before the end; "
        r"got other times in 1 of 2 rows \(first: row 1\)\. Write 0 for persons who were seen from",
    ):
        table.read(path, model(SPELLS, 'entry = "seen"\n'))


def test_model_file_and_layout_must_agree() -> None:
    with pytest.raises(SpecError, match="exit must name a column for layout 'rows'"):
        model(SPELLS.replace("spells", "rows"))
    with pytest.raises(SpecError, match="wide, origin and time_scale need layout 'spells'"):
        model("[table]\n", WIDE)
    one = "\n".join(line for line in SPELLS.splitlines() if "forced" not in line) + "\n"
    with pytest.raises(SpecError, match=r"one endpoint for each of .*forced.*; got \['assisted'\]"):
        table.panel(pd.DataFrame({"id": [1], "weeks": [1], "how": ["a"]}), model(one))


def test_messages_show_no_value_of_a_person(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + '"canary-1",canary-2,canary-3,\ncanary-4,"x\n')
    with pytest.raises(PanelError) as caught:
        table.read(path, model(SEX))
    assert "canary" not in str(caught.value)


# --- times and entries by one clock -------------------------------------------------------------
CLOCK = """[table]
layout = "spells"
person = "id"
entry = "seen"
exit = [{ name = "assisted", time = "t", event = "how", code = 1 }]
"""


def clocked(raw: pd.DataFrame, *parts: str) -> pd.DataFrame:
    head = 'name = "m"\nquestion = "what comes after?"\n[outcome]\nexits = ["assisted"]\n'
    return table.panel(raw, specs.load(head + CLOCK + "".join(parts)))


def months_at_risk(panel: pd.DataFrame) -> list[tuple[int, int, int]]:
    by_person = panel.groupby("person")
    return list(
        zip(
            by_person["month"].min().tolist(),
            by_person["month"].max().tolist(),
            by_person["entry"].first().tolist(),
            strict=True,
        )
    )


# id  seen  t       in months       first row, last row
#  1  1     2       12 to 24        13, 24
#  2  0.5   1.25     6 to 15         7, 15
#  3  0.55  1.01     6.6 to 12.12    8, 13: month 7 was not seen as a whole; the exit is in month 13
#  4  0.55  0.56     6.6 to 6.72     none: it left in the month in which it was first seen
YEARS = pd.DataFrame(
    {"id": [1, 2, 3, 4], "seen": [1, 0.5, 0.55, 0.55], "t": [2, 1.25, 1.01, 0.56], "how": 1}
)


def test_entry_in_years_by_hand() -> None:
    panel = clocked(YEARS, "time_scale = 12.0\n")
    assert months_at_risk(panel) == [(13, 24, 12), (7, 15, 6), (8, 13, 7)]
    reason = "spells without a whole month between entry and end"
    assert panel.attrs["left_out"] == {reason: (1, 1, 1)}
    assert months_at_risk(panel)[0] != (2, 24, 1)  # negative control: an entry in years


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 30), st.booleans()), min_size=1, max_size=6
    ),
    st.sampled_from([12, 4, 0.5, 1]),
    st.integers(-7, 7),
)
def test_the_unit_and_the_origin_of_a_clock_do_not_matter(
    drawn: list[tuple[int, int, bool]], per_unit: float, origin: int
) -> None:
    entry, length, left = np.array([*drawn, (0, 3, True)], dtype=np.int64).T
    raw = pd.DataFrame({"id": range(len(entry)), "seen": entry, "t": entry + length, "how": left})
    moved = raw.assign(seen=raw["seen"] / per_unit + origin, t=raw["t"] / per_unit + origin)
    panel = clocked(moved, f"time_scale = {float(per_unit)}\norigin = {float(origin)}\n")
    pd.testing.assert_frame_equal(panel, clocked(raw))
    assert len(panel) == length.sum()


def test_the_key_that_a_message_asks_for_is_taken() -> None:
    with pytest.raises(PanelError, match=r"set time_scale under \[table\] .* \(1\.0 for months\)"):
        clocked(YEARS)
    assert months_at_risk(clocked(YEARS[:1].assign(seen=1.5, t=2.5), "time_scale = 1.0\n")) == [
        (3, 3, 2)
    ]
    at_zero = YEARS[:1].assign(t=0.0, seen=0.0)
    with pytest.raises(PanelError, match=r"set origin = -1\.0 under \[table\]"):
        clocked(at_zero)
    assert months_at_risk(clocked(at_zero.assign(seen=-1), "origin = -1.0\n")) == [(1, 1, 0)]


def test_times_that_would_fill_the_memory_are_refused() -> None:
    with pytest.raises(PanelError, match="'t' must be at most 12,000 months after the origin; got"):
        clocked(YEARS.assign(t=1e12, seen=0))


# --- codes, exits, calendar ---------------------------------------------------------------------
def coded(labels: list[str], code: str) -> pd.DataFrame:
    text = CLOCK.replace("code = 1", f'code = "{code}"').replace('entry = "seen"\n', "")
    head = 'name = "m"\nquestion = "what comes after?"\n[outcome]\nexits = ["assisted"]\n'
    raw = pd.DataFrame({"id": range(len(labels)), "t": 1, "how": labels})
    return table.panel(raw, specs.load(head + text))


@given(
    st.lists(st.sampled_from(["dead", "left", "alive", "3", ""]), min_size=1, max_size=6),
    st.sampled_from(["dead", "left", "Dead", "lost", "3"]),
)
def test_a_code_that_never_matches_is_always_refused(labels: list[str], code: str) -> None:
    if code in labels:
        assert (coded(labels, code)["exit"] == "assisted").sum() == labels.count(code)
        return
    with pytest.raises(PanelError, match=f"must hold the code '{code}' of exit 'assisted'; got"):
        coded(labels, code)


def test_a_code_that_never_matches_names_the_nearest() -> None:
    sentence = (
        "table column 'how' must hold the code 'Dead' of exit 'assisted'; got it in none of 20 "
        "rows. Did you mean 'dead'? Correct the code under [table], or take the exit out of the "
        "model."
    )
    with pytest.raises(PanelError, match=f"^{re.escape(sentence)}$"):
        coded(["dead", "alive"] * 10, "Dead")


def test_a_code_that_never_matches_names_no_label_of_few() -> None:
    """In a column of ids some id resembles nearly any code."""
    with pytest.raises(PanelError, match=r"none of 20 rows\. Correct the code under"):
        coded([f"deadline {n}" for n in range(11)] + ["dead"] * 9, "Deal")


def near(label: str) -> st.SearchStrategy[str]:
    """The label in another case, with spaces, a stop or a character that nobody sees."""
    signs = st.sampled_from([" ", "\u00a0", "\u200b", "\t"])
    changed = st.sampled_from([label.upper(), label.title(), f"{label}."])
    put = st.tuples(signs, st.integers(0, len(label))).map(
        lambda at: label[: at[1]] + at[0] + label[at[1] :]
    )
    return changed | put


@given(st.data(), st.sampled_from(["dead", "assisted"]))
@settings(max_examples=30)
def test_a_label_that_is_nearly_a_code_or_its_exit_is_refused(data: st.DataObject, of: str) -> None:
    label = data.draw(near(of))
    with pytest.raises(PanelError, match=r"'how' must .* in .* of 4 rows \(first: row 3\)"):
        coded(["dead", "alive", label, label], "dead")
    assert coded(["dead", "alive", "deadly", "gone"], "dead")["exit"].ne("stay").sum() == 1


@pytest.mark.parametrize("numbers", [[1.0, 0.0, 1.5], ["1", "0", "1.5"]])
def test_fractions_beside_whole_codes_are_refused(numbers: list[float] | list[str]) -> None:
    with pytest.raises(PanelError, match=r"'how' must hold whole .* in 1 of 3 rows \(first: row 3"):
        coded([*map(str, numbers)], "1")
    assert coded(["1", "0", "2"], "1")["exit"].ne("stay").sum() == 1


def test_entries_and_times_are_told_of_together() -> None:
    raw = pd.DataFrame({"id": [1, 2, 3, 4], "weeks": [0, 4, 4, 4], "how": ["a", "a", "b", "b"]})
    raw = raw.assign(weeks_f=raw["weeks"], fetched=[0, 0, 1, 0], seen=[0, -1, 5, 0])
    with pytest.raises(PanelError) as told:
        table.panel(raw, model(SPELLS, 'entry = "seen"\n'))
    text = str(told.value)
    assert "'weeks' must be above 0; got a spell without a month at risk in 1 of 4 rows" in text
    assert "'seen' must be from 0" in text
    assert "got other times in 2 of 4 rows (first: row 2)" in text


def by_month(**columns: object) -> pd.DataFrame:
    raw = pd.DataFrame(
        {"person": [1, 1, 2], "month": [1, 2, 1], "exit": ["stay", "assisted", "stay"]}
    )
    return raw.assign(**columns)


def test_codes_in_place_of_exits_are_told_from_exits() -> None:
    for codes in ([0, 1, 0], ["0", "1", "0"], [False, True, False]):
        with pytest.raises(
            PanelError,
            match=r"^table column 'exit' must hold 'stay' in every month but that of an exit, and "
            r"there one of \['assisted', 'forced'\]; got codes\. Write these names",
        ):
            table.panel(by_month(exit=codes), model())
    with pytest.raises(PanelError, match=r"'exit' must not be missing; .* Write 'stay' in every"):
        table.panel(by_month(exit=[None, "assisted", None]), model())


CALENDARS = {
    "year and month in one number, such as 200501,": [202101, 202102, 202101],
    "years": [2021, 2021, 2022],
    "months after the year 2100": [14_000, 14_001, 500],
    "text": ["2021-01", "2021-02", "2021-01"],
    "dates": pd.to_datetime(["2021-01-01", "2021-02-01", "2021-01-01"]),
}


@pytest.mark.parametrize("found", CALENDARS)
def test_calendar_of_another_form(found: str) -> None:
    with pytest.raises(
        PanelError, match=rf"'calendar' must hold .*got {found} in .*January 2005 is 420\."
    ):
        table.panel(by_month(calendar=CALENDARS[found]), model())


def test_calendar_goes_on_as_the_months_do() -> None:
    assert table.panel(by_month(calendar=[500, 501, 400]), model())["calendar"].tolist()[1] == 501
    for months in ([501, 500, 400], [500, 500, 400], [500, 502, 400]):
        with pytest.raises(
            PanelError,
            match=r"'calendar' must go on within a person as the months do; got calendar months "
            r"that do not in 1 of 3 rows \(first: row 2\)\..* 'week'\.$",
        ):
            table.panel(by_month(calendar=months), model())
    weeks = by_month(calendar=[500, 500, 400])
    assert len(table.panel(weeks, model('[table]\nunit = "week"\n'))) == 3


ADVANCE = {"day": 1, "week": 7, "fortnight": 14}


@given(st.sampled_from([*ADVANCE]), st.integers(0, 400), st.integers(4, 60))
@settings(max_examples=30)
def test_a_calendar_of_short_rows_goes_on_by_dates(unit: str, start: int, rows: int) -> None:
    wanted, number = model(f'[table]\nunit = "{unit}"\n'), np.arange(rows)
    days = np.datetime64("2005-01-01") + (start + number * ADVANCE[unit]).astype("timedelta64[D]")
    raw = pd.DataFrame({"person": 1, "month": number + 1, "exit": "stay"})
    raw.loc[rows - 1, "exit"] = "forced"
    months = days.astype("datetime64[M]").astype(np.int64)
    assert table.panel(raw.assign(calendar=months), wanted)["calendar"].tolist() == [*months]
    with pytest.raises(PanelError, match=r"Write the calendar month in which the row lies, what"):
        table.panel(raw.assign(calendar=number), wanted)  # the number of the row


def test_a_calendar_of_spells_is_one_of_months_or_longer() -> None:
    raw = pd.DataFrame({"id": [1, 2], "weeks": [2, 3], "how": ["a", "b"], "fetched": [0, 1]})
    raw = raw.assign(weeks_f=raw["weeks"], calendar=420)
    for unit, step in (("month", 1), ("quarter", 3), ("year", 12)):
        panel = table.panel(raw, model(SPELLS, f'unit = "{unit}"\n'))
        assert panel["calendar"].tolist() == [420 + step * k for k in (0, 1, 0, 1, 2)]
    with pytest.raises(PanelError, match="'calendar' must not stand beside spells in weeks"):
        table.panel(raw, model(SPELLS, 'unit = "week"\n'))


def test_periods_are_made_from_the_calendar() -> None:
    year = '[[term]]\nkind = "group"\nby = "year"\n' + NORMAL.replace("normal", "pooled")
    with pytest.raises(
        PanelError,
        match=r"^table column 'calendar' must hold calendar months where a term is by year, "
        r".* made from it, or rows .*; got none\. .*own with one of these names another name\.$",
    ):
        table.panel(by_month(year=2021), model(year))


def test_rows_depend_by_columns_that_must_be_there() -> None:
    dependent = model('[dependence]\ngroups = ["house"]\nperiods = 3\n')
    with pytest.raises(PanelError, match="'calendar' must hold calendar months"):
        table.panel(by_month(house=["A", "A", "B"]), dependent)
    with pytest.raises(PanelError, match="'house' must exist once; got 0"):
        table.panel(by_month(calendar=[420, 421, 425]), dependent)
    panel = table.panel(by_month(house=["A", "A", "B"], calendar=[420, 421, 425]), dependent)
    assert panel["house"].astype(str).tolist() == ["A", "A", "B"]


# --- what is left out, and by what number a row is called ---------------------------------------
@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_rows_in_are_rows_out_and_those_counted(drawn: list[tuple[int, bool, bool]]) -> None:
    persons = [*drawn, (2, True, False)]  # one at least is complete
    raw = pd.concat(
        pd.DataFrame(
            {
                "person": f"P{n}",
                "month": range(1, length + 1),
                "exit": ["stay"] * (length - 1) + ["forced" if leaves else "stay"],
                "sex": ["m"] * (length - 1) + [None if missing else "m"],
            }
        )
        for n, (length, leaves, missing) in enumerate(persons)
    )
    panel = table.panel(raw, model('[table]\nincomplete = "drop"\n', SEX))
    out = panel.attrs["left_out"].get("persons with a missing value", (0, 0, 0))
    assert len(raw) == len(panel) + out[1]
    assert len(persons) == panel["person"].nunique() + out[0]
    assert (raw["exit"] == "forced").sum() == (panel["exit"] == "forced").sum() + out[2]


def test_rows_are_called_by_their_number_in_the_table(tmp_path: Path) -> None:
    drop = 'incomplete = "drop"\n'
    rows = HEAD + "1,1,stay,\n1,2,stay,m\n2,1,stay,m\n3,0,stay,m\n"
    with pytest.raises(
        PanelError, match=r"'month' must be at least 1; .* of 2 rows \(first: row 4"
    ):
        table.read(write(tmp_path, rows), model("[table]\n" + drop, SEX))
    spells = PERSONS.replace("no,yes,no", "no,,no").replace("b,3,a,3,1,male", "b,3,a,3,1,")
    spells += "d,3,a,9,0,male,yes,no,,\n"
    with pytest.raises(
        PanelError, match=r"in a month at risk must not .* of 3 rows \(first: row 4"
    ):
        table.read(write(tmp_path, spells), model(SPELLS, WIDE, drop, SEX, OWN))
    own_index = by_month(month=[1, 2, 0]).set_index(pd.Index([7, 7, 7]))
    with pytest.raises(PanelError, match=r"'month' must be at least 1; .* \(first: row 3\)"):
        table.panel(own_index, model())


def test_all_that_is_wrong_with_a_table_is_in_one_error(tmp_path: Path) -> None:
    text = "person,month,exit,event_centre_lag0,event_centre_lag1\n1,1,stay,2,0\n1,1,asisted,0,0\n"
    with pytest.raises(PanelError) as caught:
        table.read(write(tmp_path, text), model(SEX, PEERS))
    told = str(caught.value).split("\n")
    assert [line.split(";")[0] for line in told] == [
        "table column 'sex' must exist once",
        "columns ['event_centre_lag0'] must hold 0, 1 or empty cells",
        "panel column 'exit' must be one of ['assisted', 'forced', 'stay']",
        "panel must have one row per person and month",
        *told[4:],
    ]


@pytest.mark.parametrize("cells_", [["true", "", "false"], ["1", "", "0"], ["yes", "", "no"]])
def test_an_empty_cell_is_not_asked_for_and_refused(tmp_path: Path, cells_: list[str]) -> None:
    lines = [f"{n},1,stay,{cell}" for n, cell in enumerate(cells_)]
    path = write(tmp_path, "person,month,exit,employed\n" + "\n".join(lines))
    with pytest.raises(PanelError) as caught:
        table.read(path, model(OWN))
    assert str(caught.value) == (
        "table column 'employed' must not be missing; got missing values in 1 of 3 rows (first: "
        "row 2). Complete them, or set incomplete = 'drop' under [table] to leave these persons "
        "out."
    )
    dropped = table.read(path, model('[table]\nincomplete = "drop"\n', OWN))
    assert dropped["employed"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_frames_of_other_dtypes_give_the_same_panel(backend: str) -> None:
    raw = pd.read_csv(io.StringIO(ROWS), keep_default_na=True)
    expected = table.panel(raw, model(SEX, PEERS))
    other = raw.convert_dtypes(dtype_backend=backend)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(table.panel(other, model(SEX, PEERS)), expected)


# --- public data with published results ---------------------------------------------------------
def panel_of(public: Callable[[str], Path], name: str, file: str) -> pd.DataFrame:
    return table.read(public(file), specs.read(name))


def without_covariates(name: str) -> ModelSpec:
    spec = specs.read(name)
    kept = tuple(term for term in spec.term if isinstance(term, BaselineTerm))
    return spec.model_copy(update={"term": kept})


def test_reference_counts_of_mgus2(public: Callable[[str], Path]) -> None:
    panel = panel_of(public, "mgus2", "mgus2")
    assert panel["person"].nunique() == 1384
    assert panel["exit"].value_counts()[["pcm", "death"]].tolist() == [115, 860]
    last = panel.drop_duplicates("person", keep="last")
    assert (last["exit"] == "stay").sum() == 409


def test_reference_counts_of_aidssi(public: Callable[[str], Path]) -> None:
    everyone = table.read(public("aidssi"), without_covariates("aidssi"))
    last = everyone.drop_duplicates("person", keep="last")
    assert last["exit"].value_counts()[["AIDS", "SI", "stay"]].tolist() == [114, 108, 107]
    with_genotype = panel_of(public, "aidssi", "aidssi")
    assert with_genotype["person"].nunique() == 324
    assert with_genotype.attrs["left_out"] == {"persons with a missing value": (5, 5, 2)}


def test_reference_genotype_of_aidssi(public: Callable[[str], Path]) -> None:
    """R mstate tutorial (Putter, Fiocco and Geskus 2007): Cox models of the two causes."""
    panel = panel_of(public, "aidssi", "aidssi")
    carrier = (panel["ccr5"] == "WM").to_frame()
    published = {"AIDS": (-1.2358, 0.3071), "SI": (-0.2542, 0.2380)}
    for exit_, expected in published.items():
        fit = likelihood_fit(panel, carrier, exit_, sm.families.links.CLogLog())
        np.testing.assert_allclose(estimates(fit, 1), [expected], atol=0.03)  # months, not days
        assert abs(fit.params[0] + expected[0]) > 0.03  # negative control: the other genotype


def test_reference_logit_of_first_sex(public: Callable[[str], Path]) -> None:
    """Singer and Willett (2003), table 11.3: coefficients, standard errors, deviances."""
    panel = panel_of(public, "first_sex", "first_sex")
    assert len(panel) == 822
    covariates = ["parental_transition", "parental_antisociality"]
    published = {
        (): ([], 651.96),
        (0,): ([(0.8736, 0.2174)], 634.66),
        (1,): ([(0.4428, 0.1140)], 637.17),
        (0, 1): ([(0.6605, 0.2367), (0.2964, 0.1254)], 629.15),
    }
    for used, (expected, deviance) in published.items():
        names = [covariates[u] for u in used]
        fit = likelihood_fit(panel, panel[names], "first_sex", sm.families.links.Logit())
        np.testing.assert_allclose(estimates(fit, len(names)), expected or [], atol=1e-4)
        assert fit.deviance == pytest.approx(deviance, abs=0.0051)  # two printed digits


def test_reference_employment_of_rossi(public: Callable[[str], Path]) -> None:
    """Fox and Weisberg: work in the same week, and one week earlier; an off-by-one shows."""
    panel = panel_of(public, "rossi_employment", "rossi")
    assert len(panel) == 19_809
    found = {lag: employment(panel, lag) for lag in (0, 1, 2)}
    assert found[0][0] == 19_809
    assert found[1][0] == 19_377
    assert found[0][1] == pytest.approx(-1.3283, abs=0.02)
    assert found[1][1] == pytest.approx(-0.7869, abs=0.02)
    for wrong in (0, 2):  # negative control: the lag shifted by a week is outside the tolerance
        assert abs(found[wrong][1] + 0.7869) > 0.02


def test_reference_counts_of_the_bundled_rossi() -> None:
    panel = table.panel(table.bundled("lifelines.rossi"), specs.read("rossi"))
    assert len(panel) == 19_809
    assert panel["exit"].value_counts().tolist() == [19_695, 114]


def likelihood_fit(panel: pd.DataFrame, x: pd.DataFrame, exit_: str, link: object) -> object:
    """Maximum likelihood with a level per month; months without an exit say nothing."""
    left = (panel["exit"] == exit_).astype(float)
    informative = left.groupby(panel["month"]).transform("sum") > 0
    levels = pd.get_dummies(panel["month"][informative], dtype=float)
    design = np.column_stack([x[informative].to_numpy(dtype=float), levels])
    return sm.GLM(left[informative].to_numpy(), design, sm.families.Binomial(link)).fit()


def estimates(fit: object, number: int) -> list[tuple[float, float]]:
    return list(zip(fit.params[:number], fit.bse[:number], strict=True))


def employment(panel: pd.DataFrame, lag: int) -> tuple[int, float]:
    """Number of person-weeks with a known history, and the coefficient of employment."""
    earlier = panel.groupby("person")["employed"].shift(lag)
    rows = panel.assign(employed=earlier)[earlier.notna()]
    text = ["fin", "race", "wexp", "mar", "paro"]
    codes = rows[text].apply(lambda column: column.cat.codes)
    x = pd.concat([rows[["employed", "age", "prio"]], codes], axis=1)
    fit = likelihood_fit(rows, x, "arrest", sm.families.links.CLogLog())
    return len(rows), float(fit.params[0])
