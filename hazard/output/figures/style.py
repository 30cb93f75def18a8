"""What all figures share: colours, fonts, numbers on axes, and the way into a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.text import Text

from hazard import languages
from hazard.files.terminal import escaped
from hazard.languages import ENGLISH, Words
from hazard.output import digits

# Okabe and Ito's palette: told apart with every common colour vision, and in grey. The two light
# ones are darkened: text needs a contrast of 4.5 with white.
EXIT_COLOURS = MappingProxyType(
    {"assisted": "#0072B2", "disappeared": "#B84A00", "forced": "#00734F"}
)
_FURTHER = ("#A2457F", "#0072B2", "#B84A00", "#00734F", "#6F5200")
GREY, GREY_INK, INK = "#808080", "#5c5c5c", "#262626"
STYLE: Any = MappingProxyType(
    {
        "font.family": "sans-serif",
        # The first is drawn with; a reader without it gets one of nearly the same width.
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Segoe UI", "Helvetica", "Arial"],
        "font.size": 9.0,
        "axes.titlesize": 9.5,
        "axes.labelsize": 9.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "text.parse_math": False,  # a label is text, whatever signs it holds
        "xtick.color": INK,
        "ytick.color": INK,
        "figure.dpi": 100.0,
        "svg.fonttype": "none",
        "svg.hashsalt": "hazard",
    }
)


def exit_colours(exits: Iterable[str]) -> dict[str, str]:
    """A colour for each exit; the same exit has the same one in every figure of a model."""
    return {
        name: EXIT_COLOURS.get(name, _FURTHER[index % len(_FURTHER)])
        for index, name in enumerate(exits)
    }


def exit_sentence(name: object, parts: Iterable[str], labels: Mapping[str, str]) -> str:
    """Label of an exit, and the parts of its sentence.

    Examples
    --------
    >>> exit_sentence("forced", ["after 6 months 2", "after 12 months 3"], {"forced": "Forced"})
    'Forced: after 6 months 2; after 12 months 3.'
    """
    return f"{labels.get(str(name), str(name))}: {'; '.join(parts)}."


def run_words(
    unit: str = "month", code: str = ENGLISH, *, scale: Literal["odds", "hazard"] = "odds"
) -> Words:
    """Words of the figures of a run in a language.

    Parameters
    ----------
    unit : str
        Of time, of the panel.
    code : str
    scale : {"odds", "hazard"}
        Of the ratios.

    Examples
    --------
    >>> run_words("week", "nb")["lag_axis"]
    'Uker siden hendelsen'
    """
    figure_words = {**languages.figure("run", code), **languages.words("shared.estimator", code)}
    one, several, _ = languages.unit(unit, code)
    time = {"unit": one, "units": several, "Units": several[:1].upper() + several[1:]}
    axes = {
        name: figure_words[name].format(**time) for name in ("lag_axis", "month_axis", "start_axis")
    }
    ratios = {"ratio_axis": figure_words[f"{scale}_axis"], "lag_text": figure_words[f"lag_{scale}"]}
    return {**figure_words, **time, **axes, **ratios}


def marks(words: Mapping[str, str]) -> digits.Marks:
    """How the language of the words writes numbers."""
    return digits.Marks(
        decimal=words["decimal"],
        thousands=words.get("thousands", ","),
        to=words.get("to", "to"),
        under=words.get("under", "under"),
        over=words.get("over", "over"),
    )


def last_digit(ticks: npt.ArrayLike) -> int:
    """Power of ten of the last digit that ticks at one distance need, at least -3.

    Examples
    --------
    >>> last_digit([0.0, 0.5, 1.0]), last_digit([0.0, 20.0])
    (-1, 0)
    """
    distances = np.diff(np.asarray(ticks, dtype=float))
    step = float(distances[0]) if len(distances) else 1.0
    return next((-k for k in range(3) if abs(step * 10**k - round(step * 10**k)) < 1e-6), -3)


def rendered(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """Content of a file of a figure, the same for the same figure."""
    buffer = io.BytesIO()
    with mpl.rc_context(dict(STYLE)), warnings.catch_warnings():
        # A sign that the font lacks is a box in a PNG; the SVG holds it as text.
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        _write_out(figure)  # within the style: ticks are made here
        dated = {"Date": None} if file_format == "svg" else {"Software": None}
        figure.savefig(buffer, format=file_format, dpi=200, metadata=dated)
    return buffer.getvalue()


def _write_out(figure: Figure) -> None:
    """Write out control and bidirectional characters in all texts of a figure."""
    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):  # which makes its texts anew where it is drawn
            texts = [text.get_text() for text in axis.get_ticklabels()]
            if any(escaped(text) != text for text in texts):
                axis.set_ticks(axis.get_majorticklocs(), [escaped(text) for text in texts])
    for text in figure.findobj(Text):
        text.set_text(escaped(text.get_text()))


def svg(figure: Figure, name: str) -> str:
    """SVG element of a figure, to be put into an HTML page.

    Parameters
    ----------
    figure : Figure
    name : str
        Unique on the page: it starts every id inside the figure.

    Returns
    -------
    str
        Without declaration, metadata, script or any address; the texts of the figure are escaped.
    """
    text = rendered(figure, "svg").decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"| version="[^"]*"', "", text, count=3)
    text = text.replace(" xlink:href=", " href=")
    text = re.sub(r' id="', f' id="{name}-', text)
    text = re.sub(r' href="#', f' href="#{name}-', text)
    return re.sub(r"url\(#", f"url(#{name}-", text)


def unit_of(number: float, words: Mapping[str, str]) -> str:
    """Unit of time after a number: singular after one, where the words have it.

    Examples
    --------
    >>> words = {"unit": "week", "units": "weeks"}
    >>> unit_of(1, words), unit_of(2, words)
    ('week', 'weeks')
    """
    return words.get("unit", words["units"]) if number == 1 else words["units"]
