"""From ``loss: {out: {type: CrossEntropyLoss}, aux: {type: CrossEntropyLoss, coef: 0.4}}`` to one number.

Losses are named after the outputs of the network, so that their number cannot be
miscounted. An entry holds the loss's own arguments and

    coef       factor in the total (1); 0: the output is meant to be left out
    label_fit  resize: labels go to the logits' size by nearest (default);
               crop: the centre of the labels is cut out (valid convolutions)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paddle import Tensor

from ..errors import ConfigError
from ..registry import LOSSES
from .base import Loss
from .targets import crop_labels, fit_labels


@dataclass(frozen=True)
class Entry:
    """The loss of one output; ``loss`` is none where ``coef`` is 0."""

    loss: Loss | None
    coef: float
    label_fit: str = "resize"


def build_criterion(
    spec: Mapping[str, Any],
    *,
    num_classes: int,
    ignore_index: int = 255,
    class_weights: Sequence[float] | None = None,
    label_fit: str = "resize",
) -> Criterion:
    """Build the losses of all outputs.

    Args:
        spec: ``{output name: {type, coef, label_fit, **arguments of the loss}}``.
        num_classes: K, offered to the losses.
        ignore_index: offered to the losses.
        class_weights: one per class, for every loss that takes ``weight`` and does not set it.
        label_fit: of the outputs whose loss does not set it.

    Raises:
        ConfigError: unknown loss or argument, or weights that are not one per class.
    """
    if not isinstance(spec, Mapping) or not spec:
        raise ConfigError(f"loss is written as {{out: {{type: CrossEntropyLoss}}, ...}}, but got {spec!r}.")
    offered: dict[str, Any] = {"num_classes": num_classes, "ignore_index": ignore_index}
    if class_weights is not None:
        offered["weight"] = list(class_weights)
    entries = {}
    for name, item in spec.items():
        item = {"type": item} if isinstance(item, str) else dict(item)
        listed = isinstance(item.get("coef"), (list, tuple))  # MixedLoss's own, one for each of its losses
        coef, fit = 1.0 if listed else item.pop("coef", 1.0), item.pop("label_fit", label_fit)
        if isinstance(coef, bool) or not isinstance(coef, (int, float)):
            raise ConfigError(f"loss of '{name}': coef is a number, got {coef!r}.")
        if fit not in ("resize", "crop"):
            raise ConfigError(f"loss of '{name}': label_fit is 'resize' or 'crop', got {fit!r}.")
        if coef == 0:
            entries[name] = Entry(None, 0.0)
            continue
        loss = LOSSES.build(item, offered=offered)
        for part in loss.sublayers(include_self=True):
            table = getattr(part, "weight", None)
            if table is not None and table.shape[0] != num_classes:
                raise ConfigError(
                    f"loss of '{name}': {type(part).__name__} has weights for {table.shape[0]} classes, "
                    f"but there are {num_classes}."
                )
        entries[name] = Entry(loss, float(coef), fit)
    if all(entry.loss is None for entry in entries.values()):
        raise ConfigError(f"every loss has coef 0 ({_names(entries)}), so there is nothing to train for.")
    return Criterion(entries)


class Criterion:
    """The weighted sum of the losses of all outputs."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = dict(entries)

    def __call__(self, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of a batch.

        Args:
            outputs: what the network returned in train mode.
            batch: ``label [N, H, W]`` int64 and optionally ``weight [N, H, W]`` float32.

        Returns:
            ``(total, {output name: loss before coef})``, all scalar tensors.

        Raises:
            ConfigError: outputs and losses do not match.
            ValueError: shapes do not match.
        """
        self.check_outputs(outputs)
        parts = {
            name: output_loss(name, entry.loss, outputs[name], batch, entry.label_fit)
            for name, entry in self.entries.items()
            if entry.loss is not None
        }
        first, *others = (self.entries[name].coef * part for name, part in parts.items())
        return sum(others, start=first), parts

    def main(self, logits: Tensor, label: Tensor) -> Tensor:
        """Loss of the main output alone, as validation reports it.

        Args:
            logits: ``[N, K, H, W]``.
            label: ``[N, H, W]``.
        """
        entry = self.entries.get("out")
        if entry is None or entry.loss is None:
            raise ConfigError(f"there is no loss for 'out'; losses: {_names(self.entries)}.")
        return output_loss("out", entry.loss, logits, {"label": label}, entry.label_fit)

    def check_outputs(self, outputs: Mapping[str, Any]) -> None:
        """Raise ConfigError where an output has no loss or a loss has no output."""
        lists = f"The network's outputs in training: {_names(outputs)}; losses: {_names(self.entries)}."
        missing = [name for name, entry in self.entries.items() if entry.loss is not None and name not in outputs]
        if missing:
            raise ConfigError(f"loss '{missing[0]}' has no such output. {lists} Remove it, or turn the output on.")
        extra = [name for name in outputs if name not in self.entries]
        if extra:
            kind = "PresenceLoss" if outputs[extra[0]].ndim == 2 else "CrossEntropyLoss"
            raise ConfigError(
                f"output '{extra[0]}' has no loss. {lists} Write '{extra[0]}: {{type: {kind}, coef: 0.4}}' "
                "under loss, or coef: 0 to leave it out."
            )


def output_loss(name: str, loss: Loss, logits: Tensor, batch: Mapping[str, Any], label_fit: str) -> Tensor:
    """Loss of one output before its factor."""
    label = batch["label"]
    weight = batch.get("weight") if loss.takes_pixel_weight else None
    if logits.ndim != loss.output_ndim or label.ndim != 3:
        wanted = "[N, K, H, W]" if loss.output_ndim == 4 else "[N, K]"
        raise ValueError(
            f"output '{name}': {type(loss).__name__} takes logits {wanted} and labels [N, H, W], "
            f"got {list(logits.shape)} and {list(label.shape)}."
        )
    if loss.output_ndim == 4:
        fit = fit_labels if label_fit == "resize" else crop_labels
        label = fit(label, logits.shape[2:])
        weight = None if weight is None else fit(weight, logits.shape[2:])
    return loss(logits, label, weight) if weight is not None else loss(logits, label)


def _names(mapping: Iterable[str]) -> str:
    return ", ".join(mapping) or "none"
