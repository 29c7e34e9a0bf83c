"""Pictures of many bands, 16 bits or floating point, from their files through every transform to predictions."""

import numpy as np
import pytest
import tifffile

from paddleseg_lite import load
from paddleseg_lite.cli.infer import main as infer
from paddleseg_lite.cli.val import main as val
from paddleseg_lite.config import Config
from paddleseg_lite.data import read_image, read_label, write_png
from paddleseg_lite.registry import TRANSFORMS
from paddleseg_lite.training.trainer import train
from tests.contracts.found import specs

BANDS = 5
RANGES = [[0, 4095], [0, 4095], [100, 3000], [0, 1000], [0, 65535]]
STORED = {
    "16 bits": (np.uint16, [0, 4095]),
    "a range for each band": (np.uint16, RANGES),
    "floating point": (np.float32, [-1, 1]),
}


@pytest.fixture(params=list(STORED))
def data(request, tmp_path):
    """``(folder, value_range)``: six pictures, their labels and lists."""
    dtype, value_range = STORED[request.param]
    rng, lines = np.random.default_rng(0), []
    for i in range(6):
        label = np.zeros((40, 48), np.uint8)
        label[10:30, 8 + i : 30 + i] = 1
        values = label[..., None] * 0.4 + rng.random((40, 48, BANDS)) * 0.5
        stored = values * 4000 if dtype == np.uint16 else values * 2 - 1
        tifffile.imwrite(tmp_path / f"{i}.tif", stored.astype(dtype), photometric="minisblack", planarconfig="contig")
        write_png(tmp_path / f"{i}.png", label)
        lines.append(f"{i}.tif {i}.png\n")
    (tmp_path / "train.txt").write_text("".join(lines[:4]))
    (tmp_path / "val.txt").write_text("".join(lines[4:]))
    return tmp_path, value_range


def recipe(folder, value_range, transforms):
    def part(mode, transforms):
        return {
            "type": "Dataset",
            "dataset_root": str(folder),
            "mode": mode,
            f"{mode}_path": f"{mode}.txt",
            "num_classes": 2,
            "img_channels": BANDS,
            "value_range": value_range,
            "transforms": transforms,
        }

    normalize = {"type": "Normalize"}
    return Config(
        model={"type": "UNet", "base_channels": 4, "in_channels": BANDS},
        train_dataset=part("train", [*transforms, {"type": "Resize", "target_size": [48, 32]}, normalize]),
        val_dataset=part("val", [normalize]),
        batch_size=2,
        iters=3,
        save_interval=3,
        lr_scheduler={"type": "PolynomialDecay", "learning_rate": 0.01},
    )


def test_from_files_through_every_transform_to_predictions(data, capsys):
    folder, value_range = data
    every = [spec for spec in specs(TRANSFORMS).values() if spec["type"] != "Normalize"]
    assert len(every) > 10
    assert train(recipe(folder, value_range, every), save_dir=folder / "run").iteration == 3
    loaded = load(folder / "run")
    found = loaded.predict(folder / "4.tif")
    assert found.labels.shape == (40, 48) and set(np.unique(found.labels)) <= {0, 1}
    pixels = found.image
    assert pixels.shape == (40, 48, BANDS) and len(np.unique(pixels[..., 0])) > 100  # the range is used
    by_array = loaded.predict(tifffile.imread(folder / "4.tif"))
    assert np.array_equal(by_array.image, pixels) and np.array_equal(by_array.labels, found.labels)
    assert np.array_equal(read_image(folder / "4.tif", BANDS, value_range=loaded.value_range), pixels)
    assert val(["--model_path", str(folder / "run"), "--device", "cpu"]) in (None, 0)
    assert "mIoU" in capsys.readouterr().out
    out = folder / "out"
    flags = ["--image_path", str(folder / "4.tif"), "--save_dir", str(out), "--backend", "dygraph", "--device", "cpu"]
    assert not infer(["--model_path", str(folder / "run"), *flags])
    written = [p for p in out.rglob("4*.png") if read_image(p).shape[:2] == (40, 48)]
    assert len(written) >= 2
    assert any(np.array_equal(read_label(p), found.labels) for p in out.rglob("pseudo*/*.png"))
