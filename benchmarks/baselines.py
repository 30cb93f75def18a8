"""The baselines at the published size, beside the programs that a statistician would else use.

    python benchmarks/baselines.py [--registers FOLDER] [--seed N] [--minutes M]

Model `oslo2016_published` on a folder of registers, or on simulated ones of the published size. All
in one run, on the same rows: the multinomial logit to its maximum, with standard errors, beside
statsmodels (Newton) and scikit-learn (newton-cg); the linear probability model beside pyfixest.
A program that is not installed has no line. Newton of statsmodels gets the stated minutes.

Seconds are wall time, and of the processor in all threads, which tells more on a busy machine: the
shortest of several, after a first run that compiles; what takes minutes runs once. "Below" is how
far the log-likelihood ends below ours; "apart" the largest difference of a lag coefficient from
ours, in our standard errors.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from hazard import fitting, simulation, spec
from hazard.baselines import linear_probability, multinomial_logit, robust, within_person
from hazard.baselines.fit import BaselineFit
from hazard.data import exposures
from hazard.model import design, equivalent
from hazard.model.likelihood import rows, value_and_gradient
from hazard.months import year_of

NAN = float("nan")
Line = tuple[str, np.ndarray, float, float]


class OutOfTimeError(Exception):
    """Raised inside a program that has run for long enough."""


class Spent:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self.began = np.array([time.perf_counter(), time.process_time()])

    def so_far(self) -> np.ndarray:
        """Both, in this order."""
        return np.array([time.perf_counter(), time.process_time()]) - self.began


def fastest(work: Callable[[], Any], times: int = 3) -> tuple[np.ndarray, Any]:
    """Shortest of several times, in seconds, after a first run; and what the last returned."""
    work()
    spent, made = [], None
    for _ in range(times):
        clock = Spent()
        made = work()
        spent.append(clock.so_far())
    return np.min(spent, axis=0), made


def read(folder: Path | None, seed: int) -> tuple[fitting.Panel, spec.ModelSpec]:
    """Panel and histories of the registers."""
    wanted = spec.read("oslo2016_published")
    if folder is not None:
        return fitting.panel_from_registers(folder, wanted), wanted
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as temporary:
        written = Path(temporary) / "r"
        simulation.write(simulation.registers(simulation.truth("published", rng), rng), written)
        return fitting.panel_from_registers(written, wanted), wanted


# --- ours ---------------------------------------------------------------------------------------
def ours(built: design.Design, panel: pd.DataFrame) -> tuple[list[Line], BaselineFit, BaselineFit]:
    """Seconds of every fit of the package."""
    by = {
        names: robust.clusters(built, panel, names.split())
        for names in ("person", "centre", "nationality", "centre nationality")
    }
    logit, best = fastest(lambda: multinomial_logit.fit(built))
    every, _ = fastest(
        lambda: multinomial_logit.fit_each(built, ["information", "rows", *by.values()]), 1
    )
    linear, straight = fastest(lambda: linear_probability.fit(built))
    all_linear, _ = fastest(lambda: linear_probability.fit_each(built, ["rows", *by.values()]), 1)
    within, _ = fastest(lambda: within_person.fit(built, by["person"]), 1)
    lines = [
        ("multinomial logit, errors from the information", logit, 0.0, 0.0),
        ("multinomial logit, six kinds of errors", every, 0.0, 0.0),
        ("linear probability, HC1", linear, NAN, 0.0),
        ("linear probability, five kinds of errors", all_linear, NAN, 0.0),
        ("linear probability within persons", within, NAN, NAN),
    ]
    for fit in (best, straight):
        print(f"{fit.estimator}: {' '.join(fit.remarks) or 'no remarks'}")
    print(linear_probability.outside(built, straight).round(4).to_string(index=False))
    return lines, best, straight


def treated_otherwise(built: design.Design, best: BaselineFit, lagged: list[str]) -> None:
    """Print how far lag coefficients move when separated ones are held elsewhere than at infinity.

    Held nearer, the rows of separated levels still say a little; so near that a month in a thousand
    would leave, they say something else.
    """
    lags = best.terms["term"].isin(lagged).to_numpy()
    print("separated coefficients held at, and lag coefficients apart in standard errors:")
    before = multinomial_logit.AT_INFINITY
    for held in (60.0, 40.0, 20.0, 7.0):
        multinomial_logit.AT_INFINITY = held
        other = multinomial_logit.fit(built)
        apart = np.abs(other.estimate[lags] - best.estimate[lags]) / best.standard_error[lags]
        print(f"  {-held:5.0f}   {apart.max():.1e}")
    multinomial_logit.AT_INFINITY = before


# --- the others ---------------------------------------------------------------------------------
class Dense:
    """The design matrix as the other programs want it, without columns that others make up for."""

    def __init__(self, built: design.Design, best: BaselineFit, lagged: list[str]) -> None:
        plain = equivalent.identified(built)
        columns = [block.matrix()[plain.index[:, b]] for b, block in enumerate(plain.blocks)]
        self.keep = ~np.isnan(best.estimate).all(axis=1)
        self.x = np.hstack(columns)[:, self.keep]
        self.y = built.outcome.astype(np.int64)
        self.data = rows(plain)
        self.best = best
        self.lags = best.terms["term"].isin(lagged).to_numpy()

    def judged(self, beta: np.ndarray) -> tuple[float, float]:
        """How far below ours the log-likelihood is, and the lag coefficients apart."""
        everything = np.zeros_like(self.best.estimate)
        everything[self.keep] = beta
        value, _ = value_and_gradient(self.data, everything)
        apart = np.abs(everything - self.best.estimate) / self.best.standard_error
        return self.best.log_likelihood - value, float(np.nanmax(apart[self.lags]))


def statsmodels(dense: Dense, seconds: float) -> list[Line]:
    """Newton of statsmodels: one step, and where it is when it stops or time is up."""
    import statsmodels.api as sm

    model = sm.MNLogit(dense.y, dense.x)
    clock = Spent()
    visited: list[np.ndarray] = []

    def look(point: np.ndarray) -> None:
        visited.append(np.array(point))
        if clock.so_far()[0] > seconds:
            raise OutOfTimeError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge is in the line
        try:
            fitted = model.fit(method="newton", maxiter=100, callback=look, disp=False)
            done = "converged" if fitted.mle_retvals["converged"] else "not converged"
        except OutOfTimeError:
            done = "time was up"
        except np.linalg.LinAlgError:
            done = "singular matrix"
    spent = clock.so_far()
    steps = max(len(visited), 1)
    lines = [(f"statsmodels: one Newton step of {steps}", spent / steps, NAN, NAN)]
    if visited:
        below, apart = dense.judged(
            visited[-1].reshape(-1, dense.best.estimate.shape[1], order="F")
        )
        lines.append((f"statsmodels: {done} after {steps} steps", spent, below, apart))
    return lines


def scikit_learn(dense: Dense) -> list[Line]:
    """newton-cg of scikit-learn on the sparse matrix, without a penalty; it gives no errors."""
    from sklearn.linear_model import LogisticRegression

    own = sparse.csr_matrix(dense.x)
    model = LogisticRegression(C=np.inf, solver="newton-cg", fit_intercept=False)
    clock = Spent()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge is in the line
        model.fit(own, dense.y)
    spent, steps = clock.so_far(), int(np.max(model.n_iter_))
    done = "converged" if steps < model.max_iter else "not converged"
    below, apart = dense.judged((model.coef_[1:] - model.coef_[0]).T)
    return [(f"scikit-learn: newton-cg, {done} after {steps}, no errors", spent, below, apart)]


def by_pyfixest(
    found: fitting.Panel, built: design.Design, wanted: spec.ModelSpec, straight: BaselineFit
) -> list[Line]:
    """Least squares of pyfixest, both exits, centre, nationality and year absorbed."""
    import pyfixest

    histories = exposures.to_columns(found.histories)
    wide = pd.concat([found.frame, histories], axis=1).iloc[built.row]
    wide["year"] = year_of(wide["calendar"].to_numpy())
    for name in ("sex", "large_family", "centre", "nationality"):
        wide[name] = wide[name].astype(str)
    for j, name in enumerate(built.exits):
        wide[f"left_{name}"] = (built.outcome == j + 1).astype(float)
    lags = list(histories.columns)
    right = " + ".join([*lags, "sex", "large_family"])

    def work() -> list[Any]:
        return [
            pyfixest.feols(
                f"left_{name} ~ {right} | centre + nationality + year",
                wide,
                vcov="HC1",
                fixef_rm="none",
                ssc=pyfixest.ssc(k_fixef="full"),
            )
            for name in built.exits
        ]

    spent, fits = fastest(work, 1)
    at = straight.terms["term"].isin([term.name for term in wanted.lagged]).to_numpy()
    apart = [
        np.abs(fit.coef()[lags].to_numpy() - straight.estimate[at, j])
        / straight.standard_error[at, j]
        for j, fit in enumerate(fits)
    ]
    errors = [
        np.abs(fit.se()[lags].to_numpy() / straight.standard_error[at, j] - 1).max()
        for j, fit in enumerate(fits)
    ]
    print(f"pyfixest: standard errors equal to {max(errors):.1g} of themselves")
    return [("pyfixest: HC1, both exits", spent, NAN, float(np.max(apart)))]


def show(lines: list[Line]) -> None:
    """Print lines of the table as they come: some take minutes."""
    for what, spent, *rest in lines:
        numbers = [*spent, *rest]
        columns = "".join(f"{'-' if np.isnan(n) else f'{n:.3g}':>10}" for n in numbers)
        print(f"{what:60}{columns}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registers", type=Path, help="instead of simulated ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0, help="for Newton of statsmodels")
    given = parser.parse_args()
    found, wanted = read(given.registers, given.seed)
    built = design.build(found.frame, found.histories, wanted)
    n_coefficients = equivalent.identified(built).n_coefficients
    print(f"{len(built.row):,} rows, {n_coefficients} coefficients an exit")
    lines, best, straight = ours(built, found.frame)
    show(lines)
    treated_otherwise(built, best, [term.name for term in wanted.lagged])
    if importlib.util.find_spec("pyfixest"):
        show(by_pyfixest(found, built, wanted, straight))
    dense = Dense(built, best, [term.name for term in wanted.lagged])
    if importlib.util.find_spec("sklearn"):
        show(scikit_learn(dense))
    if importlib.util.find_spec("statsmodels"):
        show(statsmodels(dense, given.minutes * 60))
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
