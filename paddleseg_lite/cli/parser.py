"""argparse as the tools use it: defaults that are real, an example, and the nearest flag instead of a page of usage."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from typing import Any, NoReturn

from ..errors import ConfigError, nearest
from ..files import expanded

_EXAMPLE = re.compile(r":?\s*``(?P<command>[^`]+)``(?:, ``[^`]+``)*\.?")
OUTPUTS = ("save_dir", "report", "json", "plot", "draw", "output")  # flags whose value is written to
_DOOR = re.compile(r"(?:python )?tools/(\w+)\.py")

# what other programs call a flag of ours; the first that the tool has is named
OTHERWISE = {
    "--lr": ["--learning_rate"],
    "--bs": ["--batch_size"],
    "--steps": ["--iters"],
    "--max_iters": ["--iters"],
    "--workers": ["--num_workers"],
    "--gpu": ["--device"],
    "--gpus": ["--device"],
    "--weights": ["--model_path"],
    "--checkpoint": ["--model_path", "--resume_model"],
    "--resume": ["--resume_model"],
    "--model": ["--model_path", "--config"],
    "--source": ["--image_path"],
    "--image": ["--image_path"],
    "--input": ["--image_path", "--data"],
    "--dataset": ["--data", "--dataset_root"],
    "--output": ["--save_dir"],
    "--out": ["--save_dir"],
}
_BAD = re.compile(r"argument (?P<flag>[^:]+): invalid (?P<kind>int|float) value: (?P<value>.+)")
_CHOICE = re.compile(r"argument (?P<flag>[^:]+): invalid choice: (?P<value>'[^']*')")
_KINDS = {"int": "a whole number", "float": "a number"}


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


def tell_next(*words: str) -> None:
    """The last line of a tool: what to do with what it made, as a command that can be copied."""
    print(f"next: {as_called(shlex.join(words))}")


class Parser(argparse.ArgumentParser):
    """A parser whose description ends with an example (``description: ``command``.``), shown behind the flags."""

    def __init__(self, *args: Any, description: str | None = None, **kwargs: Any) -> None:
        match = _EXAMPLE.search(description or "")
        if description and match:
            kwargs.setdefault("epilog", f"example: {as_called(match['command'])}")
            description = description[: match.start()].rstrip() + "."
        kwargs.setdefault("formatter_class", _Formatter)
        super().__init__(*args, description=description, **kwargs)

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[override]
        """As in argparse; homes in the paths of outputs are expanded.

        Raises:
            ConfigError: such a path is empty, or no file can have it.
        """
        found, rest = super().parse_known_args(args, namespace)
        for name in OUTPUTS:
            path = getattr(found, name, None)
            if path == "":
                raise ConfigError(f"--{name} is empty: name a file or folder.")
            if isinstance(path, str):
                setattr(found, name, str(expanded(path)) if path.startswith("~") else path)
        return found, rest

    def error(self, message: str) -> NoReturn:
        """One line with the nearest flag or choice, and status 2."""
        unknown = re.match(r"unrecognized arguments: (?P<word>\S+)", message)
        bad, choice = _BAD.match(message), _CHOICE.match(message)
        if unknown:
            message = self._unknown(unknown["word"])
        elif bad:
            message = f"{bad['flag']} takes {_KINDS[bad['kind']]}, not {bad['value']}"
        elif choice:
            message += self._nearest_choice(choice["flag"], choice["value"].strip("'"))
        elif message.startswith("the following arguments are required: "):
            message = f"{message.partition(': ')[2]} is missing"
            message += f"; {self.epilog}" if self.epilog else ""
        message = message if message.endswith(("?", ".")) else f"{message}."
        self.exit(2, f"error: {message} `{self.prog} --help` lists the flags.\n")

    def _unknown(self, word: str) -> str:
        """What to say of a word that is no flag's, with what it is likely to be."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        if word.startswith("-"):
            meant = [flag for flag in OTHERWISE.get(word.replace("-", "_").replace("__", "--", 1), ()) if flag in flags]
            hint = f" Did you mean '{meant[0]}'?" if meant else nearest(word, flags)
            return f"there is no flag {word}.{hint}"
        fitting = (
            "--data" if os.path.isdir(word) and "--data" in flags else "--model_path" if os.path.isdir(word) else ""
        )
        fitting = fitting if fitting in flags else "--config"
        hint = f" Did you mean '{fitting} {shlex.quote(word)}'?" if fitting in flags else ""
        return f"'{word}' stands behind no flag.{hint}"

    def _nearest_choice(self, flag: str, value: str) -> str:
        for action in self._actions:
            if flag in (action.dest, action.metavar, "/".join(action.option_strings)):
                return f".{nearest(value, map(str, action.choices or ()))}"
        return ""
