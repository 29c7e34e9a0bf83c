"""Labels painted in colours -> class ids."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import numpy as np

from ...data import read_image
from ...errors import DataError
from .documents import Reader
from .job import Item, Job
from .names import IGNORE
from .pictures import PictureFinder, Targets, walk

SUFFIXES = (".png", ".bmp", ".tif", ".tiff")


def rgb2id_job(
    folder: Path, table: dict[str, tuple[int, int, int]], *, images: Path | None = None, unknown: str = "error"
) -> Job:
    """Every picture below ``folder``.

    Args:
        table: class name -> RGB, in the order of the class ids; the name ``ignore`` is ignored.
        images: folder of images with the same names, for the preview.
        unknown: ``error``, or ``ignore`` colours that are not in the table.
    """
    paths = walk(folder, SUFFIXES)
    if not paths:
        raise DataError(f"{folder} holds no {', '.join(SUFFIXES)} files (JPEG changes colours and is not read).")
    names = [n for n in table if n != "ignore"]
    if len(names) > IGNORE:
        raise DataError(f"{len(names)} colours do not fit into 8-bit labels, which hold {IGNORE} classes.")
    codes = {_code(np.asarray(rgb)): IGNORE if name == "ignore" else names.index(name) for name, rgb in table.items()}
    finder, targets, items = PictureFinder(images) if images is not None else None, Targets(), []
    for path in paths:
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        found = finder.named(str(relative.with_suffix(""))) if finder else []
        items.append(
            Item(
                label=lambda tally, p=path: to_ids(p, codes, unknown),
                target=Path(f"{targets.take(relative)}.png"),
                image=found[0] if found else None,
                sources=(path,),
            )
        )
    palette = np.asarray([table[n] for n in names], np.uint8)
    return Job(items, names, files={"labels.txt": "\n".join(names) + "\n"}, palette=palette, notes=targets.notes())


def to_ids(path: Path, codes: dict[int, int], unknown: str) -> np.ndarray:
    """Ids of one picture.

    Raises:
        DataError: a colour that is no class, with the number of its pixels.
    """
    coded = _code(read_image(path))
    found, inverse, counts = np.unique(coded, return_inverse=True, return_counts=True)
    strange = [(c, n) for c, n in zip(found.tolist(), counts.tolist()) if c not in codes]
    if strange and unknown == "error":
        shown = ", ".join(f"{_rgb(c)} ({n} px)" for c, n in sorted(strange, key=lambda s: -s[1])[:8])
        raise DataError(
            f"{path}: {len(strange)} colours are no class: {shown}. Add them to the table, or use --unknown ignore "
            "(colours between two classes at their borders come from resizing the labels: make them again)."
        )
    ids = np.asarray([codes.get(c, IGNORE) for c in found.tolist()], np.uint8)
    return ids[inverse.reshape(coded.shape)]


def read_table(path: Path) -> dict[str, tuple[int, int, int]]:
    """Lines ``name R G B`` (also with commas; # begins a remark) as a table.

    Raises:
        DataError: a malformed line, a name or colour twice.
    """
    table: dict[str, tuple[int, int, int]] = {}
    for number, line in enumerate(Reader().text(path).splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        match = re.fullmatch(r"(.+?)[\s,;:]+([0-9]{1,3})[\s,;]+([0-9]{1,3})[\s,;]+([0-9]{1,3})", line)
        rgb = tuple(int(v) for v in match.groups()[1:]) if match else (256,)
        if match is None or max(rgb) > 255:
            raise DataError(f"{path}, line {number}: expected 'name R G B' with values 0..255, found {line[:60]!r}.")
        if match[1] in table or rgb in table.values():
            raise DataError(f"{path}, line {number}: the name '{match[1]}' or its colour {rgb} is there already.")
        table[match[1]] = rgb
    if not table:
        raise DataError(f"{path}: holds no colours. Write a line 'name R G B' for each class.")
    return table


def _code(rgb: np.ndarray):
    wide = rgb.astype(np.int64)
    code = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    return int(code) if code.ndim == 0 else code


def _rgb(code: int) -> tuple[int, int, int]:
    return code >> 16, (code >> 8) & 255, code & 255
