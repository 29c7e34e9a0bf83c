"""Whole training runs side by side, data included: this project and PaddleSeg as shipped, on CamVid at 240x180.

    python benchmarks/train_run.py --camvid PATH --peer_python ENV/bin/python

Both sides read the same images with the same transforms (scale 0.4 to 0.8, crop,
flip, normalise), train PaddleSeg's own graph of the network with momentum, and are
started as their users start them: PaddleSeg through ``paddleseg.core.train`` with
``OMP_NUM_THREADS`` unset, this project through its trainer. Runs take turns; a rate
counts the steps between two optimizer updates, the first few left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WARM = 2  # updates before the clock starts: they compile kernels and fill caches
CROP, SCALES = [240, 180], (0.4, 0.8)
NETWORKS = ("ENet", "UNet", "DeepLabV3P")


class Updates:
    """Times of optimizer updates."""

    def __init__(self):
        self.times: list[float] = []

    def rate(self, batch: int) -> float:
        """Images a second after the first updates."""
        times = self.times[WARM - 1 :]
        return batch * (len(times) - 1) / (times[-1] - times[0])


def run_peer(job: dict) -> float:
    """PaddleSeg's own training loop."""
    import paddle
    from paddleseg.core import train
    from paddleseg.datasets import Dataset
    from paddleseg.transforms import Normalize, RandomHorizontalFlip, RandomPaddingCrop, ResizeStepScaling
    from step_worker import peer_network

    updates = Updates()

    class Timed(paddle.optimizer.Momentum):
        def step(self):
            super().step()
            updates.times.append(time.perf_counter())

    model = peer_network(job["description"], job["num_classes"])
    transforms = [
        ResizeStepScaling(*SCALES, 0),
        RandomPaddingCrop(CROP, label_padding_value=11),
        RandomHorizontalFlip(),
        Normalize(),
    ]
    data = Dataset("train", job["camvid"], transforms, 11, train_path=f"{job['camvid']}/train.txt", ignore_index=11)
    # PaddleSeg's own class adds an integer to a float, which Paddle 3 refuses; Paddle's does the same with less.
    loss = {"types": [paddle.nn.CrossEntropyLoss(ignore_index=11, axis=1)], "coef": [1]}
    paddle.flops = lambda *_, **__: None  # its last act, which fails with NumPy 2
    optimizer = Timed(0.01, parameters=model.parameters(), weight_decay=4e-5)
    with tempfile.TemporaryDirectory() as folder:
        train(
            model,
            data,
            optimizer=optimizer,
            save_dir=folder,
            iters=job["iters"],
            batch_size=job["batch"],
            save_interval=10**9,
            losses=loss,
        )
    return updates.rate(job["batch"])


def run_ours(job: dict) -> float:
    """This project's trainer, with its defaults."""
    import paddleseg_lite

    paddleseg_lite.setup("cpu", seed=0)
    from train_step import our_network

    from paddleseg_lite.config import parse_config
    from paddleseg_lite.training.callbacks import Callback
    from paddleseg_lite.training.trainer import Trainer

    class Timed(Callback, Updates):
        def on_step(self, trainer):
            self.times.append(time.perf_counter())

    timed = Timed()
    transforms = [
        {
            "type": "ResizeStepScaling",
            "min_scale_factor": SCALES[0],
            "max_scale_factor": SCALES[1],
            "scale_step_size": 0,
        },
        {"type": "RandomPaddingCrop", "crop_size": CROP},
        {"type": "RandomHorizontalFlip"},
        {"type": "Normalize"},
    ]
    config = parse_config(
        {
            "model": our_network(job["network"], job["num_classes"]),
            "batch_size": job["batch"],
            "iters": job["iters"],
            "train_dataset": {
                "type": "CamVid",
                "dataset_root": job["camvid"],
                "mode": "train",
                "transforms": transforms,
            },
            "optimizer": {"type": "Momentum", "weight_decay": 4.0e-5},
            "loss": {"out": {"type": "CrossEntropyLoss"}},
            "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0.0, "power": 0.9},
            "do_eval": False,
            "save_interval": job["iters"],
            **job["settings"],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        Trainer(config, folder, callbacks=[timed]).run()
    return timed.rate(job["batch"])


def start(python: str, job: dict, threads: int | None) -> float:
    """Run one side in a process of its own; images a second."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [python, "-W", "ignore", __file__, "--job", json.dumps(job)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("images_per_s "):
            return float(line.split()[1])
    raise RuntimeError(f"{job['side']} {job['network']}: {done.stderr[-1500:]}")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--camvid", help="CamVid folder")
    p.add_argument("--peer_python", help="interpreter with PaddleSeg")
    p.add_argument("--only", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    p.add_argument("--batch", type=int, default=2)
    p.add_argument("--peer_iters", type=int, default=6, help="updates of a PaddleSeg run")
    p.add_argument("--iters", type=int, default=18, help="updates of a run here")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--out", help="path without suffix: .json and .md are written; other networks in them are kept")
    p.add_argument("--job", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.job:
        job = json.loads(args.job)
        rate = (run_peer if job["side"] == "PaddleSeg as shipped" else run_ours)(job)
        print(f"images_per_s {rate}", flush=True)
        return 0
    from train_step import NETWORKS as DESCRIPTIONS
    from train_step import NUM_CLASSES

    from paddleseg_lite.reports import markdown_table
    from paddleseg_lite.runtime import processor

    earlier = Path(f"{args.out}.json")
    results = json.loads(earlier.read_text(encoding="utf-8")) if args.out and earlier.exists() else {}
    common = {"camvid": str(Path(args.camvid).resolve()), "batch": args.batch, "num_classes": NUM_CLASSES}
    sides = [
        ("PaddleSeg as shipped", args.peer_python, args.peer_iters, None, {}),
        ("here fp32", sys.executable, args.iters, args.threads, {"cpu_accel": "fp32"}),
        ("here bf16", sys.executable, args.iters, args.threads, {"precision": "bf16"}),
    ]
    for name in args.only:
        rates = results[name] = {side[0]: [] for side in sides}
        for _ in range(args.rounds):
            for title, python, iters, threads, settings in sides:
                job = {
                    **common,
                    "network": name,
                    "description": DESCRIPTIONS[name],
                    "side": title,
                    "iters": iters,
                    "settings": settings,
                }
                rates[title].append(start(python, job, threads))
                print(f"{name:11} {title:21} {rates[title][-1]:7.2f} images/s", flush=True)
        if args.out:
            earlier.parent.mkdir(parents=True, exist_ok=True)
            earlier.write_text(json.dumps(results, indent=1), encoding="utf-8")
    rows = []
    for name, rates in results.items():
        base = statistics.median(rates["PaddleSeg as shipped"])
        for title, values in rates.items():
            middle = statistics.median(values)
            rows.append(
                [name, title, f"{middle:.2f}", f"{min(values):.2f} to {max(values):.2f}", f"{middle / base:.2f}x"]
            )
    text = "\n\n".join(
        [
            "# Whole training runs on CamVid at 240x180",
            f"`python benchmarks/train_run.py`, batches of {args.batch}, {args.rounds} runs of each side in turns; "
            f"{processor()}.",
            markdown_table(["network", "side", "images/s", "range", "against PaddleSeg"], rows),
        ]
    )
    if args.out:
        with contextlib.suppress(OSError):
            earlier.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
