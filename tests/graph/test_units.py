"""What holds for single units or across them; what every unit must do is in ``tests/contracts``."""

import numpy as np
import paddle
import pytest
from graph_helpers import C, build, features

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.graph import count_parameters


@pytest.mark.parametrize("name", ["GINet", "GloRe", "NonLocal"])
def test_presence_is_the_class_graphs_alone(name):
    assert ("presence" in build(name)(features())[1]) == (name == "GINet")


IDENTITY_AT_INIT = "GloRe GINet NonLocal MatchedConv GlobalPool IdentityGraph ShuffledAssignment Stack"
IDENTITY_AT_INIT += " DANet CCNet EMANet GCNet DNL"


def test_which_units_start_as_the_identity():
    """That they are what they say is tested in ``tests/contracts``."""
    assert all(build(name).starts_as_identity for name in IDENTITY_AT_INIT.split())
    assert build({"type": "GCU", "num_nodes": 3, "fusion": "residual"}).starts_as_identity
    assert not build("GCU").starts_as_identity


def test_residual_units_start_with_gradient_at_the_last_norm_only():
    """G-6: documented in the docstring of GloRe."""
    unit = build("GloRe")
    x = features()
    ((unit(x)[0] - features(seed=1)) ** 2).mean().backward()
    moved = {n for n, p in unit.named_parameters() if p.grad is not None and float(p.grad.abs().max()) > 0}
    assert moved == {"blocker.weight", "blocker.bias"}


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


def test_a_stack_applies_its_units_in_a_row_and_a_shared_one_the_same_unit():
    x = paddle.randn([2, 8, 6, 7])
    for shared, sets in ((False, 3), (True, 1)):
        stack = build({"type": "Stack", "unit": {"type": "NonLocal"}, "depth": 3, "shared": shared}, 8)
        one = build("NonLocal", 8)
        stack.eval()
        for parameter in (p for p in stack.parameters() if not p.stop_gradient):
            parameter.set_value(paddle.randn(parameter.shape) * 0.3)
        y = x
        for unit in stack.units if not shared else [stack.units[0]] * 3:
            y, _ = unit(y)
        assert np.abs((stack(x)[0] - y).numpy()).max() < 1e-6 and np.abs((y - x).numpy()).max() > 0.01
        assert sum(p.size for p in stack.parameters()) == sets * sum(p.size for p in one.parameters())
        assert stack.macs(6, 7) == 3 * one.macs(6, 7)


def test_a_supervised_stack_is_asked_after_each_unit_while_it_trains():
    spec = {"type": "Stack", "unit": {"type": "NonLocal"}, "depth": 3, "supervise": True}
    stack, x = build(spec, 8, 5), paddle.randn([2, 8, 6, 7])
    extras = stack(x)[1]
    assert {name: tuple(t.shape) for name, t in extras.items()} == {"depth1": (2, 5, 6, 7), "depth2": (2, 5, 6, 7)}
    assert set(stack.side_losses()) == set(extras)
    extras["depth1"].sum().backward()  # reaches the first unit and no later one
    reached = [any(p.grad is not None for p in unit.parameters()) for unit in stack.units]
    assert reached == [True, False, False]
    stack.eval()
    assert not stack(x)[1]
    with pytest.raises(ConfigError, match="supervise needs num_classes"):
        build(spec, 8, None)
