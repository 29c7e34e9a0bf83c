"""UNet's border weights against the equation, done the slow way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.data import unet_border_weight
from paddleseg_lite.registry import TRANSFORMS


def naive(label, w0, sigma, background, ignore):
    """Every object, every pixel, every distance."""
    h, w = label.shape
    objects, seen = [], np.zeros((h, w), bool)
    for y in range(h):
        for x in range(w):
            if seen[y, x] or label[y, x] in (background, ignore):
                continue
            stack, pixels = [(y, x)], []
            seen[y, x] = True
            while stack:
                cy, cx = stack.pop()
                pixels.append((cy, cx))
                for ny in range(max(0, cy - 1), min(h, cy + 2)):
                    for nx in range(max(0, cx - 1), min(w, cx + 2)):
                        if not seen[ny, nx] and label[ny, nx] == label[y, x]:
                            seen[ny, nx] = True
                            stack.append((ny, nx))
            objects.append(np.array(pixels))
    out = np.where(label == ignore, 0.0, 1.0)
    for y in range(h):
        for x in range(w):
            if label[y, x] == background and len(objects) > 1:
                d = sorted(np.sqrt(((o - (y, x)) ** 2).sum(1).min()) for o in objects)
                out[y, x] += w0 * np.exp(-((d[0] + d[1]) ** 2) / (2 * sigma**2))
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 2.5, 5.0]), st.integers(1, 3), st.booleans())
def test_as_the_equation_says(seed, sigma, classes, ignored):
    rng = np.random.default_rng(seed)
    label = np.zeros((22, 27), np.uint8)
    for _ in range(rng.integers(0, 7)):
        y, x = rng.integers(0, 20), rng.integers(0, 25)
        label[y : y + rng.integers(1, 8), x : x + rng.integers(1, 8)] = rng.integers(1, classes + 1)
    if ignored:
        label[:4, :9] = 255
    ours = unet_border_weight(label, w0=10, sigma=sigma)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, naive(label, 10, sigma, 0, 255), atol=1e-4)


def test_golden_gap():
    """Two objects with a gap of 3: its middle pixel is 2 from each, (2 + 2)^2 / 50 = 0.32."""
    label = np.zeros((1, 9), np.uint8)
    label[0, [1, 2, 6, 7]] = 1
    weight = unet_border_weight(label)
    assert weight[0, 4] == pytest.approx(1 + 10 * np.exp(-0.32), rel=1e-5)
    assert weight[0, 1] == 1 and weight[0, 0] == pytest.approx(1 + 10 * np.exp(-((1 + 6) ** 2) / 50), rel=1e-5)


def test_one_object_has_no_border_term():
    label = np.zeros((30, 30), np.uint8)
    assert (unet_border_weight(label) == 1).all()
    label[10:20, 10:20] = 1
    assert (unet_border_weight(label) == 1).all()


def test_class_weights():
    label = np.array([[0, 1, 2, 255]], np.uint8)
    assert unet_border_weight(label, w0=0, class_weights=[1, 2, 3]).tolist() == [[1, 2, 3, 0]]
    with pytest.raises(ValueError, match="class_weights has 2 entries, but the label holds class 2"):
        unet_border_weight(label, class_weights=[1, 2])


def test_as_a_transform():
    label = np.zeros((9, 9), np.int32)
    label[2, 2], label[6, 6] = 1, 1
    step = TRANSFORMS.build({"type": "UNetBorderWeight", "sigma": 3.0}, offered={"ignore_index": 9})
    assert step.ignore_index == 9
    out = step({"image": np.zeros((9, 9, 3), np.uint8), "label": label}, None)
    assert (out["weight"] == unet_border_weight(label, sigma=3.0)).all()
    assert "weight" not in step({"image": label}, None)
