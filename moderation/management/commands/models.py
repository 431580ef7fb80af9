"""`manage.py models list|pull|verify`: the models that this installation is set to, and whether they are whole."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.detection.model_store import ModelInvalid, Source, Weights, is_off, pull, read_source, verify
from moderation.detection.ocr.loading import WEIGHTS as OCR
from moderation.detection.speech.loading import WEIGHTS as SPEECH
from moderation.detection.speech.vad import WEIGHTS as VAD
from moderation.detection.text.loading import WEIGHTS as TEXT
from moderation.detection.vision.loading import WEIGHTS as VISION

_KINDS = {weights.name: weights for weights in (TEXT, SPEECH, VAD, VISION, OCR)}


class Command(BaseCommand):
    """Lists, downloads or checks the configured models."""

    help = "List, download (pinned, resumable, checked) or verify the configured models."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verb and which models it is about."""
        parser.add_argument("verb", choices=("list", "pull", "verify"))
        parser.add_argument("names", nargs="*", choices=(*_KINDS, []), metavar="NAME", help=f"of {', '.join(_KINDS)}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb for the named models, or for all."""
        try:
            sources = [s for name in options["names"] or _KINDS if (s := _source(_KINDS[name])) is not None]
            for line in {"list": _list, "pull": _pull, "verify": _verify}[options["verb"]](sources):
                self.stdout.write(line)
        except ModelInvalid as error:
            raise CommandError(str(error)) from error


def _source(weights: Weights) -> Source | None:
    """Return where a kind of model comes from as it is set; None where it is off."""
    setting = getattr(settings, weights.setting) if weights.setting else ""
    return None if is_off(weights, setting) else read_source(weights, setting, Path(settings.MODELS_FOLDER))


def _list(sources: list[Source]) -> Iterator[str]:
    for source in sources:
        yield _line(source, _state(source))


def _state(source: Source) -> str:
    if source.can_be_pulled and not source.is_present:
        return f"absent: run `manage.py models pull {source.weights.name}`"
    try:
        version = verify(source)
    except ModelInvalid as error:
        return f"not usable: {error}"
    is_shipped = source == read_source(source.weights, "", Path())
    return f"{version}  {source.weights.licence}" if is_shipped else version


def _verify(sources: list[Source]) -> Iterator[str]:
    """Check all of them, also where one is wrong."""
    wrong = []
    for source in sources:
        try:
            yield _line(source, verify(source))
        except ModelInvalid as error:
            wrong.append(str(error))
    if wrong:
        raise ModelInvalid("\n".join(wrong))


def _pull(sources: list[Source]) -> Iterator[str]:
    """Pull what has an address; where nothing has one, say so."""
    chosen = [source for source in sources if source.can_be_pulled]
    if not chosen:
        places = " and ".join(f"{source.weights.name} ({source.path})" for source in sources)
        raise ModelInvalid(f"There is nothing to pull: all is on this machine already: {places}.")
    for source in chosen:
        yield _line(source, pull(source))


def _line(source: Source, state: str) -> str:
    return f"{source.weights.name:<7} {source.origin if source.can_be_pulled else source.path}  {state}"
