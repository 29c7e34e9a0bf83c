"""Operations on each element, on values in channels-last order.

Seen as ``[N, H, W, C]`` such a tensor is contiguous, so Paddle's own kernels run
on it at full speed and its own gradients apply. What is here only chooses that view.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F

from .layout import as_last, first_view, is_channels_last, last_view


def relu(x):
    """``max(x, 0)``."""
    return first_view(F.relu(last_view(x)))


def add(x, y):
    """``x + y`` of equal shapes, of which one at least has adjacent channels."""
    return first_view(last_view(as_last(x)) + last_view(as_last(y)))


def dropout2d(x, rate: float):
    """Whole channels dropped with probability ``rate``, the rest scaled up (train mode)."""
    n, c, _, _ = x.shape
    kept = F.dropout(paddle.ones([n, 1, 1, c]), p=rate, training=True)
    return first_view(last_view(x) * kept)


def dropout(x, rate: float):
    """Single values dropped with probability ``rate``, the rest scaled up (train mode)."""
    return first_view(F.dropout(last_view(x), p=rate, training=True))


def worth_it(*tensors) -> bool:
    """Whether these are feature maps in channels-last order."""
    return all(t.ndim == 4 and is_channels_last(t) for t in tensors)
