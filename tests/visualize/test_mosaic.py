"""Mosaics of pictures of any size keep class colours, titles and legend."""

import numpy as np

from paddleseg_lite.visualize.mosaic import mosaic

PALETTE = np.array([[0, 0, 0], [230, 159, 0]], np.uint8)


def test_rows_of_any_size_come_in_one_width():
    small, large = np.full((40, 60, 3), 9, np.uint8), np.full((600, 300, 3), 7, np.uint8)
    sheet = mosaic([[small, small], [large, large]], ["picture", "truth"], class_names=["a", "b"], palette=PALETTE)
    assert sheet.dtype == np.uint8 and sheet.shape[1] == 2 * 240 + 4
    assert sheet.shape[0] > 24 + 2 * 164 and (sheet[:24] != 255).any()  # titles
    assert (sheet[-30:] == PALETTE[1]).all(-1).any()  # legend


def test_class_colours_are_not_mixed():
    labels = np.zeros((30, 50, 3), np.uint8)
    labels[10:20, 10:20] = PALETTE[1]
    sheet = mosaic([[labels]], ["truth"])[24:184, :]
    colours = {tuple(c) for c in sheet.reshape(-1, 3).tolist()}
    assert colours == {(0, 0, 0), (230, 159, 0)}


def test_many_classes_get_several_lines():
    names, many = [f"a long class name {i}" for i in range(30)], np.zeros((30, 3), np.uint8)
    sheet = mosaic([[np.zeros((100, 200, 3), np.uint8)] * 3], ["a", "b", "c"], class_names=names, palette=many)
    assert sheet.shape[1] < 1000 and sheet.shape[0] > 300
