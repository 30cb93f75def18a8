"""The terms of the linear predictor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hazard.spec.names import Label, Name, Names
from hazard.spec.priors import IID, LevelPrior, Prior, listed
from hazard.spec.records import Events, Lag, Period, Record, Whole

_AT_RISK = "_at_risk"


def term_names(event: str) -> tuple[str, str]:
    """Names of the terms by which an event acts: on everybody, and besides on those at risk then.

    Examples
    --------
    >>> term_names("visit_centre")
    ('visit_centre', 'visit_centre_at_risk')
    """
    return event, event + _AT_RISK


_OF_CENTRE = ("centre", "centre_nationality", "centre_other", "nationality_elsewhere")


class Spline(Record):
    """B-splines between ``knots``, which are months; constant beyond the last.

    ``degree`` 1 joins straight lines, 3 has a smooth slope.
    """

    knots: tuple[Period, ...] = Field(min_length=2, max_length=100)
    degree: Annotated[Whole, Field(ge=1, le=5)] = 3

    @model_validator(mode="after")
    def _increasing(self) -> Spline:
        _check_increasing("knots", self.knots)
        return self


class BaselineTerm(Record):
    """Effect of months at risk, relative to the first month, in one of three forms.

    ``breaks``: one coefficient per interval; these are the first months of the intervals, of which
    the last is open. ``months``: one coefficient per month; the last of them is open. ``spline``: a
    smooth curve, whose prior is on the coefficients of B-splines (a P-spline with
    ``hierarchical_random_walk``).
    """

    kind: Literal["baseline"]
    breaks: Annotated[tuple[Period, ...], Field(max_length=1_000)] | None = None
    months: Annotated[Period, Field(ge=2)] | None = None
    spline: Spline | None = None
    prior: Prior

    @model_validator(mode="after")
    def _one_form(self) -> BaselineTerm:
        if [self.breaks, self.months, self.spline].count(None) != 2:
            raise ValueError("a baseline must have one of breaks, months and spline")
        if self.breaks is not None:
            _check_increasing("breaks", self.breaks)
        return self

    @property
    def starts(self) -> tuple[int, ...]:
        """First month of every level; the last level is open."""
        if self.breaks is not None:
            return self.breaks
        last = self.months or (self.spline.knots[-1] if self.spline else 1)
        return tuple(range(1, last + 1))

    @property
    def name(self) -> str:
        """Name of the term, unique in a model."""
        return "month"


class CovariateTerm(Record):
    """Effect of one column of the panel: numbers as they are, text as contrasts with a level.

    Without ``reference`` numbers are numbers, centred at their mean over persons, a constant that
    is stored with the design; text has its first level as the reference. With ``reference`` the
    column is levels whatever it holds, and each of the others has a coefficient relative to this
    one: of 0 and 1 with ``reference = "1"`` the coefficient is that of 0. Numbers must then be
    whole, at most thirty different, and are called ``0``, ``1``, ``12``.
    """

    kind: Literal["covariate"]
    column: Name
    reference: Label | None = None
    prior: Prior

    @property
    def name(self) -> str:
        """Name of the term, unique in a model."""
        return self.column


class CalendarTerm(Record):
    """Effect of calendar time.

    ``year``, ``quarter``, ``month``: one coefficient for each of the window, whether it has rows or
    not, relative to the first. ``season``: twelve effects of the months of the year that sum to
    zero, as eleven waves; with independent coefficients the twelve are exchangeable.
    """

    kind: Literal["calendar"]
    by: Literal["year", "quarter", "month", "season"]
    prior: Prior

    @model_validator(mode="after")
    def _exchangeable(self) -> CalendarTerm:
        if self.by == "season" and not self.prior.iid:
            raise ValueError(
                f"a season must have a prior of family {listed(IID)}: its coefficients are waves, "
                f"without an order in time; got {self.prior.family!r}"
            )
        return self

    @property
    def name(self) -> str:
        """Name of the term, unique in a model; ``month`` is that of the baseline."""
        return "calendar_month" if self.by == "month" else self.by


class GroupTerm(Record):
    """Effect of the level of a group; levels are drawn from a common distribution per exit.

    ``by`` is a column, or several: a level is then a combination that occurs. ``year``,
    ``quarter``, ``calendar_month`` and ``season`` are made from the column ``calendar``.
    """

    kind: Literal["group"]
    by: Names
    prior: Prior

    @model_validator(mode="after")
    def _distinct(self) -> GroupTerm:
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("by must name different columns")
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        """What the group is by."""
        return (self.by,) if isinstance(self.by, str) else self.by

    @property
    def name(self) -> str:
        """Name of the term, unique in a model."""
        return "_".join(self.parts)


class VariesBy(Record):
    """Differences of the levels of a group from a common lag curve, with a learned sd.

    ``by`` is a column or a calendar period, as in a group. Without ``levels`` every level has its
    own curve; with them only those listed, and all others have the common one.
    """

    by: Name
    levels: tuple[Label, ...] | None = Field(None, min_length=1, max_length=1_000)
    prior: LevelPrior

    @model_validator(mode="after")
    def _distinct(self) -> VariesBy:
        if self.levels is not None and len(set(self.levels)) < len(self.levels):
            raise ValueError("levels must be different")
        return self


class LaggedTerm(Record):
    """Effect of what happened ``lags[0]`` to ``lags[1]`` months earlier, one coefficient per lag.

    ``network`` says around whom: the same ``centre``, the same ``nationality``, a disjoint part of
    the two (``centre_nationality``: both the same; ``centre_other``: same centre, other
    nationality; ``nationality_elsewhere``: same nationality, not at the centre), or ``own`` for the
    person's own other rows of the column ``exposure``. ``measure`` is what is recorded of a month:
    whether ``at_least`` so many events happened, their ``count``, or the count ``per_resident``: by
    the number of other families of the network in that month, 0 where there was none. A coefficient
    of a rate is that of one unit, an event of everybody: its prior must be as wide. A count or a
    rate is centred at its mean over rows and lags, a constant that is stored with the design, so
    that the intercept is that of an average row; an indicator is a contrast with no event.

    A negative lag is a lead: -1 is the month after. What is yet to happen should have no effect.
    Leads of ``own`` rows are refused: nobody has a row after the exit.

    ``history_before_start`` is the rule for months before the registers: the row is left out, they
    count as months without event, or the nearest known month counts for them.
    ``history_before_risk`` says whether what happened before the person's first month at risk is
    taken as ``observed``, or is ``zero``: then only events count that the person could react to
    when they happened. Whoever was brought forward by an event is missing later among those who
    were there, and among them only: that is what long lags must tell to tell more from earlier.

    ``windows`` joins lags, such as [[0, 0], [1, 2]]: one coefficient per window of the first and
    the last of its lags, for whether it happened in any of these months.
    """

    kind: Literal["lagged"]
    exposure: Name
    network: Name
    measure: Literal["at_least", "count", "per_resident"] = "at_least"
    at_least: Events = 1
    lags: tuple[Lag, Lag]
    windows: tuple[tuple[Lag, Lag], ...] | None = None
    history_before_start: Literal["missing", "zero", "carry"]
    history_before_risk: Literal["observed", "zero"] = "observed"
    prior: Prior
    varies_by: VariesBy | None = None

    @model_validator(mode="after")
    def _ordered(self) -> LaggedTerm:
        if self.lags[0] > self.lags[1]:
            raise ValueError("lags must be [first, last] with first <= last")
        if self.network == "own" and self.lags[0] < 0:
            raise ValueError(
                f"lags must not be negative with network 'own'; got {list(self.lags)}. The month "
                "after an exit has no row, so that a lead is unknown just where somebody leaves, "
                "and would be determined by the exit itself. Begin the lags at 0"
            )
        return self

    @model_validator(mode="after")
    def _measurable(self) -> LaggedTerm:
        if self.measure != "at_least" and self.at_least != 1:
            raise ValueError(f"at_least must be left out with measure {self.measure!r}")
        if self.measure == "per_resident" and self.network == "own":
            raise ValueError("measure 'per_resident' must have a network of others; got 'own'")
        return self

    @model_validator(mode="after")
    def _joined(self) -> LaggedTerm:
        if self.windows is None:
            return self
        joined_lags = [lag for first, last in self.windows for lag in range(first, last + 1)]
        if joined_lags != list(self.every_lag) or any(first > last for first, last in self.windows):
            raise ValueError(
                f"windows must hold each lag from {self.lags[0]} to {self.lags[1]} once and in "
                f"order, as [first, last]; got {[list(window) for window in self.windows]}"
            )
        if self.measure != "at_least":
            raise ValueError(
                "windows must come with measure 'at_least', of which a window says whether it "
                f"happened in any of its months; got {self.measure!r}"
            )
        if self.prior.singles_out_event and any(a <= 0 <= b and a < b for a, b in self.windows):
            raise ValueError(
                f"windows must have lag 0 by itself with a prior of family {self.prior.family!r}, "
                "which singles out the month of the event"
            )
        return self

    @property
    def every_lag(self) -> range:
        """All lags, leads as negative numbers."""
        return range(self.lags[0], self.lags[1] + 1)

    @property
    def coefficient_windows(self) -> tuple[tuple[int, int], ...]:
        """First and last lag of every coefficient."""
        return self.windows or tuple((lag, lag) for lag in self.every_lag)

    @property
    def moves(self) -> bool:
        """Whether the network changes when the person moves to another centre."""
        return self.network in _OF_CENTRE

    @property
    def name(self) -> str:
        """Name of the term, unique in a model: that of the event, and whether it must be at risk.

        Two terms of the same event, one as ``observed`` and one with ``zero`` before the risk, tell
        what it does to everybody and what it does besides to those who were there.
        """
        everybody, at_risk = term_names(self.event)
        return everybody if self.history_before_risk == "observed" else at_risk

    @property
    def event(self) -> str:
        """Name of the event: exposure, network, and the measure if not any."""
        threshold = f"_{self.at_least}plus" if self.at_least > 1 else ""
        suffix = threshold if self.measure == "at_least" else f"_{self.measure}"
        return f"{self.exposure}_{self.network}{suffix}"

    @property
    def called(self) -> tuple[str, str, str]:
        """Names by which an intervention acts on it: its own, its event's, its exposure's."""
        return self.name, self.event, self.exposure

    @property
    def varying_name(self) -> str | None:
        """Name of the differences from the common curve, if there are any."""
        return None if self.varies_by is None else f"{self.name}_by_{self.varies_by.by}"


def _check_increasing(key: str, months: tuple[int, ...]) -> None:
    if not months or months[0] != 1 or list(months) != sorted(set(months)):
        raise ValueError(f"{key} must start at 1 and increase")


Term = Annotated[
    BaselineTerm | CovariateTerm | CalendarTerm | GroupTerm | LaggedTerm,
    Field(discriminator="kind"),
]
