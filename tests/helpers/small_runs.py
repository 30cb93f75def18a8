"""Fit and published records from tidy frames, without sampling."""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard import predictive, spec
from hazard.fitting import Fit, recheck, versions
from hazard.fitting.quantities import PRIOR, hazard_estimates, joined, prior_estimates
from hazard.fitting.status import Status
from hazard.inference.convergence import EXPLORE, PUBLISH, Gate
from hazard.inference.nuts import SamplerSettings
from hazard.model import priors
from hazard.output import coefficients
from hazard.output.shapes import POSTERIOR_SHAPE, PRIOR_SHAPE
from hazard.output.tables import COLUMNS, HAZARD_MODEL
from hazard.spec import GFormulaEstimand, IncidenceEstimand, ModelSpec
from hazard.studies import published
from hazard.studies.published.folder import PublishedFolder

SUPPORT = {
    "positivity_violation_share": 0.0,
    "positivity_violation_share_within_network": 0.031,
    "unseen_history_share": 0.002,
    "unseen_history_share_within_network": 0.48,
}
PASSED = {
    "passed": True,
    "failures": [],
    "divergences": 0,
    "bfmi": [1.0, 0.9],
    "chains": 4,
    "copies": 0,
}
FAILED = {**PASSED, "passed": False, "failures": ["a sentence"], "divergences": 3}


def estimates(model: ModelSpec) -> pd.DataFrame:
    """Estimates of everything that a run of the model prints; every number is another one."""
    parts = [_lag_rows(model), _incidence_rows(model), _counted_rows(model)]
    parts += [_standardised_rows(model), _shape_rows(model)]
    rows = pd.concat([pd.DataFrame(part) for part in parts if part], ignore_index=True)
    rows = rows.reindex(columns=list(COLUMNS))
    return rows.astype({"lag": "Int64", "month": "Int64"}).assign(ci_prob=0.95)


def _lag_rows(model: ModelSpec) -> list[dict[str, Any]]:
    units = {"hazard model": "log-odds", "multinomial logit": "log-odds"}
    rows = []
    for t, term in enumerate(model.lagged):
        labels = {"term": term.name, "exposure": term.exposure, "network": term.network}
        for (e, exit_name), estimator in product(
            enumerate(model.outcome.exits),
            ("hazard model", "multinomial logit", "linear probability"),
        ):
            own = {**labels, "exit": exit_name, "estimator": estimator}
            own["unit"] = units.get(estimator, "probability per month")
            scale = 1.0 if estimator in units else 0.01
            for lag in range(term.lags[0], term.lags[1] + 1):
                middle = scale * (0.7 * np.sin(1.3 * lag + e + 2 * t) + 0.11 * len(estimator) / 20)
                band = {"lower_simultaneous": middle - 0.6, "upper_simultaneous": middle + 0.6}
                rows.append(
                    {**own, "quantity": "lag_coefficient", "lag": lag}
                    | _interval(middle, 0.4 * scale, estimator)
                    | ({**band, "simultaneous_mcse": 0.02} if estimator == HAZARD_MODEL else {})
                )
            if estimator == "hazard model":
                total = _interval(1.5 - e - 0.1 * t, 1.1, estimator)
                rows.append({**own, "quantity": "cumulative_lag_effect"} | total)
    return rows


def _shape_rows(model: ModelSpec) -> list[dict[str, Any]]:
    rows = []
    for s, wanted in enumerate(model.lag_shapes):
        labels = {"estimand": wanted.label, "term": wanted.term, "estimator": HAZARD_MODEL}
        for e, exit_name in enumerate(model.outcome.exits):
            if wanted.exit not in (None, exit_name):
                continue
            own = {**labels, "exit": exit_name, "unit": "probability"}
            after = {"estimate": 0.93 - 0.21 * e - 0.02 * s, "mcse": 0.006}
            rows.append({**own, "quantity": POSTERIOR_SHAPE} | after)
            rows.append({**own, "quantity": PRIOR_SHAPE, "estimate": 0.28, "mcse": 0.007})
    return rows


def _incidence_rows(model: ModelSpec) -> list[dict[str, Any]]:
    rows = []
    for wanted in model.estimand:
        if not isinstance(wanted, IncidenceEstimand):
            continue
        term = next((t for t in model.lagged if t.name == wanted.term), None)
        labels = {}
        if term:
            labels = {"term": term.name, "exposure": term.exposure, "network": term.network}
        arms = {"without": 1.0, "with": 1.0} if term else {"observed": 1.0}
        for (e, exit_name), month in product(
            enumerate(model.outcome.exits), range(1, wanted.horizon_months + 1)
        ):
            own = {
                **labels,
                "exit": exit_name,
                "month": month,
                "estimator": "hazard model",
                "unit": "probability",
            }
            share = (0.04, 0.5, 0.2)[e % 3] * (1 - np.exp(-month / 9))
            # The first exit more often, the second less, the third as often.
            more = (0.021, -0.034, 0.0)[e % 3] * (1 - np.exp(-month / 4))
            for arm in arms:
                value = share + (more if arm == "with" else 0.0)
                shown = _interval(value, 0.3 * value, "hazard model")
                rows.append({**own, "quantity": "cumulative_incidence", "arm": arm} | shown)
            if term:
                shown = _interval(more, 0.013, "hazard model") | _sides(wanted, e)
                contrast = {"quantity": "risk_difference", "arm": "with - without"}
                rows.append({**own, **contrast} | shown)
    return rows


def _standardised_rows(model: ModelSpec) -> list[dict[str, Any]]:
    """More at first than in the end; fewer; and the same of the third exit."""
    rows: list[dict[str, Any]] = []
    for wanted in model.estimand:
        if not isinstance(wanted, GFormulaEstimand):
            continue
        labels = {"estimand": wanted.label, "effect": wanted.effect, "term": wanted.term}
        labels |= {"estimator": "hazard model", "arm": "with - without", "unit": "probability"}
        for e, exit_name in enumerate(model.outcome.exits):
            own, peak = {**labels, "exit": exit_name}, (0.031, -0.017, 0.0)[e % 3]
            told = {"at_window_end": (7, peak), "net_displacement": (24, 0.3 * peak)}
            told |= {"additional": (24, 0.7 * peak)}
            above = {"p_positive": 0.5 + 8 * peak, "p_positive_mcse": 0.002}
            for quantity, (month, value) in told.items():
                shown = _interval(value, 0.011, "hazard model") | above
                shown |= _sides(wanted, 2)  # net displacement is open
                rows.append({**own, "quantity": quantity, "month": month} | shown)
            for e_bound, name in enumerate(("lower", "monotone_lower", "upper")):
                shown = _interval(0.02 + 0.03 * e_bound, 0.01, "hazard model")
                bound = {"quantity": f"brought_forward_{name}_bound", "month": 24}
                rows.append({**own, **bound} | shown)
            for month in range(1, wanted.horizon_months + 1):
                value = peak * (0.9 if month < 24 else 0.7)
                sure = {"lower_50": value - 0.003, "upper_50": value + 0.003}
                sure |= {"p_direction": 0.876, "p_direction_mcse": 0.002} | _sides(wanted, e)
                shown = _interval(value, 0.011, "hazard model") | sure
                rows.append({**own, "quantity": "risk_difference", "month": month} | shown)
                share = (0.04, 0.5, 0.2)[e % 3] * (1 - np.exp(-month / 9))
                for arm, there in (("without", share), ("with", share + value)):
                    level = {"quantity": "cumulative_incidence", "month": month, "arm": arm}
                    rows.append({**own, **level} | _interval(there, 0.3 * there, "hazard model"))
            extra = _interval(14 * peak, 0.2, "hazard model")
            rows.append({**own, "quantity": "extra_exits_per_event", "month": 24} | extra)
        rows.append({**labels, "quantity": "rmst_difference"} | _interval(-0.41, 0.1, ""))
        rows.append({**labels, "quantity": "saved_months_per_event"} | _interval(5.7, 1.1, ""))
        if model.costs is not None:
            cost = _interval(-45000.0, 11000.0, "hazard model")
            rows.append({**labels, "quantity": "cost_change_per_event", "month": 24} | cost)
        for quantity, value in SUPPORT.items():
            rows.append({**labels, "quantity": quantity, "arm": "with", "estimate": value})
    return rows


def _sides(wanted: GFormulaEstimand | IncidenceEstimand, e: int) -> dict[str, float | None]:
    """Probabilities of sides: surely more of the first exit, fewer of the second, else open."""
    above, below = ((0.99, 0.0), (0.0, 0.99), (0.4, 0.3))[e % 3]
    names = {"p_above_rope": above, "p_below_rope": below, "p_rope_mcse": 0.005}
    return {**names, "rope": wanted.rope}


def _counted_rows(model: ModelSpec) -> list[dict[str, Any]]:
    return [
        {
            "estimator": "Aalen-Johansen",
            "quantity": "cumulative_incidence",
            "arm": "observed",
            "exit": exit_name,
            "month": month,
            "unit": "probability",
        }
        | _interval(0.3 * (1 - np.exp(-month / (7 + e))), 0.02, "")
        for (e, exit_name), month in product(enumerate(model.outcome.exits), range(1, 31))
    ]


def _interval(middle: float, half: float, estimator: str) -> dict[str, float]:
    error = half / 100 if estimator == "hazard model" else np.nan
    ends = {"lower": middle - half, "upper": middle + half}
    return {"estimate": middle, "sd": half / 1.96, **ends, "mcse": error}


def checked(model: ModelSpec) -> pd.DataFrame:
    """Replicated exits of everybody, of two levels of every column, and of three months."""
    curves = {"all": ["all"], **{name: ["one", "two"] for name in model.group_columns}}
    rows = []
    for grouping, levels in [*curves.items(), ("month", ["1", "2", "3"])]:
        for (place, level), (e, name) in product(enumerate(levels), enumerate(model.outcome.exits)):
            own = {"grouping": grouping, "level": level, "exit": name}
            sizes = {"n_persons": 300, "n_rows": 3000, "n_draws": 200}
            count = {"quantity": "exits", "observed": 40.0 + place, "predicted": 38.5 + e}
            rows.append({**own, **sizes, **count, "lower": 30.0, "upper": 52.0, "mcse": 0.4})
            months = range(1, 25) if grouping == "all" else [12] if grouping in curves else []
            for month in months:
                share = 0.3 * (1 - np.exp(-month / (7 + e))) + 0.1 * place
                inside = {"predicted": 0.99 * share, "lower": 0.9 * share, "upper": 1.03 * share}
                kind = {"quantity": "cumulative_incidence", "month": month, "observed": share}
                rows.append({**own, **sizes, **kind, **inside, "mcse": 0.001})
    found = pd.DataFrame(rows).assign(p_value=0.4, p_value_mcse=0.03)
    return found.astype({"month": "Int64"})[list(predictive.posterior.COLUMNS)]


def gate_table(model: ModelSpec, worst: float = 1.002) -> pd.DataFrame:
    """Convergence of one parameter and of the numbers that a page prints."""
    names = ["beta_sex", "cumulative_incidence"]
    names += ["lag_coefficient", "cumulative_lag_effect"] if model.lagged else []
    table = pd.DataFrame({"variable": names, "quantity": [f"{name}[a]" for name in names]})
    return table.assign(
        r_hat=[worst, *[1.001] * (len(names) - 1)],
        ess_bulk=812.0,
        ess_tail=634.0,
        mcse_to_sd=0.035,
        finite=True,
        constant=False,
    )


def flow(*, registers: bool) -> pd.DataFrame:
    """Families read, left out and kept."""
    if not registers:
        return pd.DataFrame({"step": ["in the panel"], "persons": [413]})
    rows = [
        ("read", "rows of persons", 1389, 1030),
        ("excluded", "stateless", 7, 7),
        ("kept", "families with a month at risk in the window", 613, 613),
        ("note", "two exits in one month, settled by exit_order", 3, 3),
        ("note", "disappeared too late to be followed for long enough", 43, 43),
    ]
    return pd.DataFrame(rows, columns=["step", "reason", "persons", "families"])


def small_run(name: str = "oslo2016", *, source: str | None = None, passed: bool = True) -> Fit:
    """A run of a bundled model, as read back from its folder."""
    model = spec.read(name)
    source = source or ("registers" if name in ("oslo2016", "forced_return_costs") else "table")
    exits = {exit_name: (88, 291, 7)[e] for e, exit_name in enumerate(model.outcome.exits)}
    known = {
        "kind": "run",
        "model": model.model_dump(mode="json"),
        "model_digest": model.digest,
        "gate": PASSED if passed else FAILED,
        "limits": asdict(EXPLORE),
        **facts(source, exits),
        "posterior_digest": "0" * 64,
        "digest": "1" * 64,
    }
    verdict: dict[str, Any] = PASSED if passed else FAILED
    return Fit(
        spec=model,
        posterior=xr.DataTree(),
        facts=known,
        estimates=estimates(model),
        predictive=checked(model),
        gate=Gate(
            gate_table(model, 1.002 if passed else 1.234),
            divergences=verdict["divergences"],
            bfmi=tuple(verdict["bfmi"]),
            chains=verdict["chains"],
            limits=EXPLORE,
            failures=tuple(verdict["failures"]),
            copies=verdict["copies"],
        ),
        priors=priors.describe(model),
        flow=flow(registers=source != "table"),
        name=name,
    )


def facts(source: str, exits: dict[str, int]) -> dict[str, Any]:
    """What a run says of its panel, its baselines and how it was made."""
    return {
        "sd_ratios": {"forced_return_centre": {"assisted": 1.1, "disappeared": 1.3, "forced": 1.0}},
        "source": source,
        "panel": {
            "rows": 5910,
            "persons": 613,
            "exits": exits,
            "no_exit": 100,
            "design_rows": 5156,
            "design_persons": 603,
            "design_exits": exits,
            "left_out_rows": {"exposure history": 754},
            "levels": {"centre": 12},
            "coefficients_per_exit": 65,
        },
        "held": {
            "multinomial logit": {
                "not_identified": 2,
                "at_minus_infinity": {"assisted": 5},
                "at_plus_infinity": {"assisted": 1},
            }
        },
        "rows_digest": "1" * 64,
        "answers": {
            "g_formula": {"paths": 603, "residents_per_event": 14.2, "persons_per_path": 1.37}
        },
        "settings": asdict(SamplerSettings(seed=3)),
        "versions": versions(),
    }


def small_analysis(rng: np.random.Generator, model: ModelSpec | None = None, n: int = 600) -> Fit:
    """An analysis with draws that its numbers, its gate and its labels are of.

    ``n`` draws a chain; with 600 of independent draws the gate is passed.
    """
    run = small_run()
    own = run.spec if model is None else model
    posterior, estimands = small_draws(rng, own, n)
    estimands = {str(name): values for name, values in estimands.data_vars.items()}
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "sample_stats": small_statistics(rng, n),
            "estimands": xr.Dataset(estimands),
        }
    )
    if own.lag_shapes:
        prior = xr.DataTree(estimands_of_prior(rng, own))
        tree = tree.assign({PRIOR: prior})
    stated = estimates(own)
    hazard = (stated["estimator"] == HAZARD_MODEL) & stated["estimand"].isna()
    shapes = stated["quantity"].isin([POSTERIOR_SHAPE, PRIOR_SHAPE])
    counted = stated[~(hazard & stated["quantity"].isin(_OF_DRAWS)) & ~shapes]
    intercept = coefficients.from_draws(posterior, {}, own)[coefficients.INTERCEPT]
    named = intercept.assign(term="intercept", quantity="intercept", level=None)
    of_draws = joined([hazard_estimates(estimands, own), prior_estimates(tree, own), named])
    exits = {name: (88, 291, 7)[e] for e, name in enumerate(own.outcome.exits)}
    return Fit(
        spec=own,
        posterior=tree,
        estimates=joined([of_draws, counted]).assign(engine="nuts"),
        predictive=checked(own),
        gate=recheck.gate_of(tree),
        priors=priors.describe(own),
        flow=run.flow,
        facts={**COMPLETE, **facts("registers", exits)},
    )


_OF_DRAWS = (
    "lag_coefficient",
    "cumulative_lag_effect",
    "cumulative_incidence",
    "risk_difference",
)
COMPLETE: dict[str, Any] = {
    "register_warnings": [],
    "compared": 21,
    "centres": {},
    "binary": [],
    "flow": {
        "read": {"persons": 613, "rows": 5910, "exits": 386},
        "inside": {"persons": 603, "rows": 5156, "exits": 386},
        "reasons": {},
        "shares": {},
        "outside": {},
        "warned": False,
        "largest": None,
        "cure": None,
    },
    "notes": {"unit": "month", "states": {}, "held": {}, "never": []},
    "unseen": {},
    "remarks": {},
    "seconds": {"nuts": 61.0},
}
"""What every run says and these tests do not look at."""


def small_draws(
    rng: np.random.Generator, model: ModelSpec, n: int
) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws of a coefficient and of everything that the model asks for."""
    names = ("chain", "draw")
    exits = list(model.outcome.exits)

    def drawn(**labels: list[Any]) -> xr.DataArray:
        shape = (4, n, *map(len, labels.values()))
        places = {"chain": range(4), "draw": range(n), **labels}
        return xr.DataArray(rng.normal(size=shape), places, [*names, *labels])

    posterior = xr.Dataset({"beta": drawn(exit=exits), "intercept": drawn(exit=exits)})
    for term in model.term:
        if term.kind in ("covariate", "baseline", "calendar"):  # of one level: without contrasts
            posterior[f"beta_{term.name}"] = drawn(**{f"{term.name}_level": [], "exit": exits})
    estimands = xr.Dataset()
    if model.lagged:
        terms = [term.name for term in model.lagged]
        lags = sorted({lag for term in model.lagged for lag in term.every_lag})
        curves = drawn(term=terms, lag=lags, exit=exits)
        estimands["lag_coefficient"] = curves
        estimands["cumulative_lag_effect"] = curves.sum("lag")
    for wanted in model.estimand:
        if isinstance(wanted, IncidenceEstimand):
            arms = ["observed"] if wanted.term is None else ["without", "with"]
            months = list(range(1, wanted.horizon_months + 1))
            start = drawn(arm=arms, exit=exits)
            month = xr.DataArray(months, {"month": months}, "month")
            share = (1 - np.exp(-month / 9)) / len(exits) / (1 + np.exp(-start))
            estimands["cumulative_incidence"] = share.transpose(*names, "arm", "exit", "month")
    return posterior, estimands


def estimands_of_prior(rng: np.random.Generator, model: ModelSpec) -> xr.Dataset:
    """Independent draws of lag curves in one chain, as from a prior."""
    lags = sorted({lag for term in model.lagged for lag in term.every_lag})
    labels = {"term": [term.name for term in model.lagged], "lag": lags}
    labels |= {"exit": list(model.outcome.exits)}
    values = rng.normal(size=(1, 200, *map(len, labels.values())))
    curves = xr.DataArray(values, labels, ("chain", "draw", *labels))
    return curves.to_dataset(name="lag_coefficient")


def small_statistics(rng: np.random.Generator, n: int, **over: list[str]) -> xr.Dataset:
    """What a sampler that never diverged says of its draws."""
    shape, dims = (*map(len, over.values()), 4, n), [*over, "chain", "draw"]
    return xr.Dataset(
        {"diverging": (dims, np.zeros(shape, bool)), "energy": (dims, rng.normal(size=shape))},
        over,
    )


# --- published estimates ------------------------------------------------------------------------
def small_published_posterior(
    rng: np.random.Generator, *, diverged: bool = False
) -> published.PublishedPosterior:
    """The published curves under two priors, with independent draws of one number.

    If they diverged, it was under the second prior.
    """
    curves = published.published_curves()
    chosen = {name: published.PRIORS[name] for name in ("wide", "decay")}
    over = {"prior": list(chosen)}
    statistics = small_statistics(rng, 600, **over)
    if diverged:
        statistics["diverging"].loc[{"prior": "decay"}] = True
    sizes = {"prior": 2, "chain": 4, "draw": 600, **curves.sizes}
    theta = xr.DataArray(
        rng.normal(size=tuple(sizes.values())), {**over, **curves.coords}, [*sizes]
    )
    known = xr.Dataset({"theta": theta, "cumulative_lag_effect": theta.sum("lag")})
    draws = xr.DataTree.from_dict({"posterior": known, "sample_stats": statistics})
    return published.PublishedPosterior(
        posterior=draws,
        gates=published.gates_of(draws, chosen),
        estimates=pd.concat(
            [published.published_estimates(curves), published.estimates(draws)], ignore_index=True
        ),
        correlation=published.neighbour_correlation(curves, chosen),
        priors=chosen,
        settings=SamplerSettings(seed=2016),
    )


def small_published(rng: np.random.Generator, *, passed: bool = True) -> PublishedFolder:
    """Published estimates as read back from their folder."""
    found = small_published_posterior(rng)
    gates = [each.table.assign(prior=prior) for prior, each in found.gates.items()]
    manifest = {
        "kind": "published",
        "priors": {name: each.model_dump(mode="json") for name, each in found.priors.items()},
        "gates": {"wide": PASSED, "decay": PASSED if passed else FAILED},
        "limits": asdict(PUBLISH),
        "settings": asdict(found.settings),
        "versions": versions(),
        "posterior_digest": "0" * 64,
        "digest": "1" * 64,
    }
    status = Status.passed if passed else Status.failed
    return PublishedFolder(manifest, status, found.estimates, pd.concat(gates), found.correlation)
