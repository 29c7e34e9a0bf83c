"""Writes the pages of docs/results."""

from __future__ import annotations

import re
from pathlib import Path


def publish(text: str, path: str | Path | None = None) -> None:
    """Print a page and, where a path is given, write it.

    Sections (``## ``) of the page so far that ``text`` does not have were
    written by hand and stay, at the end.
    """
    print(text)
    if path is None:
        return
    path = Path(path)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [s.rstrip() for s in sections(before) if heading(s) not in map(heading, sections(text))]
    path.write_text("\n\n".join([text.rstrip(), *kept]) + "\n", encoding="utf-8")


def sections(text: str) -> list[str]:
    """The sections of a page, each with its heading."""
    return [part for part in re.split(r"^(?=## )", text, flags=re.M) if part.startswith("## ")]


def heading(section: str) -> str:
    return section.splitlines()[0].strip()
