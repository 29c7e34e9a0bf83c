"""Photos of leaves, pebbles and bottle caps on wood, cloth or soil, with labelme's polygons; all from a seed.

They stand for the photos somebody takes with a phone: 640 x 480 JPEG, uneven light, shadows, noise, things that
overlap or lie across the border. Nothing is drawn in one colour, and no two things are alike.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 480
CLASSES = ("leaf", "pebble", "bottle cap")
Random = np.random.Generator


@dataclass
class Thing:
    """An object: its class, its outline ``[P, 2]`` in pixels (x, y), and what fills it, ``[H, W, 3]`` float."""

    name: str
    outline: np.ndarray
    filling: np.ndarray


def noise(rng: Random, *, scale: float, octaves: int = 4, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise ``[H, W]`` around 0 with deviation 1; ``scale`` pixels wide, ``stretch`` times longer along x."""
    total, weight = np.zeros((HEIGHT, WIDTH), np.float32), 1.0
    for octave in range(octaves):
        side = max(2.0, scale / 2**octave)
        size = (max(2, round(WIDTH / side / stretch)), max(2, round(HEIGHT / side)))
        field = rng.standard_normal(size[::-1]).astype(np.float32)
        total += weight * cv2.resize(field, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        weight *= 0.55
    return (total - total.mean()) / (total.std() + 1e-6)


def coloured(base, *layers: tuple[np.ndarray, tuple[float, float, float]]) -> np.ndarray:
    """A base colour and layers of noise, each with what it adds to red, green and blue."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    picture[:] = base
    for field, colour in layers:
        picture += field[..., None] * np.asarray(colour, np.float32)
    return picture


def wood(rng: Random) -> np.ndarray:
    """Boards with grain and the gaps between them."""
    grain = noise(rng, scale=10, stretch=14)
    picture = coloured(
        np.array((150, 108, 70)) + rng.normal(0, 14) + rng.normal(0, 5, 3),
        (grain, (13, 11, 8)),
        (noise(rng, scale=160, stretch=3), (9, 8, 6)),
    )
    board = int(rng.integers(95, 170))
    for y in range(int(rng.integers(10, board)), HEIGHT, board):
        picture[y : y + 3] *= np.linspace(0.35, 0.75, 3)[: HEIGHT - y, None, None]
        picture[y + 3 :] += rng.normal(0, 7)
    return picture


def cloth(rng: Random) -> np.ndarray:
    """A woven cloth with wide stripes."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    weave = np.sin(x * 1.6) * np.sin(y * 1.6)
    stripes = (np.sin((x * 0.8 + y * 0.15) / rng.uniform(22, 40)) > 0.75).astype(np.float32)
    base = rng.normal((176, 172, 168), 14)
    picture = coloured(base, (weave, (7, 7, 7)), (noise(rng, scale=120), (9, 9, 10)))
    return picture - cv2.GaussianBlur(stripes, (0, 0), 1)[..., None] * rng.uniform(20, 60, 3)


def soil(rng: Random) -> np.ndarray:
    """Sand and soil, with grains."""
    grains = noise(rng, scale=5, octaves=2)
    base = np.array((126, 104, 80)) + rng.normal(0, 16) + rng.normal(0, 4, 3)
    return coloured(base, (grains, (17, 15, 13)), (noise(rng, scale=70), (14, 12, 10)))


def placed(rng: Random, points: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray, float]:
    """An outline turned and moved into the picture; also its middle and its angle."""
    angle = rng.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    middle = rng.uniform((20, 20), (WIDTH - 20, HEIGHT - 20))
    return points @ turn * size + middle, middle, angle


def local(middle: np.ndarray, angle: float, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel's place in a thing's own axes: along and across, 1 at its size."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    dx, dy = (x - middle[0]) / size, (y - middle[1]) / size
    return dx * math.cos(angle) + dy * math.sin(angle), -dx * math.sin(angle) + dy * math.cos(angle)


def leaf(rng: Random) -> Thing:
    """A leaf with a bent midrib, side veins and brown spots; green to autumn red."""
    t = np.linspace(0, 1, 22)
    half = rng.uniform(0.3, 0.48) * np.sin(math.pi * t**0.85) * (1 + 0.05 * np.sin(40 * t))
    bend = rng.uniform(-0.22, 0.22) * np.sin(math.pi * t)
    along = 2 * t - 1
    points = np.concatenate([np.stack([along, bend + half], 1), np.stack([along, bend - half], 1)[-2:0:-1]])
    size = rng.uniform(45, 95)
    outline, middle, angle = placed(rng, points, size)
    u, v = local(middle, angle, size)
    rib = v - np.interp(u, along, bend).astype(np.float32)
    green, red = np.array([92, 124, 52]), np.array([178, 92, 44])
    base = green + rng.beta(0.7, 0.9) * (red - green) + rng.normal(0, 8, 3)
    picture = coloured(base, (noise(rng, scale=30), (9, 11, 6)), (np.tanh(3 * rib), (-7, -6, -3)))
    veins = np.exp(-((rib / 0.025) ** 2)) + 0.5 * np.exp(-((np.sin(9 * u - 7 * np.abs(rib)) / 0.22) ** 2))
    picture += veins[..., None] * np.array([30, 32, 18])
    spots = noise(rng, scale=24) > 1.9
    picture[spots] = picture[spots] * 0.55 + np.array([38, 24, 12])
    return Thing("leaf", outline, picture)


def pebble(rng: Random) -> Thing:
    """A rounded stone: lit from above left, speckled, some with a vein of quartz."""
    angles = np.linspace(0, 2 * math.pi, 26, endpoint=False)
    radius = 1 + sum(rng.normal(0, 0.07 / k) * np.cos(k * angles + rng.uniform(0, 6)) for k in (2, 3, 4, 5))
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles) * rng.uniform(0.6, 0.95)], 1)
    size = rng.uniform(24, 55)
    outline, middle, angle = placed(rng, points, size)
    u, v = local(middle, angle, size)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    dome = np.sqrt(np.clip(1.3 - u**2 - v**2, 0.02, None))
    light = 0.55 + 0.4 * dome - 0.22 * ((x - middle[0]) + (y - middle[1])) / size
    base = rng.choice([(132, 130, 128), (108, 98, 92), (158, 148, 132), (92, 98, 106)]) + rng.normal(0, 7, 3)
    picture = coloured(base, (noise(rng, scale=3, octaves=1), (9, 9, 9)), (noise(rng, scale=26), (10, 9, 8)))
    if rng.random() < 0.4:
        picture += 55 * np.exp(-(((u * 0.4 + v + rng.normal(0, 0.2)) / 0.07) ** 2))[..., None]
    return Thing("pebble", outline, picture * light[..., None])


def bottle_cap(rng: Random) -> Thing:
    """A crown cap: fluted edge, a printed ring, a highlight."""
    angles = np.linspace(0, 2 * math.pi, 42, endpoint=False)
    points = (
        np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.86, 1)], 1) * (1 + 0.03 * np.cos(21 * angles))[:, None]
    )
    size = rng.uniform(24, 34)
    outline, middle, angle = placed(rng, points, size)
    u, v = local(middle, angle, size)
    radius, around = np.hypot(u, v), np.arctan2(v, u)
    base = rng.choice([(176, 38, 42), (34, 72, 148), (206, 164, 48), (40, 112, 72), (196, 196, 200)]) + rng.normal(
        0, 8, 3
    )
    picture = coloured(base, (noise(rng, scale=40), (6, 6, 6)))
    picture[(radius > 0.55) & (radius < 0.66)] = rng.choice([(228, 224, 214), (48, 44, 42)])
    picture[np.abs(u) + np.abs(v) < 0.26] = rng.choice([(228, 224, 214), (48, 44, 42)])
    flutes = np.where(radius > 0.84, 26 * np.sin(21 * around), 0)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    shine = np.exp(-(((x - middle[0] + 0.35 * size) ** 2 + (y - middle[1] + 0.4 * size) ** 2) / (0.3 * size) ** 2))
    return Thing("bottle cap", outline, picture + flutes[..., None] + 95 * shine[..., None])


MAKERS: dict[str, Callable[[Random], Thing]] = dict(zip(CLASSES, (leaf, pebble, bottle_cap)))


def filled(outline: np.ndarray) -> np.ndarray:
    """The pixels inside an outline as shares from 0 to 1, ``[H, W]``."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def laid(picture: np.ndarray, thing: Thing) -> np.ndarray:
    """The picture with a thing on it and its shadow below."""
    inside = filled(thing.outline)
    shadow = cv2.GaussianBlur(np.roll(inside, (5, 4), (0, 1)), (0, 0), 4)
    picture = picture * (1 - 0.5 * shadow * (1 - inside))[..., None]
    return picture * (1 - inside)[..., None] + thing.filling * inside[..., None]


def taken(picture: np.ndarray, rng: Random) -> np.ndarray:
    """What a camera makes of a scene: light from one side, colour of the light, vignette, blur, noise; uint8."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    direction = rng.uniform(0, 2 * math.pi)
    light = rng.uniform(0.85, 1.15) * (1 + 0.16 * (x * math.cos(direction) + y * math.sin(direction)))
    picture = picture * (light * (1 - 0.14 * (x**2 + y**2)))[..., None] * rng.normal(1, 0.035, 3)
    picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), rng.uniform(0.5, 0.9))
    picture += rng.standard_normal(picture.shape) * np.sqrt(np.clip(picture, 4, None)) * 0.35
    return np.clip(picture, 0, 255).astype(np.uint8)


def photo(seed: int) -> tuple[np.ndarray, list[Thing]]:
    """A photo, RGB uint8 ``[480, 640, 3]``, and its things, those on top last."""
    rng = np.random.default_rng(seed)
    picture = (wood, cloth, soil)[int(rng.integers(3))](rng)
    names = rng.choice(CLASSES, size=int(rng.integers(6, 12)), p=(0.4, 0.35, 0.25))
    things = [MAKERS[name](rng) for name in names]
    for thing in things:
        picture = laid(picture, thing)
    return taken(picture, rng), things


def labelme(things: list[Thing], image: str) -> dict:
    """labelme's document of a photo: a polygon for each thing, cut at the border as labelme cuts it."""
    shapes = []
    for thing in things:
        points = np.clip(thing.outline, 0, (WIDTH - 1, HEIGHT - 1)).round(2).tolist()
        shapes.append({"label": thing.name, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}})
    size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
    return {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None, **size}


def write_photos(folder: Path, seeds: range, *, annotated: bool) -> list[Path]:
    """``IMG_0001.jpg`` and so on, with a JSON beside each where ``annotated``; returns the photos."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for seed in seeds:
        picture, things = photo(seed)
        path = folder / f"IMG_{seed:04d}.jpg"
        path.write_bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())
        if annotated:
            path.with_suffix(".json").write_text(json.dumps(labelme(things, path.name)), encoding="utf-8")
        written.append(path)
    return written
