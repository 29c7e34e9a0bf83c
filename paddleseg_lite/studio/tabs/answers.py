"""What the tab Look inside answers: values for its components, in their order."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ...errors import DataError
from ...visualize import overlay, rgb
from .. import insides, marks, questions, reasoning
from ..desk import Desk
from ..texts import Texts
from .parts import html_table, read


class Answers:
    """Called by the events of the tab; pictures that were shown wait on the desk's shelf, under a token."""

    def __init__(self, desk: Desk, say: Texts) -> None:
        self.desk, self.say = desk, say

    def show(self, path: str, name: str) -> Any:
        """A picture with a network's labels: token, picture, status, no pixel yet."""

        def work() -> Any:
            chosen = self.desk.networks.get(name)
            looked = insides.scene(chosen.open, read(self.desk, path, chosen.channels))
            labels = chosen.open.predict(looked.image).labels
            return looked, overlay(rgb(looked.image), labels, chosen.palette, opacity=0.4)

        looked, drawn = self.desk.networks.run(work)
        return self.desk.shelf.put((looked, drawn, name)), marks.enlarged(drawn), self.say("no_pixel"), None

    def click(self, token: str, event: gr.SelectData) -> Any:
        """Everything about a pixel: itself, the picture, then pixel, pyramid and unit, nothing switched off yet."""
        if not token:
            raise DataError("no picture is shown yet.")
        looked, drawn, name = self.desk.shelf.get(token)
        x, y = (int(v) // marks.zoom(drawn) for v in event.index)
        x, y = min(x, looked.size[1] - 1), min(y, looked.size[0] - 1)  # a browser rounds up at the far edges

        def work() -> Any:
            chosen = self.desk.networks.get(name)
            asked, names = questions.ask(chosen, looked, y, x), chosen.class_names
            return (
                *((y, x), marks.with_cross(drawn, y, x)),
                *self._of_pixel(asked, names, looked, y, x),
                *self._of_pyramid(asked, names, looked, y, x),
                *self._of_unit(asked, names, looked, y, x),
                *("", gr.Image(visible=False)),
            )

        return self.desk.networks.run(work)

    def _of_pixel(self, asked: questions.Asked, names: list[str], looked: insides.Scene, y: int, x: int) -> Any:
        top, radii = asked.probabilities, asked.field.radii
        head = self.say("pixel_told", x=x, y=y, name=names[int(top.argmax())], percent=100 * float(top.max()))
        bars = [[cls, f"{100 * p:.2f} %"] for cls, p in questions.probability_rows(asked, names)]
        heat = marks.with_cross(marks.heat(looked.image, asked.field.strength), y, x)
        spread = {"name": names[asked.field.class_id], "r50": radii[0.5], "r90": radii[0.9], "r99": radii[0.99]}
        told = self.say("field_told" if asked.field.strength.any() else "field_none", **spread)
        return head, html_table([self.say("class"), self.say("probability")], bars), heat, told

    def _of_pyramid(self, asked: questions.Asked, names: list[str], looked: insides.Scene, y: int, x: int) -> Any:
        if not asked.pyramids:
            return gr.Accordion(visible=False), None, ""
        before, branches = asked.probabilities, asked.pyramids[0]
        was = names[int(before.argmax())]
        header = [self.say("branch"), was, self.say("without_it", name=was), self.say("becomes")]
        rows = [[b.name, *questions.outcome(before, b.without, names)] for b in branches]
        drawn = questions.branch_picture(looked, branches, y, x)
        return gr.Accordion(visible=True), drawn, html_table(header, rows)

    def _of_unit(self, asked: questions.Asked, names: list[str], looked: insides.Scene, y: int, x: int) -> Any:
        say, seen, before = self.say, asked.reasoning, asked.probabilities
        lacking = "" if asked.pyramids else say("no_pyramid")
        if seen is None:
            return gr.Accordion(visible=False), f"{lacking} {say('no_unit')}".strip(), "", None, None, ""
        was = names[int(before.argmax())]
        header = [say("node"), say("holds"), was, say("without_it", name=was), say("becomes")]
        rows = [
            [seen.nodes[v], f"{100 * seen.shares[v]:.1f} %", *questions.outcome(before, after, names)]
            for v, after in asked.without.items()
        ]
        return (
            *(gr.Accordion(visible=True), lacking, say("unit", unit=seen.unit, count=len(seen.nodes))),
            self.desk.picture_file(questions.node_picture(looked, seen, y, x)),
            self.desk.picture_file(questions.adjacency_picture(seen)),
            html_table(header, rows),
        )

    def without(self, token: str, pixel: Any, nodes: str, edges: str) -> Any:
        """What becomes of the pixel and its picture without some nodes and edges: words, both pictures."""
        if not token or pixel is None:
            raise DataError("click on a pixel first.")
        (looked, _, name), (y, x) = self.desk.shelf.get(token), pixel

        def work() -> Any:
            chosen = self.desk.networks.get(name)
            names = reasoning.look(chosen.open, looked, y, x).nodes
            off = {"nodes": questions.parse_nodes(nodes, names), "edges": questions.parse_edges(edges, names)}
            found, classes = reasoning.counterfactual(chosen.open, looked, y, x, **off), chosen.class_names
            k, then = int(found.before.argmax()), int(found.after.argmax())
            text = self.say(
                "what_if_told", x=x, y=y, before=classes[k], after=classes[then], p_before=100 * float(found.before[k]),
                p_after=100 * float(found.after[then]), changed=100 * found.changed,
            )  # fmt: skip
            drawn = questions.before_after(looked, found, chosen.palette, y, x)
            return text, gr.Image(value=drawn, visible=True)

        return self.desk.networks.run(work)
