"""Where a backend takes its ONNX model from: a network at hand, or an exported folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paddle

from ..errors import ConfigError
from ..files import read_json, write_bytes, write_json
from ..inference.backend import as_backend
from .cache import cache_folder
from .onnx.convert import to_onnx
from .onnx.dynamic import SizeDependent, fits


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file and the shapes it takes.

    Attributes:
        shape: of the input, in the order of ``layout``; ``None`` where batch and sides are free.
        multiple: what the sides must be a multiple of where they are free.
        layout: ``NCHW`` or ``NHWC``.
    """

    path: Path
    shape: tuple[int, ...] | None
    multiple: int
    bytes_per_pixel: float
    layout: str = "NCHW"

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether an input of that shape fits."""
        return fits(shape, self.shape, self.multiple, self.layout)


class NetworkSource:
    """Exports a network when a shape first needs it, and keeps the files for the next time.

    Args:
        network: the network; must not change afterwards.
        folder: where the files go; the cache by default.
    """

    def __init__(self, network: paddle.nn.Layer, folder: str | Path | None = None):
        self.network = network
        self.folder = Path(folder) if folder else cache_folder(network)
        self.num_classes = as_backend(network).num_classes
        self._all_sizes: ModelFile | None = None
        self._tried = False

    def model_for(self, shape: Sequence[int]) -> ModelFile:
        """A model that takes ``shape``: one for all sizes where there can be one, else one for this."""
        if not self._tried:
            self._tried = True
            self._all_sizes = self._open("all_sizes", None)
        if self._all_sizes is not None and self._all_sizes.takes(shape):
            return self._all_sizes
        return self._open("x".join(str(int(s)) for s in shape), tuple(int(s) for s in shape))

    def _open(self, name: str, shape) -> ModelFile | None:
        path, facts_path = self.folder / f"{name}.onnx", self.folder / f"{name}.json"
        facts = read_json(facts_path)
        if facts.get("impossible"):
            return None
        if not facts or not path.is_file():
            try:
                model = to_onnx(self.network, shape)
            except SizeDependent as e:
                if shape is not None:
                    raise
                write_json(facts_path, {"impossible": str(e)})
                return None
            write_bytes(path, model.data)
            facts = {"multiple": model.multiple, "bytes_per_pixel": model.bytes_per_pixel}
            write_json(facts_path, facts)  # last: it says that the model is whole
        return ModelFile(path, shape, int(facts["multiple"]), float(facts["bytes_per_pixel"]))


class FileSource:
    """An exported model as it is; other shapes than it takes are an error."""

    def __init__(self, model: ModelFile, num_classes: int | None = None):
        self.model, self.num_classes = model, num_classes

    def model_for(self, shape: Sequence[int]) -> ModelFile:
        if not self.model.takes(shape):
            takes = (
                f"{list(self.model.shape)}"
                if self.model.shape is not None
                else f"sides that are multiples of {self.model.multiple}"
            )
            raise ConfigError(
                f"{self.model.path} takes {takes}, but got {list(shape)}: resize the image, or export again "
                "with that --input_shape."
            )
        return self.model
