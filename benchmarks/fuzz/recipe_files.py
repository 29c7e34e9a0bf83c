"""Recipes with some of their keys, types, values or their YAML made wrong."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "model": {"type": "UNet", "base_channels": 4, "context": {"type": "GloRe", "num_nodes": 4}},
    "train_dataset": {
        "type": "Scenes", "num_samples": 4, "size": [32, 32], "num_classes": 6, "mode": "train",
        "transforms": [
            {"type": "ResizeStepScaling", "min_scale_factor": 0.5, "max_scale_factor": 2.0, "scale_step_size": 0.25},
            {"type": "RandomPaddingCrop", "crop_size": [32, 32]},
            {"type": "RandomHorizontalFlip", "prob": 0.5},
            {"type": "Normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        ],
    },
    "val_dataset": {"type": "Scenes", "num_samples": 2, "size": [32, 32], "num_classes": 6, "mode": "val", "transforms": [{"type": "Normalize"}]},
    "optimizer": {"type": "sgd", "momentum": 0.9, "weight_decay": 4.0e-5},
    "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0.0, "power": 0.9, "warmup_iters": 2, "warmup_start_lr": 1e-5},
    "loss": {"out": {"type": "CrossEntropyLoss"}},
    "batch_size": 2, "iters": 8, "save_interval": 4, "log_iters": 1, "seed": 42, "num_workers": 0, "precision": "fp32",
    "use_ema": False, "ema_decay": 0.99, "accumulate": 1, "class_weights": [1, 1, 1, 1, 1, 2.5],
    "test_config": {"aug_eval": True, "scales": [0.5, 1.0], "flip_horizontal": True, "is_slide": True, "crop_size": [32, 32], "stride": [16, 16]},
    "early_stop_intervals": 3, "keep_checkpoint_max": 2, "freeze_bn": False,
}  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 0.5, -0.0, 1e-3, 1e300, float("nan"), float("inf"), 10**6, 2**31, 10**30, "", " ", "1", "1e-3",
    "auto", "UNet", "ENet", "PSPNet", "Scenes", "Dataset", "Normalize", "CrossEntropyLoss", "DiceLoss", "Adam", "AdamW", "StepDecay",
    "none", "null", "~", "fp16", "bf16", "/dev/null", "nowhere/at/all", "~nosuchuser/x", "a\0b", "x" * 3000, "\x1b[31m", "裂缝",
    [], {}, [1], [1, 2, 3], [[1, 2], [3]], [None], {"type": "Normalize"}, {"type": None}, {"type": ["UNet"]}, {1: 2}, {"a": {"b": 1}},
]  # fmt: skip
SYNTAX = ["\t", ":", "- ", "{", "}", "[", "]", "&a ", "*a", "!!python/object/apply:os.system [ls]", "!!binary x", "%YAML 9", "---\n", "...\n",
          "<<: *a", "|", ">", "'", '"', "#", "\0", "\ufeff", "\ud7ff", "? ", "@", "`", "\r", "=", "0x", "2024-01-01", "1_000", "0o7", "~", "!!set", "!a"]  # fmt: skip


@dataclass
class Recipe:
    """A file's bytes.

    Attributes:
        unknown: a key that no recipe has was put in.
        whole: built as well as read; others name networks that take long to build.
    """

    data: bytes
    unknown: str | None
    whole: bool


def recipe_case(rng: np.random.Generator, shipped: list[Path]) -> Recipe:
    """A recipe with one to three faults."""
    whole = rng.random() < 0.6
    tree = copy.deepcopy(TINY) if whole else _with_bases(shipped[rng.integers(0, len(shipped))])
    unknown = None
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        unknown = _spoil(rng, tree) or unknown
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=bool(rng.random() < 0.5), default_flow_style=None)
    if rng.random() < 0.25:
        unknown = None
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, len(text) + 1))
            text = (
                text[:at]
                + (SYNTAX[rng.integers(0, len(SYNTAX))] if rng.random() < 0.7 else "")
                + text[at + int(rng.integers(0, 4)) :]
            )
    data = text.encode(str(rng.choice([*["utf-8"] * 18, "utf-16", "latin-1"])), errors="replace")
    return Recipe(data, unknown if unknown in tree else None, whole)


def _with_bases(path: Path) -> dict:
    """A recipe's own keys; its bases are found from anywhere."""
    tree = yaml.safe_load(path.read_text("utf-8"))
    bases = tree.get("_base_", [])
    tree["_base_"] = [str(path.parent / base) for base in (bases if isinstance(bases, list) else [bases])]
    return tree


def _spoil(rng, tree) -> str | None:
    """One fault somewhere in the tree; the name of an unknown key where that is the fault."""
    places = list(_places(tree))
    if not places:
        return None
    holder, key = places[rng.integers(0, len(places))]
    kind = rng.integers(0, 6)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict) and isinstance(key, str):
        wrong = key + str(rng.choice(["s", "_", "x", " "])) if rng.random() < 0.5 else key[:-1] + "qz"
        if wrong.strip() != key and wrong not in holder:
            holder[wrong] = holder.pop(key)
            return wrong if holder is tree else None
    elif kind == 2:
        others = [h[k] for h, k in places]
        holder[key] = copy.deepcopy(others[rng.integers(0, len(others))])
    elif kind == 3 and isinstance(holder, dict):
        holder[
            str(
                rng.choice(
                    [
                        "type",
                        "coef",
                        "num_classes",
                        "ignore_index",
                        "lr_mult",
                        "_base_",
                        "_inherited_",
                        "export",
                        "freeze",
                    ]
                )
            )
        ] = _value(rng)
    else:
        holder[key] = _value(rng)
    return None


def _value(rng):
    return copy.deepcopy(VALUES[rng.integers(0, len(VALUES))])


def _places(tree):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)
