"""Descriptive tables: by hand, identities, the published values, and what a panel cannot answer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from typer.testing import CliRunner

from four_families import NONE, four_families
from hazard import cli, spec
from hazard.data import exposures, panel
from hazard.data import registers as regs
from hazard.data.registers import Registers
from hazard.output import figures
from hazard.spec import DataSpec
from hazard.studies import describe
from hazard.studies.describe.describe import Description, forced_return_term
from hazard.studies.describe.published import PLACES
from hazard.studies.describe.series import BY_NATIONALITY, COLUMNS
from places import PACKAGE
from small_registers import Person, random_registers, registers, write


def value(found: Description, table: str, quantity: str, **where: object) -> float:
    own = found.series[(found.series["table"] == table) & (found.series["quantity"] == quantity)]
    for name, wanted in where.items():
        own = own[own[name] == wanted]
    assert len(own) == 1
    return own["value"].iloc[0]


# --- by hand ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "quantity", "where", "expected"),
    [
        ("Section 2.2.1", "families", {}, 4),
        ("Section 2.2.1", "person_months", {}, 9),
        ("Section 2.2.1", "mean_months_in_centre", {}, Fraction(9, 4)),
        ("Section 2.2.1", "centres", {}, 2),
        ("Section 2.2.1", "centres_per_family", {}, Fraction(5, 4)),
        ("Section 2.2.1", "max_centres_per_family", {}, 2),
        ("Section 2.2.3", "share_of_families", {"level": "male"}, Fraction(3, 4)),
        ("Section 2.2.3", "mean_family_size", {}, Fraction(7, 4)),
        ("Section 2.2.3", "max_family_size", {}, 3),
        ("Section 2.2.3", "nationalities", {}, 2),
        ("Figure 2-1", "families", {"year": 2005}, 3),
        ("Figure 2-1", "families", {"year": 2006}, 4),
        ("Figure 2-2", "new_families", {"year": 2005}, 3),
        ("Figure 2-2", "new_families", {"year": 2006}, 1),
        ("Figure 2-3", "share_of_families", {"level": "Irak"}, Fraction(3, 4)),
        ("Figure 2-3", "mean_months_in_centre", {"level": "Irak"}, 2),
        ("Figure 2-3", "share_of_ten_largest", {}, 1),
        ("Figure 2-4", "share_of_families", {"level": "1"}, Fraction(1, 2)),
        ("Table 2-1", "first_exits", {"exit": "forced"}, 1),
        ("Table 2-1", "share_of_families", {"exit": "forced"}, Fraction(1, 4)),
        ("Table 2-1", "still_resident", {}, 1),
        ("Table 2-1", "in_the_last_month", {}, 1),
        ("Table 2-2", "monthly_probability", {"exit": "assisted"}, Fraction(1, 9)),
        ("Figure 2-5", "monthly_probability", {"year": 2005}, 0),
        ("Figure 2-5", "monthly_probability", {"year": 2006}, Fraction(1, 5)),
        ("Figure 2-6", "monthly_probability", {"year": 2006}, Fraction(1, 5)),
        ("Figure 2-8", "first_exits", {"exit": "disappeared", "level": "Irak"}, 1),
        ("Figure 2-9", "monthly_probability", {"level": "Irak"}, Fraction(1, 6)),
        ("Figure 2-11", "monthly_probability", {"level": "Iran"}, 0),
        ("Figure 2-12", "monthly_probability", {"level": "no"}, Fraction(1, 8)),
        ("Figure 2-14", "monthly_probability", {"level": "yes"}, 1),
    ],
)
def test_series_by_hand(
    table: str, quantity: str, where: dict[str, object], expected: Fraction | int
) -> None:
    found = describe.describe(four_families(), NONE)
    assert value(found, table, quantity, **where) == pytest.approx(float(expected), abs=1e-12)


def after_one_return(more: int = 0) -> Registers:
    # Forced return of p at A in March; all of them live there, or elsewhere, from January.
    #   p  Irak  A  rows 1-3   forced
    #   q  Irak  A  rows 1-5   disappeared
    #   r  Iran  B  rows 1-12
    #   s  Irak  B  rows 1-12, and so do others where more than these four are asked for
    return registers(
        Person(
            "p", deportations=[("2005-03-10", "asyl")], stays=[("A", "2005-01-01", "2005-03-10")]
        ),
        Person("q", stays=[("A", "2005-01-01", "2005-05-20")]),
        Person("r", citizenship="Iran", stays=[("B", "2005-01-01", None)]),
        *(
            Person(name, stays=[("B", "2005-01-01", None)])
            for name in ["s", *map(str, range(more))]
        ),
    )


def change(found: Description, level: str, kind: str = "disappeared") -> float:
    return value(found, "Table 2-2", "relative_change", exit=kind, level=level)


def test_sequels_by_hand(tmp_path: Path) -> None:
    folder = write(after_one_return(), tmp_path)
    found = describe.from_registers(folder, spec.read("oslo2016"))
    # one disappearance in 32 rows; after the return: q in months 3-5, s (nationality) in 3-6
    assert change(found, "centre 0-3") == pytest.approx(float(Fraction(1, 3) / Fraction(1, 32) - 1))
    assert change(found, "nationality 0-3") == pytest.approx(
        float(Fraction(1, 7) / Fraction(1, 32) - 1)
    )
    assert change(found, "nationality 4-6") == -1
    assert change(found, "nationality 7-12") == -1
    none = found.series[found.series["level"] == "centre 4-6"]
    # without an application in the registers the first reason is another
    assert set(none["skipped"]) == {"no family-month after a forced return", "no such exit"}


def test_sequels_tell_a_shifted_history() -> None:
    """Negative control: a month earlier, and with the own return, the numbers are others."""
    histories = regs.define(after_one_return(), DataSpec())
    rows = panel.build(histories)
    terms = [forced_return_term("centre")]
    exposed = exposures.register_histories(rows, histories, terms)
    right = change(describe.describe(rows, exposed), "centre 0-3")
    name = "forced_return_centre"
    earlier = {name: exposed[name].shift(lag=-1, fill_value=0.0)}
    own = exposed[name].copy()
    own[np.flatnonzero(rows["exit"] == "forced"), 0] = 1.0
    assert change(describe.describe(rows, earlier), "centre 0-3") == pytest.approx(
        float(Fraction(32, 2) - 1)
    )
    assert change(describe.describe(rows, {name: own}), "centre 0-3") == pytest.approx(
        float(Fraction(32, 4) - 1)
    )
    assert right == pytest.approx(float(Fraction(32, 3) - 1))


LEFT = [("A", "2005-01-01", "2005-03-20")]


@pytest.mark.parametrize(
    ("person", "back"),
    [
        (Person("p", stays=LEFT), 0),
        (Person("p", stays=[*LEFT, ("B", "2006-05-01", None)]), 1),
        (Person("p", stays=[*LEFT, ("B", "2005-05-01", None)]), 0),  # short absence, no exit
        (Person("p", deportations=[("2005-03-20", "asyl")], stays=LEFT), 0),
        (
            Person(
                "p", deportations=[("2005-03-20", "asyl")], stays=[*LEFT, ("B", "2005-05-01", None)]
            ),
            1,
        ),
        # an applicant who waits in the centre has not come back
        (Person("p", applications=[("2005-02-20", "2005-08-20")]), 0),
    ],
)
def test_reappearances_by_hand(person: Person, back: int, tmp_path: Path) -> None:
    found = describe.from_registers(write(registers(person), tmp_path), spec.read("oslo2016"))
    assert value(found, "Section 2.3", "reappearances") == back


# --- identities and metamorphic -----------------------------------------------------------------
def described(given_registers: Registers) -> Description:
    histories = regs.define(given_registers, DataSpec())
    return describe.describe(panel.build(histories), NONE, histories=histories)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_parts_add_up(seed: int) -> None:
    found = described(random_registers(np.random.default_rng(seed), 40))
    sums = found.series.groupby(["table", "quantity"])["value"].sum()
    n = sums["Section 2.2.1", "families"]
    assert sums["Figure 2-2", "new_families"] == n
    assert sums["Table 2-1", "first_exits"] + sums["Table 2-1", "still_resident"] == n
    assert sums["Figure 2-4", "share_of_families"] == pytest.approx(1)
    # three nationalities at most, so the ten and the five largest are all of them
    for tables in (("Figure 2-5", "Figure 2-6", "Figure 2-7"), ("Figure 2-8",)):
        exits = sum(sums[table, "first_exits"] for table in tables)
        assert exits == sums["Table 2-1", "first_exits"]


def test_codes_of_families_do_not_matter(rng: np.random.Generator) -> None:
    rows = panel.build(regs.define(random_registers(rng, 50), DataSpec()))
    code = rng.permutation(rows["person"].max() + 1)
    other = rows.assign(person=code[rows["person"]]).sort_values(["person", "month"])
    pd.testing.assert_frame_equal(
        describe.describe(rows, NONE).series,
        describe.describe(other.reset_index(drop=True), NONE).series,
    )


# --- the published values -----------------------------------------------------------------------
def test_every_published_value_has_a_row() -> None:
    folder = PACKAGE / "published"
    key = pd.read_csv(folder / "oslo2016_key_figures.csv")
    table = pd.read_csv(folder / "oslo2016_table_2_2.csv")
    published = describe.describe(four_families(), NONE).published
    assert len(published) == len(key) + 2 * len(table)
    assert published["quantity"].tolist()[: len(key)] == key["quantity"].tolist()
    assert set(published["quantity"]) <= set(PLACES)
    by_name = published.set_index("quantity")["published"]
    assert by_name["change_in_disappeared_centre_4-6"] == 0.45
    assert by_name["change_in_assisted_nationality_7-12"] == -0.21


def test_published_values_stand_beside_ours() -> None:
    rows = describe.describe(four_families(), NONE).published.set_index("quantity")
    assert rows.loc["families", ["ours", "difference"]].tolist() == [4, 4 - 14439]
    assert rows.loc["share_iraq", "ours"] == 0.75
    assert rows.loc["yearly_max_forced", ["ours", "at"]].tolist() == [0.2, 2006]
    assert rows.loc["new_families_min_2007", ["ours", "at"]].tolist() == [1, 2006]
    assert rows.loc["sudan_forced", "skipped"] == "not among the series"
    assert rows.loc["reappearances", "skipped"] == "a panel ends with the first exit"
    assert rows.loc["change_in_assisted_centre_0-3", "skipped"].startswith("no history of forced")
    assert (rows["ours"].isna() == (rows["skipped"] != "")).all()


def test_every_place_is_filled_from_registers_that_have_all_of_it(tmp_path: Path) -> None:
    nations = ["Afghanistan", "Irak", "Somalia", "Etiopia", "Bangladesh", "Russland", "Sudan"]
    people = []
    for i, nation in enumerate([*nations, "Eritrea"] * 4):
        fate = [
            {"deportations": [("2005-03-10", "asyl")]},
            {"applications": [("2005-05-01", "2005-06-01")]},
            {"stays": [("A", "2005-01-01", "2005-11-20")]},
            {},
        ][i // 8]
        people.append(Person(f"p{i}", citizenship=nation, size=1 + i % 4, **fate))
    found = describe.from_registers(write(registers(*people), tmp_path), spec.read("oslo2016"))
    skipped = found.published[found.published["skipped"] != ""]
    assert skipped["skipped"].tolist() == []
    assert found.summary == (
        f"32 families, {int(value(found, 'Section 2.2.1', 'person_months'))} rows; 58 of 58 "
        "published values have one of ours beside them."
    )


# --- panels that know less ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("column", "table"),
    [
        ("calendar", "Figure 2-6"),
        ("centre", "Section 2.2.1"),
        ("nationality", "Figure 2-8"),
        ("sex", "Section 2.2.3"),
        ("family_size", "Figure 2-4"),
        ("large_family", "Figure 2-13"),
    ],
)
def test_missing_column_is_skipped_with_its_reason(column: str, table: str) -> None:
    found = describe.describe(four_families().drop(columns=column), NONE).series
    reason = f"the panel has no column '{column}'"
    assert table in set(found.loc[found["skipped"] == reason, "table"])
    assert tuple(found.columns) == COLUMNS
    assert (found["value"].isna() == found["skipped"].notna()).all()


def test_reason_stands_beside_the_published_value() -> None:
    rows = describe.describe(four_families().drop(columns="calendar"), NONE).published
    by_name = rows.set_index("quantity")["skipped"]
    for name in ("yearly_min_forced", "new_families_max_2010", "resident_families_max_2014"):
        assert by_name[name] == "the panel has no column 'calendar'"
    assert by_name["first_exit_forced"] == ""


def test_table_with_the_needed_columns_only(tmp_path: Path) -> None:
    four_families()[["person", "month", "exit"]].to_csv(tmp_path / "rows.csv", index=False)
    found = describe.from_table(tmp_path / "rows.csv", spec.read("oslo2016"))
    assert value(found, "Table 2-1", "first_exits", exit="forced") == 1
    assert figures.description(found.series, found.published) == {}


def test_table_of_another_field(tmp_path: Path) -> None:
    rows = pd.DataFrame({"person": [1, 1, 2], "month": [1, 2, 1], "exit": ["stay", "a", "stay"]})
    rows.to_parquet(tmp_path / "rows.parquet")
    text = 'name = "x"\nquestion = "what comes after?"\n[outcome]\nexits = ["a"]\n'
    found = describe.from_table(
        tmp_path / "rows.parquet", spec.load(text + '[table]\nunit = "week"')
    )
    assert value(found, "Table 2-2", "monthly_probability", exit="a") == pytest.approx(1 / 3)
    assert "probability per week" in set(found.series["unit"])
    assert len(found.published) == 0  # the report is about other people
    assert found.summary == "2 persons, 3 rows."
    told = found.output_series.set_index(["quantity", "unit"])["value"]
    assert told["persons", "persons"] == 2
    assert told["mean_time_at_risk", "weeks"] == 1.5
    written = found.output_series.to_csv().lower()
    assert not any(word in written for word in ("famil", "centre", "month", "resident"))
    assert "famil" in found.series.to_csv()  # negative control


def test_panel_file_says_the_same_as_its_registers(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "in").mkdir()
    folder = write(random_registers(rng, 40), tmp_path / "in")
    model = spec.read("oslo2016")
    histories = regs.define(regs.read(folder), model.data)
    rows = panel.build(histories)
    terms = [forced_return_term(network) for network in ("centre", "nationality")]
    exposed = exposures.register_histories(rows, histories, terms)
    pd.concat([rows, exposures.to_columns(exposed)], axis=1).to_parquet(tmp_path / "panel.parquet")
    ours = describe.from_registers(folder, model).published.set_index("quantity")
    again = describe.from_table(tmp_path / "panel.parquet", model).published.set_index("quantity")
    pd.testing.assert_frame_equal(again.drop("reappearances"), ours.drop("reappearances"))


# --- figures and the command --------------------------------------------------------------------
def test_figures_draw_every_group() -> None:
    found = describe.describe(four_families(), NONE)
    drawn = figures.description(found.series, found.published)
    assert all(isinstance(figure, Figure) for figure in drawn.values())
    assert list(drawn) == [
        "families_by_year",
        "composition",
        "exits_by_year",
        "exits_of_five_nationalities",
        "exits_by_nationality",
        "exits_by_family_size",
    ]
    years = drawn["exits_by_year"].axes
    assert [axes.get_title(loc="left") for axes in years] == [
        "Assisted return",
        "Forced return",
        "Disappearance",
    ]
    numbers = ["Figure 2-5", "Figure 2-6", "Figure 2-7"]
    assert [axes.get_title(loc="right") for axes in years] == numbers
    assert years[0].lines[0].get_ydata().tolist() == [0.0, 20.0]


def filtered(folder: Path, rule: str) -> tuple[str, Path]:
    """What the command says, and where it wrote, by the privacy filter of the model file."""
    text = (spec.models_folder() / "oslo2016.toml").read_text(encoding="utf-8")
    own = text.replace("[data]", f'[data]\nprivacy_filter = "{rule}"')
    (folder / f"{rule}.toml").write_text(own, encoding="utf-8")
    argv = ["describe", str(folder), "--model", str(folder / f"{rule}.toml"), "--out"]
    called = CliRunner().invoke(cli.app, [*argv, str(folder / rule)])
    assert called.exit_code == 0
    return called.stdout, folder / rule


def test_command_reports_on_the_privacy_filter(tmp_path: Path) -> None:
    # the persons at A are alike, the two at B are not enough
    there = [("A", "2005-01-01", None)]
    elsewhere = [("B", "2005-01-01", None)]
    people = [Person(name, stays=there) for name in "abcdefghij"]
    given_registers = registers(*people, *(Person(name, stays=elsewhere) for name in "kl"))
    folder = write(given_registers, tmp_path)
    said, out = filtered(folder, "apply")
    assert said.startswith("10 families, 120 rows, ")
    assert " values that tell of fewer than 10 families left out; " in said
    assert " The privacy filter took out 2 of 12 persons. Written to " in said
    written = pd.read_csv(out / "privacy.csv")
    whole = regs.privacy_shift(given_registers)
    few = (whole[["persons_before", "persons_after"]].isin(range(1, 10))).any(axis=1)
    assert few.any()  # the two at B are in none of the files
    pd.testing.assert_frame_equal(written, whole[~few].reset_index(drop=True), check_dtype=False)
    assert written.loc[0, ["persons_before", "persons_after"]].tolist() == [12, 10]


# --- an attack ----------------------------------------------------------------------------------
def exits_recovered(series: pd.DataFrame) -> list[int]:
    """Numbers of exits below ten by nationality or size, as rates times months give them back.

    What is missing of a table of all levels is the whole less the levels that are there.
    """
    recovered = []
    whole = series[series["table"] == "Section 2.2.1"].set_index("quantity")["value"]
    overall = series[series["table"] == "Table 2-1"].query("quantity == 'first_exits'")
    count = dict(zip(overall["exit"], overall["value"], strict=True))
    months = series[series["table"] == "Figure 2-3"].pivot_table(
        index="level", columns="quantity", values="value", aggfunc="sum"
    )
    person_months = months["families"] * months["mean_months_in_centre"]
    for table in BY_NATIONALITY.values():
        rates = series[(series["table"] == table) & (series["quantity"] == "monthly_probability")]
        known = rates[rates["level"].isin(person_months.index)]
        exits = (known["value"] * known["level"].map(person_months)).round()
        recovered += exits[exits < 10].astype(int).tolist()
        if len(person_months) - len(known) == 1 and whole["families"] == months["families"].sum():
            recovered.append(int(count[known["exit"].iloc[0]] - exits.sum()))
    return recovered


def test_rates_do_not_give_small_numbers_back(rng: np.random.Generator) -> None:
    """Four families of Iran are forced, thirty of Irak and of Syria: no rate tells the four.

    Negative controls: the series before masking, and with the smallest rates alone taken out, of
    which the last one is the total less the others.
    """
    exits = {"Irak": 30, "Iran": 4, "Syria": 20}
    people = [
        Person(
            f"{nation}{k}",
            citizenship=nation,
            stays=[("A", "2005-01-01", "2005-06-10" if k < n else None)],
            deportations=[("2005-06-10", "asyl")] if k < n else (),
        )
        for nation, n in exits.items()
        for k in range(60)
    ]
    description = described(registers(*people))
    assert 4 in exits_recovered(description.series)
    masked = description.without_small_cells
    assert exits_recovered(masked.series) == []
    series = description.series
    few = series["level"].notna() & (series["n_persons"] < 10)
    rates = series["quantity"].eq("monthly_probability") & (series["level"] == "Iran")
    forced = series["exit"] == "forced"
    assert 4 in exits_recovered(series[~(few | (rates & forced))])


def test_command_is_silent_on_a_filter_that_is_off(tmp_path: Path) -> None:
    said, out = filtered(write(after_one_return(6), tmp_path), "as_delivered")
    assert "privacy" not in said
    assert not (out / "privacy.csv").exists()


def test_command_writes_all_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    folder = write(after_one_return(6), tmp_path / "in")
    out = tmp_path / "out"
    called = CliRunner().invoke(cli.app, ["describe", str(folder), "--out", str(out)])
    assert called.exit_code == 0
    assert called.stdout.startswith("10 families, 104 rows, ")
    written = {path.name for path in out.iterdir()}
    assert {"series.csv", "published.csv", "exits_by_year.png", "exits_by_year.svg"} <= written
    (folder / "udi_stays.csv").unlink()
    broken = CliRunner().invoke(cli.app, ["describe", str(folder), "--out", str(tmp_path / "no")])
    assert broken.exit_code != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
