"""Whether the words that a beginner looks up lead to the page that explains them, by the built site's search index.

The browser's search ranks a page by where its words stand (a title counts a thousand
times its text, ``fields`` in the index) times the page's boost; so does this.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

EXPECTED = {
    "en": {
        "upsampling": "glossary/#upsampling",
        "receptive field": "glossary/#receptive-field",
        "mIoU": "glossary/#miou",
        "out of memory": "faq/#out-of-memory",
    },
    "zh": {
        "上采样": "glossary/#上采样",
        "感受野": "glossary/#感受野",
        "mIoU": "glossary/#miou",
        "显存不足": "faq/#显存不足内存不足",
        "out of memory": "faq/#显存不足内存不足",
    },
}


def first_place(index: dict, words: str) -> str:
    """Where the best entry for the words is: ``glossary/#miou-...``."""
    fields = {name: field["boost"] for name, field in index["config"]["fields"].items()}

    def score(entry: dict) -> float:
        total = 0.0
        for name in ("title", "text"):
            text = re.sub(r"<[^>]+>|\u200b", "", entry.get(name, "")).lower()
            found = re.findall(r"\w+", text)
            for word in words.lower().split():
                hits = text.count(word) if re.search(r"[\u4e00-\u9fff]", word) else found.count(word)
                total += fields[name] * hits / (hits + 1) / (1 + len(found)) ** 0.25
        return total * entry.get("boost", 1)

    return max(index["docs"], key=score)["location"]


def not_found_first(site: Path) -> list[str]:
    """Words whose first hit is another place than the expected one."""
    wrong = []
    for language, expected in EXPECTED.items():
        index = json.loads((site / language / "search" / "search_index.json").read_text(encoding="utf-8"))
        for words, place in expected.items():
            first = first_place(index, words)
            if not first.startswith(place):
                wrong.append(f"{language}: {words} finds {first} before {place}")
    return wrong
