"""GCU: the equations in float64, the algebra of nodes and adjacency, empty nodes, k-means initialisation."""

import numpy as np
import paddle
import pytest
from graph_helpers import C, build, features, randomise
from graph_reference import as_rows, batch_norm, gcu, parameters, softmax

from paddleseg_lite.graph import GCU, initialise_contexts
from paddleseg_lite.graph.gcu import GCUGraph
from paddleseg_lite.graph.kmeans import kmeans


def moderate(unit, seed=0):
    """Random parameters with anchors on the scale of the features, so that assignments are soft."""
    randomise(unit, seed)
    rng = np.random.default_rng(seed)
    for graph in unit.graphs:
        graph.anchors.set_value((0.4 + 0.3 * rng.normal(size=graph.anchors.shape)).astype("float32"))
        graph.raw_sigma.set_value((1.0 + rng.normal(size=graph.raw_sigma.shape)).astype("float32"))
    return unit


def test_equals_the_equations():
    """C-9 too: the reference builds the full L x V x C differences."""
    unit = moderate(build("GCU"))
    x = features(2, 6, 7)
    y, p = unit(x)[0].numpy(), parameters(unit)
    for n in range(2):
        np.testing.assert_allclose(as_rows(y[n]), gcu(x.numpy()[n], p, 2), atol=1e-5)


def test_projection_and_nodes():
    """C-1 to C-3."""
    unit = moderate(build("GCU"))
    e = unit.explain(features(2, 6, 7))
    first, second = e.assignment[:, :2].sum(1).numpy(), e.assignment[:, 2:].sum(1).numpy()
    np.testing.assert_allclose(first, np.ones_like(first), atol=1e-6)
    np.testing.assert_allclose(second, np.ones_like(second), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(e.nodes.numpy(), axis=-1), np.ones([2, 6]), atol=1e-5)
    a = e.adjacency.numpy()
    np.testing.assert_allclose(a, a.transpose(0, 2, 1), atol=1e-6)
    np.testing.assert_allclose(np.diagonal(a, axis1=1, axis2=2), np.ones([2, 6]), atol=1e-5)
    assert np.abs(a).max() <= 1 + 1e-5 and (a[:, :2, 2:] == 0).all()  # two graphs that do not touch


def test_a_pixel_on_an_anchor_belongs_to_it():
    """C-4."""
    graph = GCUGraph(C, 3)
    anchors = np.zeros([3, C], "float32")
    anchors[1], anchors[2] = 5.0, -5.0
    graph.anchors.set_value(anchors)
    q = graph.assign(paddle.to_tensor(anchors.T[None])).numpy()[0]
    np.testing.assert_allclose(q, np.eye(3), atol=1e-6)


def reproject(graph, x):
    q = graph.assign(x)
    nodes = graph.reason(graph.gather(x, q))
    return paddle.matmul(nodes, q, transpose_x=True).numpy()[0], nodes.numpy()[0], q.numpy()[0]


def test_reprojection_stays_between_the_nodes():
    """C-5: every pixel is a convex combination of node features."""
    graph = moderate(build("GCU")).graphs[1]
    pixels, nodes, q = reproject(graph, features(1, 5, 6).flatten(2))
    np.testing.assert_allclose(pixels, nodes.T @ q, atol=1e-6)
    assert q.min() >= 0
    assert (pixels <= nodes.max(0)[:, None] + 1e-6).all() and (pixels >= nodes.min(0)[:, None] - 1e-6).all()


def test_permutations():
    """C-6 pixels move along; C-7 the order of nodes does not matter."""
    graph = moderate(build("GCU")).graphs[1]
    x = features(1, 5, 6).flatten(2)
    out = reproject(graph, x)[0]
    order = np.random.default_rng(0).permutation(30)
    moved = reproject(graph, x[:, :, paddle.to_tensor(order)])[0]
    np.testing.assert_allclose(moved, out[:, order], atol=1e-5)
    nodes = np.random.default_rng(1).permutation(4)
    for parameter in (graph.anchors, graph.raw_sigma):
        parameter.set_value(parameter.numpy()[nodes])
    np.testing.assert_allclose(reproject(graph, x)[0], out, atol=1e-5)


def test_one_node_gives_one_value_everywhere():
    """C-8."""
    graph = randomise(GCUGraph(C, 1))
    pixels = reproject(graph, features(1, 5, 6).flatten(2))[0]
    np.testing.assert_allclose(pixels, np.repeat(pixels[:, :1], 30, 1), atol=1e-7)


def test_tiling_the_image_leaves_the_nodes_alone():
    graph = moderate(build("GCU")).graphs[1]
    x = features(1, 6, 7)
    once, four = (graph.gather(t, graph.assign(t)).numpy() for t in (x.flatten(2), x.tile([1, 1, 2, 2]).flatten(2)))
    np.testing.assert_allclose(four, once, atol=1e-5)


@pytest.mark.parametrize("case", ["empty node", "equal pixels", "pixels on the anchor"])
def test_degenerate_images_stay_finite(case):
    """C-10."""
    unit = GCU(in_channels=C, num_nodes=3)
    graph = unit.graphs[0]
    x = features(2, 4, 4)
    if case == "empty node":
        anchors = graph.anchors.numpy()
        anchors[0] = 1e3
        graph.anchors.set_value(anchors)
    else:
        x = paddle.full_like(x, 0.3)
        if case == "pixels on the anchor":
            graph.anchors.set_value(paddle.full_like(graph.anchors, 0.3))
    x.stop_gradient = False
    y = unit(x)[0]
    (y * features(2, 4, 4, seed=2)).sum().backward()
    assert bool(paddle.isfinite(y).all()) and bool(paddle.isfinite(x.grad).all())
    for name, parameter in unit.named_parameters():
        if not parameter.stop_gradient:
            assert bool(paddle.isfinite(parameter.grad).all()), name


def test_adjacency_as_in_the_formula():
    graph = moderate(GCU(in_channels=C, num_nodes=4, adj_norm="none")).graphs[0]
    z = graph.gather(*(lambda x: (x, graph.assign(x)))(features(1, 5, 6).flatten(2)))
    p = parameters(graph)
    plain = z.numpy()[0] @ z.numpy()[0].T @ z.numpy()[0] @ p["gcn.linear.weight"]
    expected = np.maximum(batch_norm(plain, p, "norm"), 0)
    np.testing.assert_allclose(graph.reason(z).numpy()[0], expected, atol=1e-5)
    assert not np.allclose(softmax(z.numpy()[0] @ z.numpy()[0].T, 1), z.numpy()[0] @ z.numpy()[0].T)


def blobs(seed=0, per=60):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 3, size=[4, C])
    return (centres[:, None] + 0.1 * rng.normal(size=[4, per, C])).reshape(-1, C), centres


def quantisation_error(points, anchors):
    return float(((points[:, None] - anchors) ** 2).sum(-1).min(1).mean())


def test_kmeans_finds_the_clusters_and_their_spread():
    points, centres = blobs()
    found, std = kmeans(points, 4)
    nearest = ((found[:, None] - centres) ** 2).sum(-1)
    assert sorted(nearest.argmin(1)) == [0, 1, 2, 3] and nearest.min(1).max() < 0.05
    assert 0.05 < std.mean() < 0.15
    assert np.array_equal(kmeans(points, 4)[0], found)  # the seed decides


REPEATED = np.repeat(np.random.default_rng(0).normal(size=(3, 3)), 20, axis=0)


@pytest.mark.parametrize("points", [np.ones([5, 3]), np.zeros([1, 3]), np.arange(6.0).reshape(2, 3), REPEATED])
def test_kmeans_with_fewer_points_than_clusters(points):
    centres, std = kmeans(points, 4)
    assert np.isfinite(centres).all() and np.isfinite(std).all() and centres.shape == (4, 3) and std.shape == (3,)
    assert len(np.unique(centres.round(6), axis=0)) == 4
    with pytest.raises(ValueError, match="finite points"):
        kmeans(np.full([3, 2], np.nan), 2)


def test_init_from_features_lowers_the_quantisation_error():
    """C-11."""
    points, _ = blobs()
    unit = GCU(in_channels=C, num_nodes=[2, 4])
    before = [quantisation_error(points, g.anchors.numpy()) for g in unit.graphs]
    unit.init_from_features(points, iters=10, seed=0)
    after = [quantisation_error(points, g.anchors.numpy()) for g in unit.graphs]
    assert all(a < b for a, b in zip(after, before)) and after[1] < 0.2
    sigma = 1 / (1 + np.exp(-unit.graphs[1].raw_sigma.numpy()))
    assert sigma.min() >= 0.05 - 1e-6 and sigma.max() <= 0.95 + 1e-6
    with pytest.raises(ValueError, match=r"\[M, 12\]"):
        unit.init_from_features(points[:, :3])
    half = GCU(in_channels=C, num_nodes=2).to(dtype="float16")  # amp_level O2
    half.init_from_features(points)
    assert half.graphs[0].anchors.dtype == half.graphs[0].raw_sigma.dtype == paddle.float16


@pytest.mark.parametrize("control", [None, "ShuffledAssignment", "IdentityGraph"])
def test_initialise_contexts_reaches_the_unit_and_leaves_the_rest(control):
    spec = {"type": "GCU", "num_nodes": 4, "init": "kmeans"}
    unit = build({"type": control, "match": spec} if control else spec)
    inner, path = (unit.unit, "net.4.unit") if control else (unit, "net.4")
    net = paddle.nn.Sequential(
        paddle.nn.Conv2D(3, C, 3), paddle.nn.BatchNorm2D(C), paddle.nn.ReLU(), paddle.nn.Dropout(0.5), unit
    )
    seen = []
    net[4].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].numpy()))

    class Model(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            for layer in list(self.net)[:4]:
                x = layer(x)
            return self.net[4](x)[0]

    model = Model()
    state = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    images = [paddle.randn([2, 3, 8, 8]) for _ in range(2)]
    assert initialise_contexts(model, images) == ["net.4"]
    changed = {k for k, v in model.state_dict().items() if not np.array_equal(v.numpy(), state[k])}
    assert changed == {f"{path}.graphs.0.anchors", f"{path}.graphs.0.raw_sigma"}
    assert all(layer.training for layer in model.sublayers())
    rows = np.concatenate([s.transpose(0, 2, 3, 1).reshape(-1, C) for s in seen])
    assert abs(rows.std() - 0.58) < 0.1  # batch statistics were used, as in the first training step
    centres, _ = kmeans(rows, 4)
    np.testing.assert_allclose(inner.graphs[0].anchors.numpy(), centres, atol=1e-5)
    assert initialise_contexts(paddle.nn.Linear(2, 2), images) == []


def test_no_tensor_of_nodes_times_channels_times_pixels_is_built(tmp_path):
    """Every value of the unit's program is listed; V C L would be 98,304 numbers."""
    unit = build({"type": "GCU", "num_nodes": 32})
    unit.eval()
    if paddle.__version__.startswith("2."):
        pytest.skip("programs of Paddle 2 do not tell the types of their values")
    spec = [paddle.static.InputSpec([1, C, 16, 16], "float32")]
    program = paddle.jit.to_static(unit, input_spec=spec, full_graph=True).forward.concrete_program.main_program
    values = [v for op in program.global_block().ops for v in op.results() if v.is_dense_tensor_type()]
    sizes = [int(np.prod(v.shape)) for v in values]
    assert len(sizes) > 20 and 32 * 256 in sizes and max(sizes) < 32 * C * 256 / 4
