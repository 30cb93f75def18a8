"""One analysis as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from hazard.errors import SpecError, did_you_mean
from hazard.spec import tails
from hazard.spec.baselines import BaselinesSpec
from hazard.spec.costs import CostsSpec
from hazard.spec.data import DataSpec, OutcomeSpec
from hazard.spec.dependence import DependenceSpec
from hazard.spec.estimands import (
    Estimand,
    GFormulaEstimand,
    IncidenceEstimand,
    LagShapeEstimand,
    check_terms,
)
from hazard.spec.identification import IdentificationSpec
from hazard.spec.names import PERIODS, Levels, Name, clash
from hazard.spec.priors import Prior
from hazard.spec.records import Record
from hazard.spec.shapes import check_shape
from hazard.spec.tables import TableSpec
from hazard.spec.terms import CovariateTerm, GroupTerm, LaggedTerm, Term


class ModelSpec(Record):
    """One analysis: question, data, outcome, terms, estimands.

    ``only`` names columns of the panel, and the level or levels of them to which the rows are
    restricted: ``nationality = "Irak"``. The exposures are still made from everybody.
    """

    name: Name
    question: str = Field(min_length=10)
    references: Annotated[tuple[str, ...], Field(max_length=1_000)] = ()
    data: DataSpec = DataSpec()
    table: TableSpec = TableSpec()
    only: dict[Name, Levels] = Field(default_factory=dict, max_length=20)
    outcome: OutcomeSpec
    term: Annotated[tuple[Term, ...], Field(max_length=200)] = ()
    estimand: Annotated[tuple[Estimand, ...], Field(max_length=100)] = ()
    identification: IdentificationSpec = IdentificationSpec()
    costs: CostsSpec | None = None
    baselines: BaselinesSpec = BaselinesSpec()
    dependence: DependenceSpec | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        names = [term.name for term in self.term]
        names += [term.varying_name for term in self.lagged if term.varying_name is not None]
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates:
            implied_kinds = {"month": "baseline", **dict.fromkeys(PERIODS, "calendar")}
            explanations = [
                f"; {name!r} is the name of a {implied_kinds[name]} term"
                for name in duplicates
                if name in implied_kinds
            ]
            raise ValueError(
                f"each term must appear once; {', '.join(duplicates)} appears twice"
                f"{''.join(explanations)}"
            )
        if clashing := clash(names):
            raise ValueError(
                f"terms must have names apart in a posterior; {clashing[0]!r} and {clashing[1]!r} "
                f"both make {clashing[2]!r}. Give one of the columns another name in the table"
            )
        labels = [estimand.label for estimand in self.estimand]
        if duplicates := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(
                "each estimand must have its own name, which is its kind unless name says another; "
                f"{', '.join(duplicates)} appears twice"
            )
        lagged = {term.name: term.exposure for term in self.lagged}
        for estimand in self.estimand:
            check_terms(estimand, lagged)
        return self

    @model_validator(mode="after")
    def _own_names(self) -> ModelSpec:
        columns = [("covariate", t.column) for t in self.term if isinstance(t, CovariateTerm)]
        columns += [("exposure", term.exposure) for term in self.lagged if term.network == "own"]
        columns += [("group", t.name) for t in self.term if isinstance(t, GroupTerm)]
        reserved = {"intercept": "the intercept"} | dict.fromkeys(("person", "exit"), "every panel")
        for role, name in columns:
            if name in reserved:
                raise ValueError(
                    f"{role} must not be called {name!r}, which is a name of {reserved[name]}; "
                    "give the column another name in the table"
                )
        for role, name in columns:
            mapped = getattr(self.table, name) if name in ("month", "calendar", "entry") else name
            if role != "group" and mapped not in (name, None):
                raise ValueError(
                    f"{role} {name!r} is the panel's own, made from the column {mapped!r}; give a "
                    "column of your own another name in the table"
                )
        return self

    @model_validator(mode="after")
    def _of_nobody(self) -> ModelSpec:
        outcome_columns = self.table.outcome_columns
        for role, name in self._described():
            persons = name in self.table.ids and role != "clusters"
            if persons or name in outcome_columns:
                disclosed = "who a person is" if persons else "the outcome"
                raise ValueError(
                    f"{role} must not be by {name!r}, which tells {disclosed}; name another column"
                )
        return self

    def _described(self) -> Iterator[tuple[str, str]]:
        """What a column is used for, and its name, of everything that is reported by its levels."""
        for term in self.term:
            if isinstance(term, CovariateTerm):
                yield "covariate", term.column
            elif isinstance(term, GroupTerm):
                yield from (("group", part) for part in term.parts)
            elif isinstance(term, LaggedTerm):
                is_own = term.network == "own"
                yield ("exposure", term.exposure) if is_own else ("network", term.network)
                if term.varies_by is not None:
                    yield "varies_by", term.varies_by.by
        yield from (("[only]", name) for name in self.only)
        yield from (("clusters", name) for name in self.baselines.clusters or ())
        if self.dependence is not None:
            yield from (("dependence", name) for name in self.dependence.groups)
        for estimand in self.estimand:
            if isinstance(estimand, GFormulaEstimand):
                yield from (("estimand", name) for name in estimand.by)
        if self.costs is not None and isinstance(self.costs.persons, str):
            yield "costs", self.costs.persons

    @model_validator(mode="after")
    def _known_exits(self) -> ModelSpec:
        of_one_exit = [
            e for e in self.estimand if isinstance(e, GFormulaEstimand | LagShapeEstimand)
        ]
        named_exits = [(f"estimand {e.label!r}", e.exit) for e in of_one_exit if e.exit is not None]
        named_exits += [("costs", name) for name in (self.costs.exits if self.costs else ())]
        for where, name in named_exits:
            if name not in self.outcome.exits:
                raise ValueError(
                    f"exit of {where} must be one of {list(self.outcome.exits)}; got {name!r}."
                    + did_you_mean(name, self.outcome.exits)
                )
        return self

    @model_validator(mode="after")
    def _claims_kept(self) -> ModelSpec:
        link = self.outcome.link
        tails.check_intercept(self.outcome.intercept, link)
        for term in self.term:
            tails.check(term, term.prior, link)
            if isinstance(term, LaggedTerm) and term.varies_by is not None:
                tails.check(term, term.varies_by.prior, link)
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

    @model_validator(mode="after")
    def _shapes_of_curves(self) -> ModelSpec:
        terms = {term.name: term for term in self.lagged}
        for estimand in self.lag_shapes:
            check_shape(f"estimand {estimand.label!r}", estimand.shape, terms[estimand.term])
        return self

    @property
    def lag_shapes(self) -> tuple[LagShapeEstimand, ...]:
        """The estimands that ask for the shape of a lag curve, in file order."""
        return tuple(e for e in self.estimand if isinstance(e, LagShapeEstimand))

    @property
    def lagged(self) -> tuple[LaggedTerm, ...]:
        """The lagged terms, in file order."""
        return tuple(term for term in self.term if isinstance(term, LaggedTerm))

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Columns of the panel by which rows are grouped, ``calendar`` for periods of time."""
        names = [part for term in self.term if isinstance(term, GroupTerm) for part in term.parts]
        names += [term.varies_by.by for term in self.lagged if term.varies_by is not None]
        return tuple(dict.fromkeys("calendar" if name in PERIODS else name for name in names))

    @property
    def rows_digest(self) -> str:
        """SHA-256 of all by which the rows of a panel, and what happened around them, are made."""
        happened = {"prior", "windows", "varies_by"}
        parts = [term.model_dump_json(exclude=happened) for term in self.lagged]
        parts += [self.data.model_dump_json(), self.table.model_dump_json()]
        parts += [repr(sorted(self.only.items())), repr(self.outcome.exits)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def replace(self, **changes: Any) -> ModelSpec:
        """The model with other parts, checked as a file is.

        Parameters
        ----------
        **changes
            By the keys of a model file, such as ``question``, ``outcome``, ``term``.

        Raises
        ------
        SpecError
            One sentence per rule that the changed model breaks.
        """
        unknown = [name for name in changes if name not in type(self).model_fields]
        if unknown:
            known = list(type(self).model_fields)
            raise SpecError(
                f"model has no part {unknown[0]!r}; known are {known}."
                + did_you_mean(unknown[0], known)
            )
        from hazard.spec.text import validated

        return validated({**self.model_dump(), **changes}, f"model {self.name!r}")

    def with_prior(self, term: str, prior: Prior | Mapping[str, Any]) -> ModelSpec:
        """The model with another prior of one term.

        Parameters
        ----------
        term : str
            Name of the term.
        prior : Prior or mapping
            As in a model file: family, scale, reason.

        Raises
        ------
        SpecError
            If there is no such term, or it cannot have this prior.
        """
        names = [existing.name for existing in self.term]
        if not isinstance(prior, Record | Mapping):
            raise SpecError(
                f"prior of term {term!r} must be a mapping with family, scale and reason, as in a "
                f"model file; got a {type(prior).__name__}."
            )
        if term not in names:
            raise SpecError(
                f"term must be one of model {self.name!r}, {names}; got {term!r}."
                + did_you_mean(term, names)
            )
        terms = [
            {**existing.model_dump(), "prior": _content(prior)}
            if existing.name == term
            else existing
            for existing in self.term
        ]
        return self.replace(term=terms)

    @property
    def digest(self) -> str:
        """SHA-256 of the content, independent of comments and layout of the file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def _content(prior: Prior | Mapping[str, Any]) -> Any:
    return prior.model_dump() if isinstance(prior, Record) else dict(prior)
