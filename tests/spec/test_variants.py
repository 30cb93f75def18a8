"""A file that varies another: the model that it makes, and a sentence for each way to be wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hazard import spec as specs
from hazard.errors import SpecError, UsageError
from hazard.spec import ModelSpec

REASON = 'reason = "an example only"'
PRIOR = f'prior = {{ family = "normal", scale = 1.0, {REASON} }}\n'
WALK = f'prior = {{ family = "random_walk", scale = 0.5, start = 1.0, {REASON} }}\n'
HEAD = 'name = "base"\nquestion = "what comes after?"\nreferences = ["A book"]\n'
DATA = '[data]\ndisappearance_months = 6\nstateless = "keep"\n'
OUTCOME = (
    '[outcome]\nexits = ["assisted", "forced"]\nlink = "cloglog"\n'
    f"intercept = {{ mean = -3.0, scale = 2.0, {REASON} }}\n"
)
BASELINE = '[[term]]\nkind = "baseline"\nbreaks = [1, 3, 7]\n' + PRIOR
SEX = '[[term]]\nkind = "covariate"\ncolumn = "sex"\nreference = "male"\n' + PRIOR
AGE = '[[term]]\nkind = "covariate"\ncolumn = "age"\n' + PRIOR
VISIT = (
    '[[term]]\nkind = "lagged"\nexposure = "visit"\nnetwork = "centre"\nlags = [0, 2]\n'
    'history_before_start = "missing"\n' + WALK
)
CURVE = '[[estimand]]\nkind = "lag_curve"\n'
INCIDENCE = '[[estimand]]\nkind = "cumulative_incidence"\nterm = "visit_centre"\n'
BASE = HEAD + DATA + OUTCOME + BASELINE + SEX + VISIT + CURVE + INCIDENCE
OWN = 'name = "own"\nquestion = "and what here?"\nextends = "base.toml"\n'
OWN_HEAD = HEAD.replace("base", "own").replace("what comes after?", "and what here?")
WHOLE = BASE.replace(HEAD, OWN_HEAD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, base=BASE)
    return tmp_path


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def read(folder: Path, text: str) -> ModelSpec:
    write(folder, own=text)
    return specs.read(str(folder / "own.toml"))


# --- what a variant says, and the same model as a whole file --------------------------------------
SAME = {
    "nothing else": ("", WHOLE),
    "a key": ('references = ["Another"]\n', WHOLE.replace("A book", "Another")),
    "a key of a table": ('[data]\nstateless = "exclude"\n', WHOLE.replace("keep", "exclude")),
    "a table that is new": ('[only]\nsex = "male"\n', f'{WHOLE}[only]\nsex = "male"\n'),
    "an inline table": (
        f"[outcome]\nintercept = {{ mean = -2.0, {REASON} }}\n",
        WHOLE.replace("mean = -3.0, scale = 2.0", "mean = -2.0"),  # the scale is not kept
    ),
    "a term left out": ('without_terms = ["sex"]\n', WHOLE.replace(SEX, "")),
    "an estimand left out": ('without_estimands = ["lag_curve"]\n', WHOLE.replace(CURVE, "")),
    "a term changed": (
        '[[term]]\nchanges = "visit_centre"\nlags = [0, 3]\n',
        WHOLE.replace("[0, 2]", "[0, 3]"),
    ),
    "a term changed to another name": (
        (
            '[[term]]\nchanges = "visit_centre"\nat_least = 2\n'
            '[[estimand]]\nchanges = "cumulative_incidence"\nterm = "visit_centre_2plus"\n'
        ),
        WHOLE.replace("lags", "at_least = 2\nlags").replace(
            '"visit_centre"', '"visit_centre_2plus"'
        ),
    ),
    "an estimand changed": (
        '[[estimand]]\nchanges = "cumulative_incidence"\nhorizon_months = 12\n',
        WHOLE + "horizon_months = 12\n",
    ),
    "a term in place of another": (
        '[[term]]\nkind = "covariate"\ncolumn = "sex"\n' + PRIOR,
        WHOLE.replace('reference = "male"\n', ""),  # what the entry does not say is not kept
    ),
    "a new term": (AGE, WHOLE.replace(VISIT, VISIT + AGE)),
    "a new term behind another": (
        AGE.replace("[[term]]\n", '[[term]]\nafter = "month"\n'),
        WHOLE.replace(BASELINE, BASELINE + AGE),
    ),
    "a new estimand": (
        '[[estimand]]\nkind = "average_marginal_effect"\n',
        WHOLE + '[[estimand]]\nkind = "average_marginal_effect"\n',
    ),
    "left out and new": (
        'without_terms = ["sex"]\n' + SEX,
        WHOLE.replace(SEX, "").replace(VISIT, VISIT + SEX),
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_a_variant_by_hand(what: str, folder: Path) -> None:
    more, whole = SAME[what]
    found = read(folder, OWN + more)
    assert (found, found.digest) == (specs.load(whole), specs.load(whole).digest)
    others = {specs.load(other).digest for name, (_, other) in SAME.items() if name != what}
    assert found.digest not in others  # negative control


def test_the_order_of_changes_does_not_matter(folder: Path) -> None:
    first = '[[term]]\nchanges = "visit_centre"\nlags = [0, 3]\n'
    other = '[[term]]\nchanges = "sex"\nreference = "female"\n'
    assert read(folder, OWN + first + other) == read(folder, OWN + other + first)
    assert read(folder, OWN + first + other) != read(folder, OWN + first)  # negative control


def test_a_base_may_be_a_variant(folder: Path) -> None:
    middle = (
        OWN + '[data]\nstateless = "exclude"\n[[term]]\nchanges = "sex"\nreference = "female"\n'
    )
    write(folder, middle=middle.replace("own", "middle"))
    last = OWN.replace("base", "middle") + "[data]\ndisappearance_months = 9\n"
    whole = WHOLE.replace("keep", "exclude").replace('"male"', '"female"').replace("= 6", "= 9")
    assert read(folder, last) == specs.load(whole)


def test_a_bundled_base(folder: Path) -> None:
    text = OWN.replace("base.toml", "rossi")
    renamed = {"name": "own", "question": "and what here?"}
    assert read(folder, text) == specs.read("rossi").model_copy(update=renamed)
    assert specs.load(text) == read(folder, text)  # without a folder too


def test_bundled_variants_are_their_base_but_for_what_they_say() -> None:
    main = specs.read("oslo2016")
    longer = specs.read("longer_lags")
    assert [t.lags for t in longer.lagged] == [(0, 12)] * 4
    shorter = [t.model_copy(update={"lags": (0, 6)}) for t in longer.lagged]
    # the same but for the priors of three curves, whose sums have more lags to claim about
    assert [t.prior == m.prior for t, m in zip(shorter, main.lagged, strict=True)].count(True) == 1
    with_priors = zip(shorter, main.lagged, strict=True)
    assert main.lagged == tuple(t.model_copy(update={"prior": m.prior}) for t, m in with_priors)
    assert specs.read("more_or_earlier").term[7].name == "forced_return_centre_at_risk"
    shocks = [t.name for t in specs.read("country_shocks").term]
    assert shocks == [t.name for t in main.term[:6]] + ["nationality_year"] + [
        t.name for t in main.term[6:]
    ]


# --- ways to be wrong -----------------------------------------------------------------------------
NAMES = "['month', 'sex', 'visit_centre']"
LABELS = "['lag_curve', 'cumulative_incidence']"
WRONG: dict[str, str] = {
    "own.toml: without_terms must be one of " + NAMES + "; got 'sx'. Did you mean 'sex'?": (
        OWN + 'without_terms = ["sx"]\n'
    ),
    "own.toml: without_estimands must be one of " + LABELS + "; got 'sex'.": (
        OWN + 'without_estimands = ["sex"]\n'
    ),
    "own.toml: term.0.changes must be one of " + NAMES + "; got 'age'.": (
        OWN + '[[term]]\nchanges = "age"\n'
    ),
    "own.toml: term.1.changes must be one of ['month', 'visit_centre']; got 'sex'.": (
        OWN + '[[term]]\nchanges = "sex"\n' * 2
    ),
    "own.toml: term.0.changes must be one of ['month', 'visit_centre']; got 'sex'.": (
        OWN + 'without_terms = ["sex"]\n[[term]]\nchanges = "sex"\n'
    ),
    "own.toml: term.0.after must be one of " + NAMES + "; got 'months'. Did you mean 'month'?": (
        OWN + AGE.replace("[[term]]\n", '[[term]]\nafter = "months"\n')
    ),
    "own.toml: term.0.after must come with a new entry; got one in place of 'sex'. Leave after "
    "out.": (OWN + '[[term]]\nafter = "month"\nchanges = "sex"\n'),
    "own.toml: each term must appear once; sex appears twice.": OWN + SEX + SEX,
    "own.toml: name must be given; question must be given.": 'extends = "base.toml"\n',
    "own.toml: extends must be text in quotation marks; got 3.": OWN.replace('"base.toml"', "3"),
    "own.toml: without_terms must be a list in square brackets; got 'sex'.": (
        OWN + 'without_terms = "sex"\n'
    ),
    "own.toml: term must be a list in square brackets; got 3.": OWN + "term = 3\n",
    "own.toml: data must be a table; got 3.": OWN + "data = 3\n",
    "own.toml: term.0.changes must be text in quotation marks; got 3.": (
        OWN + "[[term]]\nchanges = 3\n"
    ),
    "own.toml: without_term is not a known key. Did you mean 'without_terms'?": (
        OWN + 'without_term = ["sex"]\n'
    ),
    "own.toml: extend is not a known key. Did you mean 'extends'?": WHOLE.replace(
        "[data]", 'extend = "base"\n[data]'
    ),
    "own.toml: without_terms must come with extends, which names the model that the file varies.": (
        'without_terms = ["sex"]\n' + WHOLE
    ),
    "own.toml: changes must come with extends, which names the model that the file varies.": (
        WHOLE.replace('column = "sex"', 'changes = "sex"')
    ),
    # entries are counted as in the file, not as in the model
    "own.toml: term.0.lagged.lags.1 must be a whole number; got 2.5.": (
        OWN + '[[term]]\nchanges = "visit_centre"\nlags = [0, 2.5]\n'
    ),
    "own.toml: term.1.covariate.colum is not a known key. Did you mean 'column'?": (
        OWN + '[[term]]\nchanges = "visit_centre"\n' + SEX + 'colum = "age"\n'
    ),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_variant(sentence: str, folder: Path) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(sentence)}$"):
        read(folder, WRONG[sentence])


def test_a_wrong_base_is_told_of_by_its_name(folder: Path) -> None:
    write(folder, base=BASE.replace("[0, 2]", "[0, 2.5]"))
    with pytest.raises(SpecError, match=r"^base\.toml: term\.2\.lagged\.lags\.1 must be a whole"):
        read(folder, OWN)


# --- where a base is looked for -------------------------------------------------------------------
def test_no_such_base(folder: Path) -> None:
    with pytest.raises(
        SpecError, match=r"^own\.toml: extends must be a \.toml file beside it or one"
    ):
        read(folder, OWN.replace("base.toml", "base"))
    with pytest.raises(SpecError, match=r"got 'oslo2061'\. Did you mean 'oslo2016'\?$"):
        read(folder, OWN.replace("base.toml", "oslo2061"))
    with pytest.raises(
        UsageError, match=r"^base of own\.toml must exist; no file at '.*/other\.toml'"
    ):
        read(folder, OWN.replace("base", "other"))


def test_a_text_without_a_folder_has_bundled_bases_only() -> None:
    with pytest.raises(
        SpecError, match=r"extends must name a bundled model; got a file, 'base.toml'"
    ):
        specs.load(OWN)


def test_bases_that_lead_back(folder: Path) -> None:
    write(folder, base=OWN.replace("base.toml", "own.toml"))
    sentence = "base.toml: extends must not lead back to a file; got own.toml, base.toml, own.toml."
    with pytest.raises(SpecError, match=f"^{re.escape(sentence)}$"):
        read(folder, OWN)
    with pytest.raises(SpecError, match=r"got own\.toml, own\.toml\.$"):
        read(folder, OWN.replace("base", "own"))


def test_a_file_may_be_named_as_the_bundled_model_that_it_extends(folder: Path) -> None:
    write(folder, rossi=OWN.replace("base.toml", "rossi"))
    assert specs.read(str(folder / "rossi.toml")).term == specs.read("rossi").term


def test_five_bases_and_no_more(folder: Path) -> None:
    chain = {f"b{n}": OWN.replace("base", f"b{n - 1}") for n in range(1, 6)}
    write(folder, b0=BASE, **chain)
    assert specs.read(str(folder / "b5.toml")) == specs.load(WHOLE)
    sentence = "own.toml: extends must lead through at most 5 files; got more."
    with pytest.raises(SpecError, match=f"^{re.escape(sentence)}"):
        read(folder, OWN.replace("base", "b5"))
