"""The page of a brief as a reader finds it: tags, texts, tables, numbers."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

LANGUAGES: tuple[str, ...] = ("nb", "en")


_ENGLISH = r"\b(the|of|and|with|without|percent|from|left|under which|month|odds ratio|prior)\b"


def english(text: str) -> list[str]:
    """English words of a text that should be Norwegian."""
    return re.findall(_ENGLISH, text)


class Tree(HTMLParser):
    """Tags with their attributes, and text by the tags around it."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.texts.append((tuple(self._open), text))

    def of(self, tag: str) -> list[dict[str, str]]:
        """Attributes of each such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def said(self, *, without: tuple[str, ...] = ()) -> str:
        """Text that is read or heard, outside of some tags."""
        hidden = {"style", *without}
        heard = [attributes.get("aria-label", "") for _, attributes in self.tags]
        return " ".join([text for tags, text in self.texts if not hidden & set(tags)] + heard)


def numbers(text: str, lang: str) -> Counter[str]:
    """Numbers with a decimal point and without thousands marks."""
    if lang == "nb":
        plain = re.sub(r"(?<=\d)\u202f(?=\d)", "", text)
        plain = re.sub(r"(?<=\d),(?=\d)", ".", plain)
    else:
        plain = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return Counter(re.findall(r"[−+]?\d+(?:\.\d+)?", plain))


def rows_of(page: str, name: str) -> list[list[str]]:
    """Cells of the body of a table, by the id of its caption."""
    table = page[page.index(f'<caption id="{name}"') :]
    table = table[: table.index("</table>")]
    body = table[table.index("</thead>") :]
    return [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, flags=re.DOTALL)
    ]


BANNED = re.compile(
    r"\b(effects?|impacts?|caus\w*|leads? to|led to|because of|due to|results? in|resulted in|"
    r"effekt\w*|virkning\w*|påvirk\w*|årsak\w*|skyldes|fører til|førte til|på grunn av|"
    r"gjør at|forårsak\w*)\b",
    re.IGNORECASE,
)


HARMLESS = re.compile(r"effective draws|effektive trekninger", re.IGNORECASE)


def claims(text: str) -> list[str]:
    return BANNED.findall(HARMLESS.sub("", text))
