"""Detectors that the product has never heard of, and what a release that brings them changes besides: the names, and the constraints."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import CheckConstraint, Q

from moderation.detection.clip import ClipSubject, DeepDefaults
from moderation.detection.readers import Readers
from moderation.detection.types import Basis, Finding, Lookup, Missing, Result, Subject
from moderation.live import detectors
from moderation.verdict import evidence_codec, judge
from policies import choices
from policies.choices import ItemKind, Stage
from tests.support.owner import owner

#: A made-up word; whoever writes it is in a hurry.
HURRY = "zzhurryzz"


class Tempo:
    """On the path: takes whoever is in a hurry for violent. Broken by a word of its own."""

    name = "tempo"
    version = "tempo-1"
    stage = Stage.ON_PATH
    categories = ("violence",)
    languages = None
    kinds = frozenset(ItemKind)
    cost_ms = 0.1
    basis = Basis.CONTENT
    reads_files = False

    def run(self, subject: Subject) -> Result:
        if "zzbrokenzz" in subject.caption:
            raise RuntimeError("the metronome stopped")
        found = Finding(self.name, self.version, "violence", 0.97, {"field": "caption"})
        return Result(self.name, self.version, (found,) if HURRY in subject.caption else ())


class Palette(DeepDefaults):
    """Deep: keeps how red a picture is, and the name of its colour, which term lists may have."""

    name = "palette"
    version = "palette-1"
    categories = ("violence",)
    kinds = frozenset({ItemKind.IMAGE})
    cost_ms = 1.0
    looks_up = frozenset({Lookup.TERMS})
    is_configured = True
    is_blind = False
    n_runs = 0

    def run(self, clip: ClipSubject) -> Result:
        type(self).n_runs += 1
        if self.is_blind:
            return Result(self.name, self.version, missing=Missing(self.name, "unsupported", "it sees no colours"))
        from PIL import Image

        with Image.open(clip.frames[0].path) as picture:
            red, green, _ = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        return Result(self.name, self.version, payload={"is_red": red > 2 * green, "colour": "zzcrimsonzz"})

    def interpret(self, result: Result, readers: Readers) -> Result:
        if result.missing:
            return result
        where = {"source": self.name, "frame_ms": 0}
        red = Finding(self.name, self.version, "violence", 0.97, where)
        own = (red,) if result.payload["is_red"] else ()
        return replace(result, findings=(*own, *self.scan(result.payload, readers)))

    def scan(self, payload: Mapping[str, Any], readers: Readers) -> Sequence[Finding]:
        where = {"source": self.name, "frame_ms": 0}
        return readers.scan_terms(payload["colour"], where, readers.language) if payload.get("colour") else ()


def bring(patch: pytest.MonkeyPatch) -> None:
    """Do what a release with the two detectors does: names (step 3), lines in live/detectors.py (step 2), constraints (step 4)."""
    before, names = choices.DETECTORS, (*choices.DETECTORS, Tempo.name, Palette.name)
    deep = choices.DEEP_DETECTORS | {Palette.name}
    for module in [*sys.modules.values()]:
        if getattr(module, "DETECTORS", None) is before:
            patch.setattr(module, "DETECTORS", names)
            patch.setattr(module, "DEEP_DETECTORS", deep, raising=False)
    patch.setattr(evidence_codec, "_PLACE", {name: i for i, name in enumerate(names)})
    patch.setattr(judge, "_ALL", frozenset(names))
    patch.setattr(Palette, "n_runs", 0)
    patch.setattr(detectors, "ON_PATH", (*detectors.ON_PATH, detectors.OnPath(Tempo, lambda parts: Tempo())))
    patch.setattr(detectors, "DEEP", (*detectors.DEEP, detectors.Deep(Palette, Palette)))
    _migrate(names, deep)


def _migrate(names: Sequence[str], deep: frozenset[str]) -> None:
    """Let the constraints that list the names list the new ones, in the test's transaction, as a migration would."""
    with owner() as cursor, connection.schema_editor(atomic=False) as editor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model in apps.get_models():
            for old in model._meta.constraints:
                if isinstance(old, CheckConstraint) and (condition := _renewed(old, names, deep)):
                    editor.remove_constraint(model, old)
                    editor.add_constraint(model, CheckConstraint(name=old.name, condition=condition))
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(f"UPDATE moderation_itemevidence SET missing = missing | {3 << len(names) - 2}")


def _renewed(old: CheckConstraint, names: Sequence[str], deep: frozenset[str]) -> Q | None:
    if old.name == "moderation_rerun_detector_known":
        return Q(detector__in=sorted(deep))
    if old.name.endswith("_detector_known"):
        return Q(detector__in=names)
    if old.name == "moderation_itemevidence_missing_range":
        return Q(missing__range=(0, 2 ** len(names) - 1))
    return None
