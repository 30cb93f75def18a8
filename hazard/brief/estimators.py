"""The page of three estimators on one scale, and of the two published columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from hazard import languages
from hazard.brief.blocks import Block, Command, Figure, Page, Paragraph, Points, Section, Table
from hazard.brief.language import Language
from hazard.brief.view import capital, estimate, grouped
from hazard.output import digits, figures
from hazard.studies.estimators import GROUP, verdicts
from hazard.studies.estimators.folder import ComparisonFolder

_STEPS = ("linear", "curvature", "weights", "logit", "exits", "terms", "pooling", "hazard_model")
_PIECES = ("curvature", "weights", "exits", "terms", "pooling")
_ESTIMATORS = ("linear probability", "multinomial logit", "hazard model")
_DISTANCES = ("published", "best_rounding", "same_rows", "same_rows_most", "other_rows")


class _Curve(NamedTuple):
    """Labels of a published lag curve, in the order of ``GROUP``."""

    outcome: str
    exposure: str
    network: str


def page(comparison: ComparisonFolder, language: Language) -> Page:
    """Everything of the page."""
    facts = comparison.manifest
    banners = [
        (name, language.say(f"comparison.banner_{name}"))
        for name, applies in (
            ("simulated", facts["source"] == "simulated registers"),
            ("approximate", facts["engine"] == "laplace"),
            ("failed", facts.get("run", {}).get("status") == "failed"),
        )
        if applies
    ]
    sections = [
        _answer(comparison, language),
        _scale(comparison, language),
        _why(comparison, language),
    ]
    sections += [_assumed(comparison, language)]
    if comparison.columns is not None and comparison.apart is not None:
        sections += _published(comparison.columns, comparison.apart, comparison, language)
    return Page(
        lang=language.code,
        kicker=language.say(
            "comparison.kicker", first=comparison.first.name, last=comparison.last.name
        ),
        question=language.say("comparison.question"),
        label=language.say("banner.label"),
        banners=tuple(banners),
        sections=(*sections, _reproduction(comparison, language)),
    )


# --- one scale ------------------------------------------------------------------------------------
def _answer(comparison: ComparisonFolder, language: Language) -> Section:
    sums = _select(comparison.estimates, quantity="cumulative_marginal_effect")
    term = comparison.event
    term_rows = sums[sums["term"] == term]
    lines = []
    for name in comparison.first.outcome.exits:
        changes = {
            key.replace(" ", "_"): _points(_select(term_rows, exit=name, estimator=key), language)
            for key in _ESTIMATORS
        }
        text = language.say("comparison.line", **changes)
        lines.append((f"{language.name('exit', name)}:", text))
    largest = _largest(comparison, term)
    blocks: list[Block] = [
        Paragraph(language.say("comparison.first", event=language.name("event", term))),
        Points(tuple(lines)),
        Paragraph(
            language.say(
                "comparison.largest",
                **{
                    name: language.name("comparison_step", step)
                    for name, step in zip(("straight", "model"), largest, strict=True)
                },
            )
        ),
    ]
    if comparison.apart is not None:
        blocks.append(Paragraph(_verdict_text(comparison.apart, language)))
    return Section("answer", language.say("comparison.answer_heading"), tuple(blocks))


def _largest(comparison: ComparisonFolder, term: str) -> tuple[str, str]:
    """The largest step between straight line and logit, and between logit and hazard model."""
    sums = comparison.decomposition
    term_rows = sums[sums["lag"].isna() & sums["term"].eq(term)]
    size = term_rows[[*_PIECES]].astype(float).abs().sum()
    return str(size[list(_PIECES[:2])].idxmax()), str(size[list(_PIECES[2:])].idxmax())


def _scale(comparison: ComparisonFolder, language: Language) -> Section:
    words = languages.figure("comparison", language.code)
    labels = _labels(comparison, language)
    figure = Figure(
        name="figure-comparison",
        numbers="table-sums",
        svg=figures.svg(
            figures.comparison(comparison.estimates, labels=labels, words=words), "lags"
        ),
        caption=language.say("comparison.figure_caption"),
        text=figures.comparison_text(comparison.estimates, labels=labels, words=words),
    )
    return Section(
        "scale",
        language.say("comparison.scale_heading"),
        (
            Paragraph(language.say("comparison.scale")),
            figure,
            _sums(comparison, language),
            _years(comparison, language),
        ),
    )


def _sums(comparison: ComparisonFolder, language: Language) -> Table:
    sums = _select(comparison.estimates, quantity="cumulative_marginal_effect")
    groups = []
    for name in comparison.first.outcome.exits:
        rows = [
            (
                _event(term.name, language),
                *(
                    _points(_select(sums, exit=name, term=term.name, estimator=key), language)
                    for key in _ESTIMATORS
                ),
            )
            for term in comparison.first.lagged
        ]
        groups.append((language.name("exit", name), tuple(rows)))
    return Table(
        name="table-sums",
        caption=language.say("comparison.sums_caption"),
        head=(
            language.say("comparison.head_exit"),
            language.say("comparison.head_event"),
            *(language.name("estimator", key) for key in _ESTIMATORS),
        ),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )


def _years(comparison: ComparisonFolder, language: Language) -> Table:
    rows = comparison.estimates
    mcse_groups = rows.groupby(["estimator", "exit"])[
        "mcse"
    ]  # cells of an exit have as many digits
    rows = rows.assign(mcse=mcse_groups.transform("max"))
    groups = []
    for name in comparison.first.outcome.exits:
        lines = []
        for quantity, arm in (
            ("cumulative_incidence", "without"),
            ("cumulative_incidence", "with"),
            ("risk_difference", "with - without"),
        ):
            arm_rows = _select(rows, quantity=quantity, exit=name, arm=arm)
            if len(arm_rows):
                text = _points if quantity == "risk_difference" else _percent
                cells = [text(_select(arm_rows, estimator=key), language) for key in _ESTIMATORS]
                lines.append((language.name("comparison_arm", arm), *cells))
        groups.append((language.name("exit", name), tuple(lines)))
    return Table(
        name="table-years",
        caption=language.say(
            "comparison.years_caption", event=language.name("event", comparison.event)
        ),
        head=(
            language.say("comparison.head_exit"),
            language.say("comparison.head_arm"),
            *(language.name("estimator", key) for key in _ESTIMATORS),
        ),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )


# --- why ------------------------------------------------------------------------------------------
def _why(comparison: ComparisonFolder, language: Language) -> Section:
    table = comparison.decomposition[comparison.decomposition["lag"].isna()]
    groups = []
    for name in comparison.first.outcome.exits:
        rows = [
            (
                _event(str(row["term"]), language),
                *(digits.number(float(row[step]), -1, language.marks) for step in _STEPS),
                *(
                    digits.number(float(row[f"{kind}_log_odds"]), -1, language.marks)
                    for kind in ("conditional", "marginal")
                ),
            )
            for row in table[table["exit"] == name].to_dict("records")
        ]
        groups.append((language.name("exit", name), tuple(rows)))
    heads = [language.name("comparison_step", step) for step in _STEPS]
    odds = [language.say(f"comparison.head_{kind}") for kind in ("conditional", "marginal")]
    block = Table(
        name="table-steps",
        caption=language.say("comparison.steps_caption"),
        head=(
            language.say("comparison.head_exit"),
            language.say("comparison.head_event"),
            *(capital(head) for head in heads),
            *odds,
        ),
        looks=("head", *("number" for _ in range(10))),
        groups=tuple(groups),
    )
    points = tuple(
        (capital(language.name("comparison_step", step)) + ".", language.say(f"comparison.{step}"))
        for step in (*_PIECES, "collapse")
    )
    blocks = (Paragraph(language.say("comparison.steps")), Points(points), block)
    return Section("why", language.say("comparison.why_heading"), blocks)


def _assumed(comparison: ComparisonFolder, language: Language) -> Section:
    errors = comparison.errors[comparison.errors["term"] == comparison.event]
    groups = []
    for name in comparison.first.outcome.exits:
        rows = [
            (
                language.name("comparison_estimator", str(row["estimator"])),
                language.errors(str(row["errors"])),
                _sum_text(row, language),
            )
            for row in errors[errors["exit"] == name].to_dict("records")
        ]
        groups.append((language.name("exit", name), tuple(rows)))
    table = Table(
        name="table-errors",
        caption=language.say(
            "comparison.errors_caption", event=language.name("event", comparison.event)
        ),
        head=tuple(
            language.say(f"comparison.head_{key}") for key in ("exit", "estimator", "errors", "sum")
        ),
        looks=("head", "text", "number"),
        groups=tuple(groups),
    )
    shares = comparison.outside.set_index("exit")["below"].astype(float)
    lines = [
        (
            "",
            language.say(
                "comparison.below",
                exit=language.name("exit", name),
                share=_share_below(float(shares[name]), language),
            ),
        )
        for name in comparison.first.outcome.exits
    ]
    remarks = comparison.manifest["remarks"]["multinomial logit"]
    separation = (
        Paragraph(language.say("comparison.separated")),
        Points(tuple(("", r) for r in remarks)),
    )
    blocks = (
        Paragraph(language.say("comparison.errors")),
        table,
        Points(tuple(lines)),
        *(separation if remarks and language.code == "en" else ()),
    )
    return Section("errors", language.say("comparison.errors_heading"), blocks)


def _share_below(share: float, language: Language) -> str:
    """A share in percent; only 0 itself is printed as 0."""
    write = digits.share if share > 0 else digits.number
    return write(100 * share, 0, language.marks)


# --- the published columns ------------------------------------------------------------------------
def _published(
    columns: pd.DataFrame, distances: pd.DataFrame, comparison: ComparisonFolder, language: Language
) -> list[Section]:
    points = tuple(_findings(columns, comparison, language))
    blocks = (
        Paragraph(_verdict_text(distances, language)),
        Points(points),
        _distances(distances, language),
        Paragraph(language.say("comparison.distance_how")),
        _implied(columns, language),
    )
    return [Section("published", language.say("comparison.published_heading"), blocks)]


def _findings(
    columns: pd.DataFrame, comparison: ComparisonFolder, language: Language
) -> Iterator[tuple[str, str]]:
    marks = language.marks
    yield "", language.say("comparison.identity")
    if comparison.manifest["source"] == "simulated registers":
        error = (columns["lpm_se"] ** 2 + columns["own_lpm_se"] ** 2) ** 0.5
        differs = (columns["lpm_coefficient"] - columns["own_lpm_coefficient"]).abs() > 1.96 * error
        head = _headline(columns)
        yield (
            "",
            language.say(
                "comparison.simulated",
                own=digits.number(100 * head["own_lpm_coefficient"].sum(), -1, marks),
                printed=digits.number(100 * head["lpm_coefficient"].sum(), -1, marks),
                away=language.whole(int(differs.sum())),
                all=language.whole(len(columns)),
                chance=language.whole(0.05 * len(columns)),
            ),
        )
    head = _headline(columns)
    yield (
        "",
        language.say(
            "comparison.rate",
            rate=digits.number(100 * head["rate"].mean(), -1, marks),
            own=digits.number(100 * head["own_rate"].mean(), -1, marks),
            implied=digits.number(100 * head["implied"].sum(), -1, marks),
            printed=digits.number(100 * head["lpm_coefficient"].sum(), -1, marks),
        ),
    )
    ratio = (columns["mnlogit_se"] / columns["own_mnlogit_se"]).median()
    straight = (columns["lpm_se"] / columns["own_lpm_se"]).median()
    yield (
        "",
        language.say(
            "comparison.wider",
            logit=digits.number(ratio, -1, marks),
            straight=digits.number(straight, -1, marks),
        ),
    )


def _headline(columns: pd.DataFrame) -> pd.DataFrame:
    """Forced returns at the same centre and applications, the subject of the report."""
    return _select(columns, outcome="assisted", exposure="forced_return", network="centre")


def _verdict_text(distances: pd.DataFrame, language: Language) -> str:
    by_group_and_all = verdicts(distances)
    by_group = by_group_and_all.iloc[:-1]
    count = {
        name: int((by_group == name).sum()) for name in ("compatible", "rounding", "incompatible")
    }
    whole = {name: language.whole(n) for name, n in count.items()}
    last = distances.iloc[-1]
    printed = {
        name: digits.number(float(last[column]), -1, language.marks)
        for name, column in (
            ("published", "published"),
            ("most", "same_rows_most"),
            ("other", "other_rows"),
        )
    }
    return language.say(
        f"comparison.verdict_{by_group_and_all.iloc[-1]}",
        **whole,
        **printed,
        groups=language.whole(len(by_group)),
    )


def _distances(distances: pd.DataFrame, language: Language) -> Table:
    by_group_and_all = verdicts(distances)
    rows = []
    for row, verdict in zip(distances.to_dict("records"), by_group_and_all, strict=True):
        name = (
            language.say("comparison.all")
            if row["outcome"] == "all"
            else _curve_label(_Curve(*(str(row[key]) for key in GROUP)), language)
        )
        cells = [digits.number(float(row[key]), -1, language.marks) for key in _DISTANCES]
        rows.append((name, *cells, language.name("comparison_verdict", verdict)))
    return Table(
        name="table-apart",
        caption=language.say(
            "comparison.apart_caption", samples=language.whole(int(distances["samples"].iloc[0]))
        ),
        head=(
            language.say("comparison.head_curve"),
            *(language.say(f"comparison.head_{key}") for key in _DISTANCES),
            language.say("comparison.head_verdict"),
        ),
        looks=("head", *("number" for _ in _DISTANCES), "text"),
        groups=grouped(rows),
    )


def _implied(columns: pd.DataFrame, language: Language) -> Table:
    groups = []
    for labels, curve_rows in columns.groupby(GROUP, sort=False):
        rows = [
            (
                language.whole(int(row["lag_months"])),
                digits.number(row["mnlogit_log_odds"], -2, language.marks),
                *(
                    digits.number(100 * row[name], -1, language.marks)
                    for name in (
                        "lpm_coefficient",
                        "implied",
                        "own_lpm_coefficient",
                        "rate",
                        "own_rate",
                    )
                ),
            )
            for row in curve_rows.to_dict("records")
        ]
        groups.append((_curve_label(_Curve(*map(str, labels)), language), tuple(rows)))
    names = ("curve", "lag", "log_odds", "lpm", "implied", "own_lpm", "rate", "own_rate")
    return Table(
        name="table-implied",
        caption=language.say("comparison.implied_caption"),
        head=tuple(language.say(f"comparison.head_{name}") for name in names),
        looks=("head", *("number" for _ in names[2:])),
        groups=tuple(groups),
    )


def _curve_label(curve: _Curve, language: Language) -> str:
    event = language.name("event", f"{curve.exposure}_{curve.network}")
    exit_name = language.name("kind", curve.outcome)
    return language.say("comparison.curve", exit=exit_name, event=event)


# --- reproduction, words, numbers -----------------------------------------------------------------
def _reproduction(comparison: ComparisonFolder, language: Language) -> Section:
    facts = comparison.manifest
    data = "--panel TABLE" if facts["source"] == "table" else "--registers DIR"
    run = " --run RUN" if facts["engine"] == "nuts" else ""
    command = (
        f"hazard compare {comparison.first.name} {comparison.last.name} {data}{run} "
        f"--seed {facts['seed']} --out FOLDER"
    )
    text = language.say(
        "comparison.made",
        rows=language.count(facts["rows"]),
        persons=language.count(facts["persons"]),
        draws=language.whole(facts["draws"]),
        version=facts["versions"]["hazard"],
    )
    return Section(
        "made",
        language.say("comparison.made_heading"),
        (
            Paragraph(text),
            Paragraph(f"{language.say('appendix.digest')}: {facts['digest']}"),
            Command(command),
        ),
    )


def _labels(comparison: ComparisonFolder, language: Language) -> dict[str, str]:
    terms = {term.name: _event(term.name, language) for term in comparison.first.lagged}
    return terms | {name: language.name("exit", name) for name in comparison.first.outcome.exits}


def _event(name: str, language: Language) -> str:
    """A lagged term in few words."""
    return capital(language.words["comparison_event"].get(name, language.name("event", name)))


def _points(rows: pd.DataFrame, language: Language) -> str:
    return digits.points(estimate(rows).times(0.01), language.marks)


def _percent(rows: pd.DataFrame, language: Language) -> str:
    return digits.percent(estimate(rows).times(0.01), language.marks)


def _sum_text(row: dict[Any, Any], language: Language) -> str:
    whole = digits.Estimate(row["estimate"], row["lower"], row["upper"], 0.0)
    if row["unit"] == "percentage points":
        return digits.points(whole.times(0.01), language.marks)
    return digits.logarithm(whole, language.marks)


def _select(rows: pd.DataFrame, **labels: str) -> pd.DataFrame:
    for name, label in labels.items():
        rows = rows[rows[name] == label]
    return rows
