"""Competing-risks discrete-time hazards, from registers to an uncertainty-aware brief.

The data flow one way, from the top of this list to its end, and so do the imports:
a module imports only from modules above it. Inside a room its own docstring is the map.

    errors.py    the exception tree, in its docstring
    arrays.py    names for the types of arrays
    months.py    calendar month arithmetic; the only module that knows dates
    units.py     units of time: their plurals, the round numbers that are printed
    compiled.py  loops as machine code: the decorators of numba, with types
    files/       files written whole or not at all, read within bounds, sealed with digests
    languages/   every text that a reader sees, one file per language
    progress.py  stages of long work: a bar, or lines in a log
    spec/        a model as a file: frozen records, priors with their reasons, TOML in
    data/        registers or a ready table -> a panel, with what happened around each person
    model/       terms, design, priors, likelihood; the graph that PyMC samples
    simulation/  registers with a known truth, calibrated to the published margins
    inference/   Laplace approximation and NUTS -> draws; the convergence gate
    estimands/   draws -> lag curves, incidences, marginal effects, risks under interventions
    baselines/   linear probability, multinomial logit, Cox, Fine-Gray, life table
    predictive/  exits drawn anew from a posterior, and probabilities under the prior
    output/      draws and fits -> tidy tables, digits, figures
    fitting/     the stages in line: rows -> everything a run holds, and its folder
    studies/     scores, sensitivity, calibration, scenarios, comparison of estimators
    brief/       texts and template: a run folder -> HTML, in any of the languages
    api.py       what ``import hazard as hz`` gives, each thing a thin layer over the rooms
    cli/         arguments in, functions called, exit code out
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hazard.api import (
        Brief,
        Fit,
        Panel,
        build_model,
        fit,
        load,
        load_model,
        panel,
        sensitivity,
        simulate,
    )
    from hazard.errors import ConvergenceWarning, HazardError
    from hazard.spec import ModelSpec

    __version__: str

_PLACES = {
    **dict.fromkeys(("ConvergenceWarning", "HazardError"), "hazard.errors"),
    "ModelSpec": "hazard.spec",
}

__all__ = [
    "Brief",
    "ConvergenceWarning",
    "Fit",
    "HazardError",
    "ModelSpec",
    "Panel",
    "__version__",
    "build_model",
    "fit",
    "load",
    "load_model",
    "panel",
    "sensitivity",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for, so that the command line answers ``--help`` at once."""
    import importlib
    from importlib import metadata

    if name == "__version__":
        return metadata.version("hazard")
    if name not in __all__:
        raise AttributeError(f"module 'hazard' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES.get(name, "hazard.api")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
