"""Make the pictures of docs/studio.md: ``python docs/images/make_studio.py --runs FOLDER``.

The folder has three runs on scenes that the program draws:

    unet_a, unet_b   any two UNets of different training, for example
                     python tools/train.py --iters 120 --seed 1 --save_dir FOLDER/unet_a
    context_glore    python tools/train.py --config configs/ablation/_base_scenes.yml --save_dir FOLDER/context_glore
                     --opts "model.context={type: GloRe, num_state: 32, num_nodes: 4}"

Needs requirements-studio.txt, playwright and chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABS = {
    "en": ("Try", "Compare", "Look inside", "Train", "Runs and studies"),
    "zh": ("试一试", "对比", "看内部", "训练", "训练与研究"),
}
LABELS = {"en": ("Run or deployment", "First", "Second"), "zh": ("训练结果或部署", "第一个", "第二个")}
WIDTH, COLOURS = 1000, 96
OBJECT = (45.5, 77.5)  # of "context semantic_hard 3", in pixels of its 96


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--runs", required=True, help="folder with the three runs")
    p.add_argument("--pixel", nargs=2, type=float, default=OBJECT, metavar=("X", "Y"), help="clicked on")
    args = p.parse_args()
    command = [sys.executable, str(ROOT / "tools" / "studio.py"), "--runs", args.runs, "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = next(m[0] for line in server.stdout if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))
        shoot(address, args.pixel)
    finally:
        server.terminate()
        server.wait()


def shoot(address: str, pixel: tuple[float, float]) -> None:
    """All tabs in both languages."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for language, tabs in TABS.items():
            page = browser.new_page(viewport={"width": WIDTH, "height": 700})
            page.set_default_timeout(120_000)
            page.goto(f"{address}/{language}/")
            page.wait_for_selector("#segment")
            page.wait_for_timeout(2000)
            whose, first, second = LABELS[language]
            choose(page, whose, "unet_a")
            page.click("#segment")
            page.wait_for_selector("#areas td")
            save(page, "try", language)
            go(page, tabs[1])
            choose(page, first, "unet_a")
            choose(page, second, "unet_b")
            page.click("#do-compare")
            page.wait_for_selector("#facts td")
            save(page, "compare", language)
            go(page, tabs[2])
            choose(page, whose, "context_glore")
            choose(page, {"en": "Example", "zh": "示例"}[language], "context semantic_hard 3")
            page.wait_for_timeout(2000)
            page.click("#open-picture")
            page.wait_for_function("document.querySelector('#click-here img')?.naturalWidth == 480")
            click(page, pixel)
            page.wait_for_selector("#nodes td")
            page.fill("#nodes-off input, #nodes-off textarea", page.inner_text("#nodes td >> nth=0").strip())
            page.click("#what-if")
            page.wait_for_selector("#what-if-told p")
            save(page, "inside", language)
            go(page, tabs[3])
            choose(page, {"en": "Watch", "zh": "观看"}[language], "unet_a")
            page.wait_for_selector("#curves img")
            save(page, "train", language)
            go(page, tabs[4])
            page.click("#lay")
            page.wait_for_selector("#run-curves img")
            save(page, "runs", language, height=760)
            page.close()
        browser.close()


def go(page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).first.click()
    page.wait_for_timeout(500)


def choose(page, label: str, value: str) -> None:
    """A value of the dropdown that is seen."""
    page.get_by_label(label, exact=True).filter(visible=True).first.click()
    page.get_by_role("option", name=value, exact=True).first.click()


def click(page, pixel: tuple[float, float]) -> None:
    """On a pixel of a picture of 96 x 96."""
    x, y, width, height = page.evaluate(
        "(() => { const r = document.querySelector('#click-here img').getBoundingClientRect(); "
        "return [r.x, r.y, r.width, r.height]; })()"
    )
    side = min(width, height)
    page.mouse.click(x + (width - side) / 2 + pixel[0] / 96 * side, y + (height - side) / 2 + pixel[1] / 96 * side)


def save(page, name: str, language: str, height: int | None = None) -> None:
    """A small PNG beside this script."""
    from PIL import Image

    page.wait_for_timeout(2500)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    if height:
        picture = picture.crop((0, 0, picture.width, min(height, picture.height)))
    small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    path = Path(__file__).parent / f"studio_{name}{'' if language == 'en' else '_zh'}.png"
    small.save(path, optimize=True)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
