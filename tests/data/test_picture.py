"""What a caller holds -> a picture: the same as from a file, or one of our errors."""

import io as bytes_io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from paddleseg_lite.data import io
from paddleseg_lite.data.levels import parse_value_range
from paddleseg_lite.data.picture import as_picture, is_batch
from paddleseg_lite.errors import ConfigError, DataError

RNG = np.random.default_rng(11)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = RGB[..., 1]
THREE = np.repeat(GREY[..., None], 3, axis=2)


def encoded(picture, kind="PNG", **options) -> bytes:
    out = bytes_io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(out, kind, **options)
    return out.getvalue()


SAME = {
    "RGB": (RGB, RGB),
    "grey": (GREY, THREE),
    "one channel": (GREY[..., None], THREE),
    "RGBA": (np.dstack([RGB, GREY]), RGB),
    "floats from 0 to 1": (RGB / 255, RGB),
    "float32": (RGB / np.float32(255), RGB),
    "16 bits": (RGB.astype(np.uint16) * 257, RGB),
    "16 bits of another byte order": ((RGB.astype(np.uint16) * 257).astype(">u2"), RGB),
    "integers, as JSON gives them": (RGB.astype(np.int64), RGB),
    "rows upside down in memory": (RGB[::-1][::-1], RGB),
    "encoded": (encoded(RGB), RGB),
    "bytearray": (bytearray(encoded(RGB)), RGB),
    "memoryview": (memoryview(encoded(RGB)), RGB),
    "open file": (bytes_io.BytesIO(encoded(RGB)), RGB),
    "Pillow RGB": (Image.fromarray(RGB), RGB),
    "Pillow L": (Image.fromarray(GREY), THREE),
    "Pillow RGBA": (Image.fromarray(np.dstack([RGB, GREY])), RGB),
    "Pillow LA": (Image.fromarray(np.dstack([GREY, GREY])), THREE),
    "Pillow 1": (Image.fromarray(GREY > 99), np.repeat((GREY > 99)[..., None] * np.uint8(255), 3, axis=2)),
    "Pillow I;16": (Image.fromarray(GREY.astype(np.uint16) * 257), THREE),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_picture_whatever_holds_it(name):
    value, expected = SAME[name]
    pixels = as_picture(value).pixels
    assert pixels.dtype == np.uint8 and np.array_equal(pixels, expected)


OPEN = {
    "bool": (RGB > 9, r"\[20, 30, 3\] of bool holds bool values.*mask"),
    "NaN": (np.full((4, 5, 3), np.nan), r"\[4, 5, 3\] of float64 holds values that are not finite"),
    "infinite": (np.full((4, 5, 3), np.inf), "not finite"),
    "floats from 0 to 255": (RGB.astype(float), r"float64 holds values from 0 to 255, which may mean several things"),
    "normalised": (RGB / 127.5 - 1, "from -1 to 1"),
    "floats of 0 and 1 alone": ((RGB > 9).astype(float), "several things"),
    "16 bits that look like 8": (RGB.astype(np.uint16), r"values up to 255, which may be 8 bits"),
    "integers beyond 255": (RGB.astype(np.int32) * 9, "from 0 to 2295"),
    "signed 8 bits": (GREY.astype(np.int8), "from -128 to 127"),
    "empty": (RGB[:0], r"empty array \[0, 30, 3\] of uint8"),
    "channels first": (RGB.transpose(2, 0, 1), r"\[3, 20, 30\] of uint8, which looks like \[C, H, W\].*transpose"),
    "no axis": (np.float32(3), r"array \[\] of float32"),
    "one axis": (GREY[0], r"array \[30\]"),
    "five axes": (RGB[None, None], r"array \[1, 1, 20, 30, 3\]"),
    "two bands": (RGB[..., :2], "has 2 channels, but 3 are asked for"),
    "six bands": (np.dstack([RGB, RGB]), "has 6 channels, but 3 are asked for"),
    "complex": (RGB * 1j, "complex128"),
    "text": (np.array([["a"]]), "<U1"),
    "objects": (np.array([[None]]), "object"),
    "masked": (np.ma.masked_greater(GREY, 100), "masked values"),
    "nothing": (None, "this is a NoneType"),
    "numbers": (5, "this is a int"),
    "bytes of something": (b"123", "3 encoded bytes.*cannot be decoded"),
    "no bytes": (b"", "0 bytes"),
    "a NUL in a path": ("a\0b", "cannot be read"),
    "a long path": ("x" * 5000, "too long"),
    "Pillow F": (Image.fromarray(GREY.astype(np.float32)), "mode F, 30 x 20.*range is unknown"),
    "Pillow I": (Image.fromarray(GREY.astype(np.int32)), "mode I, 30 x 20.*range is unknown"),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_may_mean_several_things_is_an_error_with_shape_and_type(name):
    value, reason = OPEN[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=reason):
            as_picture(value)


def test_frames_of_an_animation_are_handed_over_one_by_one(tmp_path):
    frames = [Image.fromarray(RNG.integers(0, 9, (8, 8), dtype=np.uint8)) for _ in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "a.gif") as picture:
        with pytest.raises(DataError, match="has 3 frames"):
            as_picture(picture)
        assert as_picture(picture.copy()).pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("value", range(1, 9))
def test_pillow_pictures_are_turned_upright_once(kind, value):
    exif = Image.Exif()
    exif[0x0112] = value
    data = encoded(RGB, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(bytes_io.BytesIO(data))).convert("RGB"))
    assert np.array_equal(as_picture(Image.open(bytes_io.BytesIO(data))).pixels, expected)
    assert io.decode_image(data).shape == expected.shape


def test_one_and_many_bands():
    assert as_picture(RGB, 1).pixels.shape == (20, 30, 1)
    seven = RNG.integers(0, 256, (20, 30, 7), dtype=np.uint8)
    assert np.array_equal(as_picture(seven, 7).pixels, seven)
    with pytest.raises(DataError, match=r"looks like \[C, H, W\]"):
        as_picture(seven.transpose(2, 0, 1), 7)
    with pytest.raises(DataError, match="has 3 channels, but 7 are asked for"):
        as_picture(RGB, 7)
    four = np.dstack([RGB, GREY])
    assert np.array_equal(as_picture(four, 4).pixels, four)


def test_value_range_counts_for_arrays_as_for_files(tmp_path):
    deep = RNG.integers(0, 4096, (8, 9), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "d.png")
    ranges = parse_value_range([0, 4095])
    expected = io.read_image(tmp_path / "d.png", 1, value_range=ranges)
    for value in (deep, deep.astype(np.float32), deep.astype(np.int32), Image.fromarray(deep), tmp_path / "d.png"):
        assert np.array_equal(as_picture(value, 1, value_range=ranges).pixels, expected)
    two = np.dstack([deep, deep * 2])
    each = as_picture(two, 2, value_range=parse_value_range([[0, 4095], [0, 8190]])).pixels
    assert np.array_equal(each[..., :1], expected) and np.abs(each[..., 1].astype(int) - each[..., 0]).max() <= 1


@pytest.mark.parametrize("value", [5, "0-1", [1], [1, 0], [0, 0], [0, float("nan")], [[0, 1], [1]], [], {}, [None, 1]])
def test_value_range_is_checked(value):
    with pytest.raises(ConfigError, match=r"value_range is \[low, high\]"):
        parse_value_range(value)


def test_batches():
    assert is_batch([RGB]) and is_batch((RGB, RGB)) and is_batch(RGB[None])
    assert not is_batch(RGB) and not is_batch("a.png") and not is_batch(b"1")
