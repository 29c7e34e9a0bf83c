"""The tools that are run on a full disk, and the small inputs that they need."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import yaml

from paddleseg_lite.weights import write_pdparams
from tests.interop.goldens import Golden

SCENES = {"type": "Scenes", "size": [32, 32], "num_classes": 6, "transforms": [{"type": "Normalize"}]}
RECIPE = {
    "model": {"type": "UNet", "base_channels": 8},
    "train_dataset": {**SCENES, "num_samples": 4, "mode": "train"},
    "val_dataset": {**SCENES, "num_samples": 2, "mode": "val"},
    "batch_size": 2,
    "iters": 4,
    "save_interval": 2,
    "log_iters": 1,
}
UNITS = {"GloRe": {"type": "GloRe", "num_nodes": 4}, "none": None}
STUDY = {
    "base": "recipe.yml",
    "factors": {"unit": {"path": "model.context", "values": UNITS}},
    "compare": "unit",
    "baseline": "none",
    "seeds": [0],
}


def write_inputs(folder: Path) -> None:
    """Recipe, study, pictures, a video and annotations."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yml").write_text(yaml.safe_dump(RECIPE, sort_keys=False), encoding="utf-8")
    (folder / "study.yml").write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
    (folder / "images").mkdir(exist_ok=True)
    listed, regions = [], []
    for i in range(3):
        picture = rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)
        (folder / "images" / f"{i}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        listed.append({"id": i, "file_name": f"{i}.png", "width": 48, "height": 40})
        regions.append(
            {"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "segmentation": [[5, 5, 30, 5, 30, 30]]}
        )
    coco = {"images": listed, "annotations": regions, "categories": [{"id": 1, "name": "thing"}]}
    (folder / "coco.json").write_text(json.dumps(coco), encoding="utf-8")
    write_pdparams(folder / "enet.pdparams", Golden("paddleseg").state("enet"))
    (folder / "enet.yml").write_text("model: {type: ENet, style: paddleseg, num_classes: 5}\n", encoding="utf-8")
    video = cv2.VideoWriter(str(folder / "film.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (160, 120))
    for _ in range(12):
        video.write(rng.integers(0, 255, (120, 160, 3), dtype=np.uint8))
    video.release()


def tools(source: Path, disk: Path) -> dict[str, list[str]]:
    """Name -> tool and arguments; ``source``: the inputs, ``disk``: where everything is written."""
    run, recipe = f"{source}/run", f"{source}/recipe.yml"
    train = ["train", "--config", recipe, "--save_dir", f"{disk}/run", "--no_doctor", "--no_vdl", "--device", "cpu"]
    slow = ["--backend", "dygraph"]
    return {
        "train": train,
        "train, resumed": [*train, "--resume_model", "--iters", "6"],
        "train, overwritten": [*train, "--overwrite"],
        "val --report": ["val", "--model_path", run, "--report", f"{disk}/report", "--json", f"{disk}/scores.json"],
        "infer": ["infer", "--model_path", run, "--image_path", f"{source}/images", "--save_dir", f"{disk}/infer", *slow],
        "infer, a video": ["infer", "--model_path", run, "--image_path", f"{source}/film.mp4", "--save_dir", f"{disk}/video", *slow],
        "export": ["export", "--model_path", run, "--save_dir", f"{disk}/export"],
        "convert": ["convert", "--config", f"{source}/enet.yml", "--input", f"{source}/enet.pdparams", "--output", f"{disk}/converted.safetensors"],
        "prepare": ["prepare", "coco", "--json", f"{source}/coco.json", "--images", f"{source}/images", "--output", f"{disk}/data", "--overwrite"],
        "ablate": ["ablate", "--config", f"{source}/study.yml", "--save_dir", f"{disk}/study", "--no_doctor"],
    }  # fmt: skip
