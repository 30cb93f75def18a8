"""Estimands: quantities of the posterior."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hazard.errors import did_you_mean
from hazard.spec.arms import Arm, NoEvents, OneInMonth, Sustained
from hazard.spec.names import Label, Month, Name
from hazard.spec.records import Period, Periods, Positive, Record, Seed, Share, Whole
from hazard.spec.shapes import Condition

EFFECTS = ("total", "controlled_direct", "separable")
Effect = Literal["total", "controlled_direct", "separable"]
Exposure = Literal["once", "sustained"]
ARMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"once": ("without", "with"), "sustained": ("never", "always")}
)
"""Names of the arms without an event and with it, by what is meant with it."""
CENTRE_SIZE, SINCE_START = "centre_size", "months_since_rejection"
MADE_GROUPS = (CENTRE_SIZE, SINCE_START)
"""Groups that are made at the start of a path, and are not columns of the panel."""


class _Named(Record):
    """``name`` tells estimands of one kind apart; without it the name is the kind."""

    name: Name | None = None

    @property
    def label(self) -> str:
        """Name of the estimand, unique in a model."""
        return self.name or str(getattr(self, "kind", ""))


class LagCurveEstimand(Record):
    """The coefficients of a lagged term, lag by lag, and their sum.

    ``rope`` is half the width of the region of practical equivalence, on the scale of the linear
    predictor, such as 0.1.
    """

    kind: Literal["lag_curve"]
    rope: Positive | None = None

    @property
    def label(self) -> str:
        """Name of the estimand; there is one of the kind in a model."""
        return self.kind


class LagShapeEstimand(_Named):
    """Probability that a lag curve has a shape, after the data and before them.

    ``term`` names a lagged term; of one that varies the shape is that of the common curve. ``exit``
    is one way of leaving; without it all of them are answered. ``shape`` is a list of conditions
    that must hold together, such as ``{ kind = "peak", lags = [3, 6] }``
    (:mod:`hazard.spec.shapes`).
    """

    kind: Literal["lag_shape"]
    term: Label
    exit: Name | None = None
    shape: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=10)]


class IncidenceEstimand(Record):
    """Cumulative incidence with and without one event in month 1, or with it always and never.

    ``term`` names a lagged term (``exposure_network``); without it there is one arm, as observed.
    ``exposure``: ``once`` is one event in month 1, with the arms ``with`` and ``without``;
    ``sustained`` is one in every month from month 1 on, a static regime for a state that goes on,
    with the arms ``always`` and ``never``.

    Of a term with a threshold the event is so many at once. A rate ``per_resident`` has no such
    arm: one unit of it is an event of everybody, and one event is another rate at every centre.
    ``rope`` is half the width of the region of practical equivalence of a difference.
    """

    kind: Literal["cumulative_incidence"]
    term: Label | None = None
    exposure: Exposure = "once"
    horizon_months: Period = 24
    rope: Positive | None = None

    @model_validator(mode="after")
    def _of_a_term(self) -> IncidenceEstimand:
        if self.exposure != "once" and self.term is None:
            raise ValueError(f"exposure {self.exposure!r} must come with a term; got none")
        return self

    @property
    def label(self) -> str:
        """Name of the estimand; there is one of the kind in a model."""
        return self.kind

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms; of two, the one without the event first."""
        return ("observed",) if self.term is None else ARMS[self.exposure]


class MarginalEffectEstimand(_Named):
    """Change of the monthly probability of every exit by one event, lag by lag, and the sum.

    ``term`` names a lagged term; without it all of them are answered. ``rope`` is a change of
    the monthly probability that matters: 0.001 is a tenth of a percentage point.
    """

    kind: Literal["average_marginal_effect"]
    term: Label | None = None
    rope: Positive | None = None


class GFormulaEstimand(_Named):
    """Risks averaged over persons as if nobody left, under arms that say what happened around them.

    ``term`` names the event whose arms are compared, a lagged term. Without ``arms`` they are
    ``without`` any of its events from the start on, and ``with`` one in month ``event_month``; with
    ``exposure = "sustained"`` they are ``never`` and, with one in every month from then on,
    ``always``. With ``arms`` the first is what all others are compared to.

    ``starts``: ``first`` is the first month at risk of everybody; ``drawn`` one month at risk of
    each person, drawn with ``seed``; a month such as 2014-06 is all who are at risk then.
    ``beyond`` says what becomes of paths that go on after the last month of the panel: its last
    year comes again, or they are left out.

    ``effect`` is about the competing exits: ``total`` leaves them as they are. Events of terms that
    no arm names, such as applications of others, are as observed in every arm, also after the event
    that is compared. What that event changes by way of them is in no effect: with regard to them
    all are controlled direct effects. ``controlled_direct`` sets the
    hazards of all but ``exit`` to zero. ``separable`` changes the hazard of ``exit`` only, or that
    of the others only: two parts of the total.

    ``by``: results for every level of a column of the panel, of ``centre_size`` (families at the
    centre at the start) or of ``months_since_rejection``. Levels with fewer than ``fewest``
    persons are put together.

    ``residents`` is the number of families for whom the event happened: what is reported per event
    is so many times the mean over the rows that were present at events, each followed from then on.
    ``observed``: as many others as there are at the centre.

    ``centres``: ``new`` draws the effects of a centre that the model has not seen, ``observed``
    takes those of the centre of the start.

    ``far``: of lags in which a history may differ from all that was observed before it is flagged;
    ``refuse_share``: the share of path-months farther than this at which the run fails.

    ``rope`` is a difference of probabilities that matters, ``rope_months`` one of months.
    ``draws`` is the most draws that are used, evenly spaced over those there are.
    """

    kind: Literal["g_formula"]
    term: Label
    arms: Annotated[tuple[Arm, ...], Field(min_length=2, max_length=50)] | None = None
    exposure: Exposure = "once"
    event_month: Period = 1
    horizon_months: Period = 24
    starts: Literal["first", "drawn"] | Month = "first"
    seed: Seed = 0
    beyond: Literal["repeat", "leave_out"] = "repeat"
    effect: Effect = "total"
    exit: Name | None = None
    by: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    fewest: Annotated[Whole, Field(ge=10, le=1_000_000)] = 100
    residents: Positive | Literal["observed"] = "observed"
    centres: Literal["observed", "new"] = "observed"
    far: Periods = 1
    refuse_share: Annotated[Share, Field(gt=0)] = 0.5
    rope: Positive | None = None
    rope_months: Positive | None = None
    draws: Annotated[Whole, Field(ge=4, le=100_000)] = 1000

    @model_validator(mode="after")
    def _distinct(self) -> GFormulaEstimand:
        names = [arm.name for arm in self.arms or ()]
        if len(set(names)) < len(names):
            raise ValueError(f"arms must have different names; got {names}")
        if len(set(self.by)) < len(self.by):
            raise ValueError("by must name different columns")
        if self.event_month > self.horizon_months:
            raise ValueError("event_month must lie within horizon_months")
        if self.arms is not None and self.exposure != "once":
            raise ValueError(
                "exposure must be left out with arms, which say what happens: write an "
                "intervention of kind 'sustained'"
            )
        return self

    @model_validator(mode="after")
    def _of_one_exit(self) -> GFormulaEstimand:
        if (self.effect == "total") == (self.exit is not None):
            raise ValueError(
                f"exit must come with effect 'controlled_direct' or 'separable', and only then; "
                f"got exit {self.exit!r} with effect {self.effect!r}"
            )
        if self.effect == "separable" and len(self.compared) != 2:
            raise ValueError("effect 'separable' must have two arms, without the event and with it")
        return self

    @property
    def compared(self) -> tuple[Arm, ...]:
        """Arms, the one that the others are compared to first."""
        if self.arms is not None:
            return self.arms
        without, with_ = ARMS[self.exposure]
        act = OneInMonth if self.exposure == "once" else Sustained
        event = act(term=self.term, month=self.event_month)
        return (
            Arm(name=without, interventions=(NoEvents(term=self.term),)),
            Arm(name=with_, interventions=(event,)),
        )

    @property
    def sustained(self) -> bool:
        """Whether in an arm the event goes on, so that it has no window of its own."""
        return any(
            isinstance(intervention, Sustained)
            for arm in self.compared
            for intervention in arm.interventions
        )


Estimand = Annotated[
    LagCurveEstimand
    | LagShapeEstimand
    | IncidenceEstimand
    | MarginalEffectEstimand
    | GFormulaEstimand,
    Field(discriminator="kind"),
]


def check_terms(estimand: Estimand, lagged: dict[str, str]) -> None:
    """Raise when an estimand or an arm of it names a term that the model does not have.

    Parameters
    ----------
    estimand : Estimand
    lagged : dict of str to str
        Exposure of every lagged term.

    Raises
    ------
    ValueError
        One sentence with the known names, and the nearest.
    """
    term = getattr(estimand, "term", None)
    if term is not None and term not in lagged:
        raise ValueError(
            f"estimand term must be one of {list(lagged)}; got {term!r}."
            + did_you_mean(term, lagged)
        )
    if not isinstance(estimand, GFormulaEstimand):
        return
    known = [*lagged, *dict.fromkeys(lagged.values())]
    names = [intervention.term for arm in estimand.compared for intervention in arm.interventions]
    for name in names:
        if name not in known:
            raise ValueError(
                f"term of an intervention must be one of {known}; got {name!r}."
                + did_you_mean(name, known)
            )
