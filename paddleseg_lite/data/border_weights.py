"""The weight map of UNet: background between touching objects counts more.

    w(x) = w_c(x) + w0 * exp(-(d1(x) + d2(x))^2 / (2 sigma^2))

``d1`` and ``d2`` are the distances to the nearest and the second nearest object
(Ronneberger, Fischer, Brox 2015, equation 2; w0 = 10, sigma about 5 pixels).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def unet_border_weight(
    label: np.ndarray,
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: Sequence[float] | None = None,
    background: int = 0,
    ignore_index: int = 255,
) -> np.ndarray:
    """Compute the weight map of one label.

    An object is an 8-connected region of one class other than ``background``.
    The border term is given to background pixels; with fewer than two objects
    there is none. Distances are Euclidean, between pixel centres.

    Args:
        label: class ids [H, W].
        w0, sigma: as in the equation; sigma in pixels.
        class_weights: ``w_c`` for each class, 1 unless given.
        background: the class between the objects.
        ignore_index: pixels of this id weigh 0 and belong to no object.

    Returns:
        float32 [H, W].

    Raises:
        ValueError: ``class_weights`` has no entry for a class in the label.
    """
    label = np.asarray(label)
    valid = label != ignore_index
    weight = valid.astype(np.float32)
    if class_weights is not None:
        highest = int(label[valid].max(initial=0))
        if highest >= len(class_weights):
            raise ValueError(f"class_weights has {len(class_weights)} entries, but the label holds class {highest}.")
        weight[valid] = np.asarray(class_weights, np.float32)[label[valid]]
    first, second = two_nearest(label, sigma=sigma, background=background, ignore_index=ignore_index)
    border = w0 * np.exp(-((first + second) ** 2) / (2 * sigma**2))  # exp(-inf) = 0 where there are no two objects
    return weight + np.where(label == background, border, 0).astype(np.float32)


def two_nearest(
    label: np.ndarray, *, sigma: float, background: int, ignore_index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances to the nearest and second nearest object, float32 [H, W]; inf beyond 6 sigma.

    Each object is looked at in its own neighbourhood only: farther than 6 sigma
    its weight is below w0 * 2e-8.
    """
    h, w = label.shape
    first = np.full((h, w), np.inf, np.float32)
    second = first.copy()
    reach = int(np.ceil(6 * sigma)) + 1
    for value in np.unique(label):
        if value in (background, ignore_index):
            continue
        count, regions, boxes, _ = cv2.connectedComponentsWithStats((label == value).astype(np.uint8), connectivity=8)
        for i in range(1, count):
            x, y, width, height = boxes[i, :4]
            window = (
                slice(max(0, y - reach), min(h, y + height + reach)),
                slice(max(0, x - reach), min(w, x + width + reach)),
            )
            outside = (regions[window] != i).astype(np.uint8)
            distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            near, next_near = first[window], second[window]
            second[window] = np.minimum(next_near, np.maximum(near, distance))
            first[window] = np.minimum(near, distance)
    return first, second
