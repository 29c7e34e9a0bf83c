"""Pictures inside a study's text."""

import base64

import pytest

from paddleseg_lite.studio import pictures
from paddleseg_lite.studio.library import Library

PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def place(tmp_path):
    """A folder of a library, with a picture in it, one outside, and a link to that."""
    folder = tmp_path / "output" / "study"
    folder.mkdir(parents=True)
    (folder / "a b.png").write_bytes(PNG)
    (folder / "notes.txt").write_text("no picture")
    (tmp_path / "far.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "far.png")
    return Library([tmp_path / "output"]), folder


@pytest.mark.parametrize("name", ["a%20b.png", "<a b.png>", 'a%20b.png "with a title"', "../study/a%20b.png"])
def test_a_picture_of_the_folder_is_inside(place, name):
    held = base64.b64encode(PNG).decode()
    text = pictures.with_pictures(*place, f"# T\n\n![every seed]({name}) and [a link](x.md)\n")
    assert text == f"# T\n\n![every seed](data:image/png;base64,{held}) and [a link](x.md)\n"


@pytest.mark.parametrize(
    "name", ["absent.png", "../../far.png", "link.png", "notes.txt", "https://example.org/x.png", "/etc/x.png", ""]
)
def test_others_become_their_words(place, name):
    assert pictures.with_pictures(*place, f"![far]({name})") == "*[far]*"


def test_a_picture_too_large_becomes_its_words(place, monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST", len(PNG) - 1)
    assert pictures.with_pictures(*place, "![](a%20b.png)") == "*[a b.png]*"
