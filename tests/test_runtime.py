"""Runtime: what setup changes, what importing does not, and what the user has set stays."""

import io
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from paddleseg_lite import runtime
from paddleseg_lite.errors import EnvironmentProblem, UserError

SET_BY_THE_TESTS = ("OMP_", "KMP_BLOCKTIME", "MALLOC_")
STAND_IN = """
import os
class device:
    cuda = None
    set_device = print
    threads = os.environ.get("OMP_NUM_THREADS")  # when Paddle is imported it reads them, and never again
def is_compiled_with_cuda():
    return False
"""


@pytest.fixture
def stand_in(tmp_path):
    """A folder with a Paddle that is imported at once, for tests of what happens before it and around it."""
    (tmp_path / "paddle.py").write_text(STAND_IN)
    return tmp_path


def run_python(code, *folders, **env):
    merged = {k: v for k, v in os.environ.items() if not k.startswith(SET_BY_THE_TESTS)}
    merged.update(env, PYTHONPATH=os.pathsep.join(map(str, folders)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=merged, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_importing_the_package_changes_nothing(root):
    code = (
        "import os, sys; before = dict(os.environ); import paddleseg_lite; "
        "print(dict(os.environ) == before and not {'paddle', 'cv2', 'numpy'} & set(sys.modules))"
    )
    assert run_python(code, root) == "True"


def test_setup_sets_threads_before_paddle_is_imported(stand_in, root):
    code = (
        "import paddleseg_lite; s = paddleseg_lite.setup('cpu', threads=2); "
        "import paddle; print(s.threads, paddle.device.threads, s.device)"
    )
    assert run_python(code, stand_in, root) == "2 2 cpu"


def test_warnings_of_the_library_are_seen_after_setup(root):
    """Importing Paddle sets up logging while its own warnings are held back: ours must not go the same way."""
    code = (
        "import sys; sys.stderr = sys.stdout; import logging, paddleseg_lite; paddleseg_lite.setup('cpu'); "
        "logging.getLogger('paddleseg_lite').warning('seen')"
    )
    assert run_python(code, root) == "seen"


def test_setup_keeps_what_the_user_set(stand_in, root):
    code = "import paddleseg_lite; s = paddleseg_lite.setup('cpu'); print(s.threads, s.allocator_tuned)"
    assert run_python(code, stand_in, root, OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2") == "1 False"
    glibc = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    assert run_python(code, stand_in, root, OMP_NUM_THREADS="1") == f"1 {glibc}"


def test_threads_asked_for_by_name_win_over_the_environment(stand_in, root):
    code = (
        "import os, paddleseg_lite; s = paddleseg_lite.setup('cpu', threads=2); "
        "print(s.threads, os.getenv('OMP_NUM_THREADS'))"
    )
    assert run_python(code, stand_in, root, OMP_NUM_THREADS="1") == "2 2"


def test_waiting_threads_soon_sleep(stand_in, root):
    code = "import paddleseg_lite, os; paddleseg_lite.setup('cpu'); print(os.environ.get('KMP_BLOCKTIME'))"
    assert run_python(code, stand_in, root) == "1"
    assert run_python(code, stand_in, root, KMP_BLOCKTIME="200") == "200"
    assert run_python(code, stand_in, root, OMP_WAIT_POLICY="ACTIVE") == "None"


def test_work_of_others_is_seen_and_ones_own_is_not(monkeypatch, tmp_path):
    """Two readings of /proc/stat, a second of work of two cores apart; half a second of it is this process's own."""
    readings = iter(["cpu0 100 0 0 900 0", "cpu0 150 10 40 900 0"])
    own = iter([5.0, 5.5])

    def proc_stat(path, **kwargs):
        assert path == "/proc/stat"
        return io.StringIO(f"cpu 9999 9999 9999 0 0\n{next(readings)}\ncpu7 {next(jump)} 0 0 0\n")

    jump = iter([0, 10**6])  # a core that this process may not use
    monkeypatch.setattr("builtins.open", proc_stat)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    monkeypatch.setattr(os, "times", lambda: SimpleNamespace(user=next(own), system=0.0))
    monkeypatch.setattr(os, "sysconf", lambda name: 100)
    clock = iter([10.0, 11.0])
    monkeypatch.setattr(runtime.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(runtime.time, "sleep", lambda seconds: None)
    assert runtime.cores_busy_elsewhere() == pytest.approx(0.5)


def test_cores_respect_the_affinity_mask():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity masks on this platform")
    mask = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(mask)})
        assert runtime.available_cores() == 1
    finally:
        os.sched_setaffinity(0, mask)


@pytest.mark.parametrize("device", ["tpu", "gpu:x", "cpu:1", ""])
def test_unknown_device(device):
    with pytest.raises(EnvironmentProblem, match="use auto, cpu, gpu or gpu:N"):
        runtime.select_device(device)


def test_a_gpu_that_is_not_there():
    import paddle

    if paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count():
        pytest.skip("there is a GPU")
    with pytest.raises(EnvironmentProblem, match="--device cpu"):
        runtime.select_device("gpu")


def test_bad_seed_and_bad_thread_count(monkeypatch):
    with pytest.raises(UserError, match="between 0 and"):
        runtime.seed_everything(-1)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.raises(EnvironmentProblem, match="not a number"):
        runtime.set_threads()


@pytest.mark.parametrize("text, threads", [("3", 3), ("6,2", 6), (None, 8)])
def test_threads_in_force(text, threads, monkeypatch):
    monkeypatch.setattr(runtime, "available_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", text) if text else monkeypatch.delenv("OMP_NUM_THREADS")
    assert runtime.threads_in_force() == threads


def test_a_processor_is_told_from_others_of_its_name(monkeypatch):
    facts = "processor\t: 0\nmodel\t\t: 17\ncpu family\t: 25\nmodel name\t: AN EPYC\n\nprocessor\t: 1\nmodel\t\t: 99\n"
    monkeypatch.setattr(runtime, "open", lambda *_, **__: io.StringIO(facts), raising=False)
    assert runtime.processor.__wrapped__() == "AN EPYC (family 25, model 17)"
    monkeypatch.setattr(runtime, "open", lambda *_, **__: io.StringIO("Hardware\t: a board\n"), raising=False)
    assert runtime.processor.__wrapped__() == (platform.processor() or platform.machine())


def test_memory_is_given_back_ever_more_rarely(monkeypatch):
    given = []
    monkeypatch.setattr(runtime, "give_back_memory", lambda: given.append(done))
    for done in range(1, 70):
        runtime.tidy_memory(done)
    assert given == [1, 2, 4, 8, 16, 32, 64]
