"""Feed mutated annotation files to ``tools/prepare.py`` and compare what it reads with an independent reader.

``python benchmarks/fuzz/annotations.py --files 2100 --out docs/results/fuzz.md``

Each case is three small pictures and an annotation file with none to three wrong values, words or bytes, in one of
seven formats and ten encodings. It must be read or refused with a message, within five seconds; where an independent
reader (pycocotools, PyYAML, the standard library) has an opinion, every pixel must agree, or the account of unused
annotations must say otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "interop" / "prepare")]

from fuzz_run import LIMIT, Result, run_case  # noqa: E402
from mutated import KINDS  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite import runtime  # noqa: E402

COMMANDS = {"panoptic": "coco --panoptic_dir", "masks": "roboflow (masks)"}


def page(results: list[Result], command: str) -> str:
    """The section of docs/results/fuzz.md."""
    lines = [
        "# Fuzzing",
        "",
        "Files made wrong at random, and what the tools make of them.",
        "",
        "## Annotation files",
        "",
        f"`{command}`: {len(results)} cases of `tools/prepare.py`, each three pictures and an annotation file with none "
        "to three wrong values, words or bytes, in one of ten encodings, a third with `--skip_bad`. *Compared*: an "
        "independent reader (pycocotools for polygons and run lengths, PyYAML, the standard library) had an opinion, and "
        "every pixel agreed, or the account named what was not used. *Failed*: a traceback, more than "
        f"{LIMIT:.0f} s, no account, or a pixel that differs without a word.",
        "",
        "| format | cases | read | compared | refused | failed | slowest |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in [*KINDS, "all"]:
        own = [r for r in results if kind in (r.kind, "all")]
        counts = Counter(r.outcome for r in own)
        slowest = max((r.seconds for r in own), default=0)
        cells = [COMMANDS.get(kind, kind), len(own), counts["read"], sum(r.compared for r in own)]
        cells += [counts["refused"], counts["failed"], f"{slowest:.2f} s"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])


def main(argv=None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--files", type=int, default=2100, help="cases")
    p.add_argument("--first", type=int, default=0, help="number of the first case")
    p.add_argument("--out", help="page to write")
    args = p.parse_args(argv)
    runtime.setup("cpu")  # once, outside the time of a case
    warnings.simplefilter("ignore")  # of pycocotools, on NumPy 2
    results = []
    for number in range(args.first, args.first + args.files):
        with tempfile.TemporaryDirectory() as folder:
            results.append(run_case(number, Path(folder)))
        if results[-1].outcome == "failed":
            print(f"case {number}: {results[-1].message}", file=sys.stderr)
    publish(page(results, f"python benchmarks/fuzz/annotations.py --files {args.files}"), args.out)
    return int(any(r.outcome == "failed" for r in results))


if __name__ == "__main__":
    sys.exit(main())
