"""Formulas of a page as MathML, which browsers draw without scripts and fonts; a hook of MkDocs.

``$...$`` and ``$$...$$`` outside code are taken out before Markdown sees them (their
``_`` and ``|`` mean something there) and put back as MathML behind it.
"""

from __future__ import annotations

import re

from latex2mathml.converter import convert

CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.M | re.S)
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?=\S)([^$\n]+?)(?<=\S)\$(?!\w)", re.S)
MARK = "xformulax{}x"

_kept: list[str] = []


def on_page_markdown(markdown: str, **_) -> str:
    _kept.clear()
    return outside_code(markdown, lambda text: FORMULA.sub(keep, text))


def on_page_content(html: str, **_) -> str:
    for number, formula in enumerate(_kept):
        html = html.replace(MARK.format(number), formula)
    return html


def keep(found: re.Match) -> str:
    """Remember the formula, leave a mark."""
    block, line = found.groups()
    text = (block or line).replace("\\\\", "\\\\ ").replace(r"\lvert", "|").replace(r"\rvert", "|")
    _kept.append(convert(text, display="block" if block else "inline"))
    return MARK.format(len(_kept) - 1)


def outside_code(text: str, change) -> str:
    """``change`` applied to what is not code."""
    parts, last = [], 0
    for code in CODE.finditer(text):
        parts += [change(text[last : code.start()]), code[0]]
        last = code.end()
    return "".join([*parts, change(text[last:])])
