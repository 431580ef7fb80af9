"""A person's own keys: stored, refused where they clash, set back, switched off; and that every key of a page is known."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from console.models import Shortcuts
from console.shortcuts.actions import ACTIONS, OUTCOME_KEYS, keys_of
from moderation.models import AuditEvent
from tests.support import scenes
from tests.support.places import ROOT
from tests.support.query_counts import fewest_queries
from tests.support.sign_in import signed_in

SAVE = "shortcut_save"


def _save(browser: Client, **keys: str) -> int:
    return browser.post(reverse(SAVE), keys_of({}) | keys).status_code


def _remap(page: str) -> dict[str, str]:
    found = re.search(r'data-remap="([^"]*)"', page)
    assert found
    return json.loads(html.unescape(found[1]))  # type: ignore[no-any-return]


def test_no_two_actions_begin_with_one_key() -> None:
    keys = [action.key for action in ACTIONS]
    assert len(keys) == len(set(keys))
    assert len({action.slug for action in ACTIONS}) == len(ACTIONS)


def test_every_key_of_a_template_is_that_of_an_action() -> None:
    known = {action.key for action in ACTIONS}
    found = {
        (path.name, key)
        for path in (ROOT / "templates").rglob("*.html")
        for keys in re.findall(r'data-key="([^"]*)"', path.read_text())
        for key in re.sub(r"\{[%{].*?[%}]\}", " ", keys).split()
    }
    assert {one for one in found if one[1] not in known} == set()
    assert found


def test_first_keys_need_no_altgr_on_a_european_keyboard() -> None:
    assert {action.key for action in ACTIONS} - {"[", "]"} <= set("abcdefghijklmnopqrstuvwxyz,.?/-+")


def test_all_keys_are_listed_with_what_they_do(browser: Client) -> None:
    page = browser.get(reverse("home")).content.decode()
    dialog = page.split('id="shortcuts"')[1].split("</dialog>")[0]
    for action in ACTIONS:
        assert f"<kbd>{action.key}</kbd></dt><dd>{html.escape(action.label)}</dd>" in dialog


def test_a_key_of_ones_own_takes_the_place_of_the_first_on_every_page(browser: Client, reviewer: User) -> None:
    assert _save(browser, skip="i") == 302
    assert Shortcuts.objects.get(user=reviewer).keys == {"skip": "i"}
    page = browser.get(reverse("queue_list")).content.decode()
    assert _remap(page) == {"s": "i"}
    assert "<kbd>i</kbd></dt><dd>Skip, and say why</dd>" in page
    assert _remap(signed_in(reviewer).get(reverse("home")).content.decode()) == {"s": "i"}
    event = AuditEvent.objects.get(action="shortcuts.saved")
    assert (event.actor, event.data) == (reviewer, {"n_chosen": 1, "is_off": False})


def test_they_are_nobody_elses(browser: Client, senior_browser: Client) -> None:
    _save(browser, skip="i")
    assert _remap(senior_browser.get(reverse("home")).content.decode()) == {}


def test_two_keys_can_change_places(browser: Client) -> None:
    assert _save(browser, skip="a", ask="s") == 302
    assert _remap(browser.get(reverse("home")).content.decode()) == {"s": "a", "a": "s"}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"skip": "b"}, "“b” is already the key of “Block”"),
        ({"skip": "zz"}, "Write one character"),
        ({"skip": "7"}, "Digits choose clauses and outcomes"),
        ({"skip": ""}, "Every action has a key"),
        ({"skip": "\t"}, "Every action has a key"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field_and_stays_typed(
    browser: Client, keys: dict[str, str], sentence: str
) -> None:
    response = browser.post(reverse(SAVE), keys_of({}) | {"claim": "i"} | keys)
    page = html.unescape(response.content.decode())
    assert response.status_code == 422
    assert sentence in page
    assert 'name="claim" value="i"' in page
    assert not Shortcuts.objects.exists()


def test_capitals_are_the_same_key(browser: Client, reviewer: User) -> None:
    _save(browser, skip="I")
    assert Shortcuts.objects.get(user=reviewer).keys == {"skip": "i"}


def test_single_characters_can_be_switched_off_and_all_set_back(browser: Client) -> None:
    assert "data-keys-off" not in browser.get(reverse("home")).content.decode()
    browser.post(reverse(SAVE), keys_of({"skip": "i"}) | {"is_off": "on"})
    assert "data-keys-off" in browser.get(reverse("home")).content.decode()
    browser.post(reverse(SAVE), {"reset": "1"})
    page = browser.get(reverse("home")).content.decode()
    assert "data-keys-off" not in page
    assert _remap(page) == {}


def test_they_cost_no_query(browser: Client) -> None:
    before = fewest_queries(lambda: browser.get(reverse("shortcut_page")))
    _save(browser, skip="i")
    after = fewest_queries(lambda: browser.get(reverse("shortcut_page")))
    assert len(after) == len(before) <= 5


def test_the_database_takes_keys_by_action_only(reviewer: User) -> None:
    insert = "INSERT INTO console_shortcuts (user_id, keys, is_off, updated_at) VALUES (%s, '[]', false, now())"
    with (
        pytest.raises(IntegrityError, match="console_shortcuts_keys_by_action"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(insert, [reviewer.pk])


def test_every_outcome_that_people_choose_has_a_letter() -> None:
    assert sorted(OUTCOME_KEYS.values()) == ["b", "k", "l", "x"]


def test_somebody_without_a_role_has_keys_too(ready: None) -> None:
    assert signed_in(scenes.person("")).get(reverse("shortcut_page")).status_code == 200
