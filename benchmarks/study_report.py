"""Time and memory of a study's report over many runs: ``python benchmarks/study_report.py [RUNS ...]``.

Writes synthetic results (19 classes, confusion matrix, provenance) of a study of RUNS / 100 variants with 100 seeds
into a temporary folder, and builds the report in a process of its own. Default: 1000 and 10000 runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SCENES = {"type": "Scenes", "size": [32, 32], "num_classes": 6, "transforms": [{"type": "Normalize"}]}
BASE = {
    "model": {"type": "UNet", "base_channels": 4},
    "iters": 2,
    "train_dataset": {**SCENES, "num_samples": 4, "mode": "train"},
    "val_dataset": {**SCENES, "num_samples": 2, "mode": "val"},
}
SEEDS, CLASSES = 100, 19


def write_study(folder: Path, runs: int) -> Path:
    """The study file, and a result for each of its runs."""
    import numpy as np
    import yaml

    from paddleseg_lite.studies import load_study
    from paddleseg_lite.studies.layout import run_folder, write_result

    (folder / "base.yml").write_text(yaml.safe_dump(BASE))
    values = {f"v{i}": 0.001 * (i + 1) for i in range(runs // SEEDS)}
    study = {
        "base": "base.yml",
        "factors": {"rate": {"path": "lr_scheduler.learning_rate", "values": values}},
        "compare": "rate",
        "baseline": "v0",
        "seeds": list(range(SEEDS)),
        "margin": 0.01,
    }
    (folder / "study.yml").write_text(yaml.safe_dump(study, sort_keys=False))
    rng = np.random.default_rng(0)
    facts = {"paddleseg_lite": "0", "host": "a", "cpu": "c", "cores": 8, "device": "cpu", "threads": 1}
    for run in load_study(folder / "study.yml").runs:
        score = 0.6 + 0.0002 * list(values).index(run.levels["rate"]) + rng.normal(0, 0.01)
        classes = {f"class {c}": {"IoU": score + rng.normal(0, 0.01)} for c in range(CLASSES)}
        confusion = rng.integers(0, 10**6, (CLASSES, CLASSES)).tolist()
        target = run_folder(folder / "out", run)
        target.mkdir(parents=True)
        result = {"status": "done", "seconds": 60.0, "parameters": 10**6, "gmacs": 1.0, "latency_ms": 5.0}
        metrics = {"mIoU": score, "classes": classes, "confusion": confusion}
        write_result(target, {**result, "metrics": metrics, "provenance": {**facts, "started": 0.0, "ended": 60.0}})
    return folder / "study.yml"


REPORT = """
import resource, sys, time
from pathlib import Path
from paddleseg_lite.studies.report import write_report
from paddleseg_lite.studies.results import read_records
from paddleseg_lite.studies import load_study
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
cpu, start = time.process_time(), time.perf_counter()
study = load_study(sys.argv[1])
expanded, before = time.process_time() - cpu, peak()
folder = Path(sys.argv[1]).parent / "out"
read_records(study, folder)
read, kept = time.process_time() - cpu - expanded, peak()
write_report(study, folder)
print(expanded, read, time.process_time() - cpu, time.perf_counter() - start, before, kept, peak())
"""


def main(counts: list[int]) -> None:
    print(
        "| runs | expand, CPU s | read, CPU s | all, CPU s | all, wall s | MiB before | MiB with all results read | MiB peak | report.html, MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for runs in counts:
        with tempfile.TemporaryDirectory() as temporary:
            path = write_study(Path(temporary), runs)
            command = [sys.executable, "-c", REPORT, str(path)]
            root = str(Path(__file__).resolve().parents[1])
            done = subprocess.run(command, capture_output=True, text=True, cwd=root)
            if done.returncode:
                sys.exit(done.stderr)
            numbers = [float(x) for x in done.stdout.split()]
            size = (path.parent / "out" / "report.html").stat().st_size / 1e6
            json.loads((path.parent / "out" / "results.json").read_text())
            times = " | ".join(f"{n:.1f}" for n in numbers[:4])
            memory = " | ".join(f"{n:.0f}" for n in numbers[4:])
            print(f"| {runs:,} | {times} | {memory} | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [1000, 10_000])
