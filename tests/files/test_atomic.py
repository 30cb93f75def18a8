"""Output is whole or absent, and belongs to one process at a time, however that process ends."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hazard import simulation
from hazard.errors import UsageError
from hazard.files import atomic
from hazard.fitting import Fit
from hazard.fitting.store import write_run
from hazard.inference.chains import kept_chains
from hazard.studies.published import PublishedPosterior
from hazard.studies.published.folder import write_published
from small_runs import small_analysis, small_published_posterior

HOLDER = """
import sys, time
from pathlib import Path
from hazard.files import atomic
atomic.check_new(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""
BUSY = r"must be written by one command at a time; another one is at work on it\."


@contextmanager
def held_by_another(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is about to write a path."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_told_at_the_start(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with held_by_another(out) as other:
        with pytest.raises(UsageError, match=BUSY):
            atomic.check_new(out)
        with pytest.raises(UsageError, match=BUSY):
            atomic.write_file(out, Path.touch)
        with atomic.new_folder(tmp_path / "other"):  # negative control: another name is free
            pass
        assert (tmp_path / ".run.hazard-draft").exists()  # what is in use was not swept
        other.send_signal(signal.SIGKILL)
        other.wait()
        with atomic.new_folder(out):
            pass
    assert sorted(each.name for each in tmp_path.iterdir()) == ["other", "run"]


def test_drafts_of_the_killed_are_swept(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "a"), held_by_another(tmp_path / "b"):
        (tmp_path / ".a.hazard-draft" / "half.csv").write_text("half")
    (tmp_path / ".own.draft").mkdir()
    assert len(list(tmp_path.iterdir())) == 3
    atomic.write_file(tmp_path / "page.html", Path.touch)
    assert sorted(each.name for each in tmp_path.iterdir()) == [".own.draft", "page.html"]


def test_what_was_claimed_is_released(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "er" / "run"
    with atomic.claims():
        atomic.check_new(out)
        atomic.check_new(out)  # once more by the same process
        assert out.parent.exists()
    assert list(tmp_path.iterdir()) == []
    assert not atomic.release()


def test_a_signal_waits_for_the_end_of_a_step() -> None:
    said = []
    step = atomic._Step()
    with step:
        with step:
            step.after(lambda: said.append("ended"))
        assert said == []
    assert said == ["ended"]
    step.after(lambda: said.append("at once"))
    assert said == ["ended", "at once"]


# --- a disk that is full ------------------------------------------------------------------------
ARRAYS = xr.Dataset({"beta": ("draw", np.arange(3_000.0))})


def chain(path: Path, _: np.random.Generator) -> None:
    with kept_chains(path) as kept:
        kept("key" * 10).save(0, xr.DataTree.from_dict({"posterior": ARRAYS}))


@cache
def analysed() -> Fit:
    return small_analysis(np.random.default_rng(1))


@cache
def evidence() -> PublishedPosterior:
    return small_published_posterior(np.random.default_rng(1))


@cache
def simulated() -> simulation.SimulatedRegisters:
    rng = np.random.default_rng(1)
    return simulation.registers(simulation.truth("small", rng), rng)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """What simulates is compiled, and kept in files, before files are limited."""
    simulated()


def registers(path: Path, _: np.random.Generator) -> None:
    simulation.write(simulated(), path)


def arrays(path: Path, _: np.random.Generator) -> None:
    with atomic.new_folder(path) as folder:
        atomic.write_netcdf(ARRAYS, folder / "arrays.nc")


WRITERS: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "run": lambda path, _: write_run(path, analysed()),
    "published": lambda path, _: write_published(path, evidence()),
    "registers": registers,
    "chain": chain,
    "arrays": arrays,
    "page": lambda path, _: atomic.write_file(path, lambda draft: draft.write_text("x" * 30_000)),
}


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """No file may grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.suite("full disks")
@pytest.mark.parametrize("size", [1, 1_000, 4_000])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_does_not_fit_leaves_nothing(
    writer: str, size: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    told = r"must be written whole; got: File too large\."
    with pytest.raises(UsageError, match=told), longest_file(size):
        WRITERS[writer](tmp_path / "new", rng)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KiB; skips where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError:
        pytest.skip("no mount")
    if done.returncode:
        pytest.skip("no right to mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.suite("full disks")
@pytest.mark.parametrize("free", [0, 10, 70])
@pytest.mark.parametrize("writer", ["run", "published", "registers"])
def test_a_full_disk_leaves_nothing(
    writer: str, free: int, small_disk: Path, rng: np.random.Generator
) -> None:
    (small_disk / "filled").write_bytes(bytes((200 - free) * 1024))
    with pytest.raises(UsageError, match=r"must be written whole; got: No space left on device\."):
        WRITERS[writer](small_disk / "new", rng)
    assert [each.name for each in small_disk.iterdir()] == ["filled"]


@pytest.mark.suite("full disks")
def test_a_full_disk_is_told_before_anything_is_done(small_disk: Path) -> None:
    (small_disk / "filled").write_bytes(bytes(180 * 1024))
    with pytest.raises(UsageError, match=r"No space left on device\."):
        atomic.check_new(small_disk / "new")


FAULTS = ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "EACCES")


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_disk_is_a_sentence(fault: str, tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise OSError(getattr(errno, fault), "in other words")

    told = os.strerror(getattr(errno, fault))
    with pytest.raises(UsageError, match=f"must be written whole; got: {told}"):
        atomic.write_file(tmp_path / "deep" / "page", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_fault_that_is_none_of_the_disk_goes_on(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.new_folder(tmp_path / "new"):
        (tmp_path / "not there").read_text()
    assert list(tmp_path.iterdir()) == []
