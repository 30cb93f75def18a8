"""Cox's proportional hazards of each exit, on the person-period panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from hazard.arrays import BoolArray, IntArray
from hazard.baselines import proportional
from hazard.baselines.fit import BaselineFit
from hazard.baselines.partial_likelihood import RiskSets, Ties
from hazard.baselines.remarks import reference_curves
from hazard.baselines.robust import Clusters
from hazard.errors import DesignError
from hazard.model.design import Design
from hazard.model.equivalent import identified
from hazard.model.terms.block import column

ABSORBED = ("intercept", "baseline")
"""Kinds of blocks that the risk sets make up for."""


def fit(
    design: Design,
    panel: pd.DataFrame,
    *,
    ties: Ties = "efron",
    strata: Sequence[str] = (),
    errors: Clusters | Literal["information"] = "information",
) -> BaselineFit:
    """Log hazard ratio of each exit, the others censored, with a free baseline per month.

    Parameters
    ----------
    design : Design
        One row per person-month. Its intercept and its baseline over the months at risk are left
        out: each month is a risk set of its own. Group terms become dummies relative to their
        largest level.
    panel : DataFrame
        The panel of the design.
    ties : {"efron", "breslow"}
        Several leave in the same month nearly always. Efron's likelihood is nearer to that of
        unknown times within the month; Breslow's draws coefficients towards 0.
    strata : sequence of str
        Columns each combination of which has a baseline of its own; a group term of the same name
        is left out.
    errors : "information" or Clusters
        From the information, or from the sandwich of groups of rows (of
        :func:`hazard.baselines.robust.clusters`), as R's ``coxph`` with ``cluster``: no factor
        for small samples.

    Returns
    -------
    BaselineFit
        Log hazards, the same per unit whatever the unit of a covariate; infinite, and named, where
        the likelihood rises without end, such as where no exit occurs among the rows of a dummy.

    Raises
    ------
    DesignError
        If rows of the design stand for several person-months, or no term is left.
    ConvergenceError
        If the partial likelihood has no maximum that Newton steps find.

    Notes
    -----
    The hazard of exit j in month t is h_j0(t) exp(x'b_j), with x the values in that month. A person
    is in the risk sets of the months that have a row, so that delayed entry, absence and covariates
    that change need nothing else. The coefficients are about the rate of exit j among those who are
    still there; what share leaves through j in the end depends on the other exits too. See
    :func:`hazard.baselines.partial_likelihood.maximise` for the likelihood.

    ``CoxTimeVaryingFitter`` of lifelines finds the same numbers [2]_. It has no sandwich, and ends
    with an error where a dummy is separated, which with hundreds of centres is the rule.

    References
    ----------
    .. [1] Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd
       edition.
    .. [2] Davidson-Pilon (2019), lifelines: survival analysis in Python, Journal of Open Source
       Software 4(40).

    Examples
    --------
    Of two persons a leaves first, then b: exp(x'b) of a over the sum of both rises without bound if
    only a was visited. With a third, c, who was not visited and leaves before both, the likelihood
    is 1 / (r + 2) * r / (r + 1), which is largest at r = sqrt(2).

    >>> from hazard import spec
    >>> from hazard.model import design
    >>> text = '''name = "example"
    ... question = "an example?"
    ... [outcome]
    ... exits = ["left"]
    ... [[term]]
    ... kind = "covariate"
    ... column = "visited"
    ... prior = {family = "normal", scale = 1.0, reason = "an example only"}'''
    >>> panel = pd.DataFrame({"person": [0, 0, 1, 1, 1, 2], "month": [1, 2, 1, 2, 3, 1]})
    >>> panel = panel.assign(exit=["stay", "left", "stay", "stay", "left", "left"])
    >>> panel = panel.assign(visited=[1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    >>> fitted = fit(design.build(panel, {}, spec.load(text)), panel)
    >>> np.exp(fitted.estimate).round(6).tolist()
    [[1.414214]]
    """
    check_rows(design)
    plain = identified(design)
    used = without(plain, strata)
    time = _risk_set(design, panel, strata)
    sets = [_sets(used.outcome == j + 1, time, ties) for j in range(len(design.exits))]
    remarks = [f"Ties after {ties.capitalize()}."]
    remarks += [f"A baseline per level of {', '.join(strata)}."] if strata else []
    remarks += reference_curves(design, plain)
    return proportional.fit("Cox", used, sets, remarks=remarks, errors=errors)


def check_rows(design: Design) -> None:
    """Raise unless every row of the design is one person-month."""
    several = int((design.weight != 1).sum())
    if several:
        raise DesignError(
            "design must have one row per person-month, which knows its month; got a weight other "
            f"than 1 in {several:,} of {len(design.weight):,} rows. Pass the design before equal "
            "rows are collapsed."
        )


def without(design: Design, left_out: Sequence[str]) -> Design:
    """The design without the blocks of some names, and without its intercept and baseline.

    Raises
    ------
    DesignError
        If no block is left.
    """
    kept_blocks = [
        b
        for b, block in enumerate(design.blocks)
        if block.kind not in ABSORBED and block.name not in left_out
    ]
    if not kept_blocks:
        raise DesignError(
            "model must have a term whose level differs among those at risk for proportional "
            "hazards; got none. Add a covariate, or use Kaplan-Meier."
        )
    return replace(
        design,
        blocks=tuple(design.blocks[b] for b in kept_blocks),
        index=design.index[:, kept_blocks],
    )


def _sets(leaves: BoolArray, time: IntArray, ties: Ties) -> RiskSets:
    """Risk sets of the times at which somebody leaves, each row in that of its own time."""
    times, exit_set = np.unique(time[leaves], return_inverse=True)
    inside = np.flatnonzero(np.isin(time, times))
    shape = (len(time), len(times))
    set_of_row = np.searchsorted(times, time[inside])
    leaving = np.flatnonzero(leaves)
    return RiskSets(
        weight=sparse.csr_array((np.ones(len(inside)), (inside, set_of_row)), shape=shape),
        leaves=sparse.csr_array((np.ones(len(leaving)), (leaving, exit_set)), shape=shape),
        ties=ties,
    )


def _risk_set(design: Design, panel: pd.DataFrame, strata: Sequence[str]) -> IntArray:
    """Code of the month, and of the levels of the strata, of every row."""
    rows = panel.iloc[design.row]
    code = rows["month"].to_numpy(dtype=np.int64)
    for name in strata:
        levels, _ = pd.factorize(column(rows, name))
        code = pd.factorize(code * (int(levels.max()) + 1) + levels)[0]
    return code.astype(np.int64)
