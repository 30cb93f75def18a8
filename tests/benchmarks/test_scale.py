"""The benchmark from register files to exposures: what its copies keep, and what it compares."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from hazard import spec
from hazard.data import exposures, panel
from hazard.data import registers as regs
from places import BENCHMARKS
from small_registers import random_registers, write

SCRIPT = BENCHMARKS / "scale.py"


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    found = importlib.util.spec_from_file_location("scale", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["scale"] = module
    found.loader.exec_module(module)
    return module


@pytest.fixture
def source(tmp_path: Path, rng: np.random.Generator) -> Path:
    (tmp_path / "one").mkdir()
    return write(random_registers(rng, 60), tmp_path / "one")


def counts(scale: ModuleType, folder: Path) -> np.ndarray:
    return np.asarray(scale.measured(folder)["counts"])


def test_copies_lie_side_by_side_with_ids_of_their_own_by_hand(scale: ModuleType) -> None:
    table = pa.table({"person_id": ["a", "b"], "centre": ["x", None], "sex": ["male", "female"]})
    assert scale.side_by_side(table, 2).to_pydict() == {
        "person_id": ["a-000", "a-001", "b-000", "b-001"],
        "centre": ["x-000", "x-001", None, None],
        "sex": ["male", "male", "female", "female"],
    }


def test_three_copies_have_three_times_the_rows_exits_and_exposed_months(
    scale: ModuleType, source: Path, tmp_path: Path
) -> None:
    scale.copy(source, tmp_path / "three", 3)
    one = counts(scale, source)
    assert (one[-2:] > 0).all()  # somebody is exposed at a centre, in both ways
    for kind in ("csv", "parquet"):
        assert counts(scale, tmp_path / "three" / kind).tolist() == (3 * one).tolist()


def test_copies_in_the_same_centres_are_told(
    scale: ModuleType, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without centres of their own, families see the events of other copies."""
    monkeypatch.setattr(scale, "FRESH", ("person_id", "family_id"))
    scale.copy(source, tmp_path / "three", 3)
    one, three = counts(scale, source), counts(scale, tmp_path / "three" / "csv")
    assert three[:-2].tolist() == (3 * one[:-2]).tolist()
    assert (three[-2:] > 3 * one[-2:]).all()


def test_pandas_alone_finds_the_same_histories_and_not_those_a_month_off(
    scale: ModuleType, source: Path
) -> None:
    model = spec.read("oslo2016")
    defined = regs.define(regs.read(source), model.data)
    rows = panel.build(defined)
    found = exposures.register_histories(rows, defined, model.lagged)
    for name, values in scale.by_pandas(rows, defined, model.lagged):
        np.testing.assert_array_equal(found[name], values)
        assert not np.array_equal(found[name][:, 1:], values[:, :-1], equal_nan=True)
