"""Examination of the labels: ids that are no class, classes that are absent or rare, pixels that are ignored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ..config import Config
from .findings import Diagnosis
from .pairs import PairFacts

SHOWN = 5
RARE_SHARE = 0.001


@dataclass
class LabelCounts:
    """Class ids of every label file of a split, after the dataset's own label map.

    Attributes:
        class_names: K names.
        pixels, images: ``[K]``: pixels of each class, and files that show it.
        ignored: pixels.
        strange: how many files hold each stored id that is no class and not ignored.
        example: a file for each of those.
        empty: files of ignored pixels alone.
    """

    class_names: list[str]
    pixels: np.ndarray
    images: np.ndarray
    ignored: int = 0
    strange: Counter = field(default_factory=Counter)
    example: dict[int, str] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, dataset, facts: list[PairFacts]) -> LabelCounts:
        zeros = np.zeros(dataset.num_classes, dtype=np.int64)
        counts = cls(list(dataset.class_names), zeros, zeros.copy())
        for f in facts:
            counts._add(dataset, f)
        return counts

    def _add(self, dataset, facts: PairFacts) -> None:
        scored = False
        for text, count in facts.ids.items():
            stored = int(text)
            own = int(dataset.labels.mapping.get(stored, stored))
            if own == dataset.ignore_index:
                self.ignored += count
                continue
            scored = True
            if 0 <= own < dataset.num_classes:
                self.pixels[own] += count
                self.images[own] += 1
            else:
                self.strange[stored] += 1
                self.example.setdefault(stored, facts.label)
        if facts.ids and not scored:
            self.empty.append(facts.label)

    @property
    def total(self) -> int:
        """Pixels that count."""
        return int(self.pixels.sum())

    @property
    def ignored_share(self) -> float:
        return self.ignored / max(1, self.total + self.ignored)

    @property
    def suggested_weights(self) -> dict[str, float]:
        """By ENet's formula ``1 / ln(1.02 + share)``; empty without pixels that count."""
        if not self.total:
            return {}
        weights = np.round(1 / np.log(1.02 + self.pixels / self.total), 4).tolist()
        return dict(zip(self.class_names, weights))

    def to_dict(self) -> dict[str, object]:
        """For the diagnosis' facts."""
        total = self.total
        found = {
            "share": {n: float(p / total) if total else 0.0 for n, p in zip(self.class_names, self.pixels)},
            "images_with": {n: int(v) for n, v in zip(self.class_names, self.images)},
            "ignored_share": self.ignored_share,
        }
        return {**found, "suggested_weights": self.suggested_weights} if total else found


def examine_labels(diagnosis: Diagnosis, config: Config, name: str, dataset, facts: list[PairFacts]) -> None:
    """What the label files of one split hold; the counts are kept under ``<name>_census``."""
    counts = LabelCounts.of(dataset, facts)
    diagnosis.facts[f"{name}_census"] = counts.to_dict()
    _strange(diagnosis, name, dataset, counts)
    if counts.empty and counts.total:
        diagnosis.add(
            "warning",
            "labels",
            f"{name}: {len(counts.empty)} labels hold only ignored pixels, e.g. {counts.empty[0]}",
            "take them off the list, or label them: they teach nothing and a batch of them has no loss",
        )
    absent = [n for n, p in zip(counts.class_names, counts.pixels) if p == 0]
    if facts and not counts.total and not counts.strange:
        diagnosis.add(
            "error",
            "labels",
            f"{name}: no label file holds a single pixel that counts",
            "check ignore_index and label_map against the ids in the files",
        )
    elif absent and name == "val":
        diagnosis.add(
            "warning",
            "labels",
            f"val never shows: {', '.join(absent)}; their IoU is not measured",
            "choose a val split that has every class",
        )
    if name == "train" and config.class_weights is None:
        _rare(diagnosis, counts)
    if counts.ignored_share > 0.5:
        diagnosis.add(
            "warning",
            "labels",
            f"{name}: {100 * counts.ignored_share:.0f} % of the pixels are ignored",
            "check ignore_index and label_map",
        )


def examine_absence(diagnosis: Diagnosis, train) -> None:
    """Classes that no training label shows, once both splits were counted."""
    shares = {n: diagnosis.facts[f"{n}_census"]["share"] for n in ("train", "val")}
    absent = [c for c in train.class_names if shares["train"][c] == 0]
    scored = [c for c in absent if shares["val"][c] > 0]
    if scored:
        diagnosis.add(
            "warning",
            "labels",
            f"train never shows {', '.join(scored)}, but val scores them",
            "these classes stay at IoU 0: move images between the splits, or drop the classes",
        )
    elif absent:
        diagnosis.add("info", "labels", f"neither split shows: {', '.join(absent)}")


def _strange(diagnosis: Diagnosis, name: str, dataset, counts: LabelCounts) -> None:
    k, ignore = dataset.num_classes, dataset.ignore_index
    for stored, files in counts.strange.most_common(SHOWN):
        example = counts.example[stored]
        diagnosis.add(
            "error",
            "labels",
            f"{name}: id {stored} in {files} label files is no class of {k} and not ignored (e.g. {example})",
            f"map it with label_map: {{{stored}: ...}}, raise num_classes, or write {ignore} (ignored) in the files",
        )


def _rare(diagnosis: Diagnosis, counts: LabelCounts) -> None:
    rare = [n for n, p in zip(counts.class_names, counts.pixels) if 0 < p < RARE_SHARE * counts.total]
    if rare:
        weights = counts.suggested_weights
        diagnosis.add(
            "warning",
            "labels",
            f"{', '.join(rare)}: less than {100 * RARE_SHARE:.1f} % of the pixels each",
            "weight the loss: --opts class_weights=enet (or median_frequency), here "
            + ", ".join(f"{n} {weights[n]:.1f}" for n in rare),
        )
