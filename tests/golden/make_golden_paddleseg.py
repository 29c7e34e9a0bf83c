"""Reference outputs of PaddleSeg's networks, with the names and shapes of their weights.

Run from the repository's root where PaddleSeg 2.8.0 and Paddle are installed:

    python -m tests.golden.make_golden_paddleseg

PaddleSeg's own classes, filled with formula.py's numbers under PaddleSeg's own
names. Writes ``paddleseg.npz``: sampled logits in eval mode and of all heads in
train mode (dropout and batch norm in eval mode), the arguments of each network,
and the names and shapes of its state dictionary.
"""

from __future__ import annotations

from paddleseg_lite.interop.origin_outputs import Paddle
from tests.golden.formula import formula_image, formula_state
from tests.golden.samples import Samples

CLASSES = 5
R18 = {"type": "ResNet18_vd", "output_stride": 8}
GRID = {**R18, "multi_grid": [1, 2, 4]}
EVEN, ODD = [2, 3, 64, 96], [2, 3, 65, 97]
# the last batch norm of a residual unit, classifiers, and what a sum over pixels feeds: kept small
GAINS = {
    r"bb_\d_\d\.conv[12]\._batch_norm\.weight": 0.4,
    r"ext_conv[23]\.1\.weight": 0.3,
    r"(head\.cls|head\.conv|conv6\.1|head\.classifier|head\.decoder\.conv|auxlayer\.conv)\.weight$": 0.3,
    r"(reduction_dim|projection_mat|conv_theta|conv_phi)\.": 0.1,
    r"(extend_bn|gloru\.bn)\.weight": 0.1,
    r"gamma_(vis|word)$": 0.5,
}
CASES = {
    "fcn": ({"type": "FCN", "backbone": R18}, ODD),
    "unet": ({"type": "UNet", "align_corners": True}, ODD),
    "unet_deconv": ({"type": "UNet", "use_deconv": True}, EVEN),
    "segnet": ({"type": "SegNet"}, EVEN),
    "enet": ({"type": "ENet"}, EVEN),
    "pspnet": ({"type": "PSPNet", "backbone": R18}, ODD),
    "deeplabv3": ({"type": "DeepLabV3", "backbone": {**GRID, "output_stride": 16}}, ODD),
    "deeplabv3p": ({"type": "DeepLabV3P", "backbone": GRID, "aspp_ratios": [1, 12, 24, 36]}, ODD),
    "glore": ({"type": "GloRe", "backbone": R18}, ODD),
    "ginet": ({"type": "GINet", "backbone": {"type": "ResNet50_vd", "output_stride": 8}}, ODD),
}


def filled(shapes):
    """Formula weights; UNet's classifier has two names there and one set of numbers."""
    state = formula_state(shapes, GAINS)
    return {name: state.get(name.replace("conv.", "cls."), value) for name, value in state.items()}


def main() -> None:
    samples = Samples(CLASSES, GAINS)
    for name, (network, image) in CASES.items():
        model = Paddle("paddleseg", {**network, "num_classes": CLASSES})
        shapes = {k: list(v.shape) for k, v in model.state().items()}
        model.fill(filled(shapes))
        x = formula_image(*image)
        outputs = {"eval": model.outputs(x, "eval")[:1], "heads": model.outputs(x, "heads")}
        samples.add(name, outputs, network=network, image=image, trainable=model.counts["trainable"], shapes=shapes)
    samples.save("paddleseg.npz")


if __name__ == "__main__":
    main()
