"""Is any small recipe slower with our kernels than with Paddle's own?

    python benchmarks/kernels_off.py [--levels avx2 avx512] [--only enet/enet_scenes] [--out docs/results/kernels_off.md]
    python benchmarks/kernels_off.py --shapes 2x64 8x64 2x256 --levels avx2    # pictures in a batch x their side

For each small recipe and each instruction set that oneDNN is held to, one process trains two networks of the same weights in
turns, one with ``cpu_accel: fp32`` and one with ``off``, on a batch of the recipe (or of noise). Processor time of forward, loss and
backward on one thread, which other work on the machine changes little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from benchmarks.train_step import ISA  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.runtime import processor  # noqa: E402


def noise(shape: str, classes: int) -> dict:
    """A batch of ``NxS``: N square pictures of side S."""
    import paddle

    count, side = map(int, shape.split("x"))
    return {"image": paddle.randn([count, 3, side, side]), "label": paddle.randint(0, classes, [count, side, side])}


def worker(recipe: str, steps: int, shapes: list[str]) -> None:
    """Both sides of one recipe, in turns; JSON on standard output."""
    import paddleseg_lite

    paddleseg_lite.setup("cpu", seed=0, threads=1)
    from paddleseg_lite import accel
    from paddleseg_lite.config import load_config
    from paddleseg_lite.data.building import build_datasets
    from paddleseg_lite.data.loader import train_batches
    from paddleseg_lite.data.sampler import BatchSampler
    from paddleseg_lite.training.building import build_loss, build_network

    config = load_config(ROOT / "configs" / f"{recipe}.yml")
    train, _ = build_datasets(config)
    sides = {}
    for mode in ("fp32", "off"):
        model = build_network(config, train.num_classes)
        accel.enable(model, mode)
        model.train()
        sides[mode] = (model, build_loss(config, train, model))
    for shape in shapes or [""]:
        if shape:
            batch = noise(shape, train.num_classes)
        else:
            sampler = BatchSampler(len(train), config.batch_size, seed=0)
            batch = next(iter(train_batches(train, sampler, seed=0, stop_iter=1)))
        times = {mode: [] for mode in sides}
        for index in range(steps + 2):
            for mode, (model, criterion) in sides.items():
                start = time.process_time()
                criterion(model(batch["image"]), batch)[0].backward()
                model.clear_gradients()
                if index > 1:  # the first compile and fill caches
                    times[mode].append(1e3 * (time.process_time() - start))
        medians = {mode: statistics.median(found) for mode, found in times.items()}
        print(json.dumps({"shape": "x".join(str(s) for s in batch["image"].shape), **medians}), flush=True)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--levels", nargs="*", default=["avx2", "avx512"], choices=list(ISA))
    p.add_argument("--only", nargs="*", default=[])
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--shapes", nargs="*", default=[], metavar="NxS", help="default: the recipe's batch")
    p.add_argument("--worker", help=argparse.SUPPRESS)
    p.add_argument("--out")
    args = p.parse_args()
    if args.worker:
        worker(args.worker, args.steps, args.shapes)
        return 0
    configs = ROOT / "configs"
    found = sorted(file.relative_to(configs).with_suffix("") for file in configs.glob("*/*_scenes.yml"))
    recipes = [str(r) for r in found if not r.name.startswith("_") and (not args.only or str(r) in args.only)]
    rows, ratios = [], []
    for recipe in recipes:
        for level in args.levels:
            command = [sys.executable, "-W", "ignore", __file__, "--worker", recipe, "--steps", str(args.steps)]
            command += ["--shapes", *args.shapes] if args.shapes else []
            done = subprocess.run(
                command, capture_output=True, text=True, env={**os.environ, **ISA[level]}, check=False
            )
            if done.returncode:
                raise SystemExit(f"{recipe} {level}: {done.stderr[-800:]}")
            for times in (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")):
                ratios.append(times["off"] / times["fp32"])
                cells = [f"{times['off']:,.0f}", f"{times['fp32']:,.0f}", f"{ratios[-1]:.2f}x"]
                rows.append([recipe, times["shape"], level, *cells])
                print(*rows[-1], flush=True)
    head = ["recipe", "batch", "instruction set", "off, ms", "fp32, ms", "off / fp32"]
    text = [
        "# Our kernels beside Paddle's own, in the small recipes",
        f"`python benchmarks/kernels_off.py`, medians of {args.steps} steps (forward, loss, backward) in turns, processor time "
        f"of one thread; {processor()}, held to the instruction set.",
        markdown_table(head, rows),
        f"The smallest ratio is {min(ratios):.2f}, the median {statistics.median(ratios):.2f}.",
    ]
    publish("\n\n".join(text), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
