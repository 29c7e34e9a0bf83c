"""``tools/infer.py --explain``: what the nodes of a graph unit look at, picture by picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from ...data import write_png
from ...files import write_json
from ...graph import introspect
from ...inference.loaded import Loaded
from ...inference.options import InferenceOptions
from ...inference.plan import make_plan
from ...inference.reduced import as_batch, fit
from ...visualize.node_maps import render
from ...visualize.overlays import rgb

logger = logging.getLogger("paddleseg_lite")

EXPLAINED = ("nodes.png", "owner.png", "adjacency.png", "explain.json")
REDUCED_SIDE = 1024  # of pictures that the network cannot take as a whole


class Explainer:
    """Writes ``nodes.png``, ``owner.png``, ``adjacency.png`` and ``explain.json`` for pictures.

    Args:
        loaded: its network (not a faster backend) is what is explained.

    Raises:
        ConfigError: the network has no unit with nodes.
    """

    def __init__(self, loaded: Loaded):
        self.loaded, self.unit = loaded, introspect.find_unit(loaded.model)
        self.images, self.collapsed = 0, 0
        self.entropies: list[list[float]] = []

    def write(self, image: np.ndarray, folder: Path) -> dict[str, Any]:
        """Explain one picture, uint8 ``[H, W, C]`` as read; returns what ``explain.json`` holds."""
        network_input, note = self._input(image)
        explanation = introspect.explain_model(self.loaded.model, network_input)
        found = introspect.report(explanation)
        adjacency = explanation.adjacency
        matrix = (adjacency[0] if adjacency.ndim == 3 else adjacency).numpy()
        content = {
            "unit": type(self.unit).__name__,
            "map_size": list(explanation.assignment.shape[2:]),
            **note,
            **found,
            "adjacency": np.round(matrix.astype(float), 6).tolist(),
        }
        for name, picture in render(explanation, fit(rgb(image), REDUCED_SIDE)).items():
            write_png(folder / f"{name}.png", picture)
        write_json(folder / "explain.json", content)
        self.images += 1
        self.entropies.append([graph["usage_entropy"] for graph in found["graphs"]])
        for warning in found["warnings"]:
            logger.warning("%s: %s", folder.name, warning)
        self.collapsed += bool(found["warnings"])
        return content

    def close(self, folder: Path) -> None:
        """``summary.json``, and one line for all pictures."""
        if not self.images:
            return
        mean = np.mean(self.entropies, axis=0).tolist()
        write_json(
            folder / "summary.json",
            {
                "unit": type(self.unit).__name__,
                "images": self.images,
                "collapsed_images": self.collapsed,
                "mean_usage_entropy": mean,
            },
        )
        logger.info(
            "explained %d images: usage entropy of the nodes %s -> %s",
            self.images,
            ", ".join(f"{value:.2f}" for value in mean),
            folder,
        )
        if self.collapsed:
            logger.warning(
                "nodes collapse in %d of %d images: fewer nodes may do as well, or try init: kmeans",
                self.collapsed,
                self.images,
            )

    def _input(self, image: np.ndarray) -> tuple[paddle.Tensor, dict[str, Any]]:
        """The picture as the network takes it; smaller where it would not fit in memory as a whole."""
        height, width, channels = image.shape
        plan = make_plan(self.loaded.model, (1, channels, height, width), InferenceOptions(is_slide=None))
        if plan.window is None:
            return as_batch(self.loaded.sample(image)[0]), {}
        small = fit(image, REDUCED_SIDE)
        logger.info("explained at %d x %d: the whole does not fit in memory", small.shape[1], small.shape[0])
        return as_batch(self.loaded.sample(small)[0]), {"reduced_to": list(small.shape[:2])}
