"""Whole networks and their parts, against the outputs that make_keras.py and make_torch.py stored."""

from __future__ import annotations

import json
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import paddle

from paddleseg_lite.models import build_model
from tests.golden.formula import formula_image, formula_state
from tests.sources.items import ITEMS, KERAS, TORCH, Item, Pair
from tests.sources.taps import read

FILES = {"keras.npz": KERAS, "torch.npz": TORCH}
GOLDEN = Path(__file__).parents[1] / "golden"
BILINEAR = "upscores."  # FCN's deconvolutions stay bilinear on both sides


@lru_cache(maxsize=1)
def run(file: str, name: str) -> tuple[dict[str, np.ndarray], int]:
    """:func:`compute` for a network of a file; its items follow each other."""
    return compute(read(file)[0][name])


def compute(case: dict) -> tuple[dict[str, np.ndarray], int]:
    """Outputs of the network here at every place that was kept, and its trainable parameters."""
    model = build_model(case["spec"], num_classes=case["num_classes"])
    shapes = {k: v.shape for k, v in model.state_dict().items() if not k.startswith(BILINEAR)}
    model.set_state_dict({**model.state_dict(), **formula_state(shapes, case["gains"])})
    model.eval()
    found: dict[str, np.ndarray] = {}

    def keep(key, layer, inputs, output):
        found[key] = (output[0] if isinstance(output, tuple) else output).numpy()

    layers = dict(model.named_sublayers())
    for key, tap in case["taps"].items():
        if tap["layer"] in layers:
            layers[tap["layer"]].register_forward_post_hook(partial(keep, key))
    x = paddle.to_tensor(formula_image(*case["image"]))
    with paddle.no_grad():
        features = model.encode(x)
        model.training = True  # the heads that only train; no layer below changes its mode
        outputs = model.finish(model.decode(features, x), x)
    found.update({key: value.numpy() for key, value in outputs.items() if key in case["taps"]})
    trained = {k: p for k, p in model.named_parameters() if not p.stop_gradient and not k.startswith(BILINEAR)}
    return found, sum(int(p.size) for p in trained.values())


def output(file: str, name: str, key: str) -> Pair:
    cases, arrays = read(file)
    tap, value = cases[name]["taps"][key], run(file, name)[0][key]
    assert list(value.shape) == tap["shape"], f"{name} {key}: {list(value.shape)} here, {tap['shape']} there"
    return value.reshape(-1)[:: tap["step"]], arrays[f"{name}.{key}"]


def parameters(file: str, name: str) -> Pair:
    return run(file, name)[1], read(file)[0][name]["parameters"]


def stored_logits(name: str) -> Pair:
    """A network of tests/golden/vgg_family.npz, of the same kind as torch.npz."""
    arrays = np.load(GOLDEN / "vgg_family.npz")
    case = json.loads(str(arrays["index"]))[name]
    model = build_model(case["spec"], num_classes=case["num_classes"])
    shapes = {k: v.shape for k, v in model.state_dict().items() if not k.startswith(BILINEAR)}
    model.set_state_dict({**model.state_dict(), **formula_state(shapes, case["gains"])})
    model.eval()
    with paddle.no_grad():
        out = model(paddle.to_tensor(formula_image(*case["image"])))["out"].numpy()
    return out.reshape(-1)[:: case["step"]], arrays[name]


EARLIER = {
    "segnet": ("day 2", "SegNet: logits, un-pooling five times"),
    "deeplab_v1_msc": ("day 4", "DeepLab V1, LargeFOV with MSc: logits, six scores added"),
    "deeplab_v2_vgg": ("day 4", "DeepLab V2 on VGG16: logits, four rates added"),
    "deeplab_v2_resnet50_msc": ("day 4", "DeepLab V2 on ResNet-50: logits, maximum over three scales"),
}
for _name, (_source, _title) in EARLIER.items():
    ITEMS.append(Item(_source, _title, TORCH, partial(stored_logits, _name), 1e-5))
for _file, _reference in FILES.items():
    for _name, _case in read(_file)[0].items():
        if "spec" not in _case:
            continue  # values of a loss: scores.py
        for _key, _tap in _case["taps"].items():
            ITEMS.append(Item(_case["source"], _tap["title"], _reference, partial(output, _file, _name, _key), 1e-5))
        _stride = f" at output stride {_case['spec']['output_stride']}" if "output_stride" in _case["spec"] else ""
        _title = f"trainable parameters of `{_case['spec']['type']}`{_stride}, {_case['num_classes']} classes"
        ITEMS.append(Item(_case["source"], _title, _reference, partial(parameters, _file, _name), 0))
