"""The brief of published coefficients under several lag priors."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from hazard import languages
from hazard.brief import checks
from hazard.brief.appendix import prior_table, settings_table
from hazard.brief.blocks import Block, Command, Figure, Page, Paragraph, Points, Section, Table
from hazard.brief.language import Language
from hazard.brief.view import capital, estimate
from hazard.fitting.status import Status
from hazard.output import digits, figures
from hazard.spec.priors import Prior
from hazard.studies.published.folder import PublishedFolder

_PRIOR: TypeAdapter[Any] = TypeAdapter(Prior)


def page(found: PublishedFolder, tongue: Language) -> Page:
    """Everything of the page."""
    verdict = checks.checked(found.gate, found.manifest["limits"], found.manifest["gates"].values())
    gate = checks.section(tongue, verdict, texts="published")
    banners = []
    if found.status == Status.without_draws:
        banners = [("without_draws", tongue.say("banner.without_draws"))]
    elif not verdict.passed:
        banners = [("gate", tongue.say("banner.gate", section=gate.heading))]
    return Page(
        lang=tongue.code,
        kicker=tongue.say("published.kicker"),
        question=tongue.say("published.question"),
        label=tongue.say("banner.label"),
        banners=tuple(banners),
        sections=(
            *_answer(found, tongue),
            _curves(found, tongue),
            _correlation(found, tongue),
            gate,
            _caveats(tongue),
            *_appendix(found, tongue),
        ),
    )


def _answer(found: PublishedFolder, tongue: Language) -> list[Section]:
    sums = _shown(found.estimates, lag="sum")
    ci = _percent(sums, tongue)
    months = _shown(found.estimates)["lag"]
    lags = months[months != "sum"].astype(int)
    blocks = (
        Paragraph(tongue.say("published.first")),
        Points(tuple(_line(found, curve, tongue) for curve in _pairs(sums))),
        Paragraph(
            tongue.say(
                "published.brackets",
                ci=ci,
                first=tongue.whole(lags.min()),
                last=tongue.whole(lags.max()),
            )
        ),
    )
    sections = [Section("answer", tongue.say("published.heading"), blocks)]
    for name in ("sure", "cannot"):
        text = (Paragraph(tongue.say(f"published.{name}")),)
        sections.append(Section(name, tongue.say(f"published.{name}_heading"), text, level=3))
    return sections


def _line(found: PublishedFolder, curve: tuple[str, str], tongue: Language) -> tuple[str, str]:
    exit_name, network = curve
    own = _shown(found.estimates, exit=exit_name, network=network)
    lags = own.loc[own["lag"] != "sum", "lag"].astype(int)
    sums = own[own["lag"] == "sum"]
    under = sums[~sums["prior"].isin(["published", "wide"])].sort_values("estimate")

    def monthly(total: pd.DataFrame) -> str:
        return digits.ratio(estimate(total).times(1 / lags.nunique()), tongue.marks)

    text = tongue.say(
        "published.line",
        low=monthly(under.iloc[:1]),
        high=monthly(under.iloc[-1:]),
        printed=monthly(sums[sums["prior"] == "published"]),
    )
    return _label(curve, tongue, "published.line_lead"), text


def _label(curve: tuple[str, str], tongue: Language, key: str) -> str:
    exit_name, network = curve
    return tongue.say(
        key,
        exit=tongue.name("published_exit", exit_name),
        network=tongue.name("published_network", network),
    )


def _curves(found: PublishedFolder, tongue: Language) -> Section:
    words = languages.figure("published", tongue.code)
    figure = Figure(
        name="figure-published",
        numbers="table-sums",
        svg=figures.svg(figures.published_lag_curves(found.estimates, words=words), "published"),
        caption=tongue.say("published.figure_caption"),
        text=figures.published_lag_curves_text(found.estimates, words=words),
    )
    sums = _shown(found.estimates, lag="sum")
    priors = list(sums["prior"].unique())
    columns = {prior: sums[sums["prior"] == prior] for prior in priors}
    table = _table(tongue, "table-sums", columns, tongue.name)
    return Section("curves", tongue.say("published.figure_heading"), (figure, table))


def _table(tongue: Language, name: str, columns: dict[str, pd.DataFrame], head: Any) -> Table:
    every = pd.concat(columns.values())
    rows = [
        (
            _label(curve, tongue, "published.line_lead").rstrip(":"),
            *(_logarithm(_of(sums, curve), tongue) for sums in columns.values()),
        )
        for curve in _pairs(every)
    ]
    return Table(
        name=name,
        caption=tongue.say("published.sums_caption", ci=_percent(every, tongue)),
        head=(
            tongue.say("published.head_curve"),
            *(capital(head("published_prior", key)) for key in columns),
        ),
        looks=("head", *("number" for _ in columns)),
        groups=(("", tuple(rows)),),
    )


def _correlation(found: PublishedFolder, tongue: Language) -> Section:
    shown = _shown(found.correlation)
    levels = sorted(shown["correlation"].unique())
    groups = []
    for curve in _pairs(shown):
        rows = [
            (
                capital(tongue.name("published_prior", str(prior))),
                *(_logarithm(own[own["correlation"] == level], tongue) for level in levels),
            )
            for prior, own in _of(shown, curve).groupby("prior", sort=False)
        ]
        groups.append((_label(curve, tongue, "published.line_lead").rstrip(":"), tuple(rows)))
    heads = [tongue.say("published.r", r=digits.number(r, -1, tongue.marks)) for r in levels]
    table = Table(
        name="table-correlation",
        caption=tongue.say("published.correlation_caption", ci=_percent(shown, tongue)),
        head=(tongue.say("published.head_curve"), tongue.say("published.head_prior"), *heads),
        looks=("head", *("number" for _ in levels)),
        groups=tuple(groups),
    )
    blocks = (Paragraph(tongue.say("published.correlation")), table)
    return Section("correlation", tongue.say("published.correlation_heading"), blocks)


def _caveats(tongue: Language) -> Section:
    items = tuple(("", tongue.say(f"published.{key}")) for key in ("same", "weak", "normal"))
    return Section("caveats", tongue.say("published.caveats_heading"), (Points(items),))


def _appendix(found: PublishedFolder, tongue: Language) -> list[Section]:
    rows = [
        (
            tongue.name("published_prior", name),
            _PRIOR.validate_python(record).symbols,
            tongue.own(record["reason"]),
        )
        for name, record in found.manifest["priors"].items()
    ]
    made: tuple[Block, ...] = (
        Paragraph(tongue.say("appendix.command")),
        Command(f"hazard published --out PUBLISHED --seed {found.manifest['settings']['seed']}"),
        settings_table(tongue, found.manifest),
    )
    priors = prior_table(tongue, tongue.say("published.priors_caption"), rows)
    return [
        Section("appendix", tongue.say("appendix.heading"), ()),
        Section("priors", tongue.say("appendix.priors"), (priors,), level=3),
        Section("made", tongue.say("appendix.run"), made, level=3),
    ]


# --- choosing rows --------------------------------------------------------------------------------
def _shown(table: pd.DataFrame, **labels: str) -> pd.DataFrame:
    """Rows of forced returns in the multinomial logit, and with these labels."""
    for name, label in {"estimator": "mnlogit", "exposure": "forced_return", **labels}.items():
        table = table[table[name] == label]
    return table


def _of(table: pd.DataFrame, curve: tuple[str, str]) -> pd.DataFrame:
    return table[table["exit"].eq(curve[0]) & table["network"].eq(curve[1])]


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = table[["network", "exit"]].drop_duplicates().sort_values(["network", "exit"])
    return list(zip(pairs["exit"], pairs["network"], strict=True))


def _logarithm(rows: pd.DataFrame, tongue: Language) -> str:
    known = rows if "mcse" in rows else rows.assign(mcse=float("nan"))
    return digits.logarithm(estimate(known), tongue.marks)


def _percent(table: pd.DataFrame, tongue: Language) -> str:
    return tongue.whole(100 * table["ci_prob"].iloc[0])
