"""Two networks on one picture; the worst of a report."""

import numpy as np
import pytest

from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.studio import compares
from paddleseg_lite.studio.examples import example


def made(labels, truth, names=("a", "b", "c")):
    shape = np.asarray(labels[0]).shape
    return compares.Compared(
        np.full([*shape, 3], 100, np.uint8), tuple(np.asarray(x) for x in labels), truth, list(names),
        np.zeros([len(names), 3], np.uint8), (1.0, 1.0),
    )  # fmt: skip


def test_who_is_right_by_hand():
    truth = np.array([[0, 0, 1, 255]])
    found = made(([[0, 1, 2, 0]], [[0, 0, 0, 1]]), truth)
    told = compares.facts(found)
    assert told["differ"] == 3 / 4
    assert (told["only_first"], told["only_second"], told["both_wrong"]) == (0, 1 / 3, 1 / 3)
    assert (told["right_first"], told["right_second"]) == (1 / 3, 2 / 3)
    picture = compares.difference(found)
    assert [tuple(p) for p in picture[0, 1:3]] == [compares.ONLY_SECOND, compares.BOTH_WRONG]
    assert tuple(picture[0, 0]) == tuple(picture[0, 3]) == (120, 120, 120)  # both right; does not count


def test_without_a_label_only_differences_are_told():
    found = made(([[0, 1]], [[0, 0]]), None)
    assert compares.facts(found) == {"differ": 0.5}
    assert tuple(compares.difference(found)[0, 1]) == compares.DIFFERENT


def test_a_comparison_is_what_both_predict(desk):
    one, two = desk.networks.get("unet_a"), desk.networks.get("unet_b")
    scene = example("scene 2")
    found = compares.compare(one, two, scene.image, scene.label)
    assert np.array_equal(found.labels[0], one.open.predict(scene.image).labels)
    assert np.array_equal(found.labels[1], two.open.predict(scene.image).labels)
    assert compares.facts(compares.compare(one, one, scene.image))["differ"] == 0


def test_what_cannot_be_compared_is_told(desk):
    from types import SimpleNamespace

    one = desk.networks.get("unet_a")
    other = SimpleNamespace(class_names=["x"], name="other")
    scene = example("scene 1")
    with pytest.raises(ConfigError, match="unet_a and other know different classes \\(8 and 1\\)"):
        compares.compare(one, other, scene.image)
    with pytest.raises(DataError, match="the label has 3 x 2 pixels"):
        compares.compare(one, one, scene.image, np.zeros([2, 3], int))
    with pytest.raises(DataError, match="classes that unet_a does not know"):
        compares.compare(one, one, scene.image, np.full(scene.image.shape[:2], 9))


def test_pictures_of_the_validation_set(desk):
    one = desk.networks.get("unet_a")
    image, truth = compares.validation_picture(one, 5)
    assert image.shape[:2] == truth.shape == (48, 64)
    with pytest.raises(DataError, match="has 6 pictures, numbered from 1"):
        compares.validation_picture(one, 6)


def test_the_worst_of_a_report_come_first(desk, output, tool):
    folder = output / "unet_a" / "report"
    status, _, errors = tool("val", "--model_path", output / "unet_a", "--report", folder)
    assert status == 0, errors
    assert desk.library.names("report") == ["unet_a/report"]
    found = compares.worst(desk.library, folder)
    assert [w.miou for w in found] == sorted(w.miou for w in found)
    assert sorted(w.index for w in found) == list(range(6))
    assert found[0].panel == folder / "worst" / "00.png"
    data = compares.validation_set(desk.networks.get("unet_a"))
    assert data.describe(found[0].index)["path"].endswith(found[0].name)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "image,mIoU\nx,many\n"])
def test_a_table_that_is_no_reports_is_told(desk, output, text):
    folder = output / "odd"
    folder.mkdir(exist_ok=True)
    (folder / "per_image.csv").write_text(text)
    with pytest.raises(DataError, match="is not the table of a validation report"):
        compares.worst(desk.library, folder)
    (folder / "per_image.csv").unlink()
