"""Does an object's class hang on the node that holds the far mark which decides it?

``python benchmarks/counterfactual.py [--json FILE] NAME=RUN_FOLDER ...`` with runs trained on ContextScenes
(docs/results/counterfactual.md has the commands).

For 100 validation scenes and every object in them: the node that holds the object's own mark is switched off, its map
set to zero, and the scene is computed anew. Two readings of "holds" are reported, both fixed by the maps alone:

    most     the node to which most of the mark belongs (its share |P_k| / sum |P|, over the mark's cells)
    keenest  the node whose own map lies on the mark with the largest share (mark's cells / all cells of |P_k|)

beside every other node, one at a time, and all nodes at once: an object that keeps its class without any of them has not
hung on the unit, and no node can flip it. Counted are objects whose centre was named rightly before; a flip is the other
kind of object at the centre afterwards. The interval is a bootstrap over scenes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paddleseg_lite import runtime

SCENES = 100
KEYS = ("most", "keenest", "others", "all")


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("runs", nargs="+", metavar="NAME=FOLDER")
    p.add_argument("--scenes", type=int, default=SCENES)
    p.add_argument("--json", metavar="FILE", help="write the figures there, too")
    args = p.parse_args(argv)
    runtime.setup("cpu")
    from paddleseg_lite.inference.predictor import load

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

    spec = {
        k: v for k, v in loaded.config.val_dataset.items() if k not in ("type", "num_samples", "mode", "transforms")
    }
    data = ContextScenes(**{**spec, "num_samples": scenes, "mode": "val"})
    rows = [row for index in range(scenes) for row in objects(loaded, data, index)]
    right = [row for row in rows if row["right"]]
    columns = {key: np.array([row[key] for row in right], float) for key in KEYS}
    scene_of = np.array([row["scene"] for row in right])
    return {
        "kind": data.kind_of(0),
        "scenes": scenes,
        "objects": len(rows),
        "right_before": len(right),
        "of_those_that_can_most": float((columns["most"] * columns["all"]).sum() / max(columns["all"].sum(), 1)),
        "of_those_that_can_others": float((columns["others"] * columns["all"]).sum() / max(columns["all"].sum(), 1)),
        **{f"flips_{key}": summary(values, scene_of) for key, values in columns.items()},
        "right_class_lost_most": float(np.mean([row["drop_most"] for row in right])),
        "right_class_lost_keenest": float(np.mean([row["drop_keenest"] for row in right])),
        "right_class_lost_others": float(np.mean([row["drop_others"] for row in right])),
    }


def objects(loaded, data, index: int) -> list[dict]:
    """What becomes of each object of a scene without each node."""
    import numpy as np
    import paddle
    import paddle.nn.functional as F

    from paddleseg_lite.graph.introspect import explain_model
    from paddleseg_lite.studio import insides, reasoning

    layout, _ = data.layout(index)
    looked = insides.scene(loaded, data.read(index)["image"])
    held = explain_model(loaded.model, looked.batch)
    maps = np.abs((held.assignment if held.projection is None else held.projection)[0].numpy())  # [V, h, w]
    share = held.assignment[0].numpy()
    nodes = len(maps)
    with paddle.no_grad():
        plain = F.softmax(loaded.model(looked.batch)["out"], 1).numpy()[0]
        with reasoning.switched_off(loaded.model, [*([k] for k in range(nodes)), range(nodes)]):
            copies = looked.batch.tile([nodes + 1, 1, 1, 1])
            without = F.softmax(loaded.model(copies)["out"], 1).numpy()  # [V + 1, K, H, W], the last without all
    rows = []
    for box in layout.objects:
        mark = next(cue for cue in layout.cues if layout.kind == "prior" or cue.group == box.group)
        on_mark = cells(mark, layout.size[0] // maps.shape[1])
        most = int(share[(slice(None), *on_mark)].mean((1, 2)).argmax())
        keenest = int((maps[(slice(None), *on_mark)].sum((1, 2)) / maps.sum((1, 2)).clip(1e-12)).argmax())
        y, x = box.top + box.height // 2, box.left + box.width // 2
        other = 3 - box.value
        flips = without[:, :, y, x].argmax(1) == other  # [V + 1]
        drops = plain[box.value, y, x] - without[:, box.value, y, x]
        rest = [k for k in range(nodes) if k not in (most, keenest)]
        rows.append(
            {
                "scene": index,
                "right": int(plain[:, y, x].argmax()) == box.value,
                "most": flips[most],
                "keenest": flips[keenest],
                "others": flips[rest].mean(),
                "all": flips[nodes],
                "drop_most": drops[most],
                "drop_keenest": drops[keenest],
                "drop_others": drops[rest].mean(),
            }
        )
    return rows


def cells(box, stride: int) -> tuple[slice, slice]:
    """Rows and columns of the cells whose centre lies in a box."""
    rows = slice(-(-box.top // stride), (box.top + box.height - 1) // stride + 1)
    return rows, slice(-(-box.left // stride), (box.left + box.width - 1) // stride + 1)


def summary(values, scene_of) -> dict[str, float]:
    """Mean and 95 % interval over scenes."""
    import numpy as np

    scenes = np.unique(scene_of)
    sums = np.array([values[scene_of == s].sum() for s in scenes])
    counts = np.array([(scene_of == s).sum() for s in scenes])
    draws = np.random.default_rng(0).integers(0, len(scenes), [2000, len(scenes)])
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def line(name: str, found: dict) -> str:
    """A row of the table."""
    parts = [name, found["kind"], f"{found['right_before']} of {found['objects']}"]
    for key in KEYS:
        f = found[f"flips_{key}"]
        parts.append(f"{f['mean']:.3f} ({f['low']:.3f} to {f['high']:.3f})")
    parts.append(f"{found['right_class_lost_most']:+.3f} / {found['right_class_lost_keenest']:+.3f}")
    parts.append(f"{found['right_class_lost_others']:+.3f}")
    parts.append(f"{found['of_those_that_can_most']:.3f} / {found['of_those_that_can_others']:.3f}")
    return "| " + " | ".join(parts) + " |"


if __name__ == "__main__":
    main()
