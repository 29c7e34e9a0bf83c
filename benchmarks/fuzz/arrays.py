"""Hand arrays, Pillow pictures and bytes of every kind to ``load().predict``, and compare with files of the same pictures.

``python benchmarks/fuzz/arrays.py --files 1000 --out docs/results/fuzz.md``

What has one meaning (uint8, 16 bits, floats from 0 to 1; grey, one band, colours, alpha) must be answered as the same
picture written to a PNG by Pillow or OpenCV; everything else must be one of our errors that names shape or type.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from trial import HEAD, LIMIT, Trial, arguments, attempt, table  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402

DTYPES = [
    "u1",
    "u1",
    "u1",
    "u1",
    "u2",
    "f4",
    "f8",
    "f2",
    "i1",
    "i2",
    "i4",
    "i8",
    "u4",
    ">u2",
    ">f4",
    "?",
    "c8",
    "O",
    "U3",
    "M8[s]",
]


def network(folder: Path):
    """A tiny network of three bands, trained for a step."""
    from paddleseg_lite import load, train
    from paddleseg_lite.config import Config

    scenes = {
        "type": "Scenes",
        "num_samples": 4,
        "size": [32, 32],
        "num_classes": 6,
        "transforms": [{"type": "Normalize"}],
    }
    config = Config(
        model={"type": "UNet", "base_channels": 4}, train_dataset={**scenes, "mode": "train"},
        val_dataset={**scenes, "mode": "val"}, batch_size=2, iters=1, save_interval=1, do_eval=False,
        lr_scheduler={"type": "Constant", "learning_rate": 0.01},
    )  # fmt: skip
    train(config, save_dir=folder)
    return load(folder)


def make_value(rng: np.random.Generator):
    """``(kind, value, file)``: what is handed over, and the bytes of a file of the same picture, or None."""
    kind = str(rng.choice(["array", "array", "array", "array", "Pillow", "bytes", "list", "junk"]))
    if kind == "Pillow":
        mode = str(rng.choice(["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "HSV"]))
        return f"Pillow {mode}", *_pillow(rng, mode)
    if kind == "bytes":
        picture = Image.fromarray(rng.integers(0, 256, (*rng.integers(1, 30, 2), 3), dtype=np.uint8))
        out = io.BytesIO()
        picture.save(out, "PNG")
        data = out.getvalue()
        if rng.random() < 0.5:
            return "bytes, wrong", data[: int(rng.integers(0, len(data)))], None
        holder = [bytes, bytearray, memoryview, io.BytesIO][rng.integers(0, 4)]
        return "bytes", holder(data), data
    if kind == "list":
        parts = [_array(rng) for _ in range(rng.integers(0, 4))]
        return "list", [p[0] for p in parts], [p[1] for p in parts]
    if kind == "junk":
        junk = [
            None,
            3,
            1.5,
            True,
            {},
            {"image": 1},
            object(),
            "",
            "nowhere.png",
            "a\0b",
            "x" * 5000,
            b"",
            b"x",
            lambda: 0,
            type,
            range(4),
            np.float32(3),
        ]
        return "no picture", junk[rng.integers(0, len(junk))], None
    return "array", *_array(rng)


def _array(rng):
    height, width = (int(v) for v in rng.integers(0 if rng.random() < 0.05 else 1, 40, 2))
    shape = [(height, width), (height, width, 3), (height, width, 3), (height, width, 1), (height, width, 4),
             (height, width, 2), (height, width, 5), (3, height, width), (1, height, width), (height,), (), (1, 2, height, width, 3)]  # fmt: skip
    shape = shape[rng.integers(0, len(shape))]
    dtype = np.dtype(DTYPES[rng.integers(0, len(DTYPES))])
    if dtype.kind == "f":
        values = rng.random(shape).astype(dtype) * rng.choice([1, 1, 255, -1, 2])
        if rng.random() < 0.1 and values.size:
            values.flat[0] = [np.nan, np.inf, -np.inf][rng.integers(0, 3)]
    elif dtype.kind in "iu":
        values = rng.integers(0, min(np.iinfo(dtype).max, int(rng.choice([1, 127, 255, 65535]))) + 1, shape).astype(
            dtype
        )
    else:
        values = np.ones(shape).astype(dtype)
    if rng.random() < 0.2 and values.ndim >= 2:
        values = values[::-1, ::-1]  # strides below zero
    return values, _file_of(values)


def _file_of(values: np.ndarray) -> bytes | None:
    """A PNG of the same picture, where an array has one meaning and a PNG can hold it."""
    if values.ndim not in (2, 3) or 0 in values.shape or (values.ndim == 3 and values.shape[2] not in (1, 3, 4)):
        return None
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    if values.dtype == np.uint8:
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(values)).save(out, "PNG")
        return out.getvalue()
    if values.dtype.kind == "u" and values.dtype.itemsize == 2 and values.max() > 255:
        order = [2, 1, 0, 3][: values.shape[2]] if values.ndim == 3 else None
        native = values.astype(np.uint16)
        return cv2.imencode(".png", np.ascontiguousarray(native if order is None else native[..., order]))[1].tobytes()
    return None


def _pillow(rng, mode):
    size = tuple(rng.integers(1, 30, 2))
    if mode in ("I;16", "I", "F"):
        values = rng.integers(0, 65536, size).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode])
        return Image.fromarray(values), cv2.imencode(".png", values)[1].tobytes() if mode == "I;16" else None
    picture = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).convert(mode)
    if mode in ("CMYK", "HSV"):
        return picture, None
    out = io.BytesIO()
    picture.save(out, "PNG")
    return picture, out.getvalue()


def run_case(number: int, loaded) -> Trial:
    """Case ``number``, always the same one."""
    kind, value, file = make_value(np.random.default_rng([20251128, number]))
    trial = attempt(kind, lambda: loaded.predict(value))
    if trial.outcome == "refused" and kind == "array":
        named = re.search(r"\[.*\]", trial.message) and (
            str(value.dtype) in trial.message or "channels" in trial.message
        )
        trial.compare(None if named else f"names neither shape nor type: {trial.message}")
    if isinstance(file, list):
        if trial.outcome == "read":
            for one, data in zip(trial.value, file):
                trial.compare(_differs(one, loaded, data))
        elif all(data is not None for data in file):
            trial.compare(f"refused: {trial.message}")
    elif file is not None:
        trial.compare(_differs(trial.value, loaded, file) if trial.outcome == "read" else f"refused: {trial.message}")
    return trial


def _differs(found, loaded, data: bytes | None) -> str | None:
    if data is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.png")
        path.write_bytes(data)
        expected = loaded.predict(path)
    same = np.array_equal(found.image, expected.image) and np.array_equal(found.labels, expected.labels)
    return "" if same else "differs from the same picture in a file"


def page(trials: list[Trial], command: str) -> str:
    """The section of docs/results/fuzz.md."""
    lines = [
        *HEAD,
        "## Arrays and other holders of pictures",
        "",
        f"`{command}`: {len(trials)} values handed to `load().predict` (20 types, 12 shapes, Pillow's modes, bytes, lists, "
        "and what is no picture). *Compared*: the same picture written to a PNG gives the same pixels and classes. "
        f"*Failed*: an error that is none of ours or does not name the array, more than {LIMIT:.0f} s, another answer.",
        "",
        *table(sorted(trials, key=lambda t: t.kind)),
    ]
    return "\n".join([*lines, ""])


def main(argv=None) -> int:
    args = arguments(__doc__, 1000, argv)
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        loaded = network(Path(folder, "run"))
        for number in range(args.first, args.first + args.files):
            trials.append(run_case(number, loaded))
            if trials[-1].outcome == "failed":
                print(f"case {number}, {trials[-1].kind}: {trials[-1].message}", file=sys.stderr, flush=True)
            trials[-1].value = None
    publish(page(trials, f"python benchmarks/fuzz/arrays.py --files {args.files}"), args.out)
    return int(any(t.outcome == "failed" for t in trials))


if __name__ == "__main__":
    sys.exit(main())
