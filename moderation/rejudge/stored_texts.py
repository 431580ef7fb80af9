"""Looking for terms in stored texts again, when a version with other term lists is put in force: captions, texts in pictures,
transcripts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from django.db import connection

from moderation.decisions.evidence import category_codes
from moderation.detection.clip import DeepDetector
from moderation.detection.readers import Readers
from moderation.detection.terms.detector import TermsDetector
from moderation.detection.types import Finding, Lookup
from moderation.live.detectors import detectors_looking_up
from moderation.models import DetectorResult
from moderation.verdict.evidence_codec import pack_findings, unpack
from moderation.verdict.judge import hard_keys
from policies.choices import DETECTORS
from policies.replay.population import source_code

_TERMS = DETECTORS.index(TermsDetector.name)
_READ = """
    SELECT e.item_id, i.caption, i.language_detected, e.cells, e.missing & %(terms)s = 0, coalesce(f.sha256, '')
    FROM moderation_itemevidence e JOIN moderation_item i ON i.id = e.item_id
    LEFT JOIN moderation_mediafile f ON f.id = i.media_id
    WHERE e.item_id > %(after)s AND e.item_id <= %(until)s AND e.txid >= %(since)s
      AND (i.caption <> '' AND e.missing & %(terms)s = 0 OR i.media_id IS NOT NULL)
    ORDER BY e.item_id
"""
# Only where nobody stored newer evidence meanwhile: whoever did that looked for the terms of the version.
_WRITE = """
    UPDATE moderation_itemevidence e SET cells = c.new
    FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]) AS c(item_id, old, new)
    WHERE e.item_id = c.item_id AND e.cells = c.old
"""


def texts_look_again(
    after: int, until: int, detector: TermsDetector, *, since_txid: int = 0
) -> dict[int, frozenset[str]]:
    """Replace what is stored of terms in the texts of a span of items by what the detector finds.

    Safe to repeat. A caption costs about as much as on the upload path: 50 microseconds. Where the detector gave no answer on
    a caption, it still gives none.

    Args:
        after, until: primary keys, the first excluded.
        since_txid: only evidence that this transaction or a later one wrote.

    Returns: by item, the hard evidence in its texts, as `hard_keys` names it; items without any are left out. Cells do not tell
        one term from another of the same category, so this is more than what changed in them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"after": after, "until": until, "since": since_txid, "terms": 1 << _TERMS})
        rows = cursor.fetchall()
    carriers, codes = detectors_looking_up(Lookup.TERMS), category_codes()
    kept = _load_results({sha256 for *_, sha256 in rows} - {""}, list(carriers))
    changed: list[tuple[int, bytes, bytes]] = []
    hard: dict[int, frozenset[str]] = {}
    for pk, caption, language, stored, is_known, sha256 in rows:
        found = _find(kept.get(sha256, {}), carriers, Readers.of_terms(detector, language or "und"))
        if is_known:  # a caption is the detector's own
            found[detector.name] = detector.findings_for(caption, {"field": "caption"}, language or "und")
        new = _replace(bytes(stored), found, codes)
        if new is not None:
            changed.append((pk, bytes(stored), new))
        if keys := hard_keys(finding for some in found.values() for finding in some):
            hard[pk] = frozenset(keys)
    _write(changed)
    return hard


def _load_results(hashes: set[str], carriers: Sequence[str]) -> Mapping[str, Mapping[str, DetectorResult]]:
    """Return what was read and heard in files, by content and detector: the newest."""
    found: defaultdict[str, dict[str, DetectorResult]] = defaultdict(dict)
    if hashes:
        for row in DetectorResult.objects.filter(sha256__in=hashes, detector__in=carriers).order_by("pk"):
            found[row.sha256][row.detector] = row
    return found


def _find(
    kept: Mapping[str, DetectorResult], carriers: Mapping[str, DeepDetector], readers: Readers
) -> dict[str, Sequence[Finding]]:
    """Return the terms in what was read and heard, by who carries the text."""
    return {name: carriers[name].scan(row.payload, readers) for name, row in kept.items()}


def _replace(old: bytes, found: Mapping[str, Sequence[Finding]], codes: Mapping[str, int]) -> bytes | None:
    """Return an item's cells with others of terms in its texts; None where they are the same."""
    new = b"".join(pack_findings(some, [name] * len(some), codes) for name, some in found.items())
    cells = unpack(old)
    mine = np.isin(cells["source"], [source_code(DETECTORS.index(name), _TERMS) for name in found])
    if sorted(cells[mine].tolist()) == sorted(unpack(new).tolist()):
        return None
    return bytes(np.ascontiguousarray(cells[~mine]).tobytes()) + new


def _write(changed: Sequence[tuple[int, bytes, bytes]]) -> None:
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [list(column) for column in zip(*changed, strict=True)])
