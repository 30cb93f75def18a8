"""The convergence gate: what must hold before a posterior is published."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats  # type: ignore[attr-defined]

from hazard.arrays import FloatArray

_ARVIZ: Any = array_stats  # untyped
_MEASURES = ["r_hat", "ess_bulk", "ess_tail", "mcse_to_sd"]
_COLUMNS = ["variable", "quantity", *_MEASURES, "finite", "constant"]
_FEWEST_DRAWS = 8
_TAIL = (0.05, 0.95)
_SAME = 1e-6  # of the range of a chain: that independent draws agree to this throughout is excluded
_RELATIVE_ROUNDING = 4 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class GateLimits:
    """What a posterior must keep to.

    Attributes
    ----------
    r_hat : float
        Largest rank-normalised split R-hat.
    ess : float
        Smallest effective number of draws, in the bulk and in the tails.
    mcse_to_sd : float
        Largest Monte Carlo standard error of a mean, in posterior standard deviations.
    bfmi : float
        Smallest Bayesian fraction of missing information of a chain.
    chains : int
        Fewest chains.
    divergences : int
        Most divergent transitions.
    """

    r_hat: float = 1.01
    ess: float = 400.0
    mcse_to_sd: float = 0.05
    bfmi: float = 0.3
    chains: int = 4
    divergences: int = 0


EXPLORE = GateLimits()
PUBLISH = GateLimits(ess=1000.0)


@dataclass(frozen=True)
class Gate:
    """What was measured on a posterior, and what of it breaks a limit.

    Attributes
    ----------
    table : DataFrame
        One row per number: ``variable``, ``quantity`` (with its coordinates), ``r_hat``,
        ``ess_bulk``, ``ess_tail``, ``mcse_to_sd`` (NaN where they have no meaning), ``finite``
        (every draw is a number), ``constant`` (some chain never moved).
    divergences : int or None
        Divergent transitions; None where the sampler did not record them.
    bfmi : tuple of float
        Bayesian fraction of missing information per chain; empty where energy was not recorded.
    chains : int
    limits : GateLimits
    failures : tuple of str
        One sentence per broken limit, without labels of levels; empty when all hold.
    copies : int
        Chains with the draws of another chain, in the same order or in another one.
    """

    table: pd.DataFrame
    divergences: int | None
    bfmi: tuple[float, ...]
    chains: int
    limits: GateLimits
    failures: tuple[str, ...]
    copies: int = 0

    @property
    def passed(self) -> bool:
        """Whether every limit holds."""
        return not self.failures


def gate(
    posterior: xr.DataTree,
    *,
    limits: GateLimits = EXPLORE,
    quantities: Mapping[str, xr.DataArray] | None = None,
) -> Gate:
    """Convergence of every parameter and every published quantity, compared with limits.

    Parameters
    ----------
    posterior : DataTree
        Groups ``posterior`` (every variable is judged) and ``sample_stats`` (``diverging``,
        ``energy``), dims (chain, draw, ...).
    limits : GateLimits
        ``EXPLORE`` (400 effective draws) or ``PUBLISH`` (1,000).
    quantities : mapping of name to DataArray, dims (chain, draw, ...), optional
        Estimands computed from the draws. Leave out what is known without sampling, such as a
        probability of 0 in month 0: a constant fails.

    Returns
    -------
    Gate
        Never raises for what was drawn: what cannot be measured does not pass.

    Notes
    -----
    R-hat and effective draws are rank-normalised over split chains; tails are the 5 and 95 percent
    quantiles. BFMI of a chain is mean((E_t - E_{t-1})^2) / var(E).

    References
    ----------
    .. [1] Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and
       localization: an improved R-hat for assessing convergence of MCMC, Bayesian Analysis 16(2).
    .. [2] Betancourt (2016), Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte
       Carlo, arXiv:1604.00695.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = xr.Dataset({"beta": (("chain", "draw"), rng.normal(size=(4, 500)))})
    >>> stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 500), bool)),
    ...                     "energy": (("chain", "draw"), rng.normal(size=(4, 500)))})
    >>> tree = xr.DataTree.from_dict({"posterior": draws, "sample_stats": stats})
    >>> gate(tree).passed
    True
    >>> gate(tree.isel(chain=slice(3))).failures
    ('Chains must number at least 4; got 3.',)
    """
    parameters: dict[str, xr.DataArray] = {
        str(name): _without_diagonal(values)
        for name, values in posterior["posterior"].data_vars.items()
    }
    named = {**parameters, **dict(quantities or {})}
    measures = [_measure(name, values) for name, values in named.items()]
    table = pd.concat(measures) if measures else pd.DataFrame(columns=_COLUMNS)
    recorded = "sample_stats" in posterior.children
    statistics = posterior["sample_stats"].to_dataset() if recorded else xr.Dataset()
    measured = Gate(
        table=table.reset_index(drop=True),
        divergences=_divergences(statistics),
        bfmi=_bfmi(statistics),
        chains=posterior["posterior"].sizes["chain"],
        limits=limits,
        failures=(),
        copies=_copies(parameters.values()),
    )
    failures = (*_sampler_failures(measured), *_quantity_failures(measured))
    return replace(measured, failures=failures)


def _without_diagonal(values: xr.DataArray) -> xr.DataArray:
    """Of a matrix over exits, one entry per pair: the diagonal of correlations is known."""
    if "other_exit" not in values.dims:
        return values
    n = values.sizes["exit"]
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    names = [str(name) for name in values["exit"].values]
    entries = [values.isel(exit=a, other_exit=b, drop=True) for a, b in pairs]
    labels = [f"{names[a]}, {names[b]}" for a, b in pairs]
    return xr.concat(entries, dim=xr.DataArray(labels, dims="pair", name="pair"))


# --- measuring ----------------------------------------------------------------------------------
def _measure(name: str, values: xr.DataArray) -> pd.DataFrame:
    ordered = values.transpose("chain", "draw", ...)
    shape = (*ordered.shape[:2], int(np.prod(ordered.shape[2:])))
    draws = ordered.values.reshape(shape).astype(np.float64)
    finite = np.isfinite(draws).all(axis=(0, 1))
    enough = draws.shape[0] > 1 and draws.shape[1] >= _FEWEST_DRAWS
    constant = _constant(draws) if enough else np.zeros_like(finite)
    measurable = finite & ~constant & enough
    measures = np.full((draws.shape[2], len(_MEASURES)), np.nan)
    if measurable.any():
        measures[measurable] = _converge(draws[:, :, measurable])
    return pd.DataFrame(measures, columns=_MEASURES).assign(
        variable=name, quantity=list(_labels(name, ordered)), finite=finite, constant=constant
    )[_COLUMNS]


def _copies(variables: Iterable[xr.DataArray]) -> int:
    """Number of chains that hold the draws of an earlier chain in some quantity, in any order."""
    copied: set[int] = set()
    for values in variables:
        ordered = values.transpose("chain", "draw", ...).values.astype(np.float64)
        draws = ordered.reshape(*ordered.shape[:2], int(np.prod(ordered.shape[2:])))
        draws = _many_valued(np.sort(draws[:, :, np.isfinite(draws).all(axis=(0, 1))], axis=1))
        if not draws.size:
            continue
        tolerance = _SAME * np.ptp(draws, axis=1)
        for first, second in itertools.combinations(range(len(draws)), 2):
            difference = np.abs(draws[first] - draws[second])
            if (difference <= tolerance[first]).all(axis=0).any():
                copied.add(second)
    return len(copied)


def _many_valued(draws: FloatArray) -> FloatArray:
    """Of sorted draws, the quantities with so many values that chains do not agree by chance."""
    values = (np.diff(draws, axis=1) > 0).sum(axis=1)
    selected: FloatArray = draws[:, :, (values >= _FEWEST_DRAWS).all(axis=0)]
    return selected


def _constant(draws: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether some chain keeps to one value, up to rounding."""
    with np.errstate(invalid="ignore"):
        spread = draws.max(axis=1) - draws.min(axis=1)
        unmoved = spread <= _RELATIVE_ROUNDING * np.abs(draws).max(axis=1)
    constant: npt.NDArray[np.bool_] = unmoved.any(axis=0)
    return constant


def _converge(draws: FloatArray) -> FloatArray:
    """The measures of finite, moving draws of shape (chain, draw, n), as (n, measure)."""
    # A common location and scale change no measure, and keep tiny or huge units from underflow.
    centred = draws - draws.mean(axis=(0, 1))
    unit = centred / np.abs(centred).max(axis=(0, 1))
    unit /= unit.std(axis=(0, 1), ddof=1)
    axes = {"chain_axis": 0, "draw_axis": 1}
    return np.stack(
        [
            _ARVIZ.rhat(unit, **axes),
            _ARVIZ.ess(unit, method="bulk", **axes),
            _ARVIZ.ess(unit, method="tail", prob=_TAIL, **axes),
            _ARVIZ.mcse(unit, method="mean", **axes),
        ],
        axis=-1,
    )


def _labels(name: str, values: xr.DataArray) -> Iterator[str]:
    axes = [[str(label) for label in values[dim].values] for dim in values.dims[2:]]
    for labels in itertools.product(*axes):
        yield f"{name}[{', '.join(labels)}]" if labels else name


def _divergences(statistics: xr.Dataset) -> int | None:
    return int(statistics["diverging"].sum()) if "diverging" in statistics else None


def _bfmi(statistics: xr.Dataset) -> tuple[float, ...]:
    if "energy" not in statistics or statistics.sizes["draw"] < _FEWEST_DRAWS:
        return ()
    energy = statistics["energy"].transpose("chain", "draw").values.astype(np.float64)
    moving = np.isfinite(energy).all(axis=1) & (np.ptp(energy, axis=1) > 0)
    fraction = np.full(len(energy), np.nan)
    fraction[moving] = _ARVIZ.bfmi(energy[moving]) if moving.any() else np.nan
    return tuple(float(value) for value in fraction)


# --- judging ------------------------------------------------------------------------------------
def _sampler_failures(measured: Gate) -> Iterator[str]:
    limits = measured.limits
    if measured.chains < limits.chains:
        yield f"Chains must number at least {limits.chains}; got {measured.chains}."
    if measured.copies:
        yield (
            "Chains must be drawn each for itself; got the draws of another one in "
            f"{measured.copies} of {measured.chains}."
        )
    if measured.divergences is None:
        yield "Divergent transitions must be recorded; 'diverging' is missing in sample_stats."
    elif measured.divergences > limits.divergences:
        yield (
            f"Divergent transitions must number at most {limits.divergences}; "
            f"got {measured.divergences:,}."
        )
    low = [bfmi for bfmi in measured.bfmi if not bfmi >= limits.bfmi]
    if not measured.bfmi:
        yield "Energy must be recorded in eight draws or more; BFMI could not be computed."
    elif low:
        yield (
            f"BFMI must be at least {limits.bfmi:g}; got {min(low):.2f} "
            f"in {len(low)} of {len(measured.bfmi)} chains."
        )


def _quantity_failures(measured: Gate) -> Iterator[str]:
    table, limits = measured.table, measured.limits
    if table.empty:
        yield "Posterior must hold at least one quantity; got none."
        return
    yield from _sentence(table, ~table["finite"], "Draws must be finite; got NaN or infinity")
    moving = table["finite"] & ~table["constant"]
    yield from _sentence(
        table, table["finite"] & ~moving, "Chains must move; got one value throughout a chain"
    )
    rules = [
        ("r_hat", "R-hat", 1, limits.r_hat),
        ("ess_bulk", "Effective draws in the bulk", -1, limits.ess),
        ("ess_tail", "Effective draws in the tails", -1, limits.ess),
        ("mcse_to_sd", "Monte Carlo error over posterior sd", 1, limits.mcse_to_sd),
    ]
    for column, words, sign, limit in rules:
        broken = moving & ~(sign * table[column] <= sign * limit)
        worst = sign * (sign * table.loc[broken, column]).max(skipna=False)
        bound = "at most" if sign > 0 else "at least"
        yield from _sentence(
            table, broken, f"{words} must be {bound} {limit:g}; got {worst:.5g} at worst"
        )


def _sentence(table: pd.DataFrame, broken: pd.Series, text: str) -> Iterator[str]:
    if broken.any():
        # Labels of levels stay in the table: a small level may describe few people.
        variables = table.loc[broken, "variable"].unique()
        named = ", ".join(variables[:5]) + (", ..." if len(variables) > 5 else "")
        yield f"{text}, in {broken.sum():,} of {len(table):,} quantities ({named})."
