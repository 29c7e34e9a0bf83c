"""The functions that a model's own kernels may take over."""

import inspect
import threading

import paddle
import paddle.nn.functional as F
import pytest

from paddleseg_lite.layers import functional

CALLS = {
    "add": (lambda f, x: f(x, x * 2), lambda x: x + x * 2),
    "relu": (lambda f, x: f(x), F.relu),
    "concat": (lambda f, x: f([x, x[:, :1]]), lambda x: paddle.concat([x, x[:, :1]], axis=1)),
    "spatial_mean": (lambda f, x: f(x), lambda x: F.adaptive_avg_pool2d(x, 1)),
    "interpolate": (
        lambda f, x: f(x, (9, 12), align_corners=True),
        lambda x: F.interpolate(x, [9, 12], mode="bilinear", align_corners=True),
    ),
    "max_pool_2x2": (lambda f, x: f(x)[0], lambda x: F.max_pool2d(x, 2, 2)),
    "max_unpool_2x2": (
        lambda f, x: f(*F.max_pool2d(x, 2, 2, return_mask=True), (5, 6)),
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, 2, return_mask=True), 2, 2, output_size=[2, 3, 5, 6]),
    ),
}


class Counting:
    """Kernels that answer nothing, or one thing, and count what they were asked for."""

    def __init__(self, answer=None):
        self.answer, self.asked = answer, []

    def __getattr__(self, name):
        if name not in CALLS:
            raise AttributeError(name)
        return lambda *args, **kwargs: self.asked.append(name) or self.answer


def test_every_function_is_tested_here():
    own = {n for n, f in vars(functional).items() if inspect.isfunction(f) and hasattr(f, "__wrapped__")}
    assert own - {"use_kernels"} == set(CALLS) == {n for n in vars(functional.Kernels) if not n.startswith("_")}


@pytest.mark.parametrize("name", CALLS)
def test_paddle_computes_what_nobody_takes(name):
    x = paddle.randn([2, 3, 5, 6])
    call, reference = CALLS[name]
    kernels = Counting()
    plain = call(getattr(functional, name), x)
    with functional.use_kernels(kernels):
        offered = call(getattr(functional, name), x)
    assert kernels.asked == [name]
    assert (plain == offered).all() and paddle.allclose(plain, reference(x), atol=1e-6)


@pytest.mark.parametrize("name", CALLS)
def test_what_kernels_give_is_the_result(name):
    answer = [object()]
    with functional.use_kernels(Counting(answer)):
        assert CALLS[name][0](getattr(functional, name), paddle.randn([2, 3, 5, 6])) in (answer, answer[0])


def test_kernels_hold_for_one_thread_and_end_with_an_error():
    outer, inner, elsewhere = Counting(), Counting(), []
    with functional.use_kernels(outer):
        with pytest.raises(RuntimeError), functional.use_kernels(inner):
            thread = threading.Thread(target=lambda: elsewhere.append(functional.running_kernels()))
            thread.start()
            thread.join()
            assert functional.running_kernels() is inner
            raise RuntimeError
        assert functional.running_kernels() is outer
    assert functional.running_kernels() is None and elsewhere == [None]


def test_a_resize_by_a_factor():
    x = paddle.randn([1, 2, 5, 7])
    assert functional.interpolate(x, scale_factor=2).shape == [1, 2, 10, 14]
