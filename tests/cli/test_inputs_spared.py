"""No output of a tool replaces one of its inputs, and what an earlier run made is not taken for an input."""

import shutil

import cv2
import numpy as np
import pytest
from sandbox import Sandbox, copied

from paddleseg_lite.inference.earlier import Earlier, read_record, write_record
from paddleseg_lite.inference.sources import find_sources


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, and data to spoil."""
    from paddleseg_lite.config import load_config
    from paddleseg_lite.training.trainer import train

    box = Sandbox(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(box.folder)
        train(load_config("recipe.yml"), save_dir="run")
    return box


@pytest.fixture
def box(trained, tmp_path, monkeypatch):
    return copied(trained, tmp_path, monkeypatch)


def picture(path, value=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((32, 32, 3), value, np.uint8))


def video(path, frames=4):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 5, (32, 32))
    for i in range(frames):
        writer.write(np.full((32, 32, 3), i * 40, np.uint8))
    writer.release()


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


INFER = "infer --model_path run --engine dygraph"
CASES = {
    "video_in_its_own_folder": f"{INFER} --image_path pics/v.mp4 --save_dir pics",
    "video_by_another_name_of_the_folder": f"{INFER} --image_path pics/v.mp4 --save_dir pics/../link",
    "a_picture_named_as_the_legend": f"{INFER} --image_path pics/legend.png --save_dir pics",
    "a_list_named_as_the_legend": f"{INFER} --image_path pics/legend.txt --save_dir pics",
    "a_prediction_that_is_named": f"{INFER} --image_path pics/id_prediction/x.png --save_dir pics",
    "scores_over_the_recipe": "val --model_path run --config recipe.yml --json recipe.yml",
    "scores_over_a_checkpoint": "val --model_path run --json run/best_model/manifest.json",
    "scores_over_a_label": "val --model_path run --json data/val/a_label.png",
    "scores_over_the_list": "val --model_path run --json data/val.txt",
    "a_report_over_pictures": "val --model_path run --report data --opts val_dataset.val_path=worst.txt",
    "an_export_over_the_recipe": "export --model_path run --config deploy.yml --save_dir .",
    "weights_over_themselves": "convert --config recipe.yml --input run/best_model/model.pdparams"
    " --output run/best_model/../best_model/model.pdparams --num_classes 3",
    "weights_over_the_recipe": "convert --config recipe.yml --input run/best_model/model.pdparams --output recipe.yml",
    "findings_over_the_recipe": "doctor --config recipe.yml --json recipe.yml",
    "measures_over_the_recipe": "benchmark --config recipe.yml --json ./recipe.yml",
    "a_comparison_over_a_picture": "compare run run --save_dir data --opts val_dataset.val_path=index.txt",
    "a_study_over_its_file": "ablate --config report.json --save_dir .",
    "a_run_over_its_recipe": "train --config exp/config.yml --save_dir exp --no_vdl",
    "a_run_over_a_base": "train --config based.yml --save_dir exp2 --no_vdl",
    "a_run_over_its_own_code": "train --config recipe.yml --import run3/env.json --save_dir run3 --no_vdl",
}


@pytest.mark.parametrize("call", CASES.values(), ids=CASES)
def test_an_input_is_never_replaced(tool, box, call):
    (box / "pics").mkdir()
    video(box / "pics" / "v.mp4")
    (box / "link").symlink_to(box / "pics")
    for name in ("pics/legend.png", "pics/id_prediction/x.png", "data/worst/00.png", "data/index.html"):
        picture(box / f"{name}.png")
        (box / f"{name}.png").rename(box / name)
    (box / "pics" / "legend.txt").write_text("../data/val/a.png\n")
    (box / "data" / "worst.txt").write_text("worst/00.png\tval/a_label.png\n")
    (box / "data" / "index.txt").write_text("index.html\tval/a_label.png\n")
    recipe = (box / "recipe.yml").read_text()
    for name in ("exp/config.yml", "exp2/config.yml", "deploy.yml"):
        (box / name).parent.mkdir(exist_ok=True)
        (box / name).write_text(f"# my own\n{recipe}")
    (box / "based.yml").write_text("_base_: exp2/config.yml\n")
    (box / "run3").mkdir()
    (box / "run3" / "env.json").write_text("A = 1\n")
    (box / "report.json").write_text(
        '{"base": "recipe.yml", "factors": {"u": {"path": "iters", "values": {"a": 1, "b": 2}}},'
        ' "compare": "u", "baseline": "a", "seeds": [0]}'
    )
    before = content(box)
    status, out, err = tool(*call.split())
    assert status == 2 and "would replace" in err and "hoose another" in err, out + err
    assert {name: data for name, data in content(box).items() if name in before} == before


OTHERS = {
    "scores_over_a_training_picture": ("val --model_path run --json", "data/train/a.png"),
    "scores_over_a_json_of_the_users": ("val --model_path run --json", "coco.json"),
    "scores_over_findings": ("val --model_path run --json", "findings.json"),
    "findings_over_a_table": ("doctor --config recipe.yml --no_dry_run --json", "notes.csv"),
    "measures_over_a_label": ("benchmark --config recipe.yml --json", "data/train/a_label.png"),
    "a_plot_over_a_picture": ("benchmark --config recipe.yml --plot", "data/train/a.png"),
    "a_drawing_over_a_drawing_of_the_users": ("summary --config recipe.yml --draw", "logo.svg"),
}


@pytest.mark.parametrize("call, victim", OTHERS.values(), ids=OTHERS)
def test_a_file_that_a_flag_names_replaces_only_an_older_one_of_its_kind(tool, box, call, victim):
    (box / "coco.json").write_text('{"images": [], "annotations": []}')
    (box / "findings.json").write_text('{"verdict": "READY", "findings": []}')
    (box / "notes.csv").write_text("a,b\n")
    (box / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'></svg>")
    before = content(box)
    status, out, err = tool(*call.split(), victim)
    assert status == 2 and "no output of this tool" in err and victim in err, out + err
    assert content(box) == before


@pytest.mark.parametrize("call", ["val --model_path run --report site", "compare run run --save_dir site"])
def test_a_report_replaces_no_page_of_the_users(tool, box, call):
    (box / "site").mkdir()
    (box / "site" / "index.html").write_text("<!doctype html><html><body>mine</body></html>")
    before = content(box)
    status, out, err = tool(*call.split())
    assert status == 2 and "site/index.html is no output of this tool" in err, out + err
    assert content(box) == before
    (box / "site" / "index.html").unlink()
    assert [tool(*call.split())[0] for _ in range(2)] == [0, 0]


def test_two_results_in_one_file(tool, box):
    status, _, err = tool("benchmark", "--config", "recipe.yml", "--json", "./both", "--plot", "both")
    assert status == 2 and "name two files" in err and not (box / "both").exists()


def test_an_older_output_is_renewed(tool, box):
    for call in (
        "val --model_path run --json scores.json",
        "doctor --config recipe.yml --no_dry_run --json facts.json",
        "summary --config recipe.yml --input_size 32 32 --draw net.svg",
    ):
        name = call.split()[-1]
        (box / name).touch()  # as mktemp leaves it
        for _ in range(2):
            status, out, err = tool(*call.split())
            assert status == 0 and (box / name).stat().st_size, out + err


@pytest.mark.parametrize("target", ["data/train/a.png", "run/best_model/model.pdparams", "run/best_model/new.pdparams"])
def test_converted_weights_are_weights_and_never_part_of_a_checkpoint(tool, box, target):
    shutil.copy(box / "run/best_model/model.pdparams", box / "mine.pdparams")
    before = content(box)
    status, out, err = tool(*f"convert --config recipe.yml --input mine.pdparams --output {target}".split())
    assert status == 2 and "--output" in err, out + err
    assert content(box) == before


def test_a_run_may_replace_what_it_has_written(tool, box):
    def train(arguments):
        status, _, err = tool("train", *f"--save_dir again --no_vdl --no_doctor {arguments}".split())
        return status, err

    assert train("--config recipe.yml")[0] == 0
    assert train("--config recipe.yml --overwrite --iters 1")[0] == 0
    assert train("--config again/config.yml --overwrite")[0] == 0  # the same recipe again
    status, err = train("--config again/config.yml --overwrite --iters 2")
    assert status == 2 and "again/config.yml would replace the input again/config.yml" in err
    assert train("--config again/config.yml --resume_model --iters 2")[0] == 0


def test_results_of_earlier_runs_are_not_segmented_again(tool, box):
    work = box / "work"
    for name in ("a.png", "sub/b.png"):
        picture(work / name)
    video(work / "v.avi.mp4")
    (work / "v.avi.mp4").rename(work / "v.avi")
    call = f"{INFER} --image_path work --save_dir work".split()
    assert tool(*call)[0] == 0
    first = content(work)
    assert {"v.mp4", "added_prediction/a.png", "id_prediction/sub/b.png", "legend.png", "results.jsonl"} <= set(first)
    status, out, _ = tool(*call)
    assert status == 0 and "results of earlier runs are left out" in out
    assert set(content(work)) == set(first)
    status, out, _ = tool(*f"{INFER} --image_path work/**/*.png --save_dir out".split())
    assert status == 0 and sorted(p.name for p in (box / "out" / "id_prediction").rglob("*.png")) == ["a.png", "b.png"]
    status, _, err = tool(*f"{INFER} --image_path work/id_prediction/* --save_dir out2".split())
    assert status == 0, err  # named itself


def test_pictures_of_trainings_and_reports_are_known(tmp_path):
    for folder, beside in (
        ("run", ("config.yml", "metrics.jsonl")),
        ("rep", ("index.html", "scores.json", "per_image.csv")),
    ):
        for name in beside:
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / name).write_text("")
    for name in (
        "run/samples/s.png",
        "run/mine.png",
        "rep/worst/00.png",
        "rep/confusion.png",
        "rep/photo.png",
        "x.png",
    ):
        picture(tmp_path / name)
    earlier = Earlier(tmp_path)
    left = [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*.png")) if not earlier(p)]
    assert left == ["rep/photo.png", "x.png"] and earlier.count == 4
    assert [s.name.as_posix() for s in find_sources(str(tmp_path / "run" / "samples"))] == ["s"]


def test_the_record_of_results(tmp_path):
    write_record(tmp_path, {"a.png": ["id_prediction/a.png"], "v.avi": ["v.mp4"]})
    with (tmp_path / "results.jsonl").open("ab") as f:
        f.write(b'\xff\n[1]\n{"source": 1}\n{"source": "c", "resul')
    write_record(tmp_path, {"v.mkv": ["v.mp4"]})
    assert read_record(tmp_path) == {"a.png": ["id_prediction/a.png"], "v.mkv": ["v.mp4"]}
    assert read_record(tmp_path / "nowhere") == {}
