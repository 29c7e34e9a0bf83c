"""Read ``.npz`` archives; object arrays (pickles inside) are refused."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np

from .arrays import array_from_bytes
from .reading import Damaged, Refused, reading

_MAX_RATIO = 100  # of declared content to file: weights compress by far less, a zip bomb by more


def read_npz(path: str) -> dict[str, np.ndarray]:
    """All arrays of an archive written by ``numpy.savez`` or ``savez_compressed``.

    Raises:
        CheckpointError: damaged, of objects, or expanding beyond 100 times its size.
    """
    arrays: dict[str, np.ndarray] = {}
    with reading(path), zipfile.ZipFile(path) as archive:
        limit = _MAX_RATIO * os.path.getsize(path) + (1 << 20)
        members = archive.infolist()
        if sum(info.file_size for info in members) > limit:
            raise Damaged("it declares far more content than it can hold")
        for info in members:
            with archive.open(info) as member:
                raw = member.read(info.file_size + 1)
            if len(raw) != info.file_size:
                raise Damaged(f"{info.filename[:60]} has another size than declared")
            arrays[info.filename[:-4] if info.filename.endswith(".npy") else info.filename] = _array(raw)
    return arrays


def _array(raw: bytes) -> np.ndarray:
    stream = io.BytesIO(raw)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise Damaged(f"npy version {version}")
    if dtype.hasobject:
        raise Refused("a pickled object array")
    if dtype.kind not in "biufc" or dtype.shape:
        raise Refused(f"an array of {str(dtype)[:40]} (arrays of numbers only)")
    return array_from_bytes(memoryview(raw)[stream.tell() :], dtype, shape, "F" if fortran else "C")
