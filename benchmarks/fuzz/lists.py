"""Feed lists of images and labels to the data sets and to ``infer``, and compare with the pairs that were meant.

``python benchmarks/fuzz/lists.py --files 1000 --out docs/results/fuzz.md``

A list is made of pairs of files whose names hold spaces, commas, tabs, quotes and other scripts, with a separator that
is given or left to be guessed, in several encodings and ends of lines; then none to three of its lines or bytes are
made wrong.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from trial import HEAD, LIMIT, Trial, arguments, attempt, table  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.data.datasets.listfile import Dataset  # noqa: E402
from paddleseg_lite.inference.sources import find_sources  # noqa: E402

NAMES = [
    "a",
    "b c",
    "d,e",
    "裂缝",
    "f;g",
    "h'i",
    'j"k',
    "l.m",
    "n  o",
    "p#q",
    "r%20s",
    "t\u2028u",
    "v\u00a0w",
    "x\\y",
    "-z",
]
SEPARATORS = ["\t", " ", ",", ";", "|", "  ", ", ", "::"]
ENCODINGS = [*["utf-8"] * 8, "utf-8-sig", "utf-16", "gb18030"]
JUNK = ["", " ", "\t", "a.png", "\0", "a.png b.png c.png", "../a.png\t../b.png", "~nosuchuser/a.png\tb", "/\t/", ".\t.",
        "x" * 5000, "x" * 300 + "\t" + "y" * 300, "a.png\t", "\ta.png", "# comment", "\x1b[31mred", "\ufeff", "C:\\a.png\tC:\\b.png"]  # fmt: skip


@dataclass
class Case:
    """A list in a folder of pictures; ``faults``: how many things are wrong with it."""

    root: Path
    pairs: list[tuple[str, str]]
    separator: str | None
    faults: int


def write_case(rng: np.random.Generator, root: Path) -> Case:
    """Files, and a list that names them."""
    separator = str(rng.choice(SEPARATORS)) if rng.random() < 0.5 else None
    between = separator or str(rng.choice(["\t", " ", ","]))
    usable = [
        n
        for n in NAMES
        if (separator is not None and between.strip()) or between == "\t" or not set(n) & set(" ,;\u2028\u00a0")
    ]
    usable = [n for n in usable if between not in n and (between.strip(" ") or " " not in n)]
    names = rng.choice(usable, int(rng.integers(1, min(8, len(usable)))), replace=False)
    pairs = [(f"images/{n}.png", f"labels/{n}.png") for n in names]
    for name in (n for pair in pairs for n in pair):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    lines = [image + between + label for image, label in pairs]
    faults = int(rng.integers(0, 4))
    for _ in range(faults):
        kind, at = rng.integers(0, 4), int(rng.integers(0, len(lines) + 1))
        if kind == 0:
            lines.insert(at, JUNK[rng.integers(0, len(JUNK))])
        elif kind == 1 and lines:
            lines.pop(at % len(lines))
        elif kind == 2 and lines:
            line = lines[at % len(lines)]
            cut = int(rng.integers(0, len(line) + 1))
            lines[at % len(lines)] = (
                line[:cut]
                + str(rng.choice(["", " ", "\t", ",", "\0", "é", "\\"]))
                + line[cut + int(rng.integers(0, 3)) :]
            )
        elif lines:
            lines.append(lines[at % len(lines)])
    text = str(rng.choice(["\n", "\r\n", "\r"])).join(lines) + "\n"
    encoding = str(rng.choice(ENCODINGS))
    data = text.encode(encoding, errors="surrogatepass" if "utf" in encoding else "replace")
    if rng.random() < 0.1:
        changed, faults = bytearray(data), faults + 1
        changed[int(rng.integers(0, len(data)))] = int(rng.integers(0, 256))
        data = bytes(changed)
    (root / "list.txt").write_bytes(data)
    return Case(root, pairs, separator, faults + (encoding not in ("utf-8", "utf-8-sig")))


def run_case(number: int, folder: Path) -> list[Trial]:
    """Case ``number``: as the list of a data set, in train and in test mode, and as that of ``infer``."""
    case = write_case(np.random.default_rng([20251127, number]), folder)
    spec = {"dataset_root": str(folder), "num_classes": 2, "separator": case.separator}
    found = []
    for mode in ("train", "test"):
        trial = attempt(
            f"data set, {mode}", lambda mode=mode: Dataset(mode=mode, **{f"{mode}_path": "list.txt"}, **spec).items
        )
        found.append(trial.compare(_pairs_differ(trial, case)))
    if case.separator in (None, "\t"):
        trial = attempt("infer", lambda: find_sources(str(folder / "list.txt")))
        found.append(trial.compare(_sources_differ(trial, case)))
    return found


def _pairs_differ(trial: Trial, case: Case) -> str | None:
    if trial.outcome == "refused":
        return None if case.faults else f"refused: {trial.message}"
    if trial.outcome != "read":
        return None
    read = [tuple(str(Path(p).relative_to(case.root)) if p else None for p in pair) for pair in trial.value]
    if not case.faults:
        return "" if read == case.pairs else f"{read} where {case.pairs} is right"
    partner = dict(case.pairs)
    wrong = [
        pair
        for pair in read
        if pair[0] in partner
        and pair[1] not in (None, partner[pair[0]])
        and (case.root / pair[1]).is_file()
        and not _named(case, pair)
    ]
    return f"no line says {wrong}" if wrong else ""


def _named(case: Case, pair) -> bool:
    """Whether some line holds both names."""
    text = (case.root / "list.txt").read_bytes().decode("utf-8", errors="replace")
    return any(pair[0] in line and pair[1] in line for line in text.replace("\r", "\n").split("\n"))


def _sources_differ(trial: Trial, case: Case) -> str | None:
    if trial.outcome != "read" or case.faults:
        return None if case.faults or trial.outcome == "failed" else f"refused: {trial.message}"
    read = [str(s.path.relative_to(case.root)) for s in trial.value]
    return "" if read == [image for image, _ in case.pairs] else f"{read} where {case.pairs} is right"


def page(trials: list[Trial], files: int, command: str) -> str:
    """The section of docs/results/fuzz.md."""
    lines = [
        *HEAD,
        "## Lists",
        "",
        f"`{command}`: {files} lists of pictures and labels whose names hold separators, quotes and other scripts, with "
        "none to three wrong lines or bytes, in four encodings. *Compared*: with the pairs that were meant; where lines "
        "are wrong, no pair may be read that no line says. *Failed*: an error that is none of ours, more than "
        f"{LIMIT:.0f} s, a wrong pair, or a right list refused.",
        "",
        *table(trials),
    ]
    return "\n".join([*lines, ""])


def main(argv=None) -> int:
    args = arguments(__doc__, 1000, argv)
    trials = []
    for number in range(args.first, args.first + args.files):
        with tempfile.TemporaryDirectory() as folder:
            found = run_case(number, Path(folder))
        trials += found
        for trial in found:
            if trial.outcome == "failed":
                print(f"case {number}, {trial.kind}: {trial.message}", file=sys.stderr, flush=True)
            trial.value = None
    publish(page(trials, args.files, f"python benchmarks/fuzz/lists.py --files {args.files}"), args.out)
    return int(any(t.outcome == "failed" for t in trials))


if __name__ == "__main__":
    sys.exit(main())
