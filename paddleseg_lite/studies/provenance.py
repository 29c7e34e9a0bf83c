"""What a run was made with: versions, machine, commit."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from ..runtime import processor
from ..version import __version__


def provenance(device: str, threads: int) -> dict[str, Any]:
    """What stands beside the scores of a run; ``paddle`` and the others are imported by then."""
    import cv2
    import numpy
    import paddle

    return {
        "paddleseg_lite": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "paddle": paddle.__version__,
        "numpy": numpy.__version__,
        "opencv": cv2.__version__,
        "platform": platform.platform(),
        "host": platform.node(),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "device": device,
        "threads": threads,
    }


@functools.lru_cache(maxsize=1)
def commit() -> str | None:
    """The commit that this package lies in, with ``+`` where its files were changed; None outside a checkout.

    A run on another machine is told it by the study that ships it there.
    """
    told = os.environ.get("PADDLESEG_LITE_STUDY_COMMIT")
    if told:
        return told
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # an installed package may lie within somebody else's checkout
        return None
    try:
        head = _git(root, "rev-parse", "HEAD").strip()
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "paddleseg_lite")
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed.strip() else "")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout
