"""Nobody is read out of registers: a family of a rare nationality, and a centre of one resident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import Result
from scipy import stats
from typer.testing import CliRunner

from hazard.cli import app
from hazard.data import disclosure
from hazard.errors import HazardError
from small_registers import Person, registers, write

RARE, LONELY = "Rarestan", "Lonelyplace"
LAPLACE = ["--engine", "laplace", "--draws", "40"]
PRIOR = 'prior = { family = "normal", scale = 3.0, reason = "an example only" }\n'
MODEL = f"""name = "example"
question = "Who leaves?"
[outcome]
exits = ["assisted", "disappeared", "forced"]
[[term]]
kind = "group"
by = "nationality"
{PRIOR}[[term]]
kind = "group"
by = "centre"
{PRIOR}[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
lags = [0, 1]
history_before_start = "missing"
{PRIOR}"""


def family(i: int, nation: str, centre: str, rng: np.random.Generator) -> Person:
    """One person, who leaves assisted for sure by an even number and else stays."""
    gone = str(np.datetime64("2005-06-01") + rng.integers(0, 200))
    fates = {
        "applications": [("2005-03-01", gone)] if i % 2 == 0 else [],
        "returns": [(gone, "assisted" if i % 2 == 0 else "police")] if i % 4 != 3 else [],
        "deportations": [(gone, "asyl")] if i % 4 == 1 else [],
    }
    stays = [(centre, "2004-02-01", gone if i % 4 != 3 else None)]
    return Person(f"p{i:03d}", f"f{i:03d}", nation, stays=stays, **fates)


def called(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def code_of(done: Result) -> int:
    """Exit code that the command line returns."""
    error = done.exception
    return error.exit_code if isinstance(error, HazardError) else done.exit_code


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Registers of 80 families, one of them alone in its nationality and one in its centre."""
    folder, rng = tmp_path_factory.mktemp("read_out"), np.random.default_rng(5)
    nations = ["Irak", "Iran"] * 39 + [RARE, "Irak"]
    centres = [*rng.permutation(["A", "B", "C"] * 26), "A", LONELY]
    families = [family(i, *pair, rng) for i, pair in enumerate(zip(nations, centres, strict=True))]
    (folder / "registers").mkdir()
    write(registers(*families), folder / "registers")
    (folder / "model.toml").write_text(MODEL, encoding="utf-8")
    only = MODEL.replace("[outcome]", f'[only]\nnationality = "{RARE}"\n[outcome]')
    (folder / "one.toml").write_text(only, encoding="utf-8")
    public = MODEL.replace("[outcome]", "[table]\nconfidential = false\n[outcome]")
    (folder / "public.toml").write_text(public, encoding="utf-8")
    return folder


def commands(place: Path, model: str, out: Path) -> Iterator[tuple[str, list[object]]]:
    """Every command that leaves something for reading of registers, by name; runs come first."""
    known = ["--registers", place / "registers", "--out"]
    wanted = place / f"{model}.toml"
    yield "run", ["run", wanted, *known, out / "run", *LAPLACE]
    yield "survival", ["survival", wanted, *known, out / "survival"]
    yield "survival centre", ["survival", wanted, *known, out / "centre", "--by", "centre"]
    describe = ["describe", place / "registers", "--model", wanted, "--out", out / "describe"]
    yield "describe", describe
    yield "prior", ["prior", wanted, *known, out / "prior.csv", "--draws", 50]
    run = out / "run" if model != "one" else place / "default" / "run"
    yield "tables", ["tables", run, "--out", out / "tables.csv"]
    yield "brief", ["brief", run, "--out", out / "brief.html", "--lang", "en"]
    few = ["--horizon", "3", "--draws", "8"]
    yield "scenario", ["scenario", run, *known, out / "scenario", *few]
    yield "score", ["score", run, *known, out / "score", "--by", "centre", "--refits", "1"]


@pytest.fixture(scope="module")
def default(place: Path) -> dict[str, Result]:
    """What every command said, with nothing about confidentiality in the model file."""
    (place / "default").mkdir()
    return {name: called(*words) for name, words in commands(place, "model", place / "default")}


def text_of(path: Path) -> str:
    """A file as an attacker reads it: its bytes, and the coordinates of draws."""
    text = path.read_bytes().decode("latin-1")
    if path.suffix == ".nc":
        with xr.open_datatree(path) as tree:
            text += " ".join(str(node.coords) for node in tree.subtree)
            text += " ".join(
                str(value)
                for node in tree.subtree
                for coordinate in node.coords.values()
                for value in coordinate.values.ravel()
            )
    return text


def files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def test_commands_run(default: dict[str, Result]) -> None:
    assert {name: code_of(done) for name, done in default.items()} == dict.fromkeys(default, 0)


def test_no_singleton_stands_in_anything(place: Path, default: dict[str, Result]) -> None:
    texts = {path.name: text_of(path) for path in files_of(place / "default")}
    texts |= {name: done.output for name, done in default.items()}
    for word in (RARE, LONELY, "p078", "f079"):
        assert not [name for name, text in texts.items() if word in text], word
    assert any(disclosure.POOLED in text for text in texts.values())
    assert any("Irak" in text for text in texts.values())  # the control: who are many are there


def test_public_rows_name_them(place: Path) -> None:
    """Negative control: the same search finds them where the model file calls the data public."""
    out = place / "public"
    out.mkdir()
    for name, words in list(commands(place, "public", out))[:3]:
        assert code_of(called(*words)) == 0, name
    names = [path.name for path in files_of(out) if RARE in text_of(path)]
    assert "posterior.nc" in names
    assert [path for path in files_of(out / "centre") if LONELY in text_of(path)]


def test_few_persons_make_no_result(place: Path, default: dict[str, Result]) -> None:
    """Of one family: every command that is asked for it, and the negative control of all."""
    out = place / "one"
    out.mkdir()
    asked = [
        (name, words)
        for name, words in commands(place, "one", out)
        if place / "one.toml" in words and name != "describe"
    ]
    assert len(asked) == 4
    comparison = [place / "one.toml", place / "one.toml", "--registers", place / "registers"]
    asked.append(("comparison", ["compare", *comparison, "--out", out / "comparison"]))
    sensitivity = [*comparison[1:], "--out", out / "sensitivity"]
    asked.append(("sensitivity", ["sensitivity", *sensitivity]))
    codes = {name: code_of(called(*words)) for name, words in asked}
    assert codes == dict.fromkeys(codes, 5)
    assert not files_of(out)


def test_a_centre_of_few_is_no_place_of_a_scenario(place: Path, default: dict[str, Result]) -> None:
    known = ["--registers", place / "registers", "--horizon", "3", "--draws", "8"]
    run = place / "default" / "run"
    for centre, code in ((LONELY, 5), ("A", 0)):
        out = place / f"at_{centre}"
        done = called("scenario", run, *known, "--centre", centre, "--out", out)
        assert code_of(done) == code, done.output
        assert out.exists() == (code == 0)


def test_what_is_written_is_for_its_owner_only(place: Path, default: dict[str, Result]) -> None:
    folders = [path for path in (place / "default").iterdir() if path.is_dir()]
    assert len(folders) >= 5
    for folder in folders:
        assert folder.stat().st_mode & 0o777 == 0o700, folder.name
        assert (folder / "manifest.json").is_file()
    modes = {path.name: path.stat().st_mode & 0o777 for path in files_of(place / "default")}
    assert modes == dict.fromkeys(modes, 0o600)


# --- an attack ----------------------------------------------------------------------------------
def recovered(rng: np.random.Generator, folder: Path, *, rare: int, public: bool) -> list[bool]:
    """For every singleton: whether the sign of its effect, or of all small ones, is its exit."""
    folder.mkdir()
    nations = ["Irak"] * 30 + [f"{RARE}{k}" for k in range(rare)]
    coin = rng.permutation([0] * (rare // 2) + [3] * (rare - rare // 2))
    fate = [*range(30), *(4 * (30 + k) + int(at) for k, at in enumerate(coin))]
    families = [family(i, nation, "A", rng) for i, nation in zip(fate, nations, strict=True)]
    write(registers(*families), folder)
    source = MODEL.split("[[term]]")
    model = source[0] + "[[term]]" + source[1]
    if public:
        model = model.replace("[outcome]", "[table]\nconfidential = false\n[outcome]")
    (folder / "model.toml").write_text(model, encoding="utf-8")
    out = folder / "run"
    words = ["run", folder / "model.toml", "--registers", folder, "--out", out, *LAPLACE]
    done = called(*words)
    assert code_of(done) == 0, done.output
    with xr.open_datatree(out / "posterior.nc") as tree:
        draws = tree["posterior"].to_dataset()
        name = next(str(n) for n in draws if any(str(d).endswith("level") for d in draws[n].dims))
        mean = draws[name].mean(("chain", "draw")).isel(exit=0).to_series()
    level = [nation if public else disclosure.POOLED for nation in nations[30:]]
    signs = (mean[level] > mean["Irak"]).tolist()
    return [sign == (at == 0) for sign, at in zip(signs, coin, strict=True)]


@pytest.mark.parametrize("public", [False, True])
def test_the_sign_of_an_effect_does_not_tell_a_family(
    public: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Half of 14 singletons leave: the majority is a half, whatever the sign of their effect is.

    Negative control: where the data are public nearly all are read out, which a coin would not
    do in one of a thousand.
    """
    hits = recovered(rng, tmp_path / "registers", rare=14, public=public)
    bound = stats.binom.ppf(0.999, len(hits), 0.5)
    assert (sum(hits) > bound) == public
