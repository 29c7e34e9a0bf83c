"""Attention units equal PaddleSeg 2.8.0's blocks on the same weights (tests/golden/make_golden_attention.py)."""

from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleseg_lite.graph.attention.ccnet import _eye
from paddleseg_lite.registry import CONTEXTS
from tests.golden.attention_names import CHANNELS, CLASSES, INNER, NAMES, image, numbers

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "attention.npz")
ARGUMENTS = {
    "OCR": {"key_channels": INNER},
    "DANet": {},
    "CCNet": {"recurrence": 2},
    "EMANet": {"num_nodes": 6, "relu": True},
    "GCNet": {},
    "ANN": {"key_channels": INNER},
    "ISANet": {"key_channels": INNER, "block": [4, 4]},
    "DNL": {"use_scale": True, "relu": True},
}
# biases of PaddleSeg's that a softmax (or a mean that is subtracted) cancels; ours are without
CANCELLED = {
    "DANet": {"position.key.bias"},
    "CCNet": {"key.bias"},
    "GCNet": {"mask.bias"},
    "DNL": {"query.bias", "key.bias", "mask.bias"},
}


def filled(kind):
    """A unit with the golden weights; what PaddleSeg's block has no name for stays as it is."""
    offered = {"in_channels": CHANNELS, "num_classes": CLASSES}
    unit = CONTEXTS.build({"type": kind, **ARGUMENTS[kind]}, offered=offered)
    state, named = unit.state_dict(), set(NAMES[kind].values()) - CANCELLED.get(kind, set())
    assert named == {name for name in state if not name.startswith("regions.")}
    for name in named:
        state[name].set_value(numbers(kind, name, state[name].shape))
    unit.eval()
    return unit


@pytest.mark.parametrize("kind", NAMES)
def test_equals_paddleseg(kind):
    x = paddle.to_tensor(image(CHANNELS))
    unit = filled(kind)
    y = unit.reason(x, paddle.to_tensor(image(CLASSES)))[0] if kind == "OCR" else unit(x)[0]
    np.testing.assert_allclose(y.numpy(), GOLDEN[kind], atol=1e-5)


def test_criss_cross_reaches_every_pixel_in_two_rounds():
    """One round reaches the pixel's row and column, two reach all."""
    for rounds, share in ((1, (10 + 13 - 1) / 130), (2, 1.0)):
        unit = filled("CCNet")
        unit.recurrence = rounds
        x = paddle.to_tensor(image(CHANNELS)[:1])
        x.stop_gradient = False
        unit(x)[0][0, :, 4, 6].sum().backward()
        reached = (x.grad.abs().sum(1) > 0).astype("float32").mean()
        assert float(reached) == pytest.approx(share)


def test_identity_matrix_of_an_open_side():
    assert np.array_equal(_eye(paddle.to_tensor(3), "float32").numpy(), np.eye(3))


def test_bases_move_in_training_only():
    unit = filled("EMANet")
    before = unit.bases.numpy()
    x = paddle.to_tensor(image(CHANNELS))
    unit(x)
    assert np.array_equal(unit.bases.numpy(), before)
    unit.train()
    unit(x)
    assert not np.array_equal(unit.bases.numpy(), before)


def test_laplacian_step_equals_the_matrices_written_out():
    unit = CONTEXTS.build({"type": "SpyGR", "rank": 4, "levels": 1}, offered={"in_channels": CHANNELS})
    x = image(CHANNELS)[:1]
    (step,) = unit.steps
    flat = x[0].reshape(CHANNELS, -1).T.astype(np.float64)  # [L, C]
    weights = {n: p.numpy().astype(np.float64) for n, p in step.named_parameters()}
    phi = np.maximum(flat @ weights["phi.weight"][:, :, 0, 0].T + weights["phi.bias"], 0)
    rho = flat.mean(0) @ weights["rho.weight"][:, :, 0, 0].T + weights["rho.bias"]
    adjacency = phi @ np.diag(1 / (1 + np.exp(-rho))) @ phi.T
    root = np.diag(1 / np.sqrt(np.maximum(adjacency.sum(1), 1e-6)))
    laplacian = np.eye(len(flat)) - root @ adjacency @ root
    expected = np.maximum(laplacian @ flat @ weights["theta.weight"][:, :, 0, 0].T, 0).T.reshape(x[0].shape)
    np.testing.assert_allclose(unit(paddle.to_tensor(x))[0].numpy()[0], expected, atol=1e-4)
