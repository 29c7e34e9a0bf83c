"""A save that fails or is killed, at whatever moment, leaves a good checkpoint and no rubbish."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from saving import MEMORY, save

from paddleseg_lite.checkpoint import load_checkpoint, newest_good, prune, recover, storage
from paddleseg_lite.errors import CheckpointError


@pytest.fixture
def tmp_path():
    """In memory where there is such a folder: hundreds of small files are flushed here."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def steps_of_a_save(folder) -> list[str]:
    seen = []
    save(folder / "iter_1", 1.0, watch=seen.append)
    return seen


def contents(folder) -> set[str]:
    return {p.name for p in folder.iterdir()}


def value_of(folder) -> float:
    return load_checkpoint(folder).state["value"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
def test_killed_at_every_step_and_at_random():
    """SIGKILL: before the rename the old one is there, after it the new one; never a part of either."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as root:
        script = Path(__file__).with_name("killed_saves.py")
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, str(script), root, "15"], capture_output=True, text=True, env=env, timeout=300
        )
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    for name in ("replace", "beside"):
        steps = [step for step, _ in outcome[name]]
        turn = steps.index("in place")
        assert [value for _, value in outcome[name]] == [0] * turn + [1] * (len(steps) - turn)
        assert ("old aside" in steps) == (name == "replace") and len(set(steps)) >= 14
    assert outcome["random"]["during a save"] >= 3


@pytest.mark.parametrize(
    "failure",
    [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()],
    ids=["full", "interrupt", "memory"],
)
def test_failing_at_every_step(tmp_path, failure):
    steps = steps_of_a_save(tmp_path)
    assert len(set(steps)) >= 14
    for index in range(len(steps)):
        seen = []

        def watch(step, seen=seen, index=index):
            seen.append(step)
            if len(seen) > index:
                raise failure

        save(tmp_path / "iter_1", 1.0)
        with pytest.raises(CheckpointError if isinstance(failure, OSError) else type(failure)) as caught:
            save(tmp_path / "iter_1", 2.0, watch=watch)
        if isinstance(failure, OSError):
            assert "No space left" in str(caught.value) and "is untouched" in str(caught.value)
        assert contents(tmp_path) == {"iter_1"}
        assert value_of(tmp_path / "iter_1") == (2.0 if seen[-1] in ("in place", "end") else 1.0)


def test_a_failed_first_save_leaves_nothing(tmp_path):
    def watch(step):
        if step == "written model.pdparams":
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(CheckpointError, match=r"iter_1: cannot be saved \(Input/output error\)"):
        save(tmp_path / "iter_1", watch=watch)
    assert contents(tmp_path) == set()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 96 KiB; a checkpoint of the tests takes about 10."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_disk_full(small_disk, monkeypatch):
    """A real file system without space, once noticed before writing and once while writing."""
    with pytest.raises(CheckpointError, match=r"MiB are needed for a checkpoint and 0 MiB are free"):
        save(small_disk / "iter_1")
    assert contents(small_disk) == set()
    monkeypatch.setattr(storage, "check_free", lambda folder, need: None)  # as if another program took it meanwhile
    good, failed = None, 0
    for n in range(1, 30):
        try:
            save(small_disk / f"iter_{n}", float(n))
            good = n
        except CheckpointError as e:
            failed += 1
            assert "No space left" in str(e)
        assert not any(name.startswith(".") for name in contents(small_disk))
        assert newest_good(small_disk) == (small_disk / f"iter_{good}", [])
        assert value_of(small_disk / f"iter_{good}") == good
    assert failed > 10 and good >= 2
    prune(small_disk, keep=1)  # space again: the next save works
    save(small_disk / "iter_99", 99.0)
    assert newest_good(small_disk)[0].name == "iter_99"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_largest_file_reached(tmp_path):
    """The same without a mount: the system refuses to write beyond 512 bytes a file."""
    import resource

    save(tmp_path / "iter_1", 1.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        with pytest.raises(CheckpointError, match="File too large"):
            save(tmp_path / "iter_1", 2.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == {"iter_1"} and value_of(tmp_path / "iter_1") == 1.0


def test_free_space_is_checked_first(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(CheckpointError, match=r"lower --keep_checkpoint_max"):
        save(tmp_path / "iter_1")
    assert contents(tmp_path) == set()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(CheckpointError, match="cannot be saved"):
        save(tmp_path / "run" / "iter_1")


def test_recovery_reports_what_it_did(tmp_path):
    save(tmp_path / "iter_1", 1.0)
    save(tmp_path / "iter_2", 2.0)
    save(tmp_path / "best_model", 3.0)
    (tmp_path / "iter_2").rename(tmp_path / ".old-iter_2")  # killed between the renames
    shutil.copytree(tmp_path / "best_model", tmp_path / ".old-best_model")  # killed while deleting the old one
    (tmp_path / ".tmp-iter_3").mkdir()
    (tmp_path / ".del-iter_0").mkdir()
    (tmp_path / ".other").mkdir()
    assert newest_good(tmp_path)[0].name == "iter_1"
    done = recover(tmp_path)
    assert len(done) == 4 and sum("put back" in line for line in done) == 1
    assert contents(tmp_path) == {"iter_1", "iter_2", "best_model", ".other"}
    assert newest_good(tmp_path)[0].name == "iter_2"
    assert recover(tmp_path) == [] and recover(tmp_path / "none") == []
