"""`manage.py models list|pull|verify`: the models that this installation is set to, and whether they are whole."""

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.detection.speech import loading as speech
from moderation.detection.speech.pulling import pull as pull_speech
from moderation.detection.text import loading as text
from moderation.detection.text.model import ModelInvalid
from moderation.detection.vision import source as vision
from moderation.detection.vision.model import VisionModelInvalid


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of model as it is set: where it comes from or lies, and what can be done with it."""

    name: str
    address: str  # empty for what is not to be fetched
    place: Path
    is_present: bool
    verify: Callable[[], str]
    pull: Callable[[], str]


def _text() -> Model:
    source = text.model_source(settings.TEXT_MODEL_PATH, Path(settings.MODELS_FOLDER))
    return Model(
        "text", source.repo, source.folder, source.is_present, lambda: text.verify(source), lambda: text.pull(source)
    )


def _speech() -> Model | None:
    if settings.WHISPER_MODEL_PATH == speech.OFF:
        return None
    source = speech.speech_source(settings.WHISPER_MODEL_PATH, Path(settings.MODELS_FOLDER))
    if source.file == speech.STARTER and not source.is_present:
        return None  # this copy ships without one, and `speech` is not configured
    return Model(
        "speech", source.url, source.file, source.is_present, lambda: speech.verify(source), lambda: pull_speech(source)
    )


def _vision() -> Model | None:
    source = vision.vision_source(settings.VISION_MODEL_PATH, Path(settings.MODELS_FOLDER))
    if source.folder is None:
        return None
    return Model(
        "vision",
        source.repo,
        source.folder,
        source.is_present,
        lambda: vision.verify(source),
        lambda: vision.pull(source),
    )


_MODELS: dict[str, Callable[[], Model | None]] = {"text": _text, "speech": _speech, "vision": _vision}


class Command(BaseCommand):
    """Lists, downloads or checks the configured models."""

    help = "List, download (pinned, resumable, checked) or verify the configured models."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verb and which models it is about."""
        parser.add_argument("verb", choices=("list", "pull", "verify"))
        parser.add_argument("names", nargs="*", choices=(*_MODELS, []), metavar="NAME", help=f"of {', '.join(_MODELS)}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb for the named models, or for all."""
        try:
            models = [model for name in options["names"] or _MODELS if (model := _MODELS[name]())]
            for line in {"list": _list, "pull": _pull, "verify": _verify}[options["verb"]](models):
                self.stdout.write(line)
        except (ModelInvalid, speech.SpeechModelInvalid, VisionModelInvalid) as error:
            raise CommandError(str(error)) from error


def _list(models: list[Model]) -> list[str]:
    return [_line(m, m.verify() if m.is_present else "absent: run `manage.py models pull`") for m in models]


def _verify(models: list[Model]) -> list[str]:
    return [_line(m, m.verify()) for m in models]


def _pull(models: list[Model]) -> list[str]:
    """Pull what has an address; where nothing has one, say so."""
    chosen = [m for m in models if m.address]
    if not chosen:
        places = " and ".join(f"{m.name} ({m.place})" for m in models)
        raise ModelInvalid(f"There is nothing to pull: all is on this machine already: {places}.")
    return [_line(m, m.pull()) for m in chosen]


def _line(model: Model, state: str) -> str:
    return f"{model.name:<7} {model.address or model.place}  {state}"
