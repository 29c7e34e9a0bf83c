"""Small folders of data, each in a layout that people have; all with six pictures."""

import json

import numpy as np
from annotated import SQUARE, labelme_file, labelme_shape, picture

from paddleseg_lite.data import write_png

SIZE = 40, 60  # height and width
FLAT = [v for point in SQUARE for v in point]


def label(path, values=(0, 1), number=0):
    """A label: the left half of one value, the right half of another."""
    ids = np.full(SIZE, values[0], np.uint8)
    ids[:, 10 + 5 * number :] = values[1]
    write_png(path, ids)


def pairs(root, images="images", labels="annotations", *, values=(0, 1), count=6, ending="", start=0):
    for i in range(start, start + count):
        picture(root / images / f"p{i}.png", *SIZE, seed=i)
        label(root / labels / f"p{i}{ending}.png", values, i % 6)


def pictures_and_labels(root):
    pairs(root)


def labelme(root):
    for i in range(6):
        picture(root / f"p{i}.png", *SIZE, seed=i)
        labelme_file(root / f"p{i}.json", labelme_shape(), image=f"p{i}.png")


def coco(root):
    for part, first, count in (("train", 0, 4), ("val", 4, 2)):
        images, annotations = [], []
        for i in range(first, first + count):
            picture(root / f"{part}2017" / f"{i:012d}.png", *SIZE, seed=i)
            images.append({"id": i, "file_name": f"{i:012d}.png", "height": SIZE[0], "width": SIZE[1]})
            annotations.append({"id": i, "image_id": i, "category_id": 3, "segmentation": [FLAT], "iscrowd": 0})
        document = {"images": images, "annotations": annotations, "categories": [{"id": 3, "name": "cat"}]}
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"instances_{part}2017.json").write_text(json.dumps(document))


def voc(root):
    root = root / "VOCdevkit" / "VOC2012"
    sets = root / "ImageSets" / "Segmentation"
    sets.mkdir(parents=True)
    names = [f"2007_{i:06d}" for i in range(6)]
    for i, name in enumerate(names):
        picture(root / "JPEGImages" / f"{name}.jpg", *SIZE, seed=i)
        label(root / "SegmentationClass" / f"{name}.png", (0, 15), i)
    (sets / "train.txt").write_text("\n".join(names[:4]))
    (sets / "val.txt").write_text("\n".join(names[4:]))


def camvid(root):
    pairs(root, "train", "trainannot", values=(3, 11), count=4)
    pairs(root, "val", "valannot", values=(3, 11), count=2, start=4)
    (root / "train.txt").write_text(
        "".join(f"/SegNet/CamVid/train/p{i}.png /SegNet/CamVid/trainannot/p{i}.png\n" for i in range(4))
    )


def cityscapes(root):
    for part, first, count in (("train", 0, 4), ("val", 4, 2)):
        for i in range(first, first + count):
            picture(root / "leftImg8bit" / part / "town" / f"town_{i}_leftImg8bit.png", *SIZE, seed=i)
            label(root / "gtFine" / part / "town" / f"town_{i}_gtFine_labelIds.png", (7, 26), i)


def yolo(root):
    for i in range(6):
        picture(root / "images" / f"p{i}.png", *SIZE, seed=i)
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"p{i}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5")
    (root / "data.yaml").write_text("names: [cat]\n")


LAYOUTS = {f.__name__: f for f in (pictures_and_labels, labelme, coco, voc, camvid, cityscapes, yolo)}
