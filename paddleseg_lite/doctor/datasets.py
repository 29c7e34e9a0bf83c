"""Examination of the data: pairs, sizes, orientation, class ids, balance, leaks between train and val."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from .bands import Levels, examine_levels
from .diagnosis import Diagnosis
from .files import PairFacts, look_at_pairs

SHOWN = 5
RARE_SHARE = 0.001
SWAPPED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


def examine_datasets(diagnosis: Diagnosis, config: Config, train, val, *, use_cache: bool = True) -> None:
    """Look at every file of both splits; procedural datasets have none."""
    diagnosis.facts["train_images"] = len(train)
    diagnosis.facts["val_images"] = len(val) if val is not None else 0
    seen: dict[str, list[PairFacts]] = {}
    for name, dataset in (("train", train), ("val", val)):
        items = getattr(dataset, "items", None)
        if not items:
            continue
        facts = seen[name] = look_at_pairs(
            list(items), channels=dataset.img_channels, value_range=dataset.value_range, use_cache=use_cache
        )
        _pairs(diagnosis, name, dataset, facts)
        examine_levels(diagnosis, name, dataset, [Levels(**f.levels) for f in facts if f.levels])
        _census(diagnosis, config, name, dataset, facts)
    if "train" in seen and "val" in seen:
        _leaks(diagnosis, seen["train"], seen["val"])
        _absent_from_train(diagnosis, train, diagnosis.facts)
    if val is None:
        diagnosis.add(
            "warning",
            "config",
            "there is no val_dataset: nothing tells a good epoch from a bad one",
            "add a val_dataset; tools/prepare.py split can make the lists",
        )
    _batches(diagnosis, config, train)


def _pairs(diagnosis: Diagnosis, name: str, dataset, facts: list[PairFacts]) -> None:
    problems = [p for f in facts for p in f.problems]
    for problem in problems[:SHOWN]:
        diagnosis.add("error", "data", f"{name}: {problem}", "repair or remove the file, or take it off the list")
    if len(problems) > SHOWN:
        diagnosis.add("error", "data", f"{name}: {len(problems) - SHOWN} more files like these", "")
    sized = [f for f in facts if f.image_size and f.label_size]
    different = [f for f in sized if f.image_size != f.label_size]
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
    masks = [f.label for f in facts if set(f.ids) == {"0", "255"} and Path(f.label).suffix.lower() != ".png"]
    if masks and dataset.labels.mapping.get(255, 255) == dataset.ignore_index:
        diagnosis.add(
            "warning",
            "labels",
            f"{name}: {len(masks)} labels hold only 0 and 255, and 255 is ignored "
            f"(e.g. {masks[0]}): 8-bit masks are read so",
            "if 255 is their foreground: label_map: {255: 1}, or write them as 8-bit PNG of ids 0 and 1",
        )
    rotated = sum(f.orientation not in (0, 1) for f in facts)
    if rotated:
        diagnosis.add("info", "data", f"{name}: {rotated} images carry an EXIF orientation; it is applied when reading")
    copies = [paths for paths in _same(facts).values() if len(paths) > 1]
    if copies:
        diagnosis.add(
            "warning",
            "data",
            f"{name}: {len(copies)} pictures occur more than once, e.g. {copies[0][:2]}",
            "remove the copies: they count double",
        )


def _wxh(size: list[int]) -> str:
    return f"{size[1]}x{size[0]}"


def _census(diagnosis: Diagnosis, config: Config, name: str, dataset, facts: list[PairFacts]) -> None:
    """Class ids of every label file, after the dataset's own label map."""
    k, ignore = dataset.num_classes, dataset.ignore_index
    pixels, images = np.zeros(k, dtype=np.int64), np.zeros(k, dtype=np.int64)
    ignored, strange = 0, Counter()
    offenders: dict[int, str] = {}
    empty = []
    for f in facts:
        counted = 0
        for text, count in f.ids.items():
            stored = int(text)
            mapped = int(dataset.labels.mapping.get(stored, stored))
            if mapped == ignore:
                ignored += count
            elif 0 <= mapped < k:
                pixels[mapped] += count
                images[mapped] += 1
                counted += count
            else:
                strange[stored] += 1
                offenders.setdefault(stored, f.label)
                counted += count
        if f.ids and not counted:
            empty.append(f.label)
    for stored, files in strange.most_common(SHOWN):
        diagnosis.add(
            "error",
            "labels",
            f"{name}: id {stored} in {files} label files is no class of {k} and not ignored (e.g. {offenders[stored]})",
            f"map it with label_map: {{{stored}: ...}}, raise num_classes, or write {ignore} (ignored) in the files",
        )
    total = int(pixels.sum())
    facts_out: dict[str, Any] = {
        "share": {n: float(p / total) if total else 0.0 for n, p in zip(dataset.class_names, pixels)},
        "images_with": {n: int(v) for n, v in zip(dataset.class_names, images)},
        "ignored_share": ignored / max(1, total + ignored),
    }
    if total:
        frequency = pixels / total
        weights = np.round(1 / np.log(1.02 + frequency), 4).tolist()  # ENet's formula
        facts_out["suggested_weights"] = dict(zip(dataset.class_names, weights))
    diagnosis.facts[f"{name}_census"] = facts_out
    if empty and total:
        diagnosis.add(
            "warning",
            "labels",
            f"{name}: {len(empty)} labels hold only ignored pixels, e.g. {empty[0]}",
            "take them off the list, or label them: they teach nothing and a batch of them has no loss",
        )
    absent = [n for n, p in zip(dataset.class_names, pixels) if p == 0]
    if facts and not total and not strange:
        diagnosis.add(
            "error",
            "labels",
            f"{name}: no label file holds a single pixel that counts",
            "check ignore_index and label_map against the ids in the files",
        )
    elif absent and name == "val":
        diagnosis.add(
            "warning",
            "labels",
            f"val never shows: {', '.join(absent)}; their IoU is not measured",
            "choose a val split that has every class",
        )
    rare = [n for n, p in zip(dataset.class_names, pixels) if 0 < p < RARE_SHARE * max(total, 1)]
    if rare and name == "train" and config.class_weights is None:
        diagnosis.add(
            "warning",
            "labels",
            f"{', '.join(rare)}: less than {100 * RARE_SHARE:.1f} % of the pixels each",
            "weight the loss: --opts class_weights=enet (or median_frequency), here "
            + ", ".join(f"{n} {facts_out['suggested_weights'][n]:.1f}" for n in rare),
        )
    share = facts_out["ignored_share"]
    if share > 0.5:
        diagnosis.add(
            "warning",
            "labels",
            f"{name}: {100 * share:.0f} % of the pixels are ignored",
            "check ignore_index and label_map",
        )


def _absent_from_train(diagnosis: Diagnosis, train, facts: dict[str, Any]) -> None:
    shares = {n: facts[f"{n}_census"]["share"] for n in ("train", "val")}
    absent = [c for c in train.class_names if shares["train"][c] == 0]
    scored = [c for c in absent if shares["val"][c] > 0]
    if scored:
        diagnosis.add(
            "warning",
            "labels",
            f"train never shows {', '.join(scored)}, but val scores them",
            "these classes stay at IoU 0: move images between the splits, or drop the classes",
        )
    elif absent:
        diagnosis.add("info", "labels", f"neither split shows: {', '.join(absent)}")


def _same(facts: list[PairFacts]) -> dict[str, list[str]]:
    by_digest: dict[str, list[str]] = {}
    for f in facts:
        if f.digest:
            by_digest.setdefault(f.digest, []).append(f.image)
    return by_digest


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


def _batches(diagnosis: Diagnosis, config: Config, train) -> None:
    if len(train) < config.batch_size:
        diagnosis.add(
            "warning",
            "data",
            f"{len(train)} training images are fewer than a batch of {config.batch_size}",
            "images repeat within a batch; lower batch_size",
        )
