"""From prepared spectrograms to training examples: single sentences, several in a window, and what must not be believed."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.speech.phonemes import phonemes_of
from training.speech.tokens import LANGUAGES, table, tokenizer

#: Frames a second, and frames of a whole window.
FRAMES, WINDOW = 100, 3_000
#: Target of a place where nothing is learnt, and of one where no word should be likelier than another.
IGNORE, UNSURE = -1, -2
#: Place of a target that is said at no time.
NOWHERE = -1.0
#: Share of lines that are heard without anything beside them.
_PLAIN_SHARE = 0.6
#: Share of words that are replaced where some are.
_WRONG_SHARE = 0.2


@dataclass(slots=True)
class Example:
    """mel: (frames, 80) float32, then nothing; rows and targets: (n,) decoder inputs and what should follow each;
    position: encoder position (of 20 ms) at which it starts; phonemes: what is said, for the helper loss;
    places: (n,) second of the sound at which each target is said, about, or NOWHERE.
    """

    mel: np.ndarray
    rows: list[int]
    targets: list[int]
    position: int = 0
    phonemes: tuple[int, ...] = ()
    places: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One prepared line: where its frames are, what is said from when to when (in seconds)."""

    mel: np.ndarray
    language: str
    line: str
    start: float
    end: float


class Store:
    """The prepared shards, by kind; spectrograms stay on disk until they are read."""

    def __init__(self, folder: Path) -> None:
        self.kinds: dict[str, list[Utterance]] = {}
        for file in sorted(folder.glob("shard-???.npz")):
            self._read(file)

    def _read(self, file: Path) -> None:
        rows, mels = np.load(file), np.load(file.with_suffix(".npy"), mmap_mode="r")
        ends = np.cumsum(rows["lengths"])
        given = zip(ends - rows["lengths"], ends, rows["languages"], rows["lines"], rows["times"], strict=True)
        self.kinds.setdefault(str(rows["kind"]), []).extend(
            Utterance(mels[a:b], str(language), str(line), *map(float, times)) for a, b, language, line, times in given
        )

    def draw(self, kind: str, draw: np.random.Generator) -> Utterance:
        """Return one of a kind."""
        found = self.kinds[kind]
        return found[draw.integers(len(found))]


class Composer:
    """Makes examples from a store; the same draws give the same examples."""

    def __init__(self, store: Store) -> None:
        self.store, self.table = store, table()
        spell = tokenizer()
        row = self.table.row_of
        self.eot, self.sot, self.task = row(spell.eot), row(spell.sot), row(spell.transcribe)
        self.silent, self.untimed, self.before = row(spell.no_speech), row(spell.no_timestamps), row(spell.sot_prev)
        self.english = self.table.language("en")

    def ear(self, draw: np.random.Generator) -> Example:
        """Return one line as it is."""
        return self._said(self._several(draw, 1, 1_000, masks=False), draw)

    def short(self, draw: np.random.Generator) -> Example:
        """Return an example of a few seconds."""
        kind = draw.random()
        if kind < 0.05:
            return self._speechless(self.store.draw("none", draw))
        if kind < 0.17:
            return self._doubtful(draw)
        if kind < 0.37:
            return self._said(self._several(draw, 2, 1_000), draw)
        return self._said(self._several(draw, 1, 1_000), draw)

    def long(self, draw: np.random.Generator) -> Example:
        """Return an example to be padded to 30 s: one sentence or as many as fit, or one of the others."""
        kind = draw.random()
        if kind < 0.04:
            return self._speechless(self.store.draw("none", draw))
        if kind < 0.12:
            return self._doubtful(draw)
        n = 1 if draw.random() < 0.4 else int(draw.integers(2, 10))
        return self._said(self._several(draw, n, WINDOW), draw, is_window=True)

    # --- sound ---------------------------------------------------------------------------------------------------

    def _several(
        self, draw: np.random.Generator, n: int, limit: int, *, masks: bool = True
    ) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
        """Return frames of up to n lines, one after the other, with what is said from when to when."""
        parts: list[np.ndarray] = []
        said: list[tuple[str, float, float]] = []
        at = 0
        for _ in range(n):
            one = self.store.draw("plain" if draw.random() < _PLAIN_SHARE else "en", draw)
            gap = int(draw.exponential(40)) if parts else 0
            if parts and at + gap + len(one.mel) > limit:
                break
            mel = _louder(one.mel, draw)
            if gap:
                parts.append(np.full((gap, 80), parts[-1].min(), np.float32))
            parts.append(mel)
            said.append((one.line, at / FRAMES + gap / FRAMES + one.start, at / FRAMES + gap / FRAMES + one.end))
            at += gap + len(one.mel)
        mel = np.concatenate(parts)[:limit]
        mel = np.maximum(mel, mel.max() - 2.0)
        return (_masked(mel, draw) if masks else mel), said

    # --- what should be written ----------------------------------------------------------------------------------

    def _said(
        self,
        sound: tuple[np.ndarray, list[tuple[str, float, float]]],
        draw: np.random.Generator,
        is_window: bool = False,
    ) -> Example:
        mel, said = sound
        position = 0 if is_window or draw.random() < 0.5 else int(draw.integers(0, (WINDOW - len(mel)) // 2))
        rows = [(row, NOWHERE) for row in (self.sot, self.english, self.task)]
        if draw.random() < 0.06:
            rows += [(self.untimed, NOWHERE), *(word for one in said for word in self._words(one))]
        else:
            rows += [row for one in said for row in self._timed(one, position / 50)]
        rows.append((self.eot, NOWHERE))
        before = self._prompt(draw) if draw.random() < 0.1 else []
        inputs = [*before, *self._misheard([row for row, _ in rows[:-1]], draw)]
        targets = [IGNORE] * len(before) + [row for row, _ in rows[1:]]
        places = [NOWHERE] * len(before) + [place for _, place in rows[1:]]
        sounded = tuple(p for line, _, _ in said for p in phonemes_of(line))
        return Example(mel, inputs, targets, position, sounded, places)

    def _misheard(self, rows: list[int], draw: np.random.Generator) -> list[int]:
        """Return decoder inputs with some words replaced, every other time: who must not trust the words before listens."""
        if draw.random() < 0.5:
            return rows
        is_wrong = draw.random(len(rows)) < _WRONG_SHARE
        return [
            int(draw.integers(self.table.n_text)) if wrong and row < self.table.n_text else row
            for row, wrong in zip(rows, is_wrong, strict=True)
        ]

    def _timed(self, one: tuple[str, float, float], offset: float) -> list[tuple[int, float]]:
        _, start, end = one
        first, last = self.table.time(start + offset), self.table.time(end + offset)
        return [(first, start), *self._words(one), (max(last, first + 1), end)]

    def _words(self, one: tuple[str, float, float]) -> list[tuple[int, float]]:
        """Return the rows of a line, each with the second at which its word is said: in step with the phonemes before it."""
        line, start, end = one
        spelt = line.split()
        lengths = np.array([len(phonemes_of(word)) for word in spelt])
        middles = start + (np.cumsum(lengths) - lengths / 2) * (end - start) / lengths.sum()
        return [
            (row, float(place)) for word, place in zip(spelt, middles, strict=True) for row in self.table.text(word)
        ]

    def _prompt(self, draw: np.random.Generator) -> list[int]:
        """Return what was said before, as whisper.transcribe hands it on."""
        one = self.store.draw("en", draw)
        return [self.before, *(row for row, _ in self._timed((one.line, one.start, one.end), 0.0))]

    def _speechless(self, one: Utterance) -> Example:
        return Example(one.mel.astype(np.float32), [self.sot], [self.silent])

    def _doubtful(self, draw: np.random.Generator) -> Example:
        """Return what the model cannot know: other languages, other words, speech backwards. No word should seem likely."""
        kind = ("foreign", "unknown", "reversed")[draw.integers(3)]
        one = self.store.draw("en" if kind == "reversed" else kind, draw)
        mel = _louder(one.mel[::-1] if kind == "reversed" else one.mel, draw)
        language = self.table.language(one.language) if one.language in LANGUAGES else self.english
        words = self.table.text(self.store.draw("en", draw).line)
        rows = [self.sot, language, self.task, self.table.time(one.start), *words]
        first = UNSURE_LANGUAGE if kind == "reversed" else language
        return Example(mel, rows, [first, self.task, IGNORE, *[UNSURE] * (len(words) + 1)])


#: Target of a place where no language should be likelier than another.
UNSURE_LANGUAGE = -3


def _louder(mel: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return a spectrogram at another loudness: up to 12 dB quieter, where 1.0 is 40 dB."""
    return mel.astype(np.float32) - np.float32(draw.uniform(0, 0.3))


def _masked(mel: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return a spectrogram with some bands or moments blotted out, one time in two."""
    if draw.random() < 0.5:
        return mel
    low = int(draw.integers(0, 72))
    mel[:, low : low + int(draw.integers(1, 12))] = mel.mean()
    start = int(draw.integers(0, max(1, len(mel) - 10)))
    mel[start : start + int(draw.integers(1, 10))] = mel.min()
    return mel
