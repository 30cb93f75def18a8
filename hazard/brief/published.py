"""The brief of published coefficients under several lag priors."""

from __future__ import annotations

from typing import Any, NamedTuple

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


class _Curve(NamedTuple):
    """Labels of a published lag curve."""

    exit: str
    network: str


def page(published: PublishedFolder, language: Language) -> Page:
    """Everything of the page."""
    verdict = checks.pooled_gate(
        published.gate, published.manifest["limits"], published.manifest["gates"].values()
    )
    gate = checks.section(language, verdict, texts="published")
    banners = []
    if published.status == Status.without_draws:
        banners = [("without_draws", language.say("banner.without_draws"))]
    elif not verdict.passed:
        banners = [("gate", language.say("banner.gate", section=gate.heading))]
    return Page(
        lang=language.code,
        kicker=language.say("published.kicker"),
        question=language.say("published.question"),
        label=language.say("banner.label"),
        banners=tuple(banners),
        sections=(
            *_answer(published, language),
            _curves(published, language),
            _correlation(published, language),
            gate,
            _caveats(language),
            *_appendix(published, language),
        ),
    )


def _answer(published: PublishedFolder, language: Language) -> list[Section]:
    sums = _forced_return_rows(published.estimates, lag="sum")
    ci = _percent(sums, language)
    months = _forced_return_rows(published.estimates)["lag"]
    lags = months[months != "sum"].astype(int)
    blocks = (
        Paragraph(language.say("published.first")),
        Points(tuple(_line(published, curve, language) for curve in _labelled_curves(sums))),
        Paragraph(
            language.say(
                "published.brackets",
                ci=ci,
                first=language.whole(lags.min()),
                last=language.whole(lags.max()),
            )
        ),
    )
    sections = [Section("answer", language.say("published.heading"), blocks)]
    for name in ("sure", "cannot"):
        text = (Paragraph(language.say(f"published.{name}")),)
        sections.append(Section(name, language.say(f"published.{name}_heading"), text, level=3))
    return sections


def _line(published: PublishedFolder, curve: _Curve, language: Language) -> tuple[str, str]:
    curve_rows = _forced_return_rows(published.estimates, exit=curve.exit, network=curve.network)
    lags = curve_rows.loc[curve_rows["lag"] != "sum", "lag"].astype(int)
    sums = curve_rows[curve_rows["lag"] == "sum"]
    alternatives = sums[~sums["prior"].isin(["published", "wide"])].sort_values("estimate")

    def monthly(total: pd.DataFrame) -> str:
        return digits.ratio(estimate(total).times(1 / lags.nunique()), language.marks)

    text = language.say(
        "published.line",
        low=monthly(alternatives.iloc[:1]),
        high=monthly(alternatives.iloc[-1:]),
        printed=monthly(sums[sums["prior"] == "published"]),
    )
    return _label(curve, language, "published.line_lead"), text


def _label(curve: _Curve, language: Language, key: str) -> str:
    return language.say(
        key,
        exit=language.name("published_exit", curve.exit),
        network=language.name("published_network", curve.network),
    )


def _curves(published: PublishedFolder, language: Language) -> Section:
    words = languages.figure("published", language.code)
    figure = Figure(
        name="figure-published",
        numbers="table-sums",
        svg=figures.svg(
            figures.published_lag_curves(published.estimates, words=words), "published"
        ),
        caption=language.say("published.figure_caption"),
        text=figures.published_lag_curves_text(published.estimates, words=words),
    )
    sums = _forced_return_rows(published.estimates, lag="sum")
    priors = list(sums["prior"].unique())
    columns = {prior: sums[sums["prior"] == prior] for prior in priors}
    table = _table(language, "table-sums", columns, language.name)
    return Section("curves", language.say("published.figure_heading"), (figure, table))


def _table(language: Language, name: str, columns: dict[str, pd.DataFrame], head: Any) -> Table:
    all_sums = pd.concat(columns.values())
    rows = [
        (
            _label(curve, language, "published.line_lead").rstrip(":"),
            *(_logarithm(_curve_rows(sums, curve), language) for sums in columns.values()),
        )
        for curve in _labelled_curves(all_sums)
    ]
    return Table(
        name=name,
        caption=language.say("published.sums_caption", ci=_percent(all_sums, language)),
        head=(
            language.say("published.head_curve"),
            *(capital(head("published_prior", key)) for key in columns),
        ),
        looks=("head", *("number" for _ in columns)),
        groups=(("", tuple(rows)),),
    )


def _correlation(published: PublishedFolder, language: Language) -> Section:
    estimates = _forced_return_rows(published.correlation)
    levels = sorted(estimates["correlation"].unique())
    groups = []
    for curve in _labelled_curves(estimates):
        rows = [
            (
                capital(language.name("published_prior", str(prior))),
                *(
                    _logarithm(prior_rows[prior_rows["correlation"] == level], language)
                    for level in levels
                ),
            )
            for prior, prior_rows in _curve_rows(estimates, curve).groupby("prior", sort=False)
        ]
        groups.append((_label(curve, language, "published.line_lead").rstrip(":"), tuple(rows)))
    heads = [language.say("published.r", r=digits.number(r, -1, language.marks)) for r in levels]
    table = Table(
        name="table-correlation",
        caption=language.say("published.correlation_caption", ci=_percent(estimates, language)),
        head=(language.say("published.head_curve"), language.say("published.head_prior"), *heads),
        looks=("head", *("number" for _ in levels)),
        groups=tuple(groups),
    )
    blocks = (Paragraph(language.say("published.correlation")), table)
    return Section("correlation", language.say("published.correlation_heading"), blocks)


def _caveats(language: Language) -> Section:
    items = tuple(("", language.say(f"published.{key}")) for key in ("same", "weak", "normal"))
    return Section("caveats", language.say("published.caveats_heading"), (Points(items),))


def _appendix(published: PublishedFolder, language: Language) -> list[Section]:
    rows = [
        (
            language.name("published_prior", name),
            _PRIOR.validate_python(record).symbols,
            language.translated(record["reason"]),
        )
        for name, record in published.manifest["priors"].items()
    ]
    reproduction: tuple[Block, ...] = (
        Paragraph(language.say("appendix.command")),
        Command(
            f"hazard published --out PUBLISHED --seed {published.manifest['settings']['seed']}"
        ),
        settings_table(language, published.manifest),
    )
    priors = prior_table(language, language.say("published.priors_caption"), rows)
    return [
        Section("appendix", language.say("appendix.heading"), ()),
        Section("priors", language.say("appendix.priors"), (priors,), level=3),
        Section("made", language.say("appendix.run"), reproduction, level=3),
    ]


# --- choosing rows --------------------------------------------------------------------------------
def _forced_return_rows(table: pd.DataFrame, **labels: str) -> pd.DataFrame:
    """Rows of forced returns in the multinomial logit, and with these labels."""
    for name, label in {"estimator": "mnlogit", "exposure": "forced_return", **labels}.items():
        table = table[table[name] == label]
    return table


def _curve_rows(table: pd.DataFrame, curve: _Curve) -> pd.DataFrame:
    return table[table["exit"].eq(curve.exit) & table["network"].eq(curve.network)]


def _labelled_curves(table: pd.DataFrame) -> list[_Curve]:
    pairs = table[["network", "exit"]].drop_duplicates().sort_values(["network", "exit"])
    return [_Curve(*pair) for pair in zip(pairs["exit"], pairs["network"], strict=True)]


def _logarithm(rows: pd.DataFrame, language: Language) -> str:
    with_mcse = rows if "mcse" in rows else rows.assign(mcse=float("nan"))
    return digits.logarithm(estimate(with_mcse), language.marks)


def _percent(table: pd.DataFrame, language: Language) -> str:
    return language.whole(100 * table["ci_prob"].iloc[0])
