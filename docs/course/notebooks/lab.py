"""What the notebooks call: train with the course's scripts, draw curves, pictures and networks."""

from __future__ import annotations

import contextlib
import io
import re
import sys

import matplotlib.pyplot as plt
import numpy as np

from paddleseg_lite.language import mark
from paddleseg_lite.language import translate as _
from paddleseg_lite.visualize.fonts import readable

Curve = list  # of (step, loss)
TITLES = (mark("accuracy"), mark("vehicle pixels named right"), mark("presence"))  # of the labs' bars


class Both(io.StringIO):
    """What is printed, passed on and remembered."""

    def __init__(self, shown) -> None:
        super().__init__()
        self.shown = shown

    def write(self, text: str) -> int:
        self.shown.write(text)
        return super().write(text)


def listen(function, *args, **kwargs) -> tuple:
    """``(result, curve)`` of a script's function that prints ``step 10/50 loss 1.234`` as it goes."""
    both = Both(sys.stdout)
    with contextlib.redirect_stdout(both):
        result = function(*args, **kwargs)
    return result, [(int(a), float(b)) for a, b in re.findall(r"step (\d+)/\d+ loss ([\d.]+)", both.getvalue())]


def fit(net: str, **options) -> tuple:
    """``(model, scores, curve)`` of a network of train_basic.py; ``options`` as its flags."""
    import train_basic

    (model, scores), curve = listen(train_basic.train, net, **options)
    return model, scores, curve


def curves(by_name: dict[str, Curve]) -> None:
    """Loss over steps."""
    axis = plt.subplots(figsize=(6, 3), layout="constrained")[1]
    for name, curve in by_name.items():
        axis.plot(*zip(*curve), label=name)
    axis.set(xlabel=readable(_("step")), ylabel=readable(_("loss")))
    axis.legend()
    axis.grid(alpha=0.3)
    plt.show()


def bars(values: dict[str, float], title: str) -> None:
    """One bar a name, from 0 to 1."""
    axis = plt.subplots(figsize=(6, 0.5 * len(values) + 0.8), layout="constrained")[1]
    drawn = axis.barh(list(values), list(values.values()))
    axis.bar_label(drawn, fmt="%.3f", padding=3)
    axis.set(xlim=(0, 1.1), title=readable(_(title)))
    axis.invert_yaxis()
    plt.show()


def pictures(models: dict, *, count: int = 3, size: int = 96) -> None:
    """Scenes the networks have not seen: picture, label, and what each network says."""
    import paddle

    from paddleseg_lite import data

    scenes = data.Scenes(mode="val", num_samples=count, size=(size, size), num_classes=8)
    palette = np.asarray(scenes.palette, np.uint8)
    rows = 2 + len(models)
    axes = plt.subplots(rows, count, figsize=(1.9 * count, 1.9 * rows), layout="constrained", squeeze=False)[1]
    for i in range(count):
        sample = scenes.read(i)
        shown = [sample["image"], palette[sample["label"]]]
        x = paddle.to_tensor(((sample["image"].astype("float32") / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])
        for model in models.values():
            model.eval()
            with paddle.no_grad():
                out = model(x)
            logits = out["out"] if isinstance(out, dict) else out
            shown.append(palette[logits[0].argmax(0).numpy()])
        for axis, picture, title in zip(axes[:, i], shown, [_("picture"), _("label"), *models]):
            axis.imshow(picture)
            axis.set_axis_off()
            if i == 0:
                axis.set_title(readable(title), fontsize=10)
    plt.show()


def figure(path: str) -> None:
    """A picture of the course, by its path from the project's folder."""
    from IPython.display import SVG, Image, display

    display(SVG(filename=path) if path.endswith(".svg") else Image(filename=path, width=760))


def draw(model, side: int = 256) -> None:
    """The network's drawing, in the notebook."""
    from IPython.display import SVG, display

    from paddleseg_lite.visualize.network_drawing import draw_network

    display(SVG(draw_network(model, (1, 3, side, side))))
