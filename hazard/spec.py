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

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from hazard.errors import SpecError, UsageError, did_you_mean
from hazard.links import Link
from hazard.months import Written
from hazard.prior_families import (
    CorrelatedPrior,
    InterceptPrior,
    PooledPrior,
    Positive,
    Prior,
    Record,
)

Name = Annotated[str, Field(min_length=1, pattern=r"^[^\W\d][\w\-]*$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]  # in order as text

_OF_CENTRE = ("centre", "centre_nationality", "centre_other", "nationality_elsewhere")
Names = Annotated[
    Annotated[Name, Tag("column")]
    | Annotated[tuple[Name, ...], Field(min_length=1), Tag("columns")],
    Discriminator(lambda value: "column" if isinstance(value, str) else "columns"),
]
PERIODS = ("year", "quarter", "calendar_month", "season")  # made from the column ``calendar``


# --- terms of the linear predictor --------------------------------------------------------------
class Spline(Record):
    """B-splines between ``knots``, which are months; constant beyond the last.

    ``degree`` 1 joins straight lines, 3 has a smooth slope.
    """

    knots: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=2)
    degree: Annotated[int, Field(ge=1, le=5)] = 3

    @model_validator(mode="after")
    def _increasing(self) -> Spline:
        _check_increasing("knots", self.knots)
        return self


class BaselineTerm(Record):
    """Effect of months at risk, relative to the first month, in one of three forms.

    ``breaks``: one coefficient per interval; these are the first months of the intervals, of which
    the last is open. ``months``: one coefficient per month; the last of them is open. ``spline``: a
    smooth curve, whose prior is on the coefficients of B-splines (``learned_walk``: a P-spline).
    """

    kind: Literal["baseline"]
    breaks: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    months: Annotated[int, Field(ge=2)] | None = None
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
        families = ("normal", "pooled", "correlated")
        if self.by == "season" and self.prior.family not in families:
            raise ValueError(
                "a season must have a prior of family 'normal', 'pooled' or 'correlated': its "
                f"coefficients are waves, without an order in time; got {self.prior.family!r}"
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
    levels: tuple[str, ...] | None = Field(None, min_length=1)
    prior: Annotated[PooledPrior | CorrelatedPrior, Field(discriminator="family")]

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
    varies_by: VariesBy | None = None

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

    @property
    def varying_name(self) -> str | None:
        """Name of the differences from the common curve, if there are any."""
        return None if self.varies_by is None else f"{self.name}_by_{self.varies_by.by}"


def _check_increasing(what: str, months: tuple[int, ...]) -> None:
    if not months or months[0] != 1 or list(months) != sorted(set(months)):
        raise ValueError(f"{what} must start at 1 and increase")


Term = Annotated[
    BaselineTerm | CovariateTerm | CalendarTerm | GroupTerm | LaggedTerm,
    Field(discriminator="kind"),
]


# --- data, outcome, estimands -------------------------------------------------------------------
class DataSpec(Record):
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


class EndpointSpec(Record):
    """One way out of a table with one row per person: left at ``time`` if ``event`` is ``code``."""

    name: Name
    time: Name
    event: Name
    code: int | str = 1


class TableSpec(Record):
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


class OutcomeSpec(Record):
    """Ways out, in the order that is frozen into every result, and the link."""

    exits: tuple[Name, ...] = Field(min_length=1)
    link: Link = "softmax"
    intercept: InterceptPrior = InterceptPrior()

    @model_validator(mode="after")
    def _distinct(self) -> OutcomeSpec:
        if len(set(self.exits)) != len(self.exits) or "stay" in self.exits:
            raise ValueError("exits must be distinct, and 'stay' is implied")
        return self


class LagCurveEstimand(Record):
    """The coefficients of a lagged term, lag by lag, and their sum."""

    kind: Literal["lag_curve"]


class IncidenceEstimand(Record):
    """Cumulative incidence with and without one event in month 1.

    ``term`` names a lagged term (``exposure_network``); without it there is one arm, as observed.
    Of a term with a threshold the event is so many at once. A rate ``per_resident`` has no such
    arm: one unit of it is an event of everybody, and one event is another rate at every centre.
    """

    kind: Literal["cumulative_incidence"]
    term: str | None = None
    horizon_months: Annotated[int, Field(ge=1)] = 24


Estimand = Annotated[LagCurveEstimand | IncidenceEstimand, Field(discriminator="kind")]


class ModelSpec(Record):
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
        names += [term.varying_name for term in self.lagged if term.varying_name is not None]
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
    def group_columns(self) -> tuple[str, ...]:
        """Columns of the panel by which rows are grouped, ``calendar`` for periods of time."""
        named = [part for term in self.term if isinstance(term, GroupTerm) for part in term.parts]
        named += [term.varies_by.by for term in self.lagged if term.varies_by is not None]
        return tuple(dict.fromkeys("calendar" if each in PERIODS else each for each in named))

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
    records: list[Any] = [*Record.__subclasses__()]
    return {key for record in records for key in record.model_fields}
