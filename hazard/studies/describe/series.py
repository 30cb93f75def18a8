"""The published descriptive series, from any panel, as records of one tidy table.

A family is a person of the panel. The ids are those of Oslo Economics (2016), chapter 2; an exit
that is not in the report is put under the figures of the others, ``Figures 2-5 to 2-7``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from hazard.months import year_of
from hazard.units import plural

COLUMNS = (
    "table",
    "quantity",
    "exit",
    "level",
    "year",
    "value",
    "unit",
    "n_persons",
    "skipped",
)
FAMILIES, SHARE = "families", "share"
FIVE, TEN = 5, 10
Record = dict[str, Any]

BY_YEAR, BY_NATIONALITY, BY_FAMILY_SIZE = (
    MappingProxyType(
        {
            "assisted": f"Figure 2-{first}",
            "forced": f"Figure 2-{first + 1}",
            "disappeared": f"Figure 2-{first + 2}",
        }
    )
    for first in (5, 9, 12)
)


_OF_PERSONS = MappingProxyType(
    {
        "families": "persons",
        "new_families": "new_persons",
        "share_of_families": "share_of_persons",
        "person_months": "rows",
        "mean_months_in_centre": "mean_time_at_risk",
        "monthly_probability": "probability",
        "still_resident": "without_an_exit",
        "in_the_last_month": "at_risk_at_the_end",
    }
)
"""Quantities of a panel that is none of the families of the report."""


def of_persons(series: pd.DataFrame) -> pd.DataFrame:
    """Series in the words of a panel of persons, without the places in the report.

    Examples
    --------
    >>> row = {"table": "Table 2-1", "quantity": "families", "value": 3.0, "unit": "families"}
    >>> of_persons(pd.DataFrame([{**row, "skipped": None}])).to_numpy().tolist()
    [['persons', 3.0, 'persons']]
    """
    with_value = series[series["value"].notna()].drop(columns=["table", "skipped"])
    unit = with_value["unit"].replace("families", "persons").str.replace("family-", "person-")
    renamed = with_value.assign(
        quantity=with_value["quantity"].replace(dict(_OF_PERSONS)), unit=unit
    )
    return renamed.reset_index(drop=True)


def exits_of(panel: pd.DataFrame) -> list[str]:
    """Exits of a panel in the order of the model, without ``stay``."""
    return [name for name in panel["exit"].cat.categories if name != "stay"]


def families_of(panel: pd.DataFrame) -> pd.DataFrame:
    """One row per family: its last row, with ``months`` at risk and the row number of its first."""
    family = panel.groupby("person", sort=False)["person"]
    last = panel.drop_duplicates("person", keep="last").reset_index(drop=True)
    first = np.flatnonzero(~panel["person"].duplicated())
    return last.assign(months=family.size().to_numpy(), first=first)


def largest(families: pd.DataFrame, n: int) -> list[str]:
    """Nationalities with most families, most first, ties by name."""
    size = families["nationality"].astype(str).value_counts().sort_index()
    return [str(name) for name in size.sort_values(ascending=False, kind="stable").index[:n]]


def record(table: str, quantity: str, value: float, unit: str, **where: Any) -> Record:
    """One row of the tidy table; ``where`` holds the columns that place it."""
    return {"table": table, "quantity": quantity, "value": value, "unit": unit, **where}


def table_of(tables: Mapping[str, str], name: str) -> str:
    """Figure of an exit; the range of figures for one that the report does not have.

    Examples
    --------
    >>> table_of(BY_YEAR, "forced"), table_of(BY_YEAR, "arrest")
    ('Figure 2-6', 'Figures 2-5 to 2-7')
    """
    ends = list(tables.values())
    return tables.get(name, f"Figures {ends[0].split()[1]} to {ends[-1].split()[1]}")


# --- composition --------------------------------------------------------------------------------
def _sample(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Families, family-months, and months per family."""
    n, table = panel["person"].nunique(), "Section 2.2.1"
    yield record(table, "families", n, FAMILIES, n_persons=n)
    yield record(table, "person_months", len(panel), f"family-{plural(unit)}", n_persons=n)
    yield record(table, "mean_months_in_centre", len(panel) / n, plural(unit), n_persons=n)


def _centres(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Centres, and centres per family while at risk."""
    table, pairs = "Section 2.2.1", panel[["person", "centre"]].drop_duplicates()
    number = pairs["person"].value_counts()
    places: Record = {"unit": "centres", "n_persons": len(number)}
    yield record(table, "centres", pairs["centre"].nunique(), **places)
    yield record(table, "centres_per_family", number.mean(), **places)
    yield record(table, "max_centres_per_family", number.max(), **places)


def _sexes(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Share of representatives of each sex."""
    sex = families_of(panel)["sex"].astype(str)
    for level, share in sex.value_counts(normalize=True).sort_index().items():
        n = int((sex == level).sum())
        yield record(
            "Section 2.2.3", "share_of_families", share, SHARE, level=str(level), n_persons=n
        )


def _family_sizes(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Share of families of each size, mean and largest size."""
    size = families_of(panel)["family_size"]
    description: Record = {"unit": "persons", "n_persons": len(size)}
    yield record("Section 2.2.3", "mean_family_size", size.mean(), **description)
    yield record("Section 2.2.3", "max_family_size", size.max(), **description)
    for level, n in size.value_counts().sort_index().items():
        where = {"level": str(level), "n_persons": int(n)}
        yield record("Figure 2-4", "share_of_families", n / len(size), SHARE, **where)


def _nationalities(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Nationalities; families and mean months of the ten largest."""
    families = families_of(panel)
    nationality, n = families["nationality"].astype(str), len(families)
    top, table = largest(families, TEN), "Figure 2-3"
    share = nationality.isin(top).mean()
    yield record(
        "Section 2.2.3", "nationalities", nationality.nunique(), "nationalities", n_persons=n
    )
    yield record(table, "share_of_ten_largest", share, SHARE, n_persons=n)
    for level in top:
        months = families.loc[nationality == level, "months"]
        where = {"level": level, "n_persons": len(months)}
        yield record(table, "families", len(months), FAMILIES, **where)
        yield record(table, "share_of_families", len(months) / n, SHARE, **where)
        yield record(table, "mean_months_in_centre", months.mean(), plural(unit), **where)


def _yearly_families(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Families at risk in each calendar year, and those whose first row lies in it."""
    year = pd.Series(year_of(panel["calendar"]))
    first = ~panel["person"].duplicated()
    for level, persons in panel["person"].groupby(year):
        n, n_new = persons.nunique(), int(first[persons.index].sum())
        yield record("Figure 2-1", "families", n, FAMILIES, year=level, n_persons=n)
        yield record("Figure 2-2", "new_families", n_new, FAMILIES, year=level, n_persons=n_new)


# --- exits --------------------------------------------------------------------------------------
def _first_exits(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Families by first exit, those without one, and the probability of each exit per month.

    Notes
    -----
    The report's 2,250 families still resident are its 14,439 families less those with an exit;
    ``still_resident`` is computed so. ``in_the_last_month`` counts those at risk in the last
    calendar month of the panel.
    """
    n, table = panel["person"].nunique(), "Table 2-1"
    count = panel["exit"].value_counts()
    n_left = int(sum(count[name] for name in exits_of(panel)))
    for name in exits_of(panel):
        where = {"exit": name, "n_persons": int(count[name])}
        yield record(table, "first_exits", count[name], FAMILIES, **where)
        yield record(table, "share_of_families", count[name] / n, SHARE, **where)
    yield record(table, "still_resident", n - n_left, FAMILIES, n_persons=n - n_left)
    if "calendar" in panel:
        last = panel[panel["calendar"] == panel["calendar"].max()]
        staying = int((last["exit"] == "stay").sum())
        yield record(table, "in_the_last_month", staying, FAMILIES, n_persons=staying)
    for name in exits_of(panel):
        value = count[name] / len(panel)
        where = {"exit": name, "n_persons": n}
        yield record("Table 2-2", "monthly_probability", value, f"probability per {unit}", **where)


def _exits_of_five(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Families by first exit, of the five largest nationalities."""
    families = families_of(panel)
    for level in largest(families, FIVE):
        exits = families.loc[families["nationality"] == level, "exit"]
        for name in exits_of(panel):
            n = int((exits == name).sum())
            where = {"exit": name, "level": level, "n_persons": n}
            yield record("Figure 2-8", "first_exits", n, FAMILIES, **where)


def _yearly_exits(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Probability of each exit per month, by calendar year."""
    year = pd.Series(year_of(panel["calendar"]), name="year")
    return _rates(panel, year, sorted(year.unique()), BY_YEAR, unit)


def _exits_by_nationality(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Probability of each exit per month, for the ten largest nationalities."""
    nationality = panel["nationality"].astype(str).rename("level")
    return _rates(panel, nationality, largest(families_of(panel), TEN), BY_NATIONALITY, unit)


def _exits_by_family_size(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Probability of each exit per month, for families of three or more and for smaller ones."""
    large = panel["large_family"].astype(str).rename("level")
    return _rates(panel, large, sorted(large.unique()), BY_FAMILY_SIZE, unit)


def _rates(
    panel: pd.DataFrame,
    group: pd.Series,
    levels: Sequence[Any],
    tables: Mapping[str, str],
    unit: str,
) -> Iterator[Record]:
    """Exits and exits per family-month of each level; ``group`` is named as its column."""
    for level in levels:
        rows = panel[(group == level).to_numpy()]
        n, count = rows["person"].nunique(), rows["exit"].value_counts()
        for name in exits_of(panel):
            where = {"exit": name, str(group.name): level}
            table, value = table_of(tables, name), count[name] / len(rows)
            yield record(
                table,
                "monthly_probability",
                value,
                f"probability per {unit}",
                **where,
                n_persons=n,
            )
            yield record(
                table, "first_exits", count[name], FAMILIES, **where, n_persons=int(count[name])
            )


# --- all of them --------------------------------------------------------------------------------
_Source = Callable[[pd.DataFrame, str], Iterator[Record]]
_SOURCES: tuple[tuple[tuple[str, ...], str | None, _Source], ...] = (
    (("Section 2.2.1",), None, _sample),
    (("Section 2.2.1",), "centre", _centres),
    (("Section 2.2.3",), "sex", _sexes),
    (("Section 2.2.3", "Figure 2-4"), "family_size", _family_sizes),
    (("Section 2.2.3", "Figure 2-3"), "nationality", _nationalities),
    (("Figure 2-1", "Figure 2-2"), "calendar", _yearly_families),
    (("Table 2-1",), None, _first_exits),
    (tuple(BY_YEAR.values()), "calendar", _yearly_exits),
    (("Figure 2-8",), "nationality", _exits_of_five),
    (tuple(BY_NATIONALITY.values()), "nationality", _exits_by_nationality),
    (tuple(BY_FAMILY_SIZE.values()), "large_family", _exits_by_family_size),
)


def panel_records(panel: pd.DataFrame, unit: str) -> Iterator[Record]:
    """Records of every series; one per table with a reason where a column is missing."""
    for tables, column, source in _SOURCES:
        if column is None or column in panel:
            yield from source(panel, unit)
        else:
            for table in tables:
                reason = f"the panel has no column '{column}'"
                yield {"table": table, "value": np.nan, "skipped": reason}
