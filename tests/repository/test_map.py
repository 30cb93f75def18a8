"""The maps in the docstrings of package and rooms are the tree; their order is that of imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import PACKAGE, TESTS

EXEMPT = {"__init__.py", "__main__.py"}
ENTRY = re.compile(r"^ {4}(\w+(?:\.py|/)) {2,}\S", re.MULTILINE)
WHOLE = {"helpers", "reference", "end_to_end", "repository", "benchmarks"}  # of no room


# --- the maps -----------------------------------------------------------------------------------
def entries(room: Path) -> list[str]:
    """Files and folders on the map of a room, in order: ``errors.py``, ``registers/``."""
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    return ENTRY.findall(ast.get_docstring(tree, clean=False) or "")


def mapped_rooms(package: Path) -> list[Path]:
    """The package, and the rooms whose docstring has a map of its own."""
    return [file.parent for file in sorted(package.rglob("__init__.py")) if entries(file.parent)]


def entry_of(path: Path, room: Path) -> str:
    """Entry of the map of a room that a source file belongs to."""
    top, *below = path.relative_to(room).parts
    return f"{top}/" if below else top


def sources(room: Path) -> list[Path]:
    return [path for path in sorted(room.rglob("*.py")) if entry_of(path, room) not in EXEMPT]


def tree_problems(room: Path) -> list[str]:
    """Where the map of a room and the tree differ."""
    listed = entries(room)
    present = {entry_of(path, room) for path in sources(room)}
    return [
        *(f"{name} is not on the map" for name in sorted(present - set(listed))),
        *(f"{name} is on the map, not in the tree" for name in listed if not exists(room, name)),
        *(f"{name} is on the map twice" for name in sorted(set(listed)) if listed.count(name) > 1),
    ]


def exists(room: Path, name: str) -> bool:
    return (room / name).is_dir() if name.endswith("/") else (room / name).is_file()


# --- imports ------------------------------------------------------------------------------------
def imports(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, inside functions too; relative ones resolved."""
    inside = path.relative_to(package.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = inside[: len(inside) + 1 - node.level] if node.level else ()
            base = [*start, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join([*base, alias.name])) for alias in node.names)


def order_problems(room: Path, package: Path) -> list[str]:
    """Imports of something that stands below on the map of the room, or is not on it."""
    rank = {re.sub(r"\.py|/", "", name): place for place, name in enumerate(entries(room))}
    here = room.relative_to(package.parent).parts
    problems = []
    for path in sources(room):
        importer = re.sub(r"\.py|/", "", entry_of(path, room))
        for line, name in imports(path, package):
            parts = name.split(".")
            target = next(iter(parts[len(here) :]), "")
            if tuple(parts[: len(here)]) != here:
                continue
            above = rank.get(target, len(rank)) < rank.get(importer, -1)
            within = target == importer and entry_of(path, room).endswith("/")
            if not above and not within:
                where = f"{path.relative_to(room)}:{line}"
                problems.append(f"{where} imports {target or 'the room itself'}")
    return problems


def test_maps_are_the_tree() -> None:
    rooms = mapped_rooms(PACKAGE)
    assert PACKAGE in rooms
    assert len(rooms) > 5
    assert {room.name: tree_problems(room) for room in rooms if tree_problems(room)} == {}


def test_imports_follow_the_maps() -> None:
    found = {room.name: order_problems(room, PACKAGE) for room in mapped_rooms(PACKAGE)}
    assert {name: problems for name, problems in found.items() if problems} == {}


# --- the tests ----------------------------------------------------------------------------------
def mirrored(file: Path, tests: Path, package: Path) -> bool:
    """Whether the name of a test leads to the module or the room that it tests.

    ``tests/data/test_table_files.py`` tests ``hazard/data/table_files.py``, and so does
    ``tests/data/test_table_files_broken.py``; ``tests/data/test_data.py`` would test the room.
    """
    place = file.relative_to(tests).parent
    if place.parts and place.parts[0] in WHOLE:
        return True
    room, name = package / place, file.stem.removeprefix("test_")
    known = [room.name, *(p.stem for p in room.glob("*") if p.suffix in ("", ".py"))]
    return room.is_dir() and any(name == k or name.startswith(f"{k}_") for k in known)


def test_tests_mirror_the_tree() -> None:
    files = sorted(TESTS.rglob("test_*.py"))
    assert len(files) > 50
    strays = [str(f.relative_to(TESTS)) for f in files if not mirrored(f, TESTS, PACKAGE)]
    assert strays == []


def test_no_test_imports_another() -> None:
    found = {
        str(file.relative_to(TESTS)): {m for m in absolute_imports(file) if m.startswith("test_")}
        for file in TESTS.rglob("*.py")
    }
    assert {name: others for name, others in found.items() if others} == {}


def absolute_imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return names


# --- the checker, on a planted package ----------------------------------------------------------
MAP = '''"""A package.

    errors.py        the exception tree
    published/       tables
    registers/       read, link, define
    panel.py         one row per family and month
"""
'''
ROOM = '''"""The registers.

In the order of imports:

    read.py    files
    link.py    persons
"""
from hazard.registers.read import read
'''


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    package = tmp_path / "hazard"
    for name, text in {
        "__init__.py": MAP + "from hazard.panel import rows\n",
        "__main__.py": "import hazard.cli\n",
        "errors.py": "import os\n",
        "published/table.csv": "",
        "registers/__init__.py": ROOM,
        "registers/link.py": "from . import read\nfrom ..errors import DataError\n",
        "registers/read.py": "def read():\n    from hazard import errors\n",
        "panel.py": "import hazard.errors\nfrom hazard import registers\n",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def test_planted_package_is_in_order(planted: Path) -> None:
    assert entries(planted) == ["errors.py", "published/", "registers/", "panel.py"]
    assert mapped_rooms(planted) == [planted, planted / "registers"]
    for room in mapped_rooms(planted):
        assert tree_problems(room) == []
        assert order_problems(room, planted) == []


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("errors.py", "from hazard.panel import rows", "errors.py:1 imports panel"),
        ("errors.py", "from hazard import panel", "errors.py:1 imports panel"),
        ("errors.py", "from . import panel", "errors.py:1 imports panel"),
        ("errors.py", "import os\nimport hazard.registers.read", "errors.py:2 imports registers"),
        ("errors.py", "def f():\n    import hazard.panel", "errors.py:2 imports panel"),
        ("registers/read.py", "from ..panel import rows", "registers/read.py:1 imports panel"),
        ("panel.py", "import hazard", "panel.py:1 imports the room itself"),
        ("panel.py", "from hazard import rows", "panel.py:1 imports rows"),
    ],
)
def test_planted_import_is_found(planted: Path, file: str, text: str, problem: str) -> None:
    (planted / file).write_text(text + "\n", encoding="utf-8")
    assert order_problems(planted, planted) == [problem]


def test_planted_import_inside_a_room_is_found(planted: Path) -> None:
    room = planted / "registers"
    (room / "read.py").write_text("from hazard.registers import link\n", encoding="utf-8")
    assert order_problems(planted, planted) == []
    assert order_problems(room, planted) == ["read.py:1 imports link"]


def test_planted_order_of_the_map_is_found(planted: Path) -> None:
    lines = MAP.splitlines(keepends=True)
    swapped = "".join([*lines[:2], lines[5], *lines[2:5], *lines[6:]])
    (planted / "__init__.py").write_text(swapped, encoding="utf-8")
    assert order_problems(planted, planted) == [
        "panel.py:1 imports errors",
        "panel.py:2 imports registers",
    ]


def test_planted_difference_from_the_tree_is_found(planted: Path) -> None:
    (planted / "errors.py").rename(planted / "faults.py")
    assert tree_problems(planted) == [
        "faults.py is not on the map",
        "errors.py is on the map, not in the tree",
    ]
    (planted / "__init__.py").write_text('"""No map."""\n', encoding="utf-8")
    assert tree_problems(planted) == [
        f"{name} is not on the map" for name in ("faults.py", "panel.py", "registers/")
    ]


@pytest.mark.parametrize(
    ("file", "right"),
    [
        ("test_panel.py", True),
        ("test_panel_rows.py", True),
        ("test_panels.py", False),
        ("registers/test_registers.py", True),
        ("registers/test_read.py", True),
        ("registers/test_panel.py", False),
        ("rooms/test_read.py", False),
        ("helpers/test_it.py", True),
    ],
)
def test_planted_test_has_its_place(planted: Path, file: str, right: bool) -> None:
    tests = planted.parent / "tests"
    assert mirrored(tests / file, tests, planted) is right
