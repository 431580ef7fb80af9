"""Known clips that share frames with one, read when a clip is examined or judged again."""

from moderation.detection.hashes.vpdq import KnownFrames
from moderation.models import KnownClip

#: Known clips that one upload is compared with, whole against whole.
_CLIPS_COMPARED = 20


def clips_sharing_frames(slugs: frozenset[str], values: frozenset[str]) -> list[KnownFrames]:
    """Return the known clips of these banks that have a frame with one of these hashes, those that share most of them first."""
    rows = KnownClip.objects.filter(bank__slug__in=slugs, values__overlap=sorted(values)).select_related("bank")
    likeliest = sorted(rows[: _CLIPS_COMPARED * 10], key=lambda clip: -len(values.intersection(clip.values)))
    return [
        KnownFrames(clip.bank.slug, str(clip.key), clip.title, clip.times_ms, clip.values)
        for clip in likeliest[:_CLIPS_COMPARED]
    ]
