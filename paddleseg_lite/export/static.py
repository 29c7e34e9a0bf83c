"""Paddle's static graph: the format of Paddle Inference, and a backend that needs nothing but Paddle.

The sizes are fixed: the network runs once as it is on recording tensors, and
what its Python code does with ``x.shape`` is fixed with it. Translating the
source instead (``to_static`` without a marker) would keep them open, but gets
lost in the networks here (RecursionError or minutes, Paddle 3.3.1).

Run by ``paddle.jit.load``, not by ``paddle.inference``: the latter's oneDNN
passes, on by default in 3.3.1, refuse resize and max-pooling with indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import paddle
from paddle import nn

from ..errors import EnvironmentProblem
from ..files import write_json
from ..inference.backend import Backend, as_backend
from .cache import cache_folder
from .onnx.convert import Normalisation
from .recording import recording


class Deployed(nn.Layer):
    """A network with pre- and post-processing inside; what is saved.

    Args:
        normalise: take ``pixels [N, H, W, C]`` in place of ``image [N, C, H, W]``.
        argmax: give ``labels [N, H, W]`` in place of ``logits [N, K, H, W]``.
    """

    def __init__(self, network: nn.Layer, normalise: Normalisation | None = None, argmax: bool = False):
        super().__init__()
        self.network, self.normalise, self.argmax = network, normalise, argmax

    @paddle.jit.not_to_static  # run the Python code as it is: see export/onnx/trace.py
    def forward(self, image):
        if self.normalise is not None:
            how = self.normalise
            std = np.asarray(how.std, dtype=np.float64)
            factor = (1.0 / (how.scale * std)).astype(np.float32).reshape(1, -1, 1, 1)
            shift = (-np.asarray(how.mean, dtype=np.float64) / std).astype(np.float32).reshape(1, -1, 1, 1)
            image = image.astype("float32").transpose([0, 3, 1, 2]) * paddle.to_tensor(factor) + paddle.to_tensor(shift)
        logits = self.network(image)["out"]
        if not self.argmax:
            return logits
        return logits.argmax(axis=1).astype("uint8" if logits.shape[1] <= 256 else "int32")


def export_static(
    network: nn.Layer,
    stem: str | Path,
    shape: Sequence[int],
    *,
    normalise: Normalisation | None = None,
    argmax: bool = False,
) -> list[Path]:
    """Write ``stem.json`` (``stem.pdmodel`` before Paddle 3) and ``stem.pdiparams``.

    Args:
        shape: ``(N, C, H, W)`` of the image, whatever the layout of the pixels.

    Returns:
        The files written.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    n, c, height, width = (int(s) for s in shape)
    if normalise is None:
        spec = paddle.static.InputSpec([n, c, height, width], "float32", "image")
    else:
        spec = paddle.static.InputSpec([n, height, width, c], normalise.dtype, "pixels")
    with recording(network):
        deployed = Deployed(network, normalise, argmax)
        deployed.eval()
        paddle.jit.save(deployed, str(stem), input_spec=[spec])
    return sorted(p for p in stem.parent.glob(f"{stem.name}.*") if p.suffix in (".json", ".pdmodel", ".pdiparams"))


class StaticBackend(Backend):
    """Static graphs, one per shape, saved when a shape first comes.

    Args:
        stem_for: ``f(shape) -> stem`` of a saved graph for that shape.
    """

    name = "static fp32"

    def __init__(self, stem_for, num_classes: int | None = None):
        self._stem_for, self.num_classes = stem_for, num_classes
        self._graphs: dict[tuple[int, ...], nn.Layer] = {}

    @classmethod
    def of(cls, network: nn.Layer, *, folder: str | Path | None = None) -> StaticBackend:
        """The backend of a network at hand; Paddle's own threads, set before it was imported, are used."""
        folder = Path(folder) if folder else cache_folder(network)

        def stem_for(shape) -> Path:
            stem = folder / ("static_" + "x".join(str(s) for s in shape))
            done = stem.with_suffix(".done")
            if not done.is_file():
                export_static(network, stem, shape)
                write_json(done, list(shape))  # last: it says that the graph is whole
            return stem

        return cls(stem_for, as_backend(network).num_classes)

    def __call__(self, image) -> np.ndarray:
        x = image if isinstance(image, paddle.Tensor) else paddle.to_tensor(np.asarray(image))
        shape = tuple(int(s) for s in x.shape)
        if shape not in self._graphs:
            if len(self._graphs) >= 4:
                self._graphs.pop(next(iter(self._graphs)))
            self._graphs[shape] = _load(self._stem_for(shape))
        with paddle.no_grad():
            return self._graphs[shape](x).numpy()


def _load(stem: Path) -> nn.Layer:
    """A saved graph, to run."""
    try:
        graph = paddle.jit.load(str(stem))
    except RuntimeError as e:  # Paddle 3 says nothing where a disk takes a part of a file
        raise EnvironmentProblem(
            f"cannot read the graph {stem}: it was not written whole, or is damaged. Free some space, or choose "
            "another folder, and export it again."
        ) from e
    graph.eval()
    return graph
