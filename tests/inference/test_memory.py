"""How much memory a call takes, where Paddle says so."""

import paddle

from paddleseg_lite.inference.footprint import peak_of


def test_a_gpu_build_that_cannot_reset_its_peak(monkeypatch):
    """Paddle 2.6: the call is made and nothing claimed."""
    monkeypatch.setattr(paddle.device, "get_device", lambda: "gpu:0")
    monkeypatch.delattr(paddle.device.cuda, "reset_max_memory_allocated", raising=False)
    called = []
    assert peak_of(lambda: called.append(1)) is None and called == [1]
