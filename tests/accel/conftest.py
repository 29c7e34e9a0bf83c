"""The oneDNN tests run where the library can be used and say so where it cannot."""

import pytest

from paddleseg_lite import accel


@pytest.fixture(autouse=True)
def onednn(request):
    """Skip unless the Paddle wheel's oneDNN loads; start and end without choices."""
    usable, reason = accel.available()
    if not usable and "without_library" not in request.keywords:
        pytest.skip(f"oneDNN: {reason}")
    accel.clear_choices()
    yield
    accel.clear_choices()


@pytest.fixture(params=["fp32", "bf16"])
def math(request):
    """Both arithmetics; bf16 where the processor has it."""
    if request.param == "bf16" and not accel.has_bf16():
        pytest.skip("this processor has no bf16 arithmetic")
    return request.param
