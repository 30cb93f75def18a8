"""Estimates in plain sentences of a language."""

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
class _Language:
    """The sentences of a language, and how it writes numbers."""

    code: str

    @property
    def marks(self) -> digits.Marks:
        return digits.language_marks(self.code)

    def text(self, key: str, **places: object) -> str:
        """A sentence, or a part of one, with its places filled."""
        return languages.words("commands.immortal_time", self.code)[key].format(**places)

    def name(self, table: str, key: str) -> str:
        """A name in the language, or the key itself."""
        return languages.words(table, self.code).get(key, key)

    def number(self, value: float, power: int = _PLACES) -> str:
        return digits.number(value, power, self.marks)

    def both(self, values: Iterable[float], power: int = _PLACES) -> str:
        first, second = (self.number(value, power) for value in values)
        return self.text("both", first=first, second=second)

    def span(self, values: pd.Series, power: int = _PLACES) -> str:
        """The least and the largest of some values."""
        low, high = (self.number(value, power) for value in (values.min(), values.max()))
        return self.text("span", low=low, high=high)


def study_sentences(
    null: pd.DataFrame,
    with_effect: pd.DataFrame,
    limits: pd.DataFrame,
    lang: str = languages.ENGLISH,
) -> list[str]:
    """Sentences about a simulation without an effect, and one with an effect.

    Parameters
    ----------
    null, with_effect : DataFrame
        Of :func:`hazard.studies.immortal_time.study`; the first with an odds ratio of 1.
    limits : DataFrame
        Of :func:`hazard.studies.immortal_time.assumptions`.
    lang : str
        One of :func:`hazard.languages.codes`.

    Returns
    -------
    list of str
    """
    pooled, language = _pair(null, "ever_treated"), _Language(lang)
    return [
        _no_effect(pooled, language),
        _beside_printed(pooled, language),
        _parts(pooled, _pair(null, "ever_treated_within"), language),
        _countries(null, language),
        _assumed(limits, language),
        _hazard(null, language),
        _effect(with_effect, language),
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
    language = _Language(lang)
    return [
        _ever(rows["ever_treated"], question, language),
        _so_far(rows["hazard"], rows["hazard_ever"], language),
        *([_landmark(rows["landmark"], language)] if "landmark" in rows else []),
        language.text("caution"),
    ]


# --- a simulation -------------------------------------------------------------------------------
def _no_effect(pooled: pd.DataFrame, language: _Language) -> str:
    return language.text(
        "no_effect",
        n=language.number(pooled["replications"].iloc[0], 0),
        mean=language.both(pooled["mean"]),
        worst=_worst(pooled, language),
        below=language.both(100 * pooled["below"], 0),
        covered=language.both(100 * pooled["covered"], 0),
    )


def _beside_printed(pooled: pd.DataFrame, language: _Language) -> str:
    distances = (pooled["published"] - pooled["expected"]) / pooled["published_se"]
    first, second = (digits.signed(value, -1, language.marks) for value in distances)
    return language.text(
        "printed",
        published=language.both(pooled["published"]),
        error=language.both(pooled["published_se"]),
        distance=language.text("both", first=first, second=second),
    )


def _parts(pooled: pd.DataFrame, within: pd.DataFrame, language: _Language) -> str:
    between = pooled["expected"].to_numpy() - within["expected"].to_numpy()
    return language.text(
        "parts", within=language.both(within["expected"]), between=language.both(between)
    )


def _countries(table: pd.DataFrame, language: _Language) -> str:
    by_nationality = table[(table["design"] == "ever_treated") & (table["sample"] != "all")]
    outside = (by_nationality["published"] < by_nationality["low"]) | (
        by_nationality["published"] > by_nationality["high"]
    )
    deviations = [
        language.text(
            "apart",
            sample=language.name("figures.immortal_time", row["sample"]),
            year=row["term"][-4:],
            **{name: language.number(row[name]) for name in ("published", "expected")},
        )
        for _, row in by_nationality[outside].iterrows()
    ]
    outside_text = language.text("others", apart=", ".join(deviations)) if deviations else ""
    return language.text(
        "countries",
        n=len(by_nationality),
        near=len(by_nationality) - len(deviations),
        others=outside_text,
    )


def _assumed(limits: pd.DataFrame, language: _Language) -> str:
    pooled = limits[limits["design"] == "ever_treated"]
    return language.text(
        "assumed",
        exits=language.span(limits["other_exits"], -2),
        months=language.span(limits["follow_up"], 0),
        first=language.span(pooled["talk_2014"]),
        second=language.span(pooled["talk_2015"]),
    )


def _hazard(null: pd.DataFrame, language: _Language) -> str:
    return language.text(
        "hazard",
        ratio=_ratio(null, "hazard", language),
        covered=_covered(null, language),
        ever=_ratio(null, "hazard_ever", language),
    )


def _effect(with_effect: pd.DataFrame, language: _Language) -> str:
    pooled = _pair(with_effect, "ever_treated")
    return language.text(
        "effect",
        odds=f"{with_effect['odds_ratio'].iloc[0]:g}".replace(".", language.marks.decimal),
        mean=language.both(pooled["mean"]),
        below=language.both(100 * pooled["below"], 0),
        ratio=_ratio(with_effect, "hazard", language),
        covered=_covered(with_effect, language),
    )


def _pair(table: pd.DataFrame, design: str) -> pd.DataFrame:
    return table[(table["design"] == design) & (table["sample"] == "all")].sort_values("term")


def _worst(pair: pd.DataFrame, language: _Language) -> str:
    units = math.ceil(float(pair["mean_mcse"].max()) * 10**-_PLACES)
    return language.number(units * 10**_PLACES)


def _covered(table: pd.DataFrame, language: _Language) -> str:
    row = table[table["design"] == "hazard"].iloc[0]
    share, error = (language.number(100 * row[name], -1) for name in ("covered", "covered_mcse"))
    return language.text("error", value=share, error=error)


def _ratio(table: pd.DataFrame, design: str, language: _Language) -> str:
    row = table[table["design"] == design].iloc[0]
    ratio = float(np.exp(row["mean"]))
    error = language.number(ratio * row["mean_mcse"])
    return language.text("error", value=language.number(ratio, -2), error=error)


# --- a panel ------------------------------------------------------------------------------------
def _ever(row: pd.Series, question: Question, language: _Language) -> str:
    return language.text(
        "ever",
        treatment=question.treatment,
        exit=language.name("shared.exit", question.exit),
        change=_interval(row, language),
        **_persons(row, language),
    )


def _so_far(hazard: pd.Series, ever: pd.Series, language: _Language) -> str:
    return language.text("so_far", ratio=_odds(hazard, language), ever=_odds(ever, language))


def _landmark(row: pd.Series, language: _Language) -> str:
    return language.text("landmark", change=_interval(row, language), **_persons(row, language))


def _persons(row: pd.Series, language: _Language) -> dict[str, str]:
    return {name: language.number(row[name], 0) for name in ("persons", "treated")}


def _interval(row: pd.Series, language: _Language) -> str:
    middle, low, high = (language.number(row[name]) for name in ("estimate", "lower", "upper"))
    return f"{middle} ({language.text('span', low=low, high=high)})"


def _odds(row: pd.Series, language: _Language) -> str:
    return digits.ratio(
        digits.Estimate(row["estimate"], row["lower"], row["upper"]), language.marks
    )
