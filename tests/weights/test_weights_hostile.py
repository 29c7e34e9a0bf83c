"""Reading a file never runs it: every way in is refused by name, and nothing else than CheckpointError gets out."""

import collections
import json
import os
import pickle
import struct
import subprocess
import zipfile

import hostile
import numpy as np
import pytest

from paddleseg_lite.errors import CheckpointError
from paddleseg_lite.weights import read_object, read_weights

SYSTEM = f"{os.name if os.name != 'nt' else 'nt'}.system"


def refuse(tmp_path, name, raw):
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(CheckpointError) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def payload(tmp_path):
    """A call that would leave a file behind; the test fails if it does."""
    marker = tmp_path / "executed"
    yield hostile.Calls(os.system, f"echo x > {marker}")
    assert not marker.exists(), "the file was executed"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("place", list(hostile.placements(None)))
@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt", ".pth"])
def test_pickles_name_what_they_would_call(tmp_path, payload, protocol, place, suffix):
    raw = hostile.pickle_bytes(hostile.placements(payload)[place], protocol)
    message = refuse(tmp_path, f"evil{suffix}", raw)
    assert SYSTEM in message or place == "object array"  # there NumPy's own type may be refused first


def test_the_payload_is_real(tmp_path):
    """The same bytes do run under Python's own unpickler, so the tests above can fail."""
    marker = tmp_path / "executed"
    pickle.loads(pickle.dumps({"a": [hostile.Calls(os.system, f"echo x > {marker}")]}))
    assert marker.exists()


@pytest.mark.parametrize("place", list(hostile.placements(None)))
def test_torch_zip(tmp_path, payload, place):
    raw = hostile.torch_zip_bytes(hostile.pickle_bytes(hostile.placements(payload)[place], 2))
    message = refuse(tmp_path, "evil.pth", raw)
    assert SYSTEM in message or place == "object array"


@pytest.mark.parametrize("place", list(hostile.placements(None)))
def test_torch_legacy(tmp_path, payload, place):
    raw = hostile.torch_legacy_bytes(hostile.pickle_bytes(hostile.placements(payload)[place], 2))
    message = refuse(tmp_path, "evil.pt", raw)
    assert SYSTEM in message or place == "object array"


def test_torch_legacy_list_of_storages(tmp_path, payload):
    raw = hostile.LEGACY_HEAD + pickle.dumps({}, protocol=2) + pickle.dumps(payload, protocol=2)
    assert SYSTEM in refuse(tmp_path, "evil.pth", raw)


def test_npz_with_a_pickled_array(tmp_path, payload):
    assert "pickled object array" in refuse(tmp_path, "evil.npz", hostile.npz_bytes(np.array([payload], dtype=object)))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_pickle_under_another_name(tmp_path, payload, suffix):
    assert SYSTEM in refuse(tmp_path, f"evil{suffix}", hostile.pickle_bytes({"a": payload}, 4))


@pytest.mark.parametrize(
    "function, name",
    [
        (eval, "builtins.eval"),
        (exec, "builtins.exec"),
        (getattr, "builtins.getattr"),
        (__import__, "builtins.__import__"),
        (subprocess.Popen, "subprocess.Popen"),
        (pickle.loads, "_pickle.loads"),
        (np.load, "numpy.load"),
        (np.memmap, "numpy.memmap"),
        (os.popen, "os.popen"),
        (collections.defaultdict, "collections.defaultdict"),
    ],
)
def test_other_functions(tmp_path, function, name):
    assert name in refuse(tmp_path, "evil.pdparams", pickle.dumps({"a": hostile.Calls(function, "1")}))


@pytest.mark.parametrize(
    "raw, name",
    [
        (b"(S'id'\nios\nsystem\n.", "os.system"),  # INST
        (b"cos\nsystem\n(S'id'\ntR.", "os.system"),  # protocol 0
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", "os.system"),  # STACK_GLOBAL
        (b"\x80\x02ccopyreg\n_reconstructor\n(cos\nsystem\nt.", "copyreg._reconstructor"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n(U\x01xtR.", "torch.storage._load_from_bytes"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(K\x00tU\x01btR.", "subclass"),
        (b"\x80\x02cnumpy\ndtype\n(U\x01OtR.", "'O'"),
        (b"\x80\x02cbuiltins\neval\n(U\x04data}U\x04dataK\x01stR.", "builtins.eval"),
        (b"\x80\x02(cbuiltins\neval\nU\x04datao.", "OBJ"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02U\x01xQ.", "persistent id"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
    ],
)
def test_instructions_written_by_hand(tmp_path, raw, name):
    assert name in refuse(tmp_path, "evil.pdparams", raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02cnumpy\ndtype\n(NX\x08\x00\x00\x00__call__cbuiltins\ntuple\ns\x86b.",  # attributes for a class
        b"\x80\x02cnumpy\ndtype\n}b.",
        b"\x80\x02)R.",
        b"\x80\x02K\x01)R.",
        b"\x80\x02.",
        b"\x80\x02h\x05.",
        b"\x80\x02]q\x00h\x00a.",
        b"\x80\x02(.",
        b"\x80\x02}(K\x01s.",
        b"\x80\x02}()K\x01u.",
        b"\x80\x02\x85.",
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",  # deep nesting
        b"\x80\x02B\xff\xff\xff\x7fabc.",
        b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fabc.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
    ],
)
def test_senseless_instructions(tmp_path, raw):
    refuse(tmp_path, "odd.pdparams", raw)


def test_refusals_leave_the_reader_as_it_was(tmp_path):
    """A class of ours that a pickle could reach must not keep anything from one file to the next."""
    refuse(tmp_path, "odd.pdparams", b"\x80\x02cnumpy\ndtype\n(N}U\x05dtypeK\x01s\x86b.")
    good = tmp_path / "good.pdparams"
    good.write_bytes(pickle.dumps({"a": np.arange(3.0)}))
    np.testing.assert_array_equal(read_weights(good)["a"], np.arange(3.0))


# -- sizes that lie -------------------------------------------------------------------------------


def array_pickle(shape: bytes, data: bytes, code: bytes = b"f4") -> bytes:
    return (
        b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01"
        + shape
        + b"cnumpy\ndtype\n(U"
        + bytes([len(code)])
        + code
        + b"K\x00K\x01tR(K\x03U\x01<NNN"
        + b"J\xff\xff\xff\xff" * 2
        + b"K\x00tb\x89"
        + b"c_codecs\nencode\n(X"
        + struct.pack("<I", len(data))
        + data
        + b"U\x06latin1tRtbs."
    )


def test_array_pickle_by_hand_is_valid(tmp_path):
    path = tmp_path / "good.pdparams"
    path.write_bytes(array_pickle(b"(K\x02t", b"\x00" * 8))
    np.testing.assert_array_equal(read_weights(path)["a"], [0, 0])


@pytest.mark.parametrize(
    "shape",
    [
        b"(K\x03t",
        b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft",
        b"(J\xff\xff\xff\xfft",
        b"(\x8a\x08" + b"\xff" * 7 + b"\x7ft",
        b"(G" + b"\x00" * 8 + b"t",
        b"N",
        b"(" + b"K\x01" * 40 + b"t",
    ],
)
def test_shapes_that_the_data_does_not_fill(tmp_path, shape):
    refuse(tmp_path, "odd.pdparams", array_pickle(shape, b"\x00" * 8))


@pytest.mark.parametrize("code", [b"S0", b"U0", b"V8", b"O8", b"M8", b"f3", b"f4,f4", b"(9999999,)f4"])
def test_element_types_that_are_no_numbers(tmp_path, code):
    refuse(tmp_path, "odd.pdparams", array_pickle(b"(\x8a\x05\x00\x00\x00\x00\x01t", b"", code))


@pytest.mark.parametrize(
    "change",
    [
        {"size": (2**40,), "stride": (0,)},  # 4 TB from 16 bytes
        {"size": (5,), "stride": (1,)},
        {"size": (4,), "stride": (1,), "offset": 1},
        {"size": (4,), "stride": (-1,)},
        {"size": (2,), "stride": (2**40,)},
        {"size": (2, 2), "stride": (1,)},
        {"size": (4,), "stride": (1,), "offset": -1},
        {"size": (4,), "stride": (1,), "numel": 2**40},
        {"size": (4,), "stride": (1,), "numel": -4},
        {"size": (4,), "stride": (1,), "kind": "Quantized"},
        {"size": (4,), "stride": (1,), "key": "../../etc/passwd"},
    ],
)
def test_tensors_beyond_their_storage(tmp_path, change):
    raw = hostile.torch_zip_bytes(hostile.tensor_program(b"", **change), {"0": b"\x00" * 16})
    refuse(tmp_path, "odd.pth", raw)


def test_tensor_program_is_valid(tmp_path):
    path = tmp_path / "good.pth"
    storage = np.arange(4, dtype=np.float32).tobytes()
    path.write_bytes(hostile.torch_zip_bytes(hostile.tensor_program(b"", (2, 2), (1, 2)), {"0": storage}))
    np.testing.assert_array_equal(read_weights(path)["w"], [[0, 2], [1, 3]])


def test_bombs(tmp_path):
    """Small files that would expand without end."""
    zeros = b"\x00" * (20 << 20)
    raw = hostile.torch_zip_bytes(
        hostile.tensor_program(b"", (5 << 20,), (1,), numel=5 << 20), {"0": zeros}, compression=zipfile.ZIP_DEFLATED
    )
    assert "compressed" in refuse(tmp_path, "bomb.pth", raw)
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(20 << 20, np.uint8))
    with pytest.raises(CheckpointError, match="far more content"):
        read_weights(tmp_path / "bomb.npz")
    many = pickle.dumps([hostile.Calls(bytearray, s) for s in [b"\x00" * 100_000] * 200], protocol=4)
    assert "far larger" in refuse(tmp_path, "bomb.pdparams", many)
    doubling = b"\x80\x02}U\x01a]" + b"".join(b"q%c]h%ch%ce" % (i, i, i) for i in range(60)) + b"s."
    refuse(tmp_path, "bomb2.pdparams", doubling)


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 2**60]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}},
        {"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F9", "shape": [2], "data_offsets": [0, 8]}},
        {"w": {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [2]}},
        {"w": 3},
        {},
        [1],
        {"__metadata__": 3},
        {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in "vw"},
    ],
)
def test_safetensors_headers_that_lie(tmp_path, header):
    text = json.dumps(header).encode()
    refuse(tmp_path, "odd.safetensors", len(text).to_bytes(8, "little") + text + b"\x00" * 8)


def test_safetensors_header_length(tmp_path):
    refuse(tmp_path, "odd.safetensors", (2**40).to_bytes(8, "little") + b"{}" + b"\x00" * 8)
    entry = b'"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    twice = b"{" + entry + b"," + entry + b"}"
    assert "twice" in refuse(tmp_path, "odd.safetensors", len(twice).to_bytes(8, "little") + twice + b"\x00" * 8)
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refuse(tmp_path, "odd.safetensors", len(deep).to_bytes(8, "little") + deep)


# -- damage ---------------------------------------------------------------------------------------


def test_truncated_everywhere(tmp_path):
    for name, raw in hostile.good_files(tmp_path).items():
        for length in sorted({*range(1, len(raw), max(1, len(raw) // 60)), len(raw) - 1}):
            refuse(tmp_path, f"cut_{name}", raw[:length])


def test_empty_missing_and_foreign(tmp_path):
    assert "empty" in refuse(tmp_path, "a.pdparams", b"")
    assert "web page" in refuse(tmp_path, "a.pdparams", b"\n<!DOCTYPE html><html>404</html>")
    assert "server" in refuse(tmp_path, "a.pth", b'{"error": "not found"}')
    assert "git lfs pull" in refuse(tmp_path, "a.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    assert "HDF5" in refuse(tmp_path, "a.npz", b"\x89HDF\r\n\x1a\n" + b"\x00" * 50)
    assert "pdiparams" in refuse(tmp_path, "a.pdparams", b"\x00" * 64)
    assert "no weights file known" in refuse(tmp_path, "a.bin", b"hello world, this is text")
    assert "not a dictionary" in refuse(tmp_path, "a.pdparams", pickle.dumps([1, 2]))
    assert "no arrays" in refuse(tmp_path, "a.pdparams", pickle.dumps({"epoch": 3}))
    with pytest.raises(CheckpointError, match=r"no such weights file. Did you mean 'a.pdparams'"):
        read_weights(tmp_path / "b.pdparams")
    with pytest.raises(CheckpointError, match="folder without"):
        read_weights(tmp_path)


def test_script_archives_and_foreign_zips(tmp_path):
    path = tmp_path / "script.pt"
    path.write_bytes(hostile.torch_zip_bytes(pickle.dumps({})))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/code/__torch__.py", "import os")
    with pytest.raises(CheckpointError, match="TorchScript"):
        read_object(path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match="zip archive without weights"):
        read_weights(tmp_path / "other.zip")
