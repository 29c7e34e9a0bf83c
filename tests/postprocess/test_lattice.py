"""The permutohedral lattice against a plain dictionary version and against the Gaussian it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_lite.postprocess.kernels import ExactGaussian, GridGaussian, positions
from paddleseg_lite.postprocess.lattice import PermutohedralLattice, enclosing_simplex


def points(n=150, d=3, spread=2.0, seed=0):
    return (spread * np.random.default_rng(seed).standard_normal((n, d))).astype("float32")


def embedded(features):
    """Points in the hyperplane, by an orthogonal basis written out."""
    d = features.shape[1]
    basis = np.zeros((d, d + 1))
    for i in range(1, d + 1):
        basis[i - 1, :i], basis[i - 1, i] = 1.0, -i
        basis[i - 1] /= np.sqrt(i * (i + 1))
    return features.astype("float64") @ basis * (d + 1) * np.sqrt(2 / 3)


def corners(origin, rank):
    """Coordinates of the d + 1 corners of every simplex, ``[d+1 corners, N, d+1]``."""
    d = len(origin) - 1
    return np.stack([(origin + np.where(rank <= d - k, k, k - d - 1)).T for k in range(d + 1)])


def plain_filter(features, values):
    """Splat, blur and slice over a dictionary of occupied lattice points."""
    d = features.shape[1]
    origin, rank, weights = enclosing_simplex(features)
    where = corners(origin, rank)
    table = {}
    for k in range(d + 1):
        for i, key in enumerate(map(tuple, where[k])):
            table[key] = table.get(key, 0.0) + weights[k, i] * values[i]
    for j in range(d + 1):
        step = np.ones(d + 1, dtype=int)
        step[j] = -d
        table = {
            key: value
            + 0.5 * table.get(tuple(np.add(key, step)), 0.0)
            + 0.5 * table.get(tuple(np.subtract(key, step)), 0.0)
            for key, value in table.items()
        }
    return np.stack([sum(weights[k, i] * table[tuple(where[k, i])] for k in range(d + 1)) for i in range(len(values))])


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_simplex_encloses_the_point(d):
    features = points(400, d)
    origin, rank, weights = enclosing_simplex(features)
    where = corners(origin, rank)
    np.testing.assert_array_equal(where.sum(axis=2), 0)
    np.testing.assert_array_equal(where % (d + 1), np.arange(d + 1)[:, None, None] * np.ones((400, d + 1), int))
    np.testing.assert_array_equal(np.sort(rank, axis=0), np.arange(d + 1)[:, None] * np.ones((1, 400), int))
    assert weights.min() > -1e-4
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-5)
    rebuilt = (weights[:, :, None] * where).sum(axis=0)
    np.testing.assert_allclose(rebuilt, embedded(features), atol=2e-3)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_filter_agrees_with_the_plain_version(d):
    features, values = points(60, d), np.random.default_rng(1).random((60, 4))
    lattice = PermutohedralLattice(features, bridge=False)
    ours, plain = lattice.filter(values), plain_filter(features, values)
    np.testing.assert_allclose(ours / lattice._scale, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("d", "tolerance"), [(1, 0.02), (2, 0.03), (3, 0.04), (5, 0.08)])
def test_weighted_means_come_close_to_the_gaussian(d, tolerance):
    features = points(1500, d, spread=1.0)
    values = np.sin(features @ np.random.default_rng(2).standard_normal((d, 3)))
    ones = np.ones((1500, 1))
    lattice, exact = PermutohedralLattice(features), ExactGaussian(features)
    ours, true = lattice.filter(values) / lattice.filter(ones), exact.filter(values) / exact.filter(ones)
    assert np.abs(ours - true).mean() < tolerance
    assert np.corrcoef(ours.ravel(), true.ravel())[0, 1] > 0.99


def test_total_weight_in_a_dense_plane_is_that_of_the_gaussian():
    features = positions(40, 40) / 3.0
    middle = (np.abs(features - features.mean(axis=0)) < 2).all(axis=1)
    total = PermutohedralLattice(features).filter(np.ones((1600, 1)))[middle]
    assert total.mean() == pytest.approx(2 * np.pi * 9, rel=0.02)


def test_bridges_bring_back_what_gaps_lose():
    features = points(1000, 5, spread=3.0)
    exact = ExactGaussian(features)
    means = exact.filter(features) / exact.filter(np.ones((1000, 1)))
    errors, vertices = [], []
    for bridge in (False, True):
        lattice = PermutohedralLattice(features, bridge=bridge)
        vertices.append(lattice.num_vertices)
        errors.append(np.abs(lattice.filter(features) / lattice.filter(np.ones((1000, 1))) - means).mean())
    assert vertices[1] > vertices[0]
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize(("d", "spread"), [(2, 1.0), (3, 1.0), (5, 0.7)])
def test_diagonal_is_the_own_share(d, spread):
    features = points(400, d, spread)
    lattice = PermutohedralLattice(features)
    true = np.diag(lattice.filter(np.eye(400)))
    assert (lattice.diagonal >= true - 1e-4).all()  # gaps can only cut paths
    assert np.abs(lattice.diagonal - true).mean() < 0.03 * true.mean()
    assert (lattice.diagonal <= lattice.filter(np.ones((400, 1)))[:, 0] + 1e-6).all()


def test_one_point_and_equal_points():
    alone = PermutohedralLattice(np.zeros((1, 5)))
    assert alone.filter(np.ones((1, 2))) == pytest.approx(np.full((1, 2), alone.diagonal[0]))
    same = PermutohedralLattice(np.ones((7, 3)))
    values = np.arange(7.0)[:, None]
    filtered = same.filter(values)
    np.testing.assert_allclose(filtered, filtered[0, 0], rtol=1e-5)
    assert filtered[0, 0] == pytest.approx(21 * same.diagonal[0], rel=0.1)


def test_bad_features_are_named():
    with pytest.raises(ValueError, match=r"\[N, d\], got \[3\]"):
        PermutohedralLattice(np.zeros(3))
    with pytest.raises(ValueError, match="standard deviation is too small"):
        PermutohedralLattice(np.array([[0.0] * 5, [1e6] * 5]))


@pytest.mark.parametrize("std", [0.7, 1.0, 3.0])
def test_grid_kernel_is_the_exact_one(std):
    values = np.random.default_rng(0).random((11 * 17, 40))
    ours = GridGaussian(11, 17, std).filter(values)
    true = ExactGaussian(positions(11, 17) / std).filter(values)
    np.testing.assert_allclose(ours, true, rtol=2e-3)


def test_exact_kernel_by_hand():
    kernel = ExactGaussian(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    expected = np.exp(-0.5 * np.array([[0, 25, 1], [25, 0, 18], [1, 18, 0]]))
    np.testing.assert_allclose(kernel.matrix, expected)
    with pytest.raises(ValueError, match="at most 4096 pixels, got 5000"):
        ExactGaussian(np.zeros((5000, 2)))
