"""The studies of configs/ablation: every variant can be built, the claims of their page hold."""

import pytest

from paddleseg_lite.graph import ContextUnit, count_parameters
from paddleseg_lite.models import build_model
from paddleseg_lite.studies import load_study

STUDIES = [
    "camvid_choices",
    "camvid_graph",
    "context_zoo",
    "fine_tuning",
    "gcu_messages",
    "gcu_nodes",
    "gcu_search",
    "glore_nodes",
    "graph_modules",
    "position",
    "relation",
    "two_hop",
]


@pytest.fixture(scope="module")
def folder(root):
    return root / "configs" / "ablation"


def test_the_page_lists_them_all(folder):
    found = {p.stem for p in folder.glob("*.yml") if not p.name.startswith("_")}
    assert found == set(STUDIES)
    page = (folder / "README.md").read_text(encoding="utf-8")
    for name in STUDIES:
        runs = len({run.key for run in load_study(folder / f"{name}.yml").runs})
        assert any(f"[{name}.yml]({name}.yml)" in line and f"| {runs} |" in line for line in page.splitlines())


@pytest.mark.parametrize("name", STUDIES)
def test_every_variant_builds(folder, name):
    study = load_study(folder / f"{name}.yml")
    assert not [run.error for run in study.runs if run.error]
    first = study.groups()[0]
    for value in study.factors[study.compare]:
        config = study.find({**first, study.compare: value}, study.seeds[0]).config
        assert "out" in config.loss
        model = build_model({**config.model, "pretrained": None}, num_classes=3)  # a run that readers make first
        units = [u for u in model.sublayers() if isinstance(u, ContextUnit)]
        assert bool(units) == (config.model.get("context") is not None)


def test_the_baseline_sees_less_than_the_distance_to_a_cue(folder):
    study = load_study(folder / "graph_modules.yml")
    assert {run.levels["kind"] for run in study.runs} == {"prior", "semantic", "semantic_hard", "spatial"}
    assert len(study.seeds) == 5
    for run in study.runs:
        assert run.config.model["backbone"] == study.runs[0].config.model["backbone"]
    model = build_model({**study.runs[0].config.model, "context": None}, num_classes=3)
    for run in study.runs:
        for data in (run.config.train_dataset, run.config.val_dataset):
            assert model.backbone.reach() < data["cue_distance"]
            assert data["kind"] == run.levels["kind"]


def test_controls_have_the_parameters_of_what_they_control(folder):
    study = load_study(folder / "graph_modules.yml")

    def unit(name):
        config = study.find({"kind": "spatial", "unit": name}, 0).config
        return count_parameters(build_model(config.model, num_classes=3).context.unit)

    for control in ("MatchedConv", "GlobalPool", "ShuffledAssignment"):
        assert unit(control) == pytest.approx(unit("GloRe"), rel=0.01)
    messages = 16 * 16 + 16  # the convolution along the nodes
    assert unit("IdentityGraph") == unit("GloRe") - messages
