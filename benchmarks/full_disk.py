"""The disk fills up at every write of every tool: is the outcome told, and is nothing half-written or lost?

    python benchmarks/full_disk.py --out docs/results/full_disk.md

A library put before the system's own (``disk/full_disk.c``, compiled with gcc; Linux) counts the writes below one folder.
A tool runs undisturbed first; then once for each of its writes, which and all later ones find the disk full, and at three
places within long writes. Where a tool renews what is there, the older outputs are there. Demanded of each run: a status
other than 0 and a last line that says so, or all outputs; every file whole (read again) or the older one; no traceback.
``--tmpfs`` runs every tool on small real file systems of growing sizes instead (needs root).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent / "disk"
sys.path[:0] = [str(ROOT), str(HERE)]

from library import State, shared_state, start_again_with_the_library  # noqa: E402
from running import Outcome, call  # noqa: E402

from benchmarks.results_page import heading, publish, sections  # noqa: E402

LONG, PLACES, MOST_LONG = 32 << 10, (0.25, 0.5, 0.75), 4  # bytes; shares that still fit; long writes cut
TOLD = re.compile(r"error|cannot|could not|not saved|not written|NOT |missing|incomplete|failed|left|free some", re.I)
OVERWRITE = "--overwrite"
LOGS = ("log.txt", "train.log")  # told line by line as it happens


def judge(
    outcome: Outcome, arguments: list[str], disk: Path, older: Path | None, reference: Path, started: float
) -> Outcome:
    """Note what is wrong with a run of a tool on a full disk."""
    from whole import checkpoint_fault, why_not_whole

    lines = [line for line in outcome.text.splitlines() if line.strip()]
    if "Traceback" in outcome.text or outcome.status < 0 or outcome.status == 70:
        outcome.faults.append(f"status {outcome.status}, a traceback: {lines[-1] if lines else ''}")
    if outcome.status != 0 and not (lines and TOLD.search(lines[-1])):
        outcome.faults.append(f"status {outcome.status}, and the last line is: {lines[-1] if lines else 'missing'}")
    names = {p.relative_to(disk) for p in disk.rglob("*") if p.is_file()}
    expected = {p.relative_to(reference) for p in reference.rglob("*") if p.is_file()}
    if outcome.status == 0:
        old = [n for n in expected if n not in names or (disk / n).stat().st_mtime < started - 1]
        if old and older is None:
            outcome.faults.append(f"status 0 without {', '.join(map(str, sorted(old)[:3]))}")
    for name in sorted(names):
        same = (
            older is not None and (older / name).is_file() and (older / name).read_bytes() == (disk / name).read_bytes()
        )
        if same or name.name in LOGS:
            continue
        if name not in expected and (disk / name.parent / "manifest.json").is_file():
            continue  # of a checkpoint to go on from, looked at below
        if name not in expected:
            outcome.faults.append(f"{name} is left over")
        elif fault := why_not_whole(disk / name, reference / name):
            outcome.faults.append(f"{name} is half-written: {fault}")
    outcome.faults += [
        f"{p.parent.name}: {f}" for p in disk.rglob("manifest.json") if (f := checkpoint_fault(p.parent))
    ]
    if older is not None:
        lost = [p.relative_to(older) for p in older.rglob("*") if p.is_file() and p.relative_to(older) not in names]
        lost = [name for name in lost if (reference / name).is_file()]
        if lost and not (OVERWRITE in arguments and any(disk.rglob("manifest.json"))):
            outcome.faults.append(f"older outputs are lost: {', '.join(map(str, lost[:3]))}")
    return outcome


def lay(disk: Path, content: Path | None) -> None:
    """Empty the disk and copy what is there before."""
    for entry in disk.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    if content is not None:
        shutil.copytree(content, disk, dirs_exist_ok=True)


def every_write(
    name: str, arguments: list[str], work: Path, disk: Path, state: State, most: int
) -> tuple[int, int, list[str]]:
    """Writes of a tool, runs of it, and what was wrong."""
    log, reference, first = work / "log", work / "reference" / name, None
    state.at, state.count, state.full, state.share = 0, 0, 0, 0.0
    if name.startswith("train, "):
        first = work / "reference" / "train"
    lay(disk, first)
    state.at = 1 << 40
    done = call(arguments, log)
    if done.status != 0:
        raise SystemExit(f"{name} fails undisturbed:\n{done.text[-3000:]}")
    writes, sizes = state.count, list(state.sizes[: state.count])
    shutil.copytree(disk, reference)
    step = max(1, -(-writes // most))
    cuts = [(n, 0.0) for n in range(1, writes + 1, step)]
    longs = [n for n, size in enumerate(sizes, 1) if size >= LONG][:MOST_LONG]
    cuts += [(n, share) for n in longs for share in PLACES]
    faults = []
    for number, (at, share) in enumerate(cuts):
        renewed = first is not None or (name not in ("train", "ablate") and number % 2 == 0)
        older = (first or reference) if renewed else None
        state.at = 0
        lay(disk, older)
        state.count, state.full, state.share, state.at = 0, 0, share, at
        started = time.time()
        outcome = call(arguments, log)
        state.at = state.full = 0
        found = judge(outcome, arguments, disk, older, reference, started).faults
        faults += [
            f"write {at} of {writes}{f' at {share:.0%}' if share else ''}{', older there' if older else ''}: {f}"
            for f in found
        ]
        for fault in found:
            print(f"{name}, {faults[-1] if fault == found[-1] else fault}", file=sys.stderr, flush=True)
    return writes, len(cuts), faults


def small_disks(name: str, arguments: list[str], work: Path, disk: Path, steps: int = 8) -> tuple[int, int, list[str]]:
    """Run a tool on file systems of growing sizes, until it succeeds."""
    log, reference, faults = work / "log", work / "reference" / name, []
    first = work / "reference" / "train" if name.startswith("train, ") else None
    lay(disk, first)
    done = call(arguments, log)
    if done.status != 0:
        raise SystemExit(f"{name} fails undisturbed:\n{done.text[-3000:]}")
    shutil.copytree(disk, reference)
    need = sum(-(-p.stat().st_size // 4096) * 4096 for p in reference.rglob("*") if p.is_file())
    if first is not None and OVERWRITE in arguments:  # the older run stays until the new one has saved
        need += sum(-(-p.stat().st_size // 4096) * 4096 for p in first.rglob("*") if p.is_file())
    held = 0 if first is None else sum(-(-p.stat().st_size // 4096) * 4096 for p in first.rglob("*") if p.is_file())
    for step in range(steps):
        size = max(8, int((held + (need - held) * step / steps) / 1024))
        lay(disk, None)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], check=True)
        try:
            with contextlib.suppress(OSError):
                lay(disk, first)
            started = time.time()
            found = judge(call(arguments, log), arguments, disk, first, reference, started).faults
            faults += [f"{size} KiB: {f}" for f in found]
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
    return need, steps, faults


def main(argv=None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", nargs="+", help="names of tools")
    p.add_argument("--most", type=int, default=10**9, help="writes tried of each tool, spread evenly; default: all")
    p.add_argument("--tmpfs", action="store_true", help="small real file systems instead of injected failures")
    p.add_argument("--out", help="page to write")
    args = p.parse_args(argv)
    if "FULL_DISK_LIBRARY" not in os.environ:
        start_again_with_the_library()
    warnings.simplefilter("ignore")
    from jobs import tools, write_inputs

    from paddleseg_lite import runtime

    runtime.setup("cpu", threads=1)
    rows, failed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source, disk = work / "in", work / "disk"
        disk.mkdir()
        os.environ["PADDLESEG_LITE_CACHE"] = str(work / "cache")
        write_inputs(source)
        made = call(
            ["train", "--config", f"{source}/recipe.yml", "--save_dir", f"{source}/run", "--no_doctor", "--no_vdl"],
            work / "log",
        )
        assert made.status == 0, made.text
        state = shared_state(disk)
        for name, arguments in tools(source, disk).items():
            if (
                args.only
                and name not in args.only
                and not (name == "train" and any(n.startswith("train, ") for n in args.only))
            ):
                continue
            count, runs, faults = (
                small_disks(name, arguments, work, disk)
                if args.tmpfs
                else every_write(name, arguments, work, disk, state, args.most)
            )
            rows.append(f"| {name} | {count} | {runs} | {len(faults)} |")
            failed += len(faults)
            for fault in faults if args.tmpfs else ():
                print(f"{name}, {fault}", file=sys.stderr)
            print(rows[-1], file=sys.stderr, flush=True)
    publish(page(rows, tmpfs=args.tmpfs, before=args.out), args.out)
    return int(failed > 0)


def page(rows: list[str], *, tmpfs: bool, before: str | None = None) -> str:
    """A section of docs/results/full_disk.md; tools that were not run keep their rows of the page ``before``."""
    name, column = ("Small file systems", "bytes written") if tmpfs else ("Every write", "writes")
    written = Path(before).read_text(encoding="utf-8") if before and Path(before).is_file() else ""
    older = [line for part in sections(written) if heading(part) == f"## {name}" for line in part.splitlines()]
    known = {row.split("|")[1].strip(): row for row in older if row.startswith("| ") and not row.startswith("| tool")}
    known |= {row.split("|")[1].strip(): row for row in rows}
    head = ["# A full disk", "", "What the tools do when the disk fills up under them. Demanded of each run: a status other than 0 and "
            "a last line that says so, or all outputs; every file under a final name whole, or the older one; no traceback.", "",
            f"## {name}", ""]  # fmt: skip
    if tmpfs:
        head += ["`python benchmarks/full_disk.py --tmpfs`: each tool on eight tmpfs of growing sizes, the last one almost large "
            "enough for what it leaves (a study takes more while it runs)."]  # fmt: skip
    else:
        head += ["`python benchmarks/full_disk.py --most N`: the disk is full from a write on, each or, where there are more, N of them "
                 "spread evenly, and at a quarter, half and three quarters of long ones."]  # fmt: skip
    head += ["", f"| tool | {column} | runs | faults |", "|---|---|---|---|"]
    return "\n".join([*head, *known.values(), ""])


if __name__ == "__main__":
    sys.exit(main())
