"""Train every small recipe and write the table of results.

``python benchmarks/small_recipes.py --camvid PATH --out docs/results/small_recipes.md``

Runs all ``configs/*/*_scenes.yml`` and ``configs/*/*_camvid_half.yml``, one after
the other, each for its own number of iterations, and collects
mIoU of the last validation, parameters, GMACs and speed. Runs that are finished
in ``--work_dir`` are not repeated.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.config import load_config  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.studies.runner import read_result, run_study  # noqa: E402
from paddleseg_lite.studies.study import Run, Study  # noqa: E402


def recipes(kind: str, folders: list[str]) -> list[Path]:
    """The small recipes of a dataset, by folder."""
    found = sorted((ROOT / "configs").glob(f"*/*_{kind}.yml"))
    return [
        p
        for p in found
        if p.parent.name not in ("_base_", "quick_start", "ablation") and (not folders or p.parent.name in folders)
    ]


def plan(kind: str, args) -> Study:
    """A study whose variants are the recipes."""
    runs = []
    for path in recipes(kind, args.only):
        iters = args.camvid_iters if kind.startswith("camvid") else args.iters
        overrides = {"iters": iters, "save_interval": iters, "log_iters": 20}
        if kind.startswith("camvid"):
            overrides.update(
                {"train_dataset.dataset_root": args.camvid, "val_dataset.dataset_root": args.camvid, "cache": "memory"}
            )
        config = load_config(path, overrides=overrides)
        runs.append(Run({"recipe": f"{path.parent.name}/{path.stem}"}, config.seed, config))
    return Study(kind, "recipe", "", "mIoU", [42], {"recipe": {r.levels["recipe"]: {} for r in runs}}, runs)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--camvid", help="CamVid folder; without it only the scenes are run")
    p.add_argument("--work_dir", default="output/small_recipes")
    p.add_argument("--iters", type=int, default=300, help="on scenes")
    p.add_argument("--camvid_iters", type=int, default=300)
    p.add_argument("--only", nargs="*", default=[], help="config folders")
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    parts = [
        "# Small recipes on a CPU",
        (
            f"`python benchmarks/small_recipes.py --camvid PATH --iters {args.iters} --camvid_iters {args.camvid_iters}`: "
            f"every small recipe of `configs/`, {args.iters} iterations on scenes and {args.camvid_iters} on CamVid, from "
            "scratch, one seed, fp32, two cores. This shows that each network trains; it does not rank "
            "them: the recipes differ in width and batch, and minutes are not hours. mIoU is the last validation's; "
            "CamVid is trained at 240x180 and scored at 480x360."
        ),
    ]
    for kind in ("scenes", "camvid_half"):
        if kind == "camvid_half" and not args.camvid:
            continue
        study, folder = plan(kind, args), Path(args.work_dir) / kind
        run_study(study, folder, progress=lambda text: print(time.strftime("%H:%M:%S"), text, flush=True))
        rows = []
        for run in study.runs:
            result = read_result(folder, run)
            if result["status"] != "done":
                rows.append([run.levels["recipe"], f"failed: {result['reason'].splitlines()[0]}", "", "", "", "", ""])
                continue
            rows.append(
                [
                    run.levels["recipe"],
                    f"{result['metrics']['mIoU']:.4f}",
                    f"{result['parameters']:,}",
                    f"{result['gmacs']:.3f}",
                    f"{result['train_images_per_s']:.1f}",
                    f"{result['latency_ms']:.1f}",
                    f"{result['seconds'] / 60:.1f}",
                ]
            )
        header = ["recipe", "mIoU", "parameters", "GMACs", "train images/s", "latency ms", "minutes"]
        parts += [f"## {kind}", markdown_table(header, rows)]
    text = "\n\n".join(parts) + "\n"
    publish(text, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
