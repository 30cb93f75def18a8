"""More or earlier, from persons whose mechanism is known: recovered, and not by short lags."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.data import exposures
from hazard.data.registers import Window
from hazard.estimands import g_formula, incidence
from hazard.estimands import interventions as iv
from hazard.estimands.displacement import Event, more_or_earlier
from hazard.inference import laplace_draws
from hazard.model import design, parameterisation
from hazard.spec import ModelSpec
from small_models import BASELINE, NORMAL, WALK, model

CENTRES, PERSONS, HORIZON, FIRST = 60, 9000, 24, 420
LAST = FIRST + 4 * HORIZON
NAMES = [f"{c:02d}" for c in range(CENTRES)]
INTERCEPT = np.array([-3.6, -2.8])  # of applying and of leaving otherwise, a month
VISIT = """[[term]]
kind = "lagged"
exposure = "visit"
network = "centre"
history_before_start = "missing"
"""
ALL = VISIT + "lags = [0, 6]\n" + NORMAL
THERE = VISIT + 'lags = [1, 23]\nhistory_before_risk = "zero"\n' + NORMAL
EARLIER = np.array([1.0, *[-0.2] * 22])
MORE = np.array([1.0, *[0.0] * 22])


Coefficients = Callable[[design.Design], xr.DataArray]


class World(NamedTuple):
    """Rows of everybody, and the events at their centres."""

    panel: pd.DataFrame
    events: pd.DataFrame


def world(memory: np.ndarray, rng: np.random.Generator) -> World:
    """Persons who apply more or less often for what happened while they were there."""
    happened = rng.random((CENTRES, LAST - FIRST + 1)) < 0.12
    centre = rng.integers(0, CENTRES, PERSONS)
    entry = rng.integers(HORIZON, LAST - FIRST - HORIZON, PERSONS)
    there, rows = np.ones(PERSONS, dtype=bool), []
    for month in range(LAST - FIRST + 1):
        now = np.flatnonzero(there & (entry <= month))
        lag = np.arange(1, min(month, len(memory)) + 1)
        seen = happened[centre[now]][:, month - lag] & (month - lag >= entry[now, None])
        eta = np.tile(INTERCEPT, (len(now), 1))
        eta[:, 0] += seen @ memory[: len(lag)]
        odds = np.exp(eta)
        share = np.cumsum(odds, axis=1) / (1 + odds.sum(axis=1, keepdims=True))
        code = (rng.random(len(now))[:, None] > share).sum(axis=1)
        rows.append(np.column_stack([now, np.full_like(now, month), code]))
        there[now[code < 2]] = False
    person, month, code = np.concatenate(rows).T
    order = np.lexsort([month, person])
    person, month, code = person[order], month[order], code[order]
    exits = pd.Categorical.from_codes((code + 1) % 3, ["stay", "assisted", "disappeared"])
    panel = pd.DataFrame(
        {
            "person": person,
            "month": month - entry[person] + 1,
            "calendar": FIRST + month,
            "entry": 0,
            "exit": exits,
            "centre": pd.Categorical.from_codes(
                centre[person], [f"{c:02d}" for c in range(CENTRES)]
            ),
        }
    )
    at, when = np.nonzero(happened)
    events = pd.DataFrame({"person": PERSONS + np.arange(len(at)), "exposure": "visit"})
    events["calendar"] = FIRST + when
    events["centre"] = pd.Categorical.from_codes(at, NAMES)
    return World(panel, events)


def standardised_risks(lived: World, wanted: ModelSpec, beta: Coefficients) -> xr.Dataset:
    """Risks of a thirtieth of the persons with one event in month 1, and with none."""
    window = Window(FIRST, LAST, LAST)
    histories = exposures.peer_histories(lived.panel, lived.events, wanted.lagged, window=window)
    built = design.build(lived.panel, histories, wanted)
    some = iv.first_rows(lived.panel)[::30]
    paths = iv.paths(lived.panel, some, horizon=HORIZON, beyond="refuse")
    around = iv.from_rows(paths, histories, wanted.lagged)
    both = [
        iv.Arm(name=name, interventions=(each,), before="none")
        for name, each in (
            ("with", iv.OneInMonth(term="visit_centre", month=1)),
            ("without", iv.NoEvents(term="visit_centre")),
        )
    ]
    rows = g_formula.path_rows(around, both, built, wanted)
    return g_formula.standardise(beta(built), rows)


def planted(memory: np.ndarray) -> Coefficients:
    """Coefficients of the mechanism."""

    def of(built: design.Design) -> xr.DataArray:
        true = np.zeros((1, 1, built.n_coefficients, 2))
        true[:, :, built.span("intercept")] = INTERCEPT
        true[0, 0, built.span("visit_centre_at_risk"), 0] = memory
        beta = xr.DataArray(true, dims=("chain", "draw", "coefficient", "exit"))
        return beta.assign_coords(exit=list(built.exits))

    return of


def fitted(rng: np.random.Generator) -> Coefficients:
    """Draws around a fit to the rows."""

    def of(built: design.Design) -> xr.DataArray:
        around = laplace_draws.fit(parameterisation.standard(built))
        return incidence.coefficients(laplace_draws.draws(around, 400, rng), built)

    return of


@pytest.mark.parametrize("memory", [EARLIER, MORE], ids=["earlier", "more"])
def test_lags_of_those_who_were_there_tell_more_from_earlier(
    memory: np.ndarray, rng: np.random.Generator
) -> None:
    lived = world(memory, rng)
    there = model(BASELINE + WALK, ALL, THERE, exits=2)

    def additional(wanted: ModelSpec, beta: Coefficients) -> np.ndarray:
        found = more_or_earlier(standardised_risks(lived, wanted, beta), Event(1, 7))
        return found["additional"].sel(exit="assisted").values.ravel()

    (true,) = additional(there, planted(memory))

    def apart(wanted: ModelSpec) -> float:
        """Distance of the estimate from the truth, in posterior standard deviations."""
        draws = additional(wanted, fitted(rng))
        return float(abs(draws.mean() - true) / draws.std())

    # A normal number is further than 3.9 standard deviations from zero once in ten thousand.
    assert apart(there) < 3.9
    if memory is EARLIER:  # negative controls: lags that end with the window, and of all that was
        assert apart(model(BASELINE + WALK, ALL, exits=2)) > 3.9
        assert apart(model(BASELINE + WALK, ALL.replace("[0, 6]", "[0, 23]"), exits=2)) > 3.9
    else:
        assert true > 0.02
