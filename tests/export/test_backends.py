"""Backends: names, precision, what is missing, and the choice of the fastest that agrees."""

import logging
import sys

import numpy as np
import paddle
import pytest

from paddleseg_lite import accel
from paddleseg_lite.errors import ConfigError, EnvironmentProblem
from paddleseg_lite.export import auto, backends, choose_backend, load_backend
from paddleseg_lite.inference.backend import Backend, PaddleBackend
from tests.export.conftest import RUNTIMES, needs_runtime, noise, small

X = noise(1, 3, 40, 56)


def logits_of(network, x=X):
    with paddle.no_grad():
        return network(paddle.to_tensor(x))["out"].numpy()


def test_unknown_backends_and_precisions_are_told():
    with pytest.raises(ConfigError, match="Did you mean 'openvino'"):
        load_backend("openvin", small())
    with pytest.raises(ConfigError, match="fp32, bf16"):
        load_backend("dygraph", small(), precision="fp8")
    with pytest.raises(EnvironmentProblem, match="fp32 only"):
        load_backend("static", small(), precision="bf16")


@pytest.mark.parametrize("kind", ["openvino", "onnxruntime"])
def test_a_missing_package_is_named_with_the_remedy(kind, monkeypatch):
    network = small()
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(EnvironmentProblem, match=rf"'{kind}': pip install -r requirements-fast.txt"):
        load_backend(kind, network)


@pytest.mark.skipif(not accel.has_bf16(), reason="this chip has no bf16 arithmetic")
def test_dygraph_in_bf16_leaves_the_network_as_it_was():
    network = small("UNet")
    accel.enable(network, "fp32")
    before = logits_of(network)
    half = load_backend("dygraph", network, precision="bf16")(X)
    assert 0 < np.abs(half - before).max() < 0.05 * np.abs(before).max()
    np.testing.assert_array_equal(logits_of(network), before)


def test_a_runtime_that_is_installed_and_does_not_start(monkeypatch, tmp_path):
    (tmp_path / "openvino.py").write_text("raise RuntimeError('Could not determine home directory.')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    assert "installed and does not start (RuntimeError: Could not determine home" in backends.available()["openvino"]


# -- auto ------------------------------------------------------------------------------------------------------


def no_runtimes(monkeypatch):
    missing = {"dygraph": "", "static": "", "openvino": "no", "onnxruntime": "no"}
    monkeypatch.setattr(auto, "available", lambda: missing)


def test_auto_without_the_packages_says_so_and_computes_the_same(monkeypatch, tmp_path):
    no_runtimes(monkeypatch)
    network = small("UNet")
    choice = choose_backend(network, probe=X, folder=tmp_path)
    assert choice.backend.name in ("dygraph fp32", "static fp32")
    assert "openvino and onnxruntime are not installed" in choice.reason
    np.testing.assert_allclose(choice.backend(X), logits_of(network), rtol=1e-4, atol=1e-5)


def test_few_images_are_not_worth_an_export(tmp_path):
    choice = choose_backend(small(), probe=X, images=2, folder=tmp_path)
    assert choice.backend.name == "dygraph fp32" and "2 images take" in choice.reason
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize("images, pays", [(60, False), (75, False), (85, True), (None, True)])
def test_an_export_is_made_where_it_earns_its_time(monkeypatch, tmp_path, images, pays):
    """Half a second an image: an export saves about a tenth of one, and costs as much as 16 images take."""
    network = small()
    monkeypatch.setattr(auto, "_timed", lambda *args, **kwargs: (0.5, None))
    races = []
    won = {"backend": "dygraph fp32", "reason": "a race was run", "saves": 0.0, "opens_in": 0.0}
    monkeypatch.setattr(auto, "_race", lambda *args: races.append(1) or won)
    reason = choose_backend(network, probe=X, images=images, folder=tmp_path).reason
    assert len(races) == pays
    assert reason == "a race was run" if pays else "would not pay" in reason


class Quick(Backend):
    """A backend without a cost."""

    num_classes, bytes_per_pixel = 3, 100.0

    def __init__(self, answer, name="openvino fp32"):
        self.answer, self.name = answer, name

    def __call__(self, image):
        if image.shape[2:] != X.shape[2:]:
            raise RuntimeError("odd size\nlong story")
        return self.answer


def one_candidate(monkeypatch, backend):
    monkeypatch.setattr(auto, "_candidates", lambda precision: [("openvino", "fp32")])
    monkeypatch.setattr(auto, "load_backend", lambda *args, **kwargs: backend)


def test_the_winner_is_remembered_and_backed_by_the_network(monkeypatch, tmp_path, caplog):
    network = small()
    one_candidate(monkeypatch, Quick(logits_of(network)))
    first = choose_backend(network, probe=X, folder=tmp_path)
    assert first.backend.name == "openvino fp32" and "argmax agrees on 100.000 %" in first.reason
    monkeypatch.setattr(auto, "_race", lambda *args: pytest.fail("the race is run once"))
    again = choose_backend(network, probe=X, folder=tmp_path, images=10**9)
    assert again.reason == first.reason
    other = noise(1, 3, 33, 20)
    with caplog.at_level(logging.WARNING, "paddleseg_lite"):
        for _ in range(2):
            np.testing.assert_array_equal(again.backend(other), logits_of(network, other))
    (line,) = [r.getMessage() for r in caplog.records]
    assert "1x3x33x20" in line and "odd size" in line and "long story" not in line
    assert again.backend.name == "openvino fp32 (2 runs by dygraph fp32)"


def test_a_backend_that_disagrees_is_not_used(monkeypatch, tmp_path):
    network = small()
    one_candidate(monkeypatch, Quick(-logits_of(network)))
    choice = choose_backend(network, probe=X, folder=tmp_path)
    assert isinstance(choice.backend, PaddleBackend) and "openvino fp32 is not used: argmax agrees on" in choice.reason


def test_a_broken_backend_is_a_line_not_an_end(monkeypatch, tmp_path):
    class Broken(Quick):
        def __call__(self, image):
            raise RuntimeError("illegal instruction")

    one_candidate(monkeypatch, Broken(None))
    choice = choose_backend(small(), probe=X, folder=tmp_path)
    assert isinstance(choice.backend, PaddleBackend) and "illegal instruction" in choice.reason


@needs_runtime
@pytest.mark.parametrize("kind", RUNTIMES)
def test_a_named_runtime_computes_what_the_network_does(kind, tmp_path):
    network = small("UNet")
    backend = choose_backend(network, kind, folder=tmp_path).engine  # its former name
    assert backend.name == f"{kind} fp32"
    np.testing.assert_allclose(backend(X), logits_of(network), rtol=1e-4, atol=1e-4)


@needs_runtime
def test_changed_weights_are_another_export(tmp_path):
    network = small("UNet")
    before = load_backend(RUNTIMES[0], network)(X)
    network.parameters()[0].set_value(network.parameters()[0] * 2)
    after = load_backend(RUNTIMES[0], network)(X)
    np.testing.assert_allclose(after, logits_of(network), rtol=1e-4, atol=1e-4)
    assert np.abs(after - before).max() > 1e-3
