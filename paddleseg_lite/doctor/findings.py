"""What was found, and the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ..language import mark, padded
from ..language import translate as _

LEVELS = ("error", "warning", "info")
SHOWN = {"error": mark("ERROR"), "warning": mark("WARNING"), "info": mark("INFO")}


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        level: ``error`` (training would fail or mean nothing), ``warning``, ``info``.
        topic: ``config``, ``data``, ``labels``, ``model``, ``memory``, ``loader``.
        what: the thing and the reason.
        fix: what to do about it; empty for information.
    """

    level: str
    topic: str
    what: str
    fix: str = ""


@dataclass
class Diagnosis:
    """All findings, most important first, and the facts behind them."""

    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether training may start."""
        return not any(f.level == "error" for f in self.findings)

    def add(self, level: str, topic: str, what: str, fix: str = "") -> None:
        """Note a finding."""
        self.findings.append(Finding(level, topic, what, fix))

    def sort(self) -> None:
        """Errors first; within a level, in the order they were found."""
        self.findings.sort(key=lambda f: LEVELS.index(f.level))

    @property
    def verdict(self) -> str:
        """One line."""
        counts = {level: sum(f.level == level for f in self.findings) for level in LEVELS}
        if counts["error"]:
            return _("NOT READY: {} error(s), {} warning(s)").format(counts["error"], counts["warning"])
        return _("READY, with {} warning(s)").format(counts["warning"]) if counts["warning"] else _("READY")

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "seconds": self.seconds,
            "facts": self.facts,
            "findings": [asdict(f) for f in self.findings],
        }

    def text(self) -> str:
        """For people: findings with fixes, the verdict last."""
        lines = []
        for finding in self.findings:
            lines.append(f"{padded(_(SHOWN[finding.level]), 7)} [{finding.topic}] {finding.what}")
            if finding.fix:
                lines.append(_("        fix: {}").format(finding.fix))
        return "\n".join([*lines, _("verdict: {} ({:.1f} s)").format(self.verdict, self.seconds)])
