"""The page of one language: a head, and the tabs."""

from __future__ import annotations

import gradio as gr

from .desk import Desk
from .tabs import comparing, looking, runs, training, trying
from .tabs.parts import Choices
from .texts import LANGUAGES, Texts

TABS = {
    "try": trying.build,
    "compare": comparing.build,
    "inside": looking.build,
    "train": training.build,
    "runs": runs.build,
}
SYSTEM_FONTS = ["system-ui", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC", "sans-serif"]  # none is fetched
CSS = """
.gradio-container { max-width: 1280px !important; width: 100% !important; margin: 0 auto !important; }
#head { align-items: center; }
#head .prose { margin: 0; }
@media (max-width: 600px) { #head { flex-direction: column; align-items: stretch; } }
.swatch { display: inline-block; width: 1em; height: 1em; margin-right: .5em; border: 1px solid #8888; }
.scroll { overflow-x: auto; }
.scroll table { width: 100%; border-collapse: collapse; white-space: nowrap; }
.scroll :is(table, thead, tbody, tr) { border: none !important; }
.scroll th, .scroll td {
  padding: .25em .6em !important; text-align: left; border: none !important; border-bottom: 1px solid #8884 !important;
}
.chart img { width: 100% !important; height: 100% !important; object-fit: contain; }
.look img { width: 100% !important; height: 100% !important; object-fit: contain; image-rendering: pixelated; }
"""


def theme() -> gr.themes.Base:
    """Gradio's look with the fonts of the machine."""
    return gr.themes.Default(font=SYSTEM_FONTS, font_mono=["ui-monospace", "Consolas", "monospace"])


def build(desk: Desk, language: str) -> gr.Blocks:
    """The page, ready to be mounted."""
    say = Texts(language)
    choices = Choices(desk)
    with gr.Blocks(title=say("title"), analytics_enabled=False, delete_cache=(600, 3600)) as page:
        with gr.Row(elem_id="head"):
            others = " · ".join(f"[{name}](../{code}/)" for code, name in LANGUAGES.items() if code != language)
            gr.Markdown(f"## {say('title')}\n{say('promise')} {others}", elem_id="title")
            again = gr.Button(say("refresh"), size="sm", scale=0, min_width=180, elem_id="refresh")
        with gr.Tabs():
            for name, build_tab in TABS.items():
                with gr.Tab(say(name), id=name):
                    build_tab(desk, say, choices)
        choices.follow(page.load, again.click)
    return page
