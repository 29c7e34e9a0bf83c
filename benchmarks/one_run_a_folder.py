"""Trainings started together in one run folder: exactly one of each pair may run.

    python benchmarks/one_run_a_folder.py --pairs 50 --out docs/results/one_run_a_folder.md

Both processes load everything first, then sleep until a common moment; how far apart they really asked is measured. A
pair further apart than 10 ms (a busy machine) is judged like the others and does not count towards ``--pairs``.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402

NEAR = 0.010  # seconds between the two requests
PATIENCE = 120.0  # seconds for a pair; longer is called a hang, and where both stand is printed
WORKER = """
import contextlib, faulthandler, json, os, signal, sys, time
faulthandler.register(signal.SIGUSR1, all_threads=True)
sys.path.insert(0, sys.argv[1])
from paddleseg_lite import runtime
runtime.setup("cpu", threads=1)
from paddleseg_lite.config import parse_config
from paddleseg_lite.errors import UserError
from paddleseg_lite.training.callbacks import MetricsFile
from paddleseg_lite.training.trainer import train
scenes = {"type": "Scenes", "num_samples": 4, "size": [32, 32], "num_classes": 6, "transforms": [{"type": "Normalize"}]}
config = parse_config({
    "model": {"type": "UNet", "base_channels": 4}, "train_dataset": {**scenes, "mode": "train"},
    "lr_scheduler": {"type": "Constant", "learning_rate": 0.01}, "batch_size": 2, "iters": 8, "save_interval": 4,
    "log_iters": 1, "do_eval": False, "cpu_accel": "off",
})
def urgent(on):
    # woken at the moment itself, however busy the machine is
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO if on else os.SCHED_OTHER, os.sched_param(1 if on else 0))
print("ready", flush=True)
for line in sys.stdin:
    folder, moment = json.loads(line)
    from pathlib import Path
    records = MetricsFile(Path(folder) / "metrics.jsonl")
    urgent(True)
    time.sleep(max(0.0, moment - time.time()))
    asked = time.time()
    urgent(False)
    try:
        result = train(config, save_dir=folder, callbacks=[records])
        print(json.dumps([asked, "ran", result.iteration]), flush=True)
    except UserError as e:
        print(json.dumps([asked, type(e).__name__, str(e)]), flush=True)
"""


def main(argv=None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pairs", type=int, default=50, help="pairs within 10 ms")
    p.add_argument("--out", help="page to write")
    args = p.parse_args(argv)
    command = [sys.executable, "-c", WORKER, str(ROOT)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    outcomes: list[tuple[float, int, bool]] = []
    try:
        for worker in workers:
            assert answer(worker) == b"ready"
        with tempfile.TemporaryDirectory() as root:
            while sum(gap <= NEAR for gap, _, _ in outcomes) < args.pairs and len(outcomes) < 4 * args.pairs:
                outcomes.append(one_pair(workers, Path(root) / str(len(outcomes))))
                gap, ran, good = outcomes[-1]
                print(
                    f"pair {len(outcomes)}: {1000 * gap:.2f} ms apart, {ran} ran, {'whole' if good else 'NOT WHOLE'}",
                    file=sys.stderr,
                    flush=True,
                )
    finally:
        for worker in workers:
            worker.kill()
    publish(page(outcomes, f"python benchmarks/one_run_a_folder.py --pairs {args.pairs}"), args.out)
    near = sum(gap <= NEAR for gap, _, _ in outcomes)
    return 0 if near >= args.pairs and all(ran == 1 and good for _, ran, good in outcomes) else 1


def page(outcomes: list[tuple[float, int, bool]], command: str) -> str:
    lines = [
        "# Trainings started together in one folder",
        "",
        f"`{command}`: two processes with everything loaded call `train` on one new folder at a common moment. Of each "
        "pair one must run, undisturbed to its end (its records and checkpoints are those of one run, no lock is left), "
        "and the other be refused with the process and host of the first.",
        "",
        "| started | pairs | exactly one ran | none ran | both ran | whole, refusal naming the process | median apart |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, own in (
        ("within 10 ms", [o for o in outcomes if o[0] <= NEAR]),
        ("further apart", [o for o in outcomes if o[0] > NEAR]),
    ):
        if own:
            ran, apart = [count for _, count, _ in own], sorted(gap for gap, _, _ in own)
            cells = [title, len(own), ran.count(1), ran.count(0), ran.count(2), sum(good for _, _, good in own)]
            lines.append(f"| {' | '.join(map(str, cells))} | {1000 * apart[len(apart) // 2]:.2f} ms |")
    return "\n".join([*lines, ""])


def one_pair(workers, folder: Path) -> tuple[float, int, bool]:
    """Seconds between the two requests, how many ran, and whether all that is left is of one run."""
    moment = time.time() + 0.5
    for worker in workers:
        worker.stdin.write(json.dumps([str(folder), moment]).encode() + b"\n")
        worker.stdin.flush()
    answers = [json.loads(answer(worker)) for worker in workers]
    kinds = [kind for _, kind, _ in answers]
    rows = [json.loads(line)["iter"] for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    refusals = [text for _, kind, text in answers if kind == "RunIsBusy"]
    named = len(refusals) == 1 and any(f"process {worker.pid} on host" in refusals[0] for worker in workers)
    left = sorted(path.name for path in folder.iterdir())
    good = rows == list(range(1, 9)) and named and left == ["iter_4", "iter_8", "metrics.jsonl"]
    if not good:
        print(f"{folder.name}: rows {rows}, left {left}, answers {answers}", file=sys.stderr)
    return abs(answers[0][0] - answers[1][0]), kinds.count("ran"), good


def answer(worker) -> bytes:
    """The next line of a worker; where none comes, what each of its threads does is printed, and that is an error."""
    if not select.select([worker.stdout], [], [], PATIENCE)[0]:
        os.kill(worker.pid, signal.SIGUSR1)
        time.sleep(1)
        raise TimeoutError(f"process {worker.pid} has not answered for {PATIENCE:.0f} s")
    return worker.stdout.readline().strip()


if __name__ == "__main__":
    sys.exit(main())
