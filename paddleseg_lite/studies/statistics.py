"""Paired comparisons over seeds.

The same seeds are run for every variant, so the difference to the baseline is
taken seed by seed: d_s = metric(variant, s) - metric(baseline, s). Reported are
mean(d), its 95 % confidence interval by Student's t with n - 1 degrees of
freedom, the standardised effect size d_z = mean(d) / sd(d), and p-values
corrected over the comparisons of one group by Holm's step-down procedure
(Holm, Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Comparison:
    """A variant against the baseline on the same seeds."""

    n: int
    difference: float
    low: float  # 95 % interval, uncorrected
    high: float
    effect_size: float
    p: float
    p_holm: float = float("nan")

    @property
    def verdict(self) -> str:
        """better, worse or no evidence, at 5 % after correction."""
        if self.n < 2:
            return "one seed: no evidence"
        if not self.p_holm < 1 - LEVEL:
            return "no evidence"
        return "better" if self.difference > 0 else "worse"


def compare_paired(variant: Sequence[float], baseline: Sequence[float]) -> Comparison:
    """Compare values that belong to the same seeds, in the same order."""
    d = np.asarray(variant, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    n, mean = len(d), float(d.mean()) if len(d) else float("nan")
    if n < 2:
        return Comparison(n, mean, float("nan"), float("nan"), float("nan"), float("nan"))
    sd = float(d.std(ddof=1))
    if sd == 0:  # identical on every seed, or shifted by a constant
        p = 1.0 if mean == 0 else 0.0
        return Comparison(n, mean, mean, mean, 0.0 if mean == 0 else float(np.copysign(np.inf, mean)), p)
    test = stats.ttest_rel(variant, baseline)
    low, high = test.confidence_interval(LEVEL)
    return Comparison(n, mean, float(low), float(high), mean / sd, float(test.pvalue))


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
