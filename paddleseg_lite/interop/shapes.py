"""Whether the values of a PaddleSeg config are of the kinds its keys call for, before anything is read into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .findings import Findings


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _part(value: Any) -> bool:
    return isinstance(value, (str, Mapping))


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (list, tuple)) and all(check(v) for v in value)


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


PARTS = (_optional(_list_of(_part)), "a list of {type: NAME, ...}")
INTEGERS = (_list_of(_integer), "a list of integers")
COUNT = (_optional(_integer), "an integer")
SECTION = (_optional(_mapping), "a mapping of keys to values")
# key, wherever it stands -> (check, how it reads in the message)
KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "type": (lambda v: isinstance(v, str), "a name"),
    **dict.fromkeys(("train_dataset", "val_dataset", "loss", "optimizer", "lr_scheduler", "train", "global"), SECTION),
    **dict.fromkeys(("test", "test_config", "decay"), SECTION),
    "model": (_mapping, "a mapping of keys to values"),
    "backbone": (_optional(_part), "a name or {type: NAME, ...}"),
    "learning_rate": (_optional(lambda v: _number(v) or _mapping(v)), "a number or {value, decay}"),
    "transforms": PARTS,
    "types": (_list_of(_part), "a list of {type: NAME, ...}"),
    "losses": (_list_of(_part), "a list of {type: NAME, ...}"),
    "coef": (_list_of(_number), "a list of numbers"),
    "custom_cfg": (_optional(_list_of(_mapping)), "a list of {name, lr_mult, weight_decay_mult}"),
    "name": (lambda v: isinstance(v, str), "a name"),
    **dict.fromkeys(("multi_grid", "aspp_ratios", "bin_sizes", "backbone_indices"), INTEGERS),
    **dict.fromkeys(("num_classes", "in_channels", "img_channels", "ignore_index", "iters"), COUNT),
    "pretrained": (_optional(lambda v: isinstance(v, str)), "a path or an address"),
}


def check_shapes(tree: Any, found: Findings, prefix: str = "") -> None:
    """Refuse every value of the wrong kind, at any depth."""
    entries = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
    for key, value in entries:
        where = f"{prefix}{key}"
        check, text = KINDS.get(str(key), (None, "")) if isinstance(tree, Mapping) else (None, "")
        if check is not None and not check(value):
            found.refuse(where, f"should be {text}, but is {value!r:.80}.")
        elif isinstance(value, (Mapping, list)):
            check_shapes(value, found, f"{where}.")
