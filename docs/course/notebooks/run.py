"""Run the notebooks in kernels of their own: ``python docs/course/notebooks/run.py --days 1 5 --languages en``.

Each is executed from top to bottom; ``--save DIR`` keeps them with their outputs (and
as HTML where nbconvert is there), ``--report FILE`` writes a table of time and memory.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMEOUT = 1800  # seconds for a cell: a slow machine, not a hang


def run(path: Path, save: Path | None = None) -> dict[str, float]:
    """Execute one notebook; ``{"seconds", "cpu_seconds", "megabytes"}`` of its kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    last = nbformat.v4.new_code_cell(USAGE)
    notebook.cells.append(last)
    before = time.perf_counter()
    NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    seconds = time.perf_counter() - before
    cpu, megabytes = map(float, last.outputs[0]["text"].split())
    notebook.cells.pop()
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, save / f"{path.parent.name}_{path.name}")
    return {"seconds": seconds, "cpu_seconds": cpu, "megabytes": megabytes}


USAGE = """import resource
_used = resource.getrusage(resource.RUSAGE_SELF)
print(_used.ru_utime + _used.ru_stime, _used.ru_maxrss / 1024)"""


def report(rows: dict[str, dict[str, float]]) -> str:
    lines = [
        "# The course's notebooks, executed",
        "",
        "`python docs/course/notebooks/run.py --report docs/results/notebooks.md`: each notebook of",
        "[docs/course/notebooks](../course/notebooks/README.md) from top to bottom in a kernel of its own, through nbclient, on",
        f"{platform.machine()}, Python {platform.python_version()}. CPU seconds are the kernel's own over all its threads; wall time",
        "contains whatever else the machine did meanwhile.",
        "",
        "| notebook | wall s | CPU s | peak MiB |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['seconds']:.0f} | {row['cpu_seconds']:.0f} | {row['megabytes']:.0f} |"
        for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", nargs="+", type=int, default=list(range(1, 8)))
    parser.add_argument("--languages", nargs="+", choices=("en", "zh"), default=["en", "zh"])
    parser.add_argument("--save", type=Path, help="folder for the notebooks with their outputs")
    parser.add_argument("--report", type=Path, help="Markdown file to write")
    args = parser.parse_args()
    rows = {}
    for language in args.languages:
        for day in args.days:
            name = f"{language}/day{day}"
            rows[name] = run(HERE / f"{name}.ipynb", args.save)
            print(name, {key: round(value) for key, value in rows[name].items()}, flush=True)
    if args.report:
        args.report.write_text(report(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
