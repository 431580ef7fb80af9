"""Drawings of harmless things in and about the house, many of them close in shape to what policies ask about."""

from __future__ import annotations

import math

from training.vision.pen import BRIGHT, Pen, thing

METAL = ("silver", "grey")


@thing("spoon", "metal spoon", "soup spoon", colours=METAL)
def spoon(p: Pen) -> None:
    p.line([(0.04, 0.5), (0.62, 0.5)], p.near(0.05, 0.01), p.main)
    p.oval(0.58, 0.37, 0.96, 0.63, p.main)
    p.oval(0.65, 0.42, 0.88, 0.56, p.shade(-0.2))


@thing("fork", "dinner fork", "metal fork", colours=METAL)
def fork(p: Pen) -> None:
    p.line([(0.04, 0.5), (0.6, 0.5)], 0.05, p.main)
    p.box(0.58, 0.38, 0.72, 0.62, p.main, 0.05)
    for y in (0.4, 0.467, 0.533, 0.6):
        p.line([(0.68, y), (0.96, y)], 0.03, p.main)


@thing("pencil", "yellow pencil", "crayon", colours=("yellow", "red", "green", "blue"))
def pencil(p: Pen) -> None:
    p.box(0.14, 0.43, 0.78, 0.57, p.main)
    p.line([(0.16, 0.5), (0.77, 0.5)], 0.015, p.shade(-0.3))
    p.poly([(0.78, 0.43), (0.97, 0.5), (0.78, 0.57)], p.tone("beige"))
    p.poly([(0.91, 0.477), (0.97, 0.5), (0.91, 0.523)], p.tone("black"))
    p.box(0.04, 0.43, 0.12, 0.57, p.tone("pink"), 0.02)
    p.box(0.11, 0.43, 0.16, 0.57, p.tone("silver"))


@thing("paintbrush", "brush", "paint brush", colours=BRIGHT)
def paintbrush(p: Pen) -> None:
    p.line([(0.04, 0.5), (0.6, 0.5)], 0.05, p.tone("wood"))
    p.box(0.56, 0.43, 0.7, 0.57, p.tone("silver"))
    p.poly([(0.7, 0.42), (0.86, 0.4), (0.98, 0.5), (0.86, 0.6), (0.7, 0.58)], p.main)


@thing("hair dryer", "hairdryer", "blow dryer", colours=("pink", "purple", "red", "cyan"))
def dryer(p: Pen) -> None:
    p.poly([(0.42, 0.48), (0.58, 0.48), (0.64, 0.94), (0.46, 0.94)], p.shade(-0.15))
    p.poly([(0.3, 0.2), (0.04, 0.26), (0.04, 0.46), (0.3, 0.52)], p.tone("grey"))
    p.oval(0.25, 0.14, 0.78, 0.56, p.main)
    p.oval(0.58, 0.24, 0.75, 0.46, p.shade(0.4))
    p.line([(0.55, 0.94), (0.6, 0.99)], 0.02, p.tone("black"))


@thing("power drill", "drill", "electric drill", colours=("yellow", "orange", "green"))
def drill(p: Pen) -> None:
    p.box(0.28, 0.24, 0.84, 0.48, p.main, 0.06)
    p.poly([(0.6, 0.46), (0.8, 0.46), (0.86, 0.82), (0.64, 0.82)], p.tone("black", 0.1))
    p.box(0.56, 0.8, 0.94, 0.96, p.main, 0.03)
    p.poly([(0.28, 0.28), (0.18, 0.33), (0.18, 0.4), (0.28, 0.44)], p.tone("grey"))
    p.line([(0.02, 0.365), (0.18, 0.365)], 0.025, p.tone("silver"))


@thing("banana", "yellow banana", "ripe banana", colours=("yellow",))
def banana(p: Pen) -> None:
    p.poly(
        [
            (0.12, 0.2),
            (0.2, 0.17),
            (0.36, 0.48),
            (0.62, 0.62),
            (0.92, 0.62),
            (0.96, 0.7),
            (0.7, 0.84),
            (0.4, 0.8),
            (0.2, 0.58),
        ],
        p.main,
    )
    p.poly([(0.12, 0.2), (0.2, 0.17), (0.18, 0.1), (0.12, 0.12)], p.tone("brown"))


@thing("candy", "sweet", "wrapped candy", "bonbon", colours=BRIGHT)
def candy(p: Pen) -> None:
    p.poly([(0.3, 0.5), (0.06, 0.3), (0.06, 0.7)], p.shade(0.3))
    p.poly([(0.7, 0.5), (0.94, 0.3), (0.94, 0.7)], p.shade(0.3))
    p.oval(0.26, 0.3, 0.74, 0.7, p.main)
    for x in (0.38, 0.5, 0.62):
        p.line([(x - 0.05, 0.35), (x + 0.05, 0.65)], 0.03, p.tone("white"))


@thing("lollipop", "round lollipop", "sugar lolly", colours=BRIGHT, upright=True)
def lollipop(p: Pen) -> None:
    p.line([(0.5, 0.5), (0.5, 0.98)], 0.04, p.tone("white"))
    p.oval(0.22, 0.04, 0.78, 0.6, p.main)
    for r in (0.2, 0.12, 0.05):
        p.arc(0.5 - r, 0.32 - r, 0.5 + r, 0.32 + r, p.rng.uniform(0, 90), 330, 0.03, p.tone("white"))


@thing("water bottle", "bottle of water", "plastic bottle", colours=("cyan", "blue"), upright=True)
def water(p: Pen) -> None:
    p.box(0.42, 0.03, 0.58, 0.13, p.tone("blue"))
    p.poly([(0.43, 0.13), (0.57, 0.13), (0.7, 0.28), (0.7, 0.97), (0.3, 0.97), (0.3, 0.28)], p.shade(0.55))
    p.box(0.3, 0.45, 0.7, 0.68, p.main)
    for y in (0.36, 0.76, 0.85):
        p.line([(0.32, y), (0.68, y)], 0.012, p.shade(0.2))


@thing("milk carton", "carton of milk", "box of milk", colours=("white", "blue"), upright=True)
def milk(p: Pen) -> None:
    p.box(0.25, 0.36, 0.75, 0.97, p.tone("white"))
    p.poly([(0.25, 0.36), (0.36, 0.16), (0.64, 0.16), (0.75, 0.36)], p.tone("blue", 0.2))
    p.box(0.35, 0.08, 0.65, 0.17, p.tone("white"))
    p.box(0.25, 0.55, 0.75, 0.75, p.tone("blue"))
    p.words("MILK", 0.5, 0.65, 0.17, p.tone("white"))


@thing("cup", "cup of tea", "mug", "cup of coffee", colours=BRIGHT, upright=True)
def cup(p: Pen) -> None:
    p.ring(0.62, 0.44, 0.94, 0.76, p.shade(-0.1), 0.06)
    p.poly([(0.14, 0.36), (0.74, 0.36), (0.68, 0.9), (0.2, 0.9)], p.main)
    p.oval(0.14, 0.28, 0.74, 0.44, p.tone("brown"))
    for x in (0.32, 0.5):
        p.line([(x, 0.24), (x + 0.05, 0.14), (x, 0.05)], 0.02, p.tone("grey", 0.5))


@thing("birthday cake", "cake", "cake with candles", colours=("pink", "beige", "brown", "white"), upright=True)
def cake(p: Pen) -> None:
    p.box(0.12, 0.5, 0.88, 0.92, p.main, 0.04)
    p.box(0.12, 0.5, 0.88, 0.62, p.shade(0.5), 0.04)
    for x in (0.26, 0.42, 0.58, 0.74):
        p.box(x - 0.02, 0.32, x + 0.02, 0.5, p.tone(str(p.rng.choice(BRIGHT))))
        p.oval(x - 0.018, 0.24, x + 0.018, 0.32, p.tone("yellow"))
    p.line([(0.04, 0.94), (0.96, 0.94)], 0.03, p.tone("silver"))


@thing("apple", "red apple", "green apple", "round apple", colours=("red", "green"))
def apple(p: Pen) -> None:
    p.oval(0.14, 0.26, 0.6, 0.92, p.main)
    p.oval(0.4, 0.26, 0.86, 0.92, p.main)
    p.edge_width = 0
    p.oval(0.3, 0.3, 0.7, 0.88, p.main)
    p.line([(0.5, 0.32), (0.54, 0.1)], 0.035, p.tone("brown"))
    p.poly([(0.54, 0.2), (0.68, 0.08), (0.8, 0.14), (0.68, 0.24)], p.tone("green"))
    p.oval(0.24, 0.38, 0.34, 0.54, p.shade(0.5))


@thing("tomato", "red tomato", "ripe tomato", colours=("red",))
def tomato(p: Pen) -> None:
    p.oval(0.1, 0.2, 0.9, 0.9, p.main)
    p.star(0.5, 0.24, 0.24, 0.07, 5, p.tone("green"))
    p.oval(0.22, 0.36, 0.34, 0.5, p.shade(0.45))


@thing("pizza", "slice of pizza", "pizza slice", colours=("yellow",))
def pizza(p: Pen) -> None:
    p.poly([(0.08, 0.2), (0.92, 0.2), (0.5, 0.96)], p.main)
    p.box(0.05, 0.1, 0.95, 0.24, p.tone("wood"), 0.06)
    for x, y in ((0.32, 0.38), (0.6, 0.36), (0.48, 0.58), (0.5, 0.78)):
        p.oval(x - 0.07, y - 0.07, x + 0.07, y + 0.07, p.tone("red"))


@thing("ice cream", "ice cream cone", "cone of ice cream", colours=("pink", "white", "brown", "green"), upright=True)
def ice_cream(p: Pen) -> None:
    p.poly([(0.28, 0.46), (0.72, 0.46), (0.5, 0.98)], p.tone("wood"))
    p.line([(0.36, 0.5), (0.56, 0.82)], 0.012, p.tone("brown"))
    p.line([(0.64, 0.5), (0.44, 0.82)], 0.012, p.tone("brown"))
    p.oval(0.24, 0.2, 0.76, 0.54, p.main)
    p.oval(0.32, 0.04, 0.68, 0.34, p.shade(0.25))


@thing("book", "closed book", "old book", colours=("red", "blue", "green", "brown", "purple"))
def book(p: Pen) -> None:
    p.box(0.18, 0.1, 0.84, 0.92, p.main, 0.02)
    p.box(0.18, 0.1, 0.28, 0.92, p.shade(-0.3), 0.02)
    p.box(0.2, 0.86, 0.84, 0.92, p.tone("white"))
    p.box(0.38, 0.24, 0.74, 0.4, p.shade(0.55))


@thing("clock", "wall clock", "round clock", colours=BRIGHT, upright=True)
def clock(p: Pen) -> None:
    p.oval(0.08, 0.08, 0.92, 0.92, p.main)
    p.oval(0.15, 0.15, 0.85, 0.85, p.tone("white"))
    for k in range(12):
        a = math.pi * k / 6
        p.line(
            [
                (0.5 + 0.29 * math.cos(a), 0.5 + 0.29 * math.sin(a)),
                (0.5 + 0.32 * math.cos(a), 0.5 + 0.32 * math.sin(a)),
            ],
            0.02,
            p.tone("black"),
        )
    for r, w in ((0.18, 0.035), (0.26, 0.022)):
        a = p.rng.uniform(0, 2 * math.pi)
        p.line([(0.5, 0.5), (0.5 + r * math.cos(a), 0.5 + r * math.sin(a))], w, p.tone("black"))


@thing("phone", "smartphone", "mobile phone", colours=("black", "grey", "white"))
def phone(p: Pen) -> None:
    p.box(0.28, 0.04, 0.72, 0.96, p.main, 0.06)
    p.box(0.32, 0.12, 0.68, 0.85, p.tone(str(p.rng.choice(["cyan", "blue", "purple"])), 0.3))
    for x in (0.4, 0.5, 0.6):
        for y in (0.22, 0.34, 0.46):
            p.box(x - 0.035, y - 0.035, x + 0.035, y + 0.035, p.tone(str(p.rng.choice(BRIGHT))), 0.01)
    p.oval(0.47, 0.88, 0.53, 0.94, p.tone("grey"))


@thing("guitar", "acoustic guitar", "wooden guitar", colours=("wood", "brown", "red", "orange"))
def guitar(p: Pen) -> None:
    p.oval(0.22, 0.54, 0.78, 0.98, p.main)
    p.oval(0.29, 0.38, 0.71, 0.7, p.main)
    p.box(0.46, 0.08, 0.54, 0.56, p.tone("brown", -0.2))
    p.box(0.43, 0.01, 0.57, 0.12, p.tone("black", 0.1))
    p.oval(0.41, 0.56, 0.59, 0.74, p.tone("black"))
    p.box(0.4, 0.83, 0.6, 0.87, p.tone("black"))


@thing("umbrella", "open umbrella", "rain umbrella", colours=BRIGHT, upright=True)
def umbrella(p: Pen) -> None:
    p.line([(0.5, 0.1), (0.5, 0.86)], 0.03, p.tone("brown"))
    p.arc(0.5, 0.76, 0.66, 0.96, 0, 180, 0.03, p.tone("brown"))
    p.pie(0.06, 0.12, 0.94, 0.96, 180, 360, p.main)
    p.pie(0.36, 0.12, 0.64, 0.96, 180, 360, p.shade(0.4))


@thing("chair", "wooden chair", "kitchen chair", colours=("wood", "brown", "red", "white"), upright=True)
def chair(p: Pen) -> None:
    p.box(0.26, 0.08, 0.34, 0.95, p.main)
    p.box(0.66, 0.56, 0.74, 0.95, p.main)
    p.box(0.24, 0.52, 0.76, 0.6, p.shade(0.2))
    p.box(0.26, 0.08, 0.44, 0.4, p.shade(-0.15))


@thing("lamp", "table lamp", "desk lamp", colours=BRIGHT, upright=True)
def lamp(p: Pen) -> None:
    p.poly([(0.34, 0.1), (0.66, 0.1), (0.84, 0.5), (0.16, 0.5)], p.main)
    p.line([(0.5, 0.5), (0.5, 0.88)], 0.05, p.tone("gold"))
    p.box(0.3, 0.88, 0.7, 0.95, p.tone("gold"), 0.02)


@thing("key", "door key", "golden key", colours=("gold", "silver", "grey"))
def key(p: Pen) -> None:
    p.ring(0.04, 0.34, 0.38, 0.68, p.main, 0.08)
    p.line([(0.36, 0.51), (0.94, 0.51)], 0.07, p.main)
    p.box(0.74, 0.52, 0.8, 0.68, p.main)
    p.box(0.86, 0.52, 0.93, 0.72, p.main)


@thing("hat", "top hat", "black hat", colours=("black", "brown", "purple", "red"), upright=True)
def hat(p: Pen) -> None:
    p.box(0.28, 0.16, 0.72, 0.72, p.main)
    p.box(0.28, 0.56, 0.72, 0.68, p.tone("red") if p.main_name != "red" else p.tone("black"))
    p.oval(0.06, 0.66, 0.94, 0.84, p.main)


@thing("shoe", "sneaker", "running shoe", colours=BRIGHT, upright=True)
def shoe(p: Pen) -> None:
    p.poly([(0.08, 0.34), (0.3, 0.34), (0.5, 0.56), (0.86, 0.62), (0.95, 0.76), (0.08, 0.76)], p.main)
    p.box(0.06, 0.76, 0.96, 0.84, p.tone("white"), 0.03)
    for x in (0.34, 0.42, 0.5):
        p.line([(x, 0.5), (x + 0.07, 0.42)], 0.025, p.tone("white"))


@thing("gift", "gift box", "present with a ribbon", "wrapped present", colours=BRIGHT, upright=True)
def gift(p: Pen) -> None:
    ribbon = p.tone("gold") if p.main_name != "yellow" else p.tone("red")
    p.box(0.14, 0.44, 0.86, 0.94, p.main)
    p.box(0.08, 0.3, 0.92, 0.46, p.shade(0.2))
    p.box(0.44, 0.3, 0.56, 0.94, ribbon)
    p.ring(0.24, 0.08, 0.5, 0.32, ribbon, 0.05)
    p.ring(0.5, 0.08, 0.76, 0.32, ribbon, 0.05)


@thing("chessboard", "checkerboard", "chess board", colours=("black", "brown", "dark green"), upright=True)
def chessboard(p: Pen) -> None:
    p.box(0.04, 0.04, 0.96, 0.96, p.tone("wood"))
    p.edge_width = 0
    cell = 0.84 / 8
    for i in range(8):
        for j in range(8):
            x, y = 0.08 + i * cell, 0.08 + j * cell
            p.box(x, y, x + cell, y + cell, p.main if (i + j) % 2 else p.tone("beige", 0.4))


@thing("keyboard", "computer keyboard", "typing keyboard", colours=("black", "grey", "white"))
def keyboard(p: Pen) -> None:
    p.box(0.03, 0.3, 0.97, 0.72, p.main, 0.03)
    cap = p.tone("white") if p.main_name == "black" else p.tone("black", 0.3)
    p.edge_width = 0
    for j in range(3):
        for i in range(11):
            p.box(0.07 + i * 0.08, 0.35 + j * 0.09, 0.125 + i * 0.08, 0.41 + j * 0.09, cap)
    p.box(0.28, 0.62, 0.7, 0.68, cap)


@thing("teddy bear", "toy bear", "stuffed bear", colours=("brown", "wood", "beige"), upright=True)
def teddy(p: Pen) -> None:
    for x in (0.26, 0.62):
        p.oval(x, 0.06, x + 0.14, 0.22, p.main)
        p.oval(x - 0.04, 0.78, x + 0.18, 0.97, p.main)
    p.oval(0.24, 0.44, 0.76, 0.94, p.main)
    p.oval(0.26, 0.1, 0.74, 0.54, p.main)
    p.oval(0.4, 0.32, 0.6, 0.48, p.shade(0.4))
    for x in (0.38, 0.58):
        p.oval(x, 0.24, x + 0.05, 0.3, p.tone("black"))
    p.oval(0.46, 0.33, 0.54, 0.39, p.tone("black"))


@thing("blank sign", "empty sign", "sign without words", colours=("white", "yellow", "beige", "blue"), upright=True)
def blank_sign(p: Pen) -> None:
    p.box(0.46, 0.6, 0.54, 0.99, p.tone("brown"))
    p.box(0.08, 0.1, 0.92, 0.64, p.main, 0.03)


@thing(
    "sign with writing",
    "sign with words",
    "written sign",
    "sign with text",
    colours=("white", "yellow", "beige"),
    upright=True,
)
def written_sign(p: Pen) -> None:
    p.box(0.46, 0.6, 0.54, 0.99, p.tone("brown"))
    p.box(0.04, 0.08, 0.96, 0.66, p.main, 0.03)
    for y in (0.22, 0.37, 0.52):
        n = int(p.rng.integers(4, 9))
        word = "".join(p.rng.choice(list("abcdefghiklmnoprstuvw"), n))
        p.words(word.upper() if p.rng.random() < 0.4 else word, 0.5, y, p.near(0.16, 0.02), p.tone("black"))


@thing("bread", "loaf of bread", "fresh bread", colours=("wood", "brown"))
def bread(p: Pen) -> None:
    p.oval(0.04, 0.28, 0.96, 0.8, p.main)
    for x in (0.26, 0.42, 0.58, 0.74):
        p.line([(x - 0.05, 0.62), (x + 0.05, 0.42)], 0.04, p.shade(0.4))


@thing("glasses", "pair of glasses", "eyeglasses", colours=("black", "red", "blue"))
def glasses(p: Pen) -> None:
    p.ring(0.04, 0.34, 0.44, 0.7, p.main, 0.04)
    p.ring(0.56, 0.34, 0.96, 0.7, p.main, 0.04)
    p.arc(0.4, 0.42, 0.6, 0.62, 190, 350, 0.04, p.main)
