"""PaddleSeg's YAML, unchanged, as a recipe of ours.

A file is known by its schema (:func:`is_paddleseg`); its ``_base_`` chain is
merged and ``--opts`` are applied in PaddleSeg's own keys first, then the whole is
translated. The network is PaddleSeg's (its widths, its order of operations), not
the paper's. What has no equal here is an error that lists every such key with
its file; what merely does not matter (a GPU to use, a metric that is not
computed) is logged.

Read with PaddleSeg 2.8.0 and its development branch (sections ``global``,
``train``, ``test``) beside it; ``learning_rate: {value, decay}`` is the schema
before 2.0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..config import Config, TestConfig
from ..registry import DATASETS, MODELS, TRANSLATORS
from .findings import Findings
from .paddleseg_data import LISTED, RENAMED, SAME, translate_dataset
from .paddleseg_models import NETWORKS, translate_model
from .paddleseg_training import translate_loss_types, translate_optimizer, translate_scheduler
from .shapes import check_shapes

Tree = Mapping[str, Any]

# Sections of the development branch: their key -> ours; None: a flag's business here (--device, --save_dir, ...).
SECTIONS: dict[str, dict[str, str | None]] = {
    "train": {
        "save_interval": "save_interval",
        "log_iters": "log_iters",
        "keep_checkpoint_max": "keep_checkpoint_max",
        "seed": "seed",
        "precision": "precision",
        "amp_level": "amp_level",
        "use_ema": "use_ema",
        "save_dir": None,
        "do_eval": None,
        "resume_model": None,
        "use_vdl": None,
        "repeats": None,
        "profiler_options": None,
    },
    "global": {"num_workers": "num_workers", "device": None},
}
LEFT_OUT = {
    "distill_loss": "of PaddleSeg's distillation tool; training without a teacher ignores it there too",
    "export": "of PaddleSeg's export tool",
    "deploy": "of PaddleSeg's export tool",
    "slim": "of PaddleSlim's tools",
    "to_static_training": "training runs in dygraph here",
}


def is_paddleseg(tree: Tree) -> bool:
    """Whether a merged config is written in PaddleSeg's schema and not in ours.

    Any key only PaddleSeg has is enough. ``loss: {types, coef}`` is enough, too, unless something there is only ours:
    no training config of PaddleSeg is without it, but our recipes may list their losses.
    """
    loss, model, rate = tree.get("loss"), tree.get("model"), tree.get("learning_rate")
    if isinstance(rate, Mapping) and {"value", "decay"} & set(rate):
        return True
    if isinstance(model, Mapping):
        backbone = model.get("backbone")
        if isinstance(backbone, Mapping) and "pretrained" in backbone:
            return True
        network = NETWORKS.get(str(model.get("type")))
        if network and (set(network.renamed) | set(network.needed)) & set(model):
            return True
    datasets = [d for d in (tree.get("train_dataset"), tree.get("val_dataset")) if isinstance(d, Mapping)]
    if any(str(d.get("type")) in LISTED for d in datasets):
        return True
    return isinstance(loss, Mapping) and "types" in loss and not _only_ours(tree, datasets)


def _only_ours(tree: Tree, datasets: list[Tree]) -> bool:
    """Whether a network, an argument of one, or a dataset is named that PaddleSeg does not have and we do."""
    model = tree.get("model")
    if isinstance(model, Mapping) and isinstance(model.get("type"), str):
        network = NETWORKS.get(model["type"])
        if network is None:
            return model["type"] in MODELS
        ours = {*network.fixed, *network.renamed.values()} - set(network.renamed)
        if ours & set(model) or (model["type"] == "UNet" and "base_channels" in model):
            return True
    known = {*SAME, *RENAMED, *LISTED}
    return any(isinstance(d.get("type"), str) and d["type"] not in known and d["type"] in DATASETS for d in datasets)


def translate(tree: Tree, *, origins: Mapping[str, str], source: str) -> dict[str, Any]:
    """A merged PaddleSeg config as a tree of our schema.

    Args:
        tree: nested mappings, ``_base_`` merged.
        origins: for every dotted key the file that set it.
        source: the file that was asked for.

    Raises:
        ConfigError: every key that is not supported, with its file, one line each.
    """
    found = Findings(source, origins)
    check_shapes(tree, found)
    if not isinstance(tree.get("model"), Mapping) or "type" not in tree["model"]:
        found.refuse("model", "there is no model with a type.")
    if found.refused:
        found.finish()
    own = {field.name for field in dataclasses.fields(Config)}
    out: dict[str, Any] = {}
    taken = {"model", "train_dataset", "val_dataset", "loss", "optimizer", "lr_scheduler", "learning_rate"}
    for key, value in tree.items():
        if key in taken:
            continue
        if key in SECTIONS:
            out.update(_section(key, value, found))
        elif key in ("test", "test_config"):
            out["test_config"] = {**out.get("test_config", {}), **_test_config(key, value, found)}
        elif key in LEFT_OUT:
            if value:
                found.note(key, f"left out: {LEFT_OUT[key]}.")
        elif key in own:
            out[key] = value
        else:
            found.refuse(key, "no such key is known in PaddleSeg 2.8 or here.")
    if not tree.get("iters") and not tree.get("epochs"):
        found.refuse("iters", "is not given; PaddleSeg's schedules need it.")

    model = tree["model"]
    out["model"], outputs = translate_model(model, tree, found)
    for key in ("train_dataset", "val_dataset"):
        if tree.get(key):
            out[key] = translate_dataset(key, tree[key], model, found)
    if tree.get("loss"):
        out["loss"] = translate_loss_types(tree["loss"], outputs, found)
    out["lr_scheduler"] = translate_scheduler(tree, found)
    if tree.get("optimizer"):
        out["optimizer"] = translate_optimizer(tree, found)
    found.finish()
    return out


def _section(name: str, section: Any, found: Findings) -> dict[str, Any]:
    """Keys of ``train:`` or ``global:`` at the top level, where ours stand."""
    out = {}
    for key, value in (section or {}).items():
        if key == "data_format":
            if value not in (None, "NCHW"):
                found.refuse(f"{name}.{key}", f"{value} layout is not supported, NCHW is.")
        elif key not in SECTIONS[name]:
            found.refuse(f"{name}.{key}", "no such key is known in PaddleSeg's development branch or here.")
        elif SECTIONS[name][key] is None:
            if key in ("resume_model", "profiler_options") and value:
                found.note(f"{name}.{key}", "left out: use the flag (--resume_model, --profile).")
        elif value is not None:
            out[SECTIONS[name][key]] = value
    return out


def _test_config(name: str, section: Any, found: Findings) -> dict[str, Any]:
    known = {field.name for field in dataclasses.fields(TestConfig)}
    out = {}
    for key, value in (section or {}).items():
        if key in known:
            out[key] = list(value) if isinstance(value, tuple) else value
        elif key == "auc_roc":
            if value:
                found.note(f"{name}.{key}", "left out: the area under the ROC curve is not computed.")
        else:
            found.refuse(f"{name}.{key}", "no such option of evaluation is known.")
    return out


@TRANSLATORS.register
class PaddleSeg:
    """PaddleSeg's schema, for :func:`paddleseg_lite.config.load_config`."""

    first_base_wins = True  # of several _base_ files: each is merged below what is there
    recognises = staticmethod(is_paddleseg)
    translate = staticmethod(translate)
