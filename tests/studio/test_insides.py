"""What a pixel is asked: numbers against the network itself, masks against what they claim."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.inference.backend import logits_of
from paddleseg_lite.studio import insides, marks, reasoning
from paddleseg_lite.studio.examples import example

PIXEL = (20, 37)


@pytest.fixture
def picture():
    return example("context prior 1").image


def of(loaded, picture):
    return insides.scene(loaded, picture)


def test_probabilities_are_those_of_the_network(unit_run, picture):
    loaded = unit_run("glore")
    found = insides.probabilities(loaded, of(loaded, picture), *PIXEL)
    sample = loaded.sample(picture)[0]
    logits = loaded.model(paddle.to_tensor(sample["image"].transpose(2, 0, 1)[None]))["out"]
    assert np.allclose(found, F.softmax(logits, 1).numpy()[0, :, 20, 37], atol=1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_the_field_of_a_pixel_is_what_moves_it(unit_run, picture):
    """Where the gradient is largest, a small change of the picture changes the score."""
    loaded = unit_run("ppm")
    looked = of(loaded, picture)
    field = insides.receptive_field(loaded, looked, *PIXEL)
    assert field.strength.shape == picture.shape[:2]
    assert field.strength.max() == 1
    assert field.radii[0.5] <= field.radii[0.9] <= field.radii[0.99]
    place = np.unravel_index(field.strength.argmax(), field.strength.shape)
    scores = []
    for step in (-0.01, 0.01):
        batch = looked.batch.numpy()
        batch[0, :, place[0], place[1]] += step
        scores.append(logits_of(loaded.model, paddle.to_tensor(batch))[0, field.class_id, 20, 37])
    assert abs(float(scores[1]) - float(scores[0])) > 0


def test_without_context_the_field_ends_where_the_network_does(tmp_path, picture):
    from studio_runs import CONTEXT, recipe, with_unit

    from paddleseg_lite.inference.predictor import load
    from paddleseg_lite.training.trainer import Trainer

    Trainer(recipe({**with_unit("glore"), "context": None}, CONTEXT), tmp_path).run()
    loaded = load(tmp_path)
    strength = insides.receptive_field(loaded, of(loaded, picture), 48, 48).strength
    rows, columns = np.nonzero(strength)
    assert max(np.abs(rows - 48).max(), np.abs(columns - 48).max()) <= 16
    assert strength[48, 48] > 0


@pytest.mark.parametrize(
    ("unit", "names"), [("ppm", ["1 x 1", "2 x 2", "4 x 4"]), ("aspp", ["1 x 1", "rate 2", "rate 4", "image"])]
)
def test_branches_name_what_fed_a_pixel(unit_run, picture, unit, names):
    loaded = unit_run(unit)
    looked = of(loaded, picture)
    (pyramid,) = insides.find_pyramids(loaded.model)
    found = insides.branches(loaded, looked, *PIXEL, pyramid)
    assert [branch.name for branch in found] == names
    before = insides.probabilities(loaded, looked, *PIXEL)
    for branch in found:
        assert sum(branch.weights) == pytest.approx(1)
        assert all(0 <= t < b <= 96 and 0 <= left < r <= 96 for t, left, b, r in branch.boxes)
        assert branch.without.shape == before.shape
    assert any(not np.allclose(branch.without, before) for branch in found)
    assert np.array_equal(insides.probabilities(loaded, looked, *PIXEL), before)  # nothing of it stays
    whole = found[0 if unit == "ppm" else -1]
    assert whole.boxes == [(0, 0, 96, 96)]


def test_bins_are_those_the_resize_takes_from(unit_run, picture):
    """The weights of the bins, against a one-hot pyramid resized by the network's own function."""
    from paddleseg_lite.layers import resize

    for place in (0, 5, 11, 23):
        taps = dict(insides._taps(place, 24, 4, False))
        one_hot = paddle.eye(4).reshape([4, 1, 4, 1])
        column = resize(one_hot, (24, 1)).numpy()[:, 0, place, 0]
        assert np.allclose([taps.get(i, 0) for i in range(4)], column, atol=1e-6)


@pytest.mark.parametrize("unit", ["glore", "gcu", "ginet", "nonlocal", "shuffled"])
def test_a_unit_as_a_pixel_sees_it(unit_run, picture, unit):
    loaded = unit_run(unit)
    found = reasoning.look(loaded, of(loaded, picture), *PIXEL)
    total = reasoning.count(reasoning.find_unit(loaded.model))
    assert found.shares.shape == (total,)
    assert len(found.nodes) == total
    assert found.adjacency.shape == (total, total)
    assert len(found.maps) == total
    assert found.shares.sum() == pytest.approx(2 if unit == "gcu" else 1, abs=1e-4)  # two graphs


@pytest.mark.parametrize("unit", ["glore", "gcu", "ginet", "nonlocal"])
def test_switching_off_is_computed_and_undone(unit_run, picture, unit):
    loaded = unit_run(unit)
    looked = of(loaded, picture)
    total = reasoning.count(reasoning.find_unit(loaded.model))
    plain = reasoning.counterfactual(loaded, looked, *PIXEL)
    assert np.array_equal(plain.before, plain.after)
    assert plain.changed == 0
    everything = reasoning.counterfactual(loaded, looked, *PIXEL, nodes=range(total))
    assert not np.allclose(everything.before, everything.after, atol=1e-7)
    edge = reasoning.counterfactual(loaded, looked, *PIXEL, edges=[(i, j) for i in range(total) for j in range(total)])
    assert not np.allclose(edge.before, edge.after, atol=1e-7)
    assert np.array_equal(reasoning.counterfactual(loaded, looked, *PIXEL).after, plain.before)


def test_without_all_nodes_glore_is_its_input_and_the_bias_behind(unit_run, picture):
    """By hand: nothing gathered, nothing spread: the unit gives x + BN(0)."""
    loaded = unit_run("glore")
    looked = of(loaded, picture)
    unit = reasoning.find_unit(loaded.model)
    with insides.hooked(unit, lambda layer, given, made: (given[0] + layer.blocker(paddle.zeros_like(given[0])), {})):
        by_hand = insides.probabilities(loaded, looked, *PIXEL)
    found = reasoning.counterfactual(loaded, looked, *PIXEL, nodes=range(5))
    assert np.allclose(found.after, by_hand, atol=1e-6)


def test_an_edge_of_glore_by_hand(unit_run, picture):
    loaded = unit_run("glore")
    looked = of(loaded, picture)
    weight = reasoning.find_unit(loaded.model).gcn.conv1.weight
    kept = weight.numpy()
    found = reasoning.counterfactual(loaded, looked, *PIXEL, edges=[(1, 3)])
    assert np.array_equal(weight.numpy(), kept)
    changed = kept.copy()
    changed[1, 3] = 0
    weight.set_value(changed)
    by_hand = insides.probabilities(loaded, looked, *PIXEL)
    weight.set_value(kept)
    assert np.array_equal(found.after, by_hand)


@pytest.mark.parametrize("unit", ["glore", "gcu", "nonlocal"])
def test_each_node_at_once_equals_one_after_another(unit_run, picture, unit):
    loaded = unit_run(unit)
    looked = of(loaded, picture)
    total = reasoning.count(reasoning.find_unit(loaded.model))
    nodes = [0, 1, total - 1]
    found = reasoning.without_each(loaded, looked, *PIXEL, nodes)
    for node in nodes:
        single = reasoning.counterfactual(loaded, looked, *PIXEL, nodes=[node]).after
        assert np.allclose(found[node], single, atol=1e-5)


def test_attention_in_blocks_adds_up(unit_run, picture):
    loaded = unit_run("nonlocal")
    found = reasoning.look(loaded, of(loaded, picture), *PIXEL)
    assert np.allclose(found.adjacency.sum(1), 1, atol=1e-4)
    assert found.maps.sum() == pytest.approx(1, abs=1e-4)
    assert np.allclose(found.maps.sum((1, 2)), found.shares, atol=1e-5)


def test_what_cannot_be_asked_is_said(unit_run, picture):
    plain, glore, shuffled = (unit_run(name) for name in ("ppm", "glore", "shuffled"))
    with pytest.raises(ConfigError, match="no unit with nodes or attention"):
        reasoning.look(plain, of(plain, picture), *PIXEL)
    with pytest.raises(ConfigError, match="has 5 nodes, numbered from 0, and no 5"):
        reasoning.counterfactual(glore, of(glore, picture), *PIXEL, nodes=[5])
    with pytest.raises(DataError, match="96 x 96 pixels, and none at"):
        insides.probabilities(glore, of(glore, picture), 96, 0)
    assert reasoning.counterfactual(shuffled, of(shuffled, picture), *PIXEL, nodes=[0]).before.shape == (3,)


def test_a_resized_and_padded_picture_is_asked_at_the_right_place(unit_run):
    """Transforms between picture and network: the cross of a white square is inside the square of the map."""
    from dataclasses import replace

    from paddleseg_lite.data import Compose

    loaded = replace(
        unit_run("glore"),
        transforms=Compose([{"type": "Resize", "target_size": [128, 64]}, {"type": "Padding", "target_size": [160, 96]},
                            {"type": "Normalize"}]),
    )  # fmt: skip
    picture = np.zeros([128, 128, 3], np.uint8)
    picture[80:112, 16:48] = 255
    looked = insides.scene(loaded, picture)
    height, width = looked.batch.shape[2:]
    bright = looked.batch.numpy()[0, 0] > 0
    for y, x, inside in ((96, 32, True), (96, 70, False), (40, 32, False), (82, 18, True)):
        row, column = looked.cell(y, x, height, width)
        assert bright[row, column] == inside
    back = looked.on_picture(bright.astype(np.float32))
    assert back.shape == (128, 128)
    assert back[96, 32] > 0.9 > 0.1 > back[40, 32]
    ids = looked.labels(logits_of(loaded.model, looked.batch))
    assert ids.shape == (128, 128)


def test_pictures_mark_what_they_say():
    grey = np.full([40, 60, 3], 100, np.uint8)
    crossed, times = marks.with_cross(grey, 20, 30), marks.zoom(grey)
    assert crossed.shape == (40 * times, 60 * times, 3)
    rows, columns = np.nonzero((crossed != 100).any(-1))
    middle = 20 * times + times // 2, 30 * times + times // 2
    assert np.abs(rows - middle[0]).max() < 25 + times
    assert np.abs(columns - middle[1]).max() < 25 + times
    assert (crossed[20 * times + 1 : 21 * times - 1, 30 * times + 1 : 31 * times - 1] == 100).all()  # is seen itself
    assert np.array_equal(marks.enlarged(grey[:, :, :1]).shape, (40 * times, 60 * times, 1))
    large = np.zeros([600, 300, 3], np.uint8)
    assert marks.zoom(large) == 1
    boxed = marks.with_boxes(grey, [(10, 10, 20, 20)], [1.0])
    assert boxed[15, 15, 0] == 100
    assert boxed[30, 30, 0] < 50
    hot = marks.heat(grey, np.eye(40, 60))
    assert hot.dtype == np.uint8
    assert hot[5, 5].sum() > hot[5, 30].sum()
