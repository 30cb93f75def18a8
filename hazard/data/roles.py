"""What a model needs of each column of a table: labels, numbers, days, or what it measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hazard.data.exposures import lag_column
from hazard.spec import CalendarTerm, CovariateTerm, ModelSpec

OF_PANEL = ("person", "month", "calendar", "entry", "exit")


@dataclass(frozen=True)
class Roles:
    """Columns of a table by what is made of their cells, each in the first that names it.

    Attributes
    ----------
    labels : tuple of str
        Taken as they are written: ids, groups, exits, and covariates with a reference level.
    levels : tuple of str
        Those of the labels that are covariates with a reference level.
    exits : tuple of str
        Those of the labels that are an exit or an event.
    indicators : tuple of str
        Numbers, or yes and no: exposures and their lags.
    numbers : tuple of str
    days : tuple of str
    measured : tuple of str
        Covariates without a reference level: numbers, or else labels.
    stems : tuple of str
        Beginnings of numbered columns, each of them indicators of a month.
    """

    labels: tuple[str, ...]
    levels: tuple[str, ...]
    exits: tuple[str, ...]
    indicators: tuple[str, ...]
    numbers: tuple[str, ...]
    days: tuple[str, ...]
    measured: tuple[str, ...]
    stems: tuple[str, ...]

    def is_numbered(self, name: str) -> bool:
        """Whether a column is one of those that vary by month, such as ``emp12``."""
        return any(name.startswith(s) and name[len(s) :].isdecimal() for s in self.stems)


def roles(spec: ModelSpec) -> Roles:
    """Roles of the columns that a model names; the names are those of the table."""
    table = spec.table
    ends = () if isinstance(table.exit, str) else table.exit
    exits = [end.event for end in ends if isinstance(end.code, str)]
    exits += [table.exit] if isinstance(table.exit, str) else []
    covariates = [term for term in spec.term if isinstance(term, CovariateTerm)]
    levels = [term.column for term in covariates if term.reference is not None]
    times = [end.time for end in ends]
    numbers = [name for name in (table.entry, table.calendar) if name is not None]
    numbers += [end.event for end in ends] + persons_of_costs(spec)
    numbers += [table.month] if table.layout == "rows" else []
    numbers += [] if table.start else times
    assigned: set[str] = set()
    labels = _new([table.person, *exits, *levels, *_of_table(spec.group_columns)], assigned)
    measured = _new([term.column for term in covariates if _is_of_table(term.column)], assigned)
    indicators = _new([*own_exposures(spec), *lag_columns(spec)], assigned)
    return Roles(
        numbers=_new(numbers, assigned),
        days=_new([table.start, *times] if table.start else [], assigned),
        labels=labels + _new(_of_table([*spec.only, *_related(spec)]), assigned),
        levels=tuple(levels),
        exits=tuple(exits),
        indicators=indicators,
        measured=measured,
        stems=tuple(table.wide.values()),
    )


def required(spec: ModelSpec) -> list[str]:
    """Columns that must not be missing: of terms, of rows, of related rows, and of costs."""
    names = [term.column for term in spec.term if isinstance(term, CovariateTerm)]
    names += [*spec.group_columns, *spec.only, *_related(spec), *persons_of_costs(spec)]
    return list(
        dict.fromkeys(name for name in [*names, *own_exposures(spec)] if _is_of_table(name))
    )


def own_exposures(spec: ModelSpec) -> list[str]:
    """Columns of which a person's own earlier rows are looked up."""
    return [term.exposure for term in spec.lagged if term.network == "own"]


def lag_columns(spec: ModelSpec) -> list[str]:
    """Columns that hold one lag each of what happened around a person; they may be empty."""
    return [
        lag_column(term.name, lag)
        for term in spec.lagged
        if term.network != "own"
        for lag in range(term.lags[0], term.lags[1] + 1)
    ]


def persons_of_costs(spec: ModelSpec) -> list[str]:
    """Column of the number of persons that a row stands for, if the costs name one."""
    return [spec.costs.persons] if spec.costs and isinstance(spec.costs.persons, str) else []


def by_calendar(spec: ModelSpec) -> bool:
    """Whether a part of the model is about calendar time, made from the column ``calendar``."""
    terms = any(isinstance(term, CalendarTerm) for term in spec.term)
    return terms or "calendar" in spec.group_columns or spec.dependence is not None


def _related(spec: ModelSpec) -> tuple[str, ...]:
    """Columns by which rows may be related, of the baselines and of the hazard model."""
    dependence = () if spec.dependence is None else spec.dependence.groups
    return (*(spec.baselines.clusters or ()), *dependence)


def _is_of_table(name: str) -> bool:
    """Whether a column is the table's own, and not one that every panel has."""
    return name not in OF_PANEL


def _of_table(names: Iterable[str]) -> list[str]:
    return [name for name in names if _is_of_table(name)]


def _new(names: Iterable[str | None], assigned: set[str]) -> tuple[str, ...]:
    new = tuple(dict.fromkeys(name for name in names if name is not None and name not in assigned))
    assigned.update(new)
    return new
