"""The bytes of a file that shall hold a picture: only of a regular file, and only if it can fit into memory."""

from __future__ import annotations

import os
import stat

from ..errors import DataError
from ..runtime import free_bytes

_WORTH_A_LOOK = 64 << 20  # bytes; smaller pictures are not worth asking the system what is free
_KINDS = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device"}


def read_bytes(path: str | os.PathLike, kind: str) -> bytes:
    """All bytes of a file.

    Args:
        kind: ``image`` or ``label``, for messages.

    Raises:
        DataError: it is missing, empty, no regular file (a pipe may never end), too large, or cannot be read.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            what = _KINDS.get(stat.S_IFMT(found.st_mode), "device")
            raise DataError(f"{kind} {path} cannot be read: it is a {what}, not a file.")
        need_memory(found.st_size, f"{kind} {path}")
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        raise DataError(f"{kind} {path} does not exist.") from None
    except DataError:
        raise
    except (OSError, ValueError) as e:  # ValueError: a NUL in the name
        raise DataError(f"{kind} {path} cannot be read: {getattr(e, 'strerror', None) or e}.") from e
    if not data:
        raise DataError(f"{kind} {path} is empty (0 bytes): copy or download it again.")
    return data


def need_memory(size: int, what: str, dimensions: str = "") -> None:
    """Raise DataError where ``size`` bytes are more than the machine has free."""
    if size < _WORTH_A_LOOK:
        return
    free = free_bytes()
    if free is not None and size > 0.9 * free:
        about = f"{dimensions}: " if dimensions else ""
        raise DataError(
            f"{what} is too large for this machine: {about}reading it takes about {size >> 20} MiB, and {free >> 20} "
            "MiB are free. Cut it into smaller pictures."
        )
