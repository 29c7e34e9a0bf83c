"""What the tools print: plain text, whatever stands in a file name, and no error where nobody reads it."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
from collections.abc import Iterator

from ..files import plain


def indented(text: str) -> str:
    """Lines after the first set in, so that a name with a line break cannot pass for a line of ours."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(line if line.startswith(" ") or not line else f"  {line}" for line in rest)])


class Plain(io.TextIOBase):
    """A stream that prints :func:`plain` text and outlives its reader (``tool | head``).

    Attributes:
        lost: why something could not be printed, where that was not the reader's wish (a full disk).
    """

    def __init__(self, stream):
        self.stream, self.lost = stream, None

    def write(self, text: str) -> int:
        with self._forgiving():
            self.stream.write(plain(text))
        return len(text)

    def flush(self) -> None:
        with self._forgiving():
            self.stream.flush()

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            if e.errno != errno.EPIPE:
                self.lost = e.strerror
            with contextlib.suppress(OSError, ValueError, AttributeError):  # what is in its buffer goes there too
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    @property
    def encoding(self) -> str:
        return self.stream.encoding

    def __getattr__(self, name: str):
        return getattr(self.stream, name)


class Lines(logging.Formatter):
    """``12:00:00 message``, further lines set in."""

    def __init__(self):
        super().__init__("%(asctime)s %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return indented(super().format(record))


@contextlib.contextmanager
def console(logger: logging.Logger) -> Iterator[Plain]:
    """Standard output in plain text for the time of a tool, and the logger on it."""
    before = sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # a Windows console may be anything
    sys.stdout = out = Plain(before)
    handler = logging.StreamHandler(out)
    handler.setFormatter(Lines())
    logger.addHandler(handler)
    try:
        yield out
    finally:
        out.flush()
        sys.stdout = before


def complain(message: str) -> None:
    """``error: ...`` on standard error."""
    with contextlib.suppress(OSError):
        print(f"error: {indented(plain(message))}", file=sys.stderr, flush=True)
