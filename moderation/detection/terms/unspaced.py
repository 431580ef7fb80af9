"""Phrases in text whose spaces were lost: readers of pictures join words, and some people do so on purpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ahocorasick

from moderation.detection.terms.detector import TermEntry, TermsDetector
from moderation.detection.terms.normalise import readings
from moderation.detection.types import Finding

#: Shorter ones turn up inside other words by chance ("assist", "bassoon"); at this length hardly any does.
_MIN_LETTERS = 8


@dataclass(frozen=True, slots=True)
class UnspacedPhrases:
    """The long terms of an index, without their spaces. Immutable."""

    automaton: Any
    detector: TermsDetector

    @classmethod
    def of(cls, detector: TermsDetector) -> "UnspacedPhrases":
        """Return the phrases of a term detector; exceptions need their boundaries, so they are left out."""
        automaton = ahocorasick.Automaton()
        for word, meanings in detector.index.forms.items():
            squashed = "".join(filter(str.isalnum, word))
            harmful = tuple(entry for entry in meanings if not entry.is_exception)
            if len(squashed) >= _MIN_LETTERS and harmful:
                known = automaton.get(squashed, (0, ()))[1]
                automaton.add_word(squashed, (len(squashed), known + harmful))
        if len(automaton):
            automaton.make_automaton()
        return cls(automaton, detector)

    def findings_for(self, text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Return a finding for every phrase in a text, wherever words begin and end in it."""
        if not len(self.automaton):
            return ()
        found = {}
        seen = set()
        for reading in readings(text):
            kept = [i for i, char in enumerate(reading.text) if char.isalnum()]
            squashed = "".join(reading.text[i] for i in kept)
            if squashed in seen:
                continue
            seen.add(squashed)
            for last, (length, entries) in self.automaton.iter(squashed):
                span = reading.original_span(kept[last - length + 1], kept[last] + 1)
                for entry in entries:
                    found[(entry, span)] = self._finding(entry, span, text, where)
        return tuple(found.values())

    def _finding(self, entry: TermEntry, span: tuple[int, int], text: str, where: Mapping[str, Any]) -> Finding:
        return Finding(
            detector=self.detector.name,
            version=self.detector.version,
            category=entry.category,
            score=entry.full_score,
            where={**where, "span": list(span), "text": text[span[0] : span[1]]},
            hard=entry.hard,
        )


def scan_with_unspaced(
    detector: TermsDetector, text: str, where: Mapping[str, Any], language: str
) -> tuple[Finding, ...]:
    """Return what a term detector finds in a text, and the phrases of other categories that it holds without their spaces."""
    found = detector.findings_for(text, where, language)
    known = {finding.category for finding in found}
    joined = _phrases(detector).findings_for(text, where)
    return found + tuple(finding for finding in joined if finding.category not in known)


@lru_cache(maxsize=4)
def _phrases(detector: TermsDetector) -> UnspacedPhrases:
    return UnspacedPhrases.of(detector)
