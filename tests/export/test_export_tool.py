"""tools/export.py: what it writes is enough to predict without the network, and is what the network computes."""

import sys

import numpy as np
import pytest
import yaml

from paddleseg_lite.config import parse_config
from paddleseg_lite.data import restore, write_png
from paddleseg_lite.errors import CheckpointError, ConfigError
from paddleseg_lite.export import Deployment, Normalisation, load_backend, to_onnx
from paddleseg_lite.inference.predictor import load
from paddleseg_lite.training.trainer import Trainer
from tests.export.conftest import RUNTIMES, needs_onnx, needs_runtime, noise, small

SCENES = {
    "type": "Scenes",
    "num_samples": 4,
    "size": [48, 40],
    "num_classes": 6,
    "transforms": [{"type": "Resize", "target_size": [32, 32]}, {"type": "Normalize"}],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "run"
    config = parse_config(
        {
            "model": {"type": "UNet", "base_channels": 4},
            "train_dataset": SCENES,
            "batch_size": 2,
            "iters": 2,
            "val_dataset": {**SCENES, "num_samples": 2},
            "save_interval": 2,
            "loss": {"out": {"type": "CrossEntropyLoss"}},
        }
    )
    Trainer(config, folder).run()
    return folder


@pytest.fixture
def picture(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (57, 71, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    return tmp_path / "a.png", image


def export(tool, run, folder, *more):
    status, out, err = tool("export", "--model_path", run, "--save_dir", folder, *more)
    assert status == 0, err
    return yaml.safe_load((folder / "deploy.yml").read_text(encoding="utf-8")), out


@needs_runtime
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--normalize", "--output_op", "argmax"],
        ["--normalize"],
        ["--input_shape", "1", "3", "32", "32", "--output_op", "argmax"],
    ],
)
def test_onnx_predicts_what_the_network_does(run, tool, tmp_path, picture, more):
    path, image = picture
    about, out = export(tool, run, tmp_path / "e", *more)
    assert [c["backend"] for c in about["checked"]] == [f"{kind} fp32" for kind in RUNTIMES] and "checked on" in out
    assert all(c["argmax_agreement"] >= 0.999 for c in about["checked"])
    assert about["output"]["name"] == ("labels" if "argmax" in more else "logits")
    assert about["input"]["layout"] == ("NHWC" if "--normalize" in more else "NCHW")
    kept = [t["type"] for t in about["transforms"]]
    assert kept == (["Resize"] if "--normalize" in more else ["Resize", "Normalize"])
    deployment, loaded = Deployment.read(tmp_path / "e"), load(run)
    expected = loaded.predict(path).labels
    if "argmax" in more:  # class ids are enlarged by nearest, logits bilinearly
        sample, _ = loaded.sample(path)
        logits = load_backend("dygraph", loaded.model)(sample["image"].transpose(2, 0, 1)[None])
        expected = restore(logits.argmax(axis=1)[0].astype(np.uint8), sample["meta"]["trans_info"])
    for kind in RUNTIMES:
        labels = deployment.predict(image, deployment.backend(kind))
        assert labels.shape == image.shape[:2] and (labels == expected).mean() > 0.999


def test_static_predicts_what_the_network_does(run, tool, tmp_path, picture):
    path, image = picture
    about, _ = export(tool, run, tmp_path / "e", "--format", "static", "--normalize")
    assert about["format"] == "static" and about["checked"][0]["backend"] == "static fp32"
    labels = Deployment.read(tmp_path / "e").predict(image)
    assert (labels == load(run).predict(path).labels).mean() > 0.999


def test_an_export_that_was_touched_is_refused(run, tool, tmp_path):
    export(tool, run, tmp_path / "e", "--format", "static")
    model = next((tmp_path / "e").glob("model*.pdiparams"))
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="differs from what was exported"):
        Deployment.read(tmp_path / "e")
    with pytest.raises(CheckpointError, match=r"no deploy.yml"):
        Deployment.read(tmp_path)


@needs_onnx
def test_an_export_for_one_size_refuses_others_and_other_backends(run, tool, tmp_path):
    export(tool, run, tmp_path / "e", "--input_shape", "1", "3", "32", "32")
    deployment = Deployment.read(tmp_path / "e")
    with pytest.raises(ConfigError, match="openvino or onnxruntime"):
        deployment.backend("static")
    if RUNTIMES:
        with pytest.raises(ConfigError, match=r"takes \[1, 3, 32, 32\]"):
            deployment.backend(RUNTIMES[0])(noise(1, 3, 32, 48))


def test_normalising_inside_needs_a_normalize(run, tool, tmp_path):
    status, _, err = tool(
        "export",
        "--model_path",
        run,
        "--save_dir",
        tmp_path / "e",
        "--normalize",
        "--opts",
        "val_dataset.transforms=[{type: Resize, target_size: [32, 32]}]",
    )
    assert status == 2 and "last transform is Normalize" in err


@pytest.mark.parametrize("shape", [(1, 4, 32, 32), (1, 3, -1, -1), (0, 3, 32, 32), (1, 3, 0, 32)])
@pytest.mark.parametrize("kind", ["onnx", "static"])
def test_a_size_is_positive_and_has_the_networks_bands(run, tool, tmp_path, kind, shape):
    status, _, err = tool(
        "export", "--model_path", run, "--save_dir", tmp_path / "e", "--format", kind, "--input_shape", *shape
    )
    assert status == 2 and "C the 3 bands of this network" in err and not (tmp_path / "e").exists()


# -- the file itself -------------------------------------------------------------------------------------------


@needs_onnx
def test_the_file_says_operator_set_17_and_names_its_ends():
    import onnx

    def ends(**options):
        model = onnx.load_from_string(to_onnx(small(), (1, 3, 32, 32), **options).data)
        onnx.checker.check_model(model, full_check=True)
        assert (model.ir_version, model.opset_import[0].version, model.producer_name) == (8, 17, "paddleseg_lite")
        return [(v.name, v.type.tensor_type.elem_type) for v in (*model.graph.input, *model.graph.output)]

    assert ends() == [("image", onnx.TensorProto.FLOAT), ("logits", onnx.TensorProto.FLOAT)]
    inside = ends(normalise=Normalisation((0.5,) * 3, (0.5,) * 3), argmax=True)
    assert inside == [("pixels", onnx.TensorProto.UINT8), ("labels", onnx.TensorProto.UINT8)]


def test_without_the_onnx_package(run, tool, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    status, _, err = tool("export", "--model_path", run, "--save_dir", tmp_path / "o")
    assert status == 2 and "needs the package 'onnx': pip install -r requirements-onnx.txt" in err
    assert tool("export", "--model_path", run, "--save_dir", tmp_path / "s", "--format", "static")[0] == 0


@needs_runtime
@pytest.mark.parametrize("kind", RUNTIMES)
def test_more_than_256_classes_give_int32(kind, tmp_path):
    from paddleseg_lite.export.backends import OnnxBackend, _onnxruntime, _openvino
    from paddleseg_lite.export.source import FileSource, ModelFile
    from paddleseg_lite.models import build_model

    network = build_model({"type": "UNet", "base_channels": 4}, num_classes=300)
    network.eval()
    path = to_onnx(network, (1, 3, 16, 16), argmax=True).save(tmp_path / "m.onnx")
    runner = _openvino("fp32", 1) if kind == "openvino" else _onnxruntime(1)
    backend = OnnxBackend(kind, FileSource(ModelFile(path, (1, 3, 16, 16), 1, 0.0)), runner)
    assert backend(noise(1, 3, 16, 16)).dtype == np.int32
