"""Half precision: what a CPU does with it, and the scaler's state through JSON."""

import contextlib
import json
import logging

import numpy as np
import paddle
import pytest

from paddleseg_lite import accel
from paddleseg_lite.inference.backend import logits_of, precision_here
from paddleseg_lite.training import parallel, precision
from paddleseg_lite.training.callbacks import Callback
from paddleseg_lite.training.precision import Precision
from paddleseg_lite.training.trainer import Trainer


def test_a_cpu_says_what_it_does_with_half_precision(tiny, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="paddleseg_lite")
    Trainer(tiny(precision="fp16", cpu_accel="off"), tmp_path / "a")
    told = "precision fp16 is not to be had here (CPUs have no fp16 arithmetic): fp32 is used instead."
    assert caplog.messages == [told]


@pytest.mark.parametrize("there", [True, False])
def test_training_and_prediction_say_the_same_of_bf16(monkeypatch, there):
    monkeypatch.setattr(accel, "has_bf16", lambda: there)
    told = []
    assert precision_here("bf16", told.append) == ("bf16" if there else "fp32")
    assert precision_here("fp32", told.append) == "fp32" and len(told) == 1
    if there:
        assert "on a CPU convolutions multiply in bf16" in told[0]
    else:
        assert told[0].startswith(
            "precision bf16 is not to be had here (this processor has neither AVX512-BF16 nor AMX)"
        )


class Scaler:
    """The state of ``paddle.amp.GradScaler`` as it is on a GPU (it switches itself off on a CPU)."""

    def __init__(self):
        self.state = {
            "scale": np.array([512.0], np.float32),
            "incr_ratio": 2.0,
            "decr_ratio": 0.5,
            "incr_every_n_steps": 2000,
            "decr_every_n_nan_or_inf": 1,
            "incr_count": 7,
            "decr_count": 0,
            "use_dynamic_loss_scaling": True,
        }

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        assert state["scale"][0] == 512.0  # Paddle indexes it
        self.state = state


def test_the_scaler_survives_json(tiny, tmp_path):
    trainer = Trainer(tiny(cpu_accel="off"), tmp_path)
    own: Precision = trainer.precision
    own.scaler = Scaler()
    assert own.loss_scale == 512.0
    state = json.loads(json.dumps(own.state_dict()))
    own.scaler = Scaler()
    own.load_state_dict(state)
    assert own.scaler.state["incr_count"] == 7 and own.scaler.state["use_dynamic_loss_scaling"] is True


def test_the_logged_norm_is_that_of_the_unscaled_gradients(tiny, tmp_path):
    norms = []
    for scale in (1.0, 512.0):
        trainer = Trainer(tiny(cpu_accel="off", log_iters=1), tmp_path / str(scale))
        trainer.network.train()
        batch = {"image": paddle.ones([2, 3, 32, 32]), "label": paddle.zeros([2, 32, 32], dtype="int64"), "meta": []}
        total, _ = trainer.criterion(trainer.network(batch["image"]), batch)
        (total * scale).backward()
        if scale != 1.0:
            trainer.precision.scaler = Scaler()
        trainer.guard.saw(batch, total)
        assert trainer.guard.check(trainer, batch)
        norms.append(float(trainer.guard.grad_norm))
    assert norms[0] == pytest.approx(norms[1], rel=1e-4) and norms[0] > 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_validation_runs_the_network_as_tools_val_does(tiny, tmp_path, monkeypatch, dtype):
    """On a GPU: in half precision, scored in fp32; callbacks call the network under autocast."""
    owner, inside, modes = Trainer(tiny(cpu_accel="off"), tmp_path), [], []
    model = owner.model

    def as_trained(network, *recipe):
        def forward(x):
            modes.append(network.training)
            return logits_of(lambda y: {"out": network(y)["out"].astype(dtype)}, x)

        return forward

    @contextlib.contextmanager
    def autocast():
        inside.append(True)
        yield
        inside.pop()

    class Shows(Callback):
        def on_eval(self, trainer, evaluation, is_best):
            modes.append(bool(inside))

    monkeypatch.setattr("paddleseg_lite.training.trainer.PaddleBackend.as_trained", as_trained)
    monkeypatch.setattr(owner.precision, "autocast", autocast)
    owner.callbacks.append(Shows())
    evaluation = owner.validate()
    assert modes == [False] * 4 + [True] and model.training  # 4 images, then the callback
    assert np.isfinite(evaluation.loss) and evaluation.matrix.matrix.sum() == 4 * 32 * 32
    assert logits_of(lambda x: x.astype(dtype), paddle.ones([1, 2, 2, 2])).dtype == paddle.float32


@pytest.mark.parametrize("setting", [True, False, "backbone", "backbone_statistics"])
def test_frozen_norms_are_not_converted_to_synchronised_ones(tiny, tmp_path, monkeypatch, setting):
    """There is no SyncBatchNorm with fixed statistics: on several GPUs the frozen ones stay as they are."""
    model = Trainer(tiny(freeze_bn=setting, cpu_accel="off"), tmp_path).model
    names = {name for name, layer in model.named_sublayers() if isinstance(layer, paddle.nn.BatchNorm2D)}
    backbone = {name for name in names if name.startswith("backbone.")}
    assert set() < backbone < names
    frozen = {True: names, False: set()}.get(setting, backbone)
    before = {name: value.numpy() for name, value in model.state_dict().items()}
    monkeypatch.setattr(paddle, "get_device", lambda: "gpu:0")
    assert parallel.convert_sync_bn(model, 2) is model
    layers = dict(model.named_sublayers())
    assert {name for name in names if not isinstance(layers[name], paddle.nn.SyncBatchNorm)} == frozen
    after = model.state_dict()
    assert set(after) == set(before) and all((after[name].numpy() == before[name]).all() for name in before)


@pytest.mark.parametrize("setting", ["backbone", "backbone_statistics"])
def test_a_recipe_freezes_the_backbones_norms_alone(tiny, tmp_path, setting):
    trainer = Trainer(tiny(freeze_bn=setting, cpu_accel="off", iters=2, do_eval=False), tmp_path)
    norms = {n: s for n, s in trainer.model.named_sublayers() if isinstance(s, paddle.nn.BatchNorm2D)}
    before = {name: [p.numpy() for p in (norm._mean, norm.weight)] for name, norm in norms.items()}
    trainer.run()
    moved = {name: bool((norm._mean.numpy() != before[name][0]).any()) for name, norm in norms.items()}
    trained = {name: bool((norm.weight.numpy() != before[name][1]).any()) for name, norm in norms.items()}
    inside = {name: name.startswith("backbone.") for name in norms}
    assert moved == {name: not inner for name, inner in inside.items()}
    assert trained == {name: not inner or setting == "backbone_statistics" for name, inner in inside.items()}


def test_clipping_bounds_the_update(tiny, tmp_path):
    limit = 1e-3
    config = tiny(
        optimizer={"type": "sgd", "grad_clip": {"type": "ClipGradByGlobalNorm", "clip_norm": limit}},
        lr_scheduler={"type": "Constant", "learning_rate": 1.0},
        cpu_accel="off",
        iters=1,
        save_interval=1,
        do_eval=False,
    )
    trainer = Trainer(config, tmp_path)
    trained = [p for p in trainer.model.parameters() if not p.stop_gradient]  # without running statistics
    before = [p.numpy().copy() for p in trained]
    trainer.run()
    moved = sum(float(((p.numpy() - b) ** 2).sum()) for p, b in zip(trained, before)) ** 0.5
    assert moved == pytest.approx(limit, rel=1e-2)


def test_accelerate_leaves_gpus_alone(monkeypatch):
    monkeypatch.setattr(precision.paddle, "get_device", lambda: "gpu:0")
    precision.accelerate(object(), "bf16", "fp32")  # would fail on an object that is no network
