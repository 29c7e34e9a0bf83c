"""Annotation files in any encoding; other tools' files are named."""

import json
from pathlib import Path

import pytest

from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.interop.prepare.documents import Reader
from paddleseg_lite.interop.prepare.foreign import looks_like

TEXT = '{"label": "裂缝"}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"])
def test_encodings_are_recognised(tmp_path, encoding):
    path, reader = tmp_path / "a.json", Reader()
    path.write_bytes(TEXT.encode(encoding))
    assert reader.json(path) == {"label": "裂缝"}
    assert bool(reader.notes()) == (encoding == "gb18030")  # a guess is told


def test_an_encoding_can_be_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes('{"label": "café"}'.encode("cp1252"))
    with pytest.raises(DataError, match=r"neither UTF-8 \(byte 0xe9 in line 1\) nor GB18030.*iconv.*--encoding"):
        Reader().json(path)
    assert Reader("cp1252").json(path) == {"label": "café"}
    with pytest.raises(DataError, match="is not ascii"):
        Reader("ascii").json(path)
    with pytest.raises(ConfigError, match="--encoding 'klingon' is not known"):
        Reader("klingon")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[" * 100_000, b'{"a": 1e', b"1" * 10_000, b"\xff\xfe{", b"\x00\x00\x00", b"<html></html>"]
)
def test_what_is_no_json_is_named(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.json"):
        Reader().json(path)


def test_xml(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes('<?xml version="1.0" encoding="GB18030"?><a name="裂缝"/>'.encode("gb18030"))
    assert Reader().xml(path).get("name") == "裂缝"
    for data in (b"<a>", b"", b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", b"<a>&#0;</a>"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"a\.xml"):
            Reader().xml(path)


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "none", Path("a\0b"), tmp_path / ("x" * 300)):
        with pytest.raises(DataError, match="cannot be read"):
            Reader().text(path)


OTHERS = {
    "labelme": {"shapes": [], "imagePath": "a.png"},
    "ISAT": {"info": {"description": "ISAT"}, "objects": []},
    "EISeg": [{"name": "cat", "labelIdx": 1, "color": [0, 0, 0], "points": []}],
    "COCO": {"images": [], "annotations": [], "categories": []},
    "COCO results": [{"image_id": 1, "category_id": 1, "score": 0.5}],
    "VIA": {"a.png123": {"filename": "a.png", "size": 123, "regions": []}},
    "VGG": {"_via_settings": {}, "_via_img_metadata": {}},
    "CVAT": {"info": {}, "categories": {"label": {}}, "items": []},
    "Label Studio": [{"id": 1, "annotations": [], "data": {"image": "a.png"}}],
    "Supervisely": {"description": "", "tags": [], "size": {"height": 4, "width": 6}, "objects": []},
    "Labelbox": [{"Labeled Data": "a.png", "Label": {}}],
    "VoTT": {"asset": {}, "regions": []},
    "Darwin": {"version": "2.0", "item": {}, "annotations": []},
    "CreateML": [{"image": "a.png", "annotations": []}],
    "BDD100K": [{"name": "a.png", "labels": []}],
    "Cityscapes": {"imgHeight": 4, "imgWidth": 6, "objects": []},
    "GeoJSON": {"type": "FeatureCollection", "features": []},
}


@pytest.mark.parametrize("tool", OTHERS)
def test_other_tools_are_named(tool):
    assert tool in looks_like(json.loads(json.dumps(OTHERS[tool])))


@pytest.mark.parametrize("content", [None, 3, "x", [], {}, [[]], [None], {"a": 1}, {"shapes": []}])
def test_nothing_is_claimed_of_anything_else(content):
    assert looks_like(content) == ""
