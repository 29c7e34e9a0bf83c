"""Checkpoints give back what was saved, to the bit, and say so when they cannot."""

import json
import os
import pickle
import re
import tempfile
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.base.layer_helper import LayerHelper
from saving import MEMORY, OPTIMIZERS, Small, bits, optimizer_for, save, train

from paddleseg_lite.checkpoint import list_checkpoints, load_checkpoint, newest_good, prune, save_checkpoint
from paddleseg_lite.checkpoint.optimizer_state import collect_optimizer, restore_optimizer
from paddleseg_lite.errors import CheckpointError


@pytest.fixture
def tmp_path():
    """In memory where there is such a folder: hundreds of small files are flushed here."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def straight_and_resumed(tmp_path, make_model, make_optimizer):
    """Weights after 10 steps in one go, and after 5, a save, and 5 in rebuilt objects with shifted names."""
    model = make_model()
    start = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = make_optimizer(model)
    train(model, optimizer, 0, 10)
    straight = bits(model)

    model = make_model()
    model.set_state_dict(start)
    optimizer = make_optimizer(model)
    train(model, optimizer, 0, 5)
    saved = save_checkpoint(tmp_path / "iter_5", model=model, optimizer=optimizer, state={"iteration": 5})
    names = {p.name for p in model.parameters()}

    nn.Sequential(nn.Conv2D(3, 3, 3), nn.BatchNorm2D(3), nn.Linear(2, 2))  # takes automatic names
    model = make_model()
    assert not names & {p.name for p in model.parameters()}
    optimizer = make_optimizer(model)
    checkpoint = load_checkpoint(saved)
    checkpoint.load_model(model)
    restore_optimizer(optimizer, model, checkpoint.optimizer_state)
    train(model, optimizer, 5, 10)
    return straight, bits(model)


@pytest.mark.parametrize("groups", [True, False])
@pytest.mark.parametrize("kind", list(OPTIMIZERS))
def test_resume_is_bit_equal(tmp_path, kind, groups):
    straight, resumed = straight_and_resumed(tmp_path, Small, lambda m: optimizer_for(m, kind, groups=groups))
    assert straight == resumed


@pytest.mark.parametrize("rate", ["float", "warmup", "plateau"])
def test_resume_with_every_kind_of_learning_rate(tmp_path, rate):
    straight, resumed = straight_and_resumed(tmp_path, Small, lambda m: optimizer_for(m, "Momentum", rate))
    assert straight == resumed


def test_resume_would_differ_without_the_optimizer(tmp_path):
    """The comparison above can fail: weights alone do not go on the same way."""
    model = Small()
    optimizer = optimizer_for(model, "Momentum")
    train(model, optimizer, 0, 5)
    save_checkpoint(tmp_path / "iter_5", model=model, optimizer=optimizer, state={})
    train(model, optimizer, 5, 10)
    again = Small()
    load_checkpoint(tmp_path / "iter_5").load_model(again)
    train(again, optimizer_for(again, "Momentum"), 5, 10)
    assert bits(model) != bits(again)


@pytest.mark.parametrize(
    "extra", [{"name": "mine"}, {"grad_clip": nn.ClipGradByGlobalNorm(0.01)}, {"use_multi_tensor": True}]
)
def test_resume_with_options(tmp_path, extra):
    straight, resumed = straight_and_resumed(tmp_path, Small, lambda m: optimizer_for(m, "Momentum", **extra))
    assert straight == resumed


def test_resume_with_amsgrad(tmp_path):
    if "amsgrad" not in paddle.optimizer.Adam.__init__.__code__.co_varnames:
        pytest.skip("this Paddle has no amsgrad")
    straight, resumed = straight_and_resumed(tmp_path, Small, lambda m: optimizer_for(m, "Adam", amsgrad=True))
    assert straight == resumed


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["Momentum", "AdamW"])
def test_master_weights_of_half_precision(tmp_path, kind, dtype):
    """Half-precision parameters, their float32 masters, and the accumulators kept under the masters' names.

    Paddle has no half-precision optimizer kernel on CPU, so what a step would
    have left is put there by hand.
    """

    def make():
        model = nn.Linear(8, 3).to(dtype=dtype)
        return model, getattr(paddle.optimizer, kind)(0.01, parameters=model.parameters(), multi_precision=True)

    model, optimizer = make()
    optimizer.helper = LayerHelper(kind)
    optimizer._create_accumulators(paddle.static.default_main_program().global_block(), model.parameters())
    tensors = collect_optimizer(optimizer, model).tensors
    assert {k for k in tensors if k.startswith("master")} == {"master_weight/weight", "master_weight/bias"}
    assert len(tensors) == {"Momentum": 4, "AdamW": 10}[kind]
    for tensor in tensors.values():
        tensor.set_value(np.random.random(tensor.shape).astype(tensor.numpy().dtype))
    save_checkpoint(tmp_path / "iter_5", model=model, optimizer=optimizer, state={})
    other, fresh = make()
    checkpoint = load_checkpoint(tmp_path / "iter_5")
    checkpoint.load_model(other)
    restore_optimizer(fresh, other, checkpoint.optimizer_state)
    assert bits(other) == bits(model)
    again = collect_optimizer(fresh, other).tensors
    assert {k: v.numpy().tobytes() for k, v in again.items()} == {k: v.numpy().tobytes() for k, v in tensors.items()}
    assert all(
        fresh._get_accumulator_master("velocity" if kind == "Momentum" else "moment1", p) is not None
        for p in other.parameters()
    )  # where the next step looks for them


def test_a_used_optimizer_goes_back(tmp_path):
    model = Small()
    optimizer = optimizer_for(model, "Adam")
    train(model, optimizer, 0, 5)
    save_checkpoint(tmp_path / "iter_5", model=model, optimizer=optimizer, state={})
    train(model, optimizer, 5, 8)
    first = bits(model)
    checkpoint = load_checkpoint(tmp_path / "iter_5")
    checkpoint.load_model(model)
    restore_optimizer(optimizer, model, checkpoint.optimizer_state)
    train(model, optimizer, 5, 8)
    assert bits(model) == first


def test_before_the_first_step(tmp_path):
    """An optimizer without accumulators yet is a state like any other."""
    straight, model = None, Small()
    save_checkpoint(tmp_path / "iter_0", model=model, optimizer=optimizer_for(model, "Adam"), state={})
    checkpoint = load_checkpoint(tmp_path / "iter_0")
    assert checkpoint.optimizer_state.tensors == {}
    optimizer = optimizer_for(model, "Adam")
    restore_optimizer(optimizer, model, checkpoint.optimizer_state)
    train(model, optimizer, 0, 2)
    straight = bits(model)
    other = Small()
    checkpoint.load_model(other)
    train(other, optimizer_for(other, "Adam"), 0, 2)
    assert bits(other) == straight


# -- what an optimizer refuses ----------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    return load_checkpoint(save(tmp_path / "iter_1"))


@pytest.mark.parametrize(
    "kind, rate, pattern",
    [
        ("Adam", "poly", "saved with optimizer Momentum, this run has Adam"),
        ("Momentum", "float", "saved with lr_scheduler PolynomialDecay, this run has None"),
        ("Momentum", "warmup", "saved with lr_scheduler PolynomialDecay, this run has LinearWarmup"),
    ],
)
def test_another_recipe(saved, kind, rate, pattern):
    model = Small()
    with pytest.raises(CheckpointError, match=pattern):
        restore_optimizer(optimizer_for(model, kind, rate), model, saved.optimizer_state)


def test_other_parameters(saved):
    model = Small()
    fewer = paddle.optimizer.Momentum(0.1, parameters=model.conv.parameters())
    with pytest.raises(CheckpointError, match=r"only in the file \(8\): bn._mean, bn._variance, bn.bias"):
        restore_optimizer(fewer, model, saved.optimizer_state)


def test_missing_extra_and_misshaped_state(saved):
    model = Small()

    def refuse(pattern):
        with pytest.raises(CheckpointError, match=pattern):
            restore_optimizer(optimizer_for(model, "Momentum"), model, saved.optimizer_state)

    tensors = saved.optimizer_state.tensors
    moved = tensors.pop("velocity/conv.weight")
    saved.optimizer_state.tensors["strange/conv.weight"] = moved
    refuse(r"not in the file \(1\): velocity/conv.weight; only in the file \(1\): strange/conv.weight")
    tensors["velocity/conv.weight"] = tensors.pop("strange/conv.weight")[:1]
    refuse(r"velocity/conv.weight has shape \[1, 3, 3, 3\] in the file and \[4, 3, 3, 3\] here")


def test_weights_alone_cannot_be_resumed(tmp_path):
    save(tmp_path / "best_model", optimizer=None)
    checkpoint = load_checkpoint(tmp_path / "best_model")
    assert checkpoint.optimizer_state is None and not checkpoint.has_optimizer


def test_an_optimizer_of_another_model(tmp_path):
    with pytest.raises(ValueError, match="not in the model"):
        save_checkpoint(tmp_path / "iter_1", model=Small(), optimizer=optimizer_for(Small(), "Adam"), state={})
    assert list(tmp_path.iterdir()) == []


# -- content ----------------------------------------------------------------------------------------


def test_everything_comes_back(tmp_path):
    model = Small()
    optimizer = optimizer_for(model, "Adam")
    train(model, optimizer, 0, 3)
    ema = {k: v * 0.5 for k, v in model.state_dict().items()}
    state = {
        "iteration": 3,
        "best": {"mIoU": 0.1 + 0.2},
        "seeds": [2**63, 5],
        "lr": 1e-45,
        "inf": float("-inf"),
        "n": np.int64(4),
        "名": "é",
    }
    save_checkpoint(
        tmp_path / "iter_3",
        model=model,
        optimizer=optimizer,
        state=state,
        config_text="a: é\n",
        ema=ema,
        meta={"class_names": ["road"], "metrics": {"mIoU": np.float32(0.5)}},
    )
    checkpoint = load_checkpoint(tmp_path / "iter_3")
    assert checkpoint.state == {**state, "n": 4}
    assert checkpoint.config_path.read_text(encoding="utf-8") == "a: é\n"
    assert checkpoint.meta == {"class_names": ["road"], "metrics": {"mIoU": 0.5}}
    assert set(checkpoint.manifest["versions"]) == {"paddleseg_lite", "paddle", "numpy", "python"}
    assert {k: v.tobytes() for k, v in checkpoint.model_state.items()} == bits(model)
    assert {k: v.tobytes() for k, v in checkpoint.ema_state.items()} == {k: v.numpy().tobytes() for k, v in ema.items()}
    assert "moment1/conv.weight" in checkpoint.optimizer_state.tensors
    loaded = paddle.load(str(tmp_path / "iter_3" / "model.pdparams"))
    assert {k: v.numpy().tobytes() for k, v in loaded.items()} == bits(model)
    assert sorted(p.name for p in (tmp_path / "iter_3").iterdir()) == [
        "config.yml",
        "ema.safetensors",
        "manifest.json",
        "model.pdparams",
        "optimizer.safetensors",
        "state.json",
    ]


def test_optional_parts(tmp_path):
    save_checkpoint(tmp_path / "best_model", model=Small(), state={})
    checkpoint = load_checkpoint(tmp_path / "best_model")
    assert checkpoint.ema_state is None and checkpoint.config_path is None and checkpoint.optimizer_state is None


def test_data_parallel_is_looked_through(tmp_path):
    model = Small()
    wrapped = paddle.DataParallel(model)
    save_checkpoint(tmp_path / "iter_1", model=wrapped, optimizer=optimizer_for(model, "Adam"), state={})
    checkpoint = load_checkpoint(tmp_path / "iter_1")
    assert "conv.weight" in checkpoint.model_state
    checkpoint.load_model(wrapped)


@pytest.mark.parametrize(
    "state, meta, pattern",
    [
        ({"x": object()}, None, "state must be plain"),
        ({}, {"x": {1, 2}}, "meta must be plain"),
        ({"optimizer": 1}, None, "is taken"),
    ],
)
def test_state_that_is_not_json(tmp_path, state, meta, pattern):
    with pytest.raises(ValueError, match=pattern):
        save_checkpoint(tmp_path / "iter_1", model=Small(), state=state, meta=meta)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_model(tmp_path):
    save(tmp_path / "iter_1")
    model = Small(classes=5)
    with pytest.raises(CheckpointError, match=r"do not fit Small[^$]*num_classes 2, the model has 5"):
        load_checkpoint(tmp_path / "iter_1").load_model(model)


# -- damage -----------------------------------------------------------------------------------------

FILES = ["model.pdparams", "optimizer.safetensors", "ema.safetensors", "state.json", "config.yml", "manifest.json"]
DAMAGES = {
    "gone": lambda p: p.unlink(),
    "empty": lambda p: p.write_bytes(b""),
    "cut": lambda p: p.write_bytes(p.read_bytes()[:-1]),
    "bit": lambda p: p.write_bytes(p.read_bytes()[:-3] + bytes([p.read_bytes()[-3] ^ 1]) + p.read_bytes()[-2:]),
    "middle": lambda p: p.write_bytes(bytes(b ^ (i == p.stat().st_size // 2) for i, b in enumerate(p.read_bytes()))),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_named_and_skipped(tmp_path, name, damage):
    save(tmp_path / "iter_10", 1.0)
    save(tmp_path / "iter_9", 2.0)
    save(tmp_path / "iter_100", 3.0)
    assert newest_good(tmp_path) == (tmp_path / "iter_100", [])
    DAMAGES[damage](tmp_path / "iter_100" / name)
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "iter_100"))):
        load_checkpoint(tmp_path / "iter_100")
    folder, problems = newest_good(tmp_path)
    assert folder == tmp_path / "iter_10" and len(problems) == 1 and "iter_100" in problems[0]
    assert name in problems[0]


def test_a_file_that_the_disk_cannot_read_is_named_and_skipped(tmp_path, monkeypatch):
    from paddleseg_lite.checkpoint import folder as module

    save(tmp_path / "iter_9")
    save(tmp_path / "iter_10")
    real = module.file_hash

    def failing(path):
        if path.parent.name == "iter_10" and path.name == "model.pdparams":
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(module, "file_hash", failing)
    told = r"iter_10.model\.pdparams: cannot be read \(Input/output error\)"
    with pytest.raises(CheckpointError, match=told):
        load_checkpoint(tmp_path / "iter_10")
    folder, (problem,) = newest_good(tmp_path)
    assert folder == tmp_path / "iter_9" and re.search(told, problem)


def test_nothing_good(tmp_path):
    assert newest_good(tmp_path) == (None, []) and newest_good(tmp_path / "none") == (None, [])
    save(tmp_path / "iter_1")
    (tmp_path / "iter_1" / "manifest.json").unlink()
    (tmp_path / "iter_x").mkdir()
    (tmp_path / "iter_7").write_text("a file")
    folder, problems = newest_good(tmp_path)
    assert folder is None and len(problems) == 1 and "use that file as weights" in problems[0]
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        load_checkpoint(tmp_path / "none")


def test_best_model_is_the_last_resort(tmp_path):
    save(tmp_path / "best_model")
    save(tmp_path / "iter_1")
    assert newest_good(tmp_path)[0] == tmp_path / "iter_1"
    (tmp_path / "iter_1" / "state.json").unlink()
    assert newest_good(tmp_path)[0] == tmp_path / "best_model"
    save(tmp_path / "best_model", optimizer=None)
    folder, problems = newest_good(tmp_path)
    assert folder is None and len(problems) == 1


def test_a_later_format_is_refused(tmp_path, monkeypatch):
    from paddleseg_lite.checkpoint import folder as module

    monkeypatch.setattr(module, "FORMAT", 2)
    save(tmp_path / "iter_1")
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"format 2, this version reads 1"):
        load_checkpoint(tmp_path / "iter_1")


def test_hostile_manifest(tmp_path):
    """A manifest that is consistent with itself still cannot point outside its folder, nor omit what it needs."""
    from paddleseg_lite.checkpoint.manifest import self_digest

    save(tmp_path / "iter_1")
    path = tmp_path / "iter_1" / "manifest.json"
    good = json.loads(path.read_text())
    outside = {**good["files"], "../../secret": {"size": 1, "sha256": "0"}}
    for files in (outside, {}, [1], {"model.pdparams": 3, "state.json": 4}, {**good["files"], "state.json": {}}):
        manifest = {**good, "files": files}
        manifest["sha256"] = self_digest(manifest)
        path.write_text(json.dumps(manifest))
        with pytest.raises(CheckpointError, match=r"manifest\.json"):
            load_checkpoint(tmp_path / "iter_1")


def test_hostile_weights_in_a_consistent_checkpoint(tmp_path):
    """Whoever can write the weights can write the manifest: the hash protects from damage, the reader from malice."""
    from paddleseg_lite.checkpoint.manifest import self_digest
    from paddleseg_lite.files import file_hash

    class Evil:
        def __reduce__(self):
            return os.system, (f"echo x > {tmp_path / 'executed'}",)

    save(tmp_path / "iter_1")
    weights, path = tmp_path / "iter_1" / "model.pdparams", tmp_path / "iter_1" / "manifest.json"
    weights.write_bytes(pickle.dumps({"conv.weight": Evil()}))
    manifest = json.loads(path.read_text())
    manifest["files"]["model.pdparams"] = {"size": weights.stat().st_size, "sha256": file_hash(weights)}
    manifest["sha256"] = self_digest(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"model\.pdparams: refused, because the file asks for \w+\.system"):
        load_checkpoint(tmp_path / "iter_1").load_model(Small())
    assert not (tmp_path / "executed").exists()


# -- keeping a few ----------------------------------------------------------------------------------


def test_listing_and_pruning(tmp_path):
    for n in (2, 10, 1, 30):
        save(tmp_path / f"iter_{n}")
    save(tmp_path / "best_model")
    assert [p.name for p in list_checkpoints(tmp_path)] == ["iter_1", "iter_2", "iter_10", "iter_30"]
    assert [p.name for p in prune(tmp_path, keep=2)] == ["iter_1", "iter_2"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best_model", "iter_10", "iter_30"]
    assert prune(tmp_path, keep=2) == []
    with pytest.raises(ValueError, match="at least 1"):
        prune(tmp_path, keep=0)
