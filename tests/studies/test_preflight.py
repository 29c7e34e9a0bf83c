"""Nothing starts that cannot finish: what is looked at before the first run, and what it will take."""

import pytest

from paddleseg_lite.cli.jobs.ablate import run_ablation
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.studies import load_study
from paddleseg_lite.studies.layout import run_folder, write_result
from paddleseg_lite.studies.preflight import Estimate, examine_variants, plan_text, refuse

BROKEN = """
from paddleseg_lite.graph import ContextUnit
from paddleseg_lite.registry import CONTEXTS


@CONTEXTS.register
class FailsWhenUsed(ContextUnit):
    def __init__(self, *, in_channels):
        super().__init__(in_channels)

    def forward(self, x):
        return x[:, :1], {}
"""


def test_a_variant_that_fails_when_used_stops_the_study_before_its_first_run(write, tmp_path):
    """With the whole message, and with its part from the file that the study itself names."""
    (tmp_path / "own.py").write_text(BROKEN)
    values = {"none": None, "broken": "FailsWhenUsed", "mistyped": {"type": "GloRe", "nods": 3}}
    path = write({"import": "own.py", "factors": {"unit": {"path": "model.context", "values": values}}})
    with pytest.raises(ConfigError) as error:
        run_ablation(str(path), opts=[], save_dir=str(tmp_path / "o"), doctor=True)
    assert "variants cannot be run, so the study was not started" in str(error.value)
    assert "unit=mistyped" in str(error.value) and "nods" in str(error.value)
    assert not (tmp_path / "o" / "runs").exists()
    study = load_study(path)
    found = examine_variants(study, tmp_path / "o", [r for r in study.runs if r.config is not None])
    problems = {e.label: e.problem for e in found}
    assert problems["unit=none"] is None and "a training step fails" in problems["unit=broken"]
    assert [e.runs for e in found if e.label == "unit=mistyped"] == [2]


def test_data_that_is_not_there_is_named_for_its_variant(write, tmp_path):
    missing = {
        "train_dataset": {
            "type": "Dataset",
            "dataset_root": str(tmp_path / "nowhere"),
            "train_path": "list.txt",
            "num_classes": 6,
        }
    }
    study = load_study(
        write({"factors": {"data": {"values": {"here": {}, "gone": missing}}}, "compare": "data", "baseline": "here"})
    )
    found = {e.label: e.problem for e in examine_variants(study, tmp_path / "o", study.runs)}
    assert found["data=here"] is None and "nowhere" in found["data=gone"]


def test_the_times_of_finished_runs_are_the_better_estimate(write, tmp_path):
    study = load_study(write())
    for run, seconds in zip(study.runs[:2], (7200.0, 3600.0)):
        run_folder(tmp_path, run).mkdir(parents=True)
        done = {"status": "done", "seconds": seconds, "metrics": {"mIoU": 0.5, "classes": {}}}
        write_result(run_folder(tmp_path, run), done)
    found = examine_variants(study, tmp_path, study.runs[2:])
    assert [(e.label, e.runs, e.seconds, e.measured) for e in found] == [
        ("unit=none", 1, 7200.0, 1),
        ("unit=GloRe", 1, 3600.0, 1),
    ]
    assert found[0].parameters < found[1].parameters
    text = plan_text(found, width=2, free=10**10)
    assert "2 runs to do: 3.00 h one after the other, about 2.00 h with 2 at a time" in text
    assert "10.0 GB are free" in text and "| 1 finished runs |" in text


def test_refusal_holds_whole_messages():
    refuse([Estimate("a", 1)])
    with pytest.raises(ConfigError, match=r"1 of 2 variants cannot be run(.|\n)*--keep_going(.|\n)*b: first\nsecond"):
        refuse([Estimate("a", 1), Estimate("b", 1, problem="first\nsecond")])


def test_a_dry_run_writes_nothing(tool, write, tmp_path):
    status, out, _ = tool("ablate", "--config", write(), "--dry_run", "--save_dir", tmp_path / "o")
    assert status == 0 and "4 runs to do" in out and "| unit=GloRe | 2 |" in out and "disk:" in out
    assert not (tmp_path / "o").exists()
