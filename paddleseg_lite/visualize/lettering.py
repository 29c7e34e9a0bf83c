"""Text in pictures, in any script that a font on this machine has.

OpenCV's own lettering knows ASCII alone. The font that comes with matplotlib
covers Latin, Greek, Cyrillic and more; for the rest (Chinese, say) the machine's
fonts are searched.
"""

from __future__ import annotations

import functools
import logging
import os
import re
from pathlib import Path

import numpy as np

logger = logging.getLogger("paddleseg_lite")

_OTHER = re.compile(r"bold|italic|oblique|light|thin|black|medium|heavy|mono|narrow|condensed", re.IGNORECASE)
_TOLD: set[str] = set()


def letterable(text: str) -> bool:
    """Whether some font here has every character of ``text``."""
    return font_for(text) is not None


def text_width(text: str, size: int) -> int:
    """Pixels that ``text`` takes."""
    return int(np.ceil(_font(font_for(text) or _default_font(), size).getlength(text)))


def draw_text(picture: np.ndarray, text: str, x: int, y: int, size: int, *, color=(20, 20, 20)) -> None:
    """Write into an RGB picture, in place; ``x`` is the left edge, ``y`` the middle of the line."""
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    font = _font(font_for(text) or _default_font(), size)
    ImageDraw.Draw(canvas).text((x, y), text, fill=color, font=font, anchor="lm")
    picture[:] = np.asarray(canvas)


@functools.lru_cache(maxsize=1024)
def font_for(text: str) -> str | None:
    """File of a font that has all characters of ``text``; ``None`` where there is none."""
    needed = {ord(c) for c in text if not c.isspace()}
    if needed <= _characters(_default_font()):
        return _default_font()
    return next((path for path in _machine_fonts() if needed <= _characters(path)), None)


@functools.lru_cache(maxsize=1)
def _default_font() -> str:
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


@functools.lru_cache(maxsize=1)
def _machine_fonts() -> list[str]:
    """Upright regular fonts: the one that ``PADDLESEG_LITE_FONT`` names, then those without serifs.

    Looked for anew: matplotlib's own list is made once and does not know what was installed later.
    """
    from matplotlib.font_manager import findSystemFonts

    found = [path for path in findSystemFonts() if not _OTHER.search(Path(path).stem) and "LastResort" not in path]
    named = os.environ.get("PADDLESEG_LITE_FONT")
    ordered = sorted(found, key=lambda path: ("Sans" not in Path(path).stem, "Regular" not in Path(path).stem, path))
    return [named, *ordered] if named else ordered


def tell_missing(text: str, shown: str) -> None:
    """Say once for each text what pictures call it instead, and the remedy."""
    if text not in _TOLD:
        _TOLD.add(text)
        logger.warning(
            "no font on this machine has the characters of '%s', so pictures call it '%s'. Install one (for Chinese on "
            "Debian and Ubuntu fonts-noto-cjk), or name a font file in PADDLESEG_LITE_FONT.",
            text,
            shown,
        )


@functools.lru_cache(maxsize=64)
def _characters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # a damaged font is no reason to fail
        return frozenset()


@functools.lru_cache(maxsize=64)
def _font(path: str, size: int):
    from PIL import ImageFont

    return ImageFont.truetype(path, size)
