"""The commands: flags are read here, ``jobs`` does what they ask for. ``tools/*.py`` are doors to it.

May import every room; no room imports it. A new command is a module with ``main(argv)``
here, its job in ``jobs/``, and a door in ``tools/``.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "paddleseg-lite"
_SHARED = ("common", "console", "faults", "jobs", "parser", "tolerated")  # modules here that are no commands


def commands() -> dict[str, str]:
    """Each command with the first words of its description; nothing is imported."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name not in _SHARED:
            text = (Path(__path__[0]) / f"{module.name}.py").read_text(encoding="utf-8")
            first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
            found[module.name] = first.partition(": ``")[0]
    return found


def run_command(name: str, argv: Sequence[str] | None = None) -> None:
    """Run a command by its name and end the process with its status."""
    from .common import run

    run(importlib.import_module(f".{name}", __name__).main, argv)


def program(argv: Sequence[str] | None = None) -> None:
    """The console program: ``paddleseg-lite COMMAND ...`` and ``python -m paddleseg_lite COMMAND ...``."""
    from ..errors import nearest
    from ..version import __version__

    arguments = list(sys.argv[1:] if argv is None else argv)
    known = commands()
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help", "help"):
        width = max(map(len, known))
        lines = [f"  {command:{width}}  {text}" for command, text in known.items()]
        print("\n".join([f"usage: {PROGRAM} COMMAND ...\n", *lines, f"\n`{PROGRAM} COMMAND --help` lists its flags."]))
    elif name in ("-V", "-v", "--version"):
        print(f"paddleseg_lite {__version__}")
    elif name not in known:
        kind, options = ("flag", ["--help", "--version"]) if name.startswith("-") else ("command", list(known))
        hint = f"{nearest(name, options)} `{PROGRAM} --help` lists them."
        print(f"error: there is no {kind} '{name}'.{hint}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.argv[0] = f"{PROGRAM} {name}"  # what usage lines and error messages call it
        run_command(name, arguments[1:])
