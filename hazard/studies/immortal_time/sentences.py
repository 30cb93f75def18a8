"""What was found, in plain sentences of a language."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard import languages
from hazard.output import digits
from hazard.studies.immortal_time.person_rows import Question

_PLACES = -3


@dataclass(frozen=True)
class _Tongue:
    """The sentences of a language, and how it writes numbers."""

    code: str

    @property
    def marks(self) -> digits.Marks:
        return digits.language_marks(self.code)

    def say(self, key: str, **places: object) -> str:
        """A sentence, or a part of one, with its places filled."""
        return languages.words("commands.immortal_time", self.code)[key].format(**places)

    def name(self, table: str, key: str) -> str:
        """A name in the language, or the key itself."""
        return languages.words(table, self.code).get(key, key)

    def number(self, value: float, power: int = _PLACES) -> str:
        return digits.number(value, power, self.marks)

    def both(self, values: Iterable[float], power: int = _PLACES) -> str:
        first, second = (self.number(value, power) for value in values)
        return self.say("both", first=first, second=second)

    def span(self, values: pd.Series, power: int = _PLACES) -> str:
        """The least and the largest of some values."""
        low, high = (self.number(value, power) for value in (values.min(), values.max()))
        return self.say("span", low=low, high=high)


def study_sentences(
    null: pd.DataFrame,
    planted: pd.DataFrame,
    spread: pd.DataFrame,
    lang: str = languages.ENGLISH,
) -> list[str]:
    """Sentences about a simulation without an effect, and one with an effect.

    Parameters
    ----------
    null, planted : DataFrame
        Of :func:`hazard.studies.immortal_time.study`; the first with an odds ratio of 1.
    spread : DataFrame
        Of :func:`hazard.studies.immortal_time.assumptions`.
    lang : str
        One of :func:`hazard.languages.codes`.

    Returns
    -------
    list of str
    """
    pooled, tongue = _pair(null, "ever_treated"), _Tongue(lang)
    return [
        _no_effect(pooled, tongue),
        _beside_printed(pooled, tongue),
        _parts(pooled, _pair(null, "ever_treated_within"), tongue),
        _countries(null, tongue),
        _assumed(spread, tongue),
        _hazard(null, tongue),
        _effect(planted, tongue),
    ]


def panel_sentences(
    table: pd.DataFrame, question: Question, lang: str = languages.ENGLISH
) -> list[str]:
    """Sentences about both designs on one panel.

    Parameters
    ----------
    table : DataFrame
        Of :func:`hazard.studies.immortal_time.compared`.
    question : Question
    lang : str
        One of :func:`hazard.languages.codes`.

    Returns
    -------
    list of str
    """
    rows = {row["design"]: row for _, row in table[table["exit"] == question.exit].iterrows()}
    tongue = _Tongue(lang)
    return [
        _ever(rows["ever_treated"], question, tongue),
        _so_far(rows["hazard"], rows["hazard_ever"], tongue),
        *([_landmark(rows["landmark"], tongue)] if "landmark" in rows else []),
        tongue.say("caution"),
    ]


# --- a simulation -------------------------------------------------------------------------------
def _no_effect(pooled: pd.DataFrame, tongue: _Tongue) -> str:
    return tongue.say(
        "no_effect",
        n=tongue.number(pooled["replications"].iloc[0], 0),
        mean=tongue.both(pooled["mean"]),
        worst=_worst(pooled, tongue),
        below=tongue.both(100 * pooled["below"], 0),
        covered=tongue.both(100 * pooled["covered"], 0),
    )


def _beside_printed(pooled: pd.DataFrame, tongue: _Tongue) -> str:
    apart = (pooled["published"] - pooled["expected"]) / pooled["published_se"]
    first, second = (digits.signed(value, -1, tongue.marks) for value in apart)
    return tongue.say(
        "printed",
        published=tongue.both(pooled["published"]),
        error=tongue.both(pooled["published_se"]),
        distance=tongue.say("both", first=first, second=second),
    )


def _parts(pooled: pd.DataFrame, within: pd.DataFrame, tongue: _Tongue) -> str:
    between = pooled["expected"].to_numpy() - within["expected"].to_numpy()
    return tongue.say("parts", within=tongue.both(within["expected"]), between=tongue.both(between))


def _countries(table: pd.DataFrame, tongue: _Tongue) -> str:
    own = table[(table["design"] == "ever_treated") & (table["sample"] != "all")]
    outside = (own["published"] < own["low"]) | (own["published"] > own["high"])
    apart = [
        tongue.say(
            "apart",
            sample=tongue.name("figures.immortal_time", row["sample"]),
            year=row["term"][-4:],
            **{name: tongue.number(row[name]) for name in ("published", "expected")},
        )
        for _, row in own[outside].iterrows()
    ]
    others = tongue.say("others", apart=", ".join(apart)) if apart else ""
    return tongue.say("countries", n=len(own), near=len(own) - len(apart), others=others)


def _assumed(spread: pd.DataFrame, tongue: _Tongue) -> str:
    pooled = spread[spread["design"] == "ever_treated"]
    return tongue.say(
        "assumed",
        exits=tongue.span(spread["other_exits"], -2),
        months=tongue.span(spread["follow_up"], 0),
        first=tongue.span(pooled["talk_2014"]),
        second=tongue.span(pooled["talk_2015"]),
    )


def _hazard(null: pd.DataFrame, tongue: _Tongue) -> str:
    return tongue.say(
        "hazard",
        ratio=_ratio(null, "hazard", tongue),
        covered=_covered(null, tongue),
        ever=_ratio(null, "hazard_ever", tongue),
    )


def _effect(planted: pd.DataFrame, tongue: _Tongue) -> str:
    helped = _pair(planted, "ever_treated")
    return tongue.say(
        "effect",
        odds=f"{planted['odds_ratio'].iloc[0]:g}".replace(".", tongue.marks.decimal),
        mean=tongue.both(helped["mean"]),
        below=tongue.both(100 * helped["below"], 0),
        ratio=_ratio(planted, "hazard", tongue),
        covered=_covered(planted, tongue),
    )


def _pair(table: pd.DataFrame, design: str) -> pd.DataFrame:
    return table[(table["design"] == design) & (table["sample"] == "all")].sort_values("term")


def _worst(pair: pd.DataFrame, tongue: _Tongue) -> str:
    units = math.ceil(float(pair["mean_mcse"].max()) * 10**-_PLACES)
    return tongue.number(units * 10**_PLACES)


def _covered(table: pd.DataFrame, tongue: _Tongue) -> str:
    row = table[table["design"] == "hazard"].iloc[0]
    share, error = (tongue.number(100 * row[name], -1) for name in ("covered", "covered_mcse"))
    return tongue.say("error", value=share, error=error)


def _ratio(table: pd.DataFrame, design: str, tongue: _Tongue) -> str:
    row = table[table["design"] == design].iloc[0]
    ratio = float(np.exp(row["mean"]))
    error = tongue.number(ratio * row["mean_mcse"])
    return tongue.say("error", value=tongue.number(ratio, -2), error=error)


# --- a panel ------------------------------------------------------------------------------------
def _ever(row: pd.Series, question: Question, tongue: _Tongue) -> str:
    return tongue.say(
        "ever",
        treatment=question.treatment,
        exit=tongue.name("shared.exit", question.exit),
        change=_interval(row, tongue),
        **_persons(row, tongue),
    )


def _so_far(hazard: pd.Series, ever: pd.Series, tongue: _Tongue) -> str:
    return tongue.say("so_far", ratio=_odds(hazard, tongue), ever=_odds(ever, tongue))


def _landmark(row: pd.Series, tongue: _Tongue) -> str:
    return tongue.say("landmark", change=_interval(row, tongue), **_persons(row, tongue))


def _persons(row: pd.Series, tongue: _Tongue) -> dict[str, str]:
    return {name: tongue.number(row[name], 0) for name in ("persons", "treated")}


def _interval(row: pd.Series, tongue: _Tongue) -> str:
    middle, low, high = (tongue.number(row[name]) for name in ("estimate", "lower", "upper"))
    return f"{middle} ({tongue.say('span', low=low, high=high)})"


def _odds(row: pd.Series, tongue: _Tongue) -> str:
    return digits.ratio(digits.Estimate(row["estimate"], row["lower"], row["upper"]), tongue.marks)
