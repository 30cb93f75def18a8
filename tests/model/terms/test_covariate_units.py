"""Units of covariates must not matter, nor must where they count from; infinite is named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import classical_panels as panels
from classical_panels import built, few, reference
from hazard.baselines import (
    cox,
    fine_gray,
    linear_probability,
    multinomial_logit,
    robust,
    within_person,
)
from hazard.baselines.fit import BaselineFit

# Values are rounded once, to 2**-53 of themselves, when they are brought to another unit, and up to
# 2500 / 1.7 times as much of their spread when they count from 2000 years before. Solving for two
# coefficients of 50 persons, of a condition below 100, multiplies that by less than 1e3.
ROUNDING = 2.0**-53 * 1500 * 1e3
Estimator = Callable[[pd.DataFrame], BaselineFit]


def _clustered(panel: pd.DataFrame) -> BaselineFit:
    design = built(panel, "x", "z")
    return cox.fit(design, panel, errors=robust.clusters(design, panel, ["person"]))


def _within(panel: pd.DataFrame) -> BaselineFit:
    design = built(panel, "x", "w")
    return within_person.fit(design, robust.clusters(design, panel, ["person"]))


ESTIMATORS: dict[str, Estimator] = {
    "Cox": lambda panel: cox.fit(built(panel, "x", "z"), panel),
    "Cox, robust": _clustered,
    "Fine-Gray": lambda panel: fine_gray.fit(built(panel, "x", "z"), panel),
    "logit": lambda panel: multinomial_logit.fit(built(panel, "x", "z")),
    "logit, robust": lambda panel: multinomial_logit.fit(built(panel, "x", "z"), errors="rows"),
    "linear": lambda panel: linear_probability.fit(built(panel, "x", "z")),
    "within persons": _within,
}


def fifty() -> pd.DataFrame:
    """Fifty persons of whom x is 0 to 5, z a share, and w what changes within them."""
    rng = np.random.default_rng(9)
    x, z = rng.uniform(0, 5, 50).round(3), 1.0 * (rng.random(50) < 0.4)
    last = 1 + rng.geometric(0.25, 50).clip(max=8)
    left = np.array(["a", "b", "stay"])[rng.integers(0, 3, 50)]
    spells = pd.DataFrame({"entry": 0, "last": last, "exit": left, "x": x, "z": z})
    panel = panels.panel_of(spells, ["a", "b"])
    changes = np.sin(7.0 * panel["month"] + panel["person"])
    return panel.assign(w=changes)


PANEL = fifty()


def per_unit(found: BaselineFit, unit: float, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and errors with those of x brought back, without the intercept."""
    scale = np.ones((len(found.terms), 1))
    scale[row] = unit
    rest = found.terms["term"].to_numpy() != "intercept"
    return (found.estimate * scale)[rest], (found.standard_error * scale)[rest]


def agree(name: str, unit: float, start: float) -> bool:
    plain = ESTIMATORS[name](PANEL)
    x = PANEL["x"] * (np.sin(PANEL["month"]) if name == "within persons" else 1.0)
    plain = ESTIMATORS[name](PANEL.assign(x=x))
    moved = ESTIMATORS[name](PANEL.assign(x=(x + start) * unit))
    row = int(np.flatnonzero(plain.terms["term"] == "x")[0])
    pairs = zip(per_unit(plain, 1.0, row), per_unit(moved, unit, row), strict=True)
    return all(np.allclose(a, b, rtol=ROUNDING, atol=ROUNDING) for a, b in pairs)


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=6)
@given(st.floats(-9.0, 9.0), st.sampled_from([0.0, 2000.0, -2500.0]))
@example(9.0, 2000.0)
@example(-9.0, 0.0)
def test_unit_and_start_of_a_covariate_do_not_matter(name: str, power: float, start: float) -> None:
    assert agree(name, 10.0**power, start)


def test_another_covariate_is_found() -> None:
    """Negative control: a millionth of the other covariate in the column."""
    plain = ESTIMATORS["Cox"](PANEL)
    other = ESTIMATORS["Cox"](PANEL.assign(x=PANEL["x"] + 1e-6 * PANEL["z"]))
    assert not np.allclose(plain.estimate, other.estimate, rtol=ROUNDING, atol=ROUNDING)


# --- a covariate in seconds, and one without any exit: R, survival::coxph -----------------------
LAST = [1, 2, 2, 3, 3, 4, 4, 4]
X = [3.0, 1.0, 2.0, 5.0, 4.0, 2.0, 1.0, 6.0]


def eight(left: str, z: str, unit: float) -> pd.DataFrame:
    people = [(t, "a" if e == "1" else "stay", x) for t, e, x in zip(LAST, left, X, strict=True)]
    panel = few(["a"], *people)
    seen = np.array([float(each) for each in z])[panel["person"]]
    return panel.assign(z=seen, x=panel["x"] * unit)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 365.25, 1e9, 3.15e16])
@pytest.mark.parametrize("fit", [cox.fit, fine_gray.fit])
def test_reference_in_every_unit(unit: float, fit: Callable[..., BaselineFit]) -> None:
    panel = eight("11010100", "01011001"[:8], unit)
    panel["z"] = np.array([0, 1, 0, 1, 1, 0, 0, 1.0])[panel["person"]]
    panel["exit"] = _exits(panel, [1, 1, 0, 1, 0, 1, 0, 0])
    found = fit(built(panel, "x", "z"), panel)
    wanted = reference("structures", data="units").set_index("term")
    own = found.table().set_index("term")
    assert own.loc["x", "estimate"] * unit == pytest.approx(wanted.loc["x", "estimate"], rel=1e-8)
    assert own.loc["z", "estimate"] == pytest.approx(wanted.loc["z", "estimate"], rel=1e-8)


def _exits(panel: pd.DataFrame, left: list[int]) -> pd.Categorical:
    ends = panel["person"].ne(panel["person"].shift(-1)).to_numpy()
    leaves = ends & (np.array(left)[panel["person"]] == 1)
    return pd.Categorical(np.where(leaves, "a", "stay"), ["stay", "a"])


@pytest.mark.parametrize("unit", [1.0, 1e4, 1e-9, 1e9])
@pytest.mark.parametrize("fit", [cox.fit, fine_gray.fit])
def test_column_without_exits_is_infinite_and_named(
    unit: float, fit: Callable[..., BaselineFit]
) -> None:
    panel = eight("11001100", "00010001", unit)
    found = fit(built(panel, "x", "z"), panel)
    assert found.estimate[1, 0] == -np.inf
    assert np.isnan(found.standard_error[1, 0])
    assert "Monotone likelihood of exit 'a', estimate infinite: z." in found.remarks
    wanted = reference("structures", data="monotone").iloc[0]
    # R stops on the way, where the likelihood still rises by 1e-9 of itself
    assert found.estimate[0, 0] * unit == pytest.approx(wanted["estimate"], rel=1e-7)


def test_others_are_those_without_who_cannot_leave() -> None:
    panel = eight("11001100", "00010001", 1.0)
    found = cox.fit(built(panel, "x", "z"), panel)
    rest = panel[panel["z"] == 0].reset_index(drop=True)
    other = cox.fit(built(rest, "x"), rest)
    assert found.estimate[0, 0] == pytest.approx(other.estimate[0, 0], rel=1e-9)
    assert found.standard_error[0, 0] == pytest.approx(other.standard_error[0, 0], rel=1e-9)
    everybody = cox.fit(built(panel, "x"), panel)  # negative control
    assert found.estimate[0, 0] != pytest.approx(everybody.estimate[0, 0], rel=1e-3)


@pytest.mark.parametrize("unit", [1.0, 10.0, 1e-8, 1e8])
def test_two_covariates_that_separate_together_are_both_named(unit: float) -> None:
    # month  at risk (x, B)                              1 leaves before 3 and 9: -0.6 before -1.8
    #     3  1 (-0.6, 0) leaves, 3 (-1.8, 1), 9 (-0.5, 0)  and B, and before -0.5: x falls to minus
    #     6  10 (0.4, 1) leaves alone                      infinity, and B has to go before it
    frame = pd.DataFrame({"entry": [2, 2, 2, 5], "last": [3, 3, 3, 6]})
    frame = frame.assign(exit=["a", "stay", "stay", "a"], x=[-0.6, -1.8, -0.5, 0.4])
    panel = panels.panel_of(frame.assign(x=frame["x"] * unit, g=list("ABAB")), ["a"])
    for fit in (cox.fit, fine_gray.fit):
        found = fit(built(panel, "x", "g"), panel)
        assert found.estimate[:, 0].tolist() == [-np.inf, -np.inf]
        assert "Monotone likelihood of exit 'a', estimate infinite: x, g B." in found.remarks


# --- the logit ----------------------------------------------------------------------------------
@pytest.mark.parametrize("unit", [1.0, 1e9, 1e-9])
@pytest.mark.parametrize("gap", [1.0, 1e-2])
def test_logit_that_is_told_for_sure_by_a_number(unit: float, gap: float) -> None:
    x = np.append(np.arange(40.0), [20.5, 20.5 + gap / 2])
    left = np.where(x > 20.5 + gap / 4, "a", "stay")
    panel = few(["a"], *[(1, str(e), float(v)) for e, v in zip(left, x, strict=True)])
    found = multinomial_logit.fit(built(panel.assign(x=panel["x"] * unit), "x"))
    assert found.estimate[1, 0] == np.inf
    assert any("'a' is separated" in text and "x" in text for text in found.remarks)
    overlapping = panel.assign(x=np.where(panel["person"] == 41, 0.0, panel["x"]) * unit)
    assert np.isfinite(multinomial_logit.fit(built(overlapping, "x")).estimate).all()


def test_limit_of_the_logit_is_that_of_the_rows_that_are_open() -> None:
    # x = 0: 5 of 20 leave, log-odds log(5 / 15); x > 0: all leave, x < 0: none does
    far = np.array([0.5, 1.0, 2.0, 3.0, 50.0, 400.0]) * 1e4
    x = np.concatenate([np.zeros(20), far, -far])
    left = np.concatenate([np.arange(20) < 5, x[20:] > 0])
    people = [(1, "a" if e else "stay", float(v)) for e, v in zip(left, x, strict=True)]
    found = multinomial_logit.fit(built(few(["a"], *people), "x"))
    error = np.sqrt(1 / 5 + 1 / 15)
    assert found.estimate[1, 0] == np.inf
    # Newton ends where half the squared step is below 1e-10 standard errors squared
    assert found.estimate[0, 0] == pytest.approx(np.log(5 / 15), abs=np.sqrt(2e-10) * error)
    assert found.standard_error[0, 0] == pytest.approx(error, rel=1e-4)
    everybody = np.log(11 / 21)  # negative control
    assert found.estimate[0, 0] != pytest.approx(everybody, abs=0.1)


# --- as many coefficients as rows ---------------------------------------------------------------
def test_one_row_per_coefficient_has_no_error() -> None:
    panel = few(["a"], (1, "a", 0.0), (1, "stay", 1.0))
    found = linear_probability.fit(built(panel, "x"))
    np.testing.assert_allclose(found.estimate[:, 0], [0.5, -1.0], atol=1e-12)
    assert np.isnan(found.standard_error).all()
    [text] = found.remarks
    assert text.startswith("As many coefficients as person-months (2), no error.")


def test_levels_without_exits_have_an_error_and_no_word_of_clusters() -> None:
    panel = few(["a", "b"], *[(1, "a" if i < 3 else "stay", 1.0 * i) for i in range(12)])
    panel = panel.assign(g=list("AAAABBBBCCCC"))
    found = linear_probability.fit(built(panel, "g"))
    # A leaves in 3 of 4: HC1 of its mean is 12 / 9 * (3/4 * 1/4) / 4, and B and C add nothing
    own = found.table().set_index(["exit", "level"])["standard_error"]
    expected = np.sqrt(12 / 9 * 3 / 16 / 4)
    np.testing.assert_allclose(own["a"].to_numpy(), expected, rtol=1e-12)
    np.testing.assert_array_equal(own["b"].to_numpy(), 0.0)
    assert found.remarks == ()


def test_infinite_coefficients_of_the_logit_have_no_error_at_all() -> None:
    """On the way to infinity the information has errors of ten thousands, which say nothing."""
    people = [(1, "stay", 0.0), (1, "stay", 0.0), (1, "stay", 1.0), (1, "a", 1.0)]
    found = multinomial_logit.fit(built(few(["a"], *people), "x"))
    assert found.estimate[:, 0].tolist() == [-np.inf, np.inf]
    assert np.isnan(found.standard_error).all()
    _, error = found.combination(np.array([0.0, 1.0]))
    assert np.isnan(error).all()
    assert np.isfinite(linear_probability.fit(built(few(["a"], *people), "x")).estimate).all()


def test_gap_in_the_months_leaves_the_intercept() -> None:
    # month  at risk (x, g)                              the two columns say the same twice: one of
    #     1  1 (0, B), 2 (1, A)                          them is left out, and not the intercept
    #     3  1 (0, B), 2 (1, A) leaves
    rows = {"person": [1, 1, 2, 2], "month": [1, 3, 1, 3], "x": [0.0, 0, 1, 1], "g": list("BBAA")}
    left = pd.Categorical(["stay", "stay", "stay", "a"], ["stay", "a"])
    design = built(pd.DataFrame({**rows, "exit": left}), "x", "g")
    for fit in (linear_probability.fit(design), multinomial_logit.fit(design)):
        lost = fit.terms.loc[np.isnan(fit.estimate[:, 0]), "term"].tolist()
        assert len(lost) == 1
        assert lost != ["intercept"]
    linear = linear_probability.fit(design)
    assert linear.estimate[0, 0] == pytest.approx(1 / 4, abs=1e-12)  # at the mean of x
