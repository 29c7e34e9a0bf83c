"""The contract of a network: sizes, outputs, gradients, weights in files, and the slot for a context unit."""

import json

import paddle
import pytest

from paddleseg_lite.models import build_model
from paddleseg_lite.models.summary import summarize
from paddleseg_lite.registry import CONTEXTS, MODELS
from tests.contracts.found import OWN_MODULES, every, specs
from tests.models.checks import (
    awake,
    check_all_layers_in_state,
    check_context,
    check_gradients,
    check_save_load,
    check_static,
    lazy_model,
    sees_the_last_column,
)

# Translating a network takes seconds: one of each kind, and a user's own; all are written as ONNX in tests/export.
TRANSLATED = ("FCN", "PSPNet", "PSPNetProgressive", "DeepLabV3P", "GloRe", "GINet jpu")
STATIC = {
    name: spec
    for name, spec in specs(MODELS).items()
    if name in TRANSLATED or MODELS.get(spec["type"]).__module__ in OWN_MODULES
}


@pytest.fixture(scope="module")
def built():
    """``built(spec)``: one network a spec, in evaluation mode, for the tests that change none of its weights."""
    networks = {}

    def get(spec):
        key = json.dumps(spec)
        if key not in networks:
            networks[key] = build_model(spec, num_classes=3)
        networks[key].eval()
        return networks[key]

    return get


@every(MODELS)
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (5, 40)])
def test_pictures_of_a_few_pixels(spec, size, built):
    model = built(spec)
    with paddle.no_grad():
        out = model.logits(paddle.randn([1, 3, *size]))
    assert list(out.shape) == [1, 3, *size] and bool(paddle.isfinite(out).all())


@every(MODELS)
@pytest.mark.parametrize(("batch", "channels", "size"), [(1, 1, (33, 47)), (2, 3, (65, 97)), (1, 4, (96, 128))])
def test_eval_output_is_finite_and_of_the_images_size(spec, batch, channels, size):
    model = awake(build_model({**spec, "in_channels": channels}, num_classes=3))
    model.eval()
    with paddle.no_grad():
        outputs = model(paddle.randn([batch, channels, *size]))
    assert list(outputs) == ["out"]
    assert list(outputs["out"].shape) == [batch, 3, *size]
    assert bool(paddle.isfinite(outputs["out"]).all())


@every(MODELS)
def test_training_outputs_are_maps_or_scores_of_each_class(spec, built):
    model = built(spec)
    model.train()
    outputs = model(paddle.randn([2, 3, 65, 97]))
    assert "out" in outputs
    for key, value in outputs.items():
        assert list(value.shape[:2]) == [2, 3], key
        assert value.ndim == 2 or model.native_output or list(value.shape[2:]) == [65, 97], key


@every(MODELS)
def test_encode_returns_a_feature_map_for_each_stage(spec, built):
    model = built(spec)
    with paddle.no_grad():
        features = model.encode(paddle.randn([2, 3, 64, 96]))
    assert isinstance(features, list) and len(features) == len(model.backbone.out_channels)
    widths = [*model.backbone.out_channels[:-1], model.deep_channels]
    assert [(x.ndim, x.shape[0], x.shape[1]) for x in features] == [(4, 2, width) for width in widths]


@every(MODELS)
def test_a_call_leaves_no_tensor_on_any_layer(spec):
    """What one call computes must not wait on the network for the next, or for another thread."""
    model = build_model({**spec, "context": {"type": "GCU", "num_nodes": 4}}, num_classes=3)

    def attributes():
        layers = model.named_sublayers(include_self=True)
        return {
            layer: {k: id(v) for k, v in vars(x).items() if isinstance(v, (dict, list, tuple, paddle.Tensor))}
            for layer, x in layers
        }

    model.train()
    before, sizes = attributes(), {k: len(vars(x)) for k, x in model.named_sublayers(include_self=True)}
    model(paddle.randn([2, 3, 65, 97]))
    assert attributes() == before
    assert {k: len(vars(x)) for k, x in model.named_sublayers(include_self=True)} == sizes


@every(MODELS)
def test_every_parameter_gets_a_gradient_within_three_steps(spec):
    check_gradients(spec, lr=1.0)


@every(MODELS)
def test_weights_survive_saving(spec, tmp_path):
    check_save_load(spec, tmp_path)


@every(MODELS)
def test_no_layer_is_hidden_from_the_state(spec, built):
    check_all_layers_in_state(built(spec))


@every(MODELS)
def test_a_unit_behind_a_stage_starts_as_the_identity(spec):
    check_context(spec, CONTEXTS.small("GloRe"), "stage2")


@every(MODELS)
def test_a_unit_on_the_deepest_map(spec):
    model = build_model({**spec, "context": {"type": "NonLocal", "reduce": 8}}, num_classes=3)
    model.eval()
    with paddle.no_grad():
        out = model(paddle.randn([1, 3, 33, 47]))["out"]
    assert list(out.shape) == [1, 3, 33, 47]
    assert bool(paddle.isfinite(out).all())


@every(MODELS)
def test_the_pretrained_part_and_the_head_are_all_parameters(spec, built):
    """The groups of ``head_lr_mult`` partition what is trained."""
    model = built(spec)
    groups = model.parameter_groups(head_lr_mult=10.0, head_bias_lr_mult=20.0)
    listed = [id(p) for group in groups for p in group["params"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == {id(p) for p in model.parameters() if not p.stop_gradient}
    assert 1.0 in {group["learning_rate"] for group in groups}


@every(MODELS)
def test_the_summary_knows_whether_it_sees_the_whole_picture(spec):
    """As the gradient of the first column of logits tells."""
    summary = summarize(lazy_model(spec, num_classes=3), (1, 3, 64, 64))
    assert sees_the_last_column(spec, summary.receptive_field + 64) is bool(summary.whole_picture)


@pytest.mark.parametrize("spec", list(STATIC.values()), ids=list(STATIC))
def test_static_graph_equals_the_network(spec):
    check_static(build_model(spec, num_classes=3))
