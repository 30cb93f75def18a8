"""No sign that does something reaches a terminal, a table, a figure or a page."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from hazard import brief
from hazard.cli.app import echo
from hazard.files import atomic
from hazard.files.terminal import escaped, escaped_line
from hazard.files.tidy_csv import write_table
from hazard.output import figures
from small_runs import small_run

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]
ORDER = [*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]
HOSTILE = "".join(CONTROLS + ORDER) + "\x1b]0;title\x07\x1b[2Jend"


def acting(text: str) -> list[str]:
    """Signs of a text that do something, by their Unicode properties."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return [
        sign
        for sign in text
        if (unicodedata.category(sign) == "Cc" and sign not in "\n\t")
        or unicodedata.bidirectional(sign) in turning
        or sign in "\u061c\u200e\u200f"
    ]


@given(st.text(alphabet=st.characters()) | st.text(alphabet=CONTROLS + ORDER))
def test_nothing_acts_in_what_is_shown(text: str) -> None:
    assert acting(escaped(text)) == []
    assert escaped(escaped(text)) == escaped(text)
    assert "\n" not in escaped_line(text)
    if escaped(text) == text:
        assert acting(text) == []
    escaped(text).encode()  # a lone surrogate, of a file name that is not UTF-8, is written out


@pytest.mark.parametrize("sign", CONTROLS + ORDER)
def test_each_sign_is_written_out(sign: str) -> None:
    assert acting(sign)  # negative control
    assert escaped(f"a{sign}b") in (f"a\\x{ord(sign):02x}b", f"a\\u{ord(sign):04x}b")


@pytest.mark.parametrize("text", ["Østbyen", "عمر", "שלום", "a\tb\nc", "😀", "é", "50\xa0%"])
def test_words_stay_as_they_are(text: str) -> None:
    assert escaped(text) == text


def written_table(path: Path) -> str:
    names = {"level": [HOSTILE, f"={HOSTILE}"], f"{HOSTILE}": [1, 2], f"={HOSTILE}": [3, 4]}
    write_table(pd.DataFrame(names), path)
    return path.read_text(encoding="utf-8")


def written_text(path: Path) -> str:
    atomic.write_text(path, HOSTILE)
    return path.read_text(encoding="utf-8")


def figure_of(label: str) -> Figure:
    """A figure with a label in each of the places that one can stand in."""
    figure = Figure(figsize=(3, 2))
    figure.text(0.5, 0.5, label)
    panel = figure.subplots()
    panel.set_title(label)
    panel.set_xlabel(label)
    panel.plot([0, 1], [0, 1], label=label)
    panel.legend()
    panel.set_yticks([0, 1], [label, "north"])
    return figure


def drawn(_: Path) -> str:
    return figures.rendered(figure_of(HOSTILE), "svg").decode()


def test_signs_are_written_out_in_pixels() -> None:
    label = "\u202ecamp\x07"
    written_out = figures.rendered(figure_of(escaped(label)), "png")
    assert figures.rendered(figure_of(label), "png") == written_out
    assert figures.rendered(figure_of("camp"), "png") != written_out  # negative control


def page(_: Path) -> str:
    run = small_run("rossi")
    question = run.spec.model_copy(update={"question": HOSTILE})
    flow = run.flow.copy()
    flow[flow.columns[0]] = HOSTILE
    remarks = {"multinomial logit": [HOSTILE]}
    facts = {**run.facts, "remarks": remarks}
    return brief.html(replace(run, spec=question, flow=flow, facts=facts), "en")


@pytest.mark.parametrize("output", [written_table, written_text, drawn, page])
def test_no_output_acts(output: object, tmp_path: Path) -> None:
    text = output(tmp_path / "file")  # type: ignore[operator]
    assert "end" in text
    assert acting(text) == []


@pytest.mark.parametrize("err", [False, True])
def test_no_stream_acts(capsys: pytest.CaptureFixture[str], err: bool) -> None:
    echo(HOSTILE, err=err)
    said = "".join(capsys.readouterr())
    assert "end" in said
    assert acting(said) == []
