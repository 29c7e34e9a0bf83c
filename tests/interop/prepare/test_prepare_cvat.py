"""CVAT's exports: images (XML) and segmentation masks, as folders and as archives."""

import zipfile

import numpy as np
import pytest
from annotated import labels_of, picture

from paddleseg_lite.data import read_label, write_png

POLYGON = '<polygon label="cat" points="5,5;20,5;20,20;5,20" z_order="{z}"/>'
META = "<meta><task><labels><label><name>dog</name></label><label><name>cat</name></label></labels></task></meta>"


def export(folder, *shapes, name="a.png", meta=META, size='width="60" height="40"'):
    picture(folder / "images" / "a.png")
    body = f'<image id="0" name="{name}" {size}>{"".join(shapes)}</image>'
    (folder / "annotations.xml").write_text(
        f'<?xml version="1.0" encoding="utf-8"?><annotations>{meta}{body}</annotations>'
    )
    return ["--input", folder]


def zipped(folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(folder))
    return target


@pytest.mark.parametrize("kind", ["folder", "file", "zip"])
def test_images(prepare, tmp_path, kind):
    flags = export(tmp_path / "in", POLYGON.format(z=0))
    if kind == "file":
        flags = ["--input", tmp_path / "in" / "annotations.xml", "--images", tmp_path / "in" / "images"]
    elif kind == "zip":
        flags = ["--input", zipped(tmp_path / "in", tmp_path / "task.zip")]
    status, out, err = prepare("cvat", *flags)
    assert status == 0 and "1 of 1 annotations used" in out, err
    assert (tmp_path / "out" / "labels.txt").read_text().split() == ["background", "dog", "cat"]
    (label,) = (tmp_path / "out" / "annotations").rglob("a.png")
    assert (read_label(label) == 2).sum() == 225


SHAPES = {
    "box": ('<box label="cat" xtl="5" ytl="5" xbr="20" ybr="20"/>', 225),
    "turned box": ('<box label="cat" xtl="5" ytl="10" xbr="25" ybr="20" rotation="90"/>', 200),
    "ellipse": ('<ellipse label="cat" cx="30" cy="20" rx="12" ry="8"/>', 12 * 8 * np.pi),
    "mask": ('<mask label="cat" rle="2, 3, 1, 6" left="5" top="7" width="4" height="3"/>', 9),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(prepare, tmp_path, name):
    shape, area = SHAPES[name]
    status, _, err = prepare("cvat", *export(tmp_path / "in", shape))
    (label,) = (tmp_path / "out" / "annotations").rglob("a.png")
    assert status == 0 and (read_label(label) == 2).sum() == pytest.approx(area, rel=0.02), err
    if name == "mask":
        assert (read_label(label)[7:10, 5:9] == 2).tolist() == [[0, 0, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]]


def test_the_order_is_cvats(prepare, tmp_path):
    below = '<polygon label="dog" points="0,0;60,0;60,40;0,40" z_order="-1"/>'
    status, _, err = prepare("cvat", *export(tmp_path / "in", POLYGON.format(z=0), below))
    (label,) = (tmp_path / "out" / "annotations").rglob("a.png")
    assert status == 0 and read_label(label)[10, 10] == 2 and read_label(label)[30, 30] == 1, err


def test_the_account(prepare, tmp_path):
    shapes = ['<polyline label="cat" points="1,1;2,2"/>', '<points label="cat" points="1,1"/>', '<tag label="cat"/>']
    far = '<box label="cat" xtl="90" ytl="5" xbr="99" ybr="20"/>'
    status, out, err = prepare("cvat", *export(tmp_path / "in", POLYGON.format(z=0), *shapes, far))
    assert status == 0 and "1 of 4 annotations used" in out, err
    for reason in ("1 x a polyline, which has no area", "1 x a points, which has no area", "1 x without a pixel"):
        assert reason in out
    status, out, _ = prepare("cvat", *export(tmp_path / "in", POLYGON.format(z=0)), "--classes", "dog", "--overwrite")
    assert status == 2


@pytest.mark.parametrize(
    "shape",
    [
        '<polygon label="cat" points="5,5;x,5;20,20"/>',
        '<polygon label="cat" points="5,5;20,5"/>',
        '<polygon label="cat"/>',
        '<polygon points="5,5;20,5;20,20"/>',
        '<box label="cat" xtl="5" ytl="5" xbr="20"/>',
        '<box label="cat" xtl="5" ytl="5" xbr="inf" ybr="3"/>',
        '<mask label="cat" rle="2, 3" left="5" top="7" width="4" height="3"/>',
        '<mask label="cat" rle="x" left="5" top="7" width="4" height="3"/>',
        '<mask label="cat" rle="12" left="58" top="7" width="4" height="3"/>',
        '<mask label="cat" rle="12" left="-1" top="7" width="4" height="3"/>',
    ],
)
def test_damage_is_named(prepare, tmp_path, shape):
    status, _, err = prepare("cvat", *export(tmp_path / "in", shape))
    assert status == 2 and "image 0" in err and "annotations.xml" in err


def test_pictures_that_do_not_fit(prepare, tmp_path):
    assert (
        "was drawn at 61 x 40"
        in prepare("cvat", *export(tmp_path, POLYGON.format(z=0), size='width="61" height="40"'))[2]
    )
    assert "was drawn at" in prepare("cvat", *export(tmp_path, POLYGON.format(z=0), size='width="x" height="40"'))[2]
    assert "is not in" in prepare("cvat", *export(tmp_path, POLYGON.format(z=0), name="../b.png"))[2]


def test_other_formats_are_named(prepare, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.xml").write_text("<annotations><track id='0'/></annotations>")
    assert "it is 'CVAT for video'" in prepare("cvat", "--input", tmp_path / "in")[2]
    (tmp_path / "in" / "a.xml").unlink()
    assert "neither an XML file nor a labelmap.txt" in prepare("cvat", "--input", tmp_path / "in")[2]
    assert "does not exist" in prepare("cvat", "--input", tmp_path / "none")[2]


def test_archives_stay_in_their_folder(prepare, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../escaped.xml", "<annotations/>")
    assert prepare("cvat", "--input", tmp_path / "bad.zip")[0] == 2
    assert not list(tmp_path.parent.rglob("escaped.xml"))
    (tmp_path / "cut.zip").write_bytes((tmp_path / "bad.zip").read_bytes()[:40])
    assert "cannot be unpacked" in prepare("cvat", "--input", tmp_path / "cut.zip")[2]


def masks(folder, labelmap="background:0,0,0::\ncat:128,0,0::\ndog:0,128,0::\n"):
    picture(folder / "JPEGImages" / "a.png")
    colours = np.zeros([40, 60, 3], np.uint8)
    colours[:9], colours[9:20] = (0, 128, 0), (128, 0, 0)
    write_png(folder / "SegmentationClass" / "a.png", colours)
    (folder / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + labelmap)
    (folder / "ImageSets" / "Segmentation").mkdir(parents=True, exist_ok=True)
    (folder / "ImageSets" / "Segmentation" / "Validation.txt").write_text("a\n")
    return ["--input", folder]


def test_masks(prepare, tmp_path):
    from paddleseg_lite.interop.prepare.cvat import cvat_job

    status, out, err = prepare("cvat", *masks(tmp_path / "in"))
    assert status == 0 and "1 of 1 labels used" in out, err
    assert read_label(tmp_path / "out" / "annotations" / "a.png")[[0, 10, 30], 0].tolist() == [2, 1, 0]
    assert cvat_job(tmp_path / "in").items[0].part == "val"
    status, _, err = prepare("cvat", *masks(tmp_path / "in"), "--classes", "dog", "--overwrite")
    assert status == 0 and labels_of(tmp_path / "out") == {"a.png": [0, 1]}, err
    assert prepare("cvat", "--input", zipped(tmp_path / "in", tmp_path / "m.zip"), "--overwrite")[0] == 0


@pytest.mark.parametrize(
    "labelmap, message",
    [
        ("cat:128,0::\n", "labelmap.txt, line 2"),
        ("cat:128,0,0::\ncat:1,0,0::\n", "there already"),
        ("cat:128,0,999::\n", "values 0..255"),
        ("", "holds no labels"),
        ("cat:128,0,0::\n", "colours are no class"),
    ],
)
def test_labelmaps_that_are_wrong(prepare, tmp_path, labelmap, message):
    status, _, err = prepare("cvat", *masks(tmp_path / "in", labelmap))
    assert status == 2 and message in err


def test_a_mask_without_its_picture(prepare, tmp_path):
    flags = masks(tmp_path / "in")
    (tmp_path / "in" / "JPEGImages" / "a.png").unlink()
    assert "0 pictures in" in prepare("cvat", *flags)[2]
    picture(tmp_path / "photos" / "deep" / "a.png")
    assert prepare("cvat", *flags, "--images", tmp_path / "photos")[0] == 0
