"""Draw the figures of the course: ``python docs/course/figures.py`` (about five minutes), or ``--only pyramid aspp``.

Everything is computed by the package's own parts; the node maps come from small
networks trained here on Scenes. ``--lang en zh`` draws each in both languages; the Chinese one is NAME_zh.png.
"""

import argparse
import sys
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE / "scripts")]

import numpy as np  # noqa: E402

import paddleseg_lite  # noqa: E402

paddleseg_lite.setup(seed=0)

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import figure_words  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import paddle  # noqa: E402
import ways_up  # noqa: E402

from paddleseg_lite import data, layers  # noqa: E402
from paddleseg_lite.language import LANGUAGES, set_language  # noqa: E402
from paddleseg_lite.metrics import ConfusionMatrix  # noqa: E402
from paddleseg_lite.models import build_model  # noqa: E402
from paddleseg_lite.models.summary import summarize  # noqa: E402
from paddleseg_lite.visualize.fonts import can_draw_chinese  # noqa: E402

OUT = HERE / "figures"


def save(figure, name):
    name += figure_words.translate_figure(figure)
    figure.savefig(OUT / f"{name}.png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    print(f"wrote {name}.png")


def numbers(axis, values, form="{:.0f}", size=9, dark=None):
    """Write the value into each cell of an imshow."""
    dark = np.nanmax(values) / 2 if dark is None else dark
    for (i, j), v in np.ndenumerate(values):
        axis.text(j, i, form.format(v), ha="center", va="center", fontsize=size, color="white" if v > dark else "black")


# day 1


WORKED_TRUTH = np.array([[0, 0, 0, 1], [0, 0, 1, 1], [2, 2, 1, 1], [2, 2, 255, 255]])
WORKED_PREDICTION = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 0, 1, 1], [2, 2, 2, 1]])


def confusion():
    """The worked example of day 1: two 4 x 4 maps, their matrix, their scores."""
    matrix = ConfusionMatrix(3).update(WORKED_PREDICTION, WORKED_TRUTH)
    scores = matrix.compute()
    figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.4), layout="constrained", width_ratios=[1, 1, 1.1, 1.5])
    colours = matplotlib.colors.ListedColormap(["#8fbcdb", "#f4b183", "#a9d18e", "#dddddd"])
    for axis, title, values in zip(axes, ("truth (255: ignored)", "prediction"), (WORKED_TRUTH, WORKED_PREDICTION)):
        axis.imshow(np.where(values == 255, 3, values), cmap=colours, vmin=0, vmax=3)
        numbers(axis, values, dark=1e9, size=11)
        axis.set_title(title)
    axes[2].imshow(matrix.matrix, cmap="Blues")
    numbers(axes[2], matrix.matrix, size=12)
    axes[2].set(title="confusion matrix", xlabel="predicted j", ylabel="true i", xticks=range(3), yticks=range(3))
    for axis in axes[:2]:
        axis.set_xticks([])
        axis.set_yticks([])
    hit, t, p = np.diag(matrix.matrix), matrix.matrix.sum(1), matrix.matrix.sum(0)
    lines = [f"IoU {i} = {hit[i]} / ({t[i]} + {p[i]} - {hit[i]}) = {scores.IoU[i]:.3f}" for i in range(3)]
    lines += [
        "",
        f"mIoU = {scores.mIoU:.3f}",
        f"pixel accuracy = {hit.sum()} / {t.sum()} = {scores.aAcc:.3f}",
        f"class accuracy (mAcc) = {scores.mAcc:.3f}",
        f"mean Dice = {scores.mDice:.3f}",
    ]
    axes[3].text(0, 0.95, "\n".join(lines), va="top", fontsize=11, family="monospace")
    axes[3].set_axis_off()
    save(figure, "confusion")


# day 2


def sampling():
    """Where a resize samples, by three rules."""
    ways_up.sampling(save)


def unpooling():
    """What un-pooling puts where, beside two interpolations."""
    ways_up.unpooling(save)


def receptive():
    """Theoretical receptive fields layer by layer, and where the gradient of one logit really goes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.3), layout="constrained", width_ratios=[1.5, 1])
    specs = {
        "FCN-32s (VGG16)": {"type": "FCN32s"},
        "DeepLab V1 LargeFOV": {"type": "DeepLabV1", "pool5a": False},
        "ResNet-50, stride 32": {"type": "FCN", "backbone": {"type": "ResNet50", "output_stride": 32}},
        "ResNet-50, stride 8": {"type": "PSPNet", "backbone": {"type": "ResNet50", "output_stride": 8}},
    }
    for name, spec in specs.items():
        with paddle.LazyGuard():
            network = build_model(spec, num_classes=21)
        wanted = ("backbone.", "fc") if "ResNet" not in name else ("backbone.",)
        rows = [
            r
            for r in summarize(network, (1, 3, 512, 512)).rows
            if r.type in ("Conv2D", "MaxPool2D")
            and r.receptive_field
            and r.name.startswith(wanted)
            and "shortcut" not in r.name
        ]
        sizes = [r.receptive_field for r in rows]
        left.plot(range(1, len(sizes) + 1), sizes, drawstyle="steps-post", label=f"{name}: {max(sizes)} px")
    left.set(
        xlabel="convolutions and poolings from the image",
        ylabel="receptive field (pixels)",
        title="theoretical receptive field, computed layer by layer",
    )
    left.legend(fontsize=9)
    left.grid(alpha=0.3)
    paddle.seed(0)
    model = build_model({"type": "FCN32s", "padding_mode": "same", "width": 0.25, "dropout": 0.0}, num_classes=2)
    model.score_fr.weight.set_value(paddle.randn(model.score_fr.weight.shape))
    model.eval()
    seen = np.zeros((448, 448))
    for seed in range(3):
        paddle.seed(seed)
        x = paddle.randn([1, 3, 448, 448])
        x.stop_gradient = False
        score = model.score_fr(
            paddle.nn.functional.relu(model.fc7(paddle.nn.functional.relu(model.fc6(model.encode(x)[-1]))))
        )
        score[0, 0, 7, 7].backward()
        seen += x.grad.abs().sum(1)[0].numpy()
    side = np.flatnonzero(seen.max(0))
    right.imshow(np.sqrt(seen / seen.max()), cmap="magma")
    right.set_title(
        f"|d score / d pixel| of one FCN-32s score:\nnon-zero over {side[-1] - side[0] + 1} px, "
        "most of it in the middle",
        fontsize=10,
    )
    right.set_axis_off()
    save(figure, "receptive_fields")


def bilinear():
    """The deconvolution kernel, and its equality with interpolation away from the border."""
    kernel = layers.bilinear_kernel(1, 1, 4)[0, 0]
    x = paddle.to_tensor(np.random.default_rng(0).random((1, 1, 8, 8)).astype("float32"))
    up = paddle.nn.functional.conv2d_transpose(x, paddle.to_tensor(kernel[None, None]), stride=2, padding=1)
    error = (up - layers.resize(x, [16, 16])).abs().numpy()[0, 0]
    figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.3), layout="constrained")
    axes[0].imshow(kernel, cmap="Blues", vmin=0)
    numbers(axes[0], kernel, "{:.3f}")
    axes[0].set_title(f"kernel 4 x 4, stride 2 (sum {kernel.sum():.0f})")
    axes[1].imshow(layers.bilinear_kernel(1, 1, 16)[0, 0], cmap="Blues", vmin=0)
    axes[1].set_title("kernel 16 x 16, stride 8")
    axes[2].imshow(up.numpy()[0, 0], cmap="viridis")
    axes[2].set_title("8 x 8 noise, upsampled to 16 x 16")
    shown = axes[3].imshow(error, cmap="Reds")
    axes[3].set_title(
        f"|deconvolution - interpolation|\ninterior <= {error[1:-1, 1:-1].max():.0e}, border up to {error.max():.2f}",
        fontsize=10,
    )
    figure.colorbar(shown, ax=axes[3], shrink=0.8)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    save(figure, "bilinear_kernel")


# day 3


def pyramid():
    """One picture through the bins of the pyramid."""
    sample = data.Scenes(mode="val", num_samples=4, size=(96, 96)).read(2)["image"]
    x = paddle.to_tensor(sample.transpose(2, 0, 1)[None].astype("float32") / 255)
    figure, axes = plt.subplots(1, 6, figsize=(13, 2.9), layout="constrained")
    axes[0].imshow(sample)
    axes[0].set_title("map x (here: a picture)")
    for axis, bins in zip(axes[1:5], (1, 2, 3, 6)):
        pooled = layers.adaptive_avg_pool(x, bins)
        axis.imshow(pooled[0].numpy().transpose(1, 2, 0), extent=(0, 96, 96, 0))
        axis.set_title(f"{bins} x {bins} bins")
    matrix = np.zeros((6, 20))
    for i in range(6):
        start, stop = i * 20 // 6, -(-(i + 1) * 20 // 6)
        matrix[i, start:stop] = 1 / (stop - start)
    axes[5].imshow(matrix, cmap="Blues", aspect="auto")
    axes[5].set_title("6 bins over 20 pixels overlap")
    axes[5].set(xlabel="pixel", ylabel="bin")
    for axis in axes[:5]:
        axis.set_axis_off()
    save(figure, "pyramid_bins")


# day 4


def footprint(rates, side=41):
    """How often each input pixel is used by one output of a chain of dilated 3x3 convolutions of ones."""
    x = paddle.zeros([1, 1, side, side])
    x[0, 0, side // 2, side // 2] = 1.0
    ones = paddle.ones([1, 1, 3, 3])
    for rate in rates:
        x = paddle.nn.functional.conv2d(x, ones, padding=rate, dilation=rate)
    return x[0, 0].numpy()


def atrous():
    """Taps of single rates, and of three layers: equal rates leave holes, multi-grid does not."""
    figure, axes = plt.subplots(1, 5, figsize=(14, 3.3), layout="constrained")
    for axis, rates in zip(axes, ([1], [4], [2, 2, 2], [1, 2, 4], [4, 8, 16])):
        count = footprint(rates, 61 if rates == [4, 8, 16] else 17)
        size = 1 + 2 * sum(rates)
        area = count[count.shape[0] // 2 - sum(rates) :, :][:size, count.shape[0] // 2 - sum(rates) :][:, :size]
        axis.imshow(np.where(count > 0, count, np.nan), cmap="viridis_r", vmin=0)
        axis.set_facecolor("#eeeeee")
        axis.set_title(f"rates {', '.join(map(str, rates))}: {size} x {size},\n{(area > 0).mean():.0%} of it used")
        axis.set_xticks([])
        axis.set_yticks([])
    save(figure, "atrous_patterns")


def aspp():
    """Share of the nine taps that meet data, for every rate, at three map sizes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.7), layout="constrained", width_ratios=[1.4, 1])
    for size in (12, 33, 65):
        shares = {}
        for rate in range(1, 71):
            valid = paddle.nn.functional.conv2d(
                paddle.ones([1, 1, size, size]), paddle.ones([1, 1, 3, 3]), padding=rate, dilation=rate
            )[0, 0].numpy()
            shares[rate] = (valid.mean() / 9, (valid == 1).mean())
        left.plot(list(shares), [s[0] for s in shares.values()], label=f"map of {size} x {size}")
    left.axhline(1 / 9, color="grey", ls=":", lw=1)
    left.text(70, 0.04, "1/9: the centre tap alone, a 1x1 convolution", ha="right", fontsize=9, color="grey")
    left.set(
        ylim=(0, 1.02),
        xlabel="rate of a 3x3 convolution",
        ylabel="mean share of valid taps",
        title="Large rates degenerate",
    )
    left.legend(fontsize=9)
    left.grid(alpha=0.3)
    valid = paddle.nn.functional.conv2d(paddle.ones([1, 1, 33, 33]), paddle.ones([1, 1, 3, 3]), padding=18, dilation=18)
    shown = right.imshow(valid[0, 0].numpy(), cmap="Blues", vmin=0, vmax=9)
    right.set_title("valid taps at rate 18 on a 33 x 33 map")
    figure.colorbar(shown, ax=right, shrink=0.85)
    right.set_axis_off()
    save(figure, "aspp_degeneration")


# day 5


TINY_EDGES = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6)]
TINY_PLACES = np.array([[0, 1], [0, -1], [0.9, 0], [2, 0], [3.1, 0], [4, 1], [4, -1]])


def tiny_adjacency():
    a = np.zeros((7, 7), "float32")
    for i, j in TINY_EDGES:
        a[i, j] = a[j, i] = 1
    return a


def propagation():
    """One unit of signal at node 0 after 0, 1, 2 and 8 steps, and the matrix that moves it."""
    from paddleseg_lite.graph import normalize_adjacency

    messages = normalize_adjacency(paddle.to_tensor(tiny_adjacency())).numpy()
    figure, axes = plt.subplots(1, 5, figsize=(14, 3.1), layout="constrained", width_ratios=[1, 1, 1, 1, 1.05])
    h = np.eye(7)[0]
    at = 0
    for axis, steps in zip(axes, (0, 1, 2, 8)):
        while at < steps:
            h, at = messages @ h, at + 1
        for i, j in TINY_EDGES:
            axis.plot(*TINY_PLACES[[i, j]].T, color="#999999", zorder=1)
        axis.scatter(*TINY_PLACES.T, c=h, cmap="YlOrRd", vmin=0, vmax=1, s=620, edgecolors="black", zorder=2)
        for (x, y), v in zip(TINY_PLACES, h):
            axis.text(x, y, f"{v:.2f}", ha="center", va="center", fontsize=8)
        axis.set_title(f"after {steps} step{'s' * (steps != 1)}")
        axis.set(xlim=(-0.7, 4.7), ylim=(-1.7, 1.7))
        axis.set_axis_off()
    axes[4].imshow(messages, cmap="Blues", vmin=0)
    numbers(axes[4], messages, "{:.2f}", size=7)
    axes[4].set_title(r"$\tilde D^{-1/2}(A+I)\tilde D^{-1/2}$")
    save(figure, "gcn_propagation")


# days 6 and 7


@lru_cache(maxsize=1)
def trained(net):
    """A small network after about two minutes of one core, four pictures and their batch."""
    import train_basic

    model, _ = train_basic.train(net, num_epochs=3, num_samples=400, size=96)
    pictures = [data.Scenes(mode="val", num_samples=8, size=(96, 96)).read(i)["image"] for i in range(4)]
    normal = [(p.astype("float32") / 255 - 0.5) / 0.5 for p in pictures]
    return model, pictures, paddle.to_tensor(np.stack(normal).transpose(0, 3, 1, 2))


def nodes(net, index=1):
    from paddleseg_lite.graph.introspect import explain_model, report
    from paddleseg_lite.visualize.node_maps import render

    model, pictures, batch = trained(net)
    ending = "_zh" if can_draw_chinese() else ""
    explanation = explain_model(model, batch)
    drawn = render(explanation, pictures[index], index=index, max_nodes=11)
    for graph in report(explanation, index)["graphs"]:
        print({k: v for k, v in graph.items() if k != "usage"})
    for kind in ("nodes", "owner"):
        data.write_png(OUT / f"{net}_{kind}{ending}.png", drawn[kind])
        print(f"wrote {net}_{kind}{ending}.png")
    return model, pictures, batch


def glore():
    nodes("glore")


def gcu():
    nodes("gcu")


def ginet():
    """Node maps, and the two gates between the class nodes and the visual nodes."""
    model, pictures, batch = nodes("ginet")
    unit, names = model.unit, data.Scenes(num_samples=1).class_names
    model.eval()
    with paddle.no_grad():
        x = model.reduce(model.encode(batch)[-1])
        p = unit.visual_gcn(unit.gather(x, unit.assign(x)).transpose([0, 2, 1])).transpose([0, 2, 1])
        _, s, g_s2v, g_v2s = unit.interact(p, unit.class_nodes())
        presence = paddle.nn.functional.sigmoid(unit.presence(s).squeeze(-1)).numpy()
        found = model(batch)["out"].argmax(1).numpy()
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.4), layout="constrained", width_ratios=[0.8, 1.2, 1.2, 1])
    axes[0].imshow(pictures[1])
    axes[0].set_axis_off()
    axes[0].set_title("picture")
    gates = (("S2V gate: columns sum to 1", g_s2v[1]), ("V2S gate: rows sum to 1", g_v2s[1]))
    for axis, (title, gate) in zip(axes[1:3], gates):
        shown = axis.imshow(gate.numpy(), cmap="viridis", aspect="auto")
        axis.set(title=title, xlabel="visual node", yticks=range(8), yticklabels=names)
        figure.colorbar(shown, ax=axis, shrink=0.8)
    share = np.bincount(found[1].ravel(), minlength=8) / found[1].size
    axes[3].barh(np.arange(8) - 0.2, presence[1], 0.4, label="presence (sigmoid)")
    axes[3].barh(np.arange(8) + 0.2, share, 0.4, label="share of predicted pixels")
    axes[3].set(yticks=range(8), yticklabels=names, xlim=(0, 1), title="is the class in the picture?")
    axes[3].invert_yaxis()
    axes[3].legend(fontsize=8)
    save(figure, "ginet_gates")


DRAWN = (confusion, receptive, bilinear, sampling, unpooling, pyramid, atrous, aspp, propagation, glore, gcu, ginet)
FIGURES = {function.__name__: function for function in DRAWN}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES))
    parser.add_argument("--lang", nargs="+", choices=LANGUAGES, default=["en"])
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    args = parser.parse_args()
    OUT = args.out
    OUT.mkdir(parents=True, exist_ok=True)
    for figure_name in args.only:
        for language in args.lang:
            set_language(language)
            FIGURES[figure_name]()
