"""The commands: flags are read here, ``jobs`` does what they ask for. ``tools/*.py`` are doors to it.

May import every room; no room imports it. A new command is a module with ``main(argv)``
here, its job in ``jobs/``, and a door in ``tools/``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence


def run_command(name: str, argv: Sequence[str] | None = None) -> None:
    """Run a command by its name and end the process with its status."""
    from .common import run

    run(importlib.import_module(f".{name}", __name__).main, argv)
