"""Model files: what they hold, how they are found, and the sentence for each way to be wrong."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hazard import spec as specs
from hazard.errors import SpecError, UsageError
from hazard.spec import IncidenceEstimand, ModelSpec, models_folder
from hazard.spec.records import Record
from places import ROOT

NAMES = sorted(path.stem for path in models_folder().glob("*.toml"))

HEAD = 'name = "example"\nquestion = "what comes after?"\n'
OUTCOME = '[outcome]\nexits = ["assisted", "forced"]\n'
REASON = 'reason = "an example only"'
PRIOR = f'prior = {{ family = "normal", scale = 1.0, {REASON} }}\n'
BASELINE = '[[term]]\nkind = "baseline"\nbreaks = [1, 3, 7]\n' + PRIOR
SEX = '[[term]]\nkind = "covariate"\ncolumn = "sex"\n' + PRIOR
VISIT = (
    '[[term]]\nkind = "lagged"\nexposure = "visit"\nnetwork = "centre"\nlags = [0, 2]\n'
    'history_before_start = "missing"\n' + PRIOR
)
INCIDENCE = '[[estimand]]\nkind = "cumulative_incidence"\nterm = "visit_centre"\n'
EXAMPLE = HEAD + OUTCOME + BASELINE + SEX + VISIT + INCIDENCE


def toml(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {toml(own)}' for key, own in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def dumped(content: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {toml(value)}\n" for key, value in content.items())


def text_of(name: str) -> str:
    return (models_folder() / f"{name}.toml").read_text(encoding="utf-8")


# --- the files in models/ -----------------------------------------------------------------------
def test_models_are_there() -> None:
    assert {"aidssi", "first_sex", "mgus2", "oslo2016", "rossi", "rossi_employment"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_file_loads(name: str) -> None:
    spec = specs.read(name)
    assert spec.name == name
    assert spec.question.endswith("?")
    assert spec.references
    assert spec.estimand
    priors = [spec.outcome.intercept, *(term.prior for term in spec.term)]
    assert all(len(prior.reason.split()) >= 4 for prior in priors)


@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name: str) -> None:
    spec = specs.read(name)
    again = specs.load(dumped(spec.model_dump(mode="json", exclude_none=True)))
    assert (again, again.digest) == (spec, spec.digest)
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("name", NAMES)
def test_digest_ignores_comments_and_layout(name: str) -> None:
    text = text_of(name)
    backwards = dict(reversed(tomllib.loads(text).items()))
    for same in (f"# first\n\n{text}# last\n", dumped(backwards)):
        assert specs.load(same).digest == specs.read(name).digest


def test_digest_follows_the_content() -> None:  # negative control
    changed = [
        EXAMPLE.replace("scale = 1.0", "scale = 1.5"),
        EXAMPLE.replace("an example only", "another reason"),
        EXAMPLE.replace('["assisted", "forced"]', '["forced", "assisted"]'),
        EXAMPLE.replace("[1, 3, 7]", "[1, 3, 8]"),
    ]
    digests = {specs.load(text).digest for text in [EXAMPLE, *changed]}
    assert len(digests) == 5
    assert len({specs.read(name).digest for name in NAMES}) == len(NAMES)


def test_digest_by_hand() -> None:
    # 1 and 1.0 are the same scale, and a default is the same as its value
    assert specs.load(EXAMPLE.replace("1.0", "1")).digest == specs.load(EXAMPLE).digest
    spelled = EXAMPLE.replace("[outcome]", '[outcome]\nlink = "softmax"')
    assert specs.load(spelled).digest == specs.load(EXAMPLE).digest


def test_terms_by_hand() -> None:
    spec = specs.load(EXAMPLE)
    assert [term.name for term in spec.term] == ["month", "sex", "visit_centre"]
    assert [term.name for term in spec.lagged] == ["visit_centre"]
    assert spec.estimand == (IncidenceEstimand(kind="cumulative_incidence", term="visit_centre"),)
    assert spec.outcome.exits == ("assisted", "forced")


def test_windows_rows_and_errors_by_hand() -> None:
    joined = EXAMPLE.replace("lags", "windows = [[0, 0], [1, 2]]\nlags")
    more = '[only]\nnationality = "Irak"\nsex = ["female", "male"]\n'
    more += '[baselines]\nclusters = ["centre"]\n'
    spec = specs.load(joined.replace("[outcome]", more + "[outcome]"))
    assert spec.lagged[0].coefficient_windows == ((0, 0), (1, 2))
    assert spec.only == {"nationality": "Irak", "sex": ("female", "male")}
    assert spec.baselines.clusters == ("centre",)
    plain = specs.load(EXAMPLE)
    assert plain.lagged[0].coefficient_windows == ((0, 0), (1, 1), (2, 2))
    assert (plain.only, plain.baselines.clusters) == ({}, None)


@pytest.mark.parametrize("name", ["threshold_two", "threshold_three", "without_applications"])
def test_robustness_models_differ_in_what_they_say(name: str) -> None:
    """All but the lagged terms, name, question and estimands are those of the main model."""
    own, main = specs.read(name), specs.read("oslo2016")
    for part in ("data", "table", "outcome", "references", "only", "baselines"):
        assert getattr(own, part) == getattr(main, part)
    others = [[t for t in spec.term if t not in spec.lagged] for spec in (own, main)]
    assert others[0] == others[1]
    forced = [t for t in main.lagged if t.exposure == "forced_return"]
    kept = [t for t in own.lagged if t.exposure == "forced_return"]
    at_least = {"threshold_two": 2, "threshold_three": 3}.get(name, 1)
    assert [t.model_copy(update={"at_least": at_least}) for t in forced] == kept
    rest = [t for t in main.lagged if t not in forced]
    assert [t for t in own.lagged if t not in kept] == ([] if name.startswith("without") else rest)


def test_country_models_differ_in_the_country() -> None:
    one, two = specs.read("iraq"), specs.read("afghanistan")
    assert (one.only, two.only) == ({"nationality": "Irak"}, {"nationality": "Afghanistan"})
    assert [one.term, one.outcome, one.data] == [two.term, two.outcome, two.data]
    published = specs.read("oslo2016_published")
    assert one.outcome == published.outcome
    assert one.data == published.data
    assert [term.name for term in one.term] == [
        *("sex", "large_family", "centre", "forced_return_centre")
    ]
    assert one.term[:3] == published.term[1:4]


def test_a_model_is_frozen() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        specs.load(EXAMPLE).outcome.link = "cloglog"


# --- ways to be wrong ---------------------------------------------------------------------------
def test_example_is_right() -> None:  # positive control of what follows
    assert specs.load(EXAMPLE).name == "example"


# the sentence: what stands in the example, and what must not stand there instead
WRONG: dict[str, tuple[str, ...]] = {
    "question must be given; qestion is not a known key. Did you mean 'question'?": (
        "question =",
        "qestion =",
    ),
    "outcome must be given; outcom is not a known key. Did you mean 'outcome'?": (
        "[outcome]",
        "[outcom]",
    ),
    "term.1.covariate.colum is not a known key. Did you mean 'column'?": (
        'column = "sex"',
        'column = "sex"\ncolum = "sex"',
    ),
    "data.forced_return must be 'broad' or 'strict'; got 'brod'.": (
        "[outcome]",
        '[data]\nforced_return = "brod"\n[outcome]',
    ),
    "term.1 must have as its kind one of 'baseline', 'covariate', 'calendar', 'group', 'lagged'; "
    "got 'sex'.": ('"covariate"', '"sex"'),
    "term.0.baseline: breaks must start at 1 and increase.": (
        *("[1, 3, 7]", "[1, 7, 3]", "[1, 3, 3]", "[2, 3]", "[]"),
    ),
    "term.2.lagged: lags must be [first, last] with first <= last.": ("[0, 2]", "[2, 0]"),
    "term.2.lagged.lags.0 must be a whole number; got 0.5.": (*("[0, 2]", "[0.5, 2]"),),
    "term.2.lagged.at_least must be at least 1; got 0.": (
        "lags",
        "at_least = 0\nlags",
    ),
    "term.2.lagged: at_least must be left out with measure 'count'.": (
        "lags",
        'measure = "count"\nat_least = 2\nlags',
    ),
    "term.2.lagged.lags must have at most 2 entries; got 3.": (
        "[0, 2]",
        "[0, 1, 2]",
    ),
    "term.2.lagged: windows must come with measure 'at_least', of which a window says whether it "
    "happened in any of its months; got 'count'.": (
        *("lags", 'windows = [[0, 2]]\nmeasure = "count"\nlags'),
    ),
    "term.2.lagged: windows must have lag 0 by itself with a prior of family 'spike', which "
    "singles out the month of the event.": (
        VISIT,
        VISIT.replace("lags", "windows = [[0, 1], [2, 2]]\nlags").replace(
            '"normal"', '"spike", rest = 0.1'
        ),
    ),
    "only.nationality.level must be text in quotation marks; got 3.": (
        "[outcome]",
        "[only]\nnationality = 3\n[outcome]",
    ),
    "only.nationality.levels must not be empty.": (
        "[outcome]",
        "[only]\nnationality = []\n[outcome]",
    ),
    "baselines.cluster is not a known key. Did you mean 'clusters'?": (
        "[outcome]",
        '[baselines]\ncluster = ["centre"]\n[outcome]',
    ),
    "baselines: clusters must name different columns.": (
        "[outcome]",
        '[baselines]\nclusters = ["centre", "centre"]\n[outcome]',
    ),
    "baselines.clusters must have at most 2 entries; got 3.": (
        "[outcome]",
        '[baselines]\nclusters = ["centre", "person", "nationality"]\n[outcome]',
    ),
    "term.2.lagged.history_before_start must be given.": (
        'history_before_start = "missing"\n',
        "",
    ),
    "estimand term must be one of ['visit_centre']; got 'visit_center'. Did you mean "
    "'visit_centre'?": ("visit_centre", "visit_center"),
    "estimand term must be one of ['visit_centre']; got 'sex'.": ("visit_centre", "sex"),
    "each term must appear once; sex appears twice.": (SEX, SEX + SEX),
    "term.1.covariate.column must be a name: letters, digits, _ and -, not starting with a digit "
    "or -; got 'sex of the head'.": (
        '"sex"',
        '"sex of the head"',
    ),
    "term.1.covariate.prior.normal.scale must be at least 1e-09; got 0.0.": (
        SEX,
        SEX.replace("1.0", "0.0"),
    ),
    "term.1.covariate.prior.normal.scale must be at least 1e-09; got -1.0.": (
        SEX,
        SEX.replace("1.0", "-1.0"),
    ),
    "term.1.covariate.prior.normal.scale must be a finite number; got inf.": (
        SEX,
        SEX.replace("1.0", "inf"),
    ),
    "term.1.covariate.prior.normal.scale must be a finite number; got nan.": (
        SEX,
        SEX.replace("1.0", "nan"),
    ),
    "term.1.covariate.prior.normal.reason must be given.": (SEX, SEX.replace(f", {REASON}", "")),
    "outcome.intercept: another mean or scale must come with its own reason.": (
        "[outcome]",
        "[outcome]\nintercept = { mean = -1.0 }",
        "[outcome]\nintercept = { scale = 1.0 }",
    ),
    "outcome: exits must be distinct, and 'stay' is implied.": (
        '"forced"]',
        '"assisted"]',
        '"stay"]',
    ),
    "table: exit must name a column for layout 'rows', endpoints for 'spells'.": (
        "[outcome]",
        '[table]\nlayout = "spells"\n[outcome]',
    ),
    "table: wide, origin and time_scale need layout 'spells'.": (
        "[outcome]",
        "[table]\ntime_scale = 12.0\n[outcome]",
        "[table]\norigin = 6.0\n[outcome]",
    ),
}


def test_what_is_wrong_in_a_list_is_not_said_of_its_length() -> None:
    named = EXAMPLE.replace('by = "centre"', 'by = ["a,b"]')
    exits = re.sub(r"exits = \[.*?\]", 'exits = ["a,b"]', named, count=1)
    with pytest.raises(SpecError) as told:
        specs.load(exits)
    text = str(told.value)
    assert "outcome.exits.0 must be a name: letters, digits, _ and -" in text
    assert "got 'a,b'" in text
    assert "empty" not in text
    assert "string should" not in text


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_content_is_one_sentence(sentence: str) -> None:
    old, *others = WRONG[sentence]
    assert EXAMPLE.count(old) == 1
    for new in others:
        with pytest.raises(SpecError, match=f"^{re.escape(f'example.toml: {sentence}')}$"):
            specs.load(EXAMPLE.replace(old, new), where="example.toml")


@pytest.mark.parametrize(
    "windows",
    [
        "[[0, 0], [2, 2]]",
        "[[0, 1], [1, 2]]",
        "[[1, 2], [0, 0]]",
        "[[0, 2], [2, 1]]",
        "[[0, 1]]",
        "[]",
    ],
)
def test_windows_hold_each_lag(windows: str) -> None:
    sentence = (
        "model file: term.2.lagged: windows must hold each lag from 0 to 2 once and in order, as "
        f"[first, last]; got {windows}."
    )
    with pytest.raises(SpecError, match=f"^{re.escape(sentence)}$"):
        specs.load(EXAMPLE.replace("lags", f"windows = {windows}\nlags"))


RATE = EXAMPLE.replace("lags", 'measure = "per_resident"\nlags').replace(INCIDENCE, "")
THEN = EXAMPLE.replace("[outcome]", '[data]\nhistory_centre = "then"\n[outcome]')


def test_incidence_of_a_rate_is_refused() -> None:
    sentence = (
        "model file: estimand term must not be measured per resident; got "
        "'visit_centre_per_resident', where one event is another rate at every centre. Name a term "
        "with measure 'at_least' or 'count', or leave the term of the estimand out."
    )
    with pytest.raises(SpecError, match=f"^{re.escape(sentence)}$"):
        specs.load(RATE + INCIDENCE.replace("visit_centre", "visit_centre_per_resident"))


def test_incidence_beside_a_rate_is_fine() -> None:
    observed = '[[estimand]]\nkind = "cumulative_incidence"\n'
    assert specs.load(RATE + observed).lagged[0].measure == "per_resident"
    specs.load(RATE + VISIT + INCIDENCE)  # of another term
    specs.load(
        EXAMPLE.replace("lags", 'measure = "count"\nlags').replace("_centre", "_centre_count")
    )


@pytest.mark.parametrize(
    "network", ["centre", "centre_nationality", "centre_other", "nationality_elsewhere"]
)
def test_leads_need_the_centre_of_the_row(network: str) -> None:
    leads = THEN.replace("[0, 2]", "[-2, 2]").replace(INCIDENCE, "")
    sentence = (
        "model file: lags must not be negative with data.history_centre 'then'; got leads in "
        f"['visit_{network}'], where the centre of the time lies in the future. Use history_centre "
        "'current', or leave out the leads."
    )
    with pytest.raises(SpecError, match=f"^{re.escape(sentence)}$"):
        specs.load(leads.replace('"centre"', f'"{network}"'))


def test_other_leads_are_fine() -> None:
    assert specs.load(THEN).data.history_centre == "then"
    specs.load(EXAMPLE.replace("[0, 2]", "[-2, 2]"))
    wide = THEN.replace("[0, 2]", "[-2, 2]").replace(INCIDENCE, "")
    specs.load(wide.replace('"centre"', '"nationality"'))  # does not change when somebody moves
    with pytest.raises(SpecError, match=r"lags must not be negative with network 'own'; got \[-2"):
        specs.load(wide.replace('"centre"', '"own"'))


def test_all_that_is_wrong_is_in_one_error() -> None:
    twice = EXAMPLE.replace("[1, 3, 7]", "[3, 1]").replace("[0, 2]", "[2, 0]")
    with pytest.raises(SpecError, match=r"must start at 1 and increase; .* first <= last\.$"):
        specs.load(twice)


def every_record(above: type[Record] = Record) -> list[type[Record]]:
    below = above.__subclasses__()
    return [*below, *(record for each in below for record in every_record(each))]


KEYS = sorted({key for record in every_record() for key in record.model_fields})


def added(where: str, line: str) -> str:
    return EXAMPLE.replace(where, f"{where}\n{line}", 1)


HINTS = {
    # the key of another kind of term is not proposed for this one
    added('column = "sex"', 'exposure = "visit"'): (
        "term.1.covariate.exposure is not a known key. Its table has column, kind, prior, refer"
    ),
    added('exposure = "visit"', 'colum = "sex"'): (
        "term.2.lagged.colum is not a known key. Its table has at_least, exposure, history_before_"
    ),
    added('column = "sex"', 'referenc = "male"'): (
        "term.1.covariate.referenc is not a known key. Did you mean 'reference'?"
    ),
    EXAMPLE.replace("reason", "reasn = 1, reason", 1): "is not a known key. Did you mean 'reason'?",
    added("[outcome]", "time_scale = 2.0"): (
        "outcome.time_scale is not a known key. Its table has exits, intercept, link."
    ),
    EXAMPLE.replace(
        "[outcome]",
        '[table]\nlayout = "spells"\n'
        'exit = [{ name = "a", time = "t", event = "e", cod = 1 }]\n[outcome]',
    ): "table.exit.endpoints.0.cod is not a known key. Did you mean 'code'?",
}


@pytest.mark.parametrize("text", HINTS)
def test_an_unknown_key_is_looked_up_in_its_own_table(text: str) -> None:
    with pytest.raises(SpecError, match=re.escape(HINTS[text])):
        specs.load(text)


@settings(max_examples=60)
@given(
    st.sampled_from(['column = "sex"', 'exposure = "visit"', "[outcome]", 'kind = "baseline"']),
    st.sampled_from(KEYS),
)
def test_no_hint_proposes_the_key_that_is_refused(where: str, key: str) -> None:
    with pytest.raises(SpecError) as caught:
        specs.load(added(where, f"{key} = {{ never = 1 }}"))
    assert f"{key} is not a known key. Did you mean '{key}'?" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            '"sex"',
            '"intercept"',
            "covariate must not be called 'intercept', which is a name of the intercept; give the",
        ),
        ('"sex"', '"person"', "covariate must not be called 'person', which is a name of every"),
        ('"sex"', '"exit"', "covariate must not be called 'exit', which is a name of every panel"),
        ('"sex"', '"month"', "month appears twice; 'month' is the name of a baseline term."),
        (
            SEX,
            SEX.replace('"sex"', '"beta"') + SEX.replace('"sex"', '"level"'),
            "terms must have names apart in a posterior; 'beta' and 'level' both make 'beta_level'",
        ),
        (
            "[outcome]",
            '[table]\nentry = "seen"\n[[term]]\nkind = "covariate"\ncolumn = "entry"\n'
            + PRIOR
            + "[outcome]",
            "covariate 'entry' is the panel's own, made from the column 'seen'; give a column of",
        ),
    ],
)
def test_names_of_the_model_are_refused_for_columns(old: str, new: str, sentence: str) -> None:
    assert EXAMPLE.count(old) == 1
    with pytest.raises(SpecError, match=re.escape(sentence)):
        specs.load(EXAMPLE.replace(old, new))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('name = "', "Unterminated string (at end of document)"),
        (f'{HEAD}name = "again"', "Cannot overwrite a value (at end of document)"),
    ],
)
def test_what_is_not_toml(text: str, reason: str) -> None:
    with pytest.raises(SpecError, match=f"^model file must be valid TOML; {re.escape(reason)}\\.$"):
        specs.load(text)


# --- where a model is looked for ----------------------------------------------------------------
def test_path_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    assert specs.read(str(path)) == specs.load(EXAMPLE)


def test_a_file_of_other_bytes(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(EXAMPLE.replace("after", "etter på").encode("latin-1"))
    with pytest.raises(SpecError, match=r"^own\.toml must be valid TOML; it is not UTF-8\.$"):
        specs.read(str(path))


@pytest.mark.parametrize("name", ["nowhere.toml", "folder.toml"])
def test_no_such_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.toml").mkdir()
    path = str(tmp_path / name)
    with pytest.raises(UsageError, match=f"^model file must exist; no file at '{path}'\\.$"):
        specs.read(path)


def test_no_such_name() -> None:
    sentence = (
        f"model must be a .toml file or one of {NAMES}; got 'oslo2061'. Did you mean 'oslo2016'?"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        specs.read("oslo2061")


def test_installed_package_has_the_models_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    inside = build["build"]["targets"]["wheel"]["sources"]["models"]
    installed = tmp_path / inside
    installed.mkdir(parents=True)
    (installed / "other.toml").write_text(EXAMPLE, encoding="utf-8")
    monkeypatch.setattr(resources, "files", lambda package: tmp_path / package)
    assert models_folder() == installed
    assert specs.read("other") == specs.load(EXAMPLE)
    with pytest.raises(UsageError, match=r"one of \['other'\]; got 'oslo2016'"):
        specs.read("oslo2016")  # the checkout is not looked at


def test_checkout_has_the_models_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "files", lambda package: tmp_path / package)
    assert models_folder() == tmp_path / "models"


# --- estimands, identification, costs ------------------------------------------------------------
STANDARDISED = '[[estimand]]\nkind = "g_formula"\nterm = "visit_centre"\n'


def test_four_lines_are_an_estimand() -> None:
    found = specs.load(EXAMPLE.replace(INCIDENCE, STANDARDISED)).estimand[0]
    assert isinstance(found, specs.GFormulaEstimand)
    without, with_ = found.compared
    assert (without.name, with_.name) == ("without", "with")
    assert without.interventions == (specs.NoEvents(term="visit_centre"),)
    assert with_.interventions == (specs.OneInMonth(term="visit_centre", month=1),)
    assert (found.horizon_months, found.effect, found.label) == (24, "total", "g_formula")


def test_arms_are_written_in_the_file() -> None:
    arms = (
        'arms = [{ name = "as it was" }, { name = "later", interventions = '
        '[{ kind = "delayed", term = "visit", months = 3 }], before = "none" }]\n'
    )
    found = specs.load(EXAMPLE.replace(INCIDENCE, STANDARDISED + arms)).estimand[0]
    assert [arm.name for arm in found.compared] == ["as it was", "later"]
    assert found.compared[1].interventions == (specs.Delayed(term="visit", months=3),)


def test_estimands_of_a_kind_have_names() -> None:
    text = EXAMPLE.replace(INCIDENCE, STANDARDISED + STANDARDISED + 'name = "second"\n')
    assert [each.label for each in specs.load(text).estimand] == ["g_formula", "second"]
    with pytest.raises(SpecError, match=r"its own name.*; g_formula appears twice\.$"):
        specs.load(EXAMPLE.replace(INCIDENCE, STANDARDISED + STANDARDISED))


ASSUMED = '[identification]\nstrategy = "no confounding given the terms"\nassumptions = ['
INDEX = 'index_source = "an example only"\n'
COST = '{ value = 10, year = 2015, source = "an example only" }'


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (STANDARDISED.replace("visit_c", "visitt_c"), "Did you mean 'visit_centre'?"),
        (STANDARDISED + 'effect = "separable"\n', "exit must come with effect"),
        (STANDARDISED + 'exit = "forced"\n', "exit must come with effect"),
        (
            STANDARDISED + 'effect = "controlled_direct"\nexit = "forsed"\n',
            "Did you mean 'forced'?",
        ),
        (STANDARDISED + "horizon = 12\n", "Did you mean 'horizon_months'?"),
        (STANDARDISED + "event_month = 30\n", "event_month must lie within horizon_months"),
        (STANDARDISED + 'arms = [{ name = "a" }, { name = "a" }]\n', "arms must have different"),
        (
            STANDARDISED + 'arms = [{ name = "a" }, { name = "b", interventions = '
            '[{ kind = "none", term = "visitt" }] }]\n',
            "term of an intervention must be one of",
        ),
        (ASSUMED + "]\n", "strategy must come with its assumptions"),
        (ASSUMED + '"Too short"]\n', "identification.assumptions.0"),
        ('[identification]\nassumptions = ["Nothing else differs."]\n', "other than 'none'"),
        (f"[costs]\nexits.forsed = {COST}\n", "Did you mean 'forced'?"),
        (f"[costs]\nmonht = {COST}\n", "Did you mean 'month'?"),
        ("[costs]\nmonth = { value = 10, year = 2015 }\n", "costs.month.source must be given"),
        (f"[costs]\nmonth = {COST}\nindex.2015 = 90\n", "must come with prices_of"),
        (f"[costs]\nmonth = {COST}\nprices_of = 2016\n", "index_source must say who counts"),
        (
            f"[costs]\nmonth = {COST}\nprices_of = 2016\n{INDEX}[costs.index]\n2014 = 90\n",
            "got none of [2015, 2016]. Add them, or leave prices_of out",
        ),
        (f"[costs]\nmonth = {COST}\nprices_off = 2016\n", "Did you mean 'prices_of'?"),
        ("[costs]\npersons = 0\n", "costs.persons.number must be at least 1e-09"),
        ('[costs]\npersons = "family size"\n', "costs.persons.column must be a name"),
    ],
)
def test_what_cannot_be_asked_is_told(change: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=re.escape(sentence)):
        specs.load(EXAMPLE.replace(INCIDENCE, change))


def test_identification_and_costs_are_read() -> None:
    text = ASSUMED + f'"Nothing else differs."]\n[costs]\nmonth = {COST}\nexits.forced = {COST}\n'
    found = specs.load(EXAMPLE + text)
    assert found.identification.declared
    assert not specs.load(EXAMPLE).identification.declared
    assert found.costs is not None
    assert found.costs.years == found.costs.price_years == (2015,)
    assert found.digest != specs.load(EXAMPLE).digest


def test_prices_of_one_year_are_read() -> None:
    """An index of 80 in 2015 and 100 in 2016 turns 10 into 12.5; the text goes round unchanged."""
    text = f'[costs]\npersons = "size"\nmonth = {COST}\nprices_of = 2016\n{INDEX}'
    found = specs.load(EXAMPLE + text + "[costs.index]\n2015 = 80\n2016 = 100\n")
    assert found.costs is not None
    assert found.costs.month is not None
    assert found.costs.price(found.costs.month) == 12.5
    assert found.costs.persons == "size"
    assert specs.ModelSpec.model_validate(json.loads(found.model_dump_json())) == found
