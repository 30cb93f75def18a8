"""What was found, in plain sentences."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from hazard.output import digits
from hazard.studies.immortal_time.person_rows import Question

_PLACES = -3


def study_sentences(null: pd.DataFrame, planted: pd.DataFrame, spread: pd.DataFrame) -> list[str]:
    """Sentences about a simulation without an effect, and one with an effect.

    Parameters
    ----------
    null, planted : DataFrame
        Of :func:`hazard.studies.immortal_time.study`; the first with an odds ratio of 1.
    spread : DataFrame
        Of :func:`hazard.studies.immortal_time.assumptions`.

    Returns
    -------
    list of str
    """
    pooled = _pair(null, "ever_treated")
    return [
        _no_effect(pooled),
        _beside_printed(pooled),
        _parts(pooled, _pair(null, "ever_treated_within")),
        _countries(null),
        _assumed(spread),
        _hazard(null),
        _effect(planted),
    ]


def panel_sentences(table: pd.DataFrame, question: Question) -> list[str]:
    """Sentences about both designs on one panel.

    Parameters
    ----------
    table : DataFrame
        Of :func:`hazard.studies.immortal_time.compared`.
    question : Question

    Returns
    -------
    list of str
    """
    rows = {row["design"]: row for _, row in table[table["exit"] == question.exit].iterrows()}
    return [
        _ever(rows["ever_treated"], question),
        _so_far(rows["hazard"], rows["hazard_ever"]),
        *([_landmark(rows["landmark"])] if "landmark" in rows else []),
        (
            "Who leaves early cannot be treated later, so the first number is not an effect. All "
            "are associations: who is chosen for treatment is another question."
        ),
    ]


# --- a simulation -------------------------------------------------------------------------------
def _no_effect(pooled: pd.DataFrame) -> str:
    return (
        f"A talk that changes nothing, {pooled['replications'].iloc[0]:,} simulated samples: least "
        f"squares of 'ever returned assisted' on 'ever had a talk' finds {_both(pooled, 'mean')} "
        f"for talks of 2014 and 2015 (Monte Carlo error at most {_worst(pooled)}); the 95 percent "
        f"interval lies below zero in {_shares(pooled, 'below')} percent of the samples, and "
        f"covers the true zero in {_shares(pooled, 'covered')} percent."
    )


def _beside_printed(pooled: pd.DataFrame) -> str:
    apart = (pooled["published"] - pooled["expected"]) / pooled["published_se"]
    distance = " and ".join(digits.signed(value, -1) for value in apart)
    return (
        f"Proba (2016) printed {_both(pooled, 'published')} with standard errors of "
        f"{_both(pooled, 'published_se')}: {distance} standard errors from what no effect gives."
    )


def _parts(pooled: pd.DataFrame, within: pd.DataFrame) -> str:
    rest = pooled["expected"].to_numpy() - within["expected"].to_numpy()
    between = " and ".join(digits.number(value, _PLACES) for value in rest)
    return (
        f"Among persons of one nationality {_both(within, 'expected')} of it remain, the work of "
        f"time alone; {between} come from nationalities with many talks that return less, for "
        "which the printed regression controls in part."
    )


def _countries(table: pd.DataFrame) -> str:
    own = table[(table["design"] == "ever_treated") & (table["sample"] != "all")]
    outside = (own["published"] < own["low"]) | (own["published"] > own["high"])
    apart = [
        f"{row['sample']} {row['term'][-4:]} ({digits.number(row['published'], _PLACES)}, expected "
        f"{digits.number(row['expected'], _PLACES)})"
        for _, row in own[outside].iterrows()
    ]
    not_these = f"; not {', '.join(apart)}" if apart else ""
    return (
        f"Of {len(own)} coefficients printed for single countries, {len(own) - len(apart)} lie "
        f"where 95 percent of the samples without an effect do{not_these}."
    )


def _assumed(spread: pd.DataFrame) -> str:
    pooled = spread[spread["design"] == "ever_treated"]
    ends = [
        f"{digits.number(pooled[term].min(), _PLACES)} to "
        f"{digits.number(pooled[term].max(), _PLACES)}"
        for term in ("talk_2014", "talk_2015")
    ]
    others, months = spread["other_exits"], spread["follow_up"]
    return (
        "Not printed, and assumed: how many leave in other ways, and until when returns are seen. "
        f"With other exits of {others.min():.2f} to {others.max():.2f} a month and follow-up "
        f"{months.min()} to {months.max()} months beyond October 2015, no effect gives {ends[0]} "
        f"(2014) and {ends[1]} (2015)."
    )


def _hazard(null: pd.DataFrame) -> str:
    return (
        "The hazard model with the talk from its month on finds an odds ratio of "
        f"{_ratio(null, 'hazard')}, and its interval covers 1 in {_covered(null)} percent of the "
        f"samples; with the talk coded as ever it finds {_ratio(null, 'hazard_ever')}: the coding "
        "does it, not least squares."
    )


def _effect(planted: pd.DataFrame) -> str:
    helped = _pair(planted, "ever_treated")
    return (
        f"A talk that multiplies the odds by {planted['odds_ratio'].iloc[0]:g}: least squares "
        f"finds {_both(helped, 'mean')}, below zero in {_shares(helped, 'below')} percent of the "
        f"samples; the hazard model finds {_ratio(planted, 'hazard')}, and its interval covers the "
        f"truth in {_covered(planted)} percent."
    )


def _pair(table: pd.DataFrame, design: str) -> pd.DataFrame:
    return table[(table["design"] == design) & (table["sample"] == "all")].sort_values("term")


def _both(pair: pd.DataFrame, column: str) -> str:
    return " and ".join(digits.number(value, _PLACES) for value in pair[column])


def _worst(pair: pd.DataFrame) -> str:
    units = math.ceil(float(pair["mean_mcse"].max()) * 10**-_PLACES)
    return digits.number(units * 10**_PLACES, _PLACES)


def _shares(pair: pd.DataFrame, column: str) -> str:
    return " and ".join(digits.number(100 * value, 0) for value in pair[column])


def _covered(table: pd.DataFrame) -> str:
    row = table[table["design"] == "hazard"].iloc[0]
    share, error = (digits.number(100 * row[name], -1) for name in ("covered", "covered_mcse"))
    return f"{share} (Monte Carlo error {error})"


def _ratio(table: pd.DataFrame, design: str) -> str:
    row = table[table["design"] == design].iloc[0]
    ratio = float(np.exp(row["mean"]))
    error = digits.number(ratio * row["mean_mcse"], _PLACES)
    return f"{digits.number(ratio, -2)} (Monte Carlo error {error})"


# --- a panel ------------------------------------------------------------------------------------
def _ever(row: pd.Series, question: Question) -> str:
    return (
        f"Ever treated, by least squares over {row['persons']:,} persons, {row['treated']:,} of "
        f"them with {question.treatment!r}: the probability of ever leaving through "
        f"{question.exit!r} changes by {_interval(row)}."
    )


def _so_far(hazard: pd.Series, ever: pd.Series) -> str:
    return (
        "Treated so far, in the hazard model: the odds in a month change by a factor of "
        f"{_odds(hazard)}. With the treatment coded as ever the same model gives {_odds(ever)}."
    )


def _landmark(row: pd.Series) -> str:
    return (
        f"Of {row['persons']:,} persons there in the month of the landmark {row['treated']:,} had "
        f"been treated: their probability of leaving so afterwards differs by {_interval(row)}."
    )


def _interval(row: pd.Series) -> str:
    ends = [digits.number(row[name], _PLACES) for name in ("estimate", "lower", "upper")]
    return f"{ends[0]} ({ends[1]} to {ends[2]})"


def _odds(row: pd.Series) -> str:
    return digits.ratio(digits.Estimate(row["estimate"], row["lower"], row["upper"]))
