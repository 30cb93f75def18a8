"""Caveats of the study."""

from __future__ import annotations

from hazard import languages
from hazard.brief.blocks import Points, Section
from hazard.brief.view import View
from hazard.output import digits


def section(view: View) -> Section:
    """Caveats that hold for this run."""
    keys = _of_registers(view) if view.registers else ["panel"]
    if view.arms:
        keys += [] if view.regime else ["one"]
        keys += ["first"] if view.standardised is None else ["stays"]
    keys += ["pool"] if view.fit.facts["panel"]["levels"] else []
    keys += [] if view.registers else ["model"]
    keys += _of_dependence(view)
    places = _places(view)
    items = [(_lead(view, key), view.say(f"caveat.{key}", **places)) for key in keys]
    return Section("caveats", view.say("caveat.heading"), (Points(tuple(items)),))


def _of_registers(view: View) -> list[str]:
    data_spec = view.fit.spec.data
    keys = ["simulated"] if view.source == "simulated registers" else []
    keys += ["police", "shared", data_spec.forced_return, "order"]
    keys += [data_spec.unknown_tail] if "disappeared" in view.exits else []
    keys += ["outside"]
    left_out = view.fit.facts["panel"]["left_out_rows"]
    return keys + (["start"] if any(left_out.values()) else [])


def _of_dependence(view: View) -> list[str]:
    """What intervals count where others act on a person, and what the same period cannot tell."""
    spec = view.fit.spec
    others = [term for term in spec.lagged if term.network != "own"]
    moved = spec.dependence is not None and view.fit.facts["sd_ratios"]
    keys = ["dependent"] if moved else ["independent"] if others else []
    return keys + (["same_period"] if any(0 in term.every_lag for term in others) else [])


def _lead(view: View, key: str) -> str:
    shared = {"as_published": "tail", "drop": "tail"}
    return view.say(f"caveat.{shared.get(key, key)}_lead")


def _places(view: View) -> dict[str, str]:
    data_spec, language = view.fit.spec.data, view.language
    order = [language.name("kind", name) for name in data_spec.exit_order if name in view.exits]
    left_out = sum(view.fit.facts["panel"]["left_out_rows"].values())
    return _spread(view) | {
        "order": ", ".join(order),
        "k": language.whole(data_spec.disappearance_months),
        "n_tied": language.count(_counted(view, "flow_tied")),
        "n_tail": language.count(_counted(view, "flow_tail")),
        "n_start": language.count(left_out),
    }


def _spread(view: View) -> dict[str, str]:
    """Groups and periods within which rows may depend, and what that does to the lag curves."""
    dependence, language = view.fit.spec.dependence, view.language
    if dependence is None:
        return {}
    ratios = [r for of_term in view.fit.facts["sd_ratios"].values() for r in of_term.values()]
    ends = [digits.number(end(ratios, default=1.0), -1, language.marks) for end in (min, max)]
    between = f" {language.marks.to} ".join(dict.fromkeys(ends))
    names = [language.name("term", name).lower() for name in dependence.groups]
    either = names[0] if len(names) == 1 else view.say("caveat.either", one=names[0], two=names[1])
    return {
        "groups": either,
        "reach": language.whole(dependence.periods),
        "ratio": between,
    }


def _counted(view: View, key: str) -> int:
    flow = view.fit.flow
    if "reason" not in flow:
        return 0
    reason = languages.words("shared.text")[key]
    return int(flow.loc[flow["reason"].eq(reason), "families"].sum())
