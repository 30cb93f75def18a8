"""Is a register plausible? Its margins against its own years, its dates against the extract.

No rule here looks at one row alone. Each asks how probable what is seen would be in a register
without the mistake, and speaks below ``IMPROBABLE``. Of 200 clean registers, small and of the
published size, of every scenario, a few would be spoken of at 1e-3 and none at 1e-4: two decades
lie between the most extreme of them and the limit. The rows that a rule counts are those of the
level, month or year that stands out. Years of real policy can stand out too, so all are warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers.keys import (
    NEVER,
    SPAN,
    STEP,
    Ids,
    distinct,
    is_first,
    ordered_codes,
    ordinal,
    out_of_range,
    pack,
    stamp,
)
from hazard.data.registers.records import TABLES, Registers
from hazard.data.registers.rules import ENOUGH, Rule, day, families, first_decision

IMPROBABLE = 1e-6
YEAR = 12
_FAMILIES, _LINGERING = 5, 3  # of a centre, and months in which half of them are still there
_MONTH = 28  # days
_JUMP = 0.4
_Z = 6.0  # two-sided probability 2e-9, for the overdispersion of families that come together
_SHARES = (
    ("udi_persons", "sex", "asylum_applied_on"),
    ("udi_decisions", "outcome", "decided_on"),
    ("udi_decisions", "final", "decided_on"),
    ("udi_returns", "kind", "returned_on"),
    ("pu_deportations", "category", "deported_on"),
)


Dates = dict[tuple[str, str], IntArray]
_CONSTANT = (*_SHARES, ("udi_persons", "citizenship", "asylum_applied_on"))


@dataclass(frozen=True, eq=False)
class Dated:
    """Rows with a date, of families: members on one day are one event."""

    family: IntArray
    date: IntArray


def margin_rules(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    """Rules about months, years, levels and the extract as a whole.

    Yields
    ------
    Rule
    """
    family = families(registers, person)
    dates = _possible(registers)
    yield from _extract(registers, dates)
    for (table, name), date in dates.items():
        rule = f"{name} falls in every month, where the months around are full."
        yield Rule(table, rule, beside_silence(Dated(family[table], date)), "warning")
    for table, name, dated_by in _SHARES:
        codes, _ = ordered_codes(registers.tables[table][name])
        dated = Dated(family[table], dates[table, dated_by])
        jumped = jumps(dated, codes, registers.window[:2])
        yield Rule(table, f"{name} is shared as in the year before.", jumped, "warning")
    yield from _levels(registers, family, dates)
    yield from _constant(registers, dates)
    yield from _members(registers, family)
    yield _close(registers, person)


def _possible(registers: Registers) -> Dates:
    """Stamps of all dates; one that cannot be, which has its own rule, is missing."""
    end = registers.window.follow_up_end
    return {
        (table, name): np.where(out_of_range(frame[name], end), NEVER, stamp(frame[name]))
        for table, frame in registers.tables.items()
        for name, column in TABLES[table].items()
        if column.kind == "date"
    }


# --- the extract --------------------------------------------------------------------------------
def _extract(registers: Registers, dates: Dates) -> Iterator[Rule]:
    window = registers.window
    for table, frame in registers.tables.items():
        empty = not len(frame) and len(registers.persons) >= ENOUGH
        yield Rule("extract", f"{table} has rows.", np.array([empty]), "warning")
    date = np.concatenate(list(dates.values()))
    month = date[date != NEVER] // STEP
    before, after = silences(month, window.first, window.follow_up_end)
    for end, silent in (("begin long before", before), ("go on long after", after)):
        rule = f"The months of the extract do not {end} the dates of the registers."
        yield Rule("extract", rule, np.array([silent]), "warning")


def silences(month: IntArray, first: int, last: int) -> tuple[bool, bool]:
    """Whether the extract is silent for improbably long before and after the dated months.

    Notes
    -----
    Improbable is a silence of g months of which a Poisson process with the mean number of dates a
    month would have none, exp(-rate g) < ``IMPROBABLE``, if it is longer than a year, as long as a
    disappearance is followed, and than twice the longest silence between two dates.
    """
    if not len(month):
        return False, False
    dated = distinct(month)
    longest = int(np.diff(dated).max(initial=0))
    rate = len(month) / (dated[-1] - dated[0] + 1)
    limit = max(YEAR, 2 * longest, -np.log(IMPROBABLE) / rate)
    return bool(dated[0] - first > limit), bool(last - dated[-1] > limit)


# --- months and years ---------------------------------------------------------------------------
def beside_silence(dated: Dated) -> BoolArray:
    """Rows of the months on both sides of a silence that is improbable.

    Notes
    -----
    A silence of g months between others would hold g times the smaller of the mean numbers of
    families in the twelve months before and after; a Poisson number of that mean is 0 with
    probability exp(-mean). It is spoken of below ``IMPROBABLE`` over the number of months, in
    columns that have dates in at least two years of months.
    """
    silent = np.zeros(len(dated.date), dtype=np.bool_)
    known = dated.date != NEVER
    if not known.any():
        return silent
    month = dated.date // STEP
    first = int(month[known].min())
    once = distinct(pack(dated.family[known], month[known])) % SPAN
    count = np.bincount(once - first)
    busy = np.flatnonzero(count)
    if len(busy) < 2 * YEAR:
        return silent
    total = np.concatenate([np.zeros(YEAR + 1), np.cumsum(count), np.full(YEAR, count.sum())])
    until, since = busy[:-1], busy[1:]
    before = total[until + YEAR + 1] - total[until + 1]
    after = total[since + 2 * YEAR] - total[since + YEAR]
    expected = np.minimum(before, after) / YEAR * (since - until - 1)
    improbable = expected > -np.log(IMPROBABLE / len(count))
    beside = np.concatenate([until[improbable], since[improbable]]) + first
    flagged: BoolArray = known & np.isin(month, beside)
    return flagged


def jumps(dated: Dated, level: IntArray, window: tuple[int, ...]) -> BoolArray:
    """Rows of a year in which the share of a level is far from that of the year before.

    Notes
    -----
    Of years that lie in the window as a whole. Two shares are compared by the test of two
    proportions, of families: a jump is one of more than 40 points with z > 6; the
    largest of 200 clean registers has 29.
    """
    first, last = -(-window[0] // YEAR), (window[1] + 1) // YEAR - 1
    year = dated.date // STEP // YEAR
    inside = (year >= first) & (year <= last) & (dated.date != NEVER)
    flagged = np.zeros(len(year), dtype=np.bool_)
    if last <= first or not inside.any():
        return flagged
    size = (last - first + 1, int(level.max()) + 1)
    cell = (year[inside] - first) * size[1] + level[inside]
    once = distinct(pack(dated.family[inside], cell)) % SPAN
    count = np.bincount(once, minlength=size[0] * size[1]).reshape(size)
    n = np.maximum(count.sum(axis=1, keepdims=True), 1)
    share = count / n
    pooled = (count[1:] + count[:-1]) / (n[1:] + n[:-1])
    error = np.sqrt(pooled * (1 - pooled) * (1 / n[1:] + 1 / n[:-1]))
    change = np.abs(share[1:] - share[:-1])
    jumped = first + 1 + np.flatnonzero(((change > _JUMP) & (change > _Z * error)).any(axis=1))
    flagged[inside] = np.isin(year[inside], jumped)
    return flagged


# --- levels -------------------------------------------------------------------------------------
def _levels(registers: Registers, family: dict[str, IntArray], dates: Dates) -> Iterator[Rule]:
    persons, stays = registers.persons, registers.stays
    citizenship, _ = ordered_codes(persons["citizenship"])
    centre, _ = ordered_codes(stays["centre"])
    applications = Dated(family["udi_persons"], dates["udi_persons", "asylum_applied_on"])
    rule = "A citizenship does not begin or end with the applications of one month."
    yield Rule("udi_persons", rule, one_sided(citizenship, applications), "warning")
    for table, name, level in (
        ("udi_persons", "citizenship", citizenship),
        ("udi_stays", "centre", centre),
    ):
        sided = one_sided(level, Dated(family[table], np.arange(len(level))))
        rule = f"A {name} does not begin or end with one row of the file."
        yield Rule(table, rule, sided & _interleaved(level), "warning")
    arrived = Dated(family["udi_stays"], dates["udi_stays", "from_date"])
    rule = "A centre with residents goes on to receive families."
    rows = closed_to_newcomers(centre, arrived, day(stays["to_date"]), registers.window.last)
    yield Rule("udi_stays", rule, rows, "warning")
    alone = np.full(len(centre), len(centre) >= ENOUGH and not centre.any())
    yield Rule("udi_stays", "There is more than one centre.", alone, "warning")


def _constant(registers: Registers, dates: Dates) -> Iterator[Rule]:
    for table, name, dated_by in _CONSTANT:
        code, _ = ordered_codes(registers.tables[table][name])
        months = len(distinct(dates[table, dated_by] // STEP))
        constant = len(code) >= ENOUGH and months > 2 * YEAR and not code.any()
        rule = f"{name} is not the same in all rows, of two years or more."
        yield Rule(table, rule, np.full(len(code), constant), "warning")


def _interleaved(level: IntArray) -> BoolArray:
    """For every row whether the levels take turns: in a sorted file each begins with one row."""
    turns = int((np.diff(level) != 0).sum())
    return np.full(len(level), turns >= len(np.unique(level)))


def one_sided(level: IntArray, dated: Dated) -> BoolArray:
    """Rows of levels that lie all on one side of a date, though others do not.

    Notes
    -----
    If a share F of all families lies up to the last date of a level, then, were its n families
    drawn from all, none would be later with probability F^n; the same for the first date. It is
    spoken of below ``IMPROBABLE`` over the number of levels and sides.
    """
    known = np.flatnonzero(dated.date != NEVER)
    order = known[np.lexsort((dated.date[known], level[known], dated.family[known]))]
    first = order[is_first(dated.family[order]) | is_first(level[order])]
    family_level, date = level[first], dated.date[first]
    n_levels = int(level.max(initial=-1)) + 1
    lowest, highest = np.full(n_levels, NEVER), np.full(n_levels, -1)
    np.minimum.at(lowest, family_level, date)
    np.maximum.at(highest, family_level, date)
    ordered, n = np.sort(date), np.bincount(family_level, minlength=n_levels)
    up_to = np.searchsorted(ordered, highest, side="right")
    since = len(ordered) - np.searchsorted(ordered, lowest, side="left")
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = n * np.log(np.minimum(up_to, since) / len(ordered))
    improbable = (n > 0) & (logs < np.log(IMPROBABLE / (2 * max(n_levels, 1))))
    flagged: BoolArray = improbable[level]
    return flagged


def closed_to_newcomers(centre: IntArray, arrived: Dated, ended: IntArray, last: int) -> BoolArray:
    """Stays at centres that receive nobody more, though half of their families remain for long.

    Notes
    -----
    A centre that closes sends its families elsewhere. One that goes on under another name keeps
    them, and all newcomers are registered under that name. Of the N arrivals anywhere, from the
    last one at the centre to the day on which half of the families of that day have left, none is
    at the centre with probability (1 - s)^N, where s is its share of the arrivals since its first.
    It is spoken of below ``IMPROBABLE`` over the number of centres, when that time is longer than
    three months and at least five families were there.
    """
    n_centres = int(centre.max(initial=-1)) + 1
    order = np.lexsort((centre, arrived.date, arrived.family))
    family, date, place = arrived.family[order], arrived.date[order], centre[order]
    once = order[is_first(family) | is_first(date) | is_first(place)]
    order = once[np.lexsort((arrived.date[once], centre[once]))]
    date, ends, place = arrived.date[order], ended[order], centre[order]
    anywhere = np.sort(date)
    improbable = np.zeros(n_centres, dtype=np.bool_)
    begins = np.append(np.flatnonzero(is_first(place)), len(place))
    for candidate in np.flatnonzero(np.diff(begins) >= _FAMILIES):
        part = slice(begins[candidate], begins[candidate + 1])
        final, first = date[part][-1], date[part][0]
        staying = np.sort(ends[part][ends[part] > final])
        if len(staying) < _FAMILIES:
            continue
        half = min(staying[(len(staying) - 1) // 2], (last + 1) * STEP)
        marks = np.searchsorted(anywhere, [first, final, final, half], side="right")
        share = (date[part] > first).sum() / max(marks[1] - marks[0], 1)
        silent = (marks[3] - marks[2]) * np.log1p(-min(share, 1 - IMPROBABLE))
        improbable[candidate] = half - final > _LINGERING * STEP and silent < np.log(
            IMPROBABLE / n_centres
        )
    flagged: BoolArray = improbable[centre]
    return flagged


# --- families -----------------------------------------------------------------------------------
def _members(registers: Registers, family: dict[str, IntArray]) -> Iterator[Rule]:
    persons = registers.persons
    members = np.bincount(family["udi_persons"])[family["udi_persons"]]
    large = (persons["family_size"] >= 2).to_numpy()
    alone = large & (members == 1)
    split = alone.sum() >= ENOUGH and 2 * alone.sum() > large.sum()
    rule = "A family of two or more has more than one member here."
    yield Rule("udi_persons", rule, alone & split, "warning")
    twins = np.zeros(len(persons), dtype=np.bool_)
    if (members == 1).all():
        twins = _twins(registers)
    rule = "Persons with the same citizenship, application and stays are of one family."
    yield Rule("udi_persons", rule, twins & (twins.sum() >= 2 * ENOUGH), "warning")


def _twins(registers: Registers) -> BoolArray:
    """Persons who have all of their stays, at least one, in common with another one."""
    ids = Ids.from_column(registers.persons["person_id"])
    person, stays = ids.find(registers.stays["person_id"]), registers.stays
    centre, _ = ordered_codes(stays["centre"])
    stay = pd.Series(pd.util.hash_array(pack(centre, day(stays["from_date"]))))
    stay += pd.Series(pd.util.hash_array(day(stays["to_date"])))
    of_person = stay[person >= 0].groupby(person[person >= 0]).sum()
    stays_hash = of_person.reindex(ids.find(registers.persons["person_id"])).to_numpy()
    features = registers.persons[["citizenship", "asylum_applied_on"]].assign(lived=stays_hash)
    flagged: BoolArray = (
        features.duplicated(keep=False).to_numpy() & features["lived"].notna().to_numpy()
    )
    return flagged


def _close(registers: Registers, person: dict[str, IntArray]) -> Rule:
    """Somebody is registered soon after asking for asylum, unless all of these dates are wrong.

    Notes
    -----
    If the days from an application to the first decision or stay were even up to twice their
    median M, none of n persons would have fewer than a month with probability (1 - 28 / (2 M))^n.
    """
    applied = stamp(registers.persons["asylum_applied_on"])
    first = first_decision(registers, person)[person["udi_persons"]]
    known = (applied != NEVER) & (first != NEVER)
    wait = ordinal(first[known]) - ordinal(applied[known])
    spread = len(distinct(applied[known] // STEP)) >= 2 * YEAR
    late = np.zeros(len(applied), dtype=np.bool_)
    if spread and wait.min() >= _MONTH and 2 * np.median(wait) > _MONTH:
        log = len(wait) * np.log1p(-_MONTH / (2 * np.median(wait)))
        late[known] = log < np.log(IMPROBABLE)
    rule = "Somebody has a decision or a stay within a month of the application for asylum."
    return Rule("udi_persons", rule, late, "warning")
