"""On a GPU: the CPU's numbers in fp32, trainings in half precision, and a run that moves between devices."""

import json

import numpy as np
import paddle
import pytest

import paddleseg_lite
from paddleseg_lite.cli import run_command

pytestmark = pytest.mark.gpu

SMALL = ["model.base_channels=4", "train_dataset.num_samples=16", "val_dataset.num_samples=4"]
SMALL += ["train_dataset.size=[48,48]", "val_dataset.size=[48,48]", "lr_scheduler.warmup_iters=0"]


@pytest.fixture
def on_gpu():
    paddle.set_device("gpu")
    yield
    paddle.set_device("cpu")


def train(folder, *flags):
    call = ["--iters", "4", "--batch_size", "4", "--save_interval", "2", "--log_iters", "1", "--no_vdl", "--no_doctor"]
    with pytest.raises(SystemExit) as done:
        run_command("train", [*call, "--save_dir", str(folder), *flags, "--opts", *SMALL])
    assert done.value.code in (None, 0)
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [record["loss"] for record in map(json.loads, lines) if record["kind"] == "train"]


@pytest.mark.parametrize("flags", [(), ("--precision", "fp16"), ("--precision", "bf16", "--amp_level", "O2")], ids=str)
def test_a_training_lowers_its_loss_as_on_the_cpu(tmp_path, on_gpu, flags):
    own = train(tmp_path / "gpu", "--device", "gpu", *flags)
    other = train(tmp_path / "cpu", "--device", "cpu")
    assert np.isfinite(own).all() and np.abs(np.subtract(own, other)).max() < (0.1 if flags else 1e-3)


def test_a_run_of_the_gpu_predicts_the_same_on_the_cpu(tmp_path, on_gpu):
    train(tmp_path / "run", "--device", "gpu")
    picture = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    there = paddleseg_lite.load(tmp_path / "run").predict(picture).labels
    paddle.set_device("cpu")
    here = paddleseg_lite.load(tmp_path / "run").predict(picture).labels
    assert (there == here).mean() > 0.999
