"""How time and memory grow with the work: pixels, batch, classes, length of the training list.

    python benchmarks/growth.py --out docs/results/growth.md

Every value is a process of its own on one thread. Time is processor time, so that what else the machine does hardly
counts; memory is the process's peak above what it held once everything was loaded (a list's: above an empty start).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.runtime import processor  # noqa: E402

SCALES = {
    "predict": [128, 256, 512, 1024, 2048],
    "batch": [1, 2, 4, 8, 16, 32],
    "classes": [2, 11, 19, 59, 150],
    "open": [10**2, 10**3, 10**4, 10**5, 10**6],
    "doctor": [10**2, 10**3, 10**4, 10**5],
}
TITLES = {
    "predict": ("Prediction against pixels", "side of the picture", lambda v: v * v),
    "batch": ("Training step against batch", "pictures of 96x96 in a batch", lambda v: v),
    "classes": ("Training step and score against classes", "classes", lambda v: v),
    "open": ("Opening a list, and the order of one epoch", "lines in the list", lambda v: v),
    "doctor": ("`tools/doctor.py` on a list", "lines in the list", lambda v: v),
}
WHAT = {
    "predict": "The UNet that comes with the package, whole picture, `load(...).predict`.",
    "batch": "UNet of base width 8: forward, loss, backward, AdamW.",
    "classes": "The same, 4 pictures of 96x96, and adding its prediction to the confusion matrix. The last layer and the loss grow "
    "with the classes, the rest of the network does not.",
    "open": "Reading the list, checking that all of its files exist, and drawing the shuffled order of an epoch.",
    "doctor": "All pictures read (64x64), counted, compared with each other for duplicates, and a training step.",
}


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def repeated(job, times: int = 3) -> tuple[float, int]:
    """Median processor seconds of a job, and how far it raised the peak; a first run warms up."""
    before = peak()
    job()
    seconds = []
    for _ in range(times):
        start = time.process_time()
        job()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), peak() - before


def predict(side: int) -> tuple[float, int]:
    import numpy as np

    from paddleseg_lite import load

    model = load("quick_start")
    model.predict(np.zeros((64, 64, 3), np.uint8))
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return repeated(lambda: model.predict(picture))


def training(batch: int, classes: int = 6, scored: bool = False) -> tuple[float, int]:
    import paddle

    from paddleseg_lite import accel
    from paddleseg_lite.metrics import ConfusionMatrix
    from paddleseg_lite.models import build_model

    model = build_model({"type": "UNet", "base_channels": 8, "num_classes": classes})
    accel.enable(model, "fp32")
    optimizer = paddle.optimizer.AdamW(1e-3, parameters=model.parameters())
    matrix = ConfusionMatrix(classes)
    x, y = paddle.randn([batch, 3, 96, 96]), paddle.randint(0, classes, [batch, 96, 96])

    def step():
        out = model(x)["out"]
        paddle.nn.functional.cross_entropy(out, y, axis=1).backward()
        optimizer.step()
        optimizer.clear_grad()
        if scored:
            matrix.update(out.argmax(axis=1).numpy(), y.numpy())

    return repeated(step)


def write_list(folder: Path, lines: int, *, name: str = "train", files: int = 100) -> None:
    """``lines`` pairs of names for at most ``files`` pairs of files."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(len(name))
    for index in range(lines):
        for kind in ("image", "label"):
            path = folder / f"{name}_{kind}{index:07d}.png"
            if index < files:
                shape = (64, 64, 3) if kind == "image" else (64, 64)
                cv2.imwrite(str(path), rng.integers(0, 256 if kind == "image" else 3, shape, dtype=np.uint8))
            else:
                os.link(folder / f"{name}_{kind}{index % files:07d}.png", path)
    pairs = "".join(f"{name}_image{i:07d}.png {name}_label{i:07d}.png\n" for i in range(lines))
    (folder / f"{name}.txt").write_text(pairs)


def opening(lines: int) -> tuple[float, int]:
    from paddleseg_lite.data import Dataset
    from paddleseg_lite.data.sampler import BatchSampler

    with tempfile.TemporaryDirectory() as folder:
        write_list(Path(folder), lines)
        before, start = peak(), time.process_time()
        dataset = Dataset(dataset_root=folder, num_classes=3, train_path="train.txt", transforms=[])
        sampler = BatchSampler(len(dataset), 8, seed=0)
        for iteration in range(sampler.batches_per_epoch):
            sampler.batch(iteration)
        return time.process_time() - start, peak() - before


def doctor(lines: int) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        write_list(Path(folder), lines, files=lines)
        write_list(Path(folder), 20, name="val")
        data = {"type": "Dataset", "dataset_root": folder, "num_classes": 3, "transforms": [{"type": "Normalize"}]}
        recipe = {
            "model": {"type": "UNet", "base_channels": 8},
            "train_dataset": {**data, "mode": "train", "train_path": "train.txt"},
            "val_dataset": {**data, "mode": "val", "val_path": "val.txt"},
            "loss": {"out": {"type": "CrossEntropyLoss"}},
            "batch_size": 4,
            "iters": 10,
        }
        config = Path(folder) / "recipe.yml"
        config.write_text(json.dumps(recipe))  # JSON is YAML
        command = [sys.executable, str(ROOT / "tools" / "doctor.py"), "--config", str(config), "--no_cache"]
        done = subprocess.run([*command, "--threads", "1"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"doctor: {done.stdout[-800:]}{done.stderr[-800:]}")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


JOBS = {
    "predict": predict,
    "batch": training,
    "classes": lambda classes: training(4, classes, scored=True),
    "open": opening,
    "doctor": doctor,
}


def measure(kind: str, value: int) -> dict:
    command = [sys.executable, "-W", "ignore", __file__, "--worker", kind, str(value)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{kind} {value}: {done.stderr[-800:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def worker(kind: str, value: int) -> None:
    import paddleseg_lite

    paddleseg_lite.setup("cpu", seed=0, threads=1)
    seconds, grown = JOBS[kind](value)
    print(json.dumps({"seconds": seconds, "bytes": grown}))


def section(kind: str, results: dict[int, dict]) -> str:
    title, name, amount = TITLES[kind]
    rows, last = [], None
    for value, found in results.items():
        times = ["", "", ""]
        if last is not None:
            ratios = (
                amount(value) / amount(last[0]),
                *(found[k] / max(last[1][k], 1e-9) for k in ("seconds", "bytes")),
            )
            times = [f"{ratio:.2f}x" for ratio in ratios]
        mib = found["bytes"] / 2**20
        rows.append([f"{value:,}", f"{1e3 * found['seconds']:,.1f}", f"{mib:,.1f}", *times])
        last = value, found
    head = [name, "processor ms", "peak MiB", "amount", "time", "memory"]
    return f"## {title}\n\n{WHAT[kind]} The last three columns: against the row above.\n\n{markdown_table(head, rows)}"


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", nargs="*", default=list(SCALES), choices=list(SCALES))
    p.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    if args.worker:
        worker(args.worker[0], int(args.worker[1]))
        return 0
    parts = [
        "# How time and memory grow",
        f"`python benchmarks/growth.py`, one thread of {processor()}, fp32; every value is a process of its own. Time is "
        "processor time; memory is the peak above what the process held before.",
    ]
    for kind in args.only:
        results = {}
        for value in SCALES[kind]:
            results[value] = measure(kind, value)
            print(kind, value, results[value], flush=True)
        parts.append(section(kind, results))
    publish("\n\n".join(parts), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
