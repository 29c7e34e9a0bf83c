"""A network as an SVG picture, drawn from the built network: ``draw_network(model)``.

From top to bottom in the order of computation, from left to right by resolution. A
box is a block of :mod:`paddleseg_lite.models.flow`: its name, channels, resolution,
and what one of its values sees of the image.
"""

from __future__ import annotations

from html import escape

from ..language import translate as _
from ..models import Segmentor
from ..models.flow import Block, Flow, Link, trace
from .network_layout import BOX, COLUMN, LEFT, TOP, Layout, arrange, route

FILLS = {  # role: (fill, border)
    "image": ("#f5f5f5", "#616161"),
    "backbone": ("#e3f0fb", "#1f6fb2"),
    "context": ("#fdeccf", "#c77700"),
    "head": ("#e4f4e4", "#2e7d32"),
    "training": ("#f3e9f7", "#7b3f98"),
    "output": ("#f5f5f5", "#616161"),
}
FONT = "font-family='DejaVu Sans, Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif'"


def draw_network(model: Segmentor, input_shape: tuple[int, ...] = (1, 3, 512, 512)) -> str:
    """The SVG text of a network's drawing, in the language in force (:mod:`paddleseg_lite.language`).

    Args:
        model: a built network; it may be lazy, no weight is read.
        input_shape: ``(1, C, H, W)`` or ``(C, H, W)``.

    Raises:
        ValueError: a size the network cannot take.
    """
    return draw_flow(trace(model, input_shape))


def draw_flow(flow: Flow) -> str:
    """The same from blocks and links."""
    layout = arrange(flow)
    legend = [role for role in FILLS if any(b.role == role for b in flow.blocks.values()) and role not in ENDS]
    height = layout.height + 46
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {layout.width} {height}' width='{layout.width}' "
        f"height='{height}' {FONT} font-size='12' role='img'>",
        f"<title>{escape(title(flow))}</title>",
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        "<path d='M0,0 L8,4 L0,8 z' fill='#424242'/></marker></defs>",
        f"<rect width='{layout.width}' height='{height}' rx='8' fill='#ffffff'/>",
        f"<text x='{LEFT}' y='24' font-size='15' font-weight='bold' fill='#212121'>{escape(title(flow))}</text>",
        *columns(layout),
        *(line for link in flow.links for line in arrow(link, layout)),
        *(line for block in flow.blocks.values() for line in box(block, flow, layout)),
        *key(legend, layout.height + 22),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def is_drawing(data: bytes) -> bool:
    """Whether the bytes of a file are one of these drawings, or one of before."""
    return data.startswith(b"<svg xmlns='http://www.w3.org/2000/svg' viewBox=") and b"<marker id='tip'" in data[:2048]


ENDS = ("image", "output")


def title(flow: Flow) -> str:
    """``PSPNet: 46,592,597 parameters, sees the whole picture``."""
    summary = flow.summary
    sees = (
        _("sees the whole picture") if summary.whole_picture else _("sees {} px").format(f"{summary.receptive_field:,}")
    )
    return _("{model}: {parameters} parameters, {sees}").format(
        model=summary.model, parameters=f"{summary.eval_parameters:,}", sees=sees
    )


def columns(layout: Layout) -> list[str]:
    """A grey guide and a heading for each resolution."""
    lines = []
    for stride, (left, right) in layout.columns.items():
        middle = (left + right) / 2
        heading = _("full size") if stride == 1 else f"1/{stride}"
        heading = _("whole picture") if stride >= layout.side else heading
        lines += [
            f"<rect x='{left:g}' y='{TOP - 32}' width='{right - left:g}' height='{layout.height - TOP + 32}' rx='6' "
            "fill='#fafafa' stroke='#e0e0e0'/>",
            f"<text x='{middle:g}' y='{TOP - 14}' text-anchor='middle' fill='#757575'>{escape(heading)}</text>",
        ]
    return lines


def arrow(link: Link, layout: Layout) -> list[str]:
    """One link; dashed where places of maxima go, marked where the map arrives larger or smaller."""
    points = route(link, layout)
    dash = " stroke-dasharray='4 3'" if link.kind == "places" else ""
    path = "M" + " L".join(f"{x:g},{y:g}" for x, y in points)
    lines = [
        f"<path d='{path}' fill='none' stroke='#424242' stroke-width='1.3' stroke-linejoin='round'{dash} "
        "marker-end='url(#tip)'/>"
    ]
    factor = link.scale if link.scale >= 1 else 1 / link.scale
    word = "x{:g}" if link.scale >= 1 else "/{:g}"
    text = word.format(round(factor, 1)) if round(factor) == round(factor, 2) and factor > 1.4 else ""
    if link.kind == "places":
        text = _("places") + (f" {text}" if text else "")
    if text:
        x, y = points[-1]
        lines.append(f"<text x='{x + 8:g}' y='{y - 5:g}' font-size='10' fill='#616161'>{escape(text)}</text>")
    return lines


def box(block: Block, flow: Flow, layout: Layout) -> list[str]:
    """The block's rectangle, its lines of text, and how its inputs are joined."""
    x, y = layout.corner[block.name]
    fill, border = FILLS[block.role]
    dash = " stroke-dasharray='5 3'" if block.role == "training" else ""
    width, height = BOX
    lines = [
        f"<g><title>{escape(tip(block))}</title>",
        f"<rect x='{x:g}' y='{y:g}' width='{width}' height='{height}' rx='5' fill='{fill}' stroke='{border}' "
        f"stroke-width='1.4'{dash}/>",
        f"<text x='{x + width / 2:g}' y='{y + 17:g}' text-anchor='middle' font-weight='bold' "
        f"fill='#212121'>{escape(shown_name(block))}</text>",
        f"<text x='{x + width / 2:g}' y='{y + 33:g}' text-anchor='middle' font-size='11' "
        f"fill='#424242'>{escape(facts(block))}</text>",
        "</g>",
    ]
    sign = {"add": "+", "concat": _("concat")}.get(flow.joins.get(block.name, ""))
    if sign:
        lines.append(
            f"<text x='{x + 2:g}' y='{y - 5:g}' font-size='11' font-weight='bold' fill='#b71c1c'>{escape(sign)}</text>"
        )
    return lines


def shown_name(block: Block) -> str:
    """Short enough for a box: ``stage 1``, ``unit: GloRe``, ``out``."""
    if block.role == "image":
        return _("image")
    if block.role == "output":
        return block.name[3:]  # behind the arrow
    name = block.name
    for prefix in ("backbone.", "context."):
        if name.startswith(prefix):
            name = name[len(prefix) :]
    if name.startswith("stages."):
        return _("stage {}").format(int(name[7:]) + 1)
    return f"{name}: {block.type}" if block.role == "context" and name == "unit" else name


def facts(block: Block) -> str:
    """``256 ch, sees 91 px``."""
    channels = _("{} ch").format(f"{block.channels:,}")
    if block.role in ENDS:
        classes = _("{} classes").format(block.channels)
        return channels if block.role == "image" else classes
    if block.whole_picture:
        return _("{channels}, sees all").format(channels=channels)
    return _("{channels}, sees {field} px").format(channels=channels, field=f"{block.receptive_field:,}")


def tip(block: Block) -> str:
    """What a pointer over the box says: path, class, shape, parameters."""
    shape = f"{block.channels} x {block.height} x {block.width}"
    return f"{block.name} {block.type} {shape} {_('{} parameters').format(f'{block.parameters:,}')}".replace("  ", " ")


def key(roles: list[str], y: float) -> list[str]:
    """Which colour is what."""
    words = {
        "backbone": _("backbone"),
        "context": _("context unit"),
        "head": _("head"),
        "training": _("in training only"),
    }
    lines = []
    for i, role in enumerate(roles):
        fill, border = FILLS[role]
        x = LEFT + i * (COLUMN * 0.93)
        lines += [
            f"<rect x='{x:g}' y='{y - 10:g}' width='14' height='12' rx='2' fill='{fill}' stroke='{border}'/>",
            f"<text x='{x + 20:g}' y='{y:g}' font-size='11' fill='#424242'>{escape(words[role])}</text>",
        ]
    return lines
