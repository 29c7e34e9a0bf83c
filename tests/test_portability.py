"""Windows, macOS and Linux: what would work on one system alone is found in the sources."""

import ast
import importlib
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(p for folder in ("paddleseg_lite", "tools") for p in (ROOT / folder).rglob("*.py"))
POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_CALLS = {"fork", "forkpty", "getuid", "geteuid", "killpg", "setsid", "getpgid", "mkfifo", "chown", "alarm"}
NOT_TEXT = {"os", "tarfile", "zipfile", "gzip", "archive", "stack", "self", "socket", "webbrowser", "Image", "wave"}


def encoding_free(tree: ast.AST):
    """Lines that open a file as text without naming the encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(k.arg in ("encoding", None) for k in node.keywords):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in ("read_text", "write_text"):
            yield node.lineno
        opens = isinstance(function, ast.Name) and function.id == "open"
        if isinstance(function, ast.Attribute) and function.attr == "open":
            opens = not (isinstance(function.value, ast.Name) and function.value.id in NOT_TEXT)
        modes = [*node.args, *(k.value for k in node.keywords if k.arg == "mode")]
        binary = any(
            isinstance(a, ast.Constant) and isinstance(a.value, str) and "b" in a.value and len(a.value) < 4
            for a in modes
        )
        if opens and not binary:
            yield node.lineno


def posix_imports(tree: ast.Module):
    """Imports of POSIX modules that run when the module is imported, unless an ImportError is caught."""
    for node in tree.body:
        names = {a.name for a in node.names} if isinstance(node, ast.Import) else set()
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = {node.module}
        for name in names & POSIX_ONLY:
            yield f"{node.lineno}: {name}"


def posix_calls(tree: ast.AST):
    """``os.fork`` and its like, anywhere."""
    for node in ast.walk(tree):
        owner = node.value if isinstance(node, ast.Attribute) and node.attr in POSIX_CALLS else None
        if isinstance(owner, ast.Name) and owner.id in ("os", "signal"):
            yield f"{node.lineno}: {owner.id}.{node.attr}"


def test_the_finders_find():
    bad = ast.parse("import fcntl\nopen('a')\nPath('b').read_text()\nPath('c').open('w')\nos.fork()\nopen('d', 'rb')\n")
    assert list(encoding_free(bad)) == [2, 3, 4]
    assert list(posix_imports(bad)) == ["1: fcntl"] and list(posix_calls(bad)) == ["5: os.fork"]


@pytest.fixture(scope="module")
def trees():
    """The parsed sources by their paths."""
    return {p: ast.parse(p.read_text(encoding="utf-8")) for p in SOURCES}


@pytest.mark.parametrize("finder", [encoding_free, posix_imports, posix_calls])
def test_sources(finder, trees):
    assert len(trees) > 100
    assert not [f"{p.relative_to(ROOT)}:{line}" for p, tree in trees.items() for line in finder(tree)]


def test_everything_imports_without_posix_modules():
    """In a process where the POSIX modules are gone (Paddle and its own needs were imported before)."""
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in SOURCES if p.parts[-2] != "tools"]
    code = (
        "import sys, importlib, importlib.util\n"
        "from paddleseg_lite import runtime\nruntime.setup('cpu')\n"
        "import multiprocessing.pool, tempfile, subprocess, visualdl, matplotlib.pyplot, tqdm\n"
        "if importlib.util.find_spec('gradio'): import gradio  # it has its own ways on other systems\n"
        f"for name in {sorted(POSIX_ONLY - {'posix'})!r}: sys.modules[name] = None\n"
        f"for name in {[m.removesuffix('.__init__') for m in modules if not m.endswith('__main__')]!r}:\n"
        "    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError as e:\n"
        "        if e.name != 'gradio': raise  # an extra\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("system", ["Windows", "Darwin"])
def test_workers_are_left_out_where_there_is_no_fork(monkeypatch, system):
    from paddleseg_lite.data import BatchSampler, train_batches
    from paddleseg_lite.data.building import build_dataset

    spec = {"type": "Scenes", "num_samples": 4, "size": [32, 32], "num_classes": 6, "transforms": ["Normalize"]}
    dataset = build_dataset(spec, mode="train")

    def images(workers):
        batches = train_batches(dataset, BatchSampler(4, 2, seed=1), seed=1, stop_iter=2, num_workers=workers)
        return np.stack([b["image"].numpy() for b in batches])

    plain = images(0)
    workers = importlib.import_module("paddleseg_lite.data.workers")
    monkeypatch.setattr(workers.platform, "system", lambda: system)
    monkeypatch.setattr("paddle.io.DataLoader", None)  # calling it would fail
    np.testing.assert_array_equal(images(2), plain)
    assert platform.system() == system


def test_a_library_that_opencv_lacks_is_named_to_those_who_import(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file: No such file')\n")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "import paddleseg_lite\n"
        "from paddleseg_lite.errors import EnvironmentProblem\n"
        "try: paddleseg_lite.load('run')\n"
        "except EnvironmentProblem as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0 and "apt-get install libgl1" in done.stdout, done.stderr[-2000:]
