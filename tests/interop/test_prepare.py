"""``tools/prepare.py``: every sub-command's labels are read by the datasets they are meant for."""

import base64
import json

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from paddleseg_lite.data import read_image, read_label, voc_palette, write_png
from paddleseg_lite.data.datasets import ADE20K, Cityscapes, Dataset, PascalVOC
from paddleseg_lite.data.distinct_colours import own_palette
from paddleseg_lite.interop.prepare.rle import decode_rle, read_counts


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def picture(path, rng, height=20, width=30):
    write_png(path.with_suffix(".png"), rng.integers(0, 256, [height, width, 3], dtype=np.uint8))
    return path.with_suffix(".png")


def jpeg(path, rng, height=20, width=30):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rng.integers(0, 256, [height, width, 3], dtype=np.uint8))


def polygon(label, *points):
    return {"label": label, "points": list(points), "shape_type": "polygon"}


@pytest.fixture
def labelme(tmp_path, rng):
    source = tmp_path / "labelme"
    mask = cv2.imencode(".png", np.full([3, 4], 255, np.uint8))[1].tobytes()
    shapes = [
        polygon("road", [0, 10], [29, 10], [29, 19], [0, 19]),
        {"label": "car", "points": [[5, 12], [9, 15]], "shape_type": "rectangle"},
        {"label": "car", "points": [[20, 5], [22, 5]], "shape_type": "circle"},
        {
            "label": "__ignore__",
            "points": [[0, 0], [3, 2]],
            "shape_type": "mask",
            "mask": base64.b64encode(mask).decode(),
        },
    ]
    for i in range(4):
        image = picture(source / "sub" / f"im {i}", rng)
        document = {"shapes": shapes if i else [], "imagePath": image.name, "imageHeight": 20, "imageWidth": 30}
        image.with_suffix(".json").write_text(json.dumps(document), encoding="utf-8")
    return source


def write_counts(counts: list[int]) -> str:
    """The inverse of :func:`read_counts`."""
    characters = []
    for i, count in enumerate(counts):
        value = int(count) - (int(counts[i - 2]) if i > 2 else 0)
        while True:
            group, value = value & 0x1F, value >> 5
            more = value != (-1 if group & 0x10 else 0)
            characters.append(chr(48 + group + 0x20 * more))
            if not more:
                break
    return "".join(characters)


def test_labelme_and_split(labelme, tmp_path, tool):
    out = tmp_path / "data"
    arguments = ["labelme", "--input", labelme, "--output", out]
    status, text, err = tool("prepare", *arguments, "--dry_run", "--preview", tmp_path / "look.png")
    assert status == 0 and "would write 4 labels" in text, err
    assert not out.exists() and read_image(tmp_path / "look.png").size
    status, text, err = tool("prepare", *arguments, "--classes", "road,car")
    assert status == 0, err
    label = read_label(out / "annotations" / "sub" / "im 1.png")
    assert (label[18, 0], label[13, 7], label[5, 21], label[1, 1], label[8, 8]) == (1, 2, 2, 255, 0)
    assert not read_label(out / "annotations" / "sub" / "im 0.png").any()
    assert (out / "labels.txt").read_text().split() == ["background", "road", "car"]
    sheet = read_image(out / "preview.png")
    colours = own_palette(["background", "road", "car"])
    assert any((sheet == colours[2]).all(2).ravel())  # the cars are on the preview
    assert (sheet[-20:] == colours[1]).all(2).any()  # and the legend is below it
    assert tool("prepare", *arguments)[0] == 2  # not over what is there
    status, text, err = tool("prepare", "split", "--root", out, "--ratio", 2, 1, 1, "--seed", 3)
    assert status == 0 and "train.txt: 2 pairs" in text, err
    parts = {p: (out / f"{p}.txt").read_text().splitlines() for p in ("train", "val", "test")}
    assert [len(v) for v in parts.values()] == [2, 1, 1] and len({line for v in parts.values() for line in v}) == 4
    assert tool("prepare", "split", "--root", out, "--ratio", 2, 1, 1, "--seed", 3, "--overwrite")[0] == 0
    assert (out / "train.txt").read_text().splitlines() == parts["train"]  # the same seed, the same lists
    dataset = Dataset(dataset_root=str(out), num_classes=3, train_path="train.txt")
    assert dataset.class_names == ["background", "road", "car"] and dataset.load(0)["label"].shape == (20, 30)


def test_labelme_errors(labelme, tmp_path, tool):
    arguments = ["labelme", "--input", labelme, "--output", tmp_path / "o"]
    status, _, err = tool("prepare", *arguments, "--classes", "road")
    assert status == 2 and "3 of 4 files could not be used" in err and "label 'car' is no class" in err
    document = json.loads((labelme / "sub" / "im 1.json").read_text())
    for shape, message in (
        (polygon("car", [0, 0], [1, 1]), "a polygon needs 3 points"),
        ({"label": "car", "points": "x", "shape_type": "polygon"}, "a polygon needs 3 points"),
        ({"label": "car", "points": [[0, 0]], "shape_type": "blob"}, "shape type 'blob' is not known"),
        ({"label": "car", "points": [[28, 18], [33, 21]], "shape_type": "mask", "mask": "!!"}, "no PNG in base64"),
    ):
        document["shapes"] = [shape]
        (labelme / "sub" / "im 1.json").write_text(json.dumps(document))
        status, out, err = tool("prepare", *arguments, "--dry_run")
        assert status == 2 and message in err and "im 1.json, shape 0" in err
    status, out, _ = tool("prepare", *arguments, "--skip_bad", "--overwrite")
    assert status == 0 and "1 of 4 files could not be used" in out
    (labelme / "sub" / "im 1.json").write_text("{ no json")
    assert "is not valid JSON" in tool("prepare", *arguments)[2]
    assert "does not exist" in tool("prepare", "labelme", "--input", tmp_path / "none", "--output", tmp_path)[2]


def test_run_lengths():
    mask = np.zeros([4, 3], bool)
    mask[1:3, 0] = mask[:, 2] = True
    counts = [1, 2, 5, 4]  # down the columns, zeros first
    np.testing.assert_array_equal(decode_rle(counts, 4, 3), mask)
    assert write_counts([5, 3, 20]) == "53d0"  # by hand: 20 = 10100b has the sign bit, so a second group follows
    big = [0, 70000, 3, 1, 99999, 2]
    assert read_counts(write_counts(big)) == big
    np.testing.assert_array_equal(decode_rle(write_counts(counts), 4, 3), mask)
    for broken in ([1, 2], [13, -1], "5~", "d"):
        with pytest.raises(ValueError):
            decode_rle(broken, 4, 3)


def coco(images, annotations):
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def test_coco_instances(tmp_path, rng, tool):
    picture(tmp_path / "im" / "a", rng)
    inner = np.zeros([20, 30], bool)
    inner[4:6, 4:6] = True
    runs = np.flatnonzero(np.diff(np.concatenate([[0], inner.T.ravel(), [0]])))
    counts = np.diff(np.concatenate([[0], runs, [600]])).tolist()
    document = coco(
        [{"id": 1, "file_name": "a.png", "height": 20, "width": 30}],
        [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 3,
                "area": 4,
                "iscrowd": 0,
                "segmentation": {"size": [20, 30], "counts": write_counts(counts)},
            },
            {"id": 2, "image_id": 1, "category_id": 7, "area": 100, "segmentation": [[0, 0, 9, 0, 9, 9, 0, 9]]},
            {
                "id": 3,
                "image_id": 1,
                "category_id": 7,
                "area": 9,
                "iscrowd": 1,
                "segmentation": {"size": [20, 30], "counts": [0, 2, 598]},
            },
        ],
    )
    (tmp_path / "c.json").write_text(json.dumps(document))
    arguments = ["coco", "--json", tmp_path / "c.json", "--images", tmp_path / "im", "--output", tmp_path / "o"]
    status, _, err = tool("prepare", *arguments, "--crowd", "ignore")
    assert status == 0, err
    label = read_label(tmp_path / "o" / "annotations" / "a.png")
    assert (label[4, 4], label[7, 7], label[15, 15], label[0, 0]) == (1, 2, 0, 255)  # small on large; crowd last
    assert (tmp_path / "o" / "labels.txt").read_text().split() == ["background", "cat", "dog"]
    status, _, err = tool("prepare", *arguments, "--classes", "dog", "--overwrite")
    assert status == 0 and read_label(tmp_path / "o" / "annotations" / "a.png")[7, 7] == 1
    assert "there is no category 'cow'" in tool("prepare", *arguments, "--classes", "cow")[2]
    document["annotations"][0]["segmentation"]["counts"] = "5"
    (tmp_path / "c.json").write_text(json.dumps(document))
    assert "annotation 1: its run lengths are damaged" in tool("prepare", *arguments, "--overwrite")[2]


def test_coco_panoptic(tmp_path, rng, tool):
    picture(tmp_path / "im" / "a", rng, 4, 4)
    ids = np.array([[0, 0, 300, 300]] * 4)
    colours = np.stack([ids % 256, ids // 256, ids // 65536], 2).astype(np.uint8)
    write_png(tmp_path / "pan" / "a.png", colours)
    document = coco(
        [{"id": 1, "file_name": "a.png", "height": 4, "width": 4}],
        [{"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 300, "category_id": 7}]}],
    )
    (tmp_path / "p.json").write_text(json.dumps(document))
    arguments = ["coco", "--json", tmp_path / "p.json", "--images", tmp_path / "im", "--output", tmp_path / "o"]
    assert "name the folder of its PNGs" in tool("prepare", *arguments)[2]
    status, _, err = tool("prepare", *arguments, "--panoptic_dir", tmp_path / "pan")
    assert status == 0, err
    np.testing.assert_array_equal(read_label(tmp_path / "o" / "annotations" / "a.png")[0], [255, 255, 1, 1])


def test_rgb2id(tmp_path, tool):
    colours = np.zeros([4, 4, 3], np.uint8)
    colours[:2] = (255, 0, 0)
    colours[3] = (1, 2, 3)
    write_png(tmp_path / "in" / "x.png", colours)
    (tmp_path / "c.txt").write_text("sky 255 0 0  # above\nsea, 0, 0, 0\nignore 9 9 9\n")
    arguments = ["rgb2id", "--input", tmp_path / "in", "--output", tmp_path / "o", "--colors", tmp_path / "c.txt"]
    assert "(1, 2, 3) (4 px)" in tool("prepare", *arguments)[2]
    status, _, err = tool("prepare", *arguments, "--unknown", "ignore", "--overwrite")
    assert status == 0, err
    np.testing.assert_array_equal(read_label(tmp_path / "o" / "x.png")[:, 0], [0, 0, 1, 255])
    (tmp_path / "c.txt").write_text("sky 255 0\n")
    assert "c.txt, line 1: expected 'name R G B'" in tool("prepare", *arguments)[2]


def test_split_errors(tmp_path, rng, tool):
    for i in range(3):
        picture(tmp_path / "images" / f"a{i}", rng)
        write_png(tmp_path / "annotations" / f"a{i}_label.png", np.full([20, 30], i, np.uint8))
    arguments = ["split", "--root", tmp_path]
    assert "need --image_suffix or --label_suffix" in tool("prepare", *arguments)[2]
    arguments += ["--label_suffix", "_label"]
    assert "holds ids [2], but there are 2 classes" in tool("prepare", *arguments, "--classes", "a,b")[2]
    status, out, err = tool("prepare", *arguments, "--classes", "a,b,c", "--overwrite", "--ratio", 1, 0)
    assert status == 0 and "train.txt: 3 pairs" in out, err
    assert "--ratio is two or three shares" in tool("prepare", *arguments, "--ratio", 1)[2]


def test_voc_aug(tmp_path, rng, tool):
    voc, sbd = tmp_path / "VOCdevkit" / "VOC2012", tmp_path / "sbd"
    sets = voc / "ImageSets" / "Segmentation"
    sets.mkdir(parents=True)
    (sets / "train.txt").write_text("own\n")
    (sets / "val.txt").write_text("held\n")
    (sbd / "cls").mkdir(parents=True)
    for name in ("own", "held", "extra"):
        jpeg(voc / "JPEGImages" / f"{name}.jpg", rng)
        savemat(sbd / "cls" / f"{name}.mat", {"GTcls": {"Segmentation": np.full([20, 30], 5, np.uint8)}})
    write_png(voc / "SegmentationClass" / "own.png", np.full([20, 30], 3, np.uint8), voc_palette(21))
    status, out, err = tool("prepare", "voc_aug", "--root", tmp_path / "VOCdevkit", "--sbd", sbd)
    assert status == 0 and "the usual list has 10,582" in out, err
    dataset = PascalVOC(dataset_root=str(tmp_path / "VOCdevkit"), mode="trainaug")
    labels = {dataset.load(i)["meta"]["path"].rpartition("/")[2]: dataset.load(i)["label"][0, 0] for i in range(2)}
    assert len(dataset) == 2 and labels == {"extra.jpg": 5, "own.jpg": 3}  # never the validation image
    (sbd / "cls" / "extra.mat").write_bytes(b"broken")
    assert (
        "cannot be read as an SBD label"
        in tool("prepare", "voc_aug", "--root", tmp_path / "VOCdevkit", "--sbd", sbd, "--overwrite")[2]
    )


def test_cityscapes(tmp_path, rng, tool):
    for mode in ("train", "val"):
        picture(tmp_path / "leftImg8bit" / mode / "town" / "town_0_leftImg8bit", rng)
        label = np.full([20, 30], 26, np.uint8)
        label[0] = 0
        write_png(tmp_path / "gtFine" / mode / "town" / "town_0_gtFine_labelIds.png", label)
    status, out, err = tool("prepare", "cityscapes", "--root", tmp_path, "--train_ids")
    assert status == 0 and "train: 1 labels (complete: 2975)" in out, err
    train_ids = read_label(tmp_path / "gtFine" / "train" / "town" / "town_0_gtFine_labelTrainIds.png")
    np.testing.assert_array_equal(train_ids, Cityscapes(dataset_root=str(tmp_path)).load(0)["label"])
    assert set(np.unique(train_ids)) == {13, 255}  # car


def test_ade20k(tmp_path, rng, tool):
    for part in ("training", "validation"):
        jpeg(tmp_path / "images" / part / "a.jpg", rng)
        write_png(tmp_path / "annotations" / part / "a.png", np.full([20, 30], 150, np.uint8))
    status, out, err = tool("prepare", "ade20k", "--root", tmp_path, "--dry_run")
    assert status == 0 and "149 flag" in out and "100.000 %" in out, err
    assert ADE20K(dataset_root=str(tmp_path)).load(0)["label"].max() == 149
    write_png(tmp_path / "annotations" / "training" / "a.png", np.full([20, 30], 200, np.uint8))
    assert "holds ids beyond 150" in tool("prepare", "ade20k", "--root", tmp_path, "--dry_run")[2]
