"""Every part that a recipe names, checked against its registry without being built."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ConfigError
from ..registry import DATASETS, LOSSES, MODELS, OPTIMIZERS, REFINERS, SCHEDULERS, TRANSFORMS, BadArgument
from .filling import Where
from .schema import Config


def check_components(
    config: Config, *, origins: Mapping[str, str] | None = None, source: str = "config", prediction: bool = False
) -> None:
    """Check every component against its registry without building it.

    Args:
        origins: which file or option set a key.
        source: what set the others.
        prediction: look only at what prediction uses: the network, the transforms of pictures and the CRF. A dataset or
            loss of a user's own need not be there.
    """
    where = Where(origins or {}, source)
    offered = {"num_classes": 2, "ignore_index": 255, "mode": "train"}

    def check(registry, spec, key, **more):
        try:
            registry.check(spec, offered={**offered, **more})
        except BadArgument as e:
            raise ConfigError(f"{where(f'{key}.{e.argument}')}: {key}: {e}") from None
        except ConfigError as e:
            raise ConfigError(f"{where(f'{key}.type')}: {key}: {e}") from None

    check(MODELS, config.model, "model")
    used = ("train_dataset", "val_dataset")
    if prediction:
        used = ("val_dataset",) if config.val_dataset else ("train_dataset",)
    for key in used:
        spec = getattr(config, key)
        if spec is not None:
            if not prediction:
                check(DATASETS, spec, key)
            transforms = spec.get("transforms") or []
            if not isinstance(transforms, list):
                raise ConfigError(
                    f"{where(f'{key}.transforms')}: {key}.transforms is a list of {{type: NAME, ...}}, got "
                    f"{transforms!r}."
                )
            for i, transform in enumerate(transforms):
                check(TRANSFORMS, transform, f"{key}.transforms.{i}")
    if not prediction:
        for name, spec in config.loss.items():
            check(LOSSES, {k: v for k, v in spec.items() if k not in ("coef", "label_fit")}, f"loss.{name}")
        given = {"parameters": None, "learning_rate": 0.1, "model": None, "lr_scheduler": None}
        check(OPTIMIZERS, config.optimizer, "optimizer", **given)
        check(SCHEDULERS, config.lr_scheduler, "lr_scheduler", iters=1)
    try:
        REFINERS.get("crf")(config.test_config.crf)
    except (ConfigError, TypeError) as e:
        raise ConfigError(f"{where('test_config.crf')}: test_config.crf: {e}") from None
