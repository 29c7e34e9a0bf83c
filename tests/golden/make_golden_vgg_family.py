"""Reference outputs of FCN, SegNet, ENet, DeepLab V1 and V2, from PyTorch functions written after the papers.

Run from the repository's root where torch is installed (Paddle is not needed):

    python -m tests.golden.make_golden_vgg_family

Each network below is a plain function of an image: operators in the order of the
paper or of the authors' definition, with no class in common with the package.
A weight is asked for by the name it has in the package, and comes from
formula.py on both sides. Writes ``vgg_family.npz``: sampled logits, and what is
needed to build the same network and image again.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tests.golden.formula import formula_image, formula_weights

SAMPLES = 1500
VGG_BLOCKS = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]


class Net:
    """Operators that fetch their weights by name and remember which ones they used."""

    def __init__(self, gains, eps=1e-5):
        self.shapes, self.gains, self.eps = {}, gains, eps

    def weight(self, name, *shape):
        self.shapes[name] = list(shape)
        return torch.from_numpy(formula_weights(name, shape, self.gains))

    def conv(self, x, name, out, k, stride=1, pad=0, dilation=1, bias=True):
        kh, kw = k if isinstance(k, tuple) else (k, k)
        weight = self.weight(f"{name}.weight", out, x.shape[1], kh, kw)
        return F.conv2d(x, weight, self.weight(f"{name}.bias", out) if bias else None, stride, pad, dilation)

    def deconv(self, x, name, out, k, stride, pad, extra, bias):
        weight = self.weight(f"{name}.weight", x.shape[1], out, k, k)
        return F.conv_transpose2d(x, weight, self.weight(f"{name}.bias", out) if bias else None, stride, pad, extra)

    def bn(self, x, name):
        mean, var, scale, shift = (
            self.weight(f"{name}.{part}", x.shape[1]) for part in ("_mean", "_variance", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, scale, shift, False, 0.0, self.eps)

    def prelu(self, x, name, count):
        return F.prelu(x, self.weight(f"{name}._weight", count))

    def cbr(self, x, name, out, k, stride=1, pad=0, dilation=1, bias=False, relu=True):
        x = self.bn(self.conv(x, f"{name}.conv", out, k, stride, pad, dilation, bias), f"{name}.bn")
        return F.relu(x) if relu else x


def up(x, size):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def vgg(net, x, width, *, first_pad=1, kernel=2, strides=(2, 2, 2, 2, 2), ceil=False, last_rate=1):
    """The five pooled maps of VGG16."""
    maps = []
    for b, (channels, count) in enumerate(VGG_BLOCKS):
        for i in range(count):
            rate = last_rate if b == 4 else 1
            pad = first_pad if b == i == 0 else rate
            x = F.relu(net.conv(x, f"backbone.stages.{b}.{i}.conv", int(channels * width), 3, 1, pad, rate))
        x = F.max_pool2d(x, kernel, strides[b], (kernel - 1) // 2, ceil_mode=ceil)
        maps.append(x)
    return maps


def deeplab_vgg(net, x, width):
    return vgg(net, x, width, kernel=3, strides=(2, 2, 2, 1, 1), last_rate=2)


def bilinear_deconv(x, factor):
    """Deconvolution by a tent in each channel, without padding."""
    ramp = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    weight = (ramp[:, None] * ramp[None, :]).expand(x.shape[1], 1, -1, -1)
    return F.conv_transpose2d(x, weight, stride=factor, groups=x.shape[1])


def fcn8s(net, x, classes, width):
    _, _, pool3, pool4, pool5 = vgg(net, x, width, first_pad=100, ceil=True)
    y = F.relu(net.conv(pool5, "fc6", int(4096 * width), 7))
    y = F.relu(net.conv(y, "fc7", int(4096 * width), 1))
    y = bilinear_deconv(net.conv(y, "score_fr", classes, 1), 2)
    skip = net.conv(pool4, "score_skips.0", classes, 1)[:, :, 5:, 5:]
    y = bilinear_deconv(y + skip[:, :, : y.shape[2], : y.shape[3]], 2)
    skip = net.conv(pool3, "score_skips.1", classes, 1)[:, :, 9:, 9:]
    y = bilinear_deconv(y + skip[:, :, : y.shape[2], : y.shape[3]], 8)
    return y[:, :, 31 : 31 + x.shape[2], 31 : 31 + x.shape[3]]


def segnet(net, x, classes, width):
    places = []
    for b, (channels, count) in enumerate(VGG_BLOCKS):
        for i in range(count):
            x = net.cbr(x, f"backbone.stages.{b}.{i}", int(channels * width), 3, pad=1, bias=True)
        size = x.shape[2:]
        x, index = F.max_pool2d(x, 2, 2, ceil_mode=True, return_indices=True)
        places.append((index, size))
    decoder = [(512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,)]
    for d, (outs, (index, size)) in enumerate(zip(decoder, reversed(places))):
        x = F.max_unpool2d(x, index, 2, 2, output_size=size)
        for i, out in enumerate(outs):
            x = net.cbr(x, f"decoder.{d}.{i}", int(out * width), 3, pad=1, bias=True)
    return net.conv(x, "classifier", classes, 3, pad=1)


def enet(net, x, classes, *, paper):
    """Full width. ``paper``: the authors' Lua; else the PyTorch port."""
    net.eps = 1e-3 if paper else 1e-5

    def act(y, name, encoder=True):
        return net.prelu(y, name, y.shape[1] if paper else 1) if encoder else F.relu(y)

    def bottleneck(y, name, out, *, down=False, rate=1, asymmetric=False, encoder=True, dropout=True):
        inner = (out if paper else y.shape[1]) // 4
        place, main = None, y
        if down:
            main, index = F.max_pool2d(y, 2, 2, return_indices=True)
            place = (index, y.shape[2:])
            main = torch.cat([main, main.new_zeros(main.shape[0], out - y.shape[1], *main.shape[2:])], 1)
        ext = net.conv(y, f"{name}.ext.0.0", inner, 2 if down else 1, 2 if down else 1, bias=False)
        ext = act(net.bn(ext, f"{name}.ext.0.1"), f"{name}.ext.0.2", encoder)
        at = 1
        if asymmetric and paper:
            ext, at = net.conv(ext, f"{name}.ext.1", inner, (5, 1), pad=(2, 0), bias=False), 2
        elif asymmetric:
            ext, at = net.conv(ext, f"{name}.ext.1.0", inner, (5, 1), pad=(2, 0), bias=False), 2
            ext = act(net.bn(ext, f"{name}.ext.1.1"), f"{name}.ext.1.2", encoder)
        if asymmetric:
            ext = net.conv(ext, f"{name}.ext.{at}.0", inner, (1, 5), pad=(0, 2), bias=paper)
        else:
            ext = net.conv(ext, f"{name}.ext.{at}.0", inner, 3, pad=rate, dilation=rate, bias=paper)
        ext = act(net.bn(ext, f"{name}.ext.{at}.1"), f"{name}.ext.{at}.2", encoder)
        last = f"{name}.ext.{at + 1}" + (".0" if dropout else "")
        ext = net.bn(net.conv(ext, f"{last}.0", out, 1, bias=False), f"{last}.1")
        if not paper:
            ext = act(ext, f"{last}.2", encoder)
        return act(main + ext, f"{name}.act", encoder), place

    def rise(y, name, out, place):
        inner = (out if paper else y.shape[1]) // 4
        index, size = place
        main = net.bn(net.conv(y, f"{name}.main.conv", out, 1, bias=False), f"{name}.main.bn")
        main = F.max_unpool2d(main, index, 2, 2, output_size=size)
        ext = F.relu(net.bn(net.conv(y, f"{name}.squeeze.0", inner, 1, bias=False), f"{name}.squeeze.1"))
        if paper:
            ext = net.deconv(ext, f"{name}.deconv", inner, 3, 2, 1, 1, True)
        else:
            ext = net.deconv(ext, f"{name}.deconv", inner, 2, 2, 0, 0, False)
        ext = F.pad(ext, [0, size[1] - ext.shape[3], 0, size[0] - ext.shape[2]])
        ext = F.relu(net.bn(ext, f"{name}.bn"))
        last = f"{name}.expand" + ("" if paper else ".0")
        ext = net.bn(net.conv(ext, f"{last}.0", out, 1, bias=False), f"{last}.1")
        return F.relu(main + (ext if paper else F.relu(ext)))

    height, width = x.shape[2:]
    stage = "backbone.stages"
    pooled = F.max_pool2d(x, 2, 2, ceil_mode=True) if paper else F.max_pool2d(x, 3, 2, 1)
    x = torch.cat([net.conv(x, f"{stage}.0.0.conv", 13, 3, 2, 1, bias=paper), pooled], 1)
    x = act(net.bn(x, f"{stage}.0.0.bn"), f"{stage}.0.0.act")
    x, place1 = bottleneck(x, f"{stage}.0.1", 64, down=True)
    for i in range(2, 6):
        x, _ = bottleneck(x, f"{stage}.0.{i}", 64)
    x, place2 = bottleneck(x, f"{stage}.1.0", 128, down=True)
    for s, first in ((1, 1), (2, 0)):
        kinds = [(1, False), (2, False), (1, True), (4, False), (1, False), (8, False), (1, True), (16, False)]
        for i, (rate, asymmetric) in enumerate(kinds):
            x, _ = bottleneck(x, f"{stage}.{s}.{first + i}", 128, rate=rate, asymmetric=asymmetric)
    x = rise(x, "decoder.up4", 64, place2)
    for i in range(2):
        x, _ = bottleneck(x, f"decoder.stage4.{i}", 64, encoder=False, dropout=not paper)
    x = rise(x, "decoder.up5", 16, place1)
    x, _ = bottleneck(x, "decoder.stage5.0", 16, encoder=False, dropout=not paper)
    if paper:
        x = net.deconv(x, "decoder.fullconv", classes, 2, 2, 0, 0, True)
    else:
        x = net.deconv(x, "decoder.fullconv", classes, 3, 2, 1, 1, False)
    return x[:, :, :height, :width]


def fc6_fc7(net, x, name, channels, k, rate):
    x = F.relu(net.conv(x, f"{name}.0", channels, k, pad=(k - 1) * rate // 2, dilation=rate))
    return F.relu(net.conv(x, f"{name}.3", channels, 1))


def deeplab_v1_msc(net, x, classes, width):
    maps = deeplab_vgg(net, x, width)
    y = F.avg_pool2d(maps[4], 3, 1, 1)
    y = net.conv(fc6_fc7(net, y, "fc", int(1024 * width), 3, 12), "scores.0", classes, 1)
    for i, (source, stride) in enumerate(zip([x, *maps[:4]], (8, 4, 2, 1, 1))):
        z = F.relu(net.conv(source, f"branches.{i}.0", int(128 * width), 3, stride, 1))
        z = F.relu(net.conv(z, f"branches.{i}.3", int(128 * width), 1))
        y = y + net.conv(z, f"scores.{i + 1}", classes, 1)
    return up(y, x.shape[2:])


def deeplab_v2_vgg(net, x, classes, width):
    deep = deeplab_vgg(net, x, width)[4]
    y = 0
    for i, rate in enumerate((6, 12, 18, 24)):
        z = fc6_fc7(net, deep, f"aspp.fcs.{i}", int(1024 * width), 3, rate)
        y = y + net.conv(z, f"aspp.scores.{i}", classes, 1)
    return up(y, x.shape[2:])


def deeplab_v2_resnet(net, x, classes, width):
    """ResNet-50, Caffe's: stride on the first 1x1, pooling rounds up, rates 2 and 4; three scales, maximum."""

    def trunk(y):
        y = net.cbr(y, "backbone.stem.0", int(64 * width), 7, 2, 3)
        y = F.max_pool2d(y, 3, 2, 1, ceil_mode=True)
        for s, (count, stride, rate) in enumerate(((3, 1, 1), (4, 2, 1), (6, 1, 2), (3, 1, 4))):
            inner = int(64 * 2**s * width)
            for i in range(count):
                name, step = f"backbone.stages.{s}.{i}", stride if i == 0 else 1
                z = net.cbr(y, f"{name}.conv1", inner, 1, step)
                z = net.cbr(z, f"{name}.conv2", inner, 3, 1, rate, rate)
                z = net.cbr(z, f"{name}.conv3", 4 * inner, 1, relu=False)
                if i == 0:
                    y = net.cbr(y, f"{name}.shortcut", 4 * inner, 1, step, relu=False)
                y = F.relu(y + z)
        return y

    def logits(image):
        deep = trunk(image)
        return sum(
            net.conv(deep, f"aspp.branches.{i}", classes, 3, pad=rate, dilation=rate)
            for i, rate in enumerate((6, 12, 18, 24))
        )

    scores = [logits(x)]
    for scale in (0.75, 0.5):
        small = up(x, [int(side * scale) for side in x.shape[2:]])
        scores.append(up(logits(small), scores[0].shape[2:]))
    return up(torch.stack(scores).amax(0), x.shape[2:])


# function, network, classes, image, arguments, gains that keep activations and logits at O(1)
RESIDUAL = {r"\.ext\..*\.1\.weight$": 0.6}
CASES = {
    "fcn8s": (fcn8s, {"type": "FCN8s", "width": 0.125}, 21, [1, 3, 65, 97], {"width": 0.125}, {"^score": 0.4}),
    "segnet": (
        segnet,
        {"type": "SegNet", "width": 0.5},
        11,
        [1, 3, 45, 70],
        {"width": 0.5},
        {r"decoder\.\d\.0\.conv\.weight": 1.6},  # unpooling leaves three quarters at zero
    ),
    "enet_paper": (enet, {"type": "ENet"}, 19, [2, 3, 64, 96], {"paper": True}, RESIDUAL),
    "enet_paper_odd": (enet, {"type": "ENet"}, 19, [1, 3, 45, 67], {"paper": True}, RESIDUAL),
    "enet_pytorch": (enet, {"type": "ENet", "style": "pytorch"}, 19, [2, 3, 64, 96], {"paper": False}, RESIDUAL),
    "enet_pytorch_odd": (enet, {"type": "ENet", "style": "pytorch"}, 19, [1, 3, 45, 67], {"paper": False}, RESIDUAL),
    "deeplab_v1_msc": (
        deeplab_v1_msc,
        {"type": "DeepLabV1", "msc": True, "width": 0.25},
        21,
        [1, 3, 65, 97],
        {"width": 0.25},
        {"^scores": 0.15},
    ),
    "deeplab_v2_vgg": (
        deeplab_v2_vgg,
        {"type": "DeepLabV2", "backbone": "VGG16", "width": 0.25},
        21,
        [1, 3, 65, 97],
        {"width": 0.25},
        {r"\.scores\.": 0.4},
    ),
    "deeplab_v2_resnet50_msc": (
        deeplab_v2_resnet,
        {"type": "DeepLabV2", "backbone": "ResNet50", "msc_scales": [0.75, 0.5], "width": 0.5},
        21,
        [1, 3, 65, 97],
        {"width": 0.5},
        {r"\.conv3\.bn\.weight": 0.3, r"\.branches\.": 0.2},
    ),
}


def shapes_digest(shapes) -> int:
    """One number for a set of names and shapes."""
    return zlib.crc32(json.dumps(sorted([name, list(map(int, shape))] for name, shape in shapes.items())).encode())


def main() -> None:
    torch.set_grad_enabled(False)
    arrays, index = {}, {}
    for name, (function, spec, classes, image, arguments, gains) in CASES.items():
        net = Net(gains)
        out = function(net, torch.from_numpy(formula_image(*image)), classes, **arguments).numpy()
        assert list(out.shape) == [image[0], classes, *image[2:]]
        step = max(1, out.size // SAMPLES)
        arrays[name] = out.reshape(-1)[::step]
        index[name] = {
            "spec": spec,
            "num_classes": classes,
            "image": image,
            "gains": gains,
            "step": step,
            "shapes": shapes_digest(net.shapes),
        }
        print(f"{name:26s} mean {out.mean():8.3f} std {out.std():8.3f} parameters {len(net.shapes)}")
    path = Path(__file__).with_name("vgg_family.npz")
    np.savez_compressed(path, index=json.dumps(index), **arrays)
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
