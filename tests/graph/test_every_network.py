"""Every network x every unit and control, by config alone: builds, trains a step, writes its config."""

import paddle
import pytest
import yaml

from paddleseg_lite.config import Config, parse_config
from paddleseg_lite.models import build_model
from paddleseg_lite.registry import CONTEXTS, MODELS
from tests.models.checks import total_loss
from tests.models.test_all import SMALL

GLORE = {"type": "GloRe", "num_state": 4, "num_nodes": 3}
UNITS = {
    "GCU": {"num_nodes": [2, 3]},
    "GloRe": {"num_state": 4, "num_nodes": 3},
    "GINet": {"num_state": 4, "num_nodes": 3},
    "NonLocal": {},
    "PPM": {},
    "ASPP": {"rates": [2]},
    "MatchedConv": {"match": "GloRe"},
    "GlobalPool": {"match": "GloRe"},
    "IdentityGraph": {"match": GLORE},
    "ShuffledAssignment": {"match": GLORE, "grid": 4},
}
# The later ones: the slot treats all alike, so one network stands for all.
FURTHER = {
    "OCR": {},
    "DANet": {},
    "CCNet": {},
    "EMANet": {"num_nodes": 3},
    "GCNet": {},
    "ANN": {"bins": [1, 3]},
    "ISANet": {"block": [2, 2]},
    "DNL": {},
    "DGCNet": {},
    "SpyGR": {"rank": 3},
    "Stack": {"unit": "NonLocal"},
}
CASES = [*((n, u) for n in SMALL for u in UNITS), *(("FCN", u) for u in FURTHER)]


def test_the_tables_are_complete():
    ours = [n for n in CONTEXTS.names() if CONTEXTS.get(n).__module__.startswith("paddleseg_lite.")]
    assert {*UNITS, *FURTHER} == set(ours)
    networks = [n for n in MODELS.names() if MODELS.get(n).__module__.startswith("paddleseg_lite.")]
    assert set(SMALL) == set(networks)


@pytest.mark.parametrize("network, unit", CASES)
def test_a_unit_by_config_alone(network, unit):
    context = {"type": unit, "reduce": 8, **{**UNITS, **FURTHER}[unit]}
    written = Config(model={"type": network, **SMALL[network], "context": context}).to_yaml()
    config = parse_config(yaml.safe_load(written))
    model = build_model(config.model, num_classes=3)
    inside = [layer for layer in model.sublayers() if type(layer) is CONTEXTS.get(unit)]
    assert inside
    before = {name: p.clone() for name, p in model.named_parameters() if name.startswith("context.")}
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    model.train()
    outputs = model(paddle.randn([2, 3, 32, 32]))
    loss = total_loss(outputs, paddle.randint(0, 3, [2, 32, 32]))
    assert bool(paddle.isfinite(loss))
    loss.backward()
    optimizer.step()
    assert any(not bool((p == before[name]).all()) for name, p in model.named_parameters() if name in before)
    assert config.to_yaml() == written


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_inside_a_backbone_starts_as_nothing_and_learns(unit):
    """The factor 0 of the slot and the zero-initialised last layer of a unit must not stand in a row."""
    spec = {"type": "FCN", "style": "paddleseg", "backbone": {"type": "PlainCNN", "widths": [8, 12, 12]}}
    paddle.seed(0)
    model = build_model({**spec, "context": {"type": unit, "position": "stage2", **UNITS[unit]}}, num_classes=3)
    plain = build_model(spec, num_classes=3)
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
