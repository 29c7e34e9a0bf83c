"""A recipe for own data: network, size and schedule chosen by what the pictures are, each choice with its reason.

The rules come from what was measured on two CPU cores (docs/results/small_recipes.md): of
the small networks UNet is best on pictures of 128 pixels, DeepLab V3+ on street scenes of
480; thin ResNets at half width train at 50 images a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SMALL = 192  # pixels, the long side: below it a UNet at full resolution
LONGEST = {False: 480, True: 1024}  # pictures are made no longer than this; on a GPU
CROP = {False: 256, True: 512}
BATCH = 8
RARE = 0.05  # share of a class below which the loss is weighted
SIDES = re.compile(r"(?<![a-z])(left|right)(?![a-z])|[左右]", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """What a recipe depends on.

    Attributes:
        train, val: pictures.
        class_names: K names.
        shares: of the classes in all counted pixels, float [K].
        height, width: of the pictures, medians.
        gpu: whether it is trained on one.
    """

    train: int
    val: int
    class_names: Sequence[str]
    shares: np.ndarray
    height: int
    width: int
    gpu: bool = False


@dataclass
class Choice:
    """A recipe without data and length, the transforms of training and validation, and the reasons."""

    recipe: dict[str, Any]
    train_transforms: list[dict[str, Any]]
    val_transforms: list[dict[str, Any]]
    reasons: list[str] = field(default_factory=list)


def choose(facts: Facts) -> Choice:
    """Network, size, batch, loss and rates for these pictures."""
    long, limit, reasons = max(facts.height, facts.width), LONGEST[facts.gpu], []
    scale = min(1.0, limit / long)
    sides = [max(32, 32 * round(side * scale / 32)) for side in (facts.width, facts.height)]
    crop = [min(side, CROP[facts.gpu]) for side in sides]
    limited = [{"type": "LimitLong", "max_long": limit}] if scale < 1 else []
    if limited:
        reasons.append(
            f"pictures of {facts.width} x {facts.height} are made {limit} long; for fine things raise max_long"
        )
    model = network(long, gpu=facts.gpu)
    reasons.append(f"network: {describe(model)}")
    reasons.append(f"trained on crops of {crop[0]} x {crop[1]}, {min(BATCH, facts.train)} at a time")
    handed = sorted(name for name in facts.class_names if SIDES.search(name))
    flip = [] if handed else [{"type": "RandomHorizontalFlip"}]
    if handed:
        reasons.append(f"not mirrored: {', '.join(handed[:3])} would change sides")
    recipe: dict[str, Any] = {"model": model, "loss": {"out": {"type": "CrossEntropyLoss"}}}
    present = [(float(s), n) for s, n in zip(facts.shares, facts.class_names) if s > 0]
    if present and min(present)[0] < RARE:
        recipe["class_weights"] = "enet"
        reasons.append(
            f"rare classes weigh more in the loss: '{min(present)[1]}' is {100 * min(present)[0]:.2f} % of all"
        )
    recipe["optimizer"] = {"type": "AdamW", "weight_decay": 1.0e-4}
    recipe["lr_scheduler"] = {"type": "PolynomialDecay", "learning_rate": 2.0e-3, "end_lr": 0.0, "power": 0.9}
    recipe["batch_size"] = min(BATCH, facts.train)
    scaling = {"type": "ResizeStepScaling", "min_scale_factor": 0.75, "max_scale_factor": 1.5, "scale_step_size": 0}
    train = [*limited, scaling, {"type": "RandomPaddingCrop", "crop_size": crop}, *flip, {"type": "Normalize"}]
    return Choice(recipe, train, [*limited, {"type": "Normalize"}], reasons)


def network(long: int, *, gpu: bool) -> dict[str, Any]:
    """The network for pictures of so many pixels."""
    if gpu:
        return {"type": "DeepLabV3P", "backbone": {"type": "ResNet50", "output_stride": 16}}
    if long <= SMALL:
        return {"type": "UNet", "base_channels": 16}
    return {
        "type": "DeepLabV3P",
        "backbone": {"type": "ResNet18", "width": 0.5, "output_stride": 16},
        "aspp_rates": [2, 4, 6],
        "aspp_channels": 64,
        "low_channels": 24,
        "decoder_channels": 64,
    }


def describe(model: dict[str, Any]) -> str:
    """A network in words."""
    backbone = model.get("backbone")
    if backbone is None:
        return f"{model['type']} with {model['base_channels']} channels (small pictures, every pixel counts)"
    width = f" of {backbone['width']:g} width" if "width" in backbone else ""
    return f"{model['type']} on {backbone['type']}{width}"


def set_length(recipe: dict[str, Any], iters: int) -> None:
    """So many iterations, with a warm-up and about ten validations that fit."""
    recipe["iters"] = iters
    recipe["save_interval"] = max(1, iters // 10)
    warm = min(20, iters // 10)
    if warm:
        recipe["lr_scheduler"].update(warmup_iters=warm, warmup_start_lr=1.0e-4)


def usual_length(facts: Facts) -> int:
    """Iterations where nobody said how long: 60 times all pictures, 500 to 4,000 (ten times that on a GPU)."""
    passes = 60 * facts.train // min(BATCH, max(1, facts.train))
    return int(np.clip(passes, 500, 4000)) * (10 if facts.gpu else 1)
