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
import http.client
import logging
import os
import re
import shutil
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile
import zlib
from pathlib import Path

from ..errors import CheckpointError, EnvironmentProblem
from ..files import cache_folder

logger = logging.getLogger("paddleseg_lite")
TIMEOUT = 30.0  # seconds without a byte
MAX_BYTES = 4 << 30
WEIGHTS = (".pdparams", ".safetensors", ".pth", ".pt", ".npz")
_CHUNK = 1 << 20


def fetch(
    address: str, *, folder: str | os.PathLike | None = None, timeout: float = TIMEOUT, max_bytes: int = MAX_BYTES
) -> str:
    """The path of a local copy of ``address``.

    Args:
        address: http or https, with an optional checksum as fragment.
        folder: of the cache.
        timeout: seconds without an answer.
        max_bytes: of the download, and of what an archive may hold.

    Raises:
        EnvironmentProblem: offline, not found, too slow, no room; the message says what to do instead.
        CheckpointError: wrong checksum, cut off, too large, an archive without weights.
    """
    url, checksum = _split(address)
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise CheckpointError(f"{address}: only http and https addresses are downloaded; give a local path otherwise.")
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "weights"
    folder = cache_folder("weights") if folder is None else Path(folder).expanduser()
    kept = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name}"
    weights = kept.with_name(kept.name + ".pdparams") if _is_archive(name) else kept
    if not (kept.is_file() and _agrees(kept, checksum)):
        weights.unlink(missing_ok=True)
        with _partial(kept) as temporary:
            _download(url, temporary, timeout, max_bytes, kept)
            if not _agrees(temporary, checksum):
                raise CheckpointError(
                    f"{address}: the download does not have the checksum {checksum[0]} {checksum[1]}: it was changed "
                    "on the way or at its source. Nothing was kept."
                )
            os.replace(temporary, kept)
            logger.info("%s: kept as %s", url, kept)
    if not weights.is_file():
        with _partial(weights) as temporary:
            _unpack(kept, temporary, address, max_bytes)
            os.replace(temporary, weights)
    return str(weights)


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
    digest = hashlib.new(checksum[0])
    with open(path, "rb") as f:
        for chunk in iter(lambda: f.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest().startswith(checksum[1])


@contextlib.contextmanager
def _partial(target: Path):
    """A neighbour of ``target`` to write to, gone afterwards unless it was renamed."""
    temporary = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as e:
        raise EnvironmentProblem(
            f"cannot write to {target.parent}: {e.strerror or e}. Free some space, or let PADDLESEG_LITE_CACHE "
            "name another folder."
        ) from e
    finally:
        temporary.unlink(missing_ok=True)


def _download(url: str, target: Path, timeout: float, max_bytes: int, kept: Path) -> None:
    logger.info("downloading %s", url)
    request = urllib.request.Request(url, headers={"User-Agent": "paddleseg_lite"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer, open(target, "wb") as f:
            announced = int(answer.headers.get("Content-Length") or 0)
            done = _copy(answer, f, max_bytes, url)
    except urllib.error.HTTPError as e:
        raise EnvironmentProblem(f"{url}: the server answers {e.code} {e.reason}. {_instead(kept)}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException, ValueError) as e:
        reason = getattr(e, "reason", None) or e
        raise EnvironmentProblem(f"{url}: cannot be downloaded ({reason}). {_instead(kept)}") from None
    if announced and done != announced:
        raise CheckpointError(f"{url}: the download was cut off after {done} of {announced} bytes. Try again.")


def _instead(kept: Path) -> str:
    return (
        "Without a connection, bring the file from another machine and name it with --opts model.pretrained=FILE, "
        f"or put it at {kept}. To train from scratch: --opts model.pretrained=null, and in a PaddleSeg config "
        "model.backbone.pretrained=null."
    )


def _copy(source, target, max_bytes: int, what: str) -> int:
    done = 0
    for chunk in iter(lambda: source.read(_CHUNK), b""):
        done += len(chunk)
        if done > max_bytes:
            raise CheckpointError(f"{what}: is larger than {max_bytes} bytes, which no weights known here are.")
        target.write(chunk)
    return done


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
