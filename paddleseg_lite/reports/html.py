"""One-file HTML pages: styles and pictures inside, no scripts, readable offline, on a phone and in print."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; --accent: #2563eb; }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem 1.2rem 3rem }
h1 { font-size: 1.6rem; margin: .4rem 0 } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem }
p.lead { font-size: 1.05rem } .dim { color: var(--dim) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal }
thead th { border-bottom: 2px solid var(--line) }
figure { margin: 1rem 0 } figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px }
figcaption { color: var(--dim); font-size: .9rem }
.good { color: #15803d; font-weight: 600 } .bad { color: #b91c1c; font-weight: 600 }
details { margin: .6rem 0 } pre { overflow-x: auto; background: #8881; padding: .8rem; border-radius: 4px }
"""


def page(title: str, *sections: str) -> str:
    """A complete document; sections are HTML fragments, the title is plain text."""
    name = html.escape(title)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{name}</title><style>{_STYLE}</style></head>\n<body><h1>{name}</h1>\n"
        + "\n".join(sections)
        + "\n</body></html>\n"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, classes: Sequence[str] | None = None) -> str:
    """A table that scrolls sideways on narrow screens.

    Args:
        header: plain text.
        rows: plain values, escaped here.
        classes: a CSS class per row ("good", "bad" or ""), put on its last cell.
    """
    head = "".join(f"<th>{html.escape(str(h))}</th>" for h in header)
    body = []
    for i, row in enumerate(rows):
        cells = [f"<td>{html.escape(str(c))}</td>" for c in row]
        if classes and classes[i]:
            cells[-1] = cells[-1].replace("<td>", f"<td class='{classes[i]}'>", 1)
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"


def figure(picture: bytes | np.ndarray, caption: str = "") -> str:
    """A picture inside the page: PNG bytes, or RGB uint8 ``[H, W, 3]``."""
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"a picture is uint8 [H, W, 3], got {picture.dtype} of shape {picture.shape}.")
        picture = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()
    data = base64.b64encode(picture).decode("ascii")
    text = html.escape(caption)
    return f"<figure><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"
