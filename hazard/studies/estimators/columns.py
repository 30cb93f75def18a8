"""Whether two columns of coefficients, linear and logit, can come from the same rows.

Both are summaries of one set of cross-products
(:mod:`hazard.studies.estimators.linear_coefficient`), so that the standard errors of the two say
how frequent the exit is where the event varies, and that and the log-odds say what the linear
coefficient is, up to the curvature of a logit. How close is close enough is learned from samples of
rows with a known answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import FloatArray, IntArray
from hazard.baselines import linear_probability, multinomial_logit
from hazard.errors import ConvergenceError
from hazard.fitting import Panel
from hazard.model import design
from hazard.spec import LaggedTerm, ModelSpec
from hazard.studies.published import published_table

GROUP = ["outcome", "exposure", "network"]
KEY = [*GROUP, "lag_months"]
PRINTED = ("lpm_coefficient", "lpm_se", "mnlogit_log_odds", "mnlogit_se")
SAMPLES = 24
_HALF_DIGIT = 0.0005
_POINTS = 41


@dataclass(frozen=True)
class Compatibility:
    """Published columns beside those of the rows.

    Attributes
    ----------
    columns : DataFrame
        One row per published coefficient: :data:`KEY`, the four published numbers, the same four
        of the rows (``own_...``), ``rate`` and ``own_rate`` (:func:`rate`), ``implied`` (linear
        coefficient that the published log-odds and rate imply).
    apart : DataFrame
        One row per outcome, exposure and network, and one for all: ``published``, the mean square
        distance between the columns; ``best_rounding``, the least that the printed digits allow;
        ``same_rows`` (median) and ``same_rows_most``, of samples of families with both columns from
        the same rows; ``other_rows`` and ``other_rows_least``, with the columns from different
        families; ``samples``, their number.
    """

    columns: pd.DataFrame
    apart: pd.DataFrame


def compatibility(rows: Panel, spec: ModelSpec, rng: np.random.Generator) -> Compatibility:
    """Whether the two published columns can come from the same rows.

    Parameters
    ----------
    rows : Panel
    spec : ModelSpec
        The published specification, or as near as the rows allow.
    rng : Generator
        Splits the families.

    Returns
    -------
    Compatibility
        The families are split at random into parts whose logit has standard errors about as large
        as those published, at least two, again and again until there are ``SAMPLES``; each part
        gives both columns.
    """
    recomputed = pair(rows, spec)
    printed = published_table()[[*KEY, *PRINTED]]
    columns = printed.merge(
        recomputed.rename(columns={name: f"own_{name}" for name in PRINTED}),
        on=KEY,
        validate="one_to_one",
    )
    columns["rate"] = rate(columns)
    columns["own_rate"] = columns["own_lpm_se"] / columns["own_mnlogit_se"]
    columns["implied"] = implied(columns)
    samples = [
        part.set_index(KEY).loc[pd.MultiIndex.from_frame(columns[KEY])].reset_index()
        for part in _samples(rows, spec, _parts(columns), rng)
    ]
    return Compatibility(columns, _apart(columns, samples))


def covered(terms: Sequence[LaggedTerm]) -> bool:
    """Whether lagged terms are those of the published table."""
    names = {(term.exposure, term.network) for term in terms}
    published = set(published_table()[["exposure", "network"]].itertuples(index=False, name=None))
    is_plain = all(t.at_least == 1 and t.measure == "at_least" and not t.windows for t in terms)
    return names == published and is_plain and all(term.lags == (0, 6) for term in terms)


def pair(rows: Panel, spec: ModelSpec) -> pd.DataFrame:
    """Both columns of the rows, in the layout of the published table."""
    model_design = design.build(rows.frame, rows.histories, spec)
    straight, logit = linear_probability.fit(model_design), multinomial_logit.fit(model_design)
    by_term = {term.name: term for term in spec.lagged}
    parts = []
    for j, name in enumerate(model_design.exits):
        for fit, names in ((straight, PRINTED[:2]), (logit, PRINTED[2:])):
            fitted = fit.terms.assign(
                outcome=name,
                **dict(zip(names, (fit.estimate[:, j], fit.standard_error[:, j]), strict=True)),
            )
            parts.append(fitted[fitted["term"].isin(by_term)])
    n = len(model_design.exits)
    merged = [
        first.merge(second, on=["term", "level", "outcome"], validate="one_to_one")
        for first, second in zip(parts[::2], parts[1::2], strict=True)
    ]
    joined = pd.concat(merged[:n], ignore_index=True)
    return joined.assign(
        exposure=[by_term[name].exposure for name in joined["term"]],
        network=[by_term[name].network for name in joined["term"]],
        lag_months=joined["level"].astype(int),
    )[[*KEY, *PRINTED]]


def verdicts(distances: pd.DataFrame) -> pd.Series:
    """What the distances say, row by row of :attr:`Compatibility.apart`.

    Parameters
    ----------
    distances : DataFrame

    Returns
    -------
    Series
        ``"compatible"`` where the columns are no farther apart than in some sample of rows;
        ``"rounding"`` where the printed digits would allow that; else ``"incompatible"``.

    Examples
    --------
    >>> three = {"published": [1.0, 2.0, 3.0], "best_rounding": [0.5, 1.0, 2.0]}
    >>> verdicts(pd.DataFrame({**three, "same_rows_most": 1.5})).tolist()
    ['compatible', 'rounding', 'incompatible']
    """
    largest_same_rows = distances["same_rows_most"]
    named = np.where(distances["best_rounding"] <= largest_same_rows, "rounding", "incompatible")
    return pd.Series(
        np.where(distances["published"] <= largest_same_rows, "compatible", named), distances.index
    )


def rate(columns: pd.DataFrame) -> pd.Series:
    """Monthly probability of the exit where the event varies, from two standard errors.

    Parameters
    ----------
    columns : DataFrame
        With ``lpm_se`` and ``mnlogit_se``.

    Returns
    -------
    Series

    Notes
    -----
    A step of log-odds db moves a probability p by p (1 - p) db, and both columns have the same
    information about it: lpm_se / mnlogit_se is p (1 - p), close to p for rare exits, where p is
    that of the rows which say most about the coefficient.

    Examples
    --------
    >>> rate(pd.DataFrame({"lpm_se": [0.002], "mnlogit_se": [0.25]})).tolist()
    [0.008]
    """
    ratio: pd.Series = columns["lpm_se"] / columns["mnlogit_se"]
    return ratio


def implied(columns: pd.DataFrame) -> pd.Series:
    """Linear coefficient that the log-odds b and the :func:`rate` p imply: p (1 - exp(-b))."""
    product: pd.Series = rate(columns) * -np.expm1(-columns["mnlogit_log_odds"])
    return product


def distance(columns: pd.DataFrame) -> FloatArray:
    """Linear coefficient minus the implied one, in standard errors of the linear one."""
    difference = columns["lpm_coefficient"] - implied(columns)
    return np.asarray(difference / columns["lpm_se"], dtype=np.float64)


def least_distance(columns: pd.DataFrame) -> FloatArray:
    """The least :func:`distance` of numbers that are printed as these, with three digits.

    Examples
    --------
    >>> one = {"lpm_coefficient": [0.001], "lpm_se": [0.001], "mnlogit_log_odds": [0.1]}
    >>> least_distance(pd.DataFrame({**one, "mnlogit_se": [0.1]})).round(3).tolist()
    [0.0]
    """
    shifts = np.linspace(-_HALF_DIGIT, _HALF_DIGIT, _POINTS)
    smallest = np.full(len(columns), np.inf)
    for error_shift in shifts:
        error = columns["lpm_se"] + error_shift
        shifted = columns.assign(lpm_se=error)
        at_digits = distance(shifted)
        coefficient_shift = (
            _HALF_DIGIT / error.to_numpy()
        )  # the coefficient may lie anywhere in its digits
        smallest = np.minimum(smallest, np.maximum(np.abs(at_digits) - coefficient_shift, 0.0))
    return smallest


def _parts(columns: pd.DataFrame) -> int:
    """Number of parts that makes the errors of the logit as large as those published."""
    ratio = (columns["mnlogit_se"] / columns["own_mnlogit_se"]).median()
    return max(2, round(float(ratio) ** 2))


def _samples(
    rows: Panel, spec: ModelSpec, parts: int, rng: np.random.Generator
) -> Iterator[pd.DataFrame]:
    """Both columns of random parts of the families, part after part of a split.

    A part in which a coefficient is lost, because too few are exposed, is left out.
    """
    person = rows.frame["person"].to_numpy()
    codes, index = np.unique(person, return_inverse=True)
    for _ in range(-(-SAMPLES // parts)):
        of_person: IntArray = rng.permutation(len(codes)) % parts
        for part in range(parts):
            try:
                coefficients = pair(subset(rows, of_person[index] == part), spec)
            except ConvergenceError:
                continue
            numbers = coefficients[[*PRINTED]].to_numpy()
            if np.isfinite(numbers).all() and (numbers[:, 1] >= _HALF_DIGIT).all():
                yield coefficients


def subset(rows: Panel, chosen: npt.NDArray[np.bool_]) -> Panel:
    """Those rows of a panel, with their histories."""
    panel = rows.frame[chosen].reset_index(drop=True)
    histories = {name: values[chosen] for name, values in rows.histories.items()}
    return Panel(panel, histories, rows.flow, rows.source)


def _apart(columns: pd.DataFrame, samples: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean squares of the distances, by outcome, exposure and network and of all."""
    digits = [part.round(3) for part in samples]
    mismatched = [
        first.assign(**second[[*PRINTED[2:]]])
        for first, second in zip(digits, [*digits[1:], *digits[:1]], strict=True)
    ]
    squares = {
        "published": distance(columns)[None] ** 2,
        "best_rounding": least_distance(columns)[None] ** 2,
        "same": np.array([distance(part) ** 2 for part in digits]),
        "other": np.array([distance(part) ** 2 for part in mismatched]),
    }
    lines = []
    for key, chosen in _groups(columns):
        mean = {name: values[:, chosen].mean(axis=1) for name, values in squares.items()}
        lines.append(
            {
                **dict(zip(GROUP, key, strict=True)),
                "published": mean["published"][0],
                "best_rounding": mean["best_rounding"][0],
                "same_rows": np.median(mean["same"]),
                "same_rows_most": mean["same"].max(),
                "other_rows": np.median(mean["other"]),
                "other_rows_least": mean["other"].min(),
                "samples": len(samples),
            }
        )
    return pd.DataFrame(lines)


def _groups(columns: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    code = columns.groupby(GROUP, sort=False).ngroup().to_numpy()
    for group in range(code.max() + 1):
        first = columns.iloc[int(np.argmax(code == group))]
        yield tuple(first[GROUP]), code == group
    yield ("all", "all", "all"), np.ones(len(columns), dtype=bool)
