"""Thirty damaged files through the confined child and the task: each ends in a verdict at once, and nothing stays behind."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command

from moderation.live import onpath
from moderation.models import Decision, Item
from moderation.models.item import DeepState
from policies import live as policy_selectors
from tests.support.damaged_media import damaged, originals
from tests.support.deep_work import upload, work_off

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_thirty_damaged_files_end_in_a_verdict_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("policy_seed", verbosity=0)
    policy_selectors.invalidate()
    onpath.forget()
    work = tmp_path / "tmp"
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(work))
    whole = originals(tmp_path)
    kinds: Counter[str] = Counter()
    for n, (kind, data) in enumerate(damaged(whole, 30)):
        path = tmp_path / "damaged"
        path.write_bytes(data + n.to_bytes(4, "big"))
        kinds[kind] += 1
        work_off(upload(path, f"damaged-{n}"), limit=3)
    assert len(kinds) == 6
    assert Counter(Item.objects.values_list("deep_state", flat=True)) == {DeepState.DONE: 30}
    assert Decision.objects.filter(stage="deep").count() == 30
    assert not Item.objects.filter(state="pending").exists()
    assert [p for p in work.rglob("*") if p.is_file() and p.name != "s"] == []


def test_damage_is_the_same_every_time(tmp_path: Path) -> None:
    whole = originals(tmp_path)
    assert list(damaged(whole, 12)) == list(damaged(whole, 12))
    assert all(data for _, data in damaged(whole, 60))
