"""The UNet of the paper: valid convolutions in training, mirrored edges in prediction."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.cli.jobs.backends import use_backend
from paddleseg_lite.cli.jobs.export import run_export
from paddleseg_lite.config import parse_config
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.inference.predictor import load
from paddleseg_lite.models import build_model
from paddleseg_lite.models.unet import mirrored
from paddleseg_lite.training.trainer import Trainer

SPEC = {"type": "UNet", "style": "original", "base_channels": 2}
SCENES = {"type": "Scenes", "num_samples": 4, "num_classes": 6, "transforms": [{"type": "Normalize"}]}


@pytest.mark.parametrize("side", [1, 2, 5, 50, 93, 188, 195, 204])
def test_lines_are_continued_by_reflection(side):
    line = mirrored(side).numpy()
    assert len(line) % 16 == 12 and len(line) >= max(188, side + 184)
    expected = np.pad(np.arange(side), (92, len(line) - side - 92), mode="reflect")
    np.testing.assert_array_equal(line, expected)


def test_prediction_is_the_valid_pass_over_the_mirrored_image():
    model = build_model(SPEC, num_classes=3)
    model.eval()
    image = np.random.default_rng(0).random([1, 3, 100, 212], dtype=np.float32)
    padded = np.pad(image, [(0, 0), (0, 0), (92, 92), (92, 92)], mode="reflect")
    assert padded.shape[2] % 16 == 12 and padded.shape[3] % 16 == 12
    expected = model(paddle.to_tensor(padded))["out"].numpy()
    found = model.overlap_tile(paddle.to_tensor(image)).numpy()
    assert found.shape == (1, 3, 100, 212)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_trains_validates_and_predicts(tmp_path):
    config = parse_config(
        {
            "model": SPEC,
            "train_dataset": {**SCENES, "size": [188, 204]},
            "val_dataset": {**SCENES, "size": [50, 61]},
            "batch_size": 2,
            "iters": 1,
            "save_interval": 1,
            "log_iters": 1,
        }
    )
    trainer = Trainer(config, tmp_path)
    seen = []
    loss = trainer.criterion.entries["out"].loss
    forward = loss.forward
    loss.forward = lambda logits, label, *more: (seen.append(label.shape), forward(logits, label, *more))[1]
    trainer.run()
    assert list(seen[0]) == [2, 4, 20]  # the centre of the labels, not labels made smaller
    assert load(tmp_path).predict(np.zeros([40, 30, 3], np.uint8)).labels.shape == (40, 30)
    with pytest.raises(ConfigError, match=": use dygraph, in fp32"):
        use_backend(load(tmp_path), "static")
    with pytest.raises(ConfigError, match="another style"):
        run_export(load(tmp_path), tmp_path / "export")
