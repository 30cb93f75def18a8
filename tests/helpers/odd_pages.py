"""What every page must be, whatever the run."""

from __future__ import annotations

import re

from hazard import brief
from hazard.fitting import Fit
from pages import LANGUAGES, Tree, numbers

DRAWN = ("incidence", "lag_curves", "more_or_earlier", "more_by_level", "predictive")


def text_of(page: str) -> str:
    return Tree(page).said()


def check(run: Fit) -> None:
    """There is a page in both languages, with the same numbers, all of them digits or a dash."""
    pages = {lang: text_of(brief.html(run, lang)) for lang in LANGUAGES}
    for text in pages.values():
        assert not re.search(r"\b(nan|inf|NaN|<NA>)\b", text)
    assert numbers(pages["nb"], "nb") == numbers(pages["en"], "en")
