"""Clip scenes seen from close by: kitchen, coffee, games, fish, lanterns, patterns. Each returns a Scene for a 360 x 640 clip."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from console.demo.drawing import (
    Act,
    Colour,
    Layer,
    Point,
    Scene,
    add_glow,
    blend,
    disc,
    gradient,
    lay_centred,
    lettering,
    palette,
    rgb,
    sprite,
    still,
    tag,
    vignette,
)
from console.demo.scenes_nature import SIZE, H, W, stars


def kitchen(rng: np.random.Generator) -> Scene:
    """Pancakes in four steps, seen from above."""
    ground = gradient(SIZE, palette("f7c59f f4a988 ef8d72"), slant=0.3)
    board = sprite(
        (310, 310), lambda d, k: d.rounded_rectangle((0, 0, 310 * k, 310 * k), radius=36 * k, fill=(255, 244, 230, 90))
    )
    pan = sprite((330, 300), _pan)
    for n in range(7):
        berry = disc(int(rng.integers(14, 24)), palette("3d348b d1495b 3d348b")[n % 3])
        lay_centred(ground, berry, (rng.uniform(20, 340), rng.uniform(540, 620)))
    lay_centred(ground, board, (180, 360))
    return Scene(ground, [Layer(pan, still(196, 360)), Act(_pancake)])


def _pan(draw: ImageDraw.ImageDraw, k: int) -> None:
    draw.rounded_rectangle((220 * k, 128 * k, 330 * k, 164 * k), radius=16 * k, fill=(74, 60, 66, 255))
    draw.ellipse((4 * k, 20 * k, 256 * k, 272 * k), fill=(48, 40, 48, 255))
    draw.ellipse((18 * k, 34 * k, 242 * k, 258 * k), fill=(66, 56, 64, 255))
    draw.arc((34 * k, 50 * k, 226 * k, 242 * k), 200, 260, fill=(110, 98, 106, 255), width=4 * k)


STEPS = ("1  Mix", "2  Pour", "3  Flip", "4  Enjoy")


def _pancake(image: Image.Image, t: float) -> None:
    step = min(3, int(t / 1.6))
    size = (40 + 70 * min(1.0, t / 1.6), 150.0, 168.0, 168.0)[step]
    tone = palette("fff0c9 f8dc9a d99a4e d99a4e")[step]
    hop = 60 * abs(np.sin(np.pi * (t - 3.2) / 1.6)) if step == 2 else 0
    squeeze = abs(np.cos(np.pi * (t - 3.2) / 1.6)) if step == 2 else 1.0
    cake = _cake(tone).resize((round(size), max(8, round(size * squeeze))))
    lay_centred(image, cake, (162, 358 - hop))
    if step == 3:
        lay_centred(image, _butter(), (162, 352))
    lay_centred(image, tag(STEPS[step], 28, rgb("7a2e1d"), rgb("ffffff"), alpha=235, weight=1), (180, 176))


def _cake(tone: Colour) -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse((0, 0, 168 * k, 168 * k), fill=(*blend(tone, (120, 60, 20), 0.35), 255))
        draw.ellipse((6 * k, 6 * k, 162 * k, 162 * k), fill=(*tone, 255))
        draw.ellipse((22 * k, 22 * k, 146 * k, 146 * k), fill=(*blend(tone, (255, 235, 190), 0.3), 255))

    return sprite((168, 168), brush)


def _butter() -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse((4 * k, 14 * k, 96 * k, 88 * k), fill=(176, 96, 30, 200))
        draw.polygon((30 * k, 30 * k, 64 * k, 22 * k, 74 * k, 52 * k, 40 * k, 62 * k), fill=(255, 236, 140, 255))

    return sprite((100, 100), brush).rotate(8)


def coffee(rng: np.random.Generator) -> Scene:
    """Latte art, drawn from above."""
    ground = add_glow(gradient(SIZE, palette("4a2c2a 6f4436 8d5b45"), slant=-0.4), (80, 120), 150, rgb("ffdcb0"), 0.3)
    draw = ImageDraw.Draw(ground, "RGBA")
    for x in range(0, W, 60):
        draw.line((x, 0, x + 14, H), fill=(40, 20, 18, 60), width=2)
    return Scene(vignette(ground), [Layer(_cup(), still(180, 350)), Act(_latte), Act(_steam)])


def _cup() -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse((12 * k, 22 * k, 328 * k, 338 * k), fill=(20, 8, 6, 90))
        draw.ellipse((6 * k, 6 * k, 322 * k, 322 * k), fill=(236, 228, 218, 255))
        draw.ellipse((22 * k, 22 * k, 306 * k, 306 * k), fill=(248, 243, 236, 255))
        draw.rounded_rectangle((270 * k, 40 * k, 322 * k, 92 * k), radius=24 * k, fill=(248, 243, 236, 255))
        draw.ellipse((52 * k, 52 * k, 276 * k, 276 * k), fill=(255, 252, 247, 255))
        draw.ellipse((64 * k, 64 * k, 264 * k, 264 * k), fill=(122, 68, 38, 255))
        draw.ellipse((72 * k, 72 * k, 256 * k, 256 * k), fill=(158, 94, 54, 255))

    return sprite((340, 340), brush)


def _latte(image: Image.Image, t: float) -> None:
    grown = min(1.0, t / 4)

    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        for n in range(5):
            size = (78 - 13 * n) * min(1.0, max(0.0, grown * 6 - n))
            if size < 4:
                continue
            tone = (250, 236, 214, 255) if n % 2 == 0 else (158, 94, 54, 255)
            cx, cy = 90 * k, (74 + 7 * n) * k
            r = size * k / 2
            draw.ellipse((cx - 2 * r, cy - r, cx, cy + r), fill=tone)
            draw.ellipse((cx, cy - r, cx + 2 * r, cy + r), fill=tone)
            draw.polygon((cx - 1.85 * r, cy + r * 0.45, cx + 1.85 * r, cy + r * 0.45, cx, cy + 2.3 * r), fill=tone)

    lay_centred(image, sprite((180, 180), brush), (174, 350))


def _steam(image: Image.Image, t: float) -> None:
    puff = disc(30, rgb("ffffff"), alpha=26, blur=9)
    for n in range(9):
        rise = (t * 46 + n * 33) % 300
        lay_centred(image, puff, (150 + 26 * (n % 3) + 12 * np.sin(rise / 34 + n), 300 - rise))


def football(rng: np.random.Generator) -> Scene:
    """A counter-attack on a tactics board."""
    ground = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(ground)
    for n in range(10):
        draw.rectangle((0, n * 64, W, n * 64 + 63), fill=rgb("2f8f4e" if n % 2 else "36995a"))
    ink = rgb("e8f5e9")
    draw.rectangle((22, 60, 338, 600), outline=ink, width=3)
    draw.line((22, 330, 338, 330), fill=ink, width=3)
    draw.ellipse((132, 282, 228, 378), outline=ink, width=3)
    for top in (60, 520):
        draw.rectangle((92, top, 268, top + 80), outline=ink, width=3)
    home = [(180, 560), (90, 480), (270, 480), (70, 400), (180, 430), (290, 400), (180, 360)]
    away = [(180, 92), (100, 180), (260, 180), (130, 270), (240, 290), (60, 240), (300, 340)]
    path = [(180, 430), (290, 360), (250, 230), (120, 190), (180, 70)]
    runs = rng.uniform(18, 60, len(home))
    return Scene(vignette(ground, 0.3), [Act(lambda image, t: _attack(image, t, home, away, path, runs))])


def _attack(image: Image.Image, t: float, home: list, away: list, path: list, runs: np.ndarray) -> None:  # type: ignore[type-arg]
    share = min(1.0, t / 4.6) * (len(path) - 1)
    leg = min(len(path) - 2, int(share))
    part = share - leg
    x = path[leg][0] + (path[leg + 1][0] - path[leg][0]) * part
    y = path[leg][1] + (path[leg + 1][1] - path[leg][1]) * part
    draw = ImageDraw.Draw(image, "RGBA")
    trail = [*path[: leg + 1], (x, y)]
    for a, b in itertools.pairwise(trail):
        draw.line((*a, *b), fill=(255, 236, 130, 150), width=4)
    for n, (px, py) in enumerate(home[1:]):
        lay_centred(image, _player(str(n + 2), "ff5a5f"), (px, py - min(1.0, t / 4.6) * runs[n] * 1.6))
    lay_centred(image, _player("1", "ffd166"), home[0])
    for n, (px, py) in enumerate(away):
        lay_centred(image, _player(str(n + 1), "3a5a9b"), (px + 10 * np.sin(t + n), py))
    lay_centred(image, disc(15, rgb("ffffff")), (x, y))


def _player(number: str, colour: str) -> Image.Image:
    shirt = disc(32, rgb("ffffff")).copy()
    lay_centred(shirt, disc(28, rgb(colour)), (16, 16))
    lay_centred(shirt, lettering(number, 15, rgb("ffffff")), (16, 16))
    return shirt


def chess(rng: np.random.Generator) -> Scene:
    """A quiet study: white mates in two."""
    ground = gradient(SIZE, palette("22333b 31474f 5e503f"), slant=0.2)
    draw = ImageDraw.Draw(ground)
    draw.rounded_rectangle((14, 164, 346, 496), radius=14, fill=rgb("3c2f2a"))
    for row in range(8):
        for column in range(8):
            tone = rgb("ead7bb") if (row + column) % 2 == 0 else rgb("a9745a")
            draw.rectangle((20 + column * 40, 170 + row * 40, 59 + column * 40, 209 + row * 40), fill=tone)
    pieces = [("k", 6, 0, 1), ("p", 5, 1, 1), ("p", 6, 1, 1), ("p", 7, 1, 1), ("r", 5, 0, 1), ("q", 2, 2, 1), ("n", 3, 3, 1),
              ("k", 6, 7, 0), ("p", 5, 6, 0), ("p", 6, 6, 0), ("p", 7, 6, 0), ("b", 2, 4, 0), ("n", 4, 5, 0)]  # fmt: skip
    for kind, column, row, dark in pieces:
        lay_centred(ground, _piece(kind, bool(dark)), (40 + column * 40, 188 + row * 40))
    return Scene(vignette(ground, 0.25), [Act(_moves)])


def _moves(image: Image.Image, t: float) -> None:
    stops = [(3, 7), (3, 1), (5, 1)] if t > 0.5 else [(3, 7)]
    share = float(np.clip((t - 1.0) / 1.2, 0, 1) + np.clip((t - 3.2) / 1.0, 0, 1))
    points = [(40 + c * 40, 188 + r * 40) for c, r in stops]
    leg = min(len(points) - 1, int(share))
    after = points[min(leg + 1, len(points) - 1)]
    x = points[leg][0] + (after[0] - points[leg][0]) * (share - leg)
    y = points[leg][1] + (after[1] - points[leg][1]) * (share - leg)
    glow = Image.new("RGBA", (40, 40), (255, 214, 102, 120))
    lay_centred(image, glow, (after[0], after[1] + 2))
    lay_centred(image, _piece("q", False), (x, y))


def _piece(kind: str, dark: bool) -> Image.Image:
    ink = (40, 32, 36, 255) if dark else (255, 250, 240, 255)
    line = (250, 240, 225, 90) if dark else (90, 60, 48, 255)

    def brush(d: ImageDraw.ImageDraw, k: int) -> None:
        d.rounded_rectangle((8 * k, 28 * k, 28 * k, 33 * k), radius=2 * k, fill=ink, outline=line, width=k)
        d.polygon((11 * k, 28 * k, 25 * k, 28 * k, 21 * k, 14 * k, 15 * k, 14 * k), fill=ink, outline=line, width=k)
        if kind == "p":
            d.ellipse((13 * k, 7 * k, 23 * k, 17 * k), fill=ink, outline=line, width=k)
        elif kind == "r":
            d.rectangle((11 * k, 6 * k, 25 * k, 14 * k), fill=ink, outline=line, width=k)
        elif kind == "b":
            d.ellipse((12 * k, 4 * k, 24 * k, 18 * k), fill=ink, outline=line, width=k)
        elif kind == "n":
            d.polygon(
                (11 * k, 15 * k, 14 * k, 5 * k, 22 * k, 4 * k, 27 * k, 12 * k, 20 * k, 13 * k, 24 * k, 18 * k),
                fill=ink,
                outline=line,
                width=k,
            )
        else:
            d.polygon(
                (
                    9 * k,
                    6 * k,
                    14 * k,
                    11 * k,
                    18 * k,
                    3 * k,
                    22 * k,
                    11 * k,
                    27 * k,
                    6 * k,
                    24 * k,
                    17 * k,
                    12 * k,
                    17 * k,
                ),
                fill=ink,
                outline=line,
                width=k,
            )
            if kind == "k":
                d.line((18 * k, 0, 18 * k, 6 * k), fill=ink, width=3 * k)

    return sprite((36, 36), brush)


def aquarium(rng: np.random.Generator) -> Scene:
    """Fish and bubbles."""
    ground = add_glow(
        gradient(SIZE, palette("7fe0e0 2fa9c9 1a6ea8 123f7d 0d2857")), (180, -20), 180, rgb("ffffff"), 0.5
    )
    draw = ImageDraw.Draw(ground, "RGBA")
    for n in range(5):
        x = 20 + n * 80
        draw.polygon((x, 0, x + 34, 0, x + 110, H, x - 10, H), fill=(255, 255, 255, 13))
    parts: list[Layer | Act] = [Act(_weed)]
    for n in range(11):
        size, colour = int(rng.integers(34, 84)), palette("ff8c42 ffd166 ef476f f7f7f2 9b5de5")[n % 5]
        parts.append(_swim(_fish(size, colour), rng, facing_left=n % 2 == 0))
    bubbles = [(rng.uniform(0, W), rng.uniform(0, H), rng.uniform(30, 90), int(rng.integers(4, 13))) for _ in range(26)]

    def play(image: Image.Image, t: float) -> None:
        for x, y, speed, d in bubbles:
            lay_centred(image, disc(d, rgb("ffffff"), alpha=90), (x + 6 * np.sin(2 * t + y), (y - speed * t) % H))

    return Scene(ground, [*parts, Act(play)])


def _swim(fish: Image.Image, rng: np.random.Generator, *, facing_left: bool) -> Layer:
    x, y, speed, phase = rng.uniform(0, W), rng.uniform(130, 520), rng.uniform(24, 70), rng.uniform(0, 6)
    if not facing_left:
        fish, speed = fish.transpose(Image.Transpose.FLIP_LEFT_RIGHT), -speed
    return Layer(fish, lambda t: ((x - speed * t) % (W + 120) - 60, y + 9 * np.sin(1.7 * t + phase)))


def _fish(size: int, colour: Colour) -> Image.Image:
    def brush(d: ImageDraw.ImageDraw, k: int) -> None:
        s = size * k
        dark = (*blend(colour, (20, 20, 60), 0.3), 255)
        d.polygon((s * 0.68, s * 0.3, s, s * 0.1, s * 0.94, s * 0.3, s, s * 0.52), fill=dark)
        d.polygon((s * 0.36, s * 0.1, s * 0.62, s * 0.02, s * 0.6, s * 0.2), fill=dark)
        d.ellipse((0, s * 0.06, s * 0.78, s * 0.54), fill=(*colour, 255))
        d.chord((s * 0.26, s * 0.06, s * 0.44, s * 0.54), 0, 360, fill=(255, 255, 255, 130))
        d.ellipse((s * 0.12, s * 0.2, s * 0.22, s * 0.3), fill=(255, 255, 255, 255))
        d.ellipse((s * 0.14, s * 0.22, s * 0.2, s * 0.28), fill=(20, 20, 40, 255))

    return sprite((size, round(size * 0.6)), brush)


def _weed(image: Image.Image, t: float) -> None:
    draw = ImageDraw.Draw(image)
    for n, x in enumerate((24, 60, 96, 262, 300, 338)):
        tall = 110 + 37 * (n * 7 % 4)
        points = [(x + 13 * s * np.sin(1.3 * t + n + 3 * s), H - tall * s) for s in np.linspace(0, 1, 14)]
        draw.line(points, fill=palette("1f7a6d 2a9d8f 176b5f")[n % 3], width=13, joint="curve")
    draw.ellipse((-60, 606, 240, 720), fill=rgb("e9c46a"))
    draw.ellipse((130, 600, 440, 720), fill=rgb("d9ae57"))


def lanterns(rng: np.random.Generator) -> Scene:
    """Paper lanterns rising over water."""
    ground = stars(gradient(SIZE, palette("0b1026 1b1f4f 46306e 7a3f6d 251a44")), rng, 120, 380)
    parts: list[Layer | Act] = []
    for n in range(26):
        size = int(rng.integers(14, 46) if n else 64)
        x, y, phase = rng.uniform(10, 350), rng.uniform(160, 760), rng.uniform(0, 6)
        parts.append(Layer(_lantern(size), _rise(x, y, size * 0.75, phase)))
    return Scene(vignette(ground), parts)


def _rise(x: float, y: float, speed: float, phase: float) -> Callable[[float], Point]:
    return lambda t: (x + 5 * np.sin(0.9 * t + phase), y - speed * t)


def _lantern(size: int) -> Image.Image:
    glow = disc(size * 2, rgb("ff9a3c"), alpha=90, blur=size / 3).copy()

    def brush(d: ImageDraw.ImageDraw, k: int) -> None:
        s = size * k
        d.polygon(
            (s * 0.12, s * 0.1, s * 0.88, s * 0.1, s * 0.76, s * 1.1, s * 0.24, s * 1.1), fill=(255, 170, 80, 255)
        )
        d.ellipse((s * 0.12, 0, s * 0.88, s * 0.2), fill=(255, 188, 104, 255))
        d.ellipse((s * 0.28, s * 0.62, s * 0.72, s * 1.1), fill=(255, 240, 180, 255))

    lay_centred(glow, sprite((size, round(size * 1.15)), brush), (glow.width / 2, glow.height / 2))
    return glow


def spirograph(rng: np.random.Generator) -> Scene:
    """A pattern that draws itself."""
    ground = add_glow(gradient(SIZE, palette("10002b 240046 3c096c")), (180, 340), 120, rgb("7b2cbf"), 0.4)
    tones = palette("ff9e00 ff5d8f c77dff 4cc9f0 72efdd ff9e00")
    n_petals, inner = int(rng.integers(5, 8)), float(rng.uniform(0.55, 0.75))
    angle = np.linspace(0, 2 * np.pi, 240)
    reach = 74 + 62 * np.cos(n_petals * angle) * inner + 26 * np.cos(2 * n_petals * angle)

    def play(image: Image.Image, t: float) -> None:
        draw = ImageDraw.Draw(image)
        for ring in range(5):
            n = int(np.clip(t / 4.6 * 5 - ring, 0, 1) * 239)
            turn, size = ring * 0.21 + 0.12 * t, 1.0 - 0.14 * ring
            xs, ys = 180 + np.cos(angle + turn) * reach * size, 340 + np.sin(angle + turn) * reach * size
            for i in range(0, n, 8):
                colour = blend(tones[ring], tones[ring + 1], i / 240)
                draw.line([(xs[j], ys[j]) for j in range(i, min(i + 9, 240))], fill=colour, width=3, joint="curve")
            if 0 < n < 239:
                lay_centred(image, disc(14, rgb("ffffff"), blur=2), (xs[n], ys[n]))

    return Scene(ground, [Act(play)])
