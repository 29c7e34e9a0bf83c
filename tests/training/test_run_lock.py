"""A run folder belongs to one run at a time, on one machine and between several."""

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time

import pytest

from paddleseg_lite.errors import EnvironmentProblem
from paddleseg_lite.training import run_lock as module
from paddleseg_lite.training.lock_owner import myself
from paddleseg_lite.training.run_lock import RunIsBusy, RunLock, refuse_busy
from paddleseg_lite.training.trainer import train

HOLD = "import sys\nfrom paddleseg_lite.training.run_lock import RunLock\nlock = RunLock(sys.argv[1])\nlock.acquire()\n"
HOLD += "print('held', flush=True)\nsys.stdin.read()\n"
ELSEWHERE = {"host": "far", "pid": 1, "started": "5", "machine": "another", "processes": "pid:[1]", "since": "noon"}


def ask(folder):
    """What another process hears that wants the folder."""
    code = "import sys\nfrom paddleseg_lite.training.run_lock import RunLock, RunIsBusy\n"
    code += "try:\n    RunLock(sys.argv[1]).acquire()\nexcept RunIsBusy:\n    print('busy')\n"
    return subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True).stdout


def test_one_at_a_time_in_one_process(tmp_path):
    folder = tmp_path / "new" / "run"
    with RunLock(folder) as lock:
        assert lock.held and json.loads((folder / "run.lock").read_text())["pid"] == os.getpid()
        with pytest.raises(RunIsBusy, match=r"training in .*run.*another --save_dir"):
            RunLock(folder).acquire()
        assert lock.held
    assert not lock.held and not list(folder.iterdir())
    with RunLock(folder):
        pass


def test_a_lock_that_nobody_holds_any_more_is_free(tmp_path):
    lock = RunLock(tmp_path)
    lock.acquire()
    del lock
    with RunLock(tmp_path):
        pass


@pytest.fixture
def other(root, tmp_path):
    """Another process that holds the lock of ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_another_process_is_named_and_its_death_frees_the_folder(tmp_path, other, tiny, caplog):
    caplog.set_level("INFO", logger="paddleseg_lite")
    told = rf"process {other.pid} on host {platform.node()} .since .*. is training in {tmp_path}"
    with pytest.raises(RunIsBusy, match=told):
        refuse_busy(tmp_path)
    for resume in (None, True):
        with pytest.raises(RunIsBusy, match=told):
            train(tiny(), save_dir=tmp_path, resume=resume)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.lock"]
    other.send_signal(signal.SIGKILL)
    other.wait()
    refuse_busy(tmp_path)
    with RunLock(tmp_path):
        refuse_busy(tmp_path)  # this process itself may go on, and keeps the lock
        assert ask(tmp_path) == "busy\n"
        assert f"left behind by process {other.pid}" in caplog.text
    assert not (tmp_path / "run.lock").exists()


@pytest.mark.skipif(module.fcntl is None, reason="the system has no such locks")
def test_an_owner_that_has_not_written_its_name_yet_is_waited_for(tmp_path, monkeypatch):
    code = "import fcntl, os, sys\nfile = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
    code += "fcntl.lockf(file, fcntl.LOCK_EX)\nprint('locked', flush=True)\nsys.stdin.readline()\n"
    code += 'os.write(file, b\'{"host": "near", "pid": 7, "since": "now"}\')\nsys.stdin.read()\n'
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run.lock")], **pipes) as owner:
        assert owner.stdout.readline() == b"locked\n"
        monkeypatch.setattr(module, "INTRODUCTION", 0.05)
        with pytest.raises(RunIsBusy, match="another process is training"):
            RunLock(tmp_path).acquire()
        monkeypatch.setattr(module, "INTRODUCTION", 60)
        owner.stdin.write(b"\n")
        owner.stdin.flush()
        with pytest.raises(RunIsBusy, match="process 7 on host near"):
            RunLock(tmp_path).acquire()
        owner.kill()


def without_system_locks(monkeypatch):
    monkeypatch.setattr(module, "_system_lock", lambda file: None)
    monkeypatch.setattr(module, "SETTLE", 0.0)


@pytest.mark.skipif(platform.system() != "Linux", reason="other systems do not tell when a process started")
def test_where_files_cannot_be_locked_processes_are_looked_up(tmp_path, other, monkeypatch):
    without_system_locks(monkeypatch)
    with pytest.raises(RunIsBusy, match=f"process {other.pid} on host"):
        RunLock(tmp_path).acquire()
    other.kill()
    other.wait()
    with RunLock(tmp_path):
        pass


def test_a_number_that_another_process_has_by_now_is_no_owner(tmp_path, monkeypatch):
    without_system_locks(monkeypatch)
    own = {**myself(), "started": "1", "token": "x"}
    (tmp_path / "run.lock").write_text(json.dumps(own))
    with RunLock(tmp_path):
        pass


@pytest.mark.parametrize("locks", [True, False])
def test_an_owner_on_another_host_counts_by_its_signs_of_life(tmp_path, monkeypatch, locks):
    if not locks:
        monkeypatch.setattr(module, "_system_lock", lambda file: None)
    monkeypatch.setattr(module, "SETTLE", 0.0)
    path = tmp_path / "run.lock"
    path.write_text(json.dumps(ELSEWHERE))
    with pytest.raises(RunIsBusy, match=r"process 1 on host far.*last sign of life \d s ago.*wait 60 s, or delete"):
        RunLock(tmp_path).acquire()
    os.utime(path, (time.time() - 100,) * 2)
    with RunLock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_owner_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BEAT", 0.01)
    path = tmp_path / "run.lock"
    with RunLock(tmp_path):
        os.utime(path, (1, 1))
        limit = time.monotonic() + 120
        while path.stat().st_mtime < 2 and time.monotonic() < limit:
            time.sleep(0.01)
        assert path.stat().st_mtime > 2


def test_of_two_that_take_a_stale_lock_the_last_to_sign_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_system_lock", lambda file: None)
    monkeypatch.setattr(module, "SETTLE", 0.3)
    path = tmp_path / "run.lock"
    path.write_text("{damaged")
    late = json.dumps({**ELSEWHERE, "token": "late"})
    timer = threading.Timer(0.1, path.write_text, [late])
    timer.start()
    with pytest.raises(RunIsBusy, match="process 1 on host far"):
        RunLock(tmp_path).acquire()
    timer.join()
    assert path.read_text() == late  # the loser leaves it alone


def test_an_owner_that_was_taken_for_dead_stops_writing(tmp_path):
    lock = RunLock(tmp_path)
    lock.acquire()
    lock.check()
    (tmp_path / "run.lock").write_text(json.dumps({**ELSEWHERE, "token": "new"}))
    with pytest.raises(EnvironmentProblem, match="another process has taken the run folder"):
        lock.check()
    lock.release()
    assert (tmp_path / "run.lock").exists()  # it is the other's now


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_workers_neither_hold_nor_end_the_lock(tmp_path):
    lock = RunLock(tmp_path)
    lock.acquire()
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert ask(tmp_path) == "busy\n"
    lock.release()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*run\.lock: Not a directory"):
        RunLock(tmp_path / "file" / "run").acquire()
    with pytest.raises(EnvironmentProblem, match="cannot write"):  # and nothing stays held
        RunLock(tmp_path / "file" / "run").acquire()
