"""From 24 photos in labelme to a report, probabilities and polygons, corrected and trained on again.

    python benchmarks/own_photos.py --work output/own_photos --minutes 10 --again 120

Makes 24 annotated photos and 8 new ones (``photos.py``), goes the way of docs/own_data.md with the tools, and writes
``walk.json`` into the folder: what each step took and gave. The part of the person who corrects polygons is played
by ``correct``: of what was predicted it keeps the outlines that fit a thing and draws the others.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
import photos  # noqa: E402

from paddleseg_lite.data import read_label  # noqa: E402

ANNOTATED, NEW = range(1, 25), range(101, 109)
FITS = 0.85  # IoU from which a person leaves an outline as it is


class Walk:
    """Runs commands in a folder and keeps what they took and said."""

    def __init__(self, folder: Path, threads: int | None):
        self.folder, self.steps = folder, []
        self.common = ["--threads", str(threads)] if threads else []

    def __call__(self, *command: str) -> str:
        """Run a tool; returns what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "paddleseg_lite", *command, *self.common],
            cwd=self.folder, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        seconds = time.monotonic() - started
        (self.folder / "logs").mkdir(exist_ok=True)
        log = self.folder / "logs" / f"{len(self.steps) + 1:02d}_{command[0]}.txt"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        self.steps.append({"command": " ".join(command), "seconds": round(seconds, 1), "status": done.returncode})
        print(f"{seconds:6.1f} s  {' '.join(command)}", flush=True)
        if done.returncode:
            raise SystemExit(f"status {done.returncode}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done.stdout


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two outlines."""
    one, two = photos.filled(a) > 0.5, photos.filled(b) > 0.5
    return float((one & two).sum() / max(1, (one | two).sum()))


def correct(folder: Path, seeds: range) -> dict[str, int]:
    """Correct the predicted JSON files as a person would; returns how many outlines were kept and drawn."""
    kept = drawn = removed = 0
    for seed in seeds:
        path = folder / f"IMG_{seed:04d}.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        predicted, shapes = document["shapes"], []
        for true in photos.labelme(photos.photo(seed)[1], path.name)["shapes"]:
            fitting = [
                shape
                for shape in predicted
                if shape["label"] == true["label"]
                and overlap(np.array(shape["points"]), np.array(true["points"])) >= FITS
            ]
            shapes.append(fitting[0] if fitting else true)
            kept, drawn = kept + bool(fitting), drawn + (not fitting)
        removed += sum(shape not in shapes for shape in predicted)
        path.write_text(json.dumps({**document, "shapes": shapes}), encoding="utf-8")
    return {"kept": kept, "drawn": drawn, "removed": removed}


def agreement(first: Path, second: Path) -> float:
    """Share of pixels that two folders of labels have in common, over the names in the first."""
    same = [read_label(path) == read_label(second / path.name) for path in sorted(first.glob("*.png"))]
    return float(np.concatenate([part.ravel() for part in same]).mean())


def scores(folder: Path) -> dict:
    return json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def go(folder: Path, minutes: float, again: int, threads: int | None) -> dict:
    """The walk; returns what ``walk.json`` holds."""
    walk, found = Walk(folder, threads), {}
    photos.write_photos(folder / "my_photos", ANNOTATED, annotated=True)
    photos.write_photos(folder / "more_photos", NEW, annotated=False)
    walk("train", "--data", "my_photos", "--minutes", str(minutes), "--save_dir", "output/first")
    walk("val", "--model_path", "output/first", "--report", "output/first/report")
    found["first"] = scores(folder / "output/first/report")
    also = ("--also", "probabilities", "labelme", "coco")
    infer = ("infer", "--model_path", "output/first", "--image_path", "more_photos", "--save_dir", "output/drawn")
    walk(*infer, *also, "--contours", "--legend")
    for source in (folder / "more_photos").iterdir():
        shutil.copy(source, folder / "output/drawn/labelme")

    prepare = ("--output", "data/from_coco", "--classes", ",".join(photos.CLASSES))
    walk("prepare", "coco", "--json", "output/drawn/coco.json", "--images", "more_photos", *prepare)
    prepare = ("--output", "data/from_labelme", "--classes", ",".join(photos.CLASSES))
    walk("prepare", "labelme", "--input", "output/drawn/labelme", *prepare)
    names = (folder / "output/first/data/labels.txt").read_text(encoding="utf-8").split("\n")
    order = np.array([["background", *photos.CLASSES].index(name) for name in names if name], np.uint8)
    masks = folder / "masks"  # the predicted ids in the order of CLASSES
    masks.mkdir()
    for path in (folder / "output/drawn/id_prediction").glob("*.png"):
        from paddleseg_lite.data import write_png

        write_png(masks / path.name, order[read_label(path)])
    for kind in ("coco", "labelme"):
        found[f"{kind}_agrees"] = agreement(masks, folder / f"data/from_{kind}/annotations")

    found["corrected"] = correct(folder / "output/drawn/labelme", NEW)
    for source in (folder / "my_photos").iterdir():
        shutil.copy(source, folder / "output/drawn/labelme")
    walk("prepare", "labelme", "--input", "output/drawn/labelme", "--output", "data/corrected")
    recipe = ("--config", "data/corrected/recipe.yml", "--save_dir", "output/second")
    length = ("--iters", str(again), "--save_interval", str(max(1, again // 3)))
    walk("train", *recipe, *length, "--opts", "model.pretrained=output/first", "lr_scheduler.learning_rate=0.001")
    walk("val", "--model_path", "output/second", "--report", "output/second/report")
    found["second"] = scores(folder / "output/second/report")
    return {"steps": walk.steps, **found}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=Path, required=True, help="folder to make")
    p.add_argument("--minutes", type=float, default=10, help="of the first training")
    p.add_argument(
        "--again", type=int, default=120, help="iterations of the second, which begins with the first's weights"
    )
    p.add_argument("--threads", type=int, help="CPU threads of each tool")
    args = p.parse_args()
    args.work.mkdir(parents=True)
    result = go(args.work.resolve(), args.minutes, args.again, args.threads)
    (args.work / "walk.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
