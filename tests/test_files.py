import csv
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile

import pytest

from paddleseg_lite import files
from paddleseg_lite.errors import EnvironmentProblem


def names(folder):
    return sorted(os.listdir(folder))


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "new" / "a.json"
    files.write_json(path, {"ä": (1, 2)})
    assert json.loads(path.read_text(encoding="utf-8")) == {"ä": [1, 2]}
    assert files.read_json(path) == {"ä": [1, 2]}
    assert names(path.parent) == ["a.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(ZeroDivisionError), files.whole_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_a_full_disk_is_a_users_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*a\.txt: No space left.*free some space"):
        files.write_text(tmp_path / "a.txt", "x")
    assert names(tmp_path) == []


def test_a_link_keeps_its_target_and_a_device_is_not_replaced(tmp_path):
    files.write_text(tmp_path / "real.txt", "old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    files.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([sys.executable, "-c", f"print(open({str(pipe)!r}).read())"], stdout=subprocess.PIPE)
    files.write_text(pipe, "through")
    assert reader.communicate(timeout=60)[0].strip() == b"through" and pipe.is_fifo()


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        files.write_text(tmp_path / "a", "x")
    with pytest.raises(EnvironmentProblem, match="output folder"):
        files.make_folder(__file__)


def test_a_file_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    files.write_json(tmp_path / "a.json", {"file": name})
    assert files.read_json(tmp_path / "a.json") == {"file": name}


@pytest.mark.parametrize("content", ["", "[1]", "{", "[" * 100_000])
def test_a_damaged_json_file_reads_as_empty(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    assert files.read_json(tmp_path / "a.json") == {} == files.read_json(tmp_path / "absent.json")


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_file_hash(tmp_path, kind):
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    assert files.file_hash(tmp_path / "a", kind) == hashlib.new(kind, data).hexdigest()


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PADDLESEG_LITE_CACHE", raising=False)
    assert files.cache_folder("weights") == tmp_path / "home" / ".cache" / "paddleseg_lite" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert files.cache_folder("weights") == tmp_path / "xdg" / "paddleseg_lite" / "weights"
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", "~/own")
    assert files.cache_folder("weights") == tmp_path / "home" / "own" / "weights"


@pytest.mark.parametrize("why", ["file in the way", "no home"])
def test_without_a_cache_folder_a_temporary_one_of_this_user_serves(why, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(files, "_told", set())
    if why == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("PADDLESEG_LITE_CACHE", "~nobody_of_that_name/cache")
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        folder = files.cache_folder("weights")
        assert files.cache_folder("engines").parent == folder.parent  # the same for all, and for the next run
    assert folder == tmp_path / f"paddleseg_lite-{os.getuid()}" / "weights" and folder.is_dir()
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert [str(folder.parent) in r.getMessage() for r in caplog.records] == [True]


def test_a_temporary_folder_that_others_may_write_to_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trap = tmp_path / f"paddleseg_lite-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", "/proc/cannot")
    assert files.cache_folder("weights").parent != trap


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root may become another user")
def test_a_user_without_a_passwd_entry_and_without_home(root):
    code = (
        "import os, paddleseg_lite.files as files; os.setgid(54321); os.setuid(54321); os.environ.pop('HOME', None)\n"
        "folder = files.cache_folder('weights'); print(folder); os.removedirs(folder)"
    )
    keep = {k: v for k, v in os.environ.items() if k not in ("XDG_CACHE_HOME", "PADDLESEG_LITE_CACHE")}
    done = subprocess.run([sys.executable, "-c", code], env=keep, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith("paddleseg_lite-54321/weights"), done.stderr
    assert "no home" in done.stderr.lower() or "home directory" in done.stderr


def test_no_cell_of_a_table_is_a_formula_or_moves_a_terminal(tmp_path):
    from paddleseg_lite.files import write_csv

    rows = [
        ["\x1b[31mred", "\u202egnp.a", "two\nlines", "猫 é"],
        ["=1+1", "+cmd", "-2.5", -2.5],
        ["@SUM(A1)", "\t=x", "  =x", "a=b"],
        [tmp_path / "=x", "-", "", None],
    ]
    write_csv(tmp_path / "t.csv", ["=name", "b", "c", "d"], rows)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as f:
        read = list(csv.reader(f))
    assert read[0] == ["'=name", "b", "c", "d"]
    assert read[1] == [r"\x1b[31mred", r"\u202egnp.a", "two\nlines", "猫 é"]
    assert read[2:] == [
        ["'=1+1", "'+cmd", "-2.5", "-2.5"],
        ["'@SUM(A1)", "'\t=x", "'  =x", "a=b"],
        [str(tmp_path / "=x"), "'-", "", ""],
    ]
