"""What a manifest holds, by the kind of its folder: names and types, checked when it is read.

Facts are kept as a mapping, for it is what is written; these are the names that a reader of a
folder may rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict

from pydantic import AllowInfNan, ConfigDict, TypeAdapter, ValidationError, with_config

from hazard.errors import IntegrityError

__all__ = ["checked"]

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=True)
_OPEN = ConfigDict(strict=True, extra="allow")
Numbers = dict[str, int]
Finite = Annotated[float, AllowInfNan(False)]  # noqa: FBT003 - of pydantic


@with_config(_STRICT)
class LeftOutFacts(TypedDict):
    """Persons, rows and exits."""

    persons: int
    rows: int
    exits: int


@with_config(_STRICT)
class FlowFacts(TypedDict):
    """Rows, persons and exits that are read but not in the design."""

    read: LeftOutFacts
    inside: LeftOutFacts
    reasons: dict[str, LeftOutFacts]
    shares: dict[str, float]
    outside: dict[str, Any]
    warned: bool
    largest: str | None
    cure: str | None


@with_config(_STRICT)
class PanelFacts(TypedDict):
    """Numbers of the panel, and of its rows that are in the design."""

    rows: int
    persons: int
    exits: Numbers
    no_exit: int
    design_rows: int
    design_persons: int
    design_exits: Numbers
    left_out_rows: Numbers
    levels: Numbers
    coefficients_per_exit: int


@with_config(_STRICT)
class SeparationFacts(TypedDict):
    """Coefficients that a baseline could not estimate, or only as infinite."""

    not_identified: int
    at_minus_infinity: Numbers
    at_plus_infinity: Numbers


@with_config(_STRICT)
class AnswerFacts(TypedDict):
    """How an estimand that averages over persons was computed, or why it was not."""

    unanswered: NotRequired[str]
    draws: NotRequired[int]
    posterior_draws: NotRequired[int]
    effect: NotRequired[str]
    paths: NotRequired[int]
    left_out: NotRequired[Numbers]
    repeated_months: NotRequired[int]
    changing_persons: NotRequired[Numbers]
    persons_per_path: NotRequired[float]
    residents_per_event: NotRequired[float | None]
    rows_at_events: NotRequired[int]
    rows_followed: NotRequired[int]
    support: NotRequired[dict[str, dict[str, float]]]


@with_config(_STRICT)
class NoteFacts(TypedDict):
    """Remarks on rows and states."""

    unit: str
    states: dict[str, float]
    held: Numbers
    never: list[str]
    small_levels: NotRequired[Numbers]


@with_config(_STRICT)
class SettingFacts(TypedDict):
    """Settings of an engine."""

    draws: int
    tune: int
    chains: int
    cores: int
    target_accept: float
    seed: int
    engine: str


@with_config(_STRICT)
class GateFacts(TypedDict):
    """Verdict of the gate."""

    passed: bool
    failures: list[str]
    divergences: int | None
    bfmi: list[float]
    chains: int
    copies: int


@with_config(_STRICT)
class LimitFacts(TypedDict):
    """Limits of the gate."""

    r_hat: float
    ess: float
    mcse_to_sd: float
    bfmi: float
    chains: int
    divergences: int


@with_config(_STRICT)
class CallFacts(TypedDict):
    """How to reproduce a run."""

    model: str
    data: str


@with_config(_STRICT)
class CheckedByFacts(TypedDict):
    """How far an approximation is from sampled estimates."""

    same_model: bool
    same_rows: bool
    posterior_digest: str
    numbers: int
    checked: int
    median_apart: float
    largest_apart: float
    largest_apart_of_an_end: float
    gate_passed: NotRequired[bool]


@with_config(_OPEN)
class Sealed(TypedDict):
    """Of every folder."""

    kind: str
    digest: str
    files: dict[str, str]
    columns: dict[str, dict[str, str]]


@with_config(_STRICT)
class RunFacts(Sealed):
    """Of a run."""

    model: dict[str, Any]
    model_digest: str
    gate: GateFacts | None
    limits: LimitFacts | None
    source: str
    register_warnings: list[str]
    panel: PanelFacts
    compared: int
    centres: dict[str, Finite]
    binary: list[str]
    flow: FlowFacts
    notes: NoteFacts
    sd_ratios: dict[str, dict[str, Finite]]
    unseen: Numbers
    held: dict[str, SeparationFacts]
    remarks: dict[str, list[str]]
    rows_digest: str
    answers: dict[str, AnswerFacts]
    settings: SettingFacts
    seconds: dict[str, float]
    versions: dict[str, str]
    posterior_digest: str
    call: NotRequired[CallFacts]
    checked_by: NotRequired[CheckedByFacts]


@with_config(_STRICT)
class PublishedFacts(Sealed):
    """Of the posterior of the published table."""

    priors: dict[str, dict[str, Any]]
    gates: dict[str, GateFacts]
    limits: LimitFacts
    settings: SettingFacts
    versions: dict[str, str]
    posterior_digest: str


@with_config(_OPEN)
class ComparisonFacts(Sealed):
    """Of three estimators on one scale."""

    first: dict[str, Any]
    last: dict[str, Any]
    event: str
    source: str
    engine: str
    remarks: dict[str, list[str]]
    seed: int
    rows: int
    persons: int
    draws: int
    versions: dict[str, str]
    run: NotRequired[dict[str, str]]


_KINDS: dict[str, TypeAdapter[Any]] = {
    "run": TypeAdapter(RunFacts),
    "published": TypeAdapter(PublishedFacts),
    "comparison": TypeAdapter(ComparisonFacts),
}
_ANY: TypeAdapter[Any] = TypeAdapter(Sealed)


def checked(facts: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The facts of a manifest, if they are of the names and types of their kind.

    Parameters
    ----------
    facts : mapping
        Of :func:`hazard.files.seal.read`.
    where : str
        For the sentence.

    Raises
    ------
    IntegrityError
        One sentence on the first of them that is not.
    """
    try:
        _KINDS.get(facts["kind"], _ANY).validate_python(dict(facts))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part)[:40] for part in first["loc"])
        raise IntegrityError(
            f"manifest of {where} must be one that a command wrote; {key} is not ({first['msg']}), "
            f"with {error.error_count()} in all. Make the folder again."
        ) from None
    return dict(facts)
