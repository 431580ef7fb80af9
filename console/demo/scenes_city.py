"""Clip scenes in town and with people in them, drawn as simple shapes. Each returns a Scene for a 360 x 640 clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    palette,
    rgb,
    rolling,
    scroll,
    silhouette,
    sprite,
    still,
    vignette,
)
from console.demo.scenes_nature import SIZE, H, W, stars

Joints = Mapping[str, Point]


def _skyline(rng: np.random.Generator, width: int, height: int, tone: Colour, lit: float) -> Image.Image:
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    x = 0
    while x < width:
        wide, tall = int(rng.integers(30, 66)), int(rng.integers(height // 3, height - 20))
        wide = min(wide, width - x)
        draw.rectangle((x, height - tall, x + wide - 1, height), fill=(*tone, 255))
        if rng.random() < 0.3:
            draw.line((x + wide // 2, height - tall - 18, x + wide // 2, height - tall), fill=(*tone, 255), width=2)
        for wx in range(x + 6, x + wide - 6, 9):
            for wy in range(height - tall + 10, height - 8, 13):
                if rng.random() < lit:
                    draw.rectangle(
                        (wx, wy, wx + 3, wy + 5), fill=(*blend(rgb("ffd58a"), rgb("9fd3ff"), rng.random() ** 3), 230)
                    )
        x += wide + int(rng.integers(0, 5))
    return layer


def city(rng: np.random.Generator) -> Scene:
    """City lights from a moving train."""
    ground = stars(gradient(SIZE, palette("0a1033 1c1f5a 4b2f7f a64b8c f2867a")), rng, 110, 260)
    ground = add_glow(ground, (286, 150), 46, rgb("fff1cf"), 0.5)
    lay_centred(ground, disc(58, rgb("fff6e0")), (286, 150))
    parts: list[Layer | Act] = []
    for tone, lit, speed, top, tall in (
        ("5a3a83", 0.05, 7, 250, 230),
        ("34246a", 0.2, 16, 300, 270),
        ("17123f", 0.4, 32, 330, 300),
    ):
        parts.append(scroll(_skyline(rng, 760, tall, rgb(tone), lit), speed, top))
    parts.append(Layer(Image.new("RGBA", (W, 70), (9, 8, 30, 255)), still(180, 608)))
    parts.append(Act(_traffic))
    return Scene(ground, parts)


def _traffic(image: Image.Image, t: float) -> None:
    draw = ImageDraw.Draw(image, "RGBA")
    for n in range(7):
        x = (n * 83 + t * 190) % (W + 120) - 60
        draw.line((x - 34, 596, x, 596), fill=(255, 93, 93, 210), width=3)
        x = W - (n * 71 + t * 240) % (W + 120) + 60
        draw.line((x, 616, x + 44, 616), fill=(255, 240, 200, 220), width=3)


def figure(joints: Joints, skin: Colour, top: Colour, legs: Colour, scale: float) -> Image.Image:
    """Return a person of rounded limbs; joints are in units of body height on a 1.2 x 1.2 board, feet at y = 1.1."""
    side = round(1.2 * scale)

    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        s = scale * k

        def limb(names: str, wide: float, colour: Colour) -> None:
            points = [(joints[n][0] * s, joints[n][1] * s) for n in names.split()]
            draw.line(points, fill=(*colour, 255), width=round(wide * s), joint="curve")
            for x, y in points:
                r = wide * s / 2
                draw.ellipse((x - r, y - r, x + r, y + r), fill=(*colour, 255))

        limb("neck elbow_b hand_b", 0.062, blend(top, (0, 0, 0), 0.2))
        limb("hip knee_b foot_b", 0.085, blend(legs, (0, 0, 0), 0.2))
        limb("hip knee_f foot_f", 0.085, legs)
        limb("neck hip", 0.17, top)
        limb("neck elbow_f hand_f", 0.062, top)
        for hand in ("hand_b", "hand_f"):
            x, y = joints[hand]
            draw.ellipse(((x - 0.035) * s, (y - 0.035) * s, (x + 0.035) * s, (y + 0.035) * s), fill=(*skin, 255))
        x, y = joints["head"]
        draw.ellipse(((x - 0.085) * s, (y - 0.1) * s, (x + 0.085) * s, (y + 0.1) * s), fill=(*skin, 255))
        draw.pieslice(
            ((x - 0.095) * s, (y - 0.115) * s, (x + 0.095) * s, (y + 0.085) * s), 170, 360, fill=(45, 32, 40, 255)
        )

    return sprite((side, side), brush)


def _dance(t: float, phase: float) -> dict[str, Point]:
    beat, sway = np.sin(2 * np.pi * 1.1 * t + phase), np.sin(np.pi * 1.1 * t + phase)
    hip_x, drop = 0.6 + 0.05 * sway, 0.02 * abs(beat)
    return {
        "head": (hip_x - 0.02 * beat, 0.2 + drop), "neck": (hip_x, 0.37 + drop), "hip": (hip_x, 0.66 + drop),
        "elbow_f": (hip_x + 0.17, 0.38 - 0.09 * beat), "hand_f": (hip_x + 0.24, 0.28 - 0.2 * beat),
        "elbow_b": (hip_x - 0.17, 0.38 + 0.09 * beat), "hand_b": (hip_x - 0.24, 0.28 + 0.2 * beat),
        "knee_f": (hip_x + 0.1, 0.86 + drop), "foot_f": (0.7 + 0.03 * beat, 1.08),
        "knee_b": (hip_x - 0.1, 0.86 + drop), "foot_b": (0.5 + 0.03 * beat, 1.08),
    }  # fmt: skip


def dance(rng: np.random.Generator) -> Scene:
    """Two friends dancing before an equaliser."""
    ground = gradient(SIZE, palette("3a0ca3 7209b7 f72585 ff7f6b"), slant=0.5)
    lay(ground, silhouette(SIZE, np.full(W, 520.0), rgb("2b0b5e")), (0, 0))
    heights = rng.uniform(0.4, 1.0, 14)

    def bars(image: Image.Image, t: float) -> None:
        draw = ImageDraw.Draw(image, "RGBA")
        for n, h in enumerate(heights):
            tall = 40 + 190 * h * abs(np.sin(2.6 * t + n * 0.9))
            draw.rounded_rectangle((10 + n * 25, 520 - tall, 26 + n * 25, 520), radius=8, fill=(255, 255, 255, 46))

    def people(image: Image.Image, t: float) -> None:
        for x, phase, skin, top, legs in (
            (118, 0.0, "c68662", "ffd166", "1d3557"),
            (246, 1.2, "f1c7a5", "4cc9f0", "2d1e4f"),
        ):
            shade = disc(110, (20, 5, 50), alpha=110).resize((120, 20))
            lay_centred(image, shade, (x, 560))
            body = figure(_dance(t, phase), rgb(skin), rgb(top), rgb(legs), 250)
            lay(image, body, (x - 150, 560 - 278))

    return Scene(add_glow(ground, (180, 300), 130, rgb("ffd0ff"), 0.25), [Act(bars), Act(people)])


def skate(rng: np.random.Generator) -> Scene:
    """A skater in a half-pipe at sunset."""
    ground = gradient(SIZE, palette("5b2a86 b0478f f26a6a ffa45c ffd27a"))
    ground = add_glow(ground, (180, 330), 100, rgb("ffe0a0"), 0.7)
    lay_centred(ground, disc(150, rgb("fff0c4")), (180, 330))
    lay(ground, _skyline(rng, W, 130, rgb("8a3b78"), 0.0), (0, 330))
    lay(ground, silhouette(SIZE, _pipe(), rgb("2c1744")), (0, 0))
    lay(ground, silhouette(SIZE, _pipe() + 16, rgb("3c2158")), (0, 0))

    def rider(image: Image.Image, t: float) -> None:
        x = 180 + 135 * np.sin(1.55 * t)
        y = float(np.interp(x, np.arange(W), _pipe()))
        lean = -float(np.degrees(np.arctan2(*_slope(x))))
        body = _skater().rotate(lean, resample=Image.Resampling.BICUBIC, center=(85, 150))
        lay(image, body, (x - 85, y - 151))

    return Scene(ground, [Act(rider)])


def _pipe() -> np.ndarray:
    x = np.abs(np.arange(W) - 180) / 180
    return 560 - 190 * np.clip((x - 0.18) / 0.82, 0, 1) ** 2.2


def _slope(x: float) -> tuple[float, float]:
    line = _pipe()
    i = int(np.clip(x, 8, W - 9))
    return float(line[i + 8] - line[i - 8]), 16.0


_SKATER: list[Image.Image] = []


def _skater() -> Image.Image:
    if not _SKATER:
        joints = {
            "head": (0.62, 0.32), "neck": (0.58, 0.47), "hip": (0.48, 0.72), "elbow_f": (0.76, 0.5), "hand_f": (0.9, 0.42),
            "elbow_b": (0.42, 0.52), "hand_b": (0.26, 0.46), "knee_f": (0.7, 0.82), "foot_f": (0.72, 1.02),
            "knee_b": (0.4, 0.86), "foot_b": (0.42, 1.02),
        }  # fmt: skip
        body = figure(joints, rgb("e8b38a"), rgb("ffe066"), rgb("1f1635"), 140)
        board = sprite((170, 170), _board)
        board.alpha_composite(body, (0, 0))
        _SKATER.append(board)
    return _SKATER[0]


def _board(draw: ImageDraw.ImageDraw, k: int) -> None:
    draw.line(
        (32 * k, 139 * k, 44 * k, 144 * k, 112 * k, 144 * k, 124 * k, 138 * k),
        fill=(240, 90, 120, 255),
        width=5 * k,
        joint="curve",
    )
    for x in (52, 104):
        draw.ellipse(((x - 4) * k, 144 * k, (x + 4) * k, 152 * k), fill=(245, 240, 250, 255))


def cat(rng: np.random.Generator) -> Scene:
    """A cat on a window sill at night."""
    ground = gradient(SIZE, palette("26315f 31407a 2b3768"))
    pane = stars(gradient((250, 380), palette("1b2a6b 4a4a9c 9a6fb5 f0a59a")), rng, 60, 220)
    pane = add_glow(pane, (178, 96), 34, rgb("fff4d4"), 0.6)
    lay_centred(pane, disc(56, rgb("fff7e6")), (178, 96))
    lay(pane, _skyline(rng, 250, 120, rgb("2a2560"), 0.16), (0, 262))
    ground.paste(pane, (55, 110))
    draw = ImageDraw.Draw(ground)
    draw.rectangle((47, 102, 313, 498), outline=rgb("f3e3d3"), width=10)
    draw.line((180, 104, 180, 494), fill=rgb("f3e3d3"), width=7)
    draw.rectangle((26, 490, 334, 512), fill=rgb("f3e3d3"))
    draw.rectangle((26, 512, 334, 520), fill=rgb("c9b3a6"))
    lay_centred(ground, _vase(), (276, 446))
    return Scene(vignette(ground), [Act(_cat_act)])


def _cat_act(image: Image.Image, t: float) -> None:
    swing = 26 * np.sin(2.1 * t)

    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        ink = (22, 20, 40, 255)
        tail = [(44 + swing * s * s - 30 * np.sin(s * 2.6), 168 + 92 * s) for s in np.linspace(0, 1, 16)]
        draw.line([(x * k, y * k) for x, y in tail], fill=ink, width=13 * k, joint="curve")
        draw.ellipse((26 * k, 66 * k, 122 * k, 190 * k), fill=ink)
        draw.rounded_rectangle((34 * k, 120 * k, 128 * k, 190 * k), radius=28 * k, fill=ink)
        draw.ellipse((46 * k, 18 * k, 122 * k, 88 * k), fill=ink)
        draw.polygon((50 * k, 44 * k, 50 * k, 2 * k, 78 * k, 24 * k), fill=ink)
        draw.polygon((118 * k, 44 * k, 118 * k, 2 * k, 90 * k, 24 * k), fill=ink)
        shut = t % 2.6 > 2.42
        for x in (68, 100):
            high = 1 if shut else 7
            draw.ellipse(((x - 7) * k, (50 - high) * k, (x + 7) * k, (50 + high) * k), fill=(255, 214, 102, 255))
            draw.ellipse(((x - 2) * k, (50 - high) * k, (x + 2) * k, (50 + high) * k), fill=ink)
        draw.polygon((80 * k, 62 * k, 88 * k, 62 * k, 84 * k, 67 * k), fill=(240, 150, 160, 255))

    lay(image, sprite((150, 270), brush), (76, 302))


def _vase() -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        for x, y in ((22, 18), (36, 8), (50, 20)):
            draw.line((36 * k, 60 * k, x * k, y * k), fill=(88, 150, 110, 255), width=3 * k)
            draw.ellipse(((x - 9) * k, (y - 9) * k, (x + 9) * k, (y + 9) * k), fill=(255, 140, 130, 255))
            draw.ellipse(((x - 3) * k, (y - 3) * k, (x + 3) * k, (y + 3) * k), fill=(255, 214, 102, 255))
        draw.rounded_rectangle((20 * k, 52 * k, 52 * k, 94 * k), radius=10 * k, fill=(94, 190, 196, 255))

    return sprite((72, 96), brush)


def rain(rng: np.random.Generator) -> Scene:
    """City lights out of focus behind a rainy window."""
    ground = gradient(SIZE, palette("0c1126 16203f 2a2348 1a1630"))
    tones = palette("ff9f68 ffd166 ef476f 4cc9f0 b388eb ffe5b4")
    lights = []
    for n in range(34):
        d = int(rng.integers(34, 92))
        picture = disc(d, tones[n % 6], alpha=int(rng.integers(50, 120)), blur=2.5)
        lights.append(Layer(picture, _drift(rng)))
    drops = [(rng.uniform(0, W), rng.uniform(0, H), rng.uniform(120, 300), int(rng.integers(8, 30))) for _ in range(60)]

    def play(image: Image.Image, t: float) -> None:
        draw = ImageDraw.Draw(image, "RGBA")
        for x, y, speed, long in drops:
            top = (y + speed * t) % (H + 40) - 40
            draw.line((x, top, x - 1, top + long), fill=(220, 232, 255, 70), width=2)
            draw.ellipse((x - 3, top + long - 2, x + 2, top + long + 4), fill=(235, 242, 255, 120))

    return Scene(vignette(ground), [*lights, Act(play)])


def _drift(rng: np.random.Generator) -> Callable[[float], Point]:
    x, y, phase, speed = rng.uniform(0, W), rng.normal(360, 130), rng.uniform(0, 6), rng.uniform(-14, 14)
    return lambda t: (x + speed * t, y + 6 * np.sin(t + phase))


def train(rng: np.random.Generator) -> Scene:
    """Looking out of a night train at passing hills."""
    ground = gradient(SIZE, palette("2a9d8f 8ecdb4 f5e6b8 f4b183"))
    lay_centred(ground, disc(64, rgb("fffbe8")), (110, 210))
    parts: list[Layer | Act] = []
    for n, (tone, speed) in enumerate((("9cc9ad", 16), ("6fae8e", 40), ("3f8872", 90), ("23604f", 170))):
        band = silhouette((1080, 420), rolling(1080, rng, base=60, swing=26, waves=4), rgb(tone))
        if n > 1:
            for x in rng.integers(0, 1000, 9):
                lay_centred(
                    band, disc(int(rng.integers(22, 44)), blend(rgb(tone), (0, 0, 0), 0.25)), (int(x), 62 + 6 * n)
                )
        parts.append(scroll(band, speed, 270 + 62 * n))
    parts.append(Layer(sprite(SIZE, _window), still(180, 320)))
    return Scene(ground, parts)


def _window(draw: ImageDraw.ImageDraw, k: int) -> None:
    draw.rectangle((0, 0, W * k, H * k), fill=(52, 41, 58, 255))
    draw.rounded_rectangle((26 * k, 96 * k, 334 * k, 520 * k), radius=44 * k, fill=(30, 24, 36, 255))
    draw.rounded_rectangle((36 * k, 106 * k, 324 * k, 510 * k), radius=36 * k, fill=(0, 0, 0, 0))
    draw.rectangle((0, 560 * k, W * k, H * k), fill=(140, 92, 74, 255))
    draw.rectangle((0, 560 * k, W * k, 566 * k), fill=(172, 118, 94, 255))
    draw.rounded_rectangle((236 * k, 500 * k, 290 * k, 564 * k), radius=10 * k, fill=(244, 240, 232, 255))
    draw.ellipse((236 * k, 494 * k, 290 * k, 510 * k), fill=(96, 58, 44, 255))


def bicycle(rng: np.random.Generator) -> Scene:
    """A ride along the river."""
    ground = gradient(SIZE, palette("8fd3f4 c8ecf7 fdf6d8 ffe2b0"))
    ground = add_glow(ground, (290, 130), 50, rgb("fff4c2"), 0.7)
    parts: list[Layer | Act] = [
        scroll(_skyline(rng, 900, 150, rgb("a9cfdd"), 0.0), 10, 260),
        scroll(silhouette((900, 300), rolling(900, rng, base=50, swing=18), rgb("86c29a")), 34, 340),
        scroll(silhouette((900, 200), np.full(900, 4.0), rgb("5aa9c9")), 0, 446),
        scroll(silhouette((900, 200), np.full(900, 2.0), rgb("f2d3a2")), 0, 500),
    ]
    return Scene(ground, [*parts, Act(_rider)])


def _rider(image: Image.Image, t: float) -> None:
    turn = 5.0 * t
    draw = ImageDraw.Draw(image)
    for n in range(6):
        x = W - (n * 90 + t * 220) % 540 + 90
        draw.line((x, 600, x + 40, 600), fill=(255, 248, 226), width=4)
    pedal = (np.cos(turn) * 0.06, np.sin(turn) * 0.06)
    hub = (0.55, 0.98)
    joints = {
        "head": (0.68, 0.24), "neck": (0.62, 0.4), "hip": (0.42, 0.62), "elbow_f": (0.72, 0.54), "hand_f": (0.84, 0.58),
        "elbow_b": (0.7, 0.55), "hand_b": (0.83, 0.59), "knee_f": (0.62 + pedal[0], 0.76 + pedal[1] / 2),
        "foot_f": (hub[0] + pedal[0], hub[1] + pedal[1]), "knee_b": (0.62 - pedal[0], 0.76 - pedal[1] / 2),
        "foot_b": (hub[0] - pedal[0], hub[1] - pedal[1]),
    }  # fmt: skip
    lay(image, sprite((300, 300), lambda d, k: _frame(d, k, turn)), (30, 300))
    lay(image, figure(joints, rgb("8d5a3c"), rgb("ff6b6b"), rgb("264653"), 240), (34, 302))


def _frame(draw: ImageDraw.ImageDraw, k: int, turn: float) -> None:
    ink = (38, 50, 56, 255)
    for cx in (72, 232):
        draw.ellipse(((cx - 46) * k, 190 * k, (cx + 46) * k, 282 * k), outline=ink, width=5 * k)
        for n in range(5):
            a = turn + n * np.pi / 5
            dx, dy = 44 * np.cos(a), 44 * np.sin(a)
            draw.line(
                ((cx - dx) * k, (236 - dy) * k, (cx + dx) * k, (236 + dy) * k), fill=(120, 130, 135, 255), width=k
            )
    for line in (
        (72, 236, 108, 172, 138, 238, 72, 236),
        (138, 238, 206, 172, 108, 172),
        (232, 236, 202, 148, 216, 140),
    ):
        draw.line([v * k for v in line], fill=(244, 162, 97, 255), width=6 * k, joint="curve")
    draw.line((92 * k, 160 * k, 120 * k, 160 * k), fill=ink, width=8 * k)


def promo(rng: np.random.Generator) -> Scene:
    """The look of a get-rich advert: turning rays and falling coins; the words come from the overlay."""
    tones = [palette("12355b 420039"), palette("0b6e4f 073b3a"), palette("7b2d26 2f1b41")][int(rng.integers(0, 3))]
    ground = add_glow(gradient(SIZE, tones), (180, 300), 150, rgb("ffd166"), 0.45)
    coin = _coin()
    coins = [(rng.uniform(0, W), rng.uniform(0, H), rng.uniform(60, 150), rng.uniform(0, 6)) for _ in range(16)]

    def play(image: Image.Image, t: float) -> None:
        draw = ImageDraw.Draw(image, "RGBA")
        for n in range(12):
            a = 0.35 * t + n * np.pi / 6
            ends = [(180 + 620 * np.cos(a + d), 300 + 620 * np.sin(a + d)) for d in (0, 0.22)]
            draw.polygon([(180, 300), *ends], fill=(255, 220, 130, 26))
        for x, y, speed, phase in coins:
            wide = max(4, round(44 * abs(np.cos(2.2 * t + phase))))
            lay_centred(image, coin.resize((wide, 44)), (x, (y + speed * t) % (H + 60) - 30))

    return Scene(ground, [Act(play)])


def _coin() -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse((0, 0, 44 * k, 44 * k), fill=(214, 150, 40, 255))
        draw.ellipse((3 * k, 3 * k, 41 * k, 41 * k), fill=(255, 209, 92, 255))
        draw.ellipse((8 * k, 8 * k, 36 * k, 36 * k), outline=(214, 150, 40, 255), width=2 * k)
        draw.rectangle((20 * k, 13 * k, 24 * k, 31 * k), fill=(214, 150, 40, 255))

    return sprite((44, 44), brush)
