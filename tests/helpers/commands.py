"""A command line in this process, and the manifest that it left."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hazard import cli


def command(*argv: object) -> int:
    """Exit code of a command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hazard", *map(str, argv)])
        with pytest.raises(SystemExit) as left:
            cli.main()
    return left.value.code or 0  # type: ignore[return-value]


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
