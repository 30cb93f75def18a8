"""The gate: planted failures are caught, healthy chains pass, the measures are those of ArviZ."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hazard.inference.convergence import EXPLORE, PUBLISH, Gate, gate

Draws = np.ndarray
CHAINS, DRAWS = 4, 2000


def tree(draws: Draws, energy: Draws | None = None, n_divergent: int = 0) -> xr.DataTree:
    """Chains of one quantity ``beta`` beside a healthy vector ``u``, with sampler statistics."""
    rng = np.random.default_rng(7)
    shape = draws.shape
    diverging = np.zeros(shape, dtype=bool)
    diverging.flat[:n_divergent] = True
    moving = rng.normal(size=shape) if energy is None else energy
    sampled = ("chain", "draw")
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {
                    "beta": (sampled, draws),
                    "u": ((*sampled, "centre", "exit"), rng.normal(size=(*shape, 2, 2))),
                },
                coords={"centre": ["north", "south"], "exit": ["assisted", "disappeared"]},
            ),
            "sample_stats": xr.Dataset(
                {"diverging": (sampled, diverging), "energy": (sampled, moving)}
            ),
        }
    )


def noise(rng: np.random.Generator) -> Draws:
    return rng.normal(size=(CHAINS, DRAWS))


def autoregressive(rng: np.random.Generator, rho: float) -> Draws:
    """Stationary chains with correlation ``rho`` between neighbouring draws and sd 1."""
    steps = noise(rng)
    chains = np.empty_like(steps)
    chains[:, 0] = steps[:, 0]
    for t in range(1, DRAWS):
        chains[:, t] = rho * chains[:, t - 1] + np.sqrt(1 - rho**2) * steps[:, t]
    return chains


def planted(draws: Draws, where: object, value: object) -> Draws:
    changed = draws.copy()
    changed[where] = value
    return changed


def copied(draws: Draws, precision: type = np.float64, order: object = slice(None)) -> Draws:
    """The draws with the third chain a copy of the first."""
    return planted(draws, 2, draws[0].astype(precision)[order])


def two_modes(rng: np.random.Generator) -> Draws:
    return noise(rng) + np.array([[-5.0], [5.0], [-5.0], [5.0]])


# --- planted failures ---------------------------------------------------------------------------
BAD: dict[str, tuple[Callable[[np.random.Generator], xr.DataTree], str]] = {
    "one chain shifted": (
        lambda rng: tree(noise(rng) + np.array([[0.0], [0.0], [0.0], [1.0]])),
        r"^R-hat must be at most 1\.01; got 1\.\d+ at worst, in 1 of 5 quantities \(beta\)\.$",
    ),
    "one chain with another scale": (
        lambda rng: tree(noise(rng) * np.array([[1.0], [1.0], [1.0], [3.0]])),
        r"^R-hat must",
    ),
    "chains in two modes": (lambda rng: tree(two_modes(rng)), r"^R-hat must"),
    "all chains drift": (
        lambda rng: tree(noise(rng) + np.linspace(0.0, 2.0, DRAWS)),
        r"^R-hat must",
    ),
    "a chain not yet arrived": (
        lambda rng: tree(planted(noise(rng), (0, slice(0, 300)), 8.0)),
        r"^R-hat must",
    ),
    "all chains constant": (
        lambda rng: tree(np.ones((CHAINS, DRAWS))),
        r"^Chains must move; got one value throughout a chain, in 1 of 5 quantities \(beta\)\.$",
    ),
    "one chain stuck": (lambda rng: tree(planted(noise(rng), 2, 0.1)), r"^Chains must move"),
    "one chain stuck up to rounding": (
        lambda rng: tree(planted(noise(rng), 2, 0.1 + 1e-17 * (np.arange(DRAWS) % 2))),
        r"^Chains must move",
    ),
    "one draw not a number": (
        lambda rng: tree(planted(noise(rng), (1, 5), np.nan)),
        r"^Draws must be finite; got NaN or infinity, in 1 of 5 quantities \(beta\)\.$",
    ),
    "one draw infinite": (
        lambda rng: tree(planted(noise(rng), (3, -1), -np.inf)),
        r"^Draws must be finite",
    ),
    "nothing but not a number": (
        lambda rng: tree(np.full((CHAINS, DRAWS), np.nan)),
        r"^Draws must be finite",
    ),
    "slow chains": (
        lambda rng: tree(autoregressive(rng, 0.99)),
        r"^Effective draws in the bulk must be at least 400; got \d+(\.\d+)? at worst",
    ),
    "a mean that is not known": (
        lambda rng: tree(autoregressive(rng, 0.97)),
        r"^Monte Carlo error over posterior sd must be at most 0\.05; got 0\.\d+ at worst",
    ),
    "slow in the tails only": (
        lambda rng: tree(noise(rng) * np.exp(1.5 * autoregressive(rng, 0.995))),
        r"^Effective draws in the tails must be at least 400",
    ),
    "a divergence": (
        lambda rng: tree(noise(rng), n_divergent=1),
        r"^Divergent transitions must number at most 0; got 1\.$",
    ),
    "energy hardly moves": (
        lambda rng: tree(noise(rng), energy=autoregressive(rng, 0.95)),
        r"^BFMI must be at least 0\.3; got 0\.\d\d in 4 of 4 chains\.$",
    ),
    "energy not a number": (
        lambda rng: tree(noise(rng), energy=planted(noise(rng), (0, 0), np.nan)),
        r"^BFMI must be at least 0\.3; got nan in 1 of 4 chains\.$",
    ),
    "energy constant": (
        lambda rng: tree(noise(rng), energy=np.zeros((CHAINS, DRAWS))),
        r"^BFMI must be at least 0\.3; got nan in 4 of 4 chains\.$",
    ),
    "one chain copied": (
        lambda rng: tree(copied(noise(rng))),
        r"^Chains must be drawn each for itself; got the draws of another one in 1 of 4\.$",
    ),
    "one chain copied in another order": (
        lambda rng: tree(copied(noise(rng), order=rng.permutation(DRAWS))),
        r"^Chains must be drawn each for itself; got the draws of another one in 1 of 4\.$",
    ),
    "one chain copied in single precision": (
        lambda rng: tree(copied(noise(rng), np.float32)),
        r"^Chains must be drawn each for itself; got the draws of another one in 1 of 4\.$",
    ),
    "every chain the same": (
        lambda rng: tree(np.repeat(noise(rng)[:1], CHAINS, axis=0)),
        r"^Chains must be drawn each for itself; got the draws of another one in 3 of 4\.$",
    ),
    "three chains": (
        lambda rng: tree(noise(rng)[:3]),
        r"^Chains must number at least 4; got 3\.$",
    ),
    "one chain": (lambda rng: tree(noise(rng)[:1]), r"^R-hat must be at most 1\.01; got nan"),
    "fifty draws": (
        lambda rng: tree(noise(rng)[:, :50]),
        r"^Effective draws in the bulk must be at least 400",
    ),
    "two draws": (
        lambda rng: tree(noise(rng)[:, :2]),
        r"^Effective draws in the tails must be at least 400; got nan",
    ),
    "no draws": (lambda rng: tree(noise(rng)[:, :0]), r"^R-hat must be at most 1\.01; got nan"),
    "no sampler statistics": (
        lambda rng: xr.DataTree.from_dict(
            {"posterior": tree(noise(rng))["posterior"].to_dataset()}
        ),
        r"^Divergent transitions must be recorded; 'diverging' is missing in sample_stats\.$",
    ),
    "no quantity": (
        lambda rng: xr.DataTree.from_dict(
            {
                "posterior": xr.Dataset(coords={"chain": range(4), "draw": range(9)}),
                "sample_stats": tree(noise(rng))["sample_stats"].to_dataset(),
            }
        ),
        r"^Posterior must hold at least one quantity; got none\.$",
    ),
}


@pytest.mark.parametrize("fixture", BAD)
def test_planted_failure_is_caught(fixture: str, rng: np.random.Generator) -> None:
    build, sentence = BAD[fixture]
    judged = gate(build(rng))
    assert not judged.passed
    assert any(re.search(sentence, failure) for failure in judged.failures), judged.failures


def test_quantities_of_few_values_may_agree(rng: np.random.Generator) -> None:
    sampled = tree(noise(rng))
    few = np.tile(rng.permuted(np.repeat(np.arange(5.0), DRAWS // 5)), (CHAINS, 1))
    draws = sampled["posterior"].to_dataset().assign(few=(("chain", "draw"), few))
    assert gate(xr.DataTree.from_dict({"posterior": draws})).copies == 0


def test_planted_failure_is_the_only_one(rng: np.random.Generator) -> None:
    assert len(gate(tree(noise(rng), n_divergent=3)).failures) == 1


def test_failures_hold_no_label_of_a_level(rng: np.random.Generator) -> None:
    sampled = tree(noise(rng))
    sampled["posterior"]["u"][0, :, 1, 0] = np.nan
    judged = gate(sampled)
    assert judged.table.loc[~judged.table["finite"], "quantity"].tolist() == ["u[south, assisted]"]
    assert judged.failures == (
        "Draws must be finite; got NaN or infinity, in 1 of 5 quantities (u).",
    )


# --- healthy chains -----------------------------------------------------------------------------
# The largest autocorrelation below is 0.5. It multiplies the variance of a chain's mean by
# (1 + 0.5) / (1 - 0.5) = 3, and R-hat of the 8 half chains of n = 1,000 draws exceeds 1.01 when
# the variance ratio n (1.01^2 - 1) + 1 = 21.1 is exceeded by 3 chi2_7 / 7. Effective draws are
# 8,000 / 3 = 2,667 with a relative error near 0.1, so 400 is eight errors away; BFMI is near 2.
GOOD: dict[str, Callable[[np.random.Generator], Draws]] = {
    "normal": noise,
    "heavy tails": lambda rng: rng.standard_t(3, size=(CHAINS, DRAWS)),
    "skewed": lambda rng: np.exp(noise(rng)),
    "uniform": lambda rng: rng.uniform(size=(CHAINS, DRAWS)),
    "counts": lambda rng: rng.poisson(3.0, size=(CHAINS, DRAWS)),
    "two modes, both visited": lambda rng: noise(rng) + rng.choice([-5.0, 5.0], (CHAINS, DRAWS)),
    "large offset": lambda rng: 1e9 + noise(rng),
    "tiny unit": lambda rng: 1e-200 * noise(rng),
    "autocorrelated": lambda rng: autoregressive(rng, 0.5),
    "antithetic": lambda rng: autoregressive(rng, -0.5),
}


def test_false_alarms_are_rare() -> None:
    excess = (DRAWS // 2) * (1.01**2 - 1) + 1
    n_numbers = 5 * 2 * len(GOOD)
    # Twice, for the ranks and for the ranks of the distance from the median.
    assert 2 * n_numbers * stats.chi2.sf(7 * excess / 3, df=7) < 1e-5


@pytest.mark.parametrize("repeat", [1, 2])
@pytest.mark.parametrize("fixture", GOOD)
def test_healthy_chains_pass(fixture: str, repeat: int, rng: np.random.Generator) -> None:
    draws = GOOD[fixture](rng)
    judged = gate(tree(draws, energy=autoregressive(rng, 0.3)), limits=PUBLISH)
    assert judged.passed, judged.failures
    assert (judged.divergences, judged.chains) == (0, CHAINS)


# --- quantities and limits ----------------------------------------------------------------------
def test_quantities_are_judged_as_parameters_are(rng: np.random.Generator) -> None:
    sampled = tree(noise(rng))
    beta = sampled["posterior"]["beta"]
    assert gate(sampled, quantities={"odds_ratio": np.exp(beta)}).passed
    still = gate(sampled, quantities={"risk_difference": 0 * beta})
    [failure] = still.failures
    assert failure.endswith("in 1 of 6 quantities (risk_difference).")


def test_limits_decide(rng: np.random.Generator) -> None:
    sampled = tree(noise(rng)[:, :200])  # about 800 effective draws
    loose = replace(EXPLORE, r_hat=1.1)
    assert gate(sampled, limits=loose).passed
    strict = gate(sampled, limits=replace(PUBLISH, r_hat=1.1))
    assert {each.split(" must")[0] for each in strict.failures} == {
        "Effective draws in the bulk",
        "Effective draws in the tails",
    }


def test_limits_are_the_promised_ones() -> None:
    assert (EXPLORE.r_hat, EXPLORE.ess, EXPLORE.mcse_to_sd) == (1.01, 400, 0.05)
    assert (EXPLORE.bfmi, EXPLORE.chains, EXPLORE.divergences) == (0.3, 4, 0)
    assert replace(EXPLORE, ess=1000) == PUBLISH


# --- the measures -------------------------------------------------------------------------------
def row(judged: Gate, quantity: str) -> dict[str, float]:
    table = judged.table.set_index("quantity")
    return table.loc[quantity, ["r_hat", "ess_bulk", "ess_tail", "mcse_to_sd"]].to_dict()


def test_measures_against_arviz(rng: np.random.Generator) -> None:
    draws = autoregressive(rng, 0.5)
    axes = {"chain_axis": 0, "draw_axis": 1}
    expected = {
        "r_hat": float(arviz_stats.rhat(draws, **axes)),
        "ess_bulk": float(arviz_stats.ess(draws, method="bulk", **axes)),
        "ess_tail": float(arviz_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes)),
        "mcse_to_sd": float(arviz_stats.mcse(draws, method="mean", **axes) / draws.std(ddof=1)),
    }
    assert row(gate(tree(draws)), "beta") == pytest.approx(expected, rel=1e-12)


def test_unit_changes_no_measure(rng: np.random.Generator) -> None:
    draws = autoregressive(rng, 0.5)
    measures = [row(gate(tree(unit * draws)), "beta") for unit in (1.0, 2.0**-60, 2.0**60)]
    assert measures[1] == pytest.approx(measures[0], rel=1e-12)
    assert measures[2] == pytest.approx(measures[0], rel=1e-12)
    assert row(gate(tree(draws**2)), "beta") != pytest.approx(measures[0], rel=1e-3)


def test_bfmi_by_hand() -> None:
    # Energy 0, 1, 0, 1, ...: every step is 1, and the variance of eight draws is (8 / 4) / 7.
    energy = np.tile([0.0, 1.0], (CHAINS, 4))
    judged = gate(tree(np.random.default_rng(1).normal(size=energy.shape), energy=energy))
    assert judged.bfmi == pytest.approx([3.5] * CHAINS)


def test_table_names_every_number(rng: np.random.Generator) -> None:
    judged = gate(tree(noise(rng)))
    assert judged.table["quantity"].tolist() == [
        "beta",
        "u[north, assisted]",
        "u[north, disappeared]",
        "u[south, assisted]",
        "u[south, disappeared]",
    ]
    assert judged.table["finite"].all()
    assert not judged.table["constant"].any()


def test_diagonal_of_correlations_is_not_judged(rng: np.random.Generator) -> None:
    """Its draws are 1 by definition; an entry beside it that never moves still fails."""
    own = rng.uniform(-0.5, 0.5, (4, 500))
    matrix = np.stack(
        [np.stack([np.ones_like(own), own], -1), np.stack([own, 1 + 0 * own], -1)], -1
    )
    coords = {"exit": ["a", "b"], "other_exit": ["a", "b"]}
    dims = ("chain", "draw", "exit", "other_exit")
    stats = {
        "diverging": (("chain", "draw"), np.zeros((4, 500), bool)),
        "energy": (("chain", "draw"), rng.normal(size=(4, 500))),
    }

    def judged(values: np.ndarray) -> Gate:
        draws = xr.Dataset({"correlation_group": (dims, values)}, coords=coords)
        return gate(xr.DataTree.from_dict({"posterior": draws, "sample_stats": xr.Dataset(stats)}))

    found = judged(matrix)
    assert found.passed
    assert found.table["quantity"].tolist() == ["correlation_group[a, b]"]
    still = matrix.copy()  # negative control
    still[..., 0, 1] = 0.3
    assert not judged(still).passed
