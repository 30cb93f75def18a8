"""Files of the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from places import ROOT


def repository_files() -> list[Path]:
    """Files that git tracks, or would track if they were added."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
