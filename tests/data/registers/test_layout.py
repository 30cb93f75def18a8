"""Registers written in another way: names, words, dates, numbers, encoding and file kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hazard.data import registers as regs
from hazard.data.registers import FamilyHistories, Registers
from hazard.data.registers.records import TABLES
from hazard.errors import RegisterError
from hazard.spec import DataSpec
from small_registers import Person, random_registers, registers, write

NORWEGIAN = """
dates = "dd.mm.yyyy"
decimal = ","
delimiter = ";"
encoding = "latin-1"

[udi_persons]
file = "Personer.csv"
[udi_persons.columns]
person_id = "DUF-nummer"
sex = "Kjønn"
family_size = "Familiestørrelse"
asylum_applied_on = "Søknadsdato"
[udi_persons.values.sex]
male = "Mann"
female = "Kvinne"

[udi_decisions.columns]
person_id = "DUF-nummer"
decided_on = "Vedtaksdato"
[udi_decisions.values]
outcome = { granted = "Innvilget", rejected = "Avslått" }
final = { yes = "Ja", no = "Nei" }

[udi_stays.columns]
centre = "Mottak"
to_date = "Til"
"""
RENAMED = {
    "udi_persons": {
        "person_id": "DUF-nummer",
        "sex": "Kjønn",
        "family_size": "Familiestørrelse",
        "asylum_applied_on": "Søknadsdato",
    },
    "udi_decisions": {"person_id": "DUF-nummer", "decided_on": "Vedtaksdato"},
    "udi_stays": {"centre": "Mottak", "to_date": "Til"},
}
WORDS = {
    "sex": {"male": "Mann", "female": "Kvinne"},
    "outcome": {"granted": "Innvilget", "rejected": "Avslått"},
    "final": {"yes": "Ja", "no": "Nei"},
}


def translated(given: Registers) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, frame in given.tables.items():
        own = frame.copy()
        for column in set(WORDS) & set(own):
            own[column] = own[column].map(WORDS[column])
        if "family_size" in own:
            own["family_size"] = own["family_size"].map(lambda n: f"{n},0" if n % 2 else str(n))
        tables[name] = own.rename(columns=RENAMED.get(name, {}))
    return tables


def write_norwegian(given: Registers, folder: Path) -> Path:
    write(given, folder)
    for name, frame in translated(given).items():
        (folder / f"{name}.csv").unlink()
        path = folder / ("Personer.csv" if name == "udi_persons" else f"{name}.csv")
        options = {"sep": ";", "encoding": "latin-1", "date_format": "%d.%m.%Y"}
        frame.to_csv(path, index=False, **options)
    (folder / "columns.toml").write_text(NORWEGIAN, encoding="utf-8")
    return folder


def write_parquet(given: Registers, folder: Path) -> Path:
    write(given, folder)
    lines = []
    for name, frame in given.tables.items():
        (folder / f"{name}.csv").unlink()
        frame.to_parquet(folder / f"{name}.parquet")
        lines.append(f'[{name}]\nfile = "{name}.parquet"\n')
    (folder / "columns.toml").write_text("".join(lines), encoding="utf-8")
    return folder


def defined(folder: Path) -> FamilyHistories:
    return regs.define(regs.read(folder), DataSpec())


def same(left: FamilyHistories, right: FamilyHistories) -> None:
    assert left.window == right.window
    for name in ("families", "residence", "exits", "events", "flow"):
        pd.testing.assert_frame_equal(getattr(left, name), getattr(right, name))


# --- round trips --------------------------------------------------------------------------------
@pytest.mark.parametrize("write_in", [write_norwegian, write_parquet])
def test_another_layout_gives_identical_histories(
    write_in: object, rng: np.random.Generator, tmp_path: Path
) -> None:
    given = random_registers(rng, 60)
    persons = given.persons.assign(citizenship=given.persons["citizenship"] + " æøå")
    given = Registers(persons, *list(given.tables.values())[1:], given.window)
    for folder in ("plain", "other"):
        (tmp_path / folder).mkdir()
    plain, other = write(given, tmp_path / "plain"), write_in(given, tmp_path / "other")  # type: ignore[operator]
    same(defined(plain), defined(other))
    read, again = regs.read(plain), regs.read(other)
    for name, frame in read.tables.items():
        pd.testing.assert_frame_equal(
            again.tables[name][list(frame)], frame, check_categorical=False
        )


def test_dates_are_not_read_month_first(tmp_path: Path) -> None:
    """Negative control: 02.03.2005 is in March."""
    given = registers(Person("p", deportations=[("2005-03-02", "asyl")]))
    found = regs.read(write_norwegian(given, tmp_path))
    assert found.deportations["deported_on"].tolist() == [pd.Timestamp("2005-03-02")]


def test_parquet_with_texts_and_times(tmp_path: Path) -> None:
    given = registers(Person("p"))
    write_parquet(given, tmp_path)
    stays = given.stays.assign(from_date=["2005-01-01"], to_date=[None])
    stays.to_parquet(tmp_path / "udi_stays.parquet")
    decided = given.decisions.assign(decided_on=pd.to_datetime(["2005-01-10 23:30"]))
    decided.to_parquet(tmp_path / "udi_decisions.parquet")
    found = regs.read(tmp_path)
    assert found.stays["from_date"].tolist() == [pd.Timestamp("2005-01-01")]
    assert found.decisions["decided_on"].tolist() == [pd.Timestamp("2005-01-10")]


def test_folder_without_a_layout_is_read_as_before(tmp_path: Path) -> None:
    write(registers(Person("p")), tmp_path)
    plain = regs.read(tmp_path)
    (tmp_path / "columns.toml").write_text("", encoding="utf-8")
    for name, frame in regs.read(tmp_path).tables.items():
        pd.testing.assert_frame_equal(frame, plain.tables[name])


def test_example_of_the_documentation_is_a_layout(tmp_path: Path) -> None:
    from hazard.data.registers import layout

    text = str(layout.__doc__).split(".. code-block:: toml")[1]
    (tmp_path / "columns.toml").write_text(text, encoding="utf-8")
    found, problems = layout.layouts(tmp_path)
    assert problems == []
    assert found["udi_persons"].path.name == "Personer.csv"
    assert found["udi_persons"].theirs(TABLES["udi_persons"])["Kjønn"].levels == ("Mann", "Kvinne")


# --- what is wrong ------------------------------------------------------------------------------
BROKEN = {
    "not TOML": ("dates = ", r"^columns.toml must be valid TOML; Invalid value "),
    "unknown key": (
        'date = "dd.mm.yyyy"',
        r"^columns.toml key must be one of \['dates', .*\]; got 'date'\. Did you mean 'dates'\?$",
    ),
    "unknown date": (
        'dates = "mm/dd/yyyy"',
        (
            r"^columns.toml 'dates' must be one of \['yyyy-mm-dd', 'dd.mm.yyyy'\]; "
            r"got something else\.$"
        ),
    ),
    "not a table": (
        "udi_stays = 1",
        r"^columns.toml 'udi_stays' must be a table with \['file', 'columns', 'values'\]; got",
    ),
    "unknown part": (
        "[udi_stays.column]\ncentre = 'Mottak'",
        r"^columns.toml key of udi_stays must be one of .*; got 'column'\. Did you mean 'columns'",
    ),
    "file elsewhere": (
        '[udi_stays]\nfile = "../stays.csv"',
        r"^columns.toml 'udi_stays.file' must name a .csv or .parquet file of the folder; got",
    ),
    "unknown column": (
        "[udi_stays.columns]\ncenter = 'Mottak'",
        (
            r"^columns.toml key of udi_stays.columns must be one of .*; got 'center'\. "
            r"Did you mean 'centre'\?$"
        ),
    ),
    "one column twice": (
        "[udi_stays.columns]\nfrom_date = 'to_date'",
        r"^columns.toml 'udi_stays.columns' must have another text for each key; got one twice\.$",
    ),
    "not a text": (
        "[udi_stays.columns]\ncentre = 1",
        r"^columns.toml 'udi_stays.columns' must be a table of texts; got something else\.$",
    ),
    "words of a free text": (
        "[udi_persons.values.citizenship]\nIrak = 'Iraq'",
        r"^columns.toml column of udi_persons.values must be one of \['sex'\]; got 'citizenship'",
    ),
    "unknown word": (
        "[udi_returns.values.kind]\npolitet = 'PU'",
        r"^columns.toml key of udi_returns.values.kind must be one of .*; got 'politet'",
    ),
    "values not a table": (
        "[udi_returns]\nvalues = 1",
        r"^columns.toml 'udi_returns.values' must be a table; got something else\.$",
    ),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_layout_reports_a_planted_problem(tmp_path: Path, problem: str) -> None:
    text, sentence = BROKEN[problem]
    write(registers(Person("p")), tmp_path)
    (tmp_path / "columns.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RegisterError, match=sentence):
        regs.read(tmp_path)


CANARY = "canary-7Q4"
CELLS = {
    "ISO date": (
        "udi_stays.csv",
        "person_id;Mottak;from_date;Til\np;A;01.02.2005;\np;A;2005-02-01;\n",
        (
            r"^udi_stays.csv column 'from_date' must be a date written DD.MM.YYYY; got something "
            r"else in 1 of 2 rows \(first: row 2\)"
        ),
    ),
    "day that does not exist": (
        "udi_stays.csv",
        "person_id;Mottak;from_date;Til\np;A;01.02.2005;31.02.2005\n",
        r"^udi_stays.csv column 'Til' must be a date written DD.MM.YYYY; got something else",
    ),
    "our word": (
        "udi_decisions.csv",
        f"DUF-nummer;Vedtaksdato;outcome;final\n{CANARY};01.02.2005;granted;Ja\n",
        r"^udi_decisions.csv column 'outcome' must be one of \['Innvilget', 'Avslått'\]; got some",
    ),
    "half a person": (
        "Personer.csv",
        f"DUF-nummer;family_id;citizenship;Kjønn;Familiestørrelse;Søknadsdato\n{CANARY};f;I;Mann;1,5;\n",
        r"^Personer.csv column 'Familiestørrelse' must be a whole number of at least 1; got some",
    ),
    "our column": (
        "udi_stays.csv",
        "person_id;centre;from_date;Til\n",
        r"^udi_stays.csv must have the column 'Mottak' once; got 0\.",
    ),
}


@pytest.mark.parametrize("problem", CELLS)
def test_read_speaks_of_their_names_and_words(tmp_path: Path, problem: str) -> None:
    name, text, sentence = CELLS[problem]
    write_norwegian(registers(Person("p")), tmp_path)
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(RegisterError, match=f"(?m){sentence}") as raised:
        regs.read(tmp_path)
    assert CANARY not in str(raised.value)


def test_read_reports_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    write_parquet(registers(Person("p")), tmp_path)
    (tmp_path / "udi_stays.parquet").write_text("text", encoding="utf-8")
    with pytest.raises(RegisterError, match=r"^udi_stays.parquet must be a Parquet file; its fir"):
        regs.read(tmp_path)


def test_read_places_a_bad_cell_of_parquet(tmp_path: Path) -> None:
    given = registers(Person("p"))
    write_parquet(given, tmp_path)
    given.returns.assign(kind="x").to_parquet(tmp_path / "udi_returns.parquet")  # no rows
    given.stays.assign(person_id=[None]).to_parquet(tmp_path / "udi_stays.parquet")
    with pytest.raises(
        RegisterError, match=r"^udi_stays.parquet column 'person_id' must not be empty; got"
    ):
        regs.read(tmp_path)
