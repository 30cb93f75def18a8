"""The benchmarks of coverage and of shocks: truths and scores by hand, seeds, files, tables."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest

from hazard.errors import ConvergenceError, UsageError
from hazard.spec.priors.normal import NormalPrior
from hazard.studies.sbc.engines import PosteriorSample
from places import BENCHMARKS

FOLDER = BENCHMARKS
# Truths that a family as wide as the model does not contain; all others it does.
OUTSIDE = {
    "normal": set(),
    "pooled": set(),
    "horseshoe": set(),
    "hierarchical_random_walk": {"spike"},
    "random_walk": {"spike", "earlier"},  # steps have sd 0.11: falls by 1, and by 0.2 again
    "polynomial": {"decay", "hump", "spike", "earlier", "plateau"},  # not parabolas
    "monotone": {"hump", "earlier", "spike"},  # it grows, it changes sign, it is a corner
}


def module(name: str) -> ModuleType:
    """A benchmark as a module."""
    found = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    made = importlib.util.module_from_spec(found)
    sys.modules[f"benchmark_{name}"] = made
    found.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return module("lag_priors")


@pytest.fixture(autouse=True)
def one_thread(script: ModuleType) -> Iterator[None]:
    # as the benchmark runs: on a busy machine, hundreds of short loops wait for their threads
    before = numba.get_num_threads()
    script.one_thread()
    yield
    numba.set_num_threads(before)


def small(script: ModuleType, *priors: str, truths: tuple[str, ...] = ("decay",)) -> Any:
    return script.Setting(priors or ("normal:1",), truths, persons=60)


def table(script: ModuleType, lines: list[str]) -> pd.DataFrame:
    found = pd.DataFrame([line.strip().split(",") for line in lines], columns=script.COLUMNS)
    numbers = [*script.COLUMNS[6:], "repetition", "multiple"]
    return found.astype(dict.fromkeys(numbers, float))


# --- truths and families ------------------------------------------------------------------------
def test_truths_by_hand(script: ModuleType) -> None:
    curves = {name: curve for name, curve in script.TRUTHS.items() if curve is not None}
    sums = {name: float(curve.sum()) for name, curve in curves.items()}
    assert sums == pytest.approx(dict.fromkeys(curves, 1.0) | {"zero": 0.0, "earlier": 0.0})
    assert curves["decay"][[0, 2, 4]] / curves["decay"][0] == pytest.approx([1, 1 / 2, 1 / 4])
    assert curves["hump"].argmax() == 3
    assert np.sign(curves["earlier"]).tolist() == [1, 1, 1, -1, -1, -1, -1]
    steps = np.diff(curves["plateau"])
    assert (steps <= 0).all()
    assert steps[0] == 0  # a geometric curve falls at once or never


@pytest.mark.parametrize("family", OUTSIDE)
def test_families_contain_what_they_should(script: ModuleType, family: str) -> None:
    planted = [name for name in script.TRUTHS if name != script.DRAWN]
    found = {name for name in planted if not script.contained(f"{family}:1", name)}
    assert found == OUTSIDE[family]


def test_falling_curves_by_hand(script: ModuleType) -> None:
    falling = [0, 0, 0], [3, 2, 0], [-3, -3, -1]
    others = [2, 3, 1], [3, -2, 1], [0, 1, 0]
    assert [script.falls(np.array(curve)) for curve in (*falling, *others)] == 3 * [True] + 3 * [
        False
    ]


def test_tail_of_a_normal_prior_equals_its_chi_square(script: ModuleType) -> None:
    prior = NormalPrior(family="normal", scale=0.5, reason="an example only")
    # seven squares of 1.0 are the square of a radius that 0.4289 of a chi-square of 7 exceed
    expected, n = 0.4289, 20_000
    error = np.sqrt(expected * (1 - expected) / n)
    # sample moments in the place of the prior's move the share by no more than that error again
    assert abs(script.tail(prior, np.full(7, 0.5)) - expected) < 5 * np.sqrt(2) * error
    assert abs(script.tail(prior, np.full(7, 0.6)) - expected) > 5 * np.sqrt(2) * error  # control


# --- scores -------------------------------------------------------------------------------------
def test_interval_ends_are_order_statistics_by_hand(script: ModuleType) -> None:
    drawn = np.random.default_rng(1).permutation(np.arange(1.0, 1000.0))
    expected = [500.0, drawn.std(ddof=1), 25.0, 250.0, 750.0, 975.0]
    assert script.described(drawn) == pytest.approx(expected)


def test_scores_by_hand(script: ModuleType) -> None:
    key = {
        "truth": "zero",
        "prior": "normal",
        "multiple": 1.0,
        "quantity": "lag",
        "true": 1.0,
        "sd": 1.0,
    }
    ends = {"lower_95": 0.0, "lower_50": 0.5, "upper_50": 1.5, "upper_95": 2.0}
    missed = {"lower_95": 1.25, "lower_50": 1.5, "upper_50": 2.5, "upper_95": 3.0}
    over = {"lower_95": -1.0, "lower_50": -0.5, "upper_50": 0.5, "upper_95": 0.75}
    found = pd.DataFrame(
        [
            {**key, "repetition": 0, "lag": 0, "estimate": 1.5, **ends},
            {**key, "repetition": 0, "lag": 1, "estimate": 2.0, **missed},
            {**key, "repetition": 1, "lag": 0, "estimate": np.nan},
            {**key, "repetition": 2, "lag": 0, "estimate": 0.0, **over},
        ]
    )
    own, other = script.scored(found).reset_index().to_dict("records")
    assert other["repetition"] == 2  # what has no posterior has no score
    assert other["score"] == pytest.approx(1.75 + 40 * 0.25)
    assert own["covered_95"] == own["covered_50"] == 0.5
    assert own["error"] == 0.75
    assert own["square"] == 0.625
    assert own["score"] == pytest.approx((2.0 + 1.75 + 40 * 0.25) / 2)


def fake(n: int, rng: np.random.Generator, *, widths: float) -> pd.DataFrame:
    """Sums that are normal around the truth with sd 1, and their intervals, as wide as said."""
    estimate = rng.standard_normal(n)
    key = {
        "truth": "zero",
        "prior": "normal",
        "multiple": 1.0,
        "quantity": "sum",
        "lag": np.nan,
        "true": 0.0,
        "sd": 1,
    }
    found = pd.DataFrame({"repetition": np.arange(n), "estimate": estimate}).assign(**key)
    for name, z in (("95", 1.959964), ("50", 0.674490)):
        found[f"lower_{name}"] = estimate - widths * z
        found[f"upper_{name}"] = estimate + widths * z
    return found


def test_coverage_of_right_intervals_is_nominal_and_of_narrow_ones_not(
    script: ModuleType, rng: np.random.Generator
) -> None:
    n = 4000
    right = script.by_cell(script.scored(fake(n, rng, widths=1.0))).iloc[0]
    narrow = script.by_cell(script.scored(fake(n, rng, widths=0.8))).iloc[0]  # negative control
    for name, nominal in (("covered_95", 0.95), ("covered_50", 0.5)):
        error = np.sqrt(nominal * (1 - nominal) / n)
        assert abs(right[name] - nominal) < 5 * error
        assert right[f"{name}_error"] == pytest.approx(error, rel=0.2)
        assert narrow[name] < nominal - 5 * error
    assert abs(right["error"]) < 5 / np.sqrt(n)
    assert abs(right["rmse"] - 1) < 5 / np.sqrt(2 * n)
    assert right["score"] < script.by_cell(script.scored(fake(n, rng, widths=2.0))).iloc[0]["score"]


# --- data sets ----------------------------------------------------------------------------------
def test_cells_are_twelve_families_at_three_widths(script: ModuleType) -> None:
    every = script.every_cell()
    assert len(every) == 36
    assert {cell.prior for cell in every.values()} >= {
        "normal",
        "hierarchical_random_walk",
        "monotone",
    }
    assert {cell.multiple for cell in every.values()} == {0.5, 1.0, 2.0}


def test_lines_do_not_depend_on_the_other_priors_nor_on_what_came_before(
    script: ModuleType,
) -> None:
    both = script.piece(small(script, "normal:1", "hump:0.5"), "decay", 3)
    alone = small(script, "hump:0.5")
    script.piece(alone, "decay", 2)
    assert script.piece(alone, "decay", 3) == both[9:]
    assert script.piece(alone, "decay", 2) != both[9:]


def test_each_prior_is_the_one_that_is_fitted(script: ModuleType) -> None:
    """Rows only add information: no sd exceeds that of a normal prior, and few rows add little."""
    lines = script.piece(small(script, "spike:0.5", "normal:1"), "zero", 0)
    narrow, wide = np.split(table(script, lines)["sd"].to_numpy(), 2)
    rest = script.every_cell()["spike:0.5"].priors[script.TERM].rest
    error = 1 + 5 / np.sqrt(2 * script.DRAWS["laplace"])
    assert (narrow[1:7] < rest * error).all()
    assert (wide[1:7] > rest * error).all()  # negative control


def test_planted_numbers_stand_in_the_lines(script: ModuleType) -> None:
    found = table(script, script.piece(small(script), "plateau", 0))
    curve = script.TRUTHS["plateau"]
    assert found["true"][:8].to_numpy() == pytest.approx([*curve, 1.0], abs=1e-12)
    zero = table(script, script.piece(small(script), "zero", 0))
    assert (zero["true"] == 0).all()  # without an effect the two arms are equal
    assert found["true"].iloc[-1] > 0.005  # a sum of 1 on a monthly probability of some percent


def test_no_posterior_is_a_line_without_numbers(script: ModuleType) -> None:
    def refused(*_: object) -> PosteriorSample:
        raise ConvergenceError("learned scales must settle; they do not.")

    it, rng = script.study(small(script)), np.random.default_rng(1)
    found = script.judged(it, np.full(7, 0.1), refused, n=99, rng=rng)
    assert found.shape == (9, 7)
    assert np.isnan(found[:, 1:]).all()
    assert found[:8, 0] == pytest.approx([*[0.1] * 7, 0.7])


def test_drawn_truths_are_covered_and_those_of_other_data_not(script: ModuleType) -> None:
    """Thirty curves from a prior, and the intervals of their seven coefficients."""
    n, setting = 30, script.Setting(("normal:1",), (script.DRAWN,))
    found = pd.concat([table(script, script.piece(setting, script.DRAWN, r)) for r in range(n)])
    own = found[found["quantity"] == "lag"]
    other = np.roll(own["true"], 7)  # negative control: the curve of the data set before
    # the seven are as correlated as if they were one, at most: standard errors of n data sets
    for probability in (95, 50):
        error = np.sqrt(probability * (100 - probability) / n) / 100
        ends = own[f"lower_{probability}"], own[f"upper_{probability}"]
        assert abs(own["true"].between(*ends).mean() - probability / 100) < 5 * error
        if probability == 95:
            assert ((ends[0] < other) & (other < ends[1])).mean() < probability / 100 - 5 * error


# --- the file -----------------------------------------------------------------------------------
def test_interrupted_file_is_completed_as_if_it_had_not_been(
    script: ModuleType, tmp_path: Path
) -> None:
    setting = small(script, truths=("decay", "zero"))
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    script.completed(whole, setting, repetitions=2, cores=1)
    text = whole.read_text()
    cut.write_text(text[: int(0.6 * len(text))])  # within a line of the third data set
    script.completed(cut, setting, repetitions=2, cores=1)
    assert cut.read_text() == text
    script.completed(cut, setting, repetitions=2, cores=1)
    assert cut.read_text() == text


def test_file_of_another_setting_is_refused(script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "found.csv"
    script.taken_up(path, small(script))
    with pytest.raises(UsageError, match=r"--out must be new, or of the same setting and versions"):
        script.taken_up(path, small(script, "hump:0.5"))


def test_unknown_names_are_refused(script: ModuleType) -> None:
    assert script.chosen([], ["a", "b"], "--truths") == ("a", "b")
    assert script.chosen(["b", "b"], ["a", "b"], "--truths") == ("b",)
    with pytest.raises(UsageError, match=r"--truths must be one of .*Did you mean 'decay'"):
        script.chosen(["decai"], script.TRUTHS, "--truths")


def test_report_marks_what_a_family_does_not_contain(script: ModuleType, tmp_path: Path) -> None:
    setting = small(script, "normal:1", "polynomial:1", truths=("zero", "spike", "drawn"))
    found = script.completed(tmp_path / "found.csv", setting, repetitions=2, cores=1)
    tables = dict(script.report(found))
    first = tables["Coverage of the lag, 95/50 percent"]
    assert list(first.columns) == ["zero", "spike", "drawn"]
    bracketed = first.map(lambda text: text.startswith("("))
    assert bracketed.to_numpy().tolist() == [[False, False, False], [False, True, False]]
    [short] = [own for head, own in tables.items() if head.startswith("In short")]
    assert short["contained"].tolist() == [2, 1]
    assert short["lag out"].isna().tolist() == [True, False]
    assert script.errors_text(found).startswith("2 repetitions at least; 0 of 12 fits failed.")


def test_other_benchmarks_find_a_library_where_the_script_has_its_name() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import numba; print(callable(numba.njit))"
    command = [sys.executable, "-c", code, str(FOLDER)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "True\n"


# --- shocks -------------------------------------------------------------------------------------
def test_shocks_count_intervals_without_zero_by_hand(tmp_path: Path) -> None:
    shocks = module("shocks")
    path = tmp_path / "found.csv"
    key = {"size": "small", "model": "oslo2016", "exit": "assisted"}
    for seed, lower in ((1, 0.5), (2, -1.5), (3, -2.5)):
        own = {**key, "seed": seed, "estimate": lower + 1, "lower": lower, "upper": lower + 2}
        shocks.add(path, pd.DataFrame([own])[shocks.COLUMNS])
    [found] = shocks.summary(shocks.kept(path)).to_dict("records")
    assert (found["data_sets"], found["excludes_zero"]) == (3, 2)
    assert found["estimate"] == pytest.approx(-1 / 6)
    assert found["between"] == pytest.approx(np.std([1.5, -0.5, -1.5], ddof=1))
    assert found["width"] == pytest.approx(2.0)
    assert found["chance"] == pytest.approx(3 * 0.05**2 * 0.95 + 0.05**3)


def test_shocks_refuse_another_file(tmp_path: Path) -> None:
    path = tmp_path / "found.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"--out must be a new file, or one of this benchmark"):
        module("shocks").kept(path)
