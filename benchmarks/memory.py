"""Peak memory of a training step and of a prediction, beside PyTorch and PaddleSeg.

    python benchmarks/memory.py --peer_python ENV/bin/python --torch_python ENV/bin/python --out docs/results/memory.md

The sides and networks of ``train_step.py``; every figure is a process of its own that does one thing three times. What is
counted is the most memory that the process ever held, the library included; what a library takes by itself, imported and
nothing else, is in a table below.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from benchmarks.train_step import NETWORKS, Side, sides  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.runtime import processor  # noqa: E402

IMPORTS = {"ours": "import paddleseg_lite; paddleseg_lite.setup('cpu'); import paddle", "PyTorch": "import torch"}
IMPORTS["PaddleSeg"] = "import paddleseg.models"
AGAIN = "ours fp32, recompute"
WORK = {"train": "training step", "infer": "prediction"}


def peak(side: tuple, what: str) -> float:
    """MiB."""
    process = Side(*side)
    try:
        for _ in range(3):
            process.run(what)
        return process.times[what][-1]["peak"]
    finally:
        process.close()


def imported(python: str, statement: str) -> float:
    ask = "; import resource; print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [python, "-W", "ignore", "-c", statement + ask]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.rsplit("peak", 1)[1])


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer_python", help="interpreter with PaddleSeg")
    p.add_argument("--torch_python", help="interpreter with torch (and torchvision for DeepLabV3)")
    p.add_argument("--only", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    p.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--batch", type=int, default=2)
    p.add_argument("--size", type=int, nargs=2, default=[192, 256], metavar=("H", "W"))
    p.add_argument("--modes", nargs="*", default=["fp32", "off"], choices=["off", "auto", "fp32", "bf16"])
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    rows: dict[str, list[list]] = {what: [] for what in WORK}
    columns: list[str] = []
    for name in args.only:
        found = {}
        for title, python, job, *rest in sides(name, args):
            found[title] = (title, python, {**job, "tidy": job["side"] == "ours"}, *rest)
            if job["side"] == "torch":  # its own way with memory: less of it, and slower
                own = f"{title}, as shipped"
                found[own] = (own, python, {**job, "keep_pages": False}, *rest)
        _, python, job, *rest = found["ours fp32"]
        again = (AGAIN, python, {**job, "recompute": True}, *rest)
        columns += [title for title in (*found, AGAIN) if title not in columns]
        for what in WORK:
            measured = found if what == "infer" else {**found, AGAIN: again}
            peaks = {title: peak(side, what) for title, side in measured.items()}
            print(name, what, {title: round(mib) for title, mib in peaks.items()}, flush=True)
            rows[what].append([name, *peaks.items()])
    pythons = {"ours": sys.executable, "PaddleSeg": args.peer_python, "PyTorch": args.torch_python}
    bare = [[name, f"{imported(python, IMPORTS[name]):,.0f}"] for name, python in pythons.items() if python]
    parts = [
        "# Memory beside PyTorch and PaddleSeg",
        f"`python benchmarks/memory.py`: {args.batch}x3x{args.size[0]}x{args.size[1]}, {args.threads} thread(s), {processor()}. "
        "The most that the process ever held, MiB, the library itself included; the same graphs as in "
        "[train_speed](train_speed.md), SGD with momentum. The least of a row is bold.",
    ]
    for what, title in WORK.items():
        body = []
        for name, *peaks in rows[what]:
            known = dict(peaks)
            least = min(known.values())
            cells = [f"{known[c]:,.0f}" if c in known else "" for c in columns]
            body.append([name, *(f"**{c}**" if known.get(t) == least else c for t, c in zip(columns, cells))])
        shown = [i for i, _ in enumerate(["network", *columns]) if i == 0 or any(row[i] for row in body)]
        table = markdown_table([["network", *columns][i] for i in shown], [[row[i] for i in shown] for row in body])
        parts.append(f"## Peak of a {title}\n\n{table}")
    parts.append(f"## The libraries alone\n\n{markdown_table(['imported', 'MiB'], bare)}")
    publish("\n\n".join(parts), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
