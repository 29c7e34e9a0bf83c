"""The language: what chooses it, the catalogue as gettext reads it, and that it says what the code says."""

import ast
import re
import string

import numpy as np
import pytest

from paddleseg_lite import language as L


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in (L.VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    L.set_language(None)
    yield
    L.set_language(None)


def test_what_chooses_it(monkeypatch):
    assert L.language() == "en"
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert L.language() == "zh" and L.translate("head") == "头部"
    monkeypatch.setenv("LC_ALL", "C")
    assert L.language() == "en"
    monkeypatch.setenv(L.VARIABLE, "zh")
    assert L.language() == "zh"
    L.set_language("en")
    assert L.translate("head") == "head"
    with pytest.raises(ValueError, match="'fr' is unknown; one of: en, zh"):
        L.set_language("fr")


def test_a_text_without_translation_stays():
    L.set_language("zh")
    assert L.translate("never translated, 50 %") == "never translated, 50 %"
    assert L.translate("") == ""  # not the catalogue's header


def test_the_catalogue_is_read_as_gettext_reads_it(tmp_path):
    """Continued lines, escapes, comments, entries without a translation."""
    file = tmp_path / "zh.po"
    file.write_text(
        '# note\nmsgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "a\\n"\n"b"\nmsgstr "甲\\n"\n"乙"\n\nmsgid "open"\nmsgstr ""\n\nmsgid "z \\"q\\""\nmsgstr "丙"\n',
        encoding="utf-8",
    )
    entries = L.read_po(file)
    assert entries["a\nb"] == "甲\n乙" and entries['z "q"'] == "丙" and "open" not in entries
    import gettext
    import io

    read = gettext.GNUTranslations(io.BytesIO(L.compiled(entries)))
    assert read.gettext("a\nb") == "甲\n乙" and read.gettext("open") == "open"


def fields(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_every_entry_is_used_and_keeps_its_fields(root):
    """An entry is a text that some file marks; both sides have the same {} fields."""
    marked = set()
    for file in [*(root / "paddleseg_lite").rglob("*.py"), *(root / "docs").rglob("*.py")]:
        source = file.read_text(encoding="utf-8")
        if "translate" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "mark")
            if named and isinstance(node.args[0], ast.Constant):
                marked.add(node.args[0].value)
    entries = {k: v for k, v in L.read_po(L.FOLDER / "zh.po").items() if k}
    assert set(entries) == marked
    wrong = [k for k, v in entries.items() if "{" in k and fields(k) != fields(v)]
    wrong += [k for k, v in entries.items() if re.findall(r"%[sd]", k) != re.findall(r"%[sd]", v)]
    assert not wrong
    assert len(set(entries.values())) == len(entries)  # plots without a font look the English up by the Chinese


def test_tables_stand_straight_in_chinese():
    """Every line of a table ends at the same column, though a Chinese character takes two."""
    from paddleseg_lite.metrics import ConfusionMatrix

    scores = ConfusionMatrix(2).update(np.array([0, 1, 1]), np.array([0, 1, 0])).compute()
    english = scores.table(["road", "人"]).splitlines()
    L.set_language("zh")
    chinese = scores.table(["road", "人"]).splitlines()
    for lines in (english, chinese):
        assert len({L.columns(line) for line in lines[:4]}) == 1
    assert "类别" in chinese[0] and "平均" in chinese[4] and "mIoU" in chinese[5]
    assert [line.split()[1:] for line in english[1:3]] == [line.split()[1:] for line in chinese[1:3]]


def test_summary_in_chinese(capsys):
    from paddleseg_lite.cli import summary

    summary.main(["--model", "ENet", "--input_size", "64", "64", "--totals", "--lang", "zh"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["模型", "ENet"] and any(line.startswith("感受野") for line in lines)
    starts = [re.match(r".+?\S(?=  )\s+", line)[0] for line in lines]
    assert {L.columns(start) for start in starts} == {17}


def test_no_font_no_chinese_in_plots(monkeypatch, caplog):
    """Without a font words stay English, and one line says what to install; with one they are Chinese."""
    from matplotlib import font_manager

    from paddleseg_lite.visualize import fonts

    L.set_language("zh")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    fonts.chinese_font.cache_clear()
    assert fonts.readable(L.translate("loss")) == "loss" and "fonts-noto-cjk" in caplog.text
    with monkeypatch.context() as patch:
        patch.setattr(fonts, "chinese_font", lambda: "Noto Sans CJK SC")
        assert fonts.readable(L.translate("loss")) == "损失"
    fonts.chinese_font.cache_clear()
