"""Examination of the data: pairs of files, sizes, orientation, copies, leaks between train and val."""

from __future__ import annotations

from pathlib import Path

from ..config import Config
from .account import examine_largest, note_sizes
from .balance import examine_absence, examine_labels
from .bands import Levels, examine_levels
from .findings import Diagnosis
from .pairs import PairFacts, look_at_pairs

SHOWN = 5
SWAPPED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


def examine_datasets(diagnosis: Diagnosis, config: Config, train, val, *, use_cache: bool = True) -> None:
    """Look at every file of both splits; procedural datasets have none."""
    diagnosis.facts["train_images"] = len(train)
    diagnosis.facts["val_images"] = len(val) if val is not None else 0
    diagnosis.facts["channels"] = train.img_channels
    seen: dict[str, list[PairFacts]] = {}
    for name, dataset in (("train", train), ("val", val)):
        items = getattr(dataset, "items", None)
        if not items:
            continue
        facts = seen[name] = look_at_pairs(
            list(items), channels=dataset.img_channels, value_range=dataset.value_range, use_cache=use_cache
        )
        note_sizes(diagnosis, name, facts)
        _broken_files(diagnosis, name, facts)
        _sizes(diagnosis, name, facts)
        _masks(diagnosis, name, dataset, facts)
        _rotated(diagnosis, name, facts)
        _copies(diagnosis, name, facts)
        examine_levels(diagnosis, name, dataset, [Levels(**f.levels) for f in facts if f.levels])
        examine_labels(diagnosis, config, name, dataset, facts)
    if "train" in seen:
        shares = diagnosis.facts["train_census"]["share"]
        examine_largest(diagnosis, shares, weighted=config.class_weights is not None)
    if "train" in seen and "val" in seen:
        _leaks(diagnosis, seen["train"], seen["val"])
        examine_absence(diagnosis, train)
    if val is None:
        diagnosis.add(
            "warning",
            "config",
            "there is no val_dataset: nothing tells a good epoch from a bad one",
            "add a val_dataset; tools/prepare.py split can make the lists",
        )
    if len(train) < config.batch_size:
        diagnosis.add(
            "warning",
            "data",
            f"{len(train)} training images are fewer than a batch of {config.batch_size}",
            "images repeat within a batch; lower batch_size",
        )


def _broken_files(diagnosis: Diagnosis, name: str, facts: list[PairFacts]) -> None:
    problems = [p for f in facts for p in f.problems]
    for problem in problems[:SHOWN]:
        diagnosis.add("error", "data", f"{name}: {problem}", "repair or remove the file, or take it off the list")
    if len(problems) > SHOWN:
        diagnosis.add("error", "data", f"{name}: {len(problems) - SHOWN} more files like these", "")


def _sizes(diagnosis: Diagnosis, name: str, facts: list[PairFacts]) -> None:
    different = [f for f in facts if f.image_size and f.label_size and f.image_size != f.label_size]
    for f in different[:SHOWN]:
        turned = f.orientation in SWAPPED and f.image_size == f.label_size[::-1]
        why = f" once its EXIF orientation {f.orientation} is applied" if turned else ""
        diagnosis.add(
            "error",
            "data",
            f"{name}: label {f.label} is {_wxh(f.label_size)} but image {f.image} is {_wxh(f.image_size)}{why}",
            "labels were drawn on the unrotated picture: rewrite the image upright"
            if turned
            else "make the label again at the image's size, or correct the pair in the list",
        )
    if len(different) > SHOWN:
        diagnosis.add("error", "data", f"{name}: {len(different) - SHOWN} more pairs of different size", "")


def _wxh(size: list[int]) -> str:
    return f"{size[1]}x{size[0]}"


def _masks(diagnosis: Diagnosis, name: str, dataset, facts: list[PairFacts]) -> None:
    masks = [f.label for f in facts if set(f.ids) == {"0", "255"} and Path(f.label).suffix.lower() != ".png"]
    if masks and dataset.labels.mapping.get(255, 255) == dataset.ignore_index:
        diagnosis.add(
            "warning",
            "labels",
            f"{name}: {len(masks)} labels hold only 0 and 255, and 255 is ignored "
            f"(e.g. {masks[0]}): 8-bit masks are read so",
            "if 255 is their foreground: label_map: {255: 1}, or write them as 8-bit PNG of ids 0 and 1",
        )


def _rotated(diagnosis: Diagnosis, name: str, facts: list[PairFacts]) -> None:
    rotated = sum(f.orientation not in (0, 1) for f in facts)
    if rotated:
        diagnosis.add("info", "data", f"{name}: {rotated} images carry an EXIF orientation; it is applied when reading")


def _copies(diagnosis: Diagnosis, name: str, facts: list[PairFacts]) -> None:
    copies = [paths for paths in _same(facts).values() if len(paths) > 1]
    if copies:
        diagnosis.add(
            "warning",
            "data",
            f"{name}: {len(copies)} pictures occur more than once, e.g. {copies[0][:2]}",
            "remove the copies: they count double",
        )


def _leaks(diagnosis: Diagnosis, train: list[PairFacts], val: list[PairFacts]) -> None:
    known = _same(train)
    leaked = [(paths[0], known[digest][0]) for digest, paths in _same(val).items() if digest in known]
    if leaked:
        examples = "; ".join(f"{v} = {t}" for v, t in leaked[:3])
        diagnosis.add(
            "error",
            "data",
            f"{len(leaked)} validation images are also training images ({examples})",
            "take them out of one of the lists: scores on training images say nothing",
        )


def _same(facts: list[PairFacts]) -> dict[str, list[str]]:
    """Files by the digest of their bytes."""
    by_digest: dict[str, list[str]] = {}
    for f in facts:
        if f.digest:
            by_digest.setdefault(f.digest, []).append(f.image)
    return by_digest
