"""What ``--image_path`` names, and under which names the results go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paddleseg_lite.errors import DataError
from paddleseg_lite.inference.globbing import files_below, matches
from paddleseg_lite.inference.sources import Source, find_sources, unique_names


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def names_of(paths, root: Path | None = None) -> dict[str, str]:
    found = unique_names([Source(Path(p), Path(p).with_suffix("")) for p in paths])
    return {str(s.path): str(s.name) for s in found}


def test_results_stand_under_their_own_pictures_name():
    assert names_of(["a.jpg", "a.png", "a_2.png"]) == {"a.jpg": "a.jpg", "a.png": "a.png", "a_2.png": "a_2"}
    assert names_of(["b.png", "c/a.png"]) == {"b.png": "b", "c/a.png": "c/a"}
    assert names_of(["A.png", "a.png"]) == {"A.png": "A.png", "a.png": "a.png_2"}  # one on some file systems
    assert names_of(["e\u0301.png", "\u00e9.png"])["\u00e9.png"] != "\u00e9"


def test_a_name_is_never_a_folder_of_another():
    found = names_of(["a.jpg", "a.png/b.jpg"])
    assert found["a.png/b.jpg"] == "a.png/b" and found["a.jpg"] == "a.jpg"


@pytest.mark.parametrize("seed", range(20))
def test_names_are_apart_and_those_alone_keep_theirs(seed):
    import random

    draw = random.Random(seed)
    stems = ["a", "a_2", "a.jpg", "a.jpg_2", "b", "A"]
    paths = [f"{draw.choice(stems)}.{draw.choice(['jpg', 'png', 'tif'])}" for _ in range(9)]
    found = names_of(paths)
    assert len({n.casefold() for n in found.values()}) == len(found) == len(set(paths))
    stems_of = [Path(p).stem.casefold() for p in set(paths)]
    for path, name in found.items():
        if stems_of.count(Path(path).stem.casefold()) == 1:
            assert name == Path(path).stem


def test_a_file_named_twice_is_one_source(tmp_path):
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "l.txt").write_text("a.png\nb.png\n./a.png\n")
    assert [s.path.name for s in find_sources(str(tmp_path / "l.txt"))] == ["b.png", "a.png"]


@pytest.mark.parametrize("line", [",", ".", "..", "/", "x" * 300, "a\0b.png", "sub", "gone.png", "\x1b[2J.png"])
def test_lines_of_a_list_that_name_no_file_leave_the_others_alone(tmp_path, line):
    touch(tmp_path, "a b.png", "sub/c.png", "d.png")
    (tmp_path / "l.txt").write_text(f"a b.png\n{line}\nsub/c.png lab.png\nd.png\tx.png\n")
    sources = find_sources(str(tmp_path / "l.txt"))
    assert [str(s.name) for s in sources if not s.problem and os.path.isfile(s.path)] == ["a b", "sub/c", "d"]
    assert len(sources) == 4
    for source in sources:
        if source.problem:
            assert "l.txt, line 2" in source.problem


def test_folders_hold_every_kind_of_picture(tmp_path):
    touch(tmp_path, *(f"{i}{e}" for i, e in enumerate((".npy", ".gif", ".TIF", ".pgm", ".jpg", ".mp4"))), "no.json")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = {s.path.name for s in find_sources(str(tmp_path))}
    assert found == {"0.npy", "1.gif", "2.TIF", "3.pgm", "4.jpg", "5.mp4", "gone.png"}


def test_pipes_and_devices_are_no_files(tmp_path):
    touch(tmp_path, "a.png")
    os.mkfifo(tmp_path / "p.png")
    os.mkfifo(tmp_path / "v.mp4")
    problems = {s.path.name: bool(s.problem) for s in find_sources(str(tmp_path))}
    assert problems == {"a.png": False, "p.png": True, "v.mp4": True}
    for path in (tmp_path / "p.png", tmp_path / "v.mp4", "/dev/zero", "/dev/stdin"):
        with pytest.raises(DataError, match=r"no file|no image"):
            find_sources(str(path))


@pytest.mark.parametrize("pattern", ["a\0b.png", "x" * 5000, "gone/*.png", "", "~nosuchuser/*.png", "[", "a["])
def test_patterns_that_name_nothing(tmp_path, monkeypatch, pattern):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no image found"):
        find_sources(pattern)


def test_links_in_circles_are_walked_once(tmp_path):
    touch(tmp_path, "a.png", "d/b.png", "e/c.png", "e/.hidden/h.png")
    for i in range(6):  # without a memory: 6 ** 40 ways
        (tmp_path / "d" / f"up{i}").symlink_to(tmp_path)
        (tmp_path / "e" / f"d{i}").symlink_to(tmp_path / "d")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    plain = ["a.png", "d/b.png", "e/c.png"]
    found = [str(p.relative_to(tmp_path)) for p in files_below(tmp_path) if p.suffix]
    assert found == ["a.png", "d/b.png", "e/.hidden/h.png", "e/c.png"]
    for pattern in ("**/*.png", "**/**/*.png", "**", "**/**/**/**/*.png"):
        root, paths = matches(str(tmp_path / pattern))
        assert root == tmp_path and [str(p.relative_to(root)) for p in paths if p.suffix] == plain


def test_patterns_agree_with_glob(tmp_path):
    import glob

    touch(tmp_path, "a.png", "b.jpg", "s/a.png", "s/t/c.png", "s/t/.d.png", "u/x1/y.png", "u/x2/y.png", ".h/z.png")
    for pattern in (
        "*",
        "*.png",
        "*/*.png",
        "**/*.png",
        "s/**/*.png",
        "u/x?/*.png",
        "u/x[1]/y.png",
        "**/t/*",
        "*/t/c.*",
    ):
        expected = sorted(p for p in map(Path, glob.glob(str(tmp_path / pattern), recursive=True)) if p.is_file())
        assert matches(str(tmp_path / pattern))[1] == expected, pattern
