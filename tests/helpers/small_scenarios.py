"""Small worlds for scenarios, and what is seen of their lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard.data import exposures
from hazard.data import panel as panels
from hazard.data import registers as regs
from hazard.data.registers import FamilyHistories, Window
from hazard.model import design
from hazard.spec import DataSpec, ModelSpec
from hazard.studies import scenario
from small_panels import BASELINE, CENTRE, NATIONALITY, NORMAL, POOLED, WALK, model
from small_registers import random_registers

FIRST = 420


NEVER = -60.0


OBSERVED = scenario.ScenarioArm(name="observed")


def lagged(exposure: str, network: str, *rest: str, lags: str = "[1, 1]") -> str:
    lines = ["[[term]]", 'kind = "lagged"', f'exposure = "{exposure}"', f'network = "{network}"']
    return "\n".join([*lines, f"lags = {lags}", 'history_before_start = "missing"', *rest, NORMAL])


def arm(name: str, *interventions: dict[str, Any], **more: Any) -> scenario.ScenarioArm:
    return scenario.ScenarioArm(name=name, interventions=interventions, **more)


def one_more(exposure: str, month: int = 1, **at: str) -> scenario.ScenarioArm:
    return arm("more", {"kind": "added", "term": exposure, "month": month}, at=at)


@dataclass(frozen=True)
class Small:
    """Families by hand, each with the months it was there and how it left."""

    panel: pd.DataFrame
    found: FamilyHistories
    spec: ModelSpec


def small(spec: ModelSpec, rows: Sequence[tuple[str, str, range, str]]) -> Small:
    """Families of (centre, nationality, months from 0, exit in the last of them)."""
    frames = [
        pd.DataFrame(
            {
                "person": person,
                "month": np.arange(1, len(months) + 1),
                "calendar": FIRST + np.array(months),
                "entry": 0,
                "exit": ["stay"] * (len(months) - 1) + [left],
                "centre": centre,
                "nationality": nationality,
            }
        )
        for person, (centre, nationality, months, left) in enumerate(rows)
    ]
    panel = pd.concat(frames, ignore_index=True)
    panel["exit"] = pd.Categorical(panel["exit"], ["stay", *spec.outcome.exits])
    for name in ("centre", "nationality"):
        panel[name] = panel[name].astype("category")
    kinds = ["assisted_application", "forced_return"]
    events = panel[panel["exit"].isin(["assisted", "forced"])]
    events = events.assign(
        exposure=pd.Categorical(
            [kinds[int(name == "forced")] for name in events["exit"]], categories=kinds
        )
    )[["person", "exposure", "calendar", "centre", "nationality"]]
    none = pd.DataFrame()
    window = Window(FIRST - 12, FIRST + 24, FIRST + 24)
    return Small(panel, FamilyHistories(none, none, none, events, window, none, pd.DataFrame), spec)


def built(world: Small) -> design.Design:
    histories = exposures.register_histories(world.panel, world.found, world.spec.lagged)
    return design.build(world.panel, histories, world.spec)


def lived(
    world: Small,
    beta: dict[tuple[str, str], Sequence[float]],
    arms: Sequence[scenario.ScenarioArm] = (OBSERVED,),
    *,
    horizon: int,
    plan: scenario.ScenarioPlan | None = None,
) -> xr.Dataset:
    """Lives of all families, with coefficients by term and label."""
    frozen = built(world)
    of = scenario.families(world.panel, FIRST, horizon=horizon)
    system = scenario.system(of, world.found, arms, frozen=frozen, spec=world.spec)
    values = np.array(
        [beta.get(label, np.zeros(len(frozen.exits))) for label in system.design.labels()],
        dtype=float,
    )
    draws = xr.DataArray(
        np.tile(values, (1, 4, 1, 1)), dims=("chain", "draw", "coefficient", "exit")
    ).assign_coords(chain=[0], draw=range(4))
    return scenario.simulate(
        system, draws, plan or scenario.ScenarioPlan(draws=4, replications=5000)
    )


def left(found: xr.Dataset) -> xr.DataArray:
    """Number who left by the end of the month; lives in one dimension."""
    number = found["cumulative_incidence"] * found["families"]
    return number.stack(life=("chain", "draw", "replication"))  # noqa: PD013 - of xarray


def near(values: xr.DataArray, expected: float) -> bool:
    """Within five standard errors of the mean of independent lives."""
    error = 5 * float(values.std(ddof=1)) / values.sizes["life"] ** 0.5
    return abs(float(values.mean()) - expected) <= error


@dataclass(frozen=True)
class Drawn:
    """A random country with a model and coefficients."""

    world: Small
    frozen: design.Design
    beta: xr.DataArray
    start: int

    def system(self, arms: Sequence[scenario.ScenarioArm], **families: Any) -> scenario.System:
        of = scenario.families(self.world.panel, self.start, **families)
        return scenario.system(of, self.world.found, arms, frozen=self.frozen, spec=self.world.spec)


RICH = (
    lagged("assisted_application", "centre", lags="[0, 3]"),
    lagged("forced_return", "centre_other", 'measure = "count"', lags="[1, 2]"),
    lagged("forced_return", "nationality_elsewhere", "at_least = 2", lags="[1, 3]"),
    lagged("forced_return", "nationality", "windows = [[1, 1], [2, 3]]", lags="[1, 3]"),
    lagged("assisted_application", "centre_nationality", 'measure = "count"', lags="[1, 2]"),
)


def country(rng: np.random.Generator, terms: Sequence[str], *, link: str = "softmax") -> Drawn:
    spec = model(BASELINE + WALK, CENTRE + POOLED, NATIONALITY + POOLED, *terms, link=link)
    found = regs.define(random_registers(rng, 300), DataSpec())
    panel = panels.build(found)
    world = Small(panel, found, spec)
    histories = exposures.register_histories(panel, found, spec.lagged)
    frozen = design.build(panel, histories, spec)
    shape = (1, 4, frozen.n_coefficients, 3)
    beta = rng.normal(0, 0.4, shape)
    beta[:, :, 0] = -2.0
    dims = ("chain", "draw", "coefficient", "exit")
    draws = xr.DataArray(beta, dims=dims).assign_coords(chain=[0], draw=range(4))
    return Drawn(world, frozen, draws, int(panel["calendar"].min()) + 3)
