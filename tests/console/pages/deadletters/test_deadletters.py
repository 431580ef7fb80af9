"""Dead letters: seen, driven again one by one and together."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from moderation.models import AuditEvent, OutboxMessage
from tests.support import scenes


def test_an_empty_list_says_that_nothing_need_be_done(senior_browser: Client) -> None:
    assert "No dead letters" in senior_browser.get(reverse("deadletter_list")).content.decode()


def test_it_shows_error_attempts_and_item(senior_browser: Client) -> None:
    scenes.dead_letter(scenes.item_judged("broken-1"))
    page = senior_browser.get(reverse("deadletter_list")).content.decode()
    for words in ("broken-1", "TimeoutError: the child was killed after 60 s", "moderation.tasks.item_examine"):
        assert words in page


def test_home_raises_the_alarm(senior_browser: Client) -> None:
    scenes.dead_letter()
    assert "1 dead letter" in senior_browser.get("/").content.decode()


def test_driving_one_again_gives_it_fresh_attempts(senior_browser: Client) -> None:
    letter = scenes.dead_letter(scenes.item_judged("broken-1"))
    senior_browser.post(reverse("deadletter_redrive", args=[letter.key]))
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == ("pending", 0)
    assert AuditEvent.objects.filter(action="message.redriven", actor_name="senior-1").exists()


def test_driving_it_twice_is_404(senior_browser: Client) -> None:
    url = reverse("deadletter_redrive", args=[scenes.dead_letter().key])
    assert senior_browser.post(url).status_code == 302
    assert senior_browser.post(url).status_code == 404


def test_work_that_is_under_way_already_is_said(senior_browser: Client) -> None:
    item = scenes.item_judged("broken-1")
    letter = scenes.dead_letter(item)
    OutboxMessage.objects.create(topic=letter.topic, item=item)
    page = senior_browser.post(reverse("deadletter_redrive", args=[letter.key]), follow=True).content.decode()
    assert "already under way" in page


def test_driving_all_again_leaves_only_what_cannot_go(senior_browser: Client) -> None:
    item = scenes.item_judged("broken-1")
    stuck = scenes.dead_letter(item)
    OutboxMessage.objects.create(topic=stuck.topic, item=item)
    for n in range(3):
        scenes.dead_letter(scenes.item_judged(f"other-{n}"))
    page = senior_browser.post(reverse("deadletter_redrive_all"), follow=True).content.decode()
    assert "3 on their way again. 1 left" in page
    assert list(OutboxMessage.objects.filter(state="dead")) == [stuck]


def test_the_list_pages_and_needs_few_queries(
    senior_browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(55):
        scenes.dead_letter(error=f"error {n}")
    with django_assert_max_num_queries(12):
        first = senior_browser.get(reverse("deadletter_list")).context["page"]
    second = senior_browser.get(reverse("deadletter_list") + "?" + first.next_query).context["page"]
    assert (len(first.rows), len(second.rows), second.next_query) == (50, 5, "")
    assert senior_browser.get(reverse("deadletter_list"), {"after": "nonsense"}).context["page"].rows == []
