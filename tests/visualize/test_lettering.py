"""Class names in any script that a font of this machine has, and a word where none has."""

import shutil

import numpy as np
import pytest

from paddleseg_lite.visualize import lettering, overlays


@pytest.fixture
def fonts(monkeypatch):
    """``fonts(paths)``: the machine has these and no others."""

    def have(paths, named=None):
        monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda *a, **k: list(map(str, paths)))
        monkeypatch.setattr(lettering, "_TOLD", set())
        if named is None:
            monkeypatch.delenv("PADDLESEG_LITE_FONT", raising=False)
        else:
            monkeypatch.setenv("PADDLESEG_LITE_FONT", str(named))
        lettering._machine_fonts.cache_clear()
        lettering.font_for.cache_clear()

    yield have
    lettering._machine_fonts.cache_clear()
    lettering.font_for.cache_clear()


def test_chinese_names_are_written(tmp_path):
    if not lettering.letterable("道路"):
        pytest.skip("no font with Chinese characters on this machine")
    key = overlays.legend(["道路", "x"], np.array([[1, 2, 3], [4, 5, 6]], np.uint8))
    other = overlays.legend(["人路", "x"], np.array([[1, 2, 3], [4, 5, 6]], np.uint8))
    assert key.shape == other.shape and (key != other).any()


def test_without_a_font_a_word_is_said_once(fonts, caplog):
    fonts([])
    with caplog.at_level("WARNING", logger="paddleseg_lite"):
        assert [overlays.legend_name(6, "道路") for _ in range(3)] == ["class 6"] * 3
    assert len(caplog.messages) == 1 and "'道路', so pictures call it 'class 6'" in caplog.text
    assert overlays.legend_name(0, "road") == "road" and overlays.legend_name(1, "") == "class 1"


def test_the_named_font_comes_first_and_plain_ones_before_others(fonts, tmp_path):
    names = ["NotoSerif-Regular.ttf", "NotoSans-Bold.ttf", "NotoSans-Regular.ttf", "Odd.ttf"]
    for name in names:
        shutil.copy(lettering._default_font(), tmp_path / name)
    fonts([tmp_path / name for name in names], named=tmp_path / "Odd.ttf")
    assert [p.rpartition("/")[2] for p in lettering._machine_fonts()] == [
        *("Odd.ttf", "NotoSans-Regular.ttf", "NotoSerif-Regular.ttf", "Odd.ttf")
    ]


def test_a_font_that_is_none(fonts, tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    fonts([tmp_path / "broken.ttf"], named=tmp_path / "absent.ttf")
    assert lettering.font_for("道路") is None
