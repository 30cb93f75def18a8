"""Specification of a scenario, as frozen records."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from hazard.errors import SpecError, UsageError
from hazard.estimands.interventions import Arm
from hazard.files.toml import parsed
from hazard.spec.records import Record

EACH = "each"
"""In place of a level: at each of those where families were observed to be in the month."""


class ScenarioArm(Arm):
    """An arm in which months are those of the scenario, and that may act at one place only.

    ``at`` names columns and a level of each, such as ``{centre = "A"}``: events there are acted on,
    and an added event happens there. Without it the arm acts on all events. An added event must
    have a place; with the level ``each`` there is one at every level where families were seen to
    be at risk in its month. Who reads a term of a network that is not named does not see it. A
    campaign acts at all centres, or at one.

    ``closed`` are exits through which nobody leaves.

    Examples
    --------
    >>> ScenarioArm(name="one more", at={"centre": "A"},
    ...             interventions=[{"kind": "added", "term": "forced_return", "month": 1}]).at
    {'centre': 'A'}
    """

    at: dict[str, str] = Field(default_factory=dict)
    closed: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> ScenarioArm:
        kinds = {intervention.kind for intervention in self.interventions}
        if "campaign" in kinds and set(self.at) - {"centre"}:
            raise ValueError("a campaign must act at centres, with no other place in 'at'")
        if "sustained" in kinds:
            raise ValueError(
                "a scenario must have single events; write one of kind 'added' for every month in "
                "place of kind 'sustained'"
            )
        if self.before != "observed" or self.after != "observed":
            raise ValueError(
                "a scenario must begin after what was observed, with before and after 'observed'"
            )
        if kinds & {"added", "one_in_month"} and not self.at:
            raise ValueError(
                "an added event must have a place in 'at', such as { centre = 'A' } or 'each'"
            )
        return self


class _Arms(Record):
    arm: Annotated[tuple[ScenarioArm, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> _Arms:
        names = [arm.name for arm in self.arm]
        if len(set(names)) < len(names):
            raise ValueError("arms must have different names")
        return self


def arms_from(text: str, where: str = "file of arms") -> tuple[ScenarioArm, ...]:
    """Arms of a TOML text; the first is the one with which the others are compared.

    Parameters
    ----------
    text : str
        One ``[[arm]]`` after the other.
    where : str
        Name of the file, for errors.

    Returns
    -------
    tuple of ScenarioArm

    Raises
    ------
    UsageError
        If the text is not TOML, or breaks the vocabulary.

    Examples
    --------
    >>> first, second = arms_from('''
    ... [[arm]]
    ... name = "observed"
    ... [[arm]]
    ... name = "none"
    ... interventions = [{ kind = "none", term = "forced_return" }]
    ... ''')
    >>> second.interventions[0].kind
    'none'
    """
    try:
        return _Arms.model_validate(parsed(text, where)).arm
    except SpecError as error:
        raise UsageError(str(error)) from None
    except ValidationError as error:
        all_errors = error.errors(include_url=False, include_context=False)
        # An arm that breaks a rule does not count, so that a single one is also "too few".
        other_errors = [item for item in all_errors if item["loc"] != ("arm",)] or all_errors
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
            for item in other_errors
        )
        raise UsageError(f"{where} must hold arms; got {problems}.") from None


class ScenarioPlan(Record):
    """How much is simulated.

    ``replications`` replicates are simulated per posterior draw, so that Monte Carlo variance can
    be separated from posterior uncertainty. Of exits that others see in the same month there are
    1, 2, 4, ... sweeps over the families, until the outcome does not depend on where they began,
    and at most ``sweeps``.
    """

    draws: Annotated[int, Field(ge=4)] = 200
    replications: Annotated[int, Field(ge=1)] = 4
    sweeps: Annotated[int, Field(ge=1, le=64)] = 64
    seed: Annotated[int, Field(ge=0)] = 0
