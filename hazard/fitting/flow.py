"""Who and what leaves on the way from the rows that were read to the design, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from hazard import languages
from hazard.arrays import IntArray
from hazard.data.left_out import LeftOut
from hazard.fitting.records import Panel
from hazard.languages import ENGLISH, Words
from hazard.model import design
from hazard.model.design import Design
from hazard.model.terms import lagged
from hazard.output import digits
from hazard.spec import ModelSpec

ONLY = "not among those that the model is of"
WINDOW = "in the window"
WARNED_SHARE = 0.05
_TABLE = "commands.flow"
_SIZES = ("persons", "rows", "exits")


@dataclass(frozen=True)
class Losses:
    """How much was read, how much of it is in the design, and why the rest is not.

    Attributes
    ----------
    read : LeftOut
        Persons, rows and exits before anything was left out.
    inside : LeftOut
        Those in the design.
    reasons : mapping of str to LeftOut
        ``read`` is ``inside`` and the sum of these, in persons, in rows and in exits: every row
        counts for one reason, and a person for that with which the last row goes.
    """

    read: LeftOut
    inside: LeftOut
    reasons: Mapping[str, LeftOut]

    def shares(self) -> dict[str, float]:
        """Share of persons, of rows and of exits that left, but for those whom the file excludes.

        These are not among the persons of ``only``, or have nothing in the window.

        Examples
        --------
        >>> Losses(LeftOut(4, 10, 2), LeftOut(3, 8, 2), {"a reason": LeftOut(1, 2, 0)}).shares()
        {'persons': 0.25, 'rows': 0.2, 'exits': 0.0}
        """
        excluded = [size for reason, size in self.reasons.items() if _excluded_by_model(reason)]
        outside = [sum(sizes) for sizes in zip((0, 0, 0), *excluded, strict=True)]
        return {
            name: (read - n_outside - inside) / (read - n_outside) if read > n_outside else 0.0
            for name, read, inside, n_outside in zip(
                _SIZES, self.read, self.inside, outside, strict=True
            )
        }

    def largest(self) -> str | None:
        """The reason for which most rows left, but for what the file excludes; None without one."""
        rows = {
            reason: size.rows
            for reason, size in self.reasons.items()
            if not _excluded_by_model(reason)
        }
        return max(rows, key=lambda reason: rows[reason]) if rows else None

    def outside(self) -> dict[str, float]:
        """Share of persons, of rows and of exits that have nothing in the window; empty if few."""
        excluded = [size for reason, size in self.reasons.items() if WINDOW in reason]
        sizes = [sum(size) for size in zip((0, 0, 0), *excluded, strict=True)]
        shares = {
            name: n_outside / read if read else 0.0
            for name, read, n_outside in zip(_SIZES, self.read, sizes, strict=True)
        }
        return shares if max(shares.values()) > WARNED_SHARE else {}

    @property
    def warned(self) -> bool:
        """Whether so much was left out that a warning is due."""
        return max(self.shares().values()) > WARNED_SHARE

    def facts(self) -> dict[str, Any]:
        """The same as plain numbers, for a manifest."""
        largest = self.largest()
        return {
            "read": self.read._asdict(),
            "inside": self.inside._asdict(),
            "reasons": {reason: size._asdict() for reason, size in self.reasons.items()},
            "shares": self.shares(),
            "outside": self.outside(),
            "warned": self.warned,
            "largest": largest,
            "cure": None if largest is None else cure(largest),
        }


def panel_counts(frame: pd.DataFrame) -> LeftOut:
    """Persons, rows and exits of a panel.

    Examples
    --------
    >>> panel_counts(pd.DataFrame({"person": [0, 0, 1], "exit": ["stay", "left", "stay"]}))
    LeftOut(persons=2, rows=3, exits=1)
    """
    exits = int((frame["exit"].astype(str) != "stay").sum())
    return LeftOut(int(frame["person"].nunique()), len(frame), exits)


def losses(rows: Panel, built: Design) -> Losses:
    """What left between the rows that were read and a design of them.

    Parameters
    ----------
    rows : Panel
    built : Design
        Of these rows, not collapsed.
    """
    return _losses(rows, built.row, built.left_out)


def losses_of_rows(rows: Panel, spec: ModelSpec) -> Losses:
    """As :func:`losses`, of rows of which no design was built yet."""
    kept, left_out = design.kept_rows(rows.frame, rows.histories, spec)
    return _losses(rows, kept, left_out)


def _losses(rows: Panel, design_rows: IntArray, left_out: Mapping[str, LeftOut]) -> Losses:
    panel, inside = panel_counts(rows.frame), panel_counts(rows.frame.iloc[design_rows])
    earlier = list(rows.left_out.values())
    read = LeftOut(*(sum(counts) for counts in zip(panel, *earlier, strict=True)))
    return Losses(read, inside, {**rows.left_out, **left_out})


def with_design(flow: pd.DataFrame, lost: Losses, built: Design) -> pd.DataFrame:
    """A flow table with what the design leaves out, and with what is in it.

    Parameters
    ----------
    flow : DataFrame
        Columns ``step``, perhaps ``reason``, ``persons`` and perhaps ``families``.
    lost : Losses
    built : Design
    """
    counts = [("excluded", reason, size) for reason, size in built.left_out.items()]
    counts.append(("kept", "in the design", lost.inside))
    return pd.concat([flow, lines(flow, counts)], ignore_index=True)


def lines(flow: pd.DataFrame, counts: list[tuple[str, str, LeftOut]]) -> pd.DataFrame:
    """Lines of a flow table of the same form, from step, reason and counts."""
    records = []
    for step, reason, size in counts:
        if "reason" in flow:
            labels = {"step": step, "reason": reason, "families": size.persons}
        else:
            labels = {"step": f"left out: {reason}" if step == "excluded" else reason}
        records.append({**labels, **size._asdict()})
    integer_types = dict.fromkeys(("persons", "families", "rows", "exits"), "Int64")
    frame = pd.DataFrame(records)
    return frame.astype({name: dtype for name, dtype in integer_types.items() if name in frame})


def cure(reason: str) -> str:
    """Kind of what to do about a reason: ``history``, ``missing`` or ``other``.

    Examples
    --------
    >>> cure(lagged.BEFORE_PERSON), cure("persons with a missing value")
    ('history', 'missing')
    """
    if reason in (lagged.BEFORE_PERSON, lagged.BEFORE_REGISTER, lagged.WITHOUT_ROW):
        return "history"
    return "missing" if "missing" in reason else "other"


def _excluded_by_model(reason: str) -> bool:
    """Whether the model file itself leaves these out: by ``only``, or by its window."""
    return reason == ONLY or WINDOW in reason


def text(lost: Losses, lang: str = ENGLISH) -> str:
    """What is in the design and what is not, in one line; empty where nothing left.

    Examples
    --------
    >>> print(text(Losses(LeftOut(4, 10, 2), LeftOut(3, 8, 2), {"a reason": LeftOut(1, 2, 0)})))
    In the design: 3 of 4 persons, 8 of 10 rows, 2 of 2 exits. Left out: a reason (2 rows, 0 exits).
    """
    if not lost.reasons:
        return ""
    words, whole_number = languages.words(_TABLE, lang), partial(_whole_number, lang)
    kept = ", ".join(
        words[f"kept_{name}"].format(n=whole_number(n), all=whole_number(all_))
        for name, n, all_ in zip(_SIZES, lost.inside, lost.read, strict=True)
    )
    reasons = "; ".join(
        words["reason"].format(
            reason=languages.translated(reason, lang),
            rows=whole_number(size.rows),
            exits=whole_number(size.exits),
        )
        for reason, size in lost.reasons.items()
    )
    return words["kept"].format(kept=kept, reasons=reasons)


def warning(lost: Losses, lang: str = ENGLISH) -> str:
    """Warning where more than a few percent were left out; empty where it is less.

    Examples
    --------
    >>> print(warning(Losses(LeftOut(4, 10, 2), LeftOut(3, 8, 2), {"a reason": LeftOut(1, 2, 0)})))
    25 percent of the persons, 20 percent of the rows are left out, most rows for this reason: a \
reason. See flow.csv.
    """
    if not lost.warned:
        return ""
    words, largest = languages.words(_TABLE, lang), str(lost.largest())
    large_shares = {name: share for name, share in lost.shares().items() if share > WARNED_SHARE}
    return words["warning"].format(
        shares=_shares(large_shares, words),
        reason=languages.translated(largest, lang),
        cure=words[f"cure_{cure(largest)}"],
    )


def outside(lost: Losses, lang: str = ENGLISH) -> str:
    """How much the window of the model file leaves out; empty where it is a few percent.

    Examples
    --------
    >>> lost = {"spells without a whole year in the window": LeftOut(1, 1, 1)}
    >>> print(outside(Losses(LeftOut(4, 10, 2), LeftOut(3, 9, 1), lost)))
    The window leaves out 25 percent of the persons, 10 percent of the rows, 50 percent of the \
exits.
    """
    shares, words = lost.outside(), languages.words(_TABLE, lang)
    return words["outside"].format(shares=_shares(shares, words)) if shares else ""


def _shares(shares: Mapping[str, float], words: Words) -> str:
    texts = (words[f"share_{name}"].format(share=f"{100 * s:.0f}") for name, s in shares.items())
    return ", ".join(texts)


def _whole_number(lang: str, n: int) -> str:
    return digits.number(n, 0, digits.language_marks(lang))
