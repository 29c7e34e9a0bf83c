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
    model.weight.set_value(paddle.zeros([2, 2]).astype("float16"))
    with ema.applied():  # Paddle 3 rounds to 1 + step, 2.6 cuts to 1
        assert model.weight.dtype == paddle.float16
        assert model.weight.numpy()[0, 0] == paddle.to_tensor(expected, "float32").astype("float16").item()
        np.testing.assert_allclose(model.weight.numpy(), expected, atol=step)
    other = EMA(model, 0.999)
    other.load({name: value.numpy() for name, value in ema.shadow.items()}, ema.steps)
    np.testing.assert_array_equal(other.shadow["weight"].numpy(), ema.shadow["weight"].numpy())


def test_the_average_is_a_copy():
    model = nn.Linear(2, 2)
    before = model.weight.numpy().copy()
    ema = EMA(model, 0.999)
    model.weight.set_value(paddle.zeros([2, 2]))
    np.testing.assert_array_equal(ema.shadow["weight"].numpy(), before)


def test_the_first_steps_count_more():
    """``decay`` warms up as (1 + t) / (10 + t): 2/11, 3/12, ... until it is reached."""
    model = nn.Linear(1, 1, bias_attr=False)
    model.weight.set_value(paddle.zeros([1, 1]))
    ema, expected = EMA(model, 0.25), 0.0
    for step, decay in enumerate([2 / 11, 0.25, 0.25], start=1):
        model.weight.set_value(paddle.full([1, 1], float(step)))
        ema.update()
        expected = decay * expected + (1 - decay) * step
        np.testing.assert_allclose(ema.shadow["weight"].numpy().item(), expected, rtol=1e-6)
