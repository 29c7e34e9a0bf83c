"""Every flag that PaddleSeg's users know exists here under its name."""

import importlib
import subprocess
import sys
import textwrap

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


def test_the_network_is_named_after_what_computes():
    from paddle import nn

    from paddleseg_lite.inference.backend import PaddleBackend

    names = [PaddleBackend.as_trained(nn.ReLU(), precision, "O1").name for precision in ("fp32", "fp16", "bf16")]
    assert names == ["dygraph fp32"] * 3  # on a CPU validation is in fp32


def test_a_backend_by_its_former_flag_and_by_a_name_there_is_not():
    from paddleseg_lite.cli import common, val
    from paddleseg_lite.errors import ConfigError
    from paddleseg_lite.registry import BACKENDS

    for flag in ("--engine", "--backend"):
        assert val.build_parser().parse_args(["--model_path", "x", flag, "openvino"]).backend == "openvino"
    assert BACKENDS.names() == ["dygraph", "onnxruntime", "openvino", "static"]
    common.check_backend("auto")
    with pytest.raises(ConfigError, match=r"--backend opnvino: there is no such backend\. Did you mean 'openvino'"):
        common.check_backend("opnvino")


def test_help_loads_neither_yaml_nor_paddle(root):
    """The parsers of all tools, in a process of its own: what takes long is imported by the work, not by ``--help``."""
    script = """
        import importlib, sys
        from paddleseg_lite.cli import commands
        for name in commands():
            importlib.import_module(f"paddleseg_lite.cli.{name}").build_parser()
        print(sorted({"yaml", "paddle", "numpy", "cv2", "matplotlib"} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
