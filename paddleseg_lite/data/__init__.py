"""Data: from files to batches.

    io          read_image, read_label, image_size, write_png
    palette     colours for ids
    labels      stored ids to class ids, checked
    datasets    Dataset (list files), PascalVOC, PascalContext, ADE20K, Cityscapes, CamVid, Scenes
    transforms  PaddleSeg's names and arguments; sizes are (width, height)
    sampler     which samples make up iteration i
    loader      train_batches, eval_batches
    cache       decoded samples kept for the next epoch
    census      label statistics and class weights
    weights     UNet's border weights

A dataset of your own is a class with ``__len__``, ``read`` and ``raw_label`` (see
``datasets/base.py``), registered by ``@paddleseg_lite.registry.DATASETS.register``;
a transform is a callable ``(sample, rng) -> sample``, registered in ``TRANSFORMS``.

May import: config, files, registry, runtime, errors.
A new dataset or transform is a file in ``datasets`` or ``transforms``, and its import line there.
"""

from . import datasets, transforms
from .border_weights import unet_border_weight
from .cache import DecodedCache
from .census import Census, take_census
from .datasets import ADE20K, CamVid, Cityscapes, Dataset, FileDataset, PascalContext, PascalVOC, Scenes, SegDataset
from .io import image_size, read_image, read_label, write_png
from .label_map import LabelMap
from .loader import eval_batches, train_batches
from .palette import blend, colorize, parse_palette, stuff_palette, voc_palette
from .sampler import BatchSampler, sample_rng
from .transforms import Compose, restore

BatchSchedule = BatchSampler  # its former name

__all__ = [
    "ADE20K",
    "BatchSampler",
    "BatchSchedule",
    "CamVid",
    "Census",
    "Cityscapes",
    "Compose",
    "Dataset",
    "DecodedCache",
    "FileDataset",
    "LabelMap",
    "PascalContext",
    "PascalVOC",
    "Scenes",
    "SegDataset",
    "blend",
    "colorize",
    "datasets",
    "eval_batches",
    "image_size",
    "parse_palette",
    "read_image",
    "read_label",
    "restore",
    "sample_rng",
    "stuff_palette",
    "take_census",
    "train_batches",
    "transforms",
    "unet_border_weight",
    "voc_palette",
    "write_png",
]
