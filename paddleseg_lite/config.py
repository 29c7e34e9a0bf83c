"""YAML recipe -> checked :class:`Config`. The one place that knows the schema.

The schema is close to PaddleSeg's, whose own files are recognised and translated
(:mod:`paddleseg_lite.interop.paddleseg_config`). Values come from, weakest first:
the files named by ``_base_``, the file itself, ``--opts a.b=c`` (in the keys of the
file), command-line flags. A mapping in a later layer is merged into the earlier one
unless it says ``_inherited_: False``.

Every training flag is also a key here, so that the ``config.yml`` in a run
folder repeats the run.
"""

from __future__ import annotations

import copy
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import yaml

from .config_file import read_tree, set_key, set_option
from .errors import ConfigError, nearest

Spec = dict[str, Any]  # {"type": NAME, **arguments}


@dataclass
class TestConfig:
    """How validation and prediction run; sizes are ``[width, height]`` as in PaddleSeg."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    is_slide: Optional[bool] = False  # null: by image size
    crop_size: Optional[list] = None
    stride: Optional[list] = None
    aug_eval: bool = False
    scales: Union[float, list] = 1.0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    crf: Union[dict, str, None] = None  # a preset's name, or the arguments of postprocess.DenseCRF


@dataclass
class Config:
    """A resolved recipe. Component specs stay mappings and are checked against their registries."""

    model: Spec
    train_dataset: Optional[Spec] = None
    val_dataset: Optional[Spec] = None
    loss: dict = field(default_factory=lambda: {"out": {"type": "CrossEntropyLoss"}})
    class_weights: Union[str, list, None] = None  # "enet", "median_frequency", a list, or null
    optimizer: Spec = field(default_factory=lambda: {"type": "sgd", "momentum": 0.9, "weight_decay": 4.0e-5})
    lr_scheduler: Spec = field(
        default_factory=lambda: {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0.0, "power": 0.9}
    )
    test_config: TestConfig = field(default_factory=TestConfig)
    batch_size: int = 2
    iters: Optional[int] = None
    epochs: Optional[int] = None
    accumulate: int = 1  # gradient accumulation: steps per optimizer update
    seed: int = 42
    precision: str = "fp32"  # fp32 | fp16 | bf16
    amp_level: str = "O1"
    cpu_accel: str = "fp32"  # oneDNN kernels: fp32 | bf16 | auto (timed, so not repeatable) | off (Paddle's own)
    use_ema: bool = False
    ema_decay: float = 0.999
    freeze_bn: bool = False
    init_context: bool = False  # k-means initialisation of graph nodes from features
    do_eval: bool = True
    save_interval: Optional[int] = None  # iterations; default: an epoch's worth, but 10 to 50 times a run
    log_iters: int = 10
    num_workers: int = 0
    cache: Optional[str] = None  # decoded images: memory | disk | null
    keep_checkpoint_max: int = 5
    early_stop_intervals: Optional[int] = None  # validations without a better mIoU
    nan_policy: str = "stop"  # stop | skip
    miou_convention: str = "nan"  # classes absent from truth and prediction: nan | gt_only | one | zero

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, as saved in ``config.yml``."""
        return dataclasses.asdict(self)

    def to_yaml(self) -> str:
        """The recipe as YAML; loading it gives an equal :class:`Config`."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


CHOICES = {
    "precision": ("fp32", "fp16", "bf16"),
    "amp_level": ("O1", "O2"),
    "cpu_accel": ("auto", "off", "fp32", "bf16"),
    "nan_policy": ("stop", "skip"),
    "miou_convention": ("nan", "gt_only", "one", "zero"),
    "cache": (None, "memory", "disk"),
}
POSITIVE = ("batch_size", "iters", "epochs", "accumulate", "save_interval", "log_iters", "early_stop_intervals",
            "keep_checkpoint_max")


def load_config(
    path: str | Path, *, opts: Sequence[str] = (), overrides: Mapping[str, Any] | None = None, check: bool = True
) -> Config:
    """Read, merge and check a recipe.

    Args:
        path: YAML file, in our schema or in PaddleSeg's.
        opts: ``"a.b=c"`` strings; the value is YAML, indices reach into lists.
        overrides: dotted key -> value from flags; ``None`` values are skipped.
        check: also check model, data, loss and schedule against the registries
            (imports Paddle).

    Raises:
        ConfigError: names the file, the key and the nearest valid one.
    """
    from .interop.paddleseg_config import is_paddleseg, translate

    tree, origins = read_tree(Path(path))
    foreign = is_paddleseg(tree)
    for text in opts:
        set_option(tree, text, origins)
    if foreign:
        tree = translate(tree, origins=origins, source=str(path))
    for key, value in (overrides or {}).items():
        if value is not None:
            set_key(tree, key, value, origins, source=f"--{key.rsplit('.', 1)[-1]}")
    config = parse_config(tree, origins=origins, source=str(path))
    if check:
        check_components(config, origins=origins, source=str(path))
    return config


def parse_config(
    tree: Mapping[str, Any], *, origins: Mapping[str, str] | None = None, source: str = "config"
) -> Config:
    """Turn nested mappings into a :class:`Config`; unknown keys and wrong types are errors."""
    tree = copy.deepcopy(dict(tree))
    where = _Where(origins or {}, source)
    if "model" not in tree:
        raise ConfigError(f"{source}: there is no 'model'. Write at least model: {{type: UNet}}.")
    if "loss" in tree:  # the main output is always trained: a loss for another one comes on top
        tree["loss"] = {**Config(model={}).loss, **translate_loss(tree["loss"], where("loss"))}
    for key in ("optimizer", "lr_scheduler"):  # `--opts optimizer.momentum=0.8` alone keeps the default type
        if isinstance(tree.get(key), dict) and "type" not in tree[key]:
            tree[key] = {**getattr(Config(model={}), key), **tree[key]}
    config = _fill(Config, tree, "", where)
    for key, allowed in CHOICES.items():
        value = getattr(config, key)
        if value not in allowed:
            raise ConfigError(f"{where(key)}: {key} is '{value}'; one of {', '.join(map(str, allowed))}.")
    for key in POSITIVE:
        value = getattr(config, key)
        if value is not None and value < 1:
            raise ConfigError(f"{where(key)}: {key} must be at least 1, got {value}.")
    if config.iters is not None and config.epochs is not None:
        both = f"iters={config.iters}, epochs={config.epochs}"
        raise ConfigError(f"{where('epochs')}: give iters or epochs, not both ({both}).")
    if not 0 <= config.seed < 2**32:
        raise ConfigError(f"{where('seed')}: seed must be between 0 and 2**32 - 1, got {config.seed}.")
    if not 0 <= config.ema_decay < 1:
        raise ConfigError(f"{where('ema_decay')}: ema_decay must be between 0 and 1, got {config.ema_decay}.")
    _check_class_weights(config.class_weights, where("class_weights"))
    if config.num_workers < 0:
        raise ConfigError(f"{where('num_workers')}: num_workers must be 0 or more, got {config.num_workers}.")
    return config


def _check_class_weights(weights: Any, where: str) -> None:
    if isinstance(weights, list):
        for value in weights:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise ConfigError(
                    f"{where}: class_weights are numbers, not negative, one for each class (or enet, "
                    f"median_frequency), got {value!r}."
                )


def fill_registries() -> None:
    """Import what registers parts (and with it Paddle)."""
    from . import data, losses, models  # noqa: F401
    from .engine import optim  # noqa: F401


def check_components(config: Config, *, origins: Mapping[str, str] | None = None, source: str = "config") -> None:
    """Check every component against its registry without building it."""
    from .postprocess import build_crf
    from .registry import DATASETS, LOSSES, MODELS, OPTIMIZERS, SCHEDULERS, TRANSFORMS

    fill_registries()
    where = _Where(origins or {}, source)
    offered = {"num_classes": 2, "ignore_index": 255, "mode": "train"}

    def check(registry, spec, key, **more):
        try:
            registry.check(spec, offered={**offered, **more})
        except ConfigError as e:
            raise ConfigError(f"{where(key)}: {key}: {e}") from None

    check(MODELS, config.model, "model")
    for key in ("train_dataset", "val_dataset"):
        spec = getattr(config, key)
        if spec is not None:
            check(DATASETS, spec, key)
            transforms = spec.get("transforms") or []
            if not isinstance(transforms, list):
                raise ConfigError(
                    f"{where(key)}: {key}.transforms is a list of {{type: NAME, ...}}, got {transforms!r}."
                )
            for i, transform in enumerate(transforms):
                check(TRANSFORMS, transform, f"{key}.transforms.{i}")
    for name, spec in config.loss.items():
        check(LOSSES, {k: v for k, v in spec.items() if k not in ("coef", "label_fit")}, f"loss.{name}")
    check(OPTIMIZERS, config.optimizer, "optimizer", parameters=None, learning_rate=0.1, model=None, lr_scheduler=None)
    check(SCHEDULERS, config.lr_scheduler, "lr_scheduler", iters=1)
    try:
        build_crf(config.test_config.crf)
    except (ConfigError, TypeError) as e:
        raise ConfigError(f"{where('test_config.crf')}: test_config.crf: {e}") from None


def translate_loss(loss: Any, where: str = "loss") -> dict[str, Spec]:
    """PaddleSeg's ``{types: [...], coef: [...]}`` -> ``{out: {type, coef}, aux: {...}}``; named losses pass through.

    PaddleSeg pairs losses with a model's outputs by position: the main output
    first, then auxiliary ones; a single type is repeated for every coefficient.
    """
    if not isinstance(loss, Mapping):
        raise ConfigError(f"{where}: loss must be a mapping of output names, e.g. {{out: {{type: CrossEntropyLoss}}}}.")
    if "types" not in loss and "coef" not in loss:
        named = {}
        for name, spec in loss.items():
            spec = {"type": spec} if isinstance(spec, str) else spec
            if not isinstance(spec, Mapping) or "type" not in spec:
                raise ConfigError(f"{where}: loss '{name}' must be a name or {{type: NAME, ...}}, got {spec!r}.")
            named[name] = dict(spec)
        return named
    unknown = set(loss) - {"types", "coef"}
    if unknown:
        raise ConfigError(f"{where}: a loss with types/coef has no key '{sorted(unknown)[0]}'.")
    if "types" not in loss or "coef" not in loss:
        raise ConfigError(f"{where}: a loss list needs both 'types' and 'coef'.")
    specs, coefs = list(loss["types"]), list(loss["coef"])
    if len(specs) == 1:
        specs = specs * len(coefs)
    if len(specs) != len(coefs):
        raise ConfigError(f"{where}: {len(specs)} loss types but {len(coefs)} coefficients; one coefficient for each.")
    names = ["out", "aux", *(f"aux{i}" for i in range(2, len(specs)))][: len(specs)]
    return {n: _with_coef({"type": s} if isinstance(s, str) else dict(s), c) for n, s, c in zip(names, specs, coefs)}


def _with_coef(spec: Spec, coef: float) -> Spec:
    """Set the factor of a loss; a MixedLoss has a list of its own under that key, which is multiplied."""
    own = spec.get("coef")
    return {**spec, "coef": [coef * c for c in own] if isinstance(own, list) else coef}


# -- filling dataclasses -----------------------------------------------------------------------------------


class _Where:
    """Names the file that set a key (or its nearest parent)."""

    def __init__(self, origins: Mapping[str, str], source: str):
        self.origins, self.source = origins, source

    def __call__(self, key: str) -> str:
        while key:
            if key in self.origins:
                return self.origins[key]
            key = key.rpartition(".")[0]
        return self.source


def _fill(cls, tree: Mapping[str, Any], prefix: str, where: _Where):
    hints = typing.get_type_hints(cls)
    fields = {f.name for f in dataclasses.fields(cls)}
    values = {}
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if key not in fields:
            raise ConfigError(f"{where(dotted)}: unknown key '{dotted}'.{nearest(key, fields)}")
        values[key] = _coerce(value, hints[key], dotted, where)
    return cls(**values)


def _coerce(value: Any, hint: Any, dotted: str, where: _Where) -> Any:
    """Check a value against a type hint; ints pass as floats, and YAML's ``1e-3`` (a string) as a float."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where(dotted)}: '{dotted}' must be a mapping, got {value!r}.")
        return _fill(hint, value, f"{dotted}.", where)
    origin = typing.get_origin(hint)
    options = typing.get_args(hint) if origin in (Union, getattr(types, "UnionType", Union)) else (hint,)
    for option in options:
        kind = typing.get_origin(option) or option
        if kind is type(None) and value is None:
            return None
        if kind is bool and isinstance(value, bool):
            return value
        if kind is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if kind in (str, dict, list) and isinstance(value, kind):
            return value
        if kind is list and isinstance(value, tuple):
            return list(value)
    expected = " or ".join(
        {"NoneType": "null", "dict": "a mapping", "list": "a list"}.get(n, n)
        for n in ((typing.get_origin(o) or o).__name__ for o in options)
    )
    raise ConfigError(f"{where(dotted)}: '{dotted}' must be {expected}, got {value!r}.")
