"""What a brief says of clustered errors, from the text of a table."""

from __future__ import annotations

import numpy as np
import pytest

from hazard.baselines.robust import Clusters
from hazard.brief import language

WAYS = Clusters(("centre", "nationality"), (np.arange(1250), np.arange(1250) % 2))


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", "rows of either (1,250.0 effective of 1,250; 2.0 effective of 2)"),
        ("nb", "radene til begge (1\u202f250,0 effektive av 1\u202f250; 2,0 effektive av 2)"),
    ],
)
def test_errors_of_clusters_in_every_language(lang: str, expected: str) -> None:
    """The numbers are those that the baselines write, way by way; other errors have none."""
    found = language(lang)
    assert found.errors(WAYS.jackknife_name) == expected
    plain = [found.errors(text) for text in (WAYS.name, "HC1", "from the information")]
    assert not any("effe" in text for text in plain)
    assert plain[0] == expected.partition(" (")[0]
