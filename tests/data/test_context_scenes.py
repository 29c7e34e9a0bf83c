"""Context scenes: what an object's surroundings show is independent of its class, and the bounds are right."""

import itertools

import numpy as np
import pytest

from paddleseg_lite.data.datasets.context_bounds import bayes_optimal
from paddleseg_lite.data.datasets.context_layout import KINDS, counterfactual, make_layout
from paddleseg_lite.data.datasets.context_paint import paint
from paddleseg_lite.data.datasets.context_scenes import ContextScenes
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.registry import DATASETS


def layouts(kind, count=25, distance=14, difficulty=0.5, **options):
    for seed in range(count):
        yield make_layout(np.random.default_rng(seed), kind, (96, 96), distance, difficulty, **options)


def near(layout, distance):
    """Pixels within ``distance`` of an object."""
    return np.any([around(layout.size, box, distance) for box in layout.objects], axis=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_the_opposite_context_looks_the_same_around_the_objects(kind, difficulty):
    """Objects are identical in pixels across classes, and so is everything within the cue distance."""
    for number, layout in enumerate(layouts(kind, 12, difficulty=difficulty)):
        other = counterfactual(layout, np.random.default_rng(number))
        image, label = paint(layout, np.random.default_rng(5), 14, difficulty)
        changed, swapped = paint(other, np.random.default_rng(5), 14, difficulty)
        surroundings = near(layout, 14)
        assert np.array_equal(image[surroundings], changed[surroundings])
        assert not np.array_equal(image, changed)
        assert (label > 0).any() and np.array_equal(swapped, np.where(label > 0, 3 - label, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_even_and_do_not_follow_from_the_place(kind):
    """Over many layouts: half of each class, in each half of the picture, and for each number of objects."""
    left, top, counts, value = [], [], [], []
    for layout in layouts(kind, 700):
        for b in layout.objects:
            left.append(b.left + b.width / 2)
            top.append(b.top + b.height / 2)
            counts.append(len(layout.objects))
            value.append(b.value == 2)
    left, top, counts, value = map(np.array, (left, top, counts, value))
    groups = [left < 40, left < 48, left >= 48, left >= 56, top < 48, top >= 48]
    groups += [counts == c for c in np.unique(counts)]
    for group in groups:
        # Objects of one picture share their class in two kinds: count pictures, not objects.
        tolerance = 4 * 0.5 / np.sqrt(max(group.sum() / counts[group].mean(), 1))
        assert abs(value[group].mean() - 0.5) < tolerance


def test_the_class_follows_the_context():
    for layout in layouts("prior"):
        assert {b.value for b in layout.objects} == {layout.cues[0].value}
    for layout in layouts("semantic"):
        assert {b.value for b in layout.objects} == {layout.ground}
    for layout in layouts("semantic_hard", difficulty=1.0):
        cue_of = {c.group: c.value for c in layout.cues}
        assert all(cue_of[b.group] == b.value for b in layout.objects) and 2 <= len(cue_of) <= 4
        for box in (*layout.objects, *layout.cues):  # all of it inside its region
            assert (layout.regions[box.top : box.top + box.height, box.left : box.left + box.width] == box.group).all()
    for layout in layouts("spatial"):
        for b in layout.objects:
            partner = layout.cues[b.group]
            shift = partner.left + partner.width // 2 - (b.left + b.width // 2)
            assert abs(shift) >= 6 and (1 if shift < 0 else 2) == b.value == partner.value
        if len(layout.objects) == 2:
            assert {(o.value, o.group) for o in layout.objects} == {(c.value, c.group) for c in layout.cues}


def test_hard_scenes_come_with_two_to_four_regions_and_hues_apart():
    sizes = set()
    for layout in layouts("semantic_hard", 60, difficulty=1.0):
        sizes.add(len(layout.hues))
        hues = np.sort(layout.hues)
        assert np.diff([*hues, hues[0] + 360]).min() >= 216 / len(hues) - 1e-6
    assert sizes == {2, 3, 4}


def test_samples_depend_on_seed_mode_and_index_alone():
    one = ContextScenes(kind="semantic_hard", num_samples=5, seed=3)
    again = ContextScenes(kind="semantic_hard", num_samples=50, seed=3)
    val = ContextScenes(kind="semantic_hard", num_samples=5, seed=3, mode="val")
    for i in range(3):
        assert np.array_equal(one.read(i)["image"], again.read(i)["image"])
        assert not np.array_equal(one.read(i)["image"], val.read(i)["image"])
    sample = one.get(1)
    assert sample["image"].shape == (96, 96, 3) and sample["image"].dtype == np.uint8
    assert set(np.unique(sample["label"])) <= {0, 1, 2} and sample["meta"]["kind"] == "semantic_hard"
    assert "label" not in ContextScenes(kind="prior", num_samples=2, mode="test").get(0)


def test_several_kinds_in_one_dataset_are_told_apart():
    count = len(KINDS)
    dataset = DATASETS.build({"type": "ContextScenes", "kind": list(KINDS), "num_samples": 2 * count})
    assert [dataset.load(i)["meta"]["kind"] for i in range(2 * count)] == [*KINDS, *KINDS]
    single = ContextScenes(kind="spatial", num_samples=8)
    assert np.array_equal(single.read(3)["image"], dataset.read(3)["image"])
    assert single.class_names[1] == "partner left" and dataset.class_names[1] == "class 1"


@pytest.mark.parametrize("kind", KINDS)
def test_bounds(kind):
    """Derived in docs/context_scenes.md: 1/2 and 1/3 without context, 1 with it."""
    bounds = bayes_optimal(kind, samples=150)
    without, best = bounds["without_context"], bounds["with_context"]
    assert without["object_accuracy"] == pytest.approx(0.5) and without["object_miou"] == pytest.approx(1 / 3, abs=0.01)
    assert without["miou"] == pytest.approx(5 / 9, abs=0.01)
    assert best == {"object_accuracy": 1.0, "object_miou": 1.0, "miou": 1.0}
    if kind in ("prior", "semantic"):
        assert bounds["cues_only"] == best


@pytest.mark.parametrize("kind", ["semantic_hard", "spatial"])
def test_pooled_cues_reach_three_quarters_with_two_regions_or_pairs(kind):
    """Half the pictures show two equal cues (1 right), half two different ones (1/2): 3/4."""
    bound = bayes_optimal(kind, difficulty=0.0, samples=600)["cues_only"]["object_accuracy"]
    assert bound == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_chain_takes_as_many_lookups_as_hops(hops):
    """Each colour is named once, by one mark; following them leads to the face that is the class."""
    for layout in layouts("two_hop", 8, distance=12, difficulty=1.0, hops=hops):
        named = {link.group: link.value for link in layout.links}
        faces = {cue.group: cue.value for cue in layout.cues}
        assert len(layout.hues) == len(layout.objects) * hops == len(named) + len(faces)
        for box in layout.objects:
            colour, steps = box.group, 1
            while colour in named:
                colour, steps = named[colour], steps + 1
            assert faces[colour] == box.value and steps == hops


def test_labelled_links_have_the_class_of_their_chain_and_change_no_picture():
    plain, told = (
        ContextScenes(kind="two_hop", num_samples=6, difficulty=0.0, hops=3, label_links=told) for told in (False, True)
    )
    for index in range(6):
        layout, _ = told.layout(index)
        a, b = plain.load(index), told.load(index)
        assert (a["image"] == b["image"]).all()
        expected, named = a["label"].copy(), {link.group: link.value for link in layout.links}
        faces = {cue.group: cue.value for cue in layout.cues}
        for link in layout.links:
            colour = link.value
            while colour in named:
                colour = named[colour]
            expected[link.top : link.top + link.height, link.left : link.left + link.width] = faces[colour]
        for cue in layout.cues:
            expected[cue.top : cue.top + cue.height, cue.left : cue.left + cue.width] = cue.value
        assert (expected == b["label"]).all() and len(layout.links) == 4
    assert plain.fingerprint() != told.fingerprint()


def test_chains_of_several_lengths_in_turn():
    mixed = ContextScenes(kind="two_hop", num_samples=6, difficulty=0.0, hops=[1, 3])
    ones, threes = (ContextScenes(kind="two_hop", num_samples=6, difficulty=0.0, hops=n) for n in (1, 3))
    for index in range(6):
        assert (mixed.load(index)["image"] == (ones, threes)[index % 2].load(index)["image"]).all()
    both = ContextScenes(kind=["two_hop", "relation"], num_samples=6, hops=[1, 3])
    assert [both.hops_of(i) for i in range(0, 6, 2)] == [1, 3, 1]  # chains are every second scene there
    assert len({mixed.fingerprint(), ones.fingerprint(), threes.fingerprint()}) == 3
    for wrong in ([], [1, 5], True, 0):
        with pytest.raises(ConfigError, match="hops is 1, 2, 3 or 4"):
            ContextScenes(kind="two_hop", num_samples=6, hops=wrong)


def test_no_step_of_a_chain_can_be_skipped():
    """No pixel is within the distance of a mark and of the one it leads to."""
    for layout in (*layouts("two_hop", 12, difficulty=1.0), *layouts("relation", 12, difficulty=1.0)):
        marks = [*layout.links, *layout.cues]
        for first in marks:
            leads_to = first.value if first in layout.links else first.group
            for second in marks:
                if second.group == leads_to and second is not first:
                    assert not (around(layout.size, first, 13) & around(layout.size, second, 13)).any()
        for box in layout.objects:
            assert not any((around(layout.size, box, 13) & around(layout.size, mark, 0)).any() for mark in marks)


def around(size, box, distance):
    """Pixels within ``distance`` of a box."""
    mask = np.zeros(size, bool)
    rows = slice(max(0, box.top - distance), box.top + box.height + distance)
    mask[rows, max(0, box.left - distance) : box.left + box.width + distance] = True
    return mask


def test_a_relation_is_whether_both_faces_agree():
    for layout in layouts("relation", 20):
        faces = {g: [c.value for c in layout.cues if c.group == g] for g in {c.group for c in layout.cues}}
        assert all(len(pair) == 2 for pair in faces.values())
        assert all((1 if len(set(faces[b.group])) == 1 else 2) == b.value for b in layout.objects)


def test_one_lookup_along_a_chain_brings_nothing_over_pooled_cues():
    """Knowing the next colour says nothing of the class (3/4 as with pooling), for a chain of one it says all."""
    far, near = (bayes_optimal("two_hop", difficulty=0.0, hops=h, samples=500) for h in (2, 1))
    assert far["one_lookup"] == far["cues_only"] and near["one_lookup"]["object_accuracy"] == 1.0
    assert far["cues_only"]["object_accuracy"] == pytest.approx(0.75, abs=0.04)


def test_bounds_of_relations_are_those_of_all_sixteen_faces():
    """Two pairs of faces: 5/8 by how many are pale; with one's own first face known, as derived by enumeration."""
    pooled, looked, cases = 0.0, 0.0, list(itertools.product((1, 2), repeat=4))

    def best(known):
        groups = {}
        for faces in cases:
            groups.setdefault(known(faces), []).append(faces[0] == faces[1])
        return sum(max(sum(g), len(g) - sum(g)) for g in groups.values()) / len(cases)

    pooled, looked = best(lambda f: f.count(2)), best(lambda f: (f[0], f.count(2)))
    assert (pooled, looked) == (0.625, 0.75)
    bounds = bayes_optimal("relation", difficulty=0.0, samples=800)
    assert bounds["cues_only"]["object_accuracy"] == pytest.approx(pooled, abs=0.04)
    assert bounds["one_lookup"]["object_accuracy"] == pytest.approx(looked, abs=0.04)


def test_unreliable_cues_lower_the_bound():
    """A follower of the context is right as often as the cues; IoU a / (2 - a)."""
    best = bayes_optimal("prior", reliability=0.8, samples=1200)["with_context"]
    assert best["object_accuracy"] == pytest.approx(0.8, abs=0.03)
    assert best["object_miou"] == pytest.approx(0.8 / 1.2, abs=0.04)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "global"}, "prior, semantic, semantic_hard, spatial"),
        ({"hops": 5}, "hops is 1, 2, 3 or 4"),
        ({"size": (32, 32)}, "at least 64"),
        ({"difficulty": 2.0}, "difficulty in 0..1"),
        ({"reliability": 0.2}, "reliability"),
        ({"num_samples": 0}, "num_samples"),
        ({"img_channels": 1}, "RGB"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ContextScenes(**{"num_samples": 4, **arguments})


def test_a_distance_that_does_not_fit_says_so():
    dataset = ContextScenes(kind="semantic_hard", size=(64, 64), difficulty=1.0, cue_distance=30, num_samples=2)
    with pytest.raises(ConfigError, match="no room for a distance of 30 pixels"):
        dataset.read(0)


def test_the_small_baseline_cannot_see_a_cue():
    """Exact: swapping the context changes no logit on any object."""
    import paddle

    from paddleseg_lite.models import build_model

    paddle.seed(0)
    spec = {"type": "FCN", "style": "paddleseg", "backbone": {"type": "PlainCNN", "widths": [6, 8, 8]}}
    model = build_model(spec, num_classes=3)
    model.eval()
    assert model.backbone.reach() == 12
    for kind in KINDS:
        for number, layout in enumerate(layouts(kind, 4)):
            other = counterfactual(layout, np.random.default_rng(number))
            pair = [paint(v, np.random.default_rng(5), 14, 0.5)[0] for v in (layout, other)]
            x = paddle.to_tensor(np.stack(pair).astype("float32").transpose(0, 3, 1, 2) / 64 - 2)
            first, second = model(x)["out"].numpy()
            objects = near(layout, 0)
            assert np.array_equal(first[:, objects], second[:, objects])
            assert not np.array_equal(first, second)
