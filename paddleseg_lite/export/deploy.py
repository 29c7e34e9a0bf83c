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
from ..files import file_hash, write_text
from .source import FileSource, ModelFile

FILE = "deploy.yml"


@dataclass
class Description:
    """What ``deploy.yml`` says.

    Attributes:
        format: ``onnx`` or ``static``.
        model: file name; for ``static`` the stem of two files.
        input: ``name``; ``layout`` NCHW or NHWC; ``dtype``; ``shape`` ``[N, C, H, W]`` with null where
            free; ``multiple`` of which free sides must be; ``normalised_inside``.
        output: ``name`` (``logits [N, K, H, W]`` or ``labels [N, H, W]``) and ``dtype``.
        transforms: what to do to an RGB uint8 image before (without Normalize where it is inside).
        checked: how the export compared with the network, on which engine and images.
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
        self._engine = None

    @classmethod
    def read(cls, folder: str | Path) -> Deployment:
        """Read an export and check that its files are whole.

        Raises:
            CheckpointError: not an export, or a file is missing or damaged.
        """
        folder = Path(folder)
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

    def engine(self, kind: str = "auto", *, precision: str = "fp32", threads: int | None = None):
        """What runs the model; takes and gives what ``deploy.yml`` says under ``input`` and ``output``.

        Args:
            kind: ``openvino`` or ``onnxruntime`` for ONNX, ``static`` for Paddle's format; ``auto``
                takes the first that is there.

        Raises:
            ConfigError: the kind does not run this format.
        """
        from .backends import OnnxEngine, _onnxruntime, _openvino, available
        from .static import StaticEngine

        fits = {"onnx": ("openvino", "onnxruntime"), "static": ("static",)}[self.about.format]
        if kind == "auto":
            kind = next((k for k in fits if not available()[k]), fits[0])
        if kind not in fits:
            raise ConfigError(
                f"{self.folder} holds a {self.about.format} model, which {kind} does not run: use {' or '.join(fits)}."
            )
        path = self.folder / Path(self.about.model).name
        if kind == "static":
            return StaticEngine(lambda shape: path)
        runner = _openvino(precision, threads) if kind == "openvino" else _onnxruntime(threads)
        shape = self.about.input["shape"]
        fixed = None if None in shape else tuple(shape)
        model = ModelFile(
            path, fixed, int(self.about.input["multiple"]), self.about.bytes_per_pixel, self.about.input["layout"]
        )
        return OnnxEngine(f"{kind} {precision}", FileSource(model, len(self.about.classes)), runner)

    def predict(self, image: np.ndarray, engine=None) -> np.ndarray:
        """Class ids ``[H, W]`` of an RGB uint8 image ``[H, W, 3]``, at its own size."""
        from ..data import Compose, restore
        from ..inference.class_ids import labels_at_own_size

        if engine is None:
            engine = self._engine = self._engine or self.engine()
        meta = {"path": None, "size": image.shape[:2], "trans_info": []}
        sample = Compose(self.about.transforms)({"image": image, "meta": meta}, np.random.default_rng(0))
        x, undo = sample["image"], sample["meta"]["trans_info"]
        given = self.about.input
        x = x[None] if given["layout"] == "NHWC" else x.transpose(2, 0, 1)[None]
        out = np.asarray(engine(np.ascontiguousarray(x, dtype=given["dtype"])))
        if self.about.output["name"] == "logits":
            return labels_at_own_size(out, undo, restore)[0]
        return restore(out[0], undo) if undo else out[0]


def describe_input(shape: Sequence[int] | None, channels: int, multiple: int, normalise) -> dict[str, Any]:
    """The ``input`` entry of ``deploy.yml``."""
    return {
        "name": "image" if normalise is None else "pixels",
        "layout": "NCHW" if normalise is None else "NHWC",
        "dtype": "float32" if normalise is None else normalise.dtype,
        "shape": [None, channels, None, None] if shape is None else [int(s) for s in shape],
        "multiple": multiple,
        "normalised_inside": normalise is not None,
    }
