"""What a reviewer looks for in a report, on results written by hand."""

import csv
import json
from dataclasses import replace

import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.studies import freezing, load_study
from paddleseg_lite.studies.bounds import bounds_of
from paddleseg_lite.studies.latex import escape
from paddleseg_lite.studies.layout import run_folder, write_result
from paddleseg_lite.studies.plots import cost_plot, has_costs
from paddleseg_lite.studies.report import write_report
from paddleseg_lite.studies.results import Row, collect
from paddleseg_lite.studies.statistics import compare_paired

FACTS = {
    "paddleseg_lite": "9.9",
    "commit": "abc123",
    "paddle": "3.3.1",
    "host": "one",
    "cpu": "A_CPU & more",
    "cores": 8,
    "device": "cpu",
    "threads": 2,
    "started": 1000.0,
    "ended": 1060.0,
}


@pytest.fixture
def finished(write, tmp_path):
    """``finished(values by unit, study keys)`` -> study, folder."""

    def make(values, keys=None, facts=FACTS):
        seeds = sorted({s for v in values.values() for s in range(len(v))})
        study = load_study(write({"seeds": seeds, **(keys or {})}))
        for run in study.runs:
            own = values.get(run.levels["unit"], [])
            if run.seed < len(own):
                metrics = {"mIoU": own[run.seed], "classes": {"sky": {"IoU": own[run.seed]}}}
                target = run_folder(tmp_path / "out", run)
                target.mkdir(parents=True, exist_ok=True)
                write_result(target, {"status": "done", "seconds": 60.0, "metrics": metrics, "provenance": facts})
        return study, tmp_path / "out"

    return make


NOISE = [0.000, 0.002, -0.001, 0.001, -0.002, 0.0005]


def test_evidence_of_no_difference_is_told_from_no_evidence(finished):
    alike = {"none": [0.5] * 6, "GloRe": [0.5 + n for n in NOISE]}
    study, folder = finished(alike, {"margin": 0.01})
    write_report(study, folder)
    text = (folder / "report.md").read_text()
    assert "As good as none within the margin of 1 points: GloRe" in text and "p (equivalent)" in text
    study, folder = finished({**alike, "GloRe": [0.5 + 20 * n for n in NOISE]}, {"margin": 0.01})
    write_report(study, folder)
    assert "No evidence of a difference to none: GloRe" in (folder / "report.md").read_text()


def test_a_difference_within_the_margin_says_so(finished):
    study, folder = finished({"none": [0.5] * 6, "GloRe": [0.505 + 0.1 * n for n in NOISE]}, {"margin": 0.02})
    ((_, rows),) = collect(study, folder)
    assert rows[1].verdict == "better, within the margin"
    write_report(study, folder)
    text = (folder / "report.md").read_text()
    assert "by less than the margin of 2 points: GloRe (+0.50 points)" in text
    assert "| > 20 |" in text  # the spread has vanished: the points say it
    assert "class='good'" in (folder / "report.html").read_text().replace('"', "'")


def test_the_verdict_follows_the_test_that_was_chosen(finished):
    values = {"none": [0.5] * 4, "GloRe": [0.6, 0.61, 0.6, 0.62]}
    for test, verdict in (("t", "better"), ("permutation", "no evidence")):  # 2 / 2^4 = 0.125
        study, folder = finished(values, {"test": test})
        ((_, rows),) = collect(study, folder)
        assert rows[1].verdict == verdict and rows[1].comparison.p_permutation == 0.125


def test_how_it_was_run(finished):
    study, folder = finished({"none": [0.5, 0.6], "GloRe": [0.6, 0.7]})
    other = {**FACTS, "host": "two", "started": 1030.0, "ended": 4660.0}
    write_result(
        run_folder(folder, study.runs[0]),
        {"status": "done", "seconds": 3600.0, "metrics": {"mIoU": 0.5, "classes": {}}, "provenance": other},
    )
    write_report(study, folder)
    text = (folder / "report.md").read_text()
    assert "| paddle | 3.3.1 |" in text and "| commit | abc123 |" in text
    assert "one, A_CPU & more, 8 cores, cpu, 2 threads (3 runs)" in text and "two, A_CPU" in text
    assert "1.05 h of runs, 60 to 3600 s each; 1.02 h from the first start to the last end" in text
    assert "| training | 2 iterations of 2 images, fp32, validation every 1 iterations |" in text
    assert "num_samples=4" in text and "base.yml" in text
    setting = json.loads((folder / "report.json").read_text())["setting"]
    assert setting["runs"] == "4 done" and setting["seeds"] == "0, 1"


def test_the_report_names_kernels_that_are_not_fp32(write, tmp_path):
    study = load_study(write({"opts": ["cpu_accel=bf16"]}))
    write_report(study, tmp_path / "out")
    assert "of 2 images, fp32 (cpu_accel: bf16), validation" in (tmp_path / "out" / "report.md").read_text()


def test_every_run_is_a_row_of_tidy_tables(finished):
    study, folder = finished({"none": [0.5, 0.6], "GloRe": [0.7]})
    write_report(study, folder)
    rows = list(csv.DictReader((folder / "results.csv").open(encoding="utf-8")))
    found = {(r["unit"], r["seed"]): (r["status"], r["value"], r["host"]) for r in rows}
    assert found == {
        ("none", "0"): ("done", "0.5", "one"),
        ("none", "1"): ("done", "0.6", "one"),
        ("GloRe", "0"): ("done", "0.7", "one"),
        ("GloRe", "1"): ("not run", "", ""),
    }
    assert rows[0]["started"] == "1970-01-01T00:16:40+00:00"
    objects = json.loads((folder / "results.json").read_text())
    assert objects[0]["class_iou"] == {"sky": 0.5} and objects[0]["value"] == 0.5 and len(objects) == 4


def test_zero_finished_seeds_say_so(finished):
    study, folder = finished({"none": [0.5, 0.6], "GloRe": []})
    write_report(study, folder)
    text = (folder / "report.md").read_text()
    assert "| GloRe | 0 | no finished seed |" in text
    assert "No finished seed in common with none, nothing to compare: GloRe." in text


def test_latex(finished):
    study, folder = finished({"none": [0.5, 0.6], "GloRe": [0.6, 0.71]}, {"title": "50 % & more_"})
    write_report(study, folder)
    text = (folder / "report.tex").read_text()
    assert r"\caption{50 \% \& more\_, All runs: mIoU}" in text and r"$\pm$" in text
    for line in text.split(r"\midrule")[0].splitlines():
        if line.startswith(r"\begin{tabular}"):
            columns = len(line.partition("}{")[2].rstrip("}"))
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [row.count(" & ") + 1 for row in body] == [columns] * 2
    assert escape("a_b\\c<1") == r"a\_b\textbackslash{}c$<$1"


def test_bounds_are_computed_for_context_scenes_and_taken_from_the_study(root, finished):
    study = load_study(root / "configs" / "ablation" / "two_hop.yml")
    found = bounds_of(study, {})
    assert found["no context"] == pytest.approx(0.5, abs=0.02)
    assert found["pooled context, one look-up"] == pytest.approx(0.75, abs=0.03) and found["all context"] == 1.0
    study, folder = finished({"none": [0.5, 0.6], "GloRe": [0.6, 0.71]}, {"bounds": {"chance": 0.25}})
    assert bounds_of(study, {}) == {"chance": 0.25}
    write_report(study, folder)
    assert "Bounds: chance 0.25." in (folder / "report.md").read_text()


def test_a_frozen_plan_is_kept_or_the_report_says_what_was_changed(finished, write, tmp_path):
    path = write({"seeds": [0, 1], "margin": 0.01})
    folder = tmp_path / "out"
    folder.mkdir()
    digest = freezing.freeze(load_study(path), folder)
    assert freezing.freeze(load_study(path), folder) == digest
    late = {**FACTS, "started": 4e9, "ended": 4e9 + 1}
    values = {"none": [0.5, 0.6], "GloRe": [0.6, 0.7]}
    study, _ = finished(values, {"margin": 0.01}, late)
    write_report(study, folder)
    assert f"hash {digest}; the plan was kept." in (folder / "report.md").read_text()
    study, _ = finished({"none": [0.5, 0.6, 0.5], "GloRe": [0.6, 0.7, 0.9]}, {"margin": 0.05})
    write_report(study, folder)
    text = (folder / "report.md").read_text()
    assert "NOT KEPT: configurations differ; margin was 0.01, is 0.05; seeds was [0, 1], is [0, 1, 2]" in text
    assert "runs began before it was frozen" in text


def test_nothing_is_frozen_with_results_in_view(finished, write, tmp_path):
    study, folder = finished({"none": [0.5], "GloRe": [0.6]})
    with pytest.raises(ConfigError, match="comes before the first run, and 2 have ended"):
        freezing.freeze(study, folder)
    with pytest.raises(ConfigError, match="is an exploration"):
        freezing.freeze(load_study(write({"prune": {"first": 1}})), tmp_path)
    assert "Not preregistered" in freezing.kept(study, folder, [])


def test_an_exploration_is_marked(finished):
    study, folder = finished({"none": [0.5, 0.6], "GloRe": [0.6, 0.71]}, {"prune": {"first": 1}})
    result = {"status": "pruned", "reason": "ended early at iteration 1 (exploration)"}
    write_result(run_folder(folder, study.runs[-1]), result)
    write_report(study, folder)
    text = (folder / "report.md").read_text()
    assert "> This is an exploration" in text and "3 done, 1 pruned" in text
    assert "Hole: GloRe, seed 1: ended early" in text


@pytest.mark.parametrize(
    "change, message",
    [
        ({"margin": -1}, "margin is a positive difference"),
        ({"test": "wilcoxon"}, "test is one of t, permutation"),
        ({"bounds": [1]}, "bounds are {name: value"),
        ({"import": 3}, "import is a Python file"),
        ({"import": "nowhere.py"}, "there is no such file"),
        ({"prune": {"first": 0}}, "first is at least 1"),
    ],
)
def test_mistakes_in_the_new_keys(write, change, message):
    with pytest.raises(ConfigError) as error:
        load_study(write(change))
    assert message in str(error.value)


def test_gain_against_cost_is_drawn_of_what_was_measured():
    costly = {"gmacs": 0.5, "latency_ms": 9.0}
    none, glore = Row("none", {0: 0.5, 1: 0.6}, costs=costly), Row("GloRe", {0: 0.6, 1: 0.7}, costs=costly)
    assert not has_costs([none, glore])  # nothing compared yet
    glore.comparison = compare_paired([0.6, 0.7], [0.5, 0.6])
    assert has_costs([none, glore]) and not has_costs([none, replace(glore, costs={"gmacs": 0.5})])
    assert cost_plot([none, glore, Row("no run")]).startswith(b"\x89PNG")
