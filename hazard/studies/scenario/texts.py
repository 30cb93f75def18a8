"""Texts of the figure of a scenario in a language other than English, from its catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Literal


def words(code: Literal["nb", "en"] = "en") -> Mapping[str, Mapping[str, str]]:
    """Texts of the figure, and names of exits and arms; the figure itself has the English ones.

    Examples
    --------
    >>> words("nb")["exit"]["forced"]
    'Tvangsretur'
    """
    if code == "en":
        return {"figure": {}, "exit": {}, "arm": {}}
    path = resources.files("hazard.studies.scenario").joinpath(f"{code}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
