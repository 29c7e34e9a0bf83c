"""Networks of PaddleSeg and torchvision against ours with the same numbers: ``docs/results/peer_parity.md``.

    python benchmarks/peer_parity.py --peer_python ENV/bin/python --torch_python ENV/bin/python

Each network is built by its origin (another interpreter, which has PaddleSeg 2.8.0 or
torchvision) with random weights and batch-norm statistics, saved in its own
format, converted, and both are run on the same images in the three modes of
``paddleseg_lite/interop/origin_outputs.py``.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import paddle  # noqa: E402

from paddleseg_lite import __version__  # noqa: E402
from paddleseg_lite.errors import EnvironmentProblem  # noqa: E402
from paddleseg_lite.interop.converters import CONVERTERS  # noqa: E402
from paddleseg_lite.interop.findings import Findings  # noqa: E402
from paddleseg_lite.interop.origin_parity import TOLERANCE, compare_outputs, run_origin  # noqa: E402
from paddleseg_lite.interop.paddleseg_models import translate_model  # noqa: E402
from paddleseg_lite.models import build_model  # noqa: E402
from paddleseg_lite.registry import BACKBONES  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.weights import load_strict, read_weights  # noqa: E402

K = 7
EVEN, ODD = (2, 3, 64, 96), (2, 3, 65, 97)


def resnet(depth, stride=8, grid=(1, 1, 1)):
    return {"type": f"ResNet{depth}_vd", "output_stride": stride, "multi_grid": list(grid)}


V3 = {"aspp_ratios": [1, 12, 24, 36]}
PADDLESEG = [
    ("FCN", {"backbone": resnet(18)}, ODD),
    ("FCN", {"backbone": resnet(50), "channels": 32}, ODD),
    ("UNet", {}, ODD),
    ("UNet", {"align_corners": True}, ODD),
    ("UNet", {"use_deconv": True}, EVEN),
    ("SegNet", {}, EVEN),
    ("ENet", {}, EVEN),
    ("PSPNet", {"backbone": resnet(50)}, ODD),
    ("PSPNet", {"backbone": resnet(101), "align_corners": True}, ODD),
    ("PSPNet", {"backbone": resnet(18), "bin_sizes": [1, 2], "enable_auxiliary_loss": False}, ODD),
    ("DeepLabV3", {"backbone": resnet(50, grid=(1, 2, 4)), **V3}, ODD),
    ("DeepLabV3", {"backbone": resnet(101, stride=16, grid=(1, 2, 4))}, ODD),
    ("DeepLabV3P", {"backbone": resnet(50, grid=(1, 2, 4)), **V3}, ODD),
    ("DeepLabV3P", {"backbone": resnet(18, grid=(1, 2, 4)), **V3, "align_corners": True}, ODD),
    ("GloRe", {"backbone": resnet(50)}, ODD),
    ("GINet", {"backbone": resnet(50)}, ODD),
    ("GINet", {"backbone": resnet(101), "jpu": False}, ODD),
]
TORCHVISION = [
    (f"{net}_resnet{depth}", {"type": kind, "style": "torchvision", "backbone": f"ResNet{depth}", "aux": True})
    for net, kind in (("fcn", "FCN"), ("deeplabv3", "DeepLabV3"))
    for depth in (50, 101)
]


def cases(args):
    """``(title, origin, interpreter, the origin's network, ours, image shape)``."""
    logging.getLogger("paddleseg_lite").setLevel(logging.WARNING)
    if args.peer_python:
        for kind, arguments, shape in PADDLESEG:
            network = {"type": kind, "num_classes": K, **arguments}
            found = Findings(kind, {})
            spec, _ = translate_model(network, {}, found)
            found.finish()
            text = ", ".join(f"{k} {v}" for k, v in arguments.items() if k not in ("backbone", "aspp_ratios"))
            name = f"{kind} {arguments.get('backbone', {}).get('type', '')} {text}".strip()
            yield name, "paddleseg", args.peer_python, network, spec, shape
    if args.torch_python:
        for name, spec in TORCHVISION:
            network = {"type": name, "num_classes": K, "aux_loss": True}
            yield name, "torchvision", args.torch_python, network, {**spec, "num_classes": K}, ODD
        for name in ("resnet18", "resnet34", "resnet50"):
            yield name, "torchvision", args.torch_python, {"type": name}, None, ODD


def compare(origin, python, network, spec, shape, folder):
    """Build there, convert, build here: ``(Conversion, Comparison, our count, the origin's outputs)``."""
    suffix = ".pth" if origin == "torchvision" else ".pdparams"
    weights, image = folder / f"weights{suffix}", folder / "x.npy"
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    np.save(image, x)
    job = {"origin": origin, "network": network, "seed": 3, "input": str(image), "save_weights": str(weights)}
    theirs = run_origin(job, python=python)
    model = BACKBONES.build(network["type"].replace("resnet", "ResNet")) if spec is None else build_model(spec)
    conversion = CONVERTERS[origin](read_weights(weights), model)
    load_strict(model, conversion.state, source=str(weights))
    count = sum(int(p.size) for p in model.parameters() if not p.stop_gradient)
    if spec is None:  # a backbone: their ImageNet classifier goes on top, for the comparison alone
        fc = read_weights(weights)
        model, count = Classifier(model, fc["fc.weight"].T, fc["fc.bias"]), None
    return conversion, compare_outputs(model, x, theirs), count, theirs


class Classifier(paddle.nn.Layer):
    """A backbone, the mean over pixels and a linear layer."""

    def __init__(self, backbone, weight, bias):
        super().__init__()
        self.backbone, self.fc = backbone, paddle.nn.Linear(*weight.shape)
        self.fc.weight.set_value(np.ascontiguousarray(weight))
        self.fc.bias.set_value(bias)

    def forward(self, x):
        return {"logits": self.fc(self.backbone(x)[-1].mean([2, 3]))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer_python", help="interpreter with paddleseg")
    parser.add_argument("--torch_python", help="interpreter with torch and torchvision")
    parser.add_argument("--only", help="cases whose title contains this")
    parser.add_argument("--output", default=str(ROOT / "docs" / "results" / "peer_parity.md"))
    args = parser.parse_args()
    rows, failed = [], 0
    for title, origin, python, network, spec, shape in cases(args):
        if args.only and args.only not in f"{origin} {title}":
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                conversion, result, count, theirs = compare(origin, python, network, spec, shape, Path(folder))
            except EnvironmentProblem as e:
                parser.error(str(e))
        unused = len(conversion.left_out)
        trainable = int(theirs["trainable"])
        values = ", ".join(f"{name} {gap:.1e} of {size:.1f}" for name, (gap, size) in result.differences.items())
        failed += not result.equal
        same = "without classifier" if count is None else "equal" if count == trainable else f"{count:,}"
        rows.append([title, origin, "x".join(map(str, shape)), f"{trainable:,}", same, str(unused), values])
        print(" | ".join(rows[-1]), flush=True)
    page = [
        "# The same network, the same numbers",
        "",
        f"Made by `benchmarks/peer_parity.py` (paddleseg_lite {__version__}, Paddle {paddle.__version__}, fp32, CPU). "
        "Random weights and batch-norm statistics, drawn and saved by the origin, converted here. Each entry of the "
        f"last column: largest difference of an output, and its largest value; the limit is {TOLERANCE:g} (of values "
        "up to 1, relative beyond). `heads`: train mode with running statistics; `train`: with the batch's, for "
        'torchvision in float64. Dropout is off. "Left out" are tensors of the file that are not needed (UNet\'s '
        "classifier is in PaddleSeg's files twice; ImageNet classifiers; torch's batch counters).",
        "",
        markdown_table(
            ["network", "origin", "images", "trainable values there", "here", "left out", "differences"], rows
        ),
        "",
        "GINet here is the compatibility variant (`style: paddleseg`): PaddleSeg's class embeddings (a frozen matrix, "
        "zero unless the file says otherwise) and the branch from visual to class nodes, whose result PaddleSeg "
        "computes and discards (`value_conv_vis`, `gamma_word`), are kept as they are. That branch is dead: it "
        "reaches no output and gets no gradient there or here.",
        "",
        f"{len(rows) - failed} of {len(rows)} within the limit.",
    ]
    output = Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(page) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
