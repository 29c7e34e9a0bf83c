"""From a network to an ONNX file, without paddle2onnx (docs/deploy.md says why)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle

from ...errors import ConfigError
from ...files import write_bytes
from . import arithmetic, layers, shapes, unpool  # noqa: F401 (they register their handlers)
from .dynamic import TRACES, Dim, SizeDependent, align, fits, sizes
from .handlers import HANDLERS
from .simplify import peak_bytes_per_pixel, simplify, tensors
from .trace import Graph, trace
from .writer import OnnxWriter, onnx_package

AXES = {"N": "batch", "C": "channels", "H": "height", "W": "width"}  # names of free sides in the file


@dataclass(frozen=True)
class Normalisation:
    """Input processing put inside: ``(pixels / scale - mean) / std`` of ``[N, H, W, C]`` pixels."""

    mean: Sequence[float]
    std: Sequence[float]
    scale: float = 255.0
    dtype: str = "uint8"  # or float32


@dataclass(frozen=True)
class OnnxModel:
    """A network as ONNX.

    Attributes:
        data: the file.
        shape: ``(N, C, H, W)``; ``None`` where the model takes any.
        multiple: what height and width must be a multiple of where ``shape`` is ``None``.
        bytes_per_pixel: memory of the activations, by the graph.
        note: why the model serves less than any size.
    """

    data: bytes
    shape: tuple[int, int, int, int] | None
    multiple: int
    bytes_per_pixel: float
    note: str = ""

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether a batch of that ``(N, C, H, W)`` fits."""
        return fits(shape, self.shape, self.multiple)

    def save(self, path: str | Path) -> Path:
        """Write the file; returns its path."""
        write_bytes(path, self.data)
        return Path(path)


def to_onnx(
    network: paddle.nn.Layer,
    shape: tuple[int, int, int, int] | None = None,
    *,
    normalise: Normalisation | None = None,
    argmax: bool = False,
) -> OnnxModel:
    """An ONNX model (operator set 17) of a network.

    Args:
        shape: ``(N, C, H, W)`` for one size only; otherwise for any batch, height
            and width, or those whose sides are multiples of 32 where the network
            pads odd sizes.
        normalise: take raw pixels, ``pixels [N, H, W, C]``, in place of ``image [N, C, H, W]``.
        argmax: give ``labels [N, H, W]`` (uint8, int32 from 257 classes on) in place of
            ``logits [N, K, H, W]``.

    Raises:
        SizeDependent: without ``shape``, of a network that can only be written for one size.
        ConfigError: the network computes something the exporter has no ONNX for; names the operation.
        EnvironmentProblem: the package ``onnx`` is missing.
    """
    onnx_package()  # before minutes of tracing
    if shape is not None:
        graph = simplify(trace(network, tuple(shape)))
        return OnnxModel(write(graph, normalise, argmax), tuple(shape), 1, peak_bytes_per_pixel(graph))
    note = ""
    for multiple, places in TRACES.items():
        try:
            graph = _trace_all(network, places)
            data = write(graph, normalise, argmax)
            return OnnxModel(data, None, multiple, peak_bytes_per_pixel(graph), note)
        except (SizeDependent, ValueError) as e:  # ValueError: a size the network refuses
            note = str(e)
    raise SizeDependent(note)


def _trace_all(network, places) -> Graph:
    graphs: list[Graph] = []
    for n, height, width in places:
        graphs.append(simplify(trace(network, (n, network.in_channels, height, width))))
        if len(graphs) > 1:
            align(graphs)  # already after two: most networks that cannot show it there
    return graphs[0]


def write(graph: Graph, normalise: Normalisation | None = None, argmax: bool = False) -> bytes:
    """A traced graph as ONNX bytes."""
    w = OnnxWriter()
    image, out = graph.inputs[0], graph.outputs[0]
    n, c, height, width = _named(sizes(image))
    if normalise is None:
        given = {"image": (image.dtype, (n, c, height, width))}
        w.bind(image, "image")
    else:
        given = {"pixels": (normalise.dtype, (n, height, width, c))}
        w.bind(image, _normalised(w, normalise))
    for node in graph.nodes:
        _write_node(w, node)
    n, k, height, width = _named(sizes(out))
    if not argmax:
        return w.model(given, w.name(out), ("logits", out.dtype, (n, k, height, width)))
    dtype = "uint8" if out.shape[1] <= 256 else "int32"
    labels = w.cast(w.add("ArgMax", w.name(out), axis=1, keepdims=0), dtype)
    return w.model(given, labels, ("labels", dtype, (n, height, width)))


def _write_node(w: OnnxWriter, node) -> None:
    for value in tensors(node.outputs):
        w.producers[id(value)] = node
    if node.op not in HANDLERS:
        raise ConfigError(f"the network uses the operation '{node.op}', which the ONNX exporter does not know.")
    try:
        result = HANDLERS[node.op](w, node)
    except NotImplementedError as e:
        raise ConfigError(f"the network cannot be exported to ONNX: {e}.") from e
    main = next(iter(node.outputs.values()))
    for value, name in zip(main, result) if isinstance(main, list) else [(main, result)]:
        w.bind(value, name)


def _named(shape) -> list[int | str]:
    return [name if isinstance(s, Dim) else int(s) for s, name in zip(shape, AXES.values())]


def _normalised(w: OnnxWriter, how: Normalisation) -> str:
    """``pixels [N, H, W, C]`` to the network's input ``[N, C, H, W]``, one multiplication and one addition."""
    std = np.asarray(how.std, dtype=np.float64)
    factor = (1.0 / (how.scale * std)).astype(np.float32)
    shift = (-np.asarray(how.mean, dtype=np.float64) / std).astype(np.float32)
    y = w.add("Transpose", w.cast("pixels", "float32"), perm=[0, 3, 1, 2])
    y = w.add("Mul", y, w.constant(factor.reshape(1, -1, 1, 1)))
    return w.add("Add", y, w.constant(shift.reshape(1, -1, 1, 1)))
