"""Everything of a training that a recipe names, built for its data; for the trainer, and for the doctor beforehand."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paddle

from ..config import Config
from ..data import BatchSampler
from ..data.building import check_bands
from ..errors import ConfigError
from ..inference.options import InferenceOptions, inference_options
from ..layers import apply_freeze_bn, freeze
from ..losses import Criterion
from ..models import Segmentor
from ..optim.ema import EMA
from ..optim.optimizers import build_optimizer
from . import parallel
from .building import build_loss, build_network, fitting_schedule
from .limits import check_batch, check_network, check_workers
from .precision import Precision
from .seeds import derive

logger = logging.getLogger("paddleseg_lite")


@dataclass
class Parts:
    """The parts; see :class:`.trainer.Trainer` for what they do."""

    model: Segmentor
    criterion: Criterion
    sampler: BatchSampler
    steps_per_epoch: int
    total_iters: int
    save_interval: int
    optimizer: Any
    lr: Any
    precision: Precision
    ema: EMA | None
    options: InferenceOptions


def build_parts(
    config: Config,
    train_dataset: Any,
    *,
    val_images: int = 0,
    rank: int = 0,
    world_size: int = 1,
    note: Callable[[str], None] = logger.info,
) -> Parts:
    """Build them all.

    Args:
        config: the resolved recipe.
        train_dataset: for its size and classes.
        val_images: in a validation, for how often there is one.
        rank, world_size: of this process.
        note: hears what is done differently from the recipe.

    Raises:
        UserError: a part cannot be built, or the numbers are beyond any machine.
    """
    if config.iters is None and config.epochs is None:
        raise ConfigError(
            "the config says neither iters nor epochs; training needs one of them (--iters N or --epochs N)."
        )
    check_workers(config.num_workers)
    check_batch(config, train_dataset)
    paddle.seed(derive(config.seed, 0))
    check_network(config.model, train_dataset.num_classes)
    model = build_network(config, train_dataset.num_classes)
    check_bands(train_dataset, getattr(model, "in_channels", None))
    freeze(model, config.freeze)
    apply_freeze_bn(model, config.freeze_bn)
    model = parallel.convert_sync_bn(model, world_size)
    criterion = build_loss(config, train_dataset, model, note=note)
    sampler = BatchSampler(len(train_dataset), config.batch_size, seed=config.seed, rank=rank, world_size=world_size)
    steps_per_epoch = max(1, sampler.batches_per_epoch // config.accumulate)
    total_iters = config.iters or config.epochs * steps_per_epoch
    rates = fitting_schedule(config.lr_scheduler, total_iters, note=note)
    optimizer, lr = build_optimizer(config.optimizer, model, rates, iters=total_iters)
    return Parts(
        model=model,
        criterion=criterion,
        sampler=sampler,
        steps_per_epoch=steps_per_epoch,
        total_iters=total_iters,
        save_interval=config.save_interval
        or default_save_interval(total_iters, steps_per_epoch, val_images / config.batch_size),
        optimizer=optimizer,
        lr=lr,
        precision=Precision(config.precision, config.amp_level, config.cpu_accel, model, optimizer, note=note),
        ema=EMA(model, config.ema_decay) if config.use_ema else None,
        options=inference_options(config.test_config),
    )


def default_save_interval(total_iters: int, steps_per_epoch: int, val_batches: float = 0.0) -> int:
    """An epoch's worth of iterations, but 10 to 50 intervals a run: data sets of 8 pictures and of a million exist.

    Fewer in a short run, whose time would go into its validations: one takes as long as about a third of
    ``val_batches`` training steps.
    """
    most, least = -(-total_iters // 10), -(-total_iters // 50)
    usual = min(most, max(least, steps_per_epoch))
    return min(total_iters, max(usual, round(val_batches / 3)))
