"""One picture, one network: what the page shows is what the library computes."""

import json

import numpy as np
import pytest

from paddleseg_lite.data import read_image, read_label
from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.inference.predictor import load
from paddleseg_lite.studio import examples, tries
from paddleseg_lite.studio.desk import Shelf
from paddleseg_lite.studio.networks import Networks


@pytest.fixture
def network(desk):
    return desk.networks.get("unet_a")


def test_labels_are_those_of_predict(network, output):
    loaded = load(output / "unet_a")
    for name in ("scene 1", "context prior 2"):
        image = examples.example(name).image
        tried = tries.segment(network, image)
        assert np.array_equal(tried.labels, loaded.predict(image).labels)
        assert tried.computed_by == "dygraph fp32"
        assert tried.milliseconds > 0


def test_every_backend_that_is_offered_computes_the_same(network):
    image = examples.example("scene 2").image
    plain = tries.segment(network, image).labels
    assert "dygraph" in network.backends()
    for backend in network.backends():
        tried = tries.segment(network, image, backend=backend)
        assert (tried.labels == plain).mean() > 0.999
        assert tried.computed_by.startswith(backend)
    with pytest.raises(ConfigError, match="backend 'abacus' does not compute unet_a here"):
        tries.segment(network, image, backend="abacus")


def test_a_deployment_is_tried_like_a_run(desk, output, tool):
    status, _, errors = tool("export", "--model_path", output / "unet_a", "--format", "static", "--save_dir",
                             output / "exported")  # fmt: skip
    assert status == 0, errors
    assert "exported" in desk.library.names("network")
    image = examples.example("scene 3").image[:48, :64]
    tried = tries.segment(desk.networks.get("exported"), image)
    assert (tried.labels == tries.segment(desk.networks.get("unet_a"), image).labels).mean() > 0.999
    assert tried.computed_by.startswith("static")
    assert tries.segment(desk.networks.get("exported"), examples.example("scene 3").image).labels.shape == (96, 96)
    with pytest.raises(ConfigError, match="is a deployment, whose layers cannot be looked at"):
        tries.with_confidence(desk.networks.get("exported"), tried)


def test_confidence_is_the_probability_of_what_was_predicted(network):
    import paddle
    import paddle.nn.functional as F

    image = examples.example("scene 1").image
    tried = tries.with_confidence(network, tries.segment(network, image))
    x = paddle.to_tensor(network.open.sample(image)[0]["image"].transpose(2, 0, 1)[None])
    expected = F.softmax(network.open.model(x)["out"], 1).numpy()[0].max(0)
    assert np.allclose(tried.confidence, expected, atol=1e-5)
    shown = tries.draw(tried, "confidence")
    assert np.array_equal(shown[..., 0], np.round(255 * tried.confidence))


def test_views(network):
    tried = tries.segment(network, examples.example("scene 1").image)
    assert np.array_equal(tries.draw(tried, "picture"), tried.image)
    assert np.array_equal(tries.draw(tried, "overlay", opacity=0), tried.image)
    assert np.array_equal(tries.draw(tried, "overlay", opacity=1), tries.draw(tried, "classes"))
    everything = tries.draw(tried, "overlay", hidden=tried.class_names)
    assert np.array_equal(everything, tried.image)
    assert (tries.draw(tried, "picture", lines=True) == 255).all(-1).any()
    for view, message in (("x", "view 'x' is unknown"), ("confidence", "no confidence map")):
        with pytest.raises(ConfigError, match=message):
            tries.draw(tried, view)


def test_areas_add_up(network):
    tried = tries.segment(network, examples.example("scene 1").image)
    rows = tries.areas(tried)
    assert sum(row[3] for row in rows) == tried.labels.size
    assert sum(row[4] for row in rows) == pytest.approx(100, abs=0.1)
    assert [row[3] for row in rows] == sorted((row[3] for row in rows), reverse=True)
    for i, colour, name, pixels, _ in rows:
        assert pixels == (tried.labels == i).sum()
        assert name == tried.class_names[i]
        assert colour == "#{:02x}{:02x}{:02x}".format(*tried.palette[i])


def test_files_to_take_away_hold_what_was_seen(network, tmp_path):
    tried = tries.segment(network, examples.example("scene 1").image)
    ids, overlay, shapes = tries.write_files(tried, tmp_path)
    assert np.array_equal(read_label(ids), tried.labels)
    assert np.array_equal(read_image(overlay, 3), tries.draw(tried))
    document = json.loads(shapes.read_text(encoding="utf-8"))
    assert (document["imageHeight"], document["imageWidth"]) == tried.labels.shape
    assert {shape["label"] for shape in document["shapes"]} <= set(tried.class_names)
    assert document["shapes"]


def test_examples_are_always_there_and_the_same():
    assert len(examples.names()) == len(set(examples.names()))
    for name in examples.names():
        found = examples.example(name)
        assert found.image.shape[:2] == found.label.shape
    with pytest.raises(DataError, match="Did you mean 'scene 1'"):
        examples.example("scene 11")


def test_few_networks_stay_in_memory_and_a_new_checkpoint_is_seen(desk, output):
    import os

    networks = Networks(desk.library, kept=1)
    first = networks.get("unet_a")
    assert networks.get("unet_a") is first
    networks.get("unet_b")
    assert len(networks._loaded) == 1
    second = networks.get("unet_a")
    manifest = output / "unet_a" / "best_model" / "manifest.json"
    os.utime(manifest, (2e9, 2e9))
    assert networks.get("unet_a") is not second
    networks.close()


def test_work_is_done_in_one_thread_and_errors_come_back(desk):
    import threading

    names = {desk.networks.run(lambda: threading.current_thread().name) for _ in range(5)}
    assert len(names) == 1
    assert desk.networks.run(lambda: desk.networks.run(lambda: 7)) == 7  # work within work does not wait for itself
    with pytest.raises(ZeroDivisionError):
        desk.networks.run(lambda: 1 // 0)


def test_the_shelf_keeps_so_many_and_knows_only_its_tokens():
    shelf = Shelf(kept=3)
    tokens = [shelf.put(i) for i in range(4)]
    assert len(shelf) == 3
    assert shelf.get(tokens[3]) == 3
    for token in (tokens[0], "", "0", None):
        with pytest.raises(DataError, match="no such result"):
            shelf.get(token)
