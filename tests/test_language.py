"""The language: what chooses it, the catalogue as gettext reads it, and that it says what the code says."""

import ast
import string

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
    for file in (root / "paddleseg_lite").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "translate" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
            if named and isinstance(node.args[0], ast.Constant):
                marked.add(node.args[0].value)
    entries = {k: v for k, v in L.read_po(L.FOLDER / "zh.po").items() if k}
    assert set(entries) == marked
    wrong = [k for k, v in entries.items() if "{" in k and fields(k) != fields(v)]
    assert not wrong
