"""Weight gradients from sorted maps: the way of processors with AVX2, on whatever processor this is."""

import random

import paddle
import pytest
from test_convolution import compare, random_case

from paddleseg_lite.accel import blocked, conv, dnnl, primitive, taps

ONE = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}


@pytest.fixture(autouse=True)
def like_avx2(monkeypatch):
    """The rules see no AVX512; plans of other tests are out of the way."""
    own = dnnl.Library.has
    monkeypatch.setattr(dnnl.Library, "has", lambda self, isa: isa != dnnl.ISA_AVX512_CORE and own(self, isa))
    primitive.clear()
    yield
    primitive.clear()


@pytest.fixture
def always(monkeypatch):
    """Sort however small the convolution."""
    monkeypatch.setattr(blocked, "WORTH", 0)
    monkeypatch.setattr(blocked, "WORTH_1X1", 0)
    monkeypatch.setattr(taps, "WIDE", 0)


@pytest.mark.parametrize("seed", range(3))
def test_random_convolutions_agree_with_paddle(seed, always):
    rng = random.Random(100 + seed)
    for _ in range(15):
        compare(random_case(rng), "fp32")


@pytest.mark.parametrize("dilation", [2, 4, 9])
def test_dilated_taps_agree_with_paddle(dilation, always):
    """Rectangles cut from the maps; at 9 most taps never meet the input."""
    window = {**ONE, "dilation": (dilation, dilation)}
    case = {"transposed": False, "x": [2, 19, 8, 7], "kernel": (3, 3), "cout": 24, "bias": True, "extra": (0, 0)}
    compare({**case, "window": window, "pads": (dilation,) * 4}, "fp32")


def geometry(channels: int, side: int, *, kernel: int = 3, dilation: int = 1):
    x, w = paddle.zeros([1, channels, side, side]), paddle.zeros([channels, channels, kernel, kernel])
    pads = (dilation * (kernel // 2),) * 4
    return conv.convolution(x, w, stride=(1, 1), pads=pads, dilation=(dilation,) * 2, groups=1)


def test_maps_are_sorted_where_that_pays():
    assert blocked.suits(geometry(128, 48), "fp32") and blocked.suits(geometry(1024, 24, kernel=1), "fp32")
    assert not blocked.suits(geometry(16, 48), "fp32")  # too little work
    assert not blocked.suits(geometry(128, 48), "bf16")
    assert not blocked.suits(geometry(128, 48, dilation=2), "fp32")  # taps do that
    assert taps.suits(geometry(64, 24, kernel=1)) and not taps.suits(geometry(1024, 24, kernel=1))


def test_with_avx512_nothing_is_sorted(monkeypatch):
    monkeypatch.setattr(dnnl.Library, "has", lambda self, isa: True)
    assert not blocked.suits(geometry(128, 48), "fp32")
