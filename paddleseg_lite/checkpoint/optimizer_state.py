"""The state of an optimizer under the names of the network's parameters.

Paddle keys its accumulators by automatic names (``conv2d_0.w_0_velocity_0``) that
shift as soon as any other layer was built first in the process, accepts an empty
state silently, and creates accumulators only at the first step. Here they are
keyed ``velocity/backbone.stages.0.0.conv.weight``; on the way back they are
created through the optimizer's own method, filled, and read back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..weights.arrays import widen_bf16

MASTER = "master_weight"


@dataclass
class OptimizerState:
    """What an optimizer needs to go on.

    Attributes:
        info: JSON part: type, learning rate, scheduler, names of the parameters it steps.
        tensors: ``"accumulator/parameter"`` to Paddle tensor or array.
        source: the file, for messages.
    """

    info: dict[str, Any]
    tensors: dict[str, Any]
    source: str = "the checkpoint"


def collect_optimizer(optimizer: Any, model: Any) -> OptimizerState:
    """The state of ``optimizer``, whose parameters all belong to ``model``.

    Raises:
        ValueError: the optimizer steps a parameter that ``model`` does not have,
            or has state that is not kept per parameter.
    """
    optimizer, names = _inner(optimizer), _names(model)
    stepped = [names.get(id(p)) for p in _parameters(optimizer)]
    if None in stepped:
        raise ValueError("the optimizer has a parameter that is not in the model; save needs both from the same one.")
    if not hasattr(optimizer, "_accumulators"):
        raise ValueError(f"{type(optimizer).__name__} keeps no state per parameter and cannot be saved.")
    tensors, masters = {}, getattr(optimizer, "_master_weights", {})
    for parameter in _parameters(optimizer):
        name, master = names[id(parameter)], masters.get(parameter.name)
        if master is not None:
            tensors[f"{MASTER}/{name}"] = master
        for kind, tensor in _accumulators(optimizer, parameter).items():
            tensors[f"{kind}/{name}"] = tensor
    count = sum(len(table) for table in optimizer._accumulators.values())
    if count != sum(1 for key in tensors if not key.startswith(f"{MASTER}/")):
        raise ValueError(f"{type(optimizer).__name__} has state of parameters that it no longer steps.")
    return OptimizerState(
        info={"type": type(optimizer).__name__, "parameters": stepped, **_rate(optimizer)}, tensors=tensors
    )


def restore_optimizer(optimizer: Any, model: Any, state: OptimizerState) -> None:
    """Bring an optimizer (fresh or used) to a saved state, learning rate included; exact, or an error.

    Raises:
        CheckpointError: other type, other parameters, other shapes, or what was
            written does not read back.
    """
    optimizer, names, source = _inner(optimizer), _names(model), state.source
    kind, saved_kind = type(optimizer).__name__, state.info.get("type")
    if kind != saved_kind:
        raise CheckpointError(
            f"{source}: was saved with optimizer {saved_kind}, this run has {kind}. Resume with the "
            "same config, or start anew with these weights as `pretrained`."
        )
    _same(
        "parameters",
        {names.get(id(p), p.name) for p in _parameters(optimizer)},
        set(state.info.get("parameters", [])),
        source,
    )
    _create_missing(optimizer, names, {key.split("/", 1)[1] for key in state.tensors})
    slots = {}
    for parameter in _parameters(optimizer):
        name = names[id(parameter)]
        for accumulator, tensor in _accumulators(optimizer, parameter).items():
            slots[f"{accumulator}/{name}"] = tensor
        master = getattr(optimizer, "_master_weights", {}).get(parameter.name)
        if master is not None:
            slots[f"{MASTER}/{name}"] = master
    _same("state", set(slots), set(state.tensors), source)
    for key, tensor in slots.items():
        if tuple(tensor.shape) != tuple(state.tensors[key].shape):
            raise CheckpointError(
                f"{source}: optimizer state {key} has shape {list(state.tensors[key].shape)} in the "
                f"file and {list(tensor.shape)} here. Resume with the same config."
            )
    for key, tensor in slots.items():
        _set(tensor, state.tensors[key], f"{source}: optimizer state {key}")
    optimizer._accumulators_holder = {}  # nothing may wait to be filled in at the next step
    _set_rate(optimizer, state.info, source)


def _inner(optimizer: Any) -> Any:
    """The optimizer inside Fleet's wrapper."""
    while hasattr(optimizer, "_inner_opt"):
        optimizer = optimizer._inner_opt
    return optimizer


def unwrap(model: Any) -> Any:
    """The network inside ``paddle.DataParallel``."""
    return model._layers if type(model).__name__ == "DataParallel" else model


def _names(model: Any) -> dict[int, str]:
    return {id(parameter): name for name, parameter in unwrap(model).named_parameters()}


def _groups(optimizer: Any) -> list:
    groups = optimizer._param_groups
    return groups if groups and isinstance(groups[0], dict) else [{"params": list(groups), "plain": True}]


def _parameters(optimizer: Any) -> list:
    return [p for group in _groups(optimizer) for p in group["params"]]


def _accumulators(optimizer: Any, parameter: Any) -> dict[str, Any]:
    """Accumulators of one parameter; those of half-precision parameters are kept under the master weight's name."""
    master = getattr(optimizer, "_master_weights", {}).get(parameter.name)
    own_prefix = f"{optimizer._name}_" if optimizer._name else ""
    found = {}
    for kind, table in optimizer._accumulators.items():
        tensor = table.get(parameter.name)
        if tensor is None and master is not None:
            tensor = table.get(master.name)
        if tensor is not None:
            found[kind[len(own_prefix) :]] = tensor
    return found


def _create_missing(optimizer: Any, names: dict[int, str], wanted: set[str]) -> None:
    import paddle
    from paddle.base.layer_helper import LayerHelper

    if not wanted:
        return
    optimizer._accumulators_holder = {}
    if optimizer.helper is None:  # Paddle 2.6 sets it at the first step and needs it here
        optimizer.helper = LayerHelper(type(optimizer).__name__)
    block = paddle.static.default_main_program().global_block()
    for group in _groups(optimizer):
        chosen = [p for p in group["params"] if names[id(p)] in wanted]
        with paddle.no_grad():
            optimizer._create_accumulators(block, chosen if "plain" in group else {**group, "params": chosen})


def _rate(optimizer: Any) -> dict[str, Any]:
    rate = optimizer._learning_rate
    if hasattr(rate, "state_dict"):
        return {
            "learning_rate": float(rate()),
            "scheduler": {"type": type(rate).__name__, "state": _plain(rate.state_dict())},
        }
    return {"learning_rate": float(rate)}


def _plain(value: Any) -> Any:
    """A scheduler's state as JSON can hold it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _set_rate(optimizer: Any, info: dict[str, Any], source: str) -> None:
    rate, saved = optimizer._learning_rate, info.get("scheduler")
    kind = type(rate).__name__ if hasattr(rate, "state_dict") else None
    saved_kind = saved["type"] if saved else None
    if kind != saved_kind:
        raise CheckpointError(
            f"{source}: was saved with lr_scheduler {saved_kind}, this run has {kind}. Resume with the same config."
        )
    if saved is None:
        optimizer.set_lr(info["learning_rate"])
        return
    _same("lr_scheduler entries", set(rate.state_dict()), set(saved["state"]), source)
    rate.set_state_dict(saved["state"])
    back = json.dumps(_plain(rate.state_dict()), sort_keys=True)  # as text, so that NaN equals itself
    if back != json.dumps(saved["state"], sort_keys=True) or float(rate()) != info["learning_rate"]:
        raise CheckpointError(
            f"{source}: lr_scheduler {kind} did not take its state back. Resume with the same config "
            "and the same version of Paddle."
        )


def _same(what: str, ours: set[str], theirs: set[str], source: str) -> None:
    missing, extra = sorted(ours - theirs), sorted(theirs - ours)
    if missing or extra:
        lists = "; ".join(
            f"{title} ({len(items)}): {', '.join(items[:5])}"
            for title, items in (("not in the file", missing), ("only in the file", extra))
            if items
        )
        raise CheckpointError(
            f"{source}: the optimizer's {what} differ from this run's: {lists}. Resume with the same "
            "config, or start anew with these weights as `pretrained`."
        )


def _set(tensor: Any, saved: Any, what: str) -> None:
    import paddle

    saved = np.asarray(saved)
    if "bfloat16" in str(tensor.dtype):  # comes from file as float32, exactly
        tensor.set_value(paddle.to_tensor(saved, dtype="float32").cast("bfloat16"))
        back = widen_bf16(np.ascontiguousarray(tensor.numpy()))
    else:
        tensor.set_value(np.ascontiguousarray(saved).astype(tensor.numpy().dtype, copy=False).reshape(saved.shape))
        back = tensor.numpy()
    if back.tobytes() != saved.astype(back.dtype, copy=False).tobytes():
        raise CheckpointError(f"{what} does not read back as written.")
