"""Write docs/results/sources.md: ``python -m tests.sources.report`` from the repository's root."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import paddle

from tests.sources.catalogue import catalogue
from tests.sources.items import Item

PAGE = "docs/results/sources.md"
NAMES = {f"day {n}": f"Day {n} of the notes" for n in range(1, 8)}
HEAD = """# The course's sources, item by item

Made by `python -m tests.sources.report` (Paddle {version}, fp32, CPU). What the seven days' notes and the four articles
state is compared here with an independent reference: {items} items. The reference is a sum written out in NumPy, a
network of PyTorch functions, or Keras 3 itself (PyTorch backend); none has a class in common with the package. Weights
and images come from a formula on both sides (`tests/golden/formula.py`). What PyTorch and Keras gave is stored beside
the scripts that made it (`tests/sources/make_torch.py`, `make_keras.py`), so the test suite needs neither.

"Difference" is the largest one over all numbers compared, "of" the largest number of the reference. The limit is 1e-5
for numbers up to 1, relative beyond; 0 where both must be equal.

The two Keras networks are compared with `faithful: true`. What the defaults do differently is in the texts of
`enet_course` and `pspnet_mobilenet`."""


def row(entry: Item, difference: float, largest: float) -> str:
    """One line of the table."""
    title = entry.title.replace("|", "&#124;")
    shown = "0" if difference == 0 else f"{difference:.1e}"
    return f"| {title} | {entry.reference} | {shown} | {largest:.6g} |"


def page() -> str:
    entries = catalogue()
    lines = [HEAD.format(version=paddle.__version__, items=len(entries))]
    for source, group in groupby(entries, key=lambda entry: entry.source):
        title = NAMES.get(source, f"The {source}")
        lines += [f"\n## {title}\n", "| item | reference | difference | of |", "|---|---|---|---|"]
        for entry in group:
            difference, largest = entry.difference()
            if difference > entry.limit(largest):
                raise SystemExit(f"{entry.source}, {entry.title}: {difference} of {largest}")
            lines.append(row(entry, difference, largest))
    return "\n".join(lines) + "\n"


def main() -> None:
    Path(PAGE).write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
