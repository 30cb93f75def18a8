"""The page of three estimators on one scale, and of the two published columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def page(found: ComparisonFolder, tongue: Language) -> Page:
    """Everything of the page."""
    facts = found.manifest
    banners = [
        (name, tongue.say(f"comparison.banner_{name}"))
        for name, shown in (
            ("simulated", facts["source"] == "simulated registers"),
            ("approximate", facts["engine"] == "laplace"),
            ("failed", facts.get("run", {}).get("status") == "failed"),
        )
        if shown
    ]
    sections = [_answer(found, tongue), _scale(found, tongue), _why(found, tongue)]
    sections += [_assumed(found, tongue)]
    if found.columns is not None and found.apart is not None:
        sections += _published(found.columns, found.apart, (found, tongue))
    return Page(
        lang=tongue.code,
        kicker=tongue.say("comparison.kicker", first=found.first.name, last=found.last.name),
        question=tongue.say("comparison.question"),
        label=tongue.say("banner.label"),
        banners=tuple(banners),
        sections=(*sections, _made(found, tongue)),
    )


# --- one scale ------------------------------------------------------------------------------------
def _answer(found: ComparisonFolder, tongue: Language) -> Section:
    sums = _of(found.estimates, quantity="cumulative_change")
    term = found.event
    own = sums[sums["term"] == term]
    lines = []
    for name in found.first.outcome.exits:
        said = {
            key.replace(" ", "_"): _points(_of(own, exit=name, estimator=key), tongue)
            for key in _ESTIMATORS
        }
        text = tongue.say("comparison.line", **said)
        lines.append((f"{tongue.name('exit', name)}:", text))
    largest = _largest(found, term)
    blocks: list[Block] = [
        Paragraph(tongue.say("comparison.first", event=tongue.name("event", term))),
        Points(tuple(lines)),
        Paragraph(
            tongue.say(
                "comparison.largest",
                **{
                    name: tongue.name("comparison_step", step)
                    for name, step in zip(("straight", "model"), largest, strict=True)
                },
            )
        ),
    ]
    if found.apart is not None:
        blocks.append(Paragraph(_verdict_text(found.apart, tongue)))
    return Section("answer", tongue.say("comparison.answer_heading"), tuple(blocks))


def _largest(found: ComparisonFolder, term: str) -> tuple[str, str]:
    """The largest step between straight line and logit, and between logit and hazard model."""
    sums = found.decomposition
    own = sums[sums["lag"].isna() & sums["term"].eq(term)]
    size = own[[*_PIECES]].astype(float).abs().sum()
    return str(size[list(_PIECES[:2])].idxmax()), str(size[list(_PIECES[2:])].idxmax())


def _scale(found: ComparisonFolder, tongue: Language) -> Section:
    words = languages.figure("comparison", tongue.code)
    labels = _labels(found, tongue)
    figure = Figure(
        name="figure-comparison",
        numbers="table-sums",
        svg=figures.svg(figures.comparison(found.estimates, labels=labels, words=words), "lags"),
        caption=tongue.say("comparison.figure_caption"),
        text=figures.comparison_text(found.estimates, labels=labels, words=words),
    )
    return Section(
        "scale",
        tongue.say("comparison.scale_heading"),
        (
            Paragraph(tongue.say("comparison.scale")),
            figure,
            _sums(found, tongue),
            _years(found, tongue),
        ),
    )


def _sums(found: ComparisonFolder, tongue: Language) -> Table:
    sums = _of(found.estimates, quantity="cumulative_change")
    groups = []
    for name in found.first.outcome.exits:
        rows = [
            (
                _event(term.name, tongue),
                *(
                    _points(_of(sums, exit=name, term=term.name, estimator=key), tongue)
                    for key in _ESTIMATORS
                ),
            )
            for term in found.first.lagged
        ]
        groups.append((tongue.name("exit", name), tuple(rows)))
    return Table(
        name="table-sums",
        caption=tongue.say("comparison.sums_caption"),
        head=(
            tongue.say("comparison.head_exit"),
            tongue.say("comparison.head_event"),
            *(tongue.name("estimator", key) for key in _ESTIMATORS),
        ),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )


def _years(found: ComparisonFolder, tongue: Language) -> Table:
    rows = found.estimates
    alike = rows.groupby(["estimator", "exit"])["mcse"]  # what stands together has as many digits
    rows = rows.assign(mcse=alike.transform("max"))
    groups = []
    for name in found.first.outcome.exits:
        lines = []
        for quantity, arm in (
            ("cumulative_incidence", "without"),
            ("cumulative_incidence", "with"),
            ("risk_difference", "with - without"),
        ):
            own = _of(rows, quantity=quantity, exit=name, arm=arm)
            if len(own):
                said = _points if quantity == "risk_difference" else _percent
                cells = [said(_of(own, estimator=key), tongue) for key in _ESTIMATORS]
                lines.append((tongue.name("comparison_arm", arm), *cells))
        groups.append((tongue.name("exit", name), tuple(lines)))
    return Table(
        name="table-years",
        caption=tongue.say("comparison.years_caption", event=tongue.name("event", found.event)),
        head=(
            tongue.say("comparison.head_exit"),
            tongue.say("comparison.head_arm"),
            *(tongue.name("estimator", key) for key in _ESTIMATORS),
        ),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )


# --- why ------------------------------------------------------------------------------------------
def _why(found: ComparisonFolder, tongue: Language) -> Section:
    table = found.decomposition[found.decomposition["lag"].isna()]
    groups = []
    for name in found.first.outcome.exits:
        rows = [
            (
                _event(str(row["term"]), tongue),
                *(digits.number(float(row[step]), -1, tongue.marks) for step in _STEPS),
                *(
                    digits.number(float(row[f"{kind}_log_odds"]), -1, tongue.marks)
                    for kind in ("conditional", "marginal")
                ),
            )
            for row in table[table["exit"] == name].to_dict("records")
        ]
        groups.append((tongue.name("exit", name), tuple(rows)))
    heads = [tongue.name("comparison_step", step) for step in _STEPS]
    odds = [tongue.say(f"comparison.head_{kind}") for kind in ("conditional", "marginal")]
    block = Table(
        name="table-steps",
        caption=tongue.say("comparison.steps_caption"),
        head=(
            tongue.say("comparison.head_exit"),
            tongue.say("comparison.head_event"),
            *(capital(head) for head in heads),
            *odds,
        ),
        looks=("head", *("number" for _ in range(10))),
        groups=tuple(groups),
    )
    points = tuple(
        (capital(tongue.name("comparison_step", step)) + ".", tongue.say(f"comparison.{step}"))
        for step in (*_PIECES, "collapse")
    )
    blocks = (Paragraph(tongue.say("comparison.steps")), Points(points), block)
    return Section("why", tongue.say("comparison.why_heading"), blocks)


def _assumed(found: ComparisonFolder, tongue: Language) -> Section:
    own = found.errors[found.errors["term"] == found.event]
    groups = []
    for name in found.first.outcome.exits:
        rows = [
            (
                tongue.name("comparison_estimator", str(row["estimator"])),
                tongue.name("comparison_errors", str(row["errors"])),
                _sum_text(row, tongue),
            )
            for row in own[own["exit"] == name].to_dict("records")
        ]
        groups.append((tongue.name("exit", name), tuple(rows)))
    table = Table(
        name="table-errors",
        caption=tongue.say("comparison.errors_caption", event=tongue.name("event", found.event)),
        head=tuple(
            tongue.say(f"comparison.head_{key}") for key in ("exit", "estimator", "errors", "sum")
        ),
        looks=("head", "text", "number"),
        groups=tuple(groups),
    )
    shares = found.outside.set_index("exit")["below"].astype(float)
    lines = [
        (
            "",
            tongue.say(
                "comparison.below",
                exit=tongue.name("exit", name),
                share=_share_below(float(shares[name]), tongue),
            ),
        )
        for name in found.first.outcome.exits
    ]
    remarks = found.manifest["remarks"]["multinomial logit"]
    said = (Paragraph(tongue.say("comparison.separated")), Points(tuple(("", r) for r in remarks)))
    blocks = (
        Paragraph(tongue.say("comparison.errors")),
        table,
        Points(tuple(lines)),
        *(said if remarks and tongue.code == "en" else ()),
    )
    return Section("errors", tongue.say("comparison.errors_heading"), blocks)


def _share_below(share: float, tongue: Language) -> str:
    """A share in percent; only what is 0 is told as 0."""
    write = digits.share if share > 0 else digits.number
    return write(100 * share, 0, tongue.marks)


# --- the published columns ------------------------------------------------------------------------
def _published(
    columns: pd.DataFrame, apart: pd.DataFrame, around: tuple[ComparisonFolder, Language]
) -> list[Section]:
    found, tongue = around
    points = tuple(_findings(columns, found, tongue))
    blocks = (
        Paragraph(_verdict_text(apart, tongue)),
        Points(points),
        _distances(apart, tongue),
        Paragraph(tongue.say("comparison.distance_how")),
        _implied(columns, tongue),
    )
    return [Section("published", tongue.say("comparison.published_heading"), blocks)]


def _findings(
    columns: pd.DataFrame, found: ComparisonFolder, tongue: Language
) -> Iterator[tuple[str, str]]:
    marks = tongue.marks
    yield "", tongue.say("comparison.identity")
    if found.manifest["source"] == "simulated registers":
        error = (columns["lpm_se"] ** 2 + columns["own_lpm_se"] ** 2) ** 0.5
        away = (columns["lpm_coefficient"] - columns["own_lpm_coefficient"]).abs() > 1.96 * error
        head = _headline(columns)
        yield (
            "",
            tongue.say(
                "comparison.simulated",
                own=digits.number(100 * head["own_lpm_coefficient"].sum(), -1, marks),
                printed=digits.number(100 * head["lpm_coefficient"].sum(), -1, marks),
                away=tongue.whole(int(away.sum())),
                all=tongue.whole(len(columns)),
                chance=tongue.whole(0.05 * len(columns)),
            ),
        )
    head = _headline(columns)
    yield (
        "",
        tongue.say(
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
        tongue.say(
            "comparison.wider",
            logit=digits.number(ratio, -1, marks),
            straight=digits.number(straight, -1, marks),
        ),
    )


def _headline(columns: pd.DataFrame) -> pd.DataFrame:
    """Forced returns at the same centre and applications: what the report is about."""
    return _of(columns, outcome="assisted", exposure="forced_return", network="centre")


def _verdict_text(apart: pd.DataFrame, tongue: Language) -> str:
    every = verdicts(apart)
    own = every.iloc[:-1]
    count = {name: int((own == name).sum()) for name in ("compatible", "rounding", "incompatible")}
    whole = {name: tongue.whole(n) for name, n in count.items()}
    last = apart.iloc[-1]
    far = {
        name: digits.number(float(last[column]), -1, tongue.marks)
        for name, column in (
            ("published", "published"),
            ("most", "same_rows_most"),
            ("other", "other_rows"),
        )
    }
    return tongue.say(
        f"comparison.verdict_{every.iloc[-1]}", **whole, **far, groups=tongue.whole(len(own))
    )


def _distances(apart: pd.DataFrame, tongue: Language) -> Table:
    every = verdicts(apart)
    rows = []
    for row, verdict in zip(apart.to_dict("records"), every, strict=True):
        name = (
            tongue.say("comparison.all")
            if row["outcome"] == "all"
            else _curve([str(row[key]) for key in GROUP], tongue)
        )
        cells = [digits.number(float(row[key]), -1, tongue.marks) for key in _DISTANCES]
        rows.append((name, *cells, tongue.name("comparison_verdict", verdict)))
    return Table(
        name="table-apart",
        caption=tongue.say(
            "comparison.apart_caption", samples=tongue.whole(int(apart["samples"].iloc[0]))
        ),
        head=(
            tongue.say("comparison.head_curve"),
            *(tongue.say(f"comparison.head_{key}") for key in _DISTANCES),
            tongue.say("comparison.head_verdict"),
        ),
        looks=("head", *("number" for _ in _DISTANCES), "text"),
        groups=grouped(rows),
    )


def _implied(columns: pd.DataFrame, tongue: Language) -> Table:
    groups = []
    for key, own in columns.groupby(GROUP, sort=False):
        rows = [
            (
                tongue.whole(int(row["lag_months"])),
                digits.number(row["mnlogit_log_odds"], -2, tongue.marks),
                *(
                    digits.number(100 * row[name], -1, tongue.marks)
                    for name in (
                        "lpm_coefficient",
                        "implied",
                        "own_lpm_coefficient",
                        "rate",
                        "own_rate",
                    )
                ),
            )
            for row in own.to_dict("records")
        ]
        groups.append((_curve([str(each) for each in key], tongue), tuple(rows)))
    names = ("curve", "lag", "log_odds", "lpm", "implied", "own_lpm", "rate", "own_rate")
    return Table(
        name="table-implied",
        caption=tongue.say("comparison.implied_caption"),
        head=tuple(tongue.say(f"comparison.head_{name}") for name in names),
        looks=("head", *("number" for _ in names[2:])),
        groups=tuple(groups),
    )


def _curve(key: list[str], tongue: Language) -> str:
    outcome, exposure, network = key
    event = tongue.name("event", f"{exposure}_{network}")
    return tongue.say("comparison.curve", exit=tongue.name("kind", outcome), event=event)


# --- the rest -------------------------------------------------------------------------------------
def _made(found: ComparisonFolder, tongue: Language) -> Section:
    facts = found.manifest
    data = "--panel TABLE" if facts["source"] == "table" else "--registers DIR"
    run = " --run RUN" if facts["engine"] == "nuts" else ""
    command = (
        f"hazard compare {found.first.name} {found.last.name} {data}{run} "
        f"--seed {facts['seed']} --out FOLDER"
    )
    text = tongue.say(
        "comparison.made",
        rows=tongue.count(facts["rows"]),
        persons=tongue.count(facts["persons"]),
        draws=tongue.whole(facts["draws"]),
        version=facts["versions"]["hazard"],
    )
    return Section(
        "made",
        tongue.say("comparison.made_heading"),
        (
            Paragraph(text),
            Paragraph(f"{tongue.say('appendix.digest')}: {facts['digest']}"),
            Command(command),
        ),
    )


def _labels(found: ComparisonFolder, tongue: Language) -> dict[str, str]:
    terms = {term.name: _event(term.name, tongue) for term in found.first.lagged}
    return terms | {name: tongue.name("exit", name) for name in found.first.outcome.exits}


def _event(name: str, tongue: Language) -> str:
    """A lagged term in few words."""
    return capital(tongue.words["comparison_event"].get(name, tongue.name("event", name)))


def _points(rows: pd.DataFrame, tongue: Language) -> str:
    return digits.points(estimate(rows).times(0.01), tongue.marks)


def _percent(rows: pd.DataFrame, tongue: Language) -> str:
    return digits.percent(estimate(rows).times(0.01), tongue.marks)


def _sum_text(row: dict[Any, Any], tongue: Language) -> str:
    whole = digits.Estimate(row["estimate"], row["lower"], row["upper"], 0.0)
    if row["unit"] == "percentage points":
        return digits.points(whole.times(0.01), tongue.marks)
    return digits.logarithm(whole, tongue.marks)


def _of(rows: pd.DataFrame, **labels: str) -> pd.DataFrame:
    for name, label in labels.items():
        rows = rows[rows[name] == label]
    return rows
