"""Answers to the exercises of docs/course, and the promises its pages make about scripts and figures."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "docs" / "course"


@pytest.fixture(scope="module")
def script():
    """Import a script of the course."""
    sys.path.insert(0, str(COURSE / "scripts"))
    yield importlib.import_module
    sys.path.remove(str(COURSE / "scripts"))


# exercises


def test_day1():
    """One missed pixel costs the set half of its mIoU, and the mean over images only a quarter of it."""
    from paddleseg_lite.metrics import ConfusionMatrix

    first = ConfusionMatrix(2).update(np.zeros(100, int), np.zeros(100, int))
    second = ConfusionMatrix(2).update(np.zeros(100, int), np.r_[np.zeros(99, int), 1])
    each = [m.compute().mIoU for m in (first, second)]
    assert each == [1.0, pytest.approx((0.99 + 0) / 2)]  # image 1: class 1 is absent and left out
    assert np.mean(each) == pytest.approx(0.7475)
    assert first.merge(second).compute().mIoU == pytest.approx((199 / 200 + 0) / 2)  # 0.4975


def test_day2():
    """Floor pooling breaks 460 of 1200 sizes of FCN-32s with padding 100 (25 already at fc6), ceil pooling none."""

    def pool5(n, up):
        p = n + 198
        for _ in range(5):
            p = -(-p // 2) if up else p // 2
        return p

    def too_small(n, up):
        p = pool5(n, up)
        return p < 7 or 32 * (p - 6 - 1) + 64 < n + 19

    assert sum(pool5(n, up=False) < 7 for n in range(1, 1201)) == 25
    assert sum(too_small(n, up=False) for n in range(1, 1201)) == 460
    assert sum(too_small(n, up=True) for n in range(1, 1201)) == 0


def test_day3():
    """Pixels 5, 16 and 27 of 33 are in two of 6 bins; multiples of 6 alone have no overlap at all levels."""
    from paddleseg_lite.layers import adaptive_avg_pool

    def shared(length, bins):
        """Pixels that more than one bin averages, found by pooling one-hot maps."""
        one_hot = paddle.eye(length).reshape([length, 1, 1, length]).expand([-1, -1, length, -1])
        pooled = adaptive_avg_pool(one_hot, bins)
        return np.flatnonzero((pooled.numpy()[:, 0, 0] > 0).sum(1) > 1).tolist()

    assert shared(33, 6) == [5, 16, 27]
    whole = [n for n in range(6, 61) if not any(shared(n, b) for b in (1, 2, 3, 6))]
    assert whole == list(range(6, 61, 6))


def test_day4():
    """Windows of 13, 15 and 17; 49, 225 and 289 pixels used; after (1, 2) a rate of 7 is the last without a hole."""

    def used(rates):
        side = 2 * sum(rates) + 1
        x = paddle.zeros([1, 1, side, side])
        x[0, 0, side // 2, side // 2] = 1.0
        for rate in rates:
            x = F.conv2d(x, paddle.ones([1, 1, 3, 3]), padding=rate, dilation=rate)
        return side, int((x > 0).sum())

    assert [used(r) for r in ((2, 2, 2), (1, 2, 4), (1, 2, 5))] == [(13, 49), (15, 225), (17, 289)]
    whole = [c for c in range(1, 12) if used((1, 2, c))[1] == used((1, 2, c))[0] ** 2]
    assert max(whole) == 7


def test_day5():
    """The limit at node 0 is its share of the degrees, self-loops counted: 3 / 23."""
    from paddleseg_lite.graph import normalize_adjacency

    a = np.zeros((7, 7), "float32")
    for i, j in [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6)]:
        a[i, j] = a[j, i] = 1
    messages = normalize_adjacency(paddle.to_tensor(a)).numpy().astype("float64")
    assert np.linalg.matrix_power(messages, 400)[0, 0] == pytest.approx(3 / 23, abs=1e-5)


def test_day6():
    """Non-local 8.6 G, GloRe 0.067 G on a 64 x 64 map; doubling the sides costs 16 times, and 4 times."""
    from paddleseg_lite.graph import GloRe, NonLocal

    dense, nodes = NonLocal(in_channels=512), GloRe(in_channels=512, num_state=128, num_nodes=64)
    length, width = 64 * 64, 512 // 2
    assert dense.macs(64, 64) == 2 * length**2 * width  # theta phi^T and the weighted sum of g
    assert nodes.macs(64, 64) == 2 * 128 * 64 * length
    assert dense.macs(64, 64) / nodes.macs(64, 64) == 128
    assert dense.macs(128, 128) == 16 * dense.macs(64, 64)
    assert nodes.macs(128, 128) == 4 * nodes.macs(64, 64)


def test_day7():
    """With beta = 0 the picture does not depend on the words; presence does."""
    from paddleseg_lite.graph import GINet

    paddle.seed(0)
    unit = GINet(in_channels=8, num_classes=4, num_state=8, num_nodes=3, zero_init=False)
    unit.eval()
    x, words = paddle.randn([2, 8, 6, 5]), unit.class_embeddings
    p = paddle.randn([2, 3, 8])
    assert (unit.interact(p, unit.class_nodes())[0] == p).all()
    y, extras = unit(x)
    words.set_value(words.index_select(paddle.to_tensor([1, 2, 3, 0])))
    y2, extras2 = unit(x)
    assert (y == y2).all()
    assert float((extras["presence"] - extras2["presence"]).abs().max()) > 1e-5


# scripts and figures


@pytest.mark.parametrize("path", sorted((COURSE / "scripts").glob("*.py")), ids=lambda p: p.name)
def test_scripts_are_short_and_take_the_flags_of_the_course(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    for page in COURSE.glob("[ez][nh]/day*.md"):
        stated = re.findall(rf"scripts/{path.name}\)\D{{0,4}}?(\d+) (?:lines|行)", page.read_text(encoding="utf-8"))
        assert {int(n) for n in stated} <= {len(text.splitlines())}, page
    assert all(flag in text for flag in ('"--net"', '"lr"', '"num_epochs"', '"batch_size"'))


def test_every_network_of_the_basic_script_trains(script):
    """Every parameter of the small networks gets a finite gradient from one step of the script's loss."""
    from paddleseg_lite import losses
    from paddleseg_lite.models import build_model

    basic = script("train_basic")
    image, label = paddle.randn([2, 3, 32, 32]), paddle.randint(0, 8, [2, 32, 32])
    for net, spec in basic.NETS.items():
        model = build_model(spec, num_classes=8)
        outputs = model(image)
        assert set(outputs) <= set(basic.LOSS_WEIGHTS), net
        values = [
            (losses.PresenceLoss() if name == "presence" else losses.CrossEntropyLoss())(value, label)
            for name, value in outputs.items()
        ]
        sum(values).backward()
        bad = [
            n
            for n, p in model.named_parameters()
            if not p.stop_gradient and (p.grad is None or not bool(paddle.isfinite(p.grad).all()))
        ]
        assert not bad, (net, bad)


def test_context_beats_colour_and_the_graph_beats_none(script, monkeypatch):
    """What the labs of days 1 and 5 are there to show."""
    from paddleseg_lite import runtime

    monkeypatch.setattr(runtime, "tune_allocator", lambda: False)  # not in the process of all other tests
    day1, day5 = script("day1"), script("day5")
    assert day1.train("patch", num_epochs=1, num_samples=48)[1] > day1.train("pixel", num_epochs=1, num_samples=48)[1]
    assert day5.train("gcn") > day5.train("mlp") + 0.1


def test_windows_and_scores_of_the_labs(script):
    """Day 7 cuts a picture into a grid without overlap or rest; day 4 scores class maps over all pictures at once."""
    day4, day7 = script("day4"), script("day7")
    label = np.arange(96 * 96).reshape(96, 96)
    image = paddle.to_tensor(np.stack([label] * 3)[None].astype("float32"))
    images, labels = day7.windows([{"image": image, "label": label[None]}] * 2, 32)
    assert images.shape == (18, 3, 32, 32) and labels.shape == (18, 32, 32)
    assert sorted(labels[:9].ravel()) == list(range(96 * 96))
    assert (images[:, 1] == labels).all()
    truth = [np.array([[0, 5]]), np.array([[5, 0]])]
    assert day4.scores(truth, truth) == (1.0, 1.0)
    assert day4.scores([np.array([[0, 5]]), np.array([[0, 0]])], truth) == (pytest.approx((2 / 3 + 1 / 2) / 2), 0.5)


def test_figures_show_what_the_pages_say(script, tmp_path, monkeypatch):
    """The figures that need no training are drawn; the worked example's numbers are those of day 1."""
    from paddleseg_lite import runtime

    monkeypatch.setattr(runtime, "tune_allocator", lambda: False)
    monkeypatch.syspath_prepend(str(COURSE))
    figures = script("figures")
    monkeypatch.setattr(figures, "OUT", tmp_path)
    names = ("confusion", "bilinear", "sampling", "unpooling", "pyramid", "atrous", "aspp", "propagation")
    for name in names:
        figures.FIGURES[name]()
    assert len(list(tmp_path.glob("*.png"))) == len(names)
    import figure_words

    untranslated: set[str] = set()

    def note(figure, name):
        texts = [t.get_text() for t in figure.findobj(figure_words.Text)]
        untranslated.update(t for t in texts if re.search("[a-z]{4}", t) and figure_words.translated(t) is None)
        figures.plt.close(figure)

    monkeypatch.setattr(figures, "save", note)
    for name in names:
        figures.FIGURES[name]()
    assert all(t.startswith(("align_corners", "TensorFlow", "$")) for t in untranslated), untranslated
    scores = figures.ConfusionMatrix(3).update(figures.WORKED_PREDICTION, figures.WORKED_TRUTH).compute()
    assert (round(scores.mAcc, 3), round(scores.aAcc, 3), round(scores.mIoU, 3)) == (0.85, 0.857, 0.75)
    assert (figures.footprint([1, 2, 4], 17) > 0).sum() == 225
    assert (figures.footprint([2, 2, 2], 17) > 0).sum() == 49
