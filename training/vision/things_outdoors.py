"""Drawings of harmless things outdoors: plants, animals, weather, buildings, vehicles, people."""

from __future__ import annotations

import math

from training.vision.pen import BRIGHT, Pen, thing
from training.vision.things_risky import person_at


@thing("maple leaf", "autumn leaf", "fallen leaf", colours=("red", "orange", "yellow"))
def maple(p: Pen) -> None:
    p.poly(
        [(0.5, 0.02), (0.58, 0.2), (0.7, 0.16), (0.68, 0.4), (0.9, 0.3), (0.96, 0.5), (0.72, 0.66), (0.72, 0.74), (0.28, 0.74),
         (0.28, 0.66), (0.04, 0.5), (0.1, 0.3), (0.32, 0.4), (0.3, 0.16), (0.42, 0.2)], p.main,
    )  # fmt: skip
    p.line([(0.5, 0.72), (0.5, 0.98)], 0.03, p.shade(-0.3))
    p.line([(0.5, 0.72), (0.5, 0.2)], 0.015, p.shade(-0.3))


@thing("flower", "daisy", "blooming flower", colours=("red", "pink", "white", "yellow", "purple", "blue"), upright=True)
def flower(p: Pen) -> None:
    p.line([(0.5, 0.4), (0.5, 0.98)], 0.035, p.tone("green"))
    p.oval(0.5, 0.7, 0.74, 0.8, p.tone("green"))
    n = int(p.rng.integers(5, 9))
    for k in range(n):
        a = 2 * math.pi * k / n
        x, y = 0.5 + 0.2 * math.cos(a), 0.32 + 0.2 * math.sin(a)
        p.oval(x - 0.12, y - 0.12, x + 0.12, y + 0.12, p.main)
    p.oval(0.39, 0.21, 0.61, 0.43, p.tone("gold"))


@thing("tulip", "red tulip", "tulip flower", colours=("red", "pink", "yellow", "purple"), upright=True)
def tulip(p: Pen) -> None:
    p.line([(0.5, 0.45), (0.5, 0.98)], 0.04, p.tone("green"))
    p.poly([(0.5, 0.96), (0.24, 0.6), (0.32, 0.9)], p.tone("green"))
    p.poly([(0.5, 0.96), (0.76, 0.58), (0.68, 0.9)], p.tone("green"))
    p.poly(
        [(0.28, 0.06), (0.4, 0.2), (0.5, 0.04), (0.6, 0.2), (0.72, 0.06), (0.74, 0.36), (0.5, 0.5), (0.26, 0.36)],
        p.main,
    )


@thing("tree", "leafy tree", "green tree", colours=("green", "dark green", "orange"), upright=True)
def tree(p: Pen) -> None:
    p.box(0.44, 0.55, 0.56, 0.98, p.tone("brown"))
    for x, y, r in ((0.5, 0.28, 0.24), (0.3, 0.42, 0.19), (0.7, 0.42, 0.19)):
        p.blob(x, y, r, p.main, 0.12)


@thing("fir tree", "pine tree", "christmas tree", colours=("dark green", "green"), upright=True)
def fir(p: Pen) -> None:
    p.box(0.45, 0.8, 0.55, 0.98, p.tone("brown"))
    for top, base, w in ((0.44, 0.84, 0.4), (0.24, 0.62, 0.31), (0.03, 0.38, 0.22)):
        p.poly([(0.5, top), (0.5 + w, base), (0.5 - w, base)], p.main)


@thing("palm tree", "palm", "tropical palm", colours=("green",), upright=True)
def palm(p: Pen) -> None:
    p.line([(0.46, 0.98), (0.5, 0.65), (0.56, 0.35)], 0.06, p.tone("wood"))
    for a in (-160, -120, -60, -20, 10, 170):
        r = math.radians(a)
        p.line(
            [
                (0.56, 0.33),
                (0.56 + 0.2 * math.cos(r), 0.3 + 0.22 * math.sin(r)),
                (0.56 + 0.38 * math.cos(r), 0.42 + 0.25 * math.sin(r)),
            ],
            0.05,
            p.main,
        )
    p.oval(0.5, 0.34, 0.57, 0.41, p.tone("brown"))


@thing(
    "mountains", "mountain landscape", "snowy mountains", colours=("grey", "blue", "purple"), upright=True, fills=True
)
def mountains(p: Pen) -> None:
    p.box(0, 0, 1, 1, p.tone("cyan", 0.5))
    for x, top, w in ((0.25, p.near(0.3, 0.1), 0.4), (0.7, p.near(0.2, 0.1), 0.45)):
        p.poly([(x - w, 1), (x, top), (x + w, 1)], p.main)
        k = 0.25
        p.poly(
            [(x - w * k, top + (1 - top) * k), (x, top), (x + w * k, top + (1 - top) * k), (x, top + 0.1)],
            p.tone("white"),
        )
    p.box(0, 0.86, 1, 1, p.tone("green"))


@thing("sea", "ocean", "sea with a sailing boat", "sailing boat", colours=("blue", "cyan"), upright=True, fills=True)
def sea(p: Pen) -> None:
    p.box(0, 0, 1, 1, p.tone("cyan", 0.6))
    p.box(0, 0.6, 1, 1, p.main)
    for _ in range(9):
        x, y = p.rng.uniform(0, 0.9), p.rng.uniform(0.66, 0.97)
        p.arc(x, y, x + 0.1, y + 0.05, 180, 360, 0.012, p.shade(0.5))
    x = p.rng.uniform(0.3, 0.6)
    p.poly([(x - 0.14, 0.58), (x + 0.2, 0.58), (x + 0.13, 0.67), (x - 0.08, 0.67)], p.tone("brown"))
    p.poly([(x, 0.55), (x, 0.2), (x + 0.18, 0.55)], p.tone("white"))
    p.poly([(x - 0.02, 0.55), (x - 0.02, 0.28), (x - 0.13, 0.55)], p.tone("red"))


@thing(
    "sunset",
    "evening sun over the sea",
    "sun going down",
    "sunrise",
    colours=("orange", "red", "pink"),
    upright=True,
    fills=True,
)
def sunset(p: Pen) -> None:
    p.edge_width = 0
    for k in range(12):
        p.box(0, k / 12 * 0.65, 1, (k + 1.3) / 12 * 0.65, p.shade(-0.4 + k * 0.08))
    p.oval(0.32, 0.36, 0.68, 0.74, p.tone("yellow"))
    p.box(0, 0.64, 1, 1, p.tone("purple", -0.3))
    for k in range(5):
        w = 0.2 - 0.02 * k
        p.box(0.5 - w, 0.69 + 0.06 * k, 0.5 + w, 0.71 + 0.06 * k, p.tone("orange"))


@thing("sun", "yellow sun", "shining sun", colours=("yellow", "orange"))
def sun(p: Pen) -> None:
    n = int(p.rng.integers(8, 13))
    for k in range(n):
        a = 2 * math.pi * k / n
        p.line(
            [(0.5 + 0.3 * math.cos(a), 0.5 + 0.3 * math.sin(a)), (0.5 + 0.46 * math.cos(a), 0.5 + 0.46 * math.sin(a))],
            0.05,
            p.main,
        )
    p.oval(0.26, 0.26, 0.74, 0.74, p.main)


@thing("moon", "crescent moon", "half moon", colours=("yellow", "silver", "white"))
def moon(p: Pen) -> None:
    outer = [
        (0.5 + 0.42 * math.cos(a), 0.5 + 0.42 * math.sin(a)) for a in [math.radians(d) for d in range(60, 301, 10)]
    ]
    inner = [
        (0.68 + 0.36 * math.cos(a), 0.5 + 0.39 * math.sin(a)) for a in [math.radians(d) for d in range(285, 74, -10)]
    ]
    p.poly(outer + inner, p.main)


@thing("star", "yellow star", "five pointed star", colours=("yellow", "gold", "red", "blue"))
def star(p: Pen) -> None:
    p.star(0.5, 0.52, 0.47, p.near(0.2, 0.02), 5, p.main)


@thing("rainbow", "colourful rainbow", "rainbow in the sky", colours=("red",), upright=True)
def rainbow(p: Pen) -> None:
    for k, name in enumerate(("red", "orange", "yellow", "green", "blue", "purple")):
        r = 0.46 - 0.06 * k
        p.arc(0.5 - r, 0.65 - r, 0.5 + r, 0.65 + r, 180, 360, 0.065, p.tone(name))
    for x in (0.06, 0.72):
        for dx in (0.0, 0.08, 0.15):
            p.oval(x + dx - 0.02, 0.6, x + dx + 0.12, 0.74, p.tone("white"))


@thing("cloud", "white cloud", "rain cloud", colours=("white", "grey"), upright=True)
def cloud(p: Pen) -> None:
    rain = p.main_name == "grey"
    for x, y, r in ((0.28, 0.48, 0.17), (0.5, 0.38, 0.22), (0.72, 0.48, 0.17), (0.5, 0.54, 0.2)):
        p.oval(x - r, y - r, x + r, y + r, p.main)
    for x in (0.3, 0.45, 0.6, 0.75):
        if rain:
            p.line([(x, 0.74), (x - 0.05, 0.9)], 0.025, p.tone("blue"))


@thing("snowman", "snow man", "snowman with a carrot", colours=("white",), upright=True)
def snowman(p: Pen) -> None:
    p.oval(0.24, 0.52, 0.76, 0.99, p.main)
    p.oval(0.32, 0.22, 0.68, 0.6, p.main)
    for x in (0.43, 0.54):
        p.oval(x, 0.32, x + 0.04, 0.37, p.tone("black"))
    p.poly([(0.49, 0.4), (0.72, 0.44), (0.49, 0.46)], p.tone("orange"))
    p.box(0.36, 0.05, 0.64, 0.22, p.tone("black"))
    p.box(0.28, 0.2, 0.72, 0.25, p.tone("black"))


@thing("kite", "flying kite", "colourful kite", colours=BRIGHT, upright=True)
def kite(p: Pen) -> None:
    p.poly([(0.5, 0.02), (0.8, 0.32), (0.5, 0.7), (0.2, 0.32)], p.main)
    p.poly([(0.5, 0.02), (0.8, 0.32), (0.5, 0.32)], p.shade(0.4))
    p.line([(0.5, 0.7), (0.44, 0.8), (0.54, 0.88), (0.46, 0.98)], 0.018, p.tone("black"))
    for y in (0.8, 0.9):
        p.poly([(0.42, y - 0.03), (0.42, y + 0.03), (0.56, y - 0.03), (0.56, y + 0.03)], p.tone("red"))


@thing("balloon", "party balloon", "air balloon", colours=BRIGHT, upright=True)
def balloon(p: Pen) -> None:
    p.line([(0.5, 0.66), (0.46, 0.8), (0.53, 0.98)], 0.015, p.tone("black"))
    p.oval(0.24, 0.03, 0.76, 0.64, p.main)
    p.poly([(0.5, 0.61), (0.45, 0.69), (0.55, 0.69)], p.main)
    p.oval(0.33, 0.12, 0.43, 0.28, p.shade(0.6))


@thing("football", "soccer ball", "black and white ball", colours=("white",))
def football(p: Pen) -> None:
    p.edge_width = max(p.edge_width, 3)
    p.oval(0.08, 0.08, 0.92, 0.92, p.main)
    p.star(0.5, 0.5, 0.17, 0.137, 5, p.tone("black"))
    for k in range(5):
        a = 2 * math.pi * k / 5 - math.pi / 2
        p.oval(
            0.5 + 0.33 * math.cos(a) - 0.07,
            0.5 + 0.33 * math.sin(a) - 0.07,
            0.5 + 0.33 * math.cos(a) + 0.07,
            0.5 + 0.33 * math.sin(a) + 0.07,
            p.tone("black"),
        )


@thing("basketball", "orange ball", "orange basketball", colours=("orange",))
def basketball(p: Pen) -> None:
    p.oval(0.08, 0.08, 0.92, 0.92, p.main)
    black = p.tone("black")
    p.line([(0.5, 0.08), (0.5, 0.92)], 0.022, black)
    p.line([(0.08, 0.5), (0.92, 0.5)], 0.022, black)
    p.arc(-0.25, 0.1, 0.3, 0.9, -70, 70, 0.022, black)
    p.arc(0.7, 0.1, 1.25, 0.9, 110, 250, 0.022, black)


@thing(
    "house", "small house", "family house", "cottage", colours=("white", "beige", "yellow", "red", "blue"), upright=True
)
def house(p: Pen) -> None:
    p.box(0.16, 0.46, 0.84, 0.96, p.main)
    p.poly([(0.06, 0.48), (0.5, 0.1), (0.94, 0.48)], p.tone(str(p.rng.choice(["red", "brown", "grey"]))))
    p.box(0.43, 0.66, 0.57, 0.96, p.tone("brown"))
    for x in (0.22, 0.64):
        p.box(x, 0.56, x + 0.14, 0.7, p.tone("cyan", 0.4))


@thing(
    "skyline",
    "city skyline",
    "tall buildings",
    "skyscrapers at night",
    colours=("black", "grey", "blue"),
    upright=True,
    fills=True,
)
def skyline(p: Pen) -> None:
    night = p.rng.random() < 0.5
    p.box(0, 0, 1, 1, p.tone("blue", -0.7) if night else p.tone("cyan", 0.5))
    p.edge_width = 0
    x = 0.0
    while x < 1:
        w, top = p.rng.uniform(0.1, 0.2), p.rng.uniform(0.15, 0.6)
        p.box(x, top, x + w, 1, p.shade(p.rng.uniform(-0.3, 0.3)))
        y = top + 0.05
        while y < 0.95:
            for wx in (0.2, 0.6):
                if p.rng.random() < 0.6:
                    p.box(x + w * wx, y, x + w * (wx + 0.2), y + 0.03, p.tone("yellow"))
            y += 0.07
        x += w


@thing("car", "small car", "passenger car", colours=BRIGHT, upright=True)
def car(p: Pen) -> None:
    p.poly([(0.22, 0.5), (0.34, 0.3), (0.66, 0.3), (0.8, 0.5)], p.shade(0.1))
    p.poly([(0.28, 0.48), (0.37, 0.34), (0.49, 0.34), (0.49, 0.48)], p.tone("cyan", 0.5))
    p.poly([(0.52, 0.34), (0.64, 0.34), (0.73, 0.48), (0.52, 0.48)], p.tone("cyan", 0.5))
    p.box(0.04, 0.48, 0.96, 0.7, p.main, 0.06)
    for x in (0.25, 0.75):
        p.oval(x - 0.11, 0.6, x + 0.11, 0.82, p.tone("black"))
        p.oval(x - 0.05, 0.66, x + 0.05, 0.76, p.tone("silver"))


@thing("bus", "city bus", "school bus", colours=("yellow", "red", "blue", "green"), upright=True)
def bus(p: Pen) -> None:
    p.box(0.04, 0.22, 0.96, 0.76, p.main, 0.04)
    for x in (0.1, 0.28, 0.46, 0.64):
        p.box(x, 0.3, x + 0.14, 0.48, p.tone("cyan", 0.5))
    p.box(0.82, 0.3, 0.92, 0.72, p.tone("cyan", 0.3))
    for x in (0.24, 0.74):
        p.oval(x - 0.09, 0.67, x + 0.09, 0.85, p.tone("black"))


@thing("bicycle", "bike", "cycle", colours=BRIGHT, upright=True)
def bicycle(p: Pen) -> None:
    for x in (0.22, 0.78):
        p.ring(x - 0.2, 0.46, x + 0.2, 0.86, p.tone("black"), 0.03)
    for a, b in (
        ((0.22, 0.66), (0.4, 0.38)),
        ((0.4, 0.38), (0.68, 0.38)),
        ((0.68, 0.38), (0.48, 0.66)),
        ((0.48, 0.66), (0.22, 0.66)),
        ((0.48, 0.66), (0.38, 0.32)),
        ((0.66, 0.28), (0.78, 0.66)),
    ):
        p.line([a, b], 0.03, p.main)
    p.line([(0.32, 0.3), (0.45, 0.3)], 0.04, p.tone("black"))
    p.line([(0.6, 0.28), (0.74, 0.28)], 0.03, p.tone("black"))


@thing("train", "railway train", "locomotive", colours=("red", "blue", "green", "black"), upright=True)
def train(p: Pen) -> None:
    p.box(0.06, 0.42, 0.62, 0.7, p.main, 0.03)
    p.box(0.58, 0.2, 0.92, 0.72, p.shade(-0.2))
    p.box(0.65, 0.28, 0.85, 0.44, p.tone("cyan", 0.4))
    p.poly([(0.14, 0.42), (0.16, 0.2), (0.26, 0.2), (0.28, 0.42)], p.tone("black"))
    for x in (0.16, 0.34, 0.52, 0.78):
        p.oval(x - 0.08, 0.66, x + 0.08, 0.82, p.tone("black"))
    p.line([(0, 0.86), (1, 0.86)], 0.03, p.tone("brown"))


@thing("plane", "airplane", "aircraft", colours=("white", "silver", "blue", "red"))
def plane(p: Pen) -> None:
    p.poly([(0.4, 0.46), (0.6, 0.46), (0.46, 0.06), (0.36, 0.06)], p.shade(-0.2))
    p.poly([(0.4, 0.54), (0.6, 0.54), (0.46, 0.94), (0.36, 0.94)], p.shade(-0.2))
    p.poly([(0.04, 0.5), (0.02, 0.3), (0.12, 0.3), (0.22, 0.46)], p.shade(-0.2))
    p.oval(0.03, 0.42, 0.97, 0.58, p.main)
    for x in (0.3, 0.42, 0.54, 0.66, 0.78):
        p.oval(x, 0.47, x + 0.04, 0.52, p.tone("cyan", -0.2))


@thing("traffic light", "stop light", "street light signal", colours=("black", "grey"), upright=True)
def traffic_light(p: Pen) -> None:
    p.box(0.46, 0.7, 0.54, 0.99, p.tone("grey"))
    p.box(0.32, 0.04, 0.68, 0.74, p.main, 0.06)
    for y, name in ((0.08, "red"), (0.3, "yellow"), (0.52, "green")):
        p.oval(0.41, y, 0.59, y + 0.18, p.tone(name))


@thing("cat", "kitten", "sitting cat", colours=("grey", "orange", "black", "white", "brown"), upright=True)
def cat(p: Pen) -> None:
    p.arc(0.6, 0.5, 0.96, 0.96, -60, 120, 0.06, p.main)
    p.oval(0.26, 0.44, 0.74, 0.96, p.main)
    p.poly([(0.28, 0.3), (0.28, 0.04), (0.46, 0.18)], p.main)
    p.poly([(0.72, 0.3), (0.72, 0.04), (0.54, 0.18)], p.main)
    p.oval(0.26, 0.14, 0.74, 0.54, p.main)
    for x in (0.38, 0.57):
        p.oval(x, 0.28, x + 0.07, 0.36, p.tone("green", 0.3))
        p.oval(x + 0.022, 0.28, x + 0.045, 0.36, p.tone("black"))
    p.poly([(0.47, 0.39), (0.53, 0.39), (0.5, 0.43)], p.tone("pink"))
    for dy in (-0.02, 0.03):
        p.line([(0.12, 0.42 + dy), (0.4, 0.42)], 0.008, p.tone("grey"))
        p.line([(0.6, 0.42), (0.88, 0.42 + dy)], 0.008, p.tone("grey"))


@thing("dog", "puppy", "standing dog", colours=("brown", "wood", "black", "white", "grey"), upright=True)
def dog(p: Pen) -> None:
    for x in (0.22, 0.34, 0.56, 0.66):
        p.box(x, 0.6, x + 0.07, 0.96, p.main)
    p.line([(0.2, 0.5), (0.06, p.near(0.32))], 0.05, p.main)
    p.oval(0.16, 0.42, 0.76, 0.74, p.main)
    p.oval(0.58, 0.16, 0.88, 0.5, p.main)
    p.oval(0.76, 0.28, 0.99, 0.46, p.main)
    p.oval(0.54, 0.18, 0.68, 0.5, p.shade(-0.35))
    p.oval(0.93, 0.29, 1.0, 0.37, p.tone("black"))
    p.oval(0.76, 0.24, 0.81, 0.3, p.tone("black"))


@thing("bird", "small bird", "songbird", colours=("blue", "red", "yellow", "brown"), upright=True)
def bird(p: Pen) -> None:
    p.poly([(0.2, 0.6), (0.0, 0.5), (0.02, 0.7)], p.shade(-0.2))
    p.oval(0.14, 0.36, 0.72, 0.78, p.main)
    p.oval(0.54, 0.18, 0.84, 0.5, p.main)
    p.poly([(0.82, 0.3), (0.99, 0.35), (0.82, 0.4)], p.tone("orange"))
    p.oval(0.24, 0.44, 0.56, 0.66, p.shade(-0.25))
    p.oval(0.7, 0.27, 0.75, 0.32, p.tone("black"))
    for x in (0.38, 0.5):
        p.line([(x, 0.76), (x, 0.95)], 0.02, p.tone("orange"))


@thing("fish", "swimming fish", "gold fish", colours=("orange", "blue", "red", "yellow", "silver"))
def fish(p: Pen) -> None:
    p.poly([(0.26, 0.5), (0.04, 0.28), (0.04, 0.72)], p.shade(-0.2))
    p.poly([(0.4, 0.34), (0.56, 0.16), (0.68, 0.36)], p.shade(-0.2))
    p.oval(0.18, 0.28, 0.96, 0.72, p.main)
    p.oval(0.8, 0.4, 0.87, 0.47, p.tone("black"))
    p.arc(0.5, 0.34, 0.72, 0.66, -70, 70, 0.02, p.shade(-0.4))


@thing("butterfly", "colourful butterfly", "flying butterfly", colours=BRIGHT)
def butterfly(p: Pen) -> None:
    for side in (-1, 1):
        p.oval(0.5 + side * 0.25 - 0.22, 0.1, 0.5 + side * 0.25 + 0.22, 0.54, p.main)
        p.oval(0.5 + side * 0.2 - 0.16, 0.5, 0.5 + side * 0.2 + 0.16, 0.86, p.shade(0.3))
        p.oval(0.5 + side * 0.27 - 0.07, 0.22, 0.5 + side * 0.27 + 0.07, 0.38, p.shade(-0.4))
        p.line([(0.5, 0.2), (0.5 + side * 0.12, 0.04)], 0.014, p.tone("black"))
    p.oval(0.46, 0.16, 0.54, 0.86, p.tone("black"))


@thing("person", "standing person", "person standing", "somebody waving", colours=BRIGHT, upright=True)
def person(p: Pen) -> None:
    person_at(p, 0.5, 0.98, 0.94)


@thing("group of people", "two people", "three friends", "people together", colours=BRIGHT, upright=True)
def people(p: Pen) -> None:
    for x in (0.2, 0.5, 0.8)[: int(p.rng.integers(2, 4))]:
        p.main = p.tone(str(p.rng.choice(BRIGHT)))
        person_at(p, x, 0.97, p.near(0.75, 0.1))


@thing("football field", "sports field", "soccer pitch", colours=("green",), upright=True, fills=True)
def field(p: Pen) -> None:
    p.edge_width = 0
    for k in range(8):
        p.box(k / 8, 0, (k + 1) / 8, 1, p.shade(0.12 if k % 2 else -0.08))
    white = p.tone("white")
    p.ring(0.36, 0.36, 0.64, 0.64, white, 0.015)
    p.line([(0.5, 0.02), (0.5, 0.98)], 0.015, white)
    for x in (0.0, 0.84):
        p.draw.rectangle([v * 192 for v in (x, 0.3, x + 0.16, 0.7)], outline=white, width=3)


@thing("heart", "red heart", "love heart", colours=("red", "pink", "purple"))
def heart(p: Pen) -> None:
    p.edge_width = 0
    p.oval(0.08, 0.14, 0.54, 0.6, p.main)
    p.oval(0.46, 0.14, 0.92, 0.6, p.main)
    p.poly([(0.12, 0.47), (0.88, 0.47), (0.5, 0.94)], p.main)
    p.oval(0.2, 0.24, 0.32, 0.38, p.shade(0.4))
