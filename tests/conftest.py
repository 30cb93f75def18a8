"""What all tests share: a seed from the test's name, no network, no display, private caches."""

from __future__ import annotations

import hashlib
import os
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

import public_data
from places import ROOT

os.environ["MPLBACKEND"] = "Agg"

# Two processes that write one cache of compiled code can read each other's half-written files, so
# a worker of pytest-xdist gets its own and compiles for itself.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    compiled = ROOT / ".pytest_cache" / "compiled" / worker
    os.environ["NUMBA_CACHE_DIR"] = str(compiled / "numba")
    flags = [os.environ.get("PYTENSOR_FLAGS", ""), f"base_compiledir={compiled / 'pytensor'}"]
    os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, flags))

# The same examples in every run, and no verdict from a clock.
hypothesis.settings.register_profile("hazard", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("hazard")


def pytest_configure(config: pytest.Config) -> None:
    """Close the network for the whole session, doctests included."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, _closed(getattr(socket.socket, name)))


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that is marked as one of a suite is a case of it."""
    for mark in item.iter_markers("suite"):
        item.user_properties.append(("suite", (mark.args[0], 1)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The number of cases that passed, by suite."""
    cases = Counter[str]()
    for report in terminalreporter.getreports("passed"):
        for kind, case in report.user_properties:
            if kind == "suite":
                cases[case[0]] += case[1]
    if cases:
        terminalreporter.section("cases that passed")
        for suite, count in sorted(cases.items()):
            terminalreporter.line(f"{count:6,} {suite}")


@pytest.fixture
def suite(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Adds cases to a suite, where one test has many."""
    return lambda name, count: record_property("suite", (name, count))


def _closed(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX:
            # Not an OSError, which the caller may take for a network that is down.
            raise RuntimeError("a test must not open a network connection")
        return connect(self, address)

    return guarded


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Generator seeded by the name of the test: the same numbers in any order and process."""
    digest = hashlib.sha256(request.node.name.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8]))


@pytest.fixture(scope="session")
def public(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Path of a file with a public data set, by its name in the helper ``public_data``."""
    return partial(public_data.file, tmp_path_factory.mktemp("public"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder beside the repository with what no package has; skips without it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder with reference data beside the repository")
    return folder
