"""Bad weights, checkpoints and images handed to resume, val and infer, and what they must get as an answer."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
from sandbox import Sandbox

from paddleseg_lite.weights import write_safetensors

HTML = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
INFER = "infer --model_path {out} --image_path {data}/val/a.png --save_dir {folder}/pictures"
VAL = "val --model_path {out}"
RESUME = "train --config {folder}/recipe.yml --save_dir {out} --no_vdl --resume_model"


class Touch:
    """Unpickles as a call that would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def malicious(name):
    return lambda s: s.write_text(name, pickle.dumps({"weight": Touch(s.folder / "EXECUTED")}, protocol=2))


def pretrained_malicious(s: Sandbox) -> None:
    malicious("evil.pdparams")(s)
    s.write_recipe(model__pretrained=str(s.folder / "evil.pdparams"))


def damaged(name, spoil):
    """Spoil a file of every checkpoint of the run."""

    def prepare(s: Sandbox) -> None:
        for folder in [*s.out.glob("iter_*"), s.out / "best_model"]:
            path = folder / name
            if path.exists():
                spoil(path)

    return prepare


def flip(path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))


def halve(path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_safetensors(s: Sandbox) -> None:
    path = s.folder / "w.safetensors"
    write_safetensors(path, {"a": np.ones(100, np.float32)})
    halve(path)


def bare(s: Sandbox) -> None:
    s.write_text("w.pdparams", (s.out / "best_model" / "model.pdparams").read_bytes())


def other_format(s: Sandbox) -> None:
    path = s.out / "best_model" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


def copy_as_val(s: Sandbox) -> None:
    """Sixteen classes in the data where the network has three."""
    s.write_recipe(val_dataset__num_classes=16, train_dataset__num_classes=16)


def no_val(s: Sandbox) -> None:
    s.write_recipe(val_dataset=None)


def broken_pictures(s: Sandbox) -> None:
    s.cut("val/a.png")
    s.write("val/b.png", HTML)


def picture_list(s: Sandbox) -> None:
    s.write("pictures.txt", "val/a.png\nval/gone.png\n")


CONFIG = " --config {folder}/recipe.yml"
FILE = "val --model_path {folder}/w.pdparams" + CONFIG

# name, what is done, the call, parts of the message, exit status
CHECKPOINTS = [
    # resume
    (
        "resume_best_model",
        None,
        RESUME + " {out}/best_model",
        ["best_model holds weights only", "use an iter_N folder"],
        2,
    ),
    (
        "resume_weights_file",
        None,
        RESUME + " {out}/best_model/model.pdparams",
        ["model.pdparams", "is a file", "iter_N"],
        2,
    ),
    (
        "resume_damaged",
        damaged("model.pdparams", flip),
        RESUME + " {out}/iter_2",
        ["model.pdparams", "sha256 differs", "Use an earlier one"],
        2,
    ),
    (
        "resume_truncated_optimizer",
        damaged("optimizer.safetensors", halve),
        RESUME + " {out}/iter_2",
        ["optimizer.safetensors", "bytes where", "Use an earlier one"],
        2,
    ),
    (
        "resume_file_missing",
        damaged("state.json", os.unlink),
        RESUME + " {out}/iter_2",
        ["state.json", "is missing", "Use an earlier one"],
        2,
    ),
    (
        "resume_manifest_missing",
        damaged("manifest.json", os.unlink),
        RESUME + " {out}/iter_2",
        ["iter_2", "no manifest.json", "no complete checkpoint"],
        2,
    ),
    (
        "resume_manifest_edited",
        damaged("manifest.json", flip),
        RESUME + " {out}/iter_2",
        ["manifest.json", "damaged"],
        2,
    ),
    ("resume_all_damaged", damaged("model.pdparams", halve), RESUME, ["no checkpoint to resume from", "damaged"], 2),
    (
        "resume_other_width",
        lambda s: s.write_recipe(model__base_channels=8),
        RESUME,
        ["mis-shaped", "likely cause", "another width"],
        2,
    ),
    (
        "resume_other_network",
        lambda s: s.write_recipe(model={"type": "ENet"}),
        RESUME,
        ["ENet", "missing", "another network"],
        2,
    ),
    ("resume_other_optimizer", lambda s: s.write_recipe(optimizer={"type": "Adam"}), RESUME, ["optimizer", "Adam"], 2),
    ("resume_ema_never_kept", None, RESUME + " --use_ema", ["no averaged weights", "resume it without --use_ema"], 2),
    # weights
    ("model_path_missing", None, "val --model_path {folder}/none", ["none does not exist", "Give a run folder"], 2),
    (
        "model_path_empty_folder",
        lambda s: (s.folder / "empty").mkdir(),
        "val --model_path {folder}/empty",
        ["there is no checkpoint in", "best_model", "Give a run folder"],
        2,
    ),
    (
        "bare_weights_without_config",
        bare,
        "val --model_path {folder}/w.pdparams",
        ["there is no config.yml beside", "name the recipe with --config"],
        2,
    ),
    (
        "weights_of_other_classes",
        lambda s: (bare(s), copy_as_val(s)),
        FILE,
        ["mis-shaped", "trained with num_classes 3, the model has 16", "Build the model with"],
        2,
    ),
    (
        "weights_of_other_network",
        lambda s: (bare(s), s.write_recipe(model={"type": "ENet"})),
        FILE,
        ["missing", "unexpected", "another network"],
        2,
    ),
    (
        "weights_malicious",
        malicious("w.pdparams"),
        FILE,
        ["w.pdparams: refused", "system", "Do not trust this file"],
        2,
    ),
    (
        "weights_malicious_val_folder",
        damaged("model.pdparams", lambda p: p.write_bytes(pickle.dumps(Touch("x")))),
        VAL,
        ["model.pdparams", "damaged", "Use an earlier one"],
        2,
    ),
    (
        "pretrained_malicious",
        pretrained_malicious,
        "train --config {folder}/recipe.yml --no_vdl --save_dir {folder}/new",
        ["evil.pdparams: refused", "nothing of it was executed", "Do not trust this file"],
        2,
    ),
    (
        "pretrained_missing",
        lambda s: s.write_recipe(model__pretrained="nowhere.pdparams"),
        "train --config {folder}/recipe.yml --no_vdl --save_dir {folder}/new",
        ["nowhere.pdparams", "no such weights file"],
        2,
    ),
    (
        "pretrained_is_a_number",
        lambda s: s.write_recipe(model__pretrained=5),
        "train --config {folder}/recipe.yml --no_vdl --save_dir {folder}/new",
        ["pretrained", "5"],
        2,
    ),
    ("weights_empty", lambda s: s.write_text("w.pdparams", b""), FILE, ["w.pdparams: the file is empty", "again"], 2),
    (
        "weights_html",
        lambda s: s.write_text("w.pdparams", HTML),
        FILE,
        ["w.pdparams", "web page", "save the file itself"],
        2,
    ),
    (
        "weights_lfs",
        lambda s: s.write_text("w.pdparams", b"version https://git-lfs.github.com/spec/v1\n"),
        FILE,
        ["w.pdparams", "Git LFS pointer", "git lfs pull"],
        2,
    ),
    (
        "weights_truncated",
        lambda s: (bare(s), halve(s.folder / "w.pdparams")),
        FILE,
        ["w.pdparams", "damaged", "again"],
        2,
    ),
    (
        "safetensors_truncated",
        cut_safetensors,
        "val --model_path {folder}/w.safetensors" + CONFIG,
        ["w.safetensors", "damaged or incomplete", "again"],
        2,
    ),
    ("manifest_of_the_future", other_format, VAL, ["manifest.json"], 2),
    (
        "config_beside_weights_broken",
        damaged("config.yml", lambda p: p.write_text("model: [1")),
        VAL,
        ["config.yml"],
        2,
    ),
    # val
    ("val_without_val_dataset", no_val, VAL + CONFIG, ["no val_dataset to score on", "val_dataset"], 2),
    ("val_other_classes", copy_as_val, VAL + CONFIG, ["trained for 3 classes", "has 16"], 2),
    ("val_damaged_image", lambda s: s.cut("val/b.png"), VAL, ["val/b.png", "damaged PNG", "Copy or make it again"], 2),
    (
        "val_label_out_of_range",
        lambda s: s.write("val/b_label.png", np.full((32, 32), 9, np.uint8)),
        VAL,
        ["b_label.png holds ids that are no class: 9", "label_map: {9: 255}"],
        2,
    ),
    (
        "val_json_nowhere",
        None,
        VAL + " --json {folder}/recipe.yml/scores.json",
        ["cannot write", "recipe.yml", "Choose another one", "--json"],
        2,
    ),
    ("val_report_on_a_file", None, VAL + " --report {folder}/recipe.yml", ["cannot write to the output folder"], 2),
    ("val_unknown_convention", None, VAL + " --miou_convention mine", ["--miou_convention", "invalid choice"], 2),
    ("val_window_of_zero", None, VAL + " --is_slide --crop_size 0 0", ["crop_size", "positive"], 2),
    ("val_negative_workers", None, VAL + " --num_workers -2", ["--num_workers", "0 or more"], 2),
    ("val_scale_negative", None, VAL + " --aug_eval --scales -1", ["scales", "positive"], 2),
    # infer
    (
        "infer_no_image",
        None,
        INFER.replace("val/a.png", "none*.png"),
        ["--image_path", "no image found", "Give an image"],
        2,
    ),
    (
        "infer_list_with_missing",
        picture_list,
        INFER.replace("val/a.png", "pictures.txt"),
        ["1 of 2 files could not be read", "gone.png does not exist"],
        1,
    ),
    (
        "infer_list_in_latin1",
        lambda s: s.write("pictures.txt", "d\xeda.png\n".encode("latin-1")),
        INFER.replace("val/a.png", "pictures.txt"),
        ["pictures.txt", "cannot be read as UTF-8", "0xed"],
        2,
    ),
    (
        "infer_broken_files",
        broken_pictures,
        INFER.replace("val/a.png", "val"),
        ["2 of 4 files could not be read", "a.png is a damaged PNG", "b.png is a web page"],
        1,
    ),
    ("infer_opacity", None, INFER + " --opacity 2", ["--opacity must lie between 0 and 1", "got 2"], 2),
    ("infer_colours", None, INFER + " --custom_color 1 2 3", ["--custom_color takes 9 numbers", "got 3"], 2),
    (
        "infer_save_dir_is_a_file",
        None,
        INFER.replace("{folder}/pictures", "{folder}/recipe.yml"),
        ["cannot write to the output folder", "recipe.yml", "--save_dir"],
        2,
    ),
]
