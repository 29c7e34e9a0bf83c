"""Peak memory, each measurement in a process of its own: freed pages stay with a process and would blur the next one.

There the allocator is left as it is, so that it gives freed pages back, and what the
building of the network left behind is given back before the peak is taken.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from .. import runtime

logger = logging.getLogger("paddleseg_lite")

TIMEOUT = 600


def measure_peak(
    config, size: tuple[int, int], batch: int, way: str, mode: str = "infer", imports: tuple[str, ...] = ()
) -> float | None:
    """Peak megabytes above the loaded network, of two passes or two training steps.

    Args:
        config: the recipe.
        size, batch: of the input; in training the recipe's own batch counts where its data is here.
        way: ``backend:precision``.
        mode: ``infer`` or ``train``.
        imports: the user's modules that register parts of their own.

    Returns:
        ``None`` where it fails (too little memory, say) or the platform does not tell.
    """
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "config.yml"
        recipe.write_text(config.to_yaml(), encoding="utf-8")
        arguments = [str(recipe), *map(str, size), str(batch), way, mode, *imports]
        root = str(Path(__file__).resolve().parents[2])  # a checkout need not be installed
        source = f"import sys; sys.path.insert(0, {root!r}); from {__name__} import main; main(*{arguments!r})"
        done = None
        try:
            done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=TIMEOUT)
            return json.loads(done.stdout.strip().splitlines()[-1])["peak_mb"]
        except (subprocess.TimeoutExpired, ValueError, IndexError, KeyError):
            logger.warning("peak memory of %s was not measured: %s", way, done.stderr.strip()[-300:] if done else "")
            return None


def main(recipe: str, width: str, height: str, batch: str, way: str, mode: str, *imports: str) -> None:
    """In the process of its own: build, measure, print one line of JSON."""
    runtime.setup(allocator=False)
    from ..config import load_config
    from ..plugins import import_file
    from .subject import build_subject
    from .training import split_step
    from .ways import open_backend, split

    for file in imports:
        import_file(Path(file))
    config, size = load_config(recipe), (int(width), int(height))
    subject = build_subject(recipe, config, size=size, batch=int(batch))
    if mode == "infer":
        run, image = open_backend(way, subject.model, subject.shape), subject.image()
        before = reset_peak()
        for _ in range(2):
            run(image)
    else:
        before = reset_peak()
        split_step(subject, [split(way)[1]], repeats=1, batch_size=int(batch))
    peak = peak_bytes()
    print(json.dumps({"peak_mb": None if None in (before, peak) else round((peak - before) / 2**20, 1)}))


def reset_peak() -> int | None:
    """Resident bytes now, after the peak counter is set back to them; ``None`` where there is no such counter."""
    try:
        runtime.give_back_memory()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    except OSError:
        return None


def peak_bytes() -> int | None:
    """Largest resident size since :func:`reset_peak`."""
    try:
        return _status("VmHWM")
    except OSError:
        return None


def _status(key: str) -> int | None:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return None
