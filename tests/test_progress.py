"""How far a long job is, in lines and as a bar."""

import logging

from paddleseg_lite.progress import Progress, watched


def test_progress_is_shown_in_lines_and_as_a_bar(caplog, capsys):
    with caplog.at_level("INFO", logger="paddleseg_lite"), Progress(4, "images", interval=0, bar=False) as progress:
        for _ in range(4):
            progress.step(note="1 broken")
    lines = [r.getMessage() for r in caplog.records]
    assert len(lines) == 3 and lines[0].startswith("1 of 4 images (") and lines[0].endswith("s left), 1 broken")
    with Progress(3, "images", bar=True) as progress:
        for _ in range(3):
            progress.step()
    assert "3/3" in capsys.readouterr().err


def test_a_bar_goes_on_from_where_an_earlier_process_was_and_log_lines_stand_above_it(capsys):
    logger = logging.getLogger("paddleseg_lite")
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    try:
        with Progress(10, "it", bar=True, done=6) as progress:
            progress.step("loss 0.5")
            logger.warning("a line")
    finally:
        logger.removeHandler(handler)
    shown = capsys.readouterr().err
    assert "6/10" in shown and "7/10" in shown and "loss 0.5" in shown
    assert any(line.strip() == "a line" for line in shown.replace("\r", "\n").splitlines())


def test_the_rate_counts_only_what_this_process_did(caplog, monkeypatch):
    now = iter([0.0, 2.0])
    monkeypatch.setattr("paddleseg_lite.progress.time.perf_counter", lambda: next(now))
    with caplog.at_level("INFO", logger="paddleseg_lite"), Progress(100, "it", interval=1, bar=False, done=90) as p:
        p.step(count=4)
    assert caplog.messages == ["94 of 100 it (2.0/s, 3 s left)"]


def test_watched_items_come_through(caplog):
    with caplog.at_level("INFO", logger="paddleseg_lite"):
        found = list(watched([[1, 2], [3]], 3, "images", steps=len, interval=0, bar=False))
    assert found == [[1, 2], [3]] and caplog.messages[0].startswith("2 of 3 images (")
