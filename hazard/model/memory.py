"""How much memory a model will need on so many rows and draws, before anything large is made."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hazard.errors import SpecError
from hazard.spec import (
    BaselineTerm,
    GFormulaEstimand,
    GroupTerm,
    IncidenceEstimand,
    LaggedTerm,
    MarginalEffectEstimand,
    ModelSpec,
)

_GIB = 2.0**30
_NUMBER = 8  # bytes
_COPIES = 4  # of draws: of the sampler, joined, as coefficients, as a file before it is written
_MADE_OF_IT = 3  # of an estimand: its draws, what they are computed from, and their ranks
_PATHS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Need:
    """Something large, and what would make it smaller.

    Attributes
    ----------
    item : str
    size : float
        In bytes.
    cure : str
    """

    item: str
    size: float
    cure: str


@dataclass(frozen=True)
class PanelSize:
    """Numbers of rows and persons of a panel, of the levels of its columns, and of draws."""

    rows: int
    persons: int
    levels: Mapping[str, int]
    draws: int = 4_000


def needs(spec: ModelSpec, panel: PanelSize) -> list[Need]:
    """What a model needs on so many rows, the largest first.

    Parameters
    ----------
    spec : ModelSpec
    panel : PanelSize
        A column that is not among its levels counts as one level.

    Notes
    -----
    An upper bound of the arrays that grow with what a model file states: histories (row, lag) and
    their distinct patterns, once more for every level by which a term varies; the square of the
    coefficients of all exits, for the curvature; the draws (draw, coefficient, exit) and their
    copies; paths (person, month) of every arm in parts of 2,000, and what is around all of them;
    estimands (draw, arm, exit, month).

    Examples
    --------
    A million rows and a history of 600 lags.

    >>> from hazard.spec import load
    >>> spec = load('''
    ... name = "a"
    ... question = "How much memory is it?"
    ... outcome = { exits = ["left"] }
    ... [[term]]
    ... kind = "lagged"
    ... exposure = "event"
    ... network = "centre"
    ... lags = [1, 600]
    ... history_before_start = "missing"
    ... prior = { family = "normal", scale = 1.0, reason = "an example only" }
    ... ''')
    >>> largest = needs(spec, PanelSize(1_000_000, 50_000, {}))[0]
    >>> largest.item, round(largest.size / 2**30, 1)
    ("the history of term 'event_centre'", 8.9)
    """
    needed = [*_of_terms(spec, panel), *_of_estimands(spec, panel)]
    return sorted(needed, key=lambda need: -need.size)


def refuse_too_large(spec: ModelSpec, panel: PanelSize, limit: float | None = None) -> None:
    """Raise when a model needs more memory than there is.

    Parameters
    ----------
    spec : ModelSpec
    panel : PanelSize
    limit : float, optional
        In bytes; by default what :func:`available` says.

    Raises
    ------
    SpecError
        One sentence with what is largest and what would make it smaller.
    """
    needed = needs(spec, panel)
    total, limit_bytes = sum(need.size for need in needed), available() if limit is None else limit
    if total > limit_bytes:
        largest = needed[0]
        raise SpecError(
            f"model {spec.name!r} must fit into memory; got about {total / _GIB:,.1f} GiB on "
            f"{panel.rows:,} rows and {panel.draws:,} draws, of which {largest.item} "
            f"{largest.size / _GIB:,.1f} GiB, and {limit_bytes / _GIB:,.1f} GiB are "
            f"there. {largest.cure}"
        )


def available() -> float:
    """Bytes that can still be had: of the machine, and of the limit set on the process."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = float("inf") if limit == resource.RLIM_INFINITY else float(limit)
    try:
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return ceiling
    free = [float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return min([max(ceiling - used * resource.getpagesize(), 0.0), *free])


# --- parts --------------------------------------------------------------------------------------
def _of_terms(spec: ModelSpec, panel: PanelSize) -> Iterator[Need]:
    coefficients = 1.0
    for term in spec.term:
        if isinstance(term, LaggedTerm):
            lags, patterns = len(term.every_lag), min(panel.rows, 2.0 ** len(term.every_lag))
            levels = _levels(term, panel)
            size = panel.rows * lags * 1.5 * _NUMBER + patterns * lags * _NUMBER / 2
            yield Need(f"the history of term {term.name!r}", size, "Shorten its lags.")
            if levels:
                size = min(patterns * levels, panel.rows) * lags * levels * _NUMBER
                yield Need(
                    f"the curves by level of term {term.name!r}",
                    size,
                    "Shorten its lags, or list fewer levels.",
                )
            coefficients += len(term.coefficient_windows) * (1 + levels)
        elif isinstance(term, BaselineTerm):
            months = len(term.starts)
            cure = "Write intervals (breaks) in place of single months."
            yield Need("the baseline", 3.0 * months**2 * _NUMBER, cure)
            coefficients += months
        elif isinstance(term, GroupTerm):
            n_combinations = 1.0
            for part in term.parts:
                n_combinations *= panel.levels.get(part, 1)
            coefficients += min(n_combinations, panel.rows)
        else:
            coefficients += panel.levels.get(term.name, 1)
    numbers = coefficients * len(spec.outcome.exits)
    cure = "Take out terms, or group by columns with fewer levels."
    yield Need("the curvature of all coefficients", 3 * numbers**2 * _NUMBER, cure)
    size = float(_COPIES * panel.draws * numbers * _NUMBER)
    yield Need("the draws of all coefficients", size, "Ask for fewer draws or chains.")


def _levels(term: LaggedTerm, panel: PanelSize) -> int:
    if term.varies_by is None:
        return 0
    listed = term.varies_by.levels
    return panel.levels.get(term.varies_by.by, 1) if listed is None else len(listed)


def _of_estimands(spec: ModelSpec, panel: PanelSize) -> Iterator[Need]:
    """Arrays of the draws of what is asked for, and the paths that some of it takes."""
    per_draw = float(_MADE_OF_IT * len(spec.outcome.exits) * _NUMBER)  # of a draw, arm and month
    for estimand in spec.estimand:
        if isinstance(estimand, IncidenceEstimand):
            size = per_draw * panel.draws * len(estimand.arms) * estimand.horizon_months
            cure = "Shorten its horizon, or ask for fewer draws."
        elif isinstance(estimand, MarginalEffectEstimand):
            size = per_draw * panel.draws * sum(len(term.every_lag) for term in spec.lagged)
            cure = "Shorten the lags, or ask for fewer draws."
        elif isinstance(estimand, GFormulaEstimand):
            arms, months = len(estimand.compared), estimand.horizon_months
            groups = 1 + sum(panel.levels.get(name, 5) for name in estimand.by)
            draws = min(estimand.draws, panel.draws)
            size = _paths(spec, panel, estimand) + per_draw * draws * arms * months * groups
            cure = "Shorten its horizon, ask for fewer draws, or for fewer levels."
        else:
            continue
        yield Need(f"estimand {estimand.label!r}", size, cure)


def _paths(spec: ModelSpec, panel: PanelSize, estimand: GFormulaEstimand) -> float:
    """Bytes of the paths that are followed at once, and of what happens beside all of them."""
    lags = sum(len(term.every_lag) for term in spec.lagged)
    months = estimand.horizon_months
    around_paths = panel.persons * (months + lags) * len(spec.lagged) * 1.5
    at_once = min(panel.persons, _PATHS_AT_ONCE)
    return (around_paths + at_once * months * len(estimand.compared) * (lags + 20)) * _NUMBER
