"""Is a file whole? Asked of what a tool left under a final name."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import yaml

from paddleseg_lite.checkpoint import load_checkpoint
from paddleseg_lite.data import image_size
from paddleseg_lite.weights import read_weights


def why_not_whole(path: Path, reference: Path) -> str:
    """What is wrong with a file; empty where it is whole.

    Args:
        reference: the same file of an undisturbed run; it may be missing.
    """
    try:
        return _CHECKS.get(path.suffix.lower(), _as_long)(path, reference) or ""
    except Exception as e:
        return f"{type(e).__name__}: {str(e)[:120]}"


def checkpoint_fault(folder: Path) -> str:
    """What is wrong with a checkpoint folder."""
    try:
        load_checkpoint(folder)
    except Exception as e:
        return f"{type(e).__name__}: {str(e)[:120]}"
    return ""


def _json(path: Path, _) -> None:
    json.loads(path.read_text(encoding="utf-8"))


def _lines(path: Path, _) -> str | None:
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        json.loads(line)
    return None if text.endswith("\n") or not text else "its last line has no end"


def _yaml(path: Path, _) -> str | None:
    return None if yaml.safe_load(path.read_text(encoding="utf-8")) else "it is empty"


def _picture(path: Path, _) -> None:
    image_size(path, whole=True)


def _page(path: Path, _) -> str | None:
    return None if path.read_text(encoding="utf-8").rstrip().endswith("</html>") else "it has no end"


def _video(path: Path, reference: Path) -> str | None:
    count = [_frames(p) for p in (path, reference)]
    return None if count[0] == count[1] else f"{count[0]} of {count[1]} frames"


def _frames(path: Path) -> int:
    reader, count = cv2.VideoCapture(str(path)), 0
    while reader.read()[0]:
        count += 1
    return count


def _weights(path: Path, _) -> None:
    read_weights(path)


def _table(path: Path, _) -> str | None:
    text = path.read_text(encoding="utf-8")  # rows may be fewer: some are written one by one
    widths = {len(row) for row in csv.reader(text.splitlines())}
    return (
        None if len(widths) == 1 and text.endswith("\n") else f"rows of {sorted(widths)} cells, or its last has no end"
    )


def _as_long(path: Path, reference: Path) -> str | None:
    """Other texts and models: as many lines, or bytes, as in the undisturbed run."""
    found, expected = path.read_bytes(), reference.read_bytes()
    if len(found) == len(expected) or found.count(b"\n") == expected.count(b"\n") > 0:
        return None
    return f"{len(found)} of {len(expected)} bytes"


_CHECKS = {
    ".json": _json,
    ".jsonl": _lines,
    ".yml": _yaml,
    ".png": _picture,
    ".jpg": _picture,
    ".html": _page,
    ".mp4": _video,
    ".pdparams": _weights,
    ".safetensors": _weights,
    ".csv": _table,
}
