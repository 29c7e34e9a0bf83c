"""Orders of memory: recognised, converted, and understood by Paddle."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.accel import layout


@pytest.mark.parametrize("shape", [(2, 5, 6, 7), (1, 1, 4, 4), (2, 8, 1, 1), (1, 3, 1, 9)])
def test_round_trip(shape):
    x = paddle.randn(shape)
    y = layout.to_last(x)
    assert layout.is_channels_last(y) and list(y.shape) == list(shape) and (y.numpy() == x.numpy()).all()
    assert layout.to_last(y) is y
    z = layout.to_first(y)
    assert z.is_contiguous() and (z.numpy() == x.numpy()).all()


def test_views_are_read_where_they_are():
    x = layout.to_last(paddle.randn([2, 8, 6, 7]))
    part = x[:, 2:5, 1:, ::2]
    assert not layout.is_channels_last(part)
    assert (layout.to_last(part).numpy() == part.numpy()).all()


def test_bf16_rounds_to_nearest():
    x = paddle.randn([1, 4, 5, 6])
    y = layout.to_last(x, paddle.bfloat16)
    assert y.dtype == paddle.bfloat16
    bits = x.numpy().view(np.uint32)  # not Paddle's own: 2.6 cuts
    nearest = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000  # a tie goes to the even one
    assert np.array_equal(layout.to_last(y).numpy(), nearest.astype(np.uint32).view(np.float32))


def test_what_qualifies():
    x = paddle.randn([1, 2, 3, 4])
    assert layout.qualifies(x) and not layout.qualifies(x.astype("float64"))
    with paddle.utils.unique_name.guard():
        paddle.enable_static()
        try:
            assert not layout.qualifies(x)
        finally:
            paddle.disable_static()


def test_paddle_computes_with_a_channels_last_tensor():
    x = paddle.randn([2, 5, 6, 7])
    y = layout.to_last(x)
    for function in (paddle.exp, lambda t: t.sum(1), lambda t: t.reshape([2, -1]), lambda t: t + x, paddle.argmax):
        assert (function(y).numpy() == function(x).numpy()).all()
