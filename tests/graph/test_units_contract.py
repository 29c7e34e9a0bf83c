"""What every unit and control promises: shapes, identity, gradients, static graphs, cost."""

import numpy as np
import paddle
import pytest
from graph_helpers import IDENTITY_AT_INIT, SPECS, C, build, features, randomise

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.graph import NodeUnit, count_parameters
from paddleseg_lite.registry import CONTEXTS


def test_all_units_are_registered():
    expected = {
        "GCU",
        "GloRe",
        "GINet",
        "NonLocal",
        "PPM",
        "ASPP",
        "MatchedConv",
        "GlobalPool",
        "IdentityGraph",
        "ShuffledAssignment",
    }
    assert expected <= set(CONTEXTS.names())


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8)])
def test_shape_and_finite(name, size):
    unit = build(name)
    x = features(2, *size)
    y, extras = unit(x)
    assert y.shape == [2, unit.out_channels, *size] and unit.out_channels == C
    assert bool(paddle.isfinite(y).all())
    assert ("presence" in extras) == name.startswith("GINet")
    unit.eval()
    assert unit(features(1, *size))[0].shape == [1, C, *size]


@pytest.mark.parametrize("name", IDENTITY_AT_INIT)
@pytest.mark.parametrize("training", [True, False])
def test_exact_identity_at_init(name, training):
    unit = build(name)
    unit.train() if training else unit.eval()
    x = features()
    assert np.array_equal(unit(x)[0].numpy(), x.numpy())


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("size", [(96, 96), (33, 47)])
def test_every_parameter_gets_gradient_within_three_steps(name, size):
    batch = 1 if name.startswith("NonLocal") else 2  # 96 x 96 pixels attend with 85 million weights an image
    unit = build(name)
    optimizer = paddle.optimizer.SGD(0.5, parameters=unit.parameters())
    x = features(batch, *size)
    target = features(batch, *size, seed=1) - x
    waiting = {n for n, p in unit.named_parameters() if not p.stop_gradient}
    for _ in range(3):
        y, extras = unit(x)
        loss = ((y - x - target) ** 2).mean()
        if "presence" in extras:
            loss = loss + 0.2 * paddle.nn.functional.binary_cross_entropy_with_logits(
                extras["presence"], paddle.to_tensor([[1.0, 0, 1, 0], [0, 1, 1, 0]])
            )
        loss.backward()
        waiting -= {n for n, p in unit.named_parameters() if p.grad is not None and float(p.grad.abs().max()) > 1e-10}
        optimizer.step()
        optimizer.clear_grad()
    assert not waiting


def test_residual_units_start_with_gradient_at_the_last_norm_only():
    """G-6: documented in the docstring of GloRe."""
    unit = build("GloRe")
    x = features()
    ((unit(x)[0] - features(seed=1)) ** 2).mean().backward()
    moved = {n for n, p in unit.named_parameters() if p.grad is not None and float(p.grad.abs().max()) > 0}
    assert moved == {"blocker.weight", "blocker.bias"}


@pytest.mark.parametrize("name", SPECS)
def test_static_graph_with_open_sizes_equals_dygraph(name, tmp_path):
    unit = randomise(build(name))
    spec = [paddle.static.InputSpec([None, C, None, None], "float32")]
    paddle.jit.save(paddle.jit.to_static(unit, input_spec=spec, full_graph=True), str(tmp_path / "unit"))
    loaded = paddle.jit.load(str(tmp_path / "unit"))
    for n, h, w in ((1, 7, 10), (3, 12, 5)):
        x = features(n, h, w)
        out = loaded(x)
        out = out[0] if isinstance(out, (list, tuple)) else out
        np.testing.assert_allclose(out.numpy(), unit(x)[0].numpy(), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("name", [n for n in SPECS if isinstance(build(n), NodeUnit)])
def test_explanation_is_a_distribution_over_nodes(name):
    unit = randomise(build(name))
    x = features(2, 6, 7)
    e = unit.explain(x)
    v = unit.num_nodes
    assert sum(e.groups) == v and e.assignment.shape == [2, v, 6, 7] and e.nodes.shape[:2] == [2, v]
    assert e.adjacency.shape in ([v, v], [2, v, v])
    start = 0
    for size in e.groups:
        total = e.assignment[:, start : start + size].sum(1).numpy()
        np.testing.assert_allclose(total, np.ones_like(total), atol=1e-5)
        start += size
    assert float(e.assignment.min()) >= 0


def test_units_without_nodes_say_so():
    with pytest.raises(ConfigError, match="NonLocal has no nodes"):
        build("NonLocal").explain(features())


def test_macs_count_matrix_products():
    length = 8 * 8
    assert build("GloRe").macs(8, 8) == 2 * 6 * 5 * length
    assert build("NonLocal").macs(8, 8) == 2 * (C // 2) * length**2
    assert build("MatchedConv").macs(8, 8) == 0
    assert build("GCU").macs(8, 8) == (2 + 4) * 4 * C * length + 2 * (2**2 + 4**2) * C


@pytest.mark.parametrize(
    "spec, channels, expected",
    [
        ({"type": "GloRe"}, 512, 185_600),
        ({"type": "GloRe", "num_state": 256, "num_nodes": 128}, 512, 411_136),
        ({"type": "GCU"}, 256, 810_496 - 2048 * 256 - 512 + 256 * 256 * 5 + 512),
    ],
)
def test_published_parameter_counts(spec, channels, expected):
    assert count_parameters(build(spec, channels, 21)) == expected


def test_ginet_parameter_count():
    """R50, K = 21, no JPU: 33,672,004, of which the trunk, the 3x3 reduction and the classifier are not the unit's."""
    unit = build({"type": "GINet"}, 512, 21)
    presence = 256 + 1  # train-time head, not in the published count
    rest = 23_508_032 + 2048 * 512 * 9 + 2 * 512 + 512 * 21 + 21
    assert count_parameters(unit) - presence + rest == 33_672_004
