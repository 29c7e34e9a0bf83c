"""Runtime: what setup changes, what importing does not, and what the user has set stays."""

import os
import subprocess
import sys

import pytest

from paddleseg_lite import runtime
from paddleseg_lite.errors import EnvironmentProblem, UserError


def run_python(code, root, **env):
    merged = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")}
    merged.update(env, PYTHONPATH=str(root))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=merged, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_importing_the_package_changes_nothing(root):
    code = (
        "import os, sys; before = dict(os.environ); import paddleseg_lite; "
        "print(dict(os.environ) == before and not {'paddle', 'cv2', 'numpy'} & set(sys.modules))"
    )
    assert run_python(code, root) == "True"


def test_setup_sets_threads_before_paddle_is_imported(root):
    code = (
        "import paddleseg_lite, os; s = paddleseg_lite.setup('cpu', threads=2); "
        "print(s.threads, os.environ['OMP_NUM_THREADS'], s.device)"
    )
    assert run_python(code, root) == "2 2 cpu"


def test_warnings_of_the_library_are_seen_after_setup(root):
    """Importing Paddle sets up logging while its own warnings are held back: ours must not go the same way."""
    code = (
        "import sys; sys.stderr = sys.stdout; import logging, paddleseg_lite; paddleseg_lite.setup('cpu'); "
        "logging.getLogger('paddleseg_lite').warning('seen')"
    )
    assert run_python(code, root) == "seen"


def test_setup_keeps_what_the_user_set(root):
    code = "import paddleseg_lite; s = paddleseg_lite.setup('cpu'); print(s.threads, s.allocator_tuned)"
    assert run_python(code, root, OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2") == "1 False"


def test_threads_asked_for_by_name_win_over_the_environment(root):
    code = (
        "import os, paddleseg_lite; s = paddleseg_lite.setup('cpu', threads=2); "
        "print(s.threads, os.getenv('OMP_NUM_THREADS'))"
    )
    assert run_python(code, root, OMP_NUM_THREADS="1") == "2 2"


def test_waiting_threads_sleep(root):
    code = "import paddleseg_lite, os; paddleseg_lite.setup('cpu'); print(os.environ.get('OMP_WAIT_POLICY'))"
    assert run_python(code, root) == "PASSIVE"
    assert run_python(code, root, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"
    assert run_python(code, root, KMP_BLOCKTIME="200") == "None"


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
