"""Seconds and memory of standardised risks, from draws of the coefficients to labelled arrays.

    python benchmarks/standardise.py [--registers DIR] [--draws 1000]

The model is ``oslo2016``, its rows those of registers of the published size (simulated unless
given), its draws random numbers of the size of a posterior: the time does not depend on them. Paths
of 24 months start at the first months of persons; the arms are no forced return, and one in month
1. The first line has as many rows of paths as the panel has rows, the second a path of everybody;
the third the same with the risks by nationality and by centre. Peak memory is that of a process of
its own, which holds the registers, the rows and everything else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hazard import simulation, spec
from hazard.data import exposures, panel, registers
from hazard.estimands import g_formula, interventions
from hazard.model import design
from hazard.model.design import Design

HORIZON = 24
TERM = "forced_return"
WITHOUT = interventions.Arm(
    name="without", interventions=(interventions.NoEvents(term=TERM),), before="none"
)
WITH = interventions.Arm(
    name="with", interventions=(interventions.OneInMonth(term=TERM, month=1),), before="none"
)
PANEL_ROWS = 152_000
KINDS = ("rows of the panel", "everybody", "everybody, by group")


def simulated(folder: Path) -> None:
    rng = np.random.default_rng(1)
    simulation.write(simulation.registers(simulation.truth("published", rng), rng), folder)


def random_draws(made: Design, n: int) -> xr.DataArray:
    beta = np.random.default_rng(0).normal(0, 0.3, (1, n, made.n_coefficients, len(made.exits)))
    beta[:, :, 0] -= 4.0
    return xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))


def measured(folder: Path, n_draws: int, kind: str) -> dict[str, Any]:
    """Seconds of every stage, peak memory in GiB, and the rows of paths."""
    model = spec.read("oslo2016")
    defined = registers.define(registers.read(folder), model.data)
    rows = panel.build(defined)
    histories = exposures.register_histories(rows, defined, model.lagged)
    frozen = design.build(rows, histories, model)
    beta = random_draws(frozen, n_draws)
    starts = interventions.first_rows(rows)
    if kind == KINDS[0]:
        starts = starts[: PANEL_ROWS // HORIZON]
    held = peak()
    clock = [time.perf_counter()]
    paths = interventions.paths(rows, starts, horizon=HORIZON)
    around = interventions.from_registers(paths, defined, model.lagged)
    clock.append(time.perf_counter())
    groups = {}
    if kind == KINDS[2]:
        first = paths.starts()
        groups = {name: first[name].astype(str) for name in ("nationality", "centre")}
    parts = g_formula.path_rows(around, [WITHOUT, WITH], frozen, model)
    warm(beta, around, frozen, model)
    clock.append(time.perf_counter())
    every = list(parts)
    clock.append(time.perf_counter())
    busy = time.process_time()
    risks = g_formula.standardise_by(beta, every, groups)
    busy = time.process_time() - busy
    clock.append(time.perf_counter())
    check(risks[g_formula.EVERYBODY])
    seconds = np.diff(clock)
    return {
        "paths": len(starts),
        "rows": 2 * len(starts) * HORIZON,
        "around": seconds[0],
        "design": seconds[2],
        "risks": seconds[3],
        "CPU": busy,
        "total": seconds[0] + seconds[2] + seconds[3],
        "before": held,
        "peak": peak(),
    }


def warm(beta: xr.DataArray, around: Any, frozen: Design, model: Any) -> None:
    """Compile before the clock is read."""
    few = next(around.parts(20))
    parts = g_formula.path_rows(few, [WITHOUT, WITH], frozen, model)
    g_formula.standardise(beta.isel(draw=[0]), parts)


def check(risks: xr.Dataset) -> None:
    total = risks["cumulative_incidence"].sum("exit") + risks["survival"]
    assert float(np.abs(total - 1).max()) < 1e-10


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registers", type=Path, metavar="DIR")
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, {given.draws} draws, 2 arms. Seconds (CPU: of risks); peak GiB."
    )
    columns = ("paths", "rows", "around", "design", "risks", "CPU", "total", "before", "peak")
    print(f"{'':22}" + "".join(f"{name:>10}" for name in columns))
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.registers or Path(temporary) / "registers"
        if given.registers is None:
            simulated(folder)
        for kind in KINDS:
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=spawn) as process:
                found = process.submit(measured, folder, given.draws, kind).result()
            line = "".join(
                f"{found[name]:>10,}" if isinstance(found[name], int) else f"{found[name]:10.2f}"
                for name in columns
            )
            print(f"{kind:22}{line}", flush=True)


if __name__ == "__main__":
    main()
