"""Network, loss and learning rates of a training from a :class:`~paddleseg_lite.config.Config`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..config import Config
from ..data import take_census
from ..errors import ConfigError
from ..language import translate as _
from ..layers import recompute_blocks
from ..losses import Criterion, build_criterion
from ..models import Segmentor, build_model

logger = logging.getLogger("paddleseg_lite")


def build_network(config: Config, num_classes: int) -> Segmentor:
    """The recipe's network for ``num_classes``; a different ``model.num_classes`` in the recipe is an error."""
    given = config.model.get("num_classes")
    if given is not None and given != num_classes:
        raise ConfigError(
            f"model.num_classes is {given} but the dataset has {num_classes} classes. "
            "Leave model.num_classes out (it follows the dataset), or correct one of the two."
        )
    model = build_model(config.model, num_classes=num_classes)
    if config.recompute and not recompute_blocks(model):
        raise ConfigError(
            f"recompute: {type(model).__name__} has no blocks that can be computed again; leave it out, or take a "
            "smaller batch_size with accumulate."
        )
    return model


def build_loss(
    config: Config, train_dataset: Any, model: Segmentor, *, note: Callable[[str], None] = logger.info
) -> Criterion:
    """The recipe's criterion, with class weights counted on the training labels where it asks for them.

    What the network gives in training besides its maps (presence of classes, soft regions) gets its usual loss where
    the recipe names none.
    """
    spec = dict(config.loss)
    for name, loss in getattr(model, "side_losses", dict)().items():  # a network of a user's own need have none
        if name not in spec:
            spec[name] = loss
            note(_("loss: the network also gives '{}', which gets {} (coef: 0 leaves it out)").format(name, loss))
    weights = config.class_weights
    if isinstance(weights, str):
        if weights not in ("enet", "median_frequency"):
            raise ConfigError(f"class_weights is '{weights}'; use enet, median_frequency or a list of numbers.")
        weights = take_census(train_dataset).weights(weights)
        note(f"class weights ({config.class_weights}): {np.round(np.asarray(weights, np.float64), 3).tolist()}")
    if weights is not None and len(weights) != train_dataset.num_classes:
        raise ConfigError(
            f"class_weights has {len(weights)} numbers for {train_dataset.num_classes} classes: "
            "give one for each class."
        )
    return build_criterion(
        spec,
        num_classes=train_dataset.num_classes,
        ignore_index=train_dataset.ignore_index,
        class_weights=None if weights is None else [float(w) for w in weights],
        label_fit=getattr(model, "label_fit", "resize"),
    )


def fitting_schedule(
    spec: Mapping[str, Any] | str, iters: int, *, note: Callable[[str], None] = logger.info
) -> Mapping[str, Any] | str:
    """The recipe's ``lr_scheduler`` for a run of so many iterations: a warm-up that would fill it becomes a tenth."""
    warmup = spec.get("warmup_iters", 0) if isinstance(spec, Mapping) else 0
    if not isinstance(warmup, int) or warmup < iters:
        return spec
    short = iters // 10
    line = _("lr_scheduler: the warm-up of {} iterations is shortened to {}, for the run has {}")
    note(line.format(warmup, short, iters))
    return {**spec, "warmup_iters": short}
