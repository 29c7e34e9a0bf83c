"""Where the boxes of a network's drawing stand and how the lines between them run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..models.flow import Flow, Link

BOX = (134, 42)  # width, height
COLUMN = 160  # a box and the gutter beside it
ROW = 68
LEFT, TOP = 14, 80

Point = tuple[float, float]


@dataclass
class Layout:
    """Corners of boxes, the span ``(left, right)`` of each stride's columns, and the size of the picture."""

    corner: dict[str, Point]
    row: dict[str, int]
    lane: dict[str, int]  # number of the column, counted over all strides
    columns: dict[int, tuple[float, float]]
    width: int
    height: int
    side: int  # of the image: a stride as large as this is one value for all of it
    ports: dict[tuple[str, str], tuple[float, float]]  # a link's offset where it leaves and where it arrives


def arrange(flow: Flow) -> Layout:
    """Rows by the longest path from the image, columns by stride; side branches stand as late as they can."""
    rows = rows_of(flow)
    lanes_of: dict[int, dict[int, list[str]]] = {}
    for name, block in flow.blocks.items():
        lanes_of.setdefault(block.stride, {}).setdefault(rows[name], []).append(name)
    corner: dict[str, Point] = {}
    lane: dict[str, int] = {}
    columns: dict[int, tuple[float, float]] = {}
    first = 0
    for stride in sorted(lanes_of):
        wide = max(map(len, lanes_of[stride].values()))
        left = LEFT + first * COLUMN
        columns[stride] = (left, left + wide * COLUMN - 6)
        for row, names in lanes_of[stride].items():
            for i, name in enumerate(sorted(names, key=lambda n: flow.blocks[n].role == "training")):
                lane[name] = first + i
                corner[name] = (left + i * COLUMN + 10, TOP + row * ROW)
        first += wide
    height = TOP + (max(rows.values()) + 1) * ROW - 10
    side = max(b.height for b in flow.blocks.values() if b.role == "image")
    width = max(LEFT * 2 + first * COLUMN, 500)
    return Layout(corner, rows, lane, columns, width, height, side, ports(flow))


def rows_of(flow: Flow) -> dict[str, int]:
    """The row of each block."""
    rows: dict[str, int] = {}
    for name in flow.blocks:  # in the order they run: sources come first
        rows[name] = 1 + max((rows[link.source] for link in flow.links if link.target == name), default=-1)
    for name in reversed(list(flow.blocks)):
        block, after = flow.blocks[name], [rows[link.target] for link in flow.links if link.source == name]
        if block.role in ("head", "context") and after:
            rows[name] = max(rows[name], min(after) - 1)
    return rows


def ports(flow: Flow) -> dict[tuple[str, str], tuple[float, float]]:
    """Offsets that keep several lines of one box apart."""
    result = {}
    for link in flow.links:
        leaving = distinct(other.target for other in flow.links if other.source == link.source)
        coming = distinct(other.source for other in flow.links if other.target == link.target)
        result[link.source, link.target] = (
            spread(leaving.index(link.target), len(leaving)),
            spread(coming.index(link.source), len(coming)),
        )
    return result


def spread(index: int, count: int) -> float:
    return 0.0 if count == 1 else (index - (count - 1) / 2) * min(22.0, 90.0 / count)


def distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def route(link: Link, layout: Layout) -> list[Point]:
    """Corners of the line: straight down where the way is free, else along a gutter between the columns."""
    out, into = layout.ports[link.source, link.target]
    if link.kind == "places":
        out, into = out + 10, into + 10
    (x1, y1), (x2, y2) = layout.corner[link.source], layout.corner[link.target]
    start, end = (x1 + BOX[0] / 2 + out, y1 + BOX[1]), (x2 + BOX[0] / 2 + into, y2)
    below, above = start[1] + 7, end[1] - 16 - into / 8
    gap = layout.row[link.target] - layout.row[link.source]
    between = range(layout.row[link.source] + 1, layout.row[link.target])

    def blocked(lane: int) -> bool:
        return any(layout.lane[name] == lane and layout.row[name] in between for name in layout.lane)

    if gap == 1 or not blocked(layout.lane[link.source]):
        if abs(start[0] - end[0]) < 1:
            return [start, end]
        return [start, (start[0], above), (end[0], above), end]
    if not blocked(layout.lane[link.target]):
        return [start, (start[0], below), (end[0], below), end]
    gutter = x1 + BOX[0] + 10 + out / 8
    return [start, (start[0], below), (gutter, below), (gutter, above), (end[0], above), end]
