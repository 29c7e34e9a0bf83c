"""Settings by Optuna: the same trials whatever happens meanwhile, other seeds for the confirmation."""

import json

import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.studies import load_study
from paddleseg_lite.studies.layout import run_folder, write_result
from paddleseg_lite.studies.report import write_report
from paddleseg_lite.studies.search import Trial, best_settings, confirmation, read_trials, run_search

RATE, NODES = "lr_scheduler.learning_rate", "model.context.num_nodes"
SEARCH = {
    "space": {RATE: {"low": 1.0e-4, "high": 1.0e-1, "log": True}},
    "also": {"GloRe": {NODES: {"low": 2, "high": 8, "step": 2}}},
    "trials": 7,
    "seeds": [100],
    "batch": 3,
}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"seeds": [0]}, "are seeds of the study as well"),
        ({"seeds": None}, "search.seeds must be a list"),
        ({"space": {}, "also": {}}, "search.space is"),
        ({"space": {RATE: {"low": 2, "high": 1}}}, "low must lie below high"),
        ({"space": {RATE: {"low": 0, "high": 1, "log": True}}}, "low must lie below high"),
        ({"space": {RATE: 3}}, "or a list"),
        ({"trials": 0}, "search.trials is a whole number"),
        ({"trails": 3}, "Did you mean 'trials'"),
        ({"prune": {"first": "early"}}, "search.prune"),
    ],
)
def test_mistakes(write, change, message):
    with pytest.raises(ConfigError) as error:
        load_study(write({"search": {**SEARCH, **change}}))
    assert message in str(error.value)


def runner(folder, log, fail=None):
    """Runs that take no time: the score has its peak at a rate of 0.01; a GloRe of 2 nodes fails."""
    import math

    def run(part):
        for one in part.runs:
            target = run_folder(folder, one)
            if (target / "result.json").exists():
                continue
            log.append(one.key)
            if fail is not None and len(log) > fail:
                raise KeyboardInterrupt
            rate = one.config.lr_scheduler["learning_rate"]
            context = one.config.model.get("context") or {}
            score = 1 - abs(math.log10(rate / 0.01)) / 5 + 0.01 * context.get("num_nodes", 0)
            target.mkdir(parents=True, exist_ok=True)
            done = {"status": "done", "seconds": 1.0, "metrics": {"mIoU": score, "classes": {}}}
            failed = {"status": "failed", "reason": "it diverged"}
            write_result(target, failed if context.get("num_nodes") == 2 else done)

    return run


def test_a_broken_off_search_draws_the_same_trials_and_repeats_none(write, tmp_path):
    pytest.importorskip("optuna", reason="Optuna is not installed (requirements-search.txt)")
    study, whole, broken = load_study(write({"search": SEARCH})), [], []
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    trials = run_search(study, tmp_path / "a", runner(tmp_path / "a", whole))
    with pytest.raises(KeyboardInterrupt):
        run_search(study, tmp_path / "b", runner(tmp_path / "b", broken, fail=8))
    again = run_search(study, tmp_path / "b", runner(tmp_path / "b", broken))
    assert again == trials == read_trials(tmp_path / "b") and len(trials) == 14
    assert len(whole) == len(set(whole)) == 14 and len(set(broken)) == 14 and len(broken) == 15  # one broken off
    tuned = [t for t in trials if "GloRe" in t.variant]
    assert all(set(t.settings) == {RATE, NODES} and t.settings[NODES] in (2, 4, 6, 8) for t in tuned)
    assert all((t.value is None) == (t.settings[NODES] == 2) for t in tuned)


def test_the_confirmation_has_other_seeds_and_the_best_settings(write, tmp_path):
    study = load_study(write({"search": SEARCH}))
    glore, none = '{"unit": "GloRe"}', '{"unit": "none"}'
    trials = [
        Trial(glore, {RATE: 0.05, NODES: 4}, 0.6),
        Trial(glore, {RATE: 0.02, NODES: 8}, 0.7),
        Trial(glore, {RATE: 0.03, NODES: 6}, 0.7),
        Trial(none, {RATE: 0.001}, None, "it diverged"),
    ]
    assert best_settings(trials) == {glore: {RATE: 0.02, NODES: 8}}
    confirmed = confirmation(study, trials)
    run = confirmed.find({"unit": "GloRe"}, 1)
    assert run.config.model["context"]["num_nodes"] == 8 and run.config.lr_scheduler["learning_rate"] == 0.02
    assert {r.seed for r in confirmed.runs} == {0, 1}
    assert confirmed.find({"unit": "none"}, 0).error == "no trial of its search has a value"
    (tmp_path / "search.json").write_text(json.dumps({"trials": [t.__dict__ for t in trials]}))
    write_report(confirmed, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "Settings were chosen by the search's own seeds" in text
    assert "| GloRe | 3 | 0 | 0.6000 .. 0.7000 | lr_scheduler.learning_rate=0.02, model.context.num_nodes=8 |" in text
    assert "| none | 1 | 1 | - | - | it diverged |" in text
