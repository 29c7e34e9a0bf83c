"""From another library's names to ours: rules, and an account of every tensor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

Template = Union[str, Callable[[re.Match], str]]
Rule = tuple[str, Union[Template, None]]  # pattern at the beginning of a name -> ours; None: left out


@dataclass
class Conversion:
    """What became of each tensor of a file.

    Attributes:
        state: arrays by our names. A tensor no rule knows keeps its own name, so
            that matching it to the network reports it.
        sources: our name -> the name in the file.
        left_out: name in the file -> why it is not needed.
    """

    state: dict[str, np.ndarray] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def unused(self, layer: Any) -> dict[str, str]:
        """Every tensor of the file that ``layer`` does not get, with the reason."""
        own = layer.state_dict()
        foreign = {
            self.sources[name]: f"{type(layer).__name__} has no {name}" for name in self.state if name not in own
        }
        return {**self.left_out, **foreign}

    def missing(self, layer: Any) -> list[str]:
        """Tensors of ``layer`` that the file does not have."""
        return [name for name in layer.state_dict() if name not in self.state]


def convert(
    state: Mapping[str, np.ndarray],
    rules: Iterable[Rule],
    endings: Iterable[tuple[str, str]],
    *,
    left_out: Mapping[str, str] | None = None,
) -> Conversion:
    """Rename by the first rule whose pattern the name begins with, then by every ending.

    Args:
        state: arrays by their names.
        rules: ``(pattern, ours)``; what follows the match stays.
        endings: ``(pattern, replacement)`` anywhere in the rest.
        left_out: ``{pattern: reason}`` of tensors that are not needed.
    """
    result = Conversion()
    rules = [(re.compile(pattern), ours) for pattern, ours in rules]
    reasons = [(re.compile(pattern), why) for pattern, why in (left_out or {}).items()]
    for name, array in state.items():
        why = next((why for pattern, why in reasons if pattern.search(name)), None)
        if why is not None:
            result.left_out[name] = why
            continue
        ours = name
        for pattern, template in rules:
            match = pattern.match(name)
            if match:
                ours = (template(match) if callable(template) else match.expand(template)) + name[match.end() :]
                for ending, replacement in endings:
                    ours = re.sub(ending, replacement, ours)
                break
        result.state[ours] = np.asarray(array)
        result.sources[ours] = name
    return result


def shifted(template: str, *shifts: int) -> Callable[[re.Match], str]:
    """A template whose ``{}`` are the match's groups, as numbers, plus the shifts."""

    def fill(match: re.Match) -> str:
        groups = [g for g in match.groups() if g is not None]
        return template.format(*(int(g) + s for g, s in zip(groups, shifts)))

    return fill


def under(prefix: str, template: Template) -> Template:
    """The same name of ours, with a prefix."""
    return (lambda m: prefix + template(m)) if callable(template) else prefix + template
