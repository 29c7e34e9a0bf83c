"""The dense CRF: its equations by hand, its symmetries, the fast version against all pairs, and what it is for."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.metrics import ConfusionMatrix
from paddleseg_lite.postprocess import PRESETS, DenseCRF, build_crf


def scene(size=32, classes=4, seed=0, noise=6.0):
    """A small textured image of regions, and a blocky, noisy prediction of them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    centres = rng.uniform(0, size, (classes + 2, 2))
    regions = np.argmin([(y - a) ** 2 + (x - b) ** 2 for a, b in centres], axis=0)
    label = regions % classes
    image = rng.integers(30, 226, (classes + 2, 3))[regions] + noise * rng.standard_normal((size, size, 3))
    image += 10 * np.sin(x / 3.0 + y / 5.0)[..., None]
    coarse = cv2.resize(np.eye(classes)[label].astype("float32"), (size // 4, size // 4), interpolation=cv2.INTER_AREA)
    z = np.log(coarse + 0.1) + 0.7 * rng.standard_normal(coarse.shape)
    z = cv2.resize(z, (size, size)).transpose(2, 0, 1)
    p = np.exp(z) / np.exp(z).sum(0)
    return p.astype("float32"), image.clip(0, 255).astype("uint8"), label


def test_two_pixels_by_hand():
    p = np.array([[[0.7, 0.2]], [[0.3, 0.8]]])
    image = np.array([[[10, 20, 30], [13, 20, 30]]], dtype=np.uint8)
    k1 = math.exp(-1 / (2 * 5**2) - 9 / (2 * 4**2))
    k2 = math.exp(-1 / (2 * 2**2))
    for normalize in (True, False):
        a, b = (2.0 * k1 / (1 + k1), 3.0 * k2 / (1 + k2)) if normalize else (2.0 * k1, 3.0 * k2)
        q = p[:, 0].T.copy()
        for _ in range(3):
            scores = p[:, 0].T * np.exp((a + b) * q[::-1])  # each pixel hears the other one
            q = scores / scores.sum(1, keepdims=True)
        crf = DenseCRF(
            bi_w=2, bi_xy_std=5, bi_rgb_std=4, pos_w=3, pos_xy_std=2, iterations=3, normalize=normalize, exact=True
        )
        np.testing.assert_allclose(crf(p, image)[:, 0].T, q, rtol=1e-5)


@pytest.mark.parametrize("exact", [True, False])
def test_q_is_a_distribution_and_no_term_means_no_change(exact):
    p, image, _ = scene(16)
    q = DenseCRF(exact=exact)(p, image)
    assert q.shape == p.shape and q.dtype == np.float32
    np.testing.assert_allclose(q.sum(0), 1.0, rtol=1e-5)
    assert np.abs(q - p).max() > 0.1
    np.testing.assert_allclose(DenseCRF(exact=exact, bi_w=0, pos_w=0)(p, image), p, atol=1e-5)
    np.testing.assert_allclose(DenseCRF(exact=exact, iterations=0)(p, image), p, atol=1e-5)


@pytest.mark.parametrize("exact", [True, False])
def test_uniform_stays_uniform_and_labels_may_be_renamed(exact):
    p, image, _ = scene(16)
    uniform = np.full_like(p, 0.25)
    np.testing.assert_allclose(DenseCRF(exact=exact)(uniform, image), uniform, atol=1e-5)
    order = [2, 0, 3, 1]
    crf = DenseCRF(exact=exact, iterations=3)
    np.testing.assert_allclose(crf(p[order], image), crf(p, image)[order], atol=1e-4)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_flipped_pixel_in_a_flat_region_is_corrected(preset, exact):
    p = np.full((2, 15, 15), 0.9)
    p[1] = 0.1
    p[:, 7, 7] = 0.1, 0.9
    image = np.full((15, 15, 3), 120, dtype=np.uint8)
    q = DenseCRF.preset(preset, exact=exact)(p, image)
    assert (q.argmax(0) == 0).all()


def test_a_colour_edge_holds_the_labels_apart():
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    image[:, 9:] = 200
    truth = (np.arange(20) >= 9).astype(int) * np.ones((20, 1), int)
    p = np.full((2, 20, 20), 0.5)
    p[0, :, :6], p[0, :, 12:] = 0.9, 0.1  # unsure around the edge, and wrong at two columns
    p[0, :, 9:11] = 0.6
    p[1] = 1 - p[0]
    assert (p.argmax(0) != truth).any()
    for exact in (True, False):
        assert (DenseCRF(exact=exact)(p, image).argmax(0) == truth).all()


def test_a_pixel_never_hears_itself():
    p = np.array([[[0.6]], [[0.4]]])
    for exact in (True, False):
        for normalize in (True, False):
            q = DenseCRF(exact=exact, normalize=normalize)(p, np.zeros((1, 1, 3), np.uint8))
            np.testing.assert_allclose(q, p, atol=1e-5)


@pytest.mark.parametrize("classes", [3, 11])
@pytest.mark.parametrize("preset", PRESETS)
def test_the_lattice_agrees_with_all_pairs(preset, classes):
    errors, flips = [], []
    for seed in range(3):
        p, image, _ = scene(32, classes, seed, noise=(2.0, 6.0, 20.0)[seed])
        fast, exact = DenseCRF.preset(preset)(p, image), DenseCRF.preset(preset, exact=True)(p, image)
        errors.append(np.abs(fast - exact).mean())
        flips.append((fast.argmax(0) != exact.argmax(0)).mean())
    assert max(errors) <= 0.02, errors
    assert np.mean(flips) <= 0.02, flips


def test_the_lattice_agrees_with_all_pairs_without_normalisation():
    # sums over all pixels, so weights have to be small for anything to happen
    p, image, _ = scene(32)
    arguments = {"bi_w": 0.05, "pos_w": 0.05, "pos_xy_std": 3, "bi_rgb_std": 10, "normalize": False}
    fast, exact = DenseCRF(**arguments)(p, image), DenseCRF(**arguments, exact=True)(p, image)
    assert np.abs(exact - p).mean() > 0.05
    assert np.abs(fast - exact).mean() <= 0.02


def test_colour_noise_is_the_hard_case():
    rng = np.random.default_rng(0)
    p, _, _ = scene(32)
    image = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)  # every pixel alone in colour space
    for preset in ("deeplab_v1", "deeplab_v2_resnet101"):
        fast, exact = DenseCRF.preset(preset)(p, image), DenseCRF.preset(preset, exact=True)(p, image)
        assert np.abs(fast - exact).mean() <= 0.02


def test_certainty_can_be_overruled_and_zeros_are_finite():
    p = np.zeros((2, 9, 9))
    p[0] = 1.0
    p[:, 4, 4] = 0.0, 1.0
    q = DenseCRF(bi_w=10, pos_w=10)(p, np.full((9, 9), 7, np.uint8))
    assert np.isfinite(q).all() and q[0, 4, 4] > 0.9


def test_threads_do_not_change_the_result():
    p, image, _ = scene(32, 5)
    one = DenseCRF(threads=1)(p, image)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(DenseCRF(threads=threads)(p, image), one)


def test_other_images():
    p, image, _ = scene(16)
    grey = DenseCRF()(p, image[..., 0])
    np.testing.assert_allclose(grey, DenseCRF()(p, image[..., :1]), atol=1e-6)
    p, image = p[:, :5], image[:5]
    assert DenseCRF()(p, image).shape == (4, 5, 16)


def test_presets_and_specs():
    crf = DenseCRF.preset("deeplab_v2_resnet101", iterations=3)
    assert (crf.bi_w, crf.bi_xy_std, crf.bi_rgb_std, crf.pos_w, crf.pos_xy_std) == (4, 67, 3, 3, 1)
    assert crf.iterations == 3 and crf.normalize
    assert build_crf(None) is None
    assert build_crf("deeplab_v1").bi_rgb_std == 10
    assert build_crf({"preset": "deeplab_v1_largefov", "pos_w": 2}).pos_w == 2
    assert build_crf({"bi_w": 1, "exact": True}).exact
    for spec, message in (
        ("deeplab_v3", "Did you mean 'deeplab_v1'|unknown crf preset"),
        ({"bi_weight": 3}, "no argument 'bi_weight'. Did you mean 'bi_w'"),
        ({"bi_xy_std": 0}, "above 0"),
        ({"iterations": -1}, "0 or more"),
    ):
        with pytest.raises(ConfigError, match=message):
            build_crf(spec)


def test_wrong_input_is_named():
    p, image, _ = scene(16)
    with pytest.raises(ValueError, match=r"\(4, 16, 16\), \(15, 16, 3\)"):
        DenseCRF()(p, image[1:])
    with pytest.raises(ValueError, match="uint8, got float64"):
        DenseCRF()(p, image / 255.0)
    with pytest.raises(ValueError, match="at most 4096"):
        DenseCRF(exact=True)(np.full((2, 65, 65), 0.5), np.zeros((65, 65, 3), np.uint8))


# -- what it is for ----------------------------------------------------------------------------------------


def coarse_prediction(label, rng, stride=8, blur=0.8, noise=1.0):
    """What a stride-8 network might say: truth averaged over 8x8 cells, blurred, with smooth noise on the logits."""
    classes = 11
    onehot = np.eye(classes + 1, dtype=np.float32)[label][..., :classes]
    height, width = label.shape
    cells = cv2.resize(onehot, (width // stride, height // stride), interpolation=cv2.INTER_AREA)
    cells = cv2.GaussianBlur(cells, (0, 0), blur)
    rough = cv2.GaussianBlur(rng.standard_normal(cells.shape).astype(np.float32), (0, 0), 1.0)
    z = cv2.resize(np.log(cells + 0.02) + noise * rough / rough.std(), (width, height))
    e = np.exp(z - z.max(axis=2, keepdims=True))
    return (e / e.sum(axis=2, keepdims=True)).transpose(2, 0, 1)


def test_it_raises_miou_of_a_coarse_prediction(camvid):
    lines = (camvid / "val.txt").read_text().splitlines()[::51]
    before, smooth, after = (ConfusionMatrix(11, ignore_index=11) for _ in range(3))
    for i, line in enumerate(lines):
        image_path, label_path = line.split()[:2]
        image = cv2.imread(str(camvid / image_path), cv2.IMREAD_COLOR)[..., ::-1]
        label = cv2.imread(str(camvid / label_path), cv2.IMREAD_UNCHANGED)
        p = coarse_prediction(label, np.random.default_rng(i))
        before.update(p.argmax(0), label)
        smooth.update(DenseCRF.preset("deeplab_v2_resnet101", bi_w=0, iterations=5)(p, image).argmax(0), label)
        after.update(DenseCRF.preset("deeplab_v2_resnet101", iterations=5)(p, image).argmax(0), label)
    before, smooth, after = (m.compute().mIoU for m in (before, smooth, after))
    assert 0.4 < before < 0.8
    assert after > before + 0.02
    assert after > smooth + 0.01  # colour does it, not smoothing alone


@pytest.mark.slow
def test_a_camvid_image_takes_at_most_two_seconds(camvid):
    line = (camvid / "val.txt").read_text().splitlines()[50]
    image = cv2.imread(str(camvid / line.split()[0]), cv2.IMREAD_COLOR)
    p = np.random.default_rng(0).dirichlet(np.ones(11), image.shape[:2]).transpose(2, 0, 1)
    seconds = []
    for _ in range(3):
        started = time.process_time()  # of all threads of this process: other load hardly counts
        DenseCRF.preset("deeplab_v2_resnet101")(p, image)
        seconds.append(time.process_time() - started)
    assert min(seconds) <= 2.0, seconds
