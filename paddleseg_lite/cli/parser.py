"""argparse as the tools use it: defaults that are real, an example, and the nearest flag instead of a page of usage."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn

from ..errors import nearest

_EXAMPLE = re.compile(r":?\s*``(?P<command>[^`]+)``(?:, ``[^`]+``)*\.?")
_DOOR = re.compile(r"(?:python )?tools/(\w+)\.py")


class _Formatter(argparse.HelpFormatter):
    """Adds a default to a flag's help where it has one that says something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        silent = action.default in (None, False, argparse.SUPPRESS) or action.default == []
        if text and not silent and "default" not in text:
            text += " (default: %(default)s)"
        return text


def as_called(command: str) -> str:
    """A command of ``tools/`` as this process was called: so, or by the name of the installed program."""
    return command if "tools" in sys.argv[0] else _DOOR.sub(r"paddleseg-lite \1", command)


class Parser(argparse.ArgumentParser):
    """A parser whose description ends with an example (``description: ``command``.``), shown behind the flags."""

    def __init__(self, *args: Any, description: str | None = None, **kwargs: Any) -> None:
        match = _EXAMPLE.search(description or "")
        if description and match:
            kwargs.setdefault("epilog", f"example: {as_called(match['command'])}")
            description = description[: match.start()].rstrip() + "."
        kwargs.setdefault("formatter_class", _Formatter)
        super().__init__(*args, description=description, **kwargs)

    def error(self, message: str) -> NoReturn:
        """One line with the nearest flag or choice, and status 2."""
        unknown = re.match(r"unrecognized arguments: (--?[\w-]+)", message)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            message = f"there is no flag {unknown[1]}.{nearest(unknown[1], flags)}"
        message = message if message.endswith(("?", ".")) else f"{message}."
        self.exit(2, f"error: {message} `{self.prog} --help` lists the flags.\n")
