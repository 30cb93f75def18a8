"""Published values beside ours: one row per value that was printed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from hazard.studies.describe.sequels import TABLE
from hazard.studies.describe.series import BY_FAMILY_SIZE, BY_NATIONALITY, BY_YEAR

COMPARED = (
    "quantity",
    "published",
    "ours",
    "difference",
    "unit",
    "source",
    "at",
    "note",
    "skipped",
    "series",
    "exit",
    "level",
    "year",
    "pick",
)
EXITS = ("assisted", "forced", "disappeared")


class Place(NamedTuple):
    """Where a published value stands in the series; of several years the least or the largest.

    ``year`` is the one that the report names.
    """

    table: str
    quantity: str
    exit: str | None = None
    level: str | None = None
    pick: Literal["only", "min", "max"] = "only"
    year: int | None = None


def compared(series: pd.DataFrame) -> pd.DataFrame:
    """Every published value beside the one of the series.

    Parameters
    ----------
    series : DataFrame
        Columns of ``hazard.studies.describe.series.COLUMNS``.

    Returns
    -------
    DataFrame
        ``quantity`` as in the published files, ``published``, ``ours``, ``difference`` (ours minus
        published), ``unit``, ``source`` (the section, table or figure of the report), ``at`` (the
        year of a least or largest value), ``note``, in ``skipped`` why there is none of ours, and
        the place of the value among the series: ``series`` (their ``quantity``), ``exit``,
        ``level``, ``year`` if the report names it, and ``pick``: the only one, the least or the
        largest of several years.
    """
    rows = []
    for quantity, value, unit, note in _published():
        place = PLACES[quantity]
        ours, at, skipped = _ours(series, place)
        source = f"Oslo Economics (2016), {place.table}"
        position = (place.quantity, place.exit, place.level, place.year, place.pick)
        rows.append(
            (quantity, value, ours, ours - value, unit, source, at, note, skipped, *position)
        )
    return pd.DataFrame(rows, columns=list(COMPARED)).astype({"at": "Int64", "year": "Int64"})


def _published() -> Iterator[tuple[str, float, str, str]]:
    """Quantity, value, unit and note of both published files."""
    for row in _file("oslo2016_key_figures").fillna({"note": ""}).itertuples():
        yield str(row.quantity), float(str(row.value)), str(row.unit), str(row.note)
    table = _file("oslo2016_table_2_2").melt(["exposure_network", "window_months"])
    for row in table.itertuples():
        quantity = f"{row.variable}_{row.exposure_network}_{row.window_months}"
        yield quantity, float(str(row.value)), "relative change", ""


def _file(name: str) -> pd.DataFrame:
    with (resources.files("hazard") / "published" / f"{name}.csv").open(encoding="utf-8") as lines:
        return pd.read_csv(lines, keep_default_na=False, na_values=[""])


def _ours(series: pd.DataFrame, place: Place) -> tuple[float, object, str]:
    """Value, year of it, and why there is none."""
    rows = series[series["table"] == place.table]
    for name in ("quantity", "exit", "level"):
        label = getattr(place, name)
        # a row that says why there is no value leaves open what it is about
        rows = rows if label is None else rows[(rows[name] == label) | rows[name].isna()]
    matches = rows[rows["quantity"].eq(place.quantity) & rows["value"].notna()]
    if matches.empty:
        reasons = rows["skipped"].dropna()
        return np.nan, pd.NA, reasons.iloc[0] if len(reasons) else "not among the series"
    if place.pick == "only":
        return float(matches["value"].iloc[0]), pd.NA, ""
    ordered = matches.sort_values("value", ascending=place.pick == "min", kind="stable")
    return float(ordered["value"].iloc[0]), ordered["year"].iloc[0], ""


def _places() -> dict[str, Place]:
    """Place of every published value."""
    sample, features, nations = "Section 2.2.1", "Section 2.2.3", "Figure 2-3"
    names = {"afghanistan": "Afghanistan", "iraq": "Irak", "somalia": "Somalia"}
    stays = {"ethiopia": "Etiopia", "bangladesh": "Bangladesh", "russia": "Russland"}
    probability = "monthly_probability"
    places = {
        "families": Place(sample, "families"),
        "person_months": Place(sample, "person_months"),
        "mean_months_in_centre": Place(sample, "mean_months_in_centre"),
        "centres": Place(sample, "centres"),
        "centres_per_family": Place(sample, "centres_per_family"),
        "max_centres_per_family": Place(sample, "max_centres_per_family"),
        "nationalities": Place(features, "nationalities"),
        "share_male": Place(features, "share_of_families", level="male"),
        "mean_family_size": Place(features, "mean_family_size"),
        "max_family_size": Place(features, "max_family_size"),
        "share_single": Place("Figure 2-4", "share_of_families", level="1"),
        "share_family_size_two": Place("Figure 2-4", "share_of_families", level="2"),
        "share_ten_largest_nationalities": Place(nations, "share_of_ten_largest"),
        "still_resident": Place("Table 2-1", "still_resident"),
        "reappearances": Place("Section 2.3", "reappearances"),
        "new_families_min_2007": Place("Figure 2-2", "new_families", pick="min", year=2007),
        "new_families_max_2010": Place("Figure 2-2", "new_families", pick="max", year=2010),
        "resident_families_max_2014": Place("Figure 2-1", "families", pick="max", year=2014),
        "bangladesh_assisted": _of_nation("assisted", "Bangladesh", probability),
        "russia_assisted": _of_nation("assisted", "Russland", probability),
        "sudan_forced": _of_nation("forced", "Sudan", probability),
        "somalia_assisted_count": _of_nation("assisted", "Somalia", "first_exits"),
        "eritrea_assisted_count": _of_nation("assisted", "Eritrea", "first_exits"),
    }
    for key, name in names.items():
        places[f"share_{key}"] = Place(nations, "share_of_families", level=name)
    for key, name in stays.items():
        places[f"mean_stay_{key}"] = Place(nations, "mean_months_in_centre", level=name)
    for kind in EXITS:
        places |= _of_exit(kind, probability)
    return places


def _of_nation(kind: str, name: str, quantity: str) -> Place:
    return Place(BY_NATIONALITY[kind], quantity, kind, name)


def _of_exit(kind: str, probability: str) -> dict[str, Place]:
    by_size = BY_FAMILY_SIZE[kind]
    places = {
        f"first_exit_{kind}": Place("Table 2-1", "first_exits", kind),
        f"monthly_probability_{kind}": Place(TABLE, probability, kind),
        f"yearly_min_{kind}": Place(BY_YEAR[kind], probability, kind, pick="min"),
        f"yearly_max_{kind}": Place(BY_YEAR[kind], probability, kind, pick="max"),
        f"family3plus_{kind}": Place(by_size, probability, kind, "yes"),
        f"family_under3_{kind}": Place(by_size, probability, kind, "no"),
    }
    for network in ("nationality", "centre"):
        for window in ("0-3", "4-6", "7-12"):
            place = Place(TABLE, "relative_change", kind, f"{network} {window}")
            places[f"change_in_{kind}_{network}_{window}"] = place
    return places


PLACES = _places()
