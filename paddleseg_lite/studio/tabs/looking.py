"""The tab Look inside."""

from __future__ import annotations

import gradio as gr

from ..desk import Desk
from ..texts import Texts
from .answers import Answers
from .parts import COMPUTE, Choices, chart, guarded, network_choice, picture_source, shown


def build(desk: Desk, say: Texts, choices: Choices) -> None:
    """Components and events."""
    answers = Answers(desk, say)
    token, pixel = gr.State(""), gr.State(None)
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            upload, _ = picture_source(desk, say, start="context prior 1")
            network = network_choice(choices, say)
            go = gr.Button(say("open_picture"), variant="primary", elem_id="open-picture")
        with gr.Column(scale=3, min_width=300):
            picture = gr.Image(
                label=say("click_here"), interactive=False, format="png", buttons=[], height=380, elem_id="click-here",
                elem_classes="look",
            )  # fmt: skip
            status = gr.Markdown(say("no_pixel"), elem_id="pixel-told")
    of_pixel = _of_pixel(say)
    of_pyramid = _of_pyramid(say)
    none = gr.Markdown(elem_id="nothing-more")
    with gr.Accordion(say("reasoning"), open=True, visible=False) as unit_part:
        of_unit = _of_unit(say)
        with gr.Row():
            nodes_off = gr.Textbox(label=say("nodes_off"), max_length=400, min_width=140, elem_id="nodes-off")
            edges_off = gr.Textbox(label=say("edges_off"), max_length=400, min_width=140, elem_id="edges-off")
            what_if = gr.Button(say("what_if"), min_width=160, elem_id="what-if")
        told = gr.Markdown(elem_id="what-if-told")
        pair = shown(say("before_after"), height=280, visible=False, elem_id="before-after")

    go.click(
        guarded(say, answers.show),
        [upload, network],
        [token, picture, status, pixel],
        api_visibility="private",
        **COMPUTE,
    )
    picture.select(
        guarded(say, answers.click),
        token,
        [pixel, picture, status, *of_pixel, *of_pyramid, unit_part, none, *of_unit, told, pair],
        api_visibility="private",
        **COMPUTE,
    )
    what_if.click(
        guarded(say, answers.without),
        [token, pixel, nodes_off, edges_off],
        [told, pair],
        api_visibility="private",
        **COMPUTE,
    )


def _of_pixel(say: Texts) -> list[gr.components.Component]:
    """Probabilities, and the receptive field with its words."""
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            gr.Markdown(f"### {say('probabilities')}")
            sure = gr.HTML(elem_id="probabilities")
        with gr.Column(scale=2, min_width=300):
            return [sure, shown(say("field"), height=300, elem_id="field"), gr.Markdown()]


def _of_pyramid(say: Texts) -> list[gr.blocks.Block]:
    """A part that opens, its picture and its table."""
    with gr.Accordion(say("pyramid"), open=True, visible=False) as part:
        return [part, shown(say("pyramid"), show_label=False, height=220), gr.HTML(elem_id="pyramid-told")]


def _of_unit(say: Texts) -> list[gr.components.Component]:
    """The unit's name, maps of nodes, adjacency, and the table of nodes."""
    unit = gr.Markdown(elem_id="unit")
    with gr.Row():
        with gr.Column(min_width=300):
            maps = chart(say("node_maps"), height=330, elem_id="node-maps")
        with gr.Column(min_width=300):
            adjacency = chart(say("adjacency"), height=330)
    return [unit, maps, adjacency, gr.HTML(elem_id="nodes")]
