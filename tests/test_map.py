"""The map in the docstring of the package is the tree, and its order is the order of imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "hazard"
EXEMPT = {"__init__.py", "__main__.py"}
ENTRY = re.compile(r"^ {4}(\w+(?:\.py|/)) {2,}\S", re.MULTILINE)


def entries(package: Path) -> list[str]:
    """Files and folders on the map, in order: ``errors.py``, ``registers/``."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    return ENTRY.findall(ast.get_docstring(tree, clean=False) or "")


def entry_of(path: Path, package: Path) -> str:
    """Entry of the map that a source file belongs to."""
    top, *below = path.relative_to(package).parts
    return f"{top}/" if below else top


def sources(package: Path) -> list[Path]:
    return [path for path in sorted(package.rglob("*.py")) if entry_of(path, package) not in EXEMPT]


def tree_problems(package: Path) -> list[str]:
    """Where the map and the tree differ."""
    listed = entries(package)
    present = {entry_of(path, package) for path in sources(package)}
    return [
        *(f"{name} is not on the map" for name in sorted(present - set(listed))),
        *(f"{name} is on the map, not in the tree" for name in listed if not exists(package, name)),
        *(f"{name} is on the map twice" for name in sorted(set(listed)) if listed.count(name) > 1),
    ]


def exists(package: Path, name: str) -> bool:
    return (package / name).is_dir() if name.endswith("/") else (package / name).is_file()


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


def order_problems(package: Path) -> list[str]:
    """Imports of something that stands below on the map, or is not on it."""
    rank = {re.sub(r"\.py|/", "", name): place for place, name in enumerate(entries(package))}
    problems = []
    for path in sources(package):
        own = entry_of(path, package)
        for line, name in imports(path, package):
            root, target, *_ = [*name.split("."), ""]
            if root == package.name and not allowed(own, target, rank):
                where = f"{path.relative_to(package)}:{line}"
                problems.append(f"{where} imports {target or 'the package itself'}")
    return problems


def allowed(own: str, target: str, rank: Mapping[str, int]) -> bool:
    name = own.removesuffix(".py").rstrip("/")
    if target not in rank or name not in rank:
        return False
    return rank[target] < rank[name] or (own.endswith("/") and target == name)


def test_map_is_the_tree() -> None:
    assert entries(PACKAGE), "the docstring of hazard/__init__.py holds no map"
    assert tree_problems(PACKAGE) == []


def test_imports_follow_the_map() -> None:
    assert order_problems(PACKAGE) == []


# --- the checker, on a planted package ----------------------------------------------------------
MAP = '''"""A package.

    errors.py        the exception tree
    published/       tables
    registers/       read, link, define
    panel.py         one row per family and month
"""
'''


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    package = tmp_path / "hazard"
    for name, text in {
        "__init__.py": MAP + "from hazard.panel import rows\n",
        "__main__.py": "import hazard.cli\n",
        "errors.py": "import os\n",
        "published/table.csv": "",
        "registers/__init__.py": "from hazard.registers.read import read\n",
        "registers/link.py": "from . import read\nfrom ..errors import DataError\n",
        "registers/read.py": "def read():\n    from hazard.registers import link\n",
        "panel.py": "import hazard.errors\nfrom hazard import registers\n",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def test_planted_package_is_in_order(planted: Path) -> None:
    assert entries(planted) == ["errors.py", "published/", "registers/", "panel.py"]
    assert tree_problems(planted) == []
    assert order_problems(planted) == []


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("errors.py", "from hazard.panel import rows", "errors.py:1 imports panel"),
        ("errors.py", "from hazard import panel", "errors.py:1 imports panel"),
        ("errors.py", "from . import panel", "errors.py:1 imports panel"),
        ("errors.py", "import os\nimport hazard.registers.read", "errors.py:2 imports registers"),
        ("errors.py", "def f():\n    import hazard.panel", "errors.py:2 imports panel"),
        ("registers/read.py", "from ..panel import rows", "registers/read.py:1 imports panel"),
        ("panel.py", "import hazard", "panel.py:1 imports the package itself"),
        ("panel.py", "from hazard import rows", "panel.py:1 imports rows"),
    ],
)
def test_planted_import_is_found(planted: Path, file: str, text: str, problem: str) -> None:
    (planted / file).write_text(text + "\n", encoding="utf-8")
    assert order_problems(planted) == [problem]


def test_planted_order_of_the_map_is_found(planted: Path) -> None:
    lines = MAP.splitlines(keepends=True)
    swapped = "".join([*lines[:2], lines[5], *lines[2:5], *lines[6:]])
    (planted / "__init__.py").write_text(swapped, encoding="utf-8")
    assert order_problems(planted) == ["panel.py:1 imports errors", "panel.py:2 imports registers"]


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
