"""Which stored items a change of a list may concern: those that hold its subject, whether it was added or taken away.

A subject by kind: terms `{"term": key}`; banks `{"bank": pk, "entries": [pk, ...]}`, or without entries all of the bank, or
`{"bank": pk, "after": pk, "until": pk}` for the entries that came after one, up to another; domains `{"domain": name}`;
prompts `{"set": number}`; standing `{"creator": pk}`; share `{"version": key, "before": percent, "after": percent}`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moderation.detection.clip import DeepDetector
from moderation.detection.hashes.detector import BankEntry, BankIndex
from moderation.detection.links import DomainRule, LinksDetector
from moderation.detection.readers import Readers
from moderation.detection.terms.detector import TermsDetector
from moderation.detection.types import Lookup, Subject
from moderation.live import banks as live_banks
from moderation.live import emergency_terms
from moderation.live.detectors import detectors_looking_up
from moderation.live.lists import ListsUnavailable
from moderation.models import Creator, DetectorResult, EmergencyTerm, HashBank, HashEntry, Item, ListChange, MediaFile
from moderation.models.lists import ListKind
from moderation.verdict.judge import digest_of
from policies.choices import ItemKind, Outcome
from policies.decision.rollout import bucket_of

#: Says which of some items, with their files, a change may concern, by primary key.
Concerned = Callable[[Sequence[Item]], list[int]]
#: What a deep detector kept of a file, and the detector, which holds lists against it.
_Kept = tuple[DeepDetector, DetectorResult]
#: Entries that are looked for by an index of their own; for more of them the process's index of all banks is used.
_MAX_ENTRIES = 20_000


def select_concerned(change: ListChange) -> Concerned:
    """Return what says which items a change may concern.

    Raises:
        ListsUnavailable: the banks are not loaded.
    """
    made: Mapping[str, Callable[[Mapping[str, Any]], Concerned]] = {
        ListKind.TERMS: _by_term,
        ListKind.BANKS: _by_hashes,
        ListKind.DOMAINS: _by_domain,
        ListKind.PROMPTS: _by_files,
        ListKind.STANDING: _by_creator,
        ListKind.SHARE: _by_share,
    }
    return made[change.kind](change.subject)


# --- words -----------------------------------------------------------------------------------------------------------


def _by_term(subject: Mapping[str, Any]) -> Concerned:
    term = EmergencyTerm.objects.get(key=subject["term"])
    return concerned_by_term(term.text, term.category_id, term.language, term.outcome)


def concerned_by_term(text: str, category: str, language: str, outcome: int) -> Concerned:
    """Return what says which items hold a term, whether it is stored or only thought of."""
    rows = (("", text, category, language, outcome),)
    detector = TermsDetector(emergency_terms.compile_terms(rows).index, f"emergency-{digest_of({'term': rows})[:12]}")

    def find_concerned(items: Sequence[Item]) -> list[int]:
        kept = _load_results(items, Lookup.TERMS)
        return [item.pk for item in items if _holds(item, kept.get(_sha256(item), ()), detector)]

    return find_concerned


def _holds(item: Item, kept: Sequence[_Kept], detector: TermsDetector) -> bool:
    language = item.language_detected or "und"
    readers = Readers.of_terms(detector, language)
    return bool(readers.scan_terms(item.caption, {"field": "caption"}, language)) or any(
        by.scan(row.payload, readers) for by, row in kept
    )


def _by_domain(subject: Mapping[str, Any]) -> Concerned:
    rule = DomainRule("spam_scam", Outcome.BLOCK)
    detector = LinksDetector(lambda: {subject["domain"]: rule})

    def find_concerned(items: Sequence[Item]) -> list[int]:
        return [item.pk for item in items if _links_to(detector, item)]

    return find_concerned


def _links_to(detector: LinksDetector, item: Item) -> bool:
    seen = Subject(ItemKind(item.kind), item.caption, item.language_detected or "und", item.region)
    return any(finding.hard for finding in detector.run(seen).findings)


# --- hashes ----------------------------------------------------------------------------------------------------------


def _by_hashes(subject: Mapping[str, Any]) -> Concerned:
    index = _index_of(subject)

    def find_concerned(items: Sequence[Item]) -> list[int]:
        kept = _load_results(items, Lookup.BANKS)
        return [item.pk for item in items if _matches(item, kept.get(_sha256(item), ()), index)]

    return find_concerned


def _index_of(subject: Mapping[str, Any]) -> BankIndex:
    """Return an index of what changed alone, all of it in force.

    Entries are named by what never changes of them: whoever writes on one before the look leaves it among what is looked for.
    An earlier release named them by their transaction, which the next one replaced; of its changes all of the bank is looked for.
    """
    entries = HashEntry.objects.filter(bank=subject["bank"])
    if "entries" in subject:
        entries = entries.filter(pk__in=subject["entries"])
    elif "after" in subject:
        entries = entries.filter(pk__gt=subject["after"], pk__lte=subject["until"])
    else:
        entries = entries.filter(retired_at=None)
    if entries.count() > _MAX_ENTRIES:
        return _whole_bank(subject["bank"])
    bank = HashBank.objects.get(pk=subject["bank"])
    return BankIndex.build(_entry(bank, *row) for row in entries.values_list("key", "algorithm", "value"))


def _entry(bank: HashBank, key: object, algorithm: str, value: str) -> BankEntry:
    return BankEntry(bank.slug, str(bank.key), str(key), algorithm, value, bank.category_id, Outcome.BLOCK)


def _whole_bank(pk: int) -> BankIndex:
    """Return the process's index with one bank in force, and all of it."""
    index = live_banks.current().view.index
    if index is None:
        raise ListsUnavailable("The hash banks are not loaded.")
    return index.only(pk)


def _matches(item: Item, kept: Sequence[_Kept], index: BankIndex) -> bool:
    files = [file for file in (item.media, item.cover) if file]
    readers = Readers.of_banks(index)
    return any(_is_known(file, index) for file in files) or any(by.scan(row.payload, readers) for by, row in kept)


def _is_known(file: MediaFile, index: BankIndex) -> bool:
    if index.match_sha256(file.sha256):
        return True
    return bool(file.pdq and index.match_pdq(file.pdq, file.pdq_quality or 0))


# --- pictures and creators -------------------------------------------------------------------------------------------


def _by_files(_subject: Mapping[str, Any]) -> Concerned:
    return lambda items: [item.pk for item in items if item.media_id]


def _by_creator(subject: Mapping[str, Any]) -> Concerned:
    return lambda items: [item.pk for item in items if item.creator_id == subject["creator"]]


def _by_share(subject: Mapping[str, Any]) -> Concerned:
    """Whose share changed: creators on whom another version decides than before."""
    low, high = sorted((subject["before"], subject["after"]))

    def find_concerned(items: Sequence[Item]) -> list[int]:
        names = dict(Creator.objects.filter(pk__in={i.creator_id for i in items}).values_list("pk", "external_id"))
        buckets = {pk: bucket_of(name, subject["version"]) for pk, name in names.items()}
        return [item.pk for item in items if low <= buckets[item.creator_id] < high]

    return find_concerned


# --- what deep detectors kept ----------------------------------------------------------------------------------------


def _sha256(item: Item) -> str:
    return item.media.sha256 if item.media else ""


def _load_results(items: Sequence[Item], lookup: Lookup) -> Mapping[str, Sequence[_Kept]]:
    """Return what detectors kept of the items' files that such lists are held against, by content."""
    hashes, by_name = {_sha256(item) for item in items} - {""}, detectors_looking_up(lookup)
    found: defaultdict[str, list[_Kept]] = defaultdict(list)
    if hashes:
        for row in DetectorResult.objects.filter(sha256__in=hashes, detector__in=by_name):
            found[row.sha256].append((by_name[row.detector], row))
    return found
