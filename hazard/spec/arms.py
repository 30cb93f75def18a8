"""Interventions and arms as frozen records: the closed vocabulary in which an arm is written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hazard.spec.names import Label
from hazard.spec.records import Events, Period, Periods, Record, Seed, Share, Whole


class _OnTerm(Record):
    """``term`` is a lagged term, or an exposure, which stands for all its terms."""

    term: Label


class Observed(_OnTerm):
    """The events that the registers have."""

    kind: Literal["observed"] = "observed"


class NoEvents(_OnTerm):
    """No event from the start on."""

    kind: Literal["none"] = "none"


class OneInMonth(_OnTerm):
    """One event in a month of the path, 1 being that of the start, and none in the others.

    ``events`` is how many there are; by default as many as the threshold of the term. Of an
    exposure with several terms, the event is one in each of their networks.
    """

    kind: Literal["one_in_month"] = "one_in_month"
    month: Period
    events: Events | None = None


class Sustained(_OnTerm):
    """The event in every month of the path from a month on, and none before it.

    With ``months`` in so many months only, and none after them. ``events`` is how many there are in
    each; by default as many as the threshold of the term. From month 1 on it is the static regime
    "always exposed", and ``none`` is "never exposed".
    """

    kind: Literal["sustained"] = "sustained"
    month: Period = 1
    months: Period | None = None
    events: Events | None = None


class Delayed(_OnTerm):
    """The observed events from the start on, ``months`` later."""

    kind: Literal["delayed"] = "delayed"
    months: Periods


class More(_OnTerm):
    """The observed events, and with probability ``share`` a copy of each, of another family.

    The copy falls in the same month, or up to ``spread`` months later, each as likely. It is at the
    same centre and of the same nationality as the event. An indicator of at least one event does
    not change when the copy falls in the same month: such a term needs a ``spread``. Whoever had
    the event does not see its copy; several copies of a family in one month count once. The same
    seed draws the same copies for every term and every part of the paths, and with a larger share
    all of a smaller one.
    """

    kind: Literal["more"] = "more"
    share: Share
    spread: Periods = 0
    seed: Seed


class Added(_OnTerm):
    """One event more in a month of the path, or ``events`` more."""

    kind: Literal["added"] = "added"
    month: Period
    events: Events | None = None


class Campaign(_OnTerm):
    """One event more at the centre, or ``events``, in months with more than ``threshold`` families.

    The families are all whom the registers know to live there in the month, the person's own
    included, as observed: the rule follows what happened at the centre, not what it brings about.
    In :mod:`hazard.studies.scenario` with feedback it follows the stock of each simulated life. It
    says nothing of the nationality of those returned, so that the term is one of ``centre``.
    """

    kind: Literal["campaign"] = "campaign"
    threshold: Annotated[Whole, Field(ge=0, le=1_000_000)]
    events: Events | None = None


Intervention = Annotated[
    Observed | NoEvents | OneInMonth | Sustained | Delayed | More | Added | Campaign,
    Field(discriminator="kind"),
]


class Arm(Record):
    """A counterfactual branch: interventions in order, and what is assumed of the months around.

    ``before``: what happened before the start is as ``observed``, or ``none`` of it did. ``after``:
    of rows without registers nothing is known after the last row of a person. As ``observed`` these
    months are unknown, and an arm that leaves a term as it was observed is refused. ``drawn`` lets
    the person go on as somebody who was still there in the month of the path, and had the same in
    the month before: the natural course of a history in which the next month depends on the last.

    Examples
    --------
    >>> arm = Arm(name="without", interventions=(NoEvents(term="forced_return_centre"),))
    >>> Arm.model_validate(arm.model_dump()) == arm
    True
    """

    name: Label
    interventions: Annotated[tuple[Intervention, ...], Field(max_length=100)] = ()
    before: Literal["observed", "none"] = "observed"
    after: Literal["observed", "drawn"] = "observed"
