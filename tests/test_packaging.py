"""The source archive holds what a checkout has; its wheel, installed elsewhere, is a working library."""

import subprocess
import sys
import tarfile
import zipfile

import pytest

RECIPE = """
model: {type: UNet, base_channels: 4}
train_dataset: {type: Scenes, mode: train, num_samples: 4, size: [32, 32], transforms: [{type: Normalize}]}
val_dataset: {type: Scenes, mode: val, num_samples: 2, size: [32, 32], transforms: [{type: Normalize}]}
iters: 1
"""

CALLS = """
import numpy
import paddleseg_lite
from paddleseg_lite import load, load_config, train
assert "site" in paddleseg_lite.__file__, paddleseg_lite.__file__
train(load_config("recipe.yml"), save_dir="run")
labels = load("run").predict(numpy.zeros([20, 30, 3], dtype=numpy.uint8)).labels
assert labels.shape == (20, 30), labels.shape
assert load_config("quick_start/unet_scenes").model["type"] == "UNet"
assert load("quick_start").predict(numpy.zeros([20, 30, 3], dtype=numpy.uint8)).labels.shape == (20, 30)
"""


@pytest.fixture(scope="module")
def tracked(root):
    """Files under version control, and those that will be (a new part that is not committed yet)."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="module")
def built(root, tracked, tmp_path_factory):
    """Folder with the source archive and the wheel built from it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in tracked:  # a copy: building writes beside its sources
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((root / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(source)], capture_output=True, text=True, timeout=300
    )
    if done.returncode and "No matching distribution found for setuptools" in done.stdout + done.stderr:
        pytest.skip("the build tools are not installed and no registry is in reach")
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built):
    return next(built.glob("*.whl"))


def test_source_archive_holds_the_checkout(built, tracked):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in tracked if not name.startswith(".")} <= packed


def test_wheel_holds_the_package_and_nothing_else(wheel, root):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"paddleseg_lite"}
    packed = {name for name in names if name.endswith(".py")}
    assert packed >= {str(p.relative_to(root).as_posix()) for p in (root / "paddleseg_lite" / "models").glob("*.py")}
    assert "paddleseg_lite/shipped/quick_start/model.pdparams" in names
    recipes = {name for name in names if name.endswith(".yml") and "/shipped/" not in name}
    assert recipes == {f"paddleseg_lite/{p.relative_to(root).as_posix()}" for p in (root / "configs").rglob("*.yml")}
    scripts = zipfile.ZipFile(wheel).read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    assert "paddleseg-lite = paddleseg_lite.cli:program" in scripts


def test_library_calls_work_from_the_wheel(wheel, tmp_path):
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    (work / "recipe.yml").write_text(RECIPE, encoding="utf-8")
    zipfile.ZipFile(wheel).extractall(site)
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n{CALLS}"
    done = subprocess.run([sys.executable, "-c", code], cwd=work, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
