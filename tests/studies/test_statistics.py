"""Paired statistics against their formulas and against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from paddleseg_lite.studies.statistics import Comparison, compare_paired, holm


def test_paired_t_by_its_formula():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.6, 0.05, 5), rng.normal(0.5, 0.05, 5)
    c = compare_paired(a, b)
    mean, error = (a - b).mean(), (a - b).std(ddof=1) / math.sqrt(5)
    half = stats.t.ppf(0.975, 4) * error
    assert c.p == pytest.approx(2 * stats.t.sf(abs(mean) / error, 4), rel=1e-9)
    assert (c.low, c.high) == pytest.approx((mean - half, mean + half), rel=1e-9)
    assert c.effect_size == pytest.approx((a - b).mean() / (a - b).std(ddof=1))


def test_hand_example():
    # differences 1, 2, 3: mean 2, sd 1, t = 2 sqrt(3), t_{0.975, 2} = 4.302653
    c = compare_paired([2, 4, 6], [1, 2, 3])
    assert c.difference == 2
    assert c.effect_size == 2
    assert c.high - c.difference == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)


def test_identical_and_constant_differences_do_not_divide_by_zero():
    same = compare_paired([0.5, 0.6], [0.5, 0.6])
    assert (same.p, same.effect_size, same.low, same.high) == (1.0, 0.0, 0.0, 0.0)
    assert compare_paired([1.0, 2.0], [0.0, 1.0]).p == 0.0


def test_one_seed_is_no_evidence():
    assert compare_paired([0.9], [0.1]).verdict == "one seed: no evidence"


def test_holm_by_hand():
    # sorted 0.01 * 4, 0.02 * 3, 0.03 * 2, 0.5; made monotone
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])


def test_holm_ignores_comparisons_that_were_not_made():
    adjusted = holm([0.01, float("nan"), 0.04])
    assert adjusted[0] == pytest.approx(0.02) and math.isnan(adjusted[1]) and adjusted[2] == pytest.approx(0.04)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_order(p_values):
    adjusted = holm(p_values)
    assert all(a >= p - 1e-12 and a <= 1 for a, p in zip(adjusted, p_values))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.asarray(adjusted)[order]) >= -1e-12).all()


@pytest.mark.parametrize(
    "p, difference, verdict", [(0.04, 0.1, "better"), (0.04, -0.1, "worse"), (0.06, 0.1, "no evidence")]
)
def test_verdict(p, difference, verdict):
    assert Comparison(5, difference, 0, 0, 0, p, p_holm=p).verdict == verdict
