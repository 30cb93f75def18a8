"""What a panel of the descriptive figures holds: rows, what was printed of them, and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from hazard import languages
from hazard.arrays import FloatArray
from hazard.languages import ENGLISH
from hazard.output import digits
from hazard.output.figures.style import marks
from hazard.units import plural

_PROBABILITY = "monthly_probability"
GROUPS = MappingProxyType(
    {
        "families_by_year": (("Figure 2-1", "families"), ("Figure 2-2", "new_families")),
        "composition": (
            ("Figure 2-3", "share_of_families"),
            ("Figure 2-3", "mean_months_in_centre"),
            ("Figure 2-4", "share_of_families"),
        ),
        "exits_by_year": tuple((f"Figure 2-{k}", _PROBABILITY) for k in (5, 6, 7)),
        "exits_of_five_nationalities": (("Figure 2-8", "first_exits"),),
        "exits_by_nationality": tuple((f"Figure 2-{k}", _PROBABILITY) for k in (9, 10, 11)),
        "exits_by_family_size": tuple((f"Figure 2-{k}", _PROBABILITY) for k in (12, 13, 14)),
        "after_forced_return": (("Table 2-2", "relative_change"),),
    }
)
"""Tables and quantities of each figure; the name is that of its file."""

Words = Mapping[str, languages.Words]
_OF_PERSONS = ("figure", "panel", "axis")


def description_words(
    code: str = ENGLISH, people: Literal["families", "persons"] = "families"
) -> Words:
    """Texts of the descriptive figures in a language, by table and key.

    Parameters
    ----------
    code : str
    people : {"families", "persons"}
        Families of the report, or persons of another panel, with texts of their own and without
        the places in the report.

    Examples
    --------
    >>> description_words("nb")["exit"]["forced"]
    'Tvangsretur'
    """
    catalogue = languages.catalogue(code)
    of_persons = {table: catalogue["describe"][f"{table}_of_persons"] for table in _OF_PERSONS}
    time_units = {name: languages.unit(name, code) for name in catalogue["shared"]["unit"]}
    texts: Words = {
        **catalogue["describe"],
        "marks": catalogue["shared"]["marks"],
        "unit": {name: unit.one for name, unit in time_units.items()},
        "units": {plural(name): unit.several.capitalize() for name, unit in time_units.items()},
    }
    if people == "families":
        return texts
    return {
        **texts,
        **{name: {**texts[name], **of_persons[name]} for name in of_persons},
        "report": {},
    }


@dataclass(frozen=True, eq=False)
class FigurePanel:
    """Rows of one table, quantity and exit, and what the report printed of them."""

    rows: pd.DataFrame
    printed: pd.DataFrame
    words: Words

    @property
    def quantity(self) -> str:
        """Quantity of all rows."""
        return str(self.rows["quantity"].iloc[0])

    @property
    def unit(self) -> str:
        """Unit of the series."""
        return str(self.rows["unit"].iloc[0])

    @property
    def exit(self) -> str | None:
        """Exit of all rows, if they are of one."""
        name = self.rows["exit"].iloc[0]
        return None if pd.isna(name) else str(name)

    @property
    def by_year(self) -> bool:
        """Whether the rows are years, and not levels."""
        return bool(self.rows["year"].notna().all())

    @property
    def factor(self) -> float:
        """From the unit of the series to that of the axis."""
        percent = self.unit in {"share", "relative change"} or self.unit.startswith("probability")
        return 100.0 if percent else 1.0

    @property
    def values(self) -> FloatArray:
        """Value of each row, in the unit of the axis."""
        return self.factor * self.rows["value"].to_numpy(float)

    @property
    def names(self) -> list[str]:
        """Years or levels in words."""
        if self.by_year:
            return [str(year) for year in self.rows["year"]]
        return [_level(str(level), self.words) for level in self.rows["level"]]

    @property
    def head(self) -> str:
        """What the panel is about, in words."""
        if self.exit is not None:
            return self.words["exit"].get(self.exit, self.exit)
        return self.words["panel"][f"{self.rows['table'].iloc[0]} {self.quantity}"]

    @property
    def source(self) -> str:
        """Figure or table of the report, in words; nothing for another panel."""
        if not self.words["report"]:
            return ""
        parts = str(self.rows["table"].iloc[0]).split()
        return " ".join(self.words["report"].get(part, part) for part in parts)

    @property
    def axis(self) -> str:
        """What the axis shows, in words."""
        word = self.unit.split()[-1]
        units = {**self.words["unit"], **self.words["units"]}
        return self.words["axis"][self.quantity].format(unit=units.get(word, word))

    @property
    def printed_values(self) -> FloatArray:
        """What was printed of each row; NaN for nothing."""
        column = "year" if self.by_year else "level"
        published = self.printed.dropna(subset=column).set_index(column)["published"]
        return self.factor * self.rows[column].map(published).to_numpy(float)

    def band(self) -> list[float]:
        """Lowest and highest of years that the report does not name; empty without."""
        unnamed = self.printed[self.printed["year"].isna() & (self.printed["pick"] != "only")]
        if not self.by_year:
            return []
        return sorted(self.factor * unnamed["published"].to_numpy(float))

    def as_printed(self, value: float) -> str:
        """A printed value with the digits that it had; nothing for none."""
        if np.isnan(value):
            return ""
        whole = abs(value - round(value)) < 1e-9  # a percentage may be off by its last bit
        write = digits.signed if self.quantity == "relative_change" else digits.number
        return write(value, 0 if whole else -1, marks(self.words["marks"]))

    def number(self, value: float) -> str:
        """A value of the axis as text."""
        signs = marks(self.words["marks"])
        if self.quantity == "relative_change":
            return digits.signed(value, 0, signs)
        power = 0 if self.unit == "families" else -1
        return digits.share(value, power, signs) if value > 0 else digits.number(value, 0, signs)


def groups(
    series: pd.DataFrame, published: pd.DataFrame, words: Words
) -> dict[str, list[FigurePanel]]:
    """Panels of each figure; figures without any are left out."""
    figures = {
        name: [
            panel
            for table, quantity in members
            for panel in _panels(series, published, table, quantity, words)
        ]
        for name, members in GROUPS.items()
    }
    return {name: panels for name, panels in figures.items() if panels}


def _panels(
    series: pd.DataFrame, published: pd.DataFrame, table: str, quantity: str, words: Words
) -> Iterator[FigurePanel]:
    """One panel for each exit, in the order of the words, or one for none."""
    selected = (
        (series["table"] == table) & (series["quantity"] == quantity) & series["value"].notna()
    )
    rows = series[selected]
    by_exit = dict(list(rows.groupby(rows["exit"].fillna(""), sort=False)))
    exits = [name for name in words["exit"] if name in by_exit]
    for name in dict.fromkeys([*exits, *by_exit]):
        same_exit = (published["series"] == quantity) & (published["exit"].fillna("") == name)
        yield FigurePanel(by_exit[name], published[same_exit], words)


def _level(level: str, words: Words) -> str:
    """A level in words; those of the windows after an event are put together."""
    network, _, window = level.partition(" ")
    if network in words["network"] and window:
        first, last = window.split("-")
        return words["text"]["window"].format(
            network=words["network"][network], first=first, last=last
        )
    return words["level"].get(level, level)
