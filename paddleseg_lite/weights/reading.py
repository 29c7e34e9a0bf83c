"""What can be wrong with a weights file, and the one message it becomes."""

from __future__ import annotations

from ..errors import CheckpointError


class Refused(Exception):
    """The file names something that weights do not need."""

    def __init__(self, what: str):
        super().__init__(what)
        self.what = what


class Damaged(Exception):
    """The instructions do not make sense."""


class reading:
    """Turn whatever a damaged file causes into a :class:`CheckpointError` that names the file."""

    def __init__(self, path: str):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is None or isinstance(error, (CheckpointError, KeyboardInterrupt, SystemExit)):
            return False
        if isinstance(error, Refused):
            raise CheckpointError(
                f"{self.path}: refused, because the file asks for {error.what}, which weights do not need; nothing of "
                "it was executed. Do not trust this file. If it is your own, save the state_dict alone and "
                "load that."
            ) from None
        if isinstance(error, (OSError, MemoryError)):
            raise CheckpointError(f"{self.path}: cannot be read ({error or 'out of memory'}).") from error
        detail = str(error).splitlines()[0][:150] if str(error) else kind.__name__
        raise CheckpointError(
            f"{self.path}: damaged or incomplete ({detail}). Copy or download it again and compare its size."
        ) from error
