"""Findings, the verdict, and the order of examination."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ..config import Config
from ..errors import UserError

LEVELS = ("error", "warning", "info")


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
            return f"NOT READY: {counts['error']} error(s), {counts['warning']} warning(s)"
        return f"READY, with {counts['warning']} warning(s)" if counts["warning"] else "READY"

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
            lines.append(f"{finding.level.upper():7} [{finding.topic}] {finding.what}")
            if finding.fix:
                lines.append(f"        fix: {finding.fix}")
        return "\n".join([*lines, f"verdict: {self.verdict} ({self.seconds:.1f} s)"])


def diagnose(config: Config, *, dry_run: bool = True, speed: bool = True, use_cache: bool = True) -> Diagnosis:
    """Examine a recipe.

    Args:
        config: the resolved recipe.
        dry_run: one forward, loss and backward at the real batch and crop.
        speed: time the loader against the model.
        use_cache: reuse what is known of files that have not changed since.
    """
    from ..data.building import build_datasets
    from .datasets import examine_datasets
    from .machine import examine_machine
    from .rehearsal import rehearse

    started = time.perf_counter()
    diagnosis = Diagnosis()
    try:
        train, val = build_datasets(config)
    except UserError as e:
        diagnosis.add("error", "data", str(e))
        train = None
    if train is not None:
        examine_datasets(diagnosis, config, train, val, use_cache=use_cache)
        if dry_run and diagnosis.ok:
            rehearse(diagnosis, config, train, speed=speed)
        examine_machine(diagnosis, config)
    diagnosis.sort()
    diagnosis.seconds = time.perf_counter() - started
    return diagnosis
