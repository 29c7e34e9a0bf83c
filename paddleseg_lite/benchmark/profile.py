"""Where the time of a forward pass goes, by type of layer."""

from __future__ import annotations

import time
from dataclasses import dataclass

import paddle

from ..models.summary import Summary
from .subject import synchronize

BETWEEN = "(functions between layers)"


@dataclass
class TypeTime:
    """All layers of one type together; one forward pass."""

    type: str
    calls: int
    ms: float
    gmacs: float


def profile_forward(model, image, summary: Summary, *, repeats: int = 5) -> list[TypeTime]:
    """Time by layer type, largest first; medians over ``repeats`` passes.

    Hooks on every layer without children take its time; what is left of the pass (resizes,
    concatenations, sums and products written as functions) is one line. Hooks cost a few
    microseconds a call and keep oneDNN from fusing neighbours, so the sum lies above the
    latency.

    Args:
        model: in eval mode.
        image: ``[N, C, H, W]``.
        summary: of one image of that size, for the multiply-adds.
    """
    types = {name or "(model)": layer for name, layer in model.named_sublayers(include_self=True)}
    macs: dict[str, int] = {}
    for row in summary.rows:
        name = BETWEEN if types[row.name]._sub_layers else row.type  # a context unit's own products are functions
        macs[name] = macs.get(name, 0) + row.macs * int(image.shape[0])
    passes, calls = [], {}
    for _ in range(repeats + 1):
        clock = LayerClock(model)
        with clock, paddle.no_grad():
            started = time.perf_counter()
            model(image)
            synchronize()
            total = time.perf_counter() - started
        passes.append({**clock.seconds, BETWEEN: total - sum(clock.seconds.values())})
        calls = {**clock.calls, BETWEEN: 0}
    passes = passes[1:]
    rows = [
        TypeTime(name, calls[name], 1000 * sorted(p[name] for p in passes)[len(passes) // 2], macs.get(name, 0) / 1e9)
        for name in calls
    ]
    return sorted(rows, key=lambda r: -r.ms)


class LayerClock:
    """Seconds and calls of the layers without children, by type, within its ``with`` block."""

    def __init__(self, model):
        self.model, self.seconds, self.calls = model, {}, {}
        self.hooks, self.open = [], []

    def __enter__(self) -> LayerClock:
        for layer in self.model.sublayers(include_self=True):
            if not layer._sub_layers:
                self.hooks.append(layer.register_forward_pre_hook(self._before))
                self.hooks.append(layer.register_forward_post_hook(self._after))
        return self

    def _before(self, layer, inputs):
        synchronize()
        self.open.append(time.perf_counter())

    def _after(self, layer, inputs, output):
        synchronize()
        name = type(layer).__name__
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - self.open.pop()
        self.calls[name] = self.calls.get(name, 0) + 1

    def __exit__(self, *exc) -> None:
        for hook in self.hooks:
            hook.remove()
