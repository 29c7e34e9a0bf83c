"""A street for :mod:`.scenes`: what stands where, and what hides what.

Sizes are in units of 1/96 of the shorter side. ``near`` is the place between the
horizon (0) and the lower edge (1): things grow with it, and nearer ones are
painted later.
"""

from __future__ import annotations

import numpy as np

from .scene_canvas import Canvas
from .scene_chance import Chance

# name, colour; with fewer classes the last ones are left out of the scenes
SCENES_CLASSES = (
    ("sky", (135, 190, 235)),
    ("road", (128, 64, 128)),
    ("building", (170, 80, 60)),
    ("tree", (34, 110, 40)),
    ("car", (20, 40, 200)),
    ("pole", (230, 180, 60)),
    ("grass", (150, 220, 90)),
    ("person", (230, 30, 60)),
    ("wire", (60, 220, 210)),
    ("sign", (240, 240, 30)),
)
SKY, ROAD, BUILDING, TREE, CAR, POLE, GRASS, PERSON, WIRE, SIGN = range(10)


class Street(Chance):
    """One scene in the making; draws everything from ``rng``."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], num_classes: int, difficulty: float) -> None:
        super().__init__(rng, difficulty)
        self.k = num_classes
        self.height, self.width = size
        self.canvas = Canvas(*size, rng)
        self.unit = self.canvas.unit
        self.horizon = int(self.height * self.between(0.40, 0.52))
        self.vanish = self.width * self.between(0.3, 0.7)
        self.ground = GRASS if num_classes > GRASS else ROAD

    def pixels(self, units: float, least: int = 1) -> int:
        return max(least, round(units * self.unit))

    def paint(self, noise: float) -> tuple[np.ndarray, np.ndarray]:
        self.sky()
        self.backdrop()
        self.buildings()
        self.land()
        self.things()
        vary = 0.3 + 1.4 * self.hard
        gain = round(256 * (1 + vary * self.between(-0.22, 0.14)))
        cast = self.rng.integers(-8, 9, 3) * round(2 * vary) // 2
        return self.canvas.finish(self.rng, gain, cast, round(noise * 255 * 16)), self.canvas.label

    def sky(self) -> None:
        overhead, horizon = [
            ((70, 130, 210), (170, 205, 235)),
            ((150, 160, 172), (200, 204, 208)),
            ((95, 105, 165), (240, 180, 140)),
            ((110, 165, 220), (225, 232, 235)),
        ][self.rng.integers(4)]
        top, low = self.tint(overhead, 10), self.tint(horizon, 8)
        steps = np.arange(self.height)[:, None, None]
        self.canvas.colour[:] = top + (low - top) * np.minimum(steps, self.horizon) // max(1, self.horizon)
        cover, white = self.count(-40, 60), np.asarray((242, 243, 246))
        cloud = np.clip(self.canvas.clouds + self.canvas.blotches // 3 - cover, 0, 60)[..., None]
        self.canvas.colour[:] += (white - self.canvas.colour) * cloud // 80
        self.canvas.label[:] = SKY

    def backdrop(self) -> None:
        """A line of far woods."""
        rise = self.pixels(self.between(4, 10))
        hills = self.canvas.clouds[0] * rise // 160 + self.canvas.blotches[1] * rise // 320
        self.canvas.below(
            self.horizon - rise - hills,
            TREE,
            self.tint((70, 104, 78), 8),
            bottom=self.horizon + 2,
            blotches=18,
            grain=8,
        )

    def buildings(self) -> None:
        x = -self.pixels(self.between(0, 14))
        while x < self.width:
            w, h = self.pixels(self.between(15, 34)), self.pixels(self.between(14, 36))
            if self.chance(0.72):
                self.building(self.horizon + 2, x, min(h, self.horizon - 2), w)
            x += w + (0 if self.chance(0.35) else self.pixels(self.between(2, 14)))

    def building(self, base: int, left: int, h: int, w: int) -> None:
        wall = self.pick([(168, 92, 72), (196, 178, 148), (142, 138, 140), (186, 142, 108), (120, 96, 92)], 14)
        floor, bay = self.pixels(self.between(6, 9), 5), self.pixels(self.between(5, 8), 4)
        y, x = np.arange(h)[:, None], np.arange(w)[None, :]
        window = (y % floor >= floor // 3) & (x % bay >= max(1, bay // 3)) & (y > floor // 2) & (y < h - floor // 2)
        lit = 60 if self.chance(0.25) else -self.count(45, 75)
        side = np.where(x > w - max(2, w // 6), -24, 0)  # the wall turned away from the sun
        overlay = window * lit + side
        self.canvas.rectangle(
            base - h,
            base,
            left,
            left + w,
            BUILDING,
            wall,
            grain=7,
            blotches=9,
            overlay=overlay[max(0, h - base) :, max(0, -left) :],
        )
        if self.chance(0.5):  # a roof
            rise, over = self.pixels(self.between(3, 8)), self.pixels(1)
            roof = self.pick([(110, 52, 44), (74, 74, 82), (120, 84, 60)], 8)
            ridge = self.between(0.3, 0.7) * w
            self.canvas.polygon(
                [
                    (base - h, left - over),
                    (base - h - rise, left + ridge - w * 0.15),
                    (base - h - rise, left + ridge + w * 0.15),
                    (base - h, left + w + over),
                ],
                BUILDING,
                roof,
                grain=10,
            )

    def land(self) -> None:
        h, w, horizon = self.height, self.width, self.horizon
        depth = np.arange(h - horizon)[:, None] * 30 // max(1, h - horizon)
        colour = (104, 146, 62) if self.ground == GRASS else (126, 122, 118)
        self.canvas.rectangle(horizon, h, 0, w, self.ground, self.tint(colour, 10), grain=26, blotches=20, rows=-depth)
        self.bottom = (self.vanish + w * self.between(-0.75, -0.35), self.vanish + w * self.between(0.35, 0.75))
        mouth = self.pixels(2.5)
        asphalt = self.tint((98, 98, 104), 8)
        left, right = self.bottom
        self.canvas.polygon(
            [(h, left), (horizon, self.vanish - mouth), (horizon, self.vanish + mouth), (h, right)],
            ROAD,
            asphalt,
            grain=9,
            blotches=7,
            rows=depth // 2,
        )
        paint = self.tint((222, 222, 214), 8)
        for i in range(7):  # dashes of the middle line
            near, far = ((i + part) / 7 for part in (0.05, 0.55))
            y0, y1 = horizon + (h - horizon) * near**2, horizon + (h - horizon) * far**2
            half0, half1 = (0.028 * (right - left) * f**2 + 0.3 for f in (near, far))
            c0, c1 = self.middle(near**2), self.middle(far**2)
            self.canvas.polygon(
                [(y1, c1 - half1), (y0, c0 - half0), (y0, c0 + half0), (y1, c1 + half1)], ROAD, paint, grain=8
            )

    def middle(self, near: float) -> float:
        """Column of the road's middle at ``near`` (0: horizon, 1: lower edge)."""
        return self.vanish + (sum(self.bottom) / 2 - self.vanish) * near

    def edge(self, near: float, side: int) -> float:
        return self.vanish + (self.bottom[side] - self.vanish) * near

    def things(self) -> None:
        """Everything that stands on the ground, the far ones first."""
        crowd = 0.5 + self.hard
        plan = [(self.between(0.02, 0.5), self.tree) for _ in range(self.count(1, round(2 + 4 * crowd)))]
        plan += [(self.between(0.12, 0.75), self.car) for _ in range(self.count(1, round(1 + 2 * crowd)))]
        if self.k > PERSON:
            plan += [(self.between(0.15, 0.75), self.person) for _ in range(self.count(1, round(1 + 2 * crowd)))]
        for near in (self.between(0.05, 0.2), self.between(0.3, 0.6)):
            plan.append((near, self.lamp))
        if self.k > SIGN:
            plan += [(self.between(0.2, 0.6), self.sign) for _ in range(self.count(1, 2))]
        if self.k > WIRE:
            self.wires()
        for near, draw in sorted(plan, key=lambda item: item[0]):
            draw(near, self.horizon + (self.height - self.horizon) * near)

    def beside(self, near: float) -> float:
        """A column on the grass: left or right of the road."""
        side = self.count(0, 1)
        edge = self.edge(near, side)
        far = -0.05 * self.width if side == 0 else 1.05 * self.width
        return edge + (far - edge) * self.between(0.15, 0.9)

    def tree(self, near: float, base: float) -> None:
        size = self.pixels(9 + 22 * near + self.between(-2, 4))
        x, trunk = self.beside(near), self.pixels(2 + 4 * near, 2)
        self.canvas.shade(base, x, size * 0.22, size * 0.8, -35)
        self.canvas.rectangle(
            base - size, base, x - trunk / 2, x - trunk / 2 + trunk, TREE, self.tint((92, 66, 42), 8), grain=14
        )
        leaves = self.pick([(44, 92, 40), (66, 112, 44), (38, 76, 50), (112, 104, 40)], 10)
        for _ in range(4):
            cy, cx = base - size * self.between(1.1, 1.7), x + size * self.between(-0.4, 0.4)
            self.canvas.ellipse(
                cy, cx, size * 0.55, size * 0.6, TREE, leaves + self.count(-10, 10), ragged=45, grain=30, blotches=26
            )

    def car(self, near: float, base: float) -> None:
        w, h = self.pixels(15 + 28 * near), self.pixels(6 + 11 * near, 6)
        x = self.middle(near) + (self.edge(near, self.count(0, 1)) - self.middle(near)) * self.between(0.3, 0.6)
        left, top = round(x - w / 2), round(base - h)
        paints = [(186, 30, 34), (30, 60, 160), (228, 228, 226), (40, 42, 48), (214, 172, 30), (20, 120, 130)]
        body = self.pick(paints, 12)
        glass, tyre = self.tint((58, 72, 88), 8), self.tint((26, 26, 28), 4)
        self.canvas.shade(base, x, max(2, h * 0.25), w * 0.6, -45)
        roof = max(3, round(h * 0.55))
        self.canvas.polygon(
            [
                (top, left + w * 0.14),
                (top - roof, left + w * 0.3),
                (top - roof, left + w * 0.74),
                (top, left + w * 0.9),
            ],
            CAR,
            body,
            grain=5,
        )
        self.canvas.polygon(
            [
                (top, left + w * 0.22),
                (top - roof + 1, left + w * 0.34),
                (top - roof + 1, left + w * 0.7),
                (top, left + w * 0.82),
            ],
            CAR,
            glass,
            grain=5,
        )
        shine = -np.arange(h)[:, None] * 34 // max(1, h)
        self.canvas.rectangle(top, top + h - max(1, h // 4), left, left + w, CAR, body, grain=5, rows=shine)
        for at in (0.2, 0.8):
            radius = max(2, h * 0.3)
            self.canvas.ellipse(base - radius * 0.8, left + w * at, radius, radius, CAR, tyre)

    def person(self, near: float, base: float) -> None:
        h, w = self.pixels(16 + 22 * near, 10), self.pixels(6 + 5 * near, 4)
        x = round(self.beside(near) if self.chance(0.6) else self.edge(near, self.count(0, 1)))
        x = min(max(x, w), self.width - w)
        coat = self.pick([(206, 50, 120), (240, 130, 30), (110, 40, 150), (240, 240, 80), (200, 40, 40)], 12)
        trousers, skin = self.pick([(44, 48, 84), (70, 56, 50)], 8), self.pick([(222, 176, 146), (120, 84, 62)], 8)
        head = max(2, round(h * 0.13))
        top, waist = round(base - h + 2 * head), round(base - h * 0.45)
        self.canvas.shade(base, x, 2 * self.unit, w, -40)
        self.canvas.rectangle(waist, base, x - w * 0.3, x + w * 0.4, PERSON, trousers, grain=8)
        self.canvas.rectangle(top, waist, x - w * 0.5, x + w * 0.5 + 0.5, PERSON, coat, grain=8, blotches=8)
        self.canvas.ellipse(top - head + 0.5, x, head, head, PERSON, skin, grain=6)

    def lamp(self, near: float, base: float) -> None:
        side = self.count(0, 1)
        x = self.edge(near, side) + (-1 if side == 0 else 1) * self.pixels(3 + 4 * near)
        x = min(max(x, 4 * self.unit), self.width - 8 * self.unit)
        h, w = self.pixels(30 + 34 * near), self.pixels(3.3 + 1.5 * near, 3)
        metal = self.pick([(62, 64, 68), (92, 94, 90), (48, 60, 52)], 6)
        top = max(2, round(base - h))
        self.canvas.rectangle(top, base, x, round(x) + w, POLE, metal, grain=8)
        arm = self.pixels(8 + 5 * near) * (1 if side == 0 else -1)
        ends = sorted((round(x), round(x + arm)))
        self.canvas.rectangle(top, top + w, ends[0], ends[1] + w, POLE, metal, grain=8)

    def sign(self, near: float, base: float) -> None:
        x, w = self.edge(near, 1) + self.pixels(4 + 5 * near), self.pixels(3, 3)
        x = round(min(max(x, 6 * self.unit), self.width - 7 * self.unit))
        h, radius = self.pixels(17 + 15 * near), self.pixels(4.5 + 3.5 * near, 4)
        self.canvas.rectangle(base - h, base, x, x + w, POLE, self.tint((120, 122, 124), 6), grain=8)
        cy, cx = base - h, x + w / 2
        rim, face = [((200, 30, 36), (240, 240, 236)), ((30, 70, 180), (60, 110, 220)), ((236, 190, 20), (30, 30, 30))][
            self.rng.integers(3)
        ]
        if self.chance(0.5):
            self.canvas.ellipse(cy, cx, radius, radius, SIGN, self.tint(rim, 8), grain=5)
            self.canvas.ellipse(cy, cx, radius * 0.55, radius * 0.55, SIGN, self.tint(face, 8), grain=5)
        else:
            self.canvas.rectangle(cy - radius, cy + radius, cx - radius, cx + radius, SIGN, self.tint(rim, 8), grain=5)
            self.canvas.rectangle(
                cy - radius / 2, cy + radius / 2, cx - radius / 2, cx + radius / 2, SIGN, self.tint(face, 8), grain=5
            )

    def wires(self) -> None:
        thickness = self.pixels(3, 3)
        y = self.horizon * self.between(0.12, 0.35)
        slope = self.height * self.between(-0.08, 0.08)
        for _ in range(self.count(1, 2)):
            self.canvas.cable(
                y,
                -1,
                y + slope,
                self.width + 1,
                self.height * self.between(0.01, 0.05),
                thickness,
                WIRE,
                self.tint((24, 24, 28), 4),
            )
            y += self.pixels(self.between(8, 12))
