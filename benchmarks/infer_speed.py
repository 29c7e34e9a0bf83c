"""Prediction and validation side by side with PaddleSeg: ``docs/results/inference_speed.md``.

    python benchmarks/infer_speed.py --peer_python ENV/bin/python --camvid data/camvid

Every side is a process of its own; all take turns, one prediction each, and medians are
reported. PaddleSeg runs as shipped (``OMP_NUM_THREADS`` unset: one thread) and with all
threads. The networks are PaddleSeg's on its side and the equal ones here, with the same
weights: random, or with ``--trained UNet=RUN`` those of a run of ours with that graph.
A prediction is one image of 1x3x360x480 in, logits as an array out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.runtime import processor  # noqa: E402

SIZE, CLASSES = (360, 480), 11
RESNET = {"type": "ResNet50_vd", "output_stride": 8}
NETWORKS = {  # PaddleSeg's description
    "UNet": {"type": "UNet"},
    "DeepLabV3P": {"type": "DeepLabV3P", "backbone": {**RESNET, "multi_grid": [1, 2, 4]}},
    "GloRe": {"type": "GloRe", "backbone": RESNET},
    "PSPNet": {"type": "PSPNet", "backbone": RESNET},
    "GINet": {"type": "GINet", "backbone": RESNET},
    "ENet": {"type": "ENet"},
}
FLOORS = {  # times PaddleSeg on all threads
    "bf16": {"UNet": 35, "DeepLabV3P": 11, "GloRe": 12, "PSPNet": 9, "GINet": 9, "ENet": 4},
    "fp32": {"UNet": 5.5, "DeepLabV3P": 2, "GloRe": 2, "PSPNet": 1.5, "GINet": 2, "ENet": 2},
}
VAL_FLOORS = {"ENet": 3.5, "UNet": 20}
SHIPPED, THREADED = "PaddleSeg as shipped", "PaddleSeg, all threads"


class Side:
    """A worker process."""

    def __init__(self, title: str, python: str, job: dict, threads: int | None):
        self.title, self.times = title, []
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        environment["GLOG_minloglevel"] = "2"
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        command = [python, "-W", "ignore", str(ROOT / "benchmarks" / "infer_worker.py"), json.dumps(job)]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (read when the process has ended)
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.read()

    def read(self) -> dict:
        """The next answer; what libraries print in between is skipped."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.errors.seek(0)
        raise RuntimeError(f"{self.title} ended: {self.errors.read()[-800:]}")

    def ask(self, what: str) -> dict:
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.read()

    @property
    def median(self) -> float:
        """Milliseconds."""
        return 1e3 * statistics.median(self.times)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)


def our_network(name: str) -> dict:
    """PaddleSeg's network in our words."""
    import paddleseg_lite.models  # noqa: F401  (fills the tables)
    from paddleseg_lite.interop.findings import Findings
    from paddleseg_lite.interop.paddleseg_models import translate_model

    findings = Findings(name, {})
    spec, _ = translate_model({**NETWORKS[name], "num_classes": CLASSES}, {}, findings)
    findings.finish()
    return spec


def weights_of_run(name: str, run: str, drawn: Path, target: Path) -> None:
    """The weights of a run of ours under PaddleSeg's names, which the drawn ones tell."""
    from paddleseg_lite.inference.predictor import load
    from paddleseg_lite.interop.converters import CONVERTERS

    model = load(run).model
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    sources = CONVERTERS["paddleseg"](dict(np.load(drawn)), model).sources
    np.savez(target, **{theirs: state[ours] for ours, theirs in sources.items()})


def start(name: str, args, folder: Path) -> list[Side]:
    """All sides of one network; PaddleSeg first, which draws the weights."""
    image, weights = folder / "image.npy", folder / f"{name}.npz"
    common = {"image": str(image), "weights": str(weights), "camvid": args.camvid, "cache": str(folder / name)}
    theirs = {**common, "side": "paddleseg", "network": {**NETWORKS[name], "num_classes": CLASSES}}
    sides = [Side(THREADED, args.peer_python, theirs, args.threads)]
    if name in args.trained:
        trained = folder / f"{name}_trained.npz"
        weights_of_run(name, args.trained[name], weights, trained)
        sides.pop().close()
        for job in (common, theirs):
            job["weights"] = str(trained)
        sides = [Side(THREADED, args.peer_python, theirs, args.threads)]
    sides.append(Side(SHIPPED, args.peer_python, theirs, None))
    for backend in args.backends:
        job = {**common, "side": "ours", "network": our_network(name), "backend": backend.replace(":", " ")}
        sides.append(Side(backend.replace(":", " "), sys.executable, job, args.threads))
    return sides


def compare(name: str, args, folder: Path) -> dict:
    """One network: predictions in turns, then validation."""
    sides = start(name, args, folder)
    try:
        logits = {}
        for side in sides:  # also the warm-up
            side.ask(f"save {folder / 'out.npy'}")
            logits[side.title] = np.load(folder / "out.npy")
            side.ask("predict")
        for _ in range(args.rounds):
            for side in sides:
                side.times.append(side.ask("predict")["wall"])
                time.sleep(0.25)  # let its threads go to sleep before the next side starts
        labels = {title: values.argmax(axis=1) for title, values in logits.items()}
        result = {
            "ms": {s.title: s.median for s in sides},
            "trained": name in args.trained,
            "agreement": {t: float((v == labels[THREADED]).mean()) for t, v in labels.items()},
            "difference": {t: float(np.abs(v - logits[THREADED]).max()) for t, v in logits.items()},
            "scale": float(np.abs(logits[THREADED]).max()),
            "val": {},
        }
        if name in args.val:
            result["val"] = validate(name, sides, args)
        if name == "UNet":
            result["peak"] = sides[-1].ask("peak")
    finally:
        for side in sides:
            side.close()
    return result


def validate(name: str, sides: list[Side], args) -> dict:
    """Images a second of a pass over CamVid, the best of some passes where one is short; and its mIoU."""
    found: dict[str, dict] = {}
    for turn in range(args.val_passes):
        for side in sides:
            seconds = found[side.title]["seconds"] if turn else 0
            if seconds > 60:
                continue  # a long pass is taken once
            count = {SHIPPED: args.shipped_images, THREADED: args.peer_images}.get(side.title, args.images)
            answer = side.ask(f"val {count}")
            if not turn or answer["seconds"] < seconds:
                found[side.title] = answer
    return found


def report(results: dict, args) -> str:
    """The page."""
    rows, val_rows = [], []
    for name, r in results.items():
        for title, ms in r["ms"].items():
            precision = title.split()[-1] if title.split()[-1] in FLOORS else ""
            best = precision and min(v for t, v in r["ms"].items() if t.endswith(precision)) == ms
            ratio = r["ms"][THREADED] / ms
            floor = FLOORS[precision][name] if best else None
            rows.append(
                [
                    name,
                    title,
                    f"{ms:,.1f}",
                    f"{r['ms'][SHIPPED] / ms:.1f}x",
                    f"{ratio:.1f}x",
                    "" if floor is None else f"{floor}x: {'reached' if ratio >= floor else 'NOT reached'}",
                    f"{100 * r['agreement'][title]:.3f} %",
                    f"{r['difference'][title]:.1e} of {r['scale']:.1f}",
                ]
            )
        for title, v in r["val"].items():
            rate = {t: x["images"] / x["seconds"] for t, x in r["val"].items()}
            best = title not in (SHIPPED, THREADED) and rate[title] == max(rate.values())
            ratio = rate[title] / rate[THREADED]
            floor = VAL_FLOORS[name]
            val_rows.append(
                [
                    name + (" (trained)" if r["trained"] else ""),
                    title,
                    str(v["images"]),
                    f"{rate[title]:.2f}",
                    f"{rate[title] / rate[SHIPPED]:.1f}x",
                    f"{ratio:.1f}x",
                    f"{floor}x: {'reached' if ratio >= floor else 'NOT reached'}" if best else "",
                    f"{v['mIoU']:.4f}",
                ]
            )
    parts = [
        "# Prediction and validation against PaddleSeg",
        f"`{' '.join(['python', 'benchmarks/infer_speed.py', *args.shown])}` on {args.threads} threads of "
        f"{processor()}; {versions()}. Medians of {args.rounds} predictions of 1x3x{SIZE[0]}x{SIZE[1]} taken in "
        "turns, each side a process of its own. Weights are the same on all sides, random unless said. The floor "
        "is a target set before measuring, for the fastest of our backends in that precision against PaddleSeg on all "
        "threads; argmax and largest "
        "difference of logits are against PaddleSeg's.",
        markdown_table(
            [
                "network",
                "side",
                "ms",
                "as shipped / this",
                "all threads / this",
                "floor",
                "same argmax",
                "difference of logits",
            ],
            rows,
        ),
    ]
    if val_rows:
        parts += [
            "## Validation of CamVid",
            (
                f"{args.images} images of 480x360, reading, metrics and (here) cross-entropy included; PaddleSeg's own "
                "`evaluate`, where the table says so on the first images only. mIoU counts absent classes as 0, as "
                f"PaddleSeg does. PaddleSeg's metric needed one repair to run on Paddle 3 (it joins scalars). The best "
                f"of {args.val_passes} passes; passes above a minute are taken once. The networks "
                "were trained at 240x180, so mIoU at 480x360 is not what [backends](backends.md) has."
            ),
            markdown_table(
                ["network", "side", "images", "images/s", "to as shipped", "to all threads", "floor", "mIoU"], val_rows
            ),
        ]
    peak = next((r["peak"] for r in results.values() if "peak" in r), None)
    if peak:
        parts += ["## How close to the chip", share_of_peak(results, peak)]
    return "\n\n".join(parts) + "\n"


def share_of_peak(results: dict, peak: dict[str, float]) -> str:
    """What the fastest backends reach of what large convolutions reach here."""
    from paddleseg_lite.models import build_model
    from paddleseg_lite.models.summary import summarize

    gmacs = {name: summarize(build_model(our_network(name)), (1, 3, *SIZE)).gmacs for name in results}
    rates = {
        p: {
            name: 2e3 * gmacs[name] / min(ms for title, ms in r["ms"].items() if title.endswith(p))
            for name, r in results.items()
        }
        for p in ("fp32", "bf16")
    }
    best = {p: max(peak.get(p, 0), *rates[p].values()) for p in rates}
    rows = [
        [
            name,
            f"{gmacs[name]:.1f}",
            *(cell for p in rates for cell in (f"{rates[p][name]:,.0f}", f"{100 * rates[p][name] / best[p]:.0f} %")),
        ]
        for name in results
    ]
    named = ", ".join(f"{v:,.0f} in {k}" for k, v in peak.items())
    text = (
        "Operations a second of our fastest backend, two per multiply-add, and their share of the most seen "
        f"here (these networks, and large convolutions of oneDNN: {named} GFLOP/s)."
    )
    table = markdown_table(["network", "GMACs", "fp32 GFLOP/s", "of the most", "bf16 GFLOP/s", "of the most"], rows)
    gain = best["bf16"] / best["fp32"]
    if gain < 3:
        table += (
            f"\n\nThis chip computes in bf16 at {gain:.1f} times its fp32 rate (AVX512-BF16, no AMX). The floors for "
            "bf16 were set on a chip whose AMX unit has 4 to 6 times; a network full of convolutions, as UNet, cannot "
            "gain more over fp32 than the chip does."
        )
    return f"{text}\n\n{table}"


def versions() -> str:
    from importlib import metadata

    return ", ".join(f"{n} {metadata.version(n)}" for n in ("paddlepaddle", "openvino", "onnxruntime"))


def write_image(path: Path, camvid: str | None) -> None:
    """A normalised image of CamVid, or noise."""
    x = np.random.default_rng(0).standard_normal((1, 3, *SIZE)).astype(np.float32)
    if camvid:
        from paddleseg_lite.data import read_image

        first = (Path(camvid) / "val.txt").read_text(encoding="utf-8").split()[0]
        x = ((read_image(Path(camvid) / first) / 127.5 - 1).transpose(2, 0, 1)[None]).astype(np.float32)
    np.save(path, x)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer_python", required=True, help="interpreter with PaddleSeg 2.8.0")
    p.add_argument("--camvid", help="CamVid folder, for validation and a real image")
    p.add_argument("--only", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    p.add_argument(
        "--backends",
        nargs="*",
        default=["dygraph:fp32", "openvino:fp32", "onnxruntime:fp32", "dygraph:bf16", "openvino:bf16"],
    )
    p.add_argument("--val", nargs="*", default=[], choices=list(VAL_FLOORS), help="networks to validate CamVid with")
    p.add_argument("--trained", nargs="*", default=[], metavar="NETWORK=RUN", help="weights of runs of ours")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--images", type=int, default=101)
    p.add_argument("--peer_images", type=int, default=101, help="of PaddleSeg with all threads")
    p.add_argument("--shipped_images", type=int, default=101, help="of PaddleSeg as shipped")
    p.add_argument("--val_passes", type=int, default=3)
    p.add_argument("--json", help="results so far; networks in it are not measured again")
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    args.trained = dict(pair.split("=", 1) for pair in args.trained)
    args.shown = [a for a in sys.argv[1:] if not a.startswith("/")]
    kept = Path(args.json) if args.json else None
    results = json.loads(kept.read_text()) if kept and kept.exists() else {}
    for name in args.only:
        if name not in results:
            with tempfile.TemporaryDirectory() as folder:
                write_image(Path(folder) / "image.npy", args.camvid)
                results[name] = compare(name, args, Path(folder))
            if kept:
                kept.write_text(json.dumps(results, indent=1), encoding="utf-8")
    text = report(results, args)
    publish(text, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
