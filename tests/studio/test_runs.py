"""Runs side by side, confusion matrices, studies; what is asked of a pixel in words."""

import json
import shutil

import numpy as np
import pytest

from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.studio import insides, questions, reasoning, runs
from paddleseg_lite.studio.examples import example
from paddleseg_lite.studio.library import Library

PNG = b"\x89PNG"


@pytest.fixture
def library(output):
    return Library([output])


def test_the_table_has_a_row_for_each_run(library):
    rows = {row.name: row for row in runs.table(library)}
    assert set(rows) == {"unet_a", "unet_b"}
    assert (rows["unet_a"].network, rows["unet_a"].data, rows["unet_a"].iteration) == ("UNet", "Scenes", 2)
    assert rows["unet_a"].best == rows["unet_a"].last > 0
    assert not rows["unet_a"].training


def test_networks_are_named_with_their_unit():
    assert runs.network_of({"model": {"type": "FCN", "context": {"type": "GloRe"}}}) == "FCN + GloRe"
    assert runs.network_of({"model": {"type": "FCN", "context": "GCU"}}) == "FCN + GCU"
    assert runs.network_of({}) == ""


def test_what_differs_in_the_recipes(library):
    header, rows = runs.recipe_differences(library, ["unet_a", "unet_b"])
    assert header == ["", "unet_a", "unet_b"]
    assert rows == [["seed", "1", "2"]]
    assert runs.recipe_differences(library, ["unet_a"])[1] == []


def test_curves_of_several_runs(library):
    assert runs.curves(library, ["unet_a", "unet_b"]).startswith(PNG)
    with pytest.raises(DataError, match="no run is chosen"):
        runs.curves(library, [])
    with pytest.raises(DataError, match="knows no run"):
        runs.curves(library, ["../x"])


def test_a_confusion_matrix_counts_every_pixel(desk):
    png, matrix, images = runs.confusion(desk.networks.get("unet_a"))
    assert png.startswith(PNG)
    assert images == 6
    assert matrix.matrix.sum() == 6 * 48 * 64


def test_a_study_is_read_from_its_report(root, tmp_path):
    """The study of docs/results: four groups, each with its seeds and its map of classes."""
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(root / "docs" / "results" / "graph_modules.json", folder / "report.json")
    shutil.copy(root / "docs" / "results" / "graph_modules.md", folder / "report.md")
    library = Library([tmp_path])
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for entry in content[1:]:  # one group is enough to draw
        content.remove(entry)
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    found = runs.study(library, library.names("study")[0])
    ((title, seeds, intervals, heat),) = found.groups
    assert title == "kind: prior"
    assert seeds.startswith(PNG)
    assert intervals.startswith(PNG)
    assert heat.startswith(PNG)
    assert "GloRe" in found.text
    (folder / "report.json").write_text(json.dumps({"groups": content}), encoding="utf-8")
    assert len(runs.study(library, "study").groups) == 1
    (folder / "report.json").write_text('[{"group": {}}]')
    with pytest.raises(DataError, match="is not the report of a study"):
        runs.study(library, "study")


def test_the_metric_is_named_in_the_first_table():
    assert runs.metric_of("# T\n\n| unit | n | object accuracy | x |\n|---|---|---|---|\n") == "object accuracy"
    assert runs.metric_of("nothing") == ""


def test_everything_about_a_pixel_at_once(unit_run):
    from paddleseg_lite.studio.networks import Network

    network = Network("glore", unit_run("glore"), None)
    looked = insides.scene(network.open, example("context prior 1").image)
    asked = questions.ask(network, looked, 20, 30)
    assert set(asked.without) == set(range(5))
    assert asked.pyramids == []
    rows = questions.probability_rows(asked, network.class_names)
    assert [p for _, p in rows] == sorted((p for _, p in rows), reverse=True)
    assert questions.node_picture(looked, asked.reasoning, 20, 30).startswith(PNG)
    assert questions.adjacency_picture(asked.reasoning).startswith(PNG)
    found = reasoning.counterfactual(network.open, looked, 20, 30, nodes=[0])
    pair = questions.before_after(looked, found, network.palette, 20, 30)
    assert pair.shape[1] > 1.9 * pair.shape[0]
    pyramid = Network("ppm", unit_run("ppm"), None)
    looked = insides.scene(pyramid.open, example("context prior 1").image)
    asked = questions.ask(pyramid, looked, 20, 30)
    assert asked.reasoning is None
    assert questions.branch_picture(looked, asked.pyramids[0], 20, 30).dtype == np.uint8


def test_outcomes_in_words():
    before, after = np.array([0.7, 0.3]), np.array([0.2, 0.8])
    assert questions.outcome(before, after, ["a", "b"]) == ["70.0 %", "20.0 %", "b"]
    assert questions.outcome(before, before, ["a", "b"]) == ["70.0 %", "70.0 %", "="]


def test_parts_to_switch_off_are_read_from_text():
    names = ["0", "1", "2.1"]
    assert questions.parse_nodes("1, 2.1", names) == [1, 2]
    assert questions.parse_nodes("", names) == questions.parse_edges("", names) == []
    assert questions.parse_edges("1 < 0，2.1<2.1", names) == [(1, 0), (2, 2)]
    with pytest.raises(ConfigError, match=r"no node '7': they are called 0 to 2\.1"):
        questions.parse_nodes("7", names)
    with pytest.raises(ConfigError, match="'1-2' is no edge: write to<from"):
        questions.parse_edges("1-2", names)
