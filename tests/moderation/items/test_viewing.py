"""How somebody looks at media: kept for them and for the category, within what still veils."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from moderation.items.viewing import viewing_column, viewing_in
from moderation.models import Job, ViewingChoice
from moderation.review.viewing import viewing_save
from tests.support import scenes

pytestmark = pytest.mark.django_db


def viewing_of(person: User, category: str) -> ViewingChoice:
    """Return what a page would show this person."""
    job = Job.objects.filter(category=category).annotate(own=viewing_column(person.pk, "category")).first()
    return viewing_in(job.own if job else None, category)


CHOSEN: dict[str, Any] = {
    "is_sharp": True, "is_colour": False, "has_sound": True, "veils_words": False, "blur": 12, "grey": 80, "volume": 30,
}  # fmt: skip


def test_who_never_said_sees_media_veiled_in_every_way() -> None:
    scenes.policy_ready()
    scenes.job_open()
    fresh = viewing_of(scenes.person("reviewer"), "harassment")
    assert [fresh.is_sharp, fresh.is_colour, fresh.has_sound, fresh.veils_words] == [False] * 4


def test_a_choice_is_of_one_person_and_one_category_and_the_last_holds() -> None:
    scenes.policy_ready()
    scenes.job_open()
    ana, ben = scenes.person("reviewer", "ana"), scenes.person("reviewer", "ben")
    viewing_save(actor=ana, category="harassment", **CHOSEN)
    viewing_save(actor=ana, category="harassment", **{**CHOSEN, "blur": 20})
    assert (viewing_of(ana, "harassment").is_sharp, viewing_of(ana, "harassment").blur) == (True, 20)
    assert not viewing_of(ana, "violence").is_sharp
    assert not viewing_of(ben, "harassment").is_sharp
    assert ViewingChoice.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"blur": 5}, "blur_veils"),
        ({"blur": 41}, "blur_veils"),
        ({"grey": 19}, "grey_veils"),
        ({"volume": 101}, "volume"),
    ],
)
def test_the_database_keeps_a_veil_a_veil(wrong: dict[str, int], name: str) -> None:
    scenes.policy_ready()
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        viewing_save(actor=scenes.person("reviewer"), category="hate", **{**CHOSEN, **wrong})
