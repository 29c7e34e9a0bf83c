"""Does an object's class hang on the node that holds the far mark which decides it?

``python benchmarks/counterfactual.py [--json FILE] NAME=RUN_FOLDER ...`` with runs trained on ContextScenes
(docs/results/counterfactual.md has the commands).

For 100 validation scenes and every object in them nodes are switched off, their maps set to zero, and the scene is
computed anew. Counted are objects that were named rightly and *hang on the unit*: without all its nodes they are the
other kind of object. A flip is the other kind at the object's centre afterwards. Off is, one at a time,

    holder   the node that holds mark and object together: the product of the shares of its own map, |P_k| over all
             cells, that lie on the one and on the other is the largest
    other    every other node; their mean is what a node drawn at random does
    keenest  the node whose own map lies on the mark with the largest share, whatever it is at the object
    most     the node to which most of the mark belongs (|P_k| / sum |P|, over the mark's cells)
    any      the node whose loss harms the object most: as far as any choice of one node can go
    upper    the half of the nodes that is keenest on the mark
    lower    the other half, as many nodes

All but ``any`` are fixed by the maps alone, before anything is computed anew. Intervals are bootstraps over scenes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paddleseg_lite import runtime

SCENES, DRAWS = 100, 2000
KEYS = ("holder", "other", "keenest", "most", "any", "upper", "lower")
GAPS = (("holder", "other"), ("upper", "lower"))


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("runs", nargs="+", metavar="NAME=FOLDER")
    p.add_argument("--scenes", type=int, default=SCENES)
    p.add_argument("--json", metavar="FILE", help="write the figures there, too")
    args = p.parse_args(argv)
    runtime.setup("cpu")
    from paddleseg_lite.inference.predictor import load

    print("| network | right | hang |", " | ".join([*KEYS, *(f"{a} - {b}" for a, b in GAPS)]), "|")
    print("|" + "---|" * (3 + len(KEYS) + len(GAPS)))
    found = {}
    for named in args.runs:
        name, _, folder = named.partition("=")
        found[name] = measure(load(folder), args.scenes)
        print(line(name, found[name]), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


def measure(loaded, scenes: int) -> dict:
    """Figures of one network over validation scenes of the kind it was trained on."""
    import numpy as np

    from paddleseg_lite.data.datasets.context_scenes import ContextScenes

    own = ("type", "num_samples", "mode", "transforms")
    spec = {k: v for k, v in loaded.config.val_dataset.items() if k not in own}
    data = ContextScenes(**{**spec, "num_samples": scenes, "mode": "val"})
    rows = [row for index in range(scenes) for row in objects(loaded, data, index)]
    right = [row for row in rows if row["right"]]
    hanging = [row for row in right if row["all"]]
    scene_of = np.array([row["scene"] for row in hanging])
    columns = {key: np.array([row[key] for row in hanging], float) for key in KEYS}
    gaps = {f"{a} - {b}": columns[a] - columns[b] for a, b in GAPS}
    return {
        "kind": data.kind_of(0),
        "scenes": scenes,
        "objects": len(rows),
        "right": len(right),
        "hanging": len(hanging),
        **{key: summary(values, scene_of) for key, values in {**columns, **gaps}.items()},
    }


def objects(loaded, data, index: int) -> list[dict]:
    """What becomes of each object of a scene without one node, each half, and all nodes."""
    import numpy as np

    layout, _ = data.layout(index)
    looked, maps, share = held(loaded, data.read(index)["image"])
    nodes, stride = len(maps), layout.size[0] // maps.shape[1]
    keen = maps / maps.sum((1, 2), keepdims=True).clip(1e-12)
    marks = [next(c for c in layout.cues if layout.kind == "prior" or c.group == b.group) for b in layout.objects]
    on_marks = [keen[(slice(None), *cells(mark, stride))].sum((1, 2)) for mark in marks]  # [V] each
    halves = [np.argsort(-on_mark)[: nodes // 2].tolist() for on_mark in on_marks]
    halves += [np.argsort(-on_mark)[nodes // 2 :].tolist() for on_mark in on_marks]
    plain, without = computed(loaded, looked, [*([k] for k in range(nodes)), range(nodes), *halves])
    rows = []
    for i, (box, mark, on_mark) in enumerate(zip(layout.objects, marks, on_marks)):
        y, x, other = box.top + box.height // 2, box.left + box.width // 2, 3 - box.value
        flips = without[:, :, y, x].argmax(1) == other
        holder = int((on_mark * keen[(slice(None), *cells(box, stride))].sum((1, 2))).argmax())
        most = int(share[(slice(None), *cells(mark, stride))].mean((1, 2)).argmax())
        rows.append(
            {
                "scene": index,
                "right": int(plain[:, y, x].argmax()) == box.value,
                "all": bool(flips[nodes]),
                "holder": flips[holder],
                "other": np.delete(flips[:nodes], holder).mean(),
                "keenest": flips[int(on_mark.argmax())],
                "most": flips[most],
                "any": flips[:nodes].any(),
                "upper": flips[nodes + 1 + i],
                "lower": flips[nodes + 1 + len(marks) + i],
            }
        )
    return rows


def held(loaded, image):
    """A scene ready for the network, and how its unit holds it: |maps| and shares, ``[V, h, w]``."""
    import numpy as np

    from paddleseg_lite.graph.introspect import explain_model
    from paddleseg_lite.studio import insides

    looked = insides.scene(loaded, image)
    found = explain_model(loaded.model, looked.batch)
    maps = found.assignment if found.projection is None else found.projection
    return looked, np.abs(maps[0].numpy()), found.assignment[0].numpy()


def computed(loaded, looked, off):
    """Probabilities ``[K, H, W]`` as they are, and ``[len(off), K, H, W]`` without each of these sets of nodes."""
    import paddle
    import paddle.nn.functional as F

    from paddleseg_lite.studio import reasoning

    with paddle.no_grad():
        plain = F.softmax(loaded.model(looked.batch)["out"], 1).numpy()[0]
        with reasoning.switched_off(loaded.model, off):
            copies = looked.batch.tile([len(off), 1, 1, 1])
            return plain, F.softmax(loaded.model(copies)["out"], 1).numpy()


def cells(box, stride: int) -> tuple[slice, slice]:
    """Rows and columns of the cells whose centre lies in a box."""
    rows = slice(-(-box.top // stride), (box.top + box.height - 1) // stride + 1)
    return rows, slice(-(-box.left // stride), (box.left + box.width - 1) // stride + 1)


def summary(values, scene_of) -> dict[str, float]:
    """Mean and 95 % interval over scenes."""
    import numpy as np

    if not len(values):
        return {"mean": float("nan"), "low": float("nan"), "high": float("nan")}
    scenes = np.unique(scene_of)
    sums = np.array([values[scene_of == s].sum() for s in scenes])
    counts = np.array([(scene_of == s).sum() for s in scenes])
    draws = np.random.default_rng(0).integers(0, len(scenes), [DRAWS, len(scenes)])
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def line(name: str, found: dict) -> str:
    """A row of the table: means, and the two differences with their intervals."""
    parts = [name, f"{found['right']} of {found['objects']}", str(found["hanging"])]
    parts += [f"{found[key]['mean']:.2f}" for key in KEYS]
    for a, b in GAPS:
        f = found[f"{a} - {b}"]
        parts.append(f"{f['mean']:+.2f} ({f['low']:+.2f} to {f['high']:+.2f})")
    return "| " + " | ".join(parts) + " |"


if __name__ == "__main__":
    main()
