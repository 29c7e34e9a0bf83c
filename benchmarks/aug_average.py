"""Averaging over scales and flips: of logits, as PaddleSeg does, or of probabilities? mIoU of a run both ways.

    python benchmarks/aug_average.py output/RUN --dataset_root data/camvid

Prints the rows of the table in docs/migration.md: for flips, scales and both the mIoU of each average, and the
difference (probabilities less logits) with its 95 % interval over pictures.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import paddleseg_lite  # noqa: E402

SCALES = (0.75, 1.0, 1.25)
ASKED = {
    "flip": {"flip_horizontal": True},
    "scales 0.75, 1, 1.25": {"scales": SCALES},
    "scales and flip": {"scales": SCALES, "flip_horizontal": True},
}


def of_probabilities(backend, options):
    """``[N, C, H, W]`` -> the logarithm of the probabilities averaged as ``options`` ask for."""
    import paddle
    import paddle.nn.functional as F

    from paddleseg_lite.inference.logits import flips, one_pass
    from paddleseg_lite.layers import resize

    infer = one_pass(backend)

    def averaged(x):
        size, found = x.shape[2:], []
        for scale in options.scales:
            scaled = resize(x, [int(side * scale + 0.5) for side in size])
            for axes in flips(options):
                logits = infer(paddle.flip(scaled, axes) if axes else scaled)
                found.append(F.softmax(resize(paddle.flip(logits, axes) if axes else logits, size), axis=1))
        return paddle.log(paddle.clip(sum(found) / len(found), min=1e-12))

    return averaged


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", help="run folder")
    p.add_argument("--dataset_root", help="folder of the data")
    p.add_argument("--threads", type=int, help="CPU threads")
    args = p.parse_args()
    paddleseg_lite.setup(threads=args.threads)

    from paddleseg_lite.config import load_config
    from paddleseg_lite.data.building import build_scored
    from paddleseg_lite.inference.evaluation import evaluate
    from paddleseg_lite.inference.options import InferenceOptions
    from paddleseg_lite.inference.predictor import find_config, load
    from paddleseg_lite.metrics import difference_interval
    from paddleseg_lite.reports import markdown_table

    loaded = load(args.run, config=load_config(find_config(args.run), dataset_root=args.dataset_root))
    dataset, start = build_scored(loaded.config.val_dataset, mode="val"), time.perf_counter()
    print(f"{args.run}: mIoU {evaluate(loaded.backend, dataset).scores.mIoU:.4f} without averaging", flush=True)
    rows = []
    for name, asked in ASKED.items():
        options = InferenceOptions(aug_eval=True, **asked)
        first = evaluate(loaded.backend, dataset, options=options, keep_images=True)
        second = evaluate(of_probabilities(loaded.backend, options), dataset, keep_images=True)
        gain = difference_interval([r.matrix for r in first.per_image], [r.matrix for r in second.per_image])
        interval = f"{100 * gain.value:+.2f} ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"
        rows.append([name, f"{first.scores.mIoU:.4f}", f"{second.scores.mIoU:.4f}", interval])
        print(*rows[-1], f"{time.perf_counter() - start:.0f} s", sep=" | ", flush=True)
    print(markdown_table(["averaged over", "mIoU, logits", "mIoU, probabilities", "difference in points"], rows))


if __name__ == "__main__":
    main()
