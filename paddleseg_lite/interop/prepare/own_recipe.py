"""From a folder of data to lists and a recipe in a run folder: what ``train --data`` does before it trains."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ...data import image_size, take_census
from ...data.building import build_dataset
from ...data.datasets.base import SegDataset
from ...files import write_text
from .finish import SAMPLES, Plan, plan
from .job import Job, listed, run_job
from .layouts import Layout, recognise
from .recipe import Facts, choose

logger = logging.getLogger("paddleseg_lite")

COUNTED = 200  # labels of a published dataset that are counted for the shares of its classes


def plan_for(data: Path, into: Path, *, seed: int = 0, gpu: bool = False) -> Plan:
    """Recognise a folder, make labels and lists where they are needed, and choose a recipe.

    Args:
        data: the folder; nothing in it is changed.
        into: folder for labels and lists.
        seed: of the deal into training and validation.
        gpu: whether the recipe is for one.

    Raises:
        DataError: no known layout, or no annotation that can be used.
    """
    layout = recognise(data)
    logger.info("%s: %s", data, layout)
    if layout.job is None:
        return published_plan(layout, gpu=gpu)
    job = layout.job
    job.origin = job.origin or str(data)
    leave_pictures(job, into)
    outcome = run_job(job, into, preview=into / "preview.png")
    for line in listed(outcome.problems, len(job.items) + len(job.problems)):
        logger.warning("%s", line.strip())
    made = plan(job, outcome, into, seed=seed, gpu=gpu, dataset=layout.dataset)
    for note in [*job.notes, *outcome.tally.text(job.unit).splitlines(), *made.notes]:
        logger.info("%s", note.strip())
    for name, text in made.lists.items():
        write_text(into / name, text)
    write_text(into / "labels.txt", "".join(f"{name}\n" for name in made.facts.class_names))
    return made


def leave_pictures(job: Job, into: Path) -> None:
    """Pictures stay where they are: lists name them there, and labels in ``into`` where they are made."""
    for item in job.items:
        item.copy = None
        if item.pair is None and item.image is not None and item.target is not None:
            item.pair = item.image.absolute(), item.target
    job.files = {}


def published_plan(layout: Layout, *, gpu: bool) -> Plan:
    """The plan for a published dataset, read as it is."""
    datasets = {part: build_dataset(spec, mode=part) for part, spec in layout.specs.items()}
    train = datasets["train"]
    height, width = np.median(sizes(train), axis=0).astype(int).tolist()
    facts = Facts(
        train=len(train),
        val=len(datasets.get("val", ())),
        class_names=train.class_names,
        shares=take_census(train, COUNTED).share,
        height=height,
        width=width,
        gpu=gpu,
    )
    return Plan({}, facts, choose(facts), layout.specs, [])


def sizes(dataset: SegDataset) -> list[tuple[int, int]]:
    """(H, W) of some pictures."""
    some = np.unique(np.linspace(0, len(dataset) - 1, SAMPLES).round().astype(int))
    return [image_size(dataset.describe(int(i))["path"]) for i in some]
