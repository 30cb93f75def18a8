"""Both designs on a panel: ever treated by least squares, treated so far in the hazard model."""

from __future__ import annotations

import pandas as pd

from hazard.baselines import linear_probability, multinomial_logit, robust
from hazard.baselines.fit import BaselineFit
from hazard.data import exposures
from hazard.errors import SpecError, did_you_mean
from hazard.model import design
from hazard.model.design import Histories
from hazard.spec import CovariateTerm, GroupTerm, LaggedTerm, ModelSpec
from hazard.studies.immortal_time.person_rows import (
    Question,
    ever_coded,
    landmark_rows,
    person_rows,
)


def ever_treated_fit(rows: pd.DataFrame, spec: ModelSpec, question: Question) -> BaselineFit:
    """Change of the probability of ever leaving through the exit, by ordinary least squares.

    Parameters
    ----------
    rows : DataFrame
        Of :func:`hazard.studies.immortal_time.person_rows` or
        :func:`hazard.studies.immortal_time.landmark_rows`.
    spec : ModelSpec
        Its covariates and groups are the regressors, groups as dummies; its baseline, calendar and
        lagged terms have no place in a row without time.
    question : Question

    Returns
    -------
    BaselineFit
        Of one exit, with errors clustered on the column of the question.

    Raises
    ------
    SpecError
        If the treatment is no term of the model.

    Examples
    --------
    Of four treated one left, of four others two did: the difference is -0.25.

    >>> from hazard import spec
    >>> rows = pd.DataFrame({"person": range(8), "month": 1, "entry": 0, "talk": [1, 0] * 4})
    >>> rows["exit"] = pd.Categorical(["left", "left", "stay", "left"] + ["stay"] * 4)
    >>> rows["where"] = list("aabbccdd")
    >>> model = spec.load('''name = "example"
    ... question = "an example?"
    ... [outcome]
    ... exits = ["left"]
    ... [[term]]
    ... kind = "covariate"
    ... column = "talk"
    ... prior = { family = "normal", scale = 1.0, reason = "an example only" }''')
    >>> fit = ever_treated_fit(rows, model, Question("talk", "left", "where"))
    >>> fit.table().query("term == 'talk'")["estimate"].round(3).tolist()
    [-0.25]
    """
    treatment = treatment_term(spec, question)
    once = CovariateTerm(kind="covariate", column=question.treatment, prior=treatment.prior)
    covariates = [term for term in spec.term if isinstance(term, CovariateTerm | GroupTerm)]
    terms = (once, *(term for term in covariates if term.name != once.name))
    outcome = spec.outcome.model_copy(update={"exits": (question.exit,)})
    plain = spec.model_copy(update={"term": terms, "outcome": outcome, "estimand": ()})
    model_design = design.build(rows, {}, plain)
    return linear_probability.fit(
        model_design, errors=robust.clusters(model_design, rows, [question.cluster])
    )


def hazard_fit(
    panel: pd.DataFrame, histories: Histories, spec: ModelSpec, question: Question
) -> BaselineFit:
    """Log-odds of each exit in a month, with a treatment that starts when it is given.

    Parameters
    ----------
    panel : DataFrame
        One row per person and month at risk.
    histories : mapping of str to DataArray, dims (row, lag)
        Of the lagged terms of the model.
    spec : ModelSpec
        With the treatment among its terms.
    question : Question

    Returns
    -------
    BaselineFit
        Multinomial logit by maximum likelihood, errors clustered as in the other design.

    Raises
    ------
    SpecError
        If the treatment is no term of the model.

    Notes
    -----
    Months before the treatment are compared as months without it. Where the order of treatment and
    exit within a month is not known, take the treatment of the month before: lag 1 of a lagged term
    of the network ``own``. The posterior of the same model comes from ``hazard run``.
    """
    treatment_term(spec, question)
    model_design = design.build(panel, histories, spec)
    errors = robust.clusters(model_design, panel, [question.cluster])
    return multinomial_logit.fit(model_design, errors=errors)


def compared(
    panel: pd.DataFrame,
    histories: Histories,
    spec: ModelSpec,
    question: Question,
    *,
    landmark: int | None = None,
) -> pd.DataFrame:
    """Estimates of one treatment under each design, from the same rows.

    Parameters
    ----------
    panel : DataFrame
    histories : mapping of str to DataArray, dims (row, lag)
    spec : ModelSpec
    question : Question
    landmark : int, optional
        Calendar month of a landmark analysis.

    Returns
    -------
    DataFrame, columns design, exit, unit, estimate, standard_error, lower, upper, errors, ...
        Designs ``ever_treated`` (least squares, change of a probability), ``landmark`` (the same,
        treated until the month), ``hazard`` (log-odds per month, treated so far) and
        ``hazard_ever`` (the hazard model with the wrong coding); then ``persons``, and ``treated``
        among them.

    Raises
    ------
    SpecError
        If the treatment is no term of the model.
    PanelError
        As for :func:`hazard.studies.immortal_time.person_rows`.
    """
    rows = person_rows(panel, question)
    fits = {
        "ever_treated": (ever_treated_fit(rows, spec, question), rows),
        "hazard": (hazard_fit(panel, histories, spec, question), rows),
        "hazard_ever": (_wrong_fit(panel, histories, spec, question), rows),
    }
    if landmark is not None:
        landmark_persons = landmark_rows(panel, question, landmark)
        fits["landmark"] = (ever_treated_fit(landmark_persons, spec, question), landmark_persons)
    parts = [
        _of_treatment(fit, spec, question, used).assign(design=name)
        for name, (fit, used) in fits.items()
    ]
    return pd.concat(parts, ignore_index=True)[["design", *_COLUMNS]]


_COLUMNS = [
    "exit",
    "unit",
    "estimate",
    "standard_error",
    "lower",
    "upper",
    "errors",
    "persons",
    "treated",
]


def check_model(spec: ModelSpec, question: Question) -> None:
    """Raise unless a model has the terms of a question, so that its columns are read.

    Raises
    ------
    SpecError
        If the treatment is no term of the model, the exit none of its exits, or the column of
        clusters neither a covariate nor a group.
    """
    treatment_term(spec, question)
    columns = {term.column for term in spec.term if isinstance(term, CovariateTerm)}
    for name, value, allowed in (
        ("exit", question.exit, set(spec.outcome.exits)),
        ("cluster", question.cluster, columns | set(spec.group_columns)),
    ):
        if value not in allowed:
            raise SpecError(
                f"{name} must be one of {sorted(allowed)}, which model {spec.name!r} has; got "
                f"{value!r}.{did_you_mean(value, allowed)} Name a model file that has it."
            )


def treatment_term(spec: ModelSpec, question: Question) -> CovariateTerm | LaggedTerm:
    """The term of the treatment: a covariate, or one lag of the person's own column.

    Raises
    ------
    SpecError
        If there is none.
    """
    treatments: dict[str, CovariateTerm | LaggedTerm] = {
        term.column: term for term in spec.term if isinstance(term, CovariateTerm)
    }
    treatments |= {
        term.exposure: term
        for term in spec.lagged
        if term.network == "own" and term.lags[0] == term.lags[1] and term.varies_by is None
    }
    if question.treatment not in treatments:
        raise SpecError(
            f"model {spec.name!r} must have the treatment as a covariate, or as one lag of the "
            f"person's own column; it has {sorted(treatments)}, got {question.treatment!r}."
            f"{did_you_mean(question.treatment, treatments)} Name a model file with such a term."
        )
    return treatments[question.treatment]


def _wrong_fit(
    panel: pd.DataFrame, histories: Histories, spec: ModelSpec, question: Question
) -> BaselineFit:
    """As :func:`hazard_fit`, of the treatment coded as ever."""
    wrong, term = ever_coded(panel, question), treatment_term(spec, question)
    if isinstance(term, LaggedTerm):
        histories = {**histories, term.name: exposures.own_history(wrong, term)}
    return hazard_fit(wrong, histories, spec, question)


def _of_treatment(
    fit: BaselineFit, spec: ModelSpec, question: Question, rows: pd.DataFrame
) -> pd.DataFrame:
    table = fit.table()
    names = [question.treatment, treatment_term(spec, question).name]
    return table[table["term"].isin(names)].assign(
        persons=len(rows), treated=int(rows[question.treatment].sum())
    )
