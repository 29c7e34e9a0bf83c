"""Does the suite notice when the code is wrong? Breaks it in one place at a time, in a copy, and runs the tests of that room.

    python benchmarks/mutations.py --out docs/results/mutations.md

Each line of ``MUTATIONS`` is a mistake that somebody could make: a file, what stands there, what would stand there, and the
tests that should fail. One that survives is a hole in the tests.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402

MUTATIONS = [  # file in paddleseg_lite, before, after, what the mistake is, tests
    ("metrics/confusion.py", " | (label == self.ignore_index)", "", "ignored pixels are counted", "metrics"),
    (
        "data/transforms/geometry.py",
        "lambda a: cv2.flip(a, 1), lambda a: cv2.flip(a, 1)",
        "lambda a: cv2.flip(a, 1), lambda a: a",
        "the picture is flipped and its label is not",
        "data",
    ),
    ("data/sampler.py", "start = step * self._whole", "start = step", "batches overlap", "data"),
    ("optim/schedules.py", "left**self.power", "left", "the poly schedule is a line", "optim"),
    ("optim/ema.py", "(1 - decay))", "(1 - self.decay))", "averaged weights do not warm up", "optim"),
    ("losses/dice.py", "2.0 * shared + self.smooth", "2.0 * shared", "Dice without smoothing above", "losses"),
    (
        "graph/gcn.py",
        "return eye if self.conv1 is None else eye + ",
        "return eye if self.conv1 is None else ",
        "I is left out",
        "graph",
    ),
    ("graph/attention/attend.py", "scale * paddle", "paddle", "attention without its factor", "graph"),
    ("layers/recompute.py", "        put_back()\n", "", "running statistics move twice", "layers"),
    (
        "accel/norm.py",
        "_constant(1.0 - self.momentum)",
        "_constant(self.momentum)",
        "momentum the other way round",
        "accel",
    ),
    (
        "inference/windows.py",
        "[min(i * stride, length - window)",
        "[i * stride",
        "the last window hangs over the edge",
        "inference",
    ),
    (
        "checkpoint/manifest.py",
        'manifest.get("sha256") != self_digest(manifest)',
        "False",
        "a forged manifest passes",
        "checkpoint",
    ),
]


def break_it(copy: Path, file: str, before: str, after: str) -> None:
    path = copy / "paddleseg_lite" / file
    text = path.read_text(encoding="utf-8")
    if before not in text:
        raise SystemExit(f"{file} no longer has: {before}")
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def caught_by(copy: Path, tests: str) -> str:
    """The first test that fails, or an empty string."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", f"tests/{tests}"]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env=environment, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split()[1] if failed else ""


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    rows, survivors = [], 0
    for file, before, after, mistake, tests in MUTATIONS:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "project"
            shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "output", "__pycache__"))
            break_it(copy, file, before, after)
            test = caught_by(copy, tests)
        survivors += not test
        rows.append([f"`{file}`", mistake, f"`{test}`" if test else "**nothing**"])
        print(file, mistake, test or "SURVIVED", flush=True)
    text = (
        "# Do the tests notice a mistake?\n\n`python benchmarks/mutations.py`: one mistake at a time, in a copy of the project; the "
        f"tests of its room are run until one fails. {len(rows) - survivors} of {len(rows)} are caught.\n\n"
    )
    publish(text + markdown_table(["file", "mistake", "first test that fails"], rows), args.out)
    return survivors


if __name__ == "__main__":
    sys.exit(main())
