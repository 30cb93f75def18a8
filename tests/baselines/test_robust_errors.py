"""The errors that a model file asks of its baselines, from the file to the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hazard import fitting
from hazard.baselines import linear_probability, multinomial_logit, robust
from hazard.errors import DesignError
from hazard.inference.nuts import SamplerSettings
from hazard.model import design
from hazard.spec import BaselinesSpec, ModelSpec
from small_panels import CENTRE, NORMAL, POOLED, SEX, VISIT, SmallPanel, model
from small_terms import wide_panel

KEY = ["estimator", "exit", "lag"]


@pytest.fixture
def spec() -> ModelSpec:
    return model(SEX.replace('"male"', '"man"') + NORMAL, CENTRE + POOLED, VISIT + NORMAL, exits=2)


@pytest.fixture
def small(spec: ModelSpec, rng: np.random.Generator) -> SmallPanel:
    return wide_panel(spec, rng, persons=300)


def with_clusters(spec: ModelSpec, *by: str) -> ModelSpec:
    return spec.model_copy(update={"baselines": BaselinesSpec(clusters=by or None)})


def lags(small: SmallPanel, spec: ModelSpec) -> pd.DataFrame:
    rows = fitting.Panel(small.panel, small.histories, pd.DataFrame(), "table")
    found = fitting.fit(rows, spec, SamplerSettings(draws=20, engine="laplace")).estimates
    own = found[(found["quantity"] == "lag_coefficient") & (found["estimator"] != "hazard model")]
    return own.set_index(KEY).sort_index()


def test_errors_are_those_asked_for(small: SmallPanel, spec: ModelSpec) -> None:
    """Estimates stay; errors and intervals are those of the baselines, called by themselves."""
    plain, grouped = (lags(small, with_clusters(spec, *by)) for by in ((), ("centre",)))
    np.testing.assert_array_equal(plain["estimate"], grouped["estimate"])
    assert set(plain.loc["linear probability", "errors"]) == {"HC1"}
    assert set(plain.loc["multinomial logit", "errors"]) == {"from the information"}
    assert set(plain["ci_kind"]) == {"normal"}
    assert set(grouped["ci_kind"]) == {"t"}
    made = design.build(small.panel, small.histories, spec)
    groups = robust.clusters(made, small.panel, ["centre"])
    assert set(grouped["errors"]) == {groups.jackknife_name}
    assert groups.jackknife_name.startswith("clustered by centre (jackknife; ")
    for fit in (
        linear_probability.fit(made, errors=groups),
        multinomial_logit.fit(made, errors=groups),
    ):
        own = fit.table()
        own = own[own["term"] == "visit_centre"].assign(lag=lambda t: t["level"].astype(int))
        own = own.set_index(KEY).sort_index()
        found = grouped.loc[[fit.estimator]]
        for ours, theirs in {"sd": "standard_error", "lower": "lower", "upper": "upper"}.items():
            np.testing.assert_array_equal(found[ours].to_numpy(float), own[theirs].to_numpy())
    apart = (grouped["sd"] / plain["sd"]).to_numpy(float)
    assert (np.abs(apart - 1) > 1e-6).all()  # negative control: other errors are other numbers


@pytest.mark.parametrize("by", [("person",), ("centre", "nationality")])
def test_other_columns_can_be_asked_for(
    small: SmallPanel, spec: ModelSpec, by: tuple[str, ...]
) -> None:
    found = lags(small, with_clusters(spec, *by))
    [name] = set(found["errors"])
    assert name.startswith(f"clustered by {' and '.join(by)} (jackknife; ")
    assert name.count(" effective of ") == len(by)


def test_a_column_that_is_not_there(small: SmallPanel, spec: ModelSpec) -> None:
    with pytest.raises(DesignError, match=r"column 'center' .* Did you mean 'centre'\?"):
        lags(small, with_clusters(spec, "center"))
