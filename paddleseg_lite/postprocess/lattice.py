"""Gaussian filtering of scattered points in a few dimensions on the permutohedral lattice.

Adams, Baek, Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice",
Eurographics 2010. The sum ``sum_j exp(-|f_i - f_j|^2 / 2) v_j`` over all pairs of N points
becomes three sparse products ``S B S^T v``:

    splat  S^T [M, N]   each value goes to the d + 1 corners of its simplex, by barycentric weight
    blur   B   [M, M]   (1/2, 1, 1/2) along each of the d + 1 lattice directions, one after the other
    slice  S   [N, M]   each point reads its corners with the same weights

The lattice lives in the hyperplane ``sum x = 0`` of d + 1 dimensions. Its points have
integer coordinates that are all equal modulo d + 1; direction j is ``(1, .., 1, -d, 1, .., 1)``
with -d at place j. Points are stored as one integer each, linear in the coordinates,
so that a step in a direction is one addition.

Only corners that some point touches need to exist. Blurring over those alone loses what
would pass through a gap; so gaps with two neighbours or more ("bridges") are filled,
which makes M about twice as large and the error a third.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse


class PermutohedralLattice:
    """The filter for one set of points.

    Args:
        features: ``[N, d]``, already divided by the standard deviations.
        bridge: fill the gaps between occupied lattice points.

    Attributes:
        num_vertices: M.
        diagonal: weight of each point in its own result, ``[N]``.
    """

    def __init__(self, features: np.ndarray, *, bridge: bool = True) -> None:
        features = np.asarray(features, dtype=np.float32)
        if features.ndim != 2 or not features.size:
            raise ValueError(f"the lattice takes features [N, d], got {list(features.shape)}.")
        d = features.shape[1]
        origin, rank, weights = enclosing_simplex(features)
        keys, steps = _corner_keys(origin, rank)
        vertices, corner = np.unique(keys, return_inverse=True)
        corner = corner.reshape(keys.shape)
        if bridge:
            filled = _with_bridges(vertices, steps)
            corner = np.searchsorted(filled, vertices)[corner]
            vertices = filled
        n, self.num_vertices = len(features), len(vertices)
        columns, starts = corner.T.astype(np.int32).ravel(), np.arange(0, n * (d + 1) + 1, d + 1, dtype=np.int32)
        self._slice = _sparse_rows(weights.T.ravel(), columns, starts, shape=(n, self.num_vertices))
        self._splat = self._slice.T.tocsr()
        self._blurs = [_blur_matrix(vertices, step) for step in steps]
        # one point spreads as much in total as the Gaussian: (2 pi)^(d/2) against 2^(d+1) per cell
        cell = (1.5 ** (d / 2)) / math.sqrt(d + 1)
        self._scale = np.float32((2 * math.pi) ** (d / 2) / (2 ** (d + 1) * cell))
        self.diagonal = self._self_weight(weights)

    def filter(self, values: np.ndarray) -> np.ndarray:
        """``[N, K] -> [N, K]`` float32, each point's own share included."""
        y = self._splat @ np.ascontiguousarray(values, dtype=np.float32)
        for blur in self._blurs:
            y = blur @ y
        y = self._slice @ y
        y *= self._scale
        return y

    def _self_weight(self, weights: np.ndarray) -> np.ndarray:
        # All d + 1 directions add up to 0, so corners k and l of a simplex are |k - l| steps apart
        # one way and d + 1 - |k - l| the other (both ways round from a corner to itself), each step
        # at weight 1/2. Gaps cut some of these paths; the sum of the row is then a bound.
        d = len(weights) - 1
        apart = np.abs(np.subtract.outer(np.arange(d + 1), np.arange(d + 1)))
        between = (0.5**apart + 0.5 ** (d + 1 - apart) + 0.5 ** (d + 1) * (apart == 0)).astype(np.float32)
        own = self._scale * np.einsum("kn,kn->n", weights, between @ weights)
        return np.minimum(own, self.filter(np.ones((weights.shape[1], 1), np.float32))[:, 0])


def enclosing_simplex(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The simplex of the lattice around each point.

    Args:
        features: ``[N, d]`` float32.

    Returns:
        ``origin [d+1, N]`` int64: the corner whose coordinates are multiples of d + 1;
        ``rank [d+1, N]`` int32: place of each coordinate's excess over it, 0 the largest, which
        fixes the other corners; ``weights [d+1, N]`` float32: barycentric, of corner 0 to d.
    """
    n, d = features.shape
    # isometric embedding in the hyperplane, scaled so that the blur has unit variance
    index = np.arange(1, d + 1)
    scaled = (features * ((d + 1) * math.sqrt(2 / 3) / np.sqrt(index * (index + 1)))).astype(np.float32).T
    x = np.empty((d + 1, n), np.float32)
    above = np.zeros(n, np.float32)
    for i in range(d, 0, -1):
        x[i] = above - i * scaled[i - 1]
        above += scaled[i - 1]
    x[0] = above

    nearest = np.rint(x / (d + 1)).astype(np.int32)
    excess = x - nearest * np.float32(d + 1)
    rank = np.zeros((d + 1, n), np.int32)
    for i in range(d):
        for j in range(i + 1, d + 1):
            behind = excess[i] < excess[j]
            rank[i] += behind
            rank[j] += ~behind
    # rounding may leave the hyperplane: move the coordinates with most or least excess by one
    rank += nearest.sum(axis=0, dtype=np.int32)
    shift = (rank < 0).astype(np.int32) - (rank > d)
    nearest += shift
    rank += (d + 1) * shift

    position = x / (d + 1) - nearest
    ordered = np.empty_like(position)
    np.put_along_axis(ordered, d - rank, position, axis=0)  # smallest excess first
    weights = np.empty_like(ordered)
    weights[1:] = ordered[1:] - ordered[:-1]
    weights[0] = 1.0 + ordered[0] - ordered[-1]
    return nearest.astype(np.int64) * (d + 1), rank, weights


def _corner_keys(origin: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """One integer for each corner, ``[d+1, N]`` int64, and the increments of the d + 1 directions.

    The last coordinate follows from the others, so the first d are packed, with room
    for the bridges at both ends.
    """
    d = len(origin) - 1
    low = origin[:d].min(axis=1) - 2 * (d + 1)
    extent = origin[:d].max(axis=1) + 2 * (d + 1) - low + 1
    if math.prod(int(e) for e in extent) >= 2**62:
        raise ValueError("a standard deviation is too small for the range of its feature: make it larger.")
    stride = np.concatenate([[1], np.cumprod(extent[:-1])])
    ones = int(stride.sum())
    keys = np.empty(origin.shape, np.int64)
    keys[0] = stride @ (origin[:d] - low[:, None])
    for k in range(d):  # corner k + 1 is corner k plus one direction, at the coordinate of rank d - k
        keys[k + 1] = keys[k] + ones
        for i in range(d):
            keys[k + 1] -= (rank[i] == d - k) * int((d + 1) * stride[i])
    steps = [ones - (d + 1) * int(stride[j]) for j in range(d)] + [ones]
    return keys, steps


def _with_bridges(vertices: np.ndarray, steps: list[int]) -> np.ndarray:
    """Add the lattice points that have at least two occupied neighbours."""
    around = np.concatenate([vertices + step for step in steps] + [vertices - step for step in steps])
    candidates, neighbours = np.unique(around, return_counts=True)
    return np.union1d(vertices, candidates[neighbours >= 2])


def _blur_matrix(vertices: np.ndarray, step: int) -> sparse.csr_matrix:
    """``y = x + (x one step ahead + x one step behind) / 2`` over sorted vertices."""
    m = len(vertices)
    target = vertices + step
    place = np.searchsorted(vertices, target)
    place[place == m] = 0
    found = vertices[place] == target
    here, ahead = np.flatnonzero(found), place[found]
    length = np.ones(m, np.int32)
    length[here] += 1
    length[ahead] += 1
    starts = np.concatenate([[0], np.cumsum(length, dtype=np.int32)]).astype(np.int32)
    columns, values = np.empty(starts[-1], np.int32), np.full(starts[-1], 0.5, np.float32)
    columns[starts[:-1]], values[starts[:-1]] = np.arange(m), 1.0
    columns[starts[here] + 1] = ahead
    columns[starts[ahead + 1] - 1] = here
    return _sparse_rows(values, columns, starts, shape=(m, m))


def _sparse_rows(values: np.ndarray, columns: np.ndarray, starts: np.ndarray, shape: tuple) -> sparse.csr_matrix:
    from scipy import sparse  # a quarter of a second that programs without a lattice do not wait

    return sparse.csr_matrix((values, columns, starts), shape=shape)
