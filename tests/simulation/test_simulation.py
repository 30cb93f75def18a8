"""The simulator: published facts, what families see, and the files."""

from __future__ import annotations

import csv
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hazard import simulation
from hazard.errors import UsageError
from hazard.simulation.course import Course, course, stock
from hazard.simulation.history import Absences, FamilyMonths, History, exposures
from hazard.simulation.margins import (
    EXITS,
    EXPOSURES,
    N_LAGS,
    NETWORKS,
    figure,
    lag_effects,
    size_of,
)
from hazard.simulation.world import ASSISTED, FORCED, STAY, Families
from places import PACKAGE


@pytest.fixture(scope="module")
def small_truth() -> simulation.Truth:
    return simulation.truth("small", np.random.default_rng(2016))


@pytest.fixture(scope="module")
def small(small_truth: simulation.Truth) -> simulation.SimulatedRegisters:
    return simulation.registers(small_truth, np.random.default_rng(2005))


# --- what was published -------------------------------------------------------------------------
def test_lag_effects_reference_the_published_table() -> None:
    path = PACKAGE / "published" / "oslo2016_table_7_1.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    effects = lag_effects()
    for row in rows:
        cell = effects.sel(
            exit=row["outcome"],
            exposure=row["exposure"],
            network=row["network"],
            lag=int(row["lag_months"]),
        )
        assert float(cell) == float(row["mnlogit_log_odds"])
    assert len(rows) == 2 * len(EXPOSURES) * len(NETWORKS) * N_LAGS
    assert not effects.sel(exit="forced").any()


def misfit(found: Course) -> float:
    carried, months = stock(found)
    exits = [figure(f"first_exit_{name}") for name in EXITS]
    residents = carried[:-1] + found.intake
    reached = [*(months @ found.probability), months.sum(), carried[-1], residents[9]]
    stated = [*exits, figure("person_months"), figure("still_resident")]
    stated += [figure("resident_families_max_2014")]
    reached += [*found.probability.min(axis=0), *found.probability.max(axis=0)]
    stated += [figure(f"yearly_{end}_{name}") for end in ("min", "max") for name in EXITS]
    reached += [*found.probability.mean(axis=0), found.intake[2], found.intake[5]]
    stated += [figure(f"monthly_probability_{name}") for name in EXITS]
    stated += [figure("new_families_min_2007"), figure("new_families_max_2010")]
    return float(np.abs(np.log(reached) - np.log(stated)).max())


def test_course_meets_every_published_figure() -> None:
    found = course(size_of("published"))
    assert misfit(found) < 2e-3  # twice the tolerance of the search: the stock sums its errors
    assert found.intake.argmin() == 2
    assert found.intake.argmax() == 5
    later = replace(found, intake=np.roll(found.intake, 1))  # negative control
    assert misfit(later) > 2e-3


def test_stock_identity_families_are_neither_made_nor_lost() -> None:
    found = course(size_of("small"))
    carried, months = stock(found)
    left = (months[:, None] * found.probability).sum(axis=1)
    np.testing.assert_allclose(carried[1:], carried[:-1] + found.intake - left, rtol=1e-12)


def test_unknown_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"size must be 'published' or 'small'; got 'large'\."):
        size_of("large")  # type: ignore[arg-type]


# --- what families see --------------------------------------------------------------------------
# Month 100: family 2 (centre 1, nationality 0) is returned by force.
# Month 101: family 0 (centre 0, nationality 0) applies; family 1 (centre 0, nationality 1) stays.
# Month 102: family 1 is the only one left.
def test_exposures_by_hand(small_truth: simulation.Truth) -> None:
    first, n_centres = 94, small_truth.world.size.centres
    rows = FamilyMonths(
        np.array([0, 1, 2, 0, 1, 1]),
        np.array([100, 100, 100, 101, 101, 102]),
        np.array([0, 0, 1, 0, 0, 0]),
        np.array([STAY, STAY, FORCED, ASSISTED, STAY, STAY]),
    )
    counts = np.zeros((2, 9, n_centres + small_truth.world.size.nationalities + 1), dtype=np.int64)
    counts[0, 100 - first, [1, n_centres]] = 1
    counts[1, 101 - first, [0, n_centres]] = 1
    who = np.array([0, 1, 0])
    families = Families(who, who > 1, who + 1, who + 100, np.array([0, 0, 1]))
    no_absence = Absences(*(np.zeros((3, 0), dtype=np.int64)))
    nothing: Any = None
    lived = History(small_truth, families, rows, no_absence, nothing, counts, first, nothing)
    seen = {tuple(cell) for cell in np.argwhere(exposures(lived, rows)).tolist()}
    forced, applied, centre, nationality = 0, 1, 0, 1
    assert seen == {
        (0, forced, nationality, 0),  # family 0 in month 100; family 2 does not see itself
        (3, forced, nationality, 1),  # family 0 in month 101, not its own application
        (4, applied, centre, 0),  # family 1 in month 101
        (5, applied, centre, 1),  # family 1 in month 102
    }


# --- on disk ------------------------------------------------------------------------------------
def written(folder: Path, seed: int) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    simulation.write(simulation.registers(simulation.truth("small", rng), rng), folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    return {path.name: path.read_bytes() for path in files}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    once, again = written(tmp_path / "once", 1), written(tmp_path / "again", 1)
    assert sorted(once) == sorted(again)
    assert len(once) == 8
    assert once == again
    other = written(tmp_path / "other", 2)
    assert [name for name in once if other[name] == once[name]] == ["extract.toml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "once", "other"]


def test_written_truth_identity(small: simulation.SimulatedRegisters, tmp_path: Path) -> None:
    simulation.write(small, tmp_path)
    with xr.open_dataset(tmp_path / "truth" / "truth.nc", engine="h5netcdf") as stored:
        xr.testing.assert_equal(stored.load(), simulation.truth_arrays(small.truth))


def test_write_leaves_other_files_alone(
    small: simulation.SimulatedRegisters, tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    with pytest.raises(UsageError, match="must not exist yet, or be an empty folder"):
        simulation.write(small, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_write_that_fails_leaves_nothing(
    small: simulation.SimulatedRegisters, tmp_path: Path
) -> None:
    broken = replace(small, tables={**small.tables, "no/such/folder": small.tables["udi_stays"]})
    with pytest.raises(OSError, match="non-existent directory"):
        simulation.write(broken, tmp_path / "new")
    assert not list(tmp_path.iterdir())
