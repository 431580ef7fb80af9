"""Scenes for services that no address performs, those that write no row, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone

from moderation.audit import histories
from moderation.audit import log as audit
from moderation.banks import matches as bank_matches
from moderation.banks import service as banks
from moderation.banks.requests import bank_ratio_confirm
from moderation.campaigns import service as campaigns
from moderation.campaigns import watch as campaign_watch
from moderation.decisions import clearances
from moderation.deep import reruns
from moderation.detection.types import Finding
from moderation.domains import service as domains
from moderation.emergency import service as emergency
from moderation.enforcement import standing
from moderation.jobs import opening
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, Clearance, EmergencyTerm, Item, Job, OutboxMessage, WideAct
from moderation.models.wide_act import WideKind
from moderation.outbox import messages
from moderation.review import leases
from moderation.review.waiting import overturn_send, waiting_apply_due
from moderation.rollout import canary
from moderation.rollout import service as rollout
from moderation.rollout.requests import activation_confirm
from moderation.wide.acts import act_ask
from moderation.wide.radius import radius_of
from policies.choices import Outcome, Standing
from policies.live import active_policy
from policies.models import PolicyVersion, VersionState
from policies.services import versions as version_services
from policies.services.drafts import version_copy, version_discard
from tests.support import acts, policy_scenes, scenes
from tests.support.acts import Act, who
from tests.support.people import seen


def _approved() -> PolicyVersion:
    who("policy-approver")
    return policy_scenes.approved()


def _shadowed() -> PolicyVersion:
    return version_services.version_stage(actor=who("policy-approver"), version=_approved(), state=VersionState.SHADOW)


def _canaried() -> PolicyVersion:
    return version_services.version_stage(
        actor=who("policy-approver"), version=_approved(), state=VersionState.CANARY, canary_percent=10
    )


def _version(act: Callable[..., object], made: Callable[[], PolicyVersion], **given: object) -> Callable[[], Act]:
    def scene() -> Act:
        version, actor = made(), who("policy-approver")
        return lambda: act(actor=actor, version=version, **given)

    return scene


def _submitted() -> PolicyVersion:
    version = policy_scenes.draft()
    return version_services.version_submit(actor=version.author, version=version)


def _draft() -> PolicyVersion:
    return version_copy(actor=who("policy-editor"), version=PolicyVersion.objects.get(number=1))


def _first_again() -> PolicyVersion:
    version_services.version_activate(actor=who("policy-approver"), version=_approved())
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
    hit = Finding("hashes", "1", "violence", 1.0, where, Outcome.BLOCK)
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
    live_campaigns.forget()
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


def _wide(kind: WideKind, subject: str, act: dict[str, object], confirm: Callable[..., object], role: str) -> Act:
    """Return the confirmation, by a second person of a role, of what somebody of the same role asked for."""
    nothing = radius_of(Item.objects.none())
    asked = act_ask(
        actor=who(role, f"{role}-asks"), kind=kind, subject=subject, act=act, radius=nothing, now=timezone.now()
    )
    return lambda: confirm(actor=who(role), act_key=str(asked.key), now=timezone.now())


def _wide_undo() -> Act:
    _applied()()
    campaign = Campaign.objects.get()
    Campaign.objects.filter(pk=campaign.pk).update(applied_at=None)
    asker = who("senior", "senior-asks")
    with override_settings(WIDE_ACT_ITEMS=1):
        campaigns.campaign_undo(actor=asker, campaign_key=str(campaign.key), note="Quotes.", now=timezone.now())
    key = str(WideAct.objects.get().key)
    return lambda: campaigns.campaign_undo_confirm(actor=who("senior"), act_key=key, now=timezone.now())


def _wide_activation() -> Act:
    number = str(_approved().number)
    return _wide(WideKind.ACTIVATION, number, {"note": ""}, activation_confirm, "policy-approver")


def _wide_bank() -> Act:
    banks.bank_upsert(actor="test", slug="known", category="violence", outcome=Outcome.BLOCK)
    return _wide(WideKind.BANK, "known", {"ratio": 0.5, "before": 1.0}, bank_ratio_confirm, "admin")


def _expired() -> Act:
    scenes.item_judged("fine-1")
    later = timezone.now() + timedelta(days=400)
    assert Clearance.objects.filter(is_granted=True).exists()
    return lambda: clearances.clearances_expire(now=later)


def _raised() -> Act:
    job = scenes.job_open("raised-1")
    return lambda: opening.job_open(
        item=job.item, policy=active_policy(), category="self_harm", score=0.9, reason="Reported", now=timezone.now()
    )


def _climbed() -> Act:
    item = scenes.item_judged("climbs-1")
    item.creator.expected_views = 0
    item.creator.save()
    opening.job_open(
        item=item, policy=active_policy(), category="harassment", score=0.9, reason="Reported", now=timezone.now()
    )
    return lambda: standing.creators_reach_note(views={item.creator_id: 900_000}, now=timezone.now())


def _lease_over() -> Act:
    job: Job = scenes.job_held(who("reviewer"))
    scenes.lease_over(job)
    return lambda: leases.leases_expire(now=timezone.now())


def _listed() -> Act:
    return lambda: domains.domain_list(
        actor="test", domain="bad.example", category="spam_scam", outcome=Outcome.BLOCK, score=None, note="x",
        now=timezone.now(),
    )  # fmt: skip


def _trusted() -> Act:
    creator = scenes.item_judged("by-somebody").creator
    return lambda: standing.creator_standing_set(
        actor="test", creator=creator, standing=Standing.STRAINED, note="x", now=timezone.now()
    )


def _retired() -> Act:
    _listed()()
    return lambda: domains.domain_retire(actor="test", domain="bad.example", now=timezone.now())


def _waited() -> Act:
    acts.decided(Outcome.CLEAR, waits=True)
    return lambda: waiting_apply_due(now=timezone.now() + timedelta(seconds=11))


def _overturn_sent() -> Act:
    item = acts.decided(Outcome.BLOCK).item
    return lambda: overturn_send(
        actor=who("senior"), item_key=str(item.key), outcome=Outcome.CLEAR, category="", note="News.", min_age=0,
        territories=(), expected_decision=seen(item), now=timezone.now(),
    )  # fmt: skip


def _emergency_over() -> Act:
    acts.ACTS["emergency_add"]()()
    later = EmergencyTerm.objects.get().expires_at + timedelta(seconds=1)
    return lambda: emergency.emergency_terms_expire(now=later)


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
    return lambda: messages.message_fail(message=message, error="it broke", now=timezone.now())


def _system() -> Act:
    User.objects.filter(username=version_services.SYSTEM_USERNAME).delete()
    return version_services.system_user


#: Name -> scene, for services that run by the clock or in a worker, and steps that an address takes by its argument.
ACTS: dict[str, Callable[[], Act]] = {
    "a counted act": _counted,
    "a settled stretch": _settled,
    "a hash that floods": _flooded,
    "a known clip": _clip,
    "a campaign given to its members": _applied,
    "a campaign undone by two": _wide_undo,
    "a version put in force by two": _wide_activation,
    "a bank switched by two": _wide_bank,
    "clearances that expire": _expired,
    "a lease that runs out": _lease_over,
    "a job raised": _raised,
    "an audience that climbs": _climbed,
    "a decision that waited": _waited,
    "an overturn sent": _overturn_sent,
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
    "a version rejected": _version(version_services.version_reject, _submitted, note="no"),
    "a version in shadow": _version(rollout.shadow_start, _approved, now=timezone.now()),
    "a version in canary": _version(rollout.canary_start, _approved, percent=5, now=timezone.now()),
    "a canary's share": _version(rollout.canary_adjust, _canaried, percent=20, now=timezone.now()),
    "a version withdrawn": _version(rollout.version_withdraw, _shadowed, note="enough", now=timezone.now()),
    "a version rolled back to": _version(version_services.version_rollback, _first_again, note="too strict"),
    "a draft given up": _version(version_discard, _draft),
    "a canary taken back": _guarded,
}

_FINDINGS = "evidence about content, made by machines: stored with its detector's version, and never changed"
_DECIDED = (
    "a machine's decision is a row for ever itself, with its evidence and version; the upload's row is item.submitted"
)
_PART = "a part of the act that calls it, which writes the row in the same transaction"
_MAIL = "moves messages between processes; what a message leads to has rows of its own, a dead one too"
_DRAFT = "what somebody had typed and not sent: theirs alone, and nothing about anybody changes by it"
_DERIVED = "files and numbers worked out from what is stored; they can be made again"

#: `module.function` -> why it writes rows of its own and none of the audit log.
WITHOUT_ROW: dict[str, str] = {
    "files.thumbs.thumb_make": "makes a small picture of a file that is stored; who is shown it is another act's row",
    "files.thumbs.sheet_thumb_keep": "keeps a small picture of a file that is stored",
    "rollout.activation.activations_resume": "writes activation.done at the end, which needs real transactions: test_activation.py",
    "banks.matches.matches_collect": _DERIVED,
    "calibration.service.scores_summarise": _DERIVED,
    "calibration.service.week_summarise": _DERIVED,
    "campaigns.members.members_decide": _DECIDED,
    "wide.acts.acts_end": "ends what nobody waits for any more; each request that it ends is a row, and mostly there is none",
    "rollout.canary.canary_count": _DERIVED,
    "rollout.canary.canary_guard": "counts, and calls canary_roll_back, which writes the row",
    "decisions.bulk.changes_write": "decisions of an activation, counted in activation.done",
    "decisions.clearances.clearance_follow": _PART,
    "decisions.record.decision_by_machine": _DECIDED,
    "decisions.record.decision_by_person": _PART,
    "decisions.record.decision_on_arrival": _PART,
    "decisions.record.job_on_arrival": _PART,
    "files.derived.samples_keep": _DERIVED,
    "files.derived.samples_sweep": _DERIVED,
    "files.derived.views_keep": _DERIVED,
    "emergency.service.emergency_look_again": "promises of an earlier release; the term's own row was written then",
    "decisions.evidence.evidence_keep": _DERIVED,
    "evidence.backfill.evidence_backfill": _DERIVED,
    "deep.examine.detector_run": _FINDINGS,
    "deep.examine.file_result": _FINDINGS,
    "deep.examine.item_examine": _DECIDED,
    "deep.examine.result_run": _FINDINGS,
    "rejudge.service.item_renew": _DECIDED,
    "rejudge.service.items_judge_again": _DECIDED,
    "rejudge.list_changes.list_change_look": _DECIDED,
    "rejudge.list_changes.list_change_settle": _DECIDED,
    "rejudge.list_changes.list_changed": _PART,
    "banks.service.entry_changed": _PART,
    "decisions.clearances.clearance_renew": "the same permission, judged again; its log has every change of a clearance",
    "rejudge.stored_texts.texts_look_again": _DERIVED,
    "jobs.opening.job_close": _PART,
    "jobs.opening.job_escalate": _PART,
    "jobs.opening.leases_take": _PART,
    "jobs.opening.reports_wait": _PART,
    "jobs.questions.question_ask": _PART,
    "jobs.questions.questions_move": _PART,
    "jobs.questions.questions_answer": _PART,
    "review.held.job_pass": _PART,
    "review.next_job.job_pick": _PART,
    "jobs.opening.job_unconfirmed": _PART,
    "files.keys.media_rekey": "moves files of what was decided; the decision is the row",
    "files.keys.object_remove_unused": _DERIVED,
    "files.keys.rekey_late": _MAIL,
    "jobs.opening.jobs_close": _PART,
    "jobs.opening.queue_of": "makes a queue that the policy names when it is first needed; the version's steps are rows",
    "review.leases.job_heartbeat": "a lease that goes on; its claim and its end are rows",
    "review.creator_acts.creator_act_carry": "ends a promise; what was promised has its row",
    "review.viewing.viewing_save": "how somebody looks at media: theirs alone, and nothing about anybody changes by it",
    "review.drafts.draft_keep": _DRAFT,
    "review.drafts.draft_restore": _DRAFT,
    "review.drafts.draft_keep_beside": _DRAFT,
    "review.drafts.draft_drop_beside": _DRAFT,
    "review.held.job_keep": _PART,
    "decisions.record.verdict_record": _PART,
    "decisions.record.person_holds": _PART,
    "decisions.undo.decision_undo": _PART,
    "review.drafts.draft_drop": _DRAFT,
    "review.drafts.draft_hand_back": _DRAFT,
    "review.drafts.drafts_settle": _DRAFT,
    "review.drafts.drafts_expire": _DRAFT,
    "outbox.messages.claim_kept": _MAIL,
    "outbox.messages.claimable": "a condition of queries",
    "outbox.promise.item_joined": _MAIL,
    "outbox.promise.message_add": _MAIL,
    "outbox.messages.message_begin": _MAIL,
    "outbox.messages.message_done": _MAIL,
    "outbox.promise.message_on_arrival": _MAIL,
    "outbox.promise.messages_hasten": _MAIL,
    "outbox.relay.relay_once": _MAIL,
    "outbox.orphan_sweep.items_reconcile": "promises again what was promised before; what follows has rows of its own",
    "deep.reruns.file_rerun": _FINDINGS,
    "rollout.shadows.shadows_record": "what a version would have decided: rows for ever themselves, which change nothing",
    "simulation.service.simulation_execute": "a result that changes nothing; who asked for it is simulation.started",
    "simulation.service.simulation_execute_promised": "a result that changes nothing; who asked for it is simulation.started",
    "simulation.service.simulations_expire": "gives up a result that nobody works on; it changes nothing",
}

#: `module.function` -> what it reads or works out.
READS: dict[str, str] = {
    "files.thumbs.thumb_fetch": "finds the small picture of a file",
    "review.lead_calls.lead_calls_waiting": "finds the calls that nobody has seen to",
    "review.kept_counts.count_kept": "keeps a large count for a moment",
    "review.waiting.verdict_of": "gives back what a decision that waits will say",
    "decisions.record.verdict_check": "refuses what a decision lacks",
    "review.acts.acts_of": "lists what somebody decided",
    "review.acts.first_words": "names an item",
    "review.feedback.overturns_unread": "lists what seniors changed",
    "review.feedback.overtaken_unread": "lists what did not take effect",
    "review.waiting.widens": "compares a verdict with what is granted",
    "review.waiting.fields_of": "gives back what was typed",
    "banks.pictures.picture_of": "says what of an upload matched",
    "banks.pictures.picture_kept": "finds the upload that has an entry's very hash",
    "audit.log.acting_of": "names an actor as triggers are told of one",
    "rollout.activation.activation_running": "locks and returns the one under way",
    "rejudge.service.items_confirm": "compares what was worked out with a scan",
    "files.keys.is_rekeyed": "looks at a key",
    "reports.reporters.reporter_known": "looks somebody up",
    "reports.reporters.reporters": "lists reporters",
    "rejudge.list_scan.contents_of": "reads what is known of items",
    "rejudge.list_scan.contents_seen": "reads what is known of items",
    "rejudge.list_scan.subject_of": "reads a stored hash",
    "rejudge.list_scan.scan": "looks through content",
    "emergency.service.emergency_term_check": "says what a term would be refused for",
    "campaigns.service.campaign_radius": "counts what a decision touches",
    "wide.acts.act_lock": "locks an act that waits",
    "wide.acts.act_subject": "looks up what an act is done to",
    "rejudge.list_changes.newest_batches": "reads what is stored",
    "rejudge.list_changes.select_stored": "reads what is stored",
    "rejudge.list_subjects.concerned_by_term": "says which items hold a term",
    "rejudge.list_subjects.select_concerned": "says which items a change may concern",
    "db.transactions.have_ended": "waits for transactions",
    "db.transactions.mark_now": "reads a transaction's id",
    "db.transactions.xmin": "reads a transaction's id",
    "intake.preflight.before_upload": "reads what an upload is judged with",
    "decisions.record.is_version_outdated": "looks at an error",
    "decisions.record.version_pk": "looks a key up",
    "files.derived.samples_fetch": "reads stored samples",
    "decisions.evidence.category_codes": "reads the numbers of categories",
    "decisions.evidence.context_columns": "works columns out",
    "decisions.evidence.evidence_floor": "works a floor out",
    "decisions.evidence.floor_outcome": "works an outcome out",
    "deep.examine.bench_for": "makes a place to work at",
    "intake.submit.item_begin": "looks whether an upload is known",
    "intake.submit.needs_deep_pass": "looks at an upload",
    "review.leases.job_held": "reads the job that one holds",
    "review.lead_calls.lead_calls_open": "lists the calls that wait for somebody who leads",
    "review.drafts.draft_of": "reads one's own draft",
    "review.drafts.draft_beside": "reads one's own draft",
    "review.drafts.draft_column": "reads one's own draft",
    "review.drafts.draft_in": "reads one's own draft",
    "review.held.job_under_lease": "locks the job that one holds",
    "review.held.item_under_lease": "locks the item of a job",
    "review.held.unlease": "ends a lease in memory; whoever stores it writes the row",
    "review.next_job.seat_of": "reads what a claim goes by",
    "review.next_job.reviewers_at_work": "lists who is at work",
    "review.giving_back.question_of": "looks a question up",
    "jobs.opening.place_of": "reads a job's place in the order",
    "jobs.opening.views_of": "reads how many views are expected",
    "decisions.locking.item_locked": "locks an item",
    "decisions.locking.items_locked": "locks items, in one order",
    "db.inserts.rows_together": "sends statements together",
    "policies.services.drafts.section_token": "names a state of a section",
    "policies.services.drafts.term_token": "names a state of a term",
    "rollout.shadows.shadow_judgement": "judges, and stores nothing",
    "simulation.service.is_short": "guesses how long it takes",
}
