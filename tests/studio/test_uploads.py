"""Uploads are held to their limits before they are decoded, and what is broken is told."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from paddleseg_lite.data import write_png
from paddleseg_lite.errors import DataError
from paddleseg_lite.studio.uploads import Limits, read_upload

LIMITS = Limits(megabytes=0.2, megapixels=0.05)


def huge_png(path, side=10_000):
    """A whole PNG of side x side grey pixels, a few kilobytes small: 100 megapixels of zeros."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "bmp", "tiff"])
def test_pictures_of_every_format_are_read(tmp_path, kind):
    image = np.random.default_rng(0).integers(0, 255, [20, 30, 3], np.uint8)
    path = tmp_path / f"x.{kind}"
    assert cv2.imwrite(str(path), image[..., ::-1])
    assert read_upload(path, LIMITS).shape == (20, 30, 3)
    if kind == "png":
        assert np.array_equal(read_upload(path, LIMITS), image)


def test_the_name_says_nothing(tmp_path):
    write_png(tmp_path / "x.png", np.zeros([8, 9, 3], np.uint8))
    (tmp_path / "x.png").rename(tmp_path / "x.txt")
    assert read_upload(tmp_path / "x.txt", LIMITS).shape == (8, 9, 3)


def test_a_hundred_megapixels_are_refused_undecoded(tmp_path):
    path = huge_png(tmp_path / "huge.png")
    assert path.stat().st_size < 200_000
    with pytest.raises(DataError, match=r"10000 x 10000 = 100\.0 megapixels, and 0\.05 are taken"):
        read_upload(path, LIMITS)
    with pytest.raises(DataError, match="far too large"):
        read_upload(huge_png(tmp_path / "huger.png", 20_000), Limits())


def test_bytes_are_counted_first(tmp_path):
    (tmp_path / "x.png").write_bytes(b"x" * 300_000)
    with pytest.raises(DataError, match=r"0\.3 MB, and 0\.2 are taken"):
        read_upload(tmp_path / "x.png", LIMITS)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"\xff\xd8\xff\xe0",
     b"\x93NUMPY\x01\x00v\x00{'descr': '|O'}", b"%PDF-1.4", b"#?RADIANCE\n\n-Y 20000 +X 20000\n"],
)  # fmt: skip
def test_what_is_no_picture_is_told(tmp_path, data):
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(DataError):
        read_upload(tmp_path / "x.png", LIMITS)


def test_a_truncated_picture_is_told(tmp_path):
    write_png(tmp_path / "x.png", np.random.default_rng(0).integers(0, 255, [50, 50, 3], np.uint8))
    data = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="damaged"):
        read_upload(tmp_path / "x.png", LIMITS)


@pytest.mark.parametrize("path", [None, "", "/nowhere/x.png"])
def test_no_picture(path):
    with pytest.raises(DataError, match=r"no picture yet|no longer there"):
        read_upload(path, LIMITS)
