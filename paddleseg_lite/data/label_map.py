"""From the ids in a label file to class ids, checked.

``label_map`` says which ids change; every other id stays what it is. What then
is neither a class nor ``ignore_index`` is an error that names the file, the ids
as they stand in it, and the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from ..errors import ConfigError, DataError


class LabelMap:
    """A table from stored ids to class ids.

    Args:
        num_classes: K; classes are 0..K-1.
        ignore_index: the id of pixels that count for nothing.
        mapping: stored id -> class id or ``ignore_index``.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255, mapping: Mapping[int, int] | None = None) -> None:
        try:
            self.mapping = {int(k): int(v) for k, v in dict(mapping or {}).items()}
        except (TypeError, ValueError):
            raise ConfigError(f"label_map is a table of id: id, such as {{11: 255}}, but got {mapping!r}.") from None
        if isinstance(ignore_index, bool) or not isinstance(ignore_index, int):
            raise ConfigError(f"ignore_index is an integer, such as 255, but got {ignore_index!r}.")
        if num_classes > 255 and ignore_index == 255:
            raise ConfigError(
                f"ignore_index 255 is one of the {num_classes} classes, whose pixels would count for nothing: choose "
                "an id that is none, in both datasets and in the labels (ignore_index: 65535 fits 16-bit files)."
            )
        wrong = sorted({v for v in self.mapping.values() if not (0 <= v < num_classes or v == ignore_index)})
        if wrong:
            raise ConfigError(
                f"label_map leads to {wrong}, which is neither a class (0..{num_classes - 1}) "
                f"nor ignore_index ({ignore_index})."
            )
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.dtype = np.uint8 if num_classes <= 256 and 0 <= ignore_index <= 255 else np.int32
        self._bytes = self._table(256)
        self._identity = self.dtype == np.uint8 and bool((self._bytes == np.arange(256)).all())
        good = (self._bytes < num_classes) & (self._bytes >= 0) | (self._bytes == ignore_index)
        self._bad_bytes = (~good).astype(np.uint8)

    def apply(self, raw: np.ndarray, path: str) -> np.ndarray:
        """Map stored ids [H, W] to class ids of dtype ``self.dtype``.

        Raises:
            DataError: an id that is no class; ``path`` names the file.
        """
        if raw.dtype == np.uint8:
            if cv2.countNonZero(cv2.LUT(raw, self._bad_bytes)):
                self._complain(raw, path)
            if self._identity:
                return raw
            return cv2.LUT(raw, self._bytes.astype(np.uint8)) if self.dtype == np.uint8 else self._bytes[raw]
        mapped = self._map_wide(raw)
        if (((mapped < 0) | (mapped >= self.num_classes)) & (mapped != self.ignore_index)).any():
            self._complain(raw, path)
        return mapped.astype(self.dtype)

    def histogram(self, raw: np.ndarray) -> tuple[np.ndarray, int, dict[int, int]]:
        """Count the pixels of stored ids [H, W].

        Returns:
            pixels of each class int64 [K], ignored pixels, and ``{stored id: pixels}`` of ids that are no class.
        """
        counts, ignored, bad = np.zeros(self.num_classes, np.int64), 0, {}
        if raw.dtype == np.uint8:
            found = np.bincount(raw.reshape(-1), minlength=256)
            values = np.flatnonzero(found)
            found = found[values]
        else:
            values, found = np.unique(raw, return_counts=True)
        for value, pixels in zip(values.tolist(), found.tolist()):
            target = self.mapping.get(value, value)
            if target == self.ignore_index:
                ignored += pixels
            elif 0 <= target < self.num_classes:
                counts[target] += pixels
            else:
                bad[value] = pixels
        return counts, ignored, bad

    def message(self, path: str, bad: Mapping[int, int]) -> str:
        """The error for ids that are no class: file, ids, remedy."""
        ids = ", ".join(f"{i} ({n} px)" for i, n in list(bad.items())[:8]) + (", ..." if len(bad) > 8 else "")
        table = ", ".join(f"{i}: {self.ignore_index}" for i in list(bad)[:8])
        return (
            f"label {path} holds ids that are no class: {ids}. With num_classes {self.num_classes} the ids are "
            f"0..{self.num_classes - 1}, and {self.ignore_index} is ignored. If they are classes, set num_classes "
            f"to {max(bad) + 1}; if not, ignore them with label_map: {{{table}}}."
        )

    def _complain(self, raw: np.ndarray, path: str) -> None:
        raise DataError(self.message(path, self.histogram(raw)[2]))

    def _table(self, size: int) -> np.ndarray:
        table = np.arange(size, dtype=np.int32)
        for stored, target in self.mapping.items():
            if 0 <= stored < size:
                table[stored] = target
        return table

    def _map_wide(self, raw: np.ndarray) -> np.ndarray:
        mapped = raw.astype(np.int32)
        for stored, target in self.mapping.items():
            mapped[raw == stored] = target
        return mapped
