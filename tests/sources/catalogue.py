"""All items, in the order of the page."""

from __future__ import annotations

from tests.sources import arithmetic, blocks, graphs, networks, scores
from tests.sources.items import ITEMS, Item

MODULES = (arithmetic, blocks, scores, graphs, networks)  # importing them fills ITEMS
ORDER = [
    *(f"day {n}" for n in range(1, 8)),
    "MobileNet-PSPNet article",
    "DeepLab article",
    "progressive PSPNet article",
    "ENet article",
]


def catalogue() -> list[Item]:
    """Every item, by source."""
    return sorted(ITEMS, key=lambda entry: ORDER.index(entry.source))
