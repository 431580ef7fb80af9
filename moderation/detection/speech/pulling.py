"""Fetching a pinned checkpoint: a broken download goes on where it stopped, and what arrives is checked before it is used."""

import urllib.error
import urllib.request
from pathlib import Path

from moderation.detection.speech.loading import SpeechModelInvalid, SpeechSource, verify

_CHUNK = 2**20
_PATIENCE_SECONDS = 60.0


def pull(source: SpeechSource) -> str:
    """Download what is missing of a pinned checkpoint, verify it, return its version.

    Raises:
        SpeechModelInvalid: nothing to download, no network, or not what was pinned.
    """
    if not source.url:
        raise SpeechModelInvalid(f"{source.file} is a local file: there is nothing to pull.")
    if source.is_present:
        return verify(source)
    source.file.parent.mkdir(parents=True, exist_ok=True)
    partial = source.file.with_name(source.file.name + ".part")
    try:
        _fetch(source.url, partial)
    except OSError as error:  # urllib's errors are OSErrors
        raise SpeechModelInvalid(
            f"{source.url} could not be fetched ({type(error).__name__}); what arrived is kept and the next pull goes on from there. "
            f"Without a network, copy the file to {source.file} by hand and run `manage.py models verify`."
        ) from error
    return _check(source, partial)


def _fetch(url: str, partial: Path) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})  # noqa: S310 - http(s) only, see loading
    try:
        answer = urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to fetch
            return
        raise
    with answer, partial.open("ab" if answer.status == 206 else "wb") as out:
        expected = int(answer.headers.get("Content-Length") or 0)
        written = 0
        while chunk := answer.read(_CHUNK):
            written += out.write(chunk)
        if written < expected:
            raise ConnectionError(f"{written} of {expected} bytes arrived")


def _check(source: SpeechSource, partial: Path) -> str:
    """Give the file its name once it is what was pinned; what is not is removed, or no pull could ever succeed."""
    try:
        verify(SpeechSource(partial, source.url, source.sha256))
    except SpeechModelInvalid:
        partial.unlink()
        raise SpeechModelInvalid(
            f"{source.url} gave something else than was pinned (its SHA-256 differs); it was removed."
        ) from None
    partial.replace(source.file)
    return verify(source)
