"""A model as a file: frozen records read from TOML, with a closed vocabulary.

A model file names the question, the definitions of the data, the outcome, the terms of the linear
predictor with a prior and a reason for each, and the estimands. An unknown key is an error that
proposes the nearest known one.
"""

from __future__ import annotations

import hashlib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hazard.errors import SpecError, UsageError, did_you_mean
from hazard.links import Link
from hazard.months import Written


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[^\W\d][\w\-]*$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]  # in order as text

_OF_CENTRE = ("centre", "centre_nationality", "centre_other", "nationality_elsewhere")


# --- priors -------------------------------------------------------------------------------------
class NormalPrior(_Record):
    """Independent normal coefficients with a fixed standard deviation."""

    family: Literal["normal"]
    scale: Positive
    reason: str = Field(min_length=10)


class PooledPrior(_Record):
    """Independent normal coefficients; their sd is learned, half-normal with this scale."""

    family: Literal["pooled"]
    scale: Positive
    reason: str = Field(min_length=10)


class RandomWalkPrior(_Record):
    """Neighbouring coefficients differ by normal steps; ``start`` is the sd of the first."""

    family: Literal["random_walk"]
    scale: Positive
    start: Positive
    reason: str = Field(min_length=10)


class DecayPrior(_Record):
    """Independent normal coefficients whose sd halves every ``half_life`` months from lag 0.

    It fades before lag 0, over the leads, as it does after it.
    """

    family: Literal["decay"]
    scale: Positive
    half_life: Positive
    reason: str = Field(min_length=10)


Prior = Annotated[
    NormalPrior | PooledPrior | RandomWalkPrior | DecayPrior, Field(discriminator="family")
]


class InterceptPrior(_Record):
    """Normal prior of the linear predictor at the reference level of every term."""

    mean: float = -4.0
    scale: Positive = 2.5
    reason: str = Field(
        "monthly probabilities between 0.01 and 70 percent lie within two standard deviations",
        min_length=10,
    )

    @model_validator(mode="after")
    def _own_reason(self) -> InterceptPrior:
        if self.model_fields_set & {"mean", "scale"} and "reason" not in self.model_fields_set:
            raise ValueError("another mean or scale must come with its own reason")
        return self


# --- terms of the linear predictor --------------------------------------------------------------
class BaselineTerm(_Record):
    """Effect of months at risk: one coefficient per interval, relative to the first.

    ``breaks`` are the first months of the intervals; the last interval is open.
    """

    kind: Literal["baseline"]
    breaks: tuple[Annotated[int, Field(ge=1)], ...]
    prior: Prior

    @model_validator(mode="after")
    def _increasing(self) -> BaselineTerm:
        if not self.breaks or self.breaks[0] != 1 or list(self.breaks) != sorted(set(self.breaks)):
            raise ValueError("breaks must start at 1 and increase")
        return self

    @property
    def name(self) -> str:
        """Name of the term, unique in a model."""
        return "month"


class CovariateTerm(_Record):
    """Effect of one column of the panel: numbers as they are, text as contrasts with a level.

    Numbers are centred at their mean over persons, a constant that is stored with the design.
    """

    kind: Literal["covariate"]
    column: Name
    reference: str | None = None
    prior: Prior

    @property
    def name(self) -> str:
        """Name of the term, unique in a model."""
        return self.column


class CalendarTerm(_Record):
    """Effect of the calendar year: one coefficient per year, relative to the first."""

    kind: Literal["calendar"]
    by: Literal["year"]
    prior: Prior

    @property
    def name(self) -> str:
        """Name of the term, unique in a model."""
        return self.by


class GroupTerm(_Record):
    """Effect of the level of a group; levels are drawn from a common distribution per exit."""

    kind: Literal["group"]
    by: Name
    prior: Prior

    @property
    def name(self) -> str:
        """Name of the term, unique in a model."""
        return self.by


class LaggedTerm(_Record):
    """Effect of what happened ``lags[0]`` to ``lags[1]`` months earlier, one coefficient per lag.

    ``network`` says around whom: the same ``centre``, the same ``nationality``, a disjoint part of
    the two (``centre_nationality``: both the same; ``centre_other``: same centre, other
    nationality; ``nationality_elsewhere``: same nationality, not at the centre), or ``own`` for the
    person's own other rows of the column ``exposure``. ``measure`` says what is told of the month:
    whether ``at_least`` so many events happened, their ``count``, or the count ``per_resident``: by
    the number of other families of the network in that month, 0 where there was none. A coefficient
    of a rate is that of one unit, an event of everybody: its prior must be as wide.

    A negative lag is a lead: -1 is the month after. What is yet to happen should have no effect.
    """

    kind: Literal["lagged"]
    exposure: Name
    network: Name
    measure: Literal["at_least", "count", "per_resident"] = "at_least"
    at_least: Annotated[int, Field(ge=1)] = 1
    lags: tuple[int, int]
    history_before_start: Literal["missing", "zero", "carry"]
    prior: Prior

    @model_validator(mode="after")
    def _ordered(self) -> LaggedTerm:
        if self.lags[0] > self.lags[1]:
            raise ValueError("lags must be [first, last] with first <= last")
        return self

    @model_validator(mode="after")
    def _measurable(self) -> LaggedTerm:
        if self.measure != "at_least" and self.at_least != 1:
            raise ValueError(f"at_least must be left out with measure {self.measure!r}")
        if self.measure == "per_resident" and self.network == "own":
            raise ValueError("measure 'per_resident' must have a network of others; got 'own'")
        return self

    @property
    def moves(self) -> bool:
        """Whether the network changes when the person moves to another centre."""
        return self.network in _OF_CENTRE

    @property
    def name(self) -> str:
        """Name of the term, unique in a model: exposure, network, and the measure if not any."""
        threshold = f"_{self.at_least}plus" if self.at_least > 1 else ""
        suffix = threshold if self.measure == "at_least" else f"_{self.measure}"
        return f"{self.exposure}_{self.network}{suffix}"


Term = Annotated[
    BaselineTerm | CovariateTerm | CalendarTerm | GroupTerm | LaggedTerm,
    Field(discriminator="kind"),
]


# --- data, outcome, estimands -------------------------------------------------------------------
class DataSpec(_Record):
    """Definitions that turn the registers into a panel; the defaults are the published ones.

    ``disappearance_days`` takes the place of ``disappearance_months``; 3 is the operational rule.
    ``at_risk_from = "arrival"`` also counts the time in a centre before the final rejection.
    ``privacy_filter = "apply"`` is for registers that were delivered before the filter.
    """

    forced_return: Literal["broad", "strict"] = "broad"
    assisted: Literal["completed", "any"] = "completed"
    assisted_date: Literal["application", "completion"] = "application"
    disappearance_months: Annotated[int, Field(ge=1)] = 12
    disappearance_days: Annotated[int, Field(ge=1)] | None = None
    unknown_tail: Literal["as_published", "drop"] = "as_published"
    exit_order: tuple[str, ...] = ("forced", "assisted", "disappeared")
    exits: tuple[Literal["assisted", "disappeared", "forced"], ...] = (
        "assisted",
        "disappeared",
        "forced",
    )
    at_risk_from: Literal["rejection", "arrival"] = "rejection"
    stateless: Literal["exclude", "keep"] = "exclude"
    privacy_filter: Literal["as_delivered", "apply"] = "as_delivered"
    history_centre: Literal["current", "then"] = "current"
    representative_seed: int = 0

    @model_validator(mode="after")
    def _one_absence(self) -> DataSpec:
        default = type(self).model_fields["disappearance_months"].default
        if self.disappearance_days is not None and self.disappearance_months != default:
            raise ValueError("disappearance must be stated in months or in days, not in both")
        return self


class EndpointSpec(_Record):
    """One way out of a table with one row per person: left at ``time`` if ``event`` is ``code``."""

    name: Name
    time: Name
    event: Name
    code: int | str = 1


class TableSpec(_Record):
    """How to read a ready table.

    ``layout = "rows"``: one row per person and month at risk, with an ``exit`` column.
    ``layout = "spells"``: one row per person; the first of the ``exit`` endpoints ends the spell,
    in the stated order when two fall in one month, and the latest ``time`` is the end of follow-up.
    The month of a ``time`` is (time - ``origin``) x ``time_scale``, rounded up when ``time_scale``
    is not 1 (``time_scale = 12`` for years). ``calendar`` is the calendar month of month 1.
    ``wide`` maps a new column to the stem of numbered ones (``emp`` for ``emp1``, ``emp2``, ...).
    ``incomplete = "drop"`` leaves out persons with a missing covariate, and counts them.
    ``source`` names a bundled example that is used when no file is given.

    With ``start`` (spells only) every ``time`` is a date, written as ``dates`` says, or empty while
    the spell goes on. A row is then ``unit_months`` calendar months, counted from the month of
    ``start``, and lies in the window (its first and last month included) as a whole. Who started
    before ``window_start`` enters late; who stayed beyond ``window_end`` is censored.
    ``again = "separate"`` takes each spell of a person as a person, if they do not overlap.
    """

    layout: Literal["rows", "spells"] = "rows"
    person: Name = "person"
    month: Name = "month"
    exit: str | tuple[EndpointSpec, ...] = "exit"
    entry: Name | None = None
    calendar: Name | None = "calendar"
    unit: str = "month"
    origin: float = 0.0
    time_scale: Positive = 1.0
    wide: dict[Name, str] = Field(default_factory=dict)
    incomplete: Literal["error", "drop"] = "error"
    start: Name | None = None
    dates: Written = "yyyy-mm-dd"
    unit_months: Annotated[int, Field(ge=1)] = 1
    window_start: Month | None = None
    window_end: Month | None = None
    again: Literal["refuse", "separate"] = "refuse"
    source: Literal["lifelines.rossi", "lifelines.canadian_senators"] | None = None

    @model_validator(mode="after")
    def _one_layout(self) -> TableSpec:
        if (self.layout == "rows") != isinstance(self.exit, str):
            raise ValueError("exit must name a column for layout 'rows', endpoints for 'spells'")
        if self.layout == "rows" and (self.wide or self.origin or self.time_scale != 1):
            raise ValueError("wide, origin and time_scale need layout 'spells'")
        return self

    @model_validator(mode="after")
    def _dated(self) -> TableSpec:
        if self.start is None:
            known = type(self).model_fields
            needy = ("dates", "unit_months", "window_start", "window_end", "again")
            if lost := [name for name in needy if getattr(self, name) != known[name].default]:
                raise ValueError(f"{', '.join(lost)} must come with the date column start")
            return self
        if self.layout == "rows" or self.entry or self.origin or self.time_scale != 1:
            raise ValueError("start needs layout 'spells', without entry, origin and time_scale")
        if self.window_start and self.window_end and self.window_start > self.window_end:
            raise ValueError("window_start must not be after window_end")
        if self.unit_months != 1 and self.unit == "month":
            raise ValueError("unit must name what unit_months months are, such as 'year' for 12")
        return self


class OutcomeSpec(_Record):
    """Ways out, in the order that is frozen into every result, and the link."""

    exits: tuple[Name, ...] = Field(min_length=1)
    link: Link = "softmax"
    intercept: InterceptPrior = InterceptPrior()

    @model_validator(mode="after")
    def _distinct(self) -> OutcomeSpec:
        if len(set(self.exits)) != len(self.exits) or "stay" in self.exits:
            raise ValueError("exits must be distinct, and 'stay' is implied")
        return self


class LagCurveEstimand(_Record):
    """The coefficients of a lagged term, lag by lag, and their sum."""

    kind: Literal["lag_curve"]


class IncidenceEstimand(_Record):
    """Cumulative incidence with and without one event in month 1.

    ``term`` names a lagged term (``exposure_network``); without it there is one arm, as observed.
    Of a term with a threshold the event is so many at once. A rate ``per_resident`` has no such
    arm: one unit of it is an event of everybody, and one event is another rate at every centre.
    """

    kind: Literal["cumulative_incidence"]
    term: str | None = None
    horizon_months: Annotated[int, Field(ge=1)] = 24


Estimand = Annotated[LagCurveEstimand | IncidenceEstimand, Field(discriminator="kind")]


class ModelSpec(_Record):
    """One analysis: question, data, outcome, terms, estimands."""

    name: Name
    question: str = Field(min_length=10)
    references: tuple[str, ...] = ()
    data: DataSpec = DataSpec()
    table: TableSpec = TableSpec()
    outcome: OutcomeSpec
    term: tuple[Term, ...] = ()
    estimand: tuple[Estimand, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        names = [term.name for term in self.term]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each term must appear once; {', '.join(twice)} appears twice")
        kinds = [estimand.kind for estimand in self.estimand]
        if len(set(kinds)) < len(kinds):  # a run holds one result per kind
            raise ValueError("each kind of estimand must appear once")
        lagged = [term.name for term in self.lagged]
        for estimand in self.estimand:
            if isinstance(estimand, IncidenceEstimand) and estimand.term not in (None, *lagged):
                raise ValueError(
                    f"estimand term must be one of {lagged}; got {estimand.term!r}."
                    + did_you_mean(estimand.term, lagged)
                )
        return self

    @model_validator(mode="after")
    def _answerable(self) -> ModelSpec:
        rates = [term.name for term in self.lagged if term.measure == "per_resident"]
        for estimand in self.estimand:
            if isinstance(estimand, IncidenceEstimand) and estimand.term in rates:
                raise ValueError(
                    f"estimand term must not be measured per resident; got {estimand.term!r}, where"
                    " one event is another rate at every centre. Name a term with measure"
                    " 'at_least' or 'count', or leave the term of the estimand out"
                )
        leads = [term.name for term in self.lagged if term.lags[0] < 0 and term.moves]
        if self.data.history_centre == "then" and leads:
            raise ValueError(
                f"lags must not be negative with data.history_centre 'then'; got leads in {leads},"
                " where the centre of the time lies in the future. Use history_centre 'current', or"
                " leave out the leads"
            )
        return self

    @property
    def lagged(self) -> tuple[LaggedTerm, ...]:
        """The lagged terms, in file order."""
        return tuple(term for term in self.term if isinstance(term, LaggedTerm))

    @property
    def digest(self) -> str:
        """SHA-256 of the content, independent of comments and layout of the file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


# --- text in and out ----------------------------------------------------------------------------
def load(text: str, where: str = "model file") -> ModelSpec:
    """Model from TOML text.

    Raises
    ------
    SpecError
        If the text is not TOML or breaks the vocabulary; all problems in one message.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{where} must be valid TOML; {error}.") from None
    try:
        return ModelSpec.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problems(error))
        raise SpecError(f"{where}: {problems}{'' if problems.endswith('?') else '.'}") from None


def read(name_or_path: str) -> ModelSpec:
    """Model by the name of a file that ships with the package, or from a path to a TOML file."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise UsageError(f"model file must exist; no file at {name_or_path!r}.")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise SpecError(f"{path.name} must be valid TOML; it is not UTF-8.") from None
        return load(text, where=path.name)
    known = {item.stem: item for item in models_folder().iterdir() if item.suffix == ".toml"}
    if name_or_path not in known:
        raise UsageError(
            f"model must be a .toml file or one of {sorted(known)}; got {name_or_path!r}."
            + did_you_mean(name_or_path, known)
        )
    return load(known[name_or_path].read_text(encoding="utf-8"), where=f"{name_or_path}.toml")


def models_folder() -> Path:
    """Folder with the model files: inside the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("hazard")))
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _problems(error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            key = str(item["loc"][-1])
            lines.append(f"{place} is not a known key.{did_you_mean(key, _keys())}")
        else:
            message = item["msg"].removeprefix("Value error, ").rstrip(".")
            lines.append(f"{place}: {message[:1].lower()}{message[1:]}".removeprefix(": "))
    return [line.rstrip(".") for line in lines]


def _keys() -> set[str]:
    records: list[Any] = [*_Record.__subclasses__()]
    return {key for record in records for key in record.model_fields}
