"""Drawing one thing in a unit square: shapes with jittered colours and outlines, so that no two drawings are alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]

#: Pixels of the square that a thing is drawn in, before it is turned and reduced.
SIDE = 192
COLOURS: dict[str, Colour] = {
    "red": (205, 40, 40), "orange": (238, 130, 30), "yellow": (245, 208, 50), "green": (55, 150, 65), "blue": (45, 95, 200),
    "purple": (130, 70, 170), "pink": (240, 140, 175), "brown": (125, 80, 45), "black": (28, 28, 32), "white": (245, 245, 242),
    "grey": (135, 138, 145), "silver": (190, 196, 205), "skin": (225, 172, 135), "wood": (170, 120, 70), "beige": (225, 205, 170),
    "cyan": (70, 185, 205), "dark green": (25, 85, 45), "gold": (215, 170, 60),
}  # fmt: skip
#: What things that may have any colour are drawn in.
BRIGHT = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "cyan")


class Pen:
    """A transparent square with the origin at its top left; lengths are shares of its side."""

    def __init__(self, rng: np.random.Generator, main: str) -> None:
        self.rng = rng
        self.main_name = main
        self.image = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.image)
        style = rng.random()
        self.edge: Colour = self.tone("black") if style < 0.45 else self.tone("brown")
        self.edge_width = round(SIDE * rng.uniform(0.008, 0.02)) if style < 0.6 else 0
        self.main = self.tone(main)

    def tone(self, name: str, light: float = 0.0) -> Colour:
        """Return a colour near the named one; `light` (-1..1) moves it towards black or white."""
        base = np.array(COLOURS[name], dtype=np.float64) + self.rng.normal(0, 9, 3)
        base = base + (255 - base) * light if light > 0 else base * (1 + light)
        red, green, blue = np.clip(base, 0, 255).astype(int).tolist()
        return red, green, blue

    def shade(self, light: float) -> Colour:
        """Return the main colour lighter or darker."""
        base = np.array(self.main, dtype=np.float64)
        base = base + (255 - base) * light if light > 0 else base * (1 + light)
        red, green, blue = np.clip(base, 0, 255).astype(int).tolist()
        return red, green, blue

    def near(self, value: float, by: float = 0.03) -> float:
        """Return a length that differs a little each time."""
        return value + float(self.rng.uniform(-by, by))

    def poly(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""
        scaled = [(x * SIDE, y * SIDE) for x, y in points]
        self.draw.polygon(scaled, fill=fill)
        if self.edge_width:
            self.draw.line([*scaled, scaled[0]], fill=self.edge, width=self.edge_width, joint="curve")

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None, width: float = 0.0) -> None:
        """Fill an ellipse, or with no colour draw its line."""
        box = (x0 * SIDE, y0 * SIDE, x1 * SIDE, y1 * SIDE)
        if fill is None:
            self.draw.ellipse(box, outline=self.edge, width=max(1, round((width or 0.02) * SIDE)))
        else:
            self.draw.ellipse(
                box, fill=fill, outline=self.edge if self.edge_width else None, width=self.edge_width or 1
            )

    def ring(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, width: float) -> None:
        """Draw an ellipse as a line."""
        self.draw.ellipse(
            (x0 * SIDE, y0 * SIDE, x1 * SIDE, y1 * SIDE), outline=colour, width=max(1, round(width * SIDE))
        )

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: float = 0.0) -> None:
        """Fill a rectangle, with round corners."""
        self.draw.rounded_rectangle(
            (x0 * SIDE, y0 * SIDE, x1 * SIDE, y1 * SIDE), radius=radius * SIDE, fill=fill,
            outline=self.edge if self.edge_width else None, width=self.edge_width or 1,
        )  # fmt: skip

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draw a line with round joints."""
        scaled = [(x * SIDE, y * SIDE) for x, y in points]
        wide = max(1, round(width * SIDE))
        self.draw.line(scaled, fill=fill, width=wide, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            self.draw.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=fill)

    def arc(
        self, x0: float, y0: float, x1: float, y1: float, start: float, end: float, width: float, fill: Colour
    ) -> None:
        """Draw a part of an ellipse; angles in degrees, clockwise from the right."""
        self.draw.arc(
            (x0 * SIDE, y0 * SIDE, x1 * SIDE, y1 * SIDE), start, end, fill=fill, width=max(1, round(width * SIDE))
        )

    def pie(self, x0: float, y0: float, x1: float, y1: float, start: float, end: float, fill: Colour) -> None:
        """Fill a sector."""
        self.draw.pieslice((x0 * SIDE, y0 * SIDE, x1 * SIDE, y1 * SIDE), start, end, fill=fill)

    def words(self, text: str, x: float, y: float, size: float, fill: Colour) -> None:
        """Write a text centred at a point."""
        self.draw.text((x * SIDE, y * SIDE), text, font=ImageFont.load_default(size * SIDE), fill=fill, anchor="mm")

    def star(self, x: float, y: float, outer: float, inner: float, points: int, fill: Colour) -> None:
        """Fill a star."""
        turn = self.rng.uniform(0, 0.3)
        corners = []
        for i in range(points * 2):
            radius, angle = (outer, inner)[i % 2], math.pi * i / points - math.pi / 2 + turn
            corners.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
        self.poly(corners, fill)

    def blob(self, x: float, y: float, radius: float, fill: Colour, rough: float = 0.25, n: int = 18) -> None:
        """Fill a round shape with an uneven edge."""
        radii = radius * (1 + self.rng.uniform(-rough, rough, n))
        angles = np.linspace(0, 2 * math.pi, n, endpoint=False)
        self.poly([(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)], fill)


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that can be drawn: what people call it, the policy category that asks about it ("" for none), its colours."""

    names: tuple[str, ...]
    category: str
    colours: tuple[str, ...]
    paint: Callable[[Pen], None]
    is_upright: bool  # houses and people are not drawn lying on their side
    fills: bool  # a pattern or a view: it is the whole picture

    @property
    def name(self) -> str:
        """What it is mostly called."""
        return self.names[0]


THINGS: dict[str, Thing] = {}
Paint = Callable[[Pen], None]


def thing(
    *names: str, category: str = "", colours: Sequence[str] = BRIGHT, upright: bool = False, fills: bool = False
) -> Callable[[Paint], Paint]:
    """Register a drawing under its names."""

    def register(paint: Paint) -> Paint:
        THINGS[names[0]] = Thing(names, category, tuple(colours), paint, upright, fills)
        return paint

    return register
