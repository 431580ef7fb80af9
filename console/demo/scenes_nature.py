"""Clip scenes out of doors: sea, hills, balloons, night skies, weather. Each returns a Scene for a 360 x 640 clip."""

from __future__ import annotations

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
    lay,
    lay_centred,
    lettering,
    palette,
    rgb,
    rolling,
    scroll,
    silhouette,
    sprite,
    still,
    tag,
    vignette,
)

W, H = SIZE = (360, 640)


def stars(image: Image.Image, rng: np.random.Generator, n: int, bottom: int) -> Image.Image:
    """Return the image with small stars above `bottom`."""
    draw = ImageDraw.Draw(image)
    for _ in range(n):
        x, y = int(rng.integers(0, image.width)), int(rng.integers(0, bottom))
        tone = int(rng.integers(120, 255))
        draw.point((x, y), fill=(tone, tone, tone))
        if tone > 235:
            draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=(255, 250, 235))
    return image


def waves(rng: np.random.Generator) -> Scene:
    """Sea at golden hour."""
    ground = gradient(SIZE, palette("2b2d5b 8a4f7d f0806a ffc27a ffdd9b f5a26b"))
    ground = add_glow(ground, (W * 0.56, 330), 90, rgb("ffb36b"), 0.8)
    lay_centred(ground, disc(92, rgb("fff3d0")), (W * 0.56, 318))
    tones = palette("7d4b86 5d4488 434083 30377a 232b66 181f4f")
    parts: list[Layer | Act] = []
    for n, tone in enumerate(tones):
        line = rolling(720, rng, base=16, swing=5 + 1.5 * n, waves=3)
        band = silhouette((720, 320), line, tone)
        parts.append(scroll(band, 18 + 16 * n, 350 + n * n * 7 + n * 10))
        parts.append(_glints(rng, 372 + n * n * 7 + n * 10, 0.8 - n * 0.1))
    return Scene(ground, parts)


def _glints(rng: np.random.Generator, y: float, strength: float) -> Act:
    marks = [(float(rng.normal(W * 0.56, 26 + (y - 350) / 5)), float(rng.uniform(0, 6))) for _ in range(7)]
    glint = disc(22, rgb("ffe2ae"), alpha=int(190 * strength)).resize((26, 3))

    def play(image: Image.Image, t: float) -> None:
        for x, phase in marks:
            if np.sin(t * 2.2 + phase) > 0:
                lay_centred(image, glint, (x + 5 * np.sin(t + phase), y + 3 * np.sin(2 * t + phase)))

    return Act(play)


def _balloon(colours: list[Colour], size: int) -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        s = size * k
        draw.line((s * 0.36, s * 0.86, s * 0.44, s * 1.16), fill=(90, 60, 50, 255), width=k)
        draw.line((s * 0.64, s * 0.86, s * 0.56, s * 1.16), fill=(90, 60, 50, 255), width=k)
        for n, inset in enumerate((0.0, 0.14, 0.3, 0.42)):
            colour = colours[n % len(colours)]
            draw.ellipse((s * inset, 0, s * (1 - inset), s * 0.94), fill=(*colour, 255))
        draw.polygon(
            (s * 0.3, s * 0.8, s * 0.7, s * 0.8, s * 0.6, s * 0.98, s * 0.4, s * 0.98), fill=(*colours[1], 255)
        )
        draw.rounded_rectangle((s * 0.42, s * 1.14, s * 0.58, s * 1.28), radius=3 * k, fill=(110, 70, 48, 255))

    return sprite((size, round(size * 1.3)), brush)


def balloons(rng: np.random.Generator) -> Scene:
    """Hot-air balloons over hills at dawn."""
    ground = gradient(SIZE, palette("4c6fb1 8fa8d8 f3c6c0 ffdfb5 fff0d4"))
    ground = add_glow(ground, (90, 400), 120, rgb("ffcf8f"), 0.5)
    for n, tone in enumerate(palette("c7a2b5 a184a6 7a6a97 524f7d 33375f")):
        lay(ground, silhouette(SIZE, rolling(W, rng, base=410 + 46 * n, swing=16 + 3 * n), tone), (0, 0))
    kinds = [
        "e4572e ffd166 e4572e fff1d0",
        "2a9d8f e9f5db 2a9d8f ffd166",
        "6d597a f4a6a6 6d597a ffe5d9",
        "f4a261 fff1d0 e76f51 fff1d0",
    ]
    places = [(250, 380, 46, 15.0), (70, 300, 64, 18.0), (308, 250, 34, 11.0), (168, 420, 118, 30.0)]
    parts = []
    for kind, (x, y, size, speed) in zip(kinds, places, strict=True):
        parts.append(Layer(_balloon(palette(kind), size), _float(x, y, speed, float(rng.uniform(0, 6)))))
    return Scene(ground, parts)


def _float(x: float, y: float, speed: float, sway: float) -> Callable[[float], Point]:
    return lambda t: (x + 6 * np.sin(0.8 * t + sway), y - speed * t)


def fireworks(rng: np.random.Generator) -> Scene:
    """Fireworks over a lake."""
    ground = stars(gradient(SIZE, palette("070b24 111a44 2a2a68 54407a 1b2050")), rng, 130, 330)
    lay(ground, silhouette(SIZE, rolling(W, rng, base=400, swing=14, waves=5), rgb("0b1030")), (0, 0))
    lay(ground, silhouette(SIZE, np.full(W, 424.0), rgb("131a45"), alpha=235), (0, 0))
    bursts = []
    for n in range(14):
        colour = palette("ffd166 ff6b6b 8ecae6 b8f2a6 f4a6ff ffb36b")[n % 6]
        centre = (float(rng.uniform(60, 300)), float(rng.uniform(110, 300)))
        angles = rng.uniform(0, 2 * np.pi, 110)
        bursts.append((n * 0.48 - 1.0, centre, colour, angles, rng.uniform(15, 125, 110)))
    return Scene(ground, [Act(lambda image, t: _bursts(image, t, bursts))])


def _bursts(image: Image.Image, t: float, bursts: list) -> None:  # type: ignore[type-arg]
    draw = ImageDraw.Draw(image, "RGBA")
    for start, (cx, cy), colour, angles, reach in bursts:
        age = t - start
        if not 0 < age < 1.9:
            continue
        core = disc(56, colour, alpha=int(110 * (1 - age / 1.9)) // 10 * 10, blur=20)
        lay_centred(image, core, (cx, cy))
        spread, fade = 1 - np.exp(-2.4 * age), int(255 * (1 - age / 1.9))
        tail = 1 - np.exp(-2.4 * max(0.0, age - 0.13))
        for angle, r in zip(angles, reach, strict=True):
            dx, dy = np.cos(angle) * r, np.sin(angle) * r
            sag = 16 * age * age
            ends = (cx + dx * tail, cy + dy * tail + sag * 0.8, cx + dx * spread, cy + dy * spread + sag)
            draw.line(ends, fill=(*colour, fade), width=3)
            draw.point((ends[2], ends[3]), fill=(255, 255, 255, fade))
            mirror = 848 - ends[3] * 1.0 + 8 * np.sin(r + t * 4)
            if 430 < mirror < H:
                draw.line((ends[2] - 3, mirror, ends[2] + 3, mirror), fill=(*colour, fade // 4), width=1)


def snowfall(rng: np.random.Generator) -> Scene:
    """A cabin in the snow at night."""
    ground = stars(gradient(SIZE, palette("0b1736 1b2c5c 3c4c86 8d8fb8 c9c5da")), rng, 90, 260)
    ground = add_glow(ground, (270, 110), 40, rgb("dfe6ff"), 0.5)
    lay_centred(ground, disc(44, rgb("f6f4e8")), (270, 110))
    lay(ground, silhouette(SIZE, rolling(W, rng, base=370, swing=34, waves=4), rgb("5a649a")), (0, 0))
    lay(ground, silhouette(SIZE, rolling(W, rng, base=452, swing=10), rgb("cfd6ec")), (0, 0))
    for x, size in ((38, 130), (86, 96), (318, 150), (262, 92)):
        lay_centred(ground, _fir(size), (x, 486 - size * 0.42))
    lay_centred(ground, _cabin(), (180, 440))
    ground = add_glow(ground, (168, 462), 34, rgb("ffb347"), 0.75)
    lay(ground, silhouette(SIZE, rolling(W, rng, base=520, swing=12), rgb("eef1fb")), (0, 0))
    flakes = [(rng.uniform(0, W), rng.uniform(0, H), rng.uniform(26, 80), rng.uniform(0, 6)) for _ in range(110)]
    dots = [disc(d, rgb("ffffff"), alpha=230) for d in (2, 3, 5)]

    def play(image: Image.Image, t: float) -> None:
        for n, (x, y, speed, phase) in enumerate(flakes):
            lay(image, dots[n % 3], ((x + 14 * np.sin(t + phase)) % W, (y + speed * t) % H))

    return Scene(ground, [Act(play)])


def _fir(size: int) -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        s = size * k
        draw.rectangle((s * 0.27, s * 0.85, s * 0.33, s), fill=(60, 44, 50, 255))
        for n in range(4):
            top, low, wide = s * (0.02 + 0.2 * n), s * (0.34 + 0.18 * n), s * (0.14 + 0.055 * n)
            draw.polygon(
                (s * 0.3, top, s * 0.3 - wide, low, s * 0.3 + wide, low), fill=(34 + 4 * n, 62 + 6 * n, 84, 255)
            )
            draw.polygon(
                (s * 0.3, top, s * 0.3 - wide * 0.5, top + (low - top) * 0.5, s * 0.3, low * 0.9),
                fill=(220, 228, 244, 90),
            )

    return sprite((round(size * 0.6), size), brush)


def _cabin() -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.rectangle((16 * k, 52 * k, 124 * k, 116 * k), fill=(92, 58, 50, 255))
        for y in range(60, 116, 9):
            draw.line((16 * k, y * k, 124 * k, y * k), fill=(74, 45, 42, 255), width=2 * k)
        draw.polygon((0, 56 * k, 70 * k, 4 * k, 140 * k, 56 * k), fill=(238, 242, 252, 255))
        draw.rectangle((98 * k, 2 * k, 112 * k, 34 * k), fill=(80, 52, 50, 255))
        draw.rectangle((40 * k, 68 * k, 72 * k, 96 * k), fill=(255, 207, 112, 255))
        draw.line((56 * k, 68 * k, 56 * k, 96 * k), fill=(92, 58, 50, 255), width=2 * k)
        draw.rectangle((88 * k, 72 * k, 108 * k, 116 * k), fill=(58, 36, 36, 255))

    return sprite((140, 118), brush)


def dunes(rng: np.random.Generator) -> Scene:
    """Desert dunes and a walking caravan."""
    ground = gradient(SIZE, palette("f6d8ae f9c58d f4a36c ea7f5a"))
    ground = add_glow(ground, (250, 190), 60, rgb("fff0c9"), 0.5)
    lay_centred(ground, disc(84, rgb("fff6df")), (250, 190))
    parts: list[Layer | Act] = []
    for n, tone in enumerate(palette("d97a4f c4623f a84e38 83382f 5c2629")):
        band = silhouette((900, 400), rolling(900, rng, base=60, swing=26, waves=2), tone)
        parts.append(scroll(band, 5 + 9 * n, 270 + 62 * n))
        if n == 2:
            parts += [Layer(_camel(), _walk(x)) for x in (150, 214, 278)]
    return Scene(ground, parts)


def _walk(x: float) -> Callable[[float], Point]:
    return lambda t: (x - 12 * t, 428 + 2 * np.sin(5 * t + x))


def _camel() -> Image.Image:
    ink = (66, 28, 32, 255)

    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse((14 * k, 16 * k, 44 * k, 32 * k), fill=ink)
        draw.pieslice((22 * k, 6 * k, 38 * k, 34 * k), 180, 360, fill=ink)
        for x in (17, 22, 36, 41):
            draw.line((x * k, 28 * k, (x - 1) * k, 48 * k), fill=ink, width=3 * k)
        draw.line((16 * k, 24 * k, 8 * k, 22 * k, 5 * k, 9 * k), fill=ink, width=4 * k, joint="curve")
        draw.ellipse((0, 5 * k, 9 * k, 11 * k), fill=ink)

    return sprite((50, 50), brush)


def plant(rng: np.random.Generator) -> Scene:
    """A bean grows in thirty days."""
    ground = gradient(SIZE, palette("8ecdb4 b9dfc3 e3efcf f8e9cf"))
    ground = add_glow(ground, (292, 96), 110, rgb("fff0a8"), 0.7)
    lay(ground, silhouette(SIZE, np.full(W, 520.0), rgb("d9b08c")), (0, 0))
    lay(ground, silhouette(SIZE, np.full(W, 532.0), rgb("c79a74")), (0, 0))
    bend = rng.uniform(0.8, 1.2)
    leaf = sprite((64, 34), lambda d, k: d.chord((0, -34 * k, 64 * k, 34 * k), 0, 180, fill=(74, 146, 88, 255)))

    def play(image: Image.Image, t: float) -> None:
        grown = 1 - np.exp(-0.55 * t)
        _stem(image, grown, bend, leaf)
        lay_centred(image, _pot(), (180, 488))
        day = tag(f"Day {1 + round(29 * min(1.0, t / 5.5))}", 30, rgb("23402b"), rgb("ffffff"), alpha=225, weight=1)
        lay_centred(image, day, (180, 586))

    return Scene(ground, [Act(play)])


def _stem(image: Image.Image, grown: float, bend: float, leaf: Image.Image) -> None:
    steps = np.linspace(0, 1, 40)
    xs = 180 + 26 * np.sin(steps * 5.2 * bend) * steps
    ys = 450 - 300 * steps
    n = max(2, int(grown * 40))
    draw = ImageDraw.Draw(image)
    draw.line(
        [(float(x), float(y)) for x, y in zip(xs[:n], ys[:n], strict=True)], fill=(70, 128, 74), width=7, joint="curve"
    )
    for i, at in enumerate(range(7, 40, 5)):
        size = float(np.clip((grown * 40 - at) / 9, 0, 1)) * (1.15 - i * 0.08)
        if size > 0.08:
            wing = leaf.resize((max(1, round(64 * size)), max(1, round(34 * size)))).rotate(
                24 + 8 * (i % 2), expand=True
            )
            right = i % 2 == 0
            wing = wing if right else wing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            lay(image, wing, (xs[at] if right else xs[at] - wing.width, ys[at] - wing.height + 6))


def _pot() -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.polygon((16 * k, 20 * k, 124 * k, 20 * k, 108 * k, 112 * k, 32 * k, 112 * k), fill=(201, 96, 66, 255))
        draw.polygon((84 * k, 20 * k, 124 * k, 20 * k, 108 * k, 112 * k, 84 * k, 112 * k), fill=(178, 80, 56, 255))
        draw.rounded_rectangle((6 * k, 4 * k, 134 * k, 30 * k), radius=6 * k, fill=(217, 112, 78, 255))

    return sprite((140, 114), brush)


def weather(rng: np.random.Generator) -> Scene:
    """A weather chart that draws itself."""
    ground = gradient(SIZE, palette("14467a 2a6fae 5aa2d6 a8d4ee"))
    heading = lettering("Weekend weather", 30, rgb("ffffff"), weight=1)
    lay_centred(ground, heading, (180, 262))
    draw = ImageDraw.Draw(ground, "RGBA")
    draw.rounded_rectangle((24, 290, 336, 590), radius=24, fill=(255, 255, 255, 40))
    for n, name in enumerate(("Fri", "Sat", "Sun", "Mon")):
        lay_centred(ground, lettering(name, 20, rgb("ffffff")), (72 + 72 * n, 566))
        draw.line((72 + 72 * n, 318, 72 + 72 * n, 540), fill=(255, 255, 255, 40))
    sun = disc(92, rgb("ffd34d"))
    sun_glow = disc(92, rgb("ffe48a"), alpha=120, blur=22)
    cloud = _cloud(170)
    temps = rng.permutation([14, 19, 23, 17])
    points = [(72 + 72 * n, 540 - (int(c) - 10) * 15) for n, c in enumerate(temps)]
    return Scene(
        ground,
        [
            Layer(sun_glow, still(140, 148)),
            Layer(sun, still(140, 148)),
            Layer(cloud, lambda t: (206 + 16 * np.sin(0.7 * t), 178)),
            Act(lambda image, t: _curve(image, t, points, temps)),
        ],
    )


def _curve(image: Image.Image, t: float, points: list[tuple[int, int]], temps: np.ndarray) -> None:
    draw = ImageDraw.Draw(image, "RGBA")
    reach = min(1.0, t / 3.2)
    xs = np.linspace(points[0][0], points[0][0] + (points[-1][0] - points[0][0]) * reach, max(2, int(60 * reach)))
    ys = np.interp(xs, [p[0] for p in points], [p[1] for p in points])
    line = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
    draw.polygon([*line, (line[-1][0], 540), (72, 540)], fill=(255, 211, 77, 60))
    draw.line(line, fill=(255, 211, 77, 255), width=5, joint="curve")
    for (x, y), c in zip(points, temps, strict=True):
        if x <= xs[-1] + 1:
            draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=(255, 255, 255, 255))
            lay_centred(image, lettering(f"{c}°", 24, rgb("ffffff"), weight=1), (x, y - 30))


def _cloud(width: int) -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        w = width * k
        for x, y, r in ((0.24, 0.36, 0.17), (0.46, 0.26, 0.22), (0.7, 0.34, 0.18)):
            draw.ellipse((w * (x - r), w * (y - r), w * (x + r), w * (y + r)), fill=(255, 255, 255, 245))
        draw.rounded_rectangle((w * 0.06, w * 0.32, w * 0.92, w * 0.54), radius=w * 0.11, fill=(255, 255, 255, 245))

    return sprite((width, round(width * 0.56)), brush)


def planet(rng: np.random.Generator) -> Scene:
    """A ringed planet among stars."""
    ground = stars(gradient(SIZE, palette("05060f 0d1030 1d1746 35215c 120d2b"), slant=0.4), rng, 240, H)
    ground = add_glow(ground, (180, 360), 120, rgb("8a5cf5"), 0.28)
    body = gradient((190, 190), palette("f9d8a7 e8a76b f2c48f c97a55 e6a676 8f4b46"), slant=0.3).convert("RGBA")
    body.putalpha(disc(190, rgb("ffffff")).getchannel("A"))
    back, front = _ring(0), _ring(1)
    moon = disc(22, rgb("d9d4e7"))

    def moon_path(t: float) -> tuple[float, float]:
        return 180 + 150 * np.cos(0.7 * t + 2.4), 360 + 46 * np.sin(0.7 * t + 2.4) - 70

    parts = [
        Layer(back, still(180, 360)),
        Layer(body, still(180, 360)),
        Layer(front, still(180, 360)),
        Layer(moon, moon_path),
    ]
    return Scene(vignette(ground), parts)


def _ring(half: int) -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        arc = (0, 180) if half else (180, 360)
        for inset, tone, wide in ((0, "e9cfa6", 9), (13, "b98a6b", 7), (23, "f3e2c4", 5)):
            box = (inset * k, (40 + inset * 0.25) * k, (330 - inset) * k, (120 - inset * 0.25) * k)
            draw.arc(box, *arc, fill=(*rgb(tone), 215), width=wide * k)

    return sprite((330, 160), brush).rotate(14, expand=True, resample=Image.Resampling.BICUBIC)


def hike(rng: np.random.Generator) -> Scene:
    """Layered mountains gliding by in morning fog."""
    ground = gradient(SIZE, palette("8fb8d0 d9dfe0 f9dcc0 f7b58d f2a07c"))
    ground = add_glow(ground, (120, 190), 90, rgb("fff0cf"), 0.7)
    lay_centred(ground, disc(66, rgb("fffaf0")), (120, 190))
    parts: list[Layer | Act] = []
    far, near = rgb("d9b6ab"), rgb("1d3446")
    for n in range(6):
        line = rolling(1080, rng, base=90, swing=40 - 4 * n, waves=9)
        band = silhouette((1080, 420), line, blend(far, near, n / 5))
        parts.append(scroll(band, 4 + 8 * n, 170 + 62 * n))
    return Scene(ground, parts)
