"""Annotated pictures whose annotation file is wrong in one to three ways, or right: what a fuzz feeds to the tools."""

from __future__ import annotations

import copy
import json

import cv2
import numpy as np
from pycocotools import mask as reference

from paddleseg_lite.data import write_png

SIZES = {"a.png": (24, 30), "b.png": (18, 18), "c.png": (20, 26)}
NAMES = ["cat", "dog", "the cow"]
JUNK = [None, True, False, 0, 1, -1, 2, 7, 255, 10**6, 10**30, -0.0, 0.5, 1.0, 1e300, float("nan"), float("inf")]
JUNK += [
    "",
    " ",
    "1",
    "1.0",
    "x",
    "cat",
    "Cat ",
    "dog\n",
    "background",
    "__ignore__",
    "裂缝",
    "\ud800",
    "a\0b",
    "x" * 3000,
]
JUNK += ["../../etc/passwd", "C:\\x\\a.png", "/a.png", "a.png", "A.PNG", "a.b.png", "2024", "polygon", "mask"]
JUNK += [[], {}, [[]], [0], [1, 2, 3, 4], [[1, 2], [3, 4]], {"a": 1}, [None], [[0, 0, 9, 0, 9, 9]]]
ENCODINGS = (*["utf-8"] * 15, "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "cp1252", "utf-32")


def write_pictures(folder, names=tuple(SIZES)):
    """Pictures of :data:`SIZES`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        ok, data = cv2.imencode(".png", np.full([*SIZES[name], 3], 90, np.uint8))
        assert ok
        (folder / name).write_bytes(data.tobytes())


def polygon(rng, name):
    """Corners [N, 2] around a picture, some of them outside."""
    height, width = SIZES[name]
    points = rng.uniform(-4, 4, [rng.integers(3, 8), 2]) + rng.uniform(0, 1, [1, 2]) * (width, height)
    points += rng.uniform(-10, 10, points.shape)
    return points.round() if rng.random() < 0.5 else points.round(2)


def labelme(rng, folder):
    write_pictures(folder)
    kinds = {"rectangle": 2, "circle": 2, "line": 2, "point": 1, "polygon": 5}
    documents = {}
    for name, (height, width) in SIZES.items():
        shapes = []
        for _ in range(rng.integers(0, 4)):
            kind = str(rng.choice([*["polygon"] * 30, *kinds]))
            points = polygon(rng, name).tolist() if kind == "polygon" else polygon(rng, name)[: kinds[kind]].tolist()
            shapes.append({"label": str(rng.choice(NAMES)), "points": points, "group_id": None, "shape_type": kind})
        documents[f"{name[0]}.json"] = {
            "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": name, "imageData": None,
            "imageHeight": height, "imageWidth": width,
        }  # fmt: skip
    return documents, ["labelme", "--input", folder]


def coco(rng, folder):
    write_pictures(folder / "images")
    images = [{"id": i + 1, "file_name": n, "height": s[0], "width": s[1]} for i, (n, s) in enumerate(SIZES.items())]
    annotations = []
    for number in range(1, rng.integers(2, 9)):
        image = images[rng.integers(len(images))]
        parts = [polygon(rng, image["file_name"]).ravel().tolist() for _ in range(rng.integers(1, 3))]
        form = rng.random()
        if form < 0.3:
            mask = rng.random([image["height"], image["width"]]) > rng.uniform(0, 1)
            runs = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
            parts = {"size": [image["height"], image["width"]], "counts": runs["counts"].decode()}
            if form < 0.15:
                flat = np.concatenate([[0], mask.T.ravel(), [0]])
                edges = np.flatnonzero(np.diff(flat))
                parts["counts"] = np.diff(np.concatenate([[0], edges, [mask.size]])).tolist()
        annotations.append(
            {"id": number, "image_id": image["id"], "category_id": int(rng.integers(1, 4)), "segmentation": parts,
             "area": float(rng.uniform(1, 99)), "bbox": [0, 0, 5, 5], "iscrowd": int(isinstance(parts, dict))}
        )  # fmt: skip
    categories = [{"id": i + 1, "name": name, "supercategory": "x"} for i, name in enumerate(NAMES)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    return {"ann.json": document}, ["coco", "--json", folder / "ann.json", "--images", folder / "images"]


def yolo(rng, folder):
    write_pictures(folder / "images")
    files = {"data.yaml": f"path: .\ntrain: images\nnames: {NAMES}\nnc: 3\n"}
    for name, (height, width) in SIZES.items():
        lines = []
        for _ in range(rng.integers(0, 4)):
            points = polygon(rng, name) / (width, height)
            lines.append(f"{rng.integers(0, 3)} " + " ".join(f"{v:.6f}" for v in points.ravel()))
        files[f"labels/{name[0]}.txt"] = "\n".join(lines)
    return files, ["yolo", "--input", folder]


def labelstudio(rng, folder):
    write_pictures(folder / "images")
    tasks = []
    for number, (name, (height, width)) in enumerate(SIZES.items()):
        results = []
        for i in range(rng.integers(0, 4)):
            points = (polygon(rng, name) * 100 / (width, height)).tolist()
            results.append(
                {"id": f"r{i}", "type": "polygonlabels", "original_width": width, "original_height": height,
                 "value": {"points": points, "polygonlabels": [str(rng.choice(NAMES))], "closed": True}}
            )  # fmt: skip
        address = f"/data/upload/1/0a1b2c3d-{name}"
        tasks.append({"id": number, "data": {"image": address}, "annotations": [{"id": 1, "result": results}]})
    return {"ls.json": tasks}, ["labelstudio", "--json", folder / "ls.json", "--images", folder / "images"]


def cvat(rng, folder):
    write_pictures(folder / "images")
    text = ['<?xml version="1.0" encoding="utf-8"?>\n<annotations><meta><task><labels>']
    text += [f"<label><name>{name}</name></label>" for name in NAMES] + ["</labels></task></meta>\n"]
    for i, (name, (height, width)) in enumerate(SIZES.items()):
        text.append(f'<image id="{i}" name="{name}" width="{width}" height="{height}">\n')
        for _ in range(rng.integers(0, 4)):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in polygon(rng, name))
            text.append(f'<polygon label="{rng.choice(NAMES)}" points="{points}" z_order="{rng.integers(0, 2)}"/>\n')
        text.append("</image>\n")
    return {"annotations.xml": "".join([*text, "</annotations>"])}, ["cvat", "--input", folder]


def panoptic(rng, folder):
    write_pictures(folder / "images")
    images, annotations = [], []
    for i, (name, size) in enumerate(SIZES.items()):
        images.append({"id": i + 1, "file_name": name, "height": size[0], "width": size[1]})
        segments = rng.integers(1, 5, size)  # ids 1 to 4
        write_png(folder / "pan" / name, np.stack([segments, segments * 0, segments * 0], 2).astype(np.uint8))
        info = [{"id": int(s), "category_id": int(rng.integers(1, 4))} for s in np.unique(segments)]
        annotations.append({"image_id": i + 1, "file_name": name, "segments_info": info})
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(NAMES)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    flags = ["coco", "--json", folder / "ann.json", "--images", folder / "images", "--panoptic_dir", folder / "pan"]
    return {"ann.json": document}, flags


def masks(rng, folder):
    write_pictures(folder / "train")
    for name, size in SIZES.items():
        write_png(folder / "train" / f"{name[0]}_mask.png", rng.integers(0, 3, size, dtype=np.uint8))
    table = "Pixel Value, Class\n" + "\n".join(f"{i}, {name}" for i, name in enumerate(NAMES))
    return {"train/_classes.csv": table}, ["roboflow", "--input", folder]


KINDS = {f.__name__: f for f in (labelme, coco, yolo, labelstudio, cvat, panoptic, masks)}


def places(tree, path=()):
    """The path of every value in a tree."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def mutate_tree(tree, rng):
    """Change one value: another one in its place, away, twice, as text, as a number, in a list."""
    tree = copy.deepcopy(tree)
    options = [p for p in places(tree) if p]
    path = options[rng.integers(len(options))] if options and rng.random() > 0.02 else ()
    if not path:
        return copy.deepcopy(JUNK[rng.integers(len(JUNK))])
    holder = tree
    for key in path[:-1]:
        holder = holder[key]
    key, value, act = path[-1], holder[path[-1]], rng.integers(6)
    if act == 0:
        del holder[key]
    elif act == 1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(value))
    elif act == 2 and not isinstance(value, (dict, list)):
        holder[key] = str(value)
    elif act == 3:
        holder[key] = [value]
    else:
        holder[key] = copy.deepcopy(JUNK[rng.integers(len(JUNK))])
    return tree


def mutate_text(text, rng):
    """Change one word or character of a text."""
    junk = str(JUNK[rng.integers(len(JUNK))]).replace("\ud800", "?")
    words = text.split(" ")
    at, act = rng.integers(len(words)), rng.integers(4)
    if act == 0:
        words[at] = junk
    elif act == 1:
        words.insert(at, words[at])
    elif act == 2:
        del words[at]
    else:
        place = rng.integers(len(text) + 1)
        return text[:place] + str(rng.choice(list("<>&\"'0123456789,;: -.\n\0é"))) + text[place + 1 :]
    return " ".join(words)


def mangle(data, rng):
    """Cut a file, or change, drop or repeat bytes."""
    act, at = rng.integers(4), int(rng.integers(len(data) + 1))
    if act == 0:
        return data[:at]
    if act == 1:
        return data[:at] + bytes(rng.integers(0, 256, 1 + rng.integers(4), dtype=np.uint8)) + data[at + 1 :]
    if act == 2:
        return data[:at] + data[at + 1 + rng.integers(9) :]
    return data[:at] + data[max(0, at - 9) :]


def write_case(kind, rng, folder):
    """Write one case; returns the arguments of ``tools/prepare.py`` without ``--output``."""
    files, arguments = KINDS[kind](rng, folder)
    spoilt = list(files)[rng.integers(len(files))]
    for name, content in files.items():
        text = isinstance(content, str)
        for _ in range(int(rng.choice([0, 0, 1, 1, 1, 2, 3])) if name == spoilt else 0):
            content = mutate_text(content, rng) if text else mutate_tree(content, rng)
        data = (
            content
            if text
            else json.dumps(content, ensure_ascii=bool(rng.random() < 0.5 or "\\ud" in json.dumps(content)))
        )
        encoding = str(rng.choice(ENCODINGS)) if name == spoilt else "utf-8"
        raw = data.encode(encoding, "replace")
        if name == spoilt and rng.random() < 0.15:
            raw = mangle(raw, rng)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    if rng.random() < 0.3:
        arguments = [*arguments, "--skip_bad"]
    return arguments
