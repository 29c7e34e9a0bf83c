"""GINet's unit: the equations in float64, the interaction's algebra, embeddings from files."""

import numpy as np
import paddle
import pytest
from graph_helpers import C, build, features, randomise
from graph_reference import as_rows, ginet, parameters

from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.graph import GINet, gaussian_embeddings, read_glove

K = 4


def small(**options):
    return GINet(in_channels=C, num_classes=K, num_state=6, num_nodes=5, **options)


def test_equals_the_equations():
    unit = randomise(small())
    x = features(2, 6, 7)
    y, extras = unit(x)
    p = parameters(unit)
    for n in range(2):
        rows, presence, to_visual, to_semantic = ginet(x.numpy()[n], p)
        np.testing.assert_allclose(as_rows(y.numpy()[n]), rows, atol=1e-5)
        np.testing.assert_allclose(extras["presence"].numpy()[n], presence, atol=1e-5)
        np.testing.assert_allclose(to_visual.sum(0), np.ones(5))
        np.testing.assert_allclose(to_semantic.sum(1), np.ones(K))


def nodes_of(unit, x):
    from paddleseg_lite.graph.ginet import _states

    return _states(unit.visual_gcn, unit.gather(x, unit.assign(x)))


def test_interaction_weights_sum_to_one():
    """I-1."""
    unit = randomise(small())
    _, _, g_s2v, g_v2s = unit.interact(nodes_of(unit, features()), unit.class_nodes())
    np.testing.assert_allclose(g_s2v.sum(1).numpy(), np.ones([2, 5]), atol=1e-6)
    np.testing.assert_allclose(g_v2s.sum(2).numpy(), np.ones([2, K]), atol=1e-6)


def test_without_beta_the_embeddings_do_not_matter():
    """I-2, and its opposite: with beta they do."""
    unit = randomise(small())
    x = features()
    p = nodes_of(unit, x)
    unit.beta_s2v.set_value(paddle.zeros_like(unit.beta_s2v))
    assert np.array_equal(unit.interact(p, unit.class_nodes())[0].numpy(), p.numpy())
    other = gaussian_embeddings(K, seed=7)
    before = unit(x)[0].numpy()
    unit.class_embeddings.set_value(other)
    assert np.array_equal(unit(x)[0].numpy(), before)
    unit.beta_s2v.set_value(paddle.ones_like(unit.beta_s2v))
    with_beta = unit(x)[0].numpy()
    unit.class_embeddings.set_value(gaussian_embeddings(K))
    assert np.abs(unit(x)[0].numpy() - with_beta).max() > 1e-4


def test_zero_gamma_is_the_identity():
    """I-4, whatever the rest of the unit holds."""
    unit = randomise(small())
    unit.norm.weight.set_value(paddle.zeros_like(unit.norm.weight))
    unit.norm.bias.set_value(paddle.zeros_like(unit.norm.bias))
    x = features()
    assert np.array_equal(unit(x)[0].numpy(), x.numpy())


def test_permuting_the_classes_permutes_the_presence():
    """I-6."""
    unit = randomise(small())
    x = features()
    y, extras = unit(x)
    order = np.array([2, 0, 3, 1])
    unit.class_embeddings.set_value(unit.class_embeddings.numpy()[order])
    unit.beta_v2s.set_value(unit.beta_v2s.numpy()[:, order])
    gcn = unit.semantic_gcn.conv1
    gcn.weight.set_value(gcn.weight.numpy()[order][:, order])
    gcn.bias.set_value(gcn.bias.numpy()[order])
    moved, moved_extras = unit(x)
    np.testing.assert_allclose(moved_extras["presence"].numpy(), extras["presence"].numpy()[:, order], atol=1e-5)
    np.testing.assert_allclose(moved.numpy(), y.numpy(), atol=1e-5)


def test_tiling_the_image_leaves_the_nodes_alone():
    unit = randomise(small())
    x = features(1, 6, 7)
    once, four = (unit.gather(t, unit.assign(t)).numpy() for t in (x, x.tile([1, 1, 2, 2])))
    np.testing.assert_allclose(four, once, atol=1e-5)


def test_default_embeddings_are_distinct_and_fixed():
    rows = gaussian_embeddings(150)
    distance = ((rows[:, None] - rows) ** 2).sum(-1) + 10 * np.eye(150)
    assert distance.min() > 1.0
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.ones(150), rtol=1e-5)
    assert np.array_equal(small().class_embeddings.numpy(), gaussian_embeddings(K))
    trainable = {n for n, p in small().named_parameters() if not p.stop_gradient}
    assert "class_embeddings" not in trainable and "class_embeddings" in small().state_dict()
    assert "class_embeddings" in {n for n, p in small(learnable=True).named_parameters() if not p.stop_gradient}


def test_paddleseg_style_has_its_dead_branch():
    """What the default avoids: with zero embeddings all class nodes start from the same state."""
    unit = small(style="paddleseg")
    unit.eval()
    extras = unit(features())[1]
    assert extras == {} and float(unit.class_embeddings.abs().max()) == 0.0
    assert float(unit.norm.weight.min()) == 1.0
    words = unit.class_embeddings
    for linear, norm in zip(unit.word_fc, unit.word_norm):
        words = paddle.nn.functional.relu(norm(linear(words).T.unsqueeze([0, -1]))).squeeze([0, -1]).T
    assert np.array_equal(words.numpy(), np.repeat(words.numpy()[:1], K, 0))
    unit.train()
    (unit(features())[0] ** 2).mean().backward()
    assert unit.v2s.weight.grad is None or float(unit.v2s.weight.grad.abs().max()) == 0.0


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("traffic 1 0 0\nLIGHT 0 1 0\nroad 0 0 2.5\ncar 1 2 3\nsky 3 3 3\n", encoding="utf-8")
    return str(path)


def test_glove_file(glove):
    rows = read_glove(glove, ["Traffic Light", "road", "car"])
    np.testing.assert_allclose(rows, [[0.5, 0.5, 0], [0, 0, 2.5], [1, 2, 3]])
    unit = small(class_embeddings=glove, class_names=["traffic-light", "road", "car", "sky"])
    assert unit.class_embeddings.shape == [4, 3] and unit(features())[1]["presence"].shape == [2, K]


def test_glove_with_a_word2vec_header(tmp_path):
    path = tmp_path / "w2v.txt"
    path.write_text("2 3\nroad 1 2 3\ncar 4 5 6\n", encoding="utf-8")
    np.testing.assert_allclose(read_glove(str(path), ["car"]), [[4, 5, 6]])


@pytest.mark.parametrize(
    "names, message",
    [
        (["car", "roof"], "class 'roof': the word 'roof' is not in .*Did you mean 'road'"),
        (["car", "Car"], "'car' and 'Car' have the same vector"),
        (["car", "--"], "holds no word"),
    ],
)
def test_glove_class_names_that_cannot_be_used(glove, names, message):
    with pytest.raises(DataError, match=message):
        read_glove(glove, [*names, "road"] if "roof" in names else names)


@pytest.mark.parametrize("line", ["car 1 2", "car 1 2 x", "car", "car 1 nan 2"])
def test_damaged_glove_lines_are_named(tmp_path, line):
    path = tmp_path / "bad.txt"
    path.write_text(f"road 1 2 3\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: the vector of 'car' is damaged"):
        read_glove(str(path), ["road", "car"])


def test_wrong_arguments():
    with pytest.raises(DataError, match="do not exist"):
        small(class_embeddings="/nowhere/glove.txt", class_names=list("abcd"))
    with pytest.raises(ConfigError, match="needs class_names"):
        small(class_embeddings="/nowhere/glove.txt", class_names=["a"])
    with pytest.raises(ConfigError, match=r"finite \[4, E\]"):
        small(class_embeddings=np.ones([3, 5]))
    with pytest.raises(DataError, match="'0' and '1' have the same vector"):
        small(class_embeddings=np.ones([4, 5]))
    with pytest.raises(ConfigError, match="style"):
        small(style="caffe")
    assert build({"type": "GINet", "class_embeddings": np.eye(4).tolist()}).class_embeddings.shape == [4, 4]
