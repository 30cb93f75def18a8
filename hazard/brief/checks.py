"""The convergence gate in plain words and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hazard.brief.blocks import Paragraph, Section, Table
from hazard.brief.language import Language
from hazard.brief.view import grouped
from hazard.output import digits

_PRINTED = ("lag_coefficient", "cumulative_lag_effect", "cumulative_incidence", "risk_difference")
_ANSWERS = ("_risk_difference", "_summed_change")  # after the name of an estimand
# Column of gate.csv, limit, whether the limit is the most or the least, last digit to print.
_MEASURES = (
    ("r_hat", "r_hat", "most", -3),
    ("ess_bulk", "ess", "least", 0),
    ("ess_tail", "ess", "least", 0),
    ("mcse_to_sd", "mcse_to_sd", "most", -3),
)
_SAMPLER = (
    ("divergences", "divergences", "most", 0),
    ("bfmi", "bfmi", "least", -2),
    ("chains", "chains", "least", 0),
    ("copies", None, "most", 0),
)


@dataclass(frozen=True)
class Checked:
    """What the gate measured, its limits, and what the sampler reported, over all its runs."""

    table: pd.DataFrame
    limits: Mapping[str, float]
    passed: bool
    sampler: Mapping[str, float]


def checked(
    table: pd.DataFrame, limits: Mapping[str, float], verdicts: Iterable[Mapping[str, Any]]
) -> Checked:
    """The gates of one posterior or of several, taken together at their worst."""
    every = list(verdicts)
    counts = [each["divergences"] for each in every]
    energies = [value for each in every for value in each["bfmi"] or [np.nan]]
    return Checked(
        table,
        limits,
        all(each["passed"] for each in every),
        {
            "divergences": np.nan if None in counts else float(sum(counts)),
            "bfmi": float(np.min(energies)),
            "chains": float(min(each["chains"] for each in every)),
            "copies": float(sum(each["copies"] for each in every)),
        },
    )


def section(language: Language, found: Checked, *, texts: str = "gate") -> Section:
    """Whether the draws may be used, and what was measured on them.

    ``texts`` is the part of the catalogue with the verdict: ``gate``, or ``evidence`` where every
    quantity is one that the page is about.
    """
    names = found.table["variable"]
    printed = names.isin(_PRINTED) | names.str.endswith(_ANSWERS)
    columns = [found.table, found.table[printed]] if texts == "gate" else [found.table]
    rows, lost = [], []
    for name, limit, bound, power in (*_MEASURES, *_SAMPLER):
        most = 0.0 if limit is None else found.limits[limit]
        kept = _kept(_worst(found, found.table, name, bound), most, bound)
        label = language.say(f"gate.{name}")
        lost += [] if kept else [label]
        limit_text = digits.number(most, _decimals(most), language.marks)
        values = [_worst(found, table, name, bound) for table in columns]
        if name in found.sampler:
            values[1:] = [np.nan] * len(values[1:])
        rows.append(
            (
                label,
                language.say(f"gate.{bound}", limit=limit_text),
                *(_number(value, power, language) for value in values),
                language.say("gate.yes" if kept else "gate.no"),
            )
        )
    rows.append(_finite(found, columns, language))
    lost += [] if rows[-1][-1] == language.say("gate.yes") else [rows[-1][0]]
    broken = _broken(found)
    verdict = language.say(
        f"{texts}.{'passed' if found.passed else 'failed'}",
        n=language.whole(len(found.table)),
        which="; ".join(lost),
        broken=language.whole(broken.sum()),
        printed=language.whole(printed.sum()),
        printed_broken=language.whole(broken[printed].sum()),
    )
    heads = ["head_check", "head_limit", "head_all", "head_printed", "head_verdict"]
    if len(columns) == 1:
        heads.remove("head_printed")
    table = Table(
        name="table-gate",
        caption=language.say(f"{texts}.{'caption' if texts == 'gate' else 'gate_caption'}"),
        head=tuple(language.say(f"gate.{head}") for head in heads),
        looks=("head", "text", *("number" for _ in columns), "text"),
        groups=grouped(rows),
    )
    blocks = (Paragraph(language.say("gate.how")), Paragraph(verdict), table)
    return Section("gate", language.say("gate.heading"), blocks)


def _worst(found: Checked, table: pd.DataFrame, name: str, bound: str) -> float:
    if name in found.sampler:
        return found.sampler[name]
    values = table[name].dropna()
    if values.empty:
        return float("nan")
    return float(values.max() if bound == "most" else values.min())


def _kept(value: float, limit: float, bound: str) -> bool:
    return value <= limit if bound == "most" else value >= limit


def _broken(found: Checked) -> pd.Series:
    table, limits = found.table, found.limits
    bad = ~table["finite"].astype(bool) | table["constant"].astype(bool)
    for name, limit, bound, _ in _MEASURES:
        sign = 1 if bound == "most" else -1
        bad |= ~(sign * table[name] <= sign * limits[limit])
    return bad


def _finite(found: Checked, columns: list[pd.DataFrame], language: Language) -> tuple[str, ...]:
    lost = [int((~t["finite"].astype(bool) | t["constant"].astype(bool)).sum()) for t in columns]
    return (
        language.say("gate.finite"),
        language.say("gate.most", limit=language.whole(0)),
        *(language.whole(n) for n in lost),
        language.say("gate.yes" if lost[0] == 0 else "gate.no"),
    )


def _number(value: float, power: int, language: Language) -> str:
    if np.isnan(value):
        return language.say("page.missing")
    return digits.number(value, power, language.marks)


def _decimals(limit: float) -> int:
    return 0 if float(limit).is_integer() else -2
