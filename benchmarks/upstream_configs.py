"""Which of PaddleSeg's own YAML files load and build here: ``docs/results/upstream_configs.md``.

    python benchmarks/upstream_configs.py --folder PaddleSeg

DIR is a checkout of PaddleSeg or a part of it; every ``*.yml`` below it that has a
model (after merging ``_base_``) is read as ``tools/train.py --config`` reads it. A file
counts as built when network, losses, optimizer and schedule could be made, without
weights and data, and the network's outputs in training are those the losses want.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import paddle  # noqa: E402

from paddleseg_lite import __version__  # noqa: E402
from paddleseg_lite.config import load_config  # noqa: E402
from paddleseg_lite.config.reading import read_tree  # noqa: E402
from paddleseg_lite.errors import UserError  # noqa: E402
from paddleseg_lite.interop.paddleseg_config import NETWORKS  # noqa: E402
from paddleseg_lite.losses import build_criterion  # noqa: E402
from paddleseg_lite.models import build_model  # noqa: E402
from paddleseg_lite.optim.optimizers import build_optimizer  # noqa: E402
from paddleseg_lite.registry import DATASETS  # noqa: E402

_built: dict[str, tuple] = {}


def build(config):
    """Build everything but data and weights; the number of trainable values."""
    spec = {k: v for k, v in config.model.items() if k != "pretrained"}
    data = config.train_dataset or config.val_dataset
    classes = spec.get("num_classes") or data.get("num_classes") or len(DATASETS.get(data["type"]).fixed_names)
    key = json.dumps([spec, classes], sort_keys=True)
    if key not in _built:  # many files share a network
        network = build_model(spec, num_classes=classes)
        network.train()
        with paddle.no_grad():
            outputs = network(paddle.zeros([2, network.in_channels, 64, 64]))
        count = sum(int(p.size) for p in network.parameters() if not p.stop_gradient)
        _built.clear()
        _built[key] = network, outputs, count
    network, outputs, count = _built[key]
    build_criterion(config.loss, num_classes=classes).check_outputs(outputs)
    build_optimizer(config.optimizer, network, config.lr_scheduler, iters=config.iters)
    return classes, count


def first_reason(error, folder):
    """One line of an error: its first listed key, without folders, and how many more there are."""
    lines = [line.strip() for line in str(error).splitlines() if line.startswith("  ")] or [str(error).splitlines()[0]]
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    text = lines[0].split(".yml: ", 1)[-1].replace(f"{folder}/", "")
    return (text if len(text) < 200 else text[:197] + "...") + more


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, help="checkout of PaddleSeg, or its configs folder")
    parser.add_argument("--output", default=str(ROOT / "docs" / "results" / "upstream_configs.md"))
    args = parser.parse_args()
    folder, rows = Path(args.folder), []
    specs = []
    for path in sorted(folder.rglob("*.yml")):
        name = path.relative_to(folder).as_posix()
        try:
            tree, _ = read_tree(path)
        except UserError as e:
            rows.append((name, "?", "no", first_reason(e, folder)))
            continue
        if "model" in tree:
            specs.append((json.dumps(tree["model"], sort_keys=True), name, path, tree["model"].get("type", "?")))
    for _, name, path, kind in sorted(specs):  # files of one network one after the other
        try:
            classes, count = build(load_config(path))
            rows.append((name, kind, "yes", f"K = {classes}, {count:,} trainable values"))
        except UserError as e:
            rows.append((name, kind, "no", first_reason(e, folder)))
        print(*rows[-1], sep=" | ", flush=True)
    write(rows, Path(args.output))


def write(rows, output):
    """The page: totals, then files that build, then the others with their reasons."""
    total = Counter((kind in NETWORKS, verdict) for _, kind, verdict, _ in rows)
    lines = [
        "# PaddleSeg's configs, unchanged",
        "",
        f"Made by `benchmarks/upstream_configs.py` (paddleseg_lite {__version__}, Paddle {paddle.__version__}). "
        f"{total[True, 'yes']} files of the networks that both have load and build; {total[True, 'no']} do not, and "
        f"{total[False, 'no']} are of other networks or unreadable. Each of those ends with one error that lists "
        "every key by file; its first line is shown.",
    ]
    for verdict, title in (("yes", "Load and build"), ("no", "Do not")):
        lines += ["", f"## {title}", "", "| file | network | |", "| --- | --- | --- |"]
        lines += [f"| {n} | {k} | {t.replace('|', '/')} |" for n, k, v, t in sorted(rows) if v == verdict]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(dict(total), output)


if __name__ == "__main__":
    main()
