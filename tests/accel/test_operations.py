"""Normalisation, pooling, resize, activations, concatenation and sums against Paddle's own."""

import random
from functools import partial

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from accel_helpers import relative
from paddle import nn

from paddleseg_lite.accel import branch, concat, dnnl, layout, norm, pointwise, pool, prelu, resize, unpool


def last(shape, *, grad=True):
    """Random values with adjacent channels."""
    x = layout.to_last(paddle.randn(shape))
    x.stop_gradient = not grad
    return x


def same(ours, theirs, inputs, *, bound=1e-5):
    """Values and gradients of two functions of the inputs agree."""
    a, b = ours(*inputs), theirs(*inputs)
    dy = paddle.randn(b.shape)
    errors = [relative(a, b)]
    errors += [relative(p, q) for p, q in zip(paddle.grad([a], inputs, [dy]), paddle.grad([b], inputs, [dy]))]
    assert max(errors) <= bound, errors


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("fixed", [None, True])
@pytest.mark.parametrize("shape", [(2, 16, 9, 7), (3, 19, 5, 4), (1, 3, 8, 8), (2, 64, 20, 30)])
def test_batch_norm(shape, fixed, affine, relu):
    attribute = None if affine else False
    layers = [nn.BatchNorm2D(shape[1], weight_attr=attribute, bias_attr=attribute, momentum=0.8) for _ in range(2)]
    weight, bias = paddle.rand([shape[1]]) + 0.5, paddle.randn([shape[1]])
    for layer in layers:
        layer._use_global_stats = fixed
        layer._variance.set_value(paddle.full([shape[1]], 4.0))
        if affine:
            layer.weight.set_value(weight)
            layer.bias.set_value(bias)
    theirs, ours = layers
    x = last(shape)
    y = theirs(x * 3 + 1)
    y = F.relu(y) if relu else y
    z = norm.batch_norm(
        x * 3 + 1,
        ours.weight,
        ours.bias,
        ours._mean,
        ours._variance,
        momentum=0.8,
        epsilon=ours._epsilon,
        training=True,
        use_global_stats=fixed,
        relu=relu,
    )
    dy = paddle.randn(shape)
    own = [[layer.weight, layer.bias] if affine else [] for layer in layers]
    grads = [paddle.grad([out], [x, *params], [dy]) for out, params in ((z, own[1]), (y, own[0]))]
    pairs = [(z, y), *zip(*grads), (ours._mean, theirs._mean), (ours._variance, theirs._variance)]
    assert max(relative(a, b) for a, b in pairs) <= 1e-5


def test_batch_norm_with_fixed_statistics_as_an_affine_map():
    layer = nn.BatchNorm2D(7)
    for p in (layer.weight, layer.bias, layer._mean):
        p.set_value(paddle.randn([7]))
    layer._variance.set_value(paddle.rand([7]) + 0.1)
    layer.eval()
    x = paddle.randn([2, 7, 4, 5])
    scale, shift = norm.as_affine(layer.weight, layer.bias, layer._mean, layer._variance, layer._epsilon)
    assert relative(x * scale.reshape([1, 7, 1, 1]) + shift.reshape([1, 7, 1, 1]), layer(x)) < 1e-5


def test_max_pool_and_its_mask():
    rng, compared = random.Random(0), 0
    for _ in range(60):
        kernel, stride = rng.choice([(2, 2), (3, 3), (3, 2)]), rng.choice([(2, 2), (1, 1), (3, 2)])
        pad, ceil, mask = rng.choice([0, 1]), rng.random() < 0.5, rng.random() < 0.6
        shape = (rng.choice([1, 2]), rng.choice([1, 3, 8, 19]), rng.randint(6, 16), rng.randint(6, 16))
        x = F.relu(paddle.randn(shape))  # with ties
        x.stop_gradient = False
        ours = partial(pool.max_pool, kernel=kernel, stride=stride, pads=(pad,) * 4, ceil_mode=ceil)
        theirs = partial(F.max_pool2d, kernel_size=kernel, stride=stride, padding=pad, ceil_mode=ceil)
        out = pool.output_size(shape[2:], kernel, stride, (pad,) * 4, ceil)
        if any((o - 1) * s - pad >= side for o, s, side in zip(out, stride, shape[2:])):
            with pytest.raises(dnnl.Unimplemented):
                ours(x)
            continue
        if mask:
            (_, found), (_, expected) = ours(x, return_mask=True), theirs(x, return_mask=True)
            assert found.shape == theirs(x).shape and found.dtype == expected.dtype
            rows, columns = expected.shape[2:]  # Paddle 2.6 forgets ceil_mode where it returns indices
            assert ceil or expected.shape == found.shape
            assert np.array_equal(found.numpy()[:, :, :rows, :columns], expected.numpy())
        same(ours, theirs, [x])
        compared += 1
    assert compared > 30


@pytest.mark.parametrize("shape", [(2, 5, 8, 10), (1, 16, 9, 11)])
def test_max_unpool_is_paddles(shape):
    ceil = bool(shape[2] % 2)
    x = last(shape)
    y, mask = pool.max_pool(x, (2, 2), (2, 2), (0,) * 4, ceil_mode=ceil, return_mask=True)
    if not hasattr(mask, "_accel_winners"):
        pytest.skip("tensors of this Paddle take no attributes")
    v = last(y.shape)
    same(
        lambda v: unpool.max_unpool(v, mask._accel_winners),
        lambda v: F.max_unpool2d(v, mask, 2, 2, output_size=list(shape)),
        [v],
    )
    with pytest.raises(dnnl.Unimplemented):
        unpool.max_unpool(last((1, 2, 3, 4)), mask._accel_winners)


def test_bilinear_resize():
    rng = random.Random(0)
    for _ in range(40):
        shape = (rng.choice([1, 2]), rng.choice([1, 3, 16, 19]), rng.randint(1, 20), rng.randint(1, 20))
        size, aligned = [rng.randint(2, 40), rng.randint(2, 40)], rng.random() < 0.5
        x = last(shape)
        same(
            partial(resize.bilinear, size=size, align_corners=aligned),
            partial(F.interpolate, size=size, mode="bilinear", align_corners=aligned, align_mode=0),
            [x],
        )
    with pytest.raises(dnnl.Unimplemented):
        resize.bilinear(last((1, 3, 8, 8)), (1, 5))


@pytest.mark.parametrize("slopes", [1, 19])
def test_prelu(slopes):
    x, w = last((2, 19, 9, 7)), paddle.rand([slopes])
    w.stop_gradient = False
    same(prelu.prelu, F.prelu, [x, w])


def test_concat_of_any_layout():
    parts = [last((2, 3, 6, 5)), paddle.randn([2, 4, 6, 5]), last((2, 9, 6, 5))[:, 2:7]]
    for p in parts:
        p.stop_gradient = False
    same(lambda *t: concat.concat(t), lambda *t: paddle.concat(t, axis=1), parts, bound=0.0)


def test_sums_relu_and_means():
    x, y = last((2, 12, 7, 6)), last((2, 12, 7, 6))
    same(pointwise.add, lambda a, b: a + b, [x, y], bound=0.0)
    same(partial(pointwise.add, relu=True), lambda a, b: F.relu(a + b), [x, y], bound=0.0)
    same(pointwise.relu, F.relu, [x], bound=0.0)
    same(pool.mean, lambda a: a.mean([2, 3], keepdim=True), [x])


def test_gradients_of_a_sum_of_leaves_are_not_one_tensor():
    """Paddle adds to a leaf's gradient in place; two leaves must not share it."""
    x, y = last((1, 4, 3, 3)), last((1, 4, 3, 3))
    for _ in range(2):
        (pointwise.add(x, y).sum() * 2).backward()
    (x * 7).sum().backward()
    assert float(x.grad[0, 0, 0, 0]) == 11.0 and float(y.grad[0, 0, 0, 0]) == 4.0


def test_dropout_drops_what_it_should():
    x = layout.to_last(paddle.ones([64, 32, 3, 3]))
    x.stop_gradient = False
    channels = pointwise.dropout2d(x, 0.25)
    values = channels.numpy()
    assert (values == values[:, :, :1, :1]).all() and abs(float((values[:, :, 0, 0] == 0).mean()) - 0.25) < 0.05
    assert abs(float(values.max()) - 1 / 0.75) < 1e-6
    channels.sum().backward()
    assert (x.grad.numpy() == values).all()
    single = pointwise.dropout(x, 0.5).numpy()
    assert abs(float((single == 0).mean()) - 0.5) < 0.05 and set(single.ravel().tolist()) == {0.0, 2.0}


def test_gradients_of_a_map_with_several_consumers_are_summed(monkeypatch):
    monkeypatch.setattr(branch, "SMALLEST", 1)
    x = paddle.randn([2, 16, 6, 5])
    x.stop_gradient = False

    def value(take):
        y = pointwise.relu(layout.as_last(x))
        return (take(y) * 2).sum() + (take(y) ** 2).sum() + (y * 3).sum() + take(y).mean()

    grads = [paddle.grad([value(take)], [x])[0] for take in (branch.take, lambda t: t)]
    assert relative(*grads) < 1e-6
