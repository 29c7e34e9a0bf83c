"""Downloads from a server of this test: cache, checksums, archives, and what goes wrong."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from paddleseg_lite import build_model
from paddleseg_lite.errors import CheckpointError, EnvironmentProblem
from paddleseg_lite.weights import read_weights, write_pdparams
from paddleseg_lite.weights.fetch import fetch


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "weights"


@pytest.fixture
def server():
    """``server.files["/x"] = bytes``; ``server.asked`` lists the paths that were requested."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path not in files:
                self.send_error(404)
                return
            data, start, status = files[self.path], 0, 200
            version = f'"{hashlib.md5(data).hexdigest()}"'
            wanted = self.headers.get("Range")
            if wanted and self.headers.get("If-Range") == version and not self.path.startswith("/no_range"):
                start, status = int(wanted[len("bytes=") : -1]), 206
            ranges.append(start)
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", self.path.replace("/moved", ""))
                self.end_headers()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(data) - start + (10 if self.path.startswith("/cut") else 0)))
            self.send_header("ETag", version)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            piece = len(data) // 3 + 1 if "breaks" in self.path else len(data)
            self.wfile.write(data[start : start + piece])

        def log_message(self, *_):
            pass

    files, asked, ranges = {}, [], []
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.files, httpd.asked, httpd.ranges = files, asked, ranges
    httpd.address = f"http://127.0.0.1:{httpd.server_address[1]}"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def weights(tmp_path):
    write_pdparams(tmp_path / "w.pdparams", {"a": np.arange(6, dtype="float32")})
    return (tmp_path / "w.pdparams").read_bytes()


def test_downloaded_once(server, weights, cache):
    server.files["/w.pdparams"] = weights
    path = fetch(f"{server.address}/w.pdparams")
    assert fetch(f"{server.address}/w.pdparams") == path and server.asked == ["/w.pdparams"]
    assert str(cache) in path
    np.testing.assert_array_equal(read_weights(path)["a"], np.arange(6))
    assert [p.name for p in cache.iterdir() if ".part" in p.name or ".lock" in p.name] == []


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_checksum(server, weights, cache, kind):
    server.files["/w.pdparams"] = weights
    good = hashlib.new(kind, weights).hexdigest()
    fetch(f"{server.address}/w.pdparams#{kind}={good}")
    wrong = f"{server.address}/w.pdparams#{kind}={'0' * len(good)}"
    with pytest.raises(CheckpointError, match="does not have the checksum"):
        fetch(wrong)
    assert server.asked == ["/w.pdparams"] * 2  # what is kept is not trusted without its checksum
    with pytest.raises(CheckpointError, match="#sha256=HEX or #md5=HEX"):
        fetch(f"{server.address}/w.pdparams#crc=1")


def test_checksum_in_the_name_as_torchvision_has_it(server, weights):
    name = f"/net-{hashlib.sha256(weights).hexdigest()[:8]}.pth"
    server.files[name] = weights
    fetch(server.address + name)
    server.files["/net-00000000.pth"] = weights
    with pytest.raises(CheckpointError, match="sha256 00000000"):
        fetch(f"{server.address}/net-00000000.pth")


def archive(kind, members):
    """A .tar.gz or .zip of ``{name: bytes}``."""
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as z:
            for name, data in members.items():
                z.writestr(name, data)
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as t:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_archives(server, weights, cache, kind, tmp_path):
    server.files[f"/net.{kind}"] = archive(kind, {"../../evil.txt": b"x", "net/model.pdparams": weights, "a.pth": b"y"})
    path = fetch(f"{server.address}/net.{kind}")
    np.testing.assert_array_equal(read_weights(path)["a"], np.arange(6))
    assert sorted(p.parent for p in tmp_path.rglob("*.txt")) == []  # nothing else leaves the archive
    assert fetch(f"{server.address}/net.{kind}") == path and len(server.asked) == 1


@pytest.mark.parametrize(
    "data, message",
    [
        (archive("zip", {"readme.txt": b"x"}), "holds 0 weights files"),
        (archive("zip", {"a.pth": b"x", "b.pth": b"y"}), "holds 2 weights files"),
        (archive("tar.gz", {"model.pdparams": bytes(2000)})[:60], "archive is damaged"),
        (b"not an archive", "archive is damaged"),
    ],
    ids=["none", "two", "cut off", "no archive"],
)
def test_bad_archives(server, data, message):
    server.files["/x.tar.gz"] = data
    with pytest.raises(CheckpointError, match=message):
        fetch(f"{server.address}/x.tar.gz")


def test_what_goes_wrong(server, weights, cache):
    server.files["/cut.pdparams"] = weights
    with pytest.raises((CheckpointError, EnvironmentProblem), match=r"cut off|cannot be downloaded"):
        fetch(f"{server.address}/cut.pdparams")
    with pytest.raises(EnvironmentProblem, match=r"answers 404.*--opts model.pretrained=FILE"):
        fetch(f"{server.address}/none.pdparams")
    server.files["/big.pdparams"] = bytes(2000)
    with pytest.raises(CheckpointError, match="larger than 1000 bytes"):
        fetch(f"{server.address}/big.pdparams", max_bytes=1000)
    server.files["/bomb.tar.gz"] = archive("tar.gz", {"model.pdparams": bytes(5000)})
    with pytest.raises(CheckpointError, match="more than is plausible"):
        fetch(f"{server.address}/bomb.tar.gz", max_bytes=1000)
    with pytest.raises(CheckpointError, match="only http and https"):
        fetch("ftp://example.com/w.pdparams")
    left = {p.name.partition(".pdparams")[2] for p in cache.iterdir() if ".part" in p.name}
    assert left <= {".incoming.part", ".incoming.part.tag"}  # of the one that was cut off, to go on from


def test_a_broken_download_goes_on_where_it_was(server, weights, cache):
    data = np.random.default_rng(0).bytes(300_000)
    server.files["/breaks.pdparams"] = data
    path = fetch(f"{server.address}/breaks.pdparams")
    assert Path(path).read_bytes() == data and server.ranges == [0, 100_001, 200_002]
    assert {p.suffix for p in cache.iterdir()} == {".pdparams", ".sha256"}
    server.files["/no_range_breaks.pdparams"] = data
    with pytest.raises((CheckpointError, EnvironmentProblem), match=r"cut off|cannot be downloaded"):
        fetch(f"{server.address}/no_range_breaks.pdparams")  # this server always starts anew


def test_a_new_version_is_not_put_behind_the_old_half(server, cache):
    old, new = (np.random.default_rng(seed).bytes(3000) for seed in (0, 1))
    server.files["/cut_w.pdparams"] = old
    with pytest.raises((CheckpointError, EnvironmentProblem)):
        fetch(f"{server.address}/cut_w.pdparams", name="w")
    server.files["/w.pdparams"] = new
    assert Path(fetch(f"{server.address}/w.pdparams", name="w")).read_bytes() == new


def test_without_a_checksum_the_first_download_counts(server, weights, cache):
    server.files["/w.pdparams"] = weights
    path = Path(fetch(f"{server.address}/w.pdparams"))
    path.write_bytes(weights[:-1] + b"!")  # changed here: brought again
    assert Path(fetch(f"{server.address}/w.pdparams")).read_bytes() == weights and len(server.asked) == 2
    path.unlink()
    server.files["/w.pdparams"] = weights + b"!"
    with pytest.raises(CheckpointError, match=r"the first download's, in .*\.sha256: delete it to accept"):
        fetch(f"{server.address}/w.pdparams")


def test_redirections_are_followed(server, weights):
    server.files["/moved/w.pdparams"] = server.files["/w.pdparams"] = weights
    assert Path(fetch(f"{server.address}/moved/w.pdparams")).read_bytes() == weights


def test_offline(cache):
    with pytest.raises(EnvironmentProblem, match=r"cannot be downloaded.*bring the file from another machine"):
        fetch("http://127.0.0.1:9/w.pdparams", timeout=2)


def test_pretrained_address(server, tmp_path):
    spec = {"type": "ENet", "num_classes": 2, "width": 0.25}
    model = build_model(spec)
    write_pdparams(tmp_path / "enet.pdparams", model.state_dict())
    server.files["/enet.pdparams"] = (tmp_path / "enet.pdparams").read_bytes()
    again = build_model({**spec, "pretrained": f"{server.address}/enet.pdparams"})
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name].numpy(), value.numpy())
