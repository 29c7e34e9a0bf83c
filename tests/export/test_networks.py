"""Networks, with graph units and without, give the same logits as ONNX on every runtime here.

A selection that takes seconds each; all networks x units x backends are run by
``benchmarks/backend_matrix.py`` (``docs/results/backends.md``) and by ``pytest -m slow``.
"""

import json

import numpy as np
import paddle
import pytest

from paddleseg_lite.export import load_backend
from paddleseg_lite.export.agreement import verify
from paddleseg_lite.registry import CONTEXTS, MODELS
from tests.contracts.found import names, specs
from tests.export.conftest import RUNTIMES, needs_runtime, noise, small

UNITS = {
    "GCU": {"num_nodes": [2, 4]},
    "GloRe": {"num_state": 8, "num_nodes": 4},
    "GINet": {"num_state": 8, "num_nodes": 4},
}
ANY_SIZE = {"FCN32s": 32, "course_fcn8s": 32}  # what the sides must be a multiple of, for one model to serve them
LONG = {
    "ENet",
    "enet_course",
    "enet_course faithful",
    "PSPNet paddleseg",
}  # half a minute each where they are written for all sizes


def check(network, shapes, folder, *, all_sizes=True, tolerance=2e-5):
    """Compare on noise; without ``all_sizes`` each shape gets a model of its own at once, which is quicker."""
    if not all_sizes:
        (folder / "all_sizes.json").write_text(json.dumps({"impossible": "not asked for"}))
    images = [noise(*shape, seed=i) for i, shape in enumerate(shapes)]
    for kind in RUNTIMES:
        found = verify(network, load_backend(kind, network, folder=folder), images)
        assert found.argmax >= 0.999, f"{kind}: {found}"
        assert found.relative <= tolerance, f"{kind}: {found}"


def multiple_of(folder) -> int:
    return json.loads((folder / "all_sizes.json").read_text())["multiple"]


@needs_runtime
@pytest.mark.parametrize("name", list(specs(MODELS)))
def test_network_at_an_odd_size(name, tmp_path):
    check(small(name), [(1, 3, 41, 59)], tmp_path, all_sizes=False)


@needs_runtime
@pytest.mark.parametrize("name", ["FCN", "UNet", "DeepLabV3P"])
def test_one_model_for_all_sizes(name, tmp_path):
    """Also at sizes that were not traced, in batches, of one pixel; it serves as many as it can."""
    check(small(name), [(1, 3, 64, 96), (2, 3, 48, 80), (3, 3, 128, 32)], tmp_path)
    assert multiple_of(tmp_path) == ANY_SIZE.get(name, 1)


@needs_runtime
@pytest.mark.slow
@pytest.mark.parametrize("name", list(specs(MODELS)))
def test_every_network_for_all_sizes(name, tmp_path):
    check(small(name), [(1, 3, 41, 59), (2, 3, 64, 96)], tmp_path)
    assert multiple_of(tmp_path) == ANY_SIZE.get(name, 1)


@needs_runtime
@pytest.mark.parametrize("unit", list(UNITS))
@pytest.mark.parametrize("name, position", [("FCN", "deep"), ("SegNet", "deep"), ("ENet", "stage2")])
def test_unit_in_network(name, unit, position, tmp_path):
    network = small(name, context={"type": unit, "position": position, **UNITS[unit]})
    if network.context.scale is not None:
        network.context.scale.set_value(paddle.ones([1]))
    check(network, [(1, 3, 64, 96)], tmp_path, all_sizes=False)


@needs_runtime
@pytest.mark.slow
@pytest.mark.parametrize("unit", list(UNITS))
@pytest.mark.parametrize("name", list(specs(MODELS)))
def test_every_unit_in_every_network(name, unit, tmp_path):
    network = small(name, context={"type": unit, **UNITS[unit]})
    check(network, [(1, 3, 41, 59), (1, 3, 64, 96)], tmp_path)


@needs_runtime
@pytest.mark.parametrize("unit", [u for u in names(CONTEXTS) if u not in UNITS])
def test_other_units(unit, tmp_path):
    network = small("FCN", context=CONTEXTS.small(unit))
    tolerance = 5e-5 if unit == "Stack" else 2e-5  # two units in a row: 2.05e-5 was measured with two threads
    check(network, [(1, 3, 41, 59)], tmp_path, all_sizes=False, tolerance=tolerance)


@needs_runtime
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 7), (200, 33)])
def test_extreme_sizes(size, tmp_path):
    check(small("FCN"), [(1, 3, *size)], tmp_path, all_sizes=False)


@needs_runtime
@pytest.mark.parametrize("ceil_mode", [True, False])
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (1, 5)])
def test_unpooling_is_exact_with_ties(size, ceil_mode, tmp_path):
    """Rounded inputs: most windows hold equal values, and the first must win as in Paddle."""
    from paddleseg_lite.backbones.indexed import IndexedMaxPool

    if not ceil_mode and min(size) == 1:
        pytest.skip("floor pooling of one pixel leaves none")

    class Unpool(paddle.nn.Layer):
        in_channels = 3

        def __init__(self):
            super().__init__()
            self.pool = IndexedMaxPool(ceil_mode=ceil_mode)

        def forward(self, x):
            y, place = self.pool(x)
            return {"out": place.restore(y * 2 + 1)}

    network, x = Unpool(), np.round(noise(2, 3, *size))
    with paddle.no_grad():
        expected = network(paddle.to_tensor(x))["out"].numpy()
    for kind in RUNTIMES:
        np.testing.assert_array_equal(load_backend(kind, network, folder=tmp_path)(x), expected)


@needs_runtime
def test_slopes_have_as_many_axes_as_the_maps_they_bend(tmp_path):
    """OpenVINO takes a map to another layout and back around a slope of fewer: ENet then takes a quarter longer."""
    import onnx

    load_backend(RUNTIMES[0], small("ENet"), folder=tmp_path)(noise(1, 3, 64, 96))
    graph = onnx.load(next(tmp_path.glob("*.onnx"))).graph
    axes = {constant.name: len(constant.dims) for constant in graph.initializer}
    found = [axes[node.input[1]] for node in graph.node if node.op_type == "PRelu"]
    assert len(found) > 40 and set(found) == {4}
