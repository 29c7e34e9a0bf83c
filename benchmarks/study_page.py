"""Bring a study's numbers into a page of docs/results: ``python benchmarks/study_page.py STUDY_FOLDER PAGE.md``.

Replaces what stands between ``<!-- tables -->`` and ``<!-- end of tables -->`` in
the page by the tables of the study's report, draws PAGE.png (every seed of every
variant, a panel for each group) and copies the CSV and JSON beside it. A page that
shows PAGE_cost.png gets it: gain against multiply-adds and milliseconds, of the first group;
the milliseconds are taken anew for it, all variants in turns, and stand below the tables.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paddleseg_lite import runtime
from paddleseg_lite.benchmark import alternate
from paddleseg_lite.config import load_config
from paddleseg_lite.data.building import build_datasets
from paddleseg_lite.inference.backend import PaddleBackend
from paddleseg_lite.inference.reduced import as_batch
from paddleseg_lite.reports.plots import pyplot, to_png
from paddleseg_lite.studies.plots import cost_plot
from paddleseg_lite.studies.results import Row
from paddleseg_lite.studies.statistics import Comparison
from paddleseg_lite.training.building import build_network

BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"


def main(study: Path, page: Path) -> None:
    report = (study / "report.md").read_text(encoding="utf-8")
    tables = report[report.index("\n## ") : report.index("\n## How it was run")].strip()
    tables = re.sub(r"^## ", "### ", tables, flags=re.M)
    text = page.read_text(encoding="utf-8")
    content = json.loads((study / "report.json").read_text(encoding="utf-8"))
    costs = page.with_name(f"{page.stem}_cost.png")
    if costs.name in text:
        rows = [row_of(v) for v in content["groups"][0]["variants"]]
        times = in_turns(study, [row.name for row in rows])
        for row in rows:
            row.costs["latency_ms"] = times.get(row.name, math.nan)
        costs.write_bytes(cost_plot(rows))
        tables += f"\n\nMilliseconds a picture in turns, 1 thread(s), {runtime.processor()}: "
        tables += ", ".join(f"{name} {ms:.1f}" for name, ms in times.items()) + "."
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    page.write_text(f"{before}\n\n{tables}\n\n{after}", encoding="utf-8")
    page.with_suffix(".png").write_bytes(draw(content["groups"], content["metric"]))
    for kind in ("csv", "json"):
        text = (study / f"report.{kind}").read_text(encoding="utf-8")
        page.with_suffix(f".{kind}").write_text(re.sub(r"(dataset_root=)[^;,\s\"]+", r"\1DIR", text), encoding="utf-8")


def row_of(variant: dict) -> Row:
    comparison = Comparison(**variant["comparison"]) if variant["comparison"] else None
    return Row(variant["name"], variant["values"], costs=variant["costs"], comparison=comparison)


def in_turns(study: Path, names: list[str]) -> dict[str, float]:
    """Median milliseconds of one validation picture by each variant's network, random weights, variant after variant."""
    predictions: dict[str, Callable[[], object]] = {}
    for run in json.loads((study / "results.json").read_text(encoding="utf-8")):
        name = next((n for n in names if n in run.values()), None)
        if name is not None and name not in predictions:
            config = load_config(study / "runs" / run["key"] / "config.yml")
            data = build_datasets(config)[1]
            network = PaddleBackend(build_network(config, data.num_classes).eval())
            predictions[name] = partial(network, as_batch(data.get(0, None)))
    return {name: 1e3 * statistics.median(seconds) for name, seconds in alternate(predictions, repeats=30).items()}


def draw(groups, metric: str) -> bytes:
    """A panel for each group, a line for each variant, a dot for each seed; bars are means."""
    plt = pyplot()
    names = [v["name"] for v in groups[0]["variants"]]
    size = (1.6 + 2.3 * len(groups), 0.9 + 0.3 * len(names))
    figure, panels = plt.subplots(
        1, len(groups), figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axes, group in zip(panels[0], groups):
        for y, variant in enumerate(group["variants"]):
            values = list(variant["values"].values())
            axes.scatter(values, [y] * len(values), s=16, alpha=0.6, color="#2563eb", zorder=3)
            if values:
                mean = sum(values) / len(values)
                axes.plot([mean, mean], [y - 0.3, y + 0.3], color="#1e3a8a", lw=2, zorder=4)
        axes.set_title(", ".join(group["group"].values()), fontsize=9)
        axes.grid(axis="x", alpha=0.3)
    panels[0][0].set_yticks(range(len(names)), names)
    panels[0][0].invert_yaxis()
    figure.supxlabel(metric, fontsize=9)
    return to_png(figure)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    runtime.setup("cpu", threads=1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
