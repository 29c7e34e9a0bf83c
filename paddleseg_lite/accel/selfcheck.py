"""One small convolution computed by the library and by NumPy: do our constants mean what we think?"""

from __future__ import annotations

import ctypes

import numpy as np

from . import dnnl
from .dnnl import Dims, DnnlError, Library
from .primitive import Attributes, Primitive, channels_last, plain


def check_convolution(library: Library) -> None:
    """Raise DnnlError unless a 3x3 convolution with bias comes out right."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((1, 6, 5, 16), dtype=np.float32)  # N, H, W, C
    w = generator.standard_normal((16, 16, 3, 3), dtype=np.float32)
    b = generator.standard_normal(16, dtype=np.float32)
    y = np.zeros((1, 6, 5, 16), dtype=np.float32)
    attributes = Attributes(library)
    md_x, md_w, md_b = channels_last(library, (1, 16, 6, 5)), plain(library, w.shape), plain(library, b.shape)
    one, none = Dims(1, 1), Dims(0, 0)
    try:
        operation = Primitive(
            library,
            library.convolution_forward_primitive_desc_create,
            (
                library.engine,
                dnnl.FORWARD_INFERENCE,
                dnnl.CONV_DIRECT,
                md_x,
                md_w,
                md_b,
                md_x,
                one,
                none,
                one,
                one,
                attributes,
            ),
            [(dnnl.SRC, md_x), (dnnl.WEIGHTS, md_w), (dnnl.BIAS, md_b), (dnnl.DST, md_x)],
            allow_reference=True,
        )
        operation(*(a.ctypes.data for a in (x, w, b, y)))
    except (DnnlError, ctypes.ArgumentError) as e:
        raise DnnlError(f"a test convolution failed: {e}") from e
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = sum(padded[:, i : i + 6, j : j + 5] @ w[:, :, i, j].T for i in range(3) for j in range(3)) + b
    if not np.allclose(y, expected, rtol=1e-4, atol=1e-4):
        raise DnnlError("a test convolution gave a wrong result")
