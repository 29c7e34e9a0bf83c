"""Inference as a product: CRF, videos, odd pictures, large pictures, legends, --explain."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from paddleseg_lite.cli.jobs.video import frames, opened
from paddleseg_lite.config import load_config, parse_config
from paddleseg_lite.data import read_image, read_label, voc_palette, write_png
from paddleseg_lite.errors import DataError
from paddleseg_lite.inference.predictor import load
from paddleseg_lite.training.trainer import Trainer
from paddleseg_lite.visualize import overlays as pictures
from paddleseg_lite.visualize.lettering import font_for

SCENES = {"type": "Scenes", "num_samples": 4, "size": [48, 40], "num_classes": 6, "transforms": [{"type": "Normalize"}]}


def tiny_run(folder, model, **more):
    """A run of two steps."""
    config = parse_config(
        {
            "model": model,
            "train_dataset": SCENES,
            "val_dataset": {**SCENES, "num_samples": 2},
            "batch_size": 2,
            "iters": 2,
            "save_interval": 2,
            "loss": more.pop("loss", {"out": {"type": "CrossEntropyLoss"}}),
            **more,
        }
    )
    Trainer(config, folder).run()
    return folder


@pytest.fixture(scope="module")
def unet(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("unet") / "run", {"type": "UNet", "base_channels": 4})


@pytest.fixture(scope="module")
def glore(tmp_path_factory):
    model = {"type": "UNet", "base_channels": 4, "context": {"type": "GloRe", "num_nodes": 4, "num_state": 8}}
    return tiny_run(tmp_path_factory.mktemp("glore") / "run", model)


@pytest.fixture
def picture(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (40, 52, 3), dtype=np.uint8)
    write_png(tmp_path / "in" / "a.png", image)
    return tmp_path / "in" / "a.png"


def infer(tool, run, source, out, *more):
    return tool("infer", "--model_path", run, "--image_path", source, "--save_dir", out, *more)


# -- the CRF --------------------------------------------------------------------------------------------------


def test_val_with_the_crf_reports_both_scores(unet, tool, tmp_path):
    status, out, _ = tool(
        "val", "--model_path", unet, "--crf", "deeplab_v1", "--json", tmp_path / "s.json", "--report", tmp_path / "r"
    )
    assert status == 0 and "with the CRF" in out
    with_crf = json.loads((tmp_path / "s.json").read_text())
    assert tool("val", "--model_path", unet, "--json", tmp_path / "plain.json")[0] == 0
    plain = json.loads((tmp_path / "plain.json").read_text())
    assert with_crf["mIoU_without_crf"] == pytest.approx(plain["mIoU"], abs=1e-9)
    assert "mIoU_without_crf" not in plain and with_crf["mIoU"] != plain["mIoU"]


def test_the_crf_is_applied_at_the_original_size_with_the_raw_picture(unet, picture):
    loaded = load(unet)
    from paddleseg_lite.postprocess import DenseCRF

    plain = loaded.predict(picture).labels
    seen = []

    class Recording(DenseCRF):
        def __call__(self, probabilities, image):
            seen.append((probabilities, image))
            return super().__call__(probabilities, image)

    loaded.crf = Recording.preset("deeplab_v1")
    refined = loaded.predict(picture)
    ((probabilities, image),) = seen
    assert probabilities.shape[1:] == image.shape[:2] == plain.shape
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=0), plain)
    np.testing.assert_array_equal(image, read_image(picture))
    np.testing.assert_array_equal(refined.labels, loaded.crf(probabilities, image).argmax(axis=0))


def test_infer_with_and_without_the_crf_of_the_recipe(unet, tool, picture, tmp_path):
    for name, more in (
        ("default", ["--crf"]),
        ("preset", ["--crf", "deeplab_v2_resnet101"]),
        ("plain", []),
        ("none", ["--opts", "test_config.crf={bi_w: 50.0}", "--crf", "none"]),
        ("recipe", ["--opts", "test_config.crf={bi_w: 50.0}", "--crf"]),
    ):
        status, out, _ = infer(tool, unet, picture, tmp_path / name, *more)
        assert status == 0 and (", CRF" in out) == (name not in ("plain", "none"))
    ids = {
        p: read_label(tmp_path / p / "id_prediction" / "a.png")
        for p in ("default", "preset", "plain", "none", "recipe")
    }
    np.testing.assert_array_equal(ids["default"], ids["preset"])
    np.testing.assert_array_equal(ids["none"], ids["plain"])
    assert (ids["recipe"] != ids["default"]).any() and (ids["default"] != ids["plain"]).any()


@pytest.mark.parametrize(
    "more, message",
    [
        (["--crf", "deeplab_v11"], "Did you mean 'deeplab_v1'"),
        (["--opts", "test_config.crf={bi_xyz: 3}"], "Did you mean 'bi_xy_std'"),
    ],
)
def test_a_wrong_crf_is_named(unet, tool, picture, tmp_path, more, message):
    status, _, err = infer(tool, unet, picture, tmp_path / "o", *more)
    assert status == 2 and message in err


def test_a_picture_too_large_for_the_crf_is_skipped_with_the_reason(unet, tool, picture, tmp_path, monkeypatch):
    monkeypatch.setattr("paddleseg_lite.inference.refine.free_bytes", lambda: 1000)
    status, out, _ = infer(tool, unet, picture, tmp_path / "o", "--crf")
    assert status == 1 and "the CRF needs about" in out


@pytest.mark.parametrize(
    "recipe, preset",
    [
        ("deeplab_v1/deeplab_v1_largefov_voc12aug", "deeplab_v1_largefov"),
        ("deeplab_v1/deeplab_v1_msc_largefov_voc12aug", "deeplab_v1_msc_largefov"),
        ("deeplab_v2/deeplab_v2_resnet101_voc12aug", "deeplab_v2_resnet101"),
    ],
)
def test_published_recipes_use_their_published_crf(root, recipe, preset):
    assert load_config(root / "configs" / f"{recipe}.yml").test_config.crf == {"preset": preset}


# -- videos ---------------------------------------------------------------------------------------------------


def write_video(path, count=5, size=(160, 256)):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, size[::-1])
    for i in range(count):
        frame = np.full((*size, 3), 40, np.uint8)
        frame[10:60, 10 + 20 * i : 60 + 20 * i] = (0, 200, 255)
        writer.write(frame)
    writer.release()
    return path


def test_a_video_becomes_a_video_with_overlay_and_legend(unet, tool, tmp_path):
    clip = write_video(tmp_path / "straße.mp4")
    status, out, _ = infer(tool, unet, clip, tmp_path / "o", "--opacity", "1")
    assert status == 0 and "5 frames" in out and "frames/s" in out
    loaded = load(unet)
    with opened(clip) as source, opened(tmp_path / "o" / "straße.mp4") as made:
        assert made.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
        before, after = list(frames(source)), list(frames(made))
    assert len(after) == 5 and after[0].shape[0] == 160 and after[0].shape[1] > 256
    colors = loaded.palette[loaded.predict(before[2]).labels]
    shown, wanted = (
        cv2.resize(p, (16, 10), interpolation=cv2.INTER_AREA).astype(int)  # MPEG-4 blurs colours
        for p in (after[2][:, :256], colors)
    )
    assert np.abs(shown - wanted).mean() < 6
    assert (after[2][-4:, 262:] > 200).all()  # below the legend it is white
    assert not list((tmp_path / "o").glob(".writing*"))


def test_damaged_videos_are_reported(unet, tool, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    whole = write_video(folder / "a.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.avi").write_bytes(b"")
    (folder / "text.mkv").write_text("no video")
    status, out, _ = infer(tool, unet, folder, tmp_path / "o")
    assert status == 1 and "3 of 4 files could not be read" in out
    assert all(name in out for name in ("cut.mp4", "empty.avi", "text.mkv"))
    assert [p.name for p in (tmp_path / "o").glob("*.mp4")] == ["a.mp4"]


def test_a_video_that_ends_early_is_kept_and_reported(unet, tmp_path, monkeypatch):
    from paddleseg_lite.cli.jobs import video
    from paddleseg_lite.cli.jobs.painter import Painter

    clip, loaded = write_video(tmp_path / "a.mp4", count=6), load(unet)
    monkeypatch.setattr(video, "frames", lambda reader: (f for i, f in enumerate(frames(reader)) if i < 3))
    with pytest.raises(DataError, match="ends after 3 of 6 frames"):
        video.predict_video(loaded, clip, tmp_path / "o.mp4", Painter(loaded))
    with opened(tmp_path / "o.mp4") as made:
        assert len(list(frames(made))) == 3


# -- pictures of every kind -----------------------------------------------------------------------------------


def test_odd_pictures_come_out_at_their_own_size(unet, tool, tmp_path):
    folder, rng = tmp_path / "in", np.random.default_rng(1)
    folder.mkdir()
    colors = rng.integers(0, 255, (34, 30, 3), dtype=np.uint8)
    write_png(folder / "pixel.png", colors[:1, :1])
    write_png(folder / "grey.png", colors[..., 0])
    write_png(folder / "deep.png", colors[..., 0].astype(np.uint16) * 257)
    write_png(folder / "palette.png", colors[..., 0] % 21, palette=voc_palette(21))
    cv2.imwrite(str(folder / "deep_rgb.tif"), colors[..., ::-1].astype(np.uint16) * 257)
    write_png(folder / "rgb.png", colors)
    write_png(folder / "as_colors.png", voc_palette(21)[colors[..., 0] % 21])
    write_png(folder / "grey_rgb.png", np.repeat(colors[..., :1], 3, axis=2))
    assert infer(tool, unet, folder, tmp_path / "o")[0] == 0
    ids = {p.stem: read_label(p) for p in (tmp_path / "o" / "id_prediction").iterdir()}
    assert ids.pop("pixel").shape == (1, 1)
    assert len(ids) == 7 and {i.shape for i in ids.values()} == {(34, 30)}
    for same in (("deep_rgb", "rgb"), ("palette", "as_colors"), ("grey", "grey_rgb"), ("deep", "grey")):
        np.testing.assert_array_equal(ids[same[0]], ids[same[1]])


def test_a_large_picture_is_predicted_in_windows(unet, tmp_path, monkeypatch):
    from paddleseg_lite.data import Compose
    from paddleseg_lite.inference import logits as inference

    loaded = load(unet)
    small = np.random.default_rng(2).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    image = cv2.resize(small, (820, 600), interpolation=cv2.INTER_LINEAR)
    whole = loaded.predict(image).labels
    sizes = []
    original = inference.stream_windows
    monkeypatch.setattr(inference, "stream_windows", lambda *a, **k: (sizes.append(k["window"]), original(*a, **k))[1])
    loaded.options = type(loaded.options)(memory_limit=1 << 26)
    prepared = []
    normalise = Compose.of_picture
    monkeypatch.setattr(
        Compose, "of_picture", lambda self, part: (prepared.append(part.shape[:2]), normalise(self, part))[1]
    )
    windows = loaded.predict(image).labels
    assert sizes and max(max(shape) for shape in prepared) <= max(sizes[0])  # never normalised as a whole
    assert (windows == whole).mean() > 0.97


def test_grown_class_counts_are_written_without_a_palette(unet, tmp_path):
    from paddleseg_lite.cli.jobs.painter import Painter
    from paddleseg_lite.inference.predictor import Prediction

    loaded = load(unet)
    loaded.palette, loaded.class_names = voc_palette(300), [f"c{i}" for i in range(300)]
    ids = np.arange(300, dtype=np.int32).reshape(15, 20)
    Painter(loaded).write(Prediction(ids, np.zeros((15, 20, 3), np.uint8)), tmp_path, "a")
    np.testing.assert_array_equal(read_label(tmp_path / "id_prediction" / "a.png"), ids)
    np.testing.assert_array_equal(read_image(tmp_path / "pseudo_color_prediction" / "a.png"), voc_palette(300)[ids])


def test_lists_and_globs_keep_subfolders(unet, tool, tmp_path):
    image = np.zeros((16, 16, 3), np.uint8)
    for name in ("x/a.png", "y/a.png", "y/b c.png"):
        write_png(tmp_path / "in" / name, image)
    (tmp_path / "in" / "list.txt").write_text("x/a.png labels/a.png\ny/a.png\ny/b c.png\n")
    for i, (pattern, expected) in enumerate(
        [
            (tmp_path / "in" / "list.txt", ["x/a.png", "y/a.png", "y/b c.png"]),
            (tmp_path / "in" / "**" / "a.png", ["x/a.png", "y/a.png"]),
        ]
    ):
        assert infer(tool, unet, pattern, tmp_path / str(i))[0] == 0
        ids = tmp_path / str(i) / "id_prediction"
        assert sorted(p.relative_to(ids).as_posix() for p in ids.rglob("*.png")) == expected


# -- legends --------------------------------------------------------------------------------------------------


def test_legends_take_names_in_any_script(unet, tool, picture, tmp_path):
    names = ["Straße", "água", "道路", "Небо", "", "road"]
    assert infer(tool, unet, picture, tmp_path / "o")[0] == 0
    key = pictures.legend(names, voc_palette(6))
    other = pictures.legend(["Strase", *names[1:]], voc_palette(6))
    assert (key[:26] != other[:26, : key.shape[1]]).any(), "non-ASCII letters must show"
    assert pictures.legend_name(3, names[3]) == "Небо" and pictures.legend_name(4, "") == "class 4"
    assert pictures.legend_name(2, names[2]) == ("道路" if font_for("道路") else "class 2")
    lines = pictures.legend_text(names, voc_palette(6)).splitlines()
    assert lines[2] == "2\t#008000\t道路" and len(lines) == 6
    written = (tmp_path / "o" / "legend.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[2] for line in written] == load(unet).class_names


# -- many files -----------------------------------------------------------------------------------------------


def test_broken_files_among_many(unet, tool, tmp_path):
    make_folder_with_broken(tmp_path / "in", 40, 5)
    status, out, _ = infer(tool, unet, tmp_path / "in", tmp_path / "o")
    assert status == 1 and "5 of 40 files could not be read" in out and "35 images in" in out
    assert len(list((tmp_path / "o" / "id_prediction").rglob("*.png"))) == 35


def make_folder_with_broken(folder, count, broken):
    rng = np.random.default_rng(0)
    for i in range(count):
        size = 16 + 8 * (i % 5), 24 + 8 * (i % 3)
        write_png(folder / f"part_{i % 7}" / f"{i:05d}.png", rng.integers(0, 255, (*size, 3), dtype=np.uint8))
    for path in sorted(folder.rglob("*.png"))[:: count // broken][:broken]:
        path.write_bytes(path.read_bytes()[:-20])


MEASURE = """
import os, sys
from paddleseg_lite import runtime
runtime.setup("cpu")
from paddleseg_lite.benchmark.peak_memory import reset_peak, peak_bytes
from paddleseg_lite.cli.jobs import infer as inference
from paddleseg_lite.inference.predictor import load
loaded = load(sys.argv[1])
resident, step = [], inference.Progress.step
def counting(self, note=""):
    step(self, note)
    if self.count in marks:
        resident.append(int(open("/proc/self/statm").read().split()[1]) * 4096)
inference.Progress.step = counting
marks = [int(v) for v in sys.argv[4:]]
before = reset_peak()
status = inference.run_prediction(loaded, sys.argv[2], sys.argv[3], inference.Painter(loaded), backend="auto")
print("RESULT", status, peak_bytes() - before, *resident)
"""


def measured(root, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, arguments)],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    line = next((x for x in done.stdout.splitlines() if x.startswith("RESULT")), None)
    assert line is not None, done.stdout + done.stderr
    return [int(v) for v in line.split()[1:]]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_five_thousand_pictures_in_flat_memory(root, unet, tmp_path):
    make_folder_with_broken(tmp_path / "in", 5000, 50)
    status, _, early, late = measured(root, unet, tmp_path / "in", tmp_path / "o", 500, 5000)
    assert status == 1 and late - early < 32 << 20
    assert len(list((tmp_path / "o" / "id_prediction").rglob("*.png"))) == 4950


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_8000x6000_within_2_gib(root, unet, tmp_path):
    small = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    write_png(tmp_path / "big.png", cv2.resize(small, (8000, 6000), interpolation=cv2.INTER_LINEAR))
    status, peak, *_ = measured(root, unet, tmp_path / "big.png", tmp_path / "o")
    assert status == 0 and peak < 2 << 30, f"{peak / 2**20:.0f} MiB above the model"
    assert read_label(tmp_path / "o" / "id_prediction" / "big.png").shape == (6000, 8000)


# -- what the nodes look at -----------------------------------------------------------------------------------


def test_explain_writes_maps_adjacency_and_numbers(glore, tool, picture, tmp_path):
    status, out, _ = infer(tool, glore, picture, tmp_path / "o", "--explain")
    assert status == 0 and "usage entropy" in out
    folder = tmp_path / "o" / "explain" / "a"
    assert sorted(p.name for p in folder.iterdir()) == ["adjacency.png", "explain.json", "nodes.png", "owner.png"]
    content = json.loads((folder / "explain.json").read_text())
    assert content["unit"] == "GloRe" and np.shape(content["adjacency"]) == (4, 4)
    (graph,) = content["graphs"]
    assert sum(graph["usage"]) == pytest.approx(1, abs=1e-4) and 0 <= graph["usage_entropy"] <= 1
    assert read_image(folder / "nodes.png").std() > 10
    summary = json.loads((tmp_path / "o" / "explain" / "summary.json").read_text())
    assert summary["images"] == 1 and summary["mean_usage_entropy"] == [pytest.approx(graph["usage_entropy"])]


def test_explain_warns_of_collapsed_nodes(glore, tmp_path, caplog):
    from paddleseg_lite.cli.jobs.explain import Explainer

    loaded = load(glore)
    explainer = Explainer(loaded)
    for name, parameter in explainer.unit.named_parameters():
        if "proj" in name or "assign" in name:
            parameter.set_value(parameter * 0 + (1.0 if parameter.ndim == 1 else 0.0))
    explanation = explainer.write(np.full((40, 40, 3), 90, np.uint8), tmp_path / "x")
    assert explanation["warnings"] and explainer.collapsed == 1
    with caplog.at_level("WARNING", logger="paddleseg_lite"):
        explainer.close(tmp_path)
    assert "nodes collapse in 1 of 1 images" in caplog.text


def test_explain_without_nodes_is_an_error_before_any_work(unet, tool, picture, tmp_path):
    status, _, err = infer(tool, unet, picture, tmp_path / "o", "--explain")
    assert status == 2 and "no unit with nodes" in err and "GloRe" in err and not (tmp_path / "o").exists()


def test_explain_reduces_what_does_not_fit(glore, tmp_path, monkeypatch):
    from paddleseg_lite.cli.jobs import explain as explanation

    monkeypatch.setattr(explanation, "REDUCED_SIDE", 64)
    monkeypatch.setattr("paddleseg_lite.inference.plan.allowed_bytes", lambda limit: 1 << 20)
    content = explanation.Explainer(load(glore)).write(np.zeros((128, 256, 3), np.uint8), tmp_path / "x")
    assert content["reduced_to"] == [32, 64]


def test_visualdl_shows_the_nodes_during_training(root, tmp_path, tool):
    arguments = [
        "model.context={type: GloRe, num_nodes: 4, num_state: 8}",
        "model.base_channels=4",
        "train_dataset.num_samples=4",
        "val_dataset.num_samples=2",
        "train_dataset.size=[48,48]",
        "val_dataset.size=[48,48]",
        "lr_scheduler.warmup_iters=0",
    ]
    status, out, err = tool(
        "train",
        "--config",
        root / "configs" / "unet" / "unet_scenes.yml",
        "--iters",
        1,
        "--batch_size",
        2,
        "--save_dir",
        tmp_path / "run",
        "--no_doctor",
        "--opts",
        *arguments,
    )
    assert status == 0, out + err
    from visualdl import LogReader

    (log,) = (tmp_path / "run" / "vdl").glob("*.log")
    tags = LogReader(file_path=str(log)).get_tags()
    assert "nodes/usage_entropy" in tags["scalar"]
    assert {"nodes/sample_0 nodes", "nodes/sample_0 adjacency", "nodes/sample_0 owner"} <= set(tags["image"])


# -- probabilities, and pictures of another kind --------------------------------------------------------------


def test_probabilities_belong_to_the_labels(unet, tool, picture, tmp_path):
    assert infer(tool, unet, picture, tmp_path / "o", "--also", "probabilities")[0] == 0
    with np.load(tmp_path / "o" / "probabilities" / "a.npz") as file:
        shares, names = file["probabilities"].astype(np.float32), file["class_names"].tolist()
    labels = read_label(tmp_path / "o" / "id_prediction" / "a.png")
    assert names == load(unet).class_names and shares.shape == (len(names), *labels.shape)
    np.testing.assert_allclose(shares.sum(0), 1, atol=5e-3)
    assert (np.take_along_axis(shares, labels[None].astype(int), 0)[0] >= shares.max(0) - 1e-3).all()
    np.testing.assert_array_equal(labels, load(unet).predict(picture).labels)


def test_probabilities_that_do_not_fit_are_refused(unet, picture, monkeypatch):
    from paddleseg_lite.errors import DataError

    monkeypatch.setattr("paddleseg_lite.inference.probabilities.free_bytes", lambda: 1000)
    with pytest.raises(DataError, match="probabilities of 6 classes at 52x40 pixels"):
        load(unet).predict(picture, probabilities=True)


def test_a_picture_of_another_kind_is_told(unet, tool, tmp_path):
    from paddleseg_lite.data.building import build_dataset

    own = build_dataset(load(unet).config.val_dataset, mode="val")
    for i in range(2):
        write_png(tmp_path / "own" / f"{i}.png", own.load(i)["image"])
    for i in range(5):
        write_png(tmp_path / "other" / f"{i}.png", np.full((40, 600, 3), 250, np.uint8))
    status, out, _ = infer(tool, unet, tmp_path / "own", tmp_path / "a")
    assert status == 0 and "unlike" not in out
    status, out, _ = infer(tool, unet, tmp_path / "other", tmp_path / "b")
    assert status == 0 and out.count("looks unlike the training pictures: 600x40 pixels") == 3
    assert "5 of 5 pictures look unlike" in out
