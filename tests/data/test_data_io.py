"""Reading and writing: every kind of file, and every kind of fault."""

import cv2
import numpy as np
import pytest
from data_helpers import exif_block, png_bytes, write_image
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.data import exif, io, png
from paddleseg_lite.data.palette import voc_palette
from paddleseg_lite.errors import DataError, EnvironmentProblem, UserError

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (13, 17, 3), dtype=np.uint8)
SMOOTH = np.stack(np.meshgrid(np.arange(40) * 5, np.arange(24) * 9), -1).sum(-1).astype(np.uint8)


def test_colour_grey_alpha_and_depth(tmp_path):
    assert (io.read_image(write_image(tmp_path / "a.png", RGB)) == RGB).all()
    grey = io.read_image(write_image(tmp_path / "g.png", RGB[..., 0]))
    assert (grey == RGB[..., :1].repeat(3, 2)).all()
    rgba = np.dstack([RGB, RGB[..., 1]])
    path = write_image(tmp_path / "rgba.png", rgba)
    assert (io.read_image(path) == RGB).all()
    assert (io.read_image(path, 4) == rgba).all()
    assert io.read_image(path, 1).shape == (13, 17, 1)
    deep = RGB[..., 0].astype(np.uint16) * 257
    assert (io.read_image(write_image(tmp_path / "deep.png", deep), 1)[..., 0] == RGB[..., 0]).all()
    with pytest.raises(DataError, match="has 3 channels, but 4 are asked for"):
        io.read_image(tmp_path / "a.png", 4)


def test_paths_of_any_language(tmp_path):
    path = write_image(tmp_path / "数据 集" / "图像 ü.png", RGB)
    assert (io.read_image(path) == RGB).all()
    io.write_png(tmp_path / "结果" / "预测.png", RGB)
    assert (io.read_image(str(tmp_path / "结果" / "预测.png")) == RGB).all()


def test_arrays(tmp_path):
    many = RNG.integers(0, 256, (5, 6, 7), dtype=np.uint8)
    np.save(tmp_path / "many.npy", many)
    assert (io.read_image(tmp_path / "many.npy", 7) == many).all()
    np.save(tmp_path / "ids.npy", np.array([[0, 300]], np.int64))
    assert io.read_label(tmp_path / "ids.npy").tolist() == [[0, 300]]
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name, read in (("many.npy", io.read_label), ("object.npy", io.read_image), ("object.npy", io.read_label)):
        with pytest.raises(DataError, match=name):
            read(tmp_path / name)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "many.npy").read_bytes()[:150])
    with pytest.raises(DataError, match=r"cut\.npy"):
        io.read_image(tmp_path / "cut.npy", 7)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("interlace", [False, True])
def test_palette_gives_ids(tmp_path, depth, interlace):
    ids = RNG.integers(0, 2**depth, (21, 19))
    data = png_bytes(
        ids,
        depth,
        png.PALETTE,
        filters=(0, 1, 2, 3, 4),
        interlace=interlace,
        palette=voc_palette(2**depth),
        extra=[(b"tRNS", bytes(2**depth))],
    )
    (tmp_path / "p.png").write_bytes(data)
    label = io.read_label(tmp_path / "p.png")
    assert label.dtype == np.uint8 and (label == ids).all()
    assert (io.read_image(tmp_path / "p.png") == voc_palette(256)[ids]).all()


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_gives_ids(tmp_path, depth):
    ids = RNG.integers(0, 2**depth, (9, 11))
    (tmp_path / "l.png").write_bytes(png_bytes(ids, depth, png.GREY, filters=(4, 3, 2, 1)))
    label = io.read_label(tmp_path / "l.png")
    assert label.dtype == (np.int32 if depth == 16 else np.uint8)
    assert (label == ids).all()


def test_palette_file_agrees_with_pillow(tmp_path):
    image = pytest.importorskip("PIL.Image")
    ids = RNG.integers(0, 21, (30, 40), dtype=np.uint8)
    ids[0, 0] = 255
    picture = image.fromarray(ids, mode="P")
    picture.putpalette(voc_palette(256).tobytes())
    picture.save(tmp_path / "pil.png", optimize=True)
    assert (io.read_label(tmp_path / "pil.png") == ids).all()
    io.write_png(tmp_path / "ours.png", ids, palette=voc_palette(21))
    back = image.open(tmp_path / "ours.png")
    assert back.mode == "P" and (np.asarray(back) == ids).all()
    assert back.getpalette()[45:48] == [192, 128, 128]
    image.fromarray(np.dstack([ids, ids * 0 + 255]), mode="LA").save(tmp_path / "la.png")
    assert (io.read_label(tmp_path / "la.png") == ids).all()


@pytest.mark.parametrize("value", range(1, 9))
def test_exif_orientation_as_opencv_has_it(tmp_path, value):
    jpeg = cv2.imencode(".jpg", np.dstack([SMOOTH, SMOOTH // 2, 255 - SMOOTH]))[1].tobytes()
    segment = b"Exif\0\0" + exif_block(value, ">" if value % 2 else "<")
    data = jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]
    (tmp_path / "turned.jpg").write_bytes(data)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]  # obeys the tag
    assert exif.orientation(data) == value
    assert (io.read_image(tmp_path / "turned.jpg") == expected).all()
    assert io.image_size(tmp_path / "turned.jpg") == expected.shape[:2]
    # a label with the same tag turns with it
    ids = SMOOTH // 32
    (tmp_path / "turned.png").write_bytes(png_bytes(ids, 8, png.GREY, extra=[(b"eXIf", exif_block(value))]))
    label = io.read_label(tmp_path / "turned.png")
    assert (label == exif.upright(ids, value)).all() and label.shape == expected.shape[:2]
    assert io.image_size(tmp_path / "turned.png") == label.shape


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.webp", "a.tiff"])
def test_image_size(tmp_path, name):
    assert io.image_size(write_image(tmp_path / name, RGB)) == (13, 17)


@pytest.mark.parametrize("shape", [(13, 17), (13, 17, 1), (13, 17, 5)])
def test_image_size_of_arrays(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    assert io.image_size(tmp_path / "a.npy", whole=True) == (13, 17)
    np.save(tmp_path / "b.npy", np.zeros((2, *shape, 2), np.uint8))
    with pytest.raises(DataError, match=r"b\.npy is an array .*: \[H, W\] or \[H, W, C\] is read"):
        io.image_size(tmp_path / "b.npy")
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"a\.npy is a damaged \.npy file"):
        io.image_size(tmp_path / "a.npy")


@pytest.mark.parametrize("read", [io.read_image, io.read_label, io.image_size])
def test_files_that_are_none(tmp_path, read):
    with pytest.raises(DataError, match=r"missing\.png does not exist"):
        read(tmp_path / "missing.png")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.png is empty \(0 bytes\)"):
        read(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(DataError, match=r"text\.png cannot be decoded.*6e 6f 74"):
        read(tmp_path / "text.png")
    with pytest.raises(DataError, match=r"^\w+ \S+ cannot be read: it is a folder, not a file\.$"):
        read(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_truncated_files_are_named(tmp_path, share):
    for name in ("cut.png", "cut.jpg"):
        data = write_image(tmp_path / name, np.dstack([SMOOTH] * 3)).read_bytes()
        (tmp_path / name).write_bytes(data[: max(4, int(len(data) * share))])
        with pytest.raises(DataError, match=name):
            io.read_image(tmp_path / name)
    data = write_image(tmp_path / "l.png", SMOOTH).read_bytes()
    (tmp_path / "l.png").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"l\.png"):
        io.read_label(tmp_path / "l.png")


def test_flipped_bit_is_noticed(tmp_path):
    data = bytearray(write_image(tmp_path / "a.png", RGB).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DataError, match="checksum of its IDAT chunk is wrong"):
        io.read_image(tmp_path / "a.png")


def test_enormous_header_is_refused_before_allocation(tmp_path):
    data = bytearray(png_bytes(np.zeros((2, 2), int), 8, png.GREY))
    data[16:24] = b"\x00\x0f\x00\x00\x00\x0f\x00\x00"
    (tmp_path / "bomb.png").write_bytes(data)
    for read in (io.read_image, io.read_label, io.image_size):
        with pytest.raises(DataError, match=r"bomb\.png.*claims 983040 x 983040 pixels"):
            read(tmp_path / "bomb.png")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_never_crash(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    name = data.draw(st.sampled_from(["f.png", "f.jpg", "f.webp", "f.npy", "p.png"]))
    path = folder / f"fuzz-{name}"
    if name == "f.npy":
        np.save(path, RGB)
        good = path.read_bytes()
    elif name == "p.png":
        good = png_bytes(SMOOTH, 8, png.PALETTE, palette=voc_palette(256), extra=[(b"eXIf", exif_block(6))])
    else:
        good = write_image(path, RGB).read_bytes()
    bad = bytearray(good[: data.draw(st.integers(1, len(good)))])
    for _ in range(data.draw(st.integers(0, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bad)
    for read in (io.read_image, io.read_label, io.image_size):
        try:
            result = read(path)
        except UserError as e:
            assert path.name in str(e)
        else:
            assert isinstance(result, (np.ndarray, tuple))


def test_colour_labels_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"c\.png is a colour picture .*save it as an 8-bit PNG.*rgb2id"):
        io.read_label(write_image(tmp_path / "c.png", RGB))
    with pytest.raises(DataError, match="three equal channels: save it with one channel"):
        io.read_label(write_image(tmp_path / "g.png", np.dstack([RGB[..., 0]] * 3)))
    with pytest.raises(DataError, match=r"j\.jpg is a JPEG.*as PNG"):
        io.read_label(write_image(tmp_path / "j.jpg", RGB[..., 0]))


def test_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "folder" / "a.png"
    io.write_png(path, RGB)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(io.os, "replace", fail)
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*a\.png: No space left.*free some space"):
        io.write_png(path, RGB // 2)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["a.png"]
    monkeypatch.undo()
    (tmp_path / "file").write_text("x")
    with pytest.raises(EnvironmentProblem, match="Choose a folder you may write to"):
        io.write_png(tmp_path / "file" / "a.png", RGB)


def test_write_png_checks_the_array(tmp_path):
    for array, palette in ((RGB.astype(float), None), (RGB, voc_palette(2)), (RGB[:0], None), (RGB[..., :2], None)):
        with pytest.raises(ValueError, match="no PNG for an array"):
            io.write_png(tmp_path / "a.png", array, palette)
    deep = RGB[..., 0].astype(np.uint16) * 200
    io.write_png(tmp_path / "deep.png", deep)
    assert (io.read_label(tmp_path / "deep.png") == deep).all()
    io.write_png(tmp_path / "rgba.png", np.dstack([RGB, RGB[..., 0]]))
    assert (io.read_image(tmp_path / "rgba.png", 4)[..., :3] == RGB).all()
