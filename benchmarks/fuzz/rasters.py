"""Feed pictures with wrong headers, chunks, bytes and ends to the reader, and compare with independent ones.

``python benchmarks/fuzz/rasters.py --files 3000 --out docs/results/fuzz.md``

TIFF and PNG of every storage, each field of the header varied; BMP, GIF, JPEG, WebP and PPM beside them. Every file is
read as an image of three bands, of its own bands, and as a label. tifffile and Pillow (8 bits) say what is right, and
what was written into files that are whole. ``imagecodecs`` lets tifffile unpack LZW; without it these are not compared.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from png_files import other_case, png_case  # noqa: E402
from raster_readers import by_pillow, by_tifffile  # noqa: E402
from tiff_files import Raster, tiff_case  # noqa: E402
from trial import HEAD, LIMIT, Trial, arguments, attempt, table  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.data.decoding import decode_samples  # noqa: E402
from paddleseg_lite.data.io import decode_image  # noqa: E402
from paddleseg_lite.data.label_files import decode_label  # noqa: E402

KINDS = ("TIFF", "PNG", "TIFF", "PNG", "BMP", "GIF", "TIFF", "PNG", "JPEG", "WEBP", "TIFF", "PNG", "PPM")
DEEP = ((-1000.0, 1000.0),)


def run_case(number: int) -> list[Trial]:
    """Case ``number``, always the same one: as RGB, as its own bands, as a label."""
    rng = np.random.default_rng([20251126, number])
    kind = KINDS[number % len(KINDS)]
    raster = {"TIFF": tiff_case, "PNG": png_case}.get(kind, lambda rng: other_case(rng, kind))(rng)
    known = by_tifffile(raster.data) if kind == "TIFF" else None
    bands = 3 if known is None else known[0].shape[2]
    as_rgb = attempt(f"{kind} as RGB", lambda: decode_image(raster.data, 3, value_range=DEEP))
    as_bands = attempt(f"{kind} as stored", lambda: decode_samples(raster.data, "a", bands).values)
    as_label = attempt(f"{kind} as a label", lambda: decode_label(raster.data, "a"))
    as_rgb.compare(_rgb_differs(as_rgb, by_pillow(raster.data), lossy=kind == "JPEG" and raster.stored is not None))
    if kind == "TIFF":
        as_bands.compare(_stored_differs(as_bands, known, label=False))
        as_label.compare(_stored_differs(as_label, known, label=True))
    elif kind == "PNG":
        as_label.compare(_known_differs(as_label, raster))
        as_bands.compare(_deep_differs(as_bands, raster))
    return [as_rgb, as_bands, as_label]


def _rgb_differs(trial: Trial, expected: np.ndarray | None, *, lossy: bool) -> str | None:
    if trial.outcome != "read" or expected is None:
        return None
    return _apart(trial.value, expected, 4 if lossy else 0)


def _stored_differs(trial: Trial, known, *, label: bool) -> str | None:
    """Samples as tifffile has them; grey that is stored white-is-zero is turned over, palettes are for labels."""
    if trial.outcome != "read" or known is None:
        return None
    expected, photometric = known
    if (photometric == 3 and not label) or photometric not in (0, 1, 2, 3, 4, 5, 34892):
        return None
    if photometric == 0:
        return None if trial.value.dtype != np.uint8 else _turned_over(trial.value, expected)
    if label:
        expected = expected[..., 0]
    return _apart(trial.value, expected.astype(np.int64) if label else expected, 0)


def _turned_over(found: np.ndarray, expected: np.ndarray) -> str:
    total = found.reshape(expected.shape[:2]).astype(int) + expected[..., 0]
    return "" if len(np.unique(total)) == 1 else "white-is-zero is not turned over"


def _known_differs(trial: Trial, raster: Raster) -> str | None:
    """The samples of a grey or palette PNG that was written whole."""
    if raster.stored is None or raster.stored.shape[2] > 1:
        return None
    return _apart(trial.value, raster.stored[..., 0], 0) if trial.outcome == "read" else f"refused: {trial.message}"


def _deep_differs(trial: Trial, raster: Raster) -> str | None:
    """The colours of a PNG of 16 bits that was written whole, beyond what Pillow reads."""
    if raster.stored is None or raster.stored.dtype != np.uint16:
        return None
    bands = raster.stored.shape[2]
    expected = np.repeat(raster.stored[..., :1], 3, axis=2) if bands < 3 else raster.stored[..., :3]
    return _apart(trial.value, expected, 0) if trial.outcome == "read" else f"refused: {trial.message}"


def _apart(found: np.ndarray, expected: np.ndarray, tolerance: int) -> str:
    if found.shape != expected.shape:
        return f"shape {found.shape} where {expected.shape} is right"
    if found.dtype.kind == "f" or expected.dtype.kind == "f":
        return "" if np.array_equal(found, expected, equal_nan=True) else "floats differ"
    wrong = np.abs(found.astype(np.int64) - expected.astype(np.int64)) > tolerance
    return f"{int(wrong.sum())} of {wrong.size} samples differ" if wrong.any() else ""


def page(trials: list[Trial], files: int, command: str) -> str:
    """The section of docs/results/fuzz.md."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    lines = [
        *HEAD,
        "## Pictures",
        "",
        f"`{command}`: {files} files with none to three wrong fields (each tag of TIFF, each field and chunk of PNG), "
        "some also cut off or with changed bytes, each read three ways. *Compared*: tifffile, Pillow (8 bits) or the "
        "samples that had been written had an opinion. *Failed*: an error that is none of ours, more than "
        f"{LIMIT:.0f} s, or a sample that differs. Largest memory of the process: {peak} MiB.",
        "",
        *table(sorted(trials, key=lambda t: t.kind)),
    ]
    return "\n".join([*lines, ""])


def main(argv=None) -> int:
    args = arguments(__doc__, 3000, argv)
    trials = []
    for number in range(args.first, args.first + args.files):
        found = run_case(number)
        trials += found
        for trial in found:
            if trial.outcome == "failed":
                print(f"case {number}, {trial.kind}: {trial.message}", file=sys.stderr, flush=True)
            trial.value = None
    publish(page(trials, args.files, f"python benchmarks/fuzz/rasters.py --files {args.files}"), args.out)
    return int(any(t.outcome == "failed" for t in trials))


if __name__ == "__main__":
    sys.exit(main())
