"""What ``tools/export.py`` does: write a model and its ``deploy.yml``, and check it against the network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from ...data.building import build_dataset, inference_transforms
from ...data.transforms.normalize import Normalize
from ...errors import ConfigError, DataError
from ...export.agreement import compare
from ...export.backends import available
from ...export.deploy import Deployment, Description, describe_input
from ...export.onnx.convert import Normalisation, OnnxModel, to_onnx
from ...export.onnx.dynamic import SizeDependent
from ...export.recording import eval_mode
from ...export.static import export_static
from ...files import file_hash, make_folder
from ...inference.class_ids import argmax_labels
from ...inference.loaded import Loaded
from ...outputs import refuse_inputs, whole_files
from ...version import __version__
from .backends import NO_EXPORT

logger = logging.getLogger("paddleseg_lite")

FORMATS = ("onnx", "static")
FILES = ("model.onnx", "deploy.yml", "model.json", "model.pdmodel", "model.pdiparams", "model.pdiparams.info")
_CHECKED = 3  # images, where none are given
_BACKENDS = {"onnx": ("openvino", "onnxruntime"), "static": ("static",)}


def run_export(
    loaded: Loaded,
    save_dir: str | Path,
    *,
    format: str = "onnx",
    input_shape: Sequence[int] | None = None,
    normalise: bool = False,
    argmax: bool = False,
    images: Sequence[str | Path] = (),
    protected: Sequence[str | Path] = (),
) -> Path:
    """Export a network and check the result against it.

    Args:
        loaded: the network with its transforms and classes.
        save_dir: the folder to fill.
        format: ``onnx`` or ``static``.
        input_shape: ``N C H W``; by default any (ONNX), or that of the first image to check with.
        normalise: take uint8 pixels ``[N, H, W, C]``; the recipe's last transform must be Normalize.
        argmax: give class ids.
        images: to check with; the first of the validation set by default.
        protected: further files that the export may not replace.

    Returns:
        The folder.

    Raises:
        ConfigError: the options do not fit the network, the export does not compute what the network does, or a file
            of it would replace an input.
    """
    if format not in FORMATS:
        raise ConfigError(f"format '{format}' is unknown; one of {', '.join(FORMATS)}.")
    if input_shape is not None and (min(input_shape) < 1 or input_shape[1] != loaded.model.in_channels):
        raise ConfigError(
            f"--input_shape is N C H W, all positive, and C the {loaded.model.in_channels} bands of this network, but "
            f"got {' '.join(map(str, input_shape))}."
        )
    if not loaded.model.same_size:
        raise ConfigError(f"{NO_EXPORT}. Export a UNet of another style.")
    folder = Path(save_dir)
    refuse_inputs([folder / name for name in FILES], [*protected, *images], "--save_dir")
    make_folder(folder)
    transforms, inside = _split_transforms(loaded, normalise)
    samples = [_sample(loaded, picture, input_shape) for picture in _pictures(loaded, images)]
    with whole_files(folder) as new:  # an older export stays until this one is whole and checked
        about = _fill(loaded, new, format, input_shape, samples, transforms, inside, argmax)
    _report(folder, about, format)
    return folder


def _fill(loaded: Loaded, folder: Path, format, input_shape, samples, transforms, inside, argmax) -> Description:
    """Write all files of an export into a new folder and check them."""
    model = _write(loaded.model, folder, format, input_shape, samples[0].shape, inside, argmax)
    about = Description(
        format=format,
        model="model.onnx" if format == "onnx" else "model",
        input=describe_input(model.shape, loaded.model.in_channels, model.multiple, inside),
        output={"name": "labels" if argmax else "logits", "dtype": _output_dtype(loaded, argmax)},
        classes=list(loaded.class_names),
        palette=np.asarray(loaded.palette).tolist(),
        ignore_index=loaded.ignore_index,
        transforms=transforms,
        value_range=None if loaded.value_range is None else [list(pair) for pair in loaded.value_range],
        network=dict(loaded.config.model),
        bytes_per_pixel=round(model.bytes_per_pixel, 1),
        versions={"paddleseg_lite": __version__, "paddle": paddle.__version__},
        sha256={p.name: file_hash(p) for p in sorted(folder.glob("model*")) if p.is_file()},
    )
    deployment = Deployment(folder, about)
    usable = [x for x in samples if model.takes(x.shape)] or [_noise(loaded.model, model)]
    about.checked = [
        _check(loaded, deployment, kind, usable, inside) for kind in _BACKENDS[format] if not available()[kind]
    ]
    about.write(folder)
    return about


def _split_transforms(loaded: Loaded, normalise: bool) -> tuple[list[dict[str, Any]], Normalisation | None]:
    """What is to be done outside, and what goes inside."""
    outside = [{"type": t} if isinstance(t, str) else dict(t) for t in inference_transforms(loaded.config)]
    if not normalise:
        return outside, None
    last = list(loaded.transforms)[-1] if len(loaded.transforms) else None
    if not isinstance(last, Normalize):
        raise ConfigError("normalising inside needs a recipe whose last transform is Normalize.")
    return outside[:-1], Normalisation(tuple(last.mean), tuple(last.std))


def _pictures(loaded: Loaded, images: Sequence[str | Path]) -> list[np.ndarray]:
    """Images to check with: those given, the first of the validation set, or else noise."""
    if images:
        return [loaded.picture(path).pixels for path in images]
    spec = loaded.config.val_dataset
    if spec is not None:
        try:
            dataset = build_dataset(spec, mode="val")
            return [dataset.load(i)["image"] for i in range(min(_CHECKED, len(dataset)))]
        except DataError:
            pass
    logger.warning("the validation images are not on this machine: checking with noise (or name some, --image_path).")
    shape = (360, 480, loaded.model.in_channels)
    return [np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)]


def _sample(loaded: Loaded, picture: np.ndarray, input_shape: Sequence[int] | None) -> np.ndarray:
    """An image as the network takes it, ``[N, C, H, W]``, cut or repeated to a given shape."""
    x = loaded.sample(picture)[0]["image"].transpose(2, 0, 1)[None]
    if input_shape is not None:
        n, _, height, width = input_shape
        wrap = [(0, max(0, height - x.shape[2])), (0, max(0, width - x.shape[3]))]
        x = np.pad(x, [(0, 0), (0, 0), *wrap], mode="wrap")[:, :, :height, :width].repeat(n, axis=0)
    return np.ascontiguousarray(x, dtype=np.float32)


def _noise(network, model: OnnxModel) -> np.ndarray:
    shape = model.shape or (1, network.in_channels, 10 * model.multiple, 15 * model.multiple)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _write(network, folder: Path, format: str, shape, seen, inside, argmax) -> OnnxModel:
    """Write the files; what they take."""
    if format == "static":
        shape = tuple(int(s) for s in shape or seen)
        export_static(network, folder / "model", shape, normalise=inside, argmax=argmax)
        return OnnxModel(b"", shape, 1, 0.0)
    try:
        model = to_onnx(network, shape, normalise=inside, argmax=argmax)
    except SizeDependent as e:
        if shape is not None:
            raise
        logger.warning("one model for all sizes is not possible (%s) It is for %s.", e, list(seen))
        model = to_onnx(network, seen, normalise=inside, argmax=argmax)
    model.save(folder / "model.onnx")
    return model


def _output_dtype(loaded: Loaded, argmax: bool) -> str:
    if not argmax:
        return "float32"
    return "uint8" if loaded.model.num_classes <= 256 else "int32"


def _check(loaded: Loaded, deployment: Deployment, kind: str, samples: list[np.ndarray], inside) -> dict[str, Any]:
    """Compare a backend with the network; the worst of the images.

    Raises:
        ConfigError: they do not agree.
    """
    backend = deployment.backend(kind)
    agreement, difference = 1.0, 0.0
    for x in samples:
        with eval_mode(loaded.model), paddle.no_grad():
            given = x if inside is None else _pixels(x, inside)
            seen = x if inside is None else _normalised(given, inside)
            reference = loaded.model(paddle.to_tensor(seen))["out"].numpy()
        out = np.asarray(backend(given))
        if deployment.about.output["name"] == "labels":
            agreement = min(agreement, float((out == argmax_labels(reference)).mean()))
            continue
        found = compare(reference, out)
        agreement, difference = min(agreement, found.argmax), max(difference, found.max_difference)
    if agreement < 0.995:
        raise ConfigError(
            f"the export does not compute what the network does, so it was not kept: on {backend.name} only "
            f"{100 * agreement:.2f} % of the pixels get the same class. Please report this with the recipe."
        )
    facts = {"backend": backend.name, "images": len(samples), "argmax_agreement": round(agreement, 6)}
    if deployment.about.output["name"] == "logits":
        facts["max_difference"] = float(f"{difference:.3g}")
    return facts


def _pixels(x: np.ndarray, how: Normalisation) -> np.ndarray:
    """The uint8 pixels a normalised image came from (or the nearest to it)."""
    values = (x.transpose(0, 2, 3, 1) * np.asarray(how.std) + np.asarray(how.mean)) * how.scale
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _normalised(pixels: np.ndarray, how: Normalisation) -> np.ndarray:
    values = (pixels / how.scale - np.asarray(how.mean)) / np.asarray(how.std)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2), dtype=np.float32)


def _report(folder: Path, about: Description, format: str) -> None:
    takes = about.input
    sides = "any size" if takes["multiple"] == 1 else f"sides that are multiples of {takes['multiple']}"
    shape = sides if None in takes["shape"] else str(takes["shape"])
    logger.info("%s: %s, takes %s (%s), gives %s", folder, format, takes["name"], shape, about.output["name"])
    for facts in about.checked:
        logger.info("checked on %s", ", ".join(f"{k} {v}" for k, v in facts.items()))
    if not about.checked:
        logger.warning(
            "NOT checked against the network: neither openvino nor onnxruntime is installed "
            "(pip install -r requirements-fast.txt)."
        )
