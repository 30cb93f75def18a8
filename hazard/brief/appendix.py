"""The appendix: flow of rows, all estimates, models, priors, how to reproduce the run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pandas as pd

from hazard.brief import coefficients, outcome
from hazard.brief.blocks import Block, Command, Paragraph, Points, Section, Table, Works
from hazard.brief.language import Language
from hazard.brief.view import View, capital, grouped


def sections(view: View) -> list[Section]:
    """All parts of the appendix."""
    parts = [
        Section("appendix", view.say("appendix.heading"), ()),
        Section("flow", view.say("appendix.flow"), (_flow(view),), level=3),
    ]
    if view.fit.spec.lagged:
        parts.append(outcome.lag_tables(view))
    parts += [*coefficients.appendix(view), _models(view)]
    parts += [
        Section("priors", view.say("appendix.priors"), tuple(_priors(view)), level=3),
        Section("made", view.say("appendix.run"), tuple(_reproduction(view)), level=3),
    ]
    if view.fit.spec.references:
        works = Works(view.fit.spec.references)
        parts.append(Section("references", view.say("appendix.references"), (works,), level=3))
    return parts


def _flow(view: View) -> Table:
    flow, language = view.fit.flow, view.language
    texts = [name for name in ("step", "reason") if name in flow]
    counts = [name for name in ("persons", "families", "rows", "exits") if name in flow]
    rows = [
        (
            *(language.translated(str(row[name])) for name in texts),
            *("–" if pd.isna(row[name]) else language.count(int(row[name])) for name in counts),
        )
        for row in flow.to_dict("records")
    ]
    return Table(
        name="table-flow",
        caption=view.say("appendix.flow_caption"),
        head=tuple(view.say(f"appendix.flow_{name}") for name in (*texts, *counts)),
        looks=("head", *("text" for _ in texts[1:]), *("number" for _ in counts)),
        groups=grouped(rows),
    )


def _models(view: View) -> Section:
    panel, language = view.fit.facts["panel"], view.language
    lines = [
        (
            "",
            view.say(
                "appendix.held",
                estimator=language.name("estimator", estimator),
                lost=language.whole(counts["not_identified"]),
                minus=language.whole(sum(counts["at_minus_infinity"].values())),
                plus=language.whole(sum(counts["at_plus_infinity"].values())),
            ),
        )
        for estimator, counts in view.fit.facts["held"].items()
    ]
    n_coefficients = language.whole(panel["coefficients_per_exit"])
    text = Paragraph(view.say("appendix.models_text", coefficients=n_coefficients))
    blocks = (text, Points(tuple(lines)), Paragraph(_errors(view)))
    return Section("models", view.say("appendix.models"), blocks, level=3)


def _errors(view: View) -> str:
    """How the intervals of the baselines were computed."""
    clusters = view.fit.spec.baselines.clusters
    if clusters is None:
        return view.say("appendix.errors_rows")
    names = [view.language.name("term", name).lower() for name in clusters]
    related = view.say("appendix.errors_clusters", groups=", ".join(names))
    texts = {str(text) for text in view.fit.estimates["errors"].dropna()}
    counts = [view.language.effective_clusters(text) for text in sorted(texts)]
    for found in filter(None, counts):
        groups = [f"{name}: {count}" for name, count in zip(names, found, strict=True)]
        return f"{related} {view.say('appendix.errors_jackknife', groups=', '.join(groups))}"
    return related


def _priors(view: View) -> list[Block]:
    language = view.language
    rows = [
        (
            language.name("event", view.term_label(str(row["name"]))),
            str(row["distribution"]),
            language.translated(str(row["reason"])),
        )
        for row in view.fit.priors.to_dict("records")
    ]
    return [
        Paragraph(view.say("appendix.priors_text")),
        prior_table(language, view.say("appendix.priors_caption"), rows),
    ]


def prior_table(language: Language, caption: str, rows: list[tuple[str, str, str]]) -> Table:
    """Priors with their reasons."""
    heads = ("prior_name", "prior_distribution", "prior_reason")
    return Table(
        name="table-priors",
        caption=caption,
        head=tuple(language.say(f"appendix.{head}") for head in heads),
        looks=("head", "code", "quote"),
        groups=grouped([(capital(name), *cells) for name, *cells in rows]),
    )


def _reproduction(view: View) -> list[Block]:
    return [
        Paragraph(view.say("appendix.command")),
        Command(_command(view)),
        settings_table(view.language, view.fit.facts),
    ]


def _command(view: View) -> str:
    manifest = view.fit.facts
    source = "--registers REGISTERS" if view.registers else "--panel TABLE"
    call = manifest.get("call", {"model": view.fit.spec.name, "data": source})
    settings = {
        name: manifest["settings"][name] for name in ("engine", "seed", "draws", "tune", "chains")
    }
    options = " ".join(f"--{name} {value}" for name, value in settings.items())
    parts = ["hazard run", shlex.quote(call["model"]), call["data"], "--out RUN", options]
    return " ".join(part for part in parts if part)


def settings_table(language: Language, manifest: Mapping[str, Any]) -> Table:
    """Settings of the sampler, versions and digests of a manifest."""
    names = ("seed", "draws", "tune", "chains", "target_accept")
    rows = [(language.say(f"appendix.{n}"), f"{manifest['settings'][n]:g}") for n in names]
    rows += [(name, str(version)) for name, version in manifest["versions"].items()]
    rows += [
        (language.say(f"appendix.{name}"), str(manifest[name]))
        for name in ("model_digest", "posterior_digest", "digest")
        if name in manifest
    ]
    return Table(
        name="table-settings",
        caption=language.say("appendix.settings_caption"),
        head=(language.say("appendix.setting"), language.say("appendix.value")),
        looks=("head", "code"),
        groups=grouped(rows),
    )
