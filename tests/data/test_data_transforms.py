"""Transforms: image and label stay aligned; names, arguments and values are PaddleSeg's."""

import numpy as np
import pytest
from data_helpers import code, coded_sample, interior, misaligned

from paddleseg_lite.data import transforms as T
from paddleseg_lite.data.transforms import photometric
from paddleseg_lite.data.transforms.elastic import displacement
from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.registry import TRANSFORMS

RGB = np.random.default_rng(1).integers(0, 256, (20, 26, 3), dtype=np.uint8)


def run(name, sample, seed=0, **arguments):
    return TRANSFORMS.build({"type": name, **arguments})(sample, np.random.default_rng(seed))


@pytest.mark.parametrize("interp", ["NEAREST", "LINEAR", "CUBIC", "AREA", "LANCZOS4", "RANDOM"])
@pytest.mark.parametrize("size, radius", [((40, 30), 2), ((240, 180), 14), ((80, 60), 4), ((64, 75), 5)])
def test_aligned_under_every_interpolation(interp, size, radius):
    for seed in range(4):
        out = run("Resize", coded_sample(seed), seed, target_size=size, interp=interp)
        assert misaligned(out, radius, tolerance=3) == 0


def test_label_of_a_third_takes_the_middle_pixel():
    label = np.arange(9, dtype=np.uint8).repeat(1)[None].repeat(9, 0)
    out = run("Resize", {"image": np.zeros((9, 9, 3), np.uint8), "label": label, "meta": {}}, target_size=(3, 3))
    assert out["label"].tolist() == [[1, 4, 7]] * 3


def test_sizes_are_width_height():
    sample = coded_sample(size=(60, 80))
    assert run("Resize", sample, target_size=[50, 44])["image"].shape == (44, 50, 3)
    assert run("Resize", sample, target_size=(160, 160), keep_ratio=True)["label"].shape == (120, 160)
    assert run("Resize", sample, target_size=(100, 90), size_divisor=32)["label"].shape == (96, 128)
    assert run("ResizeByShort", sample, short_size=30)["label"].shape == (30, 40)
    assert run("ResizeByShort", sample, short_size=120, max_size=100)["label"].shape == (75, 100)
    assert run("ResizeByLong", sample, long_size=40)["label"].shape == (30, 40)
    assert run("LimitLong", sample, max_long=40)["label"].shape == (30, 40)
    assert run("LimitLong", sample, min_long=160)["label"].shape == (120, 160)
    assert run("LimitLong", sample, max_long=200, min_long=20) is sample
    assert run("RandomPaddingCrop", sample, crop_size=(40, 100))["image"].shape == (100, 40, 3)


def test_step_scaling_draws_every_step_evenly():
    sample, seen = coded_sample(size=(40, 80)), []
    for seed in range(300):
        out = run("ResizeStepScaling", sample, seed, min_scale_factor=0.5, max_scale_factor=2.0, scale_step_size=0.25)
        seen.append(out["label"].shape[1] / 80)
    values, counts = np.unique(seen, return_counts=True)
    assert values.tolist() == [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0] and counts.min() > 20
    assert run("ResizeStepScaling", sample, min_scale_factor=2, max_scale_factor=2)["label"].shape == (80, 160)
    free = {run("ResizeStepScaling", sample, s, scale_step_size=0)["label"].shape for s in range(20)}
    assert len(free) > 10


def test_padding_values():
    sample = {**coded_sample(size=(20, 30)), "weight": np.ones((20, 30), np.float32)}
    out = run("Padding", sample, target_size=(40, 25))
    assert (out["image"][20:] == 128).all() and (out["image"][:, 30:] == 128).all()  # 127.5, rounded
    assert (out["label"][20:] == 255).all() and (out["weight"][:, 30:] == 0).all()
    assert (out["image"][:20, :30] == sample["image"]).all() and (out["weight"][:20, :30] == 1).all()
    out = run("Padding", sample, target_size=(40, 25), im_padding_value=[1, 2, 3], label_padding_value=7)
    assert out["image"][-1, -1].tolist() == [1, 2, 3] and out["label"][-1, -1] == 7
    assert run("Padding", sample, target_size=(30, 20)) is sample
    with pytest.raises(DataError, match="larger than Padding's target_size 10 x 40"):
        run("Padding", sample, target_size=(10, 40))
    # PaddleSeg's triple for an image of another number of channels
    grey = coded_sample(size=(20, 30), channels=1)
    assert run("Padding", grey, target_size=(40, 25), im_padding_value=[127.5] * 3)["image"].shape == (25, 40, 1)
    with pytest.raises(ConfigError, match=r"has 3 values for an image of 1 channels"):
        run("Padding", grey, target_size=(40, 25), im_padding_value=[1, 2, 3])


def test_crop_is_a_window_and_all_windows_occur():
    sample = {"image": RGB, "label": RGB[..., 0], "meta": {}}
    seen = set()
    for seed in range(200):
        out = run("RandomPaddingCrop", sample, seed, crop_size=(24, 18))
        where = [(y, x) for y in range(3) for x in range(3) if (RGB[y : y + 18, x : x + 24] == out["image"]).all()]
        assert len(where) == 1 and (out["label"] == out["image"][..., 0]).all()
        seen.add(where[0])
    assert len(seen) == 9
    out = run("RandomPaddingCrop", sample, crop_size=(30, 10))  # one side padded, the other cut
    assert out["image"].shape == (10, 30, 3) and (out["label"][:, 26:] == 255).all()
    assert run("RandomPaddingCrop", sample, crop_size=(26, 20)) is sample


def test_crop_category_max_ratio():
    label = np.zeros((40, 200), np.uint8)
    label[:, :40:2] = 1  # only the left fifth is mixed
    label[:, 150:] = 255
    sample = {"image": np.zeros((40, 200, 3), np.uint8), "label": label, "meta": {}}

    def mixed(**more):
        outs = [run("RandomPaddingCrop", sample, s, crop_size=(20, 20), **more)["label"] for s in range(60)]
        return np.mean([(o == 1).mean() > 0.25 for o in outs])

    assert mixed() < 0.3 < 0.75 < mixed(category_max_ratio=0.75, loop_times=10)


def test_flips():
    sample = {"image": RGB, "label": RGB[..., 0], "meta": {}}
    out = run("RandomHorizontalFlip", sample, prob=1)
    assert (out["image"] == RGB[:, ::-1]).all() and (out["label"] == RGB[:, ::-1, 0]).all()
    assert (run("RandomVerticalFlip", sample, prob=1.0)["image"] == RGB[::-1]).all()
    assert run("RandomVerticalFlip", sample, prob=0) is sample
    turned = sum(run("RandomVerticalFlip", sample, s)["image"] is not RGB for s in range(400))
    assert 20 < turned < 65  # prob 0.1


def test_rotation_of_a_right_angle_and_its_canvas():
    label = np.zeros((41, 61), np.uint8)
    label[:, 30] = 1

    class Fixed:
        def uniform(self, low, high):
            return high

    out = T.RandomRotation(max_rotation=90)({"image": code(label), "label": label, "meta": {}}, Fixed())
    assert out["label"].shape == (61, 41)
    assert (out["label"][30] == 1).all() and (out["label"][:30] != 1).all()
    out = T.RandomRotation(max_rotation=45)({"image": code(label), "label": label, "meta": {}}, Fixed())
    assert out["label"].shape == (72, 72) and out["label"][0, 0] == 255 and (out["image"][0, 0] == 128).all()


def test_scale_aspect_stays_within_its_bounds():
    y, x = np.mgrid[:50, :60]
    image = np.stack([y * 4, x * 4, x * 0], -1).astype(np.uint8)
    areas = []
    for seed in range(100):
        out = run("RandomScaleAspect", {"image": image, "meta": {}}, seed, min_scale=0.3, aspect_ratio=0.5)["image"]
        assert out.shape == image.shape
        h, w = (float(out[..., c].max()) - float(out[..., c].min()) for c in (0, 1))
        areas.append((h / 4 + 1) * (w / 4 + 1) / 3000)
    assert min(areas) > 0.24 and max(areas) <= 1 and np.std(areas) > 0.1
    assert run("RandomScaleAspect", {"image": image, "meta": {}}, min_scale=0)["image"] is image


def test_distort_without_range_changes_nothing():
    zero = {f"{n}_range": 0 for n in ("brightness", "contrast", "saturation", "hue", "sharpness")}
    one = {f"{n}_prob": 1 for n in ("brightness", "contrast", "saturation", "sharpness")}
    out = run("RandomDistort", {"image": RGB, "meta": {}}, **zero, **one, hue_prob=0)
    assert (out["image"] == RGB).all()
    off = {f"{n}_prob": 0 for n in ("brightness", "contrast", "saturation", "hue")}
    assert run("RandomDistort", {"image": RGB, "meta": {}}, **off)["image"] is RGB


@pytest.mark.parametrize("factor", [0.5, 0.83, 1.0, 1.5])
def test_distort_agrees_with_pillow(factor):
    image = pytest.importorskip("PIL.Image")
    enhance = pytest.importorskip("PIL.ImageEnhance")
    picture = image.fromarray(RGB)
    pairs = [
        (photometric.brightness, enhance.Brightness),
        (photometric.contrast, enhance.Contrast),
        (photometric.saturation, enhance.Color),
        (photometric.sharpness, enhance.Sharpness),
    ]
    for ours, theirs in pairs:
        expected = np.asarray(theirs(picture).enhance(factor)).astype(int)
        assert np.abs(ours(RGB, factor).astype(int) - expected).max() <= (2 if ours is photometric.sharpness else 1)
    shift = round(30 * (factor - 1))
    hsv = np.array(picture.convert("HSV"))
    hsv[..., 0] += np.uint8(shift % 256)
    expected = np.asarray(image.fromarray(hsv, mode="HSV").convert("RGB")).astype(int)
    assert np.abs(photometric.hue(RGB, shift).astype(int) - expected).mean() < 3


def test_distort_of_grey_and_many_channels():
    full = {f"{n}_prob": 1 for n in ("brightness", "contrast", "saturation", "hue", "sharpness")}
    for channels in (1, 2, 5):
        image = np.repeat(RGB[..., :1], channels, axis=2)
        out = run("RandomDistort", {"image": image, "meta": {}}, 2, **full)["image"]
        assert out.shape == image.shape and out.dtype == np.uint8 and (out != image).any()


def test_blur_probability_and_kinds():
    for kind in ("gaussian", "median", "blur", "random"):
        out = run("RandomBlur", {"image": RGB, "meta": {}}, prob=1, blur_type=kind)["image"]
        assert out.std() < RGB.std() and out.shape == RGB.shape
        six = run("RandomBlur", {"image": np.dstack([RGB, RGB]), "meta": {}}, prob=1, blur_type=kind)["image"]
        assert (six == np.dstack([out, out])).all()
    outs = [run("RandomBlur", {"image": RGB, "meta": {}}, s, prob=0.6)["image"] for s in range(300)]
    assert 150 < sum((out != RGB).any() for out in outs) < 210


def test_normalize_formula():
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    out = run("Normalize", {"image": RGB, "meta": {}}, mean=mean, std=std)["image"]
    assert out.dtype == np.float32 and out.flags.c_contiguous
    np.testing.assert_allclose(out, (RGB / 255 - mean) / std, atol=2e-6)
    default = run("Normalize", {"image": RGB, "meta": {}})["image"]
    np.testing.assert_allclose(default, RGB / 127.5 - 1, atol=1e-6)
    assert default.min() == -1 and default.max() == 1
    six = np.concatenate([RGB, RGB], axis=2)
    assert (run("Normalize", {"image": six, "meta": {}})["image"][..., 3:] == default).all()
    assert (run("Normalize", {"image": default, "meta": {}})["image"] != default).any()  # float images too
    with pytest.raises(ConfigError, match="mean has 3 values for an image of 1 channels"):
        run("Normalize", {"image": RGB[..., :1], "meta": {}}, mean=mean)


def test_colour_after_normalize_is_refused():
    with pytest.raises(ConfigError, match="RandomDistort works on uint8 images: put it before Normalize"):
        T.Compose([{"type": "Normalize"}, {"type": "RandomDistort"}])(coded_sample(), np.random.default_rng(0))


def test_elastic_displacement():
    coarse = np.random.default_rng(0).normal(size=(2, 3, 3))
    field = displacement(coarse, (41, 61))
    assert field.shape == (2, 41, 61)
    np.testing.assert_allclose(field[:, ::20, ::30], coarse, atol=1e-12)  # control points on corners and middles
    flat = displacement(np.ones((2, 4, 4)), (30, 20))
    np.testing.assert_allclose(flat, 1, atol=1e-12)
    rise = displacement(np.tile(np.arange(5.0), (2, 5, 1)), (9, 81))[0, 0]
    np.testing.assert_allclose(rise[20:61], np.arange(20, 61) / 20, atol=1e-12)  # cubic: exact on straight lines


def test_elastic_strength():
    sample = coded_sample()
    assert (run("ElasticDeformation", sample, sigma=0)["image"] == sample["image"]).all()
    assert run("ElasticDeformation", sample, prob=0) is sample
    y, x = (np.ascontiguousarray(a, np.uint8) for a in np.mgrid[:200, :200])
    moves = []
    for seed in range(60):
        out = run("ElasticDeformation", {"image": np.dstack([y, x]), "meta": {}}, seed, sigma=6.0)["image"]
        moves.append(out[100, 100].astype(float) - 100)
    assert 4.5 < np.std(moves) < 7.5  # the middle control point moves by N(0, sigma)
    out = run("ElasticDeformation", {**sample, "weight": np.ones((60, 80), np.float32)}, 1, sigma=12.0)
    assert (out["label"] != 255).all() and (out["weight"] == 1).all()  # mirrored: nothing comes from outside
    out = run("ElasticDeformation", sample, 1, sigma=12.0, border="constant")
    assert (out["label"] == 255).any()


@pytest.mark.parametrize(
    "chain",
    [
        [("Resize", {"target_size": (33, 47)})],
        [("ResizeByShort", {"short_size": 90}), ("Padding", {"target_size": (160, 128)})],
        [("Padding", {"target_size": (96, 64)}), ("Resize", {"target_size": (48, 32)})],
        [("LimitLong", {"max_long": 50}), ("Padding", {"target_size": (64, 64)}), ("ResizeByLong", {"long_size": 96})],
    ],
)
def test_restore_undoes_them(chain):
    import paddle

    sample = coded_sample(size=(60, 80))
    out = T.Compose([{"type": n, **a} for n, a in chain])(
        {"image": sample["image"], "meta": sample["meta"]}, np.random.default_rng(0)
    )
    info = out["meta"]["trans_info"]
    assert len(info) == len(chain)
    one_hot = out["image"][..., 0][None] == np.array([31 * i % 256 for i in range(6)])[:, None, None]
    logits = one_hot[None].astype(np.float32)
    back = T.restore(logits, info)
    tensor = T.restore(paddle.to_tensor(logits), info)
    assert back.shape == (1, 6, 60, 80) and list(tensor.shape) == [1, 6, 60, 80]
    np.testing.assert_allclose(tensor.numpy(), back, atol=1e-4)
    inside = interior(sample["label"], 4)
    assert inside.any() and (back[0].argmax(0) == sample["label"])[inside].all()
    ids = T.restore(logits[0].argmax(0).astype(np.uint8), info)
    assert ids.shape == (60, 80) and (ids == sample["label"])[inside].all()


def test_restore_of_nothing_and_of_the_unknown():
    array = np.zeros((1, 2, 3, 4), np.float32)
    assert T.restore(array, []) is array
    with pytest.raises(ValueError, match="cannot be undone"):
        T.restore(array, [("twist", (1, 1))])
    with pytest.raises(ValueError, match=r"takes logits"):
        T.restore(array[0], [("resize", (9, 9))])


def test_compose_from_specs():
    calls = []

    def mine(sample, rng):
        calls.append(rng)
        return sample

    pipeline = T.Compose([{"type": "Padding", "target_size": [9, 9]}, mine, "Normalize"], ignore_index=11)
    assert len(pipeline) == 3 and [type(t).__name__ for t in pipeline][::2] == ["Padding", "Normalize"]
    out = pipeline(coded_sample(size=(5, 5)), np.random.default_rng(0))
    assert out["label"][-1, -1] == 11 and len(calls) == 1  # padded by the dataset's ignore_index
    explicit = T.Compose([{"type": "Padding", "target_size": [9, 9], "label_padding_value": 3}], ignore_index=11)
    assert explicit(coded_sample(size=(5, 5)), None)["label"][-1, -1] == 3


@pytest.mark.parametrize(
    "spec, message",
    [
        ({"type": "RandomFlip"}, r"transforms\[0\]: unknown transform type 'RandomFlip'"),
        ({"type": "Resize", "size": [1, 2]}, r"transforms\[0\]: transform Resize has no argument 'size'"),
        ({"type": "ResizeByLong"}, "needs the argument long_size"),
        ({"type": "Resize", "target_size": [512]}, "target_size is two positive integers, .width, height."),
        ({"type": "Resize", "target_size": [512, 0.5]}, "two positive integers"),
        ({"type": "RandomPaddingCrop", "crop_size": [10**30, 2]}, "each up to 32768 pixels"),
        ({"type": "ResizeByLong", "long_size": 10**9}, "up to 32768 pixels"),
        ({"type": "Resize", "interp": "BILINEAR"}, "interp is one of NEAREST, LINEAR"),
        ({"type": "Resize", "size_divisor": 0}, "size_divisor is a positive integer"),
        ({"type": "ResizeByShort", "short_size": -3}, "short_size is a positive integer"),
        ({"type": "LimitLong", "max_long": 3, "min_long": 4}, "min_long 4 is above max_long 3"),
        ({"type": "ResizeStepScaling", "scale_step_size": float("nan")}, "scale_step_size >= 0"),
        ({"type": "ResizeStepScaling", "scale_step_size": 1e-10}, "no more than 10000 steps"),
        ({"type": "ResizeStepScaling", "max_scale_factor": 1e300}, "factors up to 64"),
        ({"type": "ResizeStepScaling", "min_scale_factor": 2}, "0 < min_scale_factor <= max_scale_factor"),
        ({"type": "RandomPaddingCrop", "crop_size": "512"}, "crop_size is two positive integers"),
        ({"type": "RandomPaddingCrop", "category_max_ratio": 0}, "category_max_ratio > 0"),
        ({"type": "RandomHorizontalFlip", "prob": 1.5}, "prob is a probability from 0 to 1"),
        ({"type": "RandomRotation", "max_rotation": -1}, "max_rotation is in degrees, 0 or more"),
        ({"type": "RandomScaleAspect", "min_scale": 3}, "lie in 0..1"),
        ({"type": "RandomDistort", "hue_prob": 3}, "hue_prob is a probability"),
        ({"type": "RandomDistort", "hue_range": -3}, "hue_range is a number, 0 or more"),
        ({"type": "RandomBlur", "blur_type": "motion"}, "blur_type is gaussian, median, blur or random"),
        ({"type": "ElasticDeformation", "grid_size": 1}, "grid_size of 2 or more"),
        ({"type": "ElasticDeformation", "border": "wrap"}, "border is reflect or constant"),
        ({"type": "Normalize", "std": [0.5, 0.5, 0]}, "std must not be 0"),
        ({"type": "Normalize", "mean": "imagenet"}, "mean is a list of numbers"),
        ({"type": "Normalize", "mean": []}, "mean is a list of numbers"),
    ],
)
def test_bad_arguments(spec, message):
    with pytest.raises(ConfigError, match=message):
        T.Compose([spec])


def test_bad_list():
    for bad in ("Normalize", {"type": "Normalize"}):
        with pytest.raises(ConfigError, match="transforms is a list"):
            T.Compose(bad)
