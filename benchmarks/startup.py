"""Start-up of the package and of every tool, against ``import paddle`` alone.

    python benchmarks/startup.py --out docs/results/startup.md

Every command is a process of its own; they take turns, and the least processor
time of some rounds counts (waiting for other programs is left out of it). A tool
is started twice: with ``--help``, and on an input that does not exist, which it
notices when everything it needs is loaded. The bound is 1.2 times ``import
paddle`` plus half a second.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402

MISSING = "does_not_exist"
REAL = {  # arguments of a start that ends at its first look for the input
    "train": ["--config", f"{MISSING}.yml"],
    "val": ["--model_path", MISSING],
    "infer": ["--model_path", MISSING, "--image_path", MISSING],
    "export": ["--model_path", MISSING],
    "doctor": ["--config", f"{MISSING}.yml"],
    "benchmark": ["--config", f"{MISSING}.yml"],
    "ablate": ["--config", f"{MISSING}.yml"],
    "compare": [MISSING, MISSING],
    "convert": ["--config", f"{MISSING}.yml", "--input", MISSING, "--output", MISSING],
    "summary": ["--config", f"{MISSING}.yml"],
}
# what train, doctor and benchmark load once the recipe is read
AFTER_RECIPE = {
    "train": "paddleseg_lite.cli.jobs.train, paddleseg_lite.training.trainer",
    "doctor": "paddleseg_lite.doctor",
    "benchmark": "paddleseg_lite.cli.jobs.benchmark",
}


def commands() -> dict[str, list[str]]:
    """Title -> arguments of the interpreter."""
    found = {"import paddle": ["-c", "import paddle"], "import paddleseg_lite": ["-c", "import paddleseg_lite"]}
    for path in sorted((ROOT / "tools").glob("*.py")):
        found[f"{path.name} --help"] = [str(path), "--help"]
        if path.stem in AFTER_RECIPE:
            program = f"import paddleseg_lite; paddleseg_lite.setup(); import {AFTER_RECIPE[path.stem]}"
            found[f"{path.name}, all that it loads"] = ["-c", program]
        if path.stem in REAL:
            found[f"{path.name}, input missing"] = [str(path), *REAL[path.stem]]
    return found


def measure(arguments: list[str]) -> tuple[float, float, int]:
    """Processor seconds, wall seconds, exit status."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        capture_output=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall, done.returncode


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    todo = commands()
    times: dict[str, list[tuple[float, float, int]]] = {title: [] for title in todo}
    for index in range(args.rounds + 1):
        for title, arguments in todo.items():
            result = measure(arguments)
            if index:  # the first round fills the file cache and compiles modules
                times[title].append(result)
    base = min(times["import paddle"])[0]
    bound = 1.2 * base + 0.5
    rows, slow = [], []
    for title, results in times.items():
        best = min(results)
        slow += [title] if best[0] > bound else []
        rows.append([title, f"{best[0]:.2f}", f"{min(r[1] for r in results):.2f}", f"{best[0] / base:.2f}x"])
    text = "\n\n".join(
        [
            "# Start-up",
            f"`python benchmarks/startup.py --rounds {args.rounds}`: least of {args.rounds} starts. Bound: 1.2 x "
            f"`import paddle` + 0.5 s = {bound:.2f} s of processor time; above it: {', '.join(slow) or 'nothing'}.",
            markdown_table(["start", "processor s", "wall s", "against import paddle"], rows),
        ]
    )
    publish(text, args.out)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
