"""Recording a network leaves nothing behind but the program."""

import gc
import traceback

import pytest
from paddle import nn

from paddleseg_lite.export.onnx.trace import trace
from paddleseg_lite.export.recording import recording
from paddleseg_lite.export.static import export_static
from tests.export.conftest import needs_paddle_3, small


def kept_stacks() -> int:
    gc.collect()
    return sum(isinstance(thing, traceback.StackSummary) for thing in gc.get_objects())


@pytest.fixture(params=[pytest.param("trace", marks=needs_paddle_3), "static"])
def record(request, tmp_path):
    """``record(network, shape)``, each way."""
    return trace if request.param == "trace" else lambda net, shape: export_static(net, tmp_path / "graph", shape)


def test_no_call_stacks_are_kept(record):
    network, before = small("FCN"), kept_stacks()
    record(network, (1, 3, 33, 47))
    assert kept_stacks() == before


def test_an_error_leaves_the_network_and_the_process_as_they_were(record):
    class Broken(nn.Layer):
        def forward(self, image):
            raise RuntimeError("no such luck")

    network, real = nn.Sequential(nn.Dropout(), Broken()), traceback.extract_stack
    network[0].eval()
    with pytest.raises(RuntimeError, match="no such luck"):
        record(network, (1, 3, 8, 8))
    assert traceback.extract_stack is real
    assert [layer.training for layer in network.sublayers(include_self=True)] == [True, False, True]


def test_the_last_of_two_recordings_to_end_puts_the_real_one_back():
    real, (one, other) = traceback.extract_stack, (recording(nn.ReLU()) for _ in range(2))
    one.__enter__(), other.__enter__()
    one.__exit__(None, None, None), other.__exit__(None, None, None)
    assert traceback.extract_stack is real
