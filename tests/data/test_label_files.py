"""1-bit, palette and grey labels mean the same in PNG, BMP, TIFF and GIF."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from paddleseg_lite.data.label_files import decode_label
from paddleseg_lite.errors import DataError

RNG = np.random.default_rng(5)
IDS = RNG.integers(0, 5, (13, 17)).astype(np.uint8)
BITS = RNG.random((13, 17)) > 0.5
COLOURS = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128]
FORMATS = ("PNG", "BMP", "TIFF", "GIF")


def written(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def palette(ids, colours=COLOURS):
    picture = Image.fromarray(ids)
    picture.putpalette(colours)
    return picture


@pytest.mark.parametrize("kind", FORMATS)
def test_one_meaning_in_every_format(kind):
    assert (decode_label(written(Image.fromarray(BITS), kind), "a") == BITS).all()
    assert (decode_label(written(palette(IDS), kind), "a") == IDS).all()
    assert (decode_label(written(Image.fromarray(IDS), kind), "a") == IDS).all()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("values", [(0, 1, 255), (0, 2, 5), (1, 3, 4, 255), (7, 9), (3,), (6, 255)])
def test_grey_ids_with_gaps_and_what_is_ignored(kind, values):
    ids = np.array(values, np.uint8)[RNG.integers(0, len(values), (9, 11))]
    assert (decode_label(written(Image.fromarray(ids), kind), "a") == ids).all()


@pytest.mark.parametrize("greys", [(255, 0), (0, 64, 128), (0, 100), (255, 128, 0)])
def test_greys_of_a_gif_that_may_be_colours_of_classes_are_refused(greys):
    shown = palette(RNG.integers(0, len(greys), (9, 11)).astype(np.uint8), [g for g in greys for _ in range(3)])
    with pytest.raises(DataError, match="its ids may be the one or the other"):
        decode_label(written(shown, "GIF"), "a")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF"])
def test_transparency_of_a_palette_changes_no_id(kind):
    options = {} if kind == "TIFF" else {"transparency": 0}
    assert (decode_label(written(palette(IDS), kind, **options), "a") == IDS).all()


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_lzw", "packbits", "tiff_deflate"])
def test_bits_of_a_tiff_however_they_are_packed(compression):
    assert (decode_label(written(Image.fromarray(BITS), "TIFF", compression=compression), "a") == BITS).all()


def test_black_is_0_in_a_tiff_that_stores_white_as_0():
    out = io.BytesIO()
    tifffile.imwrite(out, ~BITS, photometric="miniswhite")
    assert (decode_label(out.getvalue(), "a") == BITS).all()


def bmp(bits_a_pixel, colours, rows, shape, *, compression=0, from_top=False):
    """A BMP by hand: Pillow writes none of few bits, run lengths or rows from the top."""
    data = b"".join(rows)
    start = 54 + 4 * len(colours)
    numbers = (40, shape[1], -shape[0] if from_top else shape[0])
    head = b"BM" + np.array([start + len(data), 0, start], "<u4").tobytes() + np.array(numbers, "<i4").tobytes()
    head += np.array([1, bits_a_pixel], "<u2").tobytes()
    head += np.array([compression, len(data), 0, 0, len(colours), 0], "<u4").tobytes()
    return head + b"".join(bytes((*c, 0)) for c in colours) + data


def packed(row, bits):
    """A row of a BMP: ``bits`` a pixel, filled to four bytes."""
    digits = np.unpackbits(row[:, None], axis=1)[:, -bits:]
    data = np.packbits(digits).tobytes()
    return data + bytes(-len(data) % 4)


@pytest.mark.parametrize("from_top", [False, True])
@pytest.mark.parametrize("white_first", [False, True])
def test_one_bit_of_a_bmp_is_the_index(white_first, from_top):
    colours = [(255, 255, 255), (0, 0, 0)] if white_first else [(0, 0, 0), (0, 0, 200)]
    rows = [packed(row, 1) for row in (BITS if from_top else BITS[::-1]).astype(np.uint8)]
    assert (decode_label(bmp(1, colours, rows, BITS.shape, from_top=from_top), "a") == BITS).all()


def test_four_bits_and_run_lengths_of_a_bmp():
    four = bmp(4, [(0, 0, 9 * i) for i in range(5)], [packed(row, 4) for row in IDS[::-1]], IDS.shape)
    assert (decode_label(four, "a") == IDS).all()
    runs = [b"".join(bytes((1, v)) for v in row) + b"\0\0" for row in IDS[::-1]]
    assert (
        decode_label(bmp(8, [(i, i, i) for i in range(256)], [*runs, b"\0\1"], IDS.shape, compression=1), "a") == IDS
    ).all()
