"""What the checkpoint tests share: a small network with its optimizers, and exact comparison."""

from __future__ import annotations

import os

import numpy as np
import paddle
from paddle import nn

from paddleseg_lite.checkpoint import save_checkpoint

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a busy disk makes every fsync wait

OPTIMIZERS = {
    "SGD": {},
    "Momentum": {"momentum": 0.9, "weight_decay": 1e-4},
    "Adam": {},
    "AdamW": {"weight_decay": 0.01},
    "RMSProp": {"momentum": 0.9, "centered": True},
    "Adagrad": {},
}


class Small(nn.Layer):
    """Convolution, batch norm, classifier, and a layer that gets no gradient."""

    def __init__(self, classes: int = 2):
        super().__init__()
        self.num_classes = classes
        self.conv, self.bn = nn.Conv2D(3, 4, 3), nn.BatchNorm2D(4)
        self.classifier = nn.Conv2D(4, classes, 1)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.classifier(nn.functional.relu(self.bn(self.conv(x))))


def schedule(name: str):
    lr = paddle.optimizer.lr
    return {
        "float": lambda: 0.05,
        "poly": lambda: lr.PolynomialDecay(0.05, 12),
        "warmup": lambda: lr.LinearWarmup(lr.PolynomialDecay(0.05, 12), 4, 0.001, 0.05),
        "plateau": lambda: lr.ReduceOnPlateau(0.05, patience=1),
    }[name]()


def optimizer_for(model, kind: str, rate: str = "poly", groups: bool = True, **extra):
    parameters = model.parameters()
    if groups:
        head = {id(p) for p in model.classifier.parameters()}
        parameters = [
            {"params": [p for p in model.parameters() if id(p) not in head], "learning_rate": 1.0},
            {"params": [p for p in model.parameters() if id(p) in head], "learning_rate": 10.0, "weight_decay": 0.02},
        ]
    return getattr(paddle.optimizer, kind)(schedule(rate), parameters=parameters, **OPTIMIZERS[kind], **extra)


def train(model, optimizer, start: int, stop: int) -> None:
    """Steps ``start`` to ``stop``; each batch depends on its number alone."""
    for i in range(start, stop):
        x = paddle.to_tensor(np.random.default_rng(i).normal(size=(2, 3, 8, 8)).astype(np.float32))
        loss = (model(x.cast(model.conv.weight.dtype)).cast("float32") ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        rate = optimizer._learning_rate
        if isinstance(rate, paddle.optimizer.lr.ReduceOnPlateau):
            rate.step(loss)
        elif not isinstance(rate, float):
            rate.step()


def bits(model) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def save(folder, value: float = 0.0, **kwargs):
    """A checkpoint that is recognised by ``value``."""
    model = Small()
    for tensor in model.state_dict().values():
        tensor.set_value(np.full(tensor.shape, value, np.float32))
    optimizer = optimizer_for(model, "Momentum")
    train(model, optimizer, 0, 1)
    model.conv.weight.set_value(np.full(model.conv.weight.shape, value, np.float32))
    given = {
        "model": model,
        "optimizer": optimizer,
        "state": {"value": value},
        "config_text": "model: Small\n",
        "meta": {"class_names": ["road", "sky"]},
        "ema": dict(model.state_dict()),
        **kwargs,
    }
    return save_checkpoint(folder, **given)
