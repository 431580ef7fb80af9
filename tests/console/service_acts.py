"""Scenes for services that no address performs, those that write no row, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from moderation import campaign_source
from moderation.models import Campaign, Clearance, EmergencyTerm, Job, OutboxMessage
from moderation.services import (
    audit,
    bank_matches,
    banks,
    campaign_watch,
    campaigns,
    canary,
    clearances,
    creators,
    domains,
    emergency,
    histories,
    jobs,
    outbox,
    reruns,
    rollout,
)
from policies import services
from policies.choices import Outcome, Standing
from policies.models import PolicyVersion, VersionState
from policies.services_drafts import version_copy, version_discard
from tests.console import acts, policy_scenes, scenes
from tests.console.acts import Act, who


def _approved() -> PolicyVersion:
    who("policy-approver")
    return policy_scenes.approved()


def _shadowed() -> PolicyVersion:
    return services.version_stage(actor=who("policy-approver"), version=_approved(), state=VersionState.SHADOW)


def _canaried() -> PolicyVersion:
    return services.version_stage(
        actor=who("policy-approver"), version=_approved(), state=VersionState.CANARY, canary_percent=10
    )


def _version(act: Callable[..., object], made: Callable[[], PolicyVersion], **given: object) -> Callable[[], Act]:
    def scene() -> Act:
        version, actor = made(), who("policy-approver")
        return lambda: act(actor=actor, version=version, **given)

    return scene


def _submitted() -> PolicyVersion:
    version = policy_scenes.draft()
    return services.version_submit(actor=version.author, version=version)


def _draft() -> PolicyVersion:
    return version_copy(actor=who("policy-editor"), version=PolicyVersion.objects.get(number=1))


def _first_again() -> PolicyVersion:
    services.version_activate(actor=who("policy-approver"), version=_approved())
    return PolicyVersion.objects.get(number=1)


def _guarded() -> Act:
    version = _canaried()
    return lambda: canary.canary_roll_back(version=version, rate="block", detail="too many", now=timezone.now())


def _counted() -> Act:
    now = timezone.now()
    return lambda: audit.audit_counted(
        actor="anonymous", action="x.seen", object_type="user", object_key="a", seconds=60, now=now
    )


def _settled() -> Act:
    now = timezone.now()
    for _ in range(2):
        audit.audit_counted(
            actor="anonymous",
            action="x.seen",
            object_type="user",
            object_key="a",
            seconds=60,
            now=now,
            tells_total=True,
        )
    return lambda: audit.audit_settle(now=now + timedelta(minutes=2))


def _flooded() -> Act:
    entry = acts._entry()
    where = {"bank": "known", "entry": str(entry.key), "algorithm": "pdq", "distance": 3, "role": "cover"}
    hit = scenes.Finding("hashes", "1", "violence", 1.0, where, Outcome.BLOCK)
    for n in range(20):
        scenes.item_judged(f"met-{n}", findings=[hit], creator=f"creator-{n}")
    now = timezone.now() + timedelta(seconds=1)
    bank_matches.matches_collect(now=now)
    return lambda: bank_matches.floods_guard(now=now)


def _clip() -> Act:
    bank = acts._entry().bank
    clip = banks.NewClip("ab" * 32, "A clip", (0, 1_000), ("12" * 32, "34" * 32))
    return lambda: banks.bank_add_clip(actor="test", bank=bank, clip=clip)


def _wave() -> Campaign:
    campaign_source.forget()
    now = timezone.now()
    for i in range(40):
        scenes.item_judged(f"w-{i}", caption=acts._WAVE, creator=f"maker-{i % 20}", now=now - timedelta(seconds=5 * i))
    campaign_watch.campaigns_watch(now=now)
    return Campaign.objects.get()


def _applied() -> Act:
    campaign = _wave()
    client = acts.by("reviewer")
    data = acts.in_form(client, "campaign_decide", campaign)
    acts._post(
        client, "campaign_decide", [campaign.key], data | {"outcome": "4", "category": "spam_scam", "note": "one call"}
    )()
    message = OutboxMessage.objects.get(payload__campaign=str(campaign.key))
    return lambda: campaigns.campaign_apply_promised(message)


def _expired() -> Act:
    scenes.item_judged("fine-1")
    later = timezone.now() + timedelta(days=400)
    assert Clearance.objects.filter(is_granted=True).exists()
    return lambda: clearances.clearances_expire(now=later)


def _lease_over() -> Act:
    job: Job = scenes.job_held(who("reviewer"))
    scenes.lease_over(job)
    return lambda: jobs.leases_expire(now=timezone.now())


def _listed() -> Act:
    return lambda: domains.domain_list(
        actor="test", domain="bad.example", category="spam_scam", outcome=Outcome.BLOCK, score=None, note="x",
        now=timezone.now(),
    )  # fmt: skip


def _trusted() -> Act:
    creator = scenes.item_judged("by-somebody").creator
    return lambda: creators.creator_standing_set(
        actor="test", creator=creator, standing=Standing.STRAINED, note="x", now=timezone.now()
    )


def _retired() -> Act:
    _listed()()
    return lambda: domains.domain_retire(actor="test", domain="bad.example", now=timezone.now())


def _emergency_over() -> Act:
    acts.ACTS["emergency_add"]()()
    later = EmergencyTerm.objects.get().expires_at + timedelta(seconds=1)
    return lambda: emergency.emergency_terms_watch(now=later)


def _rerun_over() -> Act:
    acts._old_clip()
    rerun = reruns.rerun_start(actor="system", detector="ocr", per_minute=60, now=timezone.now())
    rerun.cursor = 2**40  # all files behind it
    rerun.save()
    later = timezone.now() + timedelta(minutes=2)
    return lambda: reruns.reruns_advance(now=later)


def _rerun(act: Callable[..., object], *before: Callable[..., object]) -> Callable[[], Act]:
    def scene() -> Act:
        acts._old_clip()
        now = timezone.now()
        key = str(reruns.rerun_start(actor="system", detector="ocr", per_minute=60, now=now).key)
        for step in before:
            step(actor="system", key=key, now=now)
        return lambda: act(actor="system", key=key, now=now)

    return scene


def _died() -> Act:
    item = scenes.item_judged("broken-1")
    message = OutboxMessage.objects.create(topic="moderation.tasks.item_examine", item=item, attempts=9)
    return lambda: outbox.message_fail(message=message, error="it broke", now=timezone.now())


def _system() -> Act:
    User.objects.filter(username=services.SYSTEM_USERNAME).delete()
    return services.system_user


#: Name -> scene, for services that run by the clock or in a worker, and steps that an address takes by its argument.
ACTS: dict[str, Callable[[], Act]] = {
    "a counted act": _counted,
    "a settled stretch": _settled,
    "a hash that floods": _flooded,
    "a known clip": _clip,
    "a campaign given to its members": _applied,
    "clearances that expire": _expired,
    "a lease that runs out": _lease_over,
    "a domain listed": _listed,
    "another history": lambda: lambda: histories.history_begin(actor="test"),
    "a creator's standing": _trusted,
    "a domain retired": _retired,
    "an emergency term that runs out": _emergency_over,
    "a run over history that ends": _rerun_over,
    "a run over history cancelled": lambda: _rerun(reruns.rerun_cancel)(),
    "a run over history resumed": lambda: _rerun(reruns.rerun_resume, reruns.rerun_pause)(),
    "a message that dies": _died,
    "the account of machines": _system,
    "a version rejected": _version(services.version_reject, _submitted, note="no"),
    "a version in shadow": _version(rollout.shadow_start, _approved, now=timezone.now()),
    "a version in canary": _version(rollout.canary_start, _approved, percent=5, now=timezone.now()),
    "a canary's share": _version(rollout.canary_adjust, _canaried, percent=20, now=timezone.now()),
    "a version withdrawn": _version(rollout.version_withdraw, _shadowed, note="enough", now=timezone.now()),
    "a version rolled back to": _version(services.version_rollback, _first_again, note="too strict"),
    "a draft given up": _version(version_discard, _draft),
    "a canary taken back": _guarded,
}

_FINDINGS = "evidence about content, made by machines: stored with its detector's version, and never changed"
_DECIDED = (
    "a machine's decision is a row for ever itself, with its evidence and version; the upload's row is item.submitted"
)
_PART = "a part of the act that calls it, which writes the row in the same transaction"
_MAIL = "moves messages between processes; what a message leads to has rows of its own, a dead one too"
_DERIVED = "files and numbers worked out from what is stored; they can be made again"

#: `module.function` -> why it writes rows of its own and none of the audit log.
WITHOUT_ROW: dict[str, str] = {
    "activation.activations_resume": "writes activation.done at the end, which needs real transactions: test_activation.py",
    "bank_matches.matches_collect": _DERIVED,
    "calibration.scores_summarise": _DERIVED,
    "calibration.week_summarise": _DERIVED,
    "campaign_members.members_decide": _DECIDED,
    "canary.canary_count": _DERIVED,
    "canary.canary_guard": "counts, and calls canary_roll_back, which writes the row",
    "changes.changes_write": "decisions of an activation, counted in activation.done",
    "clearances.clearance_follow": _PART,
    "creators.creators_reach_note": _DERIVED,
    "decisions.decision_by_machine": _DECIDED,
    "decisions.decision_by_person": _PART,
    "decisions.decision_on_arrival": _PART,
    "decisions.job_on_arrival": _PART,
    "derived.samples_keep": _DERIVED,
    "derived.samples_sweep": _DERIVED,
    "derived.views_keep": _DERIVED,
    "emergency.emergency_look_again": "promises of an earlier release; the term's own row was written then",
    "evidence.evidence_keep": _DERIVED,
    "evidence_backfill.evidence_backfill": _DERIVED,
    "examination.detector_run": _FINDINGS,
    "examination.file_result": _FINDINGS,
    "examination.item_examine": _DECIDED,
    "examination.result_run": _FINDINGS,
    "judging_again.item_renew": _DECIDED,
    "judging_again.items_judge_again": _DECIDED,
    "list_changes.list_change_look": _DECIDED,
    "list_changes.list_change_settle": _DECIDED,
    "list_changes.list_changed": _PART,
    "banks.entry_changed": _PART,
    "clearances.clearance_renew": "the same permission, judged again; its log has every change of a clearance",
    "stored_texts.texts_look_again": _DERIVED,
    "job_opening.job_close": _PART,
    "job_opening.job_escalate": _PART,
    "job_opening.leases_take": _PART,
    "job_opening.reports_wait": _PART,
    "job_opening.job_unconfirmed": _PART,
    "media_keys.media_rekey": "moves files of what was decided; the decision is the row",
    "media_keys.object_remove_unused": _DERIVED,
    "media_keys.rekey_late": _MAIL,
    "job_opening.job_open": _PART,
    "job_opening.jobs_close": _PART,
    "job_opening.queue_of": "makes a queue that the policy names when it is first needed; the version's steps are rows",
    "jobs.job_heartbeat": "a lease that goes on; its claim and its end are rows",
    "outbox.claim_kept": _MAIL,
    "outbox.item_joined": _MAIL,
    "outbox.message_add": _MAIL,
    "outbox.message_begin": _MAIL,
    "outbox.message_done": _MAIL,
    "outbox.message_on_arrival": _MAIL,
    "outbox.messages_hasten": _MAIL,
    "outbox.relay_once": _MAIL,
    "reconcile.items_reconcile": "promises again what was promised before; what follows has rows of its own",
    "reruns.file_rerun": _FINDINGS,
    "shadows.shadows_record": "what a version would have decided: rows for ever themselves, which change nothing",
    "simulations.simulation_execute": "a result that changes nothing; who asked for it is simulation.started",
    "simulations.simulation_execute_promised": "a result that changes nothing; who asked for it is simulation.started",
    "simulations.simulations_expire": "gives up a result that nobody works on; it changes nothing",
}

#: `module.function` -> what it reads or works out.
READS: dict[str, str] = {
    "activation.activation_running": "locks and returns the one under way",
    "judging_again.items_confirm": "compares what was worked out with a scan",
    "media_keys.is_rekeyed": "looks at a key",
    "reporters.reporter_known": "looks somebody up",
    "reporters.reporters": "lists reporters",
    "list_scan.contents_of": "reads what is known of items",
    "list_scan.contents_seen": "reads what is known of items",
    "list_scan.subject_of": "reads a stored hash",
    "list_scan.scan": "looks through content",
    "list_scan.terms_in": "looks through a text",
    "list_scan.text_scan": "looks through a text",
    "list_subjects.concerned_by": "says which items a change may concern",
    "transactions.ended_before": "waits for transactions",
    "transactions.mark_now": "reads a transaction's id",
    "transactions.own_txid": "reads a transaction's id",
    "transactions.xmin": "reads a transaction's id",
    "arrival.before_upload": "reads what an upload is judged with",
    "decisions.is_version_outdated": "looks at an error",
    "decisions.version_pk": "looks a key up",
    "derived.samples_fetch": "reads stored samples",
    "evidence.category_codes": "reads the numbers of categories",
    "evidence.context_columns": "works columns out",
    "evidence.evidence_floor": "works a floor out",
    "evidence.floor_outcome": "works an outcome out",
    "examination.bench_for": "makes a place to work at",
    "examination.context_of": "reads an item's context",
    "examination.deep_detectors": "names detectors",
    "examination.detector_named": "names a detector",
    "intake.item_begin": "looks whether an upload is known",
    "intake.needs_deep_pass": "looks at an upload",
    "jobs.job_held": "reads the job that one holds",
    "locking.item_locked": "locks an item",
    "locking.items_locked": "locks items, in one order",
    "passages.classifier_scan": "reads passages of a result",
    "passages.has_unread": "looks for passages",
    "passages.read_result": "reads passages of a result",
    "rows.rows_together": "sends statements together",
    "services_drafts.section_token": "names a state of a section",
    "services_drafts.term_token": "names a state of a term",
    "shadows.shadow_judgement": "judges, and stores nothing",
    "simulations.is_short": "guesses how long it takes",
}
