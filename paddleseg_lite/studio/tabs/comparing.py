"""The tab Compare."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from ...data import colorize
from ...errors import DataError
from ...visualize.overlays import IGNORED
from .. import compares, examples
from ..desk import Desk
from ..library import NETWORK, REPORT
from ..texts import Texts
from .parts import COMPUTE, Choices, guarded, html_table, picture_source, read, shown


def build(desk: Desk, say: Texts, choices: Choices) -> None:
    """Components and events."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            first = choices.add(NETWORK, say("first"), elem_id="first")
            second = choices.add(NETWORK, say("second"), position=1, elem_id="second")
            sources = [(say(f"from_{name}"), name) for name in ("upload", "validation", "report")]
            source = gr.Radio(sources, value="upload", label=say("source"), elem_id="source")
            upload, example = picture_source(desk, say)
            number = gr.Number(1, precision=0, minimum=1, label=say("number"), visible=False, elem_id="number")
            with gr.Group(visible=False) as from_report:
                report = choices.add(REPORT, say("report"), elem_id="report")
                rank = gr.State(0)
                with gr.Row():
                    back = gr.Button(say("previous"), size="sm", min_width=80)
                    on = gr.Button(say("next"), size="sm", min_width=80, elem_id="next-worst")
                told = gr.Markdown(elem_id="worst-told")
                panel = shown(say("report"), height=160)
            go = gr.Button(say("do_compare"), variant="primary", elem_id="do-compare")
        with gr.Column(scale=3, min_width=300):
            with gr.Row():
                left = shown(say("first"), height=240, min_width=140)
                right = shown(say("second"), height=240, min_width=140)
            with gr.Row():
                difference = shown(say("difference"), height=240, min_width=140)
                truth = shown(say("truth"), height=240, min_width=140)
            gr.Markdown(say("difference_key"))
            facts = gr.HTML(elem_id="facts")

    def choose(source: str) -> Any:
        updates = [gr.update(visible=source == "upload")] * 2
        return [*updates, gr.update(visible=source == "validation"), gr.update(visible=source == "report")]

    def compare(
        first: str, second: str, source: str, path: str, example: str, number: int, report: str, rank: int
    ) -> Any:
        def work() -> compares.Compared:
            one, two = desk.networks.get(first), desk.networks.get(second)
            if source == "upload":
                image, label = read(desk, path, one.channels), None
                drawn = examples.example(example) if example in examples.names() else None
                if (
                    drawn is not None
                    and np.array_equal(drawn.image, image)
                    and drawn.label.max() < len(one.class_names)
                ):
                    label = drawn.label  # the example itself, not an upload in its place
            else:
                index = int(number or 1) - 1 if source == "validation" else listed(report)[rank].index
                image, label = compares.validation_picture(one, index)
            return compares.compare(one, two, image, label)

        found = desk.networks.run(work)
        paint = lambda ids: colorize(ids, found.palette, ignore_colour=IGNORED)  # noqa: E731
        label = None if found.truth is None else paint(found.truth)
        table = html_table(["", say("share")], compares.rows(compares.facts(found), say))
        return *(paint(ids) for ids in found.labels), compares.difference(found), label, table

    def listed(report: str) -> list[compares.Worst]:
        found = compares.worst(desk.library, desk.library.path(REPORT, report))
        if not found:
            raise DataError("the report has no pictures with a score.")
        return found

    def step(by: int) -> Any:
        def turn(report: str, rank: int) -> Any:
            found = listed(report)
            rank = (rank + by) % len(found)
            one = found[rank]
            text = say("worst_told", rank=rank + 1, count=len(found), name=one.name, miou=one.miou)
            return rank, text, None if one.panel is None else str(one.panel)

        return guarded(say, turn)

    source.change(choose, source, [upload, example, number, from_report], api_visibility="private")
    back.click(step(-1), [report, rank], [rank, told, panel], api_visibility="private")
    on.click(step(1), [report, rank], [rank, told, panel], api_visibility="private")
    go.click(
        guarded(say, compare),
        [first, second, source, upload, example, number, report, rank],
        [left, right, difference, truth, facts],
        api_visibility="private",
        **COMPUTE,
    )
