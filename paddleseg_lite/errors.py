"""The errors a user can cause, each with a remedy in its message.

Every tool catches :class:`UserError`, prints the message without a traceback
and exits with status 2. Anything else is a fault of ours and keeps its
traceback.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable

LIBRARIES = {  # what OpenCV asks for and small containers lack: Debian's package
    "libGL.so": "libgl1",
    "libEGL.so": "libegl1",
    "libgthread": "libglib2.0-0",
    "libglib": "libglib2.0-0",
    "libSM.so": "libsm6",
    "libXext": "libxext6",
    "libXrender": "libxrender1",
    "libgomp": "libgomp1",
}


class UserError(Exception):
    """Base of all errors whose cause and remedy lie with the user's input."""


class ConfigError(UserError, ValueError):
    """A key, value or file of a configuration is wrong."""


class DataError(UserError, ValueError):
    """An image, label or list file is missing, damaged or inconsistent."""


class CheckpointError(UserError, RuntimeError):
    """Weights or a checkpoint cannot be read, trusted or matched."""


class EnvironmentProblem(UserError, RuntimeError):
    """The machine lacks something that was asked for (device, disk, package)."""


def cannot_write(path: str | os.PathLike, error: OSError) -> EnvironmentProblem:
    """The error for an output that the system refuses."""
    return EnvironmentProblem(
        f"cannot write {path}: {error.strerror or error}. Choose a folder you may write to, or free some space."
    )


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest candidate, else ``""``."""
    options = [str(c) for c in candidates]
    lowered = {c.lower(): c for c in options}
    match = difflib.get_close_matches(str(name).lower(), list(lowered), n=1, cutoff=0.5)
    return f" Did you mean '{lowered[match[0]]}'?" if match else ""


def instead(asked: str, why: str, used: str) -> str:
    """The line for everything that was asked for, is not there, and is replaced."""
    return f"{asked} is not to be had here ({why.rstrip('.')}): {used} is used instead."


def missing_library(error: ImportError) -> str | None:
    """A library of the system that a package lacks, and how to get it."""
    text = str(error)
    if "cannot open shared object file" not in text:
        return None
    library = text.split(":")[0].strip()
    package = next((name for part, name in LIBRARIES.items() if library.startswith(part)), None)
    if package is None:
        return f"the system library {library} is missing: install it with the system's package manager."
    return (
        f"OpenCV cannot be loaded, for the system library {library} is missing: install it "
        f"(Debian, Ubuntu: apt-get install {package}), or the OpenCV that does without "
        "(pip uninstall opencv-python; pip install opencv-python-headless)."
    )
