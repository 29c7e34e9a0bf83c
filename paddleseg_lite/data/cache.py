"""Decoded samples kept for the next epoch, in memory or in a file, within a given number of bytes.

Decoding a PNG takes longer than everything else in reading a sample. A cache
is one block of memory, mapped before loader workers are forked, so that all of
them read and fill the same one; on disk the block is a file, and later runs
start with it full. A full cache keeps what it has: with a random order of
samples, throwing out old ones gains nothing.

The block: a table with a row for each sample, then the arrays.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import mmap
import multiprocessing
import os
import threading
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import EnvironmentProblem
from ..files import cache_folder, expanded

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("paddleseg_lite")

_COLUMNS = 8  # ready, offset, height, width, channels, label bytes a pixel (0: none), checksum, free
_HEADER = 64  # bytes: magic, then the fill mark
_MAGIC = b"pslcache1\0\0\0\0\0\0\0"
_DTYPES = {1: np.uint8, 4: np.int32}


class DecodedCache:
    """A store of (image, label) pairs by index.

    Args:
        num_samples: how many indices there are.
        max_bytes: size of the whole block.
        path: the file that backs it; None for memory. A file in use by another
            run is left alone, and nothing is cached then; it grows as it fills, and stops where the disk is full.

    Attributes:
        enabled: False where the file is taken by another run.
    """

    def __init__(self, num_samples: int, max_bytes: int, path: str | os.PathLike | None = None) -> None:
        table_bytes = num_samples * _COLUMNS * 8
        self._start = _HEADER + table_bytes
        self.max_bytes = max(int(max_bytes), self._start)
        self.checked = path is not None  # what a file holds may have been damaged since
        self.enabled, self._file = True, None
        self._lock = _shared_lock()
        if path is None:
            self._block = _anonymous(self.max_bytes)
            fresh = True
        else:
            self._file, fresh = _open_exclusive(Path(path), self.max_bytes)
            if self._file is None:
                self.enabled = False
                logger.warning("cache %s is used by another run: this one goes without.", path)
                return
            if not _reserve(self._file, 0, self._start):
                self.enabled = False
                logger.warning("cache %s: the disk is full, so this run goes without.", path)
                return
            self._block = mmap.mmap(self._file.fileno(), self.max_bytes)
            fresh = fresh or self._block[: len(_MAGIC)] != _MAGIC
        self._fill = np.frombuffer(self._block, np.int64, 1, offset=len(_MAGIC))
        self._table = np.frombuffer(self._block, np.int64, num_samples * _COLUMNS, offset=_HEADER)
        self._table = self._table.reshape(num_samples, _COLUMNS)
        if fresh:
            self._table[:] = 0
            self._fill[0] = self._start
            self._block[: len(_MAGIC)] = _MAGIC

    def get(self, index: int) -> tuple[np.ndarray, np.ndarray | None] | None:
        """The image and label of a sample, as read-only views; None where they are not held."""
        if not self.enabled or self._table[index, 0] != 1:
            return None
        _, offset, h, w, c, label_bytes, checksum, _ = (int(v) for v in self._table[index])
        label_at = _label_at(h, w, c)
        size = label_at + h * w * label_bytes
        if not self._start <= offset <= offset + size <= self.max_bytes or label_bytes not in (0, 1, 4):
            return None
        if self.checked and zlib.crc32(memoryview(self._block)[offset : offset + size]) != checksum:
            self._table[index, 0] = 0  # damaged: read the sample afresh
            return None
        image = np.frombuffer(self._block, np.uint8, h * w * c, offset=offset).reshape(h, w, c)
        label = None
        if label_bytes:
            label = np.frombuffer(self._block, _DTYPES[label_bytes], h * w, offset=offset + label_at).reshape(h, w)
            label.flags.writeable = False
        image.flags.writeable = False
        return image, label

    def put(self, index: int, image: np.ndarray, label: np.ndarray | None) -> bool:
        """Keep a sample; False where it does not fit or is kept already."""
        if not self.enabled or self._table[index, 0] == 1:
            return False
        h, w, c = image.shape
        label_bytes = 0 if label is None else label.dtype.itemsize
        label_at = _label_at(h, w, c)
        size = label_at + h * w * label_bytes
        if not self._lock.acquire(timeout=1):  # a worker was killed with the lock in its hands
            return False
        try:
            offset = -(-int(self._fill[0]) // 8) * 8
            if offset + size > self.max_bytes:
                return False
            if self._file is not None and not _reserve(self._file, offset, size):
                logger.warning("cache %s: the disk is full, so no more is kept.", self._file.name)
                self.max_bytes = offset  # what is held stays of use
                return False
            self._fill[0] = offset + size
        finally:
            self._lock.release()
        body = np.frombuffer(self._block, np.uint8, size, offset=offset)
        body[: h * w * c] = image.reshape(-1)
        if label is not None:
            body[label_at:] = np.ascontiguousarray(label).reshape(-1).view(np.uint8)
        self._table[index, 1:7] = offset, h, w, c, label_bytes, zlib.crc32(body.data) if self.checked else 0
        self._table[index, 0] = 1  # last: other processes read the row as soon as they see this
        return True

    def __len__(self) -> int:
        return int((self._table[:, 0] == 1).sum()) if self.enabled else 0


def _label_at(h: int, w: int, c: int) -> int:
    """Where the label begins behind its image: at a multiple of 4 bytes."""
    return -(-h * w * c // 4) * 4


def cache_path(folder: str | os.PathLike | None, fingerprint: str) -> Path:
    """Where the cache of a dataset lies; the name changes with its files and settings."""
    folder = cache_folder() if folder is None else expanded(folder)
    return folder / f"decoded-{hashlib.sha256(fingerprint.encode()).hexdigest()[:24]}.bin"


def _anonymous(size: int) -> mmap.mmap:
    try:
        return mmap.mmap(-1, size)  # pages are taken as they are filled
    except (OSError, OverflowError, ValueError) as e:
        raise EnvironmentProblem(f"cannot map a cache of {size} bytes ({e}): choose a smaller cache_bytes.") from e


def _shared_lock() -> Any:
    if "fork" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("fork").Lock()
    return threading.Lock()  # no forked workers: only threads can meet here


def _reserve(file: BinaryIO, offset: int, size: int) -> bool:
    """Take disk space for a part of the file; False where there is none: writing to it would kill the process."""
    if not hasattr(os, "posix_fallocate"):
        return True
    try:
        os.posix_fallocate(file.fileno(), offset, size)
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        if e.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV, errno.ENOSYS):
            raise
    return True  # also where the file system cannot: the file takes space as it fills


def _open_exclusive(path: Path, size: int) -> tuple[BinaryIO | None, bool]:
    """Open the file for this run alone; ``(None, False)`` where another one has it. Second: is it new?"""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b")  # noqa: SIM115 (stays open with the cache)
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return None, False
        old = file.seek(0, os.SEEK_END)
        if old != size:
            file.truncate(0)
            file.truncate(size)  # sparse: takes disk space only as it fills
        return file, old != size
    except OSError as e:
        raise EnvironmentProblem(
            f"cannot make the cache {path} of {size} bytes: {e.strerror or e}. Choose another cache_dir, "
            "a smaller cache_bytes, or cache: memory."
        ) from e
