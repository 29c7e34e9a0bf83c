"""Training steps side by side: this project with and without oneDNN, PaddleSeg, PyTorch.

    python benchmarks/train_step.py --peer_python ENV/bin/python --torch_python ENV/bin/python

Every side is a process of its own and all of them take turns, one step each, so
that whatever else the machine does falls on all alike; medians are reported.
PaddleSeg runs as shipped (``OMP_NUM_THREADS`` unset: one thread) and with all
threads. The graph is PaddleSeg's on its side and the equal one here (translated
by ``paddleseg_lite.interop``); PyTorch runs the same UNet and ENet and torchvision's
DeepLabV3, channels last and not, fp32 and bf16 autocast; with ``--compile`` through ``torch.compile`` as well.

``--isa`` holds every library to an instruction set at or below the processor's own; each level is measured by itself.

On a busy machine prefer ``--threads 1`` and the CPU times: threads that wait for
each other make wall times of two threads meaningless there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.runtime import processor  # noqa: E402

NUM_CLASSES = 11


def resnet(depth=50):
    return {"type": f"ResNet{depth}_vd", "output_stride": 8}


NETWORKS = {  # PaddleSeg's description
    "UNet": {"type": "UNet"},
    "DeepLabV3": {"type": "DeepLabV3", "backbone": {**resnet(), "multi_grid": [1, 2, 4]}},
    "DeepLabV3P": {"type": "DeepLabV3P", "backbone": {**resnet(), "multi_grid": [1, 2, 4]}},
    "PSPNet": {"type": "PSPNet", "backbone": resnet()},
    "GloRe": {"type": "GloRe", "backbone": resnet()},
    "ENet": {"type": "ENet"},
}
IN_TORCH = {"UNet": {"type": "UNet"}, "DeepLabV3": {"type": "deeplabv3_resnet50"}, "ENet": {"type": "ENet"}}


ISA = {  # what oneDNN, MKL and PyTorch's own kernels are held to
    "all": {},
    "bf16": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"},
    "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}


class Side:
    """A worker process and the times it has reported."""

    def __init__(self, title: str, python: str, job: dict, threads: int | None, isa: str = "all"):
        self.title, self.times = title, {"train": [], "infer": []}
        environment = {**os.environ, **ISA[isa]}
        environment.pop("OMP_NUM_THREADS", None)
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        command = [python, "-W", "ignore", str(Path(__file__).with_name("step_worker.py")), json.dumps(job)]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.about = self.read()

    def read(self) -> dict:
        """The next answer; what libraries print in between is skipped."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.title} ended: {self.process.stderr.read()[-800:]}")

    def run(self, what: str, *, keep: bool = True) -> None:
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        answer = self.read()
        if keep:
            self.times[what].append(answer)
        time.sleep(0.25)  # let its threads go to sleep before the next side starts

    def median(self, what: str, clock: str) -> float | None:
        """Milliseconds."""
        found = [1e3 * t[clock] for t in self.times[what]]
        return statistics.median(found) if found else None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()


def our_network(name: str, num_classes: int) -> dict:
    """This project's description of PaddleSeg's graph."""
    import paddleseg_lite.models  # noqa: F401 (the networks a translation may name)
    from paddleseg_lite.interop.findings import Findings
    from paddleseg_lite.interop.paddleseg_models import translate_model

    findings = Findings(name, {})
    ours, _ = translate_model({**NETWORKS[name], "num_classes": num_classes}, {}, findings)
    findings.finish()
    return ours


def sides(name: str, args, isa: str = "all"):
    """``(title, interpreter, job, threads, instruction set)`` of everything to compare on one network."""
    ours = our_network(name, NUM_CLASSES)
    common = {"num_classes": NUM_CLASSES, "shape": [args.batch, 3, *args.size]}
    if args.peer_python:
        job = {**common, "side": "paddleseg", "network": NETWORKS[name]}
        if args.threads > 1:
            yield "PaddleSeg as shipped", args.peer_python, job, None, isa
        yield "PaddleSeg", args.peer_python, job, args.threads, isa
    for mode in args.modes:
        job = {**common, "side": "ours", "network": ours, "mode": mode}
        yield f"ours {mode}", sys.executable, job, args.threads, isa
    if args.torch_python and name in IN_TORCH:
        bf16 = ["bf16"] if "bf16" in args.modes else []
        for mode, order in [(mode, order) for mode in ["fp32", *bf16] for order in ("", " NCHW")]:
            job = {**common, "side": "torch", "network": IN_TORCH[name], "mode": mode, "last": not order}
            yield f"PyTorch {mode}{order}", args.torch_python, job, args.threads, isa
            if args.compile and not order:
                yield f"torch.compile {mode}", args.torch_python, {**job, "compile": True}, args.threads, isa


def compare(name: str, args, isa: str) -> list[dict]:
    """Run all sides of one network in turns."""
    running = []
    try:
        for side in sides(name, args, isa):
            running.append(Side(*side))
        for what, rounds in [("train", args.rounds)] + [("infer", args.infer_rounds)] * (args.infer_rounds > 0):
            for index in range(rounds + 1):
                for side in list(running):
                    try:
                        side.run(what, keep=index > 0)  # the first compiles, measures and fills caches
                    except (RuntimeError, OSError) as e:  # one that crashes does not end the others
                        print(f"{name} {isa} {side.title}: left out, {e}", flush=True)
                        running.remove(side)
                        side.close()
    finally:
        for side in running:
            side.close()
    return [
        {
            "network": name,
            "isa": isa,
            "side": s.title,
            **s.about,
            "times": s.times,
            **{f"{w}_{c}_ms": s.median(w, c) for w in ("train", "infer") for c in ("wall", "cpu")},
        }
        for s in running
    ]


def table(results: list[dict], base: str, clock: str) -> str:
    kinds = [w for w in ("train", "infer") if any(r[f"{w}_{clock}_ms"] for r in results)]
    levels = {r["isa"] for r in results} != {"all"}
    rows = []
    for r in results:
        alike = [o for o in results if (o["network"], o["isa"]) == (r["network"], r["isa"])]
        reference = next((o for o in alike if o["side"] == base), None)
        cells = [r["network"], *([r["isa"]] if levels else []), r["side"], f"{r['parameters'] / 1e6:.2f}"]
        for what in kinds:
            value = r[f"{what}_{clock}_ms"]
            gain = reference[f"{what}_{clock}_ms"] / value if reference and value else None
            cells += [f"{value:,.0f}" if value else "", f"{gain:.2f}x" if gain else ""]
        rows.append(cells)
    head = [
        "network",
        *(["instruction set"] if levels else []),
        "side",
        "M parameters",
        f"train step, {clock} ms",
        f"against {base}",
    ]
    return markdown_table(head + [f"inference, {clock} ms", ""] * ("infer" in kinds), rows)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer_python", help="interpreter with PaddleSeg")
    p.add_argument("--torch_python", help="interpreter with torch (and torchvision for DeepLabV3)")
    p.add_argument("--only", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    p.add_argument("--modes", nargs="*", default=["off", "fp32", "bf16"], choices=["off", "auto", "fp32", "bf16"])
    p.add_argument("--batch", type=int, default=2)
    p.add_argument("--size", type=int, nargs=2, default=[192, 256], metavar=("H", "W"))
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--infer_rounds", type=int, default=3)
    p.add_argument(
        "--isa", nargs="*", default=["all"], choices=list(ISA), help="levels to measure, one after the other"
    )
    p.add_argument("--compile", action="store_true", help="torch.compile as well (needs a C++ compiler)")
    p.add_argument("--title", default="Training speed beside PaddleSeg and PyTorch", help="of the page")
    p.add_argument("--append", nargs="*", default=[], metavar="FILE", help="Markdown put at the end of the page")
    p.add_argument("--out", help="path without suffix: .json and .md are written; other networks in them are kept")
    args = p.parse_args()
    earlier = Path(f"{args.out}.json")
    results = json.loads(earlier.read_text(encoding="utf-8")) if args.out and earlier.exists() else []
    results = [{"isa": "all", **r} for r in results]
    results = [r for r in results if r["network"] not in args.only or r["isa"] not in args.isa]
    for name, isa in [(name, isa) for name in args.only for isa in args.isa]:
        results += compare(name, args, isa)
        if args.out:
            earlier.parent.mkdir(parents=True, exist_ok=True)
            earlier.write_text("[\n" + ",\n".join(map(json.dumps, results)) + "\n]\n", encoding="utf-8")  # a line each
        for r in results:
            if (r["network"], r["isa"]) == (name, isa):
                print(
                    f"{name:11} {isa:7} {r['side']:21} train {r['train_wall_ms']:8.0f} ms (cpu {r['train_cpu_ms']:8.0f}), "
                    f"inference {r['infer_wall_ms'] or 0:6.0f} ms",
                    flush=True,
                )
    found = {r["side"] for r in results}
    base = next((b for b in ("PaddleSeg", "ours off", "PyTorch fp32 NCHW") if b in found), "ours off")
    counts = sorted({len(r["times"]["train"]) for r in results})
    steps = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    held = "" if {r["isa"] for r in results} == {"all"} else ", every library held to the instruction set"
    text = "\n\n".join(
        [
            f"# {args.title}",
            f"## Training steps, {args.batch}x3x{args.size[0]}x{args.size[1]}, {args.threads} threads",
            f"`python benchmarks/train_step.py`, medians of {steps} steps taken in turns; {processor()}{held}.",
            table(results, base, "wall"),
            "The same in processor time (all threads together):",
            table(results, base, "cpu"),
            *("#" + Path(file).read_text(encoding="utf-8").strip() for file in args.append),
        ]
    )
    if args.out:
        earlier.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
