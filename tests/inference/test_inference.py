"""Inference modes: windows, scales, flips, restoring, memory."""

import subprocess
import sys
import textwrap

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle import nn

from paddleseg_lite.errors import UserError
from paddleseg_lite.inference.backend import Backend
from paddleseg_lite.inference.class_ids import argmax_labels, resized_argmax
from paddleseg_lite.inference.labels import predict_labels, predict_picture
from paddleseg_lite.inference.logits import predict_logits
from paddleseg_lite.inference.options import InferenceOptions
from paddleseg_lite.inference.plan import make_plan
from paddleseg_lite.inference.windows import stream_windows, window_starts, window_weights
from paddleseg_lite.layers import resize


class Pointwise(nn.Layer):
    """Logits that depend on one pixel only: any way of cutting the image must give the same."""

    def __init__(self, classes=5):
        super().__init__()
        self.mix = nn.Conv2D(3, classes, 1)
        self.calls = []

    def forward(self, x):
        self.calls.append(tuple(x.shape))
        return {"out": self.mix(x)}


class Blur(nn.Layer):
    """Logits that depend on the neighbourhood and on the border."""

    def __init__(self, classes=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2D(3, 8, 5, padding=2), nn.ReLU(), nn.Conv2D(8, classes, 3, padding=1))

    def forward(self, x):
        return self.body(x)


def image(n=1, height=37, width=53, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 3, height, width)).astype("float32")


def reference_slide(model, x, crop_size, stride):
    """Sliding windows as PaddleSeg defines them, written as directly as possible."""
    (w_crop, h_crop), (w_step, h_step) = crop_size, stride
    height, width = x.shape[2:]
    total, count = 0.0, np.zeros((1, 1, height, width))
    for r in range(1 if height <= h_crop else int(np.ceil((height - h_crop) / h_step)) + 1):
        for c in range(1 if width <= w_crop else int(np.ceil((width - w_crop) / w_step)) + 1):
            bottom, right = min(r * h_step + h_crop, height), min(c * w_step + w_crop, width)
            top, left = max(bottom - h_crop, 0), max(right - w_crop, 0)
            out = model(paddle.to_tensor(x[:, :, top:bottom, left:right])).numpy()
            whole = np.zeros((*out.shape[:2], height, width))
            whole[:, :, top:bottom, left:right] = out
            total = total + whole
            count[:, :, top:bottom, left:right] += 1
    return total / count


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 40),
    st.data(),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([1, 4000, 1 << 30]),
)
def test_streamed_windows_rebuild_any_pointwise_map(height, width, wh, ww, data, taper, batch, band_bytes):
    stride = (data.draw(st.integers(1, wh)), data.draw(st.integers(1, ww)))
    source = np.random.default_rng(1).standard_normal((2, 3, height, width)).astype("float32")
    result, seen = np.full_like(source, np.nan), np.zeros((height, width), int)

    def emit(block, y, x):
        result[:, :, y : y + block.shape[2], x : x + block.shape[3]] = block
        seen[y : y + block.shape[2], x : x + block.shape[3]] += 1

    stream_windows(
        lambda tile: tile,
        lambda y0, y1, x0, x1: source[:, :, y0:y1, x0:x1],
        (height, width),
        emit,
        window=(wh, ww),
        stride=stride,
        taper=taper,
        batch=batch,
        band_bytes=band_bytes,
    )
    assert (seen == 1).all()
    np.testing.assert_allclose(result, source, rtol=1e-4, atol=1e-5)


def test_windows_are_those_of_paddleseg():
    model, x = Blur(), image(2)
    options = InferenceOptions(is_slide=True, crop_size=(20, 16), stride=(13, 9))
    expected = reference_slide(model, x, (20, 16), (13, 9))
    np.testing.assert_allclose(predict_logits(model, x, options=options).numpy(), expected, rtol=1e-4, atol=1e-5)
    labels = predict_labels(model, x, options=options)
    assert labels.dtype == np.uint8
    assert (labels == expected.argmax(axis=1)).mean() > 0.999


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_slide_equals_whole_when_the_window_covers_the_image(height, width, more_h, more_w, taper):
    model, x = Blur(), image(1, height, width)
    slide = InferenceOptions(is_slide=True, crop_size=(width + more_w, height + more_h), stride=(1, 1), taper=taper)
    assert (predict_logits(model, x, options=slide).numpy() == model(paddle.to_tensor(x)).numpy()).all()


def test_a_stride_beyond_the_window_is_an_error():
    with pytest.raises(ValueError, match="between 1 and the window's 16"):
        window_starts(100, 16, 17)


def test_tapered_weights_are_positive_and_symmetric():
    weights = window_weights(10, 6, taper=True)
    assert weights.min() > 0 and (weights == weights[::-1]).all() and weights.max() == 1
    assert weights[0] < weights[1] < weights[4]


def test_a_tapered_seam_is_smaller_than_an_averaged_one():
    class Offset(nn.Layer):  # each window is off by its own constant
        def forward(self, x):
            self.n = getattr(self, "n", 0) + 1
            return paddle.zeros_like(x) + self.n

    def jump(taper):
        options = InferenceOptions(is_slide=True, crop_size=(32, 8), stride=(16, 8), taper=taper)
        out = predict_logits(Offset(), image(1, 8, 48), options=options).numpy()
        return np.abs(np.diff(out, axis=3)).max()

    assert jump(True) < 0.15 < 0.45 < jump(False)


def test_flips_and_scales_average():
    model, x = Blur(), paddle.to_tensor(image(2, 24, 30))
    options = InferenceOptions(aug_eval=True, scales=(0.5, 1.0, 1.5), flip_horizontal=True, flip_vertical=True)
    total = 0.0
    for scale in (0.5, 1.0, 1.5):
        scaled = resize(x, [int(24 * scale + 0.5), int(30 * scale + 0.5)])
        for axes in ([], [3], [2], [2, 3]):
            y = model(paddle.flip(scaled, axes)) if axes else model(scaled)
            total = total + resize(paddle.flip(y, axes) if axes else y, [24, 30])
    got = predict_logits(model, x, options=options)
    np.testing.assert_allclose(got.numpy(), (total / 12).numpy(), atol=1e-5)
    plain = InferenceOptions(scales=(0.5,), flip_horizontal=True)  # without aug_eval: not used
    assert (predict_logits(model, x, options=plain).numpy() == model(x).numpy()).all()


def test_a_symmetric_network_does_not_care_for_flips():
    model, x = Pointwise(), image()
    options = InferenceOptions(aug_eval=True, flip_horizontal=True, flip_vertical=True)
    assert (predict_labels(model, x, options=options) == predict_labels(model, x)).all()


def test_windows_at_every_scale_when_both_are_asked_for():
    model, x = Pointwise(), image(1, 40, 40)
    options = InferenceOptions(is_slide=True, crop_size=(20, 20), stride=(20, 20), aug_eval=True, scales=(0.5, 1.0))
    predict_labels(model, x, options=options)
    assert model.calls == [(1, 3, 20, 20)] * 5


def test_forward_may_be_any_callable():
    model, x = Pointwise(), image()
    expected = predict_labels(model, x)
    backend = lambda z: model(z)["out"].numpy()  # noqa: E731
    assert (predict_labels(backend, x) == expected).all()
    assert (predict_labels(lambda z: [model(z)["out"]], x) == expected).all()


def test_windows_are_chosen_where_memory_is_short():
    model = Blur()
    small = make_plan(model, (1, 3, 64, 64), InferenceOptions(is_slide=None))
    assert small.window is None
    large = make_plan(model, (1, 3, 6000, 8000), InferenceOptions(is_slide=None))
    assert large.window is not None and max(large.window) <= 1024 and large.taper
    assert large.stride[0] < large.window[0]
    never = make_plan(model, (1, 3, 6000, 8000), InferenceOptions(is_slide=False))
    assert never.window is None


def test_chosen_windows_agree_with_the_whole_image():
    model, x = Pointwise(), image(1, 700, 900)
    options = InferenceOptions(is_slide=None, memory_limit=8 << 20)
    labels = predict_labels(model, x, options=options)
    assert len(model.calls) > 4
    assert (labels == predict_labels(model, x)).mean() > 0.9999


def test_a_window_that_changes_size_is_an_error():
    class Valid(nn.Layer):
        def forward(self, x):
            return x[:, :, 2:-2, 2:-2]

    with pytest.raises(ValueError, match="logits at input size"):
        predict_labels(Valid(), image(), options=InferenceOptions(is_slide=True, crop_size=(20, 20)))


@pytest.mark.parametrize("window", [{}, {"is_slide": None}, {"is_slide": True, "crop_size": (20, 20)}])
@pytest.mark.parametrize("scale", [1e4, 65536])
def test_a_scale_that_no_memory_holds_is_refused(scale, window):
    options = InferenceOptions(aug_eval=True, scales=(1.0, scale), **window)
    with pytest.raises(UserError, match=r"are free\. Choose smaller scales"):
        predict_labels(Pointwise(), image(1, 40, 40), options=options)


@pytest.mark.parametrize(
    "bad",
    [
        {"crop_size": (0, 4)},
        {"stride": (4,)},
        *({"scales": scales} for scales in [(), (0.5, -1.0), (float("nan"),), (float("inf"),), (1e9,)]),
    ],
)
def test_options_are_checked(bad):
    with pytest.raises(ValueError):
        InferenceOptions(**bad)


@pytest.mark.parametrize("stride", [(9, 4), (8, 5)])
def test_a_stride_above_the_window_is_refused_before_any_work(stride):
    with pytest.raises(UserError, match=rf"stride \({stride[0]}, {stride[1]}\) is above crop_size \(8, 4\)"):
        InferenceOptions(is_slide=True, crop_size=(8, 4), stride=stride)
    InferenceOptions(is_slide=True, crop_size=(8, 4), stride=(8, 4))
    InferenceOptions(is_slide=False, crop_size=(8, 4), stride=stride)  # not used


def test_a_stride_above_the_window_that_was_chosen_is_cut_to_it():
    options = InferenceOptions(is_slide=True, stride=(5000, 100))
    plan = make_plan(Pointwise(), (1, 3, 4000, 6000), options)
    assert plan.stride == (100, plan.window[1])


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 30), st.integers(1, 30))
def test_banded_resize_and_argmax_equals_the_plain_way(classes, height, width, to_h, to_w):
    logits = np.random.default_rng(3).standard_normal((2, classes, height, width)).astype("float32")
    big = resize(paddle.to_tensor(logits), [to_h, to_w]).numpy()
    labels = resized_argmax(logits, (to_h, to_w))
    chosen = np.take_along_axis(big, labels[:, None].astype(int), axis=1)[:, 0]
    np.testing.assert_allclose(chosen, big.max(axis=1), atol=1e-5)


def test_labels_return_to_the_size_before_the_transforms():
    model, x = Blur(), image(1, 20, 24)
    crop = lambda z, info: z[:, :, : info[-1][1][0], : info[-1][1][1]]  # noqa: E731
    info = [("resize", (45, 50)), ("padding", (18, 20))]
    labels = predict_labels(model, x, trans_info=info, restore=crop)
    expected = resize(model(paddle.to_tensor(x))[:, :, :18, :20], [45, 50]).numpy().argmax(axis=1)
    assert labels.shape == (1, 45, 50) and (labels == expected).mean() > 0.999


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 300), st.integers(0, 3))
def test_argmax_takes_the_lowest_on_a_tie(classes, seed):
    logits = np.random.default_rng(seed).integers(0, 4, (2, classes, 5, 6)).astype("float32")
    labels = argmax_labels(logits)
    assert labels.dtype == (np.uint8 if classes <= 256 else np.int32)
    assert (labels == logits.argmax(axis=1)).all()


def test_a_picture_normalised_in_parts_equals_one_normalised_whole():
    model = Blur()
    picture = np.random.default_rng(0).integers(0, 256, (300, 410, 3), dtype=np.uint8)
    prepare = lambda part: {"image": part.astype("float32") / 127.5 - 1}  # noqa: E731
    options = InferenceOptions(is_slide=True, crop_size=(128, 96), stride=(100, 80))
    labels = predict_picture(model, picture, prepare, options=options)
    whole = prepare(picture)["image"].transpose(2, 0, 1)[None]
    assert (labels == predict_labels(model, whole, options=options)[0]).all()


def test_a_huge_picture_stays_within_two_gib():
    """A quarter of it for a quarter of 8000 x 6000, in a process of its own: peak memory above what the model took."""
    script = textwrap.dedent("""
        import resource
        import numpy as np, paddle
        from paddleseg_lite import runtime
        runtime.setup("cpu")
        from paddle import nn
        from paddleseg_lite.inference.labels import InferenceOptions, predict_picture
        net = nn.Sequential(nn.Conv2D(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2D(8, 11, 1),
                            nn.Upsample(scale_factor=2, mode="bilinear"))
        net.eval()
        net(paddle.zeros([1, 3, 64, 64]))
        picture = np.zeros((3000, 4000, 3), np.uint8)
        picture[:, 2000:] = 200
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        scale = lambda part: {"image": part.astype("float32") / 255}
        labels = predict_picture(net, picture, scale, options=InferenceOptions(is_slide=None))
        assert labels.shape == (3000, 4000)
        print("MiB", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 2048 // 4


@pytest.mark.parametrize("count", [1, 4])
def test_a_backend_that_overlaps_scores_the_same_images_in_order(count):
    from paddleseg_lite.data import Scenes
    from paddleseg_lite.inference.evaluation import evaluate
    from paddleseg_lite.metrics import MeanCrossEntropy

    dataset = Scenes(num_samples=count, size=(32, 40), num_classes=6, mode="val", transforms=[{"type": "Normalize"}])
    kernel = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)

    class Answers(Backend):
        name, overlaps, seen = "answers", False, 0

        def __call__(self, image):
            self.seen += 1
            x = image.numpy() if isinstance(image, paddle.Tensor) else image
            return np.einsum("kc,nchw->nkhw", kernel, x)

    plain, ahead = Answers(), Answers()
    ahead.overlaps = True
    found = [evaluate(e, dataset, loss=MeanCrossEntropy(), keep_images=True) for e in (plain, ahead)]
    assert plain.seen == ahead.seen == count and found[0].loss == found[1].loss
    for one, other in zip(found[0].per_image, found[1].per_image):
        assert one.path == other.path
        np.testing.assert_array_equal(one.matrix, other.matrix)


def test_an_error_in_a_backend_that_overlaps_arrives():
    from paddleseg_lite.data import Scenes
    from paddleseg_lite.inference.evaluation import evaluate

    class Refuses(Backend):
        name, overlaps = "refuses", True

        def __call__(self, image):
            raise ValueError("no such size")

    dataset = Scenes(num_samples=3, size=(32, 40), num_classes=6, mode="val", transforms=[{"type": "Normalize"}])
    with pytest.raises(ValueError, match="no such size"):
        evaluate(Refuses(), dataset)
