"""A recipe so small that a training takes a second."""

import copy

import pytest

from paddleseg_lite.config import parse_config

SCENES = {
    "type": "Scenes",
    "num_samples": 12,
    "size": [32, 32],
    "num_classes": 6,
    "transforms": [{"type": "Normalize"}],
}
TINY = {
    "model": {"type": "UNet", "base_channels": 4},
    "train_dataset": {
        **SCENES,
        "mode": "train",
        "transforms": [{"type": "RandomHorizontalFlip"}, {"type": "Normalize"}],
    },
    "val_dataset": {**SCENES, "mode": "val", "num_samples": 4},
    "optimizer": {"type": "sgd", "momentum": 0.9, "weight_decay": 1e-4},
    "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.05, "end_lr": 0.0, "power": 0.9},
    "batch_size": 2,
    "iters": 6,
    "save_interval": 3,
    "log_iters": 2,
    "seed": 7,
}


@pytest.fixture
def tiny():
    """``tiny(**changes)`` -> Config; keys with dots reach into mappings (written with two underscores)."""

    def make(**changes):
        tree = copy.deepcopy(TINY)
        for key, value in changes.items():
            node = tree
            *parents, last = key.split("__")
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
        return parse_config(tree)

    return make
