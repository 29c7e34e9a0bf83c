"""A deployment answers for whatever its caller holds, of any size, as the network it came from."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_lite import load
from paddleseg_lite.cli.jobs.export import run_export
from paddleseg_lite.errors import DataError
from paddleseg_lite.export import Deployment
from paddleseg_lite.export.any_size import AnySize, predict_by_labels, predict_by_logits
from tests.export.conftest import needs_runtime

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from file_run import make_run, scene

SIZES = [(36, 44), (33, 47), (108, 192), (20, 17), (1, 1), (3, 1), (5, 40), (64, 80)]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return load(make_run(tmp_path_factory.mktemp("any_size")))


def picture(size):
    return scene(3, size)[0] if min(size) > 30 else np.full((*size, 3), 90, np.uint8)


@needs_runtime
@pytest.mark.parametrize("more", [{}, {"normalise": True, "argmax": True}], ids=["plain", "all inside"])
def test_any_size_as_the_network(network, tmp_path, more):
    run_export(network, tmp_path / "e", **more)
    deployment = Deployment.read(tmp_path / "e")
    for size in SIZES:
        labels, expected = deployment.predict(picture(size)), network.predict(picture(size)).labels
        assert labels.shape == size and labels.dtype == expected.dtype
        assert (labels == expected).mean() > 0.999, size


@needs_runtime
@pytest.mark.parametrize(
    "shape, more",
    [
        ((1, 3, 32, 48), {"format": "static"}),
        ((2, 3, 40, 40), {"normalise": True}),
        ((1, 3, 40, 40), {"argmax": True, "normalise": True}),
    ],
)
def test_one_shape_serves_any_size_in_windows(network, tmp_path, shape, more):
    run_export(network, tmp_path / "e", input_shape=shape, **more)
    deployment = Deployment.read(tmp_path / "e")
    for size in SIZES:
        assert deployment.predict(picture(size)).shape == size
    own = picture(shape[2:])
    assert (deployment.predict(own) == network.predict(own).labels).mean() > 0.999


@needs_runtime
def test_whatever_holds_the_picture(network, tmp_path):
    run_export(network, tmp_path / "e")
    deployment, image = Deployment.read(tmp_path / "e"), picture((36, 44))
    expected = deployment.predict(image)
    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG")
    (tmp_path / "a.png").write_bytes(data.getvalue())
    held = [image / 255, np.dstack([image, image[..., 0]]), data.getvalue()]
    for value in (*held, Image.fromarray(image), tmp_path / "a.png", str(tmp_path / "a.png")):
        assert np.array_equal(deployment.predict(value), expected)
    many = deployment.predict([image, tmp_path / "a.png", image[:20]])
    assert isinstance(many, list) and [m.shape for m in many] == [(36, 44), (36, 44), (20, 44)]
    assert deployment.predict([]) == [] and len(deployment.predict(np.stack([image] * 3))) == 3
    for value in (
        image > 9,
        image.transpose(2, 0, 1),
        image[:0],
        np.full((9, 9, 3), np.nan),
        None,
        b"",
        np.dstack([image, image]),
    ):
        with pytest.raises(DataError):
            deployment.predict(value)


def test_the_network_takes_the_same(network, tmp_path):
    image = picture((36, 44))
    one, many = network.predict(image / 255), network.predict([image, Image.fromarray(image)])
    assert isinstance(many, list) and len(many) == 2
    for found in many:
        assert np.array_equal(found.labels, one.labels) and np.array_equal(found.image, image)
    from paddleseg_lite import predict

    assert np.array_equal(predict(network, image).labels, one.labels)
    assert [p.labels.shape for p in predict(network, [image, image[:9]])] == [(36, 44), (9, 44)]


GIVEN = {"layout": "NCHW", "dtype": "float32", "multiple": 8, "shape": [None, 3, None, None]}


def test_padding_is_zero_inside_and_cut_off_again():
    seen = []

    def backend(x):
        seen.append(x)
        return x[:, :2]

    x = np.random.default_rng(0).random((1, 3, 13, 24), np.float32)
    found = AnySize(backend, GIVEN, num_classes=2)(x)
    assert seen[0].shape == (1, 3, 16, 24) and not seen[0][:, :, 13:].any()
    assert np.array_equal(found, x[:, :2])
    inside = {**GIVEN, "layout": "NHWC", "dtype": "uint8", "padding": [10.4, 20, 30]}
    AnySize(lambda x: seen.append(x) or x.transpose(0, 3, 1, 2), inside, num_classes=3)((x * 255).astype(np.uint8))
    assert seen[1].shape == (1, 16, 24, 3) and (seen[1][0, 13:] == [10, 20, 30]).all()


@pytest.mark.parametrize("small", ["empty", "refused"])
def test_a_picture_too_small_for_the_runtime_is_padded(small):
    def backend(x):
        if min(x.shape[2:]) < 16 and small == "refused":
            raise RuntimeError("kernel larger than the map")
        return x[:, :, :0, :0] if min(x.shape[2:]) < 16 else x

    x = np.random.default_rng(0).random((1, 3, 3, 40), np.float32)
    assert np.array_equal(AnySize(backend, GIVEN, num_classes=3)(x), x)


def test_a_result_of_another_size_is_no_answer():
    x = np.zeros((1, 3, 80, 80), np.float32)
    with pytest.raises(ValueError, match="80 x 80"):
        AnySize(lambda x: x[:, :, ::2, ::2], GIVEN, num_classes=3)(x)


@pytest.mark.parametrize("size", [(8, 8), (20, 8), (7, 31), (33, 50)])
def test_windows_of_a_fixed_shape_put_together_what_each_pixel_says(size):
    fixed = {**GIVEN, "shape": [1, 3, 8, 16], "multiple": 1}
    x = np.random.default_rng(1).random((1, 3, *size), np.float32)
    by_pixel = AnySize(lambda x: x, fixed, num_classes=3)
    assert np.array_equal(predict_by_logits(by_pixel, x, ()), x[0].argmax(0))
    ids = AnySize(lambda x: x.argmax(1).astype(np.uint8), fixed, num_classes=3)
    assert np.array_equal(predict_by_labels(ids, x), x[0].argmax(0))
