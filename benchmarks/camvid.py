"""CamVid, trained to the end: ``docs/results/camvid.md``.

    python benchmarks/camvid.py train --camvid data/camvid --runs output/camvid [--only enet_camvid]
    python benchmarks/camvid.py score --camvid data/camvid --runs output/camvid
    python benchmarks/camvid.py time --camvid data/camvid --runs output/camvid
    python benchmarks/camvid.py page --camvid data/camvid --runs output/camvid

Every recipe ``configs/*/*_camvid.yml`` of :data:`RECIPES` is trained twice for each seed: without the drive 0006R0,
scored on that street (``held_out``), and on all 367 pictures, scored on val (``all``). ``train`` passes over what is
finished and goes on with what was begun; a single row is ``--only RECIPE``. ``score`` scores best checkpoints, plain
and at several scales with flips; ``time`` takes the time of a prediction of all of them in one go, on a quiet machine; ``page`` writes page,
tables and pictures, and copies each run's ``config.yml`` and ``metrics.jsonl`` beside the page (no weights and no
pictures: CamVid is for research use).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.named_runs import finished, training  # noqa: E402
from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.runtime import processor  # noqa: E402

RECIPES = {  # in the order of training: seeds
    "enet/enet_camvid": (1, 2),
    "deeplab_v3plus/deeplab_v3plus_camvid": (1, 2),
    "pspnet/pspnet_camvid": (1, 2),
    "glore/glore_camvid": (1, 2),
    "unet/unet_camvid": (1,),
    "fcn/fcn8s_camvid": (1,),
    "segnet/segnet_cpu_camvid": (1,),
    "gcunet/gcunet_camvid": (1,),
    "ginet/ginet_camvid": (1,),
    "deeplab_v3/deeplab_v3_camvid": (1,),
    "deeplab_v1/deeplab_v1_camvid": (1,),
    "deeplab_v2/deeplab_v2_camvid": (1,),
}
STREET = "0006R0"  # the drive that recipes are chosen on
PARTS = {"held_out": [f"train_dataset.held_out={STREET}", f"val_dataset.held_out={STREET}"], "all": []}
SCALES = (0.75, 1.0, 1.25)
SHOWN = 6  # pictures in the figure of predictions
PAGE = ROOT / "docs" / "results" / "camvid.md"
RECORDS = PAGE.parent / "camvid"
INTRO = """# CamVid, trained to the end

11 classes, 480x360, from scratch, on a CPU: no pretraining, no other data. Each row is two trainings of one recipe:

* **other street**: trained without the drive {street} (266 pictures), scored on its 101 pictures. Recipes are chosen by
  this figure: it says what carries over to a street that the network has not seen.
* **val**: trained on all 367 pictures, scored on the 101 of val. For comparison with others; val is neighbouring frames
  of a sequence that train has as well, and rewards memory.

The test split is left alone. `ms` is the median of a prediction of one 480x360 picture, batch 1; `minutes` is the wall time
of the training on all pictures, on {threads} thread(s) of a shared machine. `ms + flip` are scales {scales} with mirror images.

Machine: {machine}."""


@dataclass(frozen=True)
class Job:
    """One training."""

    recipe: str
    part: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.recipe.rpartition('/')[2]}-{self.part}-{self.seed}"


def jobs(only: list[str]) -> list[Job]:
    """All trainings, the first seed of everything first for each recipe."""
    chosen = {r: s for r, s in RECIPES.items() if not only or r in only or r.rpartition("/")[2] in only}
    return [Job(recipe, part, seed) for recipe, seeds in chosen.items() for seed in seeds for part in PARTS]


def train(args) -> None:
    """Train what is not finished, one after another."""
    for job in jobs(args.only):
        folder = args.runs / job.name
        if finished(folder):
            continue
        command = training(folder, f"configs/{job.recipe}.yml", seed=job.seed, threads=args.threads)
        command += ["--dataset_root", str(args.camvid), "--cache", "memory"]
        command += ["--opts", *PARTS[job.part]] if PARTS[job.part] else []
        print(time.strftime("%H:%M:%S"), job.name, flush=True)
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            print(f"{job.name} ended with status {status}; run the command again to go on.", flush=True)


def score(args) -> None:
    """``scores.json`` of each finished run that has none for its best checkpoint yet."""
    for job in jobs(args.only):
        folder = args.runs / job.name
        target = folder / "scores.json"
        if not finished(folder) or (target.exists() and not args.again):
            continue
        target.write_text(json.dumps(scores_of(folder, args), indent=1) + "\n", encoding="utf-8")
        print(job.name, target.read_text(encoding="utf-8")[:120].replace("\n", " "), flush=True)


def scores_of(folder: Path, args) -> dict:
    """Scores of a run's best checkpoint, plain and averaged over scales and flips; cost of its network."""
    from dataclasses import replace

    import numpy as np

    from paddleseg_lite import load
    from paddleseg_lite.cli.jobs.summary import describe
    from paddleseg_lite.cli.jobs.val import validate_loaded
    from paddleseg_lite.reports.run import read_records

    loaded = load(folder)
    plain, dataset, measures = validate_loaded(loaded, keep_images=True, observe=True)
    options = loaded.options
    loaded.options = replace(options, aug_eval=True, scales=SCALES, flip_horizontal=True)
    averaged, _, _ = validate_loaded(loaded)
    loaded.options = options
    picture = dataset.load(0)["image"]
    height, width = loaded.sample(picture)[0]["image"].shape[:2]  # half of the picture's in some recipes
    cost = describe(config=str(folder / "config.yml"), num_classes=dataset.num_classes, height=height, width=width)
    records = read_records(folder / "metrics.jsonl")
    best = max((r for r in records if r["kind"] == "eval"), key=lambda r: r["mIoU"])
    if abs(best["mIoU"] - float(plain.scores.mIoU)) > 1e-9:
        raise SystemExit(f"{folder}: {plain.scores.mIoU} now, {best['mIoU']} when it was trained.")
    return {
        "mIoU": float(plain.scores.mIoU),
        "aAcc": float(plain.scores.aAcc),
        "boundary_F1": float(measures.boundary.compute().mean),
        "IoU": dict(zip(dataset.class_names, np.asarray(plain.scores.IoU, float).round(6).tolist())),
        "mIoU_ms_flip": float(averaged.scores.mIoU),
        "best_iter": best["iter"],
        "parameters": int(cost.parameters),
        "GMACs": cost.gmacs,
        "minutes": minutes(records),
    }


def milliseconds(loaded, picture, turns: int) -> float:
    """Median of a prediction."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        loaded.predict(picture)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def time_again(args) -> None:
    """``ms`` of all rows in one go, so that they compare; a network whose weights are gone takes random ones."""
    import paddleseg_lite

    paddleseg_lite.setup("cpu", threads=args.threads)
    from paddleseg_lite import load
    from paddleseg_lite.data.io import read_image

    picture = read_image(str(sorted((args.camvid / "val").glob("*.png"))[0]))
    for recipe, parts in read_scores(args).items():
        names = [row["run"] for rows in parts.values() for row in rows]
        with tempfile.TemporaryDirectory() as spare:
            folder = next(
                (args.runs / n for n in names if (args.runs / n / "best_model").is_dir()), Path(spare) / "run"
            )
            if not folder.is_dir():
                config = str(RECORDS / names[0] / "config.yml")
                command = [sys.executable, str(ROOT / "tools" / "train.py"), "--config", config]
                command += ["--dataset_root", str(args.camvid)]
                command += ["--iters", "1", "--save_interval", "1", "--no_doctor", "--no_vdl"]
                subprocess.run([*command, "--save_dir", str(folder)], check=True, capture_output=True)
            ms = milliseconds(load(folder), picture, args.turns)
        print(f"{recipe}: {ms:.1f} ms", flush=True)
        for path in (place / name / "scores.json" for name in names for place in (args.runs, RECORDS)):
            if path.is_file():
                scores = {**json.loads(path.read_text(encoding="utf-8")), "ms": ms}
                path.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


def minutes(records: list[dict]) -> float:
    """Time that a run spent, without what lies between a stop and its resume (gaps above five minutes)."""
    from datetime import datetime

    times = [datetime.strptime(r["time"], "%Y-%m-%dT%H:%M:%S%z") for r in records if "time" in r]
    gaps = [(b - a).total_seconds() for a, b in zip(times, times[1:])]
    return sum(gap for gap in gaps if gap < 300) / 60


def read_scores(args) -> dict[str, dict[str, list[dict]]]:
    """``{recipe: {part: [scores of each seed]}}`` of what is scored, here or (weights gone) in the records beside the page.

    The networks of a recipe are alike: those that were scored after ``time`` take the others' ``ms``.
    """
    found: dict[str, dict[str, list[dict]]] = {}
    for job in jobs([]):
        places = [folder / job.name / "scores.json" for folder in (args.runs, RECORDS)]
        path = next((p for p in places if p.is_file()), None)
        if path:
            own = found.setdefault(job.recipe, {part: [] for part in PARTS})
            own[job.part].append({**json.loads(path.read_text(encoding="utf-8")), "run": job.name, "seed": job.seed})
    for parts in found.values():
        rows = [row for part in parts.values() for row in part]
        taken = next((row["ms"] for row in rows if "ms" in row), math.nan)
        for row in rows:
            row.setdefault("ms", taken)
    return found


def mean(rows: list[dict], key: str, digits: int = 4) -> str:
    """The mean over seeds, and their range where there are two."""
    values = [row[key] for row in rows]
    if not values:
        return "-"
    text = f"{statistics.mean(values):.{digits}f}"
    return text + (f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else "")


def page(args) -> None:
    """Page, CSV, pictures and records."""
    found = read_scores(args)
    rows, classes = [], []
    for recipe, parts in found.items():
        every = parts["all"] or parts["held_out"]
        first = every[0]
        config = f"[{recipe.rpartition('/')[2]}](../../configs/{recipe}.yml)"
        row = [
            config,
            mean(parts["held_out"], "mIoU"),
            mean(parts["held_out"], "mIoU_ms_flip"),
            mean(parts["all"], "mIoU"),
        ]
        row += [mean(parts["all"], "mIoU_ms_flip"), mean(parts["all"], "aAcc"), mean(parts["all"], "boundary_F1")]
        rows.append(
            [
                *row,
                f"{first['parameters'] / 1e6:.2f}",
                f"{first['GMACs']:.1f}",
                f"{first['ms']:.0f}",
                mean(every, "minutes", 0),
            ]
        )
        for part, title in (("held_out", "other street"), ("all", "val")):
            if parts[part]:
                names = list(parts[part][0]["IoU"])
                values = [statistics.mean(r["IoU"][n] for r in parts[part]) for n in names]
                classes.append([f"{recipe.rpartition('/')[2]}, {title}", *(f"{100 * v:.1f}" for v in values)])
    header = [
        "recipe",
        "other street",
        "ms + flip",
        "val",
        "ms + flip",
        "aAcc",
        "boundary F1",
        "params (M)",
        "GMACs",
        "ms",
        "minutes",
    ]
    text = [INTRO.format(street=STREET, threads=args.threads, scales=", ".join(map(str, SCALES)), machine=processor())]
    text += ["## Table", markdown_table(header, rows)]
    if found:
        text += ["## Classes, IoU in percent", markdown_table(["recipe, scored on", *names], classes)]
    text += [
        "## Pictures",
        "![accuracy against time](camvid_latency.png)",
        "Predictions on six pictures of val: `predictions.png` in the folder of the runs; photographs of CamVid are not part of this project.",
    ]
    command = "python benchmarks/camvid.py train --camvid PATH --runs RUNS --only RECIPE"
    text += [
        "## Again",
        f"`{command}` trains a row; `score` and `page` write this page. Resolved recipe and `metrics.jsonl` of each run: `docs/results/camvid/`.",
    ]
    publish("\n\n".join(text), PAGE)
    records(found, args.runs, args.camvid)
    pictures(found, args)


def records(found: dict, runs: Path, camvid: Path) -> None:
    """The CSV, and the records of each run."""
    with open(PAGE.with_suffix(".csv"), "w", newline="", encoding="utf-8") as file:
        writer = None
        for recipe, parts in found.items():
            for part, scored in parts.items():
                for row in scored:
                    flat = {k: v for k, v in row.items() if k not in ("IoU", "run")}
                    flat.update({f"IoU {name}": value for name, value in row["IoU"].items()})
                    if writer is None:
                        writer = csv.DictWriter(file, ["recipe", "part", *flat])
                        writer.writeheader()
                    writer.writerow({"recipe": recipe, "part": part, **flat})
                    target = RECORDS / row["run"]
                    if not (runs / row["run"] / "scores.json").is_file():
                        continue
                    target.mkdir(parents=True, exist_ok=True)
                    for name in ("config.yml", "metrics.jsonl", "scores.json"):
                        text = (runs / row["run"] / name).read_text(encoding="utf-8")
                        (target / name).write_text(text.replace(str(camvid), "data/camvid"), encoding="utf-8")


def pictures(found: dict, args) -> None:
    """Accuracy against time, and the networks' predictions on the same pictures of val."""
    import cv2
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from paddleseg_lite import load
    from paddleseg_lite.data.building import build_scored

    def coloured(ids, palette):
        return np.concatenate([palette, np.zeros((256 - len(palette), 3), np.uint8)])[ids]  # ignored: black

    figure, axes = plt.subplots(figsize=(7, 4.2))
    for recipe, parts in found.items():
        for part, colour in (("held_out", "tab:orange"), ("all", "tab:blue")):
            if parts[part]:
                x, y = parts[part][0]["ms"], statistics.mean(r["mIoU"] for r in parts[part])
                axes.scatter(x, y, color=colour)
                axes.annotate(
                    recipe.rpartition("/")[2].replace("_camvid", ""),
                    (x, y),
                    fontsize=7,
                    xytext=(4, 3),
                    textcoords="offset points",
                )
    axes.set(xlabel="ms a picture (480x360, batch 1)", ylabel="mIoU", title="orange: other street, blue: val")
    figure.tight_layout()
    figure.savefig(PAGE.parent / "camvid_latency.png", dpi=110)
    rows, names, dataset = [], [], None
    for recipe, parts in found.items():
        if not parts["all"] or not (args.runs / parts["all"][0]["run"]).is_dir():
            continue
        loaded = load(args.runs / parts["all"][0]["run"])
        dataset = dataset or build_scored(loaded.config.val_dataset, mode="val")
        chosen = np.linspace(0, len(dataset) - 1, SHOWN).round().astype(int)
        samples = [dataset.load(int(i)) for i in chosen]
        if not rows:
            rows += [[s["image"] for s in samples], [coloured(s["label"], loaded.palette) for s in samples]]
            names += ["picture", "label"]
        rows.append([coloured(loaded.predict(s["image"]).labels, loaded.palette) for s in samples])
        names.append(recipe.rpartition("/")[2].replace("_camvid", ""))
    if not rows:
        return
    lines = []
    for name, cells in zip(names, rows):
        small = [cv2.resize(np.ascontiguousarray(c), (200, 150), interpolation=cv2.INTER_NEAREST) for c in cells]
        line = np.concatenate(small, axis=1)
        title = np.full((150, 130, 3), 255, np.uint8)
        cv2.putText(title, name, (4, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
        lines.append(np.concatenate([title, line], axis=1))
    cv2.imwrite(str(args.runs / "predictions.png"), np.concatenate(lines)[..., ::-1])


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["train", "score", "time", "page"])
    p.add_argument("--camvid", type=Path, required=True)
    p.add_argument("--runs", type=Path, required=True)
    p.add_argument("--only", nargs="*", default=[], help="recipes")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--turns", type=int, default=15, help="predictions timed")
    p.add_argument("--again", action="store_true", help="score what is scored already")
    args = p.parse_args()
    {"train": train, "score": score, "time": time_again, "page": page}[args.what](args)


if __name__ == "__main__":
    main()
