"""``train_dataset:`` and ``val_dataset:`` of a PaddleSeg config, with their transforms.

Datasets that PaddleSeg reads from list files become our ``Dataset``; nothing is
downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
from ..registry import DATASETS, TRANSFORMS
from .findings import Findings

SAME = ("Cityscapes", "PascalVOC", "ADE20K", "Dataset")
# PaddleSeg's PASCAL-Context has the background as class 0
RENAMED = {"PascalContext": "PascalContext60"}
NOTES = {"RandomBlur": "prob is a true probability here; PaddleSeg blurs always from 0.51 on."}
_RETINA = ("train_list.txt", "val_list.txt", None)
# lists for train, val and test below dataset_root, classes, names; separator where it is neither tab nor space
LISTED: dict[str, tuple[tuple, list[str], str | None]] = {
    "OpticDiscSeg": (("train_list.txt", "val_list.txt", "test_list.txt"), ["background", "optic_disc"], None),
    "DRIVE": (_RETINA, ["background", "vessel"], None),
    "STARE": (_RETINA, ["background", "vessel"], None),
    "HRF": (_RETINA, ["background", "vessel"], None),
    "CHASEDB1": (_RETINA, ["background", "vessel"], None),
    "PPHumanSeg14K": (("train.txt", "val.txt", "test.txt"), ["background", "human"], None),
    "MiniDeepGlobeRoadExtraction": (("train.txt", "val.txt", None), ["background", "road"], "|"),
}


def translate_dataset(key: str, spec: Mapping[str, Any], model: Mapping[str, Any], found: Findings) -> dict[str, Any]:
    """Our description of a dataset; ``key`` is ``train_dataset`` or ``val_dataset``."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), str):
        found.refuse(key, "there is no dataset with a type.")
        return {}
    kind = spec["type"]
    out = dict(spec)
    if out.pop("edge", False):
        found.refuse(f"{key}.edge", "labels of edges are not made here.")
    if kind in LISTED:
        lists, names, separator = LISTED[kind]
        out.update(type="Dataset", num_classes=len(names), class_names=names)
        out.update({f"{mode}_path": path for mode, path in zip(("train", "val", "test"), lists) if path})
        if separator:
            out["separator"] = separator
    elif kind in RENAMED:
        out["type"] = RENAMED[kind]
    elif kind not in SAME and kind not in DATASETS:
        known = ", ".join((*SAME, *RENAMED, *LISTED))
        found.refuse(f"{key}.type", f"dataset {kind} is not read here. Known: {known}.")
        return out
    if out["type"] == "Dataset" and "num_classes" not in out and model.get("num_classes"):
        out["num_classes"] = model["num_classes"]
    for i, transform in enumerate(spec.get("transforms") or []):
        if isinstance(transform, Mapping) and transform.get("type") in NOTES:
            found.note(f"{key}.transforms.{i}", NOTES[transform["type"]])
    out["transforms"] = [
        t for i, t in enumerate(spec.get("transforms") or []) if _check(TRANSFORMS, t, f"{key}.transforms.{i}", found)
    ]
    offered = {"dataset_root": "", "num_classes": 2, "mode": "train"}
    _check(DATASETS, {k: v for k, v in out.items() if k != "transforms"}, key, found, offered)
    return out


def _check(registry, spec: Any, where: str, found: Findings, offered: Mapping[str, Any] | None = None) -> bool:
    """Refuse a part that our registry does not know, or that has arguments ours has not."""
    kind = spec.get("type") if isinstance(spec, Mapping) else spec
    if kind not in registry:
        found.refuse(where, f"{registry.kind} {kind} is not known here.")
        return False
    try:
        registry.check(spec, offered=offered)
    except ConfigError as e:
        found.refuse(where, str(e))
        return False
    return True
