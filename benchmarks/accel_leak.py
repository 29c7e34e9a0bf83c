"""Memory of an accelerated training over many steps with changing shapes.

    python benchmarks/accel_leak.py --steps 2000 --out docs/results/accel_leak.md

Every step takes another of a few hundred input sizes, more than the cache of
compiled operations holds, so that building, evicting and freeing are all
exercised. Resident memory is read after each block of steps; the last half must
not grow.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import paddleseg_lite  # noqa: E402

paddleseg_lite.setup("cpu", seed=0)

import paddle  # noqa: E402
import paddle.nn.functional as F  # noqa: E402

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite import accel  # noqa: E402
from paddleseg_lite.accel import primitive  # noqa: E402
from paddleseg_lite.models import build_model  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402


def resident_mib() -> float:
    """Memory this process holds, in MiB."""
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=2000)
    p.add_argument("--mode", default="bf16" if accel.has_bf16() else "fp32", choices=["auto", "fp32", "bf16"])
    p.add_argument("--allowed", type=float, default=16.0, help="MiB of growth allowed in the last half")
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    net = build_model({"type": "UNet", "base_channels": 8, "num_classes": 5})
    optimizer = paddle.optimizer.Momentum(1e-3, parameters=net.parameters())
    print(accel.enable(net, args.mode))
    sizes = [(16 + 4 * (i % 17), 16 + 4 * (i // 17 % 19)) for i in range(17 * 19)]
    rows, started = [], time.perf_counter()
    for step in range(1, args.steps + 1):
        height, width = sizes[step % len(sizes)]
        label = paddle.randint(0, 5, [2, height, width])
        F.cross_entropy(net(paddle.randn([2, 3, height, width]))["out"], label, axis=1).backward()
        optimizer.step()
        optimizer.clear_grad()
        if step % max(1, args.steps // 10) == 0:
            rows.append((step, resident_mib(), primitive.size()))
            print(f"step {step}: {rows[-1][1]:.0f} MiB, {rows[-1][2]} operations cached", flush=True)
    growth = rows[-1][1] - rows[len(rows) // 2 - 1][1]
    flat = growth <= args.allowed
    seconds = time.perf_counter() - started
    text = "\n\n".join(
        [
            "# Memory of an accelerated training",
            f"`python benchmarks/accel_leak.py --steps {args.steps}`: UNet, 8 channels, {args.mode}, {len(sizes)} input "
            f"sizes in turn, {seconds:.0f} s. Growth in the last half: {growth:+.1f} MiB "
            f"({'flat' if flat else 'NOT FLAT'}; {args.allowed:.0f} MiB are allowed).",
            markdown_table(
                ["step", "resident MiB", "operations cached"], [[str(s), f"{m:.0f}", str(n)] for s, m, n in rows]
            ),
        ]
    )
    publish(text, args.out)
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
