"""The engines at the published size, beside the tools that a statistician would else use.

    python benchmarks/engine.py density             one log-density with its gradient
    python benchmarks/engine.py approximate         the approximate engine, and R's mgcv::bam
    python benchmarks/engine.py sample [--minutes]  effective draws per second, and a plain graph

All three simulate registers of the published size, and print one table. ``approximate`` compares
with R where ``Rscript`` and the package mgcv are installed. ``sample`` gives the plain graph the
stated time, stops it, and measures on the draws that it made, or takes a number that is too large
for it where it made hardly any; the plain graph is the same model as
one writes it in PyMC, sampled with the defaults of nutpie.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from hazard import fitting, simulation, spec
from hazard.estimands import incidence
from hazard.inference import convergence, laplace, laplace_draws, nuts
from hazard.model import design, equivalent, kernels, likelihood, parameterisation, pymc_model

R_SCRIPT = """
library(mgcv)
rows <- read.csv(commandArgs(TRUE)[1], stringsAsFactors = TRUE)
rows$year <- factor(rows$year)
history <- grep("_lag", names(rows), value = TRUE)
began <- proc.time()[3]
for (exit in c("assisted", "disappeared", "forced")) {
  rows$left <- as.integer(rows$exit == exit)
  own <- rows[rows$exit %in% c("stay", exit), ]
  fit <- bam(reformulate(c(history, "sex", "large_family", "interval", "year",
                           "s(centre, bs = 're')", "s(nationality, bs = 're')"), "left"),
             family = binomial(), data = own, discrete = TRUE, nthreads = 2)
}
cat(proc.time()[3] - began, as.character(packageVersion("mgcv")), "\\n")
"""


_FEWEST = 8.0  # draws of which an effective number can be told


def fastest(work: Callable[[], object], times: int) -> float:
    """Shortest of several wall times, in seconds; the first run, which compiles, does not count."""
    work()
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def published_rows(seed: int) -> tuple[fitting.Panel, design.Design, spec.ModelSpec]:
    """Panel, design and model at the published size."""
    wanted = spec.read("oslo2016")
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        simulation.write(
            simulation.registers(simulation.truth("published", rng), rng), Path(folder) / "r"
        )
        rows = fitting.panel_from_registers(Path(folder) / "r", wanted)
    return rows, design.build(rows.frame, rows.histories, wanted), wanted


# --- one log-density ----------------------------------------------------------------------------
def density(seed: int, _: float) -> pd.DataFrame:
    """Milliseconds per log-density with gradient."""
    _, built, _ = published_rows(seed)
    around = laplace_draws.fit(parameterisation.standard(built))
    data = likelihood.fast_rows(around.coordinates.design)
    levels = likelihood.table(data.blocks, around.mode.beta)
    run = kernels.kernel(data.link, data.n_exits)
    kernel = fastest(lambda: run(levels, data.index, data.outcome, data.weight), 50)
    lines = [("kernel on the rows", kernel)]
    ours = pymc_model.build_model(around.coordinates, around.anchors)
    lines += [("whole graph, whitened", _of_graph(_whitened(ours, around)))]
    lines += [("plain graph", _of_graph(plain_model(built)))]
    table = pd.DataFrame(lines, columns=["what", "milliseconds"])
    table["milliseconds"] *= 1000
    table["ratio to plain"] = table["milliseconds"].iloc[-1] / table["milliseconds"]
    half = design.Design(
        **{
            **vars(built),
            **{k: getattr(built, k)[::2] for k in ("index", "outcome", "weight", "row")},
        }
    )
    part = likelihood.fast_rows(parameterisation.standard(half).design)
    short = fastest(
        lambda: run(
            likelihood.table(part.blocks, around.mode.beta), part.index, part.outcome, part.weight
        ),
        50,
    )
    print(f"half the rows: {short / kernel:.2f} of the time of all")
    return table


def _whitened(graph: pm.Model, around: laplace.Laplace) -> pm.Model:
    return nuts.whitened(graph, *nuts.affine_map(graph, around))


def _of_graph(graph: pm.Model) -> float:
    compiled = graph.logp_dlogp_function(ravel_inputs=True, mode="NUMBA")
    compiled.set_extra_values({})
    point = np.zeros(sum(v.size for v in graph.initial_point().values()))
    return fastest(lambda: compiled(point), 50)


def plain_model(built: design.Design) -> pm.Model:
    """The same model as one writes it: a table per term, and one softmax over the rows."""
    exits = list(built.exits)
    with pm.Model(coords={"exit": exits}) as graph:
        eta = pm.Normal("intercept", -4.0, 2.5, dims="exit")[None, :]
        for b, block in enumerate(built.blocks[1:], start=1):
            shape = (block.n_coefficients, len(exits))
            if block.kind == "group":
                factor, *_ = pm.LKJCholeskyCov(
                    f"factor_{block.name}", eta=2.0, n=len(exits), sd_dist=pm.HalfNormal.dist(1.0)
                )
                own = pm.Normal(f"z_{block.name}", 0, 1, shape=shape) @ factor.T
            elif block.kind in ("lagged", "baseline"):
                steps = pm.Normal(f"z_{block.name}", 0, 1, shape=shape)
                first = 0.5 if block.kind == "lagged" else 1.0
                scale = np.r_[first, np.full(shape[0] - 1, 0.5)][:, None]
                own = (steps * scale).cumsum(axis=0)
            else:
                own = pm.Normal(f"beta_{block.name}", 0, 1, shape=shape)
            pm.Deterministic(f"effect_{block.name}", own)
            levels = own if block.basis is None else pm.Data(f"basis_{b}", block.basis) @ own
            eta = eta + levels[pm.Data(f"index_{b}", built.index[:, b])]
        whole = pt.concatenate([pt.zeros((len(built.outcome), 1)), eta], axis=1)
        pm.Categorical("outcome", logit_p=whole, observed=built.outcome)
    return graph


# --- the approximate engine ---------------------------------------------------------------------
def approximate(seed: int, _: float) -> pd.DataFrame:
    """Seconds of the approximate engine, all exits at once, and of bam, one exit after another."""
    rows, built, _ = published_rows(seed)
    standard = parameterisation.standard(equivalent.collapsed(built))
    ours = fastest(lambda: laplace_draws.fit(standard), 3)
    lines = [("laplace: three exits, correlated", ours)]
    seconds, version = _bam(rows)
    lines += [(f"mgcv::bam {version}: three fits", seconds)]
    table = pd.DataFrame(lines, columns=["what", "seconds"])
    table["ratio"] = seconds / table["seconds"]
    return table


def _bam(rows: fitting.Panel) -> tuple[float, str]:
    if shutil.which("Rscript") is None:
        return float("nan"), "(R is not installed)"
    from hazard.data import exposures

    wide = pd.concat([rows.frame, exposures.to_columns(rows.histories)], axis=1).dropna()
    wide["year"] = wide["calendar"] // 12
    edges = [0, 1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 60, np.inf]
    wide["interval"] = pd.cut(wide["month"], edges, labels=[f"m{e}" for e in edges[1:]])
    with tempfile.TemporaryDirectory() as folder:
        table, script = Path(folder) / "rows.csv", Path(folder) / "bam.R"
        wide.to_csv(table, index=False)
        script.write_text(R_SCRIPT, encoding="utf-8")
        done = subprocess.run(
            ["Rscript", str(script), str(table)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        return float("nan"), "(failed: " + done.stderr.strip().splitlines()[-1] + ")"
    seconds, version = done.stdout.split()[-2:]
    return float(seconds), version


# --- effective draws ----------------------------------------------------------------------------
def sample(seed: int, minutes: float) -> pd.DataFrame:
    """Smallest effective number of draws per second of sampling."""
    _, built, wanted = published_rows(seed)
    lines = []
    began = time.perf_counter()
    around = laplace_draws.fit(parameterisation.standard(built))
    compiled = nuts.compile_model(
        pymc_model.build_model(around.coordinates, around.anchors), around
    )
    made = time.perf_counter()
    drawn = nuts.sample(compiled, nuts.SamplerSettings(seed=seed))
    spent = time.perf_counter() - made
    curves = dict(incidence.lag_curves(drawn["posterior"].to_dataset(), wanted).items())
    names = {str(name): values for name, values in curves.items()}
    found = convergence.gate(drawn, quantities=names).table.set_index("variable")
    own = ["lag_coefficient", "cumulative_lag_effect"]
    lines += [("hazard, every quantity", made - began, spent, found["ess_bulk"].min())]
    lines += [("hazard, lags and sums", made - began, spent, found.loc[own, "ess_bulk"].min())]
    began = time.perf_counter()
    graph = nutpie.compile_pymc_model(plain_model(built))
    made = time.perf_counter()
    least, lags, spent = _plain(graph, minutes * 60)
    lines += [("plain graph, every quantity", made - began, spent, least)]
    lines += [("plain graph, lags", made - began, spent, lags)]
    table = pd.DataFrame(lines, columns=["what", "compile_s", "sample_s", "least_ess"])
    table["ess_per_s"] = table["least_ess"] / table["sample_s"]
    table["ratio"] = table["ess_per_s"] / [
        *table["ess_per_s"].iloc[2:],
        *table["ess_per_s"].iloc[2:],
    ]
    return table


def _plain(graph: Any, seconds: float) -> tuple[float, float, float]:
    """Smallest effective number of draws of all quantities and of the lags, and the time."""
    began = time.perf_counter()
    job = nutpie.sample(
        graph, draws=1000, tune=300, chains=4, cores=2, seed=1, blocking=False, progress_bar=False
    )
    try:
        tree = job.wait(timeout=seconds) or job.abort()
    except TimeoutError:
        tree = job.abort()
    spent = time.perf_counter() - began
    draws = tree["posterior"].to_dataset()
    kept = int(draws.sizes["draw"])
    print(f"plain graph: {kept} draws after warm-up in {spent:.0f} s")
    if kept < _FEWEST:
        print(f"plain graph: too few to count, taken as {_FEWEST} effective draws")
        return _FEWEST, _FEWEST, spent
    effects = {str(k): v for k, v in draws.items() if str(k).startswith(("effect", "intercept"))}
    judged = convergence.gate(
        xr.DataTree.from_dict({"posterior": xr.Dataset(effects)})
    ).table.set_index("variable")
    own = judged.index.str.contains("return|application")
    return float(judged["ess_bulk"].min()), float(judged.loc[own, "ess_bulk"].min()), spent


def main() -> None:
    """Run one of the three and print its table."""
    jobs = {"density": density, "approximate": approximate, "sample": sample}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=jobs)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0, help="for the plain graph")
    wanted = parser.parse_args()
    print(jobs[wanted.job](wanted.seed, wanted.minutes).round(3).to_string(index=False))
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
