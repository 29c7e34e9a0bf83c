"""What ``tools/convert.py`` does: weights of another origin as a file of ours, every tensor accounted for."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...config import load_config
from ...config.reading import read_tree
from ...errors import CheckpointError, ConfigError
from ...interop.conversion import Conversion
from ...interop.converters import CONVERTERS
from ...interop.origin_parity import TOLERANCE, compare_outputs, run_origin
from ...interop.paddleseg_config import is_paddleseg
from ...models import build_model
from ...weights import compare, detect_origin, load_strict, read_weights, write_pdparams, write_safetensors
from .summary import classes_of

logger = logging.getLogger("paddleseg_lite")
VERIFY_SHAPE = (2, 3, 64, 96)
ORIGINS = ("auto", *CONVERTERS)


def convert_file(
    config: str,
    source: str,
    target: str,
    *,
    origin: str = "auto",
    opts: tuple[str, ...] = (),
    num_classes: int | None = None,
    verify: bool = False,
    origin_python: str | None = None,
) -> int:
    """Convert a weights file for the network of a recipe, ours or PaddleSeg's.

    The whole network is written where the file has all of it, else the part it
    has (a backbone), for ``pretrained:``.

    Args:
        config: YAML of the network.
        source: the file to convert.
        target: ``.pdparams`` or ``.safetensors`` to write.
        origin: a key of :data:`ORIGINS`.
        num_classes: K, where neither recipe nor file tells.
        verify: run the origin's network and ours on one batch and compare.
        origin_python: the interpreter that has the origin.

    Returns:
        The exit status: 1 where outputs differ.

    Raises:
        CheckpointError: the file does not fit; with the lists.
    """
    state = read_weights(source)
    if origin == "auto":
        origin = detect_origin(state)
        if origin not in CONVERTERS:
            raise CheckpointError(
                f"{source}: its names look like {origin} weights; those that can be converted are "
                f"{', '.join(CONVERTERS)}. If it is one of them, say so with --from."
            )
        logger.info("%s: looks like %s weights", source, origin)
    recipe = load_config(config, opts=opts)
    spec = {k: v for k, v in recipe.model.items() if k != "pretrained"}
    spec["num_classes"] = num_classes or spec.get("num_classes") or classes_of(recipe) or _guess_classes(state)
    model = build_model(spec)
    layer, conversion = _fit(model, CONVERTERS[origin], state, source)
    load_strict(layer, {k: v for k, v in conversion.state.items() if k in layer.state_dict()}, source=source)
    write = write_safetensors if str(target).endswith(".safetensors") else write_pdparams
    write(target, layer.state_dict())
    print(account(conversion, layer, state, target, whole=layer is model))
    if not verify:
        return 0
    if layer is not model:
        raise ConfigError(f"--verify compares whole networks, and {source} holds a {type(layer).__name__} alone.")
    return _verify(model, origin, config, spec, state, source, origin_python)


def account(conversion: Conversion, layer: Any, state: Mapping[str, Any], target: str, *, whole: bool) -> str:
    """What happened to each tensor, in a few lines."""
    unused = conversion.unused(layer)
    used = len(state) - len(unused)
    lines = [
        f"{target}: {used} of {len(state)} tensors, {'the whole' if whole else 'the'} {type(layer).__name__}, "
        f"{sum(int(np.size(v)) for v in conversion.state.values()):,} values"
    ]
    for why in sorted(set(unused.values())):
        names = [name for name, reason in unused.items() if reason == why]
        lines.append(f"not used ({why}): {', '.join(names)}")
    return "\n".join(lines)


def _fit(model, convert, state, source) -> tuple[Any, Conversion]:
    """The network, or the part of it that the file fills completely."""
    part = model.pretrained_part()
    best = None
    for layer in (model, part, model.backbone):
        for prefix in ("", "backbone."):
            inner = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
            if not inner:
                continue
            conversion = convert(inner, layer)
            match = compare(layer, conversion.state)
            if not match.missing and not match.misshaped:
                if prefix:
                    rest = {k: "not in the backbone" for k in state if not k.startswith(prefix)}
                    conversion.left_out = {**{prefix + k: v for k, v in conversion.left_out.items()}, **rest}
                return layer, conversion
            if best is None or match.share > best[1].share:
                best = layer, match
    layer, match = best
    raise CheckpointError(
        f"{source}: only {len(match.matched)} of {match.total} tensors of {type(layer).__name__} are in it.\n"
        f"{match.lists()}\n  Use the config the file was trained with (backbone, classes, options)."
    )


def _guess_classes(state) -> int:
    """Channels of the last bias of the file: the classifier's, in every origin (auxiliary heads have as many)."""
    if "transposed_conv.weight" in state:  # ENet ends without one
        return int(state["transposed_conv.weight"].shape[1])
    biases = [v for k, v in state.items() if k.endswith("bias") and v.ndim == 1]
    if not biases:
        raise ConfigError("the number of classes is unknown: give --num_classes.")
    return int(biases[-1].shape[0])


def _verify(model, origin, config, spec, state, source, python) -> int:
    if origin == "paddleseg":
        tree, _ = read_tree(Path(config))
        if not is_paddleseg(tree):
            raise ConfigError(f"--verify builds PaddleSeg's network from PaddleSeg's config, and {config} is ours.")
        network = {k: v for k, v in tree["model"].items() if k != "pretrained"}
        network["num_classes"] = spec["num_classes"]
        if isinstance(network.get("backbone"), dict):
            network["backbone"] = {k: v for k, v in network["backbone"].items() if k != "pretrained"}
    elif origin == "torchvision":
        kind = {"FCN": "fcn", "DeepLabV3": "deeplabv3"}[type(model).__name__]
        depth = type(model.backbone).__name__.lower()
        network = {
            "type": f"{kind}_{depth}",
            "num_classes": spec["num_classes"],
            "aux_loss": any(name.startswith("aux_classifier.") for name in state),
        }
    else:
        raise ConfigError(f"--verify compares segmentation networks; {origin} has none.")
    with tempfile.TemporaryDirectory() as folder:
        x = np.random.default_rng(0).normal(size=VERIFY_SHAPE).astype(np.float32)
        np.save(Path(folder) / "x.npy", x)
        job = {
            "origin": origin,
            "network": network,
            "weights": str(Path(source).resolve()),
            "input": str(Path(folder) / "x.npy"),
        }
        result = compare_outputs(model, x, run_origin(job, python=python))
    for name, (gap, size) in result.differences.items():
        print(f"verify: {name}: largest difference {gap:.2e} of values up to {size:.3g}")
    print(f"verify: {'equal' if result.equal else 'NOT equal'} to {origin} within {TOLERANCE:g}")
    return 0 if result.equal else 1
