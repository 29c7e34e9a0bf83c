"""Errors of the system that a user can mend, told as ours; what is left is a fault of the program."""

from __future__ import annotations

import errno

from ..errors import UserError, missing_library
from ..language import mark
from ..language import translate as _

_SPACE = mark("Free some space, or choose a folder that you may write to.")
_PATH = mark("Give another path.")
_MEMORY = mark("Lower --batch_size, the crop or the number of workers, or free some memory.")
REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG), _SPACE),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR), _PATH),
    errno.EMFILE: "Allow more open files (ulimit -n 1024), or take fewer workers (--num_workers).",
    errno.ENFILE: "The machine has too many files open: close some programs.",
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: "The limit of processes or threads is reached: take fewer workers (--num_workers) and --threads.",
    errno.EIO: "The disk, or the network that it is on, fails: try again, or use another one.",
}
for _name, _remedy in (("EDQUOT", _SPACE), ("ESTALE", REMEDIES[errno.EIO]), ("EILSEQ", _PATH)):  # not on Windows
    if hasattr(errno, _name):
        REMEDIES[getattr(errno, _name)] = _remedy


def explained(error: BaseException) -> str | None:
    """What to tell a user of an error; None where it is no fault of theirs or of the machine."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"{_('there is not enough memory.')} {_(_MEMORY)}"
    if isinstance(error, ImportError):
        return missing_library(error)
    if isinstance(error, OSError) and error.errno in REMEDIES:
        return f"{error.filename or _('a file')}: {error.strerror}. {_(REMEDIES[error.errno])}"
    text = str(error)
    if isinstance(error, ValueError) and "embedded null" in text:
        return f"a path holds a NUL character. {_PATH}"
    if isinstance(error, RuntimeError) and text.startswith("Could not determine home directory"):
        return f"a path begins with ~ and there is no such home. {_PATH}"
    if isinstance(error, RuntimeError) and text.startswith("Symlink loop"):
        return f"{text}. {_PATH}"
    return None
