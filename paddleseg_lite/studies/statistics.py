"""Paired comparisons over seeds.

The same seeds are run for every variant, so the difference to the baseline is
taken seed by seed: d_s = metric(variant, s) - metric(baseline, s). Reported are

* mean(d), its 95 % confidence interval by Student's t with n - 1 degrees of
  freedom, and the standardised effect size d_z = mean(d) / sd(d);
* is there a difference? The paired t-test, and beside it the paired permutation
  test, which assumes no distribution: the share of all 2^n choices of signs of d
  whose mean is at least as far from zero (all of them up to n = 14, else 20,000
  drawn ones). With n seeds it cannot fall below 2 / 2^n;
* is there evidence of *no* difference that matters? Two one-sided t-tests (TOST,
  Schuirmann 1987) against -margin and +margin; p is the larger of the two;
* how many seeds would show a difference of the margin (without one: of the size
  found) with power 0.8, if sd(d) stays as it is: by the noncentral t distribution.

Each kind of p-value is corrected over the comparisons of one group by Holm's
step-down procedure (Holm, Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

LEVEL, POWER = 0.95, 0.8
EXACT = 14  # seeds up to which all signs are gone through
DRAWS = 20_000
MOST_SEEDS = 9999
NAN = float("nan")


@dataclass(frozen=True)
class Comparison:
    """A variant against the baseline on the same seeds."""

    n: int
    difference: float
    low: float  # 95 % interval, uncorrected
    high: float
    effect_size: float
    p: float
    p_holm: float = NAN
    p_permutation: float = NAN
    p_permutation_holm: float = NAN
    margin: float | None = None
    p_equivalent: float = NAN
    p_equivalent_holm: float = NAN
    seeds_needed: int | None = None  # None where there is no number: no spread, or no difference to find
    test: str = "t"

    @property
    def verdict(self) -> str:
        """better, worse, equivalent or no evidence, at 5 % after correction."""
        if self.n < 2:
            return "one seed: no evidence" if self.n else "no finished seed"
        differs = (self.p_permutation_holm if self.test == "permutation" else self.p_holm) < 1 - LEVEL
        alike = self.p_equivalent_holm < 1 - LEVEL
        if not differs:
            return "equivalent" if alike else "no evidence"
        return ("better" if self.difference > 0 else "worse") + (", within the margin" if alike else "")


def compare_paired(
    variant: Sequence[float], baseline: Sequence[float], *, margin: float | None = None, test: str = "t"
) -> Comparison:
    """Compare values that belong to the same seeds, in the same order."""
    d = np.asarray(variant, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    n, mean = len(d), float(d.mean()) if len(d) else NAN
    if n < 2:
        return Comparison(n, mean, NAN, NAN, NAN, NAN, margin=margin, test=test)
    sd = float(d.std(ddof=1))
    found = Comparison(n, mean, mean, mean, 0.0, 1.0, p_permutation=permutation_p(d), margin=margin, test=test)
    if margin is not None:
        found = replace(found, p_equivalent=tost_p(mean, sd, n, margin))
    if sd == 0:  # identical on every seed, or shifted by a constant
        return found if mean == 0 else replace(found, effect_size=math.copysign(math.inf, mean), p=0.0)
    result = stats.ttest_rel(variant, baseline)
    low, high = result.confidence_interval(LEVEL)
    return replace(
        found,
        low=float(low),
        high=float(high),
        effect_size=mean / sd,
        p=float(result.pvalue),
        seeds_needed=seeds_needed(sd, margin or abs(mean)),
    )


def permutation_p(d: Sequence[float]) -> float:
    """Two-sided p of the paired permutation test on the mean of the differences."""
    d = np.asarray(d, dtype=np.float64)
    means = np.abs(_signs(len(d)) @ d)
    extreme = int((means >= abs(d.sum()) * (1 - 1e-12)).sum())
    if len(d) <= EXACT:
        return extreme / len(means)
    return (extreme + 1) / (len(means) + 1)  # the signs as they are count as one of the drawn


@functools.lru_cache(maxsize=4)
def _signs(n: int) -> np.ndarray:
    """``[choices, n]`` of -1 and 1."""
    if n <= EXACT:
        return 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.int8)
    return 1 - 2 * np.random.default_rng(0).integers(0, 2, (DRAWS, n), dtype=np.int8)


def tost_p(mean: float, sd: float, n: int, margin: float) -> float:
    """p of the hypothesis that the difference is as large as the margin, or larger: small means equivalent."""
    if sd == 0:
        return 0.0 if abs(mean) < margin else 1.0
    error = sd / math.sqrt(n)
    return float(max(stats.t.sf((mean + margin) / error, n - 1), stats.t.cdf((mean - margin) / error, n - 1)))


def seeds_needed(sd: float, difference: float, power: float = POWER) -> int | None:
    """Seeds with which a paired t-test at 5 % finds a difference with that power; None beyond ``MOST_SEEDS``."""
    if not difference > 0:
        return None

    def reached(n: int) -> bool:
        critical = stats.t.ppf((1 + LEVEL) / 2, n - 1)
        return stats.nct.sf(critical, n - 1, difference / sd * math.sqrt(n)) >= power

    low, high = 1, 2
    while not reached(high):
        low, high = high, 2 * high
        if low > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """All of one group, each kind of p corrected over them."""
    kinds = ("p", "p_permutation", "p_equivalent")
    adjusted = [holm([getattr(c, kind) for c in found]) for kind in kinds]
    return [replace(c, **{f"{kind}_holm": p for kind, p in zip(kinds, ps)}) for c, ps in zip(found, zip(*adjusted))]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values in the given order; NaN stays NaN and counts as no comparison."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), np.nan)
    valid = np.flatnonzero(~np.isnan(p))
    running = 0.0
    for rank, index in enumerate(valid[np.argsort(p[valid], kind="stable")]):
        running = max(running, min(1.0, (len(valid) - rank) * p[index]))
        adjusted[index] = running
    return adjusted.tolist()
