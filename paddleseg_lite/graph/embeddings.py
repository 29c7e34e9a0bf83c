"""Class embeddings for the semantic graph of GINet: distinct by default, or read from a GloVe file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np

from ..errors import DataError, nearest

EMBEDDING_SIZE = 300  # of GloVe


def gaussian_embeddings(num_classes: int, size: int = EMBEDDING_SIZE, seed: int = 0) -> np.ndarray:
    """``[K, E]``, unit-norm Gaussian rows from a fixed seed: every class its own direction."""
    rows = np.random.default_rng(seed).normal(size=(num_classes, size))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("float32")


def read_glove(path: str, class_names: Sequence[str]) -> np.ndarray:
    """Embeddings of classes from a GloVe text file (``word v1 v2 ... vE`` a line).

    A name of several words ("traffic light", "road-sign") gets their mean. Only
    the words needed are kept. A first line ``count size`` (word2vec) is skipped.

    Returns:
        ``[K, E]`` float32.

    Raises:
        DataError: no such file, a damaged line, a word that is not in it, or two
            classes with the same vector.
    """
    if not os.path.isfile(path):
        raise DataError(f"word vectors '{path}' do not exist: give the path of a GloVe text file (glove.6B.300d.txt).")
    words = [(name, _words(name)) for name in class_names]
    for name, parts in words:
        if not parts:
            raise DataError(f"class name '{name}' holds no word to look up in '{path}': rename the class.")
    vectors = _read(path, {word for _, parts in words for word in parts})
    for name, parts in words:
        for word in parts:
            if word not in vectors:
                raise DataError(
                    f"class '{name}': the word '{word}' is not in '{path}'."
                    f"{nearest(word, vectors)} Rename the class, or use a larger vocabulary."
                )
    rows = np.stack([np.mean([vectors[word] for word in parts], axis=0) for _, parts in words])
    check_distinct(rows, class_names, path)
    return rows.astype("float32")


def check_distinct(
    rows: np.ndarray, class_names: Sequence[str] | None = None, source: str = "class_embeddings"
) -> None:
    """Raise :class:`DataError` if two classes share a vector: their nodes could not be told apart."""
    for i in range(len(rows)):
        for j in range(i):
            if np.array_equal(rows[i], rows[j]):
                names = (class_names[j], class_names[i]) if class_names else (j, i)
                raise DataError(f"{source}: classes '{names[0]}' and '{names[1]}' have the same vector; rename one.")


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^\w']+|_", name.lower()) if word]


def _read(path: str, wanted: set[str]) -> dict[str, np.ndarray]:
    vectors: dict[str, np.ndarray] = {}
    size = None
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            word, _, rest = line.rstrip().partition(" ")
            if number == 1 and rest.isdigit() and word.isdigit():
                continue  # word2vec header
            if word.lower() not in wanted or word.lower() in vectors:
                continue
            try:
                vector = np.array(rest.split(), dtype="float64")
            except ValueError:
                vector = np.array([])
            size = size or len(vector)
            if len(vector) == 0 or len(vector) != size or not np.isfinite(vector).all():
                raise DataError(
                    f"{path}, line {number}: the vector of '{word}' is damaged ({len(vector)} finite numbers read, "
                    f"{size or 'some'} expected). Download the file again."
                )
            vectors[word.lower()] = vector
            if len(vectors) == len(wanted):
                break
    return vectors
