"""A few of the cases that ``benchmarks/fuzz`` runs by the thousand."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "fuzz"))
import arrays
import lists
import rasters
import recipes
from trial import LIMIT, attempt


def check(trials):
    """None failed, and neither reading nor refusing is the answer to everything."""
    for number, trial in trials:
        assert trial.outcome != "failed" and trial.seconds < LIMIT, f"case {number}, {trial.kind}: {trial.message}"
    assert {trial.outcome for _, trial in trials} == {"read", "refused"}
    assert any(trial.compared for _, trial in trials)


def test_pictures():
    check([(n, trial) for n in range(130) for trial in rasters.run_case(n)])


def test_lists(tmp_path):
    check([(n, trial) for n in range(40) for trial in lists.run_case(n, tmp_path / str(n))])


def test_recipes(tmp_path):
    check([(n, trial) for n in range(60) for trial in recipes.run_case(n, tmp_path)])


def test_arrays(tmp_path):
    loaded = arrays.network(tmp_path / "run")
    check([(n, arrays.run_case(n, loaded)) for n in range(60)])


def test_a_trial_tells_faults_from_refusals():
    def hang():
        while True:
            pass

    assert attempt("x", lambda: 1 / 0).outcome == "failed"
    assert attempt("x", lambda: [][0]).message.endswith("IndexError: list index out of range\n")
    import trial

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "LIMIT", 0.05)
        assert "TimeoutError" in attempt("x", hang).message
    assert (
        attempt("x", lambda: 3).compare("").compared and attempt("x", lambda: 3).compare("differs").outcome == "failed"
    )
