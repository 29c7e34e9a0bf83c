"""Polygons become the pixels that pycocotools gives them; small shapes lie on large ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as reference

from paddleseg_lite.errors import DataError
from paddleseg_lite.interop.prepare.raster import Canvas, corners, fill_polygon

coordinate = st.one_of(
    st.floats(-30, 90),
    st.integers(-30, 90).map(float),
    st.integers(-300, 900).map(lambda v: v / 10),
    st.floats(-1e5, 1e5),
)


def whole(points, height, width):
    top, left, part = fill_polygon(np.asarray(points, np.float64), height, width)
    mask = np.zeros([height, width], bool)
    mask[top : top + part.shape[0], left : left + part.shape[1]] = part
    return mask


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=12), st.integers(1, 50), st.integers(1, 50))
def test_the_pixels_are_those_of_pycocotools(points, height, width):
    flat = [float(v) for point in points for v in point]
    expected = reference.decode(reference.frPyObjects([flat], height, width))[..., 0].astype(bool)
    np.testing.assert_array_equal(whole(points, height, width), expected)


def test_a_square_covers_its_pixels_and_not_one_more():
    assert whole([[5, 5], [20, 5], [20, 20], [5, 20]], 40, 60).sum() == 225
    assert not whole([[70, 5], [90, 5], [90, 20]], 40, 60).any()  # outside


def test_many_corners_far_outside_take_no_memory():
    zigzag = np.stack([np.tile([-9e4, 9e4], 5000), np.linspace(0, 40, 10000)], 1)
    assert whole(zigzag, 40, 60).shape == (40, 60)


def test_the_smaller_shape_is_on_top_whatever_the_order():
    large, small = fill_polygon(np.array([[0, 0], [9, 0], [9, 9], [0, 9.0]]), 10, 10), (4, 4, np.ones([2, 2], bool))
    for order in ([(large, 1), (small, 2)], [(small, 2), (large, 1)]):
        canvas = Canvas(10, 10)
        assert all(canvas.paint([part], value) for part, value in order)
        assert (canvas.label[4, 4], canvas.label[0, 0], canvas.label[9, 9]) == (2, 1, 0)
    assert not canvas.paint([fill_polygon(np.array([[70.0, 5], [90, 5], [90, 20]]), 10, 10)], 3)


def test_of_two_shapes_of_one_size_the_later_is_on_top():
    canvas = Canvas(4, 4)
    for value in (1, 2):
        canvas.paint([(0, 0, np.ones([2, 2], bool))], value)
    assert canvas.label[0, 0] == 2


NONE = [None, "x", {}, [], [1, 2], [[1, 2, 3]], [[1, 2], [3, 4]], [[1, "2"], [3, 4], [5, 6]], [[1], [2], [3]]]
NONE += [[[1, 2], [3, 4], [5, v]] for v in (float("nan"), 10**400, 1e9)] + [[True] * 6]


@pytest.mark.parametrize("points", NONE)
def test_what_is_no_polygon(points):
    with pytest.raises(DataError, match="here: "):
        corners(points, "here")
