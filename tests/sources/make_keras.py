"""Reference outputs of the course's two Keras networks, computed by Keras 3 itself (PyTorch backend).

Run from the repository's root where both are installed (Paddle is not needed):

    KERAS_BACKEND=torch python -m tests.sources.make_keras

The two networks are written here with Keras's layers after what the articles say. A weight is asked for by the
name that it has in the package and comes from tests/golden/formula.py on both sides, so that ``keras.npz`` holds
sampled logits and parameter counts alone.

TensorFlow 1's ``resize_images`` no longer exists; :func:`resize_images` is its rule written out: target pixel i
samples the source at ``i * source / target``.
"""

from __future__ import annotations

import keras
import numpy as np
import torch
from keras import layers, ops

from tests.golden.formula import formula_image, formula_weights, uniform
from tests.sources.taps import Taps

KERNEL, DEPTHWISE, VECTOR = (2, 3, 1, 0), (2, 3, 0, 1), None  # the package's axes in Keras's order
SECTION = ({}, {"rate": 2}, {"asymmetric": True}, {"rate": 4}, {}, {"rate": 8}, {"asymmetric": True}, {"rate": 16})


class Book:
    """Makes layers and remembers by which names the package knows their weights."""

    def __init__(self, gains, **norm):
        self.gains, self.norm, self.entries = gains, norm, []

    def conv(self, x, name, out, kernel, *, bias=True, **options):
        return self._call(layers.Conv2D(out, kernel, use_bias=bias, **options), x, name, KERNEL, bias)

    def depthwise(self, x, name, **options):
        return self._call(layers.DepthwiseConv2D(3, use_bias=False, **options), x, name, DEPTHWISE, False)

    def deconv(self, x, name, out, kernel):
        return self._call(layers.Conv2DTranspose(out, kernel, strides=2, padding="same"), x, name, KERNEL, True)

    def bn(self, x, name):
        layer = layers.BatchNormalization(**self.norm)
        y = layer(x)
        self.entries.append((layer, [(f"{name}.{part}", VECTOR) for part in ("weight", "bias", "_mean", "_variance")]))
        return y

    def prelu(self, x, name):
        layer = layers.PReLU(shared_axes=[1, 2])
        y = layer(x)
        self.entries.append((layer, [(f"{name}._weight", VECTOR)]))
        return y

    def _call(self, layer, x, name, axes, bias):
        y = layer(x)
        self.entries.append((layer, [(f"{name}.weight", axes)] + [(f"{name}.bias", VECTOR)] * bias))
        return y

    def fill(self) -> None:
        """Give every layer the numbers that the formula has for its name and shape."""
        for layer, parts in self.entries:
            values = []
            for (name, axes), current in zip(parts, layer.get_weights(), strict=True):
                if axes is VECTOR:
                    value = formula_weights(name, [current.size], self.gains).reshape(current.shape)
                else:
                    ours = [current.shape[axes.index(i)] for i in range(4)]
                    value = formula_weights(name, ours, self.gains).transpose(axes)
                values.append(value)
            layer.set_weights(values)


def enet(book, image, classes):
    """The article's ENet, without the convolutions whose result it drops: Keras leaves them out of the model."""

    def bottleneck(x, name, out, *, down=False, rate=1, asymmetric=False):
        inner, side, main = out // 4, 2 if down else 1, x
        y = book.conv(x, f"{name}.ext.0.0", inner, side, strides=side, bias=False)
        y = book.prelu(book.bn(y, f"{name}.ext.0.1"), f"{name}.ext.0.2")
        at = 1
        if asymmetric:
            y, at = book.conv(y, f"{name}.ext.1", inner, (5, 1), padding="same", bias=False), 2
            y = book.conv(y, f"{name}.ext.2.0", inner, (1, 5), padding="same")
        else:
            y = book.conv(y, f"{name}.ext.1.0", inner, 3, padding="same", dilation_rate=rate)
        y = book.prelu(book.bn(y, f"{name}.ext.{at}.1"), f"{name}.ext.{at}.2")
        last = f"{name}.ext.{at + 1}.0"
        y = book.bn(book.conv(y, f"{last}.0", out, 1, bias=False), f"{last}.1")
        y = layers.SpatialDropout2D(0.1)(y)
        if down:
            main = layers.MaxPooling2D()(main)
            missing = out - main.shape[-1]
            main = layers.Permute((1, 3, 2))(main)
            main = layers.Permute((1, 3, 2))(layers.ZeroPadding2D(((0, 0), (0, missing)))(main))
        return book.prelu(layers.add([y, main]), f"{name}.act")

    def rise(x, name, out, *, up):
        inner, main = out // 4, x
        names = ("squeeze.0", "squeeze.1", "squeeze.2") if up else ("ext.0.0", "ext.0.1", "ext.0.2")
        y = book.conv(x, f"{name}.{names[0]}", inner, 1, bias=False)
        y = book.prelu(book.bn(y, f"{name}.{names[1]}"), f"{name}.{names[2]}")
        if up:
            y = book.deconv(y, f"{name}.deconv", inner, 3)
            main = layers.UpSampling2D(2)(book.conv(x, f"{name}.main", out, 1, bias=False))
        names = ("bn", "act", "expand.0", "expand.1") if up else ("ext.1.1", "ext.1.2", "ext.2.0", "ext.2.1")
        y = book.prelu(book.bn(y, f"{name}.{names[0]}"), f"{name}.{names[1]}")
        y = book.bn(book.conv(y, f"{name}.{names[2]}", out, 1, bias=False), f"{name}.{names[3]}")
        return layers.ReLU()(layers.add([y, main]))

    stage, taps = "backbone.stages", {}
    first = book.conv(image, f"{stage}.0.0.conv", 13, 3, strides=2, padding="same")
    x = taps["initial"] = layers.concatenate([first, layers.MaxPooling2D()(image)])
    x = taps["1.0"] = bottleneck(x, f"{stage}.0.1", 64, down=True)
    for i in range(2, 6):
        x = bottleneck(x, f"{stage}.0.{i}", 64)
    x = bottleneck(x, f"{stage}.1.0", 128, down=True)
    for s, start in ((1, 1), (2, 0)):
        for i, kind in enumerate(SECTION):
            x = taps[f"{s + 1}.{i + 1}"] = bottleneck(x, f"{stage}.{s}.{start + i}", 128, **kind)
    x = taps["4.0"] = rise(x, "decoder.up4", 64, up=True)
    x = taps["4.1"] = rise(x, "decoder.stage4.0", 64, up=False)
    x = rise(x, "decoder.stage4.1", 64, up=False)
    x = rise(x, "decoder.up5", 16, up=True)
    x = rise(x, "decoder.stage5.0", 16, up=False)
    taps["out"] = book.deconv(x, "decoder.fullconv", classes, 2)
    return {key: taps[key] for key in ("initial", "1.0", "2.1", "2.2", "2.3", "4.0", "4.1", "out")}


def resize_images(x, factor):
    """TensorFlow 1's bilinear resize of ``[N, H, W, C]`` by a whole factor."""
    for axis in (1, 2):
        length = x.shape[axis]
        at = torch.arange(length * factor, dtype=torch.float64) / factor
        low = at.floor().long()
        high = (low + 1).clamp(max=length - 1)
        part = (at - low).to(torch.float32).reshape([-1 if i == axis else 1 for i in range(4)])
        x = ops.take(x, low, axis) * (1 - part) + ops.take(x, high, axis) * part
    return x


class ResizeImages(layers.Layer):
    """:func:`resize_images` in a model."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return resize_images(x, self.factor)

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] * self.factor, shape[2] * self.factor, shape[3])


def mobilenet_pspnet(book, image, classes):
    """The article's MobileNetV1-PSPNet up to its last resize, at a quarter of the image."""

    def bn_relu(x, name, most=6.0):
        return layers.ReLU(max_value=most)(book.bn(x, name))

    taps = {}
    x = layers.ZeroPadding2D(1)(image)
    x = taps["stem"] = bn_relu(book.conv(x, "backbone.stem.1.conv", 32, 3, strides=2, bias=False), "backbone.stem.1.bn")
    for s, (width, count) in enumerate(((64, 1), (128, 2), (256, 2), (512, 6), (1024, 2))):
        for i in range(count):
            name = f"backbone.stages.{s}.{i}"
            x = layers.ZeroPadding2D(1)(x)
            x = book.depthwise(x, f"{name}.depthwise.conv", strides=2 if i == 0 and s > 0 else 1)
            x = bn_relu(x, f"{name}.depthwise.bn")
            x = bn_relu(book.conv(x, f"{name}.pointwise.conv", width, 1, bias=False), f"{name}.pointwise.bn")
        taps[f"f{s + 1}"] = x
    maps = [x]
    for i, bins in enumerate((1, 2, 3, 6)):
        side = round(x.shape[1] / bins)
        y = layers.AveragePooling2D(side, strides=side, padding="same")(x)
        y = book.conv(y, f"pyramid.branches.{i}.conv", 512, 1, bias=False)
        y = taps[f"branch{bins}"] = bn_relu(y, f"pyramid.branches.{i}.bn", None)
        maps.append(ResizeImages(side)(y))
    x = taps["pyramid"] = layers.concatenate(maps)
    x = bn_relu(book.conv(x, "head.conv", 512, 1, bias=False), "head.bn", None)
    taps["out"] = ResizeImages(8)(book.conv(x, "classifier", classes, 3, padding="same"))
    return {key: taps[key] for key in ("stem", "f1", "f3", "f5", "branch1", "branch6", "pyramid", "out")}


# source, network, the package's spec, classes, image, numbers of its norms, gain of ENet's ext branches, places
CASES = {
    "enet": (
        "ENet article",
        enet,
        {"type": "enet_course", "faithful": True},
        11,
        [1, 3, 64, 96],
        {"momentum": 0.1},
        0.45,
        {
            "initial": ("initial block: 3x3/2 beside max-pooling, no norm", "backbone.stages.0.0"),
            "1.0": ("bottleneck going down, channels padded", "backbone.stages.0.1"),
            "2.1": ("bottleneck, regular", "backbone.stages.1.1"),
            "2.2": ("bottleneck, dilated by 2", "backbone.stages.1.2"),
            "2.3": ("bottleneck, asymmetric 5x1, 1x5", "backbone.stages.1.3"),
            "4.0": ("decoder bottleneck going up: nearest, deconvolution", "decoder.up4"),
            "4.1": ("decoder bottleneck, its 3x3 dropped, PReLU", "decoder.stage4.0"),
            "out": ("logits", ""),
        },
    ),
    "mobilenet_pspnet": (
        "MobileNet-PSPNet article",
        mobilenet_pspnet,
        {"type": "pspnet_mobilenet", "faithful": True, "native_output": True},
        5,
        [1, 3, 192, 192],
        {},
        1.0,
        {
            "stem": ("MobileNetV1: first convolution, BN, ReLU6", "backbone.stem"),
            "f1": ("MobileNetV1: f1, one depthwise separable block", "backbone.stages.0"),
            "f3": ("MobileNetV1: f3, stride 8", "backbone.stages.2"),
            "f5": ("MobileNetV1: f5, stride 32", "backbone.stages.4"),
            "branch1": ("pyramid branch of 1 bin: average, 1x1, BN, ReLU", "pyramid.branches.0"),
            "branch6": ("pyramid branch of 6 bins", "pyramid.branches.3"),
            "pyramid": ("pyramid, resized by resize_images and concatenated", "pyramid"),
            "out": ("logits at a quarter of the image", ""),
        },
    ),
}


def losses() -> dict[str, np.ndarray]:
    """The ENet article's losses on 2 x 4 x 6 pixels of 3 classes, by Keras: BCE, flat dice, BCE + 3 (1 - dice)."""
    z = torch.from_numpy(3.0 * uniform("losses", [2, 4, 6, 3])).float()
    label = (np.abs(uniform("labels", [2, 4, 6])) * 3).astype(np.int64)
    p, g = ops.softmax(z, axis=-1), ops.one_hot(torch.from_numpy(label), 3)
    binary = keras.losses.BinaryCrossentropy()(g, p)
    shared = ops.sum(p * g)
    dice = (2.0 * shared + 1.0) / (ops.sum(p) + ops.sum(g) + 1.0)
    return {k: v.numpy()[None] for k, v in {"bce": binary, "dice": dice, "total": binary + 3.0 * (1.0 - dice)}.items()}


def main() -> None:
    torch.set_grad_enabled(False)
    taps = Taps()
    for name, (source, function, spec, classes, image, norm, gain, places) in CASES.items():
        book = Book({r"\.ext\..*\.1\.weight$": gain}, **norm)
        inputs = layers.Input((*image[2:], image[1]))
        model = keras.Model(inputs, function(book, inputs, classes))
        book.fill()
        x = formula_image(*image).transpose(0, 2, 3, 1)
        outputs = model(torch.from_numpy(np.ascontiguousarray(x)), training=False)
        values = {key: outputs[key].numpy().transpose(0, 3, 1, 2) for key in places}
        parameters = int(sum(np.prod(w.shape) for w in model.trainable_weights))
        facts = {"source": source, "spec": spec, "num_classes": classes, "image": image, "gains": book.gains}
        taps.add(name, values, places, **facts, parameters=parameters)
    titles = {"bce": "binary cross-entropy of softmax", "dice": "flat dice", "total": "BCE + 3 (1 - dice)"}
    taps.add("losses", losses(), {key: (title, "") for key, title in titles.items()}, source="ENet article")
    taps.save("keras.npz")


if __name__ == "__main__":
    main()
