"""What goes wrong in a study is named, the rest goes on, and the report shows the hole."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from functools import partial

import pytest

from paddleseg_lite.cli.jobs.ablate import run_ablation
from paddleseg_lite.cli.jobs.placing import Placing
from paddleseg_lite.errors import EnvironmentProblem, UserError
from paddleseg_lite.studies import load_study, pool, runner, worker
from paddleseg_lite.studies.layout import write_result
from paddleseg_lite.studies.results import collect
from paddleseg_lite.studies.runner import read_result, run_folder, run_study

Usage = namedtuple("Usage", "total used free")


def unit(values):
    return {"factors": {"unit": {"values": {"none": {"model.context": None}, **values}}}, "seeds": [0]}


def test_each_fault_is_a_hole_and_the_others_go_on(within, write, tmp_path, capsys):
    """A path that does not exist, an argument that does not, a position that does not, a run that diverges."""
    path = write(
        unit(
            {
                "wrong path": {"model.contxt": "GloRe"},
                "wrong argument": {"model.context": {"type": "GloRe", "nodes": 4}},
                "wrong position": {"model.context": {"type": "GloRe", "position": "stage9"}},
                "diverging": {"lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 1.0e30}},
                "GloRe": {"model.context": {"type": "GloRe", "num_nodes": 4, "num_state": 4}},
            }
        ),
        {"iters": 4, "save_interval": 4},
    )
    assert run_ablation(str(path), opts=[], save_dir=str(tmp_path / "o"), placing=Placing(jobs=2), keep_going=True) == 1
    study = load_study(path)
    results = {run.levels["unit"]: read_result(tmp_path / "o", run) for run in study.runs}
    assert results["none"]["status"] == results["GloRe"]["status"] == "done"
    reasons = {name: r["reason"] for name, r in results.items() if r["status"] == "failed"}
    assert set(reasons) == {"wrong path", "wrong argument", "wrong position", "diverging"}
    assert "contxt" in reasons["wrong path"] and "Did you mean 'context'" in reasons["wrong path"]
    assert "nodes" in reasons["wrong argument"] and "stage9" in reasons["wrong position"]
    assert "not finite at iteration" in reasons["diverging"]
    text = (tmp_path / "o" / "report.md").read_text()
    assert text == capsys.readouterr().out.rstrip("\n") + "\n"
    for name in reasons:
        assert f"Hole: {name}, seed 0: {reasons[name].splitlines()[0]}" in text
    assert "Holes in this table" in (tmp_path / "o" / "report.html").read_text()


def test_a_failed_run_is_left_alone_unless_asked(within, write, tmp_path):
    study, said = load_study(write(unit({}))), []
    target = run_folder(tmp_path, study.runs[0])
    target.mkdir(parents=True)
    write_result(target, {"status": "failed", "reason": "it diverged"})
    run_study(study, tmp_path, progress=said.append)
    assert read_result(tmp_path, study.runs[0])["status"] == "failed"
    run_study(study, tmp_path, retry_failed=True, progress=said.append)
    assert read_result(tmp_path, study.runs[0])["status"] == "done"


def test_a_process_that_dies_is_a_hole(write, tmp_path, monkeypatch):
    study, said = load_study(write(unit({}))), []
    end = "import os; os.kill(os.getpid(), 9)"
    monkeypatch.setattr(pool, "spawn", lambda *_: subprocess.Popen([sys.executable, "-c", end]))
    run_study(study, tmp_path, progress=said.append)
    assert "FAILED: the process was killed (signal 9)" in said[-1]


@pytest.mark.parametrize("mine, jobs, theirs", [("6", 2, "3"), ("6,2", 1, "6"), ("2", 5, "1"), (None, 2, "4")])
def test_runs_get_the_device_and_their_share_of_the_threads(write, tmp_path, monkeypatch, mine, jobs, theirs):
    """OMP_NUM_THREADS is what the user or --threads has set; without it the cores count."""
    seen = []

    def start(target, log, settings):
        seen.append(settings.environment({}))
        return subprocess.Popen([sys.executable, "-c", ""])

    monkeypatch.setattr(pool, "spawn", start)
    monkeypatch.setattr("paddleseg_lite.runtime.available_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", mine) if mine else monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run_study(load_study(write(unit({}))), tmp_path, jobs=jobs, device="gpu:1", progress=lambda line: None)
    assert [(e["OMP_NUM_THREADS"], e["PADDLESEG_LITE_STUDY_DEVICE"]) for e in seen] == [(theirs, "gpu:1")]


def test_a_worker_takes_the_device_of_the_study(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(worker, "end_with", lambda parent: None)
    monkeypatch.setattr(worker.runtime, "setup", asked.append)
    monkeypatch.setattr(worker, "_train", lambda *_: None)
    worker.main(tmp_path)
    monkeypatch.setenv("PADDLESEG_LITE_STUDY_DEVICE", "gpu:1")
    worker.main(tmp_path)
    assert asked == ["cpu", "gpu:1"]


def test_a_worker_ends_with_its_study(tmp_path, monkeypatch):
    watched = []
    monkeypatch.setattr(worker, "end_with", watched.append)
    monkeypatch.setattr(worker.runtime, "setup", lambda *_: None)
    monkeypatch.setattr(worker, "_train", lambda *_: None)
    worker.main(tmp_path)
    assert watched == [os.getppid()]


def test_the_tool_hands_its_device_to_the_study(tool, write, monkeypatch):
    from paddleseg_lite.cli import common as cli
    from paddleseg_lite.cli.jobs import ablate

    given = {}
    monkeypatch.setattr(cli, "start", lambda args: type("Settled", (), {"device": "gpu:0"}))
    monkeypatch.setattr(ablate, "run_ablation", lambda config, **kwargs: given.update(kwargs) or 0)
    assert tool("ablate", "--config", write(), "--device", "gpu")[0] == 0
    assert given["device"] == "gpu:0"


def test_the_doctor_looks_once_before_the_first_run(within, write, tmp_path, monkeypatch, caplog):
    from paddleseg_lite.cli.jobs import ablate

    caplog.set_level("INFO", logger="paddleseg_lite")
    path, folder = write(unit({})), tmp_path / "o"
    seen, real = [], ablate.diagnose
    monkeypatch.setattr(ablate, "diagnose", lambda config, **more: seen.append(config) or real(config, **more))
    for _ in range(2):  # the second time nothing is left to run
        assert run_ablation(str(path), opts=[], save_dir=str(folder), doctor=True) == 0
    assert len(seen) == 1 and "doctor, on unit=none seed=0: " in caplog.text
    path = write(unit({"GloRe": {"model.context": "GloRe"}}), {"freeze": "nothing_like_that"})
    with pytest.raises(
        UserError, match=r"was not started \(--no_doctor starts it anyway\):\n.*no part 'nothing_like_that'"
    ):
        run_ablation(str(path), opts=[], save_dir=str(tmp_path / "p"), doctor=True)
    assert not (tmp_path / "p" / "runs").exists()


def test_no_run_is_started_on_a_full_disk(within, write, tmp_path, monkeypatch):
    """The first run ends, the second is not begun, the report has the first, and the next call goes on."""
    path = write(unit({"GloRe": {"model.context": {"type": "GloRe", "num_nodes": 4}}}))
    full = lambda: any((tmp_path / "o").glob("runs/*/result.json"))  # noqa: E731
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10**6 if full() else 10**12))
    told = r"only 0 MiB are free for .*; 1 of 2 runs are left.*call the study again"
    with pytest.raises(EnvironmentProblem, match=told):
        run_ablation(str(path), opts=[], save_dir=str(tmp_path / "o"))
    assert "GloRe" in (tmp_path / "o" / "report.md").read_text()
    ((_, rows),) = collect(load_study(path), tmp_path / "o")
    assert len(rows[0].values) == 1 and rows[1].missing == [0] and not rows[1].failures
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10**12))
    assert run_ablation(str(path), opts=[], save_dir=str(tmp_path / "o")) == 0


def test_a_run_broken_off_by_a_full_disk_is_not_a_failure(write, tmp_path, monkeypatch):
    study, said = load_study(write(unit({}))), []
    end = f"raise SystemExit({worker.DISK_FULL})"
    monkeypatch.setattr(pool, "spawn", lambda *_: subprocess.Popen([sys.executable, "-c", end]))
    with pytest.raises(EnvironmentProblem, match=r"is full .unit=none seed=0 stopped there.; 1 of 1 runs are left"):
        run_study(study, tmp_path, progress=said.append)
    assert read_result(tmp_path, study.runs[0]) is None and "disk is full" in said[-1]


@pytest.mark.parametrize("name", ["claim.lock", "run.lock"])
def test_a_run_that_another_process_has_under_way_is_left_to_it(within, write, tmp_path, monkeypatch, name):
    """The others go on; it is waited for, and taken over where the other process dies."""
    monkeypatch.setattr(runner, "LOOK_AGAIN", 0.1)
    study, said = load_study(write({"seeds": [0]})), []
    folder = run_folder(tmp_path, study.runs[0])
    hold = "import sys\nfrom paddleseg_lite.training.run_lock import RunLock\n"
    hold += "lock = RunLock(sys.argv[1], sys.argv[2])\nlock.acquire()\n"
    hold += "print('held', flush=True)\nsys.stdin.read()\n"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(folder), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=on_path()
    )

    def progress(line):
        said.append(line)
        if line.startswith("[1/2] unit=GloRe"):
            assert read_result(tmp_path, study.runs[0]) is None and not list(folder.glob("iter_*"))
            other.kill()

    try:
        assert other.stdout.readline() == b"held\n"
        run_study(study, tmp_path, progress=progress)
    finally:
        other.kill()
        other.wait()
    left = f"unit=none seed=0: left to process {other.pid} on host"
    assert sum(left in line for line in said) == 1 and "[2/2] unit=none seed=0: mIoU" in said[-1]
    assert read_result(tmp_path, study.runs[0])["status"] == "done"


def on_path():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return {**os.environ, "PYTHONPATH": root}


def test_scores_whose_line_was_lost_are_taken_again(within, write, tmp_path):
    """The disk was full when the last validation was to be written, and the checkpoint fitted."""
    study = load_study(write(unit({})))
    folder = run_folder(tmp_path, study.runs[0])
    run_study(study, tmp_path, keep_weights=True, progress=lambda line: None)
    scores = read_result(tmp_path, study.runs[0])["metrics"]
    (folder / "result.json").unlink()
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    kept = [line for line in lines if (json.loads(line)["kind"], json.loads(line)["iter"]) != ("eval", 2)]
    assert len(kept) == len(lines) - 1
    (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in kept))
    run_study(study, tmp_path, progress=lambda line: None)
    again = read_result(tmp_path, study.runs[0])["metrics"]
    assert again["iter"] == 2 and again["confusion"] == scores["confusion"] and again["mIoU"] == scores["mIoU"]


def test_a_worker_tells_a_full_disk_from_a_fault(tmp_path, monkeypatch):
    def no_space(folder, lock):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(worker, "end_with", lambda parent: None)
    monkeypatch.setattr(worker.runtime, "setup", lambda *_: None)
    monkeypatch.setattr(worker, "_train", no_space)
    assert worker.main(tmp_path) == worker.FAILED  # there is space: some other fault
    assert "No space left" in json.loads((tmp_path / "result.json").read_text())["reason"]
    (tmp_path / "result.json").unlink()
    monkeypatch.setattr(worker, "disk_is_full", lambda folder: True)
    assert worker.main(tmp_path) == worker.DISK_FULL
    assert not list(tmp_path.iterdir())


def test_free_space_is_found_by_writing(tmp_path):
    assert not worker.disk_is_full(tmp_path)
    assert worker.disk_is_full(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_study_killed_twice_ends_with_the_same_table(root, write, tmp_path, request):
    path = write({"seeds": [0]}, {"iters": 12, "save_interval": 3})
    command = [sys.executable, str(root / "tools" / "ablate.py"), "--config", str(path), "--no_doctor", "--save_dir"]
    for kill in range(2):
        process = subprocess.Popen([*command, tmp_path / "o"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(partial(something_to_lose, tmp_path / "o", kill, process))
        time.sleep(random.SystemRandom().uniform(0.0, 0.5))
        process.kill()
        process.wait()
        until(lambda: not workers_in(tmp_path))  # no orphan writes beside its successor
    done = subprocess.run([*command, str(tmp_path / "o")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    request.getfixturevalue("within")
    assert run_ablation(str(path), opts=[], save_dir=str(tmp_path / "undisturbed")) == 0
    tables = []
    for name in ("o", "undisturbed"):
        variants = json.loads((tmp_path / name / "report.json").read_text())["groups"][0]["variants"]
        tables.append([(v["name"], v["values"], v["class_iou"], v["comparison"]) for v in variants])
    assert repr(tables[0]) == repr(tables[1])  # nan is not equal to itself


def until(condition, seconds=120):
    """Wait for what has to come, however slow the machine is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def something_to_lose(study, more_than, process):
    """Whether the study has more checkpoints than that, or no process any more."""
    return len(list(study.glob("runs/*/iter_*/manifest.json"))) > more_than or process.poll() is not None


def workers_in(folder):
    """The processes that train a run in the folder."""
    return subprocess.run(["pgrep", "-f", f"studies.worker {folder}"], capture_output=True, text=True).stdout
