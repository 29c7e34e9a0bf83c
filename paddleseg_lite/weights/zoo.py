"""Published weights by name: ``torchvision/deeplabv3_resnet50``, ``paddleseg/pspnet_resnet50_cityscapes``.

Nothing is shipped here but where they are, what they hold and what their publishers say
of them. A file is brought at its first use, checked, and kept in the cache; or taken from
the folder (or the address) that ``PADDLESEG_LITE_WEIGHTS`` names.

torchvision's file names carry the first digits of their SHA-256. PaddleSeg gives no
checksum: its first download is recorded and checked from then on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import CheckpointError, nearest
from ..files import cache_folder, expanded, write_text
from .fetch import fetch
from .published import ENTRIES

VARIABLE = "PADDLESEG_LITE_WEIGHTS"


@dataclass(frozen=True)
class Entry:
    """One published file.

    Attributes:
        name: ``publisher/network``.
        address: where the publisher has it.
        file: its name in the cache and in a mirror.
        licence: of the weights, as the publisher says.
        score: as published, with what it was measured on.
        parameters: as published, trainable; ``None`` where the publisher does not say.
        model: the network, as a recipe has it; ``None`` for a backbone alone (``pretrained:``).
        data: ``{type, ...}`` of the dataset that gives classes, palette and ids.
        transforms: what is done to a picture before the network sees it.
    """

    name: str
    address: str
    file: str
    licence: str
    score: str
    parameters: int | None = None
    model: dict[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    transforms: list[dict[str, Any]] = field(default_factory=list)

    @property
    def purpose(self) -> str:
        """What it may be named for."""
        return "--model_path" if self.model else "pretrained:"


ZOO = {name: Entry(name=name, **facts) for name, facts in ENTRIES.items()}


def is_published(name: Any) -> bool:
    """Whether a text names published weights: known, or at least with the publisher's name in front."""
    return isinstance(name, str) and name.partition("/")[0] in {known.partition("/")[0] for known in ZOO}


def find(name: str) -> Entry:
    """The entry of that name.

    Raises:
        CheckpointError: there is none; the message has the nearest.
    """
    if name not in ZOO:
        raise CheckpointError(
            f"'{name}' names no published weights.{nearest(name, ZOO)} tools/weights.py list shows all of them."
        )
    return ZOO[name]


def get(name: str) -> Path:
    """The file of an entry, brought where it is not here yet.

    Raises:
        CheckpointError: unknown name, wrong checksum, cut off.
        EnvironmentProblem: no connection; the message says which file to put where.
    """
    entry = find(name)
    mirror = os.environ.get(VARIABLE, "")
    if mirror and not mirror.startswith(("http://", "https://")):
        path = expanded(mirror) / entry.file
        if not path.is_file():
            raise CheckpointError(
                f"{name}: {path} is not there ({VARIABLE} names that folder): bring it from {entry.address}."
            )
        return path
    kept = cache_folder("weights") / entry.file
    address = f"{mirror.rstrip('/')}/{entry.file}" if mirror else entry.address
    remedy = (
        f"Without a connection: bring {entry.address} from another machine and put it at {kept}, or into a folder that "
        f"{VARIABLE} names, as {entry.file}."
    )
    return Path(fetch(address, folder=kept.parent, name=entry.file, remedy=remedy))


def recipe(name: str) -> Path:
    """A recipe that builds the network of an entry and prepares pictures for it, written into the cache.

    Raises:
        CheckpointError: unknown name, or the weights of a backbone alone.
    """
    entry = find(name)
    if entry.model is None:
        raise CheckpointError(
            f"{name} is a backbone's weights, not a network's: start a training from it with "
            f"--opts model.pretrained={name}."
        )
    tree = {"model": entry.model, "val_dataset": {**entry.data, "mode": "val", "transforms": entry.transforms}}
    path = cache_folder("recipes") / f"{name.replace('/', '-')}.yml"
    write_text(path, f"# {name}: {entry.score}\n" + yaml.safe_dump(tree, sort_keys=False))
    return path


def table() -> list[list[str]]:
    """Rows of name, what for, parameters, published score, licence."""
    return [
        [e.name, e.purpose, "" if e.parameters is None else f"{e.parameters / 1e6:.1f} M", e.score, e.licence]
        for e in ZOO.values()
    ]
