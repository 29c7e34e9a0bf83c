"""The page of the rooms: every room is named and drawn, every stop of the two ways is there, imports point down."""

import re
import runpy

import pytest
from pages import ROOT, text_of

DRAWN = runpy.run_path(str(ROOT / "docs" / "draw_rooms.py"))
PAGES = [ROOT / "docs" / name for name in ("architecture.md", "architecture_zh.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_room_is_named_and_every_stop_exists(page):
    text = text_of(page)
    rooms = {room for row in DRAWN["floors"]() for room in row}
    assert len(rooms) > 20 and not {room for room in rooms if f"`{room}`" not in text}
    stops = re.findall(r"^\| \d+(?: [↩↑])? \| `([\w/]+\.py)` \| (.*) \|$", text, re.M)
    assert len(stops) == 22
    for file, what in stops:
        where = ROOT / file if file.startswith("tools/") else ROOT / "paddleseg_lite" / file
        assert where.is_file(), file
        for name in re.findall(r"`(\w+\.py)`", what):
            assert (where.parent / name).is_file(), f"{name} beside {file}"
    assert text.count(" ↩ |") == 4 and text.count(" ↑ |") == 1


def test_the_picture_has_every_room_and_no_line_up():
    rows, pairs = DRAWN["floors"](), DRAWN["imports"]()
    drawn = text_of(ROOT / "docs" / "images" / "rooms.svg")
    assert set(re.findall(r">(\w+)</text>", drawn)) == {room for row in rows for room in row}
    assert "#d11" not in drawn and len(pairs) > 50
    level = {room: i for i, row in enumerate(rows) for room in row}
    assert not [pair for pair in pairs if level[pair[0]] >= level[pair[1]]]


def test_a_line_up_would_be_red():
    assert "#d11" in DRAWN["draw"]([["a"], ["b"]], {("b", "a")})
    assert "#d11" not in DRAWN["draw"]([["a"], ["b"]], {("a", "b")})
