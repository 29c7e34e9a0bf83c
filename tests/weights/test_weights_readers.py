"""Every format, as its framework wrote it, gives the numbers that went in; what is written here is read there."""

import os
import pickle

import hostile
import numpy as np
import paddle
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_lite.weights import read_object, read_weights, sniff, write_pdparams, write_safetensors

BASE = (np.arange(24, dtype=np.float32) / np.float32(7)).reshape(2, 3, 4)
BF16 = ((BASE.view(np.uint32) + 0x7FFF + ((BASE.view(np.uint32) >> 16) & 1)) >> 16 << 16).view(np.float32)  # to nearest
EXPECTED = {
    "plain": BASE,
    "transposed": BASE.transpose(2, 0, 1),
    "part": BASE[1, :, 1::2],
    "half": BASE.astype(np.float16),
    "bf16": BF16,
    "double": BASE.astype(np.float64),
    "tracked": np.array(5),
    "flag": np.array([True, False]),
    "expanded": np.full(3, 1.5, np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "parameter": BASE[0],
    "tied": BASE,
}


def golden(name):
    return os.path.join(hostile.GOLDEN, name)


def same(got, expected):
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype, name
        np.testing.assert_array_equal(got[name], array, err_msg=name)


@pytest.mark.parametrize(
    "name, form",
    [("torch_zip.pth", "torch_zip"), ("torch_legacy.pth", "torch_legacy"), ("torch_nested.pth", "torch_zip")],
)
def test_pytorch_files(name, form):
    """Strides, views of a shared storage, and every element type, without PyTorch; wrappers and ``module.`` removed."""
    assert sniff(golden(name)) == form
    same(read_weights(golden(name)), EXPECTED)


def test_the_rest_of_a_training_checkpoint():
    content = read_object(golden("torch_nested.pth"))
    assert content["epoch"] == 3 and content["best"] == 0.5 and "module.plain" in content["model"]


@pytest.mark.parametrize("name", ["paddle26.pdparams", "paddle26_protocol2.pdparams", "paddle26_nested.pdparams"])
def test_paddle26_files(name):
    got = read_weights(golden(name))
    assert list(got) == ["0.weight", "0.bias", "1.weight", "1.bias", "1._mean", "1._variance"]
    np.testing.assert_array_equal(got["0.weight"].ravel(), np.arange(18, dtype=np.float32) / 7)
    np.testing.assert_array_equal(got["1._variance"], [1, 1])


def test_paddle26_other_forms():
    weight = (np.arange(18, dtype=np.float32) / 7).reshape(2, 1, 3, 3)
    same(read_weights(golden("paddle26_tensor.pdparams")), {"conv2d_0.w_0": weight})
    bf16 = read_weights(golden("paddle26_bf16.pdparams"))["x"]
    np.testing.assert_allclose(bf16, weight, rtol=2**-7)  # Paddle 2.6 cuts where 3.3 rounds
    assert not (bf16.view(np.uint32) & 0xFFFF).any()
    content = read_object(golden("paddle26.pdopt"))
    assert content["LR_Scheduler"] == {"last_epoch": 0, "last_lr": 0.1}
    assert "conv2d_0.w_0_velocity_0" in read_weights(golden("paddle26.pdopt"))


@pytest.fixture
def layer():
    net = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4), paddle.nn.Linear(4, 2))
    net(paddle.ones([1, 3, 4, 6]))
    return net


def arrays_of(layer):
    return {name: tensor.numpy() for name, tensor in layer.state_dict().items()}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_this_paddle_saves(tmp_path, layer, protocol):
    path = str(tmp_path / "a.pdparams")
    paddle.save(layer.state_dict(), path, protocol=protocol)
    same(read_weights(path), arrays_of(layer))
    paddle.save({"net": layer.state_dict(), "other": [layer[0].weight, 3, {"a": 0.5}]}, path, protocol=protocol)
    same(read_weights(path), arrays_of(layer))
    np.testing.assert_array_equal(read_object(path)["other"][0][1], layer[0].weight.numpy())


def test_optimizer_file_of_this_paddle(tmp_path, layer):
    optimizer = paddle.optimizer.Adam(paddle.optimizer.lr.StepDecay(0.1, 3), parameters=layer.parameters())
    layer(paddle.ones([1, 3, 4, 6])).mean().backward()
    optimizer.step()
    optimizer._master_weights = {"w": layer[0].weight.cast("float32")}  # as mixed precision keeps them
    path = str(tmp_path / "a.pdopt")
    paddle.save(optimizer.state_dict(), path)
    got = read_weights(path)
    np.testing.assert_array_equal(got.pop("master_weights.w"), layer[0].weight.numpy())
    expected = {t.name for t in optimizer.state_dict().values() if isinstance(t, paddle.Tensor)}
    assert set(got) == expected and len(expected) == 24
    assert read_object(path)["LR_Scheduler"]["last_lr"] == 0.1


def test_slices_of_large_arrays(tmp_path):
    """Protocol 2 cannot carry 4 GB; Paddle cuts such an array up."""
    whole = np.arange(12.0).reshape(3, 4)
    content = {
        "a@@.0": whole.ravel()[:7],
        "a@@.1": whole.ravel()[7:],
        "b": np.ones(2),
        "UnpackBigParamInfor@@": {"a": {"OriginShape": (3, 4), "slices": ["a@@.0", "a@@.1"]}},
    }
    path = tmp_path / "a.pdparams"
    path.write_bytes(pickle.dumps(content, protocol=2))
    got = read_weights(path)
    np.testing.assert_array_equal(got["a"], whole)
    assert set(got) == {"a", "b"}


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_pickles_of_every_protocol(tmp_path, protocol):
    content = {
        "c": BASE,
        "f": np.asfortranarray(BASE),
        "big": BASE.astype(">f4"),
        "scalar": np.array(2.5),
        "none": np.zeros((0, 2), np.int64),
        "bool": np.array([True, False]),
        "complex": BASE[0] * 1j,
    }
    path = tmp_path / "a.pdparams"
    path.write_bytes(pickle.dumps({**content, "lr": np.float64(0.1), "n": 2**70, "who": "é"}, protocol=protocol))
    got = read_weights(path)
    assert set(got) == set(content)
    for name, array in content.items():
        assert got[name].dtype.isnative
        np.testing.assert_array_equal(got[name], array)
    rest = read_object(path)
    assert (rest["lr"], rest["n"], rest["who"]) == (0.1, 2**70, "é")


def test_dense_tensor_of_static_graphs(tmp_path):
    """Paddle pickles these as eval("data", ...): read by that pattern, not evaluated."""
    path = str(tmp_path / "a.pdparams")
    tensor = paddle.to_tensor(BASE)  # must outlive the DenseTensor inside
    paddle.save([{"w": tensor.value().get_tensor()}], path)
    with open(path, "rb") as f:
        assert b"eval" in f.read()
    np.testing.assert_array_equal(read_object(path)[0]["w"], BASE)


def test_npz(tmp_path):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", a=BASE, f=np.asfortranarray(BASE), big=BASE.astype(">f4"), n=np.array(3))
        got = read_weights(tmp_path / "a.npz")
        assert sniff(tmp_path / "a.npz") == "npz" and set(got) == {"a", "f", "big", "n"}
        for name in ("a", "f", "big"):
            np.testing.assert_array_equal(got[name], BASE)


def test_pdparams_written_here_are_paddles_own(tmp_path, layer):
    ours, theirs = str(tmp_path / "ours.pdparams"), str(tmp_path / "theirs.pdparams")
    write_pdparams(ours, layer.state_dict())
    paddle.save(layer.state_dict(), theirs)
    a, b = paddle.load(ours), paddle.load(theirs)
    assert list(a) == list(b) and all(isinstance(v, paddle.Tensor) for v in a.values())
    assert all((a[k].numpy() == b[k].numpy()).all() for k in a)
    with open(ours, "rb") as f, open(theirs, "rb") as g:
        x, y = pickle.load(f), pickle.load(g)
    assert x["StructuredToParameterName@@"] == y["StructuredToParameterName@@"]
    write_pdparams(ours, arrays_of(layer))  # plain arrays, as a converter has them
    assert all(isinstance(v, paddle.Tensor) for v in paddle.load(ours).values())


def test_bfloat16_both_ways(tmp_path):
    tensor = paddle.to_tensor(BF16).cast("bfloat16")  # already representable, so any way of rounding agrees
    write_pdparams(str(tmp_path / "a.pdparams"), {"w": tensor})
    assert paddle.load(str(tmp_path / "a.pdparams"))["w"].dtype == paddle.bfloat16
    np.testing.assert_array_equal(read_weights(tmp_path / "a.pdparams")["w"], BF16)
    write_safetensors(str(tmp_path / "a.safetensors"), {"w": tensor, "plain": BASE})
    same(read_weights(tmp_path / "a.safetensors"), {"plain": BASE, "w": BF16})
    assert b'"BF16"' in (tmp_path / "a.safetensors").read_bytes()


TYPES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda s: s != "__metadata__"),
        st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 3), max_size=4)),
        max_size=6,
    )
)
def test_safetensors_agrees_with_the_package(tmp_path_factory, spec):
    folder = tmp_path_factory.mktemp("s")
    rng = np.random.default_rng(0)
    arrays = {name: np.array(rng.random(shape) * 100, dtype=kind) for name, (kind, shape) in spec.items()}
    ours, theirs = str(folder / "ours.safetensors"), str(folder / "theirs.safetensors")
    write_safetensors(ours, arrays, metadata={"origin": "test"})
    safetensors.numpy.save_file(arrays, theirs)
    read_there = safetensors.numpy.load_file(ours)
    assert set(read_there) == set(arrays)
    if arrays:
        read_here = read_weights(theirs)
        for name, array in arrays.items():
            for got in (read_there[name], read_here[name]):
                assert got.dtype == array.dtype and got.shape == array.shape
                np.testing.assert_array_equal(got, array)


def test_element_types_that_safetensors_lacks(tmp_path):
    with pytest.raises(ValueError, match="complex128"):
        write_safetensors(str(tmp_path / "a"), {"w": np.ones(2, complex)})


def test_a_checkpoint_folder_is_its_weights(tmp_path):
    write_pdparams(tmp_path / "model.pdparams", {"w": BASE})
    np.testing.assert_array_equal(read_weights(tmp_path)["w"], BASE)
