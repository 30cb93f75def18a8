"""Scenarios: what is planted beside the published effects, each with a known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hazard.errors import UsageError, did_you_mean

# In the order of the exits: assisted, disappeared, forced.
PerExit = tuple[float, float, float]
NOTHING: PerExit = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Scenario:
    """What is planted; the default is the published effects and nothing else.

    Attributes
    ----------
    name : str
    summary : str
    lag_effects : {"published", "by_nationality", "none"}
        Effects of what others do: table 7-1; the same, with table 7-2 for Iraq and Afghanistan;
        or none.
    shock_sd : tuple of float
        Standard deviation, on the log-odds of each exit, of the shock that a nationality has in a
        period. One normal number per nationality and period moves all three exits at once.
    shock_months : int
        Length of a period in months: 12 or 3.
    campaign_share : float
        Share of the months in which the police have a campaign at a centre.
    campaign_log_odds : float
        What a campaign adds to the log-odds of a forced return of everybody at the centre.
    frailty : {"none", "normal", "gamma"}
        What a family has of its own, independent between exits: a normal number on the log-odds, or
        the logarithm of a gamma variable with mean one.
    frailty_variance : tuple of float
        Variance of the normal number or of the gamma variable, per exit.
    lead_effect : tuple of float
        What a forced return of the next month at the same centre adds to the log-odds of each exit.
    movers : {"none", "earlier", "more"}
        Whether exposure brings planned applications forward, or only adds new ones. A family with a
        plan leaves in no other way and, unexposed, applies in the planned month; one without a plan
        never applies unexposed. Exposure is a forced return at the same centre the month before.
    movers_share, horizon : float, int
        Share of the families with a plan, and the last planned month at risk.
    reaction : float
        Log-odds of applying, per exposed month, of those who react.
    memory : tuple of float
        What a month with a forced return at the same centre adds to the log-odds of applying in the
        month after, the month after that, and so on, of families who were at risk in that month.
    escorted : float
        Share of the assisted returns that UDI's register shows as a return by the police.
    ordinary : float
        Share of the disappearances that are ordinary returns.
    seen_by : tuple of float
        Share of the forced returns in both registers, only in UDI's, only in PU's.
    delay_months : float
        Mean delay, in months, with which an exit is registered.
    defects : float
        Share of the rows of a table with each kind of defect.
    """

    name: str = "default"
    summary: str = "the published effects"
    lag_effects: Literal["published", "by_nationality", "none"] = "published"
    shock_sd: PerExit = NOTHING
    shock_months: int = 12
    campaign_share: float = 0.0
    campaign_log_odds: float = 0.0
    frailty: Literal["none", "normal", "gamma"] = "none"
    frailty_variance: PerExit = NOTHING
    lead_effect: PerExit = NOTHING
    movers: Literal["none", "earlier", "more"] = "none"
    movers_share: float = 0.0
    horizon: int = 24
    reaction: float = 0.0
    memory: tuple[float, ...] = ()
    escorted: float = 0.0
    ordinary: float = 0.0
    seen_by: PerExit = (0.85, 0.08, 0.07)
    delay_months: float = 0.0
    defects: float = 0.0


DEFAULT = Scenario()
_SHOCKS: PerExit = (0.7, 0.5, 0.7)
# An event moves the odds of applying in the month after, and whoever saw it applies less often for
# the rest of two years: so much less that after them, on average over the families of the published
# size, nobody more has applied. ``benchmarks/more_or_earlier.py --solve`` finds it.
_STEP, _LESS, _REST = 0.8, -0.241, 22
SCENARIOS = {
    planted.name: planted
    for planted in (
        DEFAULT,
        Scenario("null", "nobody reacts to others", "none"),
        Scenario("shocks", "nationality-year shocks and no effect", "none", _SHOCKS),
        Scenario("shocks_with_effect", "nationality-year shocks and the effects", shock_sd=_SHOCKS),
        Scenario(
            "campaigns",
            "months of police campaigns at a centre",
            campaign_share=0.04,
            campaign_log_odds=2.0,
        ),
        Scenario(
            "frailty",
            "families differ in their inclination to each exit",
            frailty="gamma",
            frailty_variance=(2.0, 1.0, 1.0),
        ),
        Scenario(
            "anticipation",
            "others react in the month before a forced return",
            lead_effect=(0.6, 0.6, 0.0),
        ),
        Scenario(
            "by_nationality",
            "effects for Iraq and Afghanistan as published for them",
            "by_nationality",
        ),
        Scenario(
            "misregistered",
            "exits that the registers show as others, or only in one register",
            escorted=0.2,
            ordinary=0.3,
            seen_by=(0.6, 0.25, 0.15),
        ),
        Scenario("late", "exits registered late, the latest not at all", delay_months=4.0),
        Scenario(
            "earlier_only",
            "exposure brings planned applications forward",
            "none",
            movers="earlier",
            movers_share=0.1,
            reaction=-1.5,
        ),
        Scenario(
            "more_only",
            "exposure only adds applications",
            "none",
            movers="more",
            movers_share=0.1,
            reaction=-4.6,
        ),
        Scenario(
            "brought_forward",
            "who sees a forced return applies at once or less often: none more in two years",
            "none",
            memory=(_STEP, *[_LESS] * _REST),
        ),
        Scenario(
            "added",
            "who sees a forced return applies at once, or as often as before: more in two years",
            "none",
            memory=(_STEP,),
        ),
        Scenario(
            "partly_added",
            "half way between the two: some more in two years, some only earlier",
            "none",
            memory=(_STEP, *[_LESS / 2] * _REST),
        ),
        Scenario("messy", "defects that an integrity check must find", defects=0.004),
    )
}


def scenario(name: str) -> Scenario:
    """Scenario by name.

    Raises
    ------
    UsageError
        If there is no scenario of this name.

    Examples
    --------
    >>> scenario("null").lag_effects
    'none'
    """
    if name not in SCENARIOS:
        known = ", ".join(SCENARIOS)
        raise UsageError(
            f"scenario must be one of {known}; got {name!r}.{did_you_mean(name, SCENARIOS)}"
        )
    return SCENARIOS[name]
