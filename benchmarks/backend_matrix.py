"""Every network x {none, GCU, GloRe, GINet} x backend against dygraph: ``docs/results/backends.md``.

    python benchmarks/backend_matrix.py --out docs/results/backends.md

The small variants that ``tests/contracts`` tries (every part of the network, few
channels), random weights of which none is zero. Each is compared at an odd size and in
a batch at another size; where one ONNX file serves all sizes, that file is used. Without
a unit also with normalisation and argmax inside the file. An exception is a comparison
with less than 99.9 % of the pixels in the same class, or a backend that fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite import runtime  # noqa: E402

runtime.setup("cpu", seed=0)

import numpy as np  # noqa: E402
import paddle  # noqa: E402

from paddleseg_lite.export import Normalisation, available, compare, load_backend, to_onnx  # noqa: E402
from paddleseg_lite.export import agreement as verify  # noqa: E402
from paddleseg_lite.export.backends import OnnxBackend, _onnxruntime, _openvino  # noqa: E402
from paddleseg_lite.export.recording import eval_mode  # noqa: E402
from paddleseg_lite.export.source import FileSource, ModelFile  # noqa: E402
from paddleseg_lite.models import build_model  # noqa: E402
from paddleseg_lite.registry import MODELS  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from tests.contracts.found import specs  # noqa: E402
from tests.models.checks import awake  # noqa: E402

UNITS = {
    "none": None,
    "GCU": {"type": "GCU", "num_nodes": [2, 4]},
    "GloRe": {"type": "GloRe", "num_state": 8, "num_nodes": 4},
    "GINet": {"type": "GINet", "num_state": 8, "num_nodes": 4},
}
SHAPES = ((1, 3, 41, 59), (2, 3, 64, 96))
LEAST = 0.999
SPECS = specs(MODELS)
HOW = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def examine(name: str, unit: str, backends: list[str]) -> dict:
    """``{backend: [same argmax, relative difference] or what went wrong}`` and the sizes one file serves."""
    arguments = dict(SPECS[name])
    if UNITS[unit]:
        arguments["context"] = UNITS[unit]
    network = awake(build_model(arguments, num_classes=3))
    network.eval()
    found: dict = {}
    images = [noise(*shape, seed=i) for i, shape in enumerate(SHAPES)]
    with tempfile.TemporaryDirectory() as folder:
        for kind in backends:
            try:
                agreement = verify(network, load_backend(kind, network, folder=folder), images)
                found[kind] = [agreement.argmax, agreement.relative]
            except Exception as e:  # it belongs in the list
                found[kind] = f"{type(e).__name__}: {str(e).splitlines()[0][:160]}"
        facts = json.loads((Path(folder) / "all_sizes.json").read_text())
        if unit == "none":
            for kind in (k for k in backends if k != "static"):
                found[f"{kind}, inside"] = inside(network, kind, Path(folder))
    return {"backends": found, "multiple": facts.get("multiple")}


def inside(network, kind: str, folder: Path):
    """Raw pixels in, class ids out."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, 41, 59, 3), dtype=np.uint8)
    x = ((pixels / 255.0 - np.asarray(HOW.mean)) / np.asarray(HOW.std)).transpose(0, 3, 1, 2).astype(np.float32)
    try:
        with eval_mode(network), paddle.no_grad():
            expected = network(paddle.to_tensor(x))["out"].numpy()
        path = to_onnx(network, (1, 3, 41, 59), normalise=HOW, argmax=True).save(folder / "inside.onnx")
        runner = _openvino("fp32", None) if kind == "openvino" else _onnxruntime(None)
        labels = OnnxBackend(kind, FileSource(ModelFile(path, (1, 41, 59, 3), 1, 0.0, "NHWC")), runner)(pixels)
        one_hot = np.stack([labels == k for k in range(expected.shape[1])], axis=1).astype(np.float32)
        return [compare(expected, one_hot).argmax, None]
    except Exception as e:
        return f"{type(e).__name__}: {str(e).splitlines()[0][:160]}"


def exceptions(results: dict) -> list[str]:
    """What does not agree."""
    lines = []
    for case, r in results.items():
        for backend, value in r["backends"].items():
            if isinstance(value, str):
                lines.append(f"{case}, {backend}: {value}")
            elif value[0] < LEAST:
                lines.append(f"{case}, {backend}: the same class at {100 * value[0]:.2f} % of the pixels")
    return lines


def report(results: dict, backends: list[str], seconds: float) -> str:
    """The page."""
    from importlib import metadata

    columns = [*backends, *(f"{k}, inside" for k in backends if k != "static")]
    rows = []
    for case, r in results.items():
        cells = []
        for backend in columns:
            value = r["backends"].get(backend)
            if value is None or isinstance(value, str):
                cells.append("" if value is None else "failed")
            else:
                cells.append(f"{100 * value[0]:.2f} %" + ("" if value[1] is None else f", {value[1]:.0e}"))
        sizes = {None: "one each", 1: "any"}.get(r["multiple"], f"multiples of {r['multiple']}")
        rows.append([*case.split(" + "), sizes, *cells])
    wrong = exceptions(results)
    names = ("paddlepaddle", "openvino", "onnxruntime")
    versions = ", ".join(f"{n} {metadata.version(n)}" for n in names if n == "paddlepaddle" or not available()[n])
    count = sum(len(r["backends"]) for r in results.values())
    return (
        "\n\n".join(
            [
                "# The backends against dygraph",
                f"`python benchmarks/backend_matrix.py`: {len(results)} networks and graph units in them, {count} "
                f"comparisons with dygraph fp32 (Paddle's own kernels), {seconds / 60:.0f} minutes; {versions}. Each cell: "
                "pixels with the same class, and the largest difference of two logits relative to the largest logit, over an "
                "image of 41x59 and a batch of two of 64x96. `inside`: uint8 pixels in, class ids out, normalisation and "
                "argmax in the file. `sizes`: which sizes one ONNX file (operator set 17) serves; other sizes get a file "
                "each. Networks that unpool can differ at single windows whose two largest values are equal in all digits.",
                "## Exceptions",
                "\n".join(f"* {line}" for line in wrong) if wrong else "None.",
                "## All",
                markdown_table(["network", "unit", "sizes", *columns], rows),
            ]
        )
        + "\n"
    )


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", nargs="*", default=list(SPECS), choices=list(SPECS))
    p.add_argument("--units", nargs="*", default=list(UNITS), choices=list(UNITS))
    p.add_argument("--json", help="results so far; what is in it is not run again")
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    backends = [kind for kind in ("static", "openvino", "onnxruntime") if not available()[kind]]
    kept = Path(args.json) if args.json else None
    state = json.loads(kept.read_text()) if kept and kept.exists() else {"seconds": 0.0, "results": {}}
    for name in args.only:
        for unit in args.units:
            case = f"{name} + {unit}"
            if case in state["results"]:
                continue
            started = time.perf_counter()
            state["results"][case] = examine(name, unit, backends)
            state["seconds"] += time.perf_counter() - started
            print(case, state["results"][case], flush=True)
            if kept:
                kept.write_text(json.dumps(state), encoding="utf-8")
    text = report(state["results"], backends, state["seconds"])
    publish(text, args.out)
    return 1 if exceptions(state["results"]) else 0


if __name__ == "__main__":
    sys.exit(main())
