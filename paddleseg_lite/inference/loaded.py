"""A trained network with all it takes to predict, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..data import Compose, restore
from ..data.levels import parse_value_range
from ..data.likeness import PictureStatistics, unlike
from ..data.picture import Picture, as_picture, is_batch
from ..data.transforms.normalize import Normalize
from ..postprocess import DenseCRF
from .backend import Backend, as_backend
from .class_ids import argmax_labels
from .labels import predict_labels, predict_picture
from .logits import predict_logits
from .options import InferenceOptions
from .probabilities import class_probabilities
from .reduced import as_batch
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
        backend: what computes: the model in its recipe's arithmetic, or a faster runtime.
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
    backend: Backend
    crf: DenseCRF | None = None
    trained_on: PictureStatistics | None = None

    @property
    def forward(self) -> Backend:
        """``backend`` by its former name; whatever computes logits may be set."""
        return self.backend

    @forward.setter
    def forward(self, computes: Any) -> None:
        self.backend = as_backend(self.model if computes is None else computes)

    @property
    def computed_by(self) -> str:
        """The backend's name, for reports."""
        return self.backend.name

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
            shares = class_probabilities(self, self._sample(pixels, path), pixels)
            return Prediction(argmax_labels(shares[None])[0], pixels, path, shares)
        if self.crf is None and self.only_normalises:
            labels = predict_picture(self.backend, pixels, self.transforms.of_picture, options=options)
        else:
            labels = self.predict_sample(self._sample(pixels, path), pixels, options=options)
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
        return self._sample(picture.pixels, picture.path), picture.pixels

    def predict_sample(
        self, sample: dict[str, Any], image: np.ndarray | None = None, *, options: InferenceOptions | None = None
    ) -> np.ndarray:
        """Class ids ``[H, W]``, at the original size, of a sample that is already transformed.

        Args:
            sample: with ``image`` float32 ``[h, w, C]`` and ``meta["trans_info"]``.
            image: as read; the CRF compares its colours and is left out without it.
            options: instead of the recipe's.
        """
        batch = as_batch(sample)
        info, options = sample["meta"]["trans_info"], options or self.options
        if self.crf is None or image is None:
            return predict_labels(self.backend, batch, options=options, trans_info=info)[0]
        logits = restore(predict_logits(self.backend, batch, options=options), info)
        return argmax_labels(refine(self.crf, logits, image).numpy())[0]

    def predict_index(self, dataset, index: int) -> np.ndarray:
        """Class ids ``[H, W]`` of a dataset's sample, with all that the recipe asks for."""
        return self.predict_sample(dataset.get(index), dataset.load(index)["image"] if self.crf else None)

    def _sample(self, pixels: np.ndarray, path: str | None) -> dict[str, Any]:
        sample = self.transforms.of_picture(pixels, path)
        return {**sample, "image": sample["image"].astype(np.float32, copy=False)}  # no transform need be a Normalize
