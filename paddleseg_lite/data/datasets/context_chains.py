"""Layouts of context scenes in which one look at the picture is not enough (docs/context_scenes.md).

    two_hop     a vehicle's colour names a mark, which names another by its colour, ..., and the
                last one's face is the class: as many look-ups as hops, each from a new place
    relation    a vehicle's colour names two marks, and the class is whether their faces agree

All marks stand at least ``distance`` from every vehicle. Two marks of which one leads to
the other stand so far apart that no pixel is within ``distance`` of both: there is no
place from which a step can be skipped.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .context_geometry import Box, draw, fits, free, place_objects, spread_hues

CUE = 11  # side of a mark
Boxes = tuple[Box, ...]


def draw_chains(
    rng: np.random.Generator, size: tuple[int, int], distance: int, count: int, hops: int
) -> tuple[Boxes, Boxes, Boxes, tuple[int, ...], tuple[float, ...]] | None:
    """``two_hop``: objects, links, cues, truth and hues; ``None`` where there is no room this time.

    A link has the colour it is found by as ``group`` and the one it names as ``value``; colours
    ``count * level + chain`` are those of a level.
    """
    objects = place_objects(rng, [np.ones(size, bool)], [count])
    chains = place_chains(rng, size, objects, distance, count, hops) if objects else None
    if not objects or not chains:
        return None
    truth = tuple(int(t) for t in rng.integers(1, 3, count))
    links: list[Box] = []
    cues: list[Box] = []
    for chain, marks in enumerate(chains):
        colours = [count * level + chain for level in range(hops)]
        links += [replace(m, group=a, value=b) for m, a, b in zip(marks, colours, colours[1:])]
        cues.append(replace(marks[-1], group=colours[-1], value=truth[chain]))
    objects = tuple(replace(o, group=i, value=t) for i, (o, t) in enumerate(zip(objects, truth)))
    return objects, tuple(links), tuple(cues), truth, spread_hues(rng, count * hops)


def draw_relations(
    rng: np.random.Generator, size: tuple[int, int], distance: int, count: int
) -> tuple[Boxes, Boxes, tuple[int, ...], tuple[float, ...]] | None:
    """``relation``: objects, cues (two of each group, in turn), truth and hues; ``None`` where there is no room."""
    objects = place_objects(rng, [np.ones(size, bool)], [count])
    pairs = place_chains(rng, size, objects, distance, count, 2) if objects else None
    if not objects or not pairs:
        return None
    faces = rng.integers(1, 3, (count, 2)).tolist()
    truth = tuple(1 if a == b else 2 for a, b in faces)
    cues = tuple(replace(m, group=i, value=f) for i, pair in enumerate(pairs) for m, f in zip(pair, faces[i]))
    objects = tuple(replace(o, group=i, value=t) for i, (o, t) in enumerate(zip(objects, truth)))
    return objects, cues, truth, spread_hues(rng, count)


def place_chains(
    rng: np.random.Generator, size: tuple[int, int], objects: Boxes, distance: int, count: int, length: int
) -> list[list[Box]] | None:
    """``count`` chains of ``length`` marks; ``None`` where there is no room this time.

    Marks are at least ``distance`` from the objects, and ``2 * distance - 1`` from the one before in their chain.
    """
    chains: list[list[Box]] = [[] for _ in range(count)]
    for _ in range(length):
        for chain in chains:
            others = [mark for marks in chains for mark in marks]
            room = free(size, objects, distance) & free(size, chain[-1:], 2 * distance - 1) & free(size, others, 2)
            places = fits(room, CUE, CUE)
            if not places.any():
                return None
            chain.append(Box(*draw(rng, places), CUE, CUE, 0))
    return chains
