"""Whatever the bytes are: arrays or CheckpointError, never anything else, never more memory than the file warrants."""

import json
import os
import resource
import tempfile

import hostile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddleseg_lite.errors import CheckpointError
from paddleseg_lite.weights import read_weights

SETTINGS = {
    "deadline": None,
    "max_examples": int(os.environ.get("PADDLESEG_LITE_FUZZ", "150")),
    "suppress_health_check": list(HealthCheck),
    "database": None,
}


@pytest.fixture(scope="module")
def goods(tmp_path_factory):
    return hostile.good_files(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def scratch():
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.fixture(scope="module", autouse=True)
def memory_stays_small():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10  # KiB


def read(folder, name, raw):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(raw)
    try:
        arrays = read_weights(path)
    except CheckpointError as e:
        assert path in str(e) and len(str(e)) < 1000
        return
    assert all(a.dtype.kind in "biufc" for a in arrays.values())


EDITS = st.lists(
    st.tuples(
        st.integers(0, 2**20),
        st.sampled_from(["flip", "set", "cut", "insert", "repeat"]),
        st.binary(min_size=1, max_size=9),
    ),
    min_size=1,
    max_size=6,
)


@settings(**SETTINGS)
@given(edits=EDITS, which=st.integers(0, 6))
def test_damaged_files(goods, scratch, edits, which):
    name, raw = list(goods.items())[which % len(goods)]
    raw = bytearray(raw)
    for position, kind, data in edits:
        i = position % max(1, len(raw))
        if kind == "flip":
            raw[i : i + 1] = bytes([raw[i] ^ (1 << data[0] % 8)]) if raw else b""
        elif kind == "set":
            raw[i : i + len(data)] = data
        elif kind == "cut":
            del raw[i : i + 4 * len(data)]
        elif kind == "insert":
            raw[i:i] = data
        else:
            raw[i:i] = raw[i : i + 40]
    read(scratch, name, bytes(raw))


VALUES = st.sampled_from(
    [
        b"N",
        b"\x88",
        b"\x89",
        b"K\x00",
        b"K\x05",
        b"J\xff\xff\xff\xff",
        b"\x8a\x01\x7f",
        b"G?\xf0" + b"\x00" * 6,
        b"U\x01a",
        b"X\x01\x00\x00\x00b",
        b"\x8c\x01c",
        b"C\x04abcd",
        b"]",
        b")",
        b"}",
        b"\x8f",
        b"U\x02f4",
        b"U\x01<",
        b"U\x07storage",
        b"cnumpy\nndarray\n",
        b"cnumpy\ndtype\n",
        b"cnumpy.core.multiarray\n_reconstruct\n",
        b"cbuiltins\neval\n",
        b"cnumpy.core.multiarray\nscalar\n",
        b"ccollections\nOrderedDict\n",
        b"c_codecs\nencode\n",
        b"cbuiltins\nbytes\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"ctorch\nSize\n",
        b"cnumpy.core.numeric\n_frombuffer\n",
        b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR",
    ]
)
ACTIONS = st.sampled_from(
    [
        b"(",
        b"t",
        b"l",
        b"d",
        b"a",
        b"e",
        b"s",
        b"u",
        b"R",
        b"b",
        b"\x81",
        b"Q",
        b"0",
        b"1",
        b"2",
        b"\x85",
        b"\x86",
        b"\x87",
        b"\x90",
        b"\x91",
        b"\x93",
        b"\x94",
        b"q\x00",
        b"h\x00",
        b"q\x01",
        b"h\x01",
        b"\x92",
        b"o",
    ]
)


@settings(**SETTINGS)
@given(st.lists(st.one_of(VALUES, VALUES, ACTIONS), max_size=40), st.booleans())
def test_random_programs(scratch, parts, in_torch):
    program = b"\x80\x04" + b"".join(parts) + b"."
    if in_torch:
        read(scratch, "a.pth", hostile.torch_zip_bytes(program, {"a": b"\x00" * 16}))
    else:
        read(scratch, "a.pdparams", program)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["F32", "BF16", "BOOL", [0, 8], [2], [2, 1], [8, 0]]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["w", "dtype", "shape", "data_offsets", "__metadata__"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(**SETTINGS)
@given(JSON, st.binary(max_size=20))
def test_random_safetensors_headers(scratch, header, data):
    text = json.dumps({"w": header}).encode()
    read(scratch, "a.safetensors", len(text).to_bytes(8, "little") + text + data)


HEADS = st.sampled_from([b"", b"\x80\x02", b"PK\x03\x04", b"\x00" * 8 + b"{", b"\x93NUMPY\x01\x00"])


@settings(**SETTINGS)
@given(st.binary(max_size=200), HEADS, st.sampled_from([".pdparams", ".pth", ".npz", ".safetensors"]))
def test_random_bytes(scratch, data, head, suffix):
    read(scratch, f"a{suffix}", head + data)
