"""A folder of a run, of published estimates, of a comparison -> one HTML page, in a language.

The texts are those of :mod:`hazard.languages`. Every number comes from the folder.
"""

from __future__ import annotations

from dataclasses import asdict

import jinja2

from hazard.brief import (
    answer,
    appendix,
    caveats,
    checks,
    coefficients,
    displacement,
    estimators,
    model_fit,
    outcome,
    published,
)
from hazard.brief.blocks import Figure, Page, Paragraph, Section, Table
from hazard.brief.language import Language, language
from hazard.brief.view import View
from hazard.files.terminal import escaped
from hazard.fitting.folders import gate_facts
from hazard.fitting.records import Fit
from hazard.fitting.status import Status
from hazard.output import digits
from hazard.studies.estimators.folder import ComparisonFolder
from hazard.studies.published.folder import PublishedFolder

__all__ = ["html"]


def html(fit: Fit | PublishedFolder | ComparisonFolder, lang: str) -> str:
    """The brief of a run, of published estimates or of a comparison: one page, no other file.

    Parameters
    ----------
    fit : Fit, PublishedFolder or ComparisonFolder
        As :func:`hazard.brief.folders.read` returns it.
    lang : str
        One of :func:`hazard.languages.codes`; the numbers are the same in all.

    Returns
    -------
    str
        HTML without script and without any address outside the page.
    """
    page_language = language(lang)
    if isinstance(fit, PublishedFolder):
        return rendered(published.page(fit, page_language), page_language)
    if isinstance(fit, ComparisonFolder):
        return rendered(estimators.page(fit, page_language), page_language)
    return rendered(_page(View(fit, page_language)), page_language)


def rendered(page: Page, page_language: Language) -> str:
    """HTML of a page; everything but the figures is escaped, control characters are written out."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hazard.brief", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.jinja")
    return escaped(template.render(page=page, say=page_language.say, number=_numbers(page)))


def _page(view: View) -> Page:
    fit = view.fit
    gate, banner = _trust(view)
    banners = []
    if view.source == "simulated registers":
        banners.append(("simulated", view.say("banner.simulated")))
    if banner is not None:
        banners.append(("gate", view.say(f"banner.{banner}", section=gate.heading)))
    sections = [*answer.sections(view), outcome.incidence(view)]
    sections += [
        *displacement.sections(view),
        *displacement.identification(view),
        *displacement.costs(view),
    ]
    sections += [outcome.lags(view)] if view.shown_terms else []
    sections += coefficients.sections(view)
    sections += [gate, model_fit.section(view), caveats.section(view), *appendix.sections(view)]
    return Page(
        lang=view.language.code,
        kicker=view.say("page.kicker", model=fit.spec.name),
        question=view.language.translated(fit.spec.question),
        label=view.say("banner.label"),
        banners=tuple(banners),
        sections=tuple(sections),
    )


def _trust(view: View) -> tuple[Section, str | None]:
    """The convergence of the computation, and the banner that it needs."""
    fit = view.fit
    if fit.status == Status.without_draws:
        approximate = fit.facts["settings"]["engine"] == "laplace"
        keys = ["gate.without_draws", *(["gate.approximate"] if approximate else [])]
        unknown = tuple(Paragraph(view.say(key)) for key in keys)
        return Section("gate", view.say("gate.heading"), unknown), "without_draws"
    if fit.gate is None:
        texts = (view.say("gate.approximate"), _how_far_checked(view))
        blocks = tuple(Paragraph(text) for text in texts)
        return Section("gate", view.say("gate.heading"), blocks), "approximate"
    verdict = checks.pooled_gate(fit.gate.table, asdict(fit.gate.limits), [gate_facts(fit.gate)])
    return checks.section(view.language, verdict), None if verdict.passed else "gate"


def _how_far_checked(view: View) -> str:
    """How far the estimates of an approximation were compared with sampled ones."""
    comparison = view.fit.facts.get("checked_by")
    if comparison is None or not comparison["checked"]:
        return view.say("gate.unchecked")
    marks, page_language = view.language.marks, view.language
    distances = {
        "median": comparison["median_apart"],
        "largest": comparison["largest_apart"],
        "end": comparison["largest_apart_of_an_end"],
    }
    return view.say(
        "gate.checked",
        checked=page_language.count(comparison["checked"]),
        numbers=page_language.count(comparison["numbers"]),
        model=view.say("gate.same_model" if comparison["same_model"] else "gate.other_model"),
        rows=view.say("gate.same_rows" if comparison["same_rows"] else "gate.other_rows"),
        **{name: digits.number(value, -2, marks) for name, value in distances.items()},
    )


def _numbers(page: Page) -> dict[str, int]:
    """Number of each figure and of each table, in the order of the page."""
    blocks = [block for section in page.sections for block in section.blocks]
    names_by_kind = [[b.name for b in blocks if isinstance(b, kind)] for kind in (Figure, Table)]
    return {name: n for names in names_by_kind for n, name in enumerate(names, start=1)}
