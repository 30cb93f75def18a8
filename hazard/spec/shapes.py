"""Shapes of a lag curve as frozen records: what an estimand of kind ``lag_shape`` can ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hazard.spec.claims import Ratio
from hazard.spec.records import Lag, Record
from hazard.spec.terms import LaggedTerm


class _OnLags(Record):
    """``lags`` are the first and the last lag that the condition is about."""

    lags: tuple[Lag, Lag]

    @model_validator(mode="after")
    def _ordered(self) -> _OnLags:
        if self.lags[0] > self.lags[1]:
            raise ValueError(
                f"lags must be [first, last] with first <= last; got {list(self.lags)}"
            )
        return self


class Peak(_OnLags):
    """The largest coefficient of the curve is at one of the lags."""

    kind: Literal["peak"]


class Trough(_OnLags):
    """The smallest coefficient of the curve is at one of the lags."""

    kind: Literal["trough"]


class AllPositive(_OnLags):
    """All coefficients of the lags are above 0: each ratio is above 1."""

    kind: Literal["positive"]


class AllNegative(_OnLags):
    """All coefficients of the lags are below 0: each ratio is below 1."""

    kind: Literal["negative"]


class Increasing(_OnLags):
    """From lag to lag no coefficient is smaller than the one before."""

    kind: Literal["increasing"]


class Decreasing(_OnLags):
    """From lag to lag no coefficient is larger than the one before."""

    kind: Literal["decreasing"]


class Negligible(_OnLags):
    """All coefficients of the lags are in the region of practical equivalence (ROPE).

    ``within`` is its upper end as a ratio of odds, or of hazards with link ``cloglog``: with 1.1
    each ratio lies from 1 / 1.1 to 1.1, ends included. From a lag to the last one of the term it
    says that the curve is gone by then.
    """

    kind: Literal["negligible"]
    within: Ratio


Condition = Annotated[
    Peak | Trough | AllPositive | AllNegative | Increasing | Decreasing | Negligible,
    Field(discriminator="kind"),
]


def check_shape(where: str, shape: Sequence[Condition], term: LaggedTerm) -> None:
    """Raise when a condition is not about coefficients of the curve, or holds of every curve.

    Parameters
    ----------
    where : str
        Of the shape, in a sentence.
    shape : sequence of Condition
    term : LaggedTerm

    Raises
    ------
    ValueError
        One sentence with the rule, what was found, and what to do.
    """
    for condition in shape:
        _check_lags(f"{condition.kind!r} of {where}", condition, term)


def _check_lags(where: str, condition: Condition, term: LaggedTerm) -> None:
    (first, last), windows = condition.lags, term.coefficient_windows
    if first < term.lags[0] or last > term.lags[1]:
        raise ValueError(
            f"lags of {where} must lie within {list(term.lags)}, those of term {term.name!r}; got "
            f"{[first, last]}. Name lags of the curve, or give the term more"
        )
    cut = [list(window) for window in windows if _cuts(condition.lags, window)]
    if cut:
        raise ValueError(
            f"lags of {where} must hold a window of term {term.name!r} as a whole or not at all, "
            f"for it has one coefficient; got {[first, last]} and the window {cut[0]}. Begin and "
            "end where windows do"
        )
    n_inside = sum(first <= start <= last for start, _ in windows)
    if isinstance(condition, Peak | Trough) and n_inside == len(windows):
        raise ValueError(
            f"lags of {where} must leave out a coefficient of term {term.name!r}, or every curve "
            f"has it there; got {[first, last]}. Name fewer lags"
        )
    if isinstance(condition, Increasing | Decreasing) and n_inside < 2:
        raise ValueError(
            f"lags of {where} must hold two coefficients of term {term.name!r} or more, or every "
            f"curve does so; got {[first, last]}. Name more lags"
        )


def _cuts(lags: tuple[int, int], window: tuple[int, int]) -> bool:
    """Whether only a part of a window is among the lags.

    Examples
    --------
    >>> _cuts((1, 3), (3, 4)), _cuts((1, 4), (3, 4)), _cuts((1, 2), (3, 4))
    (True, False, False)
    """
    inside = [lags[0] <= lag <= lags[1] for lag in window]
    within = window[0] < lags[0] and lags[1] < window[1]
    return any(inside) != all(inside) or within
