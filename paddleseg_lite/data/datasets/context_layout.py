"""Where things stand in a context scene, and which class follows from it (docs/context_scenes.md).

Every draw that an object's surroundings could show is made before, and
independently of, the classes; what decides a class is drawn afterwards and stands
at least ``distance`` pixels away. So nothing within that distance of an object
says anything about its class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ...errors import ConfigError
from .context_chains import CUE, draw_chains, draw_relations
from .context_geometry import MIN_PLACES, Box, draw, fits, free, mosaic, place, place_objects, spread_hues

KINDS = ("prior", "semantic", "semantic_hard", "spatial", "two_hop", "relation")
TRIES = 500
SIDE_GAP = 6  # columns between any object's centre and any partner's, at least


@dataclass(frozen=True)
class Layout:
    """One scene before it is painted.

    Attributes:
        kind: one of KINDS.
        size: (height, width).
        regions: int ``[H, W]``, region of each pixel.
        hues: hue in degrees of each region (semantic_hard), pair (spatial, relation) or link (two_hop).
        objects: ``value`` is the class, 1 or 2.
        cues: ``value`` is the class it stands for; in spatial they are the partners.
        distractors: marks that mean nothing.
        links: two_hop: marks that name another by its colour, ``value`` an index of ``hues`` as ``group`` is.
        ground: semantic: class of the ground all over the scene, else 0.
        truth: class that context says for each object; differs from ``value`` only where ``reliability < 1``.
    """

    kind: str
    size: tuple[int, int]
    regions: np.ndarray
    hues: tuple[float, ...]
    objects: tuple[Box, ...]
    cues: tuple[Box, ...]
    truth: tuple[int, ...]
    distractors: tuple[Box, ...] = ()
    links: tuple[Box, ...] = ()
    ground: int = 0
    sides: tuple[np.ndarray, ...] = field(default=(), repr=False)  # spatial: where partners may stand, left and right


def make_layout(
    rng: np.random.Generator,
    kind: str,
    size: tuple[int, int],
    distance: int,
    difficulty: float,
    reliability: float = 1.0,
    hops: int = 2,
) -> Layout:
    """Draw a layout; ``hops`` counts the look-ups of ``two_hop``.

    Raises:
        ConfigError: the picture is too small for that distance.
    """
    makers: dict[str, Maker] = {
        "prior": _prior,
        "semantic": _semantic,
        "semantic_hard": _semantic_hard,
        "spatial": _spatial,
        "two_hop": partial(_two_hop, hops=hops),
        "relation": _relation,
    }
    count = _COUNTS[kind](rng, difficulty)  # before any try: what fits less easily must not come less often
    for _ in range(TRIES):
        layout = makers[kind](rng, size, distance, difficulty, count)
        if layout is not None:
            break
    else:
        raise ConfigError(
            f"ContextScenes '{kind}' at {size[0]} x {size[1]} has no room for a distance of {distance} pixels between "
            "object and cue: make the pictures larger, or cue_distance or difficulty smaller."
        )
    if reliability < 1:
        lies = rng.random(len(layout.objects)) >= reliability
        objects = [replace(o, value=3 - o.value) if lie else o for o, lie in zip(layout.objects, lies)]
        layout = replace(layout, objects=tuple(objects))
    return layout


Maker = Callable[[np.random.Generator, tuple[int, int], int, float, int], "Layout | None"]
_COUNTS: dict[str, Callable[[np.random.Generator, float], int]] = {  # objects, or regions, or pairs
    "prior": lambda rng, difficulty: int(rng.integers(1, 3 + round(difficulty))),
    "semantic": lambda rng, difficulty: int(rng.integers(1, 2 + round(difficulty))),
    "semantic_hard": lambda rng, difficulty: int(rng.integers(2, 3 + round(2 * difficulty))),
    "spatial": lambda rng, difficulty: int(rng.integers(2, 3 + round(2 * difficulty))),
    "two_hop": lambda rng, difficulty: int(rng.integers(2, 3 + round(difficulty))),
    "relation": lambda rng, difficulty: int(rng.integers(2, 3 + round(difficulty))),
}


def counterfactual(layout: Layout, rng: np.random.Generator) -> Layout | None:
    """The same objects with the opposite context, hence the opposite classes; only cues differ.

    None where partners on the other side find no room.
    """
    swapped = replace(
        layout,
        objects=tuple(replace(o, value=3 - o.value) for o in layout.objects),
        truth=tuple(3 - t for t in layout.truth),
        ground=3 - layout.ground if layout.ground else 0,
    )
    if layout.kind == "spatial":
        cues = _partners(rng, layout.sides, swapped.truth)
        return None if cues is None else replace(swapped, cues=cues)
    changed = layout.cues[::2] if layout.kind == "relation" else layout.cues  # one of each two: they agree no longer
    return replace(swapped, cues=tuple(replace(c, value=3 - c.value) if c in changed else c for c in layout.cues))


def _prior(
    rng: np.random.Generator, size: tuple[int, int], distance: int, difficulty: float, count: int
) -> Layout | None:
    regions = np.zeros(size, int)
    objects = place_objects(rng, [regions == 0], [count])
    cue = place(rng, free(size, objects, distance), CUE, CUE) if objects else None
    if not objects or cue is None:
        return None
    marks: list[Box] = []
    for _ in range(round(4 * difficulty)):
        mark = place(rng, free(size, [*objects, cue, *marks], 3), CUE, CUE, minimum=1)
        marks += [mark] if mark else []
    truth = int(rng.integers(1, 3))
    objects = tuple(replace(o, value=truth) for o in objects)
    return Layout(
        "prior",
        size,
        regions,
        (),
        objects,
        (replace(cue, value=truth),),
        (truth,) * len(objects),
        distractors=tuple(marks),
    )


def _semantic(
    rng: np.random.Generator, size: tuple[int, int], distance: int, difficulty: float, count: int
) -> Layout | None:
    regions = np.zeros(size, int)
    objects = place_objects(rng, [regions == 0], [count])
    if not objects or free(size, objects, distance).mean() < 0.35 - 0.25 * difficulty:
        return None
    truth = int(rng.integers(1, 3))
    objects = tuple(replace(o, value=truth) for o in objects)
    return Layout("semantic", size, regions, (), objects, (), (truth,) * len(objects), ground=truth)


def _semantic_hard(
    rng: np.random.Generator, size: tuple[int, int], distance: int, difficulty: float, count: int
) -> Layout | None:
    regions = mosaic(rng, size, count)
    named: list[Box] = []
    for r in range(count):
        cue = place(rng, regions == r, CUE, CUE, minimum=1)
        if cue is None:
            return None
        named.append(replace(cue, group=r))
    room = free(size, named, distance)
    objects = place_objects(rng, [room & (regions == r) for r in range(count)], [max(1, 4 // count)] * count)
    if not objects:
        return None
    truth = tuple(int(t) for t in rng.integers(1, 3, count))
    objects = tuple(replace(o, value=truth[o.group]) for o in objects)
    cues = tuple(replace(c, value=truth[c.group]) for c in named)
    return Layout(
        "semantic_hard", size, regions, spread_hues(rng, count), objects, cues, tuple(o.value for o in objects)
    )


def _spatial(
    rng: np.random.Generator, size: tuple[int, int], distance: int, difficulty: float, count: int
) -> Layout | None:
    columns = np.arange(size[1])[None, :] + np.zeros(size, int)
    band = 16 + round(max(0.0, 2 * difficulty - 1) * (size[1] // 2 - 36))  # half of it; wider above 0.5
    objects = place_objects(rng, [np.abs(columns - size[1] // 2) <= band], [count])
    if not objects:
        return None
    objects = tuple(replace(o, group=i) for i, o in enumerate(objects))
    middles = [o.left + o.width // 2 for o in objects]
    room, centres = fits(free(size, objects, distance), CUE, CUE), columns + CUE // 2
    # Left or right of all objects, so that no order of theirs betrays whose partner stands where.
    sides = room & (centres <= min(middles) - SIDE_GAP), room & (centres >= max(middles) + SIDE_GAP)
    if min(side.sum() for side in sides) < count * MIN_PLACES:  # asked of both sides alike: none is favoured
        return None
    truth = tuple(int(t) for t in rng.integers(1, 3, count))
    cues = _partners(rng, sides, truth)
    if cues is None:
        return None
    objects = tuple(replace(o, value=t) for o, t in zip(objects, truth))
    return Layout("spatial", size, np.zeros(size, int), spread_hues(rng, count), objects, cues, truth, sides=sides)


def _partners(rng: np.random.Generator, sides: Sequence[np.ndarray], truth: Sequence[int]) -> tuple[Box, ...] | None:
    """Partner i stands on the left (class 1) or on the right (class 2), clear of the other partners."""
    for _ in range(50):  # again for the same classes: giving up must not favour any
        cues: list[Box] = []
        for i, t in enumerate(truth):
            places = sides[t - 1] & fits(free(sides[0].shape, cues, 1), CUE, CUE)
            if not places.any():
                break
            cues.append(Box(*draw(rng, places), CUE, CUE, t, i))
        else:
            return tuple(cues)
    return None


def _two_hop(
    rng: np.random.Generator, size: tuple[int, int], distance: int, difficulty: float, count: int, *, hops: int
) -> Layout | None:
    drawn = draw_chains(rng, size, distance, count, hops)
    if drawn is None:
        return None
    objects, links, cues, truth, hues = drawn
    regions = np.zeros(size, int)
    return Layout("two_hop", size, regions, hues, objects, cues, truth, links=links)


def _relation(
    rng: np.random.Generator, size: tuple[int, int], distance: int, difficulty: float, count: int
) -> Layout | None:
    drawn = draw_relations(rng, size, distance, count)
    if drawn is None:
        return None
    objects, cues, truth, hues = drawn
    return Layout("relation", size, np.zeros(size, int), hues, objects, cues, truth)
