"""What a recipe may say: the keys, their types and defaults. The one place that knows the schema.

Every training flag is also a key here, so that the ``config.yml`` in a run folder repeats the run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import yaml

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
    recompute: bool = False  # less memory, more time: blocks are computed again when their gradients are due
    use_ema: bool = False
    ema_decay: float = 0.999
    freeze_bn: Union[bool, str] = False  # or statistics | backbone | backbone_statistics: layers.apply_freeze_bn
    freeze: Union[str, list, None] = None  # backbone, or parts by name, with their running statistics: layers.freeze
    init_context: bool = False  # k-means initialisation of graph nodes from features
    do_eval: bool = True
    save_interval: Optional[int] = None  # iterations; default: an epoch's worth, 10 to 50 times a run, a short one less
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
    "freeze_bn": (False, True, "statistics", "backbone", "backbone_statistics"),
    "nan_policy": ("stop", "skip"),
    "miou_convention": ("nan", "gt_only", "one", "zero"),
    "cache": (None, "memory", "disk"),
}
RETIRED = {  # keys of before, which run folders still have -> the one value that is still meant
    "test_config.aug_average": "logits"
}
ADVICE = {  # keys that people expect -> what there is; said instead of the nearest name
    **dict.fromkeys(
        ("freeze_backbone", "freeze_encoder", "frozen_stages", "frozen"),
        "To keep the backbone as it is write freeze: backbone.",
    ),
    **dict.fromkeys(
        ("backbone_lr_mult", "backbone_lr", "encoder_lr_mult", "encoder_lr", "lr_mult", "head_lr_mult"),
        "Rates of parts are set under optimizer: {head_lr_mult: 10} trains all but the backbone at ten times the rate, "
        "{custom_cfg: [{name: backbone., lr_mult: 0.1}]} the backbone at a tenth.",
    ),
    **dict.fromkeys(
        ("lr", "learning_rate", "base_lr"), "The rate is lr_scheduler: {learning_rate: 0.01} (--learning_rate)."
    ),
    **dict.fromkeys(("num_classes", "classes"), "num_classes belongs to train_dataset and val_dataset."),
    **dict.fromkeys(("crop_size", "transforms"), "Sizes are set by train_dataset.transforms."),
    "pretrained": "Weights to begin with are model: {pretrained: output/run}, or those of its backbone.",
    "weight_decay": "Weight decay is optimizer: {weight_decay: 1e-4}.",
    "momentum": "Momentum is optimizer: {momentum: 0.9}.",
}
POSITIVE = (
    "batch_size",
    "iters",
    "epochs",
    "accumulate",
    "save_interval",
    "log_iters",
    "early_stop_intervals",
    "keep_checkpoint_max",
)
