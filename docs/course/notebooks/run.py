"""Run the notebooks in kernels of their own: ``python docs/course/notebooks/run.py --days 1 5 --languages en``.

Each is executed from top to bottom. ``--fresh DIR`` does it as somebody who has nothing but Jupyter: a new folder with
the notebook and the project's archive, and a new environment ``DIR`` with ipykernel alone, where the first notebook's
first cell installs what is missing; later ones find it, also those of a later call. ``--save DIR`` keeps the
notebooks with their outputs, ``--report FILE`` writes a table of time and memory; a row that is there already is
kept unless its notebook runs again, so that the notebooks may be run one by one.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TIMEOUT = 1800  # seconds for a cell: a slow machine, not a hang
USAGE = """import resource
_used = resource.getrusage(resource.RUSAGE_SELF)
print(_used.ru_utime + _used.ru_stime, _used.ru_maxrss / 1024)"""
COLUMNS = {"first": "first cell s", "seconds": "all s", "cpu_seconds": "CPU s", "megabytes": "peak MiB"}


def run(path: Path, save: Path | None = None, kernel: str = "python3") -> dict[str, float]:
    """Execute one notebook; seconds of its first cell and of all, CPU seconds and peak memory of its kernel.

    Args:
        path: the notebook; its folder is the kernel's.
        save: folder for the notebook with its outputs.
        kernel: name of the kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    last = nbformat.v4.new_code_cell(USAGE)
    notebook.cells.append(last)
    before = time.perf_counter()
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=TIMEOUT, kernel_name=kernel, resources=where, record_timing=True).execute()
    seconds = time.perf_counter() - before
    cpu, megabytes = map(float, last.outputs[0]["text"].split())
    notebook.cells.pop()
    first = took(next(cell for cell in notebook.cells if cell.cell_type == "code"))
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, save / f"{path.parent.name}_{path.name}")
    return {"first": first, "seconds": seconds, "cpu_seconds": cpu, "megabytes": megabytes}


def took(cell) -> float:
    """Seconds of an executed cell, by its kernel's clock."""
    times = cell.metadata["execution"]
    start, end = (times[key] for key in ("iopub.execute_input", "shell.execute_reply"))
    form = "%Y-%m-%dT%H:%M:%S.%fZ"
    return (datetime.datetime.strptime(end, form) - datetime.datetime.strptime(start, form)).total_seconds()


@contextlib.contextmanager
def alone(path: Path, environment: Path) -> Iterator[tuple[Path, str]]:
    """A copy of the notebook beside the project's archive, and the kernel of an environment made for such copies."""
    python = environment.absolute() / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "ipykernel"], check=True)
        own = ["--prefix", environment.absolute(), "--name", "fresh"]
        subprocess.run([python, "-m", "ipykernel", "install", *own], check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, path.parent.name)
        place.mkdir()
        shutil.copy(path, place)
        archive = ["git", "archive", "--prefix=paddleseg_lite/", "-o", str(place / "paddleseg_lite.zip"), "HEAD"]
        subprocess.run(archive, cwd=ROOT, check=True)
        os.environ["JUPYTER_PATH"] = str(environment.absolute() / "share" / "jupyter")
        yield place / path.name, "fresh"


HEAD = """# The course's notebooks, executed

`python docs/course/notebooks/run.py --fresh DIR --report docs/results/notebooks.md`: each notebook of
[docs/course/notebooks](../course/notebooks/README.md) from top to bottom through nbclient, in a new folder with the project's
archive beside it, in a virtual environment that held ipykernel and nothing else; one environment a language. Where the first
cell takes long it has installed what is missing; the others find it. CPU seconds are the kernel's own over all its threads,
without the installation; wall time contains whatever else the machine did meanwhile. {system}, Python {python}{note}.
"""


def report(rows: dict[str, list[str]], note: str) -> str:
    """The page: head, and a row for each notebook."""
    head = HEAD.format(system=platform.machine(), python=platform.python_version(), note=note and f"; {note}")
    table = ["| notebook | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    table += [f"| {name} | {' | '.join(cells)} |" for name, cells in sorted(rows.items())]
    return head + "\n" + "\n".join(table) + "\n"


def earlier(path: Path) -> dict[str, list[str]]:
    """The rows of a report that is there; none where its columns are others."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.findall(r"^\| (\w\w/day\d) \| (.+) \|$", text, re.M)
    rows = {name: cells.split(" | ") for name, cells in found}
    return {name: cells for name, cells in rows.items() if len(cells) == len(COLUMNS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", nargs="+", type=int, default=list(range(1, 8)))
    parser.add_argument("--languages", nargs="+", choices=("en", "zh"), default=["en", "zh"])
    parser.add_argument("--fresh", type=Path, metavar="DIR", help="environment to make, with ipykernel alone")
    parser.add_argument("--save", type=Path, help="folder for the notebooks with their outputs")
    parser.add_argument("--report", type=Path, help="Markdown file to write")
    parser.add_argument("--note", default="", help="what the report says of the machine and of its load")
    args = parser.parse_args()
    for language in args.languages:
        for day in args.days:
            name = f"{language}/day{day}"
            path = HERE / f"{name}.ipynb"
            with alone(path, args.fresh) if args.fresh else contextlib.nullcontext((path, "python3")) as (copy, kernel):
                row = run(copy, args.save, kernel)
            print(name, {key: round(value) for key, value in row.items()}, flush=True)
            if args.report:
                rows = {**earlier(args.report), name: [f"{row[key]:.0f}" for key in COLUMNS]}
                args.report.write_text(report(rows, args.note), encoding="utf-8")


if __name__ == "__main__":
    main()
