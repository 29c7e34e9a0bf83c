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
    jobs_of = _Jobs(desk, say)
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

    start.click(guarded(say, jobs_of.begin), [recipe, minutes, name], [jobs, watched], api_visibility="private")
    stop.click(guarded(say, jobs_of.end), None, jobs, api_visibility="private")
    withdraw.click(guarded(say, jobs_of.take_back), None, jobs, api_visibility="private")
    for event in (clock.tick, watched.change):
        event(
            guarded(say, jobs_of.look),
            [watched, last],
            [status, curves, samples, log, last, jobs],
            show_progress="hidden",
            api_visibility="private",
        )


class _Jobs:
    """Called by the events of the tab."""

    def __init__(self, desk: Desk, say: Texts) -> None:
        self.desk, self.say, self.trainings = desk, say, desk.trainings

    def begin(self, recipe: str, minutes: float, name: str) -> Any:
        job = self.trainings.start(recipe, minutes or 0, name)
        return self.told(), gr.Dropdown(value=job.folder.name)

    def end(self) -> str:
        if self.trainings.stop() is None:
            raise message(self.say, self.say("job_none"))
        return self.told()

    def take_back(self) -> str:
        self.trainings.withdraw()
        return self.told()

    def told(self) -> str:
        """What is running, what waits, and what has failed."""
        running, waiting, ended = self.trainings.running, self.trainings.waiting, self.trainings.last
        lines = []
        if running is not None:
            key = "job_stopping" if running.state == "stopping" else "job_running"
            lines.append(self.say(key, name=running.folder.name, recipe=running.recipe))
        if waiting is not None:
            lines.append(self.say("job_waiting", name=waiting.folder.name, recipe=waiting.recipe))
        if ended is not None and ended.status:
            errors = ended.errors.strip()[-600:].replace("`", "'")
            told = self.say("job_failed", name=ended.folder.name, status=ended.status, errors=f"\n```\n{errors}\n```")
            lines.append(told)
        return "\n\n".join(lines) or self.say("job_none")

    def look(self, name: str, drawn: Any) -> Any:
        """The run that is watched: its state, curves, samples, log; what has been drawn; what is told of the jobs."""
        if not name:
            return "", gr.skip(), gr.skip(), "", None, self.told()
        own = [j for j in (self.trainings.running, self.trainings.waiting) if j and j.folder.name == name]
        seen = trains.watch(self.desk.library, name, folder=own[0].folder if own else None)
        key = (name, len(seen.records), self.say.language)
        pictures = (gr.skip(), gr.skip()) if drawn == key else (self._curves(seen), self._samples(seen))
        return self._line(seen), *pictures, seen.log, key, self.told()

    def _curves(self, seen: trains.Watched) -> str:
        names = next((list(r["classes"]) for r in seen.records if isinstance(r.get("classes"), dict)), [])
        palette = trains.palette_of(len(names))
        return self.desk.picture_file(
            self.desk.networks.run(lambda: results_picture(seen.records, names, palette, title=seen.name))
        )

    def _samples(self, seen: trains.Watched) -> str | None:
        return None if seen.samples is None else self.desk.picture_file(seen.samples.read_bytes())

    def _line(self, seen: trains.Watched) -> str:
        number = lambda value, spec: "-" if value is None else format(value, spec)  # noqa: E731
        return self.say(
            "watched",
            state=self.say(f"state_{seen.state}"),
            iteration=seen.iteration,
            total="?" if seen.total is None else seen.total,
            loss=number(seen.loss, ".4f"),
            miou=number(seen.miou, ".4f"),
            best=number(seen.best, ".4f"),
            rate=number(seen.rate, ".1f"),
            eta="-" if seen.eta is None else f"{int(seen.eta) // 60}:{int(seen.eta) % 60:02d}",
        )
