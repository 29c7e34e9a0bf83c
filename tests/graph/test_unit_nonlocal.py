"""Non-local block against a double loop, and its properties."""

import numpy as np
import paddle
from graph_helpers import C, build, features, randomise
from graph_reference import as_rows, nonlocal_block, parameters


def test_equals_the_double_loop():
    unit = randomise(build("NonLocal"))
    x = features(2, 4, 5)
    y, p = unit(x)[0].numpy(), parameters(unit)
    for n in range(2):
        np.testing.assert_allclose(as_rows(y[n]), nonlocal_block(x.numpy()[n], p), atol=1e-5)


def test_rows_sum_to_one():
    for name, sources in (("NonLocal", 35), ("NonLocal-pool", 12)):
        attention = randomise(build(name)).attention(features(2, 5, 7)).numpy()
        assert attention.shape == (2, 35, sources)
        np.testing.assert_allclose(attention.sum(-1), np.ones([2, 35]), atol=1e-5)


def test_pixel_permutation():
    unit = randomise(build("NonLocal"))
    x = features(1, 4, 5)
    order = paddle.to_tensor(np.random.default_rng(0).permutation(20))
    moved = x.flatten(2)[:, :, order].reshape([1, C, 4, 5])
    expected = unit(x)[0].flatten(2)[:, :, order].numpy()
    np.testing.assert_allclose(unit(moved)[0].flatten(2).numpy(), expected, atol=1e-5)
