"""Which pictures are for training and which for validation: pictures that show the same stay together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from ...data.near_duplicates import alike
from ...errors import ConfigError

PARTS = ("train", "val", "test")
TRIES = 24  # deals that are compared by the classes each part shows


def deal(
    groups: Sequence[Sequence[int]],
    shares: Sequence[float],
    *,
    seed: int = 0,
    classes: Sequence[Collection[int]] | None = None,
) -> list[list[int]]:
    """Deal groups out at random, the same way for the same seed: sorted indices for each share.

    Args:
        groups: of indices 0, 1, ...; a group goes to one part whole.
        shares: of the parts, scaled to 1; the parts come as near to them as whole groups can, and none that wants
            pictures stays empty where there are groups enough.
        classes: the classes that each index shows; of some deals that one is taken in which most are in every part.
    """
    total = sum(len(group) for group in groups)
    bounds = np.round(np.cumsum(shares) / sum(shares) * total).astype(int)
    wanted = np.diff([0, *bounds])
    for part, share in enumerate(shares):
        if share > 0 and not wanted[part] and wanted.max() > 1:
            wanted[int(np.argmax(wanted))] -= 1
            wanted[part] += 1
    best, fewest = None, None
    for attempt in range(TRIES if classes is not None else 1):
        rng = np.random.default_rng([seed, attempt] if attempt else seed)
        parts: list[list[int]] = [[] for _ in shares]
        order = [groups[i] for i in rng.permutation(len(groups))]
        for group in sorted(order, key=lambda g: -len(g)):  # stable: of one size at random
            room = [want - len(part) for want, part in zip(wanted, parts)]
            parts[int(np.argmax(room))].extend(group)
        lacking = missing_classes(parts, classes, wanted) if classes is not None else 0
        if fewest is None or lacking < fewest:
            best, fewest = parts, lacking
        if not fewest:
            break
    return [sorted(part) for part in best]


def missing_classes(parts: list[list[int]], classes: Sequence[Collection[int]], wanted: Sequence[int]) -> int:
    """How many classes are missing in how many parts that want pictures; in the first part it weighs ten times."""
    everything = set().union(*classes) if classes else set()
    seen = [set().union(*(classes[i] for i in part)) for part in parts]
    weights = [10, *[1] * (len(parts) - 1)]
    return sum(w * len(everything - own) for w, own, want in zip(weights, seen, wanted) if want)


def check_ratio(ratio: Sequence[float]) -> None:
    """Two or three shares, the first above 0.

    Raises:
        ConfigError: others.
    """
    if not 2 <= len(ratio) <= 3 or not min(ratio) >= 0 or not 0 < sum(ratio) < float("inf") or ratio[0] <= 0:
        raise ConfigError(f"--ratio is two or three shares (train, val, test), such as 0.8 0.1 0.1; got {list(ratio)}.")


def groups_of(paths: Sequence[Path], shares: Sequence[float]) -> tuple[list[list[int]], list[str]]:
    """Groups of pictures that show the same, and what the user should know about them.

    A group larger than its part could be (a long video, pictures that all look alike) is
    cut in the order of names, so that most neighbours still stay together.
    """
    groups, notes = alike(paths), []
    largest = max(1, int(len(paths) * min(share for share in shares if share > 0) / sum(shares)))
    together = sum(len(g) for g in groups if len(g) > 1)
    if together:
        notes.append(f"{together} pictures look like another one; those that do are in one list")
    cut: list[list[int]] = []
    for group in groups:
        if len(group) > max(largest, 0.5 * len(paths)):
            in_order = sorted(group, key=lambda i: paths[i].as_posix())
            cut += [in_order[i : i + largest] for i in range(0, len(in_order), largest)]
            notes.append(
                f"{len(group)} pictures all look alike (one video?) and were divided in the order of their names"
            )
        else:
            cut.append(group)
    return cut, notes
