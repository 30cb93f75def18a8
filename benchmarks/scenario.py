"""Scenarios with feedback on registers of the published size.

    python benchmarks/scenario.py REGISTERS RUN [--draws N]

Model and draws of a run on these registers; two arms, as observed and with one forced return more
at every centre in the first month, each with feedback and without. Seconds of wall time and of the
processor in all threads, after a first one that compiles. Of 24 months also with fewer sweeps at
most than it takes until a month does not depend on where they began: the share of months that have
not settled, and the shares that have left as observed, with feedback.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd
import xarray as xr

from hazard import fitting
from hazard.estimands import incidence
from hazard.estimands.interventions import Added
from hazard.fitting.store import read_with_draws
from hazard.studies import scenario

ARMS = (
    scenario.ScenarioArm(name="observed"),
    scenario.ScenarioArm(
        name="more", at={"centre": "each"}, interventions=(Added(term="forced_return", month=1),)
    ),
)


def prepared(
    registers: Path, folder: Path, horizon: int | None
) -> tuple[scenario.System, xr.DataArray]:
    """System and coefficients: all months, or the middle ones."""
    run = read_with_draws(folder)
    rows = fitting.panel_from_registers(registers, run.spec)
    frozen = fitting.on_rows(run, rows).design
    calendar = rows.frame["calendar"].to_numpy()
    first, last = int(calendar[frozen.row].min()), int(calendar.max())
    start = first if horizon is None else (first + last) // 2
    of = scenario.families(rows.frame, start, horizon=horizon or last - first + 1)
    system = scenario.system(of, rows.registers, ARMS, frozen=frozen, spec=run.spec)
    return system, incidence.coefficients(run.draws, system.design)


def told(found: xr.Dataset) -> dict[str, float]:
    """Share of months that have not settled, shares that have left, applications per event."""
    own = found.sel(version="feedback")
    left = own["cumulative_incidence"].isel(arm=0, place=0, month=-1)
    unsettled = own["unsettled"] / found.sizes["month"]
    of_exit = {str(name): float(left.sel(exit=name).mean()) for name in left["exit"].values}
    rows = scenario.per_event(found)
    row = rows[(rows["version"] == "feedback") & (rows["exit"] == "assisted")].iloc[-1]
    return {
        "not settled": float(unsettled.mean()),
        **of_exit,
        "assisted per event": row["estimate"],
        "mcse": row["mcse"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("registers", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--draws", type=int, default=200)
    asked = parser.parse_args()
    lines = []
    for horizon in (24, None):
        system, beta = prepared(asked.registers, asked.run, horizon)
        scenario.simulate(system, beta, scenario.ScenarioPlan(draws=4, replications=1))
        for sweeps in (1, 4, 8, 16, 64) if horizon else (64,):
            plan = scenario.ScenarioPlan(draws=asked.draws, replications=1, sweeps=sweeps)
            began = time.perf_counter(), time.process_time()
            found = scenario.simulate(system, beta, plan)
            wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
            lines.append(
                {
                    "months": found.sizes["month"],
                    "families": int(found["families"][0]),
                    "sweeps": sweeps,
                    "family-months": float(found["stock"].sum() / asked.draws),
                    "wall": wall,
                    "cpu": cpu,
                    **told(found),
                }
            )
    print(pd.DataFrame(lines).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
