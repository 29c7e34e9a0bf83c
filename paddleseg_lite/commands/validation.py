"""What ``tools/val.py`` does with a loaded network: score, print, save."""

from __future__ import annotations

import logging
from pathlib import Path

from ..cli import write_json
from ..engine.builder import build_dataset
from ..engine.evaluator import Evaluation, evaluate
from ..engine.predictor import Loaded
from ..errors import ConfigError
from ..losses import build_criterion

logger = logging.getLogger("paddleseg_lite")


def validate_loaded(loaded: Loaded, *, num_workers: int = 0, keep_images: bool = False) -> tuple[Evaluation, object]:
    """Score on the recipe's validation set, as training does; ``(evaluation, dataset)``."""
    config = loaded.config
    if config.val_dataset is None:
        raise ConfigError("the config has no val_dataset to score on.")
    dataset = build_dataset(config.val_dataset, mode="val")
    if dataset.num_classes != len(loaded.class_names):
        raise ConfigError(
            f"the network was trained for {len(loaded.class_names)} classes, the dataset has {dataset.num_classes}."
        )
    criterion = build_criterion(
        {"out": {"type": "CrossEntropyLoss"}}, num_classes=dataset.num_classes, ignore_index=dataset.ignore_index
    )
    evaluation = evaluate(
        loaded.forward or loaded.model, dataset, options=loaded.options, loss=criterion.main, num_workers=num_workers,
        convention=config.miou_convention, keep_images=keep_images, engine=loaded.engine,
    )
    return evaluation, dataset


def run_validation(loaded: Loaded, *, num_workers: int = 0, json_path: str | None = None) -> int:
    """Score, print the per-class table, write JSON where asked; returns the exit status."""
    evaluation, dataset = validate_loaded(loaded, num_workers=num_workers)
    logger.info("%s on %d images with %s", loaded.source, evaluation.images, evaluation.engine)
    print(evaluation.scores.table(dataset.class_names))
    logger.info(
        "mIoU %.6f (%s), cross-entropy %.4f, %.1f images/s", evaluation.scores.mIoU, loaded.config.miou_convention,
        evaluation.loss, evaluation.images_per_second,
    )
    if json_path:
        write_json(
            Path(json_path),
            {
                "source": str(loaded.source), "images": evaluation.images, "engine": evaluation.engine,
                "miou_convention": loaded.config.miou_convention, "loss": evaluation.loss,
                "images_per_s": evaluation.images_per_second, **evaluation.scores.as_dict(dataset.class_names),
            },
        )
    return 0
