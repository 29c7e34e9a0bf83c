"""The tab Compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np

from ...data import colorize
from ...errors import DataError
from ...visualize.overlays import IGNORED
from .. import compares, examples
from ..desk import Desk
from ..library import NETWORK, REPORT
from ..networks import Network
from ..texts import Texts
from .parts import COMPUTE, Choices, guarded, html_table, picture_source, read, shown

SOURCES = ("upload", "validation", "report")


def build(desk: Desk, say: Texts, choices: Choices) -> None:
    """Components and events."""
    pair = _Pair(desk, say)
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            first = choices.add(NETWORK, say("first"), elem_id="first")
            second = choices.add(NETWORK, say("second"), position=1, elem_id="second")
            sources = [(say(f"from_{name}"), name) for name in SOURCES]
            source = gr.Radio(sources, value="upload", label=say("source"), elem_id="source")
            upload, example = picture_source(desk, say)
            number = gr.Number(1, precision=0, minimum=1, label=say("number"), visible=False, elem_id="number")
            with gr.Column(visible=False) as from_report:
                report = choices.add(REPORT, say("report"), elem_id="report")
                rank = gr.State(0)
                with gr.Row():
                    back = gr.Button(say("previous"), size="sm", min_width=80, elem_id="previous-worst")
                    on = gr.Button(say("next"), size="sm", min_width=80, elem_id="next-worst")
                told = gr.Markdown(elem_id="worst-told")
                panel = shown(say("report"), height=160, elem_id="worst-panel")
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

    source.change(_shown_for, source, [upload, example, number, from_report], api_visibility="private")
    worst = [rank, told, panel]
    for event, by in ((back.click, -1), (on.click, 1), (report.change, None), (source.change, None)):
        event(guarded(say, pair.step(by)), [report, rank, source], worst, api_visibility="private")
    go.click(
        guarded(say, pair.compare),
        [first, second, source, upload, example, number, report, rank],
        [left, right, difference, truth, facts],
        api_visibility="private",
        **COMPUTE,
    )


def _shown_for(source: str) -> list[Any]:
    """Of upload, example, number and report those that a source needs."""
    return [gr.update(visible=source == name) for name in ("upload", *SOURCES)]


class _Pair:
    """Called by the events of the tab."""

    def __init__(self, desk: Desk, say: Texts) -> None:
        self.desk, self.say = desk, say

    def compare(
        self, first: str, second: str, source: str, path: str, example: str, number: int, report: str, rank: int
    ) -> Any:
        """Both labels, the difference, the truth where there is one, and the facts."""

        def work() -> compares.Compared:
            one, two = self.desk.networks.get(first), self.desk.networks.get(second)
            if source == "upload":
                image = read(self.desk, path, one.channels)
                label = _label_of(example, image, one)
            else:
                index = int(number or 1) - 1 if source == "validation" else self._listed(report)[rank].index
                image, label = compares.validation_picture(one, index)
            return compares.compare(one, two, image, label)

        found = self.desk.networks.run(work)
        paint = lambda ids: colorize(ids, found.palette, ignore_colour=IGNORED)  # noqa: E731
        label = None if found.truth is None else paint(found.truth)
        table = html_table(["", self.say("share")], compares.rows(compares.facts(found), self.say))
        return *(paint(ids) for ids in found.labels), compares.difference(found), label, table

    def _listed(self, report: str) -> list[compares.Worst]:
        found = compares.worst(self.desk.library, self.desk.library.path(REPORT, report))
        if not found:
            raise DataError("the report has no pictures with a score.")
        return found

    def step(self, by: int | None) -> Callable[..., Any]:
        """Steps through the worst pictures of a report; None: to the first, if that is where pictures come from."""

        def turn(report: str, rank: int, source: str) -> Any:
            if source != "report" or not report:
                return 0, "", None
            found = self._listed(report)
            rank = 0 if by is None else (rank + by) % len(found)
            one = found[rank]
            text = self.say("worst_told", rank=rank + 1, count=len(found), name=one.name, miou=one.miou)
            return rank, text, None if one.panel is None else self.desk.picture_file(one.panel.read_bytes())

        return turn


def _label_of(example: str, image: np.ndarray, network: Network) -> np.ndarray | None:
    """The label of an example, where the picture is that one and not an upload in its place."""
    drawn = examples.example(example) if example in examples.names() else None
    if drawn is None or not np.array_equal(drawn.image, image) or drawn.label.max() >= len(network.class_names):
        return None
    return drawn.label
