"""Each formula, layer, network, loss and metric of the course's notes and articles against an independent reference.

The differences are on docs/results/sources.md; ``python -m tests.sources.report`` writes it.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.sources.catalogue import MODULES, catalogue
from tests.sources.items import Item
from tests.sources.networks import compute
from tests.sources.report import PAGE, row
from tests.sources.taps import read

ROOT = Path(__file__).parents[2]
ITEMS = catalogue()


@pytest.mark.parametrize("entry", ITEMS, ids=[f"{e.source}: {e.title[:50]}" for e in ITEMS])
def test_item(entry):
    difference, largest = entry.difference()
    print(row(entry, difference, largest))
    assert difference <= entry.limit(largest)


def test_every_day_and_article_has_items():
    assert len(MODULES) == 5 and len(ITEMS) >= 70
    counts = Counter(entry.source for entry in ITEMS)
    assert min(counts.values()) >= 4, counts
    titles = Counter((entry.source, entry.title) for entry in ITEMS)
    assert max(titles.values()) == 1, titles.most_common(1)


def test_a_wrong_value_is_found():
    for ours, theirs in ((1.001, 1.0), ([1.0, 2.0], [1.0, 2.1])):
        entry = Item("day 1", "wrong", "none", lambda ours=ours, theirs=theirs: (ours, theirs), 1e-5)
        difference, largest = entry.difference()
        assert difference > entry.limit(largest)
    for ours, theirs in (([1.0], [1.0, 1.0]), (float("nan"), 1.0)):
        with pytest.raises(AssertionError):
            Item("day 1", "wrong", "none", lambda ours=ours, theirs=theirs: (ours, theirs), 1e-5).difference()


def test_references_say_something():
    """Outputs of order 1: neither dead nor so large that the tolerance would hide an error."""
    for file in ("keras.npz", "torch.npz"):
        cases, arrays = read(file)
        for name, case in cases.items():
            for key in case["taps"]:
                values = arrays[f"{name}.{key}"]
                assert values.size == 1 or 0.1 < values.std() < 12, (name, key, values.std())


@pytest.mark.parametrize(("change", "least"), [({"epsilon": 1e-5}, 0.0), ({"half_pixel": True}, 0.05)])
def test_what_the_article_would_lose(change, least):
    """Without Keras's epsilon the logits move; with today's resize many pixels get another class."""
    case = read("keras.npz")[0]["mobilenet_pspnet"]
    theirs = compute(case)[0]["out"]
    ours = compute({**case, "spec": {**case["spec"], **change}})[0]["out"]
    moved, changed = np.abs(ours - theirs).max(), (ours.argmax(1) != theirs.argmax(1)).mean()
    print(change, moved, changed)
    assert moved > 1e-3 and changed >= least


def test_page_lists_every_item():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for entry in ITEMS:
        assert f"| {entry.title.replace('|', '&#124;')} |" in page, entry.title
    assert re.search(rf"\b{len(ITEMS)} items\b", page)
