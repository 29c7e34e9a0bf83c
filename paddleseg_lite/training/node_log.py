"""VisualDL pages for networks with a graph unit: what its nodes look at while they learn."""

from __future__ import annotations

import logging

import numpy as np
import paddle

from ..errors import ConfigError
from ..graph import introspect
from ..visualize.node_maps import render
from ..visualize.overlays import rgb
from .callbacks import Callback, VisualDLLog

logger = logging.getLogger("paddleseg_lite")


class NodeLog(Callback):
    """After each validation: the maps of the nodes and their adjacency on fixed samples, and usage entropies.

    Does nothing for a network without nodes. A collapse is told in the log once it
    appears, not at every validation.

    Args:
        vdl: whose board is used; it stands before this one in the list of callbacks.
        num_samples: validation pictures shown.
    """

    record = "vdl/"

    def __init__(self, vdl: VisualDLLog, num_samples: int = 1):
        self.vdl, self.num_samples, self.has_nodes, self.told = vdl, num_samples, False, False

    def on_start(self, trainer):
        try:
            introspect.find_unit(trainer.model)
            self.has_nodes = trainer.val_dataset is not None
        except ConfigError:
            self.has_nodes = False

    def on_eval(self, trainer, evaluation, is_best):
        if not self.has_nodes:
            return
        step, dataset, entropies, warnings = trainer.state.iteration, trainer.val_dataset, [], []
        chosen = np.linspace(0, len(dataset) - 1, min(self.num_samples, len(dataset))).astype(int)
        for i, index in enumerate(chosen.tolist()):
            image = dataset.get(index)["image"]
            batch = paddle.to_tensor(np.ascontiguousarray(image.transpose(2, 0, 1))[None])
            explanation = introspect.explain_model(trainer.model, batch)
            found = introspect.report(explanation)
            entropies.append([graph["usage_entropy"] for graph in found["graphs"]])
            warnings += found["warnings"]
            shown = render(explanation, rgb(dataset.load(index)["image"]))
            for name, picture in shown.items():
                self.vdl.board.add_image(f"nodes/sample_{i} {name}", picture, step)
        for graph, value in enumerate(np.mean(entropies, axis=0)):
            tag = "usage_entropy" if len(entropies[0]) == 1 else f"usage_entropy_{graph + 1}"
            self.vdl.board.add_scalar(f"nodes/{tag}", float(value), step)
        if warnings and not self.told:
            logger.warning("iter %d: %s", step, " ".join(dict.fromkeys(warnings)))
        self.told = bool(warnings)

    def complete(self):
        return self.vdl.complete()
