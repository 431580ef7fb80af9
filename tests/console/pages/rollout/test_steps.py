"""Steps in the life of a version: who may, what they need, what follows, and how it is shown while it goes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.pages.policies.steps import STEPS
from moderation.models import Activation, EmergencyTerm, RollbackNotice
from policies.models import Approval, PolicyVersion, VersionState
from policies.services.versions import version_submit
from tests.support import policy_scenes as policies
from tests.support import scenes
from tests.support.policy_scenes import take
from tests.support.sign_in import signed_in


@pytest.fixture
def approver(ready: None) -> Client:
    return signed_in(scenes.person("policy-approver", "approver-2"))


def state(number: int = 2) -> str:
    return PolicyVersion.objects.get(number=number).state


def words(response: Any) -> str:
    text: str = response.content.decode()
    return text


def test_a_version_goes_from_draft_to_active_and_back(approver: Client) -> None:
    editor = signed_in(scenes.person("policy-editor"))
    assert take(editor, 2, "submit", note="ready").url == reverse("policy_page", args=[2])
    assert take(approver, 2, "approve").status_code == 302
    assert take(approver, 2, "shadow").status_code == 302
    assert take(approver, 2, "canary", percent="5", confirm="on").status_code == 302
    assert take(approver, 2, "adjust", percent="20", confirm="on").status_code == 302
    assert PolicyVersion.objects.get(number=2).canary_percent == 20
    assert take(approver, 2, "activate", confirm="on").status_code == 302
    assert (state(1), state(2)) == ("retired", "active")
    assert take(approver, 1, "rollback", note="too strict", confirm="on").status_code == 302
    assert (state(1), state(2)) == ("active", "retired")
    verbs = list(Approval.objects.filter(version__number=2).values_list("verb", flat=True))
    assert verbs == ["create", "submit", "approve", "shadow", "canary", "adjust", "activate", "retire"]
    assert [a.kind for a in Activation.objects.order_by("pk")] == ["activate", "rollback"]


@pytest.mark.parametrize(
    ("step", "data", "refusal"),
    [
        ("canary", {"percent": "5"}, "Tick this if it is so"),
        ("canary", {"percent": "100", "confirm": "on"}, "less than or equal to 99"),
        ("canary", {"confirm": "on"}, "Choose 1 to 99 percent."),
        ("activate", {}, "Tick this if it is so"),
        ("reject", {}, "Say in a sentence why"),
    ],
)
def test_a_step_asks_for_what_it_needs(approver: Client, step: str, data: dict[str, str], refusal: str) -> None:
    policies.approved()
    response = take(approver, 2, step, **data)
    assert response.status_code == 422
    assert refusal in words(response)
    assert state() == "in_review"


def test_every_step_says_what_follows(approver: Client) -> None:
    policies.approved()
    for step in ("shadow", "canary", "activate", "reject"):
        text = words(approver.get(reverse("policy_step", args=[2, step])))
        assert STEPS[step].follows.split(". ")[0] in text
        assert "What it changes against policy 1" in text
        if STEPS[step].confirm:
            assert STEPS[step].confirm in text


def test_a_step_that_does_not_follow_is_refused(approver: Client) -> None:
    for step in ("approve", "activate", "rollback", "withdraw"):
        assert "this step does not follow from there" in words(approver.get(reverse("policy_step", args=[2, step])))
        assert take(approver, 2, step, note="x", confirm="on").status_code == 409
    assert state() == "draft"
    assert approver.get(reverse("policy_step", args=[2, "bless"])).status_code == 404
    assert take(approver, 2, "bless").status_code == 404


def test_editors_do_not_take_the_steps_of_approvers(ready: None) -> None:
    editor = signed_in(scenes.person("policy-editor"))
    policies.approved()
    for slug, step in STEPS.items():
        expected = 403 if step.permission == "policies.approve_versions" else 409
        assert take(editor, 2, slug, note="x", confirm="on", percent="5").status_code == expected, slug
    assert state() == "in_review"


def test_four_eyes_are_shown_and_held(approver: Client) -> None:
    """An approver who changed a word of a draft is one of its writers."""
    data = policies.form_of(approver, 2, "words") | {"row-0-title": "My words"}
    policies.save(approver, 2, "words", data)
    version_submit(actor=policies.draft().author, version=policies.draft())
    assert "You wrote this version or a part of it." in words(approver.get(reverse("policy_page", args=[2])))
    response = take(approver, 2, "approve")
    assert response.status_code == 409
    assert "Somebody else has to approve it." in words(response)
    assert PolicyVersion.objects.get(number=2).approver is None


def test_a_version_without_a_change_note_is_not_submitted(ready: None) -> None:
    editor = signed_in(scenes.person("policy-editor"))
    editor.post(reverse("policy_copy", args=[1]))
    response = take(editor, 3, "submit")
    assert response.status_code == 409
    assert "It has no change note yet." in words(response)


def test_a_refusal_of_the_service_is_shown(approver: Client) -> None:
    """What the state alone does not tell: another version is in canary already."""
    policies.approved()
    approver.post(reverse("policy_copy", args=[1]))
    other = PolicyVersion.objects.get(number=3)
    PolicyVersion.objects.filter(pk=other.pk).update(change_note="Why.")
    version_submit(actor=other.author, version=other)
    third = signed_in(scenes.person("policy-approver", "approver-3"))
    assert take(third, 3, "approve").status_code == 302
    assert take(third, 3, "canary", percent="5", confirm="on").status_code == 302
    response = take(third, 2, "canary", percent="5", confirm="on")
    assert response.status_code == 422
    assert "Another version is in canary" in words(response)


def test_a_step_taken_twice_is_taken_once(approver: Client) -> None:
    policies.approved()
    assert take(approver, 2, "activate", confirm="on").status_code == 302
    assert take(approver, 2, "activate", confirm="on").status_code == 409
    assert Activation.objects.count() == 1


def test_a_draft_is_discarded(ready: None) -> None:
    editor = signed_in(scenes.person("policy-editor"))
    take(editor, 2, "discard", note="a dead end")
    assert state() == VersionState.RETIRED
    text = words(editor.get(reverse("policy_page", args=[2])))
    assert "a dead end" in text
    assert "It never decided" in text


# --- while it goes -----------------------------------------------------------------------------------------------


def test_an_activation_shows_how_far_it_is(approver: Client) -> None:
    policies.approved()
    take(approver, 2, "activate", confirm="on")
    text = words(approver.get(reverse("policy_page", args=[2])))
    assert "Activating policy 2" in text
    assert "Taking away what the version does not clear" in text
    live = words(approver.get(reverse("activation_list"), headers={"HX-Request": "true"}))
    assert "<html" not in live
    assert 'hx-trigger="poll"' in live
    Activation.objects.update(state="done", phase="done", finished_at=timezone.now())
    done = words(approver.get(reverse("activation_list"), headers={"HX-Request": "true"}))
    assert "Done" in done
    assert 'hx-trigger="poll"' not in done, "a finished one is not asked for again"
    assert "Policy 2" in words(approver.get(reverse("activation_list")))


def test_a_shadow_and_a_canary_show_how_they_do(approver: Client) -> None:
    policies.approved()
    take(approver, 2, "shadow")
    text = words(approver.get(reverse("policy_page", args=[2])))
    assert "agreement with what was decided" in text
    assert "Nothing was judged beside the active version yet." in text
    take(approver, 2, "canary", percent="5", confirm="on")
    live = words(approver.get(reverse("policy_live", args=[2]), headers={"HX-Request": "true"}))
    assert "In canary for 5 % of creators" in live
    assert "<html" not in live


def test_a_canary_that_its_guard_took_back_is_shown_loudly_until_seen(approver: Client) -> None:
    notice = RollbackNotice.objects.create(
        version=policies.approved(),
        rate="block",
        detail="block rate 30.0% of 400 items under the canary",
        created_at=timezone.now(),
    )
    analyst = signed_in(scenes.person("analyst"))
    for url in (reverse("home"), reverse("item_list"), reverse("policy_list")):
        text = words(analyst.get(url))
        assert "The canary of policy 2 was taken back by its guard." in text
        assert "I have seen this" not in text
    url = reverse("rollback_seen", args=[notice.key])
    assert "I have seen this" in words(approver.get(reverse("home")))
    assert approver.post(url).headers["Location"] == reverse("policy_page", args=[2])
    assert "taken back by its guard" not in words(analyst.get(reverse("home")))
    assert "acknowledged this already" in words(approver.post(url, follow=True))


# --- emergency terms ---------------------------------------------------------------------------------------------

TERM = {"text": "purple zeppelin", "category": "hate", "outcome": "4", "note": "A wave of abuse since noon."}


def test_an_emergency_term_is_put_in_force_and_confirmed_by_another(approver: Client) -> None:
    editor = signed_in(scenes.person("policy-editor"))
    response = editor.post(reverse("emergency_add"), TERM, follow=True)
    assert "is in force" in words(response)
    assert "Take it back" in words(response)
    text = words(approver.get(reverse("emergency_list")))
    assert "A wave of abuse since noon." in text
    key = EmergencyTerm.objects.get().key
    response = approver.post(reverse("emergency_review", args=[key]), {"act": "confirm"}, follow=True)
    assert "purple zeppelin”: confirmed." in words(response)
    rejected = approver.post(
        reverse("emergency_review", args=[key]), {"act": "reject", "note": "it is over"}, follow=True
    )
    assert "Rejected" in words(rejected)


def test_nobody_confirms_their_own_term(approver: Client) -> None:
    approver.post(reverse("emergency_add"), TERM)
    text = words(approver.get(reverse("emergency_list")))
    assert "You wrote it; somebody else has to confirm it." in text
    key = EmergencyTerm.objects.get().key
    response = approver.post(reverse("emergency_review", args=[key]), {"act": "confirm"}, follow=True)
    assert "Nothing was changed." in words(response)
    response = approver.post(reverse("emergency_withdraw", args=[key]), {"act": "withdraw"}, follow=True)
    assert "Taken back" in words(response)
    assert "Say whether the term" in words(approver.post(reverse("emergency_review", args=[key]), follow=True))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"text": ""}, "Write the word or phrase."),
        ({"text": "a"}, "One letter matches nearly everything."),
        ({"text": "the"}, "These words are in nearly every text."),
        ({"category": ""}, "Choose what kind of harm it is."),
        ({"note": ""}, "Say in a sentence what is going on"),
        ({"language": "german"}, "is not a language code"),
    ],
)
def test_a_wrong_emergency_term_is_refused_in_place(approver: Client, changes: dict[str, str], refusal: str) -> None:
    response = approver.post(reverse("emergency_add"), TERM | changes)
    assert response.status_code == 422
    assert refusal in words(response)


def test_readers_see_emergency_terms_and_no_form(ready: None) -> None:
    text = words(signed_in(scenes.person("analyst")).get(reverse("emergency_list")))
    assert "Nothing waits for a second pair of eyes." in text
    assert "Put in force" not in text
