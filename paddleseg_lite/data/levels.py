"""From stored samples of any type to the 256 levels that everything here works on.

8 bits are taken as they are. Of unsigned integers up to 16 bits the whole range
is scaled to 0..255, unless ``value_range`` says which part is used; signed and
wider integers and floating point have no range of their own, and need it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError

logger = logging.getLogger("paddleseg_lite")

Range = tuple[float, float]

_PART = 4 << 20  # samples scaled at a time
_QUARTER = 1 << 14  # a 16-bit picture below this uses less than a quarter of its range
_warned: set[str] = set()


def parse_value_range(value: Any) -> tuple[Range, ...] | None:
    """Check a ``value_range``: ``[low, high]``, or a list of such pairs, one for each band.

    Returns:
        one pair, or one for each band; None where none is given.

    Raises:
        ConfigError: anything else.
    """
    if value is None:
        return None
    single = isinstance(value, Sequence) and len(value) == 2 and not any(isinstance(v, Sequence) for v in value)
    pairs = [value] if single else value
    try:
        found = tuple((float(low), float(high)) for low, high in pairs)
    except (TypeError, ValueError):
        found = ()
    if not found or not all(np.isfinite(pair).all() and pair[0] < pair[1] for pair in found):
        raise ConfigError(
            "value_range is [low, high], the stored values that become black and white (such as [0, 4095] for a "
            f"12-bit sensor), or a list of such pairs, one for each band, but got {value!r}."
        )
    return found


def to_uint8(
    samples: np.ndarray, name: str, *, top: int | None = None, value_range: Any = None, warn: bool = True
) -> np.ndarray:
    """Scale stored samples to 0..255, rounded to the nearest.

    Args:
        samples: [H, W, C], integer or float.
        name: of the picture, for messages.
        top: the largest value that the file's own format allows (4095 of 12 bits); that of the dtype by default.
        value_range: as :func:`parse_value_range` gives it; no effect on 8-bit samples.
        warn: of 16-bit samples that use a fraction of their range.

    Returns:
        uint8 [H, W, C].

    Raises:
        DataError: values without a known range, or not finite.
    """
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    if kind == "u" and bits <= 16:
        whole = (1 << bits) - 1 if top is None else int(top)
        if bits == 8 and whole == 255:
            return samples
        ranges = value_range if value_range is not None and bits > 8 else ((0, whole),)
        if warn and value_range is None and whole == 65535:
            warn_if_dark(int(samples.max(initial=0)), name)
        return _per_band(samples, ranges, name, _by_table)
    if kind not in "iuf":
        raise DataError(f"image {name} holds {samples.dtype} values, which are no levels of brightness.")
    if value_range is None:
        raise DataError(
            f"image {name} holds {samples.dtype} values{_spread(samples)}, whose range is unknown: say which values "
            "become black and white (value_range: [low, high] in the dataset), or convert it to 8 bits."
        )
    if kind == "f" and not np.isfinite(samples).all():
        count = int((~np.isfinite(samples)).sum())
        raise DataError(
            f"image {name} holds {count} values that are not finite (NaN or infinite; often 'no data'): replace them "
            "with a value that stands for nothing, such as the low end of value_range."
        )
    return _per_band(samples, value_range, name, _by_arithmetic)


def warn_if_dark(largest: int, name: str) -> None:
    """Warn, once in a process, of a 16-bit picture that uses less than a quarter of its range."""
    if is_dark(largest) and "dark" not in _warned:
        _warned.add("dark")
        logger.warning("%s", dark_message(largest, f"image {name}"))


def is_dark(largest: int) -> bool:
    """Whether the largest value of a 16-bit picture leaves more than three quarters of the range unused."""
    return 0 < largest < _QUARTER


def dark_message(largest: int, what: str) -> str:
    """What is to be said of 16-bit pictures whose largest value is ``largest``."""
    sensor = next((1 << bits) - 1 for bits in (8, 10, 12, 14) if largest < 1 << bits)
    return (
        f"{what}: {largest} of the 65535 levels of 16 bits are used, and scaled to 8 bits little is left of them. If "
        f"that is the sensor's range, set value_range: [0, {sensor}] in the datasets."
    )


def _per_band(
    samples: np.ndarray, ranges: tuple[Range, ...], name: str, scale: Callable[..., np.ndarray]
) -> np.ndarray:
    if len(ranges) == 1 or len(set(ranges)) == 1:
        return scale(samples, *ranges[0])
    if len(ranges) != samples.shape[2]:
        raise DataError(
            f"image {name} has {samples.shape[2]} bands, but value_range has {len(ranges)} pairs: give one pair, or "
            "one for each band."
        )
    return np.stack([scale(samples[..., c], *pair) for c, pair in enumerate(ranges)], axis=2)


def _by_table(samples: np.ndarray, low: float, high: float) -> np.ndarray:
    """Every level once; for 0..65535 it is ``(value * 255 + 32767) // 65535``."""
    levels = np.arange(1 << (8 * samples.dtype.itemsize))
    if low == int(low) and high == int(high):
        first, span = int(low), int(high) - int(low)
        table = (np.clip(levels - first, 0, span) * 255 + span // 2) // span
    else:
        table = _scaled(levels, low, high)
    table = table.astype(np.uint8)
    return _in_parts(samples, lambda part: table[part])


def _by_arithmetic(samples: np.ndarray, low: float, high: float) -> np.ndarray:
    return _in_parts(samples, lambda part: _scaled(part, low, high))


def _in_parts(samples: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Row by row, for what NumPy makes on the way takes eight bytes a sample."""
    out = np.empty(samples.shape, np.uint8)
    rows = max(1, _PART // max(1, samples[:1].size))
    for start in range(0, len(samples), rows):
        out[start : start + rows] = scale(samples[start : start + rows])
    return out


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    share = (np.asarray(values, np.float64) - low) / (high - low)
    return np.floor(np.clip(share, 0, 1) * 255 + 0.5)


def _spread(samples: np.ndarray) -> str:
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(samples), np.nanmax(samples)
    return f" from {low:g} to {high:g}" if np.isfinite([low, high]).all() else ""
