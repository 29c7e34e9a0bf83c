"""How checkpoints travel where the machines of a cluster share no folder: as one archive of the run's folder.

Two carriers: :class:`Keeper`, an actor beside the study command to which archives come through Ray's object store
and who unpacks them into the study's folder; :class:`Storage`, any place that ``fsspec`` knows (s3://, gs://, a path).
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
import uuid
from pathlib import Path
from typing import Any

from ..errors import EnvironmentProblem

LEFT_OUT = ("run.lock", "claim.lock", "vdl")  # locks hold on one machine only; boards can be drawn again


def pack(folder: Path) -> bytes:
    """The folder as an uncompressed archive, its result last.

    Left out is what is not whole: a checkpoint that is just being written (it has no manifest yet) or deleted.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for item in sorted(folder.iterdir(), key=_result_last):
            if item.name in LEFT_OUT or item.name.startswith("."):
                continue
            for name, content in _contents(item).items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _contents(item: Path) -> dict[str, bytes]:
    """The files of an entry of a run folder; none where it is not whole."""
    if item.is_dir() and not (item / "manifest.json").exists():
        return {}
    files = [f for f in item.rglob("*") if f.is_file()] if item.is_dir() else [item]
    try:
        return {f.relative_to(item.parent).as_posix(): f.read_bytes() for f in sorted(files)}
    except OSError:  # it vanished meanwhile
        return {}


def _result_last(path: Path) -> tuple[bool, str]:
    return path.name == "result.json", path.name


def unpack(data: bytes | None, folder: Path) -> None:
    """Put what an archive holds in the place of what is there; checkpoints it does not have go."""
    if data is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    arriving = folder / f".arriving-{uuid.uuid4().hex}"
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(arriving, **_safely())
        for old in folder.glob("iter_*"):
            if not (arriving / old.name).exists():
                shutil.rmtree(old, ignore_errors=True)
        for item in sorted(arriving.iterdir(), key=_result_last):
            target = folder / item.name
            if target.is_dir():
                shutil.rmtree(target)
            item.replace(target)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _safely() -> dict[str, Any]:
    return {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


class Keeper:
    """The actor on the machine of the study command. Args: folder: of all runs."""

    def __init__(self, folder: str):
        self.folder = Path(folder)

    def save(self, key: str, data: bytes) -> None:
        """Unpack an archive into the run's folder."""
        unpack(data, self.folder / key)

    def load(self, key: str) -> bytes | None:
        """What the study's folder has of the run; None where that is no checkpoint."""
        target = self.folder / key
        return pack(target) if any(target.glob("iter_*/manifest.json")) else None


class Storage:
    """Archives at a URL of ``fsspec``. Args: url: of a folder; made where absent."""

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        self._open()

    def _open(self):
        try:
            import fsspec

            system, path = fsspec.core.url_to_fs(self.url)
            system.makedirs(path, exist_ok=True)
        except ImportError as e:
            raise EnvironmentProblem(
                f"--storage {self.url}: {e}. pip install fsspec and what it asks for (s3fs, gcsfs, ...), on every "
                "machine."
            ) from None
        except (OSError, ValueError) as e:
            raise EnvironmentProblem(f"--storage {self.url} cannot be used: {e}") from None
        return system, path

    def save(self, key: str, data: bytes) -> None:
        """Write an archive under another name, then move it: a reader sees a whole one."""
        system, path = self._open()
        part = f"{path}/{key}.{uuid.uuid4().hex}.part"
        with system.open(part, "wb") as f:
            f.write(data)
        system.mv(part, f"{path}/{key}.tar")

    def load(self, key: str) -> bytes | None:
        """The archive of a run; None where there is none."""
        system, path = self._open()
        with contextlib.suppress(FileNotFoundError), system.open(f"{path}/{key}.tar", "rb") as f:
            return f.read()
        return None

    def fetch(self, key: str, target: Path) -> None:
        """Unpack what is stored into a run's folder."""
        unpack(self.load(key), target)


def save(carrier: Any, key: str, data: bytes) -> None:
    """Hand an archive to either carrier and wait until it is kept."""
    if isinstance(carrier, Storage):
        carrier.save(key, data)
    else:
        import ray

        ray.get(carrier.save.remote(key, data))


def load(carrier: Any, key: str) -> bytes | None:
    """What either carrier has of a run."""
    if isinstance(carrier, Storage):
        return carrier.load(key)
    import ray

    return ray.get(carrier.load.remote(key))
