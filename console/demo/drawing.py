"""Drawing primitives of the demo content: gradients, soft light, anti-aliased shapes, lettering, layered scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Size = tuple[int, int]
Colour = tuple[int, int, int]
Point = tuple[float, float]
#: Draws on a canvas that is `SUPERSAMPLE` times larger than the sprite; coordinates are multiplied by it.
Brush = Callable[[ImageDraw.ImageDraw, int], None]
SUPERSAMPLE = 3


def rgb(code: str) -> Colour:
    """Return the colour of six hex digits."""
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def palette(codes: str) -> list[Colour]:
    """Return the colours of hex codes divided by spaces."""
    return [rgb(code) for code in codes.split()]


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """Return the colour `share` (0..1) of the way from a to b."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def gradient(size: Size, colours: Sequence[Colour], *, slant: float = 0.0) -> Image.Image:
    """Return a gradient from top to bottom; `slant` (-1..1) leans it sideways.

    A little fixed noise keeps the encoder from drawing bands into smooth skies.
    """
    width, height = size
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    place = np.clip(y + slant * x, 0, 1)
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(place, stops, [c[i] for c in colours]) for i in range(3)]
    noise = np.random.default_rng(7).uniform(-1.2, 1.2, (height, width, 1))
    return Image.fromarray(np.clip(np.stack(channels, axis=-1) + noise, 0, 255).astype(np.uint8))


def add_glow(image: Image.Image, centre: Point, radius: float, colour: Colour, strength: float = 1.0) -> Image.Image:
    """Return the image with a soft round light over it, as a second exposure would add it."""
    pixels = np.asarray(image, dtype=np.float32)
    yy, xx = np.ogrid[0 : image.height, 0 : image.width]
    fall = np.exp(-((xx - centre[0]) ** 2 + (yy - centre[1]) ** 2) / (2 * radius**2)) * strength
    light = np.clip(fall[..., None], 0, 1) * np.array(colour, dtype=np.float32) / 255
    return Image.fromarray((255 - (255 - pixels) * (1 - light)).astype(np.uint8))


def vignette(image: Image.Image, strength: float = 0.35) -> Image.Image:
    """Return the image with darker corners."""
    yy, xx = np.ogrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    shade = 1 - strength * np.clip((xx**2 + yy**2 - 0.55) / 1.45, 0, 1)
    return Image.fromarray((np.asarray(image, dtype=np.float32) * shade[..., None]).astype(np.uint8))


def sprite(size: Size, brush: Brush, *, blur: float = 0.0) -> Image.Image:
    """Return a transparent picture with smooth edges, painted by `brush`."""
    k = SUPERSAMPLE
    canvas = Image.new("RGBA", (size[0] * k, size[1] * k), (0, 0, 0, 0))
    brush(ImageDraw.Draw(canvas), k)
    # Reduce with alpha premultiplied, or edges pick up a dark fringe from the transparent black.
    small = canvas.convert("RGBa").reduce(k)
    return (small.filter(ImageFilter.GaussianBlur(blur)) if blur else small).convert("RGBA")


@lru_cache(maxsize=512)
def disc(diameter: int, colour: Colour, *, alpha: int = 255, blur: float = 0.0) -> Image.Image:
    """Return a filled circle; with `blur` its sprite has room for the soft edge."""
    pad = round(blur * 2.5)

    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse((pad * k, pad * k, (pad + diameter) * k - 1, (pad + diameter) * k - 1), fill=(*colour, alpha))

    return sprite((diameter + 2 * pad, diameter + 2 * pad), brush, blur=blur)


def silhouette(size: Size, heights: npt.NDArray[np.float64], colour: Colour, *, alpha: int = 255) -> Image.Image:
    """Return everything below a line; `heights`: (width,) pixels from the top."""
    rows = np.arange(size[1])[:, None]
    cover = np.clip(rows - heights[None, :] + 0.5, 0, 1) * alpha
    pixels = np.empty((size[1], size[0], 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = cover.astype(np.uint8)
    return Image.fromarray(pixels)


def rolling(
    width: int, rng: np.random.Generator, *, base: float, swing: float, waves: int = 3
) -> npt.NDArray[np.float64]:
    """Return a smooth hill line that repeats after `width` pixels, around `base` from the top."""
    x = np.linspace(0, 2 * np.pi, width, endpoint=False)
    line = np.zeros(width)
    for n in range(1, waves + 1):
        line += np.sin(n * x + rng.uniform(0, 2 * np.pi)) * swing / n
    return base + line


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own scalable font."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)  # noqa: S101 - without FreeType Pillow falls back to a bitmap
    return found


def lettering(
    text: str,
    size: int,
    colour: Colour,
    *,
    weight: int = 0,
    shadow: int = 0,
    align: str = "left",
    spacing: float = 0.18,
) -> Image.Image:
    """Return text on nothing. `weight` thickens the strokes (pixels), `shadow` (0..255) lays a soft shade beneath."""
    face, gap = font(size), round(size * spacing)
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = probe.multiline_textbbox((0, 0), text, font=face, spacing=gap, stroke_width=weight)
    pad = round(size * 0.35)
    canvas = Image.new("RGBA", (round(right - left) + 2 * pad, round(bottom - top) + 2 * pad), (*colour, 0))
    at = (pad - left, pad - top)
    if shadow:
        shade = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
        ImageDraw.Draw(shade).multiline_text(
            at, text, font=face, fill=(0, 0, 0, shadow), spacing=gap, align=align, stroke_width=weight + 1
        )
        canvas = shade.filter(ImageFilter.GaussianBlur(max(2, size / 12)))
    ImageDraw.Draw(canvas).multiline_text(
        at,
        text,
        font=face,
        fill=(*colour, 255),
        spacing=gap,
        align=align,
        stroke_width=weight,
        stroke_fill=(*colour, 255),
    )
    return canvas


def tag(text: str, size: int, colour: Colour, ground: Colour, *, alpha: int = 255, weight: int = 0) -> Image.Image:
    """Return text on a rounded plate."""
    words = lettering(text, size, colour, weight=weight)
    words = words.crop(words.getbbox())
    pad_x, pad_y = round(size * 0.7), round(size * 0.5)
    plate_size = (words.width + 2 * pad_x, words.height + 2 * pad_y)

    def brush(draw: ImageDraw.ImageDraw, k: int) -> None:
        box = (0, 0, plate_size[0] * k - 1, plate_size[1] * k - 1)
        draw.rounded_rectangle(box, radius=plate_size[1] * k // 2, fill=(*ground, alpha))

    plate = sprite(plate_size, brush)
    plate.alpha_composite(words, (pad_x, pad_y))
    return plate


def lay(image: Image.Image, layer: Image.Image, at: Point) -> None:
    """Put a transparent layer on an image, in place; `at` is its top left corner."""
    image.paste(layer, (round(at[0]), round(at[1])), layer)


def lay_centred(image: Image.Image, layer: Image.Image, centre: Point) -> None:
    """Put a transparent layer on an image, in place, around a point."""
    lay(image, layer, (centre[0] - layer.width / 2, centre[1] - layer.height / 2))


@dataclass(frozen=True)
class Layer:
    """One picture that moves: `path(t)` gives its centre t seconds into the clip, or None while it is away."""

    picture: Image.Image
    path: Callable[[float], Point | None]


@dataclass(frozen=True)
class Act:
    """Something drawn anew for every frame: `play(image, t)` paints in place."""

    play: Callable[[Image.Image, float], None]


@dataclass(frozen=True)
class Scene:
    """A still ground and what moves before it, back to front."""

    ground: Image.Image
    parts: Sequence[Layer | Act] = field(default_factory=tuple)

    def frame(self, t: float) -> Image.Image:
        """Return the picture t seconds into the scene."""
        image = self.ground.copy()
        for part in self.parts:
            if isinstance(part, Act):
                part.play(image, t)
            elif (place := part.path(t)) is not None:
                lay_centred(image, part.picture, place)
        return image


def still(x: float, y: float) -> Callable[[float], Point]:
    """Return a path that stays where it is."""
    return lambda t: (x, y)


def scroll(picture: Image.Image, speed: float, top: float) -> Act:
    """Return a band that repeats sideways, moving `speed` pixels a second to the left."""

    def play(image: Image.Image, t: float) -> None:
        x = -(t * speed) % picture.width - picture.width
        while x < image.width:
            lay(image, picture, (x, top))
            x += picture.width

    return Act(play)
