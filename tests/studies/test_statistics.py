"""Paired statistics against their formulas and against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from paddleseg_lite.studies.statistics import (
    Comparison,
    compare_paired,
    corrected,
    holm,
    permutation_p,
    seeds_needed,
    tost_p,
)


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


def test_permutation_by_hand():
    # differences 1, 2, 3: of the 8 sums of +-1 +-2 +-3 two, 6 and -6, are as far from zero
    assert compare_paired([2, 4, 6], [1, 2, 3]).p_permutation == 2 / 8
    assert permutation_p([1.0, -1.0]) == 1.0


def test_permutation_against_scipy():
    rng = np.random.default_rng(3)
    d = rng.normal(0.3, 1, 10)
    reference = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert permutation_p(d) == pytest.approx(reference.pvalue)
    many = rng.normal(0.3, 1, 40)  # drawn, not gone through
    assert permutation_p(many) == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.02)


def test_equivalence_by_its_interval():
    """TOST at 5 % says equivalent exactly where the 90 % interval lies within the margin."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        d = rng.normal(0.3, 1, 12)
        low, high = stats.ttest_1samp(d, 0).confidence_interval(0.9)
        for margin in (0.3, 0.6, 0.9, 1.2):
            p = tost_p(d.mean(), d.std(ddof=1), 12, margin)
            assert (p < 0.05) == (-margin < low and high < margin)
    assert tost_p(0.001, 0.0, 5, 0.01) == 0.0 and tost_p(0.02, 0.0, 5, 0.01) == 1.0


def test_seeds_needed_by_a_table():
    # paired t-test, power 0.8 at 5 %: d = 0.5 takes 34, d = 0.8 takes 15, d = 1 takes 10 (G*Power)
    assert [seeds_needed(1.0, d) for d in (0.5, 0.8, 1.0)] == [34, 15, 10]
    assert seeds_needed(1.0, 0.0) is None and seeds_needed(1.0, 1e-4) is None
    assert seeds_needed(0.001, 1.0) == 2


def test_each_kind_of_p_is_corrected_by_itself():
    found = corrected(
        [compare_paired([2, 4, 6.5], [1, 2, 3], margin=1), compare_paired([1, 2, 3], [1, 2, 4], margin=2)]
    )
    assert [c.p_holm for c in found] == holm([c.p for c in found])
    assert [c.p_equivalent_holm for c in found] == holm([c.p_equivalent for c in found])
    assert [c.p_permutation_holm for c in found] == holm([c.p_permutation for c in found])
