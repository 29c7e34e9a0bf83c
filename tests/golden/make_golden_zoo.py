"""Names and shapes of the weights that are published, from their publishers' own network definitions.

Run from the repository's root, in an environment with PaddleSeg 2.8.0 and in one with torchvision:

    python -m tests.golden.make_golden_zoo paddleseg
    python -m tests.golden.make_golden_zoo torchvision

Each adds its part to ``zoo.json.gz``. The definitions are those of the publishers' configs
(``configs/*/*.yml`` of PaddleSeg) and builders (``torchvision.models``).
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from paddleseg_lite.interop.origin_outputs import Paddle, Torch

FILE = Path(__file__).with_name("zoo.json.gz")
CLASSES = {"cityscapes": 19, "voc": 21, "ade20k": 150}
GRID = {"output_stride": 8, "multi_grid": [1, 2, 4]}
ASPP = {"aspp_ratios": [1, 12, 24, 36], "aspp_out_channels": 256, "align_corners": False}
PADDLESEG = {
    "unet": {"type": "UNet", "use_deconv": False},
    "segnet": {"type": "SegNet"},
    "enet": {"type": "ENet"},
    "pspnet": {"type": "PSPNet", "backbone": {"output_stride": 8}, "enable_auxiliary_loss": True},
    "deeplabv3": {"type": "DeepLabV3", "backbone": GRID, "backbone_indices": [3], **ASPP},
    "deeplabv3p": {"type": "DeepLabV3P", "backbone": GRID, "backbone_indices": [0, 3], **ASPP},
    "glore": {"type": "GloRe", "backbone": {"output_stride": 8}, "enable_auxiliary_loss": True},
    "ginet": {
        "type": "GINet",
        "backbone": {"output_stride": 8},
        "backbone_indices": [0, 1, 2, 3],
        "enable_auxiliary_loss": True,
        "jpu": True,
        "align_corners": True,
    },
}
TORCHVISION = {
    "resnet18": {}, "resnet34": {}, "resnet50": {}, "resnet101": {}, "vgg16": {}, "vgg16_bn": {},
    "fcn_resnet50": {"aux_loss": True}, "fcn_resnet101": {"aux_loss": True},
    "deeplabv3_resnet50": {"aux_loss": True}, "deeplabv3_resnet101": {"aux_loss": True},
}  # fmt: skip


def network_of(name: str) -> dict:
    """The publisher's arguments for ``pspnet_resnet50_cityscapes``."""
    kind, *middle, data = name.split("_")
    spec = {**PADDLESEG[kind], "num_classes": CLASSES[data]}
    if middle:
        spec["backbone"] = {**spec["backbone"], "type": f"ResNet{middle[0][len('resnet') :]}_vd"}
    return spec


def main(publisher: str) -> None:
    known = json.loads(gzip.decompress(FILE.read_bytes())) if FILE.is_file() else {}
    if publisher == "torchvision":
        networks = {name: Torch({"type": name, **arguments}) for name, arguments in TORCHVISION.items()}
    else:
        from paddleseg_lite.weights.published import ENTRIES

        names = [n.partition("/")[2] for n in ENTRIES if n.startswith("paddleseg/")]
        networks = {name: Paddle("paddleseg", network_of(name)) for name in names}
    for name, network in networks.items():
        shapes = {key: list(value.shape) for key, value in network.state().items()}
        known[f"{publisher}/{name}"] = {"shapes": shapes, "trainable": network.counts["trainable"]}
        print(publisher, name, len(shapes), network.counts["trainable"])
    FILE.write_bytes(gzip.compress(json.dumps(known, sort_keys=True).encode(), mtime=0))
    print(FILE, FILE.stat().st_size, "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
