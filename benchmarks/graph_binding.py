"""Does a trained unit assign an object and the mark of its own region to the same nodes?

``python benchmarks/graph_binding.py RUN_FOLDER ...`` with runs trained on ContextScenes ``semantic_hard`` (keep them:
``tools/ablate.py --keep_weights``, or ``tools/train.py``).

For 100 validation scenes of two regions: a is the assignment vector (over the
nodes) averaged over the cells of an object or mark. Printed is the share of
objects whose a is closer (cosine; the signed map where there is one) to that of their own
region's mark than to the other region's. 0.5 means: the nodes do not tell whose mark it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paddleseg_lite import runtime

SCENES = 100


def main(folders: list[str]) -> None:
    runtime.setup("cpu")
    from paddleseg_lite.data.datasets.context_scenes import ContextScenes
    from paddleseg_lite.inference.predictor import load

    data = ContextScenes(kind="semantic_hard", num_samples=SCENES, difficulty=0.0, mode="val")
    for folder in folders:
        loaded = load(folder)
        own, objects, weight = 0, 0, []
        for index in range(SCENES):
            layout, _ = data.layout(index)
            maps, groups = assignment(loaded, data.read(index)["image"])
            stride = layout.size[0] // maps.shape[1]
            cues = [mean_over(maps, cue, stride) for cue in layout.cues]
            for box in layout.objects:
                a = mean_over(maps, box, stride)
                mine, other = (cosine(a, cues[g]) for g in (box.group, 1 - box.group))
                own, objects = own + (mine > other), objects + 1
                weight.append(mine - other)
        print(
            f"{folder}: nodes in {groups}: {own / objects:.3f} of {objects} objects are closer to their own mark "
            f"(mean difference of cosines {sum(weight) / objects:+.3f})",
            flush=True,
        )


def assignment(loaded, image):
    """``[V, H, W]`` of one picture, and the node counts of the graphs."""
    import numpy as np
    import paddle

    from paddleseg_lite.graph.introspect import explain_model

    x = loaded.transforms({"image": image, "meta": {"trans_info": []}}, np.random.default_rng(0))["image"]
    x = paddle.to_tensor(np.ascontiguousarray(x.transpose(2, 0, 1))[None])
    e = explain_model(loaded.model, x)
    found = e.assignment if e.projection is None else e.projection
    return found[0].numpy(), e.groups


def mean_over(maps, box, stride: int):
    """Mean of ``[V, H, W]`` over the cells whose centre lies in a box."""
    rows = slice(-(-box.top // stride), (box.top + box.height - 1) // stride + 1)
    columns = slice(-(-box.left // stride), (box.left + box.width - 1) // stride + 1)
    return maps[:, rows, columns].mean((1, 2))


def cosine(a, b) -> float:
    return float((a * b).sum() / max(((a * a).sum() * (b * b).sum()) ** 0.5, 1e-12))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
