"""Kill trainings with SIGKILL at random moments and compare the resumed runs with an undisturbed one, bit for bit.

``python benchmarks/kill_resume.py --kills 40 --out docs/results/kill_resume.md``

Each scenario (plain, two workers, averaged weights, gradient accumulation) runs
once undisturbed. Then it runs again and again, killed at a random moment each
time, until the kills are used up; a run that reaches its end is compared and
started anew. Half of the kills wait for the next save to begin.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.checkpoint.folder import load_checkpoint  # noqa: E402
from paddleseg_lite.checkpoint.storage import TEMPORARY  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402

ITERS = 40
OPTS = [
    "model.base_channels=8",
    "train_dataset.num_samples=16",
    "val_dataset.num_samples=2",
    "train_dataset.size=[48,48]",
    "val_dataset.size=[48,48]",
    "lr_scheduler.warmup_iters=0",
]
SCENARIOS = {
    "plain": [],
    "2 workers": ["--num_workers", "2"],
    "EMA": ["--use_ema"],
    "accumulation": ["--accumulate", "2"],
}


def train(folder: Path, flags: list[str], *more: str) -> subprocess.Popen:
    command = [
        sys.executable,
        str(ROOT / "tools" / "train.py"),
        "--iters",
        str(ITERS),
        "--batch_size",
        "2",
        "--no_vdl",
        "--save_interval",
        "2",
        "--save_dir",
        str(folder),
        *flags,
        *more,
        "--opts",
        *OPTS,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def differences(a: Path, b: Path) -> list[str]:
    """What differs between the last checkpoints of two runs: weights, averages, optimizer, counters."""
    first, second = (load_checkpoint(p / f"iter_{ITERS}") for p in (a, b))
    states = [
        (first.model_state, second.model_state),
        (first.ema_state or {}, second.ema_state or {}),
        (first.optimizer_state.tensors, second.optimizer_state.tensors),
    ]
    found = [
        k for x, y in states for k in x.keys() | y.keys() if k not in x or k not in y or not np.array_equal(x[k], y[k])
    ]
    return found + [k for k in first.state.keys() | second.state.keys() if first.state.get(k) != second.state.get(k)]


def saving(folder: Path) -> bool:
    """Whether a save is under way, or was when the process died."""
    return any(p.name.startswith(TEMPORARY) for p in folder.glob(".*"))


def killed(process: subprocess.Popen, seconds: float, folder: Path, *, aim: bool) -> bool:
    """Kill after so many seconds, or (``aim``) in the next save after that; False when the run ended before."""
    try:
        process.communicate(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        while aim and process.poll() is None and not saving(folder):
            time.sleep(0.0005)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def scenario(name: str, flags: list[str], kills: int, folder: Path, rng: random.Random) -> list:
    whole = folder / "whole"
    started = time.monotonic()
    process = train(whole, flags)
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(output)
    length = time.monotonic() - started
    done = finished = good = during_save = 0
    parts = folder / "parts"
    while done < kills or parts.exists():
        resume = ["--resume_model"] if list(parts.glob("iter_*/manifest.json")) else ["--overwrite"]
        process = train(parts, flags, *resume)
        if done < kills and killed(process, rng.uniform(0.25, 0.9) * length, parts, aim=rng.random() < 0.5):
            done += 1
            during_save += saving(parts)
            continue
        process.communicate()
        if process.returncode:
            raise SystemExit(f"{name}: a resumed run ended with status {process.returncode}")
        finished += 1
        different = differences(whole, parts)
        good += not different
        if different:
            print(f"{name}: {len(different)} values differ, e.g. {sorted(different)[:8]}", flush=True)
        shutil.rmtree(parts)
    print(f"{name}: {done} kills ({during_save} in a save), {good} of {finished} runs bit-identical", flush=True)
    return [name, done, during_save, finished, good]


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kills", type=int, default=40, help="in all, spread over the scenarios")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    rng = random.Random(args.seed)
    rows = []
    for i, (name, flags) in enumerate(SCENARIOS.items()):
        share = args.kills // len(SCENARIOS) + (i < args.kills % len(SCENARIOS))
        with tempfile.TemporaryDirectory() as folder:
            rows.append(scenario(name, flags, share, Path(folder), rng))
    header = ["scenario", "kills", "of these during a save", "finished runs", "bit-identical to the undisturbed run"]
    publish(
        "# Trainings killed with SIGKILL and resumed\n\n"
        f"`python benchmarks/kill_resume.py --kills {args.kills} --seed {args.seed}`: {ITERS} iterations, saving "
        "every 2; compared are weights, averaged weights, optimizer state and counters of the last checkpoint.\n\n"
        + markdown_table(header, rows),
        args.out,
    )
    return 0 if all(row[3] == row[4] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
