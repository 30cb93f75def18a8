"""Model files, and a model for every family of priors, as graphs on small random panels."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode

from hazard import spec as specs
from hazard.arrays import FloatArray
from hazard.inference import laplace
from hazard.inference.laplace import Laplace
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.model.parameterisation import Anchor, Coordinates
from hazard.model.pymc_model import build_model
from hazard.spec import ModelSpec
from small_panels import (
    BASELINE,
    CENTRE,
    CORRELATED,
    LEARNED_WALK,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    model,
    small_panel,
)

Point = dict[str, FloatArray]
PYTHON = Mode(linker="py", optimizer=None)  # rewriting a graph costs more than a few calls of it
FILES = sorted(path.stem for path in specs.models_folder().glob("*.toml"))


def prior(family: str, more: str = "") -> str:
    """Prior of a term as TOML text."""
    return NORMAL.replace("normal", family).replace("scale = 1.0", f"scale = 0.7{more}")


def lagged(text: str, *, exits: int = 2, link: str = "softmax") -> ModelSpec:
    """Model with one lagged term, from the month before to three months after."""
    visit = VISIT.replace("[0, 2]", "[0, 3]")
    return model(BASELINE + WALK, SEX + NORMAL, visit + text, exits=exits, link=link)


VARYING = (
    'varies_by = { by = "nationality", prior = '
    '{ family = "correlated", scale = 1.0, reason = "an example only" } }\n'
)
FAMILIES = {
    "smooth walk": lagged(prior("random_walk", ", start = 0.5, order = 2"), link="cloglog"),
    "hierarchical random walk": lagged(LEARNED_WALK),
    "learned baseline": model(BASELINE + LEARNED_WALK, CENTRE + POOLED, exits=3),
    "decay": lagged(prior("decay", ", half_life = 2.0")),
    "hump": lagged(prior("hump", ", peak = 1.0")),
    "polynomial": lagged(prior("polynomial", ", degree = 1")),
    "spike": lagged(prior("spike", ", rest = 0.1")),
    "horseshoe": lagged(prior("horseshoe", ", slab = 2.0")),
    "monotone": lagged(prior("monotone")),
    "one lag": model(VISIT.replace("[0, 2]", "[0, 0]") + prior("monotone"), exits=2),
    "correlated lags": lagged(CORRELATED),
    "correlated groups": model(CENTRE + CORRELATED, NATIONALITY + POOLED, link="cloglog"),
    "one exit": model(CENTRE + CORRELATED, exits=1),
    "group of known sd": model(CENTRE + NORMAL.replace("1.0", "0.3"), exits=2),
    "varying": model(VISIT + VARYING + WALK, NATIONALITY + POOLED, exits=2),
}
NAMES = [*FILES, *FAMILIES]


@dataclass(frozen=True, eq=False)
class Made:
    """A model on a small random panel, with random ``anchors`` of its learned blocks."""

    spec: ModelSpec
    design: Design
    standard: Coordinates
    around: Laplace
    anchors: dict[str, Anchor]
    model: Any
    logp: Callable[[Point], float]
    dlogp: Callable[[Point], FloatArray]

    def point(self, rng: np.random.Generator) -> Point:
        """A point not far from the start of the free variables."""
        start = self.model.initial_point()
        return {name: value + rng.normal(0, 0.3, value.shape) for name, value in start.items()}


@cache
def made(name: str) -> Made:
    """Model of a file or of a family."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    spec = FAMILIES[name] if name in FAMILIES else specs.read(name)
    small = small_panel(spec, rng)
    built = design.build(small.panel, small.histories, spec)
    standard = parameterisation.standard(built)
    anchors = {
        group.name: random_anchor(group.span.stop - group.span.start, standard.n_exits, rng)
        for group in standard.learned
    }
    graph = build_model(standard, anchors)
    logp, dlogp = densities(graph)
    return Made(spec, built, standard, laplace.fit(standard), anchors, graph, logp, dlogp)


def densities(graph: Any) -> tuple[Callable[[Point], float], Callable[[Point], FloatArray]]:
    """Log-density of the unconstrained free variables, and its gradient in their order."""
    values = graph.value_vars
    height = pt.as_tensor(0.0)
    for part in graph.logp(sum=False):  # one sum of all is more than the plain mode can add
        height = height + part.sum()
    logp = pytensor.function(values, height, mode=PYTHON)
    slopes = pytensor.function(values, pytensor.grad(height, values), mode=PYTHON)

    def at(point: Point) -> list[FloatArray]:
        return [point[value.name] for value in values]

    return (
        lambda point: float(logp(*at(point))),
        lambda point: np.concatenate([slope.ravel() for slope in slopes(*at(point))]),
    )


def random_anchor(n: int, n_exits: int, rng: np.random.Generator) -> Anchor:
    """Rows that say much of some levels and nothing of others."""
    roots = rng.normal(size=(n, n_exits, n_exits)) * rng.choice([0.0, 0.3, 3.0], (n, 1, 1))
    information = roots @ roots.transpose(0, 2, 1)
    return Anchor(information, np.einsum("lab,lb->la", information, rng.normal(size=(n, n_exits))))
