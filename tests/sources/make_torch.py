"""Reference outputs of the course's other networks, from PyTorch functions written after its notes and articles.

Run from the repository's root where torch is installed (Paddle is not needed):

    python -m tests.sources.make_torch

Each network is a plain function of an image; it has no class in common with the package and fetches each weight
by the name it has there, from tests/golden/formula.py. Writes ``torch.npz``.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from tests.golden.formula import formula_image
from tests.golden.make_golden_vgg_family import VGG_BLOCKS, Net, bilinear_deconv
from tests.sources.taps import Taps

R50, R34 = (3, 4, 6, 3), (3, 4, 6, 3)


def aligned(y, size):
    return F.interpolate(y, size=size, mode="bilinear", align_corners=True)


def unaligned(y, size):
    return F.interpolate(y, size=size, mode="bilinear", align_corners=False)


# -- the seven days' notes -----------------------------------------------------------------------


def fcn8s(net, x, classes, width):
    """Day 2: VGG16 with BN and conv bias, 100 pixels of padding, pooling rounds up, crops 5, 9, 31."""
    maps, y = [], x
    for b, (channels, count) in enumerate(VGG_BLOCKS):
        for i in range(count):
            pad = 100 if b == i == 0 else 1
            y = net.cbr(y, f"backbone.stages.{b}.{i}", int(channels * width), 3, 1, pad, bias=True)
        y = F.max_pool2d(y, 2, 2, ceil_mode=True)
        maps.append(y)
    y = F.relu(net.conv(y, "fc6", int(4096 * width), 7))
    y = F.relu(net.conv(y, "fc7", int(4096 * width), 1))
    score = net.conv(y, "score_fr", classes, 1)
    y = bilinear_deconv(score, 2)
    skip = net.conv(maps[3], "score_skips.0", classes, 1)[:, :, 5:, 5:]
    y = bilinear_deconv(y + skip[:, :, : y.shape[2], : y.shape[3]], 2)
    skip = net.conv(maps[2], "score_skips.1", classes, 1)[:, :, 9:, 9:]
    y = bilinear_deconv(y + skip[:, :, : y.shape[2], : y.shape[3]], 8)
    out = y[:, :, 31 : 31 + x.shape[2], 31 : 31 + x.shape[3]]
    return {"pool3": maps[2], "score": score, "out": out}


def unet(net, x, classes, base):
    """Day 3: conv bias and BN, pooling rounds up, the deepest block of two 1x1, 2x2 deconvolutions."""

    def double(y, name, out, k=3):
        y = net.cbr(y, f"{name}.0", out, k, pad=k // 2, bias=True)
        return net.cbr(y, f"{name}.1", out, k, pad=k // 2, bias=True)

    maps = [double(x, "backbone.stages.0", base)]
    for level in range(1, 5):
        pooled = F.max_pool2d(maps[-1], 2, 2, ceil_mode=True)
        maps.append(double(pooled, f"backbone.stages.{level}.1", base * 2**level, 1 if level == 4 else 3))
    deep = y = maps.pop()
    for i, skip in enumerate(reversed(maps)):
        y = net.deconv(y, f"ups.{i}.up", skip.shape[1], 2, 2, 0, 0, True)
        extra = [y.shape[a] - skip.shape[a] for a in (2, 3)]  # pooling rounded up: at most one row or column more
        assert all(e in (0, 1) for e in extra)
        y = double(torch.cat([skip, y[:, :, : skip.shape[2], : skip.shape[3]]], 1), f"ups.{i}.conv", skip.shape[1])
    return {"mid": deep, "up1": y, "out": net.conv(y, "classifier", classes, 1)}


def bottlenecks(net, y, name, count, inner, stride=1, rates=(1,), project=True, first_rate=None):
    """A ResNet stage of bottlenecks; the rates are those of its units, the last one repeated."""
    for i in range(count):
        step = stride if i == 0 else 1
        rate = rates[min(i, len(rates) - 1)]
        z = net.cbr(y, f"{name}.{i}.conv1", inner, 1)
        z = net.cbr(z, f"{name}.{i}.conv2", inner, 3, step, rate, rate)
        z = net.cbr(z, f"{name}.{i}.conv3", 4 * inner, 1, relu=False)
        if i == 0 and project:
            y = net.cbr(y, f"{name}.{i}.shortcut", 4 * inner, 1, step, relu=False)
        y = F.relu(y + z)
    return y


def resnet50(net, x, width, plan):
    """Stem and stages; ``plan``: (stride, rates of the units) of each."""
    y = F.max_pool2d(net.cbr(x, "backbone.stem.0", int(64 * width), 7, 2, 3), 3, 2, 1)
    stages = []
    for s, (stride, rates) in enumerate(plan):
        inner = int(64 * 2 ** min(s, 3) * width)
        y = bottlenecks(net, y, f"backbone.stages.{s}", R50[min(s, 3)], inner, stride, rates)
        stages.append(y)
    return stages


def pspnet(net, x, classes, width):
    """Day 3: ResNet-50 at output stride 8, pyramid 1-2-3-6 after the map, aligned corners, auxiliary head."""
    stages = resnet50(net, x, width, [(1, (1,)), (2, (1,)), (1, (2,)), (1, (4,))])
    deep = stages[3]
    maps = [deep]
    for i, bins in enumerate((1, 2, 3, 6)):
        z = net.cbr(F.adaptive_avg_pool2d(deep, bins), f"pyramid.branches.{i}", deep.shape[1] // 4, 1)
        maps.append(aligned(z, deep.shape[2:]))
    pyramid = torch.cat(maps, 1)
    y = net.conv(net.cbr(pyramid, "head", 32, 3, pad=1), "classifier", classes, 1)
    z = net.cbr(stages[2], "aux_head.conv", stages[2].shape[1] // 4, 3, pad=1)
    aux = aligned(net.conv(z, "aux_head.classifier", classes, 1), x.shape[2:])
    return {"stage4": deep, "pyramid": pyramid, "aux": aux, "out": aligned(y, x.shape[2:])}


def aspp(net, deep, rates, out, resize, bias):
    maps = [net.cbr(deep, "aspp.branches.0", out, 1, bias=bias)]
    for i, rate in enumerate(rates):
        maps.append(net.cbr(deep, f"aspp.branches.{i + 1}", out, 3, pad=rate, dilation=rate, bias=bias))
    pooled = net.cbr(deep.mean((2, 3), keepdim=True), "aspp.image_pool", out, 1, bias=bias)
    maps.append(resize(pooled, deep.shape[2:]))
    return net.cbr(torch.cat(maps, 1), "aspp.project", out, 1, bias=bias)


def course_deeplab(net, x, classes, width):
    """Day 4: blocks 5 to 7 with projections (multi-grid 1, 2, 4 on 1, 1, 2, 4), then ASPP 12, 24, 36, then 3x3."""
    grid = [tuple(base * g for g in (1, 2, 4)) for base in (1, 1, 2, 4)]
    plan = [(1, (1,)), (2, (1,)), (1, (2,)), *((1, rates) for rates in grid)]
    stages = resnet50(net, x, width, plan)
    y = aspp(net, stages[-1], (12, 24, 36), 256, aligned, True)
    features = y
    y = net.cbr(y, "head.0", 256, 3, pad=1, bias=True)
    y = net.conv(y, "classifier", classes, 1)
    return {"block7": stages[-1], "aspp": features, "out": aligned(y, x.shape[2:])}


# -- the article on DeepLab V3 with multi-grid ---------------------------------------------------


def article_deeplab(net, x, classes, width, output_stride):
    if output_stride == 8:
        plan, rates = [(1, (1,)), (2, (1,)), (1, (2,)), (1, (2, 4, 2))], (12, 24, 36)
    else:
        plan, rates = [(1, (1,)), (2, (1,)), (2, (1,)), (1, (2, 4, 8))], (6, 12, 18)
    stages = resnet50(net, x, width, plan)
    features = aspp(net, stages[-1], rates, 256, aligned, False)
    y = net.conv(features, "classifier", classes, 1, bias=False)
    return {"block4": stages[-1], "aspp": features, "out": aligned(y, x.shape[2:])}


# -- the article on progressive PSPNet -----------------------------------------------------------


def progressive(net, x, classes, width):
    """ResNet-34 at output stride 8; pyramid without norm, [bins, map]; three doublings; image-level head."""
    y = F.max_pool2d(net.cbr(x, "backbone.stem.0", int(64 * width), 7, 2, 3), 3, 2, 1)
    stages = []
    for s, (stride, rate) in enumerate(((1, 1), (2, 1), (1, 2), (1, 4))):
        channels = int(64 * 2**s * width)
        for i in range(R34[s]):
            name, step = f"backbone.stages.{s}.{i}", stride if i == 0 else 1
            z = net.cbr(y, f"{name}.conv1", channels, 3, step, rate, rate)
            z = net.cbr(z, f"{name}.conv2", channels, 3, 1, rate, rate, relu=False)
            if i == 0 and s > 0:
                y = net.cbr(y, f"{name}.shortcut", channels, 1, step, relu=False)
            y = F.relu(y + z)
        stages.append(y)
    deep = stages[3]
    maps = []
    for i, bins in enumerate((1, 2, 3, 6)):
        z = net.conv(F.adaptive_avg_pool2d(deep, bins), f"pyramid.branches.{i}", deep.shape[1], 1, bias=False)
        maps.append(unaligned(z, deep.shape[2:]))
    pyramid = torch.cat([*maps, deep], 1)
    y = F.relu(net.conv(pyramid, "bottleneck", 64, 1))
    first = None
    for i, out in enumerate((32, 16, 16)):
        y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        y = net.bn(net.conv(y, f"ups.{i}.conv", out, 3, pad=1), f"ups.{i}.bn")
        y = net.prelu(y, f"ups.{i}.act", 1)
        first = y if first is None else first
    y = net.conv(y, "classifier", classes, 1)
    strongest = stages[2].amax((2, 3))
    # The package keeps a Linear's weight as [in, out].
    hidden = F.relu(
        strongest @ net.weight("presence.0.weight", strongest.shape[1], 32) + net.weight("presence.0.bias", 32)
    )
    presence = hidden @ net.weight("presence.2.weight", 32, classes) + net.weight("presence.2.bias", classes)
    return {"pyramid": pyramid, "up1": first, "presence": presence, "out": unaligned(y, x.shape[2:])}


UNITS = {r"\.conv3\.bn\.weight": 0.3, r"classifier\.weight$": 0.3}
BASIC = {r"\.conv2\.bn\.weight": 0.3, r"classifier\.weight$": 0.5, r"presence": 0.5}
SMALL = {"type": "ResNet50", "width": 0.125}

# source, function, spec, classes, image, arguments, gains, {key: (title, layer here)}
CASES = {
    "course_fcn8s": (
        "day 2",
        fcn8s,
        {"type": "course_fcn8s", "width": 0.0625},
        59,
        [1, 3, 64, 97],
        {"width": 0.0625},
        {"^score": 0.6},
        {
            "pool3": ("FCN-8s: pool3 of VGG16 with BN", "backbone.stages.2"),
            "score": ("FCN-8s: class scores at stride 32", "score_fr"),
            "out": ("FCN-8s: logits, two fusions and three crops", ""),
        },
    ),
    "course_unet": (
        "day 3",
        unet,
        {"type": "UNet", "style": "course", "base_channels": 8},
        59,
        [1, 3, 45, 70],
        {"base": 8},
        {},
        {
            "mid": ("UNet: the deepest block, two 1x1", "backbone.stages.4"),
            "up1": ("UNet: the last level of the expanding path", "ups.3"),
            "out": ("UNet: logits", ""),
        },
    ),
    "course_pspnet": (
        "day 3",
        pspnet,
        {"type": "PSPNet", "backbone": SMALL, "head_channels": 32, "align_corners": True},
        59,
        [2, 3, 65, 97],
        {"width": 0.125},
        UNITS,
        {
            "stage4": ("PSPNet: ResNet-50 dilated by 2 and 4", "backbone.stages.3"),
            "pyramid": ("PSPNet: pyramid pooling, concatenated", "pyramid"),
            "aux": ("PSPNet: the auxiliary head", "aux"),
            "out": ("PSPNet: logits, aligned corners", ""),
        },
    ),
    "course_deeplab": (
        "day 4",
        course_deeplab,
        {"type": "course_deeplab", "backbone": SMALL},
        59,
        [1, 3, 65, 97],
        {"width": 0.125},
        UNITS,
        {
            "block7": ("DeepLab V3 of the notes: blocks 5 to 7, multi-grid", "backbone.stages.6"),
            "aspp": ("DeepLab V3 of the notes: ASPP 12, 24, 36", "aspp"),
            "out": ("DeepLab V3 of the notes: logits, aligned corners", ""),
        },
    ),
    **{
        f"article_deeplab_{stride}": (
            "DeepLab article",
            article_deeplab,
            {"type": "deeplab_v3_article", "output_stride": stride, "backbone": SMALL},
            21,
            [1, 3, 65, 97],
            {"width": 0.125, "output_stride": stride},
            UNITS,
            {
                "block4": (f"block 4 at output stride {stride}: base rate 2, grid {grid}", "backbone.stages.3"),
                "aspp": (f"ASPP at output stride {stride}: {rates} and image pooling", "aspp"),
                "out": (f"logits at output stride {stride}, no bias, aligned corners", ""),
            },
        )
        for stride, grid, rates in ((8, "1, 2, 1", "12, 24, 36"), (16, "1, 2, 4", "6, 12, 18"))
    },
    "progressive": (
        "progressive PSPNet article",
        progressive,
        {
            "type": "PSPNetProgressive",
            "backbone": {"type": "ResNet34", "width": 0.25},
            "bottleneck_channels": 64,
            "up_channels": [32, 16, 16],
            "presence_channels": 32,
        },
        21,
        [2, 3, 64, 96],
        {"width": 0.25},
        BASIC,
        {
            "pyramid": ("pyramid without norm, bins before the map", "pyramid"),
            "up1": ("bilinear doubling, 3x3, BN, PReLU", "ups.0"),
            "presence": ("image-level head: global maximum, two linear layers", "presence"),
            "out": ("logits after three doublings", ""),
        },
    ),
}


def main() -> None:
    torch.set_grad_enabled(False)
    taps = Taps()
    for name, (source, function, spec, classes, image, arguments, gains, places) in CASES.items():
        net = Net(gains)
        outputs = function(net, torch.from_numpy(formula_image(*image)), classes, **arguments)
        buffers = ("._mean", "._variance")
        trained = sum(int(np.prod(s)) for n, s in net.shapes.items() if not n.endswith(buffers))
        values = {key: value.numpy() for key, value in outputs.items()}
        facts = {"source": source, "spec": spec, "num_classes": classes, "image": image, "gains": gains}
        taps.add(name, values, places, **facts, parameters=trained)
    taps.save("torch.npz")


if __name__ == "__main__":
    main()
