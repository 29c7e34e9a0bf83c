"""``--import``: a file of the user's own, run before anything else."""

import sys

import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.plugins import import_file


def test_a_file_of_any_name_is_run(tmp_path):
    for name in ("parts_of_my_own.py", "parts_of_my_own_2.txt", "random.py"):
        (tmp_path / name).write_text("value = 41 + 1\nclass Part: ...\n")
        assert sys.modules[import_file(tmp_path / name)].value == 42
    assert sys.modules["parts_of_my_own"].value == 42
    assert hasattr(sys.modules["random"], "shuffle") and sys.modules["imported_random"].value == 42
    part = sys.modules["imported_random"].Part
    assert part.__module__ == "imported_random"  # where a worker finds it


@pytest.mark.parametrize("name", ["none.py", "a" * 300, "a\0b.py", "."])
def test_what_is_no_file_is_said(tmp_path, name):
    with pytest.raises(ConfigError, match="there is no such file"):
        import_file(tmp_path / name)
