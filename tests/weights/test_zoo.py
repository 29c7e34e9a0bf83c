"""Published weights by name: their structure is the publisher's, and every way a download can go."""

import gzip
import hashlib
import http.server
import json
import threading
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleseg_lite import build_model, load
from paddleseg_lite.config import load_config
from paddleseg_lite.errors import CheckpointError, EnvironmentProblem
from paddleseg_lite.inference.predictor import find_config
from paddleseg_lite.interop.converters import from_paddleseg, from_torchvision
from paddleseg_lite.weights import write_pdparams, zoo
from paddleseg_lite.weights.published import CLASSES

GOLDEN = Path(__file__).parents[1] / "golden" / "zoo.json.gz"
PUBLISHED = json.loads(gzip.decompress(GOLDEN.read_bytes()))
BACKBONES = {"vgg16": "VGG16", "vgg16_bn": "VGG16BN"}
K = {"PascalVOC": 21, "Cityscapes": 19, "ADE20K": 150}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(zoo.VARIABLE, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "weights"


def build(name):
    """The network of an entry without any memory for its weights."""
    entry = zoo.find(name)
    with paddle.LazyGuard():
        if entry.model is not None:
            return build_model(load_config(zoo.recipe(name)).model, num_classes=K[entry.data["type"]])
        kind = name.partition("/")[2]
        spec = {"type": "FCN", "backbone": BACKBONES.get(kind, kind.replace("resnet", "ResNet")), "num_classes": 21}
        return build_model({**spec, "type": "FCN8s"} if kind in BACKBONES else spec)


def test_every_entry_is_checked_against_its_publisher():
    assert set(PUBLISHED) == set(zoo.ZOO)
    assert len({entry.file for entry in zoo.ZOO.values()}) == len(zoo.ZOO)
    for entry in zoo.ZOO.values():
        assert entry.address.startswith("https://") and entry.licence and entry.score
        assert entry.model is None or entry.data["type"] in CLASSES


@pytest.mark.parametrize("name", zoo.ZOO)
def test_structure_is_the_publishers(name):
    """Every tensor of the published file has its place in our network, of the same shape, and none is left over."""
    entry, found = zoo.find(name), PUBLISHED[name]
    assert entry.parameters in (None, found["trainable"])
    state = {key: np.broadcast_to(np.float32(0), shape) for key, shape in found["shapes"].items()}
    model = build(name)
    layer = model if entry.model is not None else model.backbone
    converted = (from_torchvision if name.startswith("torchvision") else from_paddleseg)(state, layer).state
    own = {key: list(tensor.shape) for key, tensor in layer.state_dict().items()}
    fitting = {key: list(array.shape) for key, array in converted.items() if key in own}
    assert fitting == own
    if entry.model is not None:
        trainable = sum(int(p.size) for p in model.parameters() if not p.stop_gradient)
        assert trainable == found["trainable"] and set(converted) == set(own)


@pytest.fixture
def server():
    """A publisher on this machine; ``files[path] = bytes``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data = files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    files = {}
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.files, httpd.address = files, f"http://127.0.0.1:{httpd.server_address[1]}"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def enet(tmp_path):
    """A file of exactly ENet's published structure, with random values."""
    rng = np.random.default_rng(0)
    shapes = PUBLISHED["paddleseg/enet_cityscapes"]["shapes"]
    state = {
        key: (np.abs(rng.normal(size=shape)) + 0.5 if key.endswith("_variance") else rng.normal(0, 0.1, size=shape))
        for key, shape in shapes.items()
    }
    write_pdparams(tmp_path / "enet.pdparams", {k: v.astype("float32") for k, v in state.items()})
    return (tmp_path / "enet.pdparams").read_bytes()


def test_from_a_mirror_by_name(server, enet, monkeypatch, cache):
    entry = zoo.find("paddleseg/enet_cityscapes")
    server.files[f"/weights/{entry.file}"] = enet
    monkeypatch.setenv(zoo.VARIABLE, f"{server.address}/weights/")
    loaded = load("paddleseg/enet_cityscapes")
    assert loaded.class_names[0] == "road" and len(loaded.palette) == 19
    assert loaded.predict(np.zeros((40, 56, 3), np.uint8)).labels.shape == (40, 56)
    assert (cache / entry.file).read_bytes() == enet
    assert (cache / f"{entry.file}.sha256").read_text().strip() == hashlib.sha256(enet).hexdigest()


def test_from_a_folder_and_through_the_tools(enet, monkeypatch, tmp_path, tool):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / zoo.find("paddleseg/enet_cityscapes").file).write_bytes(enet)
    monkeypatch.setenv(zoo.VARIABLE, str(folder))
    status, out, _ = tool("weights", "get", "paddleseg/enet_cityscapes")
    assert status == 0 and out.strip().endswith("enet_cityscapes_1024x512_80k.pdparams")
    picture = np.zeros((32, 48, 3), np.uint8)
    from paddleseg_lite.data import write_png

    write_png(tmp_path / "photo.png", picture)
    name = ["--model_path", "paddleseg/enet_cityscapes", "--image_path", tmp_path / "photo.png"]
    status, out, err = tool("infer", *name, "--save_dir", tmp_path / "out", "--device", "cpu")
    assert status == 0, out + err
    assert (tmp_path / "out" / "id_prediction" / "photo.png").is_file()
    with pytest.raises(CheckpointError, match=r"fcn_resnet50_coco-1167a1af.pth is not there .* bring it from https"):
        zoo.get("torchvision/fcn_resnet50")


def test_a_backbone_by_name(monkeypatch, tmp_path):
    spec = {"type": "FCN", "backbone": "ResNet18", "num_classes": 3}
    shapes = PUBLISHED["torchvision/resnet18"]["shapes"]
    rng = np.random.default_rng(1)
    state = {key: rng.normal(0, 0.05, size=shape).astype("float32") for key, shape in shapes.items()}
    write_pdparams(tmp_path / "resnet18-f37072fd.pth", state)
    monkeypatch.setenv(zoo.VARIABLE, str(tmp_path))
    model = build_model({**spec, "pretrained": "torchvision/resnet18"})
    np.testing.assert_array_equal(model.backbone.state_dict()["stem.0.conv.weight"].numpy(), state["conv1.weight"])
    with pytest.raises(CheckpointError, match=r"is a backbone's weights.*model.pretrained=torchvision/resnet18"):
        find_config("torchvision/resnet18")


def test_a_wrong_checksum_keeps_nothing(server, monkeypatch, cache):
    server.files["/resnet18-f37072fd.pth"] = b"something else"
    monkeypatch.setenv(zoo.VARIABLE, server.address)
    with pytest.raises(CheckpointError, match="does not have the checksum sha256 f37072fd"):
        zoo.get("torchvision/resnet18")
    assert not (cache / "resnet18-f37072fd.pth").exists()


def test_offline_says_which_file_to_put_where(monkeypatch, cache):
    monkeypatch.setenv(zoo.VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(EnvironmentProblem, match=r"bring https://download.*resnet18-f37072fd.pth .* put it at .*cache"):
        zoo.get("torchvision/resnet18")


def test_an_unknown_name_has_the_nearest():
    with pytest.raises(CheckpointError, match="Did you mean 'torchvision/deeplabv3_resnet50'"):
        load("torchvision/deeplab_resnet50")


def test_the_list_names_all(tool):
    status, out, _ = tool("weights", "list")
    assert status == 0 and all(f"| {name} " in out for name in zoo.ZOO)
