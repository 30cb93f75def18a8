"""From public data to run folders, through the command line, with real sampling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from commands import command, manifest
from hazard import fitting
from hazard import spec as specs
from hazard.estimands import incidence
from hazard.inference import laplace
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.spec import IncidenceEstimand, ModelSpec

KEY = ["exit", "month"]


def fitted(rows: fitting.Panel, spec: ModelSpec) -> tuple[Design, np.ndarray]:
    """Design, and the coefficients at the posterior mode: no sampling."""
    built = design.build(rows.frame, rows.histories, spec)
    around = laplace.fit(parameterisation.standard(built))
    return built, around.coordinates.coefficients(around.mode.beta)


# --- competing risks of 1,384 persons -----------------------------------------------------------
MONTHS = [6, 12, 24, 60, 120, 180, 240]


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["estimator"] == "Aalen-Johansen"].set_index(KEY)


def width(rows: pd.DataFrame) -> pd.Series:
    """Standard error, or posterior sd, from a 95 percent interval."""
    return (rows["upper"] - rows["lower"]) / (2 * 1.959964)


def disagreement(rows: pd.DataFrame, estimate: pd.Series) -> pd.Series:
    """Difference from Aalen-Johansen in its standard errors, by exit and month."""
    without_model = counted(rows)
    return ((estimate - without_model["estimate"]) / width(without_model)).loc[:, MONTHS]


@pytest.fixture(scope="module")
def mgus2(public: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mgus2") / "run"
    data = public("mgus2")
    assert command("run", "mgus2", "--panel", data, "--out", folder) == 0
    return folder


def test_mgus2_passes_the_gate(mgus2: Path) -> None:
    found = manifest(mgus2)
    assert (found["gate"]["passed"], found["gate"]["failures"]) == (True, [])
    assert found["panel"]["exits"] == {"pcm": 115, "death": 860}


def test_mgus2_agrees_with_aalen_johansen(mgus2: Path) -> None:
    # Both count the same persons, so their errors nearly cancel. If the model holds it is the more
    # efficient, and the difference has the variance se^2 - sd^2: with a posterior sd of 0.75 se or
    # more, 1.5 se is more than two standard deviations of it.
    rows = pd.read_csv(mgus2 / "estimates.csv")
    model = rows[rows["estimator"] == "hazard model"].set_index(KEY)
    assert (width(model) / width(counted(rows))).loc[:, MONTHS].min() > 0.75
    assert (disagreement(rows, model["estimate"]).abs() < 1.5).all()
    names = {"pcm": "death", "death": "pcm"}
    swapped = model["estimate"].rename(index=names, level="exit")  # negative control
    assert (disagreement(rows, swapped).abs() > 1.5).all()


def test_a_constant_hazard_disagrees_with_aalen_johansen(
    mgus2: Path, public: Callable[[str], Path]
) -> None:
    # negative control without sampling: more die soon after the diagnosis than later
    spec = specs.read("mgus2")
    rows = fitting.panel_from_table(public("mgus2"), spec)
    estimates = pd.read_csv(mgus2 / "estimates.csv")
    flat = spec.model_copy(update={"term": spec.term[1:]})
    found = disagreement(estimates, incidence_at_mode(rows, spec)).abs()
    assert (found < 1.5).all()
    assert disagreement(estimates, incidence_at_mode(rows, flat)).abs().max() > 3


def incidence_at_mode(rows: fitting.Panel, spec: ModelSpec) -> pd.Series:
    built, beta = fitted(rows, spec)
    draw = xr.DataArray(beta[None, None], dims=("chain", "draw", "coefficient", "exit"))
    draw = draw.assign_coords(chain=[0], draw=[0])
    wanted = IncidenceEstimand(kind="cumulative_incidence", horizon_months=max(MONTHS))
    found = incidence.incidence(draw, built, rows.frame["person"].to_numpy(), wanted)
    return found.squeeze(drop=True).to_series()


# --- arrests of 432 persons ---------------------------------------------------------------------
# Fox and Weisberg, Cox regression: coefficient and standard error of financial aid, and, with the
# time-varying employment, of employment in the week before.
# A model of weeks with four intervals is allowed the .02 by which discrete models differ from Cox.
AID, EMPLOYED, DISCRETE = (-0.379, 0.191), (-0.7869, 0.2181), 0.02


def posterior(published: tuple[float, float], spec: ModelSpec, name: str) -> tuple[float, float]:
    """Mean and sd of a normal likelihood times the normal prior of a term."""
    estimate, error = published
    [prior] = [term.prior for term in spec.term if term.name == name]
    share = 1 / (1 + (error / prior.scale) ** 2)
    return estimate * share, error * share**0.5


def test_rossi_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = specs.read("rossi")
    rows = fitting.panel_from_table(None, spec)
    assert rows.frame["person"].nunique() == 432
    assert (rows.frame["exit"] == "arrest").sum() == 114
    built, beta = fitted(rows, spec)
    mean, _ = posterior(AID, spec, "fin")
    assert abs(beta[built.span("fin")].item() - mean) < DISCRETE


def test_rossi_runs_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("run", "rossi", "--out", "run") == 0
    found = manifest(tmp_path / "run")
    assert (found["gate"]["passed"], found["panel"]["persons"]) == (True, 432)


def test_employment_of_the_week_before(public: Callable[[str], Path], tmp_path: Path) -> None:
    arguments = ("--panel", public("rossi"), "--out", tmp_path / "run")
    assert command("run", "rossi_employment", *arguments) == 0
    assert manifest(tmp_path / "run")["gate"]["passed"] is True
    rows = pd.read_csv(tmp_path / "run" / "estimates.csv")
    [own] = rows[
        rows["exposure"].eq("employed") & rows["estimator"].eq("hazard model") & rows["lag"].eq(1)
    ].itertuples()
    mean, sd = posterior(EMPLOYED, specs.read("rossi_employment"), "employed_own")
    assert abs(own.estimate - mean) < DISCRETE + 5 * own.mcse
    # the sd of 400 effective draws, the fewest that pass the gate, is known to 1 / sqrt(2 x 400)
    assert abs((own.upper - own.lower) / (2 * 1.959964) / sd - 1) < 5 / np.sqrt(2 * 400)


def test_employment_of_another_week_is_another_number(
    public: Callable[[str], Path], tmp_path: Path
) -> None:
    # negative control without sampling: with every week one week early, "the week before" is the
    # week itself, in which an arrest cuts work short; Fox has -1.3283 (.2507) for that
    spec = specs.read("rossi_employment")
    mean, sd = posterior(EMPLOYED, spec, "employed_own")
    right, wrong = public("rossi"), tmp_path / "shifted.csv"
    shifted(right).to_csv(wrong, index=False)
    found = [employment_at_mode(path, spec) for path in (right, wrong)]
    assert abs(found[0] - mean) < DISCRETE
    assert found[1] < mean - 2 * sd


def shifted(path: Path) -> pd.DataFrame:
    """Employment one week early; the last week at risk, which nothing comes after, as it was."""
    raw = pd.read_csv(path)
    weeks = [f"emp{week}" for week in range(1, 53)]
    raw[weeks] = raw[weeks].shift(-1, axis=1).fillna(raw[weeks])
    return raw


def employment_at_mode(path: Path, spec: ModelSpec) -> float:
    rows = fitting.panel_from_table(path, spec)
    built, beta = fitted(rows, spec)
    return beta[built.span("employed_own")].item()
