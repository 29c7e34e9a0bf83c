"""Datasets: lists, folders, ids, and each bad input with its message."""

from pathlib import Path

import numpy as np
import pytest
from data_helpers import code, list_dataset, write_image
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.data import ADE20K, CamVid, Cityscapes, PascalContext, PascalVOC, SegDataset
from paddleseg_lite.data.datasets.cityscapes import CITYSCAPES_CLASSES
from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.registry import DATASETS


def build(root, **kwargs):
    return DATASETS.build(
        {"type": "Dataset", "dataset_root": str(root), "num_classes": 3, "train_path": "train.txt", **kwargs}
    )


def pair(root, image, label, size=(6, 8), value=0):
    write_image(root / image, np.full((*size, 3), 90, np.uint8))
    write_image(root / label, np.full(size, value, np.uint8))


# --- lists


@pytest.mark.parametrize("separator", [" ", "\t", ",", "   ", " ,  "])
@pytest.mark.parametrize("ending, encoding", [("\n", "utf-8"), ("\r\n", "utf-8-sig"), ("\n\n", "utf-8")])
def test_list_formats(tmp_path, separator, ending, encoding):
    list_dataset(tmp_path)
    lines = [f"images/{i}.png{separator}labels/{i}.png" for i in range(4)]
    (tmp_path / "train.txt").write_bytes(ending.join(lines).encode(encoding))
    dataset = build(tmp_path)
    assert len(dataset) == 4 and dataset.items[3] == (str(tmp_path / "images/3.png"), str(tmp_path / "labels/3.png"))
    sample = dataset.load(2)
    assert (sample["image"] == code(sample["label"])).all()
    assert sample["meta"] == {
        "path": str(tmp_path / "images/2.png"),
        "label_path": str(tmp_path / "labels/2.png"),
        "index": 2,
        "size": (24, 32),
        "trans_info": [],
    }


def test_names_with_spaces_and_other_scripts(tmp_path):
    pair(tmp_path, "图 像/a b.png", "标 签/a b.png")
    for separator, argument in (("\t", None), ("|", "|"), (",", ",")):
        (tmp_path / "train.txt").write_text(f"图 像/a b.png{separator}标 签/a b.png", encoding="utf-8")
        assert len(build(tmp_path, separator=argument)) == 1
    (tmp_path / "train.txt").write_text("图 像\\a b.png\t标 签\\a b.png", encoding="utf-8")
    assert len(build(tmp_path)) == 1  # a list written on Windows


def test_absolute_paths_home_and_lists_elsewhere(tmp_path, monkeypatch):
    list_dataset(tmp_path / "data")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert len(build("~/data")) == 4
    (tmp_path / "mine.txt").write_text(f"{tmp_path}/data/images/0.png {tmp_path}/data/labels/0.png")
    assert len(build("~/data", train_path=str(tmp_path / "mine.txt"))) == 1
    assert len(build("~/data", train_path="~/mine.txt")) == 1


def test_modes(tmp_path):
    list_dataset(tmp_path)
    (tmp_path / "test.txt").write_text("images/0.png\nimages/1.png labels/1.png\n")
    test = build(tmp_path, mode="test", test_path="test.txt")
    assert len(test) == 2 and "label" not in test.load(0) and test.load(0)["meta"]["label_path"] is None
    assert "label" in test.load(1)  # a label that is listed and there
    with pytest.raises(ConfigError, match="Dataset in val mode needs the argument val_path"):
        build(tmp_path, mode="val")
    with pytest.raises(ConfigError, match="mode is one of train, val, test"):
        build(tmp_path, mode="trainval")
    resize = [{"type": "Resize", "target_size": [16, 12]}, {"type": "Normalize"}]
    for mode, size in (("train", (12, 16)), ("val", (24, 32))):
        sample = build(tmp_path, mode=mode, val_path="train.txt", transforms=resize).get(1)
        assert sample["image"].shape == (12, 16, 3) and sample["label"].shape == size
        assert sample["meta"]["trans_info"] == [("resize", (24, 32))] and sample["meta"]["size"] == (24, 32)


@pytest.mark.parametrize(
    "line, separator, image, label",
    [
        ("a,b 1.png l 1.png", " ", "a,b 1.png", "l 1.png"),
        ("a,b 1.png l 1.png", None, "a,b 1.png", "l 1.png"),
        ("a,b 1.png,l 1.png", ",", "a,b 1.png", "l 1.png"),
        ("a;b.png;l,1.png", ";", "a;b.png", "l,1.png"),
        ("a;b.png;l,1.png", None, "a;b.png", "l,1.png"),
        ("at 5.00\u202fPM.png  lab\u3000el.png", None, "at 5.00\u202fPM.png", "lab\u3000el.png"),
        ("a\\b.png\tl.png", None, "a\\b.png", "l.png"),  # called so, on a system that allows it
        ("x\x85y.png l.png", None, "x\x85y.png", "l.png"),
        ("a.png|b.png|l.png", "|", "a.png|b.png", "l.png"),
    ],
)
def test_a_line_is_cut_where_files_are(tmp_path, line, separator, image, label):
    pair(tmp_path, image, label)
    (tmp_path / "train.txt").write_text(line + "\n", encoding="utf-8")
    assert build(tmp_path, separator=separator).items == [(str(tmp_path / image), str(tmp_path / label))]


def test_a_separator_that_is_given_is_the_only_one(tmp_path):
    pair(tmp_path, "a.png", "l.png")
    for line, separator in (("a.png,l.png", " "), ("a.png l.png", ","), ("a.png\tl.png", " "), ("a.png l.png", "\t")):
        (tmp_path / "train.txt").write_text(line)
        with pytest.raises(DataError, match=r"expected 'image label' with separator .* but found 1 part"):
            build(tmp_path, separator=separator)


def test_labels_of_the_test_split(tmp_path):
    pair(tmp_path, "a b.png", "l.png")
    pair(tmp_path, "c.png", "l2.png")
    (tmp_path / "test.txt").write_text("a b.png\nc.png l2.png\nc.png gone.png\n")
    test = build(tmp_path, mode="test", test_path="test.txt")
    assert [label and Path(label).name for _, label in test.items] == [None, "l2.png", None]
    assert Path(test.items[0][0]).name == "a b.png"


def test_more_classes_than_255_need_another_ignore_index(tmp_path):
    list_dataset(tmp_path)
    with pytest.raises(ConfigError, match=r"ignore_index 255 is one of the 256 classes.*ignore_index: 65535"):
        build(tmp_path, num_classes=256)
    assert len(build(tmp_path, num_classes=256, ignore_index=65535)) == 4
    assert len(build(tmp_path, num_classes=255)) == 4


def test_random_transforms_are_refused_for_validation(tmp_path):
    list_dataset(tmp_path)
    with pytest.raises(ConfigError, match="val mode: RandomDistort, Resize change images at random"):
        build(
            tmp_path,
            mode="val",
            val_path="train.txt",
            transforms=[{"type": "RandomDistort"}, {"type": "Resize", "interp": "RANDOM"}, {"type": "Normalize"}],
        )


def test_get_depends_on_the_generator_alone(tmp_path):
    list_dataset(tmp_path)
    dataset = build(tmp_path, transforms=[{"type": "RandomDistort"}])
    a, b = (dataset.get(0, np.random.default_rng(5))["image"] for _ in range(2))
    assert (a == b).all() and (dataset.get(0)["image"] == dataset.get(0)["image"]).all()
    assert (dataset.get(0, np.random.default_rng(6))["image"] != a).any()
    assert dataset.load(-1)["meta"]["index"] == 3
    with pytest.raises(IndexError, match="sample 4 of 4"):
        dataset.load(4)


def test_class_names(tmp_path):
    list_dataset(tmp_path)
    assert build(tmp_path).class_names == ["class_0", "class_1", "class_2"]
    (tmp_path / "labels.txt").write_text("猫\nb\nc\n", encoding="utf-8")
    assert build(tmp_path).class_names == ["猫", "b", "c"]
    assert build(tmp_path, num_classes=4).class_names[3] == "class_3"  # labels.txt does not fit
    assert build(tmp_path, class_names=["x", "y", "z"]).class_names == ["x", "y", "z"]
    assert build(tmp_path, class_names="labels.txt").class_names == ["猫", "b", "c"]
    with pytest.raises(ConfigError, match="class_names has 2 entries for num_classes 3"):
        build(tmp_path, class_names=["x", "y"])
    with pytest.raises(DataError, match=r"class_names: file no\.txt does not exist"):
        build(tmp_path, class_names="no.txt")
    assert build(tmp_path, palette=[1, 2, 3] * 3).palette.tolist() == [[1, 2, 3]] * 3


# --- bad input


def test_missing_list_and_root(tmp_path):
    list_dataset(tmp_path)
    with pytest.raises(DataError, match=r"list file trian\.txt does not exist: looked for trian\.txt and .*trian\.txt"):
        build(tmp_path, train_path="trian.txt")
    with pytest.raises(DataError, match=r"dataset_root .*nowhere does not exist\. Set dataset_root"):
        build(tmp_path / "nowhere")


def test_missing_files_are_counted(tmp_path):
    lines = [f"images/{i}.png labels/{i}.png" for i in range(10)]
    list_dataset(tmp_path, count=2)
    (tmp_path / "train.txt").write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        build(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"16 of the files in {tmp_path / 'train.txt'} do not exist:")
    first = [str(tmp_path / f"{kind}/{i}.png") for i in (2, 3, 4) for kind in ("images", "labels")][:5]
    assert [line.strip() for line in message.splitlines()[1:7]] == [*first, "..."]
    assert "relative to dataset_root" in message


@pytest.mark.parametrize("text", ["", "\n \n\n", "\ufeff"])
def test_empty_list(tmp_path, text):
    (tmp_path / "train.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"Dataset \(train\) is empty: .*train\.txt lists no images"):
        build(tmp_path)


@pytest.mark.parametrize("line", ["images/0.png", "a b c", "a,b,c", "images/0.png\t", "a\t\tb"])
def test_malformed_line(tmp_path, line):
    list_dataset(tmp_path)
    (tmp_path / "train.txt").write_text(f"images/0.png labels/0.png\n\n{line}\n")
    with pytest.raises(DataError, match=r"train\.txt, line 3: expected 'image label', but found \d part"):
        build(tmp_path)


def test_list_of_another_encoding(tmp_path):
    (tmp_path / "train.txt").write_bytes("a.png b.png\n图像.png 标签.png\n".encode("gbk"))
    with pytest.raises(DataError, match=r"train\.txt, line 2: not UTF-8 .*save the list as UTF-8"):
        build(tmp_path)


def test_label_of_another_size(tmp_path):
    list_dataset(tmp_path)
    write_image(tmp_path / "labels/1.png", np.zeros((24, 31), np.uint8))
    write_image(tmp_path / "labels/2.png", np.zeros((32, 24), np.uint8))
    dataset = build(tmp_path)
    with pytest.raises(DataError, match=r"labels.1\.png is 31 x 24, but its image .*is 32 x 24 .*pixel for each"):
        dataset.load(1)
    with pytest.raises(DataError, match=r"labels.2\.png is 24 x 32.*sides are swapped.*EXIF"):
        dataset.load(2)


def test_ids_out_of_range(tmp_path):
    list_dataset(tmp_path)
    label = np.zeros((24, 32), np.uint8)
    label[0, :5], label[1, 0], label[2, 0] = 3, 200, 255
    write_image(tmp_path / "labels/1.png", label)
    with pytest.raises(DataError) as caught:
        build(tmp_path).load(1)
    message = str(caught.value)
    assert f"label {tmp_path / 'labels/1.png'} holds ids that are no class: 3 (5 px), 200 (1 px)." in message
    assert "set num_classes to 201" in message and "label_map: {3: 255, 200: 255}" in message
    mapped = build(tmp_path, label_map={3: 255, 200: 2}).load(1)["label"]
    assert mapped[0, 0] == 255 and mapped[1, 0] == 2 and mapped[2, 0] == 255 and mapped[3, 3] == 0
    write_image(tmp_path / "labels/1.png", label.astype(np.uint16) * 300)
    with pytest.raises(DataError, match=r"no class: 900 \(5 px\), 10964 \(1 px\), 60000 \(1 px\)"):
        build(tmp_path).load(1)


@pytest.mark.parametrize("ignore", [0, 2, 77, 255, 300, -1])
def test_ignore_index_of_any_value(tmp_path, ignore):
    list_dataset(tmp_path)
    dataset = build(
        tmp_path, ignore_index=ignore, label_map={1: ignore}, transforms=[{"type": "Padding", "target_size": [40, 30]}]
    )
    sample = dataset.get(0, np.random.default_rng(0))
    raw = dataset.raw_label(0)[0].astype(int)
    assert (sample["label"][:24, :32] == np.where(raw == 1, ignore, raw)).all()
    assert (sample["label"][24:] == ignore).all()
    assert sample["label"].dtype == (np.uint8 if 0 <= ignore <= 255 else np.int32)


def test_bad_label_map(tmp_path):
    list_dataset(tmp_path)
    with pytest.raises(ConfigError, match=r"label_map leads to \[9\], which is neither a class"):
        build(tmp_path, label_map={1: 9})
    for bad in ([1, 2], {"a": 1}):
        with pytest.raises(ConfigError, match="label_map is a table of id: id"):
            build(tmp_path, label_map=bad)


def test_arguments_are_checked(tmp_path):
    list_dataset(tmp_path)
    with pytest.raises(ConfigError, match=r"has no argument 'data_root'\. Did you mean 'dataset_root'"):
        DATASETS.build({"type": "Dataset", "data_root": "x", "num_classes": 3})
    with pytest.raises(ConfigError, match="needs the argument num_classes"):
        DATASETS.build({"type": "Dataset", "dataset_root": "x"})
    with pytest.raises(ConfigError, match="num_classes is a positive integer, but got 0"):
        build(tmp_path, num_classes=0)


def test_grey_and_many_channels(tmp_path):
    list_dataset(tmp_path)
    assert build(tmp_path, img_channels=1).load(0)["image"].shape == (24, 32, 1)
    np.save(tmp_path / "six.npy", np.zeros((24, 32, 6), np.uint8))
    (tmp_path / "six.txt").write_text("six.npy labels/0.png")
    assert build(tmp_path, img_channels=6, train_path="six.txt").load(0)["image"].shape == (24, 32, 6)


# --- published datasets


def test_voc(tmp_path):
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for i in range(4):
        pair(root, f"JPEGImages/{i}.jpg", f"SegmentationClass/{i}.png", value=i)
        pair(root, f"JPEGImages/{i}.jpg", f"SegmentationClassAug/{i}.png", value=i + 10)
    sets = root / "ImageSets" / "Segmentation"
    sets.mkdir(parents=True)
    for name, ids in {"train": "0\n1\n", "val": "2\n", "trainval": "0\n1\n2\n"}.items():
        (sets / f"{name}.txt").write_text(ids)
    for folder in (root, root.parent):
        assert len(PascalVOC(dataset_root=str(folder))) == 2
    assert [PascalVOC(dataset_root=str(root), mode=m).mode for m in ("trainval", "val")] == ["train", "val"]
    with pytest.raises(DataError, match=r"neither trainaug\.txt nor train_aug\.txt nor aug\.txt"):
        PascalVOC(dataset_root=str(root), mode="trainaug")
    (sets / "aug.txt").write_text("3\n")
    dataset = DATASETS.build({"type": "PascalVOC", "dataset_root": str(root), "mode": "trainaug"})
    assert [int(dataset.load(i)["label"][0, 0]) for i in range(3)] == [0, 1, 13]  # train.txt, then aug.txt
    (sets / "train_aug.txt").write_text("/JPEGImages/3.jpg /SegmentationClassAug/3.png\n1\n")
    dataset = PascalVOC(dataset_root=str(root), mode="trainaug")
    assert [int(dataset.load(i)["label"][0, 0]) for i in range(2)] == [13, 11]
    assert dataset.num_classes == 21 and dataset.class_names[15] == "person"
    assert tuple(dataset.palette[1]) == (128, 0, 0)
    with pytest.raises(ConfigError, match="PascalVOC has 21 classes, but num_classes is 20"):
        PascalVOC(dataset_root=str(root), num_classes=20)
    with pytest.raises(DataError, match=r"has no JPEGImages, ImageSets/Segmentation\. Set dataset_root to VOCdevkit"):
        PascalVOC(dataset_root=str(tmp_path))
    with pytest.raises(ConfigError, match="mode is train, trainval, trainaug, val or test"):
        PascalVOC(dataset_root=str(root), mode="training")


def test_pascal_context(tmp_path):
    for i, value in enumerate((58, 255)):
        pair(tmp_path, f"JPEGImages/{i}.jpg", f"Context/{i}.png", value=value)
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/val_context.txt").write_text("0\n1\n")
    dataset = PascalContext(dataset_root=str(tmp_path), mode="val")
    assert len(dataset) == 2 and dataset.load(0)["label"].max() == 58 and dataset.load(1)["label"].max() == 255
    assert dataset.num_classes == 59 == len(set(dataset.class_names))
    assert dataset.class_names == sorted(dataset.class_names)
    assert len(np.unique(dataset.palette, axis=0)) == 59
    with pytest.raises(DataError, match=r"train_context\.txt does not exist"):
        PascalContext(dataset_root=str(tmp_path))


def test_ade20k(tmp_path):
    for i, value in enumerate((0, 1, 150)):
        pair(tmp_path, f"images/training/a{i}.jpg", f"annotations/training/a{i}.png", value=value)
    dataset = ADE20K(dataset_root=str(tmp_path))
    assert [int(dataset.load(i)["label"][0, 0]) for i in range(3)] == [255, 0, 149]
    assert int(ADE20K(dataset_root=str(tmp_path), ignore_index=200).load(0)["label"][0, 0]) == 200
    assert dataset.num_classes == 150 == len(dataset.class_names) and dataset.class_names[149] == "flag"
    write_image(tmp_path / "annotations/training/a1.png", np.full((6, 8), 151, np.uint8))
    with pytest.raises(DataError, match=r"a1\.png holds ids that are no class: 151"):
        dataset.load(1)
    with pytest.raises(DataError, match=r"ADE20K: .* has no images/validation, annotations/validation"):
        ADE20K(dataset_root=str(tmp_path), mode="val")


def test_cityscapes(tmp_path):
    for i, stored in enumerate([7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33, 0, 6, 30]):
        pair(
            tmp_path,
            f"leftImg8bit/train/ulm/ulm_{i:02}_leftImg8bit.png",
            f"gtFine/train/ulm/ulm_{i:02}_gtFine_labelIds.png",
            value=stored,
        )
    dataset = Cityscapes(dataset_root=str(tmp_path))
    assert [int(dataset.load(i)["label"][0, 0]) for i in range(22)] == [*range(19), 255, 255, 255]
    assert dataset.class_names[13] == "car" and tuple(dataset.palette[0]) == (128, 64, 128)
    assert len(CITYSCAPES_CLASSES) == 19
    pair(tmp_path, "leftImg8bit/val/a/a_leftImg8bit.png", "gtFine/val/a/a_gtFine_labelTrainIds.png", value=18)
    assert int(Cityscapes(dataset_root=str(tmp_path), mode="val").load(0)["label"][0, 0]) == 18
    pair(tmp_path, "leftImg8bit/test/b/b_leftImg8bit.png", "unused.png")
    assert "label" not in Cityscapes(dataset_root=str(tmp_path), mode="test").load(0)
    (tmp_path / "gtFine/val/a/a_gtFine_labelTrainIds.png").unlink()
    with pytest.raises(DataError, match=r"has no \*_gtFine_labelIds\.png"):
        Cityscapes(dataset_root=str(tmp_path), mode="val")


def test_camvid(camvid):
    train, val = (CamVid(dataset_root=str(camvid), mode=m) for m in ("train", "val"))
    assert (len(train), len(val)) == (367, 101)
    assert train.class_names == (camvid / "labels.txt").read_text().split()
    for dataset in (train, val):
        ids = set()
        for i in range(0, len(dataset), 20):
            sample = dataset.load(i)
            assert sample["image"].shape == (360, 480, 3) and sample["label"].shape == (360, 480)
            ids |= set(np.unique(sample["label"]).tolist())
            assert ((dataset.raw_label(i)[0] == 11) == (sample["label"] == 255)).all()
        assert ids <= {*range(11), 255} and 255 in ids
    listed = DATASETS.build(
        {
            "type": "Dataset",
            "dataset_root": str(camvid),
            "num_classes": 11,
            "mode": "val",
            "val_path": str(camvid / "val.txt"),
            "label_map": {11: 255},
        }
    )
    assert listed.class_names == val.class_names  # labels.txt
    assert (listed.load(5)["label"] == val.load(5)["label"]).all()
    with pytest.raises(DataError, match=r"holds ids that are no class: 11 .*label_map: \{11: 255\}"):
        DATASETS.build(
            {"type": "Dataset", "dataset_root": str(camvid), "num_classes": 11, "mode": "val", "val_path": "val.txt"}
        ).load(0)
    with pytest.raises(ConfigError, match="CamVid has 11 classes, but num_classes is 12"):
        CamVid(dataset_root=str(camvid), num_classes=12)
    assert CamVid(dataset_root=str(camvid), label_map={8: 255}).load(0)["label"].max() == 255


def test_a_dataset_of_ones_own():
    class Squares(SegDataset):
        def __len__(self):
            return 3

        def read(self, index):
            label = np.full((8, 8), index, np.uint8)
            return {"image": code(label), "label": label, "meta": {"path": f"square-{index}"}}

        def raw_label(self, index):
            return np.full((8, 8), index, np.uint8), f"square-{index}"

    dataset = Squares(num_classes=2, transforms=[{"type": "RandomVerticalFlip", "prob": 1.0}])
    assert dataset.get(1)["label"].max() == 1 and dataset.get(1)["meta"]["size"] == (8, 8)
    with pytest.raises(DataError, match=r"label square-2 holds ids that are no class: 2 .64 px."):
        dataset.load(2)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(max_size=40).map(lambda t: t.encode("utf-8", "surrogatepass")),
        st.lists(
            st.sampled_from(["images/0.png", "labels/0.png", " ", "\t", ",", "\n", "..", "\0", "/"]), max_size=9
        ).map(lambda p: "".join(p).encode()),
    ),
    st.sampled_from(["train", "test"]),
)
def test_any_bytes_as_a_list(tmp_path_factory, data, mode):
    root = tmp_path_factory.getbasetemp() / "any-list"
    if not (root / "train.txt").exists():
        list_dataset(root)
    (root / "fuzz.txt").write_bytes(data)
    try:
        dataset = build(root, mode=mode, **{f"{mode}_path": "fuzz.txt"})
    except DataError as e:
        assert "fuzz.txt" in str(e)
    else:
        assert len(dataset) > 0


def test_camvid_holds_out_a_drive(tmp_path):
    """Training is on the other drives, validation on this one, whatever val.txt says."""
    for name in ("A_1", "A_2", "B_1", "C_1"):
        write_image(tmp_path / f"{name}.png", np.zeros((4, 4, 3), np.uint8))
        write_image(tmp_path / "annot" / f"{name}.png", np.zeros((4, 4), np.uint8))
    lines = "".join(f"{name}.png annot/{name}.png\n" for name in ("A_1", "B_1", "A_2"))
    (tmp_path / "train.txt").write_text(lines)
    (tmp_path / "val.txt").write_text("C_1.png annot/C_1.png\n")

    def names(mode, held_out):
        found = CamVid(dataset_root=str(tmp_path), mode=mode, transforms=[], held_out=held_out)
        return [Path(image).stem for image, _ in found.items]

    assert names("train", "A") == ["B_1"] and names("val", "A") == ["A_1", "A_2"]
    assert names("train", None) == ["A_1", "B_1", "A_2"] and names("val", None) == ["C_1"]
    with pytest.raises(DataError, match="no pictures of drive 'Z': it has A, B"):
        names("train", "Z")


@pytest.mark.parametrize("every, kept", [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (8, [0])])
def test_a_share_of_the_training_pictures(tmp_path, every, kept):
    for i in range(5):
        pair(tmp_path, f"{i}.png", f"label{i}.png")
    (tmp_path / "train.txt").write_text("".join(f"{i}.png label{i}.png\n" for i in range(5)))

    def stems(mode, every):
        dataset = build(tmp_path, mode=mode, val_path="train.txt", every=every)
        return [int(Path(image).stem) for image, _ in dataset.items]

    assert stems("train", every) == kept
    assert stems("val", every) == [0, 1, 2, 3, 4]  # scores stay comparable
    with pytest.raises(ConfigError, match="every must be at least 1, got 0"):
        stems("train", 0)
