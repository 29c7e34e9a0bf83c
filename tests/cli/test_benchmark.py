"""tools/benchmark.py: what it measures, what it says where it cannot."""

import json
import time

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite.benchmark import Stats, alternate, build_subject
from paddleseg_lite.benchmark.peak_memory import measure_peak
from paddleseg_lite.benchmark.profile import BETWEEN, profile_forward
from paddleseg_lite.benchmark.subject import subject_names
from paddleseg_lite.benchmark.training import split_step
from paddleseg_lite.benchmark.ways import default_backends, open_backend
from paddleseg_lite.cli.jobs.benchmark import parse_size
from paddleseg_lite.config import load_config
from paddleseg_lite.data import read_image
from paddleseg_lite.errors import ConfigError

SMALL = ["model.base_channels=4", "train_dataset.num_samples=4", "train_dataset.size=[32,32]", "batch_size=2"]


@pytest.fixture(scope="module")
def recipe(root):
    return root / "configs" / "unet" / "unet_scenes.yml"


@pytest.fixture(scope="module")
def subject(recipe):
    return build_subject("unet", load_config(recipe, opts=SMALL), size=(48, 32))


@pytest.fixture
def small_peak(monkeypatch):
    """The machine's peak from small products: what it is does not matter here."""
    monkeypatch.setattr("paddleseg_lite.benchmark.machine_peak.SIDE", 128)
    monkeypatch.setattr("paddleseg_lite.benchmark.machine_peak._CONVOLUTIONS", ((64, 1, 8),))


def test_variants_take_turns_and_warm_up_is_not_counted():
    order = []
    times = alternate({n: (lambda n=n: order.append(n)) for n in "abc"}, repeats=3, warmup=1)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert {n: len(t) for n, t in times.items()} == {"a": 3, "b": 3, "c": 3}
    slow = alternate({"x": lambda: time.sleep(0.02)}, repeats=50, warmup=0, max_seconds=0.01)
    assert len(slow["x"]) == 3 and Stats.of(slow["x"]).p50 >= 20


def test_stats_are_milliseconds():
    stats = Stats.of([0.001, 0.002, 0.003, 0.004, 0.1])
    assert stats.p50 == pytest.approx(3) and stats.p90 > 4 and stats.runs == 5


def test_names_stay_apart():
    assert subject_names(["a/x.yml", "b/x.yml", "b/y.yml"]) == ["a/x", "b/x", "y"]


def test_sizes_are_width_x_height():
    assert parse_size("480x360") == (480, 360)
    with pytest.raises(ConfigError, match="480x360"):
        parse_size("480")


def test_backends_compute_the_same(subject):
    image = subject.image()
    expected = open_backend("dygraph:off", subject.model, subject.shape)(image).numpy()
    assert expected.shape == (1, 8, 32, 48)
    for way in default_backends():
        if not way.startswith("dygraph"):
            continue
        got = open_backend(way, subject.model, subject.shape)(image).numpy()
        tolerance = 0.1 * np.abs(expected).max() if way.endswith("bf16") else 1e-4
        np.testing.assert_allclose(got, expected, atol=tolerance)
    assert "_accel_root" not in subject.model.__dict__, "the measured network itself stays as it was"


def test_the_profile_adds_up_and_finds_the_slow_layer(subject):
    class Slow(nn.Layer):
        def forward(self, x):
            time.sleep(0.05)
            return x

    model = nn.Sequential(nn.Conv2D(3, 4, 3), Slow(), nn.ReLU())
    rows = profile_forward(model, paddle.rand([1, 3, 8, 8]), type("None", (), {"rows": []}), repeats=3)
    assert rows[0].type == "Slow" and rows[0].calls == 1 and rows[0].ms >= 50
    assert {r.type for r in rows} == {"Slow", "Conv2D", "ReLU", BETWEEN}
    rows = profile_forward(subject.model, subject.image(), subject.summary, repeats=1)
    assert sum(r.gmacs for r in rows) == pytest.approx(subject.summary.gmacs, rel=1e-6)
    assert all(not layer._forward_pre_hooks for layer in subject.model.sublayers())


def test_a_training_step_is_split_on_the_recipes_own_batches(subject):
    before = {k: v.numpy().copy() for k, v in subject.model.state_dict().items()}
    found = split_step(subject, ["off"], repeats=2)
    assert found.batch_shape == [2, 3, 32, 32] and found.data > 0
    assert set(found.parts["off"]) == {"forward", "backward", "optimizer"} and min(found.parts["off"].values()) > 0
    assert found.images_per_second("off") == pytest.approx(2000 / (sum(found.parts["off"].values()) + found.data))
    for name, value in subject.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


def test_without_the_data_random_batches_are_used(root):
    config = load_config(
        root / "configs" / "unet" / "unet_camvid_half.yml",
        opts=[
            "model.base_channels=4",
            "batch_size=2",
            "train_dataset.dataset_root=nowhere",
            "val_dataset.dataset_root=nowhere",
        ],
    )
    found = split_step(build_subject("unet", config, size=(32, 32)), ["off"], repeats=1)
    assert found.data is None and found.batch_shape == [2, 3, 32, 32]


def test_the_tool_from_end_to_end(recipe, tool, tmp_path, small_peak):
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"unet_scenes": 0.5}))
    status, out, err = tool(
        "benchmark",
        "--config",
        recipe,
        "--input_size",
        48,
        32,
        "--sizes",
        "32x32",
        "64x48",
        "--repeats",
        2,
        "--max_seconds",
        1,
        "--no_memory",
        "--engines",
        "dygraph:off",
        "dygraph:fp32",
        "--profile",
        "--opts",
        *SMALL,
        "--results",
        results,
        "--json",
        tmp_path / "b" / "b.json",
        "--plot",
        tmp_path / "b" / "b.png",
    )
    assert status == 0, err
    for part in (
        "# Benchmark at 1x48x32",
        "## Inference",
        "## Input sizes",
        "## Training step",
        "## Profile of unet_scenes with dygraph:off",
        "share of peak",
    ):
        assert part in out
    content = json.loads((tmp_path / "b" / "b.json").read_text())
    (network,) = content["networks"]
    assert network["mIoU"] == 0.5 and network["failed"] == {}
    for way in ("dygraph:off", "dygraph:fp32"):
        record = network["latency"][way]
        assert 0 < record["p50_ms"] <= record["p90_ms"] and record["images_per_s"] > 0
        assert record["share_of_peak"] == pytest.approx(
            2 * network["gmacs"] * record["images_per_s"] / content["machine"]["gemm_peak_gflops"]["fp32"]
        )
        assert set(network["sweep"][way]) == {"32x32", "64x48"}
    assert read_image(tmp_path / "b" / "b.png").std() > 5


def test_peak_memory_grows_with_the_picture(recipe):
    config = load_config(recipe, opts=SMALL)
    small, large = (measure_peak(config, (side, side), 1, "dygraph:off") for side in (64, 512))
    assert large > small + 4 * 512 * 512 * 8 * 2 / 2**20  # input and output alone are 11 MB, the first maps 8
    assert measure_peak(config, (32, 32), 1, "nothing:fp32") is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--backends", "dygraf:fp32"], "Did you mean 'dygraph'"),
        (["--sizes", "large"], "WIDTHxHEIGHT"),
        (["--results", "nowhere.json"], "nowhere.json"),
        (["--batch", "0"], "at least 1"),
    ],
)
def test_bad_calls_are_told_before_anything_is_measured(recipe, tool, arguments, message):
    status, _, err = tool("benchmark", "--config", recipe, *arguments)
    assert status == 2 and message in err


def test_a_backend_that_fails_leaves_a_note_and_the_others(recipe, tool, monkeypatch, small_peak):
    from paddleseg_lite.benchmark import ways

    def broken(model, *, precision, shape):
        raise RuntimeError("this backend\nhas no unpooling")

    monkeypatch.setattr(ways, "openers", lambda: {"dygraph": ways.open_dygraph, "odd": broken})
    status, out, _ = tool(
        "benchmark",
        "--config",
        recipe,
        "--input_size",
        32,
        32,
        "--repeats",
        1,
        "--no_train",
        "--no_memory",
        "--engines",
        "odd",
        "dygraph:off",
        "--opts",
        *SMALL,
    )
    assert status == 0 and "unet_scenes, odd: this backend has no unpooling" in out and "| dygraph:off |" in out
