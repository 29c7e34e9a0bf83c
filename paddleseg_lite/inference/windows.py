"""Sliding windows over images of any size, in bands, so that memory does not grow with the image.

Windows lie on a grid, the last of a row or column moved back to the border.
One band of summed logits, one window high, travels down the image; rows that no
later window touches are averaged, handed on and forgotten. Because the grid is
separable, so are the sums of the window weights: two vectors instead of a map.
Where a band would be too wide for the memory allowed, the image is cut into
slabs of columns; windows across a cut are computed for both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np


def window_starts(length: int, window: int, stride: int) -> list[int]:
    """First pixels of the windows along one axis; a single 0 where one window covers it.

    Raises:
        ValueError: a stride below 1, or above the window (pixels would be skipped).
    """
    if length <= window:
        return [0]
    if not 1 <= stride <= window:
        raise ValueError(f"stride must be between 1 and the window's {window} pixels, got {stride}.")
    count = -(-(length - window) // stride) + 1
    return [min(i * stride, length - window) for i in range(count)]


def window_weights(window: int, stride: int, *, taper: bool) -> np.ndarray:
    """Weight of each pixel of a window along one axis, all positive.

    Args:
        taper: rise and fall linearly over the overlap, so that no seam shows;
            otherwise every pixel counts the same (PaddleSeg).
    """
    if not taper:
        return np.ones(window, dtype=np.float32)
    overlap = max(window - stride, 0)
    near = np.minimum(np.arange(window), np.arange(window)[::-1]) + 1
    return (np.minimum(near, overlap + 1) / (overlap + 1)).astype(np.float32)


def stream_windows(
    infer: Callable[[np.ndarray], np.ndarray],
    fetch: Callable[[int, int, int, int], np.ndarray],
    size: tuple[int, int],
    emit: Callable[[np.ndarray, int, int], None],
    *,
    window: tuple[int, int],
    stride: tuple[int, int],
    taper: bool = False,
    batch: int = 1,
    band_bytes: int = 1 << 29,
) -> None:
    """Run every window and hand on averaged logits block by block, top to bottom.

    Args:
        infer: ``[B, C, h, w] -> [B, K, h, w]`` logits.
        fetch: ``f(y0, y1, x0, x1) -> [N, C, y1 - y0, x1 - x0]``, the input of one window.
        size: ``(H, W)`` of the whole image.
        emit: ``f(logits [N, K, rows, columns], y, x)``; the array is reused afterwards.
        window, stride: ``(h, w)``.
        taper: see :func:`window_weights`.
        batch: windows in one call of ``infer``.
        band_bytes: about how many bytes the band may take.
    """
    height, width = size
    window = (min(window[0], height), min(window[1], width))
    ys = window_starts(height, window[0], stride[0])
    xs = window_starts(width, window[1], stride[1])
    weights = [window_weights(w, s, taper=taper and len(starts) > 1) for w, s, starts in zip(window, stride, (ys, xs))]
    total_y, total_x = (_summed(starts, w, n) for starts, w, n in zip((ys, xs), weights, size))
    tile_weight = weights[0][:, None] * weights[1]
    run = _batched(infer, fetch, window, batch)
    first = next(run([(ys[0], xs[0])]))  # tells N and K; kept for its place
    images, classes = first.shape[:2]
    kept = {(ys[0], xs[0]): first}
    del first
    columns = max(window[1], band_bytes // (4 * images * classes * window[0]))
    slabs = -(-width // columns)
    for slab in range(slabs):
        left, right = slab * width // slabs, (slab + 1) * width // slabs
        own = [x for x in xs if x < right and x + window[1] > left]
        band = np.zeros((images, classes, window[0], right - left), dtype=np.float32)
        for row, y in enumerate(ys):
            todo = [(y, x) for x in own if (y, x) not in kept]
            results = run(todo)
            for x in own:
                logits = kept.pop((y, x)) if (y, x) in kept else next(results)
                x0, x1 = max(x, left), min(x + window[1], right)
                part = slice(x0 - x, x1 - x)
                for image in range(images):  # class by class: no second copy of the window's logits
                    for k in range(classes):
                        band[image, k, :, x0 - left : x1 - left] += logits[image, k, :, part] * tile_weight[:, part]
                del logits
            end = ys[row + 1] if row + 1 < len(ys) else height
            done = band[:, :, : end - y]
            done /= total_y[y:end, None] * total_x[left:right]
            emit(done, y, left)
            rest = window[0] - (end - y)
            band[:, :, :rest] = band[:, :, end - y :].copy()
            band[:, :, rest:] = 0


def _summed(starts: list[int], weight: np.ndarray, length: int) -> np.ndarray:
    total = np.zeros(length, dtype=np.float32)
    for start in starts:
        total[start : start + len(weight)] += weight
    return total


def _batched(infer, fetch, window, batch) -> Callable[[list], Iterator[np.ndarray]]:
    """``f(places) -> one [N, K, h, w] per place``, several windows to a call of ``infer``."""

    def run(places):
        for i in range(0, len(places), batch):
            tiles = [fetch(y, y + window[0], x, x + window[1]) for y, x in places[i : i + batch]]
            logits = infer(tiles[0] if len(tiles) == 1 else np.concatenate(tiles))
            if logits.shape[0] % len(tiles) or logits.shape[2:] != tuple(window):
                raise ValueError(
                    f"a window of {window[0]}x{window[1]} pixels came back as {tuple(logits.shape)}: sliding needs "
                    "logits at input size."
                )
            yield from np.split(logits, len(tiles))

    return run
