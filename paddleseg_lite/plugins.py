"""Parts of a user's own: a Python file run so that what it registers is known by name."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import traceback
from pathlib import Path

from .errors import ConfigError, UserError


def import_file(path: Path) -> str:
    """Execute a user's module so that its registrations take effect; the name it has as a module."""
    if not os.path.isfile(path):
        raise ConfigError(f"--import {path}: there is no such file.")
    known = sys.modules.get(path.stem)
    name = path.stem if known is None or getattr(known, "__file__", None) == str(path) else f"imported_{path.stem}"
    loader = importlib.machinery.SourceFileLoader(name, str(path))  # whatever the file's ending
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path, loader=loader))
    sys.modules[name] = module  # so that loader workers can unpickle what it defines
    try:
        loader.exec_module(module)
    except UserError:
        raise
    except Exception as e:
        own = [frame for frame in traceback.extract_tb(e.__traceback__) if Path(frame.filename) == path]
        line = e.lineno if isinstance(e, SyntaxError) else own[-1].lineno if own else "?"
        raise ConfigError(
            f"--import {path}, line {line}: {type(e).__name__}: {e}. Correct the file; it is run before anything else."
        ) from e
    return name
