"""Graph convolution of Kipf & Welling: the normalisation's algebra and the layer."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.graph import GCNLayer, LearnedGCN, normalize_adjacency


def random_graph(v, seed, density=0.5):
    rng = np.random.default_rng(seed)
    a = np.triu(rng.random([v, v]) * (rng.random([v, v]) < density), 1)
    return (a + a.T).astype("float32")


def test_empty_graph_becomes_the_identity():
    a = normalize_adjacency(paddle.zeros([5, 5]))
    assert np.array_equal(a.numpy(), np.eye(5, dtype="float32"))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(0, 10_000))
def test_symmetric_normalisation_has_spectrum_in_minus_one_to_one(v, seed):
    a = random_graph(v, seed)
    n = normalize_adjacency(paddle.to_tensor(a)).numpy().astype("float64")
    np.testing.assert_allclose(n, n.T, atol=1e-7)
    values = np.linalg.eigvalsh(n)
    assert values[0] > -1.0 and abs(values[-1] - 1.0) < 1e-5
    eigenvector = np.sqrt((a + np.eye(v)).sum(1))  # D~^1/2 1
    np.testing.assert_allclose(n @ eigenvector, eigenvector, rtol=1e-5)


def test_random_walk_rows_sum_to_one():
    n = normalize_adjacency(paddle.to_tensor(random_graph(7, 3)), "rw").numpy()
    np.testing.assert_allclose(n.sum(1), np.ones(7), rtol=1e-6)


def test_isolated_node_keeps_itself_and_zero_degree_is_safe():
    a = random_graph(5, 1, density=1.0)
    a[2] = a[:, 2] = 0
    for mode in ("sym", "rw"):
        n = normalize_adjacency(paddle.to_tensor(a), mode).numpy()
        assert n[2, 2] == 1.0 and n[2].sum() == 1.0
        bare = normalize_adjacency(paddle.to_tensor(a), mode, add_self=False).numpy()
        assert np.isfinite(bare).all() and (bare[2] == 0).all()
    with pytest.raises(ValueError, match="normalize"):
        normalize_adjacency(paddle.to_tensor(a), "max")


def test_layer_is_permutation_equivariant_and_takes_one_or_many_graphs():
    layer = GCNLayer(4, 3, bias=True, act=F.relu)
    h = paddle.randn([2, 6, 4])
    a = np.stack([random_graph(6, 0), random_graph(6, 1)])
    order = np.random.default_rng(0).permutation(6)
    out = layer(h, paddle.to_tensor(a)).numpy()
    permuted = layer(h[:, paddle.to_tensor(order)], paddle.to_tensor(a[:, order][:, :, order])).numpy()
    np.testing.assert_allclose(permuted, out[:, order], atol=1e-6)
    np.testing.assert_allclose(layer(h[:1], paddle.to_tensor(a[0])).numpy(), out[:1], atol=1e-6)


def test_layer_equals_the_formula():
    layer = GCNLayer(4, 3)
    a, h = random_graph(5, 2), np.random.default_rng(1).normal(size=[1, 5, 4])
    tilde = a + np.eye(5)
    root = np.diag(tilde.sum(1) ** -0.5)
    expected = root @ tilde @ root @ h[0] @ layer.linear.weight.numpy()
    out = layer(paddle.to_tensor(h.astype("float32")), paddle.to_tensor(a)).numpy()[0]
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_learned_gcn_without_node_weights_is_the_identity_path():
    """G-4: zero node convolution and non-negative states leave the state update alone."""
    gcn = LearnedGCN(3, 4)
    gcn.conv1.weight.set_value(paddle.zeros([4, 4, 1]))
    gcn.conv1.bias.set_value(paddle.zeros([4]))
    v = paddle.rand([2, 3, 4])
    expected = np.einsum("st,ntv->nsv", gcn.conv2.weight.numpy()[:, :, 0], v.numpy())
    np.testing.assert_allclose(gcn(v).numpy(), expected, atol=1e-6)
    assert np.array_equal(gcn.adjacency().numpy(), np.eye(4, dtype="float32"))


def test_order_of_relu_is_an_option():
    gcn = LearnedGCN(3, 4, order="paddleseg")
    assert float(gcn(paddle.randn([2, 3, 4])).min()) >= 0
    with pytest.raises(ValueError, match="order"):
        LearnedGCN(3, 4, order="caffe")
