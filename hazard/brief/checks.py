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
_ANSWERS = ("_risk_difference", "_cumulative_marginal_effect")  # after the name of an estimand
# Column of gate.csv, limit, whether it is an upper (most) or lower bound, last digit to print.
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
class GateResult:
    """Diagnostics and limits of a convergence gate, and the sampler over all its runs."""

    table: pd.DataFrame
    limits: Mapping[str, float]
    passed: bool
    sampler: Mapping[str, float]


def pooled_gate(
    table: pd.DataFrame, limits: Mapping[str, float], verdicts: Iterable[Mapping[str, Any]]
) -> GateResult:
    """The gates of one posterior or of several, taken together at their worst."""
    gates = list(verdicts)
    counts = [gate["divergences"] for gate in gates]
    energies = [value for gate in gates for value in gate["bfmi"] or [np.nan]]
    return GateResult(
        table,
        limits,
        all(gate["passed"] for gate in gates),
        {
            "divergences": np.nan if None in counts else float(sum(counts)),
            "bfmi": float(np.min(energies)),
            "chains": float(min(gate["chains"] for gate in gates)),
            "copies": float(sum(gate["copies"] for gate in gates)),
        },
    )


def section(language: Language, result: GateResult, *, texts: str = "gate") -> Section:
    """Whether the draws may be used, and their diagnostics.

    ``texts`` is the part of the catalogue with the verdict: ``gate``, or ``evidence`` where every
    quantity is one that the page is about.
    """
    names = result.table["variable"]
    printed = names.isin(_PRINTED) | names.str.endswith(_ANSWERS)
    columns = [result.table, result.table[printed]] if texts == "gate" else [result.table]
    rows, failed = [], []
    for name, limit, bound, last_digit in (*_MEASURES, *_SAMPLER):
        threshold = 0.0 if limit is None else result.limits[limit]
        passes = _within_limit(_worst(result, result.table, name, bound), threshold, bound)
        label = language.say(f"gate.{name}")
        failed += [] if passes else [label]
        limit_text = digits.number(threshold, _decimals(threshold), language.marks)
        values = [_worst(result, table, name, bound) for table in columns]
        if name in result.sampler:
            values[1:] = [np.nan] * len(values[1:])
        rows.append(
            (
                label,
                language.say(f"gate.{bound}", limit=limit_text),
                *(_number(value, last_digit, language) for value in values),
                language.say("gate.yes" if passes else "gate.no"),
            )
        )
    rows.append(_finite(result, columns, language))
    failed += [] if rows[-1][-1] == language.say("gate.yes") else [rows[-1][0]]
    beyond = _beyond_limits(result)
    verdict = language.say(
        f"{texts}.{'passed' if result.passed else 'failed'}",
        n=language.whole(len(result.table)),
        which="; ".join(failed),
        broken=language.whole(beyond.sum()),
        printed=language.whole(printed.sum()),
        printed_broken=language.whole(beyond[printed].sum()),
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


def _worst(result: GateResult, table: pd.DataFrame, name: str, bound: str) -> float:
    if name in result.sampler:
        return result.sampler[name]
    values = table[name].dropna()
    if values.empty:
        return float("nan")
    return float(values.max() if bound == "most" else values.min())


def _within_limit(value: float, limit: float, bound: str) -> bool:
    return value <= limit if bound == "most" else value >= limit


def _beyond_limits(result: GateResult) -> pd.Series:
    table, limits = result.table, result.limits
    bad = ~table["finite"].astype(bool) | table["constant"].astype(bool)
    for name, limit, bound, _ in _MEASURES:
        sign = 1 if bound == "most" else -1
        bad |= ~(sign * table[name] <= sign * limits[limit])
    return bad


def _finite(result: GateResult, columns: list[pd.DataFrame], language: Language) -> tuple[str, ...]:
    n_failed = [
        int((~t["finite"].astype(bool) | t["constant"].astype(bool)).sum()) for t in columns
    ]
    return (
        language.say("gate.finite"),
        language.say("gate.most", limit=language.whole(0)),
        *(language.whole(n) for n in n_failed),
        language.say("gate.yes" if n_failed[0] == 0 else "gate.no"),
    )


def _number(value: float, power: int, language: Language) -> str:
    if np.isnan(value):
        return language.say("page.missing")
    return digits.number(value, power, language.marks)


def _decimals(limit: float) -> int:
    return 0 if float(limit).is_integer() else -2
