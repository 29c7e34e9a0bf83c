"""Pages in a real browser, on a desk and on a phone: nothing sticks out, whatever the names."""

import shutil

import numpy as np
import pytest

from paddleseg_lite.metrics import ConfusionMatrix
from paddleseg_lite.reports import cards, figure, page, table
from paddleseg_lite.reports.html import bars, gallery, side
from paddleseg_lite.reports.matrix import confusion_table

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LONG = "output/a_run_with_a_rather_long_name_as_people_give_them/best_model"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        made = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    names = [f"class_with_a_name_{i}" for i in range(60)]
    picture, colours = np.full((90, 120, 3), 40, np.uint8), np.full((60, 3), 90)
    sections = [
        cards([("first", "0.9", LONG), ("second", "0.8", LONG)]),
        side(bars(names[:30], [0.5] * 30, colours[:30]), bars(names[30:], [0.5] * 30, colours[30:]), even=True),
        side(table(["class", *names[:7]], [[name, *"1234567"] for name in names]), "<p>beside</p>"),
        table(["key", "first"], [["train_dataset.transforms", str([{"type": "RandomHorizontalFlip"}] * 9)]], wrap=True),
        confusion_table(ConfusionMatrix.from_matrix(np.eye(60, dtype=int)), names),
        gallery([figure([picture] * 4, LONG)]),
        figure(np.full((300, 900, 3), 200, np.uint8), "a plot", wide=True),
    ]
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page(f"UNet: {LONG}", *sections), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(browser, written, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown = context.new_page()
    shown.goto(written.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    tracks = shown.evaluate("getComputedStyle(document.querySelector('.parts')).gridTemplateColumns").split()
    assert len(tracks) == (4 if width == 1280 else 2)
    first, second = shown.evaluate("[...document.querySelectorAll('.bars')].map(b => b.children[1].clientWidth)")
    assert abs(first - second) <= 2  # bars of two columns are on one scale
    dim = shown.evaluate("getComputedStyle(document.querySelector('figcaption')).color")
    assert dim == ("rgb(102, 102, 102)" if scheme == "light" else "rgb(163, 163, 163)")
    context.close()
