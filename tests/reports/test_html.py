"""Pages stand alone and escape what they are given."""

import re

import numpy as np
import pytest

from paddleseg_lite.metrics import ConfusionMatrix
from paddleseg_lite.reports import figure, markdown_table, page, table
from paddleseg_lite.reports.matrix import confusion_table


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


def test_a_confusion_matrix_is_a_table():
    counts = np.array([[90, 10, 0], [0, 0, 0], [1, 0, 999]])
    text = confusion_table(ConfusionMatrix.from_matrix(counts), ["<sky>", "bird", "road"])
    assert "&lt;sky&gt; as bird: 10.0 %" in text and "<sky>" not in text and "100 % of the true class (row)" in text
    rows = re.findall(r"<tr><th title=.*?</tr>", text)
    assert [len(re.findall("<td", row)) for row in rows] == [3, 3, 3]
    assert re.findall(r">(\d+)</td>", text) == ["90", "10", "100"]  # what is less than half a per cent stays empty
    many = confusion_table(ConfusionMatrix.from_matrix(np.eye(150, dtype=int)), [f"class {i}" for i in range(150)])
    assert len(many) < 500_000 and many.count("<td style") == 150
