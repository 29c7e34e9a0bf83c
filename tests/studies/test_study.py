"""Studies: expansion, execution, survival, holes, the report."""

import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.studies import load_study
from paddleseg_lite.studies.layout import write_result
from paddleseg_lite.studies.metric import parse_metric
from paddleseg_lite.studies.report import write_hparams, write_report
from paddleseg_lite.studies.results import collect
from paddleseg_lite.studies.runner import _outcome, read_result, run_folder, run_study


def test_expansion(write):
    study = load_study(write())
    assert [(r.levels["unit"], r.seed) for r in study.runs] == [("none", 0), ("GloRe", 0), ("none", 1), ("GloRe", 1)]
    assert len({r.key for r in study.runs}) == 4
    assert study.runs[1].config.model["context"] == {"type": "GloRe", "num_nodes": 4}
    assert study.runs[2].config.seed == 1


def test_factors_may_set_several_paths_and_make_groups(write):
    factors = {
        "unit": {"path": "model.context", "values": {"GloRe": "GloRe", "none": None}},
        "size": {
            "values": {
                "small": {"train_dataset.size": [32, 32], "val_dataset.size": [32, 32]},
                "large": {"train_dataset.size": [48, 48], "val_dataset.size": [48, 48]},
            }
        },
    }
    study = load_study(write({"factors": factors}))
    assert len(study.runs) == 8
    assert study.groups() == [{"size": "small"}, {"size": "large"}]
    run = study.find({"unit": "GloRe", "size": "large"}, 1)
    assert run.config.val_dataset["size"] == [48, 48]


def test_weights_may_be_those_of_the_seed(write):
    values = {"none": {"model.pretrained": "runs/none-{seed}/best_model"}, "GloRe": {"model.context": "GloRe"}}
    study = load_study(write({"factors": {"unit": {"values": values}}}))
    starts = [(run.levels["unit"], run.config.model.get("pretrained")) for run in study.runs]
    assert starts == [
        ("none", "runs/none-0/best_model"),
        ("GloRe", None),
        ("none", "runs/none-1/best_model"),
        ("GloRe", None),
    ]
    assert len({run.key for run in study.runs}) == 4


def test_the_same_configuration_is_one_run(write):
    factors = {"unit": {"path": "model.context", "values": {"none": None, "also_none": None}}}
    study = load_study(write({"factors": factors}))
    assert len({r.key for r in study.runs}) == 2  # two seeds, whatever the values are called


@pytest.mark.parametrize(
    "change, message",
    [
        ({"factor": {}}, "no key 'factor'. Did you mean 'factors'"),
        ({"baseline": "nothing"}, "has no value 'nothing'"),
        ({"compare": "units"}, "Did you mean 'unit'"),
        ({"seeds": [1, 1]}, "seeds repeat"),
        ({"seeds": "many"}, "list of whole numbers"),
        ({"factors": {"unit": {"path": "modle.context", "values": {"none": None}}}}, "unknown key 'modle'"),
        ({"factors": {"unit": {"values": {"none": 3}}}}, "must map config paths to values"),
        ({"base": "nowhere.yml"}, "does not exist"),
    ],
)
def test_mistakes_in_a_study(write, change, message):
    with pytest.raises(ConfigError) as error:
        load_study(write(change))
    assert message in str(error.value)


@pytest.fixture
def finished(write, tmp_path):
    """A study whose results are written by hand: the report's arithmetic without training."""
    study = load_study(write({"seeds": [0, 1, 2]}))
    folder = tmp_path / "out"
    numbers = {"none": [0.50, 0.52, 0.51], "GloRe": [0.60, 0.63, 0.61]}
    for run in study.runs:
        target = run_folder(folder, run)
        target.mkdir(parents=True)
        value = numbers[run.levels["unit"]][run.seed]
        write_result(
            target,
            {
                "status": "done",
                "seconds": 1.0,
                "parameters": 1000,
                "gmacs": 0.1,
                "latency_ms": 2.0,
                "train_images_per_s": 30.0,
                "peak_memory_mb": 100.0,
                "metrics": {"mIoU": value, "classes": {"sky": {"IoU": value}, "road": {"IoU": value - 0.1}}},
            },
        )
    return study, folder


def test_the_report_states_the_paired_difference(finished):
    study, folder = finished
    page = write_report(study, folder)
    ((_, rows),) = collect(study, folder)
    assert rows[1].comparison.difference == pytest.approx(np.mean([0.10, 0.11, 0.10]))
    assert rows[1].verdict == "better"
    text = (folder / "report.md").read_text()
    assert "* Better than none: GloRe (+10.33 points)." in text
    assert "| GloRe | 3 | 0.6133 ± 0.0153 | +0.1033 | +10.33 |" in text
    assert "* With 3 seeds the permutation test cannot fall below 0.250." in text
    html = page.read_text()
    assert "data:image/png;base64" in html and "http" not in html.split("</style>")[1]
    content = json.loads((folder / "report.json").read_text())
    assert content["groups"][0]["variants"][1]["class_iou"]["sky"] == pytest.approx(np.mean([0.60, 0.63, 0.61]))
    assert (folder / "report.csv").read_text().count("\n") == 3


def test_failed_and_missing_runs_show_as_holes(finished):
    study, folder = finished
    write_result(run_folder(folder, study.find({"unit": "GloRe"}, 1)), {"status": "failed", "reason": "it diverged"})
    (run_folder(folder, study.find({"unit": "GloRe"}, 2)) / "result.json").unlink()
    write_report(study, folder)
    text = (folder / "report.md").read_text()
    assert "1 failed; 1 not run" in text and "GloRe, seed 1: it diverged" in text
    assert "One seed, which compares nothing: GloRe (+10.00 points)." in text


def with_metric(study, name):
    return dataclasses.replace(study, metric=parse_metric(name, "study"))


def change(study, folder, seed, edit):
    target = run_folder(folder, study.find({"unit": "GloRe"}, seed))
    result = json.loads((target / "result.json").read_text())
    edit(result["metrics"]["classes"])
    write_result(target, result)


def test_a_metric_that_one_run_lacks_is_a_hole(finished):
    """IoU is null for a class without truth and prediction; another data set may not have the class at all."""
    study, folder = with_metric(finished[0], "classes.sky.IoU"), finished[1]
    change(study, folder, 0, lambda classes: classes["sky"].update(IoU=None))
    change(study, folder, 1, lambda classes: classes.pop("sky"))
    write_report(study, folder)
    write_hparams(study, folder)
    text = (folder / "report.md").read_text()
    assert "Hole: GloRe, seed 0: classes.sky.IoU is not defined" in text
    assert "Hole: GloRe, seed 1: metric 'classes.sky.IoU': a validation has no 'sky'" in text
    assert "| GloRe | 1 | 0.6100 |" in text
    ((_, rows),) = collect(study, folder)
    assert list(rows[1].values) == [2] and rows[1].mean == pytest.approx(0.61) and len(rows[0].values) == 3
    assert len(list((folder / "vdl").iterdir())) == 4


def test_a_metric_that_no_run_has_is_one_error(finished):
    study, folder = with_metric(finished[0], "classes.sky.Iou"), finished[1]
    for report in (write_report, collect):
        with pytest.raises(ConfigError, match=r"a validation has no 'Iou'\. Did you mean 'IoU'"):
            report(study, folder)


@pytest.mark.parametrize(
    "name, told",
    [
        ("classes.sky.IoU", r": classes.sky.IoU nan in 1 s"),
        ("mIuO", r": finished, but metric 'mIuO'.*Did you mean 'mIoU'.* in 1 s"),
    ],
)
def test_a_metric_that_a_run_lacks_does_not_end_the_study(name, told):
    result = {"status": "done", "seconds": 1.0, "metrics": {"mIoU": 0.5, "classes": {"sky": {"IoU": None}}}}
    assert re.fullmatch(told, ": " + _outcome(result, parse_metric(name, "study")))


def test_a_study_runs_skips_and_reports(write, tmp_path):
    study, folder, said = load_study(write({"seeds": [0]})), tmp_path / "out", []
    run_study(study, folder, jobs=2, progress=said.append)
    results = [read_result(folder, run) for run in study.runs]
    assert [r["status"] for r in results] == ["done", "done"], results
    assert results[0]["parameters"] < results[1]["parameters"] and results[0]["gmacs"] > 0
    assert not list(run_folder(folder, study.runs[0]).glob("iter_*"))  # weights of finished runs are dropped
    stamps = [(run_folder(folder, r) / "result.json").stat().st_mtime_ns for r in study.runs]
    run_study(study, folder, progress=said.append)
    assert stamps == [(run_folder(folder, r) / "result.json").stat().st_mtime_ns for r in study.runs]
    assert "2 runs, 2 finished, 0 to do" in said[-1]


def test_shards_are_gone_and_say_what_came_after_them(tool, write):
    status, _, said = tool("ablate", "--config", write(), "--shard", "1/2")
    assert status == 2 and "--shard is gone" in said and "--cluster" in said


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--jobs", "0"], "--jobs must be at least 1"),
        (["--gpus_per_run", "0.5"], "--gpus_per_run is for runs on a cluster: add --cluster"),
        (["--cluster", "local", "--gpus_per_run", "1.5"], "a share of one GPU"),
        (["--cluster", "local", "--cpus_per_run", "0"], "--cpus_per_run must be at least 1"),
        (["--cluster", "ray://host:10001"], "start the study on a machine of the cluster"),
    ],
)
def test_flags_of_placing_are_checked(tool, write, tmp_path, flags, told):
    status, _, said = tool("ablate", "--config", write(), "--save_dir", tmp_path / "o", *flags)
    assert status == 2 and told in said


def test_two_commands_at_once_do_no_run_twice(root, write, tmp_path):
    """Each run is trained by one of them, and both end with the whole table."""
    path = write({"seeds": [0]})
    command = [sys.executable, str(root / "tools" / "ablate.py"), "--config", str(path), "--no_doctor"]
    both = [
        subprocess.Popen(
            [*command, "--save_dir", str(tmp_path / "o")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [p.returncode for p in both] == [0, 0], said
    trained = [re.findall(r"\] (unit=\S+ seed=\d+): mIoU", text) for text in said]
    assert len(trained[0]) + len(trained[1]) == 2 and len({*trained[0], *trained[1]}) == 2
    for log in (tmp_path / "o").glob("runs/*/log.txt"):
        assert log.read_text().count(", iter 1/2, ") == 1  # the first step was taken once
