"""What reads the words and hashes that deep detectors kept: term lists, classifier and banks, as they are when something is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moderation.detection.hashes.detector import BankIndex
from moderation.detection.hashes.vpdq import KnownFrames
from moderation.detection.terms.detector import TermIndex, TermsDetector
from moderation.detection.terms.unspaced import scan_with_unspaced
from moderation.detection.text.detector import TextDetector
from moderation.detection.types import Finding

#: (bank slugs, hashes that matched) -> the known clips of these banks that have one of the hashes.
ClipLookUp = Callable[[frozenset[str], frozenset[str]], Iterable[KnownFrames]]


@dataclass(frozen=True, slots=True)
class Readers:
    """What a detector may ask about what it kept. Lists are asked for anew at each use: one may change, or be lost, meanwhile.

    Attributes:
        terms, banks: give the lists; they raise where nobody can tell what is listed.
        known_clips: finds the clips that a bank's hashes are from.
        text: the classifier; None where the policy does not ask it.
        language: of the item (BCP 47); "und" when unknown. What was heard has its own.
    """

    terms: Callable[[], TermsDetector]
    banks: Callable[[], BankIndex]
    known_clips: ClipLookUp
    text: TextDetector | None = None
    language: str = "und"

    @classmethod
    def of_terms(cls, detector: TermsDetector, language: str) -> Readers:
        """Return readers that know these terms and nothing else."""
        return cls(lambda: detector, lambda: BankIndex.build(()), no_clips, language=language)

    @classmethod
    def of_banks(cls, index: BankIndex) -> Readers:
        """Return readers that know these hashes and nothing else."""
        return cls(lambda: TermsDetector(TermIndex.build(()), "none"), lambda: index, no_clips)

    def scan_terms(self, text: str, where: Mapping[str, Any], language: str) -> tuple[Finding, ...]:
        """Return the terms in a text of a language of its own."""
        return self.terms().findings_for(text, where, language)

    def scan_unspaced(self, text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Return the terms in a text of the item's language that may have lost its spaces."""
        return scan_with_unspaced(self.terms(), text, where, self.language)


def no_clips(_banks: frozenset[str], _values: frozenset[str]) -> Iterable[KnownFrames]:
    """Find no known clips."""
    return ()
