"""Figures in another language: every text of a drawn figure is looked up in figures_zh.po."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.text import Text

from paddleseg_lite.language import language, read_po
from paddleseg_lite.visualize.fonts import can_draw_chinese

WORDS = Path(__file__).resolve().parent / "figures_zh.po"


@lru_cache(maxsize=1)
def patterns() -> list[tuple[re.Pattern, str]]:
    """Texts as patterns, in the file's order (the first that fits counts), and what takes their place."""
    entries = read_po(WORDS)
    return [
        (re.compile(r"(.+?)".join(map(re.escape, key.split("{}"))), re.S), value)
        for key, value in entries.items()
        if key
    ]


def translated(text: str) -> str | None:
    """The Chinese text; None where the file has none."""
    for pattern, words in patterns():
        found = pattern.fullmatch(text)
        if found:
            return words.format(*found.groups())
    return None


def translate_figure(figure: Figure) -> str:
    """Put the figure's texts into the language in force; ``"_zh"`` for its file's name, or ``""``."""
    if language() != "zh" or not can_draw_chinese():
        return ""
    for text in figure.findobj(Text):
        words = translated(text.get_text())
        if words is not None:
            mono = "monospace" in text.get_fontfamily()
            text.set_text(words)
            text.set_fontfamily([*(["DejaVu Sans Mono"] if mono else []), *rcParams["font.family"]])
    return "_zh"
