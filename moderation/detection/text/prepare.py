"""What the classifier reads: one plain line in which pictographs are words and nothing is invisible.

The same function prepares training texts and captions. It undoes no spelling tricks: the model has seen those in training, and
a caption that reads differently once they are undone is scored both ways (`moderation.detection.text.model`).
"""

import re
import unicodedata

import emoji

#: More of a text than this is cut; captions end long before, transcripts come in windows.
MAX_CHARS = 8_000
_BEYOND_LATIN = re.compile(r"[^\x00-\u024f]")
_PICTOGRAPHS = re.compile(r"[\u2000-\u32ff\U0001f000-\U0001faff]")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w{2,}")
_SPACES = re.compile(r"\s+")
#: Dropped: invisible, control and private characters. Joiners matter to Indic scripts and to emoji, which are gone by then.
_DROPPED = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Me"})


def prepare(text: str) -> str:
    """Return a text as the models read it: NFKC, emoji by name, links and handles by one word each, single spaces."""
    text = text[:MAX_CHARS]
    if _PICTOGRAPHS.search(text):
        text = emoji.replace_emoji(text, _name)
    if _BEYOND_LATIN.search(text):
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if unicodedata.category(c) not in _DROPPED)
    text = _LINK.sub(" link ", text)
    text = _HANDLE.sub(" @user ", text)
    return _SPACES.sub(" ", text).strip()


def _name(found: str, data: dict[str, str]) -> str:
    name = data.get("en", "").strip(":").replace("_", " ").replace("-", " ")
    return f" {re.sub(' (light|medium|dark|medium light|medium dark) skin tone', '', name)} "
