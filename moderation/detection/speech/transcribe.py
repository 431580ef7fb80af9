"""Listening: windows of speech go through Whisper in batches, across items, and of its words only what it is sure of is believed.

Uses openai-whisper's public API: `log_mel_spectrogram`, `embed_audio`, `detect_language`, `decode`, `logits`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection.speech.hallucinations import COMPRESSED, Doubt, Segment, out_of_pace, repeats, unheard
from moderation.detection.speech.loading import Trust
from moderation.detection.speech.vad import PLAIN, Activity, Stretch, Window, activity, windows

Array = npt.NDArray[np.float32]
#: Windows in one pass of the model: what fits a graphics card of 8 GB with the large model, and what a core does in a second or two.
_AT_ONCE = {"cuda": 16}
_AT_ONCE_ELSEWHERE = 4
#: Ways of writing that are followed side by side, as Whisper's own command does: of short words fewer are lost. On a
#: graphics card, where many windows are written together, one is.
BEAMS = 5
#: Temperatures tried when the words go round in circles. What is merely unsure is not tried again: luck would not make it surer.
_TEMPERATURES = (0.0, 0.4, 0.8)
#: More likely than this that nobody speaks, and unsure words besides (the library's own limit).
_NO_SPEECH = 0.6
#: A language less likely than this is not known.
_MIN_LANGUAGE = 0.5
#: A window whose end was not reached is heard again from there, so many times.
_MAX_PASSES = 8
_FRAMES = 100
#: Sounds are brought to this peak: a spectrogram tells loudness too, and models have heard little that is very soft.
_PEAK = 0.6


@dataclass(frozen=True, slots=True)
class Listener:
    """A loaded Whisper, how far it can be trusted, and where it runs ("cpu", "cuda")."""

    model: Any
    trust: Trust
    device: str

    def understands(self, language: str) -> bool:
        """Whether it was made for a language."""
        return self.trust.languages is None or language in self.trust.languages


@dataclass(slots=True)
class Heard:
    """What was heard in one sound: segments that are believed, doubts that are not, both in order.

    languages: seconds of speech by language; probability: of the main one.
    """

    activity: Activity
    segments: list[Segment] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    languages: dict[str, float] = field(default_factory=dict)
    probability: float = 0.0

    @property
    def language(self) -> str:
        """The main language, "und" where none was heard."""
        return max(self.languages, key=lambda name: self.languages[name], default="und")

    @property
    def spoken_seconds(self) -> float:
        """How long somebody speaks; windows in which the listener heard nobody do not count."""
        return sum(self.languages.values())


@dataclass(frozen=True, slots=True)
class _Pass:
    """One window of one sound to be heard; `n` passes were made over parts of it."""

    item: int
    window: Window
    n: int = 1


@dataclass(frozen=True, slots=True)
class _Said:
    """What the model wrote for one pass: segments (with log probabilities), mean log probability, no-speech, compression."""

    segments: list[Segment]
    log_probability: float
    no_speech: float
    compression: float


def hear_all(listener: Listener, sounds: Sequence[Array], given: Sequence[Heard] | None = None) -> list[Heard]:
    """Return what is said in each of some sounds (16 kHz mono float32 in [-1, 1]), in their order.

    Windows of all sounds go through the model together, so a graphics card is busy with many short clips too.

    Args:
        given: what to note it in, where voice activity was looked for already.
    """
    heard = list(given) if given is not None else [Heard(activity(samples)) for samples in sounds]
    pairs = list(zip(sounds, heard, strict=True))
    mels = [_spectrogram(listener, samples) if h.activity.stretches else None for samples, h in pairs]
    waiting = [_Pass(i, window) for i, (samples, h) in enumerate(pairs) for window in windows(h.activity, samples)]
    size = _AT_ONCE.get(listener.device, _AT_ONCE_ELSEWHERE)
    while waiting:
        now, waiting = waiting[:size], waiting[size:]
        waiting += _hear_passes(listener, now, mels, heard)
    for one in heard:
        one.segments.sort(key=lambda s: s.start)
        one.doubts.sort(key=lambda d: d.start)
    return heard


def _spectrogram(listener: Listener, samples: Array) -> Any:
    """Return the log-mel spectrogram, as whisper.transcribe makes it, of a sound brought to one loudness."""
    from whisper.audio import N_SAMPLES, log_mel_spectrogram

    evened = samples * np.float32(_PEAK / max(float(np.abs(samples).max()), 1e-6))
    return log_mel_spectrogram(evened, listener.model.dims.n_mels, padding=N_SAMPLES, device=listener.device)


def _hear_passes(listener: Listener, passes: list[_Pass], mels: list[Any], heard: list[Heard]) -> list[_Pass]:
    """Hear some windows together and note what they say; return what has to be heard again."""
    import torch
    from whisper.audio import N_FRAMES, pad_or_trim

    parts = [mels[p.item][:, int(p.window.start * _FRAMES) : int(p.window.end * _FRAMES)] for p in passes]
    mel = torch.stack([pad_or_trim(part, N_FRAMES) for part in parts])
    with torch.inference_mode():
        features = listener.model.embed_audio(mel.half() if listener.device == "cuda" else mel)
        _, probabilities = listener.model.detect_language(features)
        again: list[_Pass] = []
        for language, rows in _by_language(listener, passes, probabilities, heard).items():
            said = _write(listener, features[rows], language)
            for row, one in zip(rows, said, strict=True):
                again += _note(listener, passes[row], one, heard[passes[row].item], language)
    return again


def _by_language(
    listener: Listener, passes: list[_Pass], probabilities: list[dict[str, float]], heard: list[Heard]
) -> dict[str, list[int]]:
    """Return the rows to be written down, by language. A language that is not understood is a doubt."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, (one, likely) in enumerate(zip(passes, probabilities, strict=True)):
        language = max(likely, key=lambda name: likely[name])
        item, seconds = heard[one.item], sum(s.seconds for s in one.window.spoken)
        if one.n == 1:
            item.languages[language] = item.languages.get(language, 0.0) + seconds
            item.probability = max(item.probability, likely[language])
        if likely[language] < _MIN_LANGUAGE or not listener.understands(language):
            why = "language" if likely[language] >= _MIN_LANGUAGE else "unknown language"
            item.doubts += [Doubt(s.start, s.end, why, language) for s in one.window.spoken]
        else:
            rows[language].append(row)
    return rows


# --- writing down --------------------------------------------------------------------------------------------------


def _write(listener: Listener, features: Any, language: str) -> list[_Said]:
    """Return what the model writes for some windows of one language; what goes round in circles is tried less strictly."""
    import torch
    from whisper.decoding import DecodingOptions

    said: list[_Said | None] = [None] * len(features)
    left = list(range(len(features)))
    is_gpu = listener.device == "cuda"
    for temperature in _TEMPERATURES:
        beams = BEAMS if temperature == 0 and not is_gpu else None
        options = DecodingOptions(language=language, temperature=temperature, beam_size=beams, fp16=is_gpu)
        with torch.random.fork_rng():
            torch.manual_seed(0)  # the same file says the same twice
            # The library follows beams in one window at a time only.
            parts = features[left].split(1) if beams else [features[left]]
            results = [result for part in parts for result in listener.model.decode(part, options)]
        for row, result in zip(left, results, strict=True):
            said[row] = _parse(listener, features[row], result, language)
        left = [
            row for row, result in zip(left, results, strict=True) if _circles(result.text, result.compression_ratio)
        ]
        if not left:
            break
    return [one for one in said if one is not None]


def _circles(text: str, compression: float) -> bool:
    return compression > COMPRESSED or repeats(text)


def _parse(listener: Listener, features: Any, result: Any, language: str) -> _Said:
    """Return a decoded window as segments, each with the mean log probability of its own words."""
    from whisper.tokenizer import get_tokenizer

    model = listener.model
    spell = get_tokenizer(
        model.is_multilingual, num_languages=model.num_languages, language=language, task="transcribe"
    )
    chances = _chances(model, [*spell.sot_sequence, *result.tokens], features)[len(spell.sot_sequence) :]
    segments, text, start = [], [], 0.0
    for token, chance in zip(result.tokens, chances, strict=True):
        if token < spell.eot:
            text.append((token, chance))
        elif token >= spell.timestamp_begin:
            at = (token - spell.timestamp_begin) * 0.02
            if text:
                segments.append(_segment(spell, text, start, at))
                text = []
            start = at
    if text:  # the segment goes on behind the window
        segments.append(_segment(spell, text, start, float("inf")))
    return _Said(segments, result.avg_logprob, result.no_speech_prob, result.compression_ratio)


def _chances(model: Any, tokens: list[int], features: Any) -> list[float]:
    """Return the log probability of each token after those before it (0 for the first)."""
    import torch

    given = torch.tensor([tokens], device=features.device)
    logs = model.logits(given[:, :-1], features[None]).log_softmax(dim=-1)
    return [0.0, *logs[0].gather(1, given[0, 1:, None])[:, 0].tolist()]


def _segment(spell: Any, text: list[tuple[int, float]], start: float, end: float) -> Segment:
    return Segment(start, end, spell.decode([t for t, _ in text]).strip(), float(np.mean([c for _, c in text])))


# --- believing -----------------------------------------------------------------------------------------------------


def _note(listener: Listener, one: _Pass, said: _Said, heard: Heard, language: str) -> list[_Pass]:
    """Note what one window said, as believed or doubted; return the rest of the window where its end was not reached."""
    window = one.window
    if said.no_speech > _NO_SPEECH and said.log_probability < listener.trust.min_log_probability:
        _nobody(one, heard, language)
        return []
    placed = [s.shift(window.start, window.end) for s in said.segments if s.text]
    for segment in placed:
        doubt = _doubt_of(listener, segment, said, window.spoken)
        if doubt:
            heard.doubts.append(Doubt(segment.start, segment.end, doubt, segment.text))
        else:
            heard.segments.append(segment)
    gaps = unheard(window.spoken, placed)
    rest = _rest(one, gaps, placed)
    heard.doubts += [Doubt(a, b, "unheard") for a, b in gaps if not (rest and b > rest[0].window.start)]
    return rest


def _nobody(one: _Pass, heard: Heard, language: str) -> None:
    """Note that the model heard nobody: the truth, unless somebody plainly speaks."""
    for stretch in one.window.spoken:
        if stretch.score >= PLAIN:
            heard.doubts.append(Doubt(stretch.start, stretch.end, "unheard"))
        elif one.n == 1:
            heard.languages[language] -= stretch.seconds


def _doubt_of(listener: Listener, segment: Segment, said: _Said, spoken: Sequence[Stretch]) -> str:
    if segment.log_probability < listener.trust.min_log_probability:
        return "unsure"
    if out_of_pace(segment, spoken):
        return "pace"
    return "repeats" if _circles(segment.text, said.compression) else ""


def _rest(one: _Pass, gaps: Sequence[tuple[float, float]], placed: Sequence[Segment]) -> list[_Pass]:
    """Return the part of a window behind its last segment, where somebody still speaks there."""
    last = max((s.end for s in placed), default=one.window.start)
    behind = [(a, b) for a, b in gaps if a >= last - 0.5]
    if not behind or not placed or one.n >= _MAX_PASSES:
        return []
    start = max(last, one.window.start + 0.5)  # each pass gets on, whatever the model says
    spoken = tuple(_clip(one.window.spoken, start))
    return [_Pass(one.item, Window(start, one.window.end, spoken), one.n + 1)] if spoken else []


def _clip(spoken: Iterable[Stretch], start: float) -> Iterable[Stretch]:
    return (Stretch(max(s.start, start), s.end, s.score) for s in spoken if s.end > start)
