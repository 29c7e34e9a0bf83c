"""A font with Chinese for plots, where the machine has one; else plots stay English, and one line says so."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

from ..language import language

logger = logging.getLogger("paddleseg_lite")

FILES = ("sanscjk", "sanssc", "sourcehansans", "wqy", "msyh", "simhei", "pingfang", "stheiti", "arialuni")
FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Heiti SC",
    "Arial Unicode MS",
)


@lru_cache(maxsize=1)
def chinese_font() -> str | None:
    """The name of a font that draws Chinese, or None; matplotlib is told to fall back on it."""
    import matplotlib

    name = known_font() or newly_installed()
    if name is None:
        logger.warning(
            "no font with Chinese characters is installed, so words in plots stay English; "
            "install one (Debian, Ubuntu: fonts-noto-cjk)."
        )
        return None
    family = matplotlib.rcParams["font.family"]
    matplotlib.rcParams["font.family"] = [*(family if isinstance(family, list) else [family]), name]
    matplotlib.rcParams["axes.unicode_minus"] = False
    return name


def known_font() -> str | None:
    """The first of :data:`FONTS` that matplotlib knows."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return next((font for font in FONTS if font in there), None)


def newly_installed() -> str | None:
    """The same after a look at the system's fonts: matplotlib keeps the list it once made."""
    from matplotlib import font_manager

    for path in sorted(font_manager.findSystemFonts()):
        if any(part in Path(path).name.lower() for part in FILES):
            font_manager.fontManager.addfont(path)
    return known_font()


def can_draw_chinese() -> bool:
    """Whether plots may be in Chinese now: it is the language, and a font is there."""
    return language() == "zh" and chinese_font() is not None


def readable(text: str, english: str | None = None) -> str:
    """``text`` where it can be drawn; ``english`` (or the text of the catalogue's key) where no font can.

    Args:
        text: as translated.
        english: the untranslated text; looked up backwards where it is not given.
    """
    if text.isascii() or can_draw_chinese():
        return text
    return english if english is not None else _backwards().get(text, text)


@lru_cache(maxsize=1)
def _backwards() -> dict[str, str]:
    from ..language import FOLDER, read_po

    return {chinese: key for key, chinese in read_po(FOLDER / "zh.po").items()}
