"""The tab Try."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ...visualize import background_classes
from .. import tries
from ..desk import Desk
from ..networks import BACKENDS, PRECISIONS
from ..texts import Texts
from .parts import COMPUTE, Choices, guarded, html_table, network_choice, picture_source, read, shown


def build(desk: Desk, say: Texts, choices: Choices) -> None:
    """Components and events."""
    tried = _Tried(desk, say)
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            upload, _ = picture_source(desk, say)
            network = network_choice(choices, say)
            with gr.Row():
                backend = gr.Dropdown(list(BACKENDS), value="dygraph", label=say("backend"), min_width=120)
                precision = gr.Dropdown(list(PRECISIONS), value="fp32", label=say("precision"), min_width=120)
            go = gr.Button(say("segment"), variant="primary", elem_id="segment")
        with gr.Column(scale=3, min_width=300):
            token = gr.State("")
            picture = shown(say("result"), elem_id="result", height=380)
            status = gr.Markdown(elem_id="try-status")
            with gr.Row():
                views = [(say(v), v) for v in tries.VIEWS]
                view = gr.Radio(views, value="overlay", label=say("view"), min_width=240, elem_id="view")
                opacity = gr.Slider(0, 1, 0.6, step=0.05, label=say("opacity"), min_width=160)
            lines = gr.Checkbox(False, label=say("lines"))
            classes = gr.CheckboxGroup([], label=say("shown"), elem_id="shown")
            areas = gr.HTML(elem_id="areas")
            make = gr.Button(say("files"), size="sm", elem_id="make-files")
            files = gr.Files(label=say("take_away"), interactive=False, visible=False, elem_id="files")

    asked = [upload, network, backend, precision]
    go.click(
        guarded(say, tried.segment),
        [*asked, view, opacity, lines],
        [token, picture, status, classes, areas, files],
        api_visibility="private",
        **COMPUTE,
    )
    for event in (view.input, opacity.release, lines.input, classes.input):
        event(
            guarded(say, tried.redraw),
            [token, view, opacity, lines, classes],
            [picture, status, token],
            show_progress="hidden",
            api_visibility="private",
            trigger_mode="always_last",
        )
    make.click(guarded(say, tried.write), [token, opacity, classes], files, api_visibility="private")
    # for programs: gradio_client's predict(..., api_name="/predict")
    ids, facts, ask = gr.File(visible=False), gr.JSON(visible=False), gr.Button(visible=False)
    ask.click(guarded(say, tried.predict), asked, [ids, facts], api_name="predict", **COMPUTE)


class _Tried:
    """Called by the events of the tab; what was segmented waits on the desk's shelf, under a token."""

    def __init__(self, desk: Desk, say: Texts) -> None:
        self.desk, self.say = desk, say

    def _compute(self, path: str, name: str, backend: str, precision: str, *, confidence: bool = False) -> tries.Tried:
        def work() -> tries.Tried:
            chosen = self.desk.networks.get(name)
            image = read(self.desk, path, chosen.channels)
            return tries.segment(chosen, image, backend=backend, precision=precision, confidence=confidence)

        return self.desk.networks.run(work)

    def segment(
        self, path: str, name: str, backend: str, precision: str, view: str, opacity: float, lines: bool
    ) -> Any:
        tried = self._compute(path, name, backend, precision, confidence=view == "confidence")
        there = [row[2] for row in tries.areas(tried)]
        hidden = [tried.class_names[i] for i in background_classes(tried.class_names)]
        return (
            self.desk.shelf.put((tried, name)),
            tries.draw(tried, view, opacity=opacity, hidden=hidden, lines=lines),
            self._told(tried, view),
            gr.CheckboxGroup(choices=there, value=[name for name in there if name not in hidden]),
            self._table(tried),
            gr.Files(value=None, visible=False),
        )

    def _told(self, tried: tries.Tried, view: str) -> str:
        height, width = tried.labels.shape
        text = self.say("timing", ms=tried.milliseconds, backend=tried.computed_by, width=width, height=height)
        if view == "confidence" and tried.confidence is not None:
            text += "; " + self.say("confidence_note", mean=100 * float(tried.confidence.mean()))
        return text

    def _table(self, tried: tries.Tried) -> str:
        rows, header = tries.areas(tried), [self.say("class"), self.say("pixels"), self.say("share")]
        cells = [[f"{i}  {name}", f"{pixels:,}", f"{percent:.2f} %"] for i, _, name, pixels, percent in rows]
        return html_table(header, cells, colours=[row[1] for row in rows])

    def redraw(self, token: str, view: str, opacity: float, lines: bool, on: list[str]) -> Any:
        if not token:
            return None, "", token
        tried, name = self.desk.shelf.get(token)
        if view == "confidence" and tried.confidence is None:
            tried = self.desk.networks.run(lambda: tries.with_confidence(self.desk.networks.get(name), tried))
            token = self.desk.shelf.put((tried, name))
        hidden = [name for name in tried.class_names if name not in on]
        return tries.draw(tried, view, opacity=opacity, hidden=hidden, lines=lines), self._told(tried, view), token

    def write(self, token: str, opacity: float, on: list[str]) -> gr.Files:
        tried, _ = self.desk.shelf.get(token)
        hidden = [name for name in tried.class_names if name not in on]
        written = tries.write_files(tried, self.desk.new_folder(), opacity=opacity, hidden=hidden)
        return gr.Files(value=[str(path) for path in written], visible=True)

    def predict(self, path: str, name: str, backend: str, precision: str) -> Any:
        tried = self._compute(path, name, backend, precision)
        ids = tries.write_files(tried, self.desk.new_folder())[0]
        return str(ids), {"milliseconds": tried.milliseconds, "computed_by": tried.computed_by,
                          "classes": tried.class_names, "areas": tries.areas(tried)}  # fmt: skip
