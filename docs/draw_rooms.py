"""Draw the rooms of the package and who imports whom: ``python docs/draw_rooms.py`` writes docs/images/rooms.svg.

Floors are the layers of ``[tool.importlinter]`` in pyproject.toml, lines the imports between rooms as the source has
them; a line that points up would be red, and ``lint-imports`` would fail.
"""

from __future__ import annotations

import ast
import re
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "paddleseg_lite"
OUT = ROOT / "docs" / "images" / "rooms.svg"
WIDTH, FLOOR, BOX, GAP = 1000, 62, 26, 12  # pixels
LETTER = 7.6  # mean width of one, in the boxes' 13 px


def floors() -> list[list[str]]:
    """Rooms from the door inwards, one list a floor."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^layers = \[(.*?)^\]", text, flags=re.S | re.M).group(1)
    rows = [re.findall(r"\w+", row) for row in re.findall(r'"([^"]+)"', listed)]
    return [row for row in rows if row != ["__main__"]]


def imports() -> set[tuple[str, str]]:
    """Pairs ``(room, room it imports)``; imports for annotations alone do not count."""
    rooms, found = set(chain(*floors())), set()
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in rooms:
            continue
        for node in _run(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == len(parts):
                names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
                found.update((parts[0], name) for name in names if name in rooms and name != parts[0])
    return found


def _run(node: ast.AST):
    """Nodes that run: all but those below ``if TYPE_CHECKING``."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _run(child)


def draw(rows: list[list[str]], pairs: set[tuple[str, str]]) -> str:
    """The picture as SVG text."""
    boxes: dict[str, tuple[float, float, float]] = {}  # room -> left, top, width
    for level, row in enumerate(rows):
        widths = [LETTER * len(room) + 22 for room in row]
        left = (WIDTH - sum(widths) - GAP * (len(row) - 1)) / 2
        for room, width in zip(row, widths):
            boxes[room] = left, 14 + level * FLOOR, width
            left += width + GAP
    height = 14 + len(rows) * FLOOR - FLOOR + BOX + 14
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for above, below in sorted(pairs):
        (x0, y0, w0), (x1, y1, w1) = boxes[above], boxes[below]
        start, end = (x0 + w0 / 2, y0 + BOX), (x1 + w1 / 2, y1)
        bend = (end[1] - start[1]) / 2
        style = 'stroke="#7a8ba3" stroke-opacity=".35"' if y1 >= y0 else 'stroke="#d11" stroke-width="3"'
        out.append(
            f'<path d="M{start[0]:.0f} {start[1]:.0f} C{start[0]:.0f} {start[1] + bend:.0f} {end[0]:.0f} '
            f'{end[1] - bend:.0f} {end[0]:.0f} {end[1]:.0f}" fill="none" {style}><title>{above} imports {below}'
            "</title></path>"
        )
    for room, (x, y, width) in boxes.items():
        middle = f'x="{x + width / 2:.0f}" y="{y + 17}"'
        out.append(
            f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX}" rx="6" fill="#eef3fa" stroke="#4a6a94"/>'
            f'<text {middle} font-size="13" text-anchor="middle" fill="#1b2b40">{room}</text>'
        )
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    OUT.write_text(draw(floors(), imports()), encoding="utf-8")
    print(f"written: {OUT.relative_to(ROOT)}")
