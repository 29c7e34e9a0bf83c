"""Following the maps through a network as it runs; what :mod:`.flow` is made by."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import paddle
from paddle import Tensor, nn

from ..backbones.indexed import Place
from .base import Segmentor
from .receptive import Field, ReceptiveFields, sees_whole_map

IMAGE = "image"
TRANSPARENT = (nn.Dropout, nn.Dropout2D, nn.Identity, nn.ReLU)


@dataclass
class Block:
    """A box of the drawing.

    Attributes:
        name: path in the network; ``"image"`` and ``"-> out"`` for its two ends.
        type: the layer's class.
        role: image, backbone, context, head, training (feeds only outputs that exist in training) or output.
        channels, height, width: of its first output.
        stride: pixels of the image from one value to the next.
        parameters: trainable numbers.
        receptive_field: pixels, along the block's own longest path of convolutions and small poolings.
        whole_picture: it sees all of the image besides.
    """

    name: str
    type: str
    role: str
    channels: int
    height: int
    width: int
    stride: int = 1
    parameters: int = 0
    receptive_field: int | None = None
    whole_picture: bool = False


@dataclass(frozen=True)
class Link:
    """``kind``: map, or places (indices of maxima). ``scale``: how much larger the map arrives than it left."""

    source: str
    target: str
    kind: str = "map"
    scale: float = 1.0


@dataclass
class Tracer:
    """Hooks on the blocks of a network, in force within :meth:`attached`."""

    model: Segmentor
    fields: ReceptiveFields
    blocks: dict[str, Block] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    joins: dict[str, str] = field(default_factory=dict)
    leaves: list[tuple[Tensor, str, str]] = field(default_factory=list)  # leaf, block it came from, kind
    places: dict[int, tuple[Tensor, str]] = field(default_factory=dict)  # by id of the indices

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        hooks, restore = [], Place.restore
        pauses: list[Any] = []

        def enter(name: str, layer: nn.Layer, inputs: Any) -> Any:
            self.receive(name, inputs)
            sources = [self.blocks[link.source] for link in self.links if link.target == name]
            size = max((source.receptive_field or 1 for source in sources), default=1)
            self.fields.whole = any(source.whole_picture for source in sources) or self.pooled(sources, inputs)
            self.fields.largest = Field(size, 1.0, self.fields.whole)
            for value in flat(inputs):
                self.fields.known[value.name] = Field(size, self.stride(name, value), self.fields.whole)
            note_whole(layer, inputs)
            pauses.append(paddle.no_grad())  # what happens inside a block is its own affair
            pauses[-1].__enter__()

        def leave(name: str, role: str, layer: nn.Layer, inputs: Any, output: Any) -> Any:
            pauses.pop().__exit__(None, None, None)
            return self.emit(name, role, layer, output)

        def restored(place: Place, x: Tensor) -> Tensor:
            """Un-pooling whose result depends on the block that the places came from."""
            y = restore(place, x)
            known = self.places.get(id(place.indices))
            return y if known is None else y + 0.0 * known[0]

        def measure(layer: nn.Layer, inputs: Any, output: Any) -> Any:
            y = output[0] if isinstance(output, tuple) else output
            if pauses and not layer._sub_layers and y.ndim == 4 == inputs[0].ndim:
                self.fields.through(layer, inputs[0], y, first=True)

        def note_whole(layer: nn.Layer, inputs: Any) -> Any:
            self.fields.whole |= sees_whole_map(layer)
            if isinstance(inputs[0], Tensor) and inputs[0].ndim == 4:
                self.fields.of(inputs[0])  # now: what a function returns is guessed by the largest so far

        for layer in self.model.sublayers():
            hooks.append(layer.register_forward_pre_hook(note_whole))
            hooks.append(layer.register_forward_post_hook(measure))
        for name, role, layer in blocks_of(self.model):
            hooks.append(layer.register_forward_pre_hook(partial(enter, name)))
            hooks.append(layer.register_forward_post_hook(partial(leave, name, role)))
        setattr(Place, "restore", restored)  # noqa: B010
        try:
            yield
        finally:
            setattr(Place, "restore", restore)  # noqa: B010
            for hook in hooks:
                hook.remove()

    def stride(self, name: str, value: Tensor) -> int:
        """Pixels of the image from one value of a map to the next, by the first block it came from."""
        height = int(value.shape[2]) if value.ndim == 4 else 1
        if height == 1:
            return self.fields.input_height  # one value for all of the image
        first = next((self.blocks[link.source] for link in self.links if link.target == name), self.blocks[IMAGE])
        return nearest_power(first.stride * first.height / height)

    @staticmethod
    def pooled(sources: list[Block], inputs: Any) -> bool:
        """Whether a function before the block has made one value of a whole map."""
        arriving = max((int(v.shape[2]) if v.ndim == 4 else 1 for v in flat(inputs)), default=1)
        return arriving == 1 < max((source.height for source in sources), default=1)

    def start(self, x: Tensor) -> None:
        x.stop_gradient = False
        self.leaves.append((x, IMAGE, "map"))
        self.blocks[IMAGE] = Block(IMAGE, "", "image", *shape_of(x))

    def receive(self, name: str, inputs: Any) -> None:
        """Write down where the tensors among ``inputs`` come from."""
        maps = []
        for value in flat(inputs):
            if id(value) in self.places:
                self.link(self.places[id(value)][1], name, "places", 1.0)
            elif value.dtype in (paddle.float32, paddle.float64) and not value.stop_gradient:
                sources = self.sources(value)
                maps += [source for source, kind in sources if kind == "map"]
                for source, kind in sources:
                    self.link(source, name, kind, self.scale(source, value))
        joined = [self.blocks[source].channels for source in dict.fromkeys(maps)]
        if len(joined) > 1:
            one = [v for v in flat(inputs) if v.ndim == 4 and id(v) not in self.places]
            self.joins[name] = kind_of_join(joined, int(one[0].shape[1])) if len(one) == 1 else ""

    def sources(self, value: Tensor) -> list[tuple[str, str]]:
        for leaf, name, kind in self.leaves:
            if value is leaf:
                return [(name, kind)]
        found = paddle.grad([value], [leaf for leaf, *_ in self.leaves], retain_graph=True, allow_unused=True)
        return [(name, kind) for (_, name, kind), g in zip(self.leaves, found) if g is not None]

    def scale(self, source: str, value: Tensor) -> float:
        return int(value.shape[2]) / self.blocks[source].height if value.ndim == 4 else 1.0

    def link(self, source: str, target: str, kind: str, scale: float) -> None:
        new = Link(source, target, kind, scale)
        if not any((old.source, old.target, old.kind) == (source, target, kind) for old in self.links):
            self.links.append(new)

    def emit(self, name: str, role: str, layer: nn.Layer, output: Any) -> Any:
        """The output with a fresh leaf for each float tensor; its places are remembered."""
        own = sum(int(p.size) for p in layer.parameters() if not p.stop_gradient)
        if name not in self.blocks:
            block = Block(name, type(layer).__name__, role, *shape_of(flat(output)[0]), parameters=own)
            block.receptive_field, block.whole_picture = round(self.fields.largest.size), self.fields.whole
            stated = dict(zip((f"backbone.stages.{i}" for i in itertools.count()), self.model.backbone.strides))
            known = self.fields.known.get(flat(output)[0].name)  # of a convolution: exact, whatever its padding
            block.stride = stated.get(name) or round(known.jump if known else self.stride(name, flat(output)[0]))
            self.blocks[name] = block
        for value in found_places(output):
            mark = paddle.zeros([1])
            mark.stop_gradient = False
            self.leaves.append((mark, name, "places"))
            self.places[id(value.indices)] = (mark, name)
        return self.replaced(output, name)

    def replaced(self, value: Any, name: str) -> Any:
        if isinstance(value, Place):
            return value
        if isinstance(value, (list, tuple)):
            return type(value)(self.replaced(v, name) for v in value)
        if isinstance(value, dict):
            return {key: self.replaced(v, name) for key, v in value.items()}
        if not isinstance(value, Tensor) or value.dtype not in (paddle.float32, paddle.float64):
            return value
        leaf = value.detach()
        leaf.stop_gradient = False
        self.leaves.append((leaf, name, "map"))
        return leaf

    def finish(self, name: str, value: Tensor) -> None:
        self.receive(name, [value])
        self.blocks[name] = Block(name, "", "output", *shape_of(value), stride=self.stride(name, value))


def blocks_of(model: Segmentor) -> list[tuple[str, str, nn.Layer]]:
    """``(name, role, layer)`` of all that is a box."""
    found: list[tuple[str, str, nn.Layer]] = []

    def collect(prefix: str, role: str, layer: nn.Layer) -> None:
        own = type(layer).forward is nn.Layer.forward  # a list or a dictionary of layers: never called itself
        if own or getattr(layer, "drawn_in_parts", False):
            for key, child in layer.named_children():
                collect(f"{prefix}.{key}", role, child)
        elif not isinstance(layer, TRANSPARENT) and (layer.parameters() or not layer._sub_layers):
            found.append((prefix, role, layer))

    for name, child in model.named_children():
        if name == "backbone":
            for key in ("stem", "stages"):
                if getattr(child, key, None) is not None:
                    collect(f"backbone.{key}", "backbone", getattr(child, key))
        elif name == "context":
            for key, part in child.named_children():
                collect(f"context.{key}", "context", part)
        else:
            collect(name, "context" if getattr(child, "sees_whole_map", False) and name == "unit" else "head", child)
    return found


def kind_of_join(sources: list[int], arriving: int) -> str:
    """How maps of these channels became one: told by their number."""
    if arriving == sum(sources):
        return "concat"
    return "add" if all(channels == arriving for channels in sources) else ""


def nearest_power(ratio: float) -> int:
    return int(2 ** max(0, round(math.log2(ratio))))


def shape_of(value: Tensor) -> tuple[int, int, int]:
    """Channels, height and width; 1 x 1 where there is no map."""
    channels, height, width = ([int(n) for n in value.shape[1:]] + [1, 1])[:3]
    return channels, height, width


def found_places(value: Any) -> list[Place]:
    if isinstance(value, Place):
        return [value]
    if isinstance(value, (list, tuple)):
        return [place for v in value for place in found_places(v)]
    return []


def flat(value: Any) -> list[Tensor]:
    """All tensors within nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for v in value for tensor in flat(v)]
    return []
