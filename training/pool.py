"""What one pass of training reads: public sets and written texts, filled, varied and joined, drawn by weight."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from moderation.detection.text import CATEGORIES
from training import augment
from training.examples import CORPUS, Example, none_of_all, written
from training.slots import Slots
from training.sources import public

#: The share of rows kept from training, for calibration and for choosing thresholds.
TUNING_SHARE = 0.08
_BARE_CATEGORIES = {
    "slur": {"hate": 1.0}, "sexterm": {"sexual": 0.8}, "insult": {"harassment": 0.8}, "swear": {"profanity": 1.0},
}  # fmt: skip


def split(examples: Iterable[Example]) -> tuple[list[Example], list[Example]]:
    """Return the texts to learn from, and those to tune on; drawn from the texts, so always the same."""
    learn: list[Example] = []
    tune: list[Example] = []
    for example in examples:
        (tune if example.is_in_share(TUNING_SHARE, "tune") else learn).append(example)
    return learn, tune


class Pool:
    """Draws training texts. `public_share` of them come from public sets, the rest from the written corpus.

    Args:
        data: the folder of public sets.
        languages: only texts in these.
        public_share: in [0, 1].
        seed: of every draw.
    """

    def __init__(self, data: Path, *, languages: frozenset[str], public_share: float, seed: int = 7) -> None:
        self.draw = random.Random(seed)
        self.slots = Slots(data)
        self.public = [e for e in split(public(data, is_held_out=False))[0] if e.language in languages]
        self.written = [e for e in split(written(CORPUS))[0] if e.language in languages]
        self.public_share = public_share if self.written else 1.0
        self._weights = [e.weight for e in self.public]
        self._written_weights = list(accumulate(_evened(self.written)))
        self._harmless = [e for e in self.written if not any(e.labels.values())]

    def take(self, n: int) -> list[Example]:
        """Return n texts, as the model is to see them."""
        n_public = round(n * self.public_share)
        found = self.draw.choices(self.public, self._weights, k=n_public) if n_public else []
        drawn = [self._varied(e, 0.12) for e in found]
        drawn += [self._from_written() for _ in range(n - n_public)]
        self.draw.shuffle(drawn)
        return drawn

    def _from_written(self) -> Example:
        chance = self.draw.random()
        if chance < 0.05:
            return self._bare()
        [example] = self.draw.choices(self.written, cum_weights=self._written_weights)
        example = self._filled(example)
        if chance < 0.20:
            example = self._inside_others(example)
        return self._varied(example, 0.2)

    def _filled(self, example: Example) -> Example:
        return _with_text(example, self.slots.fill(example.text, example.language, self.draw))

    def _inside_others(self, example: Example) -> Example:
        """Return the text among harmless ones: a long text is as harmful as its worst part."""
        peers = [e for e in self.draw.choices(self._harmless, k=12) if e.language == example.language]
        others = [self._filled(e).text for e in peers[: self.draw.randint(1, 3)]]
        at = self.draw.randint(0, len(others))
        return _with_text(example, " ".join([*others[:at], example.text, *others[at:]]))

    def _bare(self) -> Example:
        """Return a crude word with next to nothing around it."""
        kind = self.draw.choice([k for k, words in self.slots.bare().items() if words] or ["swear"])
        frame = self.draw.choice(["{%s}", "{%s}", "you {%s}", "{%s}!!", "so much {%s} here", "lol {%s}", "what a {%s}"])
        labels = {c: p for c, p in none_of_all().items() if c not in {"hate", "harassment", "sexual", "profanity"}}
        if "you" in frame or "what a" in frame:
            labels |= {"harassment": 0.9}
        text = self.slots.fill(frame % kind, "en", self.draw)
        return Example(text, {**labels, **_BARE_CATEGORIES[kind]}, "en", "bare", weight=0.7)

    def _varied(self, example: Example, tricked: float) -> Example:
        chance = self.draw.random()
        if chance < tricked:
            return _with_text(example, augment.trick(example.text, self.draw))
        if chance < tricked + 0.15:
            return _with_text(example, augment.habit(example.text, self.draw))
        return example


def _evened(examples: Sequence[Example]) -> list[float]:
    """Return weights that bring files of few lines nearer to those of many."""
    n_of = Counter((e.source, e.language) for e in examples)
    return [n_of[e.source, e.language] ** -0.4 for e in examples]


def _with_text(example: Example, text: str) -> Example:
    return Example(text, example.labels, example.language, example.source, example.slice, example.weight)


def targets(examples: Sequence[Example]) -> tuple[list[list[float]], list[list[float]]]:
    """Return labels and loss weights, each (n, 9); the weight of what nobody judged is 0."""
    labels = [[e.labels.get(c, 0.0) for c in CATEGORIES] for e in examples]
    known = [[e.weight if c in e.labels else 0.0 for c in CATEGORIES] for e in examples]
    return labels, known
