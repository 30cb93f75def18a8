"""Texts of the descriptive figures in one language, from its catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Literal


def words(
    code: Literal["nb", "en"] = "en", people: Literal["families", "persons"] = "families"
) -> Mapping[str, Mapping[str, str]]:
    """Texts of the file ``{code}.toml``, by section and key.

    Parameters
    ----------
    code : {"nb", "en"}
    people : {"families", "persons"}
        Families of the report, or persons of another panel, with texts of their own and without
        the places in the report.

    Examples
    --------
    >>> words("nb")["exit"]["forced"]
    'Tvangsretur'
    """
    path = resources.files("hazard.studies.describe").joinpath(f"{code}.toml")
    texts = tomllib.loads(path.read_text(encoding="utf-8"))
    own = {section: texts.pop(f"{section}_of_persons") for section in ("figure", "panel", "axis")}
    if people == "families":
        return texts
    return {**texts, **{name: {**texts[name], **own[name]} for name in own}, "report": {}}
