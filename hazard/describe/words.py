"""Texts of the descriptive figures in one language, from its catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Literal


def words(code: Literal["nb", "en"] = "en") -> Mapping[str, Mapping[str, str]]:
    """Texts of the file ``{code}.toml``, by section and key.

    Examples
    --------
    >>> words("nb")["exit"]["forced"]
    'Tvangsretur'
    """
    path = resources.files("hazard.describe").joinpath(f"{code}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
