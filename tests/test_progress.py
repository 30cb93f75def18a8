"""Where the error stream is no terminal a long command says line by line what it does."""

from __future__ import annotations

import importlib
import re
import threading
import time

import pytest

shared = importlib.import_module("hazard.progress")

LINE = re.compile(r" *(\d+) s  (\D+?)(?:, (\d+) %)?")


def told(text: str) -> list[tuple[str, str | None]]:
    """Stage and share of every line."""
    matches = [LINE.fullmatch(line) for line in text.splitlines()]
    assert None not in matches
    return [(match[2], match[3]) for match in matches if match is not None]


def test_every_stage_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with shared.progress() as say:
        say("read", 0.0)
        say("sample", 0.0)
        say("sample", 0.4)
        say("done", 0.0)
    captured = capsys.readouterr()
    assert told(captured.err) == [("read", None), ("sample", None), ("done", None)]
    assert captured.out == ""


def test_a_stage_that_goes_on_is_told_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SECONDS_BETWEEN_LINES", 0.01)
    with shared.progress() as say:
        say("sample", 0.0)
        say("sample", 0.25)
        lines: list[tuple[str, str | None]] = []
        while ("sample", "25") not in lines:
            time.sleep(0.01)
            lines += told(capsys.readouterr().err)
    assert lines[0] == ("sample", None)


def test_half_a_minute_is_the_longest_silence() -> None:
    assert shared.SECONDS_BETWEEN_LINES <= 30


def test_nothing_goes_on_after_a_failure() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), shared.progress() as say:
        say("read", 1 / 0)
    assert threading.active_count() == before
