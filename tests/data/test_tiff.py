"""TIFF: the samples as an independent reader has them, whatever the header says about storage."""

import io as bytes_io
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from paddleseg_lite.data import io, tiff, tiff_segments
from paddleseg_lite.data.decoding import decode_samples
from paddleseg_lite.errors import DataError

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "fuzz"))
from tiff_writer import deflated, float_predicted, grey_tags, write_tiff

RNG = np.random.default_rng(3)
STORAGES = [
    {},
    {"tile": (16, 32)},
    {"rowsperstrip": 5},
    {"bigtiff": True, "byteorder": ">"},
    {"compression": "zlib", "predictor": True},
    {"compression": "zlib", "predictor": True, "tile": (16, 16), "byteorder": ">"},
]


def written(array, **options) -> bytes:
    out = bytes_io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


def by_pillow(array, mode=None, **options) -> bytes:
    out = bytes_io.BytesIO()
    picture = array if isinstance(array, Image.Image) else Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(out, "TIFF", **options)
    return out.getvalue()


@pytest.mark.parametrize("storage", STORAGES, ids=str)
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "f4", "f8"])
def test_bands_come_out_as_stored(kind, planar, storage):
    if kind[0] == "f" and "predictor" in storage:
        storage = {k: v for k, v in storage.items() if k != "predictor"}  # its writer needs another package
    bands = (RNG.random((37, 45, 5)) * 250 - (100 if kind != "u1" and kind != "u2" else 0)).astype(kind)
    stored = np.ascontiguousarray(bands.transpose(2, 0, 1)) if planar else bands
    data = written(stored, photometric="minisblack", planarconfig="separate" if planar else "contig", **storage)
    samples = decode_samples(data, "a.tif", 5).values
    assert samples.dtype == bands.dtype and np.array_equal(samples, bands)


@pytest.mark.parametrize("name", ["unspecified", "assocalpha", "unassalpha"])
def test_a_fourth_band_is_left_alone_whatever_it_is_called(name):
    bands = RNG.integers(0, 256, (9, 11, 4), dtype=np.uint8)
    data = written(bands, photometric="rgb", extrasamples=[name])
    assert np.array_equal(io.decode_image(data, 4), bands)
    assert np.array_equal(io.decode_image(data, 3), bands[..., :3])


def test_more_bands_than_asked_for_are_an_error_with_their_number():
    for count, photometric, asked in ((4, "minisblack", 3), (2, "minisblack", 1), (6, "rgb", 3), (3, "minisblack", 1)):
        data = written(
            RNG.integers(0, 9, (8, 9, count), dtype=np.uint8), photometric=photometric, planarconfig="contig"
        )
        with pytest.raises(DataError, match=f"has {count} channels, but {asked} are asked for"):
            io.decode_image(data, asked)
    grey_alpha = written(RNG.integers(0, 9, (8, 9, 2), dtype=np.uint8), photometric="minisblack",
                         planarconfig="contig", extrasamples=["unassalpha"])  # fmt: skip
    assert io.decode_image(grey_alpha, 3).shape == (8, 9, 3)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_deflate", "jpeg", "group3", "group4"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_compressions_agree_with_pillow(mode, compression):
    grey = RNG.integers(0, 5, (37, 45), dtype=np.uint8) * 60
    picture = Image.fromarray(np.dstack([grey, grey // 2, 255 - grey]) if mode == "RGB" else grey)
    if mode == "P":
        picture = Image.fromarray(grey // 60).convert("P")
        picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128])
    if (mode == "1") != compression.startswith("group") and compression in ("jpeg", "group3", "group4"):
        return  # no such files
    if (mode, compression) == ("P", "jpeg"):
        return
    data = by_pillow(picture, mode if mode == "1" else None, compression=compression)
    expected = np.asarray(Image.open(bytes_io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(io.decode_image(data), expected)


@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_obeyed_once(tmp_path, value):
    bands = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    data = written(bands, photometric="rgb", extratags=[(274, "H", 1, value, True)])
    expected = np.asarray(Image.open(bytes_io.BytesIO(data)))  # Pillow turns a TIFF by itself
    assert np.array_equal(io.decode_image(data), expected)
    (tmp_path / "a.tif").write_bytes(data)
    assert io.image_size(tmp_path / "a.tif") == expected.shape[:2]


def test_bits_of_any_number():
    for bits in (1, 2, 3, 4, 7, 10, 12, 14):
        ids = RNG.integers(0, 1 << bits, (7, 13)).astype(np.uint8 if bits <= 8 else np.uint16)
        packed = np.packbits(np.unpackbits(ids.astype(">u2").view(np.uint8).reshape(7, 13, 2), axis=2)
                             .reshape(7, 13, 16)[..., 16 - bits :].reshape(7, -1), axis=1)  # fmt: skip
        header = header_of(height=7, width=13, bits=bits, counts=(packed.size,), rows=7)
        found = tiff_segments.read_samples(b" " * 8 + packed.tobytes(), header)
        assert np.array_equal(found[..., 0], ids), bits
        assert header.top == (1 << bits) - 1


def header_of(**changes) -> tiff.Header:
    about = {"height": 4, "width": 4, "samples": 1, "bits": 8, "kind": "u", "photometric": 1, "planar": False}
    about |= {"compression": 1, "predictor": 1, "reversed_bits": False, "tile": None, "rows": 4, "offsets": (8,)}
    about |= {"counts": (16,), "extra": (), "orientation": 1, "order": "<", "colours": None, "nodata": 0}
    return tiff.Header(**{**about, **changes})


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("bands", [1, 3])
def test_predictor_of_floating_point(kind, bands):
    values = RNG.normal(0, 50, (9, 14, bands)).astype(kind)
    bits = 8 * values.dtype.itemsize
    tags = grey_tags(9, 14, t258=("H", [bits] * bands), t277=("H", [bands]), t339=("H", [3] * bands))
    tags |= {259: ("H", [8]), 317: ("H", [3])}
    data = write_tiff(tags, [deflated(float_predicted(values))], order=">")
    assert np.array_equal(decode_samples(data, "a.tif", bands).values, values)
    if kind == "f4":  # the encoder of this test against libtiff
        seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).reshape(values.shape)
        assert np.array_equal(seen[..., ::-1], values)


def test_more_than_eight_bits_are_scaled():
    deep = RNG.integers(0, 65536, (8, 9), dtype=np.uint16)
    expected = (deep.astype(np.int64) * 255 + 32767) // 65535
    assert np.array_equal(io.decode_image(written(deep, photometric="minisblack"), 1)[..., 0], expected)
    twelve = io.decode_image(written(deep >> 4, photometric="minisblack"), 1, value_range=((0, 4095),))
    assert np.array_equal(twelve[..., 0], np.floor((deep >> 4) / 4095 * 255 + 0.5))
    values = RNG.normal(0, 2, (8, 9)).astype(np.float32)
    data = written(values, photometric="minisblack")
    with pytest.raises(DataError, match=r"float32 values from .* whose range is unknown.*value_range"):
        io.decode_image(data, 1)
    scaled = io.decode_image(data, 1, value_range=((-1, 1),))[..., 0]
    assert np.abs(scaled - np.clip((values + 1) / 2, 0, 1) * 255).max() <= 0.5


def test_pages_are_counted_and_overviews_are_none():
    pages = RNG.integers(0, 9, (3, 64, 64), dtype=np.uint8)
    with pytest.raises(DataError, match="holds 3 pages"):
        io.decode_image(written(pages, photometric="minisblack"))
    out = bytes_io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        file.write(pages[0], photometric="minisblack")
        file.write(pages[0][::2, ::2], photometric="minisblack", subfiletype=1)
        file.write(pages[0][::4, ::4], photometric="minisblack")  # an overview that is not called one
    assert np.array_equal(io.decode_image(out.getvalue(), 1)[..., 0], pages[0])


def test_valid_files_that_are_not_read_are_not_called_damaged():
    odd = {
        "complex": written(np.ones((4, 4), np.complex64)),
        "white-is-zero": written(np.ones((4, 4), np.uint16), photometric="miniswhite"),
        "colour filter array": written(np.ones((4, 4), np.uint16), photometric="cfa"),
        "predictor 2 and no compression": write_tiff(grey_tags(4, 4, t317=("H", [2])), [bytes(16)]),
        "compression 34712 is not read": write_tiff(grey_tags(4, 4, t259=("H", [34712])), [bytes(16)]),
        "a volume of 3 layers": write_tiff(grey_tags(4, 4, t32997=("I", [3])), [bytes(48)]),
    }
    for reason, data in odd.items():
        with pytest.raises(DataError, match=reason) as found:
            io.decode_image(data, 1)
        assert "damaged" not in str(found.value)


def test_a_truncated_file_is_named(tmp_path):
    data = written(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8), photometric="rgb", compression="zlib")
    for cut in (10, 200, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.tif").write_bytes(data[:cut])
        for read in (io.read_image, io.read_label, lambda p: io.image_size(p, whole=True)):
            with pytest.raises(DataError, match=r"cut\.tif is a damaged TIFF"):
                read(tmp_path / "cut.tif")


def test_a_header_that_claims_too_much_is_refused_before_allocation(monkeypatch):
    data = written(np.zeros((8, 8), np.uint8), photometric="minisblack", compression="zlib")
    monkeypatch.setattr("paddleseg_lite.data.reading.free_bytes", lambda: 1 << 30)
    big = bytearray(data)
    with tifffile.TiffFile(bytes_io.BytesIO(data)) as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = file.pages[0].tags[name]
            big[tag.valueoffset : tag.valueoffset + tag.valuebytecount] = (60000).to_bytes(tag.valuebytecount, "little")
    with pytest.raises(DataError, match=r"too large for this machine: 60000 x 60000 pixels"):
        io.decode_image(bytes(big), 1)


def test_an_order_of_bands_that_is_none_is_damage():
    tags = grey_tags(4, 4, t277=("H", [3]), t258=("H", [8] * 3), t284=("H", [7]))
    with pytest.raises(DataError, match="damaged TIFF: its header calls the order of its bands 7"):
        io.decode_image(write_tiff(tags, [bytes(48)]), 3)
