"""Training: determinism, exact resume, validation that agrees with itself, early stop, averages."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from paddleseg_lite.checkpoint import list_checkpoints, load_checkpoint
from paddleseg_lite.data import write_png
from paddleseg_lite.data.building import build_datasets
from paddleseg_lite.errors import CheckpointError, ConfigError
from paddleseg_lite.inference.evaluation import evaluate
from paddleseg_lite.inference.predictor import load
from paddleseg_lite.training import run_record
from paddleseg_lite.training.callbacks import Callback, EarlyStop, MetricsFile, TrainLog
from paddleseg_lite.training.parts import default_save_interval
from paddleseg_lite.training.run_record import Pictures
from paddleseg_lite.training.trainer import Trainer, train


class Losses(Callback):
    """Every step's loss, exactly."""

    def __init__(self):
        self.values = []

    def on_step(self, trainer):
        self.values.append(float(trainer.guard.losses[-1]))


class StopAt(Callback):
    """Asks for a stop after an iteration, as a signal would."""

    def __init__(self, iteration):
        self.iteration = iteration

    def on_step(self, trainer):
        if trainer.state.iteration == self.iteration:
            trainer.request_stop("test")


def run(config, folder, *, resume=None, callbacks=()):
    losses = Losses()
    result = train(config, save_dir=folder, resume=resume, callbacks=[losses, *callbacks])
    return losses.values, result


def weights(folder, name="iter_6"):
    return load_checkpoint(folder / name).model_state


def assert_same_weights(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_same_seed_same_losses_bit_for_bit(tiny, tmp_path):
    first, _ = run(tiny(), tmp_path / "a")
    second, _ = run(tiny(), tmp_path / "b")
    other, _ = run(tiny(seed=8), tmp_path / "c")
    assert first == second != other
    assert_same_weights(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_workers_do_not_change_the_losses(tiny, tmp_path):
    runs = [run(tiny(num_workers=n), tmp_path / str(n))[0] for n in (0, 1, 2)]
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": {"type": "AdamW", "weight_decay": 1e-4}, "model__dropout": 0.3},
        {"use_ema": True},
        {"accumulate": 2, "batch_size": 1},
        {"num_workers": 2},
    ],
    ids=["sgd", "adamw_dropout", "ema", "accumulate", "workers"],
)
def test_interrupted_and_resumed_equals_undisturbed(tiny, tmp_path, changes):
    config = tiny(**changes)
    whole, _ = run(config, tmp_path / "whole")
    first, result = run(config, tmp_path / "parts", callbacks=[StopAt(4)])
    assert (result.iteration, result.stopped_by) == (4, "test")
    second, result = run(config, tmp_path / "parts", resume=True)
    assert (result.iteration, result.stopped_by) == (6, None)
    assert first + second == whole
    assert_same_weights(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    a, b = (load_checkpoint(tmp_path / name / "iter_6") for name in ("whole", "parts"))
    assert a.state == b.state
    if config.use_ema:
        assert_same_weights(a.ema_state, b.ema_state)


def test_resume_restores_the_best_score_and_the_records(tiny, tmp_path):
    config, folder = tiny(), tmp_path / "run"
    run(config, folder, callbacks=[MetricsFile(folder / "metrics.jsonl"), StopAt(5)])
    with (folder / "metrics.jsonl").open("a") as f:
        f.write('{"iter": 6, "kind": "from a crash"}\n{"iter": 7, "ki')
    _, result = run(config, folder, resume=True, callbacks=[MetricsFile(folder / "metrics.jsonl")])
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [r["iter"] for r in records if r["kind"] == "eval"] == [3, 6]
    assert not [r for r in records if r["kind"] == "from a crash"]
    assert result.best_miou == max(r["mIoU"] for r in records if r["kind"] == "eval")


def test_a_saved_run_scores_as_it_did_in_training(tiny, tmp_path):
    config = tiny(train_dataset__size=[40, 40])
    seen = []

    class Keep(Callback):
        def on_eval(self, trainer, evaluation, is_best):
            seen.append(evaluation.scores.mIoU)

    trainer = Trainer(config, tmp_path / "run", callbacks=[Keep()])
    trainer.run()
    loaded = load(tmp_path / "run" / "iter_6")
    again = evaluate(loaded.model, trainer.val_dataset, options=loaded.options)
    assert again.scores.mIoU == pytest.approx(seen[-1], abs=1e-9)


def test_best_model_is_the_average_when_averaging(tiny, tmp_path):
    run(tiny(use_ema=True), tmp_path / "run")
    best = load_checkpoint(tmp_path / "run" / "best_model")
    same_step = load_checkpoint(tmp_path / "run" / f"iter_{best.state['iteration']}")
    assert_same_weights(best.model_state, same_step.ema_state)


def test_accumulation_equals_the_large_batch_where_norms_are_frozen(tiny, tmp_path):
    small, _ = run(tiny(accumulate=3, batch_size=2, freeze_bn=True, iters=2), tmp_path / "small")
    large, _ = run(tiny(accumulate=1, batch_size=6, freeze_bn=True, iters=2), tmp_path / "large")
    a, b = weights(tmp_path / "small", "iter_2"), weights(tmp_path / "large", "iter_2")
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=1e-5, err_msg=name)
    assert len(small) == len(large) == 2


def test_early_stop(tiny, tmp_path):
    config = tiny(lr_scheduler__learning_rate=1e-12, iters=20, save_interval=1)
    _, result = run(config, tmp_path / "run", callbacks=[EarlyStop(3)])
    assert result.stopped_by == "no better mIoU in 3 validations"
    assert result.iteration < 20


def test_old_checkpoints_are_dropped_and_the_best_kept(tiny, tmp_path):
    run(tiny(save_interval=1, keep_checkpoint_max=2), tmp_path / "run")
    assert [p.name for p in list_checkpoints(tmp_path / "run")] == ["iter_5", "iter_6"]
    assert (tmp_path / "run" / "best_model" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("iters", "epoch", "interval"), [(2000, 2, 40), (2000, 100, 100), (2000, 10_000, 200), (1, 5, 1)]
)
def test_default_save_interval(iters, epoch, interval):
    assert default_save_interval(iters, epoch) == interval


@pytest.mark.parametrize(
    ("iters", "batches", "interval"), [(500, 12.5, 50), (20, 12.5, 4), (10, 300.0, 10), (5000, 300.0, 250)]
)
def test_a_short_run_does_not_spend_its_time_on_validations(iters, batches, interval):
    assert default_save_interval(iters, 250, batches) == interval


def test_epochs_count_what_iterations_would(tiny, tmp_path):
    config = tiny(epochs=2, iters=None, save_interval=None)
    _, result = run(config, tmp_path / "run")
    assert result.iteration == 12  # 12 images in batches of 2, twice


def test_running_without_iterations_or_a_checkpoint_is_refused(tiny, tmp_path):
    with pytest.raises(ConfigError, match="neither iters nor epochs"):
        train(tiny(iters=None), save_dir=tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint to resume"):
        train(tiny(), save_dir=tmp_path / "empty", resume=True)


def test_classes_that_disagree_are_refused(tiny, tmp_path):
    with pytest.raises(ConfigError, match=r"model.num_classes is 5 but the dataset has 6"):
        train(tiny(model__num_classes=5), save_dir=tmp_path)
    with pytest.raises(ConfigError, match="val_dataset has 7"):
        train(tiny(val_dataset__num_classes=7), save_dir=tmp_path)


def test_a_failed_save_does_not_end_the_run(tiny, tmp_path, monkeypatch, caplog):
    from paddleseg_lite.training import saving as module

    real, calls = module.save_checkpoint, []

    def failing(folder, **kwargs):
        calls.append(folder.name)
        if folder.name == "iter_6":
            raise CheckpointError("the disk is full")
        return real(folder, **kwargs)

    monkeypatch.setattr(module, "save_checkpoint", failing)
    _, result = run(tiny(), tmp_path / "run")
    assert result.iteration == 6 and "iter_6" in calls
    assert "CHECKPOINT NOT SAVED" in caplog.text
    assert [p.name for p in list_checkpoints(tmp_path / "run")] == ["iter_3"]


def test_an_old_checkpoint_that_cannot_be_deleted_does_not_end_the_run(tiny, tmp_path, monkeypatch, caplog):
    from paddleseg_lite.checkpoint import retention as module

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "remove_folder", refuse)
    _, result = run(tiny(save_interval=1, keep_checkpoint_max=2), tmp_path / "run")
    assert result.iteration == 6 and result.stopped_by is None
    assert "iter_1: cannot be deleted (Permission denied)" in caplog.text and "Training goes on" in caplog.text


@pytest.mark.parametrize(
    "seconds, shown", [(59.9, "00:00:59"), (3661, "01:01:01"), (108000, "30:00:00"), (1e6, "277:46:40")]
)
def test_the_eta_counts_days_as_hours(caplog, seconds, shown):
    info = {
        "epoch": 1,
        "iter": 1,
        "loss": 1.0,
        "lr": 0.1,
        "images_per_s": 1.0,
        "data_share": 0.0,
        "eta_s": seconds,
        "loss_parts": {},
    }
    with caplog.at_level("INFO", logger="paddleseg_lite"):
        TrainLog(progress=False).on_log(SimpleNamespace(total_iters=2), info)
    assert caplog.messages[0].endswith(f"ETA {shown}")


@pytest.mark.parametrize(
    "init, asked, told", [("kmeans", False, True), ("kmeans", True, False), ("random", False, False)]
)
def test_random_anchors_where_kmeans_is_asked_for_are_told(tiny, tmp_path, caplog, init, asked, told):
    context = {"type": "GCU", "num_nodes": 2, "init": init}
    run(tiny(model__context=context, init_context=asked, iters=1, save_interval=1), tmp_path / "run")
    hits = [m for m in caplog.messages if "init: kmeans" in m and "set init_context: true" in m]
    assert len(hits) == told


def test_resuming_from_an_older_checkpoint_leaves_the_other_branch(tiny, tmp_path):
    folder = tmp_path / "run"
    config = tiny(save_interval=1, keep_checkpoint_max=3)  # iter_4, iter_5, iter_6 stay
    train(config, save_dir=folder)
    before = load_checkpoint(folder / "iter_6")
    result = train(config, save_dir=folder, resume=folder / "iter_4")
    assert sorted(p.name for p in (folder / "abandoned_1").iterdir()) == ["iter_5", "iter_6"]
    assert [p.name for p in list_checkpoints(folder)] == ["iter_4", "iter_5", "iter_6"]
    after = load_checkpoint(folder / "iter_6")
    for key, value in before.model_state.items():
        np.testing.assert_array_equal(after.model_state[key], value, err_msg=key)
    assert before.state == after.state and result.iteration == 6


@pytest.mark.parametrize("channels", [1, 2])
def test_images_without_colour_train_and_are_shown(tiny, tmp_path, channels):
    rng = np.random.default_rng(0)
    for i in range(2):
        bands = rng.integers(0, 256, (32, 32, channels), dtype=np.uint8)
        layout = {"planarconfig": "contig"} if channels > 1 else {}
        tifffile.imwrite(tmp_path / f"{i}.tif", bands.squeeze(), photometric="minisblack", **layout)
        write_png(tmp_path / f"{i}.png", np.full((32, 32), i, np.uint8))
    (tmp_path / "list.txt").write_text("0.tif 0.png\n1.tif 1.png\n")

    def part(mode):
        spec = {"type": "Dataset", "dataset_root": str(tmp_path), "mode": mode, f"{mode}_path": "list.txt"}
        normalize = {"type": "Normalize", "mean": [0.5], "std": [0.5]}
        return {**spec, "num_classes": 2, "img_channels": channels, "transforms": [normalize]}

    parts = {"train_dataset": part("train"), "val_dataset": part("val")}
    trainer = Trainer(tiny(iters=1, save_interval=1, model__in_channels=channels, **parts), tmp_path / "run")
    trainer.callbacks.append(Pictures(tmp_path / "samples"))
    trainer.run()
    assert (tmp_path / "samples" / "iter_000001.png").exists()


@pytest.mark.parametrize("interval, drawings", [(6, 1), (3, 2)])
def test_curves_are_drawn_again_only_for_what_they_do_not_show(tiny, tmp_path, monkeypatch, interval, drawings):
    """After the first validation, then not for a while, and at the end unless the first was the last."""
    drawn = []
    monkeypatch.setattr(run_record, "results_picture", lambda records, *_, **__: drawn.append(records) or b"")
    trainer = Trainer(tiny(save_interval=interval), tmp_path)
    trainer.callbacks += [MetricsFile(tmp_path / "metrics.jsonl"), run_record.Results(tmp_path)]
    trainer.run()
    assert [records[-1]["iter"] for records in drawn] == [interval, 6][:drawings]
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 1 + drawings


def test_images_are_normalised_unless_the_recipe_says_how(tiny, tmp_path):
    given = {"type": "Scenes", "num_samples": 4, "size": [32, 32], "num_classes": 6}
    config = tiny(iters=1, save_interval=1, train_dataset=given, val_dataset=dict(given))
    train(config, save_dir=tmp_path / "run")
    _, dataset = build_datasets(config)
    seen = dataset.get(0)["image"]
    assert seen.min() < 0 and abs(seen).max() <= 1
    pixels = dataset.load(0)["image"]
    np.testing.assert_array_equal(load(tmp_path / "run").sample(pixels)[0]["image"], seen)


def test_without_validation_data_prediction_draws_nothing(tiny, tmp_path):
    crop = {"type": "RandomPaddingCrop", "crop_size": [32, 32]}
    config = tiny(
        iters=1,
        save_interval=1,
        do_eval=False,
        val_dataset=None,
        train_dataset__transforms=[crop, "RandomHorizontalFlip", {"type": "Normalize"}],
    )
    run(config, tmp_path / "run")
    sample, _ = load(tmp_path / "run").sample(np.zeros([50, 70, 3], np.uint8))
    assert sample["image"].shape == (50, 70, 3)
