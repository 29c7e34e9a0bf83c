"""What the export tests share: small networks, and whichever ONNX runtime is installed."""

import importlib.util

import numpy as np
import paddle
import pytest

from paddleseg_lite.export.backends import available
from paddleseg_lite.models import build_model
from paddleseg_lite.registry import MODELS
from tests.contracts.found import specs
from tests.models.checks import awake

PADDLE_3 = int(paddle.__version__.partition(".")[0]) >= 3  # what is traced is its intermediate representation
needs_paddle_3 = pytest.mark.skipif(not PADDLE_3, reason="tracing a network needs Paddle 3")
ONNX = importlib.util.find_spec("onnx") is not None and PADDLE_3
needs_onnx = pytest.mark.skipif(not ONNX, reason="onnx is not installed, or Paddle is older than 3")
RUNTIMES = [kind for kind in ("openvino", "onnxruntime") if ONNX and not available()[kind]]
needs_runtime = pytest.mark.skipif(
    not RUNTIMES, reason="onnx, or both openvino and onnxruntime, are missing, or Paddle 3 is"
)


def small(name="FCN", **arguments):
    """A small network with 3 classes in eval mode, none of whose weights are zero."""
    model = awake(build_model({**specs(MODELS)[name], **arguments}, num_classes=3))
    model.eval()
    return model


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test sees another's exports, or the user's."""
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "cache"))
