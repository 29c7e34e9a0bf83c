"""One run of a study, in a process of its own: ``python -m paddleseg_lite.studies.worker RUN_FOLDER``.

The folder holds ``config.yml``. When the run is over it also holds
``result.json``: either the scores and costs, or the reason why there are none.
A run that was killed has checkpoints and no ``result.json``; it is resumed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from .. import runtime
from ..errors import EnvironmentProblem, UserError
from ..processes import ORPHANED, end_with
from ..training.run_lock import RunIsBusy, RunLock
from .layout import drop_weights, result_in, write_result
from .provenance import provenance

FAILED, INTERRUPTED, DISK_FULL, BUSY = 1, ORPHANED, 4, 5  # exit codes; after all but the first a run can go on


def main(folder: Path) -> int:
    """Run to the end; 0 when ``result.json`` says done, else one of the exit codes above."""
    end_with(os.getppid())  # an orphan would write beside its successor
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    logging.getLogger("paddleseg_lite").setLevel(logging.INFO)  # Paddle 2.6, once imported, raises the level of all
    try:
        with RunLock(folder) as lock:
            if result_in(folder) is not None:  # another process was quicker
                return 0
            return _work(folder, lock)
    except RunIsBusy as e:
        print(e)
        return BUSY
    except EnvironmentProblem as e:  # the lock cannot be written
        print(e)
        return DISK_FULL if disk_is_full(folder) else FAILED


def _work(folder: Path, lock: RunLock) -> int:
    """Train in a folder that is ours, and write ``result.json``."""
    started, since = time.perf_counter(), time.time()
    settled = None
    try:
        settled = runtime.setup(os.environ.get("PADDLESEG_LITE_STUDY_DEVICE", "cpu"))
        for file in json.loads(os.environ.get("PADDLESEG_LITE_STUDY_IMPORTS", "[]")):
            from ..plugins import import_file

            import_file(Path(file))
        result = _train(folder, lock)
    except UserError as e:
        result = {"status": "failed", "reason": str(e)}
    except Exception as e:  # a fault of ours: the study goes on, the report shows the hole
        result = {"status": "failed", "reason": f"{type(e).__name__}: {e}", "traceback": traceback.format_exc()}
    if result is None:
        return INTERRUPTED
    if result["status"] == "failed" and disk_is_full(folder):  # that is not the variant's fault
        print(result["reason"])
        return DISK_FULL
    result["seconds"] = time.perf_counter() - started
    if settled is not None:
        facts = provenance(settled.device, settled.threads)
        result["provenance"] = {**facts, "started": since, "ended": time.time()}
    try:
        lock.check()
    except EnvironmentProblem as e:  # this process was silent for so long that another one goes on in its place
        print(e)
        return BUSY
    try:
        write_result(folder, result)
        if result["status"] == "done" and not os.environ.get("PADDLESEG_LITE_STUDY_KEEP_WEIGHTS"):
            drop_weights(folder)
    except EnvironmentProblem as e:
        print(e)
        return DISK_FULL
    return 0 if result["status"] == "done" else FAILED


def disk_is_full(folder: Path, need: int = 1 << 20) -> bool:
    """Whether ``need`` bytes can no longer be written there."""
    probe = folder / f".probe.{os.getpid()}"
    try:
        probe.write_bytes(bytes(need))
    except OSError:
        return True
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return False


def _train(folder: Path, lock: RunLock) -> dict[str, Any] | None:
    from ..checkpoint import list_checkpoints, recover
    from ..config import load_config
    from ..training.callbacks import TrainLog
    from ..training.trainer import Trainer

    config = load_config(folder / "config.yml")
    for line in recover(folder):
        print(line)
    trainer = Trainer(config, folder, lock=lock)
    trainer.callbacks += [TrainLog(progress=False), study_record(folder / "metrics.jsonl")]
    if list_checkpoints(folder):
        trainer.resume(None)
    outcome = trainer.run()
    if outcome.stopped_by in ("SIGINT", "SIGTERM"):
        return None
    if outcome.unsaved:
        raise EnvironmentProblem(f"not all of the run could be saved: {'; '.join(outcome.unsaved)}.")
    if config.do_eval and not _last_validation(folder, trainer.total_iters):
        trainer.validate()  # its line was lost on a full disk, after the last checkpoint was saved
    records = [json.loads(x) for x in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    evaluations = [r for r in records if r["kind"] == "eval"]
    if not evaluations:
        raise UserError("the run made no validation, so there is nothing to compare; do not set do_eval: false.")
    speeds = sorted(r["images_per_s"] for r in records if r["kind"] == "train")
    return {
        "status": "done",
        "metrics": evaluations[-1],  # the last, not the best: picking the best on the validation set flatters
        "train_images_per_s": speeds[len(speeds) // 2],
        **costs(trainer),
    }


def _last_validation(folder: Path, iteration: int) -> bool:
    """Whether the scores of this iteration are in the records."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return any((r["kind"], r["iter"]) == ("eval", iteration) for r in map(json.loads, lines))


def study_record(path: Path):
    """``metrics.jsonl`` whose validations also hold the confusion matrix (rows truth), for any metric afterwards."""
    from ..training.callbacks import MetricsFile

    class Record(MetricsFile):
        def on_eval(self, trainer, evaluation, is_best):
            self.confusion = evaluation.matrix.matrix.tolist()
            super().on_eval(trainer, evaluation, is_best)

        def _write(self, record):
            super()._write({**record, "confusion": self.confusion} if record["kind"] == "eval" else record)

    return Record(path)


def costs(trainer) -> dict[str, Any]:
    """Parameters, GMACs, latency of one validation image, peak memory."""
    import paddle

    from .. import accel
    from ..inference.reduced import as_batch
    from ..models.summary import summarize

    image = as_batch(trainer.val_dataset.get(0, None))
    trainer.model.eval()
    with accel.disabled(trainer.model):  # the counting watches Paddle's own layers
        summary = summarize(trainer.model, tuple(image.shape))
    times = []
    with paddle.no_grad():
        for _ in range(12):
            started = time.perf_counter()
            trainer.model(image)["out"].numpy()
            times.append(time.perf_counter() - started)
    return {
        "parameters": int(summary.parameters),
        "gmacs": float(summary.gmacs),
        "latency_ms": 1000 * sorted(times[2:])[5],
        "peak_memory_mb": peak_memory_mb(),
    }


def peak_memory_mb() -> float | None:
    """Largest resident size of this process so far; ``None`` where the platform does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
