"""The page in Chromium, asked about what needs more than a run: nodes, reports, matrices, studies; both languages."""

import json
import re

import numpy as np
import pytest
from browsing import choose, click_pixel, fits, keep, open_tab
from served import why_no_browser
from studio_runs import CONTEXT, recipe, with_unit

pytestmark = pytest.mark.skipif(bool(why_no_browser()), reason=f"no browser: {why_no_browser()}")


@pytest.fixture(scope="module")
def output(output, root):
    """Two UNets, a network with nodes, a validation report, a study whose text names a picture here and one outside."""
    from paddleseg_lite.cli.jobs.train import run_training
    from paddleseg_lite.cli.val import main as validate
    from paddleseg_lite.data import write_png

    run = run_training(recipe(with_unit("glore"), CONTEXT), name="glore", save_dir=str(output / "glore"), use_vdl=False,
                       doctor=False)  # fmt: skip
    assert run == 0
    assert validate(["--model_path", str(output / "unet_a"), "--report", str(output / "report")]) == 0
    study = output / "study"
    study.mkdir()
    entry = json.loads((root / "docs" / "results" / "graph_modules.json").read_text(encoding="utf-8"))[0]
    (study / "report.json").write_text(json.dumps([entry]), encoding="utf-8")
    table = "| unit | n | mIoU |\n|---|---|---|\n| GloRe | 5 | 1.0 |\n"
    text = f"{table}\n![every seed](seeds.png)\n\n![far](../../far.png)\n"
    (study / "report.md").write_text(text, encoding="utf-8")
    for path in (study / "seeds.png", output.parent / "far.png"):
        write_png(path, np.zeros([30, 50, 3], np.uint8))
    return output


def cells(page, row):
    return [cell.strip() for cell in page.locator(f"#nodes tbody tr >> nth={row} >> td").all_inner_texts()]


def test_a_node_is_switched_off_and_then_an_edge(opened):
    page = opened("en")
    open_tab(page, "en", 2)
    choose(page, "Run or deployment", "glore")
    page.click("#open-picture")
    click_pixel(page, 30, 60)
    page.wait_for_selector("#unit:has-text('Unit GloRe with 5 nodes')")
    assert page.locator("#nodes tbody tr").count() == 5
    node, _, before, without, becomes = cells(page, 0)
    page.fill("#nodes-off input, #nodes-off textarea", node)
    page.click("#what-if")
    page.wait_for_selector("#what-if-told:has-text('Pixel (30, 60)')")
    page.wait_for_selector("#before-after img")
    told = page.inner_text("#what-if-told")
    assert before in told
    if becomes == "=":  # else the table tells the share that the class before has kept, and the words the new one's
        assert f"becomes {re.search(r': (.+?) [0-9.]+ %', told)[1]} {without}" in told
    keep(page, "node_off")
    page.fill("#nodes-off input, #nodes-off textarea", "")
    page.fill("#edges-off input, #edges-off textarea", "0<1")
    page.click("#what-if")
    page.wait_for_function("told => !document.querySelector('#what-if-told').innerText.includes(told)", arg=told)
    page.fill("#nodes-off input, #nodes-off textarea", "17")
    page.click("#what-if")
    page.wait_for_selector(".toast-body:has-text('no node')")


def test_the_worst_of_a_report_are_stepped_through_and_compared(opened, output):
    from paddleseg_lite.studio.compares import worst
    from paddleseg_lite.studio.library import Library

    found = worst(Library([output]), output / "report")
    page = opened("en")
    open_tab(page, "en", 1)
    choose(page, "First", "unet_a")
    choose(page, "Second", "unet_b")
    page.locator("#source label", has_text="the worst of a report").click()
    for button, rank in ((None, 0), ("#next-worst", 1), ("#previous-worst", 0), ("#previous-worst", 5)):
        if button:
            page.click(button)
        page.wait_for_selector(f"#worst-told:has-text('{rank + 1} of 6: {found[rank].name}')")
    page.wait_for_selector("#worst-panel img")
    page.click("#do-compare")
    page.wait_for_selector("#facts td")
    keep(page, "worst")
    row = page.locator("#facts tr", has_text="first: mIoU of this picture").inner_text()
    assert float(re.search(r"([0-9.]+) %", row)[1]) == pytest.approx(100 * found[5].miou, abs=0.011)
    page.locator("#source label", has_text="upload or example").click()
    page.wait_for_selector("#worst-told", state="hidden")


def test_a_confusion_matrix_is_that_of_the_last_validation(opened, output):
    records = [json.loads(line) for line in (output / "unet_a" / "metrics.jsonl").read_text().splitlines()]
    miou = next(r["mIoU"] for r in reversed(records) if r.get("kind") == "eval")
    page = opened("en", "phone")
    open_tab(page, "en", 4)
    choose(page, "Run or deployment", "unet_a")
    page.click("#confuse")
    page.wait_for_selector(f"#confused:has-text('6 pictures, mIoU {miou:.4f}')")
    page.wait_for_function("document.querySelector('#matrix img')?.naturalWidth > 100")
    assert fits(page)
    keep(page, "confusion")


@pytest.mark.parametrize(("language", "size"), [("zh", "desktop"), ("en", "phone")])
def test_a_study_is_shown_with_its_pictures(opened, language, size):
    page = opened(language, size)
    open_tab(page, language, 4)
    page.click("#show-study")
    page.wait_for_selector("#study-text td:has-text('GloRe')")
    page.wait_for_selector("#intervals img")
    images = page.locator("#study-text img")
    assert images.count() == 1
    page.wait_for_function("document.querySelector('#study-text img').naturalWidth == 50")
    assert "[far]" in page.inner_text("#study-text")
    assert fits(page)
    keep(page, f"study_{language}_{size}")
