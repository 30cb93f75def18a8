"""Corruptions of a kind that no single row gives away, and labels that are not what they seem.

A label is planted in the files of a hand-made register, a whole column or table is changed in a
simulated one: each is refused, reported or normalised with a count, under the rule of its kind. The
same registers without the corruption say nothing of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hazard import simulation
from hazard.data import registers as regs
from hazard.data.registers import Registers, Window
from hazard.data.registers.records import TABLES
from hazard.errors import RegisterError
from hazard.months import month_number
from hazard.simulation.scenarios import SCENARIOS
from small_registers import tidy, write

SEEDS = (0, 1)
P, D, S, A, R, PU = TABLES


# --- labels -------------------------------------------------------------------------------------
NAMES = {"Irak": "Irak Åst", "Iran": "Bøland", "A": "Mottak Åsen", "B": "Lia", "C": "Øvre Eik"}
Change = Callable[[str], str]


def within(mark: str) -> Change:
    return lambda label: label[:2] + mark + label[2:]


def instead(label: str) -> Change:
    return lambda _: label


# Cyrillic and Greek letters that look like those they replace
CYRILLIC = str.maketrans("aeoIMk", "\u0430\u0435\u043e\u0406\u041c\u043a")
GREEK = str.maketrans("aoIM", "\u03b1\u03bf\u0399\u039c")
WIDE = {ord(c): ord(c) + 0xFEE0 for c in "IMarktos"}
SPELLED = "is written without spaces or characters that do not show"
REFUSED = "must hold no control characters"
LABELS: dict[str, tuple[Change, str]] = {
    "space after": (lambda label: label + " ", SPELLED),
    "space before": (lambda label: " " + label, SPELLED),
    "two spaces": (lambda label: label.replace(" ", "  "), SPELLED),
    "space that does not break": (lambda label: label.replace(" ", "\u00a0"), SPELLED),
    "ideographic space": (lambda label: label + "\u3000", SPELLED),
    "space without width": (within("\u200b"), SPELLED),
    "soft hyphen": (within("\u00ad"), SPELLED),
    "joiner": (within("\u200d"), SPELLED),
    "mark of byte order": (within("\ufeff"), SPELLED),
    "variation selector": (within("\ufe0f"), SPELLED),
    "decomposed": (lambda label: label.replace("Å", "A\u030a"), SPELLED),
    "NUL": (within("\x00"), REFUSED),
    "colour of a terminal": (within("\x1b[31m"), REFUSED),
    "title of a terminal": (within("\x1b]0;x\x07"), REFUSED),
    "tab": (within("\t"), REFUSED),
    "delete": (within("\x7f"), REFUSED),
    "C1 order": (within("\u009b2J"), REFUSED),
    "line separator": (within("\u2028"), REFUSED),
    "right to left": (within("\u202e"), REFUSED),
    "isolate": (within("\u2067"), REFUSED),
    "mark of direction": (within("\u200f"), REFUSED),
    "Cyrillic letters": (lambda label: label.translate(CYRILLIC), "letters of two alphabets"),
    "Greek letters": (lambda label: label.translate(GREEK), "letters of two alphabets"),
    "all Cyrillic": (instead("\u0418\u0440\u0430\u043a"), "in the alphabet of the others"),
    "misread": (lambda label: label.encode().decode("latin-1"), REFUSED),
    "misread on Windows": (lambda label: label.encode().decode("cp1252"), "has its letters"),
    "misread on a Mac": (lambda label: label.encode().decode("mac_roman"), "has its letters"),
    "lost letter": (lambda label: label.replace("Å", "\ufffd"), "has its letters"),
    "question mark": (within("?"), "has its letters"),
    "entity": (lambda label: label.replace("Å", "&Aring;"), "has its letters"),
    "percent": (lambda label: label.replace("Å", "%C3%85"), "has its letters"),
    "capitals": (str.upper, "differ in more than case and spaces"),
    "accent": (lambda label: label.replace("k", "\u0137"), "does not look like another one"),
    "accent lost": (lambda label: label.replace("Å", "A"), "does not look like another one"),
    "wide letters": (lambda label: label.translate(WIDE), "does not look like another one"),
    "zero for o": (
        lambda label: label.replace("o", "0").replace("I", "l"),
        "not look like another",
    ),
    "hyphen": (lambda label: label.replace(" ", "-"), "does not look like another one"),
    "formula": (instead("=1+1"), "is no formula"),
    "link": (instead('=HYPERLINK("x")'), "is no formula"),
    "order": (instead("@SUM(A1)"), "is no formula"),
    "plus": (instead("+47 22"), "is no formula"),
    "minus": (instead("-2+3"), "is no formula"),
    "date": (instead("2005-01-31"), "is no date"),
    "Norwegian date": (instead("31.01.2005"), "is no date"),
    "month": (instead("jan. 05"), "is no date"),
    "number": (instead("452"), "is no number among names"),
    "decimal": (instead('"37,8"'), "is no number among names"),
    "NULL": (instead("NULL"), "is no word for a missing value"),
    "nan": (instead("nan"), "is no word for a missing value"),
    "N/A": (instead("N/A"), "is no word for a missing value"),
    "None": (instead("None"), "is no word for a missing value"),
    "hyphen alone": (instead("-"), "is no word for a missing value"),
    "question alone": (instead("?"), "is no word for a missing value"),
    "unknown": (instead("Ukjent"), "is no word for a missing value"),
    "spaces alone": (instead("  "), "must not be empty"),
    "nothing to see": (instead("\u200b"), "must not be empty"),
}
PLACES = {"citizenship": (P, 2), "centre": (S, 1)}


def named(given: Registers) -> Registers:
    """The register with names of countries and centres that have accents and spaces."""
    persons = given.persons.assign(citizenship=given.persons["citizenship"].replace(NAMES))
    stays = given.stays.assign(centre=given.stays["centre"].replace(NAMES))
    return replace(given, persons=persons, stays=stays)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Path]:
    written = {seed: tmp_path_factory.mktemp(f"tidy-{seed}") for seed in SEEDS}
    for seed, folder in written.items():
        write(named(tidy(np.random.default_rng(seed))), folder)
    return written


def plant(folder: Path, column: str, change: Change) -> tuple[str, int, str]:
    """Change a label in one row of the file, and tell where."""
    table, place = PLACES[column]
    path = folder / f"{table}.csv"
    lines = path.read_text(encoding="utf-8").split("\n")
    # a family of one, so that no member contradicts it, with a name that has a space
    row = next(i for i, line in enumerate(lines) if ",Irak Åst," in line or "Mottak Åsen" in line)
    cells = lines[row].split(",")
    cells[place] = change(cells[place])
    lines[row] = ",".join(cells)
    path.write_text("\n".join(lines), encoding="utf-8")
    return table, row, cells[place]


def said(folder: Path) -> list[tuple[str, int]]:
    """Sentences about a folder, and the first row of each."""
    try:
        report = regs.check(regs.read(folder))
    except RegisterError as error:
        lines = pd.Series(str(error).splitlines())
        rows = lines.str.extract(r"in 1 of \d+ rows \(first: row (\d+)\)")[0]
        return list(zip(lines, rows.astype(int), strict=True))
    broken = report[report["n_broken"] > 0]
    texts = broken["table"] + " " + broken["rule"]
    return list(zip(texts, broken["first_rows"].str.split(",").str[0].astype(int), strict=True))


@pytest.mark.suite("further corruptions, of two registers")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("column", PLACES)
@pytest.mark.parametrize("kind", LABELS)
def test_label_is_refused_reported_or_normalised(
    kind: str, column: str, seed: int, folders: Mapping[int, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(folders[seed], tmp_path / "planted")
    change, rule = LABELS[kind]
    table, row, label = plant(folder, column, change)
    found = said(folder)
    assert any(
        table in text and column in text.lower() and rule in text and first == row
        for text, first in found
    ), found
    assert not any(label.strip() in text for text, _ in found if len(label.strip()) > 2)
    if rule == SPELLED:
        clean = regs.read(folders[seed])
        for name, frame in regs.read(folder).tables.items():
            pd.testing.assert_frame_equal(frame.astype(str), clean.tables[name].astype(str))


def test_named_registers_say_nothing(folders: Mapping[int, Path]) -> None:
    assert [said(folder) for folder in folders.values()] == [[] for _ in SEEDS]


MARKS = {" ": SPELLED, "\u200b": SPELLED, "\x00": REFUSED}


@pytest.mark.suite("further corruptions, of two registers")
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("mark", MARKS)
def test_id_is_linked_again_or_refused(
    mark: str, table: str, folders: Mapping[int, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(folders[0], tmp_path / "planted")
    path = folder / f"{table}.csv"
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[4] = lines[4].replace(",", f"{mark},", 1)
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [(MARKS[mark] in text, first) for text, first in said(folder)] == [(True, 4)]


# --- the register as a whole --------------------------------------------------------------------
@pytest.fixture(scope="module")
def truth() -> simulation.Truth:
    return simulation.truth("small", np.random.default_rng(2016))


@pytest.fixture(scope="module")
def simulated(truth: simulation.Truth) -> Mapping[int, Registers]:
    return {seed: made(truth, np.random.default_rng(seed)) for seed in SEEDS}


def made(truth: simulation.Truth, rng: np.random.Generator) -> Registers:
    found = simulation.registers(truth, rng)
    window = Window(*(month_number(month) for month in found.extract.values()))
    return Registers(*found.tables.values(), window)


Frames = dict[str, pd.DataFrame]
Corruption = Callable[[Frames, Window], Window | None]


def swapped(table: str, name: str) -> Corruption:
    one, other = TABLES[table][name].levels[:2]

    def corrupt(frames: Frames, _: Window) -> None:
        frames[table][name] = frames[table][name].map({one: other, other: one})

    return corrupt


def moved(table: str, name: str, months: int) -> Corruption:
    def corrupt(frames: Frames, window: Window) -> None:
        end = pd.Timestamp(np.datetime64(window.follow_up_end, "M")) + pd.offsets.MonthEnd()
        dates = frames[table][name] + pd.DateOffset(months=months)
        frames[table][name] = dates.clip(upper=end)

    return corrupt


def slipped(table: str, name: str) -> Corruption:
    def corrupt(frames: Frames, _: Window) -> None:
        frames[table][name] = np.roll(frames[table][name].to_numpy(), 1)

    return corrupt


def constant(table: str, name: str) -> Corruption:
    def corrupt(frames: Frames, _: Window) -> None:
        frames[table][name] = frames[table][name].mode()[0]

    return corrupt


def renamed(table: str, name: str, by: str, rank: int) -> Corruption:
    """One level under another name, from the middle of its dates or of the file on."""

    def corrupt(frames: Frames, _: Window) -> None:
        frame = frames[table]
        level = frame[name] == frame[name].value_counts().index[rank]
        place = frame[by] if by else pd.Series(np.arange(len(frame)))
        frame.loc[level & (place >= place[level].quantile(0.5)), name] = "Persia"

    return corrupt


def split(frames: Frames, _: Window) -> None:
    frames[P]["family_id"] = frames[P]["person_id"]


def split_into_singles(frames: Frames, window: Window) -> None:
    split(frames, window)
    frames[P]["family_size"] = 1


def emptied(table: str) -> Corruption:
    def corrupt(frames: Frames, _: Window) -> None:
        frames[table] = frames[table].iloc[:0]

    return corrupt


def without_year(table: str, name: str) -> Corruption:
    def corrupt(frames: Frames, window: Window) -> None:
        year = 1971 + window.first // 12
        frames[table] = frames[table][frames[table][name].dt.year != year].reset_index(drop=True)

    return corrupt


def from_the_third_year(table: str, name: str, by: str) -> Corruption:
    def corrupt(frames: Frames, window: Window) -> None:
        late = frames[table][by].dt.year >= 1972 + window.first // 12
        one, other = TABLES[table][name].levels[:2]
        other_way = frames[table][name].map({one: other, other: one})
        frames[table][name] = other_way.where(late, frames[table][name])

    return corrupt


def longer(years: int) -> Corruption:
    return lambda _, window: window._replace(follow_up_end=window.follow_up_end + 12 * years)


def sooner(_: Frames, window: Window) -> Window:
    return window._replace(first=window.first - 120)


def both_early(frames: Frames, _: Window) -> None:
    for name in ("applied_on", "completed_on"):
        frames[A][name] = frames[A][name] - pd.DateOffset(months=1)


NEAR = "in the same or a neighbouring month."
LINKED = "fall in the month of their"
WHOLE: dict[str, tuple[Corruption, str]] = {
    "final swapped": (swapped(D, "final"), "not final does not come after a final one"),
    "outcome swapped": (swapped(D, "outcome"), "whose last final decision is a permit"),
    "kind swapped": (swapped(R, "kind"), "An assisted return has a completed application"),
    "applications a month early": (moved(A, "applied_on", -1), "before the final rejection"),
    "applications and returns early": (both_early, LINKED),
    "asylum a month early": (moved(P, "asylum_applied_on", -1), "within a month of the applicat"),
    "asylum a month late": (moved(P, "asylum_applied_on", 1), "not dated before the application"),
    "decisions a month early": (moved(D, "decided_on", -1), "not dated before the application"),
    "decisions a month late": (moved(D, "decided_on", 1), "before the final rejection"),
    "arrivals a month early": (moved(S, "from_date", -1), "different centres do not overlap"),
    "arrivals a month late": (moved(S, "from_date", 1), "does not end before it begins"),
    "departures a month early": (moved(S, "to_date", -1), "leave it in the month of their return"),
    "departures a month late": (moved(S, "to_date", 1), "leave it in the month of their return"),
    "completions a month early": (moved(A, "completed_on", -1), LINKED),
    "completions a month late": (moved(A, "completed_on", 1), LINKED),
    "returns a month early": (moved(R, "returned_on", -1), LINKED),
    "returns a month late": (moved(R, "returned_on", 1), LINKED),
    "deportations a month early": (moved(PU, "deported_on", -1), LINKED),
    "deportations a month late": (moved(PU, "deported_on", 1), LINKED),
    "deportations a year early": (moved(PU, "deported_on", -12), LINKED),
    "slipped persons": (slipped(P, "person_id"), "before the application"),
    "slipped families": (slipped(P, "family_id"), "share a citizenship"),
    "slipped citizenship": (slipped(P, "citizenship"), "share a citizenship"),
    "slipped size": (slipped(P, "family_size"), "share a family size"),
    "slipped asylum": (slipped(P, "asylum_applied_on"), "before the application"),
    "slipped decisions": (slipped(D, "person_id"), "A person is finally rejected once"),
    "slipped days of decisions": (slipped(D, "decided_on"), "before the application"),
    "slipped outcome": (slipped(D, "outcome"), "A permit is a final decision"),
    "slipped final": (slipped(D, "final"), "does not come after a final one"),
    "slipped stays": (slipped(S, "person_id"), "before the application"),
    "slipped centre": (slipped(S, "centre"), "arrive on one day arrive at one centre"),
    "slipped arrivals": (slipped(S, "from_date"), "does not end before it begins"),
    "slipped departures": (slipped(S, "to_date"), "does not end before it begins"),
    "slipped applicants": (slipped(A, "person_id"), "before the final rejection"),
    "slipped applications": (slipped(A, "applied_on"), "not completed before its application"),
    "slipped completions": (slipped(A, "completed_on"), "not completed before its application"),
    "slipped returned": (slipped(R, "person_id"), "An assisted return has a completed"),
    "slipped returns": (slipped(R, "returned_on"), "An assisted return has a completed"),
    "slipped kind": (slipped(R, "kind"), "An assisted return has a completed"),
    "slipped deported": (slipped(PU, "person_id"), LINKED),
    "slipped deportations": (slipped(PU, "deported_on"), LINKED),
    "largest centre renamed": (renamed(S, "centre", "from_date", 0), "goes on to receive families"),
    "second centre renamed": (renamed(S, "centre", "from_date", 1), "goes on to receive families"),
    "centre renamed in the file": (
        renamed(S, "centre", "", 1),
        "centre does not begin or end with",
    ),
    "country renamed": (
        renamed(P, "citizenship", "asylum_applied_on", 1),
        "does not begin or end with the applications of one month",
    ),
    "country renamed in the file": (
        renamed(P, "citizenship", "", 1),
        "citizenship does not begin or end with one row",
    ),
    "one centre": (constant(S, "centre"), "There is more than one centre"),
    "one country": (constant(P, "citizenship"), "citizenship is not the same in all rows"),
    "one sex": (constant(P, "sex"), "sex is not the same in all rows"),
    "one outcome": (constant(D, "outcome"), "outcome is not the same in all rows"),
    "all final": (constant(D, "final"), "A person is finally rejected once"),
    "one kind": (constant(R, "kind"), "kind is not the same in all rows"),
    "one category": (constant(PU, "category"), "category is not the same in all rows"),
    "families split": (split, "A family of two or more has more than one member"),
    "families split into singles": (split_into_singles, "stays are of one family"),
    "no stays": (emptied(S), "udi_stays has rows"),
    "no deportations": (emptied(PU), "pu_deportations has rows"),
    "no applications": (emptied(A), "udi_applications has rows"),
    "no returns": (emptied(R), "udi_returns has rows"),
    "a year of deportations lost": (without_year(PU, "deported_on"), "deported_on falls in every"),
    "a year of returns lost": (without_year(R, "returned_on"), "returned_on falls in every month"),
    "a year of arrivals lost": (without_year(S, "from_date"), "from_date falls in every month"),
    "a year of decisions lost": (without_year(D, "decided_on"), "decided_on falls in every month"),
    "sexes swapped from a year on": (
        from_the_third_year(P, "sex", "asylum_applied_on"),
        "sex is shared as in the year before",
    ),
    "outcomes swapped from a year on": (
        from_the_third_year(D, "outcome", "decided_on"),
        "outcome is shared as in the year before",
    ),
    "follow-up three years longer": (longer(3), "do not go on long after the dates"),
    "follow-up ten years longer": (longer(10), "do not go on long after the dates"),
    "window ten years longer": (sooner, "do not begin long before the dates"),
}


def broken(given: Registers) -> pd.Series:
    """Number of broken rows by rule, of all tables together."""
    report = regs.check(given)
    return report.groupby("rule")["n_broken"].sum()


@pytest.fixture(scope="module")
def before(simulated: Mapping[int, Registers]) -> Mapping[int, pd.Series]:
    return {seed: broken(given) for seed, given in simulated.items()}


@pytest.mark.suite("further corruptions, of two registers")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", WHOLE)
def test_register_is_not_taken_as_it_is(
    kind: str, seed: int, simulated: Mapping[int, Registers], before: Mapping[int, pd.Series]
) -> None:
    corrupt, rule = WHOLE[kind]
    frames = {name: frame.copy() for name, frame in simulated[seed].tables.items()}
    window = corrupt(frames, simulated[seed].window) or simulated[seed].window
    report = broken(Registers(*frames.values(), window))
    more = report[report > before[seed].reindex(report.index, fill_value=0)]
    assert any(rule in text for text in more.index), more.index.tolist()


def test_there_are_more_than_137_corruptions() -> None:
    labels, ids, whole = len(LABELS) * len(PLACES), len(TABLES) * len(MARKS), len(WHOLE)
    assert labels + ids + whole >= 137


# of signs that only one register has, and of people outside the centres
ALWAYS = [
    f"A deportation of a known person is in udi_returns, {NEAR}",
    f"A return by the police is in pu_deportations, {NEAR}",
    "A return falls in a month of a stay.",
]


def test_simulated_registers_say_what_they_said(before: Mapping[int, pd.Series]) -> None:
    for counts in before.values():
        assert sorted(counts[counts > 0].index) == ALWAYS


@pytest.mark.slow
@pytest.mark.parametrize("scenario", sorted({*SCENARIOS} - {"messy"}))
def test_no_scenario_says_more(scenario: str, rng: np.random.Generator) -> None:
    truth = simulation.truth("small", rng, simulation.scenario(scenario))
    counts = broken(made(truth, rng))
    assert sorted(counts[counts > 0].index) == ALWAYS


@pytest.mark.slow
@pytest.mark.suite("clean registers")
@pytest.mark.parametrize("seed", range(200))
def test_clean_registers_stay_silent(seed: int, truth: simulation.Truth) -> None:
    counts = broken(made(truth, np.random.default_rng(seed)))
    assert sorted(counts[counts > 0].index) == ALWAYS
