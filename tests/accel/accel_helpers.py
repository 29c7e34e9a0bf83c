"""How far two results are apart."""

import numpy as np


def relative(a, b, scale: float = 0.0) -> float:
    """Largest difference over the largest value of ``b`` (or over ``scale``, if that is larger)."""
    a, b = (np.asarray(t.numpy() if hasattr(t, "numpy") else t, dtype=np.float64) for t in (a, b))
    assert a.shape == b.shape
    return float(np.abs(a - b).max(initial=0.0) / max(np.abs(b).max(initial=0.0), scale, 1e-12))
