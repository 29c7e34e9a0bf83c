"""``style``: one table a network, one way to pick from it."""

from dataclasses import dataclass

import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import build_model
from paddleseg_lite.models.styles import from_former_name, pick
from paddleseg_lite.registry import CONTEXTS, MODELS


@dataclass(frozen=True)
class Style:
    dropout: float = 0.1
    bias: bool = False


STYLES = {"paper": Style(), "paddleseg": Style(bias=True)}


def test_what_is_given_replaces_the_styles_own():
    assert pick(STYLES, "paddleseg", owner="Net") == Style(0.1, True)
    assert pick(STYLES, "paddleseg", owner="Net", dropout=0.0, bias=False) == Style(0.0, False)
    assert pick(STYLES, "paper", owner="Net", dropout=None) is not None and STYLES["paper"] == Style()


def test_an_unknown_style_names_the_nearest():
    with pytest.raises(ConfigError, match=r"Net style 'padleseg' is unknown. Did you mean 'paddleseg'\?.*paper"):
        pick(STYLES, "padleseg", owner="Net")


@pytest.mark.parametrize("name", [n for n in MODELS.names() if MODELS.accepts(n, "style")])
def test_every_network_with_styles_refuses_others(name):
    with pytest.raises(ConfigError, match=f"{name} style 'no_such' is unknown. .*Known: "):
        build_model({"type": name, "style": "no_such"}, num_classes=2)


@pytest.mark.parametrize(
    ("name", "style", "small"),
    [("UNet", "paddleseg", {"base_channels": 2}), ("SegNet", "paddleseg", {"width": 1 / 32})],
)
def test_variant_is_the_former_name_of_style(name, style, small):
    old, new = (build_model({"type": name, key: style, **small}, num_classes=2) for key in ("variant", "style"))
    shapes = [{k: list(v.shape) for k, v in model.state_dict().items()} for model in (old, new)]
    assert shapes[0] == shapes[1]
    with pytest.raises(ConfigError, match="variant is the former name of style"):
        build_model({"type": name, "style": style, "variant": "other", **small}, num_classes=2)


def test_the_former_name_where_both_agree():
    assert from_former_name("same", "course", default="same", owner="UNet") == "course"
    assert from_former_name("course", "course", default="same", owner="UNet") == "course"
    assert from_former_name("course", None, default="same", owner="UNet") == "course"


def test_a_unit_picks_as_the_networks_do():
    with pytest.raises(ConfigError, match=r"GINet unit style 'papr' is unknown. Did you mean 'paper'\?"):
        CONTEXTS.build({"type": "GINet", "style": "papr"}, in_channels=4, num_classes=2)
