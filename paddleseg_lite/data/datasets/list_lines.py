"""One line of a list, ``image<separator>label``: where it is to be cut.

A separator that is given is the one that counts. Without one it is guessed: a
tab, else a comma, else white space. Names may hold all of these, so wherever a
line can be cut at several places, the cut whose files exist is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...errors import DataError

Pair = tuple[str, "str | None"]

_PLACES = re.compile(r"\s*[,;]\s*|\s+")


def split_line(
    line: str, where: str, separator: str | None, *, label_needed: bool, exists: Callable[[str], bool]
) -> Pair:
    """Cut one line.

    Args:
        where: names the line in messages.
        separator: what stands between the two paths; None: guess.
        label_needed: an image alone is an error.
        exists: whether a path, relative to the list's root, is a file.

    Returns:
        image and label, backslashes of Windows turned unless the file is called so; None where there is no label.

    Raises:
        DataError: there are not two parts (or one, where that is enough), and no cut leads to files.
    """
    parts = _usual_parts(line, separator)
    usual: Pair | None = None
    if all(parts) and (len(parts) == 2 or (len(parts) == 1 and not label_needed)):
        usual = parts[0], parts[1] if len(parts) == 2 else None
    candidates = list(dict.fromkeys([*([usual] if usual else []), *_cuts(line, separator)]))
    if not label_needed:
        candidates = list(dict.fromkeys([*candidates, (line, None)]))
    turned = {name: _turned(name, exists) for pair in candidates for name in pair if name}
    if usual is None or len(candidates) > 1:
        usual = _that_exists(candidates, lambda name: exists(turned[name])) or usual
    if usual is None:
        between = "" if separator is None else f" with separator {separator!r} between"
        raise DataError(
            f"{where}: expected 'image label'{'' if label_needed else ' or an image alone'}{between}, but found "
            f"{len(parts)} part(s): {line[:120]!r}. Write two paths with a tab between (needed by names with spaces)."
        )
    image, label = usual
    return turned[image], None if label is None else turned[label]


def _usual_parts(line: str, separator: str | None) -> list[str]:
    """The line at every place of one separator, given or the likeliest."""
    if separator is None:
        separator = "\t" if "\t" in line else "," if "," in line else None
    if separator is None or not separator.strip(" "):  # a run of spaces is one separator
        return re.split(r"\s+" if separator is None else " +", line.strip())
    return [part.strip() for part in line.split(separator)]


def _cuts(line: str, separator: str | None) -> list[Pair]:
    """Every way to cut the line in two."""
    if separator is None:
        places = re.compile("\\s*\t\\s*") if "\t" in line else _PLACES
    else:
        places = re.compile(" +" if not separator.strip(" ") else re.escape(separator))
    cuts = [(line[: found.start()].strip(), line[found.end() :].strip()) for found in places.finditer(line)]
    return [(image, label) for image, label in cuts if image and label]


def _that_exists(candidates: list[Pair], exists: Callable[[str], bool]) -> Pair | None:
    """The first whose files are all there, else the first whose image is."""
    with_image = [pair for pair in candidates if exists(pair[0])]
    return next((pair for pair in with_image if pair[1] is None or exists(pair[1])), next(iter(with_image), None))


def _turned(name: str, exists: Callable[[str], bool]) -> str:
    """Lists written on Windows have backslashes."""
    return name if "\\" not in name or exists(name) else name.replace("\\", "/")
