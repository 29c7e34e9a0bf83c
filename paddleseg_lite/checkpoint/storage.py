"""Folders that appear whole or not at all.

A folder is written beside its place under a temporary name, every file flushed
to disk, then renamed. An older folder of the same name is moved aside first and
deleted last, so that at every moment one of the two is complete:

    crash while writing         .tmp-NAME is garbage, NAME is the old one
    crash between the renames   .old-NAME is the old one, NAME is missing: put back
    crash while deleting        .old-NAME is garbage, NAME is the new one

:func:`recover` puts this right; call it when a run starts. One process at a
time may write into a save folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import CheckpointError

TEMPORARY, ASIDE, DOOMED = ".tmp-", ".old-", ".del-"
Watch = Callable[[str], None]


def _nothing(step: str) -> None:
    pass


@contextlib.contextmanager
def whole_folder(folder: str | os.PathLike, *, need: int = 0, watch: Watch | None = None) -> Iterator[FolderWriter]:
    """Write one folder, which is in place when the block ends without an error; else nothing is left of it.

    Args:
        folder: where it shall be.
        need: bytes it will take, checked against the free disk before anything is written.
        watch: called with the name of each step (the crash tests hook in here).

    Raises:
        CheckpointError: no space, no permission, or another failure of the disk.
    """
    writer = FolderWriter(Path(folder), watch or _nothing)
    try:
        writer.begin(need)
        yield writer
        writer.put_in_place()
    except OSError as e:
        writer.clean()
        raise CheckpointError(
            f"{folder}: cannot be saved ({e.strerror or e}). What was saved before is untouched. "
            "Free some space or choose another --save_dir."
        ) from e
    except BaseException:
        writer.clean()
        raise


class FolderWriter:
    """The steps of :func:`whole_folder`; ``files`` holds size and sha256 of what has been written."""

    def __init__(self, folder: Path, watch: Watch):
        self.folder, self.watch = folder, watch
        self.temporary = folder.parent / f"{TEMPORARY}{folder.name}"
        self.aside = folder.parent / f"{ASIDE}{folder.name}"
        self.files: dict[str, dict] = {}

    def begin(self, need: int) -> None:
        """Undo what an interrupted save left, and make the temporary folder."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _recover_one(self.folder)
        shutil.rmtree(self.temporary, ignore_errors=True)
        check_free(self.folder.parent, need)
        self.temporary.mkdir()
        self.watch("begin")

    def write(self, name: str, produce: Callable[[BinaryIO], None]) -> None:
        """Write one file through ``produce(file)`` and keep its size and sha256 in ``self.files``."""
        with open(self.temporary / name, "wb") as raw:
            out = _Hashing(raw, name, self.watch)
            produce(out)
            raw.flush()
            os.fsync(raw.fileno())
        self.files[name] = {"size": out.size, "sha256": out.digest.hexdigest()}
        self.watch(f"written {name}")

    def put_in_place(self) -> None:
        """Rename: the older folder aside, the new one to its place."""
        fsync_folder(self.temporary)
        self.watch("flushed")
        if self.folder.exists():
            os.rename(self.folder, self.aside)
            fsync_folder(self.folder.parent)
            self.watch("old aside")
        os.rename(self.temporary, self.folder)
        fsync_folder(self.folder.parent)
        self.watch("in place")
        shutil.rmtree(self.aside, ignore_errors=True)
        self.watch("end")

    def clean(self) -> None:
        """Leave what was there before."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # the next start tries again
            _recover_one(self.folder)


class _Hashing:
    """A file that counts and hashes what is written to it."""

    def __init__(self, raw: BinaryIO, name: str, watch: Watch):
        self.raw, self.name, self.watch = raw, name, watch
        self.size, self.digest = 0, hashlib.sha256()

    def write(self, data) -> int:
        self.watch(f"writing {self.name}")
        self.raw.write(data)
        view = memoryview(data)
        self.digest.update(view)
        self.size += view.nbytes
        return view.nbytes


def check_free(folder: Path, need: int) -> None:
    """Raise :class:`CheckpointError` if the disk of ``folder`` has less than ``need`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < need:
        raise CheckpointError(
            f"{folder}: {need / 2**20:.0f} MiB are needed for a checkpoint and {free / 2**20:.0f} MiB are free. "
            "What was saved before is untouched. Free some space, lower --keep_checkpoint_max or choose another "
            "--save_dir."
        )


def recover(save_dir: str | os.PathLike) -> list[str]:
    """Finish or undo what an interrupted run left; returns what was done, for the log."""
    save_dir, done = Path(save_dir), []
    if not save_dir.is_dir():
        return done
    for path in sorted(save_dir.iterdir()):
        if not path.is_dir():
            continue
        if path.name.startswith(ASIDE):
            target = save_dir / path.name[len(ASIDE) :]
            restored = not target.exists()
            _recover_one(target)
            done.append(
                f"{target}: {'put back after' if restored else 'removed the older one left by'} an interrupted save"
            )
        elif path.name.startswith((TEMPORARY, DOOMED)):
            shutil.rmtree(path, ignore_errors=True)
            done.append(f"{path}: removed (an interrupted save or deletion)")
    return done


def _recover_one(folder: Path) -> None:
    aside = folder.parent / f"{ASIDE}{folder.name}"
    if not aside.is_dir():
        return
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.rename(aside, folder)
        fsync_folder(folder.parent)


def remove_folder(folder: Path) -> None:
    """Delete a folder so that no half of it is ever seen under its name."""
    doomed = folder.parent / f"{DOOMED}{folder.name}"
    shutil.rmtree(doomed, ignore_errors=True)
    os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def fsync_folder(folder: Path) -> None:
    """Flush a folder's list of names; where the system has no such call (Windows), do nothing."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
