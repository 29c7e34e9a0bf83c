"""The tab Train."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ...reports.run import results_picture
from .. import trains
from ..desk import Desk
from ..library import RECORD
from ..texts import Texts
from .parts import Choices, chart, guarded, message

TICK = 2.0  # seconds between two looks at a run


def build(desk: Desk, say: Texts, choices: Choices) -> None:
    """Components and events."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            names = trains.recipes()
            recipe = gr.Dropdown(names, value=names[0], label=say("recipe"), elem_id="recipe")
            minutes = gr.Number(0, minimum=0, maximum=trains.LONGEST, label=say("minutes"), elem_id="minutes")
            name = gr.Textbox("my_run", label=say("name"), max_length=64, elem_id="run-name")
            start = gr.Button(say("start"), variant="primary", elem_id="start")
            with gr.Row():
                stop = gr.Button(say("stop"), size="sm", min_width=140, elem_id="stop")
                withdraw = gr.Button(say("withdraw"), size="sm", min_width=140, elem_id="withdraw")
            jobs = gr.Markdown(elem_id="jobs")
            watched = choices.add(RECORD, say("watch"), elem_id="watch")
        with gr.Column(scale=3, min_width=300):
            status = gr.Markdown(elem_id="watched")
            curves = chart(say("curves"), height=360, elem_id="curves")
            samples = chart(say("samples"), height=300)
            log = gr.Textbox(label=say("log"), lines=8, max_lines=8, interactive=False, elem_id="log")
    last = gr.State(None)  # what has been drawn: a run that stands still is not drawn again
    clock = gr.Timer(TICK)

    def begin(recipe: str, minutes: float, name: str) -> Any:
        job = desk.trainings.start(recipe, minutes or 0, name)
        return told(), gr.Dropdown(value=job.folder.name)

    def told() -> str:
        running, waiting, ended = desk.trainings.running, desk.trainings.waiting, desk.trainings.last
        lines = []
        if running is not None:
            key = "job_stopping" if running.state == "stopping" else "job_running"
            lines.append(say(key, name=running.folder.name, recipe=running.recipe))
        if waiting is not None:
            lines.append(say("job_waiting", name=waiting.folder.name, recipe=waiting.recipe))
        if ended is not None and ended.status:
            errors = ended.errors.strip()[-600:].replace("`", "'")
            lines.append(say("job_failed", name=ended.folder.name, status=ended.status, errors=f"\n```\n{errors}\n```"))
        return "\n\n".join(lines) or say("job_none")

    def look(name: str, drawn: Any) -> Any:
        if not name:
            return "", gr.skip(), gr.skip(), "", None, told()
        job = next((j for j in (desk.trainings.running, desk.trainings.waiting) if j and j.folder.name == name), None)
        seen = trains.watch(desk.library, name, folder=None if job is None else job.folder)
        key = (name, len(seen.records), say.language)
        if drawn == key:
            pictures: tuple[Any, Any] = (gr.skip(), gr.skip())
        else:
            pictures = (draw(seen), None if seen.samples is None else str(seen.samples))
        return line(seen), *pictures, seen.log, key, told()

    def draw(seen: trains.Watched) -> str:
        names = next((list(r["classes"]) for r in seen.records if isinstance(r.get("classes"), dict)), [])
        palette = trains.palette_of(len(names))
        return desk.picture_file(
            desk.networks.run(lambda: results_picture(seen.records, names, palette, title=seen.name))
        )

    def line(seen: trains.Watched) -> str:
        number = lambda value, spec: "-" if value is None else format(value, spec)  # noqa: E731
        return say(
            "watched",
            state=say(f"state_{seen.state}"),
            iteration=seen.iteration,
            total="?" if seen.total is None else seen.total,
            loss=number(seen.loss, ".4f"),
            miou=number(seen.miou, ".4f"),
            best=number(seen.best, ".4f"),
            rate=number(seen.rate, ".1f"),
            eta="-" if seen.eta is None else f"{int(seen.eta) // 60}:{int(seen.eta) % 60:02d}",
        )

    def end() -> str:
        if desk.trainings.stop() is None:
            raise message(say, say("job_none"))
        return told()

    def take_back() -> str:
        desk.trainings.withdraw()
        return told()

    start.click(guarded(say, begin), [recipe, minutes, name], [jobs, watched], api_visibility="private")
    stop.click(guarded(say, end), None, jobs, api_visibility="private")
    withdraw.click(guarded(say, take_back), None, jobs, api_visibility="private")
    for event in (clock.tick, watched.change):
        event(
            guarded(say, look),
            [watched, last],
            [status, curves, samples, log, last, jobs],
            show_progress="hidden",
            api_visibility="private",
        )
