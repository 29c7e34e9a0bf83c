"""What a network is made of and what it costs: layer table, parameters, multiply-adds, receptive field.

The counting convention, the one papers and model zoos use when they say "FLOPs"
of a convolution: one multiply-add is one, of

    convolution           H_out W_out out (in / groups) k k
    transposed            H_in W_in in (out / groups) k k
    linear                rows in out
    context unit          what its ``macs(height, width)`` says: products of two activations

and nothing for biases, norms, activations, pooling and resizing. It is the
evaluation graph that is counted: auxiliary and presence heads that only train
are in ``parameters`` and not in ``eval_parameters``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import paddle
from paddle import Tensor, nn

from ..language import padded
from ..language import translate as _
from .phantom import materialise, phantom
from .receptive import ReceptiveFields, sees_whole_map


@dataclass
class Row:
    """One layer as the evaluation graph calls it; ``receptive_field`` and ``jump`` in pixels of the image.

    ``whole_picture``: it sees all of the image besides; ``receptive_field`` is then the local part.
    """

    name: str
    type: str
    output_shape: list[int]
    parameters: int
    macs: int = 0
    calls: int = 0
    receptive_field: int | None = None
    jump: float | None = None
    whole_picture: bool = False


@dataclass
class Summary:
    """What :func:`summarize` finds out.

    Attributes:
        parameters: trainable, all of them.
        eval_parameters: trainable and used by the evaluation graph.
        buffers: BN statistics and other numbers that are saved and not trained.
        macs: multiply-adds for one image.
        output_stride: of the deepest map that the head receives.
        receptive_field: side, in pixels, of what a logit of the network sees through
            convolutions and small poolings, the local part.
        whole_picture: names and types of the layers through which it sees the whole
            picture besides; empty in a network whose field is local.
    """

    model: str
    input_shape: list[int]
    output_shape: list[int]
    parameters: int
    eval_parameters: int
    buffers: int
    macs: int
    output_stride: int
    receptive_field: int
    whole_picture: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @property
    def gmacs(self) -> float:
        return self.macs / 1e9

    def to_dict(self) -> dict:
        """Plain containers, for JSON."""
        return {**dataclasses.asdict(self), "gmacs": round(self.gmacs, 4)}

    def table(self, *, rows: bool = True) -> str:
        """The layer table and the totals as text."""
        lines = []
        if rows:
            header = ("layer", "type", "output", "parameters", "MMACs", "RF")
            cells = [
                (
                    r.name,
                    r.type + (f" x{r.calls}" if r.calls > 1 else ""),
                    "x".join(map(str, r.output_shape)),
                    f"{r.parameters:,}",
                    f"{r.macs / 1e6:,.2f}",
                    f"{'all, ' if r.whole_picture else ''}{r.receptive_field}" if r.receptive_field else "",
                )
                for r in self.rows
            ]
            widths = [max(len(row[i]) for row in (header, *cells)) for i in range(6)]
            for row in (header, *cells):
                left = [c.ljust(w) for c, w in zip(row[:3], widths)]
                right = [c.rjust(w) for c, w in zip(row[3:], widths[3:])]
                lines.append("  ".join([*left, *right]))
            lines.append("")
        trained = _("{} trainable ({} without training-only heads)")
        totals = {
            _("model"): self.model,
            _("input -> output"): f"{self.input_shape} -> {self.output_shape}",
            _("parameters"): trained.format(f"{self.parameters:,}", f"{self.eval_parameters:,}"),
            _("buffers"): f"{self.buffers:,}",
            _("multiply-adds"): f"{self.gmacs:.3f} G",
            _("output stride"): self.output_stride,
            _("receptive field"): self.field_in_words(),
        }
        return "\n".join([*lines, *(f"{padded(name, 15)}  {value}" for name, value in totals.items())])

    def field_in_words(self) -> str:
        """``475 px``, or ``the whole picture through unit (GloRe); 475 px locally``."""
        local = _("{} px").format(self.receptive_field)
        if not self.whole_picture:
            return local
        through = ", ".join(f"{name} ({kind})" for name, kind in self.whole_picture.items())
        return _("the whole picture through {through}; {local} locally").format(through=through, local=local)


def summarize(model: nn.Layer, input_shape: Sequence[int] = (1, 3, 512, 512)) -> Summary:
    """Describe a network for one image, without computing it.

    Args:
        model: a :class:`~.base.Segmentor`; its weights are not read, so it may
            have been built under ``paddle.LazyGuard()``.
        input_shape: ``(1, C, H, W)`` or ``(C, H, W)``.

    Raises:
        ValueError: not an image shape, or one the network refuses.
    """
    shape = [1, *input_shape[-3:]]
    if len(input_shape) not in (3, 4) or min(shape) < 1:
        raise ValueError(f"input_shape must be (1, C, H, W) or (C, H, W), got {tuple(input_shape)}.")
    materialise(model)
    book = Bookkeeper(model, shape)
    was_training = model.training
    model.eval()
    try:
        with book, phantom(book.count):
            x = paddle.zeros(shape)
            book.fields.start(x)
            out = model(x)["out"]
    finally:
        if was_training:
            model.train()
    trainable = {id(p): int(p.size) for p in model.parameters() if not p.stop_gradient}
    frozen = {id(p): int(p.size) for p in model.parameters() if p.stop_gradient}
    frozen.update({id(b): int(b.size) for b in model.buffers()})
    rows = [row for row in book.rows.values() if row.calls]
    return Summary(
        model=type(model).__name__,
        input_shape=shape,
        output_shape=list(out.shape),
        parameters=sum(trainable.values()),
        eval_parameters=sum(trainable.values()) - book.unused_parameters(),
        buffers=sum(frozen.values()),
        macs=sum(row.macs for row in rows),
        output_stride=int(model.backbone.strides[-1]),
        receptive_field=round(book.fields.largest.size),
        whole_picture=book.whole_picture,
        rows=rows,
    )


class Bookkeeper:
    """Hooks that write down every call, in force within its ``with`` block."""

    def __init__(self, model: nn.Layer, input_shape: Sequence[int]) -> None:
        self.model = model
        self.fields = ReceptiveFields(input_shape[2])
        self.whole_picture: dict[str, str] = {}
        self.rows: dict[int, Row] = {}
        self.layers = dict(model.named_sublayers(include_self=True))
        for name, layer in self.layers.items():
            own = sum(int(p.size) for p in layer._parameters.values() if p is not None and not p.stop_gradient)
            self.rows[id(layer)] = Row(name or "(model)", type(layer).__name__, [], own)

    def __enter__(self) -> Bookkeeper:
        self.hooks = []
        for layer in self.layers.values():
            is_leaf, multiplies = not layer._sub_layers, callable(getattr(layer, "macs", None))
            if is_leaf or multiplies or sees_whole_map(layer):
                self.hooks.append(layer.register_forward_pre_hook(self.before))
                self.hooks.append(layer.register_forward_post_hook(self.after))
        return self

    def __exit__(self, *exc: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def before(self, layer: nn.Layer, inputs: Any) -> Any:
        if isinstance(inputs[0], paddle.Tensor) and inputs[0].ndim == 4:
            self.fields.of(inputs[0])  # remember it now: functional results would be guessed anew later
        if sees_whole_map(layer):
            self.fields.whole = True
            name = self.rows[id(layer)].name
            if not any(name.startswith(f"{outer}.") for outer in self.whole_picture):
                self.whole_picture[name] = type(layer).__name__

    def after(self, layer: nn.Layer, inputs: Any, output: Any) -> Any:
        row, x = self.rows[id(layer)], inputs[0]
        y = output[0] if isinstance(output, tuple) else output
        row.calls += 1
        row.output_shape = list(y.shape)
        if layer._sub_layers:  # a context unit, or one that sees the whole map
            if callable(getattr(layer, "macs", None)):
                row.macs += int(layer.macs(*x.shape[2:]))
        elif y.ndim == 4:
            seen = self.fields.through(layer, x, y, first=row.calls == 1)
            row.receptive_field, row.jump, row.whole_picture = round(seen.size), seen.jump, seen.whole

    def count(self, layer: nn.Layer, x: Tensor, y: Tensor, macs: int) -> None:
        self.rows[id(layer)].macs += macs

    def unused_parameters(self) -> int:
        """Trainable numbers in layers that neither ran nor contain one that did."""
        used = {name for name, layer in self.layers.items() if self.rows[id(layer)].calls}
        above = {".".join(name.split(".")[:i]) for name in used for i in range(name.count(".") + 2)}
        return sum(self.rows[id(layer)].parameters for name, layer in self.layers.items() if name not in above)
