"""Feed recipes with wrong keys, types, values and YAML to the reader and, where they are read, to all that builds a run.

``python benchmarks/fuzz/recipes.py --files 5000 --out docs/results/fuzz.md``

Three in five are a tiny recipe, which is read and built (data sets, network, loss, optimizer, learning rates, a sample
of each data set); the others are the recipes that ship with the project, which are read. PyYAML says what a file means:
what is read must hold its values, and a key that no recipe has must be refused.
"""

from __future__ import annotations

import logging
import resource
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from recipe_files import recipe_case  # noqa: E402
from trial import HEAD, LIMIT, Trial, arguments, attempt, table  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite import runtime  # noqa: E402
from paddleseg_lite.config import Config, load_config  # noqa: E402
from paddleseg_lite.data.building import build_datasets  # noqa: E402
from paddleseg_lite.training.parts import build_parts  # noqa: E402

SHIPPED = sorted(
    p for p in (ROOT / "configs").rglob("*.yml") if p.parts[-2] not in ("ablation", "datasets", "schedules")
)
MOST_MEMORY = 10 << 30  # bytes of address space: what a wrong number asks for must not reach the machine


def run_case(number: int, folder: Path) -> list[Trial]:
    """Case ``number``, always the same one: read, and built where it is tiny."""
    recipe = recipe_case(np.random.default_rng([20251129, number]), SHIPPED)
    path = folder / "recipe.yml"
    path.write_bytes(recipe.data)
    read = attempt("read", lambda: load_config(path))
    read.compare(_differs(read, recipe.data))
    if read.outcome == "read" and recipe.unknown is not None:
        read.compare(f"the key '{recipe.unknown}' is unknown, and was taken")
    if read.outcome != "read" or not recipe.whole:
        return [read]
    return [read, attempt("built", lambda: _build(read.value))]


def _build(config: Config) -> None:
    train, val = build_datasets(config)
    build_parts(config, train, note=lambda text: None)
    for dataset in (train, val):
        if dataset is not None:
            dataset.get(0, np.random.default_rng(0))


def _differs(trial: Trial, data: bytes) -> str | None:
    """Plain values at the top of a recipe, as PyYAML reads them."""
    try:
        tree = yaml.safe_load(data.decode("utf-8"))
    except Exception:
        return None if trial.outcome != "read" else "PyYAML refuses it, and it was read"
    if trial.outcome != "read" or not isinstance(tree, dict):
        return None
    for key in ("batch_size", "iters", "seed", "save_interval", "ema_decay", "accumulate", "use_ema", "num_workers"):
        value = tree.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and getattr(trial.value, key) != value:
            return f"{key} is {getattr(trial.value, key)} where the file says {value}"
    return ""


def page(trials: list[Trial], files: int, command: str) -> str:
    """The section of docs/results/fuzz.md."""
    lines = [
        *HEAD,
        "## Recipes",
        "",
        f"`{command}`: {files} recipes with one to three wrong keys, types, values or pieces of YAML; a tiny one, which is "
        "built to the first sample where it is read, and those that ship with the project. *Compared*: PyYAML reads the "
        "same values and refuses what is no YAML, and unknown keys are refused. *Failed*: an error that is none of ours, more than "
        f"{LIMIT:.0f} s, a value that differs.",
        "",
        *table(sorted(trials, key=lambda t: t.kind, reverse=True)),
    ]
    return "\n".join([*lines, ""])


def main(argv=None) -> int:
    args = arguments(__doc__, 5000, argv)
    runtime.setup("cpu", threads=1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    logging.getLogger("paddleseg_lite").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.first, args.first + args.files):
            found = run_case(number, Path(folder))
            trials += found
            for trial in found:
                if trial.outcome == "failed":
                    print(f"case {number}, {trial.kind}: {trial.message}", file=sys.stderr, flush=True)
                trial.value = None
    publish(page(trials, args.files, f"python benchmarks/fuzz/recipes.py --files {args.files}"), args.out)
    return int(any(t.outcome == "failed" for t in trials))


if __name__ == "__main__":
    sys.exit(main())
