"""VisualDL's page of a run: one file of records, each written at once and whole.

VisualDL's own writer drops what it cannot write without telling, and its page shows the newest file of a folder
alone, so that a resumed run would begin at the resume. Here a new file begins with what former ones hold.
The format: eight bytes with the length of a record (little-endian), then the record, a protocol buffer.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EnvironmentProblem
from ..files import cache_folder, write_bytes
from ..outputs import Growing

MARK = "vdlrecords"  # in the names of VisualDL's files


class Board:
    """The records of one run.

    Args:
        folder: made where absent; files of a former run in it are replaced.
        until: keep their records up to this step.
        but: tags that are not kept: those written once, at the end of a run.

    Raises:
        EnvironmentProblem: VisualDL is missing, or the folder cannot be written.
    """

    def __init__(self, folder: str | os.PathLike, *, until: int | None = None, but: tuple[str, ...] = ()):
        self.folder, self._parts = Path(folder), visualdl_parts()
        former = sorted(self.folder.glob(f"*{MARK}*"))
        kept = {} if until is None else self._records(former, until, but)
        newest = max((_number(path) for path in former), default=0)
        path = self.folder / f"{MARK}.{max(int(time.time()), newest + 1):010d}.log"
        meta = self._parts.meta_data(walltime=_now()).SerializeToString()
        write_bytes(path, b"".join(_framed(record) for record in (meta, *kept.values())))
        for old in former:
            with contextlib.suppress(OSError):  # it is not shown any more
                old.unlink()
        self._file = Growing(path)

    @property
    def complete(self) -> bool:
        """Whether everything added is in the file."""
        return not self._file.waiting

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """A point of a curve.

        Raises:
            OSError: nothing can be written now; it will be with the next record.
        """
        self._add(self._parts.scalar(_tag(tag), float(value), int(step), walltime=_now()))

    def add_image(self, tag: str, image: np.ndarray, step: int) -> None:
        """A picture, uint8 ``[H, W, 3]``."""
        self._add(self._parts.image(_tag(tag), image, int(step), walltime=_now()))

    def add_hparams(self, hparams: dict[str, Any], metrics: list[str]) -> None:
        """What the run was made with, and the tags of its scores."""
        name = self._parts.md5(str(self._file.path))
        self._add(self._parts.hparam(name, hparams, [_tag(m) for m in metrics], _now()))

    def flush(self) -> None:
        """Write what could not be written before."""
        self._file.flush()

    def _add(self, record) -> None:
        self._file.add(_framed(record.SerializeToString()))

    def _records(self, files: list[Path], until: int, but: tuple[str, ...]) -> dict[tuple[str, int], bytes]:
        """Former records by tag and step; of two the later one, and none beyond the step."""
        found: dict[tuple[str, int], bytes] = {}
        for path in files:
            for data in _frames(path.read_bytes()):
                try:
                    value = self._parts.Record.FromString(data).values[0]
                except (self._parts.DecodeError, IndexError):
                    break  # what follows a damaged record cannot be told from it
                stepless = value.HasField("meta_data") or value.HasField("hparam")
                if not stepless and value.id <= until and value.tag not in but:
                    found.pop((value.tag, value.id), None)
                    found[value.tag, value.id] = data
        return found


class visualdl_parts:
    """VisualDL's makers of records, imported when they are needed.

    Its import writes settings under the user's home and fails where it cannot: then they go to the cache folder.
    """

    def __init__(self):
        try:
            with _usable_home():
                import visualdl  # noqa: F401 (a part of it may be there without it)
                from google.protobuf.message import DecodeError
                from visualdl.component import base_component
                from visualdl.proto.record_pb2 import Record
                from visualdl.utils.md5_util import md5
        except (ImportError, OSError) as e:
            raise EnvironmentProblem(f"visualdl is not installed or broken ({e}): install it, or use --no_vdl.") from e
        self.Record, self.DecodeError, self.md5 = Record, DecodeError, md5
        self.scalar, self.image = base_component.scalar, base_component.image
        self.hparam, self.meta_data = base_component.hparam, base_component.meta_data


@contextlib.contextmanager
def _usable_home() -> Iterator[None]:
    """``HOME`` as it is where it can be written, else a folder of ours for the time of the block."""
    home, own = os.path.expanduser("~"), os.environ.get("HOME")
    try:
        if home == "~":
            raise FileNotFoundError
        os.makedirs(os.path.join(home, ".visualdl"), exist_ok=True)
        usable = os.access(os.path.join(home, ".visualdl"), os.W_OK)
    except OSError:
        usable = False
    if usable:
        yield
        return
    os.environ["HOME"] = str(cache_folder("visualdl"))
    try:
        yield
    finally:
        if own is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = own


def _framed(record: bytes) -> bytes:
    return struct.pack("<Q", len(record)) + record


def _frames(data: bytes) -> Iterator[bytes]:
    """The whole records at the beginning of a file."""
    start = 0
    while start + 8 <= len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        if start + 8 + length > len(data):
            return
        yield data[start + 8 : start + 8 + length]
        start += 8 + length


def _number(path: Path) -> int:
    """The time in a file's name, by which VisualDL finds the newest."""
    digits = path.name.partition(f"{MARK}.")[2].split(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _tag(text: str) -> str:
    """A tag that VisualDL takes: it uses ``%`` itself."""
    return text.replace("%", "\uff05")


def _now() -> int:
    return round(time.time() * 1000)
