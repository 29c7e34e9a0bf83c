"""The recipes of FCN, SegNet, ENet, DeepLab V1 and V2: they build, and their READMEs name code that exists."""

import importlib
import re

import paddle
import pytest

from paddleseg_lite.config import load_config
from paddleseg_lite.losses import build_criterion
from paddleseg_lite.models import build_model
from tests.models.checks import lazy_model

FOLDERS = ["deeplab_v1", "deeplab_v2", "enet", "fcn", "segnet"]


def spec_of(config):
    """The model as written, less weights of an earlier run."""
    return {key: value for key, value in config.model.items() if key != "pretrained"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_recipe_builds(folder, root):
    paths = sorted((root / "configs" / folder).glob("*.yml"))
    assert len(paths) >= 3
    for path in paths:
        config = load_config(path)
        model = lazy_model(spec_of(config), num_classes=19)
        assert model.num_classes == 19
        assert config.iters or config.epochs
        source = path.read_text(encoding="utf-8").splitlines()[0]
        assert source.startswith("#") and len(source) > 20  # where the recipe comes from


@pytest.mark.parametrize("folder", FOLDERS)
def test_losses_name_the_outputs(folder, root):
    """A loss for each training output, none left over; at a sixteenth of the width."""
    for path in sorted((root / "configs" / folder).glob("*.yml")):
        config = load_config(path)
        model = build_model({**spec_of(config), "width": 1 / 8 if folder == "enet" else 1 / 32}, num_classes=3)
        size = 64
        with paddle.no_grad():
            outputs = model(paddle.randn([2, 3, size, size]))
        total, _ = build_criterion(config.loss, num_classes=3)(
            outputs, {"label": paddle.randint(0, 3, [2, size, size])}
        )
        assert bool(paddle.isfinite(total)), path.name


@pytest.mark.parametrize("folder", FOLDERS)
def test_readme(folder, root):
    text = (root / "configs" / folder / "README.md").read_text(encoding="utf-8")
    modules = "fcn|segnet|enet|enet_blocks|deeplab_v1|deeplab_v2|vgg|vgg_classifier|indexed"
    named = re.findall(rf"`(({modules})\.[A-Za-z_][\w.]*)`", text)
    symbols = [name for name, _ in named if not name.endswith(".yml")]
    assert len(symbols) >= 3
    for symbol in symbols:
        module, *attributes = symbol.split(".")
        package = "backbones" if module in ("vgg", "vgg_classifier", "indexed") else "models"
        target = importlib.import_module(f"paddleseg_lite.{package}.{module}")
        for attribute in attributes:
            target = getattr(target, attribute)
    for name in re.findall(r"configs/(\w+/\w+\.yml)", text):
        assert (root / "configs" / name).is_file(), name
    for name in re.findall(r"\| `(\w+\.yml)`", text):
        assert (root / "configs" / folder / name).is_file(), name
    listed = set(re.findall(rf"configs/{folder}/(\w+\.yml)", text))
    assert listed == {path.name for path in (root / "configs" / folder).glob("*.yml")}
