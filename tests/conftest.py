"""Shared fixtures. The process is set up before Paddle is imported, as the tools do it."""

import gc
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from paddleseg_lite import runtime  # noqa: E402

os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")  # of 1,024: most of a suite's shapes never come again
# For the workers of xdist and programs under test: glibc keeps some freed memory, where runtime's tuning keeps all.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(256 << 20))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(512 << 20))

# With ``pytest -n N`` the workers divide the cores instead of fighting for them.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
runtime.setup("cpu", threads=max(1, runtime.available_cores() // WORKERS) if WORKERS > 1 else None)


# Files that take longest, most by starting processes: they come first, or one worker would end long after the others.
LONG = ("test_docs", "test_every_model", "test_every_unit", "test_networks", "test_distributed", "test_extending_page")
LONG += ("test_faults", "test_study", "test_nodes", "test_signals", "test_counts", "test_packaging", "test_trainer")


def pytest_addoption(parser):
    parser.addoption(
        "--with",
        action="append",
        default=[],
        dest="own_files",
        metavar="FILE",
        help="a file of your own whose networks, units, losses, ... go through tests/contracts too",
    )


def pytest_xdist_auto_num_workers(config):
    """Processes of ``-n auto``, the default: up to four for the whole suite, this one for what is chosen by name."""
    chosen = config.option.keyword or config.option.markexpr or config.args != config.getini("testpaths")
    return 0 if chosen else min(4, runtime.available_cores())


def pytest_configure(config):
    """Register what the files of ``--with`` hold, as ``--import`` of the tools does."""
    config.option.loadscopereorder = False  # of xdist: else files with few tests come last, and LONG ones have few
    if not config.option.own_files:
        return
    from paddleseg_lite.errors import UserError
    from paddleseg_lite.plugins import import_file
    from tests.contracts.found import OWN_MODULES

    for file in config.option.own_files:
        try:
            OWN_MODULES.add(import_file(Path(file).resolve()))
        except UserError as e:
            raise pytest.UsageError(str(e).replace("--import", "--with")) from e


def pytest_collection_finish():
    """Paddle, the modules and the tests live as long as the process: the garbage collector need not visit them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 10)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def camvid() -> Path:
    """The CamVid folder; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PADDLESEG_LITE_CAMVID", ROOT.parent / "shared" / "data" / "camvid"))
    if not (folder / "train.txt").is_file():
        pytest.skip("CamVid is not on this machine (set PADDLESEG_LITE_CAMVID)")
    return folder


def has_gpu() -> bool:
    """Whether this Paddle sees a GPU."""
    import paddle

    return paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0


@pytest.fixture(autouse=True, scope="module")
def memory_given_back():
    """After each file, compiled operations go, and free memory that the allocator keeps returns to the system."""
    from paddleseg_lite.accel import primitive

    yield
    primitive.clear()
    gc.collect()
    runtime.give_back_memory()


@pytest.fixture(autouse=True, scope="session")
def curves_left_out():
    """Trainings in this process draw no curves, which takes longer than their steps; those of the tools' tests do."""
    from paddleseg_lite.training import run_record

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_record, "results_picture", lambda *_, **__: b"curves")
        yield


MUCH = 200 << 20  # bytes that one test may leave behind


@pytest.fixture(autouse=True)
def memory_in_bounds():
    """What a test of large networks has used goes before the next of them comes on top of it."""
    before = resident_bytes()
    yield
    if resident_bytes() - before > MUCH:
        gc.collect()
        runtime.give_back_memory()


def resident_bytes() -> int:
    """Of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random state."""
    runtime.seed_everything(0)


def pytest_collection_modifyitems(config, items):
    """Long files first; tests of GPUs need one; slow tests run only when asked for by ``-m``."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    for item in items:
        if "gpu" in item.keywords and not has_gpu():
            item.add_marker(pytest.mark.skip(reason="no GPU on this machine"))
    if config.option.markexpr:
        return
    skip = pytest.mark.skip(reason="slow; run with -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def tool(capsys):
    """``tool("train", "--iters", 3)`` -> (status, output, errors): a tool as its user runs it, in this process."""
    import logging

    from paddleseg_lite.cli import run_command

    def call(name, *arguments):
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as done:
                run_command(name, [str(a) for a in arguments])
        finally:  # also after a traceback, or the next test would write to a closed stream
            for handler in list(logging.getLogger("paddleseg_lite").handlers):
                logging.getLogger("paddleseg_lite").removeHandler(handler)
        captured = capsys.readouterr()
        return done.value.code, captured.out, captured.err

    return call
