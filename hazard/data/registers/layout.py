"""How the files of a register folder are written: names, encoding, dates, numbers, words.

A folder whose files are not as ``hazard.data.registers.read`` wants them says so in
``columns.toml``, which lies with the files because it is about them: the same model file then reads
every extract. All keys are optional; what is not said is as in the example folder.

.. code-block:: toml

    dates = "dd.mm.yyyy"            # or "yyyy-mm-dd"
    decimal = ","                   # or "."
    delimiter = ";"                 # of CSV files
    encoding = "latin-1"            # of CSV files, or "utf-8"

    [udi_persons]
    file = "Personer.csv"           # or a .parquet file

    [udi_persons.columns]           # ours = theirs
    person_id = "DUF"
    sex = "Kjønn"

    [udi_persons.values.sex]        # ours = theirs
    male = "Mann"
    female = "Kvinne"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hazard.data.labels import has_control
from hazard.data.registers.files import toml
from hazard.data.registers.records import TABLES, Column
from hazard.errors import did_you_mean
from hazard.files.terminal import excerpt

NAME = "columns.toml"
_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dates": ("yyyy-mm-dd", "dd.mm.yyyy"),
        "decimal": (".", ","),
        "delimiter": (",", ";", "\t"),
        "encoding": ("utf-8", "latin-1"),
    }
)
_PARTS = ("file", "columns", "values")
_FILE = re.compile(r"[^/\\]+\.(csv|parquet)", re.IGNORECASE)
_LONGEST_WORD = 200  # characters of a name or a word: longer ones are no names
_MOST_SHOWN = 10


@dataclass(frozen=True)
class Layout:
    """File of one table and how it is written; ``columns`` and ``levels`` are theirs to ours."""

    path: Path
    columns: Mapping[str, str]
    levels: Mapping[str, Mapping[str, str]]
    dates: str = "yyyy-mm-dd"
    decimal: str = "."
    delimiter: str = ","
    encoding: str = "utf-8"

    @property
    def is_parquet(self) -> bool:
        """Whether the file is Parquet; otherwise it is CSV."""
        return self.path.suffix.lower() == ".parquet"

    @property
    def form(self) -> str:
        """What the file must be, in words."""
        if self.is_parquet:
            return "a Parquet file"
        return f"a CSV file in {'UTF-8' if self.encoding == 'utf-8' else 'Latin-1'}"

    def theirs(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """What the columns of the file must hold, under their names and in their words."""
        expected = {}
        for name, ours in self.columns.items():
            column = columns[ours]
            words = self.levels.get(ours, {})
            back = {word: theirs for theirs, word in words.items()}
            levels = tuple(back.get(level, level) for level in column.levels)
            expected[name] = replace(column, levels=levels)
        return expected

    def day(self, text: str) -> date | None:
        """Date of a text, or None.

        Examples
        --------
        >>> layout = Layout(Path("x.csv"), {}, {}, dates="dd.mm.yyyy")
        >>> layout.day("01.02.2005"), layout.day("30.02.2005")
        (datetime.date(2005, 2, 1), None)
        """
        norwegian = self.dates == "dd.mm.yyyy"
        shape = r"\d{1,2}\.\d{1,2}\.\d{4}" if norwegian else r"\d{4}-\d{2}-\d{2}"
        if not re.fullmatch(shape, text.strip(), re.ASCII):
            return None
        try:
            moment = datetime.strptime(  # noqa: DTZ007 - a day has no time zone
                text.strip(), "%d.%m.%Y" if norwegian else "%Y-%m-%d"
            )
        except ValueError:
            return None
        return moment.date()

    def count(self, text: str) -> int | None:
        """Whole number of at least 1 of a text, or None.

        Examples
        --------
        >>> layout = Layout(Path("x.csv"), {}, {}, decimal=",")
        >>> layout.count("3,0"), layout.count("3,5"), layout.count("3.0")
        (3, None, None)
        """
        zeros = "" if self.decimal == "." else r"(,0*)?"
        match = re.fullmatch(rf"(\d{{1,18}}){zeros}", text.strip(), re.ASCII)
        return int(match[1]) if match and int(match[1]) >= 1 else None


def layouts(folder: Path) -> tuple[dict[str, Layout], list[str]]:
    """Layout of every table of a folder, and what is wrong with its ``columns.toml``."""
    path = folder / NAME
    content: dict[str, Any] = {}
    problems: list[str] = []
    if path.exists() or path.is_symlink():
        content, problems = toml(path)
    problems = problems or _problems(content)
    return _layouts(folder, {} if problems else content), problems


def _layouts(folder: Path, content: Mapping[str, Any]) -> dict[str, Layout]:
    general = {key: content[key] for key in _CHOICES if key in content}
    by_table = {}
    for table, columns in TABLES.items():
        table_content = content.get(table, {})
        renamed = table_content.get("columns", {})
        levels = {
            name: {theirs: ours for ours, theirs in words.items()}
            for name, words in table_content.get("values", {}).items()
        }
        by_table[table] = Layout(
            folder / table_content.get("file", f"{table}.csv"),
            {renamed.get(name, name): name for name in columns},
            levels,
            **general,
        )
    return by_table


# --- what is wrong ------------------------------------------------------------------------------
def _problems(content: Mapping[str, Any]) -> list[str]:
    problems = _unknown("key", content, [*_CHOICES, *TABLES])
    for key, choices in _CHOICES.items():
        if content.get(key, choices[0]) not in choices:
            problems.append(f"{NAME} '{key}' must be one of {list(choices)}; got something else.")
    for table in set(TABLES) & set(content):
        problems += _table_problems(table, content[table])
    return problems


def _table_problems(table: str, content: Any) -> list[str]:
    if not isinstance(content, dict):
        return [f"{NAME} '{table}' must be a table with {list(_PARTS)}; got something else."]
    problems = _unknown(f"key of {table}", content, _PARTS)
    name = content.get("file", "x.csv")
    if not (isinstance(name, str) and name.isprintable() and _FILE.fullmatch(name)):
        problems.append(
            f"{NAME} '{table}.file' must name a .csv or .parquet file of the folder; "
            "got something else."
        )
    columns, values = content.get("columns", {}), content.get("values", {})
    problems += _words(f"{table}.columns", columns, list(TABLES[table]))
    listed = {key: column.levels for key, column in TABLES[table].items() if column.levels}
    if not isinstance(values, dict):
        return [*problems, f"{NAME} '{table}.values' must be a table; got something else."]
    problems += _unknown(f"column of {table}.values", values, list(listed))
    for key in set(values) & set(listed):
        problems += _words(f"{table}.values.{key}", values[key], listed[key])
    return problems


def _words(where: str, words: Any, known: Any) -> list[str]:
    """Problems of a table from our words to theirs."""
    if not (isinstance(words, dict) and all(isinstance(word, str) for word in words.values())):
        return [f"{NAME} '{where}' must be a table of texts; got something else."]
    if any(has_control(word) or not 0 < len(word) <= _LONGEST_WORD for word in words.values()):
        rule = f"must hold names of 1 to {_LONGEST_WORD} characters without control characters"
        return [f"{NAME} '{where}' {rule}; got something else."]
    theirs = [words.get(ours, ours) for ours in known]
    problems = _unknown(f"key of {where}", words, known)
    if len(set(theirs)) < len(theirs):
        problems.append(f"{NAME} '{where}' must have another text for each key; got one twice.")
    return problems


def _unknown(label: str, content: Mapping[str, Any], known: Any) -> list[str]:
    unknown = [key for key in content if key not in known][:_MOST_SHOWN]
    return [
        f"{NAME} {label} must be one of {list(known)}; got '{excerpt(key)}'."
        + did_you_mean(key, known)
        for key in unknown
    ]
