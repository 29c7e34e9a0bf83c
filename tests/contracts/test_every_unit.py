"""The contract of a context unit: shapes, identity, gradients, static graphs, explanations, cost; in networks too."""

import numpy as np
import paddle
import pytest
import yaml

from paddleseg_lite.config import Config, parse_config
from paddleseg_lite.export.recording import no_call_stacks
from paddleseg_lite.graph import NodeUnit
from paddleseg_lite.models import build_model
from paddleseg_lite.models.summary import summarize
from paddleseg_lite.registry import CONTEXTS, MODELS
from tests.contracts.found import every, names, specs
from tests.graph.graph_helpers import C, build, features, randomise
from tests.models.checks import lazy_model, sees_the_last_column, subtracted_by_a_norm, total_loss

K = 4
NODE_UNITS = {name: spec for name, spec in specs(CONTEXTS).items() if isinstance(build(spec), NodeUnit)}


@every(CONTEXTS)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8)])
def test_shapes_in_train_and_eval_mode(spec, size):
    unit = build(spec)
    y, extras = unit(features(2, *size))
    assert y.shape == [2, unit.out_channels, *size]
    assert bool(paddle.isfinite(y).all())
    for name, value in extras.items():  # scores of each class, or maps of them
        assert list(value.shape) in ([2, K], [2, K, *size]), name
    unit.eval()
    assert unit(features(1, *size))[0].shape == [1, unit.out_channels, *size]


@every(CONTEXTS)
@pytest.mark.parametrize("training", [True, False])
def test_a_unit_that_says_so_is_the_identity_at_first(spec, training):
    unit = build(spec)
    unit.train() if training else unit.eval()
    x = features()
    assert np.array_equal(unit(x)[0].numpy(), x.numpy()) == unit.starts_as_identity


@every(CONTEXTS)
@pytest.mark.parametrize("side", [96, 33])
def test_every_parameter_gets_a_gradient_within_three_steps(spec, side):
    """Also on many pixels, where means and shares become small; of units that may relate all pairs on fewer."""
    unit = build(spec)
    size = (side, 47) if side == 33 else (side, side) if isinstance(unit, NodeUnit) else (48, 48)
    optimizer = paddle.optimizer.SGD(0.5, parameters=unit.parameters())
    x = features(2, *size)
    target = features(2, *size, seed=1) - x
    waiting = {n for n, p in unit.named_parameters() if not p.stop_gradient}
    for _ in range(3):
        y, extras = unit(x)
        loss = ((y - x - target) ** 2).mean() + 0.2 * total_loss(extras, paddle.randint(0, K, [2, *size]))
        loss.backward()
        waiting -= {n for n, p in unit.named_parameters() if p.grad is not None and float(p.grad.abs().max()) > 1e-10}
        optimizer.step()
        optimizer.clear_grad()
    waiting = {n for n in waiting if not (n.endswith("bias") and subtracted_by_a_norm(unit, n, x))}
    assert not waiting


@every(CONTEXTS)
def test_static_graph_with_open_sizes_equals_dygraph(spec, tmp_path):
    unit = randomise(build(spec))
    opened = [paddle.static.InputSpec([None, C, None, None], "float32")]
    with no_call_stacks():
        paddle.jit.save(paddle.jit.to_static(unit, input_spec=opened, full_graph=True), str(tmp_path / "unit"))
    loaded = paddle.jit.load(str(tmp_path / "unit"))
    for n, h, w in ((1, 7, 10), (3, 12, 5)):
        x = features(n, h, w)
        out = loaded(x)
        out = out[0] if isinstance(out, (list, tuple)) else out
        np.testing.assert_allclose(out.numpy(), unit(x)[0].numpy(), atol=2e-6, rtol=1e-5)


@every(CONTEXTS)
def test_weights_survive_saving(spec, tmp_path):
    first, second = randomise(build(spec)), randomise(build(spec), seed=1)
    paddle.save(first.state_dict(), str(tmp_path / "unit.pdparams"))
    missing, unexpected = second.set_state_dict(paddle.load(str(tmp_path / "unit.pdparams")))
    assert not missing and not unexpected
    x = features()
    assert np.array_equal(first(x)[0].numpy(), second(x)[0].numpy())


@every(CONTEXTS)
def test_cost_is_a_number_of_multiply_adds(spec):
    unit = build(spec)
    small, large = unit.macs(8, 8), unit.macs(16, 16)
    assert isinstance(small, int) and 0 <= small <= large


@pytest.mark.parametrize("spec", list(NODE_UNITS.values()), ids=list(NODE_UNITS))
def test_an_explanation_is_a_distribution_over_nodes(spec):
    unit = randomise(build(spec))
    e = unit.explain(features(2, 6, 7))
    v = unit.num_nodes
    assert sum(e.groups) == v and e.assignment.shape == [2, v, 6, 7] and e.nodes.shape[:2] == [2, v]
    assert e.adjacency.shape in ([v, v], [2, v, v])
    start = 0
    for size in e.groups:
        total = e.assignment[:, start : start + size].sum(1).numpy()
        np.testing.assert_allclose(total, np.ones_like(total), atol=1e-5)
        start += size
    assert float(e.assignment.min()) >= 0


# in networks


UNITS, NETWORKS = names(CONTEXTS), names(MODELS)
PAIRS = [(u, NETWORKS[(i + shift) % len(NETWORKS)]) for i, u in enumerate(UNITS) for shift in (0, len(NETWORKS) // 2)]
PAIRS += [(UNITS[i % len(UNITS)], n) for i, n in enumerate(NETWORKS)]
OTHERS = [(u, n) for u in UNITS for n in NETWORKS if (u, n) not in PAIRS]


@pytest.mark.parametrize(
    ("unit", "network"), [*dict.fromkeys(PAIRS), *(pytest.param(*p, marks=pytest.mark.slow) for p in OTHERS)]
)
def test_a_unit_by_config_alone(unit, network):
    """In two networks or more, and each network with a unit or more; all pairs with -m slow."""
    context = {"reduce": 8, **CONTEXTS.small(unit)}
    written = Config(model={**MODELS.small(network), "context": context}).to_yaml()
    config = parse_config(yaml.safe_load(written))
    model = build_model(config.model, num_classes=3)
    assert [layer for layer in model.sublayers() if type(layer) is CONTEXTS.get(unit)]
    before = {name: p.clone() for name, p in model.named_parameters() if name.startswith("context.")}
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    model.train()
    loss = total_loss(model(paddle.randn([2, 3, 32, 32])), paddle.randint(0, 3, [2, 32, 32]))
    assert bool(paddle.isfinite(loss))
    loss.backward()
    optimizer.step()
    assert any(not bool((p == before[name]).all()) for name, p in model.named_parameters() if name in before)
    assert config.to_yaml() == written


@every(CONTEXTS)
def test_a_unit_says_whether_it_sees_the_whole_map(spec):
    """As the gradient of the first column of logits tells."""
    network = {"type": "FCN", "backbone": {"type": "ResNet18", "width": 0.125}, "aux": False, "context": spec}
    summary = summarize(lazy_model(network, num_classes=3), (1, 3, 64, 64))
    assert sees_the_last_column(network, summary.receptive_field + 64) is bool(summary.whole_picture)


@every(CONTEXTS)
def test_a_unit_inside_a_backbone_starts_as_nothing_and_learns(spec):
    """The factor 0 of the slot and the zero-initialised last layer of a unit must not stand in a row."""
    network = {"type": "FCN", "style": "paddleseg", "backbone": {"type": "PlainCNN", "widths": [8, 12, 12]}}
    paddle.seed(0)
    model = build_model({**network, "context": {"position": "stage2", **spec}}, num_classes=3)
    plain = build_model(network, num_classes=3)
    own = {name: value for name, value in model.state_dict().items() if not name.startswith("context.")}
    plain.set_state_dict(own)
    x, label = paddle.randn([2, 3, 48, 48]), paddle.randint(0, 3, [2, 48, 48])
    model.eval(), plain.eval()
    assert bool((model(x)["out"] == plain(x)["out"]).all())
    model.train()
    optimizer = paddle.optimizer.SGD(0.5, parameters=model.parameters())
    waiting = {name for name, p in model.named_parameters() if name.startswith("context.") and not p.stop_gradient}
    for _ in range(4):
        total_loss(model(x), label).backward()
        given = [(name, p.grad) for name, p in model.named_parameters() if p.grad is not None]
        waiting -= {name for name, grad in given if float(grad.abs().max()) > 0}
        optimizer.step()
        optimizer.clear_grad()
    assert not waiting
