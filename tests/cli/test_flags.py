"""Every flag that PaddleSeg's users know exists here under its name."""

import importlib

import pytest

COMMON = "--config --device --opts"
TEST = (
    "--engine --model_path --scales --flip_horizontal --flip_vertical --precision --amp_level --is_slide --crop_size "
    "--stride"
)
FLAGS = {
    "train": "--save_dir --iters --batch_size --learning_rate --save_interval --log_iters --num_workers --do_eval "
    "--use_vdl --use_ema --resume_model --keep_checkpoint_max --early_stop_intervals --seed --precision "
    "--amp_level --epochs --no_eval --nan_policy --accumulate --profile",
    "val": f"{TEST} --aug_eval --num_workers",
    "infer": f"{TEST} --image_path --aug_pred --custom_color --save_dir",
    "doctor": "--json",
    "predict": f"{TEST} --image_path --aug_pred --custom_color --save_dir",
}


@pytest.mark.parametrize("name", FLAGS)
def test_flags_exist(name):
    module = importlib.import_module(f"paddleseg_lite.cli.{name}")
    known = {option for action in module.build_parser()._actions for option in action.option_strings}
    assert not {*COMMON.split(), *FLAGS[name].split()} - known


@pytest.mark.parametrize("name", ["train", "val", "infer", "predict"])
def test_what_changes_nothing_is_taken_with_a_line(name, tool, tmp_path):
    """Up to the run folder that is not there: the flag itself is no error, another layout is."""
    path = ["--config", tmp_path / "no.yml"] if name == "train" else ["--model_path", tmp_path / "no"]
    path += ["--image_path", tmp_path] if name in ("infer", "predict") else []
    status, out, err = tool(name, *path, "--data_format", "NCHW")
    assert status == 2 and "no" in err and "--data_format is left out: NCHW is the layout here" in out
    status, _, err = tool(name, *path, "--data_format", "NHWC")
    assert status == 2 and "--data_format NHWC is not supported" in err


def test_predict_is_infer_with_its_own_folder():
    from paddleseg_lite.cli import infer, predict

    flags = [{o for a in m.build_parser()._actions for o in a.option_strings} for m in (infer, predict)]
    assert flags[0] == flags[1]
    given = ["--model_path", "a", "--image_path", "b"]
    assert [m.build_parser().parse_args(given).save_dir for m in (infer, predict)] == ["output/infer", "output/result"]


def test_engines_are_named_after_what_computes():
    from paddleseg_lite.inference.precision import engine_name, half_forward

    assert [engine_name(p) for p in ("fp32", "fp16", "bf16")] == ["dygraph fp32"] * 3  # on a CPU validation is in fp32
    assert half_forward(None, "bf16", "O1") is None  # on a CPU the kernels are chosen, not the types


def test_the_engines_of_the_command_line_are_those_there_are():
    from paddleseg_lite.cli.common import ENGINES
    from paddleseg_lite.export import KINDS

    assert (*KINDS, "auto") == ENGINES
