"""What one studio has: its library, its networks, its limits, results that pages still point to, a folder for files."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from collections import OrderedDict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError
from .library import Library
from .networks import Networks
from .trains import Trainings
from .uploads import Limits

KEPT = 48  # results: more than the visitors of a class at one time
FOLDERS = 200  # of files, each there until the page has made its copy, which goes after an hour (delete_cache)


class Shelf:
    """Results by tokens nobody can guess; the oldest go when there are too many, so memory stays bounded."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self._things: OrderedDict[str, Any] = OrderedDict()
        self._guard = threading.Lock()

    def put(self, thing: Any) -> str:
        """Keep something; returns its token."""
        token = uuid.uuid4().hex
        with self._guard:
            self._things[token] = thing
            while len(self._things) > self.kept:
                self._things.popitem(last=False)
        return token

    def get(self, token: str) -> Any:
        """What the token stands for.

        Raises:
            DataError: it is no longer kept.
        """
        with self._guard:
            if token not in self._things:
                raise DataError("there is no such result (any more): start it anew.")
            self._things.move_to_end(token)
            return self._things[token]

    def __len__(self) -> int:
        return len(self._things)


class Desk:
    """Everything behind the page.

    Args:
        folders: of runs, deployments and studies; trainings started here go into the first.
        limits: of uploads.
    """

    def __init__(self, folders: Sequence[str | Path] = ("output",), *, limits: Limits | None = None) -> None:
        self.library = Library(folders)
        self.networks = Networks(self.library)
        self.limits = limits or Limits()
        self.shelf = Shelf()
        self.trainings = Trainings(self.library.roots[0])
        self.folder = Path(tempfile.mkdtemp(prefix="paddleseg-lite-studio-"))
        self._made: deque[Path] = deque()

    def new_folder(self) -> Path:
        """An empty folder for files that a page shows or gives away; the oldest go when there are too many."""
        folder = self.folder / "files" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        self._made.append(folder)
        if len(self._made) > FOLDERS:
            shutil.rmtree(self._made.popleft(), ignore_errors=True)
        return folder

    def picture_file(self, png: bytes) -> str:
        """PNG bytes as a file that a page can show."""
        path = self.new_folder() / "picture.png"
        path.write_bytes(png)
        return str(path)

    def close(self) -> None:
        """Stop the training, end the computing thread, delete the files."""
        self.trainings.close()
        self.networks.close()
        shutil.rmtree(self.folder, ignore_errors=True)
