"""Put weights into a network: all of them, or with a report of how many."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CheckpointError
from .origins import NATIVE, convert_hint, detect_origin

logger = logging.getLogger("paddleseg_lite")
SHOWN = 5
REMEDY = "Use the config the file was trained with."


@dataclass
class Match:
    """How a state dictionary fits a layer, by tensors (parameters and buffers).

    Attributes:
        total: tensors the layer has.
        matched: names present with the right shape and kind.
        missing: names the layer has and the file has not.
        unexpected: names the file has and the layer has not.
        misshaped: name, shape in the file, shape in the layer.
    """

    total: int
    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshaped: list[tuple[str, tuple, tuple]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Matched part of the layer's tensors, 0 to 1."""
        return len(self.matched) / self.total if self.total else 0.0

    def lists(self) -> str:
        """The first five names of each kind of mismatch, one kind a line."""
        lines = []
        for title, items in (("missing", self.missing), ("unexpected", self.unexpected)):
            if items:
                lines.append(f"  {title} ({len(items)}): {', '.join(items[:SHOWN])}{', ...' * (len(items) > SHOWN)}")
        if self.misshaped:
            shown = [f"{n} file {list(a)} model {list(b)}" for n, a, b in self.misshaped[:SHOWN]]
            more = ", ..." * (len(self.misshaped) > SHOWN)
            lines.append(f"  mis-shaped ({len(self.misshaped)}): {', '.join(shown)}{more}")
        return "\n".join(lines)


def compare(layer: Any, state: Mapping[str, Any]) -> Match:
    """How ``state`` fits ``layer``, without changing either."""
    own = layer.state_dict()
    match = Match(total=len(own))
    for name, tensor in own.items():
        if name not in state:
            match.missing.append(name)
        elif tuple(state[name].shape) != tuple(tensor.shape) or not _kinds_agree(state[name], tensor):
            match.misshaped.append((name, tuple(state[name].shape), tuple(tensor.shape)))
        else:
            match.matched.append(name)
    match.unexpected = [name for name in state if name not in own]
    return match


def load_strict(model: Any, state: Mapping[str, Any], *, source: str) -> None:
    """Fill every parameter and buffer of ``model``; nothing may be missing or left over.

    Args:
        model: a network; unchanged if there is any mismatch.
        state: arrays by structured name.
        source: the file, for the message.

    Raises:
        CheckpointError: any mismatch, with the first five names of each kind and a guess at the cause.
    """
    match = compare(model, state)
    if match.missing or match.unexpected or match.misshaped:
        raise CheckpointError(
            f"{source}: these weights do not fit {type(model).__name__}.\n{match.lists()}\n"
            f"  likely cause: {guess_cause(model, state, match)}"
        )
    fill(model, state, match.matched)


def load_pretrained(layer: Any, state: Mapping[str, Any], *, source: str, min_match: float = 0.95) -> Match:
    """Fill what fits, and report the share; too small a share is an error and changes nothing.

    Args:
        layer: a network or its pretrained part.
        state: arrays by structured name; entries the layer does not have (an
            ImageNet classifier) are left out.
        source: the file, for messages.
        min_match: smallest share of the layer's tensors that must be filled.

    Raises:
        CheckpointError: the share is smaller.
    """
    match = compare(layer, state)
    if match.share < min_match:
        raise CheckpointError(
            f"{source}: only {len(match.matched)} of {match.total} tensors ({match.share:.1%}) of "
            f"{type(layer).__name__} are in these weights, at least {min_match:.0%} are needed.\n{match.lists()}\n"
            f"  likely cause: {guess_cause(layer, state, match)}"
        )
    fill(layer, state, match.matched)
    logger.info(
        "%s: filled %d of %d tensors (%.1f %%) of %s%s",
        source,
        len(match.matched),
        match.total,
        100 * match.share,
        type(layer).__name__,
        "" if match.share == 1 else "\n" + match.lists(),
    )
    return match


def fill(layer: Any, state: Mapping[str, Any], names: list[str]) -> None:
    """Copy the named arrays into the layer's tensors."""
    own = layer.state_dict()
    for name in names:
        target = own[name]
        array = np.asarray(state[name])
        if "bfloat16" in str(target.dtype):
            # set_value wants the bits; weights that were bfloat16 come back unchanged
            target.set_value(_tensor_of(array, "float32").cast("bfloat16"))
        else:
            target.set_value(np.ascontiguousarray(array.astype(target.numpy().dtype, copy=False)).reshape(array.shape))


def guess_cause(layer: Any, state: Mapping[str, Any], match: Match) -> str:
    """The most likely reason for a mismatch, with what to do."""
    own = layer.state_dict()
    origin = detect_origin(state, own)
    if origin != NATIVE:
        return f"the file looks like {origin} weights. {convert_hint(origin)}"
    if not state:
        return "the file holds no arrays."
    if match.misshaped and not match.missing and not match.unexpected:
        classes = _other_classes(layer, match)
        if classes:
            return (
                f"it was trained with num_classes {classes[0]}, the model has {classes[1]}. Build the model with "
                f"num_classes {classes[0]}, or use the file as `pretrained`."
            )
    prefix = _prefix(own, state)
    if prefix:
        return prefix
    parts = {name.split(".")[0] for name in (*match.missing, *match.unexpected, *(m[0] for m in match.misshaped))}
    if match.matched and parts == {"backbone"}:
        return f"another backbone, or another depth, width or option of it. {REMEDY}"
    if match.matched and "backbone" not in parts and "context" in parts:
        return f"another context unit, none, or another option of it. {REMEDY}"
    if match.unexpected and not match.misshaped and not match.missing:
        return "the file has parts that this model was built without (an aux head or context unit, say)."
    if match.misshaped and not match.missing and not match.unexpected:
        return f"the same network with another width or input. {REMEDY}"
    if "backbone" not in parts and any(name.startswith("backbone.") for name in match.matched):
        return f"another network, or other options of it, on the same backbone. {REMEDY}"
    if len(match.matched) < 0.1 * match.total:
        return f"another network. {REMEDY}"
    return f"another backbone or other model options. {REMEDY}"


def _other_classes(layer: Any, match: Match) -> tuple[int, int] | None:
    pairs = set()
    for _, theirs, ours in match.misshaped:
        if len(theirs) != len(ours):
            return None
        pairs |= {(a, b) for a, b in zip(theirs, ours) if a != b}
    classes = getattr(layer, "num_classes", None)
    pair = pairs.pop() if len(pairs) == 1 else None
    return pair if pair is not None and pair[1] == classes else None


def _prefix(own: Mapping[str, Any], state: Mapping[str, Any]) -> str | None:
    first = {name.split(".")[0] for name in state}
    if len(first) == 1:
        prefix = next(iter(first)) + "."
        if sum(name[len(prefix) :] in own for name in state) > 0.5 * len(own):
            return f"all names in the file begin with '{prefix}': remove this prefix."
    for prefix in ("backbone.", "model."):
        if sum(prefix + name in own for name in state) > 0.5 * len(state):
            return (
                f"the file holds the '{prefix}' part alone. For a backbone use it as `pretrained` in the model's "
                "config; val, infer, export and resume need the whole network."
            )
    return None


def _kinds_agree(array: Any, tensor: Any) -> bool:
    floating = np.asarray(array).dtype.kind in "fc"
    return floating == ("float" in str(tensor.dtype) or "complex" in str(tensor.dtype))


def _tensor_of(array: np.ndarray, dtype: str):
    import paddle

    return paddle.to_tensor(np.ascontiguousarray(array), dtype=dtype)
