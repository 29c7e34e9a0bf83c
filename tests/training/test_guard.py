"""Numbers gone bad: found before they reach the weights, explained in a black box."""

import json

import numpy as np
import paddle
import pytest

from paddleseg_lite.training import number_guard as guard
from paddleseg_lite.training.callbacks import Callback
from paddleseg_lite.training.number_guard import TrainingDiverged, all_finite, first_bad_layer
from paddleseg_lite.training.trainer import Trainer


class Poison:
    """A criterion that returns NaN (through the logits, so that gradients are NaN too) at chosen calls."""

    def __init__(self, criterion, calls):
        self.criterion, self.calls, self.count = criterion, calls, 0
        self.main = criterion.main

    def __call__(self, outputs, batch):
        total, parts = self.criterion(outputs, batch)
        self.count += 1
        return (total * float("nan") if self.count in self.calls else total), parts


def trainer_with_poison(config, folder, calls):
    trainer = Trainer(config, folder)
    trainer.criterion = Poison(trainer.criterion, calls)
    return trainer


def test_stop_leaves_the_weights_good_and_a_black_box(tiny, tmp_path):
    trainer = trainer_with_poison(tiny(), tmp_path, calls={4})
    with pytest.raises(TrainingDiverged, match=r"not finite at iteration 4.*blackbox\.json"):
        trainer.run()
    assert trainer.state.iteration == 3
    assert all(bool(paddle.isfinite(p).all()) for p in trainer.model.parameters())
    box = json.loads((tmp_path / "blackbox.json").read_text())
    assert box["iteration"] == 4 and len(box["files"]) == 2 and len(box["last_losses"]) == 4
    assert np.isnan(box["last_losses"][-1]) and not np.isnan(box["last_losses"][:-1]).any()
    assert set(box["label_ids"]) <= set(range(6)) and box["lr"] > 0
    assert box["parameters_with_non_finite_gradient"]


def test_only_the_rank_that_saw_it_writes(tiny, tmp_path, monkeypatch):
    config = tiny(nan_policy="skip", iters=3)
    for rank, calls, written in ((1, {2}, ["blackbox_rank1.json"]), (1, set(), []), (0, {2}, ["blackbox.json"])):
        folder = tmp_path / f"{rank}{len(calls)}"
        trainer = trainer_with_poison(config, folder, calls)
        trainer.rank = rank
        # as another rank sees it in its second step
        monkeypatch.setattr(guard, "any_rank", lambda flag, world, t=trainer: flag or t.state.iteration == 1)
        trainer.run()
        assert trainer.state.skipped_steps == 1
        assert sorted(p.name for p in folder.glob("blackbox*")) == written


def test_skip_leaves_the_update_out_and_goes_on(tiny, tmp_path):
    trainer = trainer_with_poison(tiny(nan_policy="skip", iters=4, optimizer={"type": "sgd"}), tmp_path, calls={2})
    seen = []
    trainer.callbacks.append(_Weights(seen))
    trainer.run()
    assert trainer.state.iteration == 4 and trainer.state.skipped_steps == 1
    np.testing.assert_array_equal(seen[0], seen[1])  # update 2 did nothing
    assert not np.array_equal(seen[1], seen[2])


def test_skipping_undoes_the_running_statistics(tiny, tmp_path):
    """One infinite pixel in one batch: without undoing, the running means stay nan for ever."""
    trainer = Trainer(tiny(nan_policy="skip", iters=3), tmp_path)
    forward, calls = trainer.network.forward, []

    def poisoned(image):
        calls.append(1)
        if len(calls) == 2:
            image = image.clone()
            image[0, 0, 5, 5] = float("inf")
        return forward(image)

    trainer.network.forward = poisoned
    trainer.run()
    assert trainer.state.skipped_steps == 1
    for key, value in trainer.model.state_dict().items():
        assert np.isfinite(value.numpy()).all(), key


class _Weights(Callback):
    def __init__(self, seen):
        self.seen = seen

    def on_step(self, trainer):
        self.seen.append(trainer.model.classifier.weight.numpy().copy())


def test_skipping_for_ever_is_stopped(tiny, tmp_path):
    config = tiny(nan_policy="skip", iters=40, save_interval=50, do_eval=False)
    trainer = trainer_with_poison(config, tmp_path, calls=set(range(100)))
    with pytest.raises(TrainingDiverged):
        trainer.run()
    assert trainer.state.iteration == 20


def test_the_first_bad_layer_is_named_and_nothing_moves(tiny, tmp_path):
    trainer = Trainer(tiny(), tmp_path)
    name = "backbone.stages.2.1.0.conv"
    layer = dict(trainer.model.named_sublayers())[name]
    weight = layer.weight.numpy()
    weight[0, 0, 0, 0] = np.inf
    layer.weight.set_value(weight)
    before = {k: v.numpy() for k, v in trainer.model.state_dict().items()}
    trainer.model.train()
    assert first_bad_layer(trainer.model, paddle.rand([2, 3, 32, 32])) == name
    for key, value in trainer.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key], err_msg=key)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_all_finite(bad):
    tensors = [paddle.rand([3, 3]) for _ in range(5)]
    kept = [t.numpy().copy() for t in tensors]
    assert all_finite(tensors) and all_finite([])
    for tensor, before in zip(tensors, kept):
        np.testing.assert_array_equal(tensor.numpy(), before)
    tensors[3][1, 1] = bad
    assert not all_finite(tensors)
