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

    def segment(path: str, name: str, backend: str, precision: str, view: str, opacity: float, lines: bool) -> Any:
        def work() -> tries.Tried:
            chosen = desk.networks.get(name)
            image = read(desk, path, chosen.channels)
            return tries.segment(chosen, image, backend=backend, precision=precision, confidence=view == "confidence")

        tried = desk.networks.run(work)
        there = [row[2] for row in tries.areas(tried)]
        hidden = [tried.class_names[i] for i in background_classes(tried.class_names)]
        on = [name for name in there if name not in hidden]
        switches = gr.CheckboxGroup(choices=there, value=on)
        drawn = tries.draw(tried, view, opacity=opacity, hidden=hidden, lines=lines)
        return (
            desk.shelf.put((tried, name)),
            drawn,
            told(tried, view),
            switches,
            table(tried),
            gr.Files(value=None, visible=False),
        )

    def told(tried: tries.Tried, view: str) -> str:
        height, width = tried.labels.shape
        text = say("timing", ms=tried.milliseconds, backend=tried.computed_by, width=width, height=height)
        if view == "confidence" and tried.confidence is not None:
            text += "; " + say("confidence_note", mean=100 * float(tried.confidence.mean()))
        return text

    def table(tried: tries.Tried) -> str:
        rows = tries.areas(tried)
        cells = [[f"{i}  {name}", f"{pixels:,}", f"{percent:.2f} %"] for i, _, name, pixels, percent in rows]
        return html_table([say("class"), say("pixels"), say("share")], cells, colours=[row[1] for row in rows])

    def redraw(token: str, view: str, opacity: float, lines: bool, on: list[str]) -> Any:
        if not token:
            return None, "", token
        tried, name = desk.shelf.get(token)
        if view == "confidence" and tried.confidence is None:
            tried = desk.networks.run(lambda: tries.with_confidence(desk.networks.get(name), tried))
            token = desk.shelf.put((tried, name))
        hidden = [name for name in tried.class_names if name not in on]
        return tries.draw(tried, view, opacity=opacity, hidden=hidden, lines=lines), told(tried, view), token

    def write(token: str, opacity: float, on: list[str]) -> gr.Files:
        tried, _ = desk.shelf.get(token)
        hidden = [name for name in tried.class_names if name not in on]
        written = tries.write_files(tried, desk.new_folder(), opacity=opacity, hidden=hidden)
        return gr.Files(value=[str(path) for path in written], visible=True)

    def predict(path: str, name: str, backend: str, precision: str) -> Any:
        def work() -> tries.Tried:
            chosen = desk.networks.get(name)
            return tries.segment(chosen, read(desk, path, chosen.channels), backend=backend, precision=precision)

        tried = desk.networks.run(work)
        ids = tries.write_files(tried, desk.new_folder())[0]
        return str(ids), {"milliseconds": tried.milliseconds, "computed_by": tried.computed_by,
                          "classes": tried.class_names, "areas": tries.areas(tried)}  # fmt: skip

    go.click(
        guarded(say, segment),
        [upload, network, backend, precision, view, opacity, lines],
        [token, picture, status, classes, areas, files],
        api_visibility="private",
        **COMPUTE,
    )
    for event in (view.input, opacity.release, lines.input, classes.input):
        event(
            guarded(say, redraw),
            [token, view, opacity, lines, classes],
            [picture, status, token],
            show_progress="hidden",
            api_visibility="private",
            trigger_mode="always_last",
        )
    make.click(guarded(say, write), [token, opacity, classes], files, api_visibility="private")
    # for programs: gradio_client's predict(..., api_name="/predict")
    ids, facts, ask = gr.File(visible=False), gr.JSON(visible=False), gr.Button(visible=False)
    ask.click(guarded(say, predict), [upload, network, backend, precision], [ids, facts], api_name="predict", **COMPUTE)
