"""What the tabs share: an upload that is only a file, choices that follow the library, errors as messages."""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from ...data import write_png
from ...errors import UserError
from .. import examples
from ..desk import Desk
from ..library import NETWORK
from ..texts import Texts
from ..uploads import read_upload

logger = logging.getLogger("paddleseg_lite")

COMPUTE = {"concurrency_id": "compute", "concurrency_limit": 1}  # of events that compute: in turn, with a place in line


def file_upload(label: str, **kwargs: Any) -> gr.Image:
    """A picture to upload, paste or photograph, handed on as the file it is: the room opens it, within its limits."""
    box = gr.Image(
        label=label,
        sources=["upload", "clipboard", "webcam"],
        type="filepath",
        format="png",
        height=300,
        elem_classes="look",
        **kwargs,
    )
    box.preprocess = lambda payload: None if payload is None else payload.path
    return box


def shown(label: str, **kwargs: Any) -> gr.Image:
    """A picture that is only looked at, exactly as it was computed, its pixels as squares."""
    kwargs = {"elem_classes": "look", **kwargs}
    return gr.Image(label=label, interactive=False, format="png", buttons=["download", "fullscreen"], **kwargs)


def chart(label: str, **kwargs: Any) -> gr.Image:
    """A drawing with its title above it, scaled smoothly."""
    gr.Markdown(f"**{label}**")
    return shown(label, show_label=False, elem_classes="chart", **kwargs)


def charts(label: str, **kwargs: Any) -> gr.Gallery:
    """Several drawings side by side, whole, with their title above them."""
    gr.Markdown(f"**{label}**")
    return gr.Gallery(
        label=label, show_label=False, columns=2, height=330, format="png", object_fit="contain", **kwargs
    )


def guarded(say: Texts, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a user's errors as messages on the page, and faults of ours told in the log."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except UserError as e:
            raise message(say, str(e)) from None
        except MemoryError:
            raise message(say, "the memory does not suffice: take a smaller picture or network.") from None
        except gr.Error:
            raise
        except Exception:
            logger.exception("the studio failed")
            raise message(say, say("fault")) from None

    return call


def message(say: Texts, text: str) -> gr.Error:
    """A message that stays until it is closed."""
    return gr.Error(html.escape(text), duration=None, title=say("cannot"), print_exception=False)


class Choices:
    """Dropdowns that list what the library has, made new together when a page is opened or asks for it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.boxes = desk, []
        self.others: list[tuple[Callable[[], Any], gr.components.Component]] = []

    def add(self, kind: str, label: str, *, position: int = 0, **kwargs: Any) -> gr.Dropdown:
        """A dropdown of one kind; ``position``: which of the names it starts with."""
        names = self.desk.library.names(kind)
        box = gr.Dropdown(names, value=_at(names, position, kwargs), label=label, allow_custom_value=True, **kwargs)
        self.boxes.append((kind, position, kwargs, box))
        return box

    def also(self, function: Callable[[], Any], output: gr.components.Component) -> None:
        """Something else that is made new with the lists."""
        self.others.append((function, output))

    def listed(self, *current: Any) -> list[Any]:
        """Updates for all boxes; what is chosen stays chosen."""
        updates = []
        for (kind, position, kwargs, _), value in zip(self.boxes, current):
            names = self.desk.library.names(kind)
            # what is chosen is not touched: it may be another by the time this arrives
            own = {} if value else {"value": _at(names, position, kwargs)}
            updates.append(gr.Dropdown(choices=names, **own))
        return updates if len(updates) > 1 else updates[0]  # Gradio takes a list of one for the value of that one

    def follow(self, *events: Callable[..., Any]) -> None:
        """Make the lists new on these events."""
        boxes = [box for *_, box in self.boxes]
        for event in events:
            event(self.listed, boxes, boxes, show_progress="hidden", api_visibility="private")
            for function, output in self.others:
                event(function, None, output, show_progress="hidden", api_visibility="private")


def _at(names: Sequence[str], position: int, kwargs: dict[str, Any]) -> Any:
    value = names[min(position, len(names) - 1)] if names else None
    return ([value] if value else []) if kwargs.get("multiselect") else value


def network_choice(choices: Choices, say: Texts) -> gr.Dropdown:
    """The networks of the library."""
    return choices.add(NETWORK, say("network"))


def picture_source(desk: Desk, say: Texts, *, start: str = "scene 1") -> tuple[gr.Image, gr.Dropdown]:
    """An upload and the examples; the one chosen is put into the upload."""
    upload = file_upload(say("picture"), value=examples.example(start).image)
    example = gr.Dropdown(examples.names(), value=start, label=say("example"))

    def put(name: str) -> str:
        path = desk.new_folder() / "example.png"
        write_png(path, examples.example(name).image)
        return str(path)

    example.input(guarded(say, put), example, upload, show_progress="hidden", api_visibility="private")
    return upload, example


def read(desk: Desk, path: str | None, channels: int = 3) -> Any:
    """The uploaded picture as an array."""
    return read_upload(path, desk.limits, channels=channels)


def html_table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, colours: Sequence[str] | None = None) -> str:
    """A table as HTML, every cell escaped; ``colours``: a swatch in front of each row."""
    head = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in header)
    body = []
    for i, row in enumerate(rows):
        swatch = "" if colours is None else f"<span class='swatch' style='background:{html.escape(colours[i])}'></span>"
        cells = [html.escape(str(cell)) for cell in row]
        cells[0] = swatch + cells[0]
        body.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
