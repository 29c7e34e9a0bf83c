"""Pictures named in Markdown that lies in a folder of the library, put into the text itself: a page has no files."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import unquote

from .library import Library

PICTURE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(\s*(?:<(?P<quoted>[^>]*)>|(?P<plain>[^\s)]*))(?:\s+[\"'][^)]*)?\s*\)")
KINDS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp", ".svg": "svg+xml"}
LARGEST = 8_000_000  # bytes of a picture


def with_pictures(library: Library, folder: Path, text: str) -> str:
    """The text with its pictures inside; one that is absent, too large, or lies outside the library becomes its words.

    Args:
        folder: what paths in the text start from.
    """

    def inside(found: re.Match) -> str:
        name = unquote(found["quoted"] or found["plain"] or "")
        kind = KINDS.get(Path(name).suffix.lower())
        path = library.file(folder, name) if kind and "\0" not in name else None
        if path is None or path.stat().st_size > LARGEST:
            return f"*[{found['alt'] or name}]*"
        return f"![{found['alt']}](data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()})"

    return PICTURE.sub(inside, text)
