"""Draws and encodes the demo's short clips: 360 x 640, 15 frames a second, H.264 with AAC, and a cover each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from console.demo import scenes_city, scenes_nature, scenes_things
from console.demo.drawing import Scene, lay_centred, lettering, rgb, tag
from console.demo.scenes_nature import H, W
from console.demo.sound import RATE, Wave, soundtrack

FPS = 15
SEED = 2026
COVER_AT = 0.62  # share of the clip


@dataclass(frozen=True)
class Clip:
    """One clip to make. `title` is drawn over the picture (and so is read by OCR); what is said lies in assets/speech."""

    slug: str
    scene: Callable[[np.random.Generator], Scene]
    title: str
    seconds: float = 5.0
    speaks: bool = False
    seed: int = 0
    plate: str = ""  # a second, smaller line on a plate
    top: float = 92  # where the title stands, pixels from the top


nature, city, things = scenes_nature, scenes_city, scenes_things
CLIPS: tuple[Clip, ...] = (
    Clip("waves", nature.waves, "Golden hour", 6, speaks=True),
    Clip("skate", city.skate, "First drop-in\nof the summer", 5),
    Clip("pancakes", things.kitchen, "Pancakes in\nfour steps", 6.4, speaks=True),
    Clip("cat", city.cat, "Every evening at six", 5, top=70),
    Clip("citylights", city.city, "Tokyo, 23:40", 6),
    Clip("counter", things.football, "", 5.2, speaks=True),
    Clip("bean", nature.plant, "30 days in\n6 seconds", 6),
    Clip("chess", things.chess, "White to move.\nMate in two.", 5),
    Clip("fireworks", nature.fireworks, "Buenas noches,\nValencia", 6),
    Clip("weather", nature.weather, "", 5, speaks=True),
    Clip("dance", city.dance, "Tag your\ndance partner", 5),
    Clip("latte", things.coffee, "Latte art, slowly", 5),
    Clip("train", city.train, "Window seat", 6, top=68),
    Clip("saturn", nature.planet, "Saturn would float\nin a bathtub", 5, speaks=True),
    Clip("reef", things.aquarium, "Three minutes\nof quiet", 6),
    Clip("snow", nature.snowfall, "Erster Schnee", 5, speaks=True, top=190),
    Clip("bicycle", city.bicycle, "12 km before work", 5),
    Clip("bloom", things.spirograph, "One line,\nno lifting", 5),
    Clip("rain", city.rain, "Rain sounds\nfor studying", 6),
    Clip("balloons", nature.balloons, "Cappadocia\nat 5 a.m.", 5),
    Clip("dunes", nature.dunes, "Un soir\nau Sahara", 5, speaks=True),
    Clip("lanterns", things.lanterns, "A thousand\nwishes", 5),
    Clip("ridge", nature.hike, "Above the fog", 5),
    # These break a rule by what is written in the picture; only the deep pass can read it.
    Clip(
        "coins",
        city.promo,
        "DOUBLE YOUR BITCOIN",
        4.4,
        speaks=True,
        seed=1,
        plate="in one hour",
    ),
    Clip("pills", city.rain, "DM ME FOR PILLS", 4, seed=7, plate="any time"),
    Clip("roofs", city.city, "TRAIN SURFING", 4, seed=9, plate="try this tonight"),
    # And this one by what is said in its second half: nothing in the picture, the title or the caption tells it.
    Clip("bread", things.kitchen, "Bread, the easy way", 9, speaks=True, seed=21),
    # The bank knows the first of these two; the second is the same clip, cut and encoded again.
    Clip("giveaway", city.promo, "FREE PHONES TODAY", 5, seed=3, plate="first 100 only"),
)
#: slug of the clip whose frames go into the demo bank -> slug of the upload that is made from it.
BANKED_CLIP = "giveaway"


def cover_frame(clip: Clip) -> Image.Image:
    """Return the still that stands for the clip."""
    scene = clip.scene(np.random.default_rng(SEED + clip.seed))
    return _frame(clip, scene, _titles(clip), clip.seconds * COVER_AT)


def _titles(clip: Clip) -> list[tuple[Image.Image, tuple[float, float]]]:
    layers: list[tuple[Image.Image, tuple[float, float]]] = []
    y = clip.top
    if clip.title:
        longest = max(len(line) for line in clip.title.split("\n"))
        size = int(np.clip(560 / longest, 25, 38))
        words = lettering(clip.title, size, rgb("ffffff"), weight=1, shadow=170, align="center")
        layers.append((words, (W / 2, y)))
        y += words.height / 2 + 22
    if clip.plate:
        layers.append((tag(clip.plate, 20, rgb("18181b"), rgb("ffe066"), weight=0), (W / 2, y)))
    return layers


def _frame(clip: Clip, scene: Scene, titles: list[tuple[Image.Image, tuple[float, float]]], t: float) -> Image.Image:
    image = scene.frame(t)
    for layer, place in titles:
        lay_centred(image, layer, place)
    return image


def clip_write(clip: Clip, path: Path, *, crf: int = 25, start: float = 0.0) -> None:
    """Draw a clip and write it as MP4. The same arguments give the same pictures; x264 varies in some bytes of them.

    Args:
        clip: what to draw.
        path: the file to write; replaced at the end, so that an interrupted run leaves no half file.
        crf: x264 quality, 0..51, smaller is better.
        start: seconds to leave out at the front, for a second upload of the same clip.
    """
    scene, titles = clip.scene(np.random.default_rng(SEED + clip.seed)), _titles(clip)
    rng, voice = np.random.default_rng(SEED + clip.seed), clip.slug if clip.speaks else ""
    sound = soundtrack(clip.seconds - start, rng, voice=voice, start=start)
    partial = path.with_suffix(".part")
    with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as out:
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = W, H, "yuv420p"
        video.options = {"preset": "veryfast", "crf": str(crf)}
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        for n in range(round((clip.seconds - start) * FPS)):
            picture = np.asarray(_frame(clip, scene, titles, start + n / FPS))
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        _mux_sound(out, audio, sound)
    partial.replace(path)


def _mux_sound(out: av.container.OutputContainer, stream: av.AudioStream, sound: Wave) -> None:
    for n in range(0, len(sound) - 1023, 1024):
        frame = av.AudioFrame.from_ndarray(sound[None, n : n + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, n
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
