"""What is connected to what: the blocks of a built network and the maps that go from one to another.

The network runs once, on a phantom image (:mod:`.phantom`), with every block's
output replaced by a fresh leaf of the gradient graph. What a later block receives
then depends on exactly those leaves that reach it through sums, concatenations,
resizes and other functions between blocks, and the gradient says which. So nothing is
said about a network here that its own ``forward`` does not do.

Blocks are the backbone's stem and stages, the context slot's layers, and the
network's other children that hold weights or pool; a child that is a list, or says
``drawn_in_parts = True``, is taken apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import paddle

from .base import Segmentor
from .flow_tracer import Block, Link, Tracer
from .phantom import materialise, phantom
from .receptive import ReceptiveFields
from .summary import Summary, summarize

__all__ = ["Block", "Flow", "Link", "trace"]


@dataclass
class Flow:
    """Blocks in the order they run, links between them, how each block's inputs are joined, and the summary.

    Attributes:
        joins: ``"add"``, ``"concat"`` or ``""`` (several inputs, or another function) by the name of a block
            with more than one map coming in.
    """

    blocks: dict[str, Block]
    links: list[Link]
    joins: dict[str, str]
    summary: Summary


def trace(model: Segmentor, input_shape: tuple[int, ...] = (1, 3, 512, 512)) -> Flow:
    """Blocks and links of a network, training-only heads included; neither weights nor modes change.

    Raises:
        ValueError: a size the network cannot take.
    """
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    try:
        summary = summarize(model, input_shape)
        tracer = Tracer(model, ReceptiveFields(summary.input_shape[2]))
        materialise(model)
        model.train()
        with phantom(lambda *_: None), paddle.enable_grad(), tracer.attached():
            x = paddle.zeros([2, *summary.input_shape[1:]])  # two: a batch norm after global pooling needs them
            tracer.start(x)
            outputs = model(x)
            for name, value in outputs.items():
                tracer.finish(f"-> {name}", value)
    finally:
        for layer, training in modes:
            layer.training = training
    tell_roles(tracer.blocks, tracer.links)
    return Flow(tracer.blocks, tracer.links, tracer.joins, summary)


def tell_roles(blocks: dict[str, Block], links: list[Link]) -> None:
    """Mark what no path leads from to ``out``: it exists for training."""
    reaches = {"-> out"}
    for _ in blocks:
        reaches |= {link.source for link in links if link.target in reaches}
    for block in blocks.values():
        if block.name not in reaches and block.role not in ("output", "image"):
            block.role = "training"
