"""Controls take away exactly one thing each."""

import numpy as np
import paddle
import pytest
from graph_helpers import GLORE, C, build, features, randomise

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.graph import count_parameters
from paddleseg_lite.models.context import ContextSlot

MATCHES = [
    {"type": "GloRe"},
    {"type": "GloRe", "num_state": 8, "num_nodes": 8},
    {"type": "GCU"},
    {"type": "GCU", "num_nodes": 2, "fusion": "residual"},
    {"type": "GINet", "num_state": 16, "num_nodes": 8},
    {"type": "NonLocal"},
    {"type": "PPM"},
]


@pytest.mark.parametrize("control", ["MatchedConv", "GlobalPool"])
@pytest.mark.parametrize("match", MATCHES, ids=str)
@pytest.mark.parametrize("channels", [32, 64, 512])
def test_parameters_match_to_one_percent(control, match, channels):
    target = count_parameters(build(match, channels, 11))
    unit = build({"type": control, "match": match}, channels, 11)
    assert abs(count_parameters(unit) - target) <= 0.01 * target


def test_a_unit_too_small_to_match_says_so():
    with pytest.raises(ConfigError, match="too small"):
        build({"type": "GlobalPool", "match": {"type": "GCU", "num_nodes": 1, "fusion": "residual"}}, 2)


def test_counting_the_match_leaves_the_random_state():
    paddle.seed(5)
    expected = paddle.randn([3]).numpy()
    paddle.seed(5)
    from paddleseg_lite.graph.matching import matched_target

    matched_target(GLORE, C, 4)
    assert np.array_equal(paddle.randn([3]).numpy(), expected)


def test_matched_conv_sees_one_pixel_only():
    unit = randomise(build("MatchedConv"))
    x = features(1, 6, 7)
    changed = x.clone()
    changed[0, :, 2, 3] = 5.0
    difference = (unit(x)[0] - unit(changed)[0]).abs().sum([0, 1]).numpy()
    assert difference[2, 3] > 0 and np.count_nonzero(difference) == 1


def test_global_pool_adds_the_same_to_every_pixel():
    unit = randomise(build("GlobalPool"))
    x = features(2, 6, 7)
    added = (unit(x)[0] - x).numpy()
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :, :1, :1], added.shape), atol=1e-5)
    order = paddle.to_tensor(np.random.default_rng(0).permutation(42))
    shuffled = x.flatten(2)[:, :, order].reshape(x.shape)
    np.testing.assert_allclose((unit(shuffled)[0] - shuffled).numpy(), added, atol=1e-5)


def test_identity_graph_is_the_unit_without_messages():
    glore, control = build(GLORE), build("IdentityGraph")
    assert count_parameters(glore) - count_parameters(control) == 5 * 5 + 5
    randomise(glore)
    glore.gcn.conv1.weight.set_value(paddle.zeros([5, 5, 1]))
    glore.gcn.conv1.bias.set_value(paddle.zeros([5]))
    control.eval()
    control.unit.set_state_dict({k: v for k, v in glore.state_dict().items() if not k.startswith("gcn.conv1")})
    x = features()
    np.testing.assert_allclose(control(x)[0].numpy(), glore(x)[0].numpy(), atol=1e-6)
    assert np.array_equal(control.explain(x).adjacency.numpy(), np.eye(5, dtype="float32"))


def test_identity_graph_of_gcu_passes_no_messages():
    """A change of pixels that only node 0 holds does not reach pixels that node 0 has no share in."""
    unit = randomise(build({"type": "IdentityGraph", "match": {"type": "GCU", "num_nodes": 2, "fusion": "residual"}}))
    graph = unit.unit.graphs[0]
    anchors = np.zeros([2, C], "float32")
    anchors[1] = 8.0
    graph.anchors.set_value(anchors)
    graph.raw_sigma.set_value(np.zeros([2, C], "float32"))
    x = np.random.default_rng(0).normal(scale=0.2, size=[1, C, 2, 6]).astype("float32")
    x[:, :, 1] += 8.0
    other = x.copy()
    other[:, :, 0] += 0.3
    first, second = (unit(paddle.to_tensor(v))[0].numpy() for v in (x, other))
    np.testing.assert_allclose(first[:, :, 1], second[:, :, 1], atol=1e-6)
    assert np.abs((first - x)[:, :, 0] - (second - other)[:, :, 0]).max() > 1e-4


def test_controls_refuse_what_they_cannot_stand_against():
    with pytest.raises(ConfigError, match="must be GloRe or GCU, not GINet"):
        build({"type": "IdentityGraph", "match": "GINet"})
    with pytest.raises(ConfigError, match="unit with nodes, not NonLocal"):
        build({"type": "ShuffledAssignment", "match": "NonLocal"})
    with pytest.raises(ConfigError, match="Did you mean 'GloRe'"):
        build({"type": "MatchedConv", "match": "Glore"})


@pytest.mark.parametrize("match", [GLORE, {"type": "GINet", "num_state": 6, "num_nodes": 5}, {"type": "GCU"}], ids=str)
def test_shuffled_assignment_uses_the_map_of_the_image_before(match):
    unit = randomise(build({"type": "ShuffledAssignment", "match": match, "grid": 8}))
    x = features(3, 8, 8)
    own = unit.unit.assign(x)
    unit.train()
    assert np.array_equal(unit.assign(x).numpy(), own.numpy()[[2, 0, 1]])
    assert count_parameters(unit) == count_parameters(build(match))
    unit.unit.eval()
    swapped, _ = unit.unit.reason(x, own.roll(1, axis=0))
    assert np.abs(swapped.numpy() - unit.unit(x)[0].numpy()).max() > 1e-4


def test_shuffled_assignment_in_eval_depends_on_neither_batch_nor_order():
    unit = randomise(build("ShuffledAssignment"))
    x = features(3, 8, 8)
    unit.train()
    first = unit.unit.assign(x)[:1]
    unit(x)
    unit.eval()
    assert np.array_equal(unit.kept.numpy(), first.numpy())  # grid and map have the same size here
    together = unit(x)[0].numpy()
    for order in ([2, 0, 1], [1, 2, 0]):
        np.testing.assert_allclose(unit(x[paddle.to_tensor(order)])[0].numpy(), together[order], atol=1e-6)
    np.testing.assert_allclose(unit(x[1:2])[0].numpy(), together[1:2], atol=1e-6)
    assert "kept" in unit.state_dict()
    assert unit.explain(x).assignment.shape == [3, 5, 8, 8]


def test_shuffled_assignment_trains_on_one_image_with_the_map_of_the_step_before():
    unit = build("ShuffledAssignment")
    a, b = features(1, 8, 8), features(1, 8, 8, seed=4)
    kept = unit.unit.assign(a).numpy()
    unit(a)
    assert np.array_equal(unit.assign(b).numpy(), kept)


def test_shuffled_assignment_takes_maps_of_another_precision():
    """Autocast gives half-precision maps (here: double, which a CPU can resize); the kept one stays fp32."""
    unit = build("ShuffledAssignment")
    single = unit.unit.assign
    unit.unit.assign = lambda x: single(x).astype("float64")
    for images in (2, 1):
        assert unit.assign(features(images, 8, 8)).dtype == paddle.float64
    assert unit.kept.dtype == paddle.float32
    unit.eval()
    np.testing.assert_allclose(unit.assign(features(2, 8, 8))[1:].numpy(), unit.kept.numpy(), atol=1e-6)


@pytest.mark.parametrize("position", ["deep", "stage1"])
def test_slot_takes_units_and_controls(position):
    spec = {"position": position, **GLORE}
    shuffled = {"type": "ShuffledAssignment", "position": position, "match": GLORE}
    slot = ContextSlot(shuffled, channels=[8, C], num_classes=4)
    assert slot.unit.in_channels == (C if position == "deep" else 8)
    presence = ContextSlot({"type": "GINet", "num_state": 6, "num_nodes": 5}, channels=[8, C], num_classes=4)
    extras = {}
    presence.deep(features(), extras)
    assert extras.pop("context_presence").shape == [2, 4] and not extras
    assert ContextSlot(spec, channels=[8, C], num_classes=4).unit.num_nodes == 5
