"""The texts of a brief in one language, and how it writes numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hazard import languages
from hazard.languages import Unit, Words
from hazard.output import digits

_FEWEST = 10
_EFFECTIVE = re.compile(r"([\d,.]+) effective of ([\d,]+)")


@dataclass(frozen=True)
class Language:
    """Texts of a brief by table and key, and how numbers are written."""

    code: str
    words: Mapping[str, Words]

    @property
    def marks(self) -> digits.Marks:
        """Marks of numbers and intervals."""
        return digits.language_marks(self.code)

    def say(self, key: str, /, **places: object) -> str:
        """Text of ``table.key`` with its places filled."""
        table, name = key.split(".")
        return self.words[table][name].format(**places)

    def name(self, table: str, key: str) -> str:
        """Name in this language, or the key itself where the table has none."""
        return self.words[table].get(key, key)

    def errors(self, text: str) -> str:
        """What standard errors take as related, with the effective number of clusters, if any."""
        name, _, _ = text.partition(" (")
        counts = self.effective_clusters(text)
        label = self.name("comparison_errors", name)
        return f"{label} ({'; '.join(counts)})" if counts else label

    def effective_clusters(self, text: str) -> list[str]:
        """Effective number of clusters of all, way by way, from the text of a table.

        Examples
        --------
        >>> text = "clustered by centre (jackknife; 14.1 effective of 1,264)"
        >>> language("en").effective_clusters(text)
        ['14.1 effective of 1,264']
        """
        return [
            self.say(
                "comparison.effective",
                effective=digits.number(float(effective.replace(",", "")), -1, self.marks),
                all=self.whole(float(n_clusters.replace(",", ""))),
            )
            for effective, n_clusters in _EFFECTIVE.findall(text)
        ]

    def unit(self, name: str) -> Unit:
        """A unit of time; one that the catalogue does not know keeps its name."""
        return languages.unit(name, self.code)

    def translated(self, text: str) -> str:
        """A text of a model file or a register in this language, or as it is."""
        return languages.translated(text, self.code)

    def count(self, n: int) -> str:
        """A number of persons; from one to nine it is suppressed."""
        return self.words["page"]["few"] if 0 < n < _FEWEST else self.whole(n)

    def whole(self, n: float) -> str:
        """A whole number."""
        return digits.number(n, 0, self.marks)


def language(code: str) -> Language:
    """Texts of a brief in a language; where all uses share a table, that of the brief is taken."""
    whole = languages.catalogue(code)
    return Language(code, {**whole["shared"], **whole["brief"], "figure": whole["figures"]["run"]})
