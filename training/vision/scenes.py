"""Pictures of things: put before a background, into a hand, beside another thing, as a camera and an encoder would leave them."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from training.vision import things_home, things_outdoors, things_plain, things_risky  # noqa: F401 - they register
from training.vision.pen import BRIGHT, COLOURS, SIDE, THINGS, Pen

BACKGROUNDS = ("plain", "gradient", "soft", "room", "outdoors", "table")
#: Streams of seeds that never meet: what is measured was not trained on.
TRAINING, REFERENCE, UNSEEN = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Scene:
    """What is in a picture: the things, the main one first with its colour; the background; whether a hand holds it."""

    things: tuple[str, ...]
    colour: str
    background: str
    is_held: bool


def draw_scene(
    seed: int,
    *,
    stream: int = UNSEEN,
    name: str | None = None,
    size: tuple[int, int] | None = None,
    alone: bool = False,
) -> tuple[Image.Image, Scene]:
    """Return a picture and what is in it; the same seed and stream give the same picture.

    Args:
        name: the main thing; drawn at random by default.
        size: (width, height) in pixels; by default 128 on the short side, between 9:16 and 16:9.
        alone: without a second thing.
    """
    rng = np.random.default_rng([stream, seed])
    name = name or str(rng.choice(sorted(THINGS)))
    size = size or _size(rng)
    thing = THINGS[name]
    other = str(rng.choice([n for n in sorted(THINGS) if n != name and not THINGS[n].fills]))
    has_other = not alone and not thing.fills and rng.random() < 0.18
    background = str(rng.choice(BACKGROUNDS))
    is_held = not thing.fills and not thing.is_upright and rng.random() < 0.22
    colour = str(rng.choice(thing.colours))
    canvas = _whole(_painted(name, colour, rng), size) if thing.fills else _background(background, size, rng)
    if not thing.fills:
        _place(canvas, name, colour, rng, is_held=is_held, aside=has_other)
    if has_other:
        _place_small(canvas, other, rng)
    if rng.random() < 0.15:
        _overlay(canvas, rng)
    names = (name, other) if has_other else (name,)
    return _filmed(canvas, rng), Scene(names, colour, "" if thing.fills else background, is_held)


def _size(rng: np.random.Generator) -> tuple[int, int]:
    ratio = float(rng.choice([9 / 16, 3 / 4, 1.0, 4 / 3, 16 / 9], p=[0.3, 0.15, 0.2, 0.15, 0.2]))
    return (128, round(128 / ratio)) if ratio < 1 else (round(128 * ratio), 128)


def _painted(name: str, colour: str, rng: np.random.Generator) -> Image.Image:
    pen = Pen(rng, colour)
    THINGS[name].paint(pen)
    return pen.image


def _whole(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.convert("RGB").resize(size, Image.Resampling.BILINEAR)


def _place(
    canvas: Image.Image, name: str, colour: str, rng: np.random.Generator, *, is_held: bool, aside: bool
) -> None:
    image = _turned(_painted(name, colour, rng), THINGS[name].is_upright, rng)
    short = min(canvas.size)
    side = short * (rng.uniform(0.6, 1.0) if not aside else rng.uniform(0.55, 0.75))
    if rng.random() < 0.15:
        side = short * rng.uniform(0.38, 0.6)
    width = height = max(8, round(side * max(image.size) / SIDE))
    image = (
        image.resize((width, height), Image.Resampling.BILINEAR)
        if image.width == image.height
        else _fitted(image, width)
    )
    x, y = _where(canvas.size, image.size, rng)
    if is_held:
        _hand(canvas, x + image.width * 0.42, y + image.height * 0.62, short, rng)
    canvas.paste(image, (x, y), image)


def _fitted(image: Image.Image, longest: int) -> Image.Image:
    scale = longest / max(image.size)
    return image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BILINEAR
    )


def _turned(image: Image.Image, is_upright: bool, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.5 and not is_upright:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle = rng.normal(0, 6) if is_upright else rng.uniform(-70, 70) if rng.random() < 0.8 else rng.uniform(-180, 180)
    return image.rotate(angle, Image.Resampling.BILINEAR, expand=True)


def _where(room: tuple[int, int], size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Return a corner near the middle from which most of the thing is seen."""
    spread = [max(abs(room[i] - size[i]) * 0.5, room[i] * 0.05) for i in (0, 1)]
    middle = [(room[i] - size[i]) / 2 for i in (0, 1)]
    return round(middle[0] + rng.uniform(-1, 1) * spread[0] * 0.9), round(
        middle[1] + rng.uniform(-1, 1) * spread[1] * 0.9
    )


def _place_small(canvas: Image.Image, name: str, rng: np.random.Generator) -> None:
    image = _turned(_painted(name, str(rng.choice(THINGS[name].colours)), rng), THINGS[name].is_upright, rng)
    image = _fitted(image, round(min(canvas.size) * rng.uniform(0.32, 0.45)))
    x = 0 if rng.random() < 0.5 else canvas.width - image.width
    y = 0 if rng.random() < 0.5 else canvas.height - image.height
    canvas.paste(image, (x, y), image)


def _hand(canvas: Image.Image, x: float, y: float, short: int, rng: np.random.Generator) -> None:
    """Draw an arm that comes from the lower edge and ends in a fist."""
    draw = ImageDraw.Draw(canvas)
    base = np.array(COLOURS["skin" if rng.random() < 0.6 else "brown"]) + rng.normal(0, 10, 3)
    red, green, blue = np.clip(base, 0, 255).astype(int).tolist()
    width = short * rng.uniform(0.1, 0.16)
    draw.line(
        [(x + rng.uniform(-0.4, 0.4) * short, canvas.height + 10), (x, y)], fill=(red, green, blue), width=round(width)
    )
    draw.ellipse((x - width, y - width, x + width, y + width), fill=(red, green, blue))


def _overlay(canvas: Image.Image, rng: np.random.Generator) -> None:
    """Write words over the picture, as clips have them: they say nothing about what is shown."""
    letters = list("abcdefghijklmnoprstuvwxyz")
    words = " ".join("".join(rng.choice(letters, int(rng.integers(2, 8)))) for _ in range(int(rng.integers(2, 5))))
    y = canvas.height * rng.uniform(0.05, 0.85)
    size = canvas.height * rng.uniform(0.06, 0.11)
    draw = ImageDraw.Draw(canvas)
    if rng.random() < 0.5:
        draw.rectangle(
            (0, y - size * 0.2, canvas.width, y + size * 1.3), fill="white" if rng.random() < 0.5 else "black"
        )
    fill = (255, 220, 60) if rng.random() < 0.3 else (240, 240, 240) if rng.random() < 0.5 else (20, 20, 20)
    draw.text((canvas.width * 0.06, y), words, font=ImageFont.load_default(size), fill=fill)


def _tone(rng: np.random.Generator) -> tuple[int, int, int]:
    if rng.random() < 0.4:
        low, high = (170, 250) if rng.random() < 0.7 else (15, 90)
        red, green, blue = rng.integers(low, high, 3).tolist()
        return red, green, blue
    base = np.array(COLOURS[str(rng.choice([*BRIGHT, "grey", "white", "beige", "black"]))], dtype=np.float64)
    red, green, blue = (base + (255 - base) * rng.uniform(0.0, 0.6)).astype(int).tolist()
    return red, green, blue


def _background(kind: str, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    if kind == "soft":
        small = rng.integers(30, 235, (int(rng.integers(3, 16)), int(rng.integers(3, 16)), 3), dtype=np.uint8)
        return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", size, _tone(rng))
    if kind == "gradient":
        ends = np.array([[_tone(rng)], [_tone(rng)]], dtype=np.uint8)
        return Image.fromarray(ends).resize(size, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(canvas)
    line = size[1] * rng.uniform(0.5, 0.8)
    if kind in {"room", "table"}:
        draw.rectangle((0, line, *size), fill=_tone(rng) if kind == "room" else (150, 105, 60))
    if kind == "room" and rng.random() < 0.6:
        x = size[0] * rng.uniform(0, 0.7)
        draw.rectangle(
            (x, line * 0.2, x + size[0] * 0.25, line * 0.7), fill=(190, 225, 245), outline=(240, 240, 240), width=3
        )
    if kind == "outdoors":
        draw.rectangle((0, 0, size[0], line), fill=(130 + int(rng.integers(60)), 195, 240))
        across = np.arange(0, size[0] + 8, 8)
        hills = line - size[1] * 0.08 * (1 + np.sin(across / size[0] * 7 + rng.uniform(0, 6)))
        draw.polygon(
            [(0, size[1]), *zip(across.tolist(), hills.tolist(), strict=True), (size[0], size[1])], fill=(80, 150, 75)
        )
    return canvas


def _filmed(canvas: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the picture a little brighter or darker, softer, and through JPEG."""
    canvas = ImageEnhance.Brightness(canvas).enhance(rng.uniform(0.75, 1.2))
    canvas = ImageEnhance.Color(canvas).enhance(rng.uniform(0.5, 1.2) if rng.random() < 0.9 else 0.0)
    if rng.random() < 0.3:
        canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2) * math.sqrt(min(canvas.size) / 128)))
    held = io.BytesIO()
    canvas.save(held, "JPEG", quality=int(rng.integers(45, 95)))
    return Image.open(held).convert("RGB")
