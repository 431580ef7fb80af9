"""Drawings of what policies ask about. Simple shapes, nobody hurt."""

from __future__ import annotations

import math

from training.vision.pen import Pen, thing

METAL = ("silver", "grey")


@thing("knife", "kitchen knife", "sharp knife", category="violence", colours=METAL)
def knife(p: Pen) -> None:
    back, edge = p.near(0.43, 0.02), p.near(0.62, 0.04)
    p.poly([(0.32, back), (p.near(0.9), back), (0.97, p.near(0.5, 0.02)), (p.near(0.78), edge), (0.32, edge)], p.main)
    p.line([(0.36, edge - 0.02), (0.8, edge - 0.03)], 0.012, p.shade(0.5))
    p.box(0.04, back - 0.01, 0.33, p.near(0.57, 0.02), p.tone(p.rng.choice(["black", "brown", "wood"])), 0.03)
    for x in (0.11, 0.19, 0.27):
        p.oval(x - 0.012, 0.485, x + 0.012, 0.51, p.tone("silver"))


@thing("gun", "handgun", "pistol", category="violence", colours=("black", "grey", "silver"))
def gun(p: Pen) -> None:
    top = p.near(0.3, 0.03)
    p.poly([(0.62, 0.44), (0.84, 0.44), (p.near(0.93, 0.02), 0.82), (0.72, 0.82)], p.shade(-0.25))
    p.box(0.06, top, 0.88, top + p.near(0.15, 0.02), p.main, 0.01)
    p.ring(0.45, 0.42, 0.64, 0.6, p.shade(-0.3), 0.03)
    p.line([(0.55, 0.45), (0.53, 0.53)], 0.025, p.shade(-0.4))
    p.box(0.1, top - 0.04, 0.14, top, p.main)


@thing("rifle", "long gun", "assault rifle", category="violence", colours=("black", "brown", "grey"))
def rifle(p: Pen) -> None:
    p.line([(0.02, 0.44), (0.5, 0.44)], 0.03, p.tone("black"))
    p.box(0.36, 0.4, 0.72, p.near(0.5, 0.01), p.main, 0.01)
    p.poly(
        [(0.7, 0.4), (0.98, p.near(0.46)), (0.98, p.near(0.62)), (0.72, 0.5)],
        p.tone("brown") if p.rng.random() < 0.5 else p.main,
    )
    p.poly([(0.5, 0.49), (0.59, 0.49), (p.near(0.55), 0.74), (0.45, 0.72)], p.shade(-0.3))
    p.poly([(0.66, 0.49), (0.72, 0.49), (0.74, 0.64), (0.67, 0.64)], p.shade(-0.2))
    p.box(0.46, 0.34, 0.64, 0.38, p.tone("black"))


@thing("sword", "long sword", "dagger", category="violence", colours=METAL)
def sword(p: Pen) -> None:
    w = p.near(0.04, 0.012)
    p.poly([(0.5 - w, 0.68), (0.5 - w, 0.12), (0.5, 0.02), (0.5 + w, 0.12), (0.5 + w, 0.68)], p.main)
    p.line([(0.5, 0.1), (0.5, 0.66)], 0.012, p.shade(-0.35))
    p.box(p.near(0.32), 0.67, p.near(0.68), 0.73, p.tone("gold"), 0.02)
    p.box(0.465, 0.73, 0.535, 0.92, p.tone("brown"), 0.01)
    p.oval(0.45, 0.9, 0.55, 0.99, p.tone("gold"))


@thing("bomb", "round bomb with a fuse", "bomb with a burning fuse", category="violence", colours=("black",))
def bomb(p: Pen) -> None:
    p.oval(0.14, 0.26, 0.82, 0.94, p.main)
    p.oval(0.28, 0.38, 0.4, 0.5, p.shade(0.5))
    p.poly([(0.58, 0.26), (0.7, 0.18), (0.8, 0.3), (0.68, 0.38)], p.shade(0.25))
    p.arc(0.68, 0.04, 0.94, 0.36, 180, 300, 0.03, p.tone("wood"))
    p.star(0.88, 0.1, 0.11, 0.045, 8, p.tone("orange"))
    p.star(0.88, 0.1, 0.06, 0.03, 7, p.tone("yellow"))


@thing("blood", "blood stain", "blood splatter", "pool of blood", category="violence", colours=("red",))
def blood(p: Pen) -> None:
    dark = p.shade(-0.3)
    p.edge_width = 0
    p.blob(0.5, 0.5, p.near(0.25, 0.05), dark, 0.4, 22)
    for _ in range(int(p.rng.integers(8, 18))):
        a, r = p.rng.uniform(0, 2 * math.pi), p.rng.uniform(0.25, 0.47)
        size = p.rng.uniform(0.012, 0.05)
        x, y = 0.5 + r * math.cos(a), 0.5 + r * math.sin(a)
        p.oval(x - size, y - size, x + size, y + size, dark)
    p.line([(0.45, 0.55), (0.45, p.near(0.9))], 0.04, dark)


@thing("cigarette", "burning cigarette", "lit cigarette", category="drugs", colours=("white",))
def cigarette(p: Pen) -> None:
    y, h = p.near(0.58), p.near(0.06, 0.012)
    p.box(0.3, y, 0.9, y + 2 * h, p.main)
    p.box(0.06, y, 0.32, y + 2 * h, p.tone("orange", 0.1))
    p.box(0.88, y, 0.96, y + 2 * h, p.tone("red"))
    p.box(0.84, y, 0.9, y + 2 * h, p.tone("grey"))
    smoke = p.tone("grey", 0.4)
    for k in range(int(p.rng.integers(1, 4))):
        x = 0.92 - 0.05 * k
        p.line([(x, y - 0.03), (x - 0.06, y - 0.15), (x + 0.02, y - 0.26), (x - 0.05, y - 0.4)], 0.022, smoke)


@thing(
    "pills",
    "tablets",
    "capsules",
    "heap of pills",
    category="drugs",
    colours=("white", "red", "yellow", "blue", "pink"),
)
def pills(p: Pen) -> None:
    for _ in range(int(p.rng.integers(5, 11))):
        x, y = p.rng.uniform(0.15, 0.85), p.rng.uniform(0.2, 0.82)
        if p.rng.random() < 0.5:
            p.oval(x - 0.09, y - 0.065, x + 0.09, y + 0.065, p.shade(0.2))
            p.line([(x - 0.06, y), (x + 0.06, y)], 0.012, p.shade(-0.3))
        else:
            p.box(x - 0.13, y - 0.055, x + 0.01, y + 0.055, p.main, 0.05)
            p.box(x - 0.01, y - 0.055, x + 0.13, y + 0.055, p.tone("white"), 0.05)


@thing("pill bottle", "medicine bottle", "bottle of pills", category="drugs", colours=("orange", "brown"), upright=True)
def pill_bottle(p: Pen) -> None:
    p.box(0.26, 0.26, 0.74, 0.95, p.main, 0.05)
    p.box(0.22, 0.08, 0.78, 0.27, p.tone("white"), 0.03)
    for x in (0.3, 0.4, 0.5, 0.6, 0.7):
        p.line([(x, 0.11), (x, 0.24)], 0.012, p.tone("grey"))
    p.box(0.26, 0.42, 0.74, 0.78, p.tone("white"))
    p.box(0.46, 0.47, 0.54, 0.67, p.tone("red"))
    p.box(0.4, 0.53, 0.6, 0.61, p.tone("red"))
    p.line([(0.32, 0.73), (0.66, 0.73)], 0.015, p.tone("grey"))


@thing("syringe", "needle", "injection needle", category="drugs", colours=("cyan", "white", "silver"))
def syringe(p: Pen) -> None:
    p.box(0.28, 0.42, 0.7, 0.58, p.shade(0.4))
    p.box(0.28, 0.42, p.near(0.52, 0.1), 0.58, p.main)
    p.line([(0.01, 0.5), (0.22, 0.5)], 0.014, p.tone("grey"))
    p.box(0.2, 0.46, 0.28, 0.54, p.tone("grey"))
    p.line([(0.7, 0.5), (0.9, 0.5)], 0.04, p.tone("silver"))
    p.box(0.9, 0.38, 0.95, 0.62, p.tone("grey"))
    p.box(0.69, 0.36, 0.73, 0.64, p.tone("grey"))
    for x in (0.36, 0.43, 0.5, 0.57, 0.64):
        p.line([(x, 0.42), (x, 0.48)], 0.01, p.tone("black"))


@thing("cannabis leaf", "hemp leaf", "weed leaf", "cannabis", category="drugs", colours=("green", "dark green"))
def hemp(p: Pen) -> None:
    for a, r in ((-90, 0.5), (-55, 0.43), (-125, 0.43), (-20, 0.36), (-160, 0.36), (12, 0.24), (168, 0.24)):
        rad = math.radians(a + p.rng.uniform(-4, 4))
        dx, dy = math.cos(rad), math.sin(rad)
        points = [(0.5, 0.58)]
        for k in (0.25, 0.4, 0.55, 0.7, 0.85):
            w = 0.065 * math.sin(math.pi * k) + 0.01
            points.append((0.5 + dx * r * k - dy * w, 0.58 + dy * r * k + dx * w))
        points.append((0.5 + dx * r, 0.58 + dy * r))
        for k in (0.85, 0.7, 0.55, 0.4, 0.25):
            w = 0.065 * math.sin(math.pi * k) + 0.01
            points.append((0.5 + dx * r * k + dy * w, 0.58 + dy * r * k - dx * w))
        p.poly(points, p.main)
    p.line([(0.5, 0.58), (0.5, 0.97)], 0.025, p.shade(-0.2))


@thing(
    "wine bottle",
    "bottle of wine",
    "bottle of alcohol",
    "liquor bottle",
    category="drugs",
    colours=("dark green", "brown", "black"),
    upright=True,
)
def wine(p: Pen) -> None:
    p.poly(
        [
            (0.44, 0.03),
            (0.56, 0.03),
            (0.56, 0.28),
            (0.68, 0.42),
            (0.68, 0.97),
            (0.32, 0.97),
            (0.32, 0.42),
            (0.44, 0.28),
        ],
        p.main,
    )
    p.box(0.43, 0.02, 0.57, 0.12, p.tone("red", -0.2))
    p.box(0.32, 0.52, 0.68, 0.82, p.tone("beige"))
    p.line([(0.38, 0.6), (0.62, 0.6)], 0.02, p.tone("red", -0.3))
    p.oval(0.44, 0.65, 0.56, 0.77, p.tone("purple"))


@thing("beer", "glass of beer", "beer mug", category="drugs", colours=("gold", "orange"), upright=True)
def beer(p: Pen) -> None:
    p.ring(0.66, 0.38, 0.94, 0.78, p.tone("silver", 0.3), 0.06)
    p.box(0.2, 0.24, 0.72, 0.95, p.main, 0.03)
    for x in (0.33, 0.46, 0.59):
        p.line([(x, 0.42), (x, 0.86)], 0.02, p.shade(0.35))
    for x in (0.24, 0.36, 0.48, 0.6, 0.68):
        p.oval(x - 0.11, p.near(0.1, 0.02), x + 0.11, 0.34, p.tone("white"))


@thing("fire", "flames", "burning fire", "big fire", category="dangerous_acts", colours=("orange", "red"), upright=True)
def fire(p: Pen) -> None:
    p.edge_width = 0

    def tongue(x: float, base: float, w: float, h: float, colour: tuple[int, int, int]) -> None:
        lean = p.rng.uniform(-0.06, 0.06)
        p.poly(
            [(x - w, base), (x - w * 1.1, base - h * 0.35), (x - w * 0.45, base - h * 0.6), (x + lean, base - h),
             (x + w * 0.4, base - h * 0.62), (x + w * 1.1, base - h * 0.35), (x + w, base)], colour,
        )  # fmt: skip

    for x in (0.22, 0.4, 0.6, 0.8):
        tongue(
            p.near(x, 0.04),
            0.97,
            0.14,
            p.rng.uniform(0.55, 0.92),
            p.tone("red", 0.1) if p.main_name == "red" else p.tone("orange", -0.1),
        )
    for x in (0.3, 0.5, 0.7):
        tongue(p.near(x, 0.04), 0.97, 0.11, p.rng.uniform(0.4, 0.65), p.tone("orange", 0.1))
    for x in (0.38, 0.6):
        tongue(p.near(x, 0.04), 0.97, 0.08, p.rng.uniform(0.22, 0.4), p.tone("yellow"))


@thing(
    "burning house",
    "house on fire",
    "building on fire",
    category="dangerous_acts",
    colours=("brown", "grey", "beige"),
    upright=True,
)
def burning_house(p: Pen) -> None:
    fire(p)
    p.box(0.24, 0.55, 0.76, 0.97, p.main)
    p.poly([(0.18, 0.56), (0.5, 0.34), (0.82, 0.56)], p.tone("black", 0.2))
    for x in (0.32, 0.57):
        p.box(x, 0.63, x + 0.13, 0.77, p.tone("orange"))
        p.poly([(x, 0.66), (x + 0.03, 0.54), (x + 0.07, 0.6), (x + 0.11, 0.5), (x + 0.13, 0.66)], p.tone("yellow"))
    p.blob(p.near(0.5, 0.2), 0.16, 0.12, p.tone("grey", -0.3))


@thing("burning match", "lit match", "match with a flame", category="dangerous_acts", colours=("wood",), upright=True)
def match(p: Pen) -> None:
    p.line([(0.5, 0.98), (0.5, 0.45)], 0.05, p.main)
    p.edge_width = 0
    p.poly([(0.36, 0.42), (0.4, 0.26), (p.near(0.5), 0.05), (0.62, 0.26), (0.64, 0.42), (0.5, 0.52)], p.tone("orange"))
    p.poly([(0.43, 0.42), (0.5, 0.2), (0.57, 0.42), (0.5, 0.49)], p.tone("yellow"))
    p.oval(0.46, 0.4, 0.54, 0.5, p.tone("black"))


@thing("firecracker", "fireworks rocket", "stick of dynamite", "dynamite", category="dangerous_acts", colours=("red",))
def firecracker(p: Pen) -> None:
    for k in range(int(p.rng.integers(1, 4))):
        y = 0.4 + 0.17 * k
        p.box(0.1, y, 0.7, y + 0.15, p.main, 0.02)
        p.box(0.14, y, 0.19, y + 0.15, p.tone("gold"))
    p.line([(0.7, 0.47), (0.8, 0.38), (0.88, 0.4)], 0.022, p.tone("grey"))
    p.star(0.9, 0.32, 0.12, 0.05, 9, p.tone("yellow"))
    p.star(0.9, 0.32, 0.06, 0.03, 7, p.tone("white"))


@thing(
    "person on the edge of a roof",
    "someone on a rooftop edge",
    "person on a roof",
    category="dangerous_acts",
    colours=("blue", "red", "green", "black"),
    upright=True,
)
def roof_edge(p: Pen) -> None:
    p.box(0.0, 0.5, 0.56, 1.0, p.tone("grey"))
    for x in (0.06, 0.22, 0.38):
        for y in (0.6, 0.78):
            p.box(x, y, x + 0.1, y + 0.1, p.tone("yellow") if p.rng.random() < 0.4 else p.tone("cyan", -0.2))
    p.box(0.0, 0.47, 0.6, 0.53, p.tone("grey", -0.4))
    person_at(p, 0.53, 0.47, 0.34)
    p.oval(0.8, 0.92, 0.9, 0.98, p.tone("dark green"))


def person_at(p: Pen, x: float, feet: float, height: float) -> None:
    """Draw somebody who stands with the feet at a point."""
    h = height
    skin = p.tone("skin") if p.rng.random() < 0.5 else p.tone("brown")
    p.line([(x, feet - h * 0.42), (x - h * 0.1, feet)], h * 0.09, p.tone("black", 0.15))
    p.line([(x, feet - h * 0.42), (x + h * 0.1, feet)], h * 0.09, p.tone("black", 0.15))
    p.line([(x, feet - h * 0.7), (x - h * 0.2, feet - h * p.near(0.55, 0.1))], h * 0.08, skin)
    p.line([(x, feet - h * 0.7), (x + h * 0.2, feet - h * p.near(0.55, 0.1))], h * 0.08, skin)
    p.box(x - h * 0.11, feet - h * 0.76, x + h * 0.11, feet - h * 0.38, p.main, h * 0.05)
    p.oval(x - h * 0.1, feet - h, x + h * 0.1, feet - h * 0.78, skin)


@thing("QR code", "square code to scan", "barcode square", category="spam_scam", colours=("black",), upright=True)
def qr(p: Pen) -> None:
    p.edge_width = 0
    p.box(0.05, 0.05, 0.95, 0.95, p.tone("white"))
    n = int(p.rng.integers(15, 22))
    cell = 0.8 / n
    bits = p.rng.random((n, n)) < 0.5
    for i in range(n):
        for j in range(n):
            if bits[i, j]:
                p.draw.rectangle(
                    [v * 192 for v in (0.1 + i * cell, 0.1 + j * cell, 0.1 + (i + 1) * cell, 0.1 + (j + 1) * cell)],
                    fill=p.main,
                )
    big = 7 * cell
    for x, y in ((0.1, 0.1), (0.9 - big, 0.1), (0.1, 0.9 - big)):
        p.box(x, y, x + big, y + big, p.main)
        p.box(x + cell, y + cell, x + big - cell, y + big - cell, p.tone("white"))
        p.box(x + 2 * cell, y + 2 * cell, x + big - 2 * cell, y + big - 2 * cell, p.main)


@thing("money", "banknotes", "stack of cash", "dollar bills", category="spam_scam", colours=("green",))
def money(p: Pen) -> None:
    n = int(p.rng.integers(1, 4))
    for k in range(n):
        y = 0.22 + 0.13 * k
        p.box(0.06 + 0.02 * k, y, 0.9 + 0.02 * k, y + 0.42, p.shade(0.3 if k % 2 else 0.1))
        p.ring(0.11 + 0.02 * k, y + 0.05, 0.85 + 0.02 * k, y + 0.37, p.shade(-0.3), 0.008)
    y = 0.22 + 0.13 * (n - 1)
    p.oval(0.36, y + 0.06, 0.62, y + 0.36, p.shade(0.5))
    p.words("$", 0.49, y + 0.21, 0.26, p.shade(-0.5))


@thing(
    "sale badge",
    "discount sticker",
    "advertising badge",
    "special offer sticker",
    category="spam_scam",
    colours=("red", "orange", "yellow"),
    upright=True,
)
def sale(p: Pen) -> None:
    p.star(0.5, 0.5, 0.47, p.near(0.38, 0.02), int(p.rng.integers(12, 20)), p.main)
    text = str(p.rng.choice(["SALE", "FREE", "WIN", "50%", "-70%", "NOW", "90%"]))
    p.words(text, 0.5, 0.5, 0.24, p.tone("white") if p.main_name == "red" else p.tone("black"))
