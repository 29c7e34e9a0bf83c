"""Layers of the notes and articles, against loops over places."""

from __future__ import annotations

from itertools import product

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from paddleseg_lite.backbones.indexed import IndexedMaxPool
from paddleseg_lite.layers import BatchNorm, PyramidPooling, SeparableConv, adaptive_avg_pool, bilinear_kernel, resize
from tests.golden.formula import formula_state, uniform
from tests.sources.items import item


def draw(name, *shape):
    return uniform(name, shape).astype(np.float32)


def run(layer, *inputs):
    layer.eval()
    with paddle.no_grad():
        return layer(*(paddle.to_tensor(x) for x in inputs)).numpy()


def filled(layer):
    """The layer with the formula's weights; and these, by name."""
    state = formula_state({name: value.shape for name, value in layer.state_dict().items()})
    layer.set_state_dict(state)
    return layer, state


def convolve(x, w, *, stride=1, pad=0, rate=1, groups=1, bias=None):
    """``[N, C, H, W]`` by ``[O, C / groups, k, k]``, tap by tap."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    n, _, height, width = x.shape
    out, each, kh, kw = w.shape
    rows, columns = (height - rate * (kh - 1) - 1) // stride + 1, (width - rate * (kw - 1) - 1) // stride + 1
    y = np.zeros((n, out, rows, columns))
    for o, c, i, j in product(range(out), range(each), range(kh), range(kw)):
        source = x[:, o // (out // groups) * each + c]
        window = source[
            :, i * rate : i * rate + stride * rows : stride, j * rate : j * rate + stride * columns : stride
        ]
        y[:, o] += w[o, c, i, j] * window[:, :rows, :columns]
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def sampled(x, size, position):
    """Bilinear ``[N, C, H, W]`` at ``position(i, L, n)``, one target pixel after the other."""
    n, c, height, width = x.shape
    y = np.zeros((n, c, *size))
    for i, j in product(range(size[0]), range(size[1])):
        at = [min(max(position(*case), 0.0), case[1] - 1) for case in ((i, height, size[0]), (j, width, size[1]))]
        low = [int(a) for a in at]
        high = [min(value + 1, length - 1) for value, length in zip(low, (height, width))]
        fy, fx = at[0] - low[0], at[1] - low[1]
        top = x[:, :, low[0], low[1]] * (1 - fx) + x[:, :, low[0], high[1]] * fx
        bottom = x[:, :, high[0], low[1]] * (1 - fx) + x[:, :, high[0], high[1]] * fx
        y[:, :, i, j] = top * (1 - fy) + bottom * fy
    return y


def ends(length, n):
    """First and last pixel (exclusive) of each of n bins."""
    return [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]


MAP = draw("map", 2, 3, 9, 13)


@item("day 1", "convolution: sum over channels and taps")
def convolution():
    layer, state = filled(nn.Conv2D(3, 4, 3, stride=2, padding=1))
    return run(layer, MAP), convolve(MAP, state["weight"], stride=2, pad=1, bias=state["bias"])


@item("day 4", "dilated convolution: y[i] = sum x[i + D k] w[k]")
def dilated():
    layer, state = filled(nn.Conv2D(3, 4, 3, padding=3, dilation=3, bias_attr=False))
    return run(layer, MAP), convolve(MAP, state["weight"], pad=3, rate=3)


@item("day 2", "transposed convolution: every value spreads a kernel")
def transposed():
    layer, state = filled(nn.Conv2DTranspose(3, 2, 4, stride=2, padding=1))
    n, _, height, width = MAP.shape
    y = np.zeros((n, 2, 2 * height + 2, 2 * width + 2))
    for c, o, i, j in product(range(3), range(2), range(height), range(width)):
        y[:, o, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += MAP[:, c, i, j, None, None] * state["weight"][c, o]
    return run(layer, MAP), y[:, :, 1:-1, 1:-1] + state["bias"].reshape(1, -1, 1, 1)


@item("day 2", "bilinear resize, corners aligned: i (L - 1) / (n - 1)")
def aligned():
    ours = resize(paddle.to_tensor(MAP), (20, 31), align_corners=True).numpy()
    return ours, sampled(MAP, (20, 31), lambda i, length, n: i * (length - 1) / (n - 1))


@item("day 2", "bilinear resize, centres on centres: (i + 0.5) L / n - 0.5")
def half_pixel():
    ours = resize(paddle.to_tensor(MAP), (20, 31)).numpy()
    return ours, sampled(MAP, (20, 31), lambda i, length, n: (i + 0.5) * length / n - 0.5)


@item("MobileNet-PSPNet article", "TensorFlow 1's resize_images: i L / n")
def first_pixel():
    ours = resize(paddle.to_tensor(MAP), (20, 31), half_pixel=False).numpy()
    return ours, sampled(MAP, (20, 31), lambda i, length, n: i * length / n)


@item("day 2", "bilinear kernel of a deconvolution by f: (1 - |i - c| / f)(1 - |j - c| / f)")
def kernel():
    ours, theirs = [], []
    for size, factor, centre in ((4, 2, 1.5), (3, 2, 1.0), (16, 8, 7.5)):
        ours.append(bilinear_kernel(1, 1, size).ravel())
        ramp = [1 - abs(i - centre) / factor for i in range(size)]
        theirs.append([a * b for a, b in product(ramp, ramp)])
    return np.concatenate(ours), np.concatenate(theirs)


@item("day 2", "a deconvolution with that kernel interpolates (inside the border)")
def bilinear_deconvolution():
    weight = paddle.to_tensor(bilinear_kernel(3, 3, 8))
    ours = F.conv2d_transpose(paddle.to_tensor(MAP), weight, stride=4, padding=2).numpy()
    theirs = sampled(MAP, (36, 52), lambda i, length, n: (i + 0.5) * length / n - 0.5)
    return ours[:, :, 2:-2, 2:-2], theirs[:, :, 2:-2, 2:-2]


@item("day 2", "un-pooling: each maximum goes back to its place, zeros elsewhere")
def unpooling():
    with paddle.no_grad():
        pooled, place = IndexedMaxPool(ceil_mode=True)(paddle.to_tensor(MAP))
        ours = place.restore(pooled).numpy()
    theirs = np.zeros_like(MAP)
    for n, c, i, j in product(range(2), range(3), range(5), range(7)):
        window = MAP[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        y, x = np.unravel_index(window.argmax(), window.shape)
        theirs[n, c, 2 * i + y, 2 * j + x] = window.max()
    return ours, theirs


@item("day 3", "pooling to n bins: bin i is [floor(i L / n), ceil((i + 1) L / n))")
def bins():
    ours, theirs = [], []
    for n in (1, 2, 3, 6):
        ours.append(adaptive_avg_pool(paddle.to_tensor(MAP), n).numpy().ravel())
        pooled = [MAP[:, :, a:b, c:d].mean((2, 3)) for (a, b), (c, d) in product(ends(9, n), ends(13, n))]
        theirs.append(np.stack(pooled, -1).ravel())
    return np.concatenate(ours), np.concatenate(theirs)


@item("MobileNet-PSPNet article", "average pooling of side round(h / n), stride the same, for h = 6, 12, 18")
def pooling_of_the_article():
    ours, theirs = [], []
    for side, n in product((6, 12, 18), (1, 2, 3, 6)):
        x = draw("square", 1, 2, side, side)
        ours.append(adaptive_avg_pool(paddle.to_tensor(x), n).numpy().ravel())
        step = round(side / n)
        windows = [x[:, :, i : i + step, j : j + step] for i, j in product(range(0, side, step), repeat=2)]
        theirs.append(np.stack([w.mean((2, 3)) for w in windows], -1).ravel())
    return np.concatenate(ours), np.concatenate(theirs)


def normed(x, state, name, epsilon=1e-5):
    mean, var, scale, shift = (
        state[f"{name}.{p}"].reshape(1, -1, 1, 1) for p in ("_mean", "_variance", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + epsilon) * scale + shift


@item("day 3", "pyramid pooling: pool, 1x1, BN, ReLU, enlarge, concatenate behind the map")
def pyramid():
    layer, state = filled(PyramidPooling(3, branch_channels=2, bins=(1, 2), align_corners=True))
    maps = [MAP]
    for index, n in enumerate((1, 2)):
        pooled = np.stack(
            [np.stack([MAP[:, :, a:b, c:d].mean((2, 3)) for c, d in ends(13, n)], -1) for a, b in ends(9, n)], -2
        )
        y = convolve(pooled, state[f"branches.{index}.conv.weight"])
        y = np.maximum(normed(y, state, f"branches.{index}.bn"), 0)
        maps.append(sampled(y, (9, 13), lambda i, length, m: i * (length - 1) / (m - 1)))
    return run(layer, MAP), np.concatenate(maps, 1)


@item("day 1", "batch normalisation in training: mean and biased variance of the batch")
def batch_norm():
    layer, state = filled(BatchNorm(3))
    layer.train()
    mean, var = MAP.mean((0, 2, 3), dtype=np.float64), MAP.var((0, 2, 3), dtype=np.float64)
    theirs = (MAP - mean.reshape(1, -1, 1, 1)) / np.sqrt(var.reshape(1, -1, 1, 1) + 1e-5)
    theirs = theirs * state["weight"].reshape(1, -1, 1, 1) + state["bias"].reshape(1, -1, 1, 1)
    return layer(paddle.to_tensor(MAP)).numpy(), theirs


@item("MobileNet-PSPNet article", "Keras's momentum 0.99: the running mean moves by a hundredth")
def running_mean():
    layer, state = filled(BatchNorm(3, momentum=0.99, epsilon=1e-3))
    layer.train()
    layer(paddle.to_tensor(MAP))
    return layer._mean.numpy(), 0.99 * state["_mean"] + 0.01 * MAP.mean((0, 2, 3), dtype=np.float64)


@item("MobileNet-PSPNet article", "depthwise separable convolution: 3x3 a channel, BN, ReLU6, 1x1, BN, ReLU6")
def separable():
    layer, state = filled(SeparableConv(3, 5, stride=2, depthwise_act="relu6", act="relu6", epsilon=1e-3))
    y = convolve(MAP, state["depthwise.conv.weight"], stride=2, pad=1, groups=3)
    y = np.clip(normed(y, state, "depthwise.bn", 1e-3), 0, 6)
    y = convolve(y, state["pointwise.conv.weight"])
    return run(layer, MAP), np.clip(normed(y, state, "pointwise.bn", 1e-3), 0, 6)


@item("ENet article", "PReLU, one slope a channel")
def prelu():
    layer, state = filled(nn.PReLU(3))
    slope = state["_weight"].reshape(1, -1, 1, 1)
    return run(layer, MAP), np.where(MAP > 0, MAP, slope * MAP)


@item("ENet article", "spatial dropout: a channel goes as a whole, the others grow by 1 / (1 - p)")
def spatial_dropout():
    layer = nn.Dropout2D(0.4)
    layer.train()
    paddle.seed(0)
    y = layer(paddle.to_tensor(MAP)).numpy()
    kept = np.abs(y).max((2, 3), keepdims=True) > 0
    assert kept.any() and not kept.all()
    return y, MAP * kept / 0.6


@item("day 4", "at rate n on an n x n map, a 3x3 convolution is the 1x1 of its centre")
def degeneration():
    x = draw("small", 1, 3, 6, 6)
    layer, state = filled(nn.Conv2D(3, 4, 3, padding=6, dilation=6, bias_attr=False))
    return run(layer, x), convolve(x, state["weight"][:, :, 1:2, 1:2])


@item("day 4", "V1's MSc: classifying concatenated channels is the sum of the branches' scores")
def concat_is_sum():
    parts = [draw(f"part {i}", 1, 2, 5, 6) for i in range(3)]
    layer, state = filled(nn.Conv2D(6, 4, 1, bias_attr=False))
    weights = np.split(state["weight"], 3, axis=1)
    return run(layer, np.concatenate(parts, 1)), sum(convolve(p, w) for p, w in zip(parts, weights))
