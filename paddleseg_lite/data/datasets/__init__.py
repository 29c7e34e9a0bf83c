"""Datasets by name; see :mod:`.base` for what a sample is."""

from .ade20k import ADE20K
from .base import SegDataset
from .camvid import CamVid
from .cityscapes import Cityscapes
from .context_bounds import bayes_optimal
from .context_scenes import ContextScenes
from .files import FileDataset
from .listfile import Dataset
from .pascal_context import PascalContext
from .scenes import Scenes
from .voc import PascalVOC

__all__ = [
    "ADE20K",
    "CamVid",
    "Cityscapes",
    "ContextScenes",
    "Dataset",
    "FileDataset",
    "PascalContext",
    "PascalVOC",
    "Scenes",
    "SegDataset",
    "bayes_optimal",
]
