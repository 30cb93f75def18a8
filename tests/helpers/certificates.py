"""Certificates of a calibration, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hazard.studies.sbc.simulation import checksum


def read(path: Path) -> dict[str, Any]:
    """What a certificate says, as long as its digest is that of all the rest."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    rest = {name: value for name, value in content.items() if name != "digest"}
    if content["digest"] != checksum(rest):
        raise ValueError(f"{path.name} has been changed.")
    return content
