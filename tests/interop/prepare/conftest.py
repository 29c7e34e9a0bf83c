"""The tests' own helpers are found beside them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def prepare(tool, tmp_path):
    """``prepare("coco", *flags)`` -> (status, output, errors), written to ``tmp_path / "out"`` without a preview."""
    from annotated import preparer

    return preparer(tool, tmp_path / "out")
