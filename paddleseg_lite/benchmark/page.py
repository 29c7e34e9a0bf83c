"""Markdown and a plot of what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..reports import markdown_table
from ..reports.plots import pyplot, to_png
from .training import PARTS


def to_markdown(content: dict[str, Any]) -> str:
    """The tables, from what ``--json`` holds."""
    machine, width, height = content["machine"], *content["input_size"]
    peaks = ", ".join(f"{value:,.0f} GFLOP/s {name}" for name, value in machine["gemm_peak_gflops"].items())
    parts = [
        f"# Benchmark at {content['batch']}x{width}x{height}",
        f"{machine['threads']} threads of {machine['processor']}, Paddle {machine['paddle']}; best matrix product or "
        f"large convolution {peaks}. Random weights; variants take turns; p50 is the median, share is of that peak "
        "(two operations per multiply-add).",
        "## Inference",
        _inference(content["networks"]),
    ]
    if any(n.get("sweep") for n in content["networks"]):
        parts += ["## Input sizes (p50, ms)", _sweep(content["networks"])]
    if any(n.get("train") for n in content["networks"]):
        parts += ["## Training step (ms)", _training(content["networks"])]
    for network in content["networks"]:
        for way, rows in network.get("profile", {}).items():
            parts += [f"## Profile of {network['name']} with {way}", _profile(network, way, rows, machine)]
    if any((r["share_of_peak"] or 0) > 1 for n in content["networks"] for r in n["latency"].values()):
        parts.append("Shares above 100 % mean that something else was running while the matrix product was timed.")
    holes = [f"* {n['name']}, {way}: {why}" for n in content["networks"] for way, why in n["failed"].items()]
    return "\n\n".join(parts + (["## Not measured", "\n".join(holes)] if holes else [])) + "\n"


def _inference(networks) -> str:
    header = ["network", "parameters", "GMACs", "backend", "p50 ms", "p90 ms", "images/s", "share of peak", "peak MB"]
    rows = []
    for n in networks:
        for way, r in n["latency"].items():
            rows.append(
                [
                    n["name"],
                    f"{n['parameters']:,}",
                    f"{n['gmacs']:.3f}",
                    way,
                    _ms(r["p50_ms"]),
                    _ms(r["p90_ms"]),
                    f"{r['images_per_s']:.1f}",
                    _percent(r["share_of_peak"]),
                    _number(r.get("peak_mb")),
                ]
            )
    return markdown_table(header, rows)


def _sweep(networks) -> str:
    sizes = list(dict.fromkeys(size for n in networks for rows in n.get("sweep", {}).values() for size in rows))
    rows = [
        [n["name"], way, *(_ms(r.get(size)) for size in sizes)]
        for n in networks
        for way, r in n.get("sweep", {}).items()
    ]
    return markdown_table(["network", "backend", *sizes], rows)


def _training(networks) -> str:
    header = ["network", "batch", "kernels", "data", *PARTS, "step", "images/s", "peak MB"]
    rows = []
    for n in networks:
        train = n.get("train") or {"parts": {}}
        for kernels, parts in train["parts"].items():
            total = sum(parts[p] for p in PARTS) + (train["data_ms"] or 0.0)
            batch = "x".join(map(str, train["batch_shape"]))
            data = "-" if train["data_ms"] is None else _ms(train["data_ms"])
            rows.append(
                [
                    n["name"],
                    batch,
                    kernels,
                    data,
                    *(_ms(parts[p]) for p in PARTS),
                    _ms(total),
                    f"{train['images_per_s'][kernels]:.1f}",
                    _number(train["peak_mb"].get(kernels)),
                ]
            )
    return markdown_table(header, rows)


def _profile(network, way: str, rows, machine) -> str:
    peak = machine["gemm_peak_gflops"].get(network["latency"][way]["peak_of"])
    total = sum(r["ms"] for r in rows)
    lines = [
        [
            r["type"],
            r["calls"] or "",
            f"{r['ms']:.2f}",
            _percent(r["ms"] / total),
            f"{r['gmacs']:.3f}",
            _percent(2 * r["gmacs"] / (r["ms"] / 1000) / peak) if r["gmacs"] and peak else "",
        ]
        for r in rows
    ]
    lines.append(["forward, with hooks", "", f"{total:.2f}", "100 %", f"{sum(r['gmacs'] for r in rows):.3f}", ""])
    train = (network.get("train") or {}).get("parts", {}).get(way.partition(":")[2])
    text = markdown_table(["layer type", "calls", "ms", "of forward", "GMACs", "share of peak"], lines)
    if train:
        text += (
            f"\n\nIn training (batch {'x'.join(map(str, network['train']['batch_shape']))}): forward "
            f"{_ms(train['forward'])} ms, backward of all layers {_ms(train['backward'])} ms."
        )
    return text


def read_results(sources: list[str], names: list[str]) -> dict[str, float]:
    """mIoU by network.

    Args:
        sources: run folders (their best checkpoint's mIoU, for the network of the folder's name), or
            JSON files ``{network: mIoU}``.
        names: of the networks measured.

    Raises:
        DataError: a source holds no such numbers, or names another network.
    """
    found: dict[str, float] = {}
    for source in map(Path, sources):
        try:
            if source.is_dir():
                manifest = json.loads((source / "best_model" / "manifest.json").read_text(encoding="utf-8"))
                values = {source.name: float(manifest["meta"]["metrics"]["mIoU"])}
            else:
                values = {str(k): float(v) for k, v in json.loads(source.read_text(encoding="utf-8")).items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as e:
            raise DataError(
                f"--results {source}: neither a run folder with a scored best_model nor JSON {{network: mIoU}} ({e})."
            ) from None
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise DataError(f"--results {source}: '{unknown[0]}' is none of the networks measured: {', '.join(names)}.")
        found.update(values)
    return found


def plot(content: dict[str, Any]) -> bytes:
    """Accuracy against latency as PNG; without results, GMACs against latency."""
    plt = pyplot()
    scored = any(n.get("mIoU") is not None for n in content["networks"])
    figure, axes = plt.subplots(figsize=(8.4, 5.2), layout="constrained")
    ways = list(dict.fromkeys(way for n in content["networks"] for way in n["latency"]))
    rightmost: dict[str, tuple[float, float]] = {}
    for way, color in zip(ways, plt.get_cmap("tab10").colors * 3):
        points = [
            (n["latency"][way]["p50_ms"], n.get("mIoU") if scored else n["gmacs"], n["name"])
            for n in content["networks"]
            if way in n["latency"]
        ]
        points = [p for p in points if p[1] is not None]
        axes.scatter([p[0] for p in points], [p[1] for p in points], color=color, label=way, s=36, zorder=3)
        for x, y, name in points:
            rightmost[name] = max(rightmost.get(name, (x, y)), (x, y))
    axes.set_xscale("log")
    if not scored:
        axes.set_yscale("log")
    axes.margins(0.06)
    _name_at_the_side(axes, rightmost)
    width, height = content["input_size"]
    axes.set_xlabel(f"latency, ms (median, {content['batch']}x{width}x{height}, log scale)")
    axes.set_ylabel("mIoU" if scored else "multiply-adds, G (log scale)")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.25, which="both")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return to_png(figure)


def _name_at_the_side(axes, points: dict[str, tuple[float, float]], gap: float = 0.045) -> None:
    """Names in a column right of the axes, ``gap`` of its height apart, each with a line to its point."""
    to_axes = axes.transData + axes.transAxes.inverted()
    lowest = 0.0
    for name, point in sorted(points.items(), key=lambda item: item[1][1]):
        height = max(lowest, to_axes.transform(point)[1])
        axes.annotate(
            name,
            point,
            (1.02, height),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkB": 4},
        )
        lowest = height + gap


def _ms(value) -> str:
    return "-" if value is None else f"{value:.1f}"


def _number(value) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _percent(value) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
