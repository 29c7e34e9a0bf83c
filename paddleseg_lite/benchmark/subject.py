"""What is measured: the network of a recipe, built as the recipe says, weights at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paddle

from ..config import Config
from ..data.building import describe_classes
from ..models import build_model
from ..models.summary import Summary, summarize


@dataclass
class Subject:
    """A network and what it costs on paper.

    Attributes:
        name: the recipe's.
        shape: ``(N, C, H, W)`` of the input that latency is taken for.
        summary: parameters and multiply-adds of one image of that size.
    """

    name: str
    config: Config
    model: Any
    num_classes: int
    ignore_index: int
    shape: tuple[int, int, int, int]
    summary: Summary

    def image(self, size: tuple[int, int] | None = None, batch: int | None = None) -> paddle.Tensor:
        """Random input; ``size`` is ``(W, H)``."""
        n, channels, height, width = self.shape
        width, height = size or (width, height)
        return paddle.randn([batch or n, channels, height, width])


def build_subject(name: str, config: Config, *, size: tuple[int, int] = (480, 360), batch: int = 1) -> Subject:
    """Build the network of a recipe; neither its data nor its weights are needed.

    Args:
        name: shown in tables.
        config: the recipe.
        size: ``(W, H)`` of the input.
        batch: images at a time.
    """
    classes = describe_classes(config.val_dataset or config.train_dataset, config.model.get("num_classes"))
    spec = {k: v for k, v in config.model.items() if k != "pretrained"}
    model = build_model(spec, num_classes=classes["num_classes"])
    model.eval()
    shape = (batch, model.in_channels, size[1], size[0])
    return Subject(
        name=name,
        config=config,
        model=model,
        num_classes=classes["num_classes"],
        ignore_index=int(classes["ignore_index"]),
        shape=shape,
        summary=summarize(model, (1, *shape[1:])),
    )


def subject_names(paths: list[str]) -> list[str]:
    """File names without ending; with their folder where two are alike."""
    stems = [Path(p).stem for p in paths]
    return [stem if stems.count(stem) == 1 else f"{Path(p).parent.name}/{stem}" for p, stem in zip(paths, stems)]


def synchronize() -> None:
    """Wait for the GPU; CPUs are never ahead."""
    if paddle.get_device().startswith("gpu"):
        paddle.device.synchronize()
