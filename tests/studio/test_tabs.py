"""What the events of the tabs give back: files of the studio's own, for a page gets no others."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio", reason="gradio is not installed (pip install -r requirements-studio.txt)")

from paddleseg_lite.data import write_png
from paddleseg_lite.studio import desk as desks
from paddleseg_lite.studio import insides, questions
from paddleseg_lite.studio.tabs import comparing, training
from paddleseg_lite.studio.tabs.answers import Answers
from paddleseg_lite.studio.texts import Texts


@pytest.fixture
def report(output):
    """A validation report with three pictures, the worst of which was drawn."""
    folder = output / "made_report"
    (folder / "worst").mkdir(parents=True, exist_ok=True)
    (folder / "scores.json").write_text("{}")
    (folder / "per_image.csv").write_text("image,mIoU\na.png,0.5\nb.png,0.25\nc.png,0.75\n")
    write_png(folder / "worst" / "00.png", np.zeros([4, 4, 3], np.uint8))
    return folder.name


def test_stepping_goes_round_and_shows_a_copy_of_the_panel(desk, report):
    pair = comparing._Pair(desk, Texts("en"))
    at_first = pair.step(None)(report, 2, "report")
    assert at_first[:2] == (0, "1 of 3: b.png, mIoU 0.250")
    assert desk.folder in Path(at_first[2]).parents
    assert pair.step(1)(report, 0, "report") == (1, "2 of 3: a.png, mIoU 0.500", None)
    assert pair.step(-1)(report, 0, "report")[:2] == (2, "3 of 3: c.png, mIoU 0.750")
    assert pair.step(1)(report, 2, "report")[0] == 0
    assert pair.step(None)(report, 2, "upload") == (0, "", None)


def test_samples_of_a_run_are_shown_as_a_copy_and_only_once(desk):
    jobs = training._Jobs(desk, Texts("en"))
    status, curves, samples, log, drawn, told = jobs.look("unet_a", None)
    assert "step 2 of 2" in status
    assert "done: best mIoU" in log
    assert told == "Nothing is training that was started here."
    for path in (curves, samples):
        assert desk.folder in Path(path).parents
    again = jobs.look("unet_a", drawn)
    assert again[1]["__type__"] == again[2]["__type__"] == "update"  # nothing new to draw
    assert "value" not in again[1]


def test_old_files_go(desk, monkeypatch):
    monkeypatch.setattr(desks, "FOLDERS", 2)
    first, second, third = (Path(desk.picture_file(b"png")) for _ in range(3))
    assert not first.parent.exists()
    assert second.read_bytes() == third.read_bytes() == b"png"


def test_a_score_that_hangs_on_nothing_is_told(desk):
    looked = insides.scene(desk.networks.get("unet_a").open, np.zeros([8, 8, 3], np.uint8))
    answers = Answers(desk, Texts("en"))
    for strength, told in ((0.0, "zero everywhere"), (1.0, "half of it lies within 1 pixels, 90 % within 2")):
        field = insides.Field(np.full([8, 8], strength), {0.5: 1, 0.9: 2, 0.99: 3}, 1)
        asked = questions.Asked(np.array([0.25, 0.75]), field, [], None, {})
        head, table, _, words = answers._of_pixel(asked, ["a", "b"], looked, 3, 4)
        assert head == "pixel (4, 3): b, 75.0 %"
        assert table.index("75.00 %") < table.index("25.00 %")
        assert told in words
