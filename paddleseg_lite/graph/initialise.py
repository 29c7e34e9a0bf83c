"""Fill units that start from data: the k-means anchors of GCU (``init: kmeans``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import paddle
from paddle import nn

from ..errors import ConfigError
from ..layers import keep_statistics


def initialise_contexts(
    model: nn.Layer, batches: Iterable, *, max_pixels: int = 20000, iters: int = 10, seed: int = 0
) -> list[str]:
    """Run ``model`` up to its units with ``init == "kmeans"`` and initialise them from what reaches them.

    Call once before training. Batch normalisation works with batch statistics,
    as in the first training steps; parameters, statistics and random state of
    the rest of the model are left as they were.

    Args:
        model: any layer that holds such units.
        batches: image batches ``[N, 3, H, W]``, as the model takes them; two to eight will do.
        max_pixels: pixels kept for the clustering, drawn evenly from the batches.

    Returns:
        Names of the units initialised; empty where none asks for it.

    Raises:
        ConfigError: units ask for it and ``batches`` is empty.
    """
    units = kmeans_units(model)
    if not units:
        return []
    seen: dict[str, list[np.ndarray]] = {name: [] for name in units}

    def collector(name: str) -> Callable[[nn.Layer, Any], Any]:
        def hook(layer: nn.Layer, inputs: Any) -> Any:
            x = inputs[0].detach().astype("float32").numpy()
            seen[name].append(x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]))

        return hook

    hooks = [layer.register_forward_pre_hook(collector(name)) for name, layer in units.items()]
    try:
        with _batch_statistics(model), paddle.no_grad():
            for batch in batches:
                model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for name, unit in units.items():
        if not seen[name]:
            raise ConfigError(f"context unit '{name}' asks for k-means initialisation, but no image came to it.")
        features = np.concatenate(seen[name])
        if len(features) > max_pixels:
            features = features[np.random.default_rng(seed).choice(len(features), max_pixels, replace=False)]
        unit.init_from_features(features, iters, seed)
    return list(units)


def kmeans_units(model: nn.Layer) -> dict[str, nn.Layer]:
    """The units with ``init == "kmeans"`` by name."""
    units: dict[str, nn.Layer] = {}
    for name, layer in model.named_sublayers(include_self=True):
        inside = any(name.startswith(f"{outer}.") for outer in units)  # the unit of a control: features reach that
        if getattr(layer, "init", None) == "kmeans" and hasattr(layer, "init_from_features") and not inside:
            units[name] = layer
    return units


@contextmanager
def _batch_statistics(model: nn.Layer) -> Iterator[None]:
    """Eval mode (no dropout), but batch normalisation by batch statistics; everything restored afterwards."""
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    put_back = keep_statistics(model)
    model.eval()
    for layer, training in modes:
        if training and isinstance(layer, nn.layer.norm._BatchNormBase):
            layer.training = True
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training
        put_back()
