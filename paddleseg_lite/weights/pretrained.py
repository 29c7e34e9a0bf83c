"""``pretrained:`` of a model: find out what a file holds and fill the network or its backbone with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import CheckpointError
from ..files import expanded
from . import zoo
from .match import Match, compare, load_pretrained
from .origins import NATIVE, convert_from, detect_origin
from .readers import read_weights

MIN_MATCH = 0.95
_URL = re.compile(r"[a-z]+://", re.IGNORECASE)
_fetcher: Callable[[str], str] | None = None


def set_fetcher(fetch: Callable[[str], str] | None) -> None:
    """Set the function that turns an address into the path of a local copy (None: the downloader)."""
    global _fetcher
    _fetcher = fetch


def apply_pretrained(model: Any, path: str, *, part: str | None = None, min_match: float = MIN_MATCH) -> Match:
    """Fill ``model`` or its ``pretrained_part()`` from a file, whichever the file is for.

    The whole network is filled where at least ``min_match`` of its tensors are
    in the file (a classifier for other classes may be missing), else the
    pretrained part, else the backbone; weights of a known other origin are
    converted on the way. A part that goes by the network's own names (VGG16 with
    fc6 and fc7) lets the rest of the file in as well: FCN-16s starts from FCN-32s.

    Args:
        model: a Segmentor.
        path: a weights file of any supported format, a checkpoint folder, a run folder (its best checkpoint), an
            address, or the name of published weights (``torchvision/resnet50``).
        part: ``"backbone"`` fills the backbone alone, whatever else the file would fill.

    Returns:
        The match, which is also logged.

    Raises:
        CheckpointError: unreadable, or neither the network nor the part is matched well enough.
    """
    source = path
    if _URL.match(path):
        path = _fetch(path)
    elif zoo.is_published(path) and not expanded(path).exists():
        path = str(zoo.get(path))
    elif (inside := expanded(path) / "best_model").is_dir():
        path = str(inside)
    state = read_weights(path)
    if part == "backbone":
        fitted = in_names_of(model.backbone, _without("backbone.", state), source)
        return load_pretrained(model.backbone, fitted, source=source, min_match=min_match)
    imagenet = model.pretrained_part()
    best: tuple[Match, Any, Mapping] | None = None
    refusals = []
    backbone = getattr(model, "backbone", imagenet)
    own_names = set(imagenet.state_dict()) <= set(model.state_dict())
    for layer, prefix in ((model, ""), (imagenet, ""), (imagenet, _name_of(imagenet, model)), (backbone, "")):
        try:
            fitted = in_names_of(layer, _without(prefix, state), source)
        except CheckpointError as e:
            refusals.append(e)
            continue
        match = compare(layer, fitted)
        if match.share >= min_match:
            if layer is imagenet and own_names:
                layer, min_match = model, 0.0
            return load_pretrained(layer, fitted, source=source, min_match=min_match)
        if best is None or match.share > best[0].share:
            best = (match, layer, fitted)
    if best is None or (refusals and not best[0].matched):
        raise refusals[0]
    return load_pretrained(best[1], best[2], source=source, min_match=min_match)  # raises, with the lists


def in_names_of(layer: Any, state: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """``state`` by the names of ``layer``: as it is, or converted where it is of another origin.

    Raises:
        CheckpointError: of an origin that cannot be converted.
    """
    origin = detect_origin(state, layer.state_dict())
    return state if origin == NATIVE else convert_from(origin, state, layer, source=source)


def _name_of(part: Any, model: Any) -> str:
    return next((f"{name}." for name, layer in model.named_sublayers() if layer is part), "")


def _without(prefix: str, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Entries under a prefix, without it; everything where there are none."""
    inner = {name[len(prefix) :]: array for name, array in state.items() if name.startswith(prefix)}
    return inner or state


def _fetch(address: str) -> str:
    if _fetcher is not None:
        return _fetcher(address)
    from .fetch import fetch  # needed by few, and it brings the network modules

    return fetch(address)
