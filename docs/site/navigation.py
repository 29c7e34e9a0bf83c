"""The order of the pages and the words over them."""

from __future__ import annotations

import re

from pages import Pages

START = (
    "own_data.md",
    "studio.md",
    "weights.md",
    "migration.md",
    "networks.md",
    "graph_reasoning.md",
    "recipes.md",
    "hardware.md",
    "faq.md",
    "glossary.md",
)
SECTIONS = {  # key: (English, Chinese, folder or pages)
    "start": ("Start", "开始", ["index.md", *START]),
    "course": ("Course", "课程", "course/"),
    "howto": ("How to", "怎么做", "howto/"),
    "models": ("Networks", "网络", "models/"),
    "results": ("Results", "结果", "results/"),
    "reference": ("Reference", "参考", "reference/"),
}
REST = ("Project", "项目")


def navigation(pages: Pages, language: str) -> list[dict]:
    """The tree that MkDocs takes; a page nobody has placed stands under "Project"."""
    column = 1 if language == "zh" else 0
    left = sorted(pages.places.values())
    tree = []
    for *titles, inside in SECTIONS.values():
        chosen = (
            [p for p in inside if p in left] if isinstance(inside, list) else [p for p in left if p.startswith(inside)]
        )
        chosen.sort(key=lambda p: (inside.index(p) if isinstance(inside, list) else 0, not p.endswith("index.md"), p))
        left = [p for p in left if p not in chosen]
        if chosen:
            tree.append({titles[column]: [entry(pages, page) for page in chosen]})
    tree.append({REST[column]: [entry(pages, page) for page in left]})
    return tree


def entry(pages: Pages, page: str) -> dict | str:
    """Page under its first heading; an index stands for its section."""
    if page.endswith("/index.md"):
        return page
    file = next(f for f, p in pages.places.items() if p == page)
    title = re.search(r"^# (.+)$", (pages.root / file).read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[`*]", "", title[1]) if title else page: page}
