"""The folder an export is: a model, and ``deploy.yml`` with all it takes to use it.

:class:`Deployment` reads such a folder and predicts from it, without the
network's code and without the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..config.reading import parse_yaml
from ..errors import CheckpointError, ConfigError
from ..files import expanded, file_hash, write_text
from ..inference.backend import Backend
from .source import FileSource, ModelFile

FILE = "deploy.yml"


@dataclass
class Description:
    """What ``deploy.yml`` says.

    Attributes:
        format: ``onnx`` or ``static``.
        model: file name; for ``static`` the stem of two files.
        input: ``name``; ``layout`` NCHW or NHWC; ``dtype``; ``shape`` ``[N, C, H, W]`` with null where
            free; ``multiple`` of which free sides must be; ``normalised_inside``; ``padding``, the values
            of each channel that become zero inside (absent: zeros).
        output: ``name`` (``logits [N, K, H, W]`` or ``labels [N, H, W]``) and ``dtype``.
        transforms: what to do to an RGB uint8 image before (without Normalize where it is inside).
        value_range: what stored values of 16-bit and floating-point images become 0 and 255
            (:func:`~paddleseg_lite.data.levels.parse_value_range`).
        checked: how the export compared with the network, on which backend and images.
        sha256: of each file.
    """

    format: str
    model: str
    input: dict[str, Any]
    output: dict[str, Any]
    classes: list[str]
    palette: list[list[int]]
    ignore_index: int
    transforms: list[dict[str, Any]]
    network: dict[str, Any]
    value_range: list[list[float]] | None = None
    checked: list[dict[str, Any]] = field(default_factory=list)
    bytes_per_pixel: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        content = yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
        write_text(folder / FILE, content)


class Deployment:
    """An exported model, ready to predict.

    Args:
        folder: the export.
        description: what its ``deploy.yml`` says.
    """

    def __init__(self, folder: Path, description: Description):
        self.folder, self.about = folder, description
        self._backend = None

    @classmethod
    def read(cls, folder: str | Path) -> Deployment:
        """Read an export and check that its files are whole.

        Raises:
            CheckpointError: not an export, or a file is missing or damaged.
        """
        folder = expanded(folder)
        if not (folder / FILE).is_file():
            raise CheckpointError(f"{folder} is not an export: it has no {FILE}. tools/export.py writes one.")
        content = parse_yaml((folder / FILE).read_text(encoding="utf-8", errors="replace"), str(folder / FILE))
        names = Description.__dataclass_fields__
        if not isinstance(content, Mapping) or not {"format", "model", "input", "output", "sha256"} <= set(content):
            raise CheckpointError(f"{folder / FILE} does not describe an export.")
        about = Description(**{k: v for k, v in content.items() if k in names})
        for name, expected in about.sha256.items():
            path = folder / Path(name).name
            if not path.is_file() or file_hash(path) != expected:
                raise CheckpointError(f"{path} is missing or differs from what was exported: export again.")
        return cls(folder, about)

    def backend(self, kind: str = "auto", *, precision: str = "fp32", threads: int | None = None) -> Backend:
        """What runs the model; takes and gives what ``deploy.yml`` says under ``input`` and ``output``.

        Args:
            kind: ``openvino`` or ``onnxruntime`` for ONNX, ``static`` for Paddle's format; ``auto``
                takes the first that is there.

        Raises:
            ConfigError: the kind does not run this format.
        """
        from .backends import OnnxBackend, _onnxruntime, _openvino, available
        from .static import StaticBackend

        fits = {"onnx": ("openvino", "onnxruntime"), "static": ("static",)}[self.about.format]
        if kind == "auto":
            kind = next((k for k in fits if not available()[k]), fits[0])
        if kind not in fits:
            raise ConfigError(
                f"{self.folder} holds a {self.about.format} model, which {kind} does not run: use {' or '.join(fits)}."
            )
        path = self.folder / Path(self.about.model).name
        if kind == "static":
            return StaticBackend(lambda shape: path)
        runner = _openvino(precision, threads) if kind == "openvino" else _onnxruntime(threads)
        shape = self.about.input["shape"]
        fixed = None if None in shape else tuple(shape)
        if fixed is not None and self.about.input["layout"] == "NHWC":
            fixed = fixed[0], *fixed[2:], fixed[1]
        model = ModelFile(
            path, fixed, int(self.about.input["multiple"]), self.about.bytes_per_pixel, self.about.input["layout"]
        )
        return OnnxBackend(f"{kind} {precision}", FileSource(model, len(self.about.classes)), runner)

    engine = backend  # its former name

    def predict(self, image: Any, backend=None, *, engine=None) -> np.ndarray | list[np.ndarray]:
        """Class ids ``[H, W]`` of a picture of any size, at its own size, as the network itself gives them.

        Args:
            image: what :func:`~paddleseg_lite.data.picture.as_picture` takes (a path, encoded bytes, an array, a
                Pillow picture), or a list of these.
            backend: by default the first of :meth:`backend` that is installed.
            engine: ``backend`` by its former name.

        Returns:
            the ids, or a list of them where a list was given.

        Raises:
            DataError: it is no picture, or not one of the model's bands.
        """
        from ..data import Compose, restore
        from ..data.levels import parse_value_range
        from ..data.picture import as_picture, is_batch
        from .any_size import AnySize, predict_by_labels, predict_by_logits

        backend = backend or engine
        if backend is None:
            backend = self._backend = self._backend or self.backend()
        if is_batch(image):
            return [self.predict(one, backend) for one in image]
        given, ranges = self.about.input, parse_value_range(self.about.value_range)
        picture = as_picture(image, int(given["shape"][1]), value_range=ranges)
        sample = Compose(self.about.transforms).of_picture(picture.pixels, picture.path)
        x, undo = sample["image"].transpose(2, 0, 1)[None], sample["meta"]["trans_info"]
        x = np.ascontiguousarray(x, dtype=given["dtype"])
        forward = AnySize(
            backend, given, num_classes=len(self.about.classes), bytes_per_pixel=self.about.bytes_per_pixel
        )
        if self.about.output["name"] == "logits":
            return predict_by_logits(forward, x, undo)
        ids = predict_by_labels(forward, x)
        return restore(ids, undo) if undo else ids


def describe_input(shape: Sequence[int] | None, channels: int, multiple: int, normalise) -> dict[str, Any]:
    """The ``input`` entry of ``deploy.yml``."""
    return {
        "name": "image" if normalise is None else "pixels",
        "layout": "NCHW" if normalise is None else "NHWC",
        "dtype": "float32" if normalise is None else normalise.dtype,
        "shape": [None, channels, None, None] if shape is None else [int(s) for s in shape],
        "multiple": multiple,
        "normalised_inside": normalise is not None,
        **(
            {}
            if normalise is None
            else {"padding": [round(float(m) * normalise.scale, 4) for m in _per_band(normalise.mean, channels)]}
        ),
    }


def _per_band(values: Sequence[float], channels: int) -> Sequence[float]:
    return values if len(values) == channels else [values[0]] * channels
