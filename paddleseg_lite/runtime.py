"""What must happen before the first tensor: threads, allocator, device, seeds.

``setup()`` is called by every tool before Paddle is imported and by a user's
script as ``paddleseg_lite.setup()``. Importing the package changes nothing.
What the user has set in the environment is never overridden.

Paddle reads ``OMP_NUM_THREADS`` once, when it is imported, and runs on one
thread where it is unset. glibc maps fresh pages for every large tensor; keeping
them makes UNet inference about twice as fast (docs/cpu.md has the measurements).
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import platform
import random
import sys
import time
import warnings
from dataclasses import dataclass

from .errors import EnvironmentProblem, UserError

logger = logging.getLogger("paddleseg_lite")

# malloc.h of glibc
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_TOP_PAD_BYTES = 64 << 20
_MAX_TRIM = 2**31 - 1
_set_here: list[str | None] = [None]  # the threads that set_threads settled on


@dataclass(frozen=True)
class Runtime:
    """What :func:`setup` settled on."""

    device: str
    threads: int
    allocator_tuned: bool
    seed: int | None


def available_cores() -> int:
    """Cores this process may really use: its affinity mask, cut by a cgroup quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    quota = _cgroup_cores()
    return max(1, min(cores, quota) if quota else cores)


@functools.lru_cache(maxsize=1)
def processor() -> str:
    """Name of the processor, with family and model where Linux tells them: makers use one name for many chips."""
    facts: dict[str, str] = {}
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
        for key, _, value in (line.partition(":") for line in f):
            facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine()
    numbers = [f"{key.split()[-1]} {facts[key]}" for key in ("cpu family", "model") if key in facts]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def cores_busy_elsewhere(seconds: float = 0.2) -> float:
    """How many of the cores that this process may use compute for others (0 where there is no ``/proc``)."""

    def reading() -> tuple[float, float]:
        own = os.times()
        with open("/proc/stat", encoding="ascii") as f:
            fields = [line.split() for line in f if line.startswith("cpu")]
        mask = {f"cpu{index}" for index in os.sched_getaffinity(0)}
        user, nice, system = (sum(int(line[i]) for line in fields if line[0] in mask) for i in (1, 2, 3))
        return (user + nice + system) / os.sysconf("SC_CLK_TCK"), own.user + own.system

    try:
        (busy, own), started = reading(), time.perf_counter()
        time.sleep(seconds)
        (busy_then, own_then), passed = reading(), time.perf_counter() - started
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0
    return max(0.0, (busy_then - busy) - (own_then - own)) / passed


def free_bytes() -> int | None:
    """Memory this process may still take (machine and cgroup); ``None`` where the system does not say."""
    free = None
    try:
        with open("/proc/meminfo", encoding="ascii") as f:
            for line in f:
                if line.startswith("MemAvailable:"):
                    free = int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as f:
            top = f.read().strip()
        if top != "max":
            with open("/sys/fs/cgroup/memory.current", encoding="ascii") as f:
                left = int(top) - int(f.read())
            free = left if free is None else min(free, left)
    except (OSError, ValueError):
        pass
    return free


def _cgroup_cores() -> int | None:
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as f:  # cgroup v2
            quota, period = f.read().split()
        return None if quota == "max" else max(1, int(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    try:
        with open("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", encoding="ascii") as f:  # cgroup v1
            quota = int(f.read())
        with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us", encoding="ascii") as f:
            period = int(f.read())
        return None if quota <= 0 else max(1, quota // period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def setup(
    device: str = "auto", *, threads: int | None = None, seed: int | None = None, allocator: bool = True
) -> Runtime:
    """Prepare the process; call before importing paddle.

    Args:
        device: ``auto`` (GPU where there is one), ``cpu``, ``gpu`` or ``gpu:N``.
        threads: CPU compute threads; by default the cores this process may use,
            or what ``OMP_NUM_THREADS`` says.
        seed: seeds Python, NumPy and Paddle where given.
        allocator: keep freed pages in the process (glibc only).

    Raises:
        EnvironmentProblem: a GPU was asked for and is not there.
    """
    count = set_threads(threads)
    tuned = tune_allocator() if allocator else False
    chosen = select_device(device)
    if seed is not None:
        seed_everything(seed)
    return Runtime(device=chosen, threads=count, allocator_tuned=tuned, seed=seed)


def set_threads(threads: int | None = None) -> int:
    """Set ``OMP_NUM_THREADS``: ``threads``, else what the user has set, else all cores; returns the number in force.

    Threads that wait for each other also sleep from now on after a millisecond
    (``KMP_BLOCKTIME``; 200 are usual). One that spins keeps the one it waits for
    from running on a busy machine. One that sleeps at once must be woken a
    thousand times a step, which on some virtual machines doubles the time of a
    small network (docs/cpu.md).
    """
    if "paddle" not in sys.modules and not {"OMP_WAIT_POLICY", "KMP_BLOCKTIME"} & set(os.environ):
        os.environ["KMP_BLOCKTIME"] = "1"
    if threads is None and "OMP_NUM_THREADS" in os.environ:
        return threads_in_force()
    if threads is not None and threads < 1:
        raise EnvironmentProblem(f"--threads must be at least 1, got {threads}: leave it out for all cores.")
    count = threads or max(1, available_cores() // _count_in_environment("PADDLE_TRAINERS_NUM"))
    if "paddle" in sys.modules and os.environ.get("OMP_NUM_THREADS") != str(count):
        logger.warning(
            "paddle was imported before paddleseg_lite.setup(): it stays on the threads it has. "
            "Call setup() first to use %d.",
            count,
        )
        return 1
    os.environ["OMP_NUM_THREADS"] = _set_here[0] = str(count)
    return count


def threads_left_unused() -> bool:
    """Whether ``OMP_NUM_THREADS`` as it was found leaves cores idle; what :func:`set_threads` chose is no oversight."""
    return os.environ.get("OMP_NUM_THREADS") != _set_here[0] and threads_in_force() < available_cores()


def threads_in_force() -> int:
    """The threads :func:`set_threads` or the user has settled on; all cores where nobody has.

    Raises:
        EnvironmentProblem: ``OMP_NUM_THREADS`` is not a number of at least 1.
    """
    return _count_in_environment("OMP_NUM_THREADS") if "OMP_NUM_THREADS" in os.environ else available_cores()


def _count_in_environment(name: str) -> int:
    """A positive number from the environment (the first of a list); 1 where it is unset."""
    text = os.environ.get(name, "1")
    first = text.split(",")[0].strip()
    if not first.isdecimal() or int(first) < 1:
        raise EnvironmentProblem(f"{name} is '{text}', not a number of at least 1: unset it or correct it.")
    return int(first)


def tune_allocator() -> bool:
    """Tell glibc to keep freed memory; False where there is no glibc or the user has tuned malloc."""
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    try:
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _MAX_TRIM), (_M_TOP_PAD, _TOP_PAD_BYTES))
    return all(mallopt(key, value) == 1 for key, value in settings)


def give_back_memory() -> None:
    """Return freed memory that the allocator keeps to the system (glibc only)."""
    if platform.libc_ver()[0] == "glibc":
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)


def tidy_memory(done: int) -> None:
    """Give free memory back when some work has been ``done`` once, twice, 4, 8, 16, ... times.

    The first repetitions leave holes that later ones do not fit into, since glibc (before 2.38) cannot put an aligned
    block where one of its size lay. They are no longer part of the process then; later ones leave few.
    """
    if done & (done - 1) == 0:
        give_back_memory()


def select_device(device: str = "auto") -> str:
    """Select the Paddle device; returns ``cpu`` or ``gpu:N``."""
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "gpu") or (index and (kind != "gpu" or not index.isdigit())):
        raise EnvironmentProblem(f"device '{device}' is unknown: use auto, cpu, gpu or gpu:N.")
    paddle = import_paddle()
    gpus = paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0
    if kind == "gpu" and gpus == 0:
        why = "no CUDA device is visible" if paddle.is_compiled_with_cuda() else "this paddle is built without CUDA"
        raise EnvironmentProblem(
            f"--device {device}: {why}. Use --device cpu, or install the GPU build (requirements-gpu.txt) "
            "on a machine with an NVIDIA driver."
        )
    if kind == "gpu" and index and int(index) >= gpus:
        raise EnvironmentProblem(f"--device {device}: there are {gpus} GPUs, numbered from 0.")
    if kind == "cpu" or gpus == 0:
        paddle.device.set_device("cpu")
        return "cpu"
    if kind == "auto" or not index:
        index = os.environ.get("FLAGS_selected_gpus", "0").split(",")[0]  # noqa: SIM112 (set per rank by the launcher)
    paddle.device.set_device(f"gpu:{index}")
    return f"gpu:{index}"


def import_paddle():
    """Import Paddle without the two warnings that do not concern a user here.

    One asks for ccache (nothing is compiled); the other warns against
    ``OMP_NUM_THREADS`` above 1 with OpenBLAS (the wheels use MKL).
    """
    os.environ.setdefault("GLOG_minloglevel", "2")  # its executor and its tracer report themselves at INFO and WARNING
    captured = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stderr(captured):
        warnings.filterwarnings("ignore", message=".*ccache.*")
        import paddle
    for handler in [h for h in logging.root.handlers if getattr(h, "stream", None) is captured]:
        logging.root.removeHandler(handler)  # Paddle sets up logging: every warning would go where nobody looks
    for line in captured.getvalue().splitlines():
        if "OMP_NUM_THREADS" not in line and line.strip():
            print(line, file=sys.stderr)
    import cv2

    cv2.setNumThreads(1)  # its pool fights the compute threads: 90 images/s against 120
    return paddle


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Paddle; samplers and workers derive theirs from the same number."""
    if not 0 <= seed < 2**32:
        raise UserError(f"seed must be between 0 and 2**32 - 1, got {seed}.")
    import numpy
    import paddle

    random.seed(seed)
    numpy.random.seed(seed)
    paddle.seed(seed)
