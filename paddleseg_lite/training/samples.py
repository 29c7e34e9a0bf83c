"""Pictures of fixed validation samples, to see a network learn."""

from __future__ import annotations

import numpy as np
import paddle

from ..data import colorize
from ..inference.logits import predict_labels
from ..inference.options import InferenceOptions
from ..visualize.overlays import IGNORED, panel, rgb


def sample_panels(model, dataset, count: int, *, options: InferenceOptions) -> list[np.ndarray]:
    """Up to ``count`` samples, evenly spread over the dataset, as RGB panels: input, label, prediction."""
    panels = []
    model.eval()
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int):
        raw, sample = dataset.load(int(index)), dataset.get(int(index), None)
        image = paddle.to_tensor(np.ascontiguousarray(sample["image"].transpose(2, 0, 1))[None])
        labels = predict_labels(model, image, options=options, trans_info=sample["meta"]["trans_info"])[0]
        colors = [
            colorize(ids, dataset.palette, ignore_index=dataset.ignore_index, ignore_colour=IGNORED)
            for ids in (raw["label"], labels)
        ]
        panels.append(panel([rgb(raw["image"]), *colors]))
    model.train()
    return panels
