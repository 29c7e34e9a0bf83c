"""A folder of data whose layout was recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..job import Job


@dataclass
class Layout:
    """How a folder is laid out, and how to train on it.

    Attributes:
        name: of the layout.
        why: what it was recognised by.
        job: makes or checks the labels of own data; None for a published dataset that is read as it is.
        dataset: type and arguments of the datasets of the recipe, besides the lists.
        specs: ``train`` and ``val`` datasets of a published dataset.
        label_names: class names were found (else they are called by their ids).
    """

    name: str
    why: str
    job: Job | None = None
    dataset: dict[str, Any] = field(default_factory=lambda: {"type": "Dataset"})
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"
