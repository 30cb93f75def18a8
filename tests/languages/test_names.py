"""Units of time, and texts of model files and registers, in a language."""

from __future__ import annotations

import pytest

from hazard import languages, spec


@pytest.mark.parametrize("code", languages.codes())
def test_units_keep_the_name_that_no_catalogue_knows(code: str) -> None:
    assert all("wave" in text for text in languages.unit("wave", code))
    assert languages.unit("month", code).one != languages.unit("week", code).one


def test_texts_of_model_files_are_told_in_the_language() -> None:
    question = spec.read("oslo2016").question
    assert languages.translated(question, "en") == question
    assert languages.translated(question, "nb").startswith("Når noen tvangsreturneres")
    assert languages.translated("A question of one's own?", "nb") == "A question of one's own?"
