"""The state in which Paddle records a network as a program."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

import paddle

from .. import accel

_NO_STACK = traceback.StackSummary()
_extract_stack = traceback.extract_stack  # taken once: of two threads, the last to end puts the real one back


@contextlib.contextmanager
def eval_mode(network: paddle.nn.Layer) -> Iterator[None]:
    """Every layer in eval mode on Paddle's own kernels, and back in the mode it was in."""
    layers = network.sublayers(include_self=True)
    modes = [layer.training for layer in layers]
    network.eval()
    try:
        with accel.disabled(network):
            yield
    finally:
        for layer, mode in zip(layers, modes):
            layer.training = mode


@contextlib.contextmanager
def no_call_stacks() -> Iterator[None]:
    """What Paddle records does not note which Python lines made it.

    Paddle 3.3.1 asks :mod:`traceback` for the stack at each operation and never
    gives it back: 11 MB and 70 % of the time of a trace of ENet. An error is
    raised with its own traceback all the same.
    """
    traceback.extract_stack = lambda *_, **__: _NO_STACK
    try:
        yield
    finally:
        traceback.extract_stack = _extract_stack


@contextlib.contextmanager
def recording(network: paddle.nn.Layer) -> Iterator[None]:
    """:func:`eval_mode` without call stacks."""
    with eval_mode(network), no_call_stacks():
        yield
