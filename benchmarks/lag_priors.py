"""Coverage, bias and loss of every lag prior when a planted lag curve is the truth.

    python benchmarks/lag_priors.py --out FILE.csv [--repetitions 200] [--cores 2] [--engine nuts]
                                  [--priors NAME ...] [--truths NAME ...]

One small panel with two exits, a baseline, four centres and one lagged exposure; exits are drawn
again and again from the hazard formula, the first with the planted curve, the second with none.
Every family of lag priors is fitted to the same data sets, with a 95 percent prior interval of the
sum over the lags that is half, one and two times as wide as under independent coefficients with sd
0.5, which is ``normal:1``. Judged are the seven lag coefficients on the first exit, their sum, and
what one event adds to the probability of having left through this exit within 12 months. Intervals
are equal-tailed.

A Bayesian interval covers as often as it says on average over truths drawn from its prior, not for
each truth by itself: shrinkage pulls towards what the prior expects, so that a fixed truth near the
middle of the prior is covered too often and one in its tail too seldom, even if the family contains
it. The truth ``drawn`` is a new curve from the prior itself in each data set: there coverage is to
be nominal, up to the other parameters, which stay as they are planted.

A family contains a truth when the truth is in its support, and when at least one in a hundred
curves drawn from the prior is as far out (see ``tail``). Which it contains depends on the width:

* ``normal``, ``pooled``, ``horseshoe``: every curve is in the support, and none is preferred but
  small ones.
* ``autoregressive``: every curve, neighbours that differ much are in the tail.
* ``random_walk``, ``random_walk_2``, ``hierarchical_random_walk``: every curve, but a fall within
  a month is a step of several standard deviations; the hierarchical walk can take longer steps.
* ``decay``, ``hump``, ``spike``: every curve, but where the kernel is low a coefficient of ordinary
  size is in the tail.
* ``polynomial``: constants, lines and parabolas only.
* ``monotone``: curves that fall towards zero only; all at once and never are its corners, where few
  curves lie.

Each data set has a seed of its own, so that no number depends on the cores, the other priors or an
interruption. A call with the same file takes up where the last one stopped; code that has changed
since needs a new file.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from threadpoolctl import threadpool_limits

from hazard import spec
from hazard.arrays import FloatArray, IntArray
from hazard.errors import ConvergenceError, UsageError, did_you_mean
from hazard.estimands import incidence
from hazard.files.atomic import write_file
from hazard.fitting import versions
from hazard.model import design, parameterisation, priors
from hazard.model.design import Design
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.spec.priors import Prior
from hazard.spec.priors.hierarchical_random_walk import HierarchicalRandomWalkPrior
from hazard.spec.priors.monotone import MonotonePrior
from hazard.spec.priors.polynomial import PolynomialPrior
from hazard.studies.sbc import engine, outcomes, small_rows
from hazard.studies.sbc.engines import Engine, EngineName
from hazard.studies.sensitivity import MULTIPLES, Cell, as_wide, cells
from hazard.studies.sensitivity.engines import Sampler
from hazard.studies.sensitivity.refit import with_priors

MODEL = """
name = "coverage"
question = "does the interval cover the planted curve?"
[outcome]
exits = ["assisted", "disappeared"]
[[term]]
kind = "baseline"
breaks = [1, 4, 7, 10]
prior = { family = "random_walk", scale = 0.5, start = 0.5, reason = "neighbours are alike" }
[[term]]
kind = "group"
by = "centre"
prior = { family = "pooled", scale = 0.5, reason = "centres differ by a factor of 2.7 at most" }
[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
lags = [0, 6]
history_before_start = "missing"
prior = { family = "normal", scale = 0.5, reason = "replaced by every prior in turn" }
[[estimand]]
kind = "cumulative_incidence"
term = "forced_return_centre"
horizon_months = 12
"""
TERM, EXIT, HORIZON = "forced_return_centre", "assisted", 12
LAGS = np.arange(7)
# Other parameters of the two exits. With 400 families the posterior sd of a coefficient is about
# half of its prior sd of 0.5.
INTERCEPT = (-3.3, -3.0)
BASELINE = ((0.2, 0.1), (0.3, 0.2), (0.2, 0.2))
CENTRES = ((-0.4, 0.3), (-0.1, -0.2), (0.1, 0.2), (0.4, -0.3))

DRAWN = "drawn"
LEAST_TAIL = 0.01
ENDS = (0.025, 0.25, 0.75, 0.975)
# An end of an interval is then one of the draws: rank 25 of 999, 10 of 399, 5 of 199.
DRAWS = {"laplace": 999, "nuts": 399}
INCIDENCE_DRAWS = 199
QUANTITIES = ("lag", "sum", "risk difference")
COLUMNS = ("truth", "repetition", "prior", "multiple", "quantity", "lag", "true", "estimate", "sd")
COLUMNS += ("lower_95", "lower_50", "upper_50", "upper_95")


# --- truths -------------------------------------------------------------------------------------
def summing_to_one(curve: npt.ArrayLike) -> FloatArray:
    return np.asarray(curve) / np.sum(curve)


def gamma_kernel(peak: float, shape: float) -> FloatArray:
    ratio = (LAGS + 1) / (peak + 1)
    return np.asarray((ratio * np.exp(1 - ratio)) ** shape)


# Log-odds. Published: 0.5 points on 1.5 percent in three months, or relative risk ratios of 2 in
# four, which are sums of 0.9 and 2.8.
TRUTHS: dict[str, FloatArray | None] = {
    "zero": np.zeros(7),
    "decay": summing_to_one(0.5 ** (LAGS / 2)),
    "hump": summing_to_one(gamma_kernel(peak=3, shape=6)),
    "spike": np.array([1.0, 0, 0, 0, 0, 0, 0]),
    "flat": summing_to_one(np.ones(7)),
    "earlier": np.array([0.4, 0.3, 0.1, -0.1, -0.2, -0.3, -0.2]),
    "plateau": np.array([0.25, 0.25, 0.25, 0.2, 0.05, 0.0, 0.0]),
    DRAWN: None,
}


def tail(prior: Prior, curve: FloatArray) -> float:
    """Share of the curves of a prior that are as far out as this one; 0 outside the support.

    Far out is the squared distance b' S^+ b, with S the prior second moments.
    """
    if isinstance(prior, MonotonePrior) and not falls(curve):
        return 0.0
    if isinstance(prior, PolynomialPrior):
        basis = prior.factor(LAGS.astype(float))
        if np.abs(curve - basis @ np.linalg.pinv(basis) @ curve).max() > 1e-9:
            return 0.0
    every = priors.draws(prior, LAGS, 20_000, np.random.default_rng(0))
    inverse = np.linalg.pinv(every @ every.T / every.shape[1], rcond=1e-9)
    far = np.einsum("ls,lm,ms->s", every, inverse, every, optimize=True)
    return float((far >= curve @ inverse @ curve).mean())


def falls(curve: FloatArray) -> bool:
    return bool((np.diff(np.abs(curve)) <= 0).all() and (curve * curve[0] >= 0).all())


@cache
def contained(cell: str, truth: str) -> bool:
    curve = TRUTHS[truth]
    return curve is None or tail(every_cell()[cell].priors[TERM], curve) >= LEAST_TAIL


# --- one data set -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Setting:
    """What every number of a file depends on."""

    priors: tuple[str, ...]
    truths: tuple[str, ...] = tuple(TRUTHS)
    engine: EngineName = "laplace"
    persons: int = 400
    seed: int = 0

    @property
    def lines_per_piece(self) -> int:
        return len(self.priors) * (len(LAGS) + len(QUANTITIES) - 1)


@dataclass(frozen=True)
class Study:
    """The panel, the other parameters, and how to fit each prior."""

    spec: ModelSpec
    built: Design
    person: IntArray
    beta: FloatArray
    fits: tuple[tuple[Cell, Engine], ...]

    @property
    def lags(self) -> slice:
        return self.built.span(TERM)


def every_cell() -> dict[str, Cell]:
    """Every family at every width, by name."""
    wanted = spec.load(MODEL)
    found = [cell for cell in cells(wanted) if cell.multiple is not None]
    steps = HierarchicalRandomWalkPrior(
        family="hierarchical_random_walk",
        scale=1.0,
        reason="neighbours are alike, how much is learned",
    )
    unit = as_wide(steps, wanted.lagged[0])
    for multiple in MULTIPLES:
        prior = unit.times(multiple)
        found.append(Cell("hierarchical_random_walk", multiple, prior.reason, {TERM: prior}))
    return {cell.name: cell for cell in found}


@cache
def study(setting: Setting) -> Study:
    wanted = spec.load(MODEL)
    rows = small_rows(wanted, persons=setting.persons, seed=setting.seed)
    built = design.build(rows.frame, rows.histories, wanted)
    beta = np.zeros((built.n_coefficients, len(built.exits)))
    for name, values in (("intercept", [INTERCEPT]), ("month", BASELINE), ("centre", CENTRES)):
        beta[built.span(name)] = values
    person = rows.frame["person"].to_numpy(dtype=np.int64)
    sampler, every = Sampler(), every_cell()
    fits = []
    for name in setting.priors:
        own = with_priors(built, every[name].priors)
        fits.append((every[name], engine(setting.engine, parameterisation.standard(own), sampler)))
    return Study(wanted, built, person, beta, tuple(fits))


def piece(setting: Setting, truth: str, repetition: int) -> list[str]:
    """Lines of one data set under every prior; under ``drawn`` each prior has its own data."""
    it, lines = study(setting), []
    for cell, fit in it.fits:
        rng = np.random.default_rng([setting.seed, list(TRUTHS).index(truth), repetition])
        curve = TRUTHS[truth]
        if curve is None:
            curve = priors.draws(cell.priors[TERM], LAGS, 1, rng)[:, 0]
        with threadpool_limits(1, user_api="blas"):
            numbers = judged(it, curve, fit, n=DRAWS[setting.engine], rng=rng)
        key = f"{truth},{repetition},{cell.prior},{cell.multiple:g}"
        names = [*(f"lag,{lag}" for lag in LAGS), "sum,", "risk difference,"]
        for name, values in zip(names, numbers, strict=True):
            lines.append(f"{key},{name}," + ",".join(f"{value:.6g}" for value in values) + "\n")
    return lines


def judged(
    it: Study, curve: FloatArray, fit: Engine, *, n: int, rng: np.random.Generator
) -> FloatArray:
    """Truth, posterior mean, sd and ends of the intervals, (quantity, 7); NaN without a fit."""
    beta = it.beta.copy()
    beta[it.lags, it.built.exits.index(EXIT)] = curve
    true = np.r_[curve, curve.sum(), risk_difference(it, labelled(it, beta))]
    missing = np.full((len(true), 2 + len(ENDS)), np.nan)
    simulated = outcomes(it.built, it.person[it.built.row], beta, rng)
    try:
        posterior = fit(simulated, n, rng).posterior
    except ConvergenceError:
        return np.column_stack([true, missing])
    [term] = it.spec.lagged
    by_lag = incidence.lag_curve(posterior, term).sel(exit=EXIT).transpose("lag", ...)
    flat = by_lag.values.reshape(len(LAGS), -1)
    kept = np.arange(INCIDENCE_DRAWS) * posterior.sizes["draw"] // INCIDENCE_DRAWS
    thin = incidence.coefficients(posterior.isel(draw=kept), it.built)
    every = [*flat, flat.sum(axis=0), risk_difference(it, thin)]
    return np.column_stack([true, [described(own) for own in every]])


def described(draws: FloatArray) -> FloatArray:
    """Mean, sd, and the ends of the intervals of 50 and 95 percent.

    The ends are order statistics: between those of rank p (n + 1) and (1 - p) (n + 1) lies one more
    draw of the same distribution with probability 1 - 2p, whatever n.
    """
    ends = np.quantile(draws, ENDS, method="weibull")
    return np.r_[draws.mean(), draws.std(ddof=1), ends]


def labelled(it: Study, beta: FloatArray) -> xr.DataArray:
    dims = ("chain", "draw", "coefficient", "exit")
    return xr.DataArray(beta[None, None], {"exit": list(it.built.exits)}, dims)


def risk_difference(it: Study, beta: xr.DataArray) -> FloatArray:
    [wanted] = it.spec.estimand
    assert isinstance(wanted, IncidenceEstimand)
    found = incidence.incidence(beta, it.built, it.person, wanted).sel(exit=EXIT, month=HORIZON)
    return np.asarray(found.diff("arm").values.ravel())


# --- the file -----------------------------------------------------------------------------------
def taken_up(path: Path, setting: Setting) -> set[tuple[str, int]]:
    """Data sets that a file holds as a whole; what was cut off is taken out of it.

    Raises
    ------
    UsageError
        If the file was made with another setting, or with other versions of the packages.
    """
    made_by = json.dumps({**asdict(setting), "versions": versions()})
    head = f"# {made_by}\n{','.join(COLUMNS)}\n"
    before = path.read_text(encoding="utf-8") if path.exists() else head
    if not before.startswith(head):
        raise UsageError(
            f"--out must be new, or of the same setting and versions; {str(path)!r} has another "
            "first line. Choose another name."
        )
    lines = [line for line in before[len(head) :].splitlines(keepends=True) if line.endswith("\n")]
    kept = lines[: len(lines) // setting.lines_per_piece * setting.lines_per_piece]
    text = head + "".join(kept)
    write_file(path, lambda draft: draft.write_text(text, encoding="utf-8"))
    keys = (line.split(",", 2) for line in kept[:: setting.lines_per_piece])
    return {(truth, int(repetition)) for truth, repetition, _ in keys}


def completed(path: Path, setting: Setting, *, repetitions: int, cores: int) -> pd.DataFrame:
    """All lines of a file, after the data sets that it lacks were added."""
    done = taken_up(path, setting)
    wanted = [(truth, r) for r in range(repetitions) for truth in setting.truths]
    left = [key for key in wanted if key not in done]
    with path.open("a", encoding="utf-8") as file:
        for n, lines in enumerate(made(setting, left, cores), start=1):
            file.write("".join(lines))
            file.flush()
            if n % len(setting.truths) == 0:
                print(f"{n} of {len(left)} data sets", flush=True)
    return pd.read_csv(path, comment="#")


def made(setting: Setting, keys: Sequence[tuple[str, int]], cores: int) -> Iterator[list[str]]:
    """Pieces in the order of their keys, whatever the cores."""
    truths, repetitions = [key[0] for key in keys], [key[1] for key in keys]
    settings = [setting] * len(keys)
    if cores == 1:
        yield from map(piece, settings, truths, repetitions)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=spawn, initializer=one_thread) as pool:
        yield from pool.map(piece, settings, truths, repetitions)


def one_thread() -> None:
    """The processes share the cores; loops inside of them do not."""
    numba.set_num_threads(1)


# --- tables -------------------------------------------------------------------------------------
def scored(found: pd.DataFrame) -> pd.DataFrame:
    """One row per fit and quantity: coverage, error, squared error and score, lags averaged.

    The interval score of 95 percent is the width, and forty times what the truth is outside.

    References
    ----------
    .. [1] Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation,
       Journal of the American Statistical Association 102(477), section 6.2.
    """
    error = found["estimate"] - found["true"]
    below = (found["lower_95"] - found["true"]).clip(lower=0)
    above = (found["true"] - found["upper_95"]).clip(lower=0)
    each = found.assign(
        covered_95=found["true"].between(found["lower_95"], found["upper_95"]).astype(float),
        covered_50=found["true"].between(found["lower_50"], found["upper_50"]).astype(float),
        error=error,
        square=error**2,
        score=found["upper_95"] - found["lower_95"] + 2 / 0.05 * (below + above),
        cell=found["prior"] + ":" + found["multiple"].map("{:g}".format),
    )
    measures = ["covered_95", "covered_50", "error", "square", "score", "sd"]
    known = each[each["estimate"].notna()]
    return known.groupby(["cell", "truth", "quantity", "repetition"], sort=False)[measures].mean()


def by_cell(fits: pd.DataFrame) -> pd.DataFrame:
    """Mean over repetitions of every measure, its standard error, and the root mean square."""
    grouped = fits.groupby(level=["cell", "truth", "quantity"], sort=False)
    means = grouped.mean()
    errors = grouped.sem().add_suffix("_error")
    return means.join(errors).assign(rmse=means["square"] ** 0.5, n=grouped.size())


def coverage_table(cell_means: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Coverage of 95 and 50 percent intervals, in percent; in brackets outside the family."""
    own = 100 * cell_means.xs(quantity, level="quantity")[["covered_95", "covered_50"]]
    text = own["covered_95"].map("{:.0f}".format) + "/" + own["covered_50"].map("{:.0f}".format)
    return in_columns(text)


def loss_table(cell_means: pd.DataFrame, quantity: str, measures: Iterable[str]) -> pd.DataFrame:
    """Measures of loss: log-odds, or percentage points of the risk difference."""
    unit = 100.0 if quantity == "risk difference" else 1.0
    own = unit * cell_means.xs(quantity, level="quantity")
    first, *rest = (own[name].map("{:.2f}".format) for name in measures)
    return in_columns(first.str.cat(rest, sep="/"))


def in_columns(text: pd.Series) -> pd.DataFrame:
    """A row per prior, a column per truth, in the order in which they came."""
    rows, columns = (list(text.index.unique(level)) for level in ("cell", "truth"))
    table = pd.DataFrame(index=rows, columns=columns)
    for (cell, truth), own in text.items():
        table.loc[cell, truth] = own if contained(cell, truth) else f"({own})"
    return table


def in_short(cell_means: pd.DataFrame) -> pd.DataFrame:
    """Lowest coverage of 95 percent intervals over planted truths, and mean interval score."""
    planted = cell_means[cell_means.index.get_level_values("truth") != DRAWN].reset_index()
    pairs = zip(planted["cell"], planted["truth"], strict=True)
    inside = pd.Series([contained(*pair) for pair in pairs], index=planted.index)
    parts = {"contained": inside.groupby(planted["cell"], sort=False).sum() // len(QUANTITIES)}
    for quantity in QUANTITIES:
        own = planted["quantity"] == quantity
        for name, which in (("in", own & inside), ("out", own & ~inside)):
            lowest = planted[which].groupby("cell", sort=False)["covered_95"].min()
            parts[f"{quantity} {name}"] = (100 * lowest).round(0)
    for quantity in QUANTITIES:
        unit = 100.0 if quantity == "risk difference" else 1.0
        own = planted[planted["quantity"] == quantity].groupby("cell", sort=False)["score"].mean()
        parts[f"{quantity} score"] = (unit * own).round(2)
    return pd.DataFrame(parts).loc[planted["cell"].unique()]


def report(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every table with its heading.

    Yields
    ------
    str, DataFrame
    """
    means = by_cell(scored(found))
    for quantity in QUANTITIES:
        yield f"Coverage of the {quantity}, 95/50 percent", coverage_table(means, quantity)
    yield "Bias of the sum", loss_table(means, "sum", ["error"])
    for quantity in QUANTITIES:
        head = f"Loss in the {quantity}: root mean squared error/interval score of 95 percent"
        yield head, loss_table(means, quantity, ["rmse", "score"])
    head = "In short: lowest 95 percent coverage over the truths that the family contains (in) or"
    yield f"{head} not (out), and interval scores averaged over all", in_short(means)


def errors_text(found: pd.DataFrame) -> str:
    """What the number of repetitions leaves open, and how many fits there are not."""
    fits = scored(found)
    means = by_cell(fits)
    n = int(means["n"].min())
    by_lag = means.xs("lag", level="quantity")["covered_95_error"].max()
    bias = means.xs("sum", level="quantity")["error_error"].max()
    failed = int(found.loc[found["quantity"] == "sum", "estimate"].isna().sum())
    return (
        f"{n} repetitions at least; {failed} of {(found['quantity'] == 'sum').sum()} fits failed. "
        f"Monte Carlo error at nominal coverage: {100 * (0.95 * 0.05 / n) ** 0.5:.1f} points of "
        f"95, {100 * (0.25 / n) ** 0.5:.1f} points of 50 percent; averaged over lags at most "
        f"{100 * by_lag:.1f} points of 95 percent; of the bias of the sum at most {bias:.2f}. "
        f"Median posterior sd of a coefficient under normal:1: {_median_sd(found):.2f}. "
        "In brackets: the family does not contain the truth."
    )


def _median_sd(found: pd.DataFrame) -> float:
    own = found[(found["prior"] == "normal") & (found["multiple"] == 1)]
    return float(own.loc[own["quantity"] == "lag", "sd"].median())


def chosen(names: Sequence[str], known: Iterable[str], option: str) -> tuple[str, ...]:
    """Names of an option, or all that are known."""
    every = tuple(known)
    for name in names:
        if name not in every:
            raise UsageError(
                f"{option} must be one of {', '.join(every)}; got {name!r}."
                + did_you_mean(name, every)
            )
    return tuple(dict.fromkeys(names)) or every


def main() -> None:
    """Add the data sets that the file lacks, and print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--engine", choices=DRAWS, default="laplace")
    parser.add_argument("--priors", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--truths", nargs="*", default=[], metavar="NAME")
    given = parser.parse_args()
    setting = Setting(
        chosen(given.priors, every_cell(), "--priors"),
        chosen(given.truths, TRUTHS, "--truths"),
        given.engine,
    )
    one_thread()
    found = completed(given.out, setting, repetitions=given.repetitions, cores=given.cores)
    print(errors_text(found))
    for head, table in report(found):
        print(f"\n{head}\n{table.to_string()}")


if __name__ == "__main__":
    main()
