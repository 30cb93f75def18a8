"""Random panels with histories for a model file, and the slow way to its log-likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hazard import spec as specs
from hazard.arrays import FloatArray
from hazard.model import design
from hazard.model.design import Design
from hazard.model.links import exit_probabilities
from hazard.spec import PERIODS, CalendarTerm, CovariateTerm, LaggedTerm, ModelSpec
from hazard.spec.links import LINKS

HEAD = 'name = "example"\nquestion = "what comes after?"\n[outcome]\n'
NORMAL = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
POOLED = NORMAL.replace("normal", "pooled")
CORRELATED = NORMAL.replace("normal", "correlated")
LEARNED_WALK = NORMAL.replace("normal", "hierarchical_random_walk")
WALK = NORMAL.replace("normal", "random_walk").replace("scale", "start = 0.5, scale")
TERM = "[[term]]\nkind = "
BASELINE = TERM + '"baseline"\nbreaks = [1, 2, 5]\n'
YEAR = TERM + '"calendar"\nby = "year"\n'
SEX = TERM + '"covariate"\ncolumn = "sex"\nreference = "male"\n'
AGE = TERM + '"covariate"\ncolumn = "age"\n'
CENTRE = TERM + '"group"\nby = "centre"\n'
NATIONALITY = TERM + '"group"\nby = "nationality"\n'
VISIT = TERM + (
    '"lagged"\nexposure = "visit"\nnetwork = "centre"\nlags = [0, 2]\n'
    'history_before_start = "missing"\n'
)
REGRESSION = (BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, VISIT + WALK)
GROUPS = (CENTRE + POOLED, NATIONALITY + POOLED)
EXITS = ("assisted", "disappeared", "forced", "moved")


def model(*terms: str, exits: int = 3, link: str = "softmax") -> ModelSpec:
    """Model of the first exits and of terms as TOML text, the prior included."""
    outcome = f'exits = {list(EXITS[:exits])}\nlink = "{link}"\n'
    return specs.load(HEAD + outcome + "".join(terms))


def every_kind(*, exits: int = 3, link: str = "softmax") -> ModelSpec:
    """Model with a term of every kind and a prior of every family that is not a special case."""
    terms = [BASELINE + WALK, YEAR + NORMAL, SEX + NORMAL, AGE + NORMAL]
    terms += [CENTRE + POOLED, NATIONALITY + CORRELATED, VISIT + WALK]
    return model(*terms, exits=exits, link=link)


@dataclass(frozen=True)
class SmallPanel:
    """A panel and the histories of the lagged terms of its model."""

    panel: pd.DataFrame
    histories: dict[str, xr.DataArray]


def small_panel(spec: ModelSpec, rng: np.random.Generator, *, persons: int = 80) -> SmallPanel:
    """Random panel with the columns that a model names; a few histories are unknown."""
    length = rng.integers(1, 13, persons)
    person = np.repeat(np.arange(persons, dtype=np.int64), length)
    first = np.repeat(np.cumsum(length) - length, length)
    month = (np.arange(len(person)) - first + 1).astype(np.int32)
    left = rng.integers(0, 1 + len(spec.outcome.exits), persons)
    code = np.where(month == length[person], left[person], 0)
    panel = pd.DataFrame({"person": person, "month": month, "entry": np.int32(0)})
    panel["exit"] = pd.Categorical.from_codes(code, ["stay", *spec.outcome.exits])
    groups = _groups(spec)
    by_period = any(isinstance(term, CalendarTerm) for term in spec.term)
    if by_period or groups.keys() & set(PERIODS) or spec.dependence is not None:
        panel["calendar"] = (rng.integers(420, 444, persons)[person] + month).astype(np.int32)
    for term in spec.term:
        if isinstance(term, CovariateTerm):
            panel[term.column] = _covariate(term, persons, rng)[person]
    for by in sorted(groups.keys() - set(PERIODS)):
        panel[by] = pd.Categorical.from_codes(rng.integers(0, 6, len(person)), groups[by])
    histories = {term.name: _history(term, len(person), rng) for term in spec.lagged}
    return SmallPanel(panel, histories)


def _groups(spec: ModelSpec) -> dict[str, list[str]]:
    """Six levels of every group, and of every group by which a lag curve varies."""
    related = () if spec.dependence is None else spec.dependence.groups
    named: dict[str, list[str]] = {name: [] for name in related}
    for term in spec.term:
        if term.kind == "group":
            named |= {part: named.get(part, []) for part in term.parts}
        if term.kind == "lagged" and term.varies_by is not None:
            named[term.varies_by.by] = list(term.varies_by.levels or ())
    return {by: (own + [f"{by} {n}" for n in range(6)])[:6] for by, own in named.items()}


def _covariate(
    term: CovariateTerm, persons: int, rng: np.random.Generator
) -> pd.Categorical | FloatArray:
    if term.reference is None:
        return rng.integers(-3, 4, persons) / 2 + 30.0
    return pd.Categorical.from_codes(
        rng.integers(0, 3, persons), ["a level", term.reference, "zz level"]
    )


def _history(term: LaggedTerm, n_rows: int, rng: np.random.Generator) -> xr.DataArray:
    lags = np.arange(term.lags[0], term.lags[1] + 1)
    values = (rng.random((n_rows, len(lags))) < 0.3).astype(np.float32)
    values[rng.random(n_rows) < 0.05, -1] = np.nan
    return xr.DataArray(values, {"lag": lags}, ("row", "lag"), name=term.name)


def build(small: SmallPanel, spec: ModelSpec) -> Design:
    """Design of a model on its panel."""
    return design.build(small.panel, small.histories, spec)


def dense(made: Design) -> FloatArray:
    """Design matrix, shape (row, coefficient)."""
    columns = [block.matrix()[made.index[:, b]] for b, block in enumerate(made.blocks)]
    return np.hstack(columns)


def slow_rows(made: Design, beta: FloatArray) -> FloatArray:
    """Log-likelihood of each row by a loop that calls the one hazard formula, without weights."""
    eta = dense(made) @ beta
    values = np.empty(len(eta))
    leave = np.empty(eta.shape[1])
    for i, code in enumerate(made.outcome):
        stay = exit_probabilities(LINKS[made.link].code, eta[i], leave)
        values[i] = np.log(stay if code == 0 else leave[code - 1])
    return values


def slow_log_likelihood(made: Design, beta: FloatArray) -> float:
    """Log-likelihood of a design, by :func:`slow_rows`."""
    return float(made.weight @ slow_rows(made, beta))
