"""A disk that fills up during training: the run goes on, says so, and the last good checkpoint stays."""

import logging
import shutil
import subprocess

import pytest

from paddleseg_lite.checkpoint import newest_good
from paddleseg_lite.training.callbacks import Callback, MetricsFile
from paddleseg_lite.training.trainer import train


@pytest.fixture
def disk(tmp_path):
    """A file system of 6 MiB."""
    folder, mount = tmp_path / "disk", shutil.which("mount")
    folder.mkdir()
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True).returncode
    ):
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


class Fill(Callback):
    """Takes all the space after an iteration, as another program would."""

    def __init__(self, path, iteration):
        self.path, self.iteration = path, iteration

    def on_step(self, trainer):
        if trainer.state.iteration == self.iteration:
            with open(self.path, "wb", buffering=0) as f:
                try:
                    while f.write(b"\0" * 4096):
                        pass
                except OSError:
                    return


def test_training_goes_on_without_space(disk, tiny, caplog):
    caplog.set_level(logging.INFO, logger="paddleseg_lite")
    folder = disk / "run"
    config = tiny(save_interval=2, log_iters=1, cpu_accel="off")
    result = train(config, save_dir=folder, callbacks=[MetricsFile(folder / "metrics.jsonl"), Fill(disk / "junk", 3)])
    assert result.iteration == 6 and result.stopped_by is None
    assert "CHECKPOINT NOT SAVED" in caplog.text and "metrics.jsonl NOT WRITTEN" in caplog.text
    assert newest_good(folder) == (folder / "iter_2", [])
    assert {text.split(" (")[0] for text in result.unsaved} == {"the last checkpoint", "best_model", "metrics.jsonl"}
    (disk / "junk").unlink()  # space again: the run goes on from what was kept
    result = train(config, save_dir=folder, resume=True)
    assert result.iteration == 6 and newest_good(folder)[0].name == "iter_6" and result.unsaved == ()
