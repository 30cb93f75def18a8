"""The one hazard formula: by hand, against plain formulas, and at its far ends."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from hazard.errors import DomainError
from hazard.model.links import exit_probabilities, hazard
from hazard.spec.links import LINKS, LinkName

EPS = float(np.finfo(float).eps)
anywhere = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5)
# exp overflows at 709.8; up to 690 the sum of five exponentials is still a number
within = st.lists(st.floats(-690, 690), min_size=1, max_size=5)


def probabilities(link: LinkName, eta: list[float]) -> np.ndarray:
    """P(stay) and P(exit), from the compiled function."""
    leave = np.empty(len(eta))
    stay = exit_probabilities(LINKS[link].code, np.array(eta, dtype=float), leave)
    return np.array([stay, *leave])


def softmax(eta: list[float]) -> np.ndarray:
    with_stay = np.array([0.0, *eta])
    return np.exp(with_stay - logsumexp(with_stay))


def cloglog(eta: list[float]) -> np.ndarray:
    total = np.exp(logsumexp(eta))
    return np.array([np.exp(-total), *(-np.expm1(-total) * np.exp(eta - logsumexp(eta)))])


PLAIN = {"softmax": softmax, "cloglog": cloglog}


# softmax: odds 1, 2 against staying -> 1/4 each for staying and the first exit, 2/4 for the second.
# cloglog: m = log 2, so half leave; a third of m for the first exit -> 1/2, 1/6, 1/3.
def test_by_hand() -> None:
    np.testing.assert_allclose(
        probabilities("softmax", [0, np.log(2)]), [1 / 4, 1 / 4, 1 / 2], rtol=8 * EPS
    )
    eta = list(np.log(np.log(2) * np.array([1 / 3, 2 / 3])))
    np.testing.assert_allclose(probabilities("cloglog", eta), [1 / 2, 1 / 6, 1 / 3], rtol=8 * EPS)


@pytest.mark.parametrize("link", LINKS)
@given(eta=within)
def test_plain_formula_identity(link: LinkName, eta: list[float]) -> None:
    # an error of eps in eta is one of |eta| eps in its exponential
    tolerance = 16 * EPS * (1 + max(np.abs(eta)))
    found = probabilities(link, eta)
    if link == "cloglog":  # exp(-m) moves by m times that
        tolerance *= 1 + min(np.exp(logsumexp(eta)), 745.0)
    np.testing.assert_allclose(found, PLAIN[link](eta), rtol=tolerance, atol=1e-300)


@pytest.mark.parametrize("link", LINKS)
@given(eta=anywhere)
def test_sum_to_one_identity(link: LinkName, eta: list[float]) -> None:
    found = probabilities(link, eta)
    assert ((found >= 0) & (found <= 1)).all()
    assert abs(found.sum() - 1) <= 8 * EPS


@given(eta=st.floats(-700, 700))
def test_one_exit_is_the_complementary_log_log_model(eta: float) -> None:
    h = hazard(xr.DataArray([eta], dims="exit"), "cloglog")
    np.testing.assert_allclose(h, [-np.expm1(-np.exp(eta))], rtol=4 * EPS)


@given(eta=st.floats(-5, 2))
def test_links_are_told_apart(eta: float) -> None:  # negative control of the plain formulas
    gap = np.abs(probabilities("softmax", [eta]) - cloglog([eta])).max()
    assert gap > 1e-6
    assert np.abs(probabilities("cloglog", [eta, 0.0]) - softmax([eta, 0.0])).max() > 1e-6


@pytest.mark.parametrize("link", LINKS)
@given(eta=st.lists(st.floats(-30, 5), min_size=2, max_size=4))
def test_joining_two_exits_adds_their_probabilities(link: LinkName, eta: list[float]) -> None:
    joined = [float(np.logaddexp(eta[0], eta[1])), *eta[2:]]
    apart = probabilities(link, eta)
    expected = [apart[0], apart[1] + apart[2], *apart[3:]]
    np.testing.assert_allclose(probabilities(link, joined), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("link", LINKS)
def test_labels_and_their_order_are_kept(link: LinkName, rng: np.random.Generator) -> None:
    eta = xr.DataArray(
        rng.normal(size=(3, 2, 4)),
        {"exit": ["a", "b", "c"], "month": [1, 2]},
        ("exit", "month", "person"),
    )
    h = hazard(eta, link)
    assert h.dims == eta.dims
    assert h["exit"].values.tolist() == ["a", "b", "c"]
    for cell in np.ndindex(2, 4):
        one = h.values[:, *cell]
        np.testing.assert_array_equal(one, probabilities(link, eta.values[:, *cell])[1:])
    backwards = hazard(eta.isel(exit=[2, 1, 0]), link)
    np.testing.assert_allclose(backwards, h.isel(exit=[2, 1, 0]), rtol=8 * EPS)


def test_what_is_no_linear_predictor_is_refused() -> None:
    eta = xr.DataArray([0.0, np.nan], dims="exit")
    for broken in (eta, eta.fillna(np.inf)):
        with pytest.raises(
            DomainError, match=r"^linear predictor must be finite; got NaN or infinity\.$"
        ):
            hazard(broken)
    sentence = "link must be one of ['cloglog', 'softmax']; got 'probit'."
    with pytest.raises(DomainError, match=f"^{re.escape(sentence)}$"):
        hazard(eta.fillna(0.0), "probit")  # type: ignore[arg-type]


def test_every_link_has_a_plain_formula() -> None:
    assert set(PLAIN) == set(LINKS)
    assert len({link.code for link in LINKS.values()}) == len(LINKS)


def test_a_code_without_a_formula_gives_no_number() -> None:
    leave = np.empty(2)
    stay = exit_probabilities(max(link.code for link in LINKS.values()) + 1, np.zeros(2), leave)
    assert np.isnan([stay, *leave]).all()
