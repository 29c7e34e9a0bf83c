"""What the fully connected CRF adds to a coarse network: ``docs/results/crf_camvid.md``.

    python benchmarks/crf_camvid.py --model_path output/deeplab_v1_camvid_half --dataset_root data/camvid

Scores a trained run (stride 8, such as configs/deeplab_v1/deeplab_v1_camvid_half.yml) on its
validation images without a CRF and with each of several parameter sets, all on the same
logits, at the labels' own size; and times the CRF. With ``--search`` the parameters are chosen
on N training images, so that the images scored stay unseen. ``--pictures DIR`` writes input, truth,
prediction and refined prediction of the images that gain and lose most.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite import runtime  # noqa: E402

SEARCH = {"bi_w": (2, 4), "bi_xy_std": (10, 20, 40), "bi_rgb_std": (5, 10), "pos_w": (3,), "pos_xy_std": (1, 3)}


def passes(loaded, dataset, crfs, limit):
    """Confusion matrices by name (``none``: without), seconds of each CRF, and the per-image matrices."""
    import numpy as np
    import paddle

    from paddleseg_lite.data import restore
    from paddleseg_lite.inference.logits import predict_logits
    from paddleseg_lite.inference.refine import refine
    from paddleseg_lite.metrics import ConfusionMatrix

    new = lambda: ConfusionMatrix(dataset.num_classes, ignore_index=dataset.ignore_index)  # noqa: E731
    totals, images = {n: new() for n in ("none", *crfs)}, {n: [] for n in ("none", *crfs)}
    seconds = {n: [] for n in crfs}
    count = min(len(dataset), limit or len(dataset))
    for index in np.linspace(0, len(dataset) - 1, count).astype(int).tolist():
        raw, sample = dataset.load(index), dataset.get(index)
        batch = paddle.to_tensor(np.ascontiguousarray(sample["image"].transpose(2, 0, 1))[None])
        logits = restore(predict_logits(loaded.model, batch, options=loaded.options), sample["meta"]["trans_info"])
        for name in totals:
            refined = logits
            if name != "none":
                started = time.perf_counter()
                refined = refine(crfs[name], logits, raw["image"])
                seconds[name].append(time.perf_counter() - started)
            one = new()
            one.update(refined.argmax(axis=1).numpy()[0], raw["label"])
            totals[name].merge(one)
            images[name].append(one.matrix)
    return totals, seconds, images


def draw(loaded, dataset, crf, images, name: str, folder: Path) -> None:
    """Input, truth, without and with the CRF: the four images that gain most, and the two that lose most."""
    import numpy as np

    from paddleseg_lite.data import colorize, write_png
    from paddleseg_lite.metrics import ConfusionMatrix
    from paddleseg_lite.visualize.overlays import panel

    score = lambda m: ConfusionMatrix.from_matrix(m).compute("nan").mIoU  # noqa: E731
    gains = [score(after) - score(before) for before, after in zip(images["none"], images[name])]
    order = np.argsort(gains)
    for index in [*order[-4:][::-1], *order[:2]]:
        raw, views = dataset.load(int(index)), []
        for loaded.crf in (None, crf):
            views.append(loaded.predict_index(dataset, int(index)))
        shown = [colorize(ids, dataset.palette, ignore_index=dataset.ignore_index) for ids in (raw["label"], *views)]
        picture = panel([raw["image"], *shown], height=raw["image"].shape[0])
        write_png(folder / f"{gains[index]:+.3f}_{index}.png", picture)


def search(loaded, dataset, limit):
    """The best of a small grid, by mIoU on images that are not scored afterwards."""
    from paddleseg_lite.postprocess import DenseCRF

    grid = [dict(zip(SEARCH, values)) for values in itertools.product(*SEARCH.values())]
    crfs = {str(i): DenseCRF(**parameters) for i, parameters in enumerate(grid)}
    totals, _, _ = passes(loaded, dataset, crfs, limit)
    best = max(crfs, key=lambda name: totals[name].compute("nan").mIoU)
    return grid[int(best)]


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model_path", required=True, help="run folder")
    p.add_argument("--dataset_root", help="CamVid folder; the run's own unless given")
    p.add_argument("--presets", nargs="+", default=["deeplab_v1", "deeplab_v1_largefov", "deeplab_v2_resnet101"])
    p.add_argument("--images", type=int, help="score only so many")
    p.add_argument("--search", type=int, metavar="N", help="also choose parameters on N training images")
    p.add_argument("--pictures", metavar="DIR", help="write pictures of the best parameters here")
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settled = runtime.setup()

    import numpy as np

    from paddleseg_lite.config import load_config
    from paddleseg_lite.data.building import build_dataset
    from paddleseg_lite.inference.predictor import find_config, load
    from paddleseg_lite.metrics import difference_interval
    from paddleseg_lite.postprocess import DenseCRF
    from paddleseg_lite.reports import markdown_table

    root = {"val_dataset.dataset_root": args.dataset_root} if args.dataset_root else {}
    loaded = load(args.model_path, config=load_config(find_config(args.model_path), overrides=root))
    crfs = {name: DenseCRF.preset(name) for name in args.presets}
    val_spec = loaded.config.val_dataset
    if args.search:
        tuning = {
            **loaded.config.train_dataset,
            "dataset_root": val_spec["dataset_root"],
            "transforms": val_spec["transforms"],
        }
        tuning.pop("mode", None)
        tuning_set = build_dataset(tuning, mode="train")
        tuning_set.mode = "val"  # its transforms are those of validation: they change the image only
        found = search(loaded, tuning_set, args.search)
        crfs["searched: " + ", ".join(f"{k} {v}" for k, v in found.items())] = DenseCRF(**found)
    dataset = build_dataset(val_spec, mode="val")
    totals, seconds, images = passes(loaded, dataset, crfs, args.images)
    base = totals["none"].compute("nan").mIoU
    rows = [["none", f"{base:.4f}", "", "", ""]]
    for name in crfs:
        interval = difference_interval(images["none"], images[name], convention="nan")
        score = totals[name].compute("nan").mIoU
        rows.append(
            [
                name,
                f"{score:.4f}",
                f"{score - base:+.4f}",
                f"{interval.low:+.4f} .. {interval.high:+.4f}",
                f"{np.median(seconds[name]):.2f}",
            ]
        )
    if args.pictures:
        best = max(crfs, key=lambda name: totals[name].compute("nan").mIoU)
        draw(loaded, dataset, crfs[best], images, best, Path(args.pictures))
    height, width = dataset.load(0)["image"].shape[:2]
    text = (
        "\n\n".join(
            [
                "# The CRF on CamVid",
                f"`python benchmarks/crf_camvid.py` on {Path(args.model_path).name} ({loaded.config.model['type']}): "
                f"{len(images['none'])} validation images at {width}x{height}, {settled.threads} threads; the same logits in "
                "every row. The interval is the bootstrap over images of the paired difference (95 %); it says nothing about "
                "other training runs. Presets are the published parameters, made for PASCAL VOC.",
                markdown_table(["CRF", "mIoU", "difference", "95 % interval", "s/image (median)"], rows),
            ]
        )
        + "\n"
    )
    publish(text, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
