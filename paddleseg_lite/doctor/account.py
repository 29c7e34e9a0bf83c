"""What was found out about data, network and machine, for people: a line for each fact, a bar for each class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..language import columns, padded
from ..language import translate as _
from .findings import Diagnosis
from .pairs import PairFacts

BAR = 24  # characters of a whole
SHOWN = 40  # classes
LARGE = 0.9  # share of a class from which on it is told that accuracy says little


def note_sizes(diagnosis: Diagnosis, name: str, facts: Sequence[PairFacts]) -> None:
    """Count the pictures' sizes, ``{"480x360": 20}`` (width x height), the most frequent first."""
    sizes = Counter(f"{f.image_size[1]}x{f.image_size[0]}" for f in facts if f.image_size)
    diagnosis.facts[f"{name}_sizes"] = dict(sizes.most_common())


def examine_largest(diagnosis: Diagnosis, shares: Mapping[str, float], *, weighted: bool) -> None:
    """Tell where one class is nearly everything: a network that answers nothing else would look good."""
    name, share = max(shares.items(), key=lambda item: item[1], default=("", 0.0))
    if share < LARGE or len(shares) < 2:
        return
    what = name if name.lower() == "background" else f"class {name}"
    remedy = "the loss is weighted already" if weighted else "--opts class_weights=enet weighs the others up"
    diagnosis.add(
        "info",
        "labels",
        f"{100 * share:.0f} % of the training pixels are {what}: answering that everywhere has as much pixel accuracy",
        f"watch the IoU of the other classes; {remedy}",
    )


def account(facts: Mapping[str, Any]) -> str:
    """The facts of a diagnosis as text; what was not looked at is left out."""
    lines = [_pictures(facts)]
    lines += [_sizes(name, facts) for name in ("train", "val") if facts.get(f"{name}_sizes")]
    if "channels" in facts:
        lines.append(_line(_("channels"), f"{facts['channels']}"))
    lines += _classes(facts)
    lines += _step(facts)
    if "cores" in facts:
        lines.append(_line(_("machine"), _("{} cores, {} threads in use").format(facts["cores"], facts["threads"])))
    return "\n".join(line for line in lines if line)


def _line(name: str, text: str) -> str:
    return padded(name, 14) + text


def _pictures(facts: Mapping[str, Any]) -> str:
    if "train_images" not in facts:
        return ""
    text = _("{:,} to train on, {:,} to validate").format(facts["train_images"], facts["val_images"])
    return _line(_("pictures"), text)


def _sizes(name: str, facts: Mapping[str, Any]) -> str:
    sizes: Mapping[str, int] = facts[f"{name}_sizes"]
    most = [f"{size} ({count:,})" for size, count in [*sizes.items()][:3]]
    rest = _(", and {} other sizes").format(len(sizes) - 3) if len(sizes) > 3 else ""
    return _line(_("sizes, {}").format(name), ", ".join(most) + rest)


def _classes(facts: Mapping[str, Any]) -> list[str]:
    census = facts.get("train_census")
    if not census:
        return []
    val = (facts.get("val_census") or {}).get("share", {})
    names = [plain(name)[:28] for name in census["share"]]
    width = max(map(columns, names), default=0)
    lines = [_line(_("classes"), _("share of the training pixels, of the validation pixels, pictures with it"))]
    for shown, (name, share) in list(zip(names, census["share"].items()))[:SHOWN]:
        own = f"{100 * val[name]:5.1f} %" if name in val else "      -"
        lines.append(
            f"  {padded(shown, width)} {bar(share)} {100 * share:5.1f} %  {own}  {census['images_with'][name]:>6,}"
        )
    if len(census["share"]) > SHOWN:
        lines.append(_("  and {} more (--json has all)").format(len(census["share"]) - SHOWN))
    if census["ignored_share"]:
        lines.append(_("  ignored: {:.1f} % of the training pixels").format(100 * census["ignored_share"]))
    weights = census.get("suggested_weights")
    if weights and len(weights) <= SHOWN:
        numbers = ", ".join(f"{w:.4g}" for w in weights.values())
        lines.append(_line("class_weights", _("enet would be [{}]: --opts class_weights=enet").format(numbers)))
    return lines


def _step(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    if "step_memory_mb" in facts:
        need, free = max(1, facts["step_memory_mb"]), facts["available_mb"]
        lines.append(_line(_("memory"), _("a step takes about {:,} MiB, {:,} MiB are free").format(need, free)))
    seconds, steps = facts.get("step_seconds"), facts.get("iterations")
    if seconds is not None and steps:
        text = _("{:.2f} s x {:,} iterations = {}, validations not counted").format(
            seconds, steps, duration(seconds * steps)
        )
        load = facts.get("loader_seconds_per_batch")
        if load is not None:
            text += _("; loading a batch {:.2f} s").format(load)
        lines.append(_line(_("a step"), text))
    return lines


def plain(name: str) -> str:
    """A name on one line."""
    return " ".join(name.split())


def bar(share: float) -> str:
    """A bar of ``BAR`` characters; anything above nothing shows."""
    eighths = max(math.ceil(share > 0), round(8 * BAR * min(1.0, share)))
    full, part = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(BAR)


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
