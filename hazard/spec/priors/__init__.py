"""Prior families: one module each, behind one contract.

``contract.py`` says what a family says of itself; everything else asks that, and knows no family by
its name. To add one, write ``<family>.py`` after the pattern of its neighbours, put its name below,
and test it in ``tests/spec/priors/test_<family>.py``. A family that lacks something is refused when
the package is imported, with what is missing. Its label is English; ``prior_<shape>`` in the files
of ``hazard/languages/`` names it in other languages too.

The record and its algebra stand in one module, before everything that reads or uses a model, so
that no second place must follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import Field

from hazard.spec.priors.contract import (
    Functions,
    LearnedFamily,
    Moments,
    NormalFamily,
    PriorFamily,
    Shape,
    Spread,
    TransformedFamily,
    registered,
)

FAMILIES = tuple(
    registered(name)
    for name in (
        "normal",
        "pooled",
        "correlated",
        "random_walk",
        "autoregressive",
        "hierarchical_random_walk",
        "horseshoe",
        "decay",
        "hump",
        "polynomial",
        "spike",
        "monotone",
    )
)
"""Every family that a model file may name, in the order in which readers meet them."""

SHAPES = tuple(shape for family in FAMILIES for shape in family.shapes())
"""Shapes of a lag curve under which a conclusion is looked at again."""

IID = tuple(family for family in FAMILIES if family.iid)
"""Families under which levels are exchangeable."""


def listed(families: Sequence[type[PriorFamily]]) -> str:
    """Names of families as a sentence lists them.

    Examples
    --------
    >>> listed(IID)
    "'normal', 'pooled' or 'correlated'"
    """
    *others, last = (
        repr(get_args(family.model_fields["family"].annotation)[0]) for family in families
    )
    return f"{', '.join(others)} or {last}" if others else last


if TYPE_CHECKING:
    Prior = PriorFamily
    LevelPrior = LearnedFamily
else:
    _OF_LEVELS = tuple(family for family in IID if issubclass(family, LearnedFamily))
    Prior = Annotated[reduce(or_, FAMILIES), Field(discriminator="family")]
    LevelPrior = Annotated[reduce(or_, _OF_LEVELS), Field(discriminator="family")]

__all__ = [
    "FAMILIES",
    "IID",
    "SHAPES",
    "Functions",
    "LearnedFamily",
    "LevelPrior",
    "Moments",
    "NormalFamily",
    "Prior",
    "PriorFamily",
    "Shape",
    "Spread",
    "TransformedFamily",
    "listed",
]
