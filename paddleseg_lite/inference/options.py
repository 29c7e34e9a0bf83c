"""What validation and prediction may be asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..config import TestConfig
from ..errors import ConfigError


@dataclass(frozen=True)
class InferenceOptions:
    """What val and infer may ask for; the names are PaddleSeg's.

    Attributes:
        is_slide: sliding window; ``None``: where the whole image would need more
            than ``memory_limit``.
        crop_size, stride: ``(w, h)`` of the window and its step. By default the
            window fits the memory and the step is 3/4 of it.
        aug_eval: average over ``scales`` and flips; without it they are not used.
        memory_limit: bytes above the network's own that a prediction may take
            (at most half of what is free).
        tile_batch: windows run together.
        taper: let a window's weight fall towards its border. By default where
            the window was chosen here, not where it was asked for (PaddleSeg weighs all the same).
    """

    is_slide: bool | None = False
    crop_size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    aug_eval: bool = False
    scales: tuple[float, ...] = (1.0,)
    flip_horizontal: bool = False
    flip_vertical: bool = False
    memory_limit: int = 2 << 30
    tile_batch: int = 1
    taper: bool | None = None

    def __post_init__(self):
        for name in ("crop_size", "stride"):
            pair = getattr(self, name)
            if pair is not None and (len(pair) != 2 or min(pair) < 1):
                raise ValueError(f"{name} is (width, height) in pixels, both positive, got {pair!r}.")
        if not self.scales or not all(0 < scale <= 1 << 16 for scale in self.scales):
            raise ValueError(f"scales must be positive numbers up to 65536, got {self.scales!r}.")
        pairs = zip(self.stride or (), self.crop_size or ())
        if self.is_slide is not False and any(stride > window for stride, window in pairs):
            raise ConfigError(
                f"stride {tuple(self.stride)} is above crop_size {tuple(self.crop_size)} (width, "
                "height): pixels between the windows would be skipped."
            )


def inference_options(test_config: TestConfig) -> InferenceOptions:
    """The ``test_config`` of a recipe as options of :func:`~paddleseg_lite.inference.logits.predict_logits`."""
    names = {f.name for f in fields(InferenceOptions)}
    values = {f.name: getattr(test_config, f.name) for f in fields(TestConfig) if f.name in names}
    if isinstance(values.get("scales"), (int, float)):
        values["scales"] = (float(values["scales"]),)
    try:
        return InferenceOptions(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except (TypeError, ValueError) as e:
        raise ConfigError(f"test_config: {e} Correct it in the recipe or by its flag.") from e
