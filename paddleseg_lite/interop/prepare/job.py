"""What every preparation comes down to: labels to write, one after another, and a few text files."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ...data import colorize, read_image, voc_palette, write_png
from ...errors import DataError, UserError
from ...files import write_text

logger = logging.getLogger("paddleseg_lite")
IGNORE = 255
SHOWN = 10
CELL = 240  # pixels of a preview's picture, the longer side


@dataclass
class Item:
    """One label to make.

    Attributes:
        label: makes the ids, uint8 [H, W].
        target: PNG to write, relative to the output folder; None: the label is there already.
        image: the image it belongs to.
        copy: where to copy the image, relative to the output folder.
    """

    label: Callable[[], np.ndarray]
    target: Path | None
    image: Path | None = None
    copy: Path | None = None


@dataclass
class Job:
    """Everything one sub-command will do.

    Attributes:
        class_names: class 0, 1, ...
        files: text files to write: relative path -> content.
        notes: what the user should know.
    """

    items: list[Item]
    class_names: list[str]
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    palette: np.ndarray | None = None


@dataclass
class Outcome:
    """What a run of a job found: counts of pixels by id (256), labels seen, problems by file."""

    pixels: np.ndarray
    labels: int
    problems: list[str]


def run_job(job: Job, output: Path, *, dry_run: bool = False, preview: Path | None = None, samples: int = 6) -> Outcome:
    """Make every label; write unless ``dry_run``; draw a sheet of some of them.

    A label that cannot be made does not stop the others.

    Args:
        output: folder that the job's paths are relative to.
        preview: PNG sheet of images and labels, also written in a dry run.
        samples: pictures on it, spread over the items.
    """
    palette = voc_palette(256) if job.palette is None else job.palette
    pixels, problems, cells, done = np.zeros(256, np.int64), [], [], 0
    shown = set(np.linspace(0, len(job.items) - 1, min(samples, len(job.items))).round().astype(int).tolist())
    for index, item in enumerate(job.items):
        try:
            label = item.label()
            if item.image is not None and not item.image.is_file():
                raise DataError(f"image {item.image} does not exist.")
            pixels += np.bincount(label.reshape(-1), minlength=256)
            if index in shown and preview is not None:
                cells.append(picture(item, label, palette))
            if not dry_run:
                if item.copy is not None:
                    copy_file(item.image, output / item.copy)
                if item.target is not None:
                    write_png(output / item.target, label, palette=palette)
            done += 1
        except UserError as e:
            problems.append(str(e))
    if not dry_run:
        for name, text in job.files.items():
            write_text(output / name, text)
    if preview is not None and cells:
        write_png(preview, sheet(cells))
    return Outcome(pixels, done, problems)


def summary(job: Job, outcome: Outcome, output: Path, *, dry_run: bool) -> str:
    """What was done, with the share of each class; classes that never occur are worth a look."""
    verb = "would write" if dry_run else "wrote"
    files = [item.target for item in job.items if item.target is not None]
    lines = [f"{verb} {min(len(files), outcome.labels)} labels and {len(job.files)} text files to {output}"]
    total = max(1, int(outcome.pixels.sum()))
    for i, name in enumerate(job.class_names):
        lines.append(f"  {i:3d} {name:24s} {100 * outcome.pixels[i] / total:7.3f} %")
    lines.append(f"  {IGNORE:3d} {'(ignored)':24s} {100 * outcome.pixels[IGNORE] / total:7.3f} %")
    strange = [i for i in range(len(job.class_names), IGNORE) if outcome.pixels[i]]
    if strange:
        lines.append(f"ids that are no class: {strange[:SHOWN]}")
    return "\n".join(lines + job.notes)


def copy_file(source: Path, target: Path) -> None:
    """Copy unless source and target are one file."""
    if target.exists() and target.samefile(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def picture(item: Item, label: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Image and colours of its label side by side, small."""
    colours = colorize(label, palette, ignore_index=IGNORE)
    image = read_image(item.image) if item.image is not None else np.full_like(colours, 255)
    scale = CELL / max(label.shape)
    size = max(1, round(label.shape[1] * scale)), max(1, round(label.shape[0] * scale))
    parts = [cv2.resize(image, size, interpolation=cv2.INTER_AREA)]
    parts.append(cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST_EXACT))
    name = (item.target or item.image or Path("label")).stem[:36]
    strip = np.full((18, 2 * size[0] + 4, 3), 255, np.uint8)
    cv2.putText(strip, name, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([strip, np.concatenate([parts[0], np.full((size[1], 4, 3), 255, np.uint8), parts[1]], 1)])


def sheet(cells: list[np.ndarray], columns: int = 2) -> np.ndarray:
    """Pictures in rows on white."""
    height, width = max(c.shape[0] for c in cells) + 6, max(c.shape[1] for c in cells) + 6
    rows = -(-len(cells) // columns)
    page = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        y, x = (i // columns) * height + 3, (i % columns) * width + 3
        page[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return page


def read_names(given: str | None, *, flag: str = "--classes") -> list[str] | None:
    """Class names: a text file with one a line, or names with commas between.

    Raises:
        DataError: a name twice, or none.
    """
    if given is None:
        return None
    path = Path(given)
    names = path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else given.split(",")
    names = [n.strip() for n in names if n.strip()]
    twice = sorted({n for n in names if names.count(n) > 1})
    if not names or twice:
        raise DataError(f"{flag} {given}: {'names twice: ' + ', '.join(twice) if twice else 'no names found'}.")
    return names
