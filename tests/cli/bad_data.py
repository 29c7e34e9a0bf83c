"""Bad images, labels and lists: what is done to the data, and what training must say before it starts."""

from __future__ import annotations

import cv2
import numpy as np
import tifffile
from sandbox import SIZE, Sandbox, stripes, with_orientation

LABEL = "train/a_label.png"
HTML = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"


def noise(height: int = SIZE, width: int = SIZE, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, channels), dtype=np.uint8)


def jpeg_cut(s: Sandbox) -> None:
    s.write("train/a.jpg", noise())
    s.cut("train/a.jpg")
    s.relist("train/a.jpg", LABEL)


def jpeg_label(s: Sandbox) -> None:
    s.write("train/a_label.jpg", stripes())
    s.relist("train/a.png", "train/a_label.jpg")


def turned_photo(s: Sandbox) -> None:
    plain = cv2.imencode(".jpg", noise(SIZE, 2 * SIZE))[1].tobytes()
    s.write("train/a.jpg", with_orientation(plain, 6))
    s.write(LABEL, np.zeros((SIZE, 2 * SIZE), np.uint8))
    s.relist("train/a.jpg", LABEL)


def float_label(s: Sandbox) -> None:
    np.save(s.data / "train" / "a_label.npy", stripes().astype(np.float32))
    s.relist("train/a.png", "train/a_label.npy")


def object_array(s: Sandbox) -> None:
    np.save(s.data / "train" / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    s.relist("train/a.npy", LABEL)


def float_image(s: Sandbox) -> None:
    tifffile.imwrite(s.data / "train" / "a.tiff", noise().astype(np.float32), photometric="rgb")
    s.relist("train/a.tiff", LABEL)


def all_ignored(s: Sandbox) -> None:
    for name in "abcd":
        s.write(f"train/{name}_label.png", np.full((SIZE, SIZE), 255, np.uint8))


def shared_image(s: Sandbox) -> None:
    s.write("val/a.png", (s.data / "train" / "b.png").read_bytes())


# name, what is done, parts of the message: the thing, the reason, the remedy
DATA = [
    ("truncated_png", lambda s: s.cut("train/a.png"), ["train/a.png", "damaged PNG", "Copy or make it again"]),
    ("truncated_jpeg", jpeg_cut, ["train/a.jpg", "truncated JPEG", "copy or download it again"]),
    ("empty_image", lambda s: s.write("train/a.png", b""), ["train/a.png", "is empty (0 bytes)", "download it again"]),
    (
        "html_instead_of_image",
        lambda s: s.write("train/a.png", HTML),
        ["train/a.png", "is a web page", "download the image itself"],
    ),
    (
        "random_bytes_as_image",
        lambda s: s.write("train/a.png", b"\x01\x02 no image"),
        ["train/a.png", "no image file", "repair or remove the file"],
    ),
    ("float_image", float_image, ["train/a.tiff", "float32 values", "convert it to 8 bits"]),
    ("pickled_npy_image", object_array, ["train/a.npy", "damaged .npy file", "repair or remove the file"]),
    (
        "label_of_other_size",
        lambda s: s.write(LABEL, stripes(24)),
        ["a_label.png is 24x24", "a.png is 32x32", "make the label again at the image's size"],
    ),
    (
        "turned_photo",
        turned_photo,
        ["a_label.png is 64x32", "a.jpg is 32x64", "EXIF orientation 6", "rewrite the image upright"],
    ),
    (
        "rgb_label",
        lambda s: s.write(LABEL, noise()),
        ["a_label.png is a colour picture", "not class ids", "tools/prepare.py rgb2id"],
    ),
    (
        "grey_rgb_label",
        lambda s: s.write(LABEL, np.repeat(stripes()[..., None], 3, axis=2)),
        ["a_label.png", "three equal channels", "save it with one channel"],
    ),
    ("jpeg_label", jpeg_label, ["a_label.jpg", "lossy compression", "make the labels again as PNG"]),
    ("float_label", float_label, ["a_label.npy", "float32", "integer ids"]),
    ("empty_label", lambda s: s.write(LABEL, b""), ["a_label.png", "is empty (0 bytes)", "download it again"]),
    ("truncated_label", lambda s: s.cut(LABEL), ["a_label.png", "damaged PNG", "make it again"]),
    (
        "label_id_out_of_range",
        lambda s: s.write(LABEL, stripes(values=(0, 7))),
        ["id 7 in 1 label files", "no class of 3", "label_map: {7: ...}", "a_label.png"],
    ),
    ("all_pixels_ignored", all_ignored, ["train", "not", "single pixel that counts", "check ignore_index"]),
    ("image_in_train_and_val", shared_image, ["validation images are also training images", "a.png", "take them out"]),
]

LISTS = [
    (
        "empty_list",
        lambda s: s.write_list("train", ""),
        ["train.txt", "lists no images", "one 'image label' pair a line"],
    ),
    ("blank_list", lambda s: s.write_list("val", "\n  \n"), ["val.txt", "lists no images", "one 'image label' pair"]),
    (
        "three_columns",
        lambda s: s.write_list("train", ["a.png b.png c.png"]),
        ["train.txt, line 1", "found 3 part(s)", "Write two paths with a tab between"],
    ),
    (
        "one_column",
        lambda s: s.write_list("train", ["train/a.png\ttrain/a_label.png", "train/b.png"]),
        ["train.txt, line 2", "found 1 part(s)", "Write two paths"],
    ),
    (
        "missing_files",
        lambda s: s.write_list("train", ["gone.png\tgone_label.png", "train/a.png\ttrain/a_label.png"]),
        ["2 of the files in", "gone_label.png", "Correct dataset_root"],
    ),
    (
        "latin1_list",
        lambda s: s.write_list("train", "d\xeda.png\tx.png\n".encode("latin-1")),
        ["train.txt, line 1", "not UTF-8", "save the list as UTF-8"],
    ),
    (
        "utf16_list",
        lambda s: s.write_list("train", "train/a.png\ttrain/a_label.png\n".encode("utf-16")),
        ["train.txt", "not UTF-8", "save the list as UTF-8"],
    ),
    (
        "nul_in_list",
        lambda s: s.write_list("train", "train/a\0.png\ttrain/a_label.png\n"),
        ["train.txt", "do not exist", "paths in the list"],
    ),
    (
        "image_as_list",
        lambda s: s.write("train.txt", noise()[:, :, 0].tobytes()),
        ["train.txt, line", "not UTF-8", "save the list as UTF-8"],
    ),
    (
        "no_list",
        lambda s: (s.data / "train.txt").unlink(),
        ["list file train.txt does not exist", "looked for", "one 'image label' pair a line"],
    ),
    ("folder_in_list", lambda s: s.write_list("train", ["train\tval"]), ["train.txt", "do not exist", "Correct"]),
    (
        "dataset_root_missing",
        lambda s: s.write_recipe(train_dataset__dataset_root=str(s.folder / "none")),
        ["dataset_root", "does not exist", "Set dataset_root"],
    ),
    (
        "no_list_named",
        lambda s: s.write_recipe(val_dataset__val_path=None),
        ["val mode", "needs the argument val_path", "a list file"],
    ),
    (
        "class_names_file_missing",
        lambda s: s.write_recipe(train_dataset__class_names="names.txt"),
        ["class_names", "names.txt does not exist", "give names"],
    ),
    (
        "class_names_of_other_number",
        lambda s: s.write_recipe(train_dataset__class_names=["sky", "sea"]),
        ["class_names has 2 entries", "num_classes 3", "one for each class"],
    ),
]
