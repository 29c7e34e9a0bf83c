"""``loss:``, ``optimizer:``, ``lr_scheduler:`` of a PaddleSeg config; its defaults written out where ours differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
from ..registry import LOSSES, OPTIMIZERS, SCHEDULERS
from .findings import Findings

# PaddleSeg passes the keys on to paddle.optimizer.lr, whose defaults count
SCHEDULES: dict[str, dict[str, Any]] = {
    "PolynomialDecay": {"end_lr": 0.0001, "power": 1.0},
    "CosineAnnealingDecay": {},
    "StepDecay": {"gamma": 0.1},
    "MultiStepDecay": {"gamma": 0.1},
    "PiecewiseDecay": {},
    "ExponentialDecay": {},
}
OLD_SCHEDULES = {"poly": "PolynomialDecay", "piecewise": "PiecewiseDecay", "stepdecay": "StepDecay"}
OPTIMIZER_TYPES = {"sgd": "sgd", "momentum": "momentum", "adam": "adam", "adamw": "adamw"}
DICE_NOTE = (
    "DiceLoss makes ignored pixels class 0 for every loss after it in PaddleSeg, which changes the labels in place; "
    "here they stay ignored."
)
PORTABLE = ("backbone", "backbone.", "bias", "weight")  # parts of parameter names that mean the same in both


def translate_loss_types(loss: Any, outputs: int | None, found: Findings) -> Any:
    """``{types, coef}`` with our losses; :func:`~paddleseg_lite.config.listed_losses.translate_loss` names the outputs.

    Args:
        loss: as written.
        outputs: of the network in training; None where it is not known.
    """
    if not isinstance(loss, Mapping) or not isinstance(loss.get("types"), list):
        return loss  # named losses: ours
    types = [_loss(item, f"loss.types.{i}", found) for i, item in enumerate(loss["types"])]
    coef = loss.get("coef")
    if not isinstance(coef, list):
        found.refuse("loss.coef", "there is no list of coefficients.")
    elif len(types) not in (1, len(coef)):
        found.refuse("loss.types", f"{len(types)} losses for {len(coef)} coefficients.")
    elif outputs is not None and len(coef) != outputs:
        found.refuse("loss.coef", f"{len(coef)} coefficients, but the network has {outputs} output(s) in training.")
    return {**loss, "types": types}


def _loss(item: Any, where: str, found: Findings) -> Any:
    spec = {"type": item} if isinstance(item, str) else dict(item)
    kind = spec.get("type")
    if spec.pop("data_format", "NCHW") != "NCHW":
        found.refuse(f"{where}.data_format", "NCHW is the layout supported.")
    if kind == "MixedLoss":
        spec["losses"] = [_loss(one, f"{where}.losses.{i}", found) for i, one in enumerate(spec.get("losses") or [])]
        return spec
    if kind == "MultiClassFocalLoss":
        spec.pop("num_class", None)
        spec["type"] = "FocalLoss"
    elif kind == "FocalLoss":
        found.refuse(where, "PaddleSeg's FocalLoss is the binary one; MultiClassFocalLoss is supported.")
        return spec
    elif kind not in LOSSES:
        found.refuse(where, f"loss {str(kind).split()[0] if kind else kind} is not known here.")
        return spec
    if kind == "DiceLoss":
        spec.setdefault("reduction", "image")
        found.note(where, DICE_NOTE)
    if isinstance(spec.get("weight"), str):
        found.refuse(f"{where}.weight", f"'{spec['weight']}' is not supported: give numbers, or use class_weights.")
    try:
        LOSSES.check(spec, offered={"num_classes": 2})
    except ConfigError as e:
        found.refuse(where, str(e))
    return spec


def translate_optimizer(tree: Mapping[str, Any], found: Findings) -> dict[str, Any]:
    """Our ``optimizer:``."""
    spec = dict(tree["optimizer"])
    kind = str(spec.get("type")).lower()
    if kind not in OPTIMIZER_TYPES:
        if spec.get("type") not in OPTIMIZERS:
            known = "SGD, Momentum, Adam, AdamW"
            found.refuse("optimizer.type", f"optimizer {spec.get('type')} is not known here. Known: {known}.")
        return spec
    spec["type"] = OPTIMIZER_TYPES[kind]
    if kind == "sgd" and "momentum" not in spec and _old_rate(tree):
        spec["momentum"] = 0.9  # before 2.0 'sgd' was always Paddle's Momentum with its default
    if spec.pop("lazy_mode", False):
        found.refuse("optimizer.lazy_mode", "sparse updates are not supported.")
    mult = spec.pop("backbone_lr_mult", None)
    if mult is not None:
        if "backbone" in (tree.get("model") or {}):
            spec["custom_cfg"] = [*spec.get("custom_cfg", ()), {"name": "backbone.", "lr_mult": mult}]
        else:
            found.note("optimizer.backbone_lr_mult", "left out: the network has no backbone in PaddleSeg.")
    for i, item in enumerate(spec.get("custom_cfg") or []):
        if item.get("name") not in PORTABLE:
            found.refuse(
                f"optimizer.custom_cfg.{i}.name",
                f"'{item.get('name')}' is meant for PaddleSeg's parameter names; ours differ. The same in both: "
                f"{', '.join(PORTABLE)}.",
            )
    try:
        OPTIMIZERS.check(spec)
    except ConfigError as e:
        found.refuse("optimizer", str(e))
    return spec


def translate_scheduler(tree: Mapping[str, Any], found: Findings) -> dict[str, Any]:
    """Our ``lr_scheduler:`` from ``lr_scheduler:`` or the older ``learning_rate: {value, decay}``."""
    spec = tree.get("lr_scheduler")
    spec = dict(spec) if isinstance(spec, Mapping) else {}
    where = "lr_scheduler"
    if _old_rate(tree):
        where, old = "learning_rate", tree["learning_rate"]
        old = old if isinstance(old, Mapping) else {"value": old}
        decay = dict(old.get("decay") or {})
        kind = decay.pop("type", "poly")
        spec = {"type": OLD_SCHEDULES.get(kind, kind), "learning_rate": old.get("value"), **decay, **spec}
        if spec["type"] == "PiecewiseDecay" and isinstance(old.get("value"), list):
            spec["values"] = spec.pop("learning_rate")
    elif tree.get("learning_rate") is not None:
        found.note("learning_rate", "left out: lr_scheduler is given and counts, as in PaddleSeg.")
    kind = spec.get("type")
    if kind not in SCHEDULES:
        found.refuse(f"{where}.type", f"schedule {kind} is not known here. Known: {', '.join(SCHEDULES)}.")
        return spec
    spec = {**SCHEDULES[kind], **spec}
    if "warmup_iters" in spec and "warmup_start_lr" not in spec:
        found.refuse(f"{where}.warmup_start_lr", "is needed beside warmup_iters.")
    if spec.pop("verbose", False):
        found.note(f"{where}.verbose", "left out.")
    if spec.get("last_epoch") == -1:
        spec.pop("last_epoch")
    try:
        SCHEDULERS.check(spec, offered={"iters": 1})
    except ConfigError as e:
        found.refuse(where, str(e))
    return spec


def _old_rate(tree: Mapping[str, Any]) -> bool:
    """Whether ``learning_rate:`` is what the schedule is made of: PaddleSeg prefers a complete ``lr_scheduler:``."""
    return tree.get("learning_rate") is not None and not (tree.get("lr_scheduler") or {}).get("type")
