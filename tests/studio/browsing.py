"""What the browser tests do with a page. Set PADDLESEG_LITE_SHOTS to a folder to keep what was seen."""

import os
from pathlib import Path

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
TABS = {
    "en": ("Try", "Compare", "Look inside", "Train", "Runs and studies"),
    "zh": ("试一试", "对比", "看内部", "训练", "训练与研究"),
}
MARKS = ("#segment", "#do-compare", "#open-picture", "#start", "#lay")  # a button of each tab
PATIENCE = 120_000  # ms; nothing takes that long on an idle machine


def open_tab(page, language, number):
    """A tab; on a phone it may stand in the menu of those that did not fit."""
    name = TABS[language][number]
    tab = page.get_by_role("tab", name=name, exact=True).first
    if tab.is_visible():
        tab.click()
    else:
        page.locator(".overflow-menu > button").first.click()
        page.locator(".overflow-dropdown button", has_text=name).first.click()
    page.wait_for_selector(f"{MARKS[number]}:visible")


def choose(page, label, value):
    """A value of the dropdown with that label that is seen."""
    page.get_by_label(label, exact=True).filter(visible=True).first.click()
    page.get_by_role("option", name=value, exact=True).first.click()


def click_pixel(page, x, y, side=96):
    """On a pixel of the picture in Look inside, which is ``side`` pixels wide and high."""
    page.wait_for_function(f"document.querySelector('#click-here img')?.naturalWidth == {512 // side * side}")
    left, top, width, height = page.evaluate(
        "(() => { const r = document.querySelector('#click-here img').getBoundingClientRect(); "
        "return [r.x, r.y, r.width, r.height]; })()"
    )
    shown = min(width, height)
    at = [(width - shown) / 2 + (x + 0.5) / side * shown, (height - shown) / 2 + (y + 0.5) / side * shown]
    page.mouse.click(left + at[0], top + at[1])


def fits(page):
    """Whether nothing stands out on the right."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


def keep(page, name):
    """A screenshot, where somebody wants it."""
    folder = os.environ.get("PADDLESEG_LITE_SHOTS")
    if folder:
        page.wait_for_timeout(700)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
