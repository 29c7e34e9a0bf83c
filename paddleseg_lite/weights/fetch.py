"""``pretrained: https://...``: a file from the network, once, checked, kept in the user's cache.

The cache is ``weights`` in the :func:`~paddleseg_lite.files.cache_folder`. A
checksum is taken from the address: ``...#sha256=HEX`` or ``#md5=HEX``, or
torchvision's habit of naming a file ``name-0676ba61.pth`` after the first digits
of its SHA-256. PaddleSeg's archives (``resnet50_vd_ssld_v2.tar.gz``) are opened
and the weights in them kept.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import logging
import os
import re
import shutil
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from pathlib import Path

from ..errors import CheckpointError
from ..files import cache_folder, expanded, file_hash, whole_file, write_text
from .download import download, unwritable

logger = logging.getLogger("paddleseg_lite")
TIMEOUT = 30.0  # seconds without a byte
MAX_BYTES = 4 << 30
WEIGHTS = (".pdparams", ".safetensors", ".pth", ".pt", ".npz")
_CHUNK = 1 << 20


def fetch(
    address: str,
    *,
    folder: str | os.PathLike | None = None,
    timeout: float = TIMEOUT,
    max_bytes: int = MAX_BYTES,
    name: str | None = None,
    remedy: str | None = None,
) -> str:
    """The path of a local copy of ``address``.

    Args:
        address: http or https, with an optional checksum as fragment. Without one the first
            download is recorded (``NAME.sha256``), and what is kept or comes later has to equal it.
        folder: of the cache.
        timeout: seconds without an answer.
        max_bytes: of the download, and of what an archive may hold.
        name: of the local copy; made from the address unless told.
        remedy: what to do without a connection, for the message.

    Raises:
        EnvironmentProblem: offline, not found, too slow, no room; the message says what to do instead.
        CheckpointError: wrong checksum, cut off, too large, an archive without weights.
    """
    url, checksum = _split(address)
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise CheckpointError(f"{address}: only http and https addresses are downloaded; give a local path otherwise.")
    file = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "weights"
    folder = cache_folder("weights") if folder is None else expanded(folder)
    kept = folder / (name or f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{file}")
    weights = kept.with_name(kept.name + ".pdparams") if _is_archive(file) else kept
    record = kept.with_name(kept.name + ".sha256")
    if checksum is None and record.is_file():
        checksum = ("sha256", record.read_text(encoding="ascii").strip())
    if not (kept.is_file() and _agrees(kept, checksum)):
        weights.unlink(missing_ok=True)
        try:
            _bring(url, kept, checksum, record, timeout, max_bytes, remedy or _instead(kept))
        except OSError as e:
            raise unwritable(kept, e) from e
    if not weights.is_file():
        with whole_file(weights) as temporary:
            _unpack(kept, temporary, address, max_bytes)
    return str(weights)


def _bring(url, kept: Path, checksum, record: Path, timeout, max_bytes, remedy: str) -> None:
    """Download to ``kept``, checked."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    incoming = kept.with_name(f"{kept.name}.incoming")
    download(url, incoming, timeout=timeout, max_bytes=max_bytes, remedy=remedy)
    if not _agrees(incoming, checksum):
        incoming.unlink()
        hint = f" (the first download's, in {record}: delete it to accept the new file)" if record.is_file() else ""
        raise CheckpointError(
            f"{url}: the download does not have the checksum {checksum[0]} {checksum[1]}{hint}: it was changed "
            "on the way or at its source. Nothing was kept."
        )
    if checksum is None:
        write_text(record, file_hash(incoming) + "\n")
    os.replace(incoming, kept)
    logger.info("%s: kept as %s", url, kept)


def _split(address: str) -> tuple[str, tuple[str, str] | None]:
    """The address without its checksum, and the checksum as (kind, hexadecimal digits)."""
    url, _, fragment = address.partition("#")
    if fragment:
        kind, _, digits = fragment.partition("=")
        if kind not in ("sha256", "md5") or not re.fullmatch(r"[0-9a-fA-F]{8,64}", digits):
            raise CheckpointError(f"{address}: a checksum is written #sha256=HEX or #md5=HEX.")
        return url, (kind, digits.lower())
    named = re.search(r"-([0-9a-f]{8,64})\.pth$", url)
    return url, ("sha256", named[1]) if named else None


def _agrees(path: Path, checksum: tuple[str, str] | None) -> bool:
    if checksum is None:
        return True
    return file_hash(path, checksum[0]).startswith(checksum[1])


def _instead(kept: Path) -> str:
    return (
        "Without a connection, bring the file from another machine and name it with --opts model.pretrained=FILE, "
        f"or put it at {kept}. To train from scratch: --opts model.pretrained=null, and in a PaddleSeg config "
        "model.backbone.pretrained=null."
    )


def _is_archive(name: str) -> bool:
    return name.lower().endswith((".tar", ".tar.gz", ".tgz", ".zip"))


def _unpack(archive: Path, target: Path, address: str, max_bytes: int) -> None:
    """Write the weights inside an archive to ``target``; no other member is touched, no name in it is used."""
    try:
        with contextlib.ExitStack() as stack:
            if zipfile.is_zipfile(archive):
                opened = stack.enter_context(zipfile.ZipFile(archive))
                members = {name: name for name in opened.namelist()}
                open_member = opened.open
            else:
                opened = stack.enter_context(tarfile.open(archive))
                members = {m.name: m for m in opened.getmembers() if m.isfile()}
                open_member = opened.extractfile
            found = [name for name in members if name.lower().endswith(WEIGHTS)]
            best = [name for name in found if Path(name).name == "model.pdparams"] or found
            if len(best) != 1:
                raise CheckpointError(f"{address}: the archive holds {len(best)} weights files; one is needed.")
            with stack.enter_context(open_member(members[best[0]])) as source, open(target, "wb") as f:
                shutil.copyfileobj(_Bounded(source, max_bytes, address), f, _CHUNK)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as e:
        archive.unlink(missing_ok=True)
        raise CheckpointError(f"{address}: the archive is damaged ({e}). Try again.") from e


class _Bounded:
    """A file that refuses to give more than it should."""

    def __init__(self, source, max_bytes: int, what: str):
        self.source, self.left, self.what = source, max_bytes, what

    def read(self, size: int) -> bytes:
        chunk = self.source.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise CheckpointError(f"{self.what}: holds more than is plausible for weights.")
        return chunk
