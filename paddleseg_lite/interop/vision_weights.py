"""Weights of torchvision (``.pth``) and ``paddle.vision`` (``.pdparams``) in our names.

torchvision's FCN and DeepLabV3 as whole networks; ResNet, VGG16 and MobileNetV1 of
``paddle.vision``, ResNet and VGG16 of torchvision as backbones. The two libraries name
ResNet and VGG alike; torch stores a linear layer ``[out, in]``, Paddle ``[in, out]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backbones.vgg import BLOCKS
from ..backbones.vgg_classifier import fc6_as_convolution, fc7_as_convolution
from .conversion import Conversion, Rule, convert, shifted, under

ENDINGS = ((r"\.running_mean$", "._mean"), (r"\.running_var$", "._variance"))
UNUSED = {r"num_batches_tracked$": "a counter of torch's batch normalisation", r"^fc\.": "the ImageNet classifier"}
FCN: tuple[Rule, ...] = (
    (r"classifier\.0\.", "head.conv.conv."),
    (r"classifier\.1\.", "head.conv.bn."),
    (r"classifier\.4\.", "head.classifier."),
)
DEEPLAB_V3: tuple[Rule, ...] = (
    (r"classifier\.0\.convs\.4\.1\.", "aspp.image_pool.conv."),
    (r"classifier\.0\.convs\.4\.2\.", "aspp.image_pool.bn."),
    (r"classifier\.0\.convs\.(\d)\.0\.", r"aspp.branches.\1.conv."),
    (r"classifier\.0\.convs\.(\d)\.1\.", r"aspp.branches.\1.bn."),
    (r"classifier\.0\.project\.0\.", "aspp.project.conv."),
    (r"classifier\.0\.project\.1\.", "aspp.project.bn."),
    (r"classifier\.1\.", "head.0.conv."),
    (r"classifier\.2\.", "head.0.bn."),
    (r"classifier\.4\.", "classifier."),
)
AUX: tuple[Rule, ...] = (
    (r"aux_classifier\.0\.", "aux_head.conv.conv."),
    (r"aux_classifier\.1\.", "aux_head.conv.bn."),
    (r"aux_classifier\.4\.", "aux_head.classifier."),
)
RESNET: tuple[Rule, ...] = (
    (r"conv1\.(?=weight)", "stem.0.conv."),
    (r"bn1\.", "stem.0.bn."),
    (r"layer(\d)\.(\d+)\.conv(\d)\.", shifted("stages.{}.{}.conv{}.conv.", -1, 0, 0)),
    (r"layer(\d)\.(\d+)\.bn(\d)\.", shifted("stages.{}.{}.conv{}.bn.", -1, 0, 0)),
    (r"layer(\d)\.(\d+)\.downsample\.0\.", shifted("stages.{}.{}.shortcut.conv.", -1, 0)),
    (r"layer(\d)\.(\d+)\.downsample\.1\.", shifted("stages.{}.{}.shortcut.bn.", -1, 0)),
)
# paddle.vision's MobileNetV1: conv2_1 to conv4_2, conv5_1 to conv5_6, conv6 -> block in each of our stages
MOBILENET_BLOCKS = {
    "2_1": "0.0",
    "2_2": "1.0",
    "3_1": "1.1",
    "3_2": "2.0",
    "4_1": "2.1",
    "4_2": "3.0",
    **{f"5_{i}": f"3.{i}" for i in range(1, 6)},
    "5_6": "4.0",
    "6": "4.1",
}
MOBILENET: tuple[Rule, ...] = (
    (r"conv1\.0\.", "stem.1.conv."),
    (r"conv1\.1\.", "stem.1.bn."),
    *(
        (rf"conv{theirs}\._{part}_conv\.{i}\.", f"stages.{ours}.{part}.{leaf}.")
        for theirs, ours in MOBILENET_BLOCKS.items()
        for part in ("depthwise", "pointwise")
        for i, leaf in enumerate(("conv", "bn"))
    ),
)


def looks_like_paddle_mobilenet(state: Mapping[str, Any]) -> bool:
    """``paddle.vision``'s MobileNetV1, told by its names."""
    return "conv2_1._depthwise_conv.0.weight" in state


def from_torchvision(state: Mapping[str, np.ndarray], layer: Any) -> Conversion:
    """Convert for ``layer``: FCN, DeepLabV3, a backbone, or VGG16 with fc6 and fc7."""
    return _from_vision(state, layer, rows_are_filters=True)


def from_paddle_vision(state: Mapping[str, np.ndarray], layer: Any) -> Conversion:
    """Convert for ``layer``: a backbone, or VGG16 with fc6 and fc7."""
    return _from_vision(state, layer, rows_are_filters=False)


def _from_vision(state, layer, *, rows_are_filters: bool) -> Conversion:
    own = layer.state_dict()
    classes = {c.__name__ for c in type(layer).__mro__}
    prefix = "backbone." if any(name.startswith("backbone.") for name in own) else ""
    trunk = (*RESNET, *MOBILENET, *_vgg_rules(batch_norm=_has_norm(state)))
    whole = any(name.startswith("backbone.") for name in state)
    rules = [(f"backbone\\.{p}" if whole else p, under(prefix, t)) for p, t in trunk]
    if whole:
        heads = FCN if "FCN" in classes else DEEPLAB_V3 if "DeepLabV3" in classes else ()
        rules += [*heads, *AUX]
    unused = dict(UNUSED)
    if not whole and any(name.startswith("features.") for name in state):
        state = {**state, **_fully_connected(state, own, rows_are_filters)}
        unused[r"^classifier\."] = "the ImageNet classifier, or the linear form of fc6 and fc7"
        rules.append((r"(?=.*fc[67]\.(weight|bias)$)", ""))
    result = convert(state, rules, ENDINGS, left_out=unused)
    if getattr(layer, "aux_head", True) is None:
        for name in [n for n in result.state if n.startswith("aux_head.")]:
            result.state.pop(name)
            result.left_out[result.sources.pop(name)] = "the network is built without an auxiliary head"
    return result


def _vgg_rules(*, batch_norm: bool):
    """``features.N`` counts every layer: convolution, (BN,) ReLU, pooling."""
    index = 0
    for stage, (_, count) in enumerate(BLOCKS):
        for conv in range(count):
            yield rf"features\.{index}\.", f"stages.{stage}.{conv}.conv."
            if batch_norm:
                yield rf"features\.{index + 1}\.", f"stages.{stage}.{conv}.bn."
            index += 3 if batch_norm else 2
        index += 1


def _has_norm(state) -> bool:
    return any(re.match(r"features\.1\.(running_mean|_mean)$", name) for name in state)


def _fully_connected(state, own, rows_are_filters: bool) -> dict[str, np.ndarray]:
    """fc6 and fc7 as the convolutions that ``own`` has (all of them: DeepLab V2 has four), under our names."""
    found = {}
    for name, tensor in own.items():
        match = re.search(r"fc([67])\.weight$", name)
        theirs = {"6": "classifier.0", "7": "classifier.3"}.get(match[1]) if match else None
        if theirs is None or f"{theirs}.weight" not in state:
            continue
        weight, bias = np.asarray(state[f"{theirs}.weight"]), np.asarray(state[f"{theirs}.bias"])
        weight = weight if rows_are_filters else weight.T
        channels, _, kernel, _ = tensor.shape
        if channels > weight.shape[0]:
            continue  # a wider network than VGG16; the match reports it
        if match[1] == "6":
            converted = fc6_as_convolution(weight, bias, kernel=kernel, channels=channels)
        else:
            converted = fc7_as_convolution(weight, bias, channels=channels)
        found[name], found[name[: -len("weight")] + "bias"] = converted
    return found
