"""The account of a preparation: how many annotations became pixels, and why the others did not."""

from __future__ import annotations

from dataclasses import dataclass, field

EXAMPLES = 3
MISSING = "their picture cannot be found"
DISPUTED = "their picture is claimed under several names"


@dataclass
class Reason:
    """Why some annotations were left out: how many, and where the first of them are."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


class Tally:
    """Annotations used and left out, of one picture or of all.

    Attributes:
        used: annotations painted into a label.
        left: reason -> count and examples of those that were not.
    """

    def __init__(self):
        self.used = 0
        self.left: dict[str, Reason] = {}

    @property
    def total(self) -> int:
        """Annotations there were."""
        return self.used + sum(reason.count for reason in self.left.values())

    def use(self, count: int = 1) -> None:
        """Count annotations that were painted."""
        self.used += count

    def leave(self, reason: str, where: str = "", count: int = 1) -> None:
        """Count annotations that were not, with the place of one of them."""
        if count < 1:
            return
        kept = self.left.setdefault(reason, Reason())
        kept.count += count
        if where and len(kept.examples) < EXAMPLES:
            kept.examples.append(where)

    def add(self, other: Tally) -> None:
        """Take the counts of a part."""
        self.used += other.used
        for reason, part in other.left.items():
            kept = self.left.setdefault(reason, Reason())
            kept.count += part.count
            kept.examples += part.examples[: EXAMPLES - len(kept.examples)]

    def text(self, unit: str = "annotations") -> str:
        """``3 of 5 annotations used; 2 not used:`` and a line for each reason, most frequent first."""
        head = f"{self.used} of {self.total} {unit} used"
        if not self.left:
            return head
        lines = [f"{head}; {self.total - self.used} not used:"]
        for reason, kept in sorted(self.left.items(), key=lambda item: -item[1].count):
            shown = f" ({'; '.join(kept.examples)}{'; ...' if kept.count > len(kept.examples) else ''})"
            lines.append(f"  {kept.count} x {reason}{shown if kept.examples else ''}")
        return "\n".join(lines)
