"""Tools whose files cannot grow, as on a full disk: the outcome is told, nothing half-written, older outputs stay."""

import cv2
import numpy as np
import pytest

from paddleseg_lite.weights import write_pdparams
from tests.cli.file_run import make_run, scene, write
from tests.export.conftest import needs_onnx
from tests.interop.goldens import Golden

resource = pytest.importorskip("resource")  # POSIX
LIMITS = (0, 700)  # bytes that a file may have
CALLS = ["infer", "video", "report", pytest.param("onnx", marks=needs_onnx), "static", "convert"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run, pictures, a video, and weights of another origin."""
    folder = tmp_path_factory.mktemp("full")
    make_run(folder)
    for i in range(2):
        write(folder / f"pictures/{i}.png", scene(i)[0])
    film = cv2.VideoWriter(str(folder / "film.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (160, 120))
    for _ in range(6):
        film.write(np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8))
    film.release()
    write_pdparams(folder / "enet.pdparams", Golden("paddleseg").state("enet"))
    (folder / "enet.yml").write_text("model: {type: ENet, style: paddleseg, num_classes: 5}\n", encoding="utf-8")
    return folder


def calls(source, out):
    run = ("--model_path", source / "run", "--device", "cpu")
    return {
        "infer": ("infer", *run, "--image_path", source / "pictures", "--save_dir", out, "--backend", "dygraph"),
        "video": ("infer", *run, "--image_path", source / "film.mp4", "--save_dir", out, "--backend", "dygraph"),
        "report": ("val", *run, "--report", out, "--json", out / "scores.json"),
        "onnx": ("export", "--model_path", source / "run", "--save_dir", out, "--format", "onnx"),
        "static": ("export", "--model_path", source / "run", "--save_dir", out, "--format", "static"),
        "convert": ("convert", "--config", source / "enet.yml", "--input", source / "enet.pdparams", "--output",
                    out / "a.pdparams"),
    }  # fmt: skip


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_half_written_and_nothing_lost(name, source, tmp_path, tool):
    older, fresh = tmp_path / "older", tmp_path / "fresh"
    older.mkdir()
    status, _, err = tool(*calls(source, older)[name])
    assert status == 0, err
    kept = content(older)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in LIMITS:
        for folder in (older, fresh):
            folder.mkdir(exist_ok=True)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                status, out, err = tool(*calls(source, folder)[name])
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            last = (err.strip() or out.strip()).splitlines()[-1]
            assert status not in (0, None), (name, limit, out[-500:])
            assert "Traceback" not in out + err and ("annot" in last or "not" in last or "error" in last), last
            left = content(folder)
            whole = {n: data for n, data in left.items() if len(data) <= limit and not n.startswith(".writing")}
            assert {n: data for n, data in left.items() if n not in whole} == (
                {n: data for n, data in kept.items() if n not in whole} if folder is older else {}
            )
