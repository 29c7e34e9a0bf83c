"""One-file HTML pages: styles and pictures inside, no scripts, readable offline, on a phone and in print."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from typing import Any, Union

import cv2
import numpy as np

from .matrix import STYLE as MATRIX_STYLE

Picture = Union[bytes, np.ndarray]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #666; --good: #15803d; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --dim: #a3a3a3; --good: #4ade80; --bad: #f87171 } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 84rem; padding: 1rem 1.2rem 3rem;
  overflow-wrap: break-word }
h1 { font-size: 1.6rem; margin: .4rem 0 } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem }
p.lead { font-size: 1.05rem } .dim { color: var(--dim) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal }
thead th { border-bottom: 2px solid var(--line) } .bars + .scroll { margin-top: 1rem }
.wrap td, .wrap th { white-space: normal; overflow-wrap: anywhere; text-align: left; vertical-align: top }
figure { margin: 1rem 0 } figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px }
figcaption { color: var(--dim); font-size: .9rem }
.good { color: var(--good); font-weight: 600 } .bad { color: var(--bad); font-weight: 600 }
.wide { overflow-x: auto } .wide img { max-width: none }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem; margin: 1rem 0 }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; overflow-wrap: anywhere }
.card b { display: block; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.card span { color: var(--dim); font-size: .85rem } .card small { color: var(--dim); display: block }
.bars { display: grid; grid-template-columns: minmax(4rem, max-content) 1fr 3.6rem; gap: .15rem .6rem }
.bars div { background: #8882; border-radius: 3px; height: 1rem; position: relative }
.bars div i { position: absolute; top: 0; bottom: 0; border-radius: 3px; border: 1px solid #8888 }
.bars span:nth-child(3n) { text-align: right; font-variant-numeric: tabular-nums }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 38rem), 1fr)); gap: 0 1.2rem }
.side { display: grid; gap: 0 2rem } .side > * { min-width: 0 } .side table { width: 100% }
@media (min-width: 62rem) {
  .side { grid-template-columns: minmax(0, 1.3fr) minmax(0, 1fr) } .side.even { grid-template-columns: 1fr 1fr }
}
.parts { display: grid; gap: 4px; grid-template-columns: repeat(4, 1fr) } .parts img { width: 100% }
@media (max-width: 30rem) { .parts { grid-template-columns: 1fr 1fr } }
@media (max-width: 30rem) {
  body { padding: .6rem .8rem 2rem } th, td { padding: .3rem .35rem } table { font-size: .84rem }
}
details { margin: .6rem 0 } pre { overflow-x: auto; background: #8881; padding: .8rem; border-radius: 4px }
"""


def page(title: str, *sections: str) -> str:
    """A complete document; sections are HTML fragments, the title is plain text."""
    name = html.escape(title)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{name}</title><style>{_STYLE}{MATRIX_STYLE}</style></head>\n<body><h1>{name}</h1>\n"
        + "\n".join(sections)
        + "\n</body></html>\n"
    )


def is_page(data: bytes) -> bool:
    """Whether the bytes of a file are a page of ours, or one of before."""
    return data.startswith(b"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>")


def table(
    header: Sequence[str], rows: Sequence[Sequence[Any]], *, classes: Sequence[str] | None = None, wrap: bool = False
) -> str:
    """A table that scrolls sideways on narrow screens.

    Args:
        header: plain text.
        rows: plain values, escaped here.
        classes: a CSS class per row ("good", "bad" or ""), put on its last cell.
        wrap: break long texts into lines instead of scrolling.
    """
    head = "".join(f"<th>{html.escape(str(h))}</th>" for h in header)
    body = []
    for i, row in enumerate(rows):
        cells = [f"<td>{html.escape(str(c))}</td>" for c in row]
        if classes and classes[i]:
            cells[-1] = cells[-1].replace("<td>", f"<td class='{classes[i]}'>", 1)
        body.append(f"<tr>{''.join(cells)}</tr>")
    inside = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return f"<div class='{'wrap' if wrap else 'scroll'}'>{inside}</div>"


def cards(facts: Sequence[tuple[str, str, str]]) -> str:
    """Headline figures side by side: ``(what, value, note)`` each."""
    parts = [
        f"<div class='card'><span>{html.escape(what)}</span><b>{html.escape(value)}</b>"
        f"<small>{html.escape(note)}</small></div>"
        for what, value, note in facts
    ]
    return f"<div class='cards'>{''.join(parts)}</div>"


def bars(
    names: Sequence[str],
    values: Sequence[float],
    colours: Sequence[Sequence[int]],
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> str:
    """A bar for each class in its colour, from zero to its value; a value that is nan has none.

    Args:
        names: plain text.
        values: of the bars.
        colours: RGB of each.
        low, high: ends of the scale; with a negative ``low`` bars grow from the zero between.
    """
    span = high - low
    zero = 100 * (0 - low) / span
    parts = []
    for name, value, colour in zip(names, values, colours):
        known = not math.isnan(value)
        end = 100 * (min(max(value, low), high) - low) / span if known else zero
        left, width = min(zero, end), abs(end - zero)
        style = f"left:{left:.2f}%;width:{width:.2f}%;background:rgb({','.join(str(int(c)) for c in colour)})"
        sign = "+" if low < 0 else ""
        text = f"{value:{sign}.3f}" if known else "absent"
        parts.append(f"<span>{html.escape(str(name))}</span><div><i style='{style}'></i></div><span>{text}</span>")
    return f"<div class='bars'>{''.join(parts)}</div>"


def side(*parts: str, even: bool = False) -> str:
    """Sections beside each other where there is room; ``even``: all of one width, the first is wider otherwise."""
    return f"<div class='side{' even' if even else ''}'>{''.join(f'<div>{part}</div>' for part in parts)}</div>"


def gallery(figures: Sequence[str]) -> str:
    """Figures in as many columns as fit."""
    return f"<div class='gallery'>{''.join(figures)}</div>"


def figure(picture: Picture | Sequence[Picture], caption: str = "", *, wide: bool = False) -> str:
    """A picture inside the page: PNG bytes, or RGB uint8 ``[H, W, 3]``.

    Args:
        picture: or several, four beside each other, on a phone two.
        caption: plain text.
        wide: never shrunk, it scrolls instead.
    """
    text = html.escape(caption)
    if isinstance(picture, (list, tuple)):
        image = f"<div class='parts'>{''.join(_image(part, text) for part in picture)}</div>"
    else:
        image = f"<div class='wide'>{_image(picture, text)}</div>" if wide else _image(picture, text)
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"


def _image(picture: Picture, text: str) -> str:
    """An ``img`` that holds its picture; ``text`` is escaped."""
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"a picture is uint8 [H, W, 3], got {picture.dtype} of shape {picture.shape}.")
        picture = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()
    data = base64.b64encode(picture).decode("ascii")
    return f"<img alt='{text}' src='data:image/png;base64,{data}'>"
