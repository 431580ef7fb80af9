"""What the demo uploads, in order: every clip, picture and text with caption, creator, language, region and files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from console.demo.captions import Caption, captions
from console.demo.clips import BANKED_CLIP, CLIPS
from console.demo.picture_list import BANKED_PICTURE, wave_pictures

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

    def by(self, creator: str) -> Upload:
        """Return the same upload by another creator."""
        return replace(self, caption=replace(self.caption, creator=creator))

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


#: What is uploaded last, when reviewers have been at their desks: it waits for whoever opens the demo.
LATE: frozenset[str] = frozenset({f"{PREFIX}pic-{BANKED_PICTURE}", "demo-clip-bread", "demo-text-104"})
N_WAVE = 34
#: What people change of a text that they copy.
_ENDINGS = ("", "!", "!!", " Hurry", " It works", " Really", " Thank me later", " Go go go")


def wave_uploads(folder: Path) -> list[Upload]:
    """Return a wave of copies: one text with few changes, from many new creators, under one of a few posters."""
    posters = [folder / f"{picture.slug}.jpg" for picture in wave_pictures()]
    words = "Free gift cards for the first hundred people, write GIFT to my page before midnight and the code is yours"
    return [
        Upload(
            f"{PREFIX}wave-{n:02d}",
            "image",
            Caption(f"wave-{n:02d}", "en", "US", words + _ENDINGS[n % len(_ENDINGS)], f"gift.page.{n % 23:02d}"),
            posters[n % len(posters)],
        )
        for n in range(N_WAVE)
    ]


#: Reports of the first day: (upload, reporter, category, words). A trusted flagger is one whom an administrator has registered.
REPORTS: tuple[tuple[str, str, str, str], ...] = (
    ("demo-clip-skate", "viewer-03", "dangerous_acts", "My kid wants to copy this."),
    ("demo-clip-chess", "viewer-31", "spam_scam", "That mate does not work."),
    ("demo-pic-chart-coffee", "viewer-14", "spam_scam", "Looks like an advert to me."),
    ("demo-clip-weather", "flagger-metoffice", "spam_scam", "Numbers are not from any forecast we know."),
    ("demo-clip-coins", "viewer-11", "spam_scam", "My uncle lost money to this."),
)
#: Many people report one text, and a trusted flagger does: it is the first that a reviewer is given.
PILE: tuple[tuple[str, str, str, str], ...] = (
    ("demo-text-104", "viewer-51", "harassment", "This is where my friend lives."),
    ("demo-text-104", "viewer-52", "harassment", "Private address, please take it down."),
    ("demo-text-104", "viewer-53", "harassment", ""),
    ("demo-text-104", "viewer-54", "harassment", "People are already going there."),
    ("demo-text-104", "viewer-55", "violence", "I am afraid for her."),
    ("demo-text-104", "viewer-56", "harassment", "Doxxing."),
    (
        "demo-text-104",
        "flagger-safe-net",
        "harassment",
        "Private data with a call to act on it. The family has called us.",
    ),
    ("demo-text-104", "viewer-57", "spam_scam", "Boring."),
)
#: The platform's ids of those whose reports are trusted, and who they are.
FLAGGERS: dict[str, str] = {"flagger-metoffice": "Weather office", "flagger-safe-net": "Safe Net helpline"}
