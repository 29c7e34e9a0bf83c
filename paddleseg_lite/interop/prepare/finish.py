"""What makes a folder of labels a dataset to train on: lists of pairs, and a recipe.

Lists and recipe carry a seal; as long as nobody has changed them the next preparation
may replace them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ...data import image_size
from ...errors import DataError
from .dealing import PARTS, deal, groups_of
from .job import Item, Job, Outcome
from .names import IGNORE
from .pictures import is_file
from .recipe import Choice, Facts, choose, set_length, usual_length

RECIPE = "recipe.yml"
LISTS = tuple(f"{part}.txt" for part in PARTS)
SAMPLES = 64  # pictures whose sizes are looked at


@dataclass
class Pairs:
    """Pictures and labels of each part, as its list names them, and what the user should know."""

    parts: dict[str, list[Item]]
    notes: list[str]


def divide(job: Job, outcome: Outcome, *, ratio: Sequence[float], seed: int) -> Pairs:
    """Who is for training: as the annotation files say, else dealt out so that pictures of the same stay together."""
    made = [(item, present) for item, present in outcome.made if item.listed is not None]
    stated = {item.part for item, _ in made}
    if "val" in stated and stated & {"train", None}:
        parts = {part: [i for i, _ in made if (i.part or "train") == part] for part in PARTS}
        return Pairs({p: own for p, own in parts.items() if own}, ["parts as the annotation files say"])
    kept = [item for item, _ in made if item.part == "test" and len(stated) > 1]
    rest = [(item, present) for item, present in made if item not in kept]
    shares = list(ratio[:2]) if kept else list(ratio)
    groups, notes = groups_of([item.image for item, _ in rest], shares)
    dealt = deal(groups, shares, seed=seed, classes=[present for _, present in rest])
    parts = {part: [rest[i][0] for i in own] for part, own in zip(PARTS, dealt)}
    return Pairs({**parts, **({"test": kept} if kept else {})}, notes)


@dataclass
class Plan:
    """A recipe in the making: lists by file name, what it depends on, what was chosen, its datasets, and notes."""

    lists: dict[str, str]
    facts: Facts
    choice: Choice
    specs: dict[str, dict[str, Any]]
    notes: list[str]

    def text(self) -> str:
        """The recipe as YAML, without remarks."""
        return recipe_text(self.choice, self.specs)


def plan(
    job: Job,
    outcome: Outcome,
    root: Path,
    *,
    ratio: Sequence[float] = (0.8, 0.2),
    seed: int = 0,
    gpu: bool = False,
    dataset: dict[str, Any] | None = None,
) -> Plan:
    """Lists and recipe for the labels of a job; the recipe has no length yet.

    Args:
        root: folder that the paths in the lists start from, and where the lists will be.
        ratio, seed: of the deal.
        gpu: whether the recipe is for one.
        dataset: type and arguments of its datasets; ``Dataset`` by default.
    """
    pairs = divide(job, outcome, ratio=ratio, seed=seed)
    lists = {f"{part}.txt": listed(own) for part, own in pairs.parts.items()}
    notes = pairs.notes + [f"{part}.txt: {len(own)} pairs" for part, own in pairs.parts.items()]
    names, pixels, label_map = classes_of(job.class_names, outcome.pixels)
    if label_map:
        notes.append("labels hold 0 and 255 only: 255 is taken as the object (label_map in the recipe)")
    facts = facts_of(pairs, names, pixels, gpu=gpu)
    folder = root.absolute().as_posix()
    own = dict(dataset or {"type": "Dataset"})
    own.update({"num_classes": len(names)} if own["type"] == "Dataset" else {}, dataset_root=folder)
    own.update({"label_map": label_map} if label_map else {})
    specs = {
        part: {**own, f"{part}_path": f"{folder}/{part}.txt", "mode": part}
        for part in ("train", "val")
        if pairs.parts.get(part)
    }
    if "val" not in specs:
        notes.append("no picture is left for validation: the recipe trains without it")
    return Plan(lists, facts, choose(facts), specs, notes)


def dataset_files(
    job: Job, outcome: Outcome, root: Path, *, ratio: Sequence[float] = (0.8, 0.2), seed: int = 0, gpu: bool = False
) -> tuple[dict[str, str], list[str]]:
    """``train.txt``, ``val.txt`` (``test.txt``) and ``recipe.yml`` of a prepared folder, and notes; as :func:`plan`."""
    made = plan(job, outcome, root, ratio=ratio, seed=seed, gpu=gpu)
    set_length(made.choice.recipe, usual_length(made.facts))
    body = made.text()
    return {**made.lists, RECIPE: f"{head(made.choice, seal(made.lists, body))}{body}"}, made.notes


def classes_of(names: Sequence[str], pixels: np.ndarray) -> tuple[list[str], np.ndarray, dict[int, int]]:
    """Class names, pixels by id, and a label map: where nobody named the classes, from the ids that occur.

    Masks of 0 and 255 have a background and an object: 255 would be ignored otherwise.
    """
    if names:
        return list(names), pixels, {}
    present = np.flatnonzero(pixels[:IGNORE])
    if len(present) == 1 and present[0] == 0 and pixels[IGNORE]:
        return ["background", "object"], np.array([pixels[0], pixels[IGNORE]]), {IGNORE: 1}
    return [f"class_{i}" for i in range(int(present.max(initial=0)) + 1)], pixels, {}


def listed(items: Sequence[Item]) -> str:
    """A list file: image and label of each pair, with a tab between."""
    lines = [f"{image.as_posix()}\t{label.as_posix()}\n" for image, label in (item.listed for item in items)]
    return "".join(sorted(lines))


def facts_of(pairs: Pairs, names: Sequence[str], pixels: np.ndarray, *, gpu: bool) -> Facts:
    """What the recipe depends on, of these pairs; sizes from a sample of the pictures."""
    items = pairs.parts.get("train") or [item for own in pairs.parts.values() for item in own]
    if not items:
        raise DataError("no picture is left for training: give --ratio a larger first share.")
    some = [items[i] for i in np.unique(np.linspace(0, len(items) - 1, SAMPLES).round().astype(int))]
    height, width = np.median([image_size(item.image) for item in some], axis=0).astype(int).tolist()
    counted = pixels[: len(names)]
    shares = counted / max(1, int(counted.sum()))
    return Facts(len(items), len(pairs.parts.get("val", ())), list(names), shares, height, width, gpu)


class WrittenOut(yaml.SafeDumper):
    """Writes what occurs twice twice: people edit this, and few know what ``&id001`` is."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def recipe_text(choice: Choice, specs: dict[str, dict[str, Any]]) -> str:
    """The recipe as YAML."""
    transforms = {"train": choice.train_transforms, "val": choice.val_transforms}
    tree: dict[str, Any] = {"model": choice.recipe["model"]}
    tree.update({f"{part}_dataset": {**spec, "transforms": transforms[part]} for part, spec in specs.items()})
    tree.update({k: v for k, v in choice.recipe.items() if k != "model"})
    if "val" not in specs:
        tree["do_eval"] = False
    return yaml.dump(tree, Dumper=WrittenOut, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def head(choice: Choice, sealed: str | None = None) -> str:
    """The remarks above a recipe: the reasons for its choices, and the seal."""
    lines = ["# A recipe for these pictures; change what you like.", *(f"# * {reason}" for reason in choice.reasons)]
    return "\n".join([*lines, *([f"# seal of recipe and lists: {sealed}"] if sealed else [])]) + "\n"


def seal(lists: dict[str, str], body: str) -> str:
    """A checksum of the lists and the recipe."""
    text = "\0".join([body, *(f"{name}\0{content}" for name, content in sorted(lists.items()) if name in LISTS)])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def untouched(root: Path) -> bool:
    """Whether lists and recipe in a folder are as a preparation left them."""
    try:
        text = (root / RECIPE).read_text(encoding="utf-8")
        lists = {name: (root / name).read_text(encoding="utf-8") for name in LISTS if is_file(root / name)}
    except (OSError, UnicodeDecodeError):
        return False
    match = re.search(r"^# seal of recipe and lists: ([0-9a-f]{16})\n", text, re.MULTILINE)
    return match is not None and match[1] == seal(lists, text[match.end() :])
