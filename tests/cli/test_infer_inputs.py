"""Every kind of thing that ``infer --image_path`` may meet has one outcome: its result under its name, or a reason."""

import os

import cv2
import numpy as np
import pytest
import tifffile
from file_run import make_run, scene, write
from PIL import Image

from paddleseg_lite import load
from paddleseg_lite.data import read_label


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("inputs"))


def test_a_folder_of_everything(run, tool, tmp_path):
    box, out = tmp_path / "in", tmp_path / "out"
    pictures = {f"a.{end}": scene(i, (24 + 4 * i, 28))[0] for i, end in enumerate(("jpg", "png", "tif"))}
    pictures["a_2.png"] = scene(7, (60, 30))[0]
    for name, image in pictures.items():
        write(box / name, image)
    np.save(box / "array.npy", scene(8)[0])
    frames = [Image.fromarray(scene(i)[0]) for i in range(3)]
    frames[0].save(box / "still.gif")
    frames[0].save(box / "moving.gif", save_all=True, append_images=frames[1:])
    tifffile.imwrite(box / "stack.tif", np.stack([scene(i)[0] for i in range(2)]), photometric="rgb")
    np.save(box / "mask.npy", np.ones((9, 9), bool))
    os.mkfifo(box / "pipe.png")
    os.mkfifo(box / "pipe.mp4")
    (box / "gone.png").symlink_to(box / "nowhere.png")
    (box / "loop").symlink_to(box)
    status, text, err = tool("infer", "--model_path", run, "--image_path", box, "--save_dir", out)
    assert status == 1 and "Traceback" not in text + err
    for reason in ("animation of 3 frames", "holds 2 pages", "array of bool", "pipe.png is a", "pipe.mp4 is a"):
        assert reason in text + err
    assert "6 of 12 files could not be read" in text + err
    written = {p.name for p in (out / "id_prediction").iterdir()}
    assert written == {"a.jpg.png", "a.png.png", "a.tif.png", "a_2.png", "array.png", "still.png"}
    network = load(run)
    for name in written:
        source = box / {"array.png": "array.npy", "still.png": "still.gif", "a_2.png": "a_2.png"}.get(name, name[:-4])
        assert np.array_equal(read_label(out / "id_prediction" / name), network.predict(source).labels), name


@pytest.mark.parametrize("line", [",", ".", "y" * 300, "a\0b.png"])
def test_a_list_with_an_impossible_line(run, tool, tmp_path, line):
    write(tmp_path / "good.png", scene(0)[0])
    (tmp_path / "l.txt").write_text(f"{line}\ngood.png\n")
    out = tmp_path / "out"
    status, text, err = tool("infer", "--model_path", run, "--image_path", tmp_path / "l.txt", "--save_dir", out)
    assert status == 1 and "1 of 2 files could not be read" in text + err
    assert [p.name for p in (out / "id_prediction").iterdir()] == ["good.png"]


def test_an_enormous_picture_in_a_folder_is_told_and_the_folder_goes_on(run, tool, tmp_path, monkeypatch):
    write(tmp_path / "in/a.png", scene(0)[0])
    deep = cv2.imencode(".png", np.zeros((1024, 1024), np.uint16))[1].tobytes()
    (tmp_path / "in/big.png").write_bytes(deep)
    monkeypatch.setattr("paddleseg_lite.data.reading._WORTH_A_LOOK", 1 << 20)
    monkeypatch.setattr("paddleseg_lite.data.reading.free_bytes", lambda: 2 << 20)
    arguments = ("--model_path", run, "--image_path", tmp_path / "in", "--save_dir", tmp_path / "out")
    status, text, err = tool("infer", *arguments)
    assert status == 1 and "big.png is too large for this machine: 1024 x 1024 pixels" in text + err
    assert "damaged" not in text + err and (tmp_path / "out/id_prediction/a.png").is_file()
