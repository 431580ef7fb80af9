"""The switches beside the player: kept for the person and the category, with and without a script."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from moderation.models import ViewingChoice
from policies.choices import ItemKind
from tests.support import scenes

FIELDS = {"category": "harassment", "is_sharp": "on", "blur": "12", "grey": "80", "volume": "30"}


def test_a_choice_is_kept_and_the_next_job_of_the_category_opens_with_it(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer, kind=ItemKind.VIDEO, media=scenes.stored(b"clip" * 99), duration_ms=4_000)
    assert browser.post(reverse("viewing_save"), FIELDS, headers={"X-Viewing": "1"}).status_code == 204
    toggles = browser.get(reverse("job_page", args=[job.key])).content.decode().split('class="toggles"')[1]
    assert 'class="show-sharp" data-tap="v" checked' in " ".join(toggles.split())
    assert 'value="12"' in toggles


def test_without_a_script_the_button_leads_back_to_the_page(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    page = f"http://testserver{reverse('job_page', args=[job.key])}"
    response = browser.post(reverse("viewing_save"), FIELDS, headers={"Referer": page}, follow=True)
    assert response.redirect_chain == [(reverse("job_page", args=[job.key]), 302)]
    assert "Remembered for this category." in response.content.decode()


@pytest.mark.parametrize(
    "wrong", [{"blur": "2"}, {"blur": ""}, {"grey": "101"}, {"category": "made-up"}, {"volume": "x"}]
)
def test_what_would_not_veil_is_refused(browser: Client, wrong: dict[str, str]) -> None:
    assert browser.post(reverse("viewing_save"), {**FIELDS, **wrong}).status_code == 422
    assert not ViewingChoice.objects.exists()


def test_jobs_of_no_category_have_a_choice_too(browser: Client, reviewer: User) -> None:
    assert (
        browser.post(reverse("viewing_save"), {**FIELDS, "category": ""}, headers={"X-Viewing": "1"}).status_code == 204
    )
    assert ViewingChoice.objects.get().category == ""


def test_it_is_changed_by_post_alone(browser: Client) -> None:
    assert browser.get(reverse("viewing_save")).status_code == 405
