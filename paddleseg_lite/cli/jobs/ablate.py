"""What ``tools/ablate.py`` does: expand, run, report."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...config.reading import recipe_files
from ...doctor import diagnose
from ...errors import EnvironmentProblem, UserError
from ...files import make_folder
from ...outputs import refuse_inputs
from ...studies.freezing import FILE as FROZEN
from ...studies.freezing import freeze
from ...studies.layout import read_result
from ...studies.loading import load_study
from ...studies.preflight import Estimate, examine_variants, plan_text, refuse
from ...studies.pruning import parse_pruning
from ...studies.report import REPORT_FILES, write_hparams, write_report
from ...studies.results import collect
from ...studies.runner import run_study
from ...studies.search import confirmation, read_trials, run_search
from ...studies.study import Run, Study
from .placing import Placing

logger = logging.getLogger("paddleseg_lite")


def run_ablation(
    config: str,
    *,
    opts: list[str],
    save_dir: str | None = None,
    placing: Placing | None = None,
    imports: list[str] | None = None,
    retry_failed: bool = False,
    keep_weights: bool = False,
    keep_going: bool = False,
    dry_run: bool = False,
    freezing: bool = False,
    report_only: bool = False,
    device: str = "cpu",
    doctor: bool = False,
) -> int:
    """Run (what is left of) a study and write its report; 1 when the report has holes, else 0.

    Args:
        placing: where the runs go; one at a time on this machine where it is not given.
        keep_going: start although some variants cannot be run.
        dry_run: only say what the study would take.
        freezing: write the plan down and end (preregistration).
        doctor: examine the baseline's data and every variant before the first run.
    """
    placing = placing or Placing()
    placing.check()
    study = load_study(config, opts=opts)
    folder = Path(save_dir or Path("output") / "ablation" / Path(config).stem)
    files = [*(imports or ()), *study.imports]
    inputs = [*recipe_files(config), *recipe_files(study.base), *files]
    refuse_inputs([folder / name for name in REPORT_FILES], inputs, "--save_dir")
    if dry_run:
        return _say_what_it_takes(study, folder, placing.jobs or 1)
    make_folder(folder)
    if freezing:
        digest = freeze(study, folder)
        logger.info("frozen: %s\nhash %s (put it where others see it)", folder / FROZEN, digest)
        return 0
    problem = None
    if not report_only:
        before = _Examiner(study, folder, doctor=doctor, keep_going=keep_going)
        try:
            where = placing.launcher(folder, imports=files, keep_weights=keep_weights, device=device)
            with _terminate_as_interrupt(), where as launcher:
                options = {
                    "launcher": launcher,
                    "jobs": placing.jobs or 1,
                    "retry_failed": retry_failed,
                    "keep_weights": keep_weights,
                    "imports": files,
                    "device": device,
                    "progress": logger.info,
                    "before": before,
                }
                if study.search is not None:
                    study = _searched(study, folder, options)
                run_study(study, folder, pruning=parse_pruning(study.prune, "prune"), **options)
        except EnvironmentProblem as e:  # what has finished is worth a report all the same
            problem = e
        except KeyboardInterrupt:
            logger.info("stopped; finished runs are kept in %s, and the same command goes on from there", folder)
            raise
    elif study.search is not None:
        study = confirmation(study, read_trials(folder))
    return _report(study, folder, problem)


def _searched(study: Study, folder: Path, options: dict[str, Any]) -> Study:
    """The study with each variant's best setting."""
    logger.info("search: %d trials for each variant, seeds %s", study.search.trials, study.search.seeds)

    pruning = parse_pruning(study.search.prune, "search.prune")
    if pruning is not None:
        pruning.per_variant = True  # the same effort for all: a weak variant keeps its best trial

    def run(part: Study) -> None:
        run_study(part, folder, pruning=pruning, **options)

    trials = run_search(study, folder, run)
    logger.info("confirmation, seeds %s", study.seeds)
    return confirmation(study, trials)


def _report(study: Study, folder: Path, problem: EnvironmentProblem | None) -> int:
    try:
        page = write_report(study, folder)
        write_hparams(study, folder)
    except (OSError, EnvironmentProblem):
        if problem is None:
            raise
        raise problem from None
    if problem is not None:
        raise problem
    print((folder / "report.md").read_text(encoding="utf-8"))
    logger.info("report: %s", page)
    holes = any(row.failures or row.missing for _, rows in collect(study, folder) for row in rows)
    return 1 if holes else 0


def _say_what_it_takes(study: Study, folder: Path, width: int) -> int:
    """``--dry_run``; 1 where a variant cannot be run."""
    todo = [run for run in study.runs if run.config is not None and read_result(folder, run) is None]
    found = examine_variants(study, folder, list({run.key: run for run in todo}.values()), progress=logger.info)
    place = next(p for p in (folder, *folder.resolve().parents) if p.exists())
    print(plan_text(found, width=width, free=shutil.disk_usage(place).free))
    for estimate in found:
        if estimate.problem:
            print(f"\n{estimate.label}: {estimate.problem}")
    return int(any(e.problem for e in found))


class _Examiner:
    """What is looked at before the first run: the baseline's data by the doctor (once), every variant by a step."""

    def __init__(self, study: Study, folder: Path, *, doctor: bool, keep_going: bool):
        self.study, self.folder, self.doctor, self.keep_going = study, folder, doctor, keep_going
        self.done = False

    def __call__(self, runs: Sequence[Run]) -> None:
        if self.done:
            return
        self.done = True
        if self.doctor:
            examine(self.study)
            found = examine_variants(self.study, self.folder, runs, progress=logger.info)
        else:
            first = {str(run.levels): run for run in reversed(self.study.runs)}
            found = [Estimate(run.label, 1, problem=run.error) for run in first.values()]
        if not self.keep_going:
            refuse(found)


def examine(study: Study) -> None:
    """The doctor, once: what would make the baseline fail or mean nothing would do so to every run.

    A variant that fails by itself is a hole in the report instead, and the others go on.

    Raises:
        UserError: the findings with their fixes.
    """
    baseline = next((r for r in study.runs if r.config is not None and r.levels[study.compare] == study.baseline), None)
    if baseline is None or baseline.config is None:
        return
    diagnosis = diagnose(baseline.config, speed=False, notes=False)
    if not diagnosis.ok:
        raise UserError(f"the study was not started (--no_doctor starts it anyway):\n{diagnosis.text()}")
    logger.info("doctor, on %s: %s", baseline.label, diagnosis.text() if diagnosis.findings else diagnosis.verdict)


@contextlib.contextmanager
def _terminate_as_interrupt():
    """SIGTERM ends the study as Ctrl-C does: its runs save what they have and can be resumed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
