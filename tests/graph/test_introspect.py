"""Numbers and pictures of what nodes look at."""

import json

import numpy as np
import paddle
import pytest
from graph_helpers import C, build, features, randomise

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.graph import Explanation
from paddleseg_lite.graph.introspect import explain_model, find_unit, report
from paddleseg_lite.visualize.node_maps import render


def explanation(maps, groups=None):
    maps = np.asarray(maps, "float32")[None]
    v = maps.shape[1]
    return Explanation(paddle.to_tensor(maps), paddle.zeros([1, v, 2]), paddle.eye(v), groups or (v,))


def stripes(v, size=12):
    """Node k owns stripe k."""
    owner = np.arange(size) * v // size
    return (owner[None, None, :] == np.arange(v)[:, None, None]) * np.ones([1, size, 1])


def test_nodes_that_share_the_work():
    result = report(explanation(stripes(4)))
    graph = result["graphs"][0]
    assert graph["usage"] == pytest.approx([0.25] * 4) and graph["usage_entropy"] == pytest.approx(1.0)
    assert graph["effective_nodes"] == pytest.approx(4.0) and graph["distinct_nodes"] == 4
    assert result["warnings"] == []
    json.dumps(result)


def test_one_node_that_holds_everything():
    maps = np.full([8, 6, 6], 1e-3)
    maps[3] = 1 - 7e-3
    result = report(explanation(maps))
    assert result["graphs"][0]["effective_nodes"] < 1.1
    assert any("of 8 nodes hold nearly all pixels" in w for w in result["warnings"])


def test_nodes_that_all_look_alike():
    result = report(explanation(np.full([6, 5, 5], 1 / 6)))
    assert result["graphs"][0]["usage_entropy"] == pytest.approx(1.0)  # entropy alone would not notice
    assert result["graphs"][0]["distinct_nodes"] == 1
    assert any("6 nodes look at only 1" in w for w in result["warnings"])


def test_graphs_side_by_side_are_judged_one_by_one():
    maps = np.concatenate([stripes(4), np.full([4, 12, 12], 0.25)])
    result = report(explanation(maps, (4, 4)))
    assert [g["distinct_nodes"] for g in result["graphs"]] == [4, 1]
    assert len(result["warnings"]) == 1 and result["warnings"][0].startswith("graph 2 of 2")


@pytest.mark.parametrize("name", ["GloRe", "GCU", "GINet", "IdentityGraph", "ShuffledAssignment"])
def test_pictures_of_every_unit(name):
    unit = randomise(build(name))
    image = np.random.default_rng(0).integers(0, 256, [40, 56, 3], dtype=np.uint8)
    pictures = render(unit.explain(features(2, 10, 14)), image, index=1)
    assert set(pictures) == {"nodes", "owner", "adjacency"}
    for picture in pictures.values():
        assert picture.dtype == np.uint8 and picture.shape[2:] == (3,) and min(picture.shape[:2]) > 100
        assert picture.std() > 5


@pytest.mark.parametrize("name, ends", [("GloRe", [(0, 0, 255), (255, 0, 0)]), ("GCU", [(0, 0, 4), (252, 255, 164)])])
def test_colours_are_explained_below_the_maps(name, ends):
    """A bar from one end of the scale to the other, left to right: with signs blue to red, without dark to bright."""
    image = np.full([40, 56, 3], 128, np.uint8)
    picture = render(randomise(build(name)).explain(features(1, 10, 14)), image)["nodes"].astype(int)
    below = picture[-90:]
    left, right = (np.argwhere(np.abs(below - end).max(-1) <= 3)[:, 1] for end in ends)
    assert len(left) and len(right) and left.min() < picture.shape[1] / 3 and right.max() > 2 * picture.shape[1] / 3


def test_maps_are_drawn_where_they_belong():
    """A node that owns the left half colours the left half of the owner picture, and mirrored the right one."""
    image = np.full([60, 60, 3], 128, np.uint8)
    left, right = (render(explanation(m), image)["owner"].astype(int) for m in (stripes(2), stripes(2)[::-1]))
    changed = np.argwhere(np.abs(left - right).sum(-1) > 60)
    assert len(changed) > 5000  # both halves swap colours
    assert not np.array_equal(left, left[:, ::-1])


class Model(paddle.nn.Layer):
    def __init__(self, unit):
        super().__init__()
        self.stem, self.unit = paddle.nn.Conv2D(3, C, 3, stride=2, padding=1), unit

    def forward(self, x):
        return self.unit(self.stem(x))[0]


def test_explain_a_model_from_its_images():
    model = Model(build("GCU"))
    images = paddle.randn([2, 3, 16, 20])
    result = explain_model(model, images)
    assert result.assignment.shape == [2, 6, 8, 10] and model.training and model.unit.training
    model.eval()
    expected = model.unit.explain(model.stem(images))
    np.testing.assert_allclose(result.assignment.numpy(), expected.assignment.numpy(), atol=1e-6)


def test_a_model_without_nodes_says_what_to_do():
    with pytest.raises(ConfigError, match=r"no unit with nodes to explain \(NonLocal\): train one with context"):
        find_unit(Model(build("NonLocal")))
    with pytest.raises(ConfigError, match="no context unit at all"):
        find_unit(paddle.nn.Linear(2, 2))
