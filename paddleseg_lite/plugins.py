"""Parts of a user's own: a Python file run so that what it registers is known by name."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

from .errors import ConfigError, UserError


def import_file(path: Path) -> None:
    """Execute a user's module so that its registrations take effect."""
    if not path.is_file():
        raise ConfigError(f"--import {path}: there is no such file.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # so that loader workers can unpickle what it defines
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except Exception as e:
        own = [frame for frame in traceback.extract_tb(e.__traceback__) if Path(frame.filename) == path]
        line = e.lineno if isinstance(e, SyntaxError) else own[-1].lineno if own else "?"
        raise ConfigError(
            f"--import {path}, line {line}: {type(e).__name__}: {e}. Correct the file; it is run before anything else."
        ) from e
