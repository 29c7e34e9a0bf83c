"""What ``tools/ablate.py`` does: expand, run, report."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import threading
from pathlib import Path

from ...config.reading import read_tree, recipe_files
from ...doctor import diagnose
from ...errors import ConfigError, EnvironmentProblem, UserError
from ...files import make_folder
from ...outputs import refuse_inputs
from ...studies.report import REPORT_FILES, write_hparams, write_report
from ...studies.results import collect
from ...studies.runner import run_study
from ...studies.study import Study, load_study

logger = logging.getLogger("paddleseg_lite")


def run_ablation(
    config: str,
    *,
    opts: list[str],
    save_dir: str | None = None,
    jobs: int = 1,
    shard: str = "1/1",
    imports: list[str] | None = None,
    retry_failed: bool = False,
    keep_weights: bool = False,
    report_only: bool = False,
    device: str = "cpu",
    doctor: bool = False,
) -> int:
    """Run (what is left of) a study and write its report; 1 when the report has holes, else 0.

    Args:
        doctor: examine the baseline's recipe and data before the first run.
    """
    if jobs < 1:
        raise ConfigError(f"--jobs must be at least 1, got {jobs}.")
    study = load_study(config, opts=opts)
    folder = Path(save_dir or Path("output") / "ablation" / Path(config).stem)
    base = Path(config).parent / read_tree(Path(config))[0]["base"]
    inputs = [*recipe_files(config), *recipe_files(base), *(imports or ())]
    refuse_inputs([folder / name for name in REPORT_FILES], inputs, "--save_dir")
    make_folder(folder)
    problem = None
    if not report_only:
        try:
            with _terminate_as_interrupt():
                run_study(
                    study,
                    folder,
                    jobs=jobs,
                    shard=parse_shard(shard),
                    retry_failed=retry_failed,
                    keep_weights=keep_weights,
                    imports=imports,
                    device=device,
                    progress=logger.info,
                    before=(lambda: examine(study)) if doctor else None,
                )
        except EnvironmentProblem as e:  # what has finished is worth a report all the same
            problem = e
        except KeyboardInterrupt:
            logger.info("stopped; finished runs are kept in %s, and the same command goes on from there", folder)
            raise
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


def parse_shard(text: str) -> tuple[int, int]:
    """``"2/4"`` -> ``(2, 4)``."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ConfigError(f"--shard takes i/n with 1 <= i <= n, e.g. 1/4; got '{text}'.")
    return int(match[1]), int(match[2])
