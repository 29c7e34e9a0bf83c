"""Tab completion for a shell: ``paddleseg-lite completion bash``."""

from __future__ import annotations

import argparse
import importlib

from ..errors import EnvironmentProblem
from . import PROGRAM, commands
from . import common as cli

SHELLS = ("bash", "zsh", "tcsh")


def build_parser():
    p = cli.parser(__doc__)
    p.add_argument("shell", choices=SHELLS, help="to be sourced: `source <(paddleseg-lite completion bash)`")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    try:
        import shtab
    except ImportError:
        raise EnvironmentProblem("completion needs the package shtab: pip install shtab.") from None
    print(shtab.complete(whole_parser(), shell=args.shell))


def whole_parser() -> argparse.ArgumentParser:
    """All commands in one parser; flags that name what is registered have its names to choose from."""
    backends = cli.backends()
    whole = argparse.ArgumentParser(prog=PROGRAM)
    branches = whole.add_subparsers(dest="command")
    for name, text in commands().items():
        own = importlib.import_module(f".{name}", __package__).build_parser()
        for action in own._actions:
            action.choices = backends if action.dest in ("backend", "backends") else action.choices
        branches.add_parser(name, help=text, parents=[own], add_help=False, conflict_handler="resolve")
    return whole
