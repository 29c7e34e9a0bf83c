"""Asynchronous successive halving by hand, and that it ends a run under way."""

import math

import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.studies import load_study
from paddleseg_lite.studies.layout import read_result
from paddleseg_lite.studies.metric import parse_metric
from paddleseg_lite.studies.pruning import Halving, parse_pruning
from paddleseg_lite.studies.runner import run_study


def test_the_first_goes_on_and_later_ones_must_be_among_the_best():
    halving = Halving(first=10, factor=2)
    assert not halving.judge("a", 5, 0.0)  # below the first rung
    assert not halving.judge("a", 10, 0.5)  # nobody to compare with
    assert halving.judge("b", 10, 0.4)  # below the median of {0.5}
    assert not halving.judge("c", 10, 0.6)
    assert halving.judge("d", 12, 0.44)  # of {0.5, 0.4, 0.6} the median is 0.5
    assert not halving.judge("a", 19, 0.0)  # between rungs nobody is judged twice
    assert not halving.judge("a", 20, 0.2)  # the next rung: the first there
    assert halving.judge("c", 20, 0.1)
    assert set(halving.stopped) == {"b", "c", "d"} and halving.stopped["d"]["bar"] == pytest.approx(0.5)


def test_groups_do_not_meet_and_nobody_is_ended_at_the_end(write, tmp_path):
    halving = Halving(first=1, factor=2, per_variant=True)
    assert not halving.judge("a", 1, 0.9, "strong") and not halving.judge("b", 1, 0.1, "weak")
    assert halving.judge("c", 1, 0.05, "weak")
    run = load_study(write({"seeds": [0]})).runs[0]  # of two iterations
    (tmp_path / "metrics.jsonl").write_text('{"kind": "eval", "iter": 2, "mIoU": 0.0}\n')
    halving = Halving(first=1)
    halving._rungs["", 1] = [1.0]
    assert not halving.hopeless(run, tmp_path, parse_metric("mIoU", "study"))


def test_a_value_that_is_not_defined_is_the_worst():
    halving = Halving(first=1)
    assert not halving.judge("a", 1, 0.1)
    assert halving.judge("b", 1, math.nan)


@pytest.mark.parametrize("spec", [3, {"factor": 3}, {"first": 0}, {"first": 1, "factor": 1}, {"first": 1, "last": 2}])
def test_mistakes(spec):
    with pytest.raises(ConfigError):
        parse_pruning(spec, "study.yml: search.prune")


def test_a_hopeless_run_is_ended_and_marked(write, tmp_path):
    """A rung at 1 where a perfect score already stands: whoever validates there has to go."""
    one = {"unit": {"path": "model.context", "values": {"none": None}}}
    study = load_study(write({"seeds": [0], "factors": one}, {"iters": 400, "save_interval": 1}))
    halving, said = Halving(first=1), []
    halving._rungs["", 1] = [1.0]
    run_study(study, tmp_path, pruning=halving, progress=said.append)
    result = read_result(tmp_path, study.runs[0])
    assert result["status"] == "pruned" and "exploration" in result["reason"] and result["iteration"] < 400
