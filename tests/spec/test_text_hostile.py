"""Model files that somebody wrote to do harm: one sentence and exit code 2, soon, or a model."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hazard import cli, spec
from hazard.errors import HazardError, SpecError, UsageError
from hazard.model import memory
from hazard.spec import load

MODEL = """
name = "example"
question = "Does anything happen here?"
outcome = { exits = ["assisted", "forced"], intercept = { mean = -4.0, scale = 2.5, reason = "an example only" } }
data = { disappearance_months = 12, representative_seed = 0 }
table = { person = "who", exit = "how" }
[only]
country = "A"
[[term]]
kind = "baseline"
breaks = [1, 2, 3]
prior = { family = "random_walk", scale = 0.5, start = 0.5, order = 1, reason = "an example only" }
[[term]]
kind = "covariate"
column = "sex"
reference = "male"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
[[term]]
kind = "group"
by = "centre"
prior = { family = "correlated", scale = 1.0, concentration = 2.0, reason = "an example only" }
[[term]]
kind = "lagged"
exposure = "work"
network = "own"
at_least = 1
lags = [0, 6]
history_before_start = "missing"
varies_by = { by = "country", prior = { family = "pooled", scale = 1.0, reason = "an example only" } }
prior = { family = "hump", scale = 1.0, peak = 2.0, shape = 2.0, correlation = 0.5, reason = "an example only" }
[[estimand]]
kind = "cumulative_incidence"
term = "work_own"
horizon_months = 24
[[estimand]]
kind = "g_formula"
term = "work_own"
event_month = 1
horizon_months = 12
seed = 0
by = ["kind"]
fewest = 100
far = 1
refuse_share = 0.5
rope = 0.01
draws = 1000
arms = [{ name = "a", interventions = [{ kind = "more", term = "work_own", share = 0.5, spread = 1, seed = 1 }] }, { name = "b", interventions = [{ kind = "delayed", term = "work_own", months = 3 }] }]
[costs]
persons = 2.5
month = { value = 1000.0, year = 2010, source = "an example only" }
prices_of = 2012
index = { 2010 = 80.0, 2012 = 100.0 }
index_source = "an example only"
[baselines]
clusters = ["centre"]
"""  # noqa: E501 - inline tables of TOML are one line
MANY = "9" * 5_000
CHANGED = {
    # numbers of months and lags
    "a million lags": ("lags = [0, 6]", "lags = [0, 1000000]"),
    "a billion lags": ("lags = [0, 6]", "lags = [-1000000000, 0]"),
    "a lag too many": ("lags = [0, 6]", "lags = [0, 601]"),
    "a fraction of a lag": ("lags = [0, 6]", "lags = [0, 6.5]"),
    "lags of truth": ("lags = [0, 6]", "lags = [false, true]"),
    "lags of text": ("lags = [0, 6]", 'lags = ["0", "6"]'),
    "lags beyond 64 bits": ("lags = [0, 6]", f"lags = [0, {2**64}]"),
    "lags of 5,000 digits": ("lags = [0, 6]", f"lags = [0, {MANY}]"),
    "lags of 4,000 digits": ("lags = [0, 6]", f"lags = [0, {MANY[:4000]}]"),
    "a million months": ("horizon_months = 24", "horizon_months = 1000000"),
    "a horizon of no month": ("horizon_months = 24", "horizon_months = 0"),
    "a horizon of truth": ("horizon_months = 24", "horizon_months = true"),
    "a horizon of text": ("horizon_months = 12", 'horizon_months = "12"'),
    "an infinite horizon": ("horizon_months = 12", "horizon_months = inf"),
    "a horizon that is no number": ("horizon_months = 12", "horizon_months = nan"),
    "a date as a horizon": ("horizon_months = 12", "horizon_months = 2016-01-01"),
    "a billion months of a baseline": ("breaks = [1, 2, 3]", "months = 1000000000"),
    "a baseline of truth": ("breaks = [1, 2, 3]", "months = true"),
    "a break of a billion": ("breaks = [1, 2, 3]", "breaks = [1, 1000000000]"),
    "a million breaks": ("breaks = [1, 2, 3]", f"breaks = {list(range(1, 4001))}"),
    "a knot of a billion": ("breaks = [1, 2, 3]", "spline = { knots = [1, 1000000000] }"),
    "two hundred knots": ("breaks = [1, 2, 3]", f"spline = {{ knots = {list(range(1, 202))} }}"),
    "a degree of a thousand": ("breaks = [1, 2, 3]", "spline = { knots = [1, 9], degree = 1000 }"),
    "a degree of truth": ("breaks = [1, 2, 3]", "spline = { knots = [1, 9], degree = true }"),
    "an event in month a billion": ("event_month = 1", "event_month = 1000000000"),
    "a delay of a billion": ("months = 3", "months = 1000000000"),
    "a delay before it": ("months = 3", "months = -1"),
    "a spread of a billion": ("spread = 1", "spread = 1000000000"),
    "a peak of a billion": ("peak = 2.0", "peak = 1e9"),
    "a disappearance of no end": ("disappearance_months = 12", "disappearance_months = 100000"),
    "a disappearance of truth": ("disappearance_months = 12", "disappearance_months = true"),
    # scales and other reals
    "a scale of nearly nothing": ('normal", scale = 1.0', 'normal", scale = 1e-12'),
    "a scale of nearly everything": ('normal", scale = 1.0', 'normal", scale = 1e300'),
    "a scale of nothing": ('normal", scale = 1.0', 'normal", scale = 0.0'),
    "a negative scale": ('normal", scale = 1.0', 'normal", scale = -1.0'),
    "a scale of truth": ('normal", scale = 1.0', 'normal", scale = true'),
    "a scale of text": ('normal", scale = 1.0', 'normal", scale = "1.0"'),
    "an infinite scale": ('normal", scale = 1.0', 'normal", scale = inf'),
    "a scale that is no number": ('normal", scale = 1.0', 'normal", scale = nan'),
    "a scale of 5,000 digits": ('normal", scale = 1.0', f'normal", scale = {MANY}'),
    "a scale that overflows": ('normal", scale = 1.0', 'normal", scale = 1e400'),
    "a first step of 1e300": ("start = 0.5", "start = 1e300"),
    "an order of truth": ("order = 1", "order = true"),
    "a mean of 1e300": ("mean = -4.0", "mean = 1e300"),
    "a mean of truth": ("mean = -4.0", "mean = true"),
    "a concentration of 1e300": ("concentration = 2.0", "concentration = 1e300"),
    "a shape of 1e300": ("shape = 2.0", "shape = 1e300"),
    "a correlation of truth": ("correlation = 0.5", "correlation = true"),
    "a correlation of one": ("correlation = 0.5", "correlation = 1.0"),
    "a share of two": ("share = 0.5, spread", "share = 2.0, spread"),
    "a share of truth": ("share = 0.5, spread", "share = true, spread"),
    "a relevant size of 1e300": ("rope = 0.01", "rope = 1e300"),
    # counts, seeds, years, costs
    "at least truth": ("at_least = 1", "at_least = true"),
    "at least a billion": ("at_least = 1", "at_least = 1000000000"),
    "at least none": ("at_least = 1", "at_least = 0"),
    "a seed before zero": ("seed = 0\n", "seed = -1\n"),
    "a seed beyond 64 bits": ("seed = 0\n", f"seed = {2**63}\n"),
    "a seed of truth": ("seed = 0\n", "seed = false\n"),
    "a seed of the registers": ("representative_seed = 0", "representative_seed = -1"),
    "a billion draws": ("draws = 1000", "draws = 1000000000"),
    "fewest of nine": ("fewest = 100", "fewest = 9"),
    "fewest of truth": ("fewest = 100", "fewest = true"),
    "far beyond": ("far = 1", "far = 1000000000"),
    "a year of truth": ("year = 2010", "year = true"),
    "a year of 9999": ("year = 2010", "year = 9999"),
    "costs of 1e300": ("value = 1000.0", "value = 1e300"),
    "costs of truth": ("value = 1000.0", "value = true"),
    "persons of truth": ("persons = 2.5", "persons = true"),
    "an index of 1e300": ("2010 = 80.0", "2010 = 1e300"),
    # who a person is, and the outcome
    "the outcome as a covariate": ('column = "sex"', 'column = "how"'),
    "the exit as a covariate": ('column = "sex"', 'column = "exit"'),
    "the outcome as a group": ('by = "centre"', 'by = "how"'),
    "the exit as a group": ('by = "centre"', 'by = "exit"'),
    "the outcome in a combination": ('by = "centre"', 'by = ["centre", "how"]'),
    "the outcome as an exposure": ('exposure = "work"', 'exposure = "how"'),
    "curves by outcome": ('by = "country"', 'by = "how"'),
    "only who left so": ('country = "A"', 'how = "forced"'),
    "clusters of the outcome": ('clusters = ["centre"]', 'clusters = ["how"]'),
    "results by outcome": ('by = ["kind"]', 'by = ["how"]'),
    "persons of costs by outcome": ("persons = 2.5", 'persons = "how"'),
    "ids as a covariate": ('column = "sex"', 'column = "who"'),
    "persons as a covariate": ('column = "sex"', 'column = "person"'),
    "ids as a group": ('by = "centre"', 'by = "who"'),
    "persons as a group": ('by = "centre"', 'by = "person"'),
    "persons in a combination": ('by = "centre"', 'by = ["centre", "person"]'),
    "curves by id": ('by = "country"', 'by = "who"'),
    "curves by person": ('by = "country"', 'by = "person"'),
    "a network of one": ('network = "own"', 'network = "who"'),
    "only one": ('country = "A"', 'who = "7"'),
    "results by person": ('by = ["kind"]', 'by = ["person"]'),
    # text
    "an escape in a label": ('reference = "male"', 'reference = "\\u001b[2J"'),
    "a NUL in a label": ('reference = "male"', 'reference = "ma\\u0000le"'),
    "a direction in a label": ('reference = "male"', 'reference = "\\u202emale"'),
    "a label of ten thousand letters": ('reference = "male"', f'reference = "{"m" * 10_001}"'),
    "an escape in a key": ('name = "example"', 'name = "example"\n"\\u001b[2J" = 1'),
    "a key of a million letters": ('name = "example"', f'name = "example"\n{"k" * 100_000} = 1'),
    "a key twice": ('name = "example"', 'name = "example"\nname = "example"'),
    "an exit twenty times": (
        'exits = ["assisted", "forced"]',
        f"exits = {[f'e{n}' for n in range(21)]}",
    ),
}
TEXTS: dict[str, Callable[[], str]] = {
    "arrays 5,000 deep": lambda: "a = " + "[" * 5_000 + "]" * 5_000,
    "tables 5,000 deep": lambda: "a = " + "{ a = " * 5_000 + "1" + " }" * 5_000,
    "keys 5,000 deep": lambda: ".".join("a" * 5_000) + " = 1",
    "a table 5,000 deep": lambda: "[" + ".".join("a" * 5_000) + "]",
    "a NUL": lambda: MODEL + "\0",
    "two million letters": lambda: MODEL + "#" * 2_000_000,
    "a thousand terms": lambda: MODEL.replace(
        "[costs]",
        "".join(
            f'[[term]]\nkind = "covariate"\ncolumn = "x{n}"\n'
            'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
            for n in range(1_000)
        )
        + "[costs]",
    ),
    "nothing": str,
    "no TOML": lambda: "\x1b]0;title\x07 = =",
    "a month of 13": lambda: "a = 2016-13-01",
    "half a character": lambda: 'name = "\\ud800"',
}


def refused(text: str) -> str:
    """The one sentence by which a text is refused, within five seconds."""
    since = time.monotonic()
    with pytest.raises(SpecError) as error:
        load(text, "example.toml")
    assert time.monotonic() - since < 5
    return str(error.value)


def test_the_file_itself_is_a_model() -> None:
    assert load(MODEL).name == "example"


def test_there_are_enough() -> None:
    assert len(CHANGED) + len(TEXTS) >= 72


@pytest.mark.suite("hostile model files")
@pytest.mark.parametrize("kind", CHANGED)
def test_a_hostile_value_is_one_sentence(kind: str) -> None:
    old, new = CHANGED[kind]
    assert old in MODEL
    sentence = refused(MODEL.replace(old, new, 1))
    assert sentence.isprintable()
    assert sentence.startswith("example.toml")
    assert sentence.endswith((".", "?"))
    assert len(sentence) < 2_500


@pytest.mark.suite("hostile model files")
@pytest.mark.parametrize("kind", TEXTS)
def test_a_hostile_text_is_one_sentence(kind: str) -> None:
    sentence = refused(TEXTS[kind]())
    assert sentence.isprintable()
    assert len(sentence) < 2_500


@pytest.mark.suite("hostile model files")
@pytest.mark.parametrize("kind", ["folder", "bytes", "large", "nothing", "NUL"])
def test_a_hostile_file_is_one_sentence(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    made: dict[str, Callable[[], object]] = {
        "folder": path.mkdir,
        "bytes": lambda: path.write_bytes(b"name = '\xff'"),
        "large": lambda: path.write_bytes(b"#" * 5_000_000),
        "nothing": lambda: None,
        "NUL": lambda: None,
    }
    made[kind]()
    name = str(path).replace("model", "mo\0del") if kind == "NUL" else str(path)
    with pytest.raises((SpecError, UsageError)) as error:
        spec.read(name)
    assert isinstance(error.value, HazardError)
    assert error.value.exit_code == 2


# --- a file that names another ------------------------------------------------------------------
VARIANT = 'name = "example"\nquestion = "Does anything else happen here?"\n'
OUTSIDE = (
    'name = "outside"\nquestion = "canary, not to be read?"\noutcome = { exits = ["canary"] }\n'
)
BASES = {
    "a file above": "../outside.toml",
    "a file above, by a detour": "inner/../../outside.toml",
    "a file below": "inner/model.toml",
    "an absolute path": "{}/outside.toml",
    "this folder": "./base.toml",
    "a path of Windows": "..\\\\outside.toml",
    "a home": "~/outside.toml",
    "an address": "https://example.org/outside.toml",
    "a link out of the folder": "link.toml",
    "a folder": "inner.toml",
    "a pipe": "pipe.toml",
    "itself": "model.toml",
    "other bytes": "bytes.toml",
    "five million letters": "large.toml",
    "no name": ".toml",
    "nothing": "",
    "a path to a bundled model": "../models/oslo2016",
    "an escape": "\\u001b[2J.toml",
    "a NUL": "ba\\u0000se.toml",
    "a direction": "\\u202elmot.toml",
    "a thousand letters": "b" * 1_000 + ".toml",
    "two hundred letters": "b" * 190 + ".toml",
    "no model": "list.toml",
}
SAID: dict[str, Callable[[], str]] = {
    "a number": lambda: "extends = 3\n",
    "a list": lambda: 'extends = ["base.toml"]\n',
    "a table": lambda: "[extends]\nname = 1\n",
    "twice": lambda: 'extends = "base.toml"\n' * 2,
    "a hundred thousand entries": lambda: 'extends = "base.toml"\n' + "[[term]]\n" * 100_000,
    "entries each behind the last": lambda: (
        'extends = "base.toml"\n' + '[[term]]\nafter = "sex"\n' * 30_000
    ),
    "entries of no table": lambda: 'extends = "base.toml"\nterm = [[], 1, "sex"]\n',
    "everything left out, often": lambda: (
        f'extends = "base.toml"\nwithout_terms = {["sex"] * 100_000}\n'
    ),
    "no text left out": lambda: 'extends = "base.toml"\nwithout_terms = [1, [2]]\n',
    "a change of truth": lambda: 'extends = "base.toml"\n[[term]]\nchanges = true\n',
    "a change of itself": lambda: (
        'extends = "base.toml"\n[[term]]\nchanges = "sex"\nchanges = "sex"\n'
    ),
    "an escape of a name": lambda: 'extends = "base.toml"\n[[term]]\nchanges = "\\u001b[2J"\n',
    "an escape of a key": lambda: 'extends = "base.toml"\n"\\u001b[2J" = 1\n',
    "keys 5,000 deep": lambda: 'extends = "base.toml"\n' + ".".join("a" * 5_000) + " = 1",
    "keys of a class": lambda: 'extends = "base.toml"\nmodel_config = 1\n__class__ = 2\n',
    "a reason taken from another prior": lambda: (
        'extends = "base.toml"\n[[term]]\nchanges = "sex"\n'
        'prior = { family = "normal", scale = 9.0 }\n'
    ),
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a base and much else, and a canary outside of it."""
    folder = tmp_path / "models"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner.toml").mkdir()
    (tmp_path / "outside.toml").write_text(OUTSIDE, encoding="utf-8")
    (folder / "base.toml").write_text(MODEL, encoding="utf-8")
    (folder / "inner" / "model.toml").write_text(MODEL, encoding="utf-8")
    (folder / "link.toml").symlink_to(tmp_path / "outside.toml")
    (folder / "bytes.toml").write_bytes(b"name = '\xff'")
    (folder / "large.toml").write_bytes(b"#" * 5_000_000)
    (folder / "list.toml").write_text("term = [1]", encoding="utf-8")
    os.mkfifo(folder / "pipe.toml")
    return folder


def refused_variant(folder: Path, text: str) -> str:
    """The one sentence by which a variant in a folder is refused, within five seconds."""
    (folder / "model.toml").write_text(VARIANT + text, encoding="utf-8")
    since = time.monotonic()
    with pytest.raises((SpecError, UsageError)) as error:
        spec.read(str(folder / "model.toml"))
    assert time.monotonic() - since < 5
    assert error.value.exit_code == 2
    return str(error.value)


def test_the_base_is_a_base(base: Path) -> None:  # positive control of what follows
    (base / "model.toml").write_text(VARIANT + 'extends = "base.toml"\n', encoding="utf-8")
    assert spec.read(str(base / "model.toml")).term == load(MODEL).term


@pytest.mark.suite("hostile model files")
@pytest.mark.parametrize("kind", BASES)
def test_a_hostile_base_is_one_sentence(kind: str, base: Path) -> None:
    sentence = refused_variant(base, f'extends = "{BASES[kind].format(base.parent)}"\n')
    assert sentence.isprintable()
    assert "canary" not in sentence
    assert len(sentence) < 2_500


@pytest.mark.suite("hostile model files")
@pytest.mark.parametrize("kind", SAID)
def test_a_hostile_variant_is_one_sentence(kind: str, base: Path) -> None:
    sentence = refused_variant(base, SAID[kind]())
    assert sentence.isprintable()
    assert sentence.startswith("model.toml")
    assert len(sentence) < 2_500


# --- what a legitimate file may say -------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lags = [0, 6]", "lags = [0, 600]"),
        ("breaks = [1, 2, 3]", "months = 4000"),
        ('normal", scale = 1.0', 'normal", scale = 1e-6'),
        ('normal", scale = 1.0', 'normal", scale = 1'),
        ("seed = 0\n", f"seed = {2**63 - 1}\n"),
        ('clusters = ["centre"]', 'clusters = ["who"]'),
        ('clusters = ["centre"]', 'clusters = ["person"]'),
        ('reference = "male"', 'reference = "Côte d’Ivoire (Rep.)"'),
    ],
)
def test_a_wide_value_is_a_model(old: str, new: str) -> None:
    assert old in MODEL
    load(MODEL.replace(old, new, 1))


# --- memory -------------------------------------------------------------------------------------
def test_memory_grows_with_what_the_file_states() -> None:
    """By hand: 8 MB rows of 7 lags, 12 bytes each, and patterns of at most 2 to the 7."""
    rows = memory.PanelSize(1_000_000, 50_000, {"country": 4})
    found = {need.item: need.size for need in memory.needs(load(MODEL), rows)}
    assert found["the history of term 'work_own'"] == 1e6 * 7 * 12 + 2**7 * 7 * 4
    longer = load(MODEL.replace("lags = [0, 6]", "lags = [0, 600]"))
    wide = {need.item: need.size for need in memory.needs(longer, rows)}
    assert wide["the history of term 'work_own'"] == 1e6 * 601 * 16
    assert wide["the curves by level of term 'work_own'"] == 1e6 * 601 * 4 * 8


def test_what_does_not_fit_is_refused_before_it_is_made() -> None:
    longer = load(MODEL.replace("lags = [0, 6]", "lags = [0, 600]"))
    rows = memory.PanelSize(1_000_000, 50_000, {"country": 4})
    memory.refuse_too_large(longer, rows, limit=1e12)
    with pytest.raises(SpecError, match=r"^model 'example' must fit into memory; got about .* GiB"):
        memory.refuse_too_large(longer, rows, limit=8 * 2.0**30)


def test_the_draws_are_counted_before_they_are_made() -> None:
    """By hand: draws (chain and draw), coefficients of two exits, and four copies of 8 bytes."""
    model = load(MODEL)
    rows = memory.PanelSize(1_000, 500, {"country": 4, "centre": 3, "sex": 2})
    sizes = {
        draws: {need.item: need.size for need in memory.needs(model, replace(rows, draws=draws))}
        for draws in (1_000, 1_000_000)
    }
    # 1 intercept, 3 intervals, 2 sexes, 3 centres, 7 lags in all and in each of 4 countries
    coefficients = 1 + 3 + 2 + 3 + 7 * 5
    for draws, of in sizes.items():
        assert of["the draws of all coefficients"] == draws * coefficients * 2 * 4 * 8
        assert of["estimand 'cumulative_incidence'"] == draws * 2 * 24 * 2 * 3 * 8
    memory.refuse_too_large(model, replace(rows, draws=1_000), limit=2.0**30)
    told = r"on 1,000 rows and 1,000,000 draws, of which the draws of all .* GiB, and 1\.0 GiB are"
    with pytest.raises(SpecError, match=told):
        memory.refuse_too_large(model, replace(rows, draws=1_000_000), limit=2.0**30)


@pytest.mark.parametrize("engine", ["laplace", "nuts"])
def test_a_run_of_too_many_draws_is_refused_at_its_start(engine: str, tmp_path: Path) -> None:
    asked = ["--draws", "1000000000", "--engine", engine, "--out", str(tmp_path / "run")]
    since = time.monotonic()
    with pytest.raises(SpecError, match=r"must fit into memory; got about .* 4,000,000,000 draws"):
        CliRunner().invoke(cli.app, ["run", "rossi", *asked], catch_exceptions=False)
    assert time.monotonic() - since < 60
    assert list(tmp_path.iterdir()) == []


def test_every_bundled_model_fits_at_published_size() -> None:
    rows = memory.PanelSize(60_000, 6_000, {"centre": 150, "nationality": 100, "sex": 2})
    for path in spec.models_folder().glob("*.toml"):
        memory.refuse_too_large(spec.read(path.stem), rows, limit=8 * 2.0**30)


def test_there_is_memory() -> None:
    assert 0 < memory.available() < sys.maxsize
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    assert limit == resource.RLIM_INFINITY or memory.available() <= limit


def test_what_the_process_has_is_taken_from_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    room = 2**26
    monkeypatch.setattr(resource, "getrlimit", lambda _: (used + room, used + room))
    assert room / 2 < memory.available() < 2 * room  # the process may have grown or shrunk since
    monkeypatch.setattr(resource, "getrlimit", lambda _: (used // 2, used // 2))
    assert memory.available() == 0
