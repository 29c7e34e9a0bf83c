"""Annotation files as text, JSON or XML: whatever their encoding, and one error that names the file and the remedy."""

from __future__ import annotations

import codecs
import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ...errors import ConfigError, DataError

BOMS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
REMEDY = "Save it as UTF-8 (iconv -f ENCODING -t UTF-8), or name its encoding with --encoding, such as cp1252 or big5"


class Reader:
    """Reads annotation files and remembers which of them were not UTF-8.

    Args:
        encoding: of every file; by default UTF-8, UTF-16 and UTF-32 are recognised,
            and what is none of them is read as GB18030 (Chinese Windows), with a note.
    """

    def __init__(self, encoding: str | None = None):
        if encoding is not None:
            try:
                codecs.lookup(encoding)
            except (LookupError, ValueError):
                raise ConfigError(
                    f"--encoding {encoding!r} is not known; utf-8, gb18030, big5, cp1252 and shift_jis are."
                ) from None
        self.encoding = encoding
        self.guessed: list[Path] = []

    def text(self, path: Path) -> str:
        """The file's text.

        Raises:
            DataError: the file cannot be read, or no encoding fits.
        """
        return self.decode(read_bytes(path), path)

    def decode(self, data: bytes, path: Path) -> str:
        """Bytes of a file as text; ``path`` names it."""
        encoding = self.encoding or unicode_encoding(data)
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError) as e:
            place = (
                f" (byte {data[e.start]:#04x} in line {data[: e.start].count(10) + 1})" if hasattr(e, "start") else ""
            )
            if self.encoding or encoding != "utf-8":
                raise DataError(f"{path} is not {encoding}{place}. {REMEDY}.") from None
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise DataError(f"{path} is neither UTF-8{place} nor GB18030. {REMEDY}.") from None
        self.guessed.append(path)
        return text

    def json(self, path: Path) -> Any:
        """What a JSON file holds.

        Raises:
            DataError: it is no JSON; with the line.
        """
        text = self.text(path)
        try:
            return json.loads(text)
        except RecursionError:
            raise DataError(f"{path} is not valid JSON: it is nested too deeply.") from None
        except ValueError as e:  # also numbers with thousands of digits
            found = " It is empty." if not text.strip() else ""
            raise DataError(f"{path} is not valid JSON: {e}.{found}") from None

    def xml(self, path: Path) -> ElementTree.Element:
        """The root of an XML file; entities of its own are refused, they can grow without bound.

        Raises:
            DataError: it is no XML; with the line.
        """
        data = read_bytes(path)
        text = self.decode(data, path).lstrip("\ufeff \t\r\n")
        if re.search(r"<!(DOCTYPE|ENTITY)", text):
            raise DataError(f"{path} declares a document type or entities; annotation files have none. Export it anew.")
        text = re.sub(r"^<\?xml[^>]*\?>", "", text)  # its encoding is that of the bytes, decoded above
        try:
            return ElementTree.fromstring(text)
        except (ElementTree.ParseError, ValueError) as e:
            raise DataError(f"{path} is not valid XML: {e}.") from None

    def notes(self) -> list[str]:
        """What the user should know about the encodings."""
        if not self.guessed:
            return []
        return [
            f"{len(self.guessed)} files are not UTF-8 and were read as GB18030, e.g. {self.guessed[0]}: if class names "
            "look wrong, name the encoding with --encoding."
        ]


def read_bytes(path: Path) -> bytes:
    """A file's bytes; DataError where it cannot be read, or is none (a pipe may never end)."""
    try:
        if not os.path.isdir(path) and os.path.exists(path) and not os.path.isfile(path):
            raise OSError("it is no regular file")
        return path.read_bytes()
    except (OSError, ValueError) as e:
        raise DataError(f"{path} cannot be read: {getattr(e, 'strerror', None) or e}.") from None


def unicode_encoding(data: bytes) -> str:
    """UTF-8, UTF-16 or UTF-32: by the byte order mark, else by where the zero bytes of its first characters are."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return encoding
    if 0 in data[:4]:
        return json.detect_encoding(data)
    return "utf-8"
