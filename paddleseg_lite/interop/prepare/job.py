"""What every preparation comes down to: labels to write, one after another, and a few text files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...data import image_size, voc_palette, write_png
from ...data.distinct_colours import own_palette
from ...errors import DataError, UserError
from ...files import write_bytes, write_text
from .names import IGNORE
from .pictures import is_file
from .preview import pair, sheet
from .tally import Tally

SHOWN = 10


@dataclass
class Item:
    """One label to make.

    Attributes:
        label: makes the ids, uint8 [H, W], and tells the tally what became of each annotation.
        target: PNG to write, relative to the output folder; None: the label is there already.
        image: the image it belongs to.
        copy: where to copy the image, relative to the output folder.
        annotations: how many the label is made of.
        sources: files it is made from, besides the image; never written to.
        part: ``train``, ``val`` or ``test``, where the annotation files say so.
        pair: image and label as a list names them; by default the copy and the target.
    """

    label: Callable[[Tally], np.ndarray]
    target: Path | None
    image: Path | None = None
    copy: Path | None = None
    annotations: int = 1
    sources: tuple[Path, ...] = ()
    part: str | None = None
    pair: tuple[Path, Path] | None = None

    @classmethod
    def with_copy(cls, stem: str, image: Path | None, **rest: Any) -> Item:
        """``annotations/STEM.png``, and its image copied to ``images/STEM`` with the ending it has.

        Args:
            stem: name without ending, with folders.
            image: None where it is missing, which the label will say when it is made.
            rest: the other attributes.
        """
        copy = Path("images", f"{stem}{image.suffix if image else '.png'}")
        return cls(target=Path("annotations", f"{stem}.png"), image=image, copy=copy, **rest)

    @property
    def listed(self) -> tuple[Path, Path] | None:
        """Image and label as a list names them, relative to the output folder; None for what is in no list."""
        copied = (self.copy, self.target) if self.copy is not None and self.target is not None else None
        return self.pair or copied


@dataclass
class Job:
    """Everything one sub-command will do.

    Attributes:
        class_names: class 0, 1, ...
        files: text files to write: relative path -> content.
        notes: what the user should know.
        palette: colours of the classes, uint8 RGB [K, 3].
        unit: what is counted: ``annotations`` in files, or whole ``labels``.
        tally: annotations that cannot be used, known before a label is made.
        problems: files that cannot be used, known before a label is made.
        origin: what the annotations come from, for messages.
        keep: what must live as long as the job (a folder that an archive was unpacked to).
        ratio, seed: how the pictures are dealt into lists; without a ratio there are none.
    """

    items: list[Item]
    class_names: list[str]
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    palette: np.ndarray | None = None
    unit: str = "labels"
    tally: Tally = field(default_factory=Tally)
    problems: list[str] = field(default_factory=list)
    origin: str = ""
    keep: Any = None
    ratio: Sequence[float] | None = None
    seed: int = 0


@dataclass
class Outcome:
    """What a run of a job found.

    Attributes:
        pixels: by id, int64 [256].
        made: the items whose labels could be made, each with the ids that occur in it.
        problems: of files.
        tally: the account of annotations.
    """

    pixels: np.ndarray
    made: list[tuple[Item, frozenset[int]]]
    problems: list[str]
    tally: Tally


def run_job(job: Job, output: Path, *, dry_run: bool = False, preview: Path | None = None, samples: int = 6) -> Outcome:
    """Make every label; write unless ``dry_run``; draw a sheet of some of them.

    A label that cannot be made does not stop the others.

    Args:
        output: folder that the job's paths are relative to.
        preview: PNG sheet of images and labels, also written in a dry run.
        samples: pictures on it, spread over the items.

    Raises:
        DataError: no annotation at all can be used; nothing is written then.
    """
    need_one_used(job)
    palette = colours_of(job)
    outcome = Outcome(np.zeros(256, np.int64), [], list(job.problems), Tally())
    outcome.tally.add(job.tally)
    shown = set(np.linspace(0, len(job.items) - 1, min(samples, len(job.items))).round().astype(int).tolist())
    cells = []
    for index, item in enumerate(job.items):
        label = make_label(item, job.unit, outcome.tally, outcome.problems)
        if label is None:
            continue
        counts = np.bincount(label.reshape(-1), minlength=256)
        outcome.pixels += counts
        outcome.made.append((item, frozenset(np.flatnonzero(counts[:IGNORE]).tolist())))
        if index in shown and preview is not None:
            cells.append(pair(item.image, label, palette, (item.target or item.image or Path("label")).stem))
        if not dry_run:
            write_item(item, label, output, palette)
    if not dry_run:
        for name, text in job.files.items():
            write_text(output / name, text)
    if preview is not None and cells:
        write_png(preview, sheet(cells, job.class_names, palette))
    return outcome


def colours_of(job: Job) -> np.ndarray:
    """256 colours: the job's own, else those in which classes of one's own are shown everywhere."""
    if job.palette is not None:
        return job.palette
    palette, own = voc_palette(256), own_palette(job.class_names[:IGNORE])
    palette[: len(own)] = own
    return palette


def make_label(item: Item, unit: str, tally: Tally, problems: list[str]) -> np.ndarray | None:
    """One label, accounted for; None and a line in ``problems`` where it cannot be made."""
    own = Tally()
    try:
        if item.image is not None and not is_file(item.image):
            raise DataError(f"image {item.image} does not exist.")
        label = item.label(own)
        if item.image is not None and tuple(image_size(item.image)) != label.shape:
            height, width = image_size(item.image)
            raise DataError(
                f"label {(item.sources or (item.target,))[0]} is {label.shape[1]} x {label.shape[0]}, but its image "
                f"{item.image} is {width} x {height} (width x height)."
            )
    except UserError as e:
        problems.append(str(e))
        tally.leave("in a file that could not be used", count=item.annotations)
        return None
    if unit == "labels":
        own.use()
    tally.add(own)
    return label


def need_one_used(job: Job) -> None:
    """Make labels, and forget them, until an annotation was used.

    Raises:
        DataError: there is none: the reasons.
    """
    tally, problems = Tally(), list(job.problems)
    tally.add(job.tally)
    for item in job.items:
        make_label(item, job.unit, tally, problems)
        if tally.used:
            return
    nothing = f"there are no {job.unit}: nothing could be learned from it"
    text = [(f"{job.origin}: " if job.origin else "") + (tally.text(job.unit) if tally.total else nothing)]
    raise DataError("\n".join(text + listed(problems, len(job.items) + len(job.problems))))


def listed(problems: list[str], files: int) -> list[str]:
    """The first problems of so many files, as lines."""
    if not problems:
        return []
    more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return [f"{len(problems)} of {files} files could not be used:", *(f"  {p}" for p in problems[:SHOWN]), *more]


def write_item(item: Item, label: np.ndarray, output: Path, palette: np.ndarray) -> None:
    """The label, and the copy of its image."""
    if item.copy is not None and item.image is not None:
        copy_file(item.image, output / item.copy)
    if item.target is not None:
        write_png(output / item.target, label, palette=palette)


def copy_file(source: Path, target: Path) -> None:
    """Copy unless source and target are one file; the copy is whole or not there."""
    if target.exists() and os.path.samefile(source, target):
        return
    try:
        data = source.read_bytes()
    except OSError as e:
        raise DataError(f"image {source} cannot be read: {e.strerror or e}.") from None
    write_bytes(target, data)


def summary(job: Job, outcome: Outcome, output: Path, *, dry_run: bool) -> str:
    """What was done, with the share of each class, and last how many annotations were used."""
    verb = "would write" if dry_run else "wrote"
    files = [item.target for item in job.items if item.target is not None]
    lines = [f"{verb} {min(len(files), len(outcome.made))} labels and {len(job.files)} text files to {output}"]
    total = max(1, int(outcome.pixels.sum()))
    for i, name in enumerate(job.class_names):
        lines.append(f"  {i:3d} {name:24s} {100 * outcome.pixels[i] / total:7.3f} %")
    lines.append(f"  {IGNORE:3d} {'(ignored)':24s} {100 * outcome.pixels[IGNORE] / total:7.3f} %")
    strange = [i for i in range(len(job.class_names), IGNORE) if outcome.pixels[i]]
    if strange:
        lines.append(f"ids that are no class: {strange[:SHOWN]}")
    return "\n".join([*lines, *job.notes, outcome.tally.text(job.unit)])
