"""From simulated registers to coefficients: what was planted is found again, and only that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from hazard import fitting, simulation
from hazard import spec as specs
from hazard.baselines import multinomial_logit
from hazard.baselines.fit import BaselineFit
from hazard.fitting import Panel
from hazard.model import design

SPEC = specs.read("oslo2016")
PLANTED = ["assisted", "disappeared"]
# With 56 independent standard normal numbers, one run in 40 has one beyond this.
MOST = 3.5


def registers(truth: simulation.Truth, folder: Path, rng: np.random.Generator) -> Panel:
    """The panel and histories of the written registers, by the ordinary way from the files."""
    simulation.write(simulation.registers(truth, rng), folder)
    return fitting.panel_from_registers(folder, SPEC)


def fitted(rows: Panel, shift: Literal[-1, 0, 1] = 0) -> BaselineFit:
    """Multinomial logit, with histories that are read ``shift`` months too early or too late."""
    histories = {name: history.copy() for name, history in rows.histories.items()}
    for history in histories.values():
        if shift:
            history.values[:] = np.roll(history.values, shift, axis=1)
    return multinomial_logit.fit(design.build(rows.frame, histories, SPEC))


def distances(fit: BaselineFit, truth: simulation.Truth) -> xr.DataArray:
    """Distance of every lag effect from the planted one, in standard errors.

    Applications of one month at one place cause each other: every pair of families is counted from
    both ends, so that the variance of the estimate is up to twice what the information says.
    """
    planted = truth.effects["lag_effect"].sel(exit=PLANTED)
    found = xr.full_like(planted, np.nan)
    error = found.copy()
    for (name, level), estimate, se in zip(
        fit.terms.itertuples(index=False), fit.estimate, fit.standard_error, strict=True
    ):
        for term in (term for term in SPEC.lagged if term.name == name):
            cell = {"exposure": term.exposure, "network": term.network, "lag": int(level)}
            found.loc[cell], error.loc[cell] = estimate[:2], se[:2]
    mutual = {"exit": "assisted", "exposure": "assisted_application", "lag": 0}
    error.loc[mutual] *= np.sqrt(2)
    return np.abs(found - planted) / error


# --- small --------------------------------------------------------------------------------------
def alternating(truth: simulation.Truth) -> simulation.Truth:
    """Effects of 1, -1, 1, ... over the lags at the same centre, and more applications.

    A month more or less changes every sign; the published effects are too even for a small sample.
    """
    effects = truth.effects.copy(deep=True)
    effects["lag_effect"][:] = 0.0
    lags = xr.DataArray((-1.0) ** np.arange(7), dims="lag")
    effects["lag_effect"].loc[{"network": "centre", "exit": PLANTED}] = lags
    effects["intercept"].loc[{"exit": "assisted"}] += 2.0
    return replace(truth, effects=effects)


def test_small_registers_recover_planted_lags(tmp_path: Path, rng: np.random.Generator) -> None:
    truth = alternating(simulation.truth("small", rng))
    rows = registers(truth, tmp_path / "registers", rng)
    near = distances(fitted(rows), truth)
    assert int(near.notnull().sum()) >= 50
    assert float(near.max()) < MOST
    for shift in (-1, 1):  # negative control
        assert float(distances(fitted(rows, shift), truth).max()) > 2 * MOST


# --- the published size -------------------------------------------------------------------------
def test_published_registers_recover_published_lags(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    truth = simulation.truth("published", rng)
    rows = registers(truth, tmp_path / "registers", rng)
    near = distances(fitted(rows), truth)
    assert int(near.notnull().sum()) == 56
    assert float(near.max()) < MOST
    for shift in (-1, 1):  # negative control: more than one in ten is off
        assert int((distances(fitted(rows, shift), truth) > MOST).sum()) > 6
