"""Broken manifests: of every key of every kind of folder, one sentence or a page, never a fault.

A manifest that is broken and sealed anew is the hardest case: its digest fits. The draws are taken
away, for they would tell at once that it is not theirs.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hazard import brief, spec
from hazard.brief.folders import read as read_folder
from hazard.errors import HazardError, IntegrityError
from hazard.files import seal
from hazard.files.atomic import new_folder
from hazard.fitting.folders import read_tables, seal_folder
from hazard.fitting.store import write_run
from hazard.studies.estimators.folder import ComparisonFolder
from hazard.studies.published.folder import write_published
from small_runs import small_analysis, small_published_posterior

Suite = Callable[[str, int], None]
Path_ = tuple[str, ...]
GONE = object()
DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]
VALUES = {
    "gone": GONE,
    "null": None,
    "a text": "text",
    "a number": -7.5,
    "a huge number": 10**4000,
    "a list": [1, "two", None],
    "an empty object": {},
    "nested": {"a": DEEP},
}
WITHIN = ("gone", "a number", "nested")
"""Of keys within keys."""


def _run(folder: Path) -> None:
    model = spec.read("rossi")
    write_run(folder, small_analysis(np.random.default_rng(2), model, n=10))


def _evidence(folder: Path) -> None:
    write_published(folder, small_published_posterior(np.random.default_rng(2)))


def _tables(folder: Path) -> None:
    run = small_analysis(np.random.default_rng(2), spec.read("rossi"), n=10)
    with new_folder(folder) as draft:
        seal_folder(draft, "survival", {"flow": run.flow, "priors": run.priors})


def _page(folder: Path) -> None:
    found = read_folder(folder)
    assert not isinstance(found, ComparisonFolder)
    brief.html(found, "en")


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "run": (_run, _page),
    "published": (_evidence, _page),
    "survival": (_tables, read_tables),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("broken") / kind
    KINDS[kind][0](made)
    (made / "posterior.nc").unlink(missing_ok=True)
    return made


def paths(facts: dict[str, Any], depth: int = 2) -> Iterator[Path_]:
    """Keys of a manifest, and those within them."""
    for name, value in facts.items():
        yield (name,)
        if isinstance(value, dict) and depth > 1:
            yield from ((name, *rest) for rest in paths(value, depth - 1))


def broken(facts: dict[str, Any], path: Path_, value: object) -> dict[str, Any]:
    other = copy.deepcopy(facts)
    place = other
    for name in path[:-1]:
        place = place[name]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return other


def write_sealed(folder: Path, facts: dict[str, Any]) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(facts), encoding="ascii")
    (folder / "manifest.sha256").write_text(f"{seal.digest(path)}\n", encoding="ascii")


def test_every_broken_key_is_one_sentence(
    kind: str, folder: Path, tmp_path: Path, suite: Suite
) -> None:
    facts = json.loads((folder / "manifest.json").read_text(encoding="ascii"))
    copied = shutil.copytree(folder, tmp_path / "run")
    codes: dict[str, int] = dict.fromkeys(VALUES, 0)
    faults, cases = [], 0
    for path in paths(facts):
        for name in VALUES if len(path) == 1 else WITHIN:
            value = VALUES[name]
            cases += 1
            write_sealed(copied, broken(facts, path, value))
            try:
                KINDS[kind][1](copied)
            except HazardError as error:
                codes[name] += 1
                if "\n" in str(error) or len(str(error)) > 600:
                    faults.append((path, name, "more than a sentence"))
            except Exception as error:  # noqa: BLE001 - what is looked for
                faults.append((path, name, repr(error)[:200]))
    assert not faults, "\n".join(map(str, faults))
    suite("broken manifests", cases)
    tops = sum(1 for path in paths(facts) if len(path) == 1)
    assert codes["gone"] >= tops - 3  # all but what a kind may lack
    write_sealed(copied, facts)
    KINDS[kind][1](copied)  # negative control: unbroken it is read


@pytest.mark.suite("broken manifests")
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"estimator\n", b"\x00" * 100, b"a,b\n1\n", b"\xff"]
)
def test_every_broken_table_is_one_sentence(
    kind: str, folder: Path, tmp_path: Path, content: bytes
) -> None:
    facts = json.loads((folder / "manifest.json").read_text(encoding="ascii"))
    copied = shutil.copytree(folder, tmp_path / "run")
    tables = sorted(copied.glob("*.csv"))
    assert tables
    for table in tables:
        before = table.read_bytes()
        table.write_bytes(content)
        write_sealed(copied, {**facts, "files": {**facts["files"], table.name: seal.digest(table)}})
        if (kind, table.name) != ("run", "gate.csv"):  # which is never read
            with pytest.raises(IntegrityError, match=r"^[^\n]{1,400}$"):
                KINDS[kind][1](copied)
        table.write_bytes(before)
