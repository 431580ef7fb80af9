"""Every detector there is, and how this installation builds it. Whoever runs detectors asks here and knows none by name.

To add one is to add its line (CONTRIBUTING.md). The names, in the order of columns, are `policies.choices.DETECTORS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from moderation.detection.clip import DeepDeclaration, DeepDetector
from moderation.detection.hashes.detector import BankIndex, HashesDetector
from moderation.detection.hashes.frames import FramesDetector
from moderation.detection.history import HistoryDetector
from moderation.detection.links import LinksDetector
from moderation.detection.ocr.detector import OcrDetector
from moderation.detection.speech.detector import SpeechDetector
from moderation.detection.terms.detector import TermsDetector
from moderation.detection.text.detector import TextDetector
from moderation.detection.types import Basis, Declaration, Detector, Lookup, Result
from moderation.detection.vision.detector import VisionDetector
from moderation.live import banks as live_banks
from moderation.live import domains as live_domains
from moderation.live.banks import BankView
from moderation.live.frame_vectors import FrameVectors
from moderation.live.prompts import prompts_in_force, source_in_use
from policies.choices import ItemKind


@dataclass(frozen=True, slots=True)
class Parts:
    """What on-path detectors of one policy version are built from; terms and classifier also read what deep ones kept.

    `banks`: None where they are not loaded; `view`: of the banks as they are under no policy.
    """

    banks: BankIndex | None
    view: BankView
    terms: TermsDetector
    text: TextDetector


@dataclass(frozen=True, slots=True)
class OnPath:
    """An on-path detector: what its class declares, and what builds it."""

    declares: Declaration
    build: Callable[[Parts], Detector]


@dataclass(frozen=True, slots=True)
class Deep:
    """A deep detector: what its class declares, and what builds it as it is configured now."""

    declares: DeepDeclaration
    build: Callable[[], DeepDetector]


def _hashes(parts: Parts) -> HashesDetector:
    follower = live_banks.current()  # the one of now: detectors run on threads of their own
    return HashesDetector(parts.banks, parts.view.version, is_stale=lambda: follower.is_stale)


def _speech() -> SpeechDetector:
    return SpeechDetector(settings.WHISPER_MODEL_PATH, Path(settings.MODELS_FOLDER), settings.WHISPER_DEVICE)


def _vision() -> VisionDetector:
    return VisionDetector(source_in_use(), prompts_in_force(), FrameVectors())


#: In the order of their results.
ON_PATH: tuple[OnPath, ...] = (
    OnPath(HashesDetector, _hashes),
    OnPath(TermsDetector, lambda parts: parts.terms),
    OnPath(TextDetector, lambda parts: parts.text),
    OnPath(LinksDetector, lambda parts: LinksDetector(live_domains.current)),
    OnPath(HistoryDetector, lambda parts: HistoryDetector()),
)
DEEP: tuple[Deep, ...] = (
    Deep(FramesDetector, FramesDetector),
    Deep(OcrDetector, OcrDetector),
    Deep(SpeechDetector, _speech),
    Deep(VisionDetector, _vision),
)


def onpath_detectors(parts: Parts) -> tuple[Detector, ...]:
    """Return the on-path detectors of a policy version."""
    return tuple(entry.build(parts) for entry in ON_PATH)


def deep_detectors() -> tuple[DeepDetector, ...]:
    """Return the slow detectors as configured."""
    return tuple(entry.build() for entry in DEEP)


def detector_named(name: str) -> DeepDetector:
    """Return a deep detector as configured.

    Raises:
        LookupError: there is none of this name.
    """
    entry = next((entry for entry in DEEP if entry.declares.name == name), None)
    if entry is None:
        raise LookupError(f"There is no deep detector {name!r}.")
    return entry.build()


def deep_declared() -> Mapping[str, DeepDeclaration]:
    """Return what deep detectors declare, by name."""
    return {entry.declares.name: entry.declares for entry in DEEP}


def nothing_to_look_at(kind: ItemKind) -> tuple[Result, ...]:
    """Return the results of the deep detectors that a kind of item has nothing for: not applicable, which is not missing."""
    names = (entry.declares.name for entry in DEEP if kind not in entry.declares.kinds)
    return tuple(Result(name, "none", not_applicable=True) for name in names)


def names_resting_on(basis: Basis) -> frozenset[str]:
    """Return the detectors whose own findings rest on something."""
    declared = (*(entry.declares for entry in ON_PATH), *(entry.declares for entry in DEEP))
    return frozenset(of.name for of in declared if of.basis is basis)


def detectors_looking_up(*lookups: Lookup) -> Mapping[str, DeepDetector]:
    """Return the deep detectors whose kept results are read again when a list of these kinds changes, by name; of any kind by default."""
    wanted = frozenset(lookups or Lookup)
    return {entry.declares.name: entry.build() for entry in DEEP if entry.declares.looks_up & wanted}
