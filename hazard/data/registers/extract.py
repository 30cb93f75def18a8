"""``extract.toml``: which months an extract covers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hazard.data.registers.files import toml
from hazard.data.registers.records import Window
from hazard.errors import did_you_mean
from hazard.months import month_number

_MONTHS = ("window_start", "window_end", "follow_up_end")


def extract(path: Path) -> tuple[Window, list[str]]:
    """Window of the extract, and what is wrong with its file."""
    nothing = Window(0, 0, 0)
    content, problems = toml(path)
    if problems:
        return nothing, problems
    problems = [line for key in _MONTHS for line in _month_problem(content, key)]
    if problems:
        return nothing, problems
    window = Window(*(month_number(content[key]) for key in _MONTHS))
    if not window.first <= window.last <= window.follow_up_end:
        order = " <= ".join(_MONTHS)
        problems = [f"{path.name} must have {order}; got another order."]
    return window, problems


def _month_problem(content: dict[str, Any], key: str) -> list[str]:
    if key not in content:
        return [f"extract.toml must have the key '{key}'.{did_you_mean(key, content)}"]
    text = content[key]
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text, re.ASCII):
        return [f"extract.toml '{key}' must be a month written \"YYYY-MM\"; got something else."]
    return []
