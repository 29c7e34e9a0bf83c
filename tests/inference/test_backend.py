"""What computes logits: the protocol, what is made into it, and backends of one's own."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite.errors import EnvironmentProblem
from paddleseg_lite.export import load_backend
from paddleseg_lite.inference.backend import Backend, FunctionBackend, PaddleBackend, as_backend, logits_of
from paddleseg_lite.models import build_model
from paddleseg_lite.registry import BACKENDS

X = np.random.default_rng(0).standard_normal((1, 3, 20, 24)).astype("float32")


class Twice(Backend):
    name, bytes_per_pixel = "twice", 8.0

    def __call__(self, image):
        return 2 * np.asarray(image)


class Complete:
    """Derives from nothing of ours, and says all that the protocol asks for."""

    name, num_classes, bytes_per_pixel, overlaps = "complete", 3, 0.0, True

    def __call__(self, image):
        return image


def test_what_computes_becomes_a_backend_once():
    network = nn.Conv2D(3, 4, 1)
    assert isinstance(as_backend(network), PaddleBackend) and as_backend(network).network is network
    for backend in (Twice(), Complete(), PaddleBackend(network)):
        assert as_backend(backend) is backend
    assert isinstance(as_backend(lambda x: x), FunctionBackend)


def test_what_is_not_said_has_a_default():
    assert (Twice().num_classes, Twice().overlaps, FunctionBackend(abs).bytes_per_pixel) == (None, False, 0.0)


def test_a_network_answers_a_tensor_with_a_tensor_and_an_array_with_an_array():
    network = build_model({"type": "UNet", "base_channels": 2}, num_classes=5)
    network.eval()
    backend = PaddleBackend(network)
    array, tensor = backend(X), backend(paddle.to_tensor(X))
    assert isinstance(array, np.ndarray) and isinstance(tensor, paddle.Tensor) and tensor.stop_gradient
    np.testing.assert_array_equal(array, tensor.numpy())
    assert backend.num_classes == 5 and array.shape == (1, 5, 20, 24) and backend.name == "dygraph fp32"


@pytest.mark.parametrize("form", [lambda y: y, lambda y: {"out": y}, lambda y: [y, None], lambda y: y.numpy()])
def test_logits_in_whatever_form(form):
    x = paddle.to_tensor(X)
    np.testing.assert_array_equal(logits_of(lambda z: form(z + 1), x).numpy(), X + 1)


def test_fp16_is_refused_on_a_cpu():
    with pytest.raises(EnvironmentProblem, match="dygraph does not compute in fp16 here"):
        PaddleBackend(nn.ReLU(), "fp16")


def test_a_backend_of_ones_own_is_found_by_name(monkeypatch):
    monkeypatch.setitem(BACKENDS._entries, "twice", lambda network, *, precision, threads, folder: Twice())
    assert load_backend("twice", nn.ReLU()).name == "twice"
