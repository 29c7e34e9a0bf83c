"""From a run folder to predictions: ``load("output/run").predict("image.jpg")``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from ..accel import accelerate
from ..checkpoint import load_checkpoint, newest_good
from ..config import Config, load_config
from ..data import Compose, restore
from ..data.building import describe_classes, inference_transforms
from ..data.levels import parse_value_range
from ..data.likeness import PictureStatistics, unlike
from ..data.picture import Picture, as_picture, is_batch
from ..data.transforms.normalize import Normalize
from ..errors import CheckpointError, ConfigError
from ..models import build_model
from ..postprocess import DenseCRF, build_crf
from ..weights import in_names_of, load_strict, read_weights, zoo
from ..weights.shipped import find_shipped
from .class_ids import argmax_labels
from .logits import predict_labels, predict_logits, predict_picture
from .options import InferenceOptions, inference_options
from .precision import engine_name, half_forward
from .probabilities import class_probabilities
from .refine import refine


@dataclass(frozen=True)
class Prediction:
    """Class ids of one image."""

    labels: np.ndarray  # [H, W] uint8 or int32, at the image's own size
    image: np.ndarray  # [H, W, C] uint8, RGB where C is 3
    path: str | None = None
    probabilities: np.ndarray | None = None  # [K, H, W] float32, where they were asked for


@dataclass
class Loaded:
    """A network with everything needed to use it: weights, transforms, classes.

    Attributes:
        model: in eval mode.
        forward: what computes logits instead of the model: a faster engine.
        engine: what reports call the arithmetic of the model itself.
        crf: what refines predictions at the image's own size, where the recipe asks for it.
        trained_on: what the training pictures looked like, where the run tells.
    """

    model: Any
    config: Config
    class_names: list[str]
    palette: np.ndarray  # [K, 3] uint8
    ignore_index: int
    transforms: Compose
    options: InferenceOptions
    source: Path
    forward: Callable | None = None
    engine: str = "dygraph fp32"
    crf: DenseCRF | None = None
    trained_on: PictureStatistics | None = None

    @property
    def computed_by(self) -> str:
        """The engine, for reports."""
        return getattr(self.forward, "name", self.engine)

    def predict(self, image: Any, *, probabilities: bool = False) -> Prediction | list[Prediction]:
        """Segment one image of any size, or each of a list.

        What does not fit in memory as a whole is cut into windows; where the
        transforms allow it (they only normalise), also the normalised copy is
        made window by window.

        Args:
            image: whatever :func:`~paddleseg_lite.data.picture.as_picture` takes: a path, encoded bytes, an array,
                a Pillow picture; or a list of these (or an array ``[N, H, W, C]``).
            probabilities: also give the probability of each class at each pixel.

        Returns:
            one prediction, or a list of as many as there are images.

        Raises:
            DataError: it is no picture, or not one of the network's bands; or its probabilities do not fit in memory.
        """
        if is_batch(image):
            return [self.predict(one, probabilities=probabilities) for one in image]
        picture = self.picture(image)
        pixels, path = picture.pixels, picture.path
        options = self.any_size
        if probabilities:
            shares = class_probabilities(self, self._transformed(pixels, path), pixels)
            return Prediction(argmax_labels(shares[None])[0], pixels, path, shares)
        if self.crf is None and self.only_normalises:
            labels = predict_picture(self.forward or self.model, pixels, self._normalise, options=options)
        else:
            labels = self.predict_sample(self._transformed(pixels, path), pixels, options=options)
        return Prediction(labels=labels, image=pixels, path=path)

    @property
    def any_size(self) -> InferenceOptions:
        """The options, with windows where an image does not fit in memory."""
        return replace(self.options, is_slide=self.options.is_slide or None)

    @property
    def only_normalises(self) -> bool:
        """Whether the transforms treat every pixel for itself."""
        return all(isinstance(t, Normalize) for t in self.transforms)

    def unlike(self, image: np.ndarray) -> list[str]:
        """How a picture as read differs from those of the training, in words; empty where nothing tells it does."""
        return [] if self.trained_on is None else unlike(image, self.trained_on, sized=self.only_normalises)

    @property
    def value_range(self):
        """What the recipe's datasets say of values beyond 8 bits."""
        spec = self.config.val_dataset or self.config.train_dataset or {}
        return parse_value_range(spec.get("value_range"))

    def picture(self, image: Any) -> Picture:
        """What a caller holds as a picture of the network's bands."""
        return as_picture(image, self.model.in_channels, value_range=self.value_range)

    def sample(self, image: Any) -> tuple[dict[str, Any], np.ndarray]:
        """The network's input for an image, and the image as read (uint8)."""
        picture = self.picture(image)
        return self._transformed(picture.pixels, picture.path), picture.pixels

    def predict_sample(
        self, sample: dict[str, Any], image: np.ndarray | None = None, *, options: InferenceOptions | None = None
    ) -> np.ndarray:
        """Class ids ``[H, W]``, at the original size, of a sample that is already transformed.

        Args:
            sample: with ``image`` float32 ``[h, w, C]`` and ``meta["trans_info"]``.
            image: as read; the CRF compares its colours and is left out without it.
            options: instead of the recipe's.
        """
        batch = paddle.to_tensor(np.ascontiguousarray(sample["image"].transpose(2, 0, 1))[None])
        forward, info = self.forward or self.model, sample["meta"]["trans_info"]
        options = options or self.options
        if self.crf is None or image is None:
            return predict_labels(forward, batch, options=options, trans_info=info)[0]
        logits = restore(predict_logits(forward, batch, options=options), info)
        return argmax_labels(refine(self.crf, logits, image).numpy())[0]

    def predict_index(self, dataset, index: int) -> np.ndarray:
        """Class ids ``[H, W]`` of a dataset's sample, with all that the recipe asks for."""
        return self.predict_sample(dataset.get(index), dataset.load(index)["image"] if self.crf else None)

    def _transformed(self, pixels: np.ndarray, path: str | None = None) -> dict[str, Any]:
        meta = {"path": path, "size": pixels.shape[:2], "trans_info": []}
        rng = np.random.default_rng(0)  # inference transforms draw nothing; the contract wants one
        sample = self.transforms({"image": pixels, "meta": meta}, rng)
        return {**sample, "image": sample["image"].astype(np.float32, copy=False)}  # no transform need be a Normalize

    def _normalise(self, pixels: np.ndarray) -> np.ndarray:
        return self._transformed(pixels)["image"]


def load(path: str | Path, *, config: str | Path | Config | None = None) -> Loaded:
    """Load a trained network.

    Args:
        path: a run folder (its best checkpoint, else the newest), a checkpoint
            folder, a weight file in any supported format, also of PaddleSeg or torchvision, or
            the name of weights: published (``torchvision/deeplabv3_resnet50``) or shipped (``quick_start``).
        config: the recipe, ours or PaddleSeg's; needed only for a bare weight file.

    Raises:
        CheckpointError: not found, damaged, or it does not fit the network.
    """
    folder, weights_file = find_weights(Path(path))
    meta: dict[str, Any] = {}
    if folder is not None:
        checkpoint = load_checkpoint(folder)
        meta = checkpoint.manifest.get("meta", {})
        config = config or checkpoint.config_path
    if config is None and zoo.is_published(Path(path).as_posix()):
        config = zoo.recipe(Path(path).as_posix())
    if config is None:
        raise ConfigError(f"{path} is a bare weight file: say which network it belongs to with --config.")
    if not isinstance(config, Config):
        config = load_config(config, prediction=True)
    dataset_spec = config.val_dataset or config.train_dataset
    if not meta:
        meta = describe_classes(dataset_spec, config.model.get("num_classes"))
    spec = {k: v for k, v in config.model.items() if k != "pretrained"}  # the checkpoint has every weight
    model = build_model(spec, num_classes=meta["num_classes"])
    if folder is not None:
        checkpoint.load_model(model)
    else:
        state = in_names_of(model, read_weights(weights_file), str(weights_file))  # PaddleSeg's own files, too
        load_strict(model, state, source=str(weights_file))
    model.eval()
    accelerate(model, config.precision, config.cpu_accel)
    return Loaded(
        model=model,
        config=config,
        class_names=list(meta["class_names"]),
        palette=np.asarray(meta["palette"], dtype=np.uint8),
        ignore_index=int(meta["ignore_index"]),
        transforms=Compose(inference_transforms(config)),
        options=inference_options(config.test_config),
        source=folder or weights_file,
        forward=half_forward(model, config.precision, config.amp_level),
        engine=engine_name(config.precision),
        crf=build_crf(config.test_config.crf),
        trained_on=PictureStatistics.from_dict(meta.get("pictures")),
    )


def find_weights(path: Path) -> tuple[Path | None, Path | None]:
    """``(checkpoint folder, None)`` or ``(None, weight file)`` for what a user names with ``--model_path``."""
    path = find_shipped(path) or path
    if not path.exists() and zoo.is_published(path.as_posix()):
        return None, zoo.get(path.as_posix())
    if not path.exists():
        raise CheckpointError(f"{path} does not exist. Give a run folder, a checkpoint folder or a weight file.")
    if path.is_file():
        if path.name == "model.pdparams" and (path.parent / "manifest.json").exists():
            return path.parent, None
        return None, path
    if (path / "manifest.json").exists():
        return path, None
    if (path / "best_model" / "manifest.json").exists():
        return path / "best_model", None
    folder, problems = newest_good(path)
    if folder is None:
        detail = f" Damaged: {'; '.join(problems)}." if problems else ""
        raise CheckpointError(
            f"there is no checkpoint in {path} (no best_model, no iter_N). Give a run folder, a checkpoint folder or a "
            f"weight file.{detail}"
        )
    return folder, None


def find_config(path: str | Path) -> Path:
    """The recipe saved beside the weights.

    Raises:
        ConfigError: there is none (a bare weight file); ``--config`` must name it.
    """
    if not Path(path).exists() and zoo.is_published(Path(path).as_posix()):
        return zoo.recipe(Path(path).as_posix())
    folder, weights_file = find_weights(Path(path))
    candidate = (folder or weights_file.parent) / "config.yml"
    if not candidate.is_file():
        raise ConfigError(f"there is no config.yml beside {folder or weights_file}: name the recipe with --config.")
    return candidate


def predict(source: str | Path | Loaded, images: Any) -> Prediction | list[Prediction]:
    """Segment one image or a list of them, as :meth:`Loaded.predict`, with a run, a file, or something loaded."""
    loaded = source if isinstance(source, Loaded) else load(source)
    return loaded.predict(images)
