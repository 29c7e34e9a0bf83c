"""From stored values to 256 levels: the whole range, a part of it, and a word where most of it is empty."""

import logging

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from paddleseg_lite.config import Config
from paddleseg_lite.data import levels, read_image
from paddleseg_lite.data.levels import dark_message, to_uint8
from paddleseg_lite.doctor import diagnose
from paddleseg_lite.errors import DataError

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def not_yet_warned(monkeypatch):
    monkeypatch.setattr(levels, "_warned", set())


@given(st.integers(0, 65535), st.integers(0, 65534), st.integers(1, 65535))
def test_a_value_becomes_its_share_of_the_range(value, low, span):
    high = min(65535, low + span)
    stored = np.array([[[value]]], np.uint16)
    exact = min(max((value - low) / (high - low), 0), 1) * 255
    (got,) = to_uint8(stored, "a", value_range=((low, high),), warn=False).reshape(-1)
    assert abs(int(got) - exact) <= 0.5 + 1e-9
    whole = to_uint8(stored, "a", warn=False).reshape(-1)[0]
    assert abs(int(whole) - value * 255 / 65535) <= 0.5


def test_a_range_for_each_band():
    stored = np.dstack([np.full((2, 2), v, np.uint16) for v in (0, 500, 4095)])
    ranges = ((0, 4095), (0, 1000), (4095, 8190))
    assert to_uint8(stored, "a", value_range=ranges)[0, 0].tolist() == [0, 128, 0]
    with pytest.raises(DataError, match="has 3 bands, but value_range has 2 pairs"):
        to_uint8(stored, "a", value_range=ranges[:2])


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.float32])
def test_values_without_a_range_of_their_own_need_one(dtype):
    stored = np.array([[[0], [3]]], dtype)
    with pytest.raises(DataError, match=r"values from 0 to 3, whose range is unknown"):
        to_uint8(stored, "a")
    assert to_uint8(stored, "a", value_range=((0, 3),)).reshape(-1).tolist() == [0, 255]


def test_values_that_are_no_numbers_are_counted():
    stored = np.array([[[0], [np.nan], [np.inf]]], np.float32)
    with pytest.raises(DataError, match="holds 2 values that are not finite"):
        to_uint8(stored, "a", value_range=((0, 1),))


def sensor(folder, name, top):
    """A 16-bit picture of a sensor that reaches ``top``."""
    path = folder / name
    values = RNG.integers(0, top, (32, 32)).astype(np.uint16)
    values[0, 0] = top
    if path.suffix == ".tif":
        tifffile.imwrite(path, values, photometric="minisblack")
    else:
        cv2.imwrite(str(path), values)
    return path


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("top, range_told", [(900, "[0, 1023]"), (4000, "[0, 4095]"), (16383, "[0, 16383]")])
def test_a_picture_that_uses_a_fraction_of_its_range_is_told_once(tmp_path, caplog, ending, top, range_told):
    path = sensor(tmp_path, f"a{ending}", top)
    read_image(path, 1), read_image(path, 1)
    (told,) = caplog.messages
    assert f"{top} of the 65535 levels of 16 bits are used" in told and f"value_range: {range_told}" in told
    assert len(np.unique(read_image(path, 1, value_range=((0, top),)))) > 200  # as the remedy says


@pytest.mark.parametrize("top, value_range", [(16384, None), (65535, None), (900, ((0, 1023),))])
def test_nothing_is_said_where_nothing_is_lost(tmp_path, caplog, top, value_range):
    with caplog.at_level(logging.INFO):
        read_image(sensor(tmp_path, "a.png", top), 1, value_range=value_range)
    assert not caplog.messages


@pytest.mark.parametrize("value_range", [None, [0, 1023]])
def test_the_doctor_tells_of_a_whole_data_set(tmp_path, value_range):
    for i in range(4):
        sensor(tmp_path, f"{i}.png", 900)
        cv2.imwrite(str(tmp_path / f"{i}_label.png"), (RNG.random((32, 32)) > 0.5).astype(np.uint8))
    (tmp_path / "list.txt").write_text("".join(f"{i}.png {i}_label.png\n" for i in range(4)))
    normalize = {"type": "Normalize", "mean": [0.5], "std": [0.5]}
    spec = {"type": "Dataset", "dataset_root": str(tmp_path), "num_classes": 2, "img_channels": 1,
            "value_range": value_range, "transforms": [normalize]}  # fmt: skip
    config = Config(
        model={"type": "UNet", "base_channels": 4, "in_channels": 1},
        train_dataset={**spec, "train_path": "list.txt"},
        val_dataset={**spec, "val_path": "list.txt"},
    )
    text = diagnose(config, dry_run=False, use_cache=False).text()
    told = dark_message(900, "train: 4 images of 16 bits")
    assert (told in text) == (value_range is None) and ("of 16 bits are used" in text) == (value_range is None)
