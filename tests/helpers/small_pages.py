"""What stands in the tables of a brief, as a reader sees it."""

from __future__ import annotations

import html
import re


def cells(page: str, name: str) -> list[list[str]]:
    """Cells of the body of a table, by the id of its caption, without the spaces that join."""
    table = page[page.index(f'<caption id="{name}"') :]
    body = table[table.index("</thead>") : table.index("</table>")]
    plain = html.unescape(body).replace("\u00a0", " ")
    return [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", plain, flags=re.DOTALL)
    ]


def printed(text: str) -> list[float]:
    """Numbers of an English text, in their order."""
    return [
        float(t.replace("−", "-").replace(",", "")) for t in re.findall(r"[−+]?[\d,.]*\d", text)
    ]
