"""Does training on the oneDNN kernels end where Paddle's own kernels end? UNet and DeepLab V3+ on CamVid, eight seeds.

    python benchmarks/cpu_accuracy.py --camvid PATH --out docs/results/cpu_accuracy.md

Trains the small recipes of ``configs/`` (the UNet narrower, so that Paddle's own
kernels are through in minutes) with ``cpu_accel: off``, ``fp32`` and ``precision: bf16``
and compares the mIoU of the last validation. The same seed means the same start,
the same batches and the same augmentation on all sides. Finished runs in
``--work_dir`` are not repeated.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.config import load_config  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.studies.runner import read_result, run_study  # noqa: E402
from paddleseg_lite.studies.statistics import compare_paired  # noqa: E402
from paddleseg_lite.studies.study import Run, Study  # noqa: E402

RECIPES = {  # what differs from the recipe in configs/
    "UNet": ("unet/unet_camvid_half.yml", {"model.base_channels": 8, "iters": 200}),
    "DeepLabV3P": ("deeplab_v3plus/deeplab_v3plus_camvid_half.yml", {"iters": 400}),
}
MODES = {"off": {"cpu_accel": "off"}, "fp32": {"cpu_accel": "fp32"}, "bf16": {"cpu_accel": "auto", "precision": "bf16"}}


def plan(args, modes) -> Study:
    """Every network, mode and seed."""
    runs = []
    for name in args.only:
        path, changes = RECIPES[name]
        for seed in args.seeds:
            for mode in modes:
                overrides = {
                    **changes,
                    **MODES[mode],
                    "seed": seed,
                    "cache": "memory",
                    "log_iters": 20,
                    "train_dataset.dataset_root": args.camvid,
                    "val_dataset.dataset_root": args.camvid,
                }
                if args.iters:
                    overrides["iters"] = args.iters
                overrides["save_interval"] = overrides["iters"]
                config = load_config(ROOT / "configs" / path, overrides=overrides)
                runs.append(Run({"network": name, "mode": mode}, seed, config))
    factors = {"network": {name: {} for name in args.only}, "mode": {mode: {} for mode in modes}}
    return Study("kernels", "mode", "off", "mIoU", args.seeds, factors, runs)


def tables(study: Study, folder: Path, args) -> list[str]:
    """Scores and speed by network and mode, then every run."""
    found: dict[tuple[str, str], dict[int, dict]] = {}
    for run in study.runs:
        result = read_result(folder, run)
        if result and result["status"] == "done":
            found.setdefault((run.levels["network"], run.levels["mode"]), {})[run.seed] = result
    summary, single = [], []
    for (name, mode), by_seed in found.items():
        scores = [r["metrics"]["mIoU"] for r in by_seed.values()]
        base = found.get((name, "off"), {})
        both = [s for s in by_seed if s in base]
        d = compare_paired(*([100 * runs[s]["metrics"]["mIoU"] for s in both] for runs in (by_seed, base)))
        paired = ["", ""] if mode == "off" else [f"{d.difference:+.2f}", f"{d.low:+.2f} .. {d.high:+.2f}"]
        spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
        summary.append([name, mode, str(len(scores)), f"{statistics.mean(scores):.4f}", f"{spread:.4f}", *paired])
        single += [
            [name, mode, str(s), f"{r['metrics']['mIoU']:.4f}", f"{r['metrics']['aAcc']:.4f}"]
            for s, r in by_seed.items()
        ]
    return [
        markdown_table(
            [
                "network",
                "kernels",
                "seeds",
                "mean mIoU",
                "std over seeds",
                "difference to off, points",
                "95 % interval",
            ],
            summary,
        ),
        "## Every run",
        markdown_table(["network", "kernels", "seed", "mIoU", "accuracy"], single),
    ]


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--camvid", required=True, help="CamVid folder")
    p.add_argument("--work_dir", default="output/cpu_accuracy")
    p.add_argument("--only", nargs="*", default=list(RECIPES), choices=list(RECIPES))
    p.add_argument("--modes", nargs="*", default=list(MODES), choices=list(MODES))
    p.add_argument("--seeds", nargs="*", type=int, default=list(range(8)))
    p.add_argument("--iters", type=int, help="instead of each recipe's own")
    p.add_argument("--jobs", type=int, default=1, help="trainings at a time; the cores are divided between them")
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    folder = Path(args.work_dir)
    run_study(
        plan(args, args.modes),
        folder,
        jobs=args.jobs,
        progress=lambda text: print(time.strftime("%H:%M:%S"), text, flush=True),
    )
    details = "; ".join(
        f"{name}: `{RECIPES[name][0]}` with " + ", ".join(f"{key} {value}" for key, value in RECIPES[name][1].items())
        for name in args.only
    )
    text = "\n\n".join(
        [
            "# The same training on Paddle's kernels and on oneDNN's",
            f"`python benchmarks/cpu_accuracy.py --camvid PATH`. {details}. From scratch on the 367 training images of "
            "CamVid (11 classes) at 240x180; mIoU of the last validation (101 images, scored at 480x360). Validation of "
            "an accelerated run uses the fp32 kernels. Differences are means over seeds of the difference to `off` with "
            "the same seed; intervals by Student's t.",
            *tables(plan(args, list(MODES)), folder, args),
        ]
    )
    publish(text, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
