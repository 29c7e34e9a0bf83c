"""Colours of ids."""

import numpy as np
import pytest

from paddleseg_lite.data.palette import blend, colorize, parse_palette, stuff_palette, voc_palette
from paddleseg_lite.errors import ConfigError


def test_voc_colours():
    palette = voc_palette()
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        5: (128, 0, 128),
        8: (64, 0, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
        255: (224, 224, 192),
    }
    for i, colour in known.items():
        assert tuple(palette[i]) == colour
    assert len(np.unique(palette, axis=0)) == 256
    assert (stuff_palette(150) == palette[1:151]).all()


def test_colorize():
    ids = np.array([[0, 1], [255, 40]])
    picture = colorize(ids, voc_palette(21))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[0, 0, 0], [128, 0, 0]], [[255] * 3, [255] * 3]]
    assert colorize(ids, voc_palette(256), ignore_index=None)[1, 0].tolist() == [224, 224, 192]
    assert colorize(np.array([[-1, 1]]), voc_palette(3), ignore_index=1).tolist() == [[[255] * 3, [255] * 3]]


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int64, bool])
@pytest.mark.parametrize("classes", [2, 255, 256])
def test_ids_of_any_type_have_their_colours(kind, classes):
    """NumPy 2.5 refuses 256, the place of what is ignored, beside ids of one byte."""
    palette = voc_palette(classes)
    ids = np.array([[0, 1]]).astype(kind)
    assert colorize(ids, palette, ignore_index=None).tolist() == [[list(palette[0]), list(palette[1])]]
    assert colorize(ids, palette, ignore_index=1)[0, 1].tolist() == [255] * 3


def test_blend():
    image, colours = np.full((2, 3, 3), 100, np.uint8), np.full((2, 3, 3), 200, np.uint8)
    assert (blend(image, colours, 0.6) == 140).all()


@pytest.mark.parametrize("bad", [[1, 2], [[0, 0, 256]], [[0.5, 1, 2]], "red", [[1, 2, 3], [4, 5]]])
def test_bad_palettes(bad):
    with pytest.raises(ConfigError, match="RGB triples of integers from 0 to 255"):
        parse_palette(bad)


def test_parse_palette():
    assert parse_palette([1, 2, 3, 4, 5, 6]).tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(ConfigError, match="2 colours are given for 3 classes"):
        parse_palette([[1, 2, 3], [4, 5, 6]], 3)
