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

WORKER = os.environ.get("PYTEST_XDIST_WORKER")
os.environ["MPLBACKEND"] = "Agg"

# A worker of pytest-xdist shares compiled code with the others (helper `compiled_once`), but the
# processes that its tests start have a folder of their own.
COMPILED = ROOT / ".pytest_cache" / "compiled"
if WORKER:
    own = COMPILED / WORKER
    os.environ["NUMBA_CACHE_DIR"] = str(own / "numba")
    flags = [os.environ.get("PYTENSOR_FLAGS", ""), f"base_compiledir={own / 'pytensor'}"]
    os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, flags))

LONGEST = (
    "test_end_to_end",
    "test_sampled_public_data",
    "test_start_stop_senators",
    "test_sbc",
    "test_nuts_whitened",
    "test_report",
    "test_margins_published",
    "test_compiled",
    "test_canaries",
    "test_store_forged",
    "test_recovery",
)

# The same examples in every run, and no verdict from a clock.
hypothesis.settings.register_profile("hazard", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("hazard")


def pytest_configure(config: pytest.Config) -> None:
    """Close the network for the whole session, doctests included."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, _closed(getattr(socket.socket, name)))


def pytest_sessionstart() -> None:
    """Workers share compiled code and the cores: threads of each would only wait for the others."""
    if WORKER:
        import numba
        import scipy.linalg  # noqa: F401 - brings the threads that are limited
        from threadpoolctl import threadpool_limits

        import compiled_once

        compiled_once.share(COMPILED / "all")
        threadpool_limits(1, user_api="blas")
        numba.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, or one that begins at the end keeps a worker while the other rests.

    Workers take them in this order (``--no-loadscope-reorder``).
    """
    items.sort(key=lambda item: (*LONGEST, item.path.stem).index(item.path.stem))


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
