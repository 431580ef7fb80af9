"""Draws the demo's pictures: landscapes, quotes, recipes, charts, posters and patterns, 720 x 1280."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from console.demo.drawing import (
    Colour,
    add_glow,
    blend,
    disc,
    gradient,
    lay,
    lay_centred,
    lettering,
    palette,
    rgb,
    silhouette,
    sprite,
    tag,
    vignette,
)
from console.demo.scenes_nature import stars

WIDTH, HEIGHT = SIZE = (720, 1280)
SEED = 2026
Draw = Callable[[np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Picture:
    """One picture to make.

    Attributes:
        drawn_as: slug of the picture that this one is a copy of; "" where it is none.
    """

    slug: str
    draw: Draw
    drawn_as: str = ""


def _ridge(rng: np.random.Generator, base: float, swing: float, rough: float = 0.55) -> npt.NDArray[np.float64]:
    """Return a mountain line: midpoint displacement, so it looks like rock and not like a wave."""
    line = np.array([rng.uniform(-1, 1), rng.uniform(-1, 1)])
    step = 1.0
    while len(line) < WIDTH:
        step *= rough
        middle = (line[:-1] + line[1:]) / 2 + rng.uniform(-step, step, len(line) - 1)
        line = _interleave(line, middle)
    return base + swing * line[:WIDTH]


def _interleave(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    out = np.empty(len(a) + len(b))
    out[0::2], out[1::2] = a, b
    return out


def mountains(rng: np.random.Generator, *, sky: str, far: str, near: str, sun: str, at: tuple[int, int]) -> Image.Image:
    """Ridges fading into haze, the nearer the darker."""
    image = add_glow(gradient(SIZE, palette(sky)), at, 170, rgb(sun), 0.75)
    lay_centred(image, disc(118, blend(rgb(sun), (255, 255, 255), 0.6), blur=1.5), at)
    for n in range(6):
        tone = blend(rgb(far), rgb(near), (n / 5) ** 1.2)
        lay(image, silhouette(SIZE, _ridge(rng, 560 + 118 * n, 130 - 8 * n), tone), (0, 0))
        if n < 5:
            lay(image, _haze(600 + 118 * n, blend(tone, rgb(far), 0.6)), (0, 0))
    return _film(image, rng)


def _haze(top: int, tone: Colour) -> Image.Image:
    rows = np.clip((np.arange(HEIGHT) - top) / 260, 0, 1) * np.clip((top + 420 - np.arange(HEIGHT)) / 160, 0, 1) * 120
    layer = np.empty((HEIGHT, WIDTH, 4), dtype=np.uint8)
    layer[..., :3] = tone
    layer[..., 3] = rows[:, None].astype(np.uint8)
    return Image.fromarray(layer)


def _film(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    grain = rng.normal(0, 3.2, (HEIGHT, WIDTH, 1))
    pixels = np.asarray(vignette(image, 0.28), dtype=np.float32) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def aurora(rng: np.random.Generator, *, tone: str, other: str) -> Image.Image:
    """Northern lights over a lake."""
    sky = stars(gradient(SIZE, palette("040a1c 0a1833 12304a 173f4f")), rng, 320, 760)
    pixels = np.asarray(sky, dtype=np.float32)
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH]
    for n, colour in enumerate((tone, other, tone)):
        centre = 340 + 90 * n + 80 * np.sin(xx / (110 + 40 * n) + rng.uniform(0, 6)) + 40 * np.sin(xx / 47 + n)
        body = np.exp(-np.clip(yy - centre, 0, None) / 26) * np.exp(-np.clip(centre - yy, 0, None) / (150 + 40 * n))
        body *= 0.55 + 0.45 * np.sin(xx / (13 + 5 * n) + 3 * np.sin(xx / 60))
        light = 0.62 * body[..., None] * np.array(rgb(colour)) / 255
        pixels = 255 - (255 - pixels) * (1 - np.clip(light, 0, 1))
    image = Image.fromarray(pixels.astype(np.uint8))
    lay(image, silhouette(SIZE, _ridge(rng, 800, 90), rgb("081520")), (0, 0))
    mirror = (
        image.crop((0, 480, WIDTH, 880)).transpose(Image.Transpose.FLIP_TOP_BOTTOM).filter(ImageFilter.GaussianBlur(7))
    )
    image.paste(Image.blend(mirror, Image.new("RGB", mirror.size, rgb("06101c")), 0.45), (0, 880))
    return _film(image, rng)


def shore(rng: np.random.Generator, *, sky: str, sea: str, sun: str) -> Image.Image:
    """A still sea with the sun's path on it."""
    image = Image.new("RGB", SIZE)
    image.paste(gradient((WIDTH, 700), palette(sky)), (0, 0))
    image.paste(gradient((WIDTH, 580), palette(sea)), (0, 700))
    x = int(rng.integers(200, 520))
    image = add_glow(image, (x, 640), 190, rgb(sun), 0.75)
    lay_centred(image, disc(130, blend(rgb(sun), (255, 255, 255), 0.65), blur=1.5), (x, 622))
    image.paste(gradient((WIDTH, 580), palette(sea)), (0, 700))
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(420):
        depth = rng.uniform(0, 1) ** 1.7
        y = 704 + depth * 570
        cx = x + rng.normal(0, 30 + 130 * depth)
        half = 4 + 42 * depth * rng.uniform(0.3, 1)
        draw.ellipse(
            (cx - half, y - 1 - 2 * depth, cx + half, y + 1 + 2 * depth), fill=(*rgb(sun), int(150 - 80 * depth))
        )
    return _film(image, rng)


def night(rng: np.random.Generator, *, sky: str) -> Image.Image:
    """A moon over pines."""
    image = stars(gradient(SIZE, palette(sky)), rng, 420, 900)
    at = (int(rng.integers(180, 540)), 330)
    image = add_glow(image, at, 120, rgb("cfd8ff"), 0.6)
    lay_centred(image, disc(150, rgb("f7f3e6"), blur=1), at)
    for dx, dy, d in ((-28, -16, 26), (22, 24, 34), (30, -34, 16)):
        lay_centred(image, disc(d, rgb("e2dccb"), alpha=190, blur=1), (at[0] + dx, at[1] + dy))
    lay(image, silhouette(SIZE, _ridge(rng, 900, 90), blend(palette(sky)[-1], (0, 0, 0), 0.45)), (0, 0))
    draw = ImageDraw.Draw(image)
    for _ in range(70):
        x, tall = int(rng.integers(-20, WIDTH + 20)), int(rng.integers(150, 330))
        base = 1290
        for n in range(6):
            low, wide = base - tall + tall * (n + 1.6) / 6, tall * (0.06 + 0.035 * n)
            draw.polygon((x, base - tall + tall * n / 7, x - wide, low, x + wide, low), fill=(5, 9, 20))
    return _film(image, rng)


def quote(rng: np.random.Generator, *, words: str, by: str, tones: str) -> Image.Image:
    """Words on soft light."""
    colours = palette(tones)
    image = gradient(SIZE, colours[:2], slant=float(rng.uniform(-0.6, 0.6)))
    for colour in colours[2:]:
        image = add_glow(
            image, (rng.uniform(0, WIDTH), rng.uniform(100, 1180)), float(rng.uniform(140, 240)), colour, 0.75
        )
    ink = rgb("ffffff") if sum(colours[0]) + sum(colours[1]) < 800 else rgb("1d1b2e")
    longest = max(len(line) for line in words.split("\n"))
    text = lettering(words, int(np.clip(1180 / longest, 44, 84)), ink, weight=1, spacing=0.3)
    lay(image, lettering("“", 220, blend(ink, colours[-1], 0.3), weight=2), (20, 560 - text.height / 2 - 170))
    lay(image, text, (50, 580 - text.height / 2))
    draw = ImageDraw.Draw(image)
    y = 580 + text.height / 2 + 24
    draw.rectangle((80, y, 152, y + 5), fill=ink)
    lay(image, lettering(by, 30, ink), (68, y + 22))
    return image


def recipe(rng: np.random.Generator, *, title: str, parts: str, tones: str) -> Image.Image:
    """A dish from above and what goes into it."""
    ground, plate, *food = palette(tones)
    image = gradient(SIZE, [blend(ground, (255, 255, 255), 0.18), ground], slant=0.3)
    lay_centred(image, disc(600, (0, 0, 0), alpha=60, blur=16), (376, 426))
    lay_centred(image, disc(590, plate), (360, 410))
    lay_centred(image, disc(470, blend(plate, (0, 0, 0), 0.06)), (360, 410))
    lay_centred(image, disc(430, food[0]), (360, 410))
    for n in range(130):
        r, a = 196 * np.sqrt(rng.uniform(0, 1)), rng.uniform(0, 2 * np.pi)
        lay_centred(image, _bit(food[n % len(food)], n, rng), (360 + r * np.cos(a), 410 + r * np.sin(a)))
    ink = rgb("ffffff") if sum(ground) < 420 else rgb("2b2118")
    lay(image, lettering(title, 66, ink, weight=2, spacing=0.1), (58, 722))
    for n, part in enumerate(parts.split("|")):
        y = (928 if "\n" in title else 848) + 46 * (n // 2)
        lay_centred(image, disc(14, food[(n + 1) % len(food)]), (92 + 290 * (n % 2), y + 20))
        lay(image, lettering(part, 29, ink), (102 + 290 * (n % 2), y - 8))
    return image


def _bit(colour: Colour, n: int, rng: np.random.Generator) -> Image.Image:
    tone = blend(colour, (255, 255, 255) if n % 3 else (0, 0, 0), 0.16)
    size = int(rng.integers(16, 40) // 4 * 4)
    if n % 2:
        return disc(size, tone)
    leaf = sprite(
        (size * 2, size), lambda d, k: d.chord((0, -size * k, 2 * size * k, size * k), 0, 180, fill=(*tone, 255))
    )
    return leaf.rotate(float(rng.uniform(0, 360)), expand=True, resample=Image.Resampling.BICUBIC)


def bars(rng: np.random.Generator, *, title: str, rows: str, tones: str) -> Image.Image:
    """A bar chart; rows are `name=number` divided by bars."""
    ground, paper, ink, mark = palette(tones)
    image = _sheet(ground, paper, title, ink)
    draw = ImageDraw.Draw(image)
    pairs = [row.split("=") for row in rows.split("|")]
    top = max(float(v) for _, v in pairs)
    for n, (name, value) in enumerate(pairs):
        y = 470 + n * (560 // len(pairs))
        lay(image, lettering(name, 28, ink), (80, y - 14))
        wide = 480 * float(value) / top
        draw.rounded_rectangle((90, y + 34, 90 + wide, y + 66), radius=16, fill=blend(mark, paper, 0.12 * n))
        lay(image, lettering(value, 28, ink, weight=1), (96 + wide, y + 24))
    return image


def _sheet(ground: Colour, paper: Colour, title: str, ink: Colour) -> Image.Image:
    image = gradient(SIZE, [blend(ground, (255, 255, 255), 0.15), ground], slant=0.4)
    lay(image, _card((0, 0, 0), 70, 14.0), (8, 148))
    lay(image, _card(paper, 255, 0.0), (8, 128))
    lay(image, lettering(title, 50, ink, weight=1, spacing=0.15), (74, 210))
    return image


def _card(colour: Colour, alpha: int, blur: float) -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.rounded_rectangle((32 * k, 32 * k, 672 * k, 992 * k), radius=40 * k, fill=(*colour, alpha))

    return sprite((704, 1024), brush, blur=blur)


def line_chart(rng: np.random.Generator, *, title: str, tones: str, rise: float) -> Image.Image:
    """A line over twelve months."""
    ground, paper, ink, mark = palette(tones)
    image = _sheet(ground, paper, title, ink)
    draw = ImageDraw.Draw(image, "RGBA")
    values = np.clip(np.linspace(0.3, 0.3 + rise, 12) + rng.normal(0, 0.06, 12), 0.05, 0.95)
    points = [(100 + 47 * n, 960 - 460 * float(v)) for n, v in enumerate(values)]
    for n in range(5):
        draw.line((100, 500 + 115 * n, 620, 500 + 115 * n), fill=(*ink, 40), width=2)
    draw.polygon([*points, (617, 960), (100, 960)], fill=(*mark, 60))
    draw.line(points, fill=(*mark, 255), width=8, joint="curve")
    for n, (x, y) in enumerate(points):
        draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=(*paper, 255), outline=(*mark, 255), width=5)
        lay_centred(image, lettering("JFMAMJJASOND"[n], 24, ink), (x, 1000))
    return image


def donut(rng: np.random.Generator, *, title: str, rows: str, tones: str) -> Image.Image:
    """Shares of a whole."""
    ground, paper, ink, *marks = palette(tones)
    image = _sheet(ground, paper, title, ink)
    pairs = [row.split("=") for row in rows.split("|")]

    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        angle = -90.0
        for n, (_, value) in enumerate(pairs):
            draw.pieslice(
                (0, 0, 380 * k, 380 * k), angle, angle + 3.6 * float(value), fill=(*marks[n % len(marks)], 255)
            )
            angle += 3.6 * float(value)
        draw.ellipse((92 * k, 92 * k, 288 * k, 288 * k), fill=(*paper, 255))

    lay(image, sprite((380, 380), brush), (170, 420))
    for n, (name, value) in enumerate(pairs):
        lay_centred(image, disc(22, marks[n % len(marks)]), (120, 872 + 56 * n))
        lay(image, lettering(f"{name}  {value} %", 30, ink), (134, 846 + 56 * n))
    return image


def event(rng: np.random.Generator, *, title: str, when: str, tones: str) -> Image.Image:
    """A concert or market poster of bold shapes."""
    ground, *marks = palette(tones)
    image = gradient(SIZE, [ground, blend(ground, (0, 0, 0), 0.25)])
    for n in range(9):
        size = int(rng.integers(120, 420))
        at = (rng.uniform(0, WIDTH), rng.uniform(420, 1240))
        shape = n % 3
        if shape == 0:
            lay_centred(image, disc(size // 10 * 10, marks[n % len(marks)], alpha=235), at)
        else:
            lay_centred(image, _block(size, marks[n % len(marks)], shape, float(rng.choice([0, 45, 90, 135]))), at)
    # Phones crop the sides and lay the caption over the lower third: words keep clear of both.
    size = int(np.clip(860 / max(map(len, title.split("\n"))), 56, 112))
    words = lettering(title, size, rgb("ffffff"), weight=3, shadow=120, spacing=0.05)
    lay(image, words, (76 - size * 0.35, 150))
    lay(image, tag(when, 32, rgb("18181b"), rgb("ffffff")), (78, 160 + words.height))
    return image


def _block(size: int, colour: Colour, shape: int, turn: float) -> Image.Image:
    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        if shape == 1:
            draw.pieslice((0, 0, size * k, size * k), 0, 180, fill=(*colour, 240))
        else:
            for n in range(6):
                draw.line(
                    (0, (n + 0.5) * size * k / 6, size * k, (n + 0.5) * size * k / 6),
                    fill=(*colour, 240),
                    width=size * k // 16,
                )

    return sprite((size, size), brush).rotate(turn, expand=True, resample=Image.Resampling.BICUBIC)


def tiles(rng: np.random.Generator, *, tones: str) -> Image.Image:
    """Quarter circles on a grid."""
    colours = palette(tones)
    image, side = Image.new("RGB", SIZE, colours[0]), 144
    for row in range(-(-HEIGHT // side)):
        for column in range(WIDTH // side):
            back, front = (colours[i] for i in rng.choice(len(colours), 2, replace=False))
            cell = Image.new("RGBA", (side, side), (*back, 255))
            corner = (side * int(rng.integers(0, 2)), side * int(rng.integers(0, 2)))
            lay_centred(cell, disc(side * 2, front), corner)
            if rng.random() < 0.4:
                lay_centred(cell, disc(side, back), corner)
            image.paste(cell.convert("RGB"), (column * side, row * side))
    return image


def picture_write(picture: Picture, path: Path) -> None:
    """Draw a picture and write it as JPEG; the same picture gives the same bytes."""
    image = picture.draw(np.random.default_rng([SEED, *(picture.drawn_as or picture.slug).encode()]))
    partial_path = path.with_suffix(".part")
    image.save(partial_path, "JPEG", quality=84)
    partial_path.replace(path)
