"""The package as a library: public names, parts of the user's own, static graphs, data-parallel."""

import subprocess
import sys
import textwrap

import numpy as np
import paddle
import pytest
import yaml

import paddleseg_lite
from paddleseg_lite import build_model, load, predict
from paddleseg_lite.data import write_png
from paddleseg_lite.export.recording import no_call_stacks
from paddleseg_lite.visualize.overlays import overlay

TINY = {"type": "UNet", "style": "bilinear", "base_channels": 4}


def test_import_is_light(root):
    code = (
        "import sys, paddleseg_lite\n"
        "heavy = [m for m in ('paddle', 'cv2', 'matplotlib', 'scipy') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
        "names = {'setup', 'load_config', 'build_model', 'load', 'train', 'evaluate', 'predict'}\n"
        "assert names <= set(dir(paddleseg_lite))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=120)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        paddleseg_lite.nothing  # noqa: B018


@pytest.fixture
def data(tmp_path):
    """A list-file dataset of four images and a recipe for it."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(4):
        write_png(tmp_path / f"{i}.png", rng.integers(0, 256, [32, 48, 3], dtype=np.uint8))
        write_png(tmp_path / f"{i}_id.png", rng.integers(0, 3, [32, 48], dtype=np.uint8))
        lines.append(f"{i}.png\t{i}_id.png\n")
    (tmp_path / "list.txt").write_text("".join(lines), encoding="utf-8")
    spec = {
        "type": "Dataset",
        "dataset_root": str(tmp_path),
        "num_classes": 3,
        "train_path": "list.txt",
        "val_path": "list.txt",
        "transforms": [{"type": "Normalize"}],
    }
    return {"model": TINY, "train_dataset": spec, "val_dataset": spec, "iters": 2, "batch_size": 2}


def write(path, tree):
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


def test_train_load_predict(data, tmp_path):
    from paddleseg_lite import load_config, train

    run = tmp_path / "run"
    train(load_config(write(tmp_path / "c.yml", data)), save_dir=run)
    loaded = load(run)
    image = tmp_path / "0.png"
    first = loaded.predict(image)
    assert first.labels.shape == (32, 48) and first.labels.dtype == np.uint8 and int(first.labels.max()) < 3
    np.testing.assert_array_equal(loaded.predict(first.image).labels, first.labels)  # an array does as well
    again = predict(run, [image, first.image])
    np.testing.assert_array_equal(again[1].labels, first.labels)
    weights = next((run / "best_model").glob("model.pdparams"))
    np.testing.assert_array_equal(load(weights).predict(image).labels, first.labels)  # the file inside a checkpoint
    assert overlay(first.image, first.labels, loaded.palette).shape == (32, 48, 3)


OWN_PARTS = '''
import numpy as np
import paddle
from paddle import nn

from paddleseg_lite.data import SegDataset
from paddleseg_lite.graph.base import ContextUnit
from paddleseg_lite.losses import Loss
from paddleseg_lite.models import Segmentor
from paddleseg_lite.registry import CONTEXTS, DATASETS, LOSSES, MODELS


@MODELS.register
class MyNet(Segmentor):
    def __init__(self, *, num_classes, in_channels=3, hidden=4, context=None, pretrained=None):
        super().__init__(num_classes=num_classes, in_channels=in_channels, pretrained=pretrained)
        self.build_encoder({"type": "MobileNetV1", "alpha": 0.1}, context)
        self.head = nn.Conv2D(self.deep_channels, num_classes, 1)

    def decode(self, features, x):
        return {"out": self.head(features[-1])}


@CONTEXTS.register
class MyUnit(ContextUnit):
    def __init__(self, *, in_channels, gain=2.0):
        super().__init__(in_channels)
        self.gain = gain

    def forward(self, x):
        return x * self.gain, {}


@LOSSES.register
class MyLoss(Loss):
    def __init__(self, *, scale=1.0, ignore_index=255):
        super().__init__(ignore_index=ignore_index)
        self.scale = scale

    def forward(self, logits, label):
        return self.scale * (logits ** 2).mean()


@DATASETS.register
class Stripes(SegDataset):
    """Images whose label is the sign of a wave."""

    def __init__(self, *, count=4, mode="train", **kwargs):
        super().__init__(num_classes=2, mode=mode, class_names=["dark", "light"], **kwargs)
        self.count = count

    def __len__(self):
        return self.count

    def read(self, index):
        wave = np.sin(np.arange(32)[None] * 0.3 + index) * np.ones([32, 1])
        image = np.repeat((127 + 100 * wave)[..., None], 3, 2).astype(np.uint8)
        return {"image": image, "label": (wave > 0).astype(np.uint8), "meta": self.describe(index)}

    def raw_label(self, index):
        return self.read(index)["label"], f"Stripes/{index}"
'''


def test_own_parts_from_yaml(tmp_path, tool):
    """Model, context unit, loss and dataset of a user's file, by ``--import`` and YAML alone."""
    (tmp_path / "my_module.py").write_text(textwrap.dedent(OWN_PARTS), encoding="utf-8")
    stripes = {"type": "Stripes", "count": 4, "transforms": [{"type": "Normalize"}]}
    recipe = write(
        tmp_path / "own.yml",
        {
            "model": {"type": "MyNet", "hidden": 3, "context": {"type": "MyUnit", "gain": 1.5, "reduce": None}},
            "train_dataset": stripes,
            "val_dataset": {**stripes, "mode": "val"},
            "iters": 2,
            "batch_size": 2,
            "loss": {"out": {"type": "MyLoss", "scale": 0.5}},
        },
    )
    own = ["--import", tmp_path / "my_module.py"]
    flags = ["--save_dir", tmp_path / "run", "--no_vdl", "--no_doctor"]
    status, _, err = tool("train", *own, "--config", recipe, *flags, "--device", "cpu")
    assert status == 0, err
    status, out, err = tool("val", "--model_path", tmp_path / "run", "--device", "cpu")  # in one process: once
    assert status == 0 and "light" in out, err
    assert load(tmp_path / "run").model.context.unit.gain == 1.5
    status, _, err = tool("train", "--import", tmp_path / "none.py", "--config", recipe)
    assert status == 2 and "there is no such file" in err


@pytest.mark.parametrize(
    "spec, full_graph",
    [
        ({"type": "FCN", "backbone": {"type": "PlainCNN", "widths": [4, 8, 8], "strides": [2, 2, 1]}}, False),
        ({"type": "ENet", "width": 0.25}, True),  # the places of its pooling are not for the tracer of code pieces
    ],
    ids=lambda s: s["type"] if isinstance(s, dict) else "",
)
def test_to_static(spec, full_graph):
    if not full_graph and paddle.__version__.startswith("2."):
        pytest.skip("the tracer of code pieces of Paddle 2.6 ends the process")
    model = build_model(spec, num_classes=3)
    model.eval()
    inputs = [paddle.rand([1, 3, 33, 48]) for _ in range(2)]
    with paddle.no_grad():
        expected = [model(x)["out"].numpy() for x in inputs]
        shape = [paddle.static.InputSpec([1, 3, 33, 48], "float32")] if full_graph else None
        static = paddle.jit.to_static(model, full_graph=full_graph, input_spec=shape)
        for x, value in zip(inputs, expected):
            with no_call_stacks():
                found = static(x)["out"].numpy()
            if not np.allclose(found, value, atol=1e-4):  # no assert: pytest would print the graph
                pytest.fail("the static graph gives other logits", pytrace=False)


def test_to_static_open_size():
    """One graph for any batch and size, where nothing depends on whether a size is odd."""
    backbone = {"type": "ResNet18", "width": 0.1}
    model = build_model({"type": "PSPNet", "backbone": backbone, "bins": [1, 3]}, num_classes=3)
    model.eval()
    shape = [paddle.static.InputSpec([None, 3, None, None], "float32")]
    inputs = [paddle.rand([1, 3, 33, 48]), paddle.rand([2, 3, 64, 40])]
    with paddle.no_grad():
        expected = [model(x)["out"].numpy() for x in inputs]
        static = paddle.jit.to_static(model, full_graph=True, input_spec=shape)
        for x, value in zip(inputs, expected):
            with no_call_stacks():
                found = static(x)["out"].numpy()
            if not np.allclose(found, value, atol=1e-4):
                pytest.fail("the static graph gives other logits", pytrace=False)


def test_data_parallel():
    """World of one: the wrapper trains as the network itself does."""
    model = build_model(TINY, num_classes=3)
    twin = build_model(TINY, num_classes=3)
    twin.set_state_dict(model.state_dict())
    x, y = paddle.rand([2, 3, 32, 32]), paddle.randint(0, 3, [2, 32, 32])
    results = []
    for network in (paddle.DataParallel(model), twin):
        optimizer = paddle.optimizer.SGD(0.1, parameters=network.parameters())
        network.train()
        for _ in range(2):
            loss = paddle.nn.functional.cross_entropy(network(x)["out"], y, axis=1)
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
        results.append(float(loss))
    assert results[0] == results[1]
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), twin.state_dict()[name].numpy())
