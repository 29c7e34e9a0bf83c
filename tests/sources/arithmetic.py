"""Sizes, fields of view, crops and rates: whole numbers, so the two sides must be equal."""

from __future__ import annotations

import numpy as np
import paddle
from paddle import nn

from paddleseg_lite.backbones import ResNet50
from paddleseg_lite.models import build_model
from paddleseg_lite.models.deeplab_v1 import HEADS, nominal_field_of_view
from paddleseg_lite.models.summary import summarize
from paddleseg_lite.optim.schedules import PolynomialDecay
from tests.sources.items import item


@item("day 2", "size after a convolution: floor((H + 2p - D(k - 1) - 1) / S) + 1", tolerance=0)
def convolution_sizes():
    grid = [(h, k, s, p, d) for h in (7, 12, 33) for k in (1, 3, 5) for s in (1, 2) for p in (0, 1, 6) for d in (1, 2)]
    grid = [case for case in grid if case[0] + 2 * case[3] > case[4] * (case[1] - 1)]
    ours = [nn.Conv2D(1, 1, k, s, p, d)(paddle.zeros([1, 1, h, h])).shape[2] for h, k, s, p, d in grid]
    # Count the places where the dilated kernel fits into the padded row.
    theirs = [len(range(0, h + 2 * p - d * (k - 1), s)) for h, k, s, p, d in grid]
    return ours, theirs


@item("day 4", "a 3x3 convolution of rate D with padding D keeps the size (H = 64, D = 6: 64)", tolerance=0)
def dilated_keeps_the_size():
    return [nn.Conv2D(1, 1, 3, 1, d, d)(paddle.zeros([1, 1, 64, 64])).shape[2] for d in (1, 2, 6, 12)], [64] * 4


@item("day 2", "size after a transposed convolution: (H - 1)S - 2p + D(k - 1) + output padding + 1", tolerance=0)
def transposed_sizes():
    grid = [(h, k, s, p) for h in (3, 8) for k in (2, 3, 4, 16) for s in (2, 8) for p in (0, 1) if k > 2 * p]
    ours = [nn.Conv2DTranspose(1, 1, k, s, p)(paddle.zeros([1, 1, h, h])).shape[2] for h, k, s, p in grid]
    theirs = [max(i * s + j for i in range(h) for j in range(k)) + 1 - 2 * p for h, k, s, p in grid]
    return ours, theirs


@item("day 2", "receptive field of VGG16: pool5 and fc6, pixel by pixel through the layers", tolerance=0)
def receptive_field():
    with paddle.LazyGuard():
        model = build_model({"type": "FCN32s", "width": 1 / 32}, num_classes=2)
    rows = {row.name: row.receptive_field for row in summarize(model, (1, 3, 512, 512)).rows}
    pool5 = max(size for name, size in rows.items() if name.startswith("backbone."))
    layers = [layer for count in (2, 2, 3, 3, 3) for layer in [(3, 1)] * count + [(2, 2)]]  # kernel, stride

    def seen(stack):
        pixels = {0}
        for kernel, stride in reversed(stack):
            pixels = {p * stride + k for p in pixels for k in range(kernel)}
        return max(pixels) - min(pixels) + 1

    return [pool5, rows["fc6"]], [seen(layers), seen([*layers, (7, 1)])]


@item("day 4", "effective kernel of a dilated convolution: k + (k - 1)(D - 1)", tolerance=0)
def effective_kernel():
    ours, theirs = [], []
    for k, d in ((3, 1), (3, 2), (3, 12), (5, 4)):
        conv = nn.Conv2D(1, 1, k, dilation=d, weight_attr=nn.initializer.Constant(1.0), bias_attr=False)
        x = paddle.zeros([1, 1, 64, 64])
        x.stop_gradient = False
        conv(x)[0, 0, 0, 0].backward()
        ours.append(int(np.flatnonzero(x.grad.numpy()[0, 0].max(0)).max()) + 1)
        theirs.append(k + (k - 1) * (d - 1))
    return ours, theirs


@item("day 4", "field of view of DeepLab V1's table: (k - 1) rate 8 + 32", tolerance=0)
def nominal_fields():
    published = {"largefov": 224, "7x7": 224, "4x4": 128, "4x4_rate8": 224}
    return [nominal_field_of_view(head) for head in HEADS], [published[head] for head in HEADS]


@item("day 2", "FCN's crops 19; 5, 27; 5, 9, 31, from the centres of all layers", tolerance=0)
def crops():
    ours, theirs = [], []
    for name in ("FCN32s", "FCN16s", "FCN8s"):
        with paddle.LazyGuard():
            model = build_model({"type": name, "width": 1 / 32}, num_classes=2)
        ours += [offset for _, offset in model.skips] + [model.last[1]]
        # First sample of a map and its step, in pixels: conv1 has 99 outside, a pool of stride s adds s / 2 - 0.5,
        # fc6 adds 3 steps; a deconvolution by f has its sample f i + f - 0.5 where sample i was.
        first, step = 15.5 - 99 + 3 * 32, 32
        for skip, _ in model.skips:
            first, step = first - step * 1.5 / 2, step // 2
            theirs.append((first - (skip / 2 - 0.5 - 99)) / step)  # of the pooled map, over the enlarged scores
        factor = model.last[0]
        theirs.append(-(first - step * (factor - 0.5) / factor))  # of the enlarged scores, over the image
    return ours, theirs


@item("day 3", "UNet with valid convolutions: n = 188, 252, 572 to n - 184", tolerance=0)
def unet_sizes():
    def valid(n):
        size, skips = n, []
        for _ in range(4):
            size -= 4
            skips.append(size)
            size //= 2
        size -= 4
        for _ in skips:
            size = 2 * size - 4
        return size

    model = build_model({"type": "UNet", "style": "original", "base_channels": 2}, num_classes=2)
    model.eval()
    ours = [model(paddle.zeros([1, 3, n, n]))["out"].shape[2] for n in (188, 252, 572)]
    return ours, [valid(n) for n in (188, 252, 572)]


@item("day 4", "output stride 8: strides and rates of the stages; a stride becomes twice the rate", tolerance=0)
def output_stride():
    backbone = ResNet50(output_stride=8, width=0.0625)
    rates = [stage[-1].conv2.conv._dilation[0] for stage in backbone.stages]
    stride, rate, expected = 4, 1, []
    for step in (1, 2, 2, 2):
        stride, rate = (stride * step, rate) if stride * step <= 8 else (stride, rate * 2)
        expected.append((stride, rate))
    return [*backbone.strides, *rates], [*(s for s, _ in expected), *(r for _, r in expected)]


@item("DeepLab article", "poly: base (1 - it / max)^0.9")
def poly():
    schedule = PolynomialDecay(learning_rate=0.007, iters=30, power=0.9)
    ours = []
    for _ in range(31):
        ours.append(schedule.get_lr())
        schedule.step()
    return ours, [0.007 * (1 - it / 30) ** 0.9 for it in range(31)]


@item("DeepLab article", "learning-rate groups: the backbone once, the rest ten times, all of it once", tolerance=0)
def groups():
    spec = {"type": "deeplab_v3_article", "backbone": {"type": "ResNet50", "width": 0.0625}}
    model = build_model(spec, num_classes=3)
    found = {g["learning_rate"]: sum(int(p.size) for p in g["params"]) for g in model.parameter_groups()}
    total = sum(int(p.size) for p in model.parameters() if not p.stop_gradient)
    backbone = sum(int(p.size) for p in model.backbone.parameters() if not p.stop_gradient)
    return [found[1.0], found[10.0]], [backbone, total - backbone]
