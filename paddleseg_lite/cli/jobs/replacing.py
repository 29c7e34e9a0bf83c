"""A run in the place of an older one (``--overwrite``): the older one goes once the new one has saved a checkpoint.

Until then it is in ``replaced/``, and an attempt that ends without a checkpoint leaves it as it was. A crash on the way
is put right by whoever has the run folder next (:func:`settle`). Nothing here needs space on the disk.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...checkpoint import latest_first, remove_folder
from ...language import translate as _
from ...training import callbacks as cb

logger = logging.getLogger("paddleseg_lite")

REPLACED = "replaced"
_MOVING = ".replaced"  # on its way there, or back
FILES = ("env.json", "doctor.json", "metrics.jsonl", "blackbox.json", "train.log", "results.csv", "results.png")
_OTHERS = ("config.yml", "samples", "vdl", "profile", "abandoned_*")


class Replaced(cb.Callback):
    """Deletes the older run as soon as the new one has a checkpoint."""

    record = f"{REPLACED}/"

    def __init__(self, folder: Path) -> None:
        self.folder, self.waits = folder, True

    def on_step(self, trainer) -> None:
        if self.waits and latest_first(self.folder):
            self.waits = False
            settle(self.folder)


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[None]:
    """Put a run aside while another one starts in its folder; it comes back where that one saves nothing."""
    if not latest_first(folder):
        yield
        return
    (folder / _MOVING).mkdir()
    for path in _own(folder):
        path.rename(folder / _MOVING / path.name)
    (folder / _MOVING).rename(folder / REPLACED)
    try:
        yield
    except BaseException:
        if is_waiting(folder):
            logger.warning(_("nothing was saved: the run that was there before is back in %s"), folder)
        raise
    finally:
        settle(folder)


def is_waiting(folder: Path) -> bool:
    """Whether an older run is aside and no newer one has saved anything."""
    return (folder / REPLACED).is_dir() and not latest_first(folder)


def settle(folder: Path) -> None:
    """Delete the older run where the newer one has saved; else put it back, also after a crash in the middle."""
    if is_waiting(folder):
        for path in _own(folder):  # of an attempt that has come to nothing
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (folder / REPLACED).rename(folder / _MOVING)
    if (folder / REPLACED).is_dir():
        remove_folder(folder / REPLACED)
    if (folder / _MOVING).is_dir():
        for path in (folder / _MOVING).iterdir():
            path.rename(folder / path.name)
        (folder / _MOVING).rmdir()


def _own(folder: Path) -> list[Path]:
    """What a run writes and no lock, checkpoints last: while one is there, so is its recipe."""
    found = [path for name in (*FILES, *_OTHERS) for path in folder.glob(name)]
    return [*found, *latest_first(folder)]
