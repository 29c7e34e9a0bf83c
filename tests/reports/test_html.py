"""Pages stand alone and escape what they are given."""

import re

import numpy as np
import pytest

from paddleseg_lite.reports import figure, markdown_table, page, table


def test_a_page_needs_nothing_from_outside():
    text = page("Scores & <more>", table(["a"], [["<b>"]]), figure(np.zeros((4, 4, 3), np.uint8), 'a "quoted" caption'))
    assert "Scores &amp; &lt;more&gt;" in text and "&lt;b&gt;" in text and "<b>" not in text
    assert not re.search(r"(src|href)=['\"](?!data:)", text)
    assert "<script" not in text


def test_row_classes_mark_the_last_cell():
    assert "<td>1</td><td class='good'>2</td>" in table(["a", "b"], [[1, 2]], classes=["good"])


def test_pictures_of_a_wrong_shape():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        figure(np.zeros(3, np.uint8))


def test_markdown_escapes_pipes():
    assert markdown_table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"
