"""Sentences about drawn scenes: templates, names and kinds of things; and other sentences that training never sees whole."""

from __future__ import annotations

import numpy as np

from training.vision.pen import THINGS
from training.vision.scenes import Scene

#: What several things have in common, for people who ask more broadly.
KINDS: dict[str, tuple[str, ...]] = {
    "a weapon": ("knife", "gun", "rifle", "sword"),
    "a firearm": ("gun", "rifle"),
    "drugs": ("pills", "syringe", "cannabis leaf", "cigarette"),
    "alcohol": ("wine bottle", "beer"),
    "medicine": ("pills", "pill bottle", "syringe"),
    "something burning": ("fire", "burning house", "burning match"),
    "an explosive": ("bomb", "firecracker"),
    "food": ("banana", "candy", "birthday cake", "apple", "tomato", "pizza", "ice cream", "bread", "lollipop"),
    "a fruit": ("banana", "apple"),
    "an animal": ("cat", "dog", "bird", "fish", "butterfly"),
    "a vehicle": ("car", "bus", "train", "plane", "bicycle"),
    "a plant": ("flower", "tulip", "tree", "fir tree", "palm tree", "maple leaf"),
    "a landscape": ("mountains", "sea", "sunset"),
    "cutlery": ("spoon", "fork"),
    "furniture": ("chair", "lamp"),
    "a toy": ("teddy bear", "kite", "balloon"),
    "a pattern": ("stripes", "dots", "waves", "chessboard"),
    "a simple shape": ("circle", "square", "triangle", "arrow", "star", "heart"),
    "a drink": ("cup", "water bottle", "milk carton", "beer"),
}
TEMPLATES = (
    "a drawing of {}", "a picture of {}", "a photo of {}", "an image of {}", "an icon of {}", "{}", "a video frame with {}",
    "a frame that shows {}", "a scene with {}", "a close-up of {}", "here is {}", "this shows {}", "someone shows {}",
    "a sketch of {}", "a cartoon of {}", "we see {}", "{} in the middle", "a bright drawing of {}", "a dark picture of {}",
    "a blurry photo of {}", "an illustration of {}", "the picture contains {}", "a video of {}", "a person with {}",
    "a simple drawing of {}", "a photo showing {}", "a clip with {}", "a flat icon showing {}", "only {}",
)  # fmt: skip
PLACES: dict[str, tuple[str, ...]] = {
    "plain": ("on a plain background", "before a plain wall"),
    "gradient": ("on a soft background", "before a colour gradient"),
    "soft": ("before a blurry background", "on a blurred background"),
    "room": ("in a room", "inside a house", "at home"),
    "outdoors": ("outdoors", "in the countryside", "under the sky", "on grass"),
    "table": ("on a table", "on a wooden table"),
}
HELD = ("a hand holding {}", "a person holding {}", "someone holds {}", "{} in a hand", "{} held by a person")
#: Never in training as whole sentences; some of their words are not, either.
UNSEEN_TEMPLATES = (
    "a still from a clip where you can see {}", "this drawing contains {}", "the main thing here is {}", "{} shown on screen",
    "a simple picture with {} in it",
)  # fmt: skip


def with_article(name: str) -> str:
    """Return a name as it stands in a sentence; what is plural or has no number stands alone."""
    bare = (name.endswith("s") and not name.endswith(("glass", "bus"))) or name in BARE
    if bare or name.startswith(("a ", "an ", "the ")):
        return name
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


BARE = frozenset(
    {"blood", "cannabis", "dynamite", "fire", "big fire", "burning fire", "money", "stack of cash", "nothing", "grainy noise", "static noise",
     "noise", "fresh bread", "bread", "someone on a rooftop edge", "somebody waving", "people together", "tall buildings"}
)  # fmt: skip


class CaptionWriter:
    """Writes captions and says which things each asks for.

    `names` orders the things; masks are rows over them: `all_of` must all be in a picture that the caption fits, or, for a
    kind, one of `any_of`.
    """

    def __init__(self) -> None:
        self.names = sorted(THINGS)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.kinds_of = {name: [kind for kind, members in KINDS.items() if name in members] for name in self.names}

    def write(self, scene: Scene, rng: np.random.Generator) -> tuple[str, np.ndarray, bool]:
        """Return a caption, its mask (n_things,) bool, and whether one thing of the mask is enough."""
        mask = np.zeros(len(self.names), dtype=bool)
        main = scene.things[0]
        kinds = self.kinds_of[main]
        if kinds and rng.random() < 0.15:
            kind = str(rng.choice(kinds))
            mask[[self.index[name] for name in KINDS[kind]]] = True
            return self._framed(kind, scene, rng), mask, True
        mask[self.index[main]] = True
        phrase = with_article(str(rng.choice(THINGS[main].names)))
        if len(scene.things) > 1 and rng.random() < 0.6:
            mask[self.index[scene.things[1]]] = True
            phrase = f"{phrase} and {with_article(str(rng.choice(THINGS[scene.things[1]].names)))}"
        return self._framed(phrase, scene, rng), mask, False

    def vocabulary(self) -> list[str]:
        """Return texts that have every word of every possible caption."""
        names = [with_article(name) for thing in THINGS.values() for name in thing.names]
        places = [place for several in PLACES.values() for place in several]
        return [*names, *KINDS, *places, *(t.format("and") for t in (*TEMPLATES, *HELD))]

    def _framed(self, phrase: str, scene: Scene, rng: np.random.Generator) -> str:
        if scene.is_held and rng.random() < 0.6:
            return str(rng.choice(HELD)).format(phrase)
        text = str(rng.choice(TEMPLATES)).format(phrase)
        if scene.background and rng.random() < 0.35:
            text += " " + str(rng.choice(PLACES[scene.background]))
        return text


def unseen_prompts(name: str) -> list[str]:
    """Return sentences about a thing that no training caption equals."""
    return [template.format(with_article(n)) for template in UNSEEN_TEMPLATES for n in THINGS[name].names]
