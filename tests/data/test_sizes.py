"""The size of a picture is known from its header, and what does not fit is refused before it is decoded."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddleseg_lite.data import io, reading
from paddleseg_lite.data.sizes import header_size
from paddleseg_lite.errors import DataError

RNG = np.random.default_rng(3)
WAYS = {
    "jpg": [],
    "progressive.jpg": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "bmp": [],
    "lossy.webp": [cv2.IMWRITE_WEBP_QUALITY, 80],
    "lossless.webp": [cv2.IMWRITE_WEBP_QUALITY, 101],
    "ppm": [],
    "pgm": [],
    "text.ppm": [cv2.IMWRITE_PXM_BINARY, 0],
}


def encoded(way, height, width, channels=3):
    picture = RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)
    picture = picture[..., 0] if way == "pgm" else picture
    return cv2.imencode(f".{way.split('.')[-1]}", picture, WAYS[way])[1].tobytes()


@given(st.sampled_from(list(WAYS)), st.integers(1, 300), st.integers(1, 300))
def test_the_size_is_that_of_the_picture(way, height, width):
    assert header_size(encoded(way, height, width)) == (height, width)


def test_with_transparency_and_from_the_top():
    assert header_size(encoded("lossless.webp", 30, 40, 4)) == (30, 40)
    extended = b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<II", 10, 0) + (39).to_bytes(3, "little") + bytes((29, 0, 0))
    assert header_size(extended) == (30, 40)
    upside_down = bytearray(encoded("bmp", 30, 40))
    upside_down[22:26] = struct.pack("<i", -30)
    assert header_size(bytes(upside_down)) == (30, 40)


@pytest.mark.parametrize("way", list(WAYS))
def test_a_header_that_is_cut_off_says_nothing_wrong(way):
    data = encoded(way, 30, 40)
    assert all(header_size(data[:length]) in (None, (30, 40)) for length in range(20))


LARGE = {
    "a.jpg": lambda data: data.replace(struct.pack(">HH", 30, 40), struct.pack(">HH", 30000, 20000), 1),
    "a.bmp": lambda data: data[:18] + struct.pack("<ii", 20000, 30000) + data[26:],
    "a.ppm": lambda data: data.replace(b"40 30", b"20000 30000", 1),
    "a.webp": lambda data: data[:26] + struct.pack("<HH", 16000, 16000) + data[30:],
}


@pytest.mark.parametrize("read", [io.read_image, io.read_label])
@pytest.mark.parametrize("name", list(LARGE))
def test_what_does_not_fit_is_refused_before_it_is_decoded(tmp_path, monkeypatch, name, read):
    way = "lossy.webp" if name.endswith("webp") else name.split(".")[1]
    path = tmp_path / name
    path.write_bytes(LARGE[name](encoded(way, 30, 40)))
    monkeypatch.setattr(reading, "free_bytes", lambda: 1 << 30)
    if read is io.read_image:
        monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(DataError, match=r"too large for this machine: (20000 x 30000|16000 x 16000)|is a JPEG, whose"):
        read(path)
