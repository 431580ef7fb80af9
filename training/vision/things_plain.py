"""Shapes, patterns and textures: what fills most of a picture and means nothing."""

from __future__ import annotations

import numpy as np
from PIL import Image

from training.vision.pen import BRIGHT, SIDE, Pen, thing

ANY = (*BRIGHT, "black", "grey", "white")


@thing("circle", "round shape", "plain circle", colours=BRIGHT)
def circle(p: Pen) -> None:
    p.oval(0.08, 0.08, 0.92, 0.92, p.main)


@thing("square", "square shape", "plain square", colours=BRIGHT)
def square(p: Pen) -> None:
    p.box(0.12, 0.12, 0.88, 0.88, p.main)


@thing("triangle", "triangle shape", "plain triangle", colours=BRIGHT)
def triangle(p: Pen) -> None:
    p.poly([(p.near(0.5, 0.1), 0.08), (0.94, 0.9), (0.06, 0.9)], p.main)


@thing("arrow", "pointing arrow", "arrow sign", colours=BRIGHT)
def arrow(p: Pen) -> None:
    p.poly([(0.04, 0.4), (0.56, 0.4), (0.56, 0.2), (0.96, 0.5), (0.56, 0.8), (0.56, 0.6), (0.04, 0.6)], p.main)


@thing("stripes", "striped pattern", "pattern of stripes", colours=ANY, fills=True)
def stripes(p: Pen) -> None:
    p.edge_width = 0
    p.box(0, 0, 1, 1, p.main)
    n = int(p.rng.integers(4, 12))
    other = p.tone(str(p.rng.choice([c for c in ANY if c != p.main_name])))
    for k in range(n):
        p.box((k + 0.1) / n, 0, (k + p.near(0.55, 0.1)) / n, 1, other)


@thing("dots", "dotted pattern", "pattern of dots", "polka dots", colours=ANY, fills=True)
def dots(p: Pen) -> None:
    p.edge_width = 0
    p.box(0, 0, 1, 1, p.main)
    n = int(p.rng.integers(4, 9))
    other = p.tone(str(p.rng.choice([c for c in ANY if c != p.main_name])))
    r = p.rng.uniform(0.2, 0.38) / n
    for i in range(n):
        for j in range(n):
            x, y = (i + 0.5 + 0.5 * (j % 2)) / n, (j + 0.5) / n
            p.oval(x - r, y - r, x + r, y + r, other)


@thing("waves", "wavy pattern", "pattern of waves", colours=ANY, fills=True)
def waves(p: Pen) -> None:
    p.edge_width = 0
    p.box(0, 0, 1, 1, p.main)
    n = int(p.rng.integers(4, 9))
    other = p.tone(str(p.rng.choice([c for c in ANY if c != p.main_name])))
    xs = np.linspace(-0.05, 1.05, 40)
    swing, turns = p.rng.uniform(0.2, 0.4) / n, p.rng.uniform(2, 5)
    for k in range(n):
        p.line([(float(x), float((k + 0.5) / n + swing * np.sin(turns * 2 * np.pi * x))) for x in xs], 0.35 / n, other)


@thing("blurred colours", "soft colour texture", "abstract texture", "blurry background", colours=ANY, fills=True)
def blurred(p: Pen) -> None:
    small = p.rng.integers(30, 235, (int(p.rng.integers(3, 22)), int(p.rng.integers(3, 26)), 3), dtype=np.uint8)
    mixed = (small * 0.7 + np.array(p.main) * 0.3).astype(np.uint8)
    p.image.paste(Image.fromarray(mixed).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


@thing("noise", "grainy noise", "static noise", colours=ANY, fills=True)
def noise(p: Pen) -> None:
    grain = p.rng.integers(0, 255, (96, 96, 1 if p.rng.random() < 0.5 else 3), dtype=np.uint8)
    grain = np.broadcast_to(grain, (96, 96, 3)).copy()
    p.image.paste(Image.fromarray(grain).resize((SIDE, SIDE), Image.Resampling.NEAREST))


@thing("empty picture", "plain background", "empty background", "nothing", colours=ANY, fills=True)
def empty(p: Pen) -> None:
    p.edge_width = 0
    for k in range(24):
        p.box(0, k / 24, 1, (k + 1) / 24, p.shade(-0.3 + 0.02 * k))


@thing(
    "brick wall",
    "wall of bricks",
    "red brick wall",
    colours=("red", "brown", "grey", "beige"),
    fills=True,
    upright=True,
)
def bricks(p: Pen) -> None:
    p.box(0, 0, 1, 1, p.tone("grey", 0.4))
    p.edge_width = 0
    n = int(p.rng.integers(5, 9))
    for j in range(n):
        for i in range(-1, n // 2 + 2):
            x = (i + 0.5 * (j % 2)) * 2 / n
            p.box(x + 0.01, j / n + 0.012, x + 2 / n - 0.01, (j + 1) / n - 0.012, p.shade(p.rng.uniform(-0.2, 0.15)))
