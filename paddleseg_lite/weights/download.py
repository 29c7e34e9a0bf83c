"""One file from the network, with a bar, and from where it was broken off.

What has come is kept beside the target (``NAME.part``, with the server's mark of the
version in ``NAME.part.tag``) until the file is whole. A later call asks for the rest
only, on the condition that the file is still the same one; a server that gives no such
mark, or another version, starts anew.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import CheckpointError, EnvironmentProblem
from ..progress import Progress

logger = logging.getLogger("paddleseg_lite")

ATTEMPTS = 4  # connections that bring something before we give up
_CHUNK = 1 << 16
_MB = 1 << 20
_BROKEN = (TimeoutError, ConnectionError, http.client.HTTPException)


def download(url: str, target: Path, *, timeout: float, max_bytes: int, remedy: str) -> None:
    """Write what ``url`` holds to ``target``, whole or not at all.

    Args:
        url: http or https.
        target: its folder exists.
        timeout: seconds without a byte.
        max_bytes: more is refused.
        remedy: what a user without a connection shall do.

    Raises:
        EnvironmentProblem: no connection, not found.
        CheckpointError: broken off again and again (a later call goes on from there), or too large.
    """
    logger.info("downloading %s", url)
    with _own_part(target) as part:
        for _ in range(ATTEMPTS):
            before = part.stat().st_size if part.exists() else 0
            try:
                missing = _fetch_rest(url, part, timeout, max_bytes)
            except urllib.error.HTTPError as e:
                raise EnvironmentProblem(f"{url}: the server answers {e.code} {e.reason}. {remedy}") from None
            except (urllib.error.URLError, ValueError, *_BROKEN) as e:
                if not part.exists() or part.stat().st_size <= before:
                    reason = getattr(e, "reason", None) or e
                    raise EnvironmentProblem(f"{url}: cannot be downloaded ({reason}). {remedy}") from None
                missing = True
            if not missing:
                os.replace(part, target)
                _tag(part).unlink(missing_ok=True)
                return
            logger.info("the connection broke after %.1f MB; going on from there", part.stat().st_size / _MB)
    raise CheckpointError(
        f"{url}: the download was cut off {ATTEMPTS} times, now after {_size(part)} bytes. Try again: it goes on from "
        "there where the server allows it."
    )


def _fetch_rest(url: str, part: Path, timeout: float, max_bytes: int) -> bool:
    """Ask for what is missing and append it; whether something is still missing."""
    start, tag = _size(part), _tag(part)
    headers = {"User-Agent": "paddleseg_lite"}
    if start and tag.is_file():
        headers |= {"Range": f"bytes={start}-", "If-Range": tag.read_text(encoding="latin-1")}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as e:
        if e.code != 416 or not start:  # nothing beyond what we have: another version
            raise
        part.unlink()
        return True
    with answer:
        if not answer.url.startswith(("http://", "https://")):
            raise ValueError(f"it leads to {answer.url}")
        goes_on = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {start}-")
        start = start if goes_on else 0
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if version and not version.startswith("W/"):
            tag.write_text(version, encoding="latin-1")
        else:
            tag.unlink(missing_ok=True)
        length = answer.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        if total is not None and total > max_bytes:
            raise _too_large(url, max_bytes)
        if not goes_on:
            part.write_bytes(b"")
        with open(part, "ab") as f:
            done = start + _copy(answer, f, max_bytes - start, url, max_bytes, total, start)
    return total is not None and done < total


def _copy(source, target: BinaryIO, room: int, url: str, limit: int, total: int | None, start: int) -> int:
    """Copy until the end; returns the bytes copied."""
    done, shown = 0, start // _MB
    with Progress(None if total is None else max(1, total // _MB), "MB") as progress:
        while chunk := source.read(_CHUNK):
            done += len(chunk)
            if done > room:
                raise _too_large(url, limit)
            target.write(chunk)
            for _ in range((start + done) // _MB - shown):
                progress.step()
            shown = (start + done) // _MB
    return done


def _too_large(url: str, limit: int) -> CheckpointError:
    return CheckpointError(f"{url}: is larger than {limit} bytes, which no weights known here are.")


@contextlib.contextmanager
def _own_part(target: Path) -> Iterator[Path]:
    """The file to collect in: one that an earlier call left, unless another process is at it."""
    part = target.with_name(f"{target.name}.part")
    lock = part.with_name(f"{part.name}.lock")
    try:
        handle = os.open(lock, os.O_CREAT | os.O_RDWR)
    except OSError as e:
        raise unwritable(target, e) from e
    try:
        if not _locked(handle):
            part = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            yield part
        except CheckpointError as e:
            if "larger than" in str(e):
                part.unlink(missing_ok=True)
                _tag(part).unlink(missing_ok=True)
            raise
        except OSError as e:
            raise unwritable(target, e) from e
    finally:
        if part.name.startswith("."):
            part.unlink(missing_ok=True)
            _tag(part).unlink(missing_ok=True)
        os.close(handle)
        lock.unlink(missing_ok=True)


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: two downloads of one file at a time are not told apart
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def unwritable(target: Path, error: OSError) -> EnvironmentProblem:
    """The error for a cache that the system refuses."""
    return EnvironmentProblem(
        f"cannot write to {target.parent}: {error.strerror or error}. Free some space, or let PADDLESEG_LITE_CACHE "
        "name another folder."
    )


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
