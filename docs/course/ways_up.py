"""Two figures of day 2: where a resize samples, and what un-pooling puts where. Drawn by figures.py."""

import matplotlib.pyplot as plt
import numpy as np
import paddle
import paddle.nn.functional as F

from paddleseg_lite.backbones.indexed import IndexedMaxPool
from paddleseg_lite.layers import resize

RULES = {  # what a target pixel i of n samples of L source pixels
    "align_corners=True\ni (L - 1) / (n - 1)": (
        lambda i, length, n: i * (length - 1) / (n - 1),
        {"align_corners": True},
    ),
    "align_corners=False\n(i + 0.5) L / n - 0.5": (lambda i, length, n: (i + 0.5) * length / n - 0.5, {}),
    "TensorFlow 1\ni L / n": (lambda i, length, n: i * length / n, {"half_pixel": False}),
}
MAP = np.array([[1, 2, 0, 1], [7, 3, 2, 9], [0, 4, 5, 1], [2, 1, 6, 8]], np.float32)


def sampling(save):
    """4 pixels enlarged to 8 by three rules: places above, values of a step below."""
    length, n = 4, 8
    step = np.array([0.0, 0.0, 1.0, 1.0], np.float32)
    figure, axes = plt.subplots(2, 3, figsize=(12, 4), layout="constrained", height_ratios=[1, 1.2], sharex=True)
    for (title, (place, options)), (top, bottom) in zip(RULES.items(), axes.T):
        at = np.array([place(i, length, n) for i in range(n)])
        for pixel in range(length):
            top.add_patch(plt.Rectangle((pixel - 0.5, -0.35), 1, 0.7, fill=False, color="0.6"))
        top.plot(range(length), np.zeros(length), "s", color="0.6", markersize=9)
        top.plot(at, np.zeros(n), "|", color="tab:red", markersize=22, markeredgewidth=2)
        top.set(title=title, xlim=(-0.75, 3.75), ylim=(-0.6, 0.6))
        top.set_axis_off()
        source = paddle.to_tensor(step).reshape([1, 1, 1, length]).expand([1, 1, 2, length])
        values = resize(source, (2, n), **options).numpy()[0, 0, 0]
        bottom.step(np.arange(length + 1) - 0.5, [*step, step[-1]], where="post", color="0.6")
        bottom.plot(np.clip(at, 0, length - 1), values, "o-", color="tab:red")
        bottom.set(ylim=(-0.1, 1.1), yticks=[0, 0.5, 1], xticks=range(length))
        bottom.grid(alpha=0.3)
    save(figure, "resize_rules")


def unpooling(save):
    """A map, its maxima, and three ways back: un-pooling, nearest, bilinear."""
    x = paddle.to_tensor(MAP).reshape([1, 1, 4, 4])
    pooled, place = IndexedMaxPool()(x)
    panels = {
        "map": x,
        "2x2 maxima": pooled,
        "un-pooled": place.restore(pooled),
        "nearest": F.interpolate(pooled, size=[4, 4], mode="nearest"),
        "bilinear": resize(pooled, (4, 4)),
    }
    figure, axes = plt.subplots(1, 5, figsize=(13, 2.9), layout="constrained", width_ratios=[2, 1, 2, 2, 2])
    for axis, (title, values) in zip(axes, panels.items()):
        values = values.numpy()[0, 0]
        axis.imshow(values, cmap="Blues", vmin=0, vmax=9)
        for (i, j), v in np.ndenumerate(values):
            axis.text(j, i, f"{v:.3g}", ha="center", va="center", color="white" if v > 5 else "black")
        if title == "map":
            for i, j in np.ndindex(2, 2):
                axis.add_patch(plt.Rectangle((2 * j - 0.5, 2 * i - 0.5), 2, 2, fill=False, color="tab:red", lw=2))
        axis.set(title=title, xticks=[], yticks=[])
    save(figure, "unpooling")
