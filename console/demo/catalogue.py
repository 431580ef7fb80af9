"""What the demo uploads, in order: every clip, picture and text with caption, creator, language, region and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from console.demo.captions import Caption, captions
from console.demo.clips import BANKED_CLIP, CLIPS

PREFIX = "demo-"


@dataclass(frozen=True)
class Upload:
    """One upload as the public API takes it."""

    external_id: str
    kind: str  # "video", "image" or "text"
    caption: Caption
    media: Path | None = None
    cover: Path | None = None
    duration_ms: int | None = None

    def files(self) -> dict[str, Path]:
        """Return the files by the name of their form field."""
        return {name: path for name, path in (("media", self.media), ("cover", self.cover)) if path}

    def fields(self) -> dict[str, str]:
        """Return the form fields."""
        fields = {
            "external_id": self.external_id, "kind": self.kind, "caption": self.caption.words, "creator": self.caption.creator,
            "language": self.caption.language, "region": self.caption.region,
        }  # fmt: skip
        return fields | ({"duration_ms": str(self.duration_ms)} if self.duration_ms else {})


def uploads(folder: Path) -> list[Upload]:
    """Return all uploads, oldest first: clips, pictures and texts mixed as on any day, the clips a little to the end."""
    made = [_upload(caption, folder) for caption in captions().values()]
    clips = [u for u in made if u.kind == "video"]
    stills = [u for u in made if u.kind == "image"]
    texts = [u for u in made if u.kind == "text"]
    return [
        u
        for _, u in sorted(
            _places(texts, 0.0, 0.93) + _places(stills, 0.05, 0.98) + _places(clips, 0.3, 1.0), key=lambda p: p[0]
        )
    ]


def _places(group: list[Upload], start: float, end: float) -> list[tuple[float, Upload]]:
    # A fixed stride coprime to the length scatters neighbours of the list (same family, same language) over the day.
    order = [group[n * 17 % len(group)] for n in range(len(group))]
    return [(start + (end - start) * n / (len(order) - 1), upload) for n, upload in enumerate(order)]


def _upload(caption: Caption, folder: Path) -> Upload:
    kind = {"clip": "video", "pic": "image", "text": "text"}[caption.slug.split("-", 1)[0]]
    external_id = PREFIX + caption.slug
    if kind == "video":
        seconds = next(c.seconds for c in CLIPS if f"clip-{c.slug}" == caption.slug)
        # The banked clip's cover would match at once, and nobody would see that frames are looked at.
        cover = None if caption.slug == f"clip-{BANKED_CLIP}" else folder / f"{caption.slug}.jpg"
        return Upload(external_id, kind, caption, folder / f"{caption.slug}.mp4", cover, round(seconds * 1000))
    return Upload(external_id, kind, caption, folder / f"{caption.slug}.jpg" if kind == "image" else None)


#: Reports of the first day: (upload, reporter, category, words, trusted flagger).
REPORTS: tuple[tuple[str, str, str, str, bool], ...] = (
    ("demo-text-012", "viewer-18", "self_harm", "Is this person all right?", False),
    ("demo-clip-skate", "viewer-03", "dangerous_acts", "My kid wants to copy this.", False),
    ("demo-clip-chess", "viewer-31", "spam_scam", "That mate does not work.", False),
    ("demo-text-013", "viewer-22", "violence", "It says bomb.", False),
    ("demo-text-021", "viewer-09", "harassment", "Rude to bakers.", False),
    ("demo-pic-chart-coffee", "viewer-14", "spam_scam", "Looks like an advert to me.", False),
    ("demo-clip-weather", "flagger-metoffice", "spam_scam", "Numbers are not from any forecast we know.", True),
    ("demo-text-094", "viewer-27", "spam_scam", "Same words under every post.", False),
    ("demo-text-102", "viewer-05", "drugs", "Not for kids.", False),
    ("demo-clip-coins", "viewer-11", "spam_scam", "My uncle lost money to this.", False),
)
