"""What every family answers, and the sentence for a family that lacks something."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import TypeAdapter

from hazard.arrays import FloatArray
from hazard.model.priors import draws
from hazard.spec.priors import (
    FAMILIES,
    SHAPES,
    Functions,
    LearnedFamily,
    Moments,
    NormalFamily,
    Prior,
    PriorFamily,
    TransformedFamily,
    contract,
)
from hazard.spec.records import Reason, Scale
from small_priors import DRAWS, example, far, lags

PRIORS = [example(family) for family in FAMILIES]
NAMES = [prior.family for prior in PRIORS]


# --- every family that is registered --------------------------------------------------------------
@pytest.mark.parametrize("prior", PRIORS, ids=NAMES)
def test_mean_and_variance_are_those_of_the_draws(prior: Prior, rng: np.random.Generator) -> None:
    """At a lead, at the event and after it."""
    place = lags(5, first=-1)
    mean, variance = prior.moments(place)
    drawn = draws(prior, place, DRAWS, rng).T
    assert far(drawn, mean) < 5
    assert far(drawn**2, mean**2 + variance) < 5
    wider = prior.times(1.5).moments(place).variance  # negative control
    assert far(drawn**2, mean**2 + wider) > 5


@pytest.mark.parametrize("prior", PRIORS, ids=NAMES)
def test_identities_of_moments(prior: Prior) -> None:
    for n in (1, 2, 7, 13):
        mean, variance = prior.moments(lags(n))
        assert mean.shape == variance.shape == (n,)
        assert (variance > 0).all()
        np.testing.assert_array_equal(mean, 0)  # stand-ins and prior intervals are around it
        doubled = prior.times(2.0).moments(lags(n))
        np.testing.assert_allclose(doubled.variance, 4 * variance, rtol=1e-12)


@pytest.mark.parametrize("prior", PRIORS, ids=NAMES)
def test_identities_of_the_factor(prior: Prior) -> None:
    for n in (1, 2, 7):
        own = prior.factor(lags(n, first=-1))
        assert own.shape[0] == n
        assert np.isfinite(own).all()
        if isinstance(prior, NormalFamily):
            unit = prior.spread.scale if isinstance(prior, LearnedFamily) else 1.0
            k = prior.covariance(lags(n, first=-1))
            np.testing.assert_allclose(unit**2 * own @ own.T, k, rtol=1e-12)
            np.testing.assert_array_equal(k, k.T)
        if isinstance(prior, TransformedFamily):
            np.testing.assert_array_equal(own, prior.reach * np.eye(n))
    if prior.iid:
        np.testing.assert_array_equal(own, own[0, 0] * np.eye(7))
        assert (prior.known_sd is None) == isinstance(prior, LearnedFamily)


@pytest.mark.parametrize("prior", PRIORS, ids=NAMES)
def test_a_model_file_may_say_it(prior: Prior) -> None:
    said = prior.model_dump(mode="json")
    order = list(said)  # which enters the digest of a model
    assert (*order[:2], order[-1]) == ("implausible", "family", "reason")
    assert TypeAdapter(Prior).validate_python(said) == prior
    assert prior.symbols
    assert prior.label


def test_shapes_have_names_and_labels_apart() -> None:
    for field in ("name", "label"):
        values = [getattr(shape, field) for shape in SHAPES]
        assert len(set(values)) == len(values)
    assert {shape.prior.family for shape in SHAPES} <= set(NAMES)


# --- a family that lacks something ----------------------------------------------------------------
class WholePrior(TransformedFamily):
    """Nothing is missing."""

    label = "whole"
    family: Literal["whole"]
    scale: Scale
    reason: Reason
    symbols: ClassVar[str] = "whole"
    reach: ClassVar[float] = 1.0

    def n_normals(self, n: int) -> int:
        return n

    def transform(self, x: Any, n: int, functions: Functions) -> Any:
        return self.scale * x[:n]

    def moments(self, lag: FloatArray) -> Moments:
        return Moments(np.zeros(len(lag)), np.full(len(lag), self.scale**2))


class BarePrior(TransformedFamily):
    """Everything is missing."""


class NormalOnly(NormalFamily):
    label = "normal"
    family: Literal["other"]
    scale: Scale
    reason: Reason
    symbols: ClassVar[str] = "no factor"


class LearnedOnly(LearnedFamily):
    label = ""
    lengths = ("scale", "start")
    family: Literal["learned_only"]
    scale: Scale = 1.0
    reason: Reason
    symbols: ClassVar[str] = "no spread"

    def factor(self, lag: FloatArray) -> FloatArray:
        return np.eye(len(lag))


@pytest.mark.parametrize(
    ("family", "name", "missing"),
    [
        (WholePrior, "whole", []),
        (
            BarePrior,
            "bare",
            [
                *("moments", "n_normals", "reach", "symbols", "transform", "label"),
                *("family: Literal['bare']", "scale: Scale", "reason: Reason"),
            ],
        ),
        (NormalOnly, "normal_only", ["factor", "family: Literal['normal_only']"]),
        (LearnedOnly, "learned_only", ["spread", "label", "scale: Scale", "start: Scale"]),
    ],
)
def test_what_is_missing(family: type[PriorFamily], name: str, missing: list[str]) -> None:
    assert contract.lacking(family, name) == missing


def planted(monkeypatch: pytest.MonkeyPatch, *families: type[PriorFamily]) -> str:
    """A module of the folder with some classes."""
    name = "hazard.spec.priors.planted"
    module = ModuleType(name)
    for family in families:
        monkeypatch.setattr(family, "__module__", name)
        setattr(module, family.__name__, family)
    module.NormalFamily = NormalFamily  # type: ignore[attr-defined] # what a module imports
    monkeypatch.setitem(sys.modules, name, module)
    return "planted"


def test_a_family_that_lacks_something_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = (
        "prior family 'planted' must have all that hazard.spec.priors.contract asks of it; "
        "NormalOnly lacks factor, family: Literal['planted']."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        contract.registered(planted(monkeypatch, NormalOnly))


@pytest.mark.parametrize("families", [(), (WholePrior, NormalOnly)])
def test_a_module_with_none_or_two_is_refused(
    families: tuple[type[PriorFamily], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TypeError, match=f"must be one class in planted.py, .* got {len(families)}"):
        contract.registered(planted(monkeypatch, *families))
