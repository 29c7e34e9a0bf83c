"""Text in pictures, in any script that a font on this machine has.

OpenCV's own lettering knows ASCII alone. The font that comes with matplotlib
covers Latin, Greek, Cyrillic and more; for the rest (Chinese, say) the machine's
fonts are searched.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np


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
    """Upright regular fonts, those without serifs first."""
    from matplotlib.font_manager import fontManager

    plain = [
        f
        for f in fontManager.ttflist
        if f.style == "normal" and str(f.weight) in ("400", "normal", "regular") and "Last Resort" not in f.name
    ]  # that one has a box for every character there is
    return list(dict.fromkeys(f.fname for f in sorted(plain, key=lambda f: ("Sans" not in f.name, f.name))))


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
