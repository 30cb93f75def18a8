"""Both designs on many simulated samples with a known effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from hazard.arrays import FloatArray, IntArray
from hazard.baselines import linear_probability, multinomial_logit, robust
from hazard.baselines.fit import BaselineFit
from hazard.model import design
from hazard.spec import CovariateTerm, GroupTerm, ModelSpec, OutcomeSpec
from hazard.spec.priors.normal import NormalPrior
from hazard.studies.immortal_time.draws import Persons, persons
from hazard.studies.immortal_time.expected import (
    ExpectedShares,
    expected_shares,
    pooled_limit,
    within_limit,
)
from hazard.studies.immortal_time.person_rows import categorical
from hazard.studies.immortal_time.published import published_coefficients
from hazard.studies.immortal_time.talks import EXITS, TalkPopulation

TERMS = ("talk_2014", "talk_2015")
KEYS = ["design", "sample", "term"]
_UNUSED = NormalPrior(family="normal", scale=1.0, reason="maximum likelihood takes no prior")


def study(
    population: TalkPopulation,
    *,
    replications: int,
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> pd.DataFrame:
    """Operating characteristics of each design over samples of a population.

    Parameters
    ----------
    population : TalkPopulation
        Whose ``odds_ratio`` is the truth.
    replications : int
        Two or more.
    seed : int
    progress : callable
        Called with the share that is done.

    Returns
    -------
    DataFrame, one row per design, sample and term
        ``truth`` (NaN where a population with an effect has no single difference of probability),
        and ``expected``: what least squares tends to (see
        :func:`hazard.studies.immortal_time.pooled_limit`). Over the samples: ``mean`` of the
        estimates, their standard deviation ``sd``, their 2.5 and 97.5 percent quantiles ``low`` and
        ``high``, the root mean square ``reported_se`` of the reported errors, and the shares of 95
        percent intervals ``below`` zero, ``above`` zero, and that ``covered`` the truth;
        ``..._mcse`` are Monte Carlo errors. Then ``published``, ``published_se``.

    Notes
    -----
    Designs: ``ever_treated``, least squares of "ever returned assisted" on a talk in 2014 and one
    in 2015, errors clustered on nationality; ``ever_treated_within``, the same with a dummy for
    each nationality; for one nationality by itself least squares with HC1 errors; ``hazard``,
    the log-odds of the multinomial logit with the talk from its month on and an effect of each
    nationality; ``hazard_ever``, the same model with the talk in every month of the talked to.
    The Monte Carlo error of a mean of R values is sd / sqrt(R), that of a share p is
    sqrt(p (1 - p) / R).
    """
    printed = published_coefficients()
    places = {
        name: place
        for place, name in enumerate(population.nationality)
        if name in set(printed["sample"])
    }
    parts = []
    for done, sequence in enumerate(np.random.SeedSequence(seed).spawn(replications), start=1):
        parts.append(
            _estimates(persons(population, np.random.default_rng(sequence)), population, places)
        )
        progress(done / replications)
    table = _summary(pd.concat(parts, ignore_index=True), _truth(population, places))
    merged = table.merge(printed, on=["sample", "term"], how="left")
    as_printed = merged["design"] == "ever_treated"
    merged.loc[~as_printed, ["published", "published_se"]] = np.nan
    return merged.assign(odds_ratio=population.odds_ratio, replications=replications)


# --- one sample ---------------------------------------------------------------------------------
def _estimates(
    sample: Persons, population: TalkPopulation, places: Mapping[str, int]
) -> pd.DataFrame:
    """Estimate and interval of every design, sample and term."""
    rows = _person_frame(sample, population)
    parts = [
        _tagged(_least_squares(rows, grouped=False), "ever_treated", "all"),
        _tagged(_least_squares(rows, grouped=True), "ever_treated_within", "all"),
    ]
    for name, place in places.items():
        nationality_rows = rows[sample.nationality == place].reset_index(drop=True)
        fit = linear_probability.fit(
            design.build(nationality_rows, {}, _model(("assisted",), TERMS))
        )
        parts.append(_tagged(fit, "ever_treated", name))
    ever = np.where(sample.treated == 1, sample.entry, sample.talk)
    parts.append(_tagged(_hazard(sample, population), "hazard", "all"))
    parts.append(_tagged(_hazard(replace(sample, talk=ever), population), "hazard_ever", "all"))
    return pd.concat(parts, ignore_index=True)


def _tagged(fit: BaselineFit, name: str, sample: str) -> pd.DataFrame:
    table = fit.table()
    chosen = table[table["term"].isin([*TERMS, "talk"]) & (table["exit"] == "assisted")]
    return chosen.assign(design=name, sample=sample)[
        [*KEYS, "unit", "estimate", "standard_error", "lower", "upper"]
    ]


def _person_frame(sample: Persons, population: TalkPopulation) -> pd.DataFrame:
    period = np.where(
        sample.treated == 1,
        population.period[np.minimum(sample.talk, len(population.period) - 1)],
        -1,
    )
    assisted = (sample.outcome == 1 + EXITS.index("assisted")).astype(np.int8)
    return pd.DataFrame(
        {
            "person": np.arange(len(period)),
            "month": np.int32(1),
            "entry": np.int32(0),
            "nationality": categorical(sample.nationality, list(population.nationality)),
            "exit": categorical(assisted, ["stay", "assisted"]),
            **{name: (period == place).astype(np.int8) for place, name in enumerate(TERMS)},
        }
    )


def _least_squares(rows: pd.DataFrame, *, grouped: bool) -> BaselineFit:
    groups = ("nationality",) if grouped else ()
    model_design = design.build(rows, {}, _model(("assisted",), TERMS, groups))
    return linear_probability.fit(
        model_design, errors=robust.clusters(model_design, rows, ["nationality"])
    )


def _hazard(sample: Persons, population: TalkPopulation) -> BaselineFit:
    """Multinomial logit of the months of drawn persons, equal months counted together."""
    cells, months = monthly_cells(sample, population)
    model_design = design.build(cells, {}, _model(EXITS, ("talk",), ("nationality",)))
    return multinomial_logit.fit(replace(model_design, weight=months.astype(np.float64)))


def monthly_cells(sample: Persons, population: TalkPopulation) -> tuple[pd.DataFrame, IntArray]:
    """Months at risk by nationality, talk so far and exit.

    Parameters
    ----------
    sample : Persons
    population : TalkPopulation

    Returns
    -------
    cells : DataFrame
        A panel with a row for every combination that occurs.
    months : ndarray of int, shape (row,)
        How many rows of :func:`hazard.studies.immortal_time.panel_of` each stands for.
    """
    start = np.clip(sample.talk, sample.entry, sample.last + 1)
    length = np.stack([start - sample.entry, sample.last + 1 - start])
    counts = np.zeros((len(population.nationality), 2, 1 + len(EXITS)), dtype=np.int64)
    row_nationality = sample.nationality
    for talked in (0, 1):
        counts[:, talked, 0] = np.bincount(row_nationality, length[talked], len(counts))
    exited = sample.outcome > 0
    cell = np.ravel_multi_index((row_nationality, sample.treated, sample.outcome), counts.shape)[
        exited
    ]
    exits = np.bincount(cell, minlength=counts.size).reshape(counts.shape)
    counts += exits
    counts[:, :, 0] -= exits.sum(axis=2)
    nationality, talk, exit_ = np.nonzero(counts)
    cells = pd.DataFrame(
        {
            "person": np.arange(len(talk)),
            "month": np.int32(1),
            "entry": np.int32(0),
            "exit": categorical(exit_, ["stay", *EXITS]),
            "nationality": categorical(nationality, list(population.nationality)),
            "talk": talk.astype(np.int8),
        }
    )
    return cells, counts[nationality, talk, exit_]


def _model(exits: tuple[str, ...], columns: tuple[str, ...], by: tuple[str, ...] = ()) -> ModelSpec:
    covariates = [CovariateTerm(kind="covariate", column=name, prior=_UNUSED) for name in columns]
    groups = [GroupTerm(kind="group", by=name, prior=_UNUSED) for name in by]
    return ModelSpec(
        name="ever_treated",
        question="Do those who had a talk return assisted more often?",
        outcome=OutcomeSpec(exits=exits),
        term=(*covariates, *groups),
    )


# --- all samples --------------------------------------------------------------------------------
def _truth(population: TalkPopulation, places: Mapping[str, int]) -> pd.DataFrame:
    """True effect, and the limit of least squares, of every design, sample and term."""
    shares = expected_shares(population)
    limits = {
        ("ever_treated", "all"): pooled_limit(shares),
        ("ever_treated_within", "all"): within_limit(shares),
    }
    for name, place in places.items():
        limits["ever_treated", name] = pooled_limit(_only(shares, place))
    no_effect = 0.0 if population.odds_ratio == 1 else np.nan
    rows = [
        (*key, term, no_effect, limit[period])
        for key, limit in limits.items()
        for period, term in enumerate(TERMS)
    ]
    log_odds = np.log(population.odds_ratio)
    rows += [(name, "all", "talk", log_odds, np.nan) for name in ("hazard", "hazard_ever")]
    return pd.DataFrame(rows, columns=[*KEYS, "truth", "expected"])


def _only(shares: ExpectedShares, place: int) -> ExpectedShares:
    return ExpectedShares(
        shares.treated[[place]],
        shares.assisted_treated[[place]],
        shares.assisted[[place]],
        shares.persons[[place]],
    )


def _summary(estimates: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    results = estimates.merge(truth, on=KEYS, validate="many_to_one")
    results["square"] = results["standard_error"] ** 2
    results["below"] = (results["upper"] < 0).astype(float)
    results["above"] = (results["lower"] > 0).astype(float)
    inside = (results["lower"] <= results["truth"]) & (results["truth"] <= results["upper"])
    results["covered"] = inside.astype(float).where(results["truth"].notna())
    grouped = results.groupby([*KEYS, "unit"], sort=False)
    table = grouped.agg(
        truth=("truth", "first"),
        expected=("expected", "first"),
        mean=("estimate", "mean"),
        sd=("estimate", "std"),
        low=("estimate", lambda values: values.quantile(0.025)),
        high=("estimate", lambda values: values.quantile(0.975)),
        reported_se=("square", lambda values: np.sqrt(values.mean())),
        below=("below", "mean"),
        above=("above", "mean"),
        covered=("covered", "mean"),
        n=("estimate", "size"),
    ).reset_index()
    table["mean_mcse"] = table["sd"] / np.sqrt(table["n"])
    for name in ("below", "above", "covered"):
        table[f"{name}_mcse"] = share_error(table[name].to_numpy(), table["n"].to_numpy())
    return table.drop(columns="n")


def share_error(share: FloatArray, n: IntArray | int) -> FloatArray:
    """Monte Carlo error of a share of independent samples.

    Examples
    --------
    >>> share_error(np.array([0.5, 1.0]), 100).tolist()
    [0.05, 0.0]
    """
    return np.sqrt(share * (1.0 - share) / n)
