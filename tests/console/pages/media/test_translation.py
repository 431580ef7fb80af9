"""Machine translation: a slot for a service, and the original with its language where there is none."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.support import scenes


def shout(text: str, language: str) -> str:
    """Translate into capitals."""
    return f"{language}: {text.upper()}"


def fail(text: str, language: str) -> str:
    """Answer as a service that is down."""
    raise ConnectionError


def test_without_a_service_the_original_and_its_language_are_shown(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer, language="es")
    page = browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert "Spanish" in page
    assert "Translate" not in page
    assert browser.get(reverse("item_translation", args=[job.item.key])).status_code == 404


def test_a_service_is_asked_when_somebody_wants_to_know(browser: Client, reviewer: User, settings: Settings) -> None:
    settings.TRANSLATION_SERVICE = f"{__name__}.shout"
    job = scenes.job_held(reviewer, language="es")
    address = reverse("item_translation", args=[job.item.key])
    assert address in browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert "es: NOBODY LIKES YOU" in browser.get(address).content.decode()


def test_a_service_that_fails_leaves_the_original(browser: Client, reviewer: User, settings: Settings) -> None:
    settings.TRANSLATION_SERVICE = f"{__name__}.fail"
    job = scenes.job_held(reviewer)
    answer = browser.get(reverse("item_translation", args=[job.item.key]), headers={"HX-Request": "true"})
    assert "did not answer" in answer.content.decode()


def test_what_is_restricted_is_sent_to_no_service(senior_browser: Client, settings: Settings) -> None:
    settings.TRANSLATION_SERVICE = f"{__name__}.shout"
    job = scenes.job_restricted()
    assert senior_browser.get(reverse("item_translation", args=[job.item.key])).status_code == 404
