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
from hazard.studies.immortal_time.expected import Course, course, pooled_limit, within_limit
from hazard.studies.immortal_time.person_rows import categorical
from hazard.studies.immortal_time.published import published_coefficients
from hazard.studies.immortal_time.talks import EXITS, World

TERMS = ("talk_2014", "talk_2015")
KEYS = ["design", "sample", "term"]
_UNUSED = NormalPrior(family="normal", scale=1.0, reason="maximum likelihood takes no prior")


def study(
    of: World,
    *,
    replications: int,
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> pd.DataFrame:
    """How often each design finds what, over samples of a world.

    Parameters
    ----------
    of : World
        Whose ``odds_ratio`` is the truth.
    replications : int
        Two or more.
    seed : int
    progress : callable
        Is told the share that is done.

    Returns
    -------
    DataFrame, one row per design, sample and term
        ``truth`` (NaN where a world with an effect has no single difference of probability), and
        ``expected``: what least squares tends to (see
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
        name: place for place, name in enumerate(of.nationality) if name in set(printed["sample"])
    }
    parts = []
    for done, each in enumerate(np.random.SeedSequence(seed).spawn(replications), start=1):
        parts.append(_estimates(persons(of, np.random.default_rng(each)), of, places))
        progress(done / replications)
    table = _summary(pd.concat(parts, ignore_index=True), _truth(of, places))
    merged = table.merge(printed, on=["sample", "term"], how="left")
    as_printed = merged["design"] == "ever_treated"
    merged.loc[~as_printed, ["published", "published_se"]] = np.nan
    return merged.assign(odds_ratio=of.odds_ratio, replications=replications)


# --- one sample ---------------------------------------------------------------------------------
def _estimates(drawn: Persons, of: World, places: Mapping[str, int]) -> pd.DataFrame:
    """Estimate and interval of every design, sample and term."""
    rows = _person_frame(drawn, of)
    parts = [
        _tagged(_least_squares(rows, grouped=False), "ever_treated", "all"),
        _tagged(_least_squares(rows, grouped=True), "ever_treated_within", "all"),
    ]
    for name, place in places.items():
        own = rows[drawn.nationality == place].reset_index(drop=True)
        fit = linear_probability.fit(design.build(own, {}, _model(("assisted",), TERMS)))
        parts.append(_tagged(fit, "ever_treated", name))
    ever = np.where(drawn.treated == 1, drawn.entry, drawn.talk)
    parts.append(_tagged(_hazard(drawn, of), "hazard", "all"))
    parts.append(_tagged(_hazard(replace(drawn, talk=ever), of), "hazard_ever", "all"))
    return pd.concat(parts, ignore_index=True)


def _tagged(fit: BaselineFit, name: str, sample: str) -> pd.DataFrame:
    table = fit.table()
    chosen = table[table["term"].isin([*TERMS, "talk"]) & (table["exit"] == "assisted")]
    return chosen.assign(design=name, sample=sample)[
        [*KEYS, "unit", "estimate", "standard_error", "lower", "upper"]
    ]


def _person_frame(drawn: Persons, of: World) -> pd.DataFrame:
    period = np.where(drawn.treated == 1, of.period[np.minimum(drawn.talk, len(of.period) - 1)], -1)
    assisted = (drawn.outcome == 1 + EXITS.index("assisted")).astype(np.int8)
    return pd.DataFrame(
        {
            "person": np.arange(len(period)),
            "month": np.int32(1),
            "entry": np.int32(0),
            "nationality": categorical(drawn.nationality, list(of.nationality)),
            "exit": categorical(assisted, ["stay", "assisted"]),
            **{name: (period == place).astype(np.int8) for place, name in enumerate(TERMS)},
        }
    )


def _least_squares(rows: pd.DataFrame, *, grouped: bool) -> BaselineFit:
    groups = ("nationality",) if grouped else ()
    built = design.build(rows, {}, _model(("assisted",), TERMS, groups))
    return linear_probability.fit(built, errors=robust.clusters(built, rows, ["nationality"]))


def _hazard(drawn: Persons, of: World) -> BaselineFit:
    """Multinomial logit of the months of drawn persons, equal months counted together."""
    cells, months = monthly_cells(drawn, of)
    built = design.build(cells, {}, _model(EXITS, ("talk",), ("nationality",)))
    return multinomial_logit.fit(replace(built, weight=months.astype(np.float64)))


def monthly_cells(drawn: Persons, of: World) -> tuple[pd.DataFrame, IntArray]:
    """Months at risk by nationality, talk so far and exit.

    Parameters
    ----------
    drawn : Persons
    of : World

    Returns
    -------
    cells : DataFrame
        A panel with a row for every combination that occurs.
    months : ndarray of int, shape (row,)
        How many rows of :func:`hazard.studies.immortal_time.panel_of` each stands for.
    """
    start = np.clip(drawn.talk, drawn.entry, drawn.last + 1)
    length = np.stack([start - drawn.entry, drawn.last + 1 - start])
    counts = np.zeros((len(of.nationality), 2, 1 + len(EXITS)), dtype=np.int64)
    at = drawn.nationality
    for talked in (0, 1):
        counts[:, talked, 0] = np.bincount(at, length[talked], len(counts))
    left = drawn.outcome > 0
    place = np.ravel_multi_index((at, drawn.treated, drawn.outcome), counts.shape)[left]
    exits = np.bincount(place, minlength=counts.size).reshape(counts.shape)
    counts += exits
    counts[:, :, 0] -= exits.sum(axis=2)
    nationality, talk, exit_ = np.nonzero(counts)
    cells = pd.DataFrame(
        {
            "person": np.arange(len(talk)),
            "month": np.int32(1),
            "entry": np.int32(0),
            "exit": categorical(exit_, ["stay", *EXITS]),
            "nationality": categorical(nationality, list(of.nationality)),
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
def _truth(of: World, places: Mapping[str, int]) -> pd.DataFrame:
    """True effect, and the limit of least squares, of every design, sample and term."""
    found = course(of)
    limits = {
        ("ever_treated", "all"): pooled_limit(found),
        ("ever_treated_within", "all"): within_limit(found),
    }
    for name, place in places.items():
        limits["ever_treated", name] = pooled_limit(_only(found, place))
    no_effect = 0.0 if of.odds_ratio == 1 else np.nan
    rows = [
        (*key, term, no_effect, limit[period])
        for key, limit in limits.items()
        for period, term in enumerate(TERMS)
    ]
    log_odds = np.log(of.odds_ratio)
    rows += [(name, "all", "talk", log_odds, np.nan) for name in ("hazard", "hazard_ever")]
    return pd.DataFrame(rows, columns=[*KEYS, "truth", "expected"])


def _only(found: Course, place: int) -> Course:
    return Course(
        found.treated[[place]],
        found.assisted_treated[[place]],
        found.assisted[[place]],
        found.persons[[place]],
    )


def _summary(estimates: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    each = estimates.merge(truth, on=KEYS, validate="many_to_one")
    each["square"] = each["standard_error"] ** 2
    each["below"] = (each["upper"] < 0).astype(float)
    each["above"] = (each["lower"] > 0).astype(float)
    inside = (each["lower"] <= each["truth"]) & (each["truth"] <= each["upper"])
    each["covered"] = inside.astype(float).where(each["truth"].notna())
    grouped = each.groupby([*KEYS, "unit"], sort=False)
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


def share_error(share: FloatArray, of: IntArray | int) -> FloatArray:
    """Monte Carlo error of a share of independent samples.

    Examples
    --------
    >>> share_error(np.array([0.5, 1.0]), 100).tolist()
    [0.05, 0.0]
    """
    return np.sqrt(share * (1.0 - share) / of)
