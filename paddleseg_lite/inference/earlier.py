"""What earlier runs of the tools left among the pictures of a folder, so that it is not segmented again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from ..files import write_bytes

RECORD = "results.jsonl"  # in a folder of predictions: which file each result was made of
FOLDERS = ("added_prediction", "pseudo_color_prediction", "id_prediction", "explain")


class Earlier:
    """Tells results of earlier runs from pictures: ``Earlier(root)(path)``.

    Predictions are known by :data:`RECORD`, or by their legend; a training's folder and a report's pictures by the
    files beside them. What lies above ``root`` does not count: a folder of results that is named is meant.
    """

    def __init__(self, root: Path):
        self.root = root
        self._known: dict[Path, Callable[[PurePosixPath], bool]] = {}
        self.count = 0

    def __call__(self, path: Path) -> bool:
        folder = path
        while folder != self.root and folder != folder.parent:
            folder = folder.parent
            if folder not in self._known:
                self._known[folder] = made_in(folder)
            if self._known[folder](PurePosixPath(path.relative_to(folder).as_posix())):
                self.count += 1
                return True
        return False


def made_in(folder: Path) -> Callable[[PurePosixPath], bool]:
    """Which paths below a folder the tools have written there."""

    def has(*names: str) -> bool:
        return all(os.path.isfile(folder / name) for name in names)

    if has("config.yml", "metrics.jsonl"):  # a training
        return lambda path: True
    made = {entry for results in read_record(folder).values() for entry in results}
    legend = bool(made) or has("legend.png", "legend.txt")
    report = has("index.html", "scores.json", "per_image.csv")

    def is_result(path: PurePosixPath) -> bool:
        if str(path) in made:
            return True
        if legend and (path.parts[0] in FOLDERS or str(path) == "legend.png"):
            return True
        return report and (path.parts[0] == "worst" or str(path) == "confusion.png")

    return is_result


def read_record(folder: Path) -> dict[str, list[str]]:
    """Source -> its results, of a folder of predictions; lines that are none are passed over."""
    try:
        lines = (folder / RECORD).read_bytes().splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        try:
            entry = json.loads(line)
            found[str(entry["source"])] = [str(result) for result in entry["results"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return found


def write_record(folder: Path, made: Mapping[str, Iterable[str]]) -> None:
    """Add to the record of a folder; a result that is made of something else now is no longer the old source's."""
    taken = {result for results in made.values() for result in results}
    kept = {source: [r for r in results if r not in taken] for source, results in read_record(folder).items()}
    whole = {**kept, **{source: list(results) for source, results in made.items()}}
    lines = [json.dumps({"source": source, "results": results}) for source, results in whole.items() if results]
    write_bytes(folder / RECORD, "".join(f"{line}\n" for line in lines).encode("utf-8"))
