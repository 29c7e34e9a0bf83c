"""Colours for own classes: all differ, in the eyes of three kinds of readers, and background is black."""

import numpy as np
import pytest

from paddleseg_lite.data.distinct_colours import _seen, distinct_colours, is_background, own_palette


@pytest.mark.parametrize("count, least", [(2, 40), (7, 15), (12, 15), (20, 12)])
def test_colours_are_told_apart(count, least):
    """CIELAB distances as seen normally and without green or red cones; 2.3 is just noticeable."""
    seen = _seen(distinct_colours(count))
    gaps = np.linalg.norm(seen[:, :, None] - seen[:, None], axis=-1)
    assert gaps[:, ~np.eye(count, dtype=bool)].min() > least
    assert np.array_equal(distinct_colours(count), distinct_colours(count + 3)[:count])  # one more moves no other


def test_hundreds_of_classes_have_colours():
    assert len(np.unique(distinct_colours(256), axis=0)) == 256 and distinct_colours(1500).shape == (1500, 3)


def test_background_is_black_wherever_it_stands():
    palette = own_palette(["cat", "Background", "狗"])
    assert palette.tolist()[1] == [0, 0, 0] and np.array_equal(palette[[0, 2]], distinct_colours(2))
    assert is_background(" _background_ ") and is_background("背景") and not is_background("backpack")
