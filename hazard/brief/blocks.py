"""Blocks of a page; the template knows how each looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    kind: str = "paragraph"


@dataclass(frozen=True)
class Points:
    """Bullets: pairs of a lead in bold, which may be empty, and a text."""

    items: tuple[tuple[str, str], ...]
    kind: str = "points"


@dataclass(frozen=True)
class Works:
    """Titles of cited works."""

    items: tuple[str, ...]
    kind: str = "works"


@dataclass(frozen=True)
class Command:
    """A line for the terminal."""

    text: str
    kind: str = "command"


@dataclass(frozen=True)
class Table:
    """Rows under a heading, in groups that share their first cell.

    ``looks`` says per column how it is set: head, text, number, quote or code.
    """

    name: str
    caption: str
    head: tuple[str, ...]
    looks: tuple[str, ...]
    groups: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """An SVG element, its caption, and its text alternative.

    ``numbers`` is the name of the table that has them.
    """

    name: str
    numbers: str
    svg: str
    caption: str
    text: str
    kind: str = "figure"


Block = Paragraph | Points | Works | Command | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it; ``level`` 2 or 3."""

    name: str
    heading: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True)
class Page:
    """All of a brief."""

    lang: str
    kicker: str
    question: str
    label: str
    banners: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
