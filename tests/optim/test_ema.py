"""Averaged weights: in fp32 whatever the network's precision."""

import numpy as np
import paddle
from paddle import nn

from paddleseg_lite.optim.ema import EMA


def test_half_weights_are_averaged_in_single_precision():
    model = nn.Linear(2, 2).to(dtype="float16")
    model.weight.set_value(paddle.ones([2, 2]).astype("float16"))
    ema = EMA(model, 0.999)
    ema.steps = 100000  # past the warm-up
    step = 2.0**-10  # the next half-precision number; a thousandth of it is none
    model.weight.set_value((paddle.ones([2, 2]) + step).astype("float16"))
    for _ in range(1000):
        ema.update()
    expected = 1 + step * (1 - 0.999**1000)
    np.testing.assert_allclose(ema.shadow["weight"].numpy(), expected, atol=2e-5)
    assert ema.shadow["weight"].dtype == paddle.float32
    with ema.applied():
        assert model.weight.dtype == paddle.float16 and model.weight.numpy()[0, 0] == 1 + step
    other = EMA(model, 0.999)
    other.load({name: value.numpy() for name, value in ema.shadow.items()}, ema.steps)
    np.testing.assert_array_equal(other.shadow["weight"].numpy(), ema.shadow["weight"].numpy())


def test_the_average_is_a_copy():
    model = nn.Linear(2, 2)
    before = model.weight.numpy().copy()
    ema = EMA(model, 0.999)
    model.weight.set_value(paddle.zeros([2, 2]))
    np.testing.assert_array_equal(ema.shadow["weight"].numpy(), before)
