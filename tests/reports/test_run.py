"""The table and the curves of a run, from records as they are after good and bad days."""

import json

import numpy as np

from paddleseg_lite.reports.run import read_records, results_picture, results_rows

NAMES, PALETTE = ["road", "车"], np.array([[90, 90, 90], [230, 159, 0]], np.uint8)


def train(i, loss):
    return {"kind": "train", "iter": i, "epoch": 1, "loss": loss, "lr": 0.1 / i}


def evaluated(i, miou, **iou):
    classes = {name: {"IoU": value} for name, value in iou.items()}
    return {
        "kind": "eval",
        "iter": i,
        "loss": 0.5,
        "is_best": True,
        "mIoU": miou,
        "aAcc": 0.9,
        "mAcc": 0.8,
        "classes": classes,
    }


def test_a_row_is_a_validation_with_the_loss_since_the_last():
    records = [train(1, 3.0), train(2, 1.0), evaluated(2, 0.4, road=0.5), train(3, 0.5), evaluated(3, 0.6, road=0.7)]
    header, rows = results_rows(records, NAMES)
    table = [dict(zip(header, row)) for row in rows]
    assert [row["train_loss"] for row in table] == [2.0, 0.5] and [row["mIoU"] for row in table] == [0.4, 0.6]
    assert table[1]["IoU road"] == 0.7 and table[1]["IoU 车"] is None and table[0]["lr"] == 0.05
    _, without = results_rows(records[:2], NAMES)
    assert [row[3] for row in without] == [3.0, 1.0]


def test_damaged_lines_are_left_out(tmp_path):
    lines = [json.dumps(train(1, 2.0)).encode(), b"\xff\x00", b"[1]", b'{"iter": "x"}', b"", b'{"kind": "ev']
    (tmp_path / "m.jsonl").write_bytes(b"\n".join(lines))
    assert [r["iter"] for r in read_records(tmp_path / "m.jsonl")] == [1]
    assert read_records(tmp_path / "none") == []


def test_pictures_of_nothing_of_little_and_of_odd_numbers():
    odd = [train(1, float("nan")), evaluated(1, float("nan"), road=None), evaluated(2, 0.3, road=0.2)]
    for records in ([], [train(1, 2.0)], odd):
        assert results_picture(records, NAMES, PALETTE, title="a run")[:8] == b"\x89PNG\r\n\x1a\n"
