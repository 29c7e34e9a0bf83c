"""Downloads from a server of this test: cache, checksums, archives, and what goes wrong."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

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
            data = files[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(data) + (10 if self.path.startswith("/cut") else 0)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    files, asked = {}, []
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.files, httpd.asked = files, asked
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
    assert [p.name for p in cache.iterdir() if p.name.endswith(".part")] == []


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
    assert not [p for p in cache.iterdir() if p.suffix == ".part"]


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
