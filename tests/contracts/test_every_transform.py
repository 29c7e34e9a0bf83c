"""The contract of a transform: image and label stay together, nothing given is changed, the generator decides."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.data import Compose, restore
from paddleseg_lite.registry import TRANSFORMS
from tests.contracts.found import every
from tests.data.data_helpers import IGNORE, code, coded_sample, interior, misaligned

KEYS = ("image", "label", "weight")


def run(spec, sample, seed=0):
    return TRANSFORMS.build(spec)(sample, np.random.default_rng(seed))


def sample_with_weight(seed=3):
    sample = coded_sample(seed)
    return {**sample, "weight": np.ones(sample["label"].shape, np.float32)}


def moves_pixels(before, after) -> bool:
    """Whether the label was touched: a transform of colours leaves it as it is."""
    return after["label"].shape != before["label"].shape or bool((after["label"] != before["label"]).any())


@every(TRANSFORMS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.tuples(st.integers(40, 90), st.integers(40, 90)),
    channels=st.sampled_from([1, 3, 4, 6]),
    dtype=st.sampled_from([np.uint8, np.int32]),
)
def test_image_and_label_stay_aligned(spec, seed, size, channels, dtype):
    sample = coded_sample(seed, size, channels, dtype)
    out = run(spec, sample, seed)
    if moves_pixels(sample, out):
        assert misaligned(out) <= 0  # -1: a crop without a spot away from edges
        assert out["image"].dtype == np.uint8
    assert out["image"].shape == (*out["label"].shape, channels)
    assert out["label"].dtype == dtype
    assert set(np.unique(out["label"])) <= {*np.unique(sample["label"]), IGNORE}  # nearest: no id is invented


@every(TRANSFORMS)
def test_alignment_is_judged_somewhere(spec):
    """What the test above lets pass, a map without a spot away from edges, is not all there is."""
    pairs = [(s, run(spec, s, seed)) for seed in range(12) for s in [coded_sample(seed)]]
    moved = [out for before, out in pairs if moves_pixels(before, out)]
    assert not moved or 0 in [misaligned(out) for out in moved]


@every(TRANSFORMS)
def test_pure_and_reproducible(spec):
    sample = sample_with_weight()
    kept = {k: sample[k].copy() for k in KEYS}
    for key in KEYS:
        sample[key].flags.writeable = False  # as views of a cache are
    first, again = run(spec, sample, 5), run(spec, sample, 5)
    for key, value in kept.items():
        assert (sample[key] == value).all()
        assert (first[key] == again[key]).all()
        assert first[key].shape[:2] == first["image"].shape[:2]
    assert sample["meta"]["trans_info"] == []


@every(TRANSFORMS)
def test_it_does_something(spec):
    outs = [(s, run(spec, s, seed)) for seed in range(4) for s in [sample_with_weight()]]
    assert any(a[key].shape != b[key].shape or (a[key] != b[key]).any() for a, b in outs for key in KEYS)


@every(TRANSFORMS)
def test_a_picture_without_a_label_is_treated_alike(spec):
    sample = sample_with_weight()
    expected = run(spec, sample, 5)["image"]
    del sample["label"], sample["weight"]
    out = run(spec, sample, 5)
    assert (out["image"] == expected).all() and "label" not in out


@every(TRANSFORMS)
def test_what_is_not_random_needs_no_generator_and_can_be_undone(spec):
    """Validation and prediction take these, and logits return to the picture's own size."""
    transform = Compose([spec])
    if transform.random_ones():
        outs = [run(spec, coded_sample(3), seed)["image"] for seed in range(12)]
        drawn = any(a.shape != outs[0].shape or (a != outs[0]).any() for a in outs)
        assert drawn or TRANSFORMS.small(spec["type"]).get("prob") == 1.0
        return
    sample = coded_sample(3)
    out = transform({"image": sample["image"], "meta": sample["meta"]}, None)
    ids = np.ascontiguousarray(out["image"][..., 0]) if out["image"].dtype == np.uint8 else None
    if ids is None:  # Normalize: the values change, and nothing moves
        assert out["meta"]["trans_info"] == [] and out["image"].shape == sample["image"].shape
        return
    back = restore(ids, out["meta"]["trans_info"])
    inside = interior(sample["label"], 4)
    assert back.shape == sample["label"].shape and inside.any()
    assert (np.abs(back.astype(int) - code(sample["label"])[..., 0])[inside] <= 2).all()


@every(TRANSFORMS)
def test_a_recipe_shows_what_was_built(spec):
    transform = TRANSFORMS.build(spec)
    assert repr(transform).startswith(f"{type(transform).__name__}(")
    for name in set(spec) - {"type"}:
        assert f"{name}=" in repr(transform)
