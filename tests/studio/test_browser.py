"""The page in Debian's Chromium: every tab, both languages, desktop and phone; nothing is asked of another server."""

import cv2
import numpy as np
import pytest
from browsing import MARKS, SIZES, TABS, click_pixel, fits, keep, open_tab
from served import studio, why_no_browser

pytestmark = pytest.mark.skipif(bool(why_no_browser()), reason=f"no browser: {why_no_browser()}")

TRAINING = (
    "--iters 4 --batch_size 2 --save_interval 2 --log_iters 1 --no_vdl --no_doctor --threads 1 --opts "
    "train_dataset.num_samples=8 val_dataset.num_samples=2 model.base_channels=4 lr_scheduler.warmup_iters=0"
)


@pytest.fixture(scope="module")
def served(output):
    from paddleseg_lite.studio.desk import Desk

    desk = Desk([output])
    desk.trainings.extra = TRAINING.split()
    with studio(desk) as address:
        yield address
    desk.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", TABS)
def test_every_tab_opens_and_fits(opened, language, size):
    page = opened(language, size)
    for number in range(len(MARKS)):
        open_tab(page, language, number)
        assert fits(page), TABS[language][number]
        keep(page, f"{language}_{size}_{number}")
    assert {"en": "Everything stays on this computer", "zh": "一切都留在这台电脑上"}[language] in page.inner_text(
        "#title"
    )


def test_an_upload_is_segmented_and_a_broken_one_is_a_message(opened, tmp_path):
    page = opened("en")
    image = np.random.default_rng(0).integers(0, 255, [40, 50, 3], np.uint8)
    cv2.imwrite(str(tmp_path / "mine.png"), image)
    put(page, tmp_path / "mine.png")
    page.click("#segment")
    page.wait_for_selector("#try-status:has-text('50 x 40 pixels')")
    assert page.locator("#areas td").count() >= 3
    page.click("#make-files")
    page.wait_for_selector("#files:visible:has-text('polygons')")
    keep(page, "upload")
    (tmp_path / "broken.png").write_bytes((tmp_path / "mine.png").read_bytes()[:500])
    put(page, tmp_path / "broken.png")
    page.click("#segment")
    page.wait_for_selector(".toast-body:has-text('damaged')")
    keep(page, "broken")


def put(page, path):
    """Upload a file into the picture of the tab Try, in place of what is there."""
    page.locator("input[type=file]").first.set_input_files(path)
    page.wait_for_timeout(3000)  # the page shows no sign when it has arrived


def test_two_runs_are_compared(opened):
    page = opened("zh")
    open_tab(page, "zh", 1)
    page.click("#do-compare")
    page.wait_for_selector("#facts td")
    assert page.locator("#facts tbody tr").count() == 8  # with a label: the example has one
    keep(page, "compare")


def test_a_click_on_a_pixel_is_answered_for_that_pixel(opened):
    page = opened("en")
    open_tab(page, "en", 2)
    page.click("#open-picture")
    click_pixel(page, 30, 60)
    page.wait_for_selector("#pixel-told:has-text('pixel (30, 60)')")
    assert page.locator("#probabilities tbody tr").count() == 8
    page.wait_for_selector("#nothing-more:has-text('no unit with nodes')")
    keep(page, "pixel")


def test_a_training_is_watched_to_its_end(opened, output):
    page = opened("en")
    open_tab(page, "en", 3)
    page.fill("#run-name input, #run-name textarea", "watched")
    page.click("#start")
    page.wait_for_selector("#jobs:has-text('watched (quick_start/unet_scenes) is running')")
    page.wait_for_selector("#watched:has-text('ended, step 4 of 4')")
    page.wait_for_selector("#curves img")
    assert (output / "watched" / "best_model" / "manifest.json").is_file()
    keep(page, "trained")
    page.click("#start")  # the name is taken
    page.wait_for_selector(".toast-body:has-text('there is a run watched already')")
