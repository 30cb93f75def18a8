"""Links: what a coefficient is in the unit of, and how its exponential is called.

A link is one record here and one formula, in :func:`hazard.model.links.share_out`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal, get_args

LinkName = Literal["softmax", "cloglog"]


@dataclass(frozen=True)
class Link:
    """A link between linear predictors and the exit probabilities of a month.

    Attributes
    ----------
    code : int
        By which compiled loops know it.
    formula : str
        h_j, the probability of exit j, in terms of the linear predictors eta.
    unit : str
        Of a coefficient.
    ratio : {"odds", "hazard"}
        Of what the exponential of a coefficient is a ratio; a key of the texts.
    predictor : callable
        The linear predictor at which the only exit has this probability in a month.

    Raises
    ------
    TypeError
        If something of it is not stated.
    """

    code: int
    formula: str
    unit: str
    ratio: Literal["odds", "hazard"]
    predictor: Callable[[float], float]

    def __post_init__(self) -> None:
        empty = [field.name for field in fields(self) if getattr(self, field.name) in ("", None)]
        if empty:
            raise TypeError(f"link must state its {' and '.join(empty)}; got nothing.")


LINKS: Mapping[LinkName, Link] = MappingProxyType(
    {
        "softmax": Link(
            code=0,
            formula="h_j = exp(eta_j) / (1 + sum_k exp(eta_k))",
            unit="log-odds",
            ratio="odds",
            predictor=lambda probability: math.log(probability / (1 - probability)),
        ),
        "cloglog": Link(
            code=1,
            formula="h_j = (m_j / m)(1 - exp(-m)), m_j = exp(eta_j), m = sum_k m_k",
            unit="log-hazard",
            ratio="hazard",
            predictor=lambda probability: math.log(-math.log1p(-probability)),
        ),
    }
)

if set(LINKS) != set(get_args(LinkName)):
    raise TypeError("every link must be a name that a model file can hold, and have a record.")
