"""The tab Runs and studies."""

from __future__ import annotations

from typing import Any

import gradio as gr

from .. import runs
from ..desk import Desk
from ..library import RECORD, STUDY
from ..texts import Texts
from .parts import COMPUTE, Choices, chart, charts, guarded, html_table, network_choice

COLUMNS = ("name", "network", "data", "iteration", "best", "last", "changed")


def build(desk: Desk, say: Texts, choices: Choices) -> None:
    """Components and events."""
    header = [say(f"column_{name}") for name in COLUMNS]
    kinds = ["str", "str", "str", "number", "number", "number", "str"]
    table = gr.Dataframe(
        headers=header, datatype=kinds, interactive=False, label=say("all_runs"), elem_id="runs-table",
        column_widths=[140, 170, 130, 80, 100, 100, 190],
    )  # fmt: skip
    chosen = choices.add(RECORD, say("chosen"), multiselect=True, elem_id="chosen")
    lay = gr.Button(say("lay"), elem_id="lay")
    curves = chart(say("curves"), height=330, elem_id="run-curves")
    differences = gr.HTML(elem_id="differences")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            network = network_choice(choices, say)
            confuse = gr.Button(say("confusion"), elem_id="confuse")
            confused = gr.Markdown(elem_id="confused")
        with gr.Column(scale=3, min_width=300):
            matrix = chart(say("confusion"), height=330, elem_id="matrix")
    study = choices.add(STUDY, say("study"), elem_id="study")
    show = gr.Button(say("show_study"), elem_id="show-study")
    intervals = charts(say("intervals"), elem_id="intervals")
    maps = charts(say("class_map"), elem_id="class-maps")
    text = gr.Markdown(elem_id="study-text")

    def listed() -> list[list[Any]]:
        rounded = lambda value: None if value is None else round(value, 4)  # noqa: E731
        return [
            [r.name, r.network, r.data, r.iteration, rounded(r.best), rounded(r.last),
             f"{r.changed} ({say('state_training')})" if r.training else r.changed]
            for r in runs.table(desk.library)
        ]  # fmt: skip

    def side_by_side(names: list[str]) -> Any:
        png = desk.networks.run(lambda: runs.curves(desk.library, names))
        header, rows = runs.recipe_differences(desk.library, names)
        found = html_table(header, rows) if rows else say("no_difference")
        return desk.picture_file(png), found

    def confusion(name: str) -> Any:
        png, matrix, images = desk.networks.run(lambda: runs.confusion(desk.networks.get(name)))
        scores = matrix.compute("nan")
        told = say("confusion_told", images=images, miou=float(scores.mIoU), right=float(scores.aAcc))
        return desk.picture_file(png), told

    def read(name: str) -> Any:
        found = desk.networks.run(lambda: runs.study(desk.library, name))
        drawn = [(desk.picture_file(png), title) for title, *pair, _ in found.groups for png in pair]
        heat = [(desk.picture_file(png), title) for title, *_, png in found.groups if png is not None]
        return found.text, drawn, heat

    choices.also(guarded(say, listed), table)
    lay.click(guarded(say, side_by_side), chosen, [curves, differences], api_visibility="private")
    confuse.click(guarded(say, confusion), network, [matrix, confused], api_visibility="private", **COMPUTE)
    show.click(guarded(say, read), study, [text, intervals, maps], api_visibility="private")
