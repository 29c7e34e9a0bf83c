"""Drawings of networks: each block and link is in them, in both languages; boxes stand apart; pages show the newest."""

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from paddleseg_lite.cli import summary as tool
from paddleseg_lite.language import set_language
from paddleseg_lite.models import build_model
from paddleseg_lite.models.flow import trace
from paddleseg_lite.registry import MODELS
from paddleseg_lite.visualize.network_drawing import draw_flow
from paddleseg_lite.visualize.network_layout import BOX, arrange, route
from tests.contracts.found import specs

SPECS = specs(MODELS)

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"
SOME = ["FCN8s", "UNet", "SegNet", "PSPNetProgressive", "DeepLabV1", "DeepLabV3P", "GINet"]


@pytest.fixture(autouse=True)
def english():
    set_language("en")
    yield
    set_language(None)


@pytest.fixture(scope="module")
def flows():
    return {name: trace(build_model(SPECS[name], num_classes=3), (1, 3, 96, 96)) for name in SOME}


def texts(svg):
    return [e.text for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", SOME)
def test_every_block_and_link_is_drawn(name, flows):
    flow = flows[name]
    root = ElementTree.fromstring(draw_flow(flow))
    tips = [g.find(f"{SVG}title").text for g in root.iter(f"{SVG}g")]
    for block in flow.blocks.values():
        shape = f"{block.channels} x {block.height} x {block.width}"
        assert any(tip.startswith(block.name) and shape in tip for tip in tips), block.name
    arrows = [p for p in root.iter(f"{SVG}path") if "marker-end" in p.attrib]
    assert len(arrows) == len(flow.links)
    assert sum("stroke-dasharray" in p.attrib for p in arrows) == sum(link.kind == "places" for link in flow.links)


@pytest.mark.parametrize("name", SOME)
def test_boxes_stand_apart_and_lines_end_at_them(name, flows):
    layout, (width, height) = arrange(flows[name]), BOX
    corners = list(layout.corner.values())
    for i, (x, y) in enumerate(corners):
        assert 0 <= x <= layout.width - width and 0 <= y <= layout.height - height
        assert all(abs(x - a) >= width or abs(y - b) >= height for a, b in corners[:i])
    for link in flows[name].links:
        points = route(link, layout)
        (x1, y1), (x2, y2) = layout.corner[link.source], layout.corner[link.target]
        assert x1 <= points[0][0] <= x1 + width and points[0][1] == y1 + height
        assert x2 <= points[-1][0] <= x2 + width and points[-1][1] == y2
        for (a, b), (c, d) in zip(points, points[1:]):  # no line runs through a box
            for x, y in corners:
                through = min(a, c) < x + width and max(a, c) > x and min(b, d) < y + height and max(b, d) > y
                assert not through, (link, (x, y))


def test_both_languages(flows):
    words = texts(draw_flow(flows["PSPNetProgressive"]))
    assert "stage 4" in words and "in training only" in words
    set_language("zh")
    words = texts(draw_flow(flows["PSPNetProgressive"]))
    assert "第 4 级" in words and "只在训练时" in words and "stage 4" not in words


def test_the_tool_draws(tmp_path, capsys):
    tool.main(["--model", "ENet", "--input_size", "64", "64", "--totals", "--draw", str(tmp_path / "net.svg")])
    assert "parameters" in capsys.readouterr().out
    assert "decoder.up4" in texts((tmp_path / "net.svg").read_text(encoding="utf-8"))
    from paddleseg_lite.errors import ConfigError

    with pytest.raises(ConfigError, match=r"must end in \.svg"):
        tool.main(["--model", "ENet", "--draw", str(tmp_path / "net.png")])


def drawer():
    spec = importlib.util.spec_from_file_location("draw_networks", ROOT / "docs" / "draw_networks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


QUICK = ("enet", "glore")


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in drawer().NETWORKS]
)
def test_pictures_of_the_pages_are_current(name):
    module = drawer()
    for file, text in module.pictures(name).items():
        assert (module.OUT / file).read_text(encoding="utf-8") == text, (
            f"run python docs/draw_networks.py --only {name}"
        )
