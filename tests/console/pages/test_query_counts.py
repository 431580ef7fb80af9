"""How many queries every page of the console makes, over a small database that has something of everything."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert
from moderation.calibration.service import scores_summarise
from moderation.emergency.service import emergency_term_add
from moderation.models import HashEntry, HashMatch, Item
from moderation.reports.service import report_file
from moderation.review.leases import job_claim
from moderation.simulation.service import simulation_start
from policies.choices import ItemKind, Outcome
from policies.models import PolicyVersion, VersionState
from policies.replay.population import Filter
from policies.services.drafts import version_copy
from policies.services.versions import version_approve, version_stage, version_submit
from tests.support import acts, scenes
from tests.support.console_pages import page_addresses
from tests.support.query_counts import fewest_queries
from tests.support.sign_in import signed_in

MOST = 12
#: One more where there are reports: their reporters' records.
_KNOWN_MORE: dict[str, int] = {"job_page": 13}


def something_of_everything() -> None:
    """Make several of each thing that pages list, so that a query for each row shows."""
    now = timezone.now()
    editor, approver = scenes.person("policy-editor"), scenes.person("policy-approver")
    acts._campaign()
    picture = scenes.stored(b"a still", mime="image/jpeg")
    for n in range(12):
        scenes.job_open(f"waits-{n}", creator=f"maker-{n % 4}", kind=ItemKind.IMAGE, media=picture)
    for n in range(6):
        report_file(actor="api:x", external_id=f"waits-{n}", reporter=f"r-{n}", category="hate", text="", now=now)
        scenes.dead_letter(Item.objects.get(external_id=f"waits-{n}"))
    for n in range(3):
        emergency_term_add(actor=editor, text=f"purple zeppelin {n}", category="hate", note="A wave.", now=now)
        bank = bank_upsert(actor="t", slug=f"bank-{n}", category="violence", outcome=Outcome.ESCALATE)
        bank_add_entries(actor="t", bank=bank, entries=[NewEntry("pdq", f"{n}{m}" * 32) for m in range(1, 6)])
    for entry in HashEntry.objects.all():
        for item in Item.objects.filter(external_id__startswith="waits-").select_related("creator")[:4]:
            HashMatch.objects.create(
                entry=entry, bank=entry.bank, item=item, creator=item.creator, distance=3, found_at=now
            )
    version = version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    version_submit(actor=editor, version=version, note="Another.")
    version_approve(actor=approver, version=version, note="Another.")
    version_stage(actor=approver, version=version, state=VersionState.SHADOW)
    version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    for _ in range(3):
        simulation_start(
            actor=editor, draft=version, since=now - timedelta(days=2), until=now + timedelta(days=1), wanted=Filter(), now=now
        )  # fmt: skip
    scores_summarise(now=now)


@pytest.mark.parametrize("role", ["admin", "senior"])
def test_no_page_makes_more_than_a_dozen_queries(ready: None, role: str) -> None:
    something_of_everything()
    person = scenes.person(role)
    assert job_claim(actor=person, now=timezone.now())
    browser = signed_in(person)
    counts, problems = {}, {}
    for name, url in page_addresses(person, role):
        response = browser.get(url)
        assert response.status_code == 200, f"{name} answered {response.status_code}"
        most = _KNOWN_MORE.get(name, MOST)
        queries = fewest_queries(partial(browser.get, url), most)
        counts[name] = len(queries)
        if len(queries) > most:
            problems[name] = "\n".join(sql[:200] for sql in queries)
    assert len(counts) >= 25
    assert not problems, "\n\n".join(f"{name}: {counts[name]}\n{sql}" for name, sql in problems.items())
