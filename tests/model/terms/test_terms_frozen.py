"""A design applied to other rows, and effects of levels that no row had."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import pytest
import xarray as xr

from hazard.errors import DesignError, EstimandError
from hazard.estimands import incidence
from hazard.inference import new_levels
from hazard.model import design, equivalent, parameterisation
from hazard.model.design import Design
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.spec.priors import Prior
from hazard.spec.priors.normal import NormalPrior
from hazard.spec.priors.pooled import PooledPrior
from hazard.spec.priors.random_walk import RandomWalkPrior
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    CORRELATED,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    TERM,
    VISIT,
    WALK,
    SmallPanel,
    build,
    dense,
    model,
)
from small_terms import LISTED, VARIES, calendar, group, wide_panel

SPLINE = TERM + '"baseline"\nspline = { knots = [1, 3, 7] }\n'
WOMAN = SEX.replace('"male"', '"woman"')


def everything(varies: str = LISTED) -> ModelSpec:
    terms = [SPLINE + WALK, WOMAN + NORMAL, AGE + NORMAL, VISIT + varies + WALK]
    terms += [calendar("quarter") + WALK, calendar("season") + NORMAL, CENTRE + POOLED]
    return model(*terms, group("nationality", "year", prior=CORRELATED), NATIONALITY + CORRELATED)


def of(small: SmallPanel, rows: np.ndarray) -> SmallPanel:
    histories = {name: history[rows] for name, history in small.histories.items()}
    return SmallPanel(small.panel[rows].reset_index(drop=True), histories)


def apply(frozen: Design, small: SmallPanel, spec: ModelSpec, unseen: str = "refuse") -> Design:
    return design.apply(frozen, small.panel, small.histories, spec, unseen=unseen)  # type: ignore[arg-type]


# --- frozen designs -----------------------------------------------------------------------------
@pytest.mark.parametrize("varies", [VARIES, LISTED])
def test_a_design_applied_to_its_own_rows_is_itself(varies: str, rng: np.random.Generator) -> None:
    spec = everything(varies)
    small = wide_panel(spec, rng)
    made = build(small, spec)
    again = apply(made, small, spec)
    for one, other in zip(made.blocks, again.blocks, strict=True):
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            np.testing.assert_array_equal(a, b, err_msg=f"{one.name} {field.name}")
    np.testing.assert_array_equal(made.index, again.index)
    np.testing.assert_array_equal(made.outcome, again.outcome)
    np.testing.assert_array_equal(apply(equivalent.collapsed(made), small, spec).index, made.index)


@pytest.mark.parametrize("varies", [VARIES, LISTED])
def test_parts_of_the_rows_keep_their_linear_predictor(
    varies: str, rng: np.random.Generator
) -> None:
    spec = everything(varies)
    small = wide_panel(spec, rng)
    made = build(small, spec)
    later = (small.panel["calendar"] > 428).to_numpy()
    part = apply(made, of(small, later), spec)
    assert part.labels() == made.labels()
    np.testing.assert_array_equal(dense(part), dense(made)[later])
    anew = build(of(small, later), spec)  # negative control: other quarters, another mean of age
    assert anew.n_coefficients < made.n_coefficients
    [age] = [block for block in anew.blocks if block.name == "age"]
    [kept] = [block for block in part.blocks if block.name == "age"]
    assert age.centre != kept.centre
    np.testing.assert_array_equal(kept.matrix()[:, 0], kept.levels - kept.centre)


def test_numbers_that_no_row_had_are_values_like_others(rng: np.random.Generator) -> None:
    spec = model(AGE + NORMAL, SPLINE + WALK)
    small = wide_panel(spec, rng)
    made = build(small, spec)
    old = small.panel.iloc[:1].assign(age=99.5, month=40)
    found = design.apply(made, old, {}, spec)
    mean = small.panel.drop_duplicates("person")["age"].mean()
    assert dense(found)[0, found.span("age")] == pytest.approx(99.5 - mean)
    assert dense(found)[0, found.span("month")].tolist() == [0, 0, 0, 1]  # beyond the last knot


@pytest.mark.parametrize(
    ("column", "value", "term"),
    [
        ("sex", "other", "sex"),
        ("calendar", 480, "quarter"),
        ("centre", "new", "centre"),
        ("nationality", "Syria", "visit_centre_by_nationality"),
    ],
)
def test_levels_that_are_unknown_are_counted_and_not_named(
    column: str, value: object, term: str, rng: np.random.Generator
) -> None:
    spec = everything(VARIES)
    small = wide_panel(spec, rng)
    made = build(small, spec)
    panel = small.panel.assign(**{column: small.panel[column].astype(object)})
    panel.loc[[4, 7], column] = value
    if column == "calendar":
        panel["calendar"] = panel["calendar"].astype(int)
    sentence = (
        f"term '{term}' must have levels that are in the design; got 1 new ones in 2 of "
        f"{len(panel)} rows (first: row 5). Leave these rows out, or fit the model to rows with "
        "these levels."
    )
    with pytest.raises(DesignError, match=f"^{re.escape(sentence)}$"):
        design.apply(made, panel, small.histories, spec)


def test_levels_of_a_covariate_are_not_drawn(rng: np.random.Generator) -> None:
    spec = everything()
    small = wide_panel(spec, rng)
    panel = small.panel.assign(sex=["other", *small.panel["sex"][1:]])
    with pytest.raises(DesignError, match=r"^term 'sex' must have levels"):
        design.apply(build(small, spec), panel, small.histories, spec, unseen="draw")


def test_a_frozen_design_of_another_model_is_refused(rng: np.random.Generator) -> None:
    spec = everything()
    small = wide_panel(spec, rng)
    made = build(small, spec)
    for other in (model(BASELINE + WALK), everything().model_copy(update={"term": spec.term[1:]})):
        with pytest.raises(DesignError, match=r"^frozen design must have the coefficients of this"):
            apply(made, small, other)
    joined = equivalent.merged(made, 10_000)
    with pytest.raises(DesignError, match=r"^frozen design must have the coefficients of this"):
        apply(joined, small, spec)


# --- new levels ---------------------------------------------------------------------------------
def split(spec: ModelSpec, rng: np.random.Generator) -> tuple[Design, Design, SmallPanel]:
    """Design without one centre and one nationality, and applied to all rows."""
    small = wide_panel(spec, rng, persons=150)
    panel = small.panel
    known = ((panel["centre"] != "centre 1") & (panel["nationality"] != "Irak")).to_numpy()
    frozen = build(of(small, known), spec)
    return frozen, apply(frozen, small, spec, "draw"), small


def test_new_levels_come_after_the_old_ones(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, VISIT + VARIES + WALK, CENTRE + POOLED, NATIONALITY + CORRELATED)
    frozen, whole, small = split(spec, rng)
    names = [block.name for block in whole.blocks]
    assert names[-3:] == ["visit_centre_by_nationality", "centre", "nationality"]
    centre, nationality = whole.blocks[-2], whole.blocks[-1]
    assert centre.levels.tolist() == ["centre 0", "centre 2", "centre 3", "centre 1"]
    assert nationality.levels.tolist()[-1] == "Irak"
    varying, before = whole.blocks[-3], frozen.blocks[-3]
    assert (varying.copies, before.copies) == (4, 3)
    assert varying.coefficients[:9].tolist() == before.coefficients.tolist()
    assert varying.coefficients[9:].tolist() == ["Irak, 0", "Irak, 1", "Irak, 2"]
    text = centre.levels[whole.index[:, names.index("centre")]]
    assert text.tolist() == small.panel["centre"].tolist()
    # every row has the same columns as in a design of all rows, in another order
    anew = build(small, spec)
    place = [anew.labels().index(label) for label in whole.labels()]
    np.testing.assert_array_equal(dense(whole), dense(anew)[:, place])


def posterior_of(made: Design, rng: np.random.Generator, n: int = 4) -> xr.Dataset:
    """Draws of a design, with learned covariances; of one chain."""
    exits = list(made.exits)
    found = {"intercept": xr.DataArray(rng.normal(-2, 0.1, (1, n, 3)), {"exit": exits}, _dims())}
    for block in made.blocks[1:]:
        dims = _dims(f"{block.name}_level")
        values = rng.normal(0, 0.5, (1, n, block.n_coefficients, 3))
        coords = {dims[2]: [str(label) for label in block.coefficients], "exit": exits}
        prefix = "u" if block.kind == "group" else "beta"
        found[f"{prefix}_{block.name}"] = xr.DataArray(values, coords, dims)
    for learned in parameterisation.standard(made).learned:
        sigma = np.abs(rng.normal(0.5, 0.1, (1, n, 3)))
        found[f"sigma_{learned.name}"] = xr.DataArray(sigma, {"exit": exits}, _dims())
    return xr.Dataset(found)


def _dims(*level: str) -> tuple[str, ...]:
    return ("chain", "draw", *level, "exit")


def test_coefficients_of_new_levels_are_drawn(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, VISIT + VARIES + WALK, CENTRE + POOLED, NATIONALITY + POOLED)
    frozen, whole, small = split(spec, rng)
    posterior = posterior_of(frozen, rng)
    beta = incidence.coefficients(posterior, whole, np.random.default_rng(1))
    assert beta.sizes["coefficient"] == whole.n_coefficients
    old = incidence.coefficients(posterior, frozen)
    place = [whole.labels().index(label) for label in frozen.labels()]
    np.testing.assert_array_equal(beta.values[:, :, place], old.values)
    again = incidence.coefficients(posterior, whole, np.random.default_rng(1))
    other = incidence.coefficients(posterior, whole, np.random.default_rng(2))
    np.testing.assert_array_equal(beta, again)
    new = [k for k in range(whole.n_coefficients) if k not in place]
    assert (beta.values[:, :, new] != other.values[:, :, new]).all()
    wanted = IncidenceEstimand(kind="cumulative_incidence", term="visit_centre", horizon_months=6)
    found = incidence.incidence(beta, whole, small.panel["person"], wanted)
    assert found.shape == (1, 4, 2, 3, 6)
    assert np.isfinite(found).all()
    sentence = "term 'visit_centre_by_nationality' has levels that the fit does not have, such as "
    with pytest.raises(EstimandError, match=f"^{sentence}'Irak, 0'; pass a random generator"):
        incidence.coefficients(posterior, whole)
    with pytest.raises(EstimandError, match=r"^draws of term 'visit_centre_by_nationality' must"):
        incidence.coefficients(posterior, build(small, spec), rng)  # the same levels, reordered


def test_new_levels_follow_the_learned_distribution(rng: np.random.Generator) -> None:
    n, sigma = 40_000, np.array([0.5, 1.0, 2.0])
    correlation = np.array([[1, 0.8, 0], [0.8, 1, -0.3], [0, -0.3, 1.0]])
    posterior = xr.Dataset(
        {
            "sigma_centre": (("chain", "draw", "exit"), np.tile(sigma, (2, n // 2, 1))),
            "correlation_centre": (
                ("chain", "draw", "exit", "other_exit"),
                np.tile(correlation, (2, n // 2, 1, 1)),
            ),
        },
        {"exit": ["a", "b", "c"], "other_exit": ["a", "b", "c"]},
    )
    prior = model(CENTRE + CORRELATED).term[0].prior
    found = new_levels.draw(posterior, "centre", prior, ["one", "two"], rng)
    assert found.dims == ("chain", "draw", "centre_level", "exit")
    assert found["centre_level"].values.tolist() == ["one", "two"]
    x = found.values.reshape(n, 2, 3) / sigma

    def far(expected: np.ndarray, a: int, b: int) -> float:
        """Largest distance of a correlation from what is expected, in its standard errors."""
        error = np.sqrt((1 + expected**2) / n)  # of a mean of products of normals
        return float(np.abs((x[:, a].T @ x[:, b] / n - expected) / error).max())

    for level in (0, 1):
        assert far(correlation, level, level) < 5
        assert np.abs(x[:, level].mean(axis=0)).max() < 5 / np.sqrt(n)
    assert far(np.zeros((3, 3)), 0, 1) < 5  # two new levels have nothing in common
    assert far(np.eye(3), 0, 0) > 5  # negative control: exits without correlation
    assert far(correlation[::-1, ::-1], 0, 0) > 5  # negative control: exits in another order


def test_new_levels_of_other_priors() -> None:
    intercept = xr.DataArray(np.zeros((1, 3, 2)), dims=("chain", "draw", "exit"))
    posterior = xr.Dataset({"intercept": intercept, "sigma_centre": intercept})
    one = np.random.default_rng(3).standard_normal((1, 3, 1, 2))

    def of_prior(prior: Prior) -> np.ndarray:
        return new_levels.draw(posterior, "centre", prior, ["new"], np.random.default_rng(3)).values

    fixed = NormalPrior(family="normal", scale=2.0, reason="an example only")
    np.testing.assert_array_equal(of_prior(fixed), 2 * one)
    pooled = PooledPrior(family="pooled", scale=2.0, reason="an example only")
    assert not of_prior(pooled).any()  # all levels are alike
    walk = RandomWalkPrior(family="random_walk", scale=1.0, start=1.0, reason="an example only")
    with pytest.raises(EstimandError, match=r"^term 'centre' must have a prior of family 'normal'"):
        of_prior(walk)


def test_leave_future_out_rows_are_scored_by_a_frozen_design(rng: np.random.Generator) -> None:
    # group effects of a year to come are drawn; a calendar term cannot tell them
    spec = model(BASELINE + WALK, group("nationality", "year"))
    small = wide_panel(spec, rng)
    past = (small.panel["calendar"] < 432).to_numpy()
    frozen = build(of(small, past), spec)
    future = apply(frozen, of(small, ~past), spec, "draw")
    new = future.blocks[-1].levels[frozen.blocks[-1].n_levels :]
    assert {label[-4:] for label in new} == {"2006", "2007"}
    assert (future.index[:, -1] >= frozen.blocks[-1].n_levels).all()
    beta = incidence.coefficients(posterior_of(frozen, rng), future, rng)
    assert np.isfinite(beta).all()
    trend = model(BASELINE + WALK, calendar("year") + NORMAL)
    before = build(of(small, past), trend)
    with pytest.raises(DesignError, match=r"term 'year' must have .* got 2 new ones in"):
        apply(before, of(small, ~past), trend, "draw")
