"""What a translation meets that has no equal here: collected, and told all at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..errors import ConfigError

logger = logging.getLogger("paddleseg_lite")
_told: set[tuple] = set()  # a tool reads its config twice; nobody wants to be told twice


class Findings:
    """Lines about keys of a file.

    Args:
        source: the file that was asked for.
        origins: for every dotted key the file that set it (a base, perhaps).
    """

    def __init__(self, source: str, origins: Mapping[str, str]):
        self.source, self.origins = source, origins
        self.refused: list[str] = []
        self.notes: list[str] = []

    def refuse(self, key: str, why: str) -> None:
        """``key`` cannot be taken over; the translation will fail."""
        self.refused.append(self._line(key, why))

    def note(self, key: str, what: str) -> None:
        """``key`` is left out, or means something slightly different here; no reason to fail."""
        self.notes.append(self._line(key, what))

    def finish(self) -> None:
        """Log the notes; raise ConfigError with every refusal."""
        if self.refused:
            raise ConfigError(
                f"{self.source} is a PaddleSeg config with parts that are not supported here:\n"
                + "\n".join(f"  {line}" for line in self.refused)
                + "\nRemove or change these keys, or override them with --opts KEY=VALUE."
            )
        if self.notes and (self.source, *self.notes) not in _told:
            _told.add((self.source, *self.notes))
            logger.info("%s is read as a PaddleSeg config:\n%s", self.source, "\n".join(f"  {n}" for n in self.notes))

    def _line(self, key: str, text: str) -> str:
        parent = key
        while parent and parent not in self.origins:
            parent = parent.rpartition(".")[0]
        return f"{self.origins.get(parent, self.source)}: {key}: {text}"
