"""The tab Look inside."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ...errors import DataError
from ...visualize import overlay, rgb
from .. import insides, marks, questions, reasoning
from ..desk import Desk
from ..texts import Texts
from .parts import COMPUTE, Choices, chart, guarded, html_table, network_choice, picture_source, read, shown


def build(desk: Desk, say: Texts, choices: Choices) -> None:
    """Components and events."""
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
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            gr.Markdown(f"### {say('probabilities')}")
            sure = gr.HTML(elem_id="probabilities")
        with gr.Column(scale=2, min_width=300):
            field = shown(say("field"), height=300, elem_id="field")
            field_told = gr.Markdown()
    with gr.Accordion(say("pyramid"), open=True, visible=False) as pyramid_part:
        pyramid = shown(say("pyramid"), show_label=False, height=220)
        pyramid_told = gr.HTML(elem_id="pyramid-told")
    none = gr.Markdown(elem_id="nothing-more")
    with gr.Accordion(say("reasoning"), open=True, visible=False) as unit_part:
        unit = gr.Markdown(elem_id="unit")
        with gr.Row():
            with gr.Column(min_width=300):
                maps = chart(say("node_maps"), height=330)
            with gr.Column(min_width=300):
                adjacency = chart(say("adjacency"), height=330)
        nodes = gr.HTML(elem_id="nodes")
        with gr.Row():
            nodes_off = gr.Textbox(label=say("nodes_off"), max_length=400, min_width=140, elem_id="nodes-off")
            edges_off = gr.Textbox(label=say("edges_off"), max_length=400, min_width=140, elem_id="edges-off")
            what_if = gr.Button(say("what_if"), min_width=160, elem_id="what-if")
        told = gr.Markdown(elem_id="what-if-told")
        pair = shown(say("before_after"), height=280, visible=False)

    def show(path: str, name: str) -> Any:
        def work() -> Any:
            chosen = desk.networks.get(name)
            looked = insides.scene(chosen.open, read(desk, path, chosen.channels))
            labels = chosen.open.predict(looked.image).labels
            return looked, overlay(rgb(looked.image), labels, chosen.palette, opacity=0.4)

        looked, drawn = desk.networks.run(work)
        return desk.shelf.put((looked, drawn, name)), marks.enlarged(drawn), say("no_pixel"), None

    def click(token: str, event: gr.SelectData) -> Any:
        if not token:
            raise DataError("no picture is shown yet.")
        looked, drawn, name = desk.shelf.get(token)
        x, y = (int(v) // marks.zoom(drawn) for v in event.index)
        x, y = min(x, looked.size[1] - 1), min(y, looked.size[0] - 1)  # a browser rounds up at the far edges

        def work() -> Any:
            chosen = desk.networks.get(name)
            asked, names = questions.ask(chosen, looked, y, x), chosen.class_names
            top = asked.probabilities
            head = say("pixel_told", x=x, y=y, name=names[int(top.argmax())], percent=100 * float(top.max()))
            radii = asked.field.radii
            spread = say(
                "field_told", name=names[asked.field.class_id], r50=radii[0.5], r90=radii[0.9], r99=radii[0.99]
            )
            heat = marks.with_cross(marks.heat(looked.image, asked.field.strength), y, x)
            bars = [[cls, f"{100 * p:.2f} %"] for cls, p in questions.probability_rows(asked, names)]
            sure_table = html_table([say("class"), say("probability")], bars)
            marked = marks.with_cross(drawn, y, x)
            return (y, x), marked, head, sure_table, heat, spread, *of_pyramid(asked, names), *of_unit(asked, names)

        def of_pyramid(asked: questions.Asked, names: list[str]) -> Any:
            if not asked.pyramids:
                return gr.Accordion(visible=False), None, ""
            before, branches = asked.probabilities, asked.pyramids[0]
            header = [say("branch"), names[int(before.argmax())], say("without_it", name=names[int(before.argmax())]),
                      say("becomes")]  # fmt: skip
            rows = [[b.name, *questions.outcome(before, b.without, names)] for b in branches]
            drawn = questions.branch_picture(looked, branches, y, x)
            return gr.Accordion(visible=True), drawn, html_table(header, rows)

        def of_unit(asked: questions.Asked, names: list[str]) -> Any:
            seen, before = asked.reasoning, asked.probabilities
            if seen is None:
                lacking = say("no_unit") if asked.pyramids else f"{say('no_pyramid')} {say('no_unit')}"
                return gr.Accordion(visible=False), lacking, "", None, None, "", "", gr.Image(visible=False)
            was = names[int(before.argmax())]
            header = [say("node"), say("holds"), was, say("without_it", name=was), say("becomes")]
            rows = [
                [seen.nodes[v], f"{100 * seen.shares[v]:.1f} %", *questions.outcome(before, after, names)]
                for v, after in asked.without.items()
            ]
            return (
                gr.Accordion(visible=True),
                "" if asked.pyramids else say("no_pyramid"),
                say("unit", unit=seen.unit, count=len(seen.nodes)),
                desk.picture_file(questions.node_picture(looked, seen, y, x)),
                desk.picture_file(questions.adjacency_picture(seen)),
                html_table(header, rows),
                "",
                gr.Image(visible=False),
            )

        return desk.networks.run(work)

    def without(token: str, pixel: Any, nodes: str, edges: str) -> Any:
        if not token or pixel is None:
            raise DataError("click on a pixel first.")
        (looked, _, name), (y, x) = desk.shelf.get(token), pixel

        def work() -> Any:
            chosen = desk.networks.get(name)
            names = reasoning.look(chosen.open, looked, y, x).nodes
            off = {"nodes": questions.parse_nodes(nodes, names), "edges": questions.parse_edges(edges, names)}
            found, classes = reasoning.counterfactual(chosen.open, looked, y, x, **off), chosen.class_names
            k, then = int(found.before.argmax()), int(found.after.argmax())
            text = say(
                "what_if_told", x=x, y=y, before=classes[k], after=classes[then], p_before=100 * float(found.before[k]),
                p_after=100 * float(found.after[then]), changed=100 * found.changed,
            )  # fmt: skip
            drawn = questions.before_after(looked, found, chosen.palette, y, x)
            return text, gr.Image(value=drawn, visible=True)

        return desk.networks.run(work)

    go.click(
        guarded(say, show), [upload, network], [token, picture, status, pixel], api_visibility="private", **COMPUTE
    )
    picture.select(
        guarded(say, click),
        token,
        [
            *(pixel, picture, status, sure, field, field_told, pyramid_part, pyramid, pyramid_told),
            *(unit_part, none, unit, maps, adjacency, nodes, told, pair),
        ],
        api_visibility="private",
        **COMPUTE,
    )
    what_if.click(
        guarded(say, without), [token, pixel, nodes_off, edges_off], [told, pair], api_visibility="private", **COMPUTE
    )
