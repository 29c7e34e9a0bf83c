"""Checkpoints: folders that are whole or absent, which of them stay, the state of an optimizer by name.

May import: weights, files, errors.
A new file of a checkpoint is written and read in ``folder`` and listed in ``manifest``.
"""

from .folder import Checkpoint, load_checkpoint, save_checkpoint
from .optimizer_state import restore_optimizer
from .retention import BEST, iteration_of, latest_first, list_checkpoints, newest_good, prune, set_aside_later
from .storage import recover, remove_folder

__all__ = [
    "BEST",
    "Checkpoint",
    "iteration_of",
    "latest_first",
    "list_checkpoints",
    "load_checkpoint",
    "newest_good",
    "prune",
    "recover",
    "remove_folder",
    "restore_optimizer",
    "save_checkpoint",
    "set_aside_later",
]
