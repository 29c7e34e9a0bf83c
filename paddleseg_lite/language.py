"""The language of what people read: ``--lang zh``, ``PADDLESEG_LITE_LANG=zh``, or the locale.

Translated are figures, the tables that tools print and the messages beginners meet
most; names of flags, keys, classes and files stay as they are. The words stand in
``locale/zh.po``, a gettext catalogue that any translation editor opens; it is read as
it is, so there is no compiled file to forget. A text without a translation stays
English.
"""

from __future__ import annotations

import ast
import gettext
import os
import struct
from functools import cache
from io import BytesIO
from pathlib import Path

LANGUAGES = ("en", "zh")
VARIABLE = "PADDLESEG_LITE_LANG"
FOLDER = Path(__file__).resolve().parent / "locale"

_chosen: str | None = None


def language() -> str:
    """``"en"`` or ``"zh"``: as set, else by ``PADDLESEG_LITE_LANG``, else by the locale's variables."""
    if _chosen is not None:
        return _chosen
    for variable in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def set_language(name: str | None) -> None:
    """Choose the language of this process; None: what the environment says.

    Raises:
        ValueError: a language there is none of.
    """
    global _chosen
    if name is not None and name not in LANGUAGES:
        raise ValueError(f"language '{name}' is unknown; one of: {', '.join(LANGUAGES)}.")
    _chosen = name


def translate(text: str) -> str:
    """``text`` in the language in force; itself where the catalogue has no other."""
    return text if language() == "en" or not text else catalogue(language()).gettext(text)


def mark(text: str) -> str:
    """``text`` itself: a constant that :func:`translate` is given later, for who collects the texts."""
    return text


def padded(text: str, width: int) -> str:
    """``text`` and blanks up to ``width`` columns of a terminal, where a Chinese character takes two."""
    return text + " " * max(0, width - columns(text))


def columns(text: str) -> int:
    """Columns of a terminal that ``text`` takes."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@cache
def catalogue(name: str) -> gettext.NullTranslations:
    """The catalogue of a language."""
    return gettext.GNUTranslations(BytesIO(compiled(read_po(FOLDER / f"{name}.po"))))


def read_po(path: Path) -> dict[str, str]:
    """``{msgid: msgstr}`` of a catalogue; the header is the translation of ``""``."""
    entries: dict[str, str] = {}
    words = {"msgid": "", "msgstr": ""}
    last = "msgstr"
    for line in [*path.read_text(encoding="utf-8").splitlines(), 'msgid ""']:
        kind, _, rest = line.partition(" ")
        if kind in words:
            if kind == "msgid" and last == "msgstr":
                if words["msgstr"]:
                    entries[words["msgid"]] = words["msgstr"]
                words = {"msgid": "", "msgstr": ""}
            last, line = kind, rest
        if line.startswith('"'):
            words[last] += ast.literal_eval(line)
    return entries


def compiled(entries: dict[str, str]) -> bytes:
    """The same in gettext's binary form (magic, version, count, two tables of length and offset, texts)."""
    pairs = sorted((k.encode(), v.encode()) for k, v in entries.items())
    tables, texts, offset = [b"", b""], b"", 28 + 16 * len(pairs)
    for column in (0, 1):
        for pair in pairs:
            tables[column] += struct.pack("<II", len(pair[column]), offset + len(texts))
            texts += pair[column] + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 28) + b"".join(tables) + texts
