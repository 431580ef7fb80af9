"""What each state-changing address does when it works: a table of addresses and a scene for each, and those without a row.

A scene sets up what an act needs and returns the act; the act alone must write an audit row. `tests/console/identity/test_audit_walk.py`
fails for an address that is in neither table.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from console.models import SCOPES, ApiKey
from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert, entry_retire
from moderation.campaigns.watch import campaigns_watch
from moderation.decisions.record import item_overturn, item_withdraw
from moderation.deep import reruns
from moderation.detection.vision.prompts import CategoryPrompts, Prompts
from moderation.live import campaigns as live_campaigns
from moderation.models import (
    Campaign,
    Decision,
    EmergencyTerm,
    Overturn,
    Queue,
    Reviewer,
    RollbackNotice,
    WaitingDecision,
    WideAct,
)
from moderation.prompts import service as prompts
from moderation.reports.reporters import reporter_register
from moderation.review.lead_calls import lead_call
from moderation.review.leases import job_claim
from moderation.review.waiting import job_send, waiting_apply_due
from moderation.simulation import service as simulations
from policies.choices import ItemKind, Outcome
from policies.document.stored import document_of, dump_yaml
from policies.models import PolicyVersion, Term
from policies.replay.population import Filter
from policies.services.drafts import section_token, term_add, term_token, version_copy
from tests.support import policy_scenes, scenes
from tests.support.people import escalating_caption, seen, text_item
from tests.support.sign_in import signed_in

Act = Callable[[], Any]

_TAG = re.compile(r"<input\b[^>]*>")
_HASH = "f0" * 32
_WORD = {"list_name": "wave", "text": "blue banana", "category": "hate", "means": "score", "score": "0.7"}
_EMERGENCY = {"text": "purple zeppelin", "category": "hate", "outcome": "4", "note": "A wave since noon."}
_WAVE = "Everybody come to the old harbour tonight and bring your friends along, tell nobody else"


def who(role: str, name: str = "") -> User:
    """Return a person of a role, the same at each call."""
    username = name or f"{role}-1"
    return User.objects.filter(username=username).first() or scenes.person(role, username)


def by(role: str, name: str = "") -> Client:
    """Return the browser of a person of a role."""
    return signed_in(who(role, name))


def hidden(page: Any) -> dict[str, str]:
    """Return the hidden inputs of a page, or of a part of its text, as a browser sends them back."""
    fields = {}
    for tag in _TAG.findall(page if isinstance(page, str) else page.content.decode()):
        if 'type="hidden"' in tag and (name := re.search(r'\bname="([^"]+)"', tag)):
            value = re.search(r'\bvalue="([^"]*)"', tag)
            fields[name[1]] = html.unescape(value[1]) if value else ""
    fields.pop("csrfmiddlewaretoken", None)
    return fields


def _post(client: Client, name: str, args: list[object], data: dict[str, Any] | None = None) -> Act:
    url = reverse(name, args=args)
    return lambda: client.post(url, data or {})


# --- review ------------------------------------------------------------------------------------------------------


def _claim() -> Act:
    scenes.job_open()
    return _post(by("reviewer"), "job_claim", [])


def _decide() -> Act:
    job, client = scenes.job_held(who("reviewer")), by("reviewer")
    data = hidden(client.get(reverse("job_page", args=[job.key]))) | {"outcome": "0"}
    return _post(client, "job_decide", [job.key], data)


def _release() -> Act:
    job = scenes.job_held(who("reviewer"))
    return _post(by("reviewer"), "job_release", [job.key], {"lease_token": str(job.lease_token)})


def _held(name: str, **data: str) -> Callable[[], Act]:
    def scene() -> Act:
        job = scenes.job_held(who("reviewer"))
        return _post(by("reviewer"), name, [job.key], {"lease_token": str(job.lease_token), **data})

    return scene


def _shift_end() -> Act:
    scenes.job_held(who("reviewer"))
    return _post(by("reviewer"), "shift_end", [], {"shift_note": "The second half is in Dutch."})


def _answer_read() -> Act:
    question = scenes.question_answered(who("reviewer"), who("senior"))
    return _post(by("reviewer"), "answer_read", [question.key])


def _lead_call_seen() -> Act:
    job = scenes.job_held(who("reviewer"))
    call = lead_call(
        actor=who("reviewer"), job_key=str(job.key), lease_token=str(job.lease_token), text="", now=timezone.now()
    )
    return _post(by("senior"), "lead_call_seen", [call.key])


def decided(outcome: Outcome, *, waits: bool = False) -> Decision | WaitingDecision:
    """Return what a reviewer decided of an item that machines have really judged."""
    person = who("reviewer")
    text_item("real-1", escalating_caption(), creator="real-1")
    job = job_claim(actor=person, now=timezone.now())
    assert job
    with override_settings(CLEARING_WAITS_SECONDS=10 if waits else 0):
        return job_send(
            actor=person, job_key=str(job.key), lease_token=str(job.lease_token), outcome=outcome, note="A threat.",
            category="violence", min_age=0, territories=(), expected_decision=seen(job.item), now=timezone.now(),
        )  # fmt: skip


def _undo(outcome: Outcome, *, waits: bool = False) -> Callable[[], Act]:
    return lambda: _post(by("reviewer"), "undo_take", [decided(outcome, waits=waits).key])


def overtaken() -> WaitingDecision:
    """Return a decision that did not take effect: its item was withdrawn before."""
    waiting = decided(Outcome.CLEAR, waits=True)
    assert isinstance(waiting, WaitingDecision)
    item_withdraw(actor="api:test", item=waiting.item, now=timezone.now())
    waiting_apply_due(now=waiting.due_at)
    return waiting


def _overturn_read() -> Act:
    decision = decided(Outcome.BLOCK)
    item_overturn(
        actor=who("senior"), item_key=str(decision.item.key), outcome=Outcome.CLEAR, category="", note="News.", min_age=0,
        territories=(), expected_decision=seen(decision.item), now=timezone.now(),
    )  # fmt: skip
    return _post(by("reviewer"), "overturn_read", [Overturn.objects.get().key])


def _seat_train() -> Act:
    scenes.job_held(who("reviewer"))
    reviewer = Reviewer.objects.get(user=who("reviewer"))
    return _post(by("senior"), "seat_train", [reviewer.key], {"queues": "hate"})


def _campaign() -> Campaign:
    live_campaigns.forget()
    now = timezone.now()
    for i in range(40):
        scenes.item_judged(f"w-{i}", caption=_WAVE, creator=f"maker-{i % 20}", now=now - timedelta(seconds=5 * i))
    campaigns_watch(now=now)
    return Campaign.objects.get()


def _campaign_admit() -> Act:
    campaign, client = _campaign(), by("reviewer")  # beside it is its first, which was served before it was copied
    return _post(client, "campaign_admit", [campaign.key], in_form(client, "campaign_admit", campaign))


def in_form(client: Client, name: str, campaign: Campaign) -> dict[str, str]:
    """Return the hidden inputs of the first form of a campaign's page that posts to an address."""
    page = client.get(reverse("campaign_page", args=[campaign.key])).content.decode()
    return hidden(page.split(f'action="{reverse(name, args=[campaign.key])}"')[1].split("</form>")[0])


def _reporter_trust() -> Act:
    reporter = reporter_register(
        actor=who("admin"), external_id="r-1", name="A hotline", is_trusted_flagger=False, now=timezone.now()
    )
    return _post(by("admin"), "reporter_trust", [reporter.key], {"is_trusted_flagger": "1"})


def _campaign_act(name: str) -> Callable[[], Act]:
    return lambda: _post(by("reviewer"), name, [_campaign().key])


def _campaign_release() -> Act:
    campaign, client = _campaign(), by("reviewer")
    client.post(reverse("campaign_claim", args=[campaign.key]))
    return _post(client, "campaign_release", [campaign.key])


def _campaign_leave_out() -> Act:
    campaign, client = _campaign(), by("reviewer")
    return _post(client, "campaign_leave_out", [campaign.key], in_form(client, "campaign_leave_out", campaign))


def _campaign_decided(client: Client) -> Campaign:
    campaign = _campaign()
    data = in_form(client, "campaign_decide", campaign)
    client.post(
        reverse("campaign_decide", args=[campaign.key]),
        data | {"outcome": "4", "category": "spam_scam", "note": "One call by many accounts."},
    )
    return campaign


def _campaign_undo() -> Act:
    client = by("reviewer")
    return _post(client, "campaign_undo", [_campaign_decided(client).key], {"note": "These were quotes."})


def _wide_answer(name: str, role: str) -> Callable[[], Act]:
    """Return the scene of a second person who answers what a reviewer asked for: everything reaches far meanwhile."""

    def scene() -> Act:
        with override_settings(WIDE_ACT_ITEMS=1):
            _campaign_decided(by("reviewer"))
        return _post(by(role), name, [WideAct.objects.get().key], {"note": "These are quotes."})

    return scene


def _jobs_move() -> Act:
    source = scenes.job_open().queue.slug
    target = Queue.objects.create(slug="overflow", title="Overflow").slug
    return _post(by("senior"), "lead_move", [], {"source": source, "target": target, "n": "1"})


def _campaign_decide() -> Act:
    campaign, client = _campaign(), by("reviewer")
    data = in_form(client, "campaign_decide", campaign)
    return _post(client, "campaign_decide", [campaign.key], data | {"outcome": "0"})


def _overturn() -> Act:
    item, client = scenes.job_open().item, by("senior")
    data = hidden(client.get(reverse("item_page", args=[item.key])))
    return _post(client, "item_overturn", [item.key], data | {"outcome": "4", "category": "violence", "note": "wrong"})


def _redrive() -> Act:
    return _post(by("senior"), "deadletter_redrive", [scenes.dead_letter(scenes.item_judged("broken-1")).key])


def _redrive_all() -> Act:
    scenes.dead_letter(scenes.item_judged("broken-1"))
    return _post(by("senior"), "deadletter_redrive_all", [])


def _old_clip() -> None:
    scenes.item_judged("old-1", kind=ItemKind.VIDEO, media=scenes.stored(b"old" * 40))


def _rerun_start() -> Act:
    _old_clip()
    return _post(by("admin"), "rerun_start", [], {"detector": "ocr", "per_minute": 60})


def _rerun_act(act: str) -> Callable[[], Act]:
    def scene() -> Act:
        _old_clip()
        now = timezone.now()
        key = reruns.rerun_start(actor="system", detector="ocr", per_minute=60, now=now).key
        if act == "resume":
            reruns.rerun_pause(actor="system", key=str(key), now=now)
        return _post(by("admin"), "rerun_act", [key, act])

    return scene


# --- policies ----------------------------------------------------------------------------------------------------


def _draft() -> PolicyVersion:
    return version_copy(actor=who("policy-editor"), version=PolicyVersion.objects.get(number=1))


def _section_save() -> Act:
    client = by("policy-editor")
    data = policy_scenes.form_of(client, 2, "words") | {"row-0-title": "Another title"}
    return lambda: policy_scenes.save(client, 2, "words", data)


def _step(step: str, **data: str) -> Callable[[], Act]:
    """Return the scene of a step: those before it are taken first."""

    def scene() -> Act:
        editor, approver = by("policy-editor"), by("policy-approver")
        for name, given in _BEFORE[step]:
            client = editor if name == "submit" else approver
            assert policy_scenes.take(client, 2, name, **given).status_code == 302, name
        number = 1 if step == "rollback" else 2
        client = editor if step in {"submit", "discard"} else approver
        return _post(client, "policy_step_take", [number, step], data)

    return scene


_SUBMIT: tuple[str, dict[str, str]] = ("submit", {"note": "ready"})
_UP_TO_APPROVED = [_SUBMIT, ("approve", {})]
_UP_TO_CANARY = [*_UP_TO_APPROVED, ("canary", {"percent": "5", "confirm": "on"})]
_BEFORE: dict[str, list[tuple[str, dict[str, str]]]] = {
    "submit": [],
    "discard": [],
    "approve": [_SUBMIT],
    "reject": [_SUBMIT],
    "shadow": _UP_TO_APPROVED,
    "canary": _UP_TO_APPROVED,
    "adjust": _UP_TO_CANARY,
    "withdraw": _UP_TO_CANARY,
    "activate": _UP_TO_APPROVED,
    "rollback": [*_UP_TO_APPROVED, ("activate", {"confirm": "on"})],
}


def _slider() -> Act:
    version = _draft()
    token = section_token(document_of(version), "thresholds")
    data = {"category": "harassment", "level": "block", "days": "28", "threshold": "0.81", "expected": token}
    return _post(by("policy-editor"), "slider_apply", [version.number], data)


def _take() -> Act:
    text = dump_yaml(document_of(PolicyVersion.objects.get(number=1)))
    return _post(by("policy-editor"), "policy_take", [], {"text": text})


def _term() -> Term:
    term = {"text": "blue banana", "category": "hate", "score": 0.7}
    return term_add(actor=who("policy-editor"), version=policy_scenes.draft(), list_name="wave", term=term)


def _term_save() -> Act:
    term = _term()
    data = _WORD | {"score": "0.9", "expected": term_token(term)}
    return _post(by("policy-editor"), "term_save", [2, term.key], data)


def _term_drop() -> Act:
    term = _term()
    return _post(by("policy-editor"), "term_drop", [2, term.key], {"expected": term_token(term)})


def _terms_take() -> Act:
    file = SimpleUploadedFile("wave.csv", b"text,category,score\nblue banana,hate,0.7\n")
    return _post(by("policy-editor"), "terms_take", [2], {"file-list_name": "wave", "file-file": file})


def _simulation() -> Act:
    today = timezone.now().date()
    data = {"since": str(today - timedelta(days=3)), "until": str(today)}
    return _post(by("policy-editor"), "simulation_start", [2], data)


def _simulation_cancel() -> Act:
    now = timezone.now()
    days = (now - timedelta(days=3), now)
    run = simulations._save(
        who("policy-editor"), policy_scenes.draft(), *days, Filter(), now
    )  # not carried out at once
    return _post(by("policy-editor"), "simulation_cancel", [run.key])


def _rollback_seen() -> Act:
    who("policy-approver")
    notice = RollbackNotice.objects.create(
        version=policy_scenes.approved(), rate="block", detail="block rate 30.0%", created_at=timezone.now()
    )
    return _post(by("policy-approver"), "rollback_seen", [notice.key])


def _emergency(name: str, data: dict[str, str], role: str) -> Callable[[], Act]:
    def scene() -> Act:
        by("policy-editor").post(reverse("emergency_add"), _EMERGENCY)
        return _post(by(role), name, [EmergencyTerm.objects.get().key], data)

    return scene


def _prompts(name: str, role: str) -> Callable[[], Act]:
    def scene() -> Act:
        editor, now = who("policy-editor"), timezone.now()
        made = prompts.prompt_set_draft(actor=editor, title="Knives", source=None, now=now)
        written = Prompts({"violence": CategoryPrompts(("a knife",), ("a spoon",))}, ("a cat",))
        draft = prompts.prompt_set_write(
            actor=editor, number=made.number, title="Knives", note="", prompts=written, seen_at=made.edited_at, now=now
        )
        data = {
            "title": "Knives", "note": "n", "harmless": "a dog", "harmful_violence": "a sword",
            "harmless_violence": "a spoon", "seen_at": draft.edited_at.isoformat(),
        }  # fmt: skip
        return _post(by(role), name, [draft.number], data if name == "prompt_save" else {})

    return scene


# --- banks -------------------------------------------------------------------------------------------------------


def _entry() -> Any:
    bank = bank_upsert(actor="test", slug="known", category="violence", outcome=Outcome.BLOCK)
    bank_add_entries(actor="test", bank=bank, entries=[NewEntry("pdq", _HASH)])
    return bank.entries.get()


def _bank(name: str, data: dict[str, Any]) -> Callable[[], Act]:
    def scene() -> Act:
        _entry()
        return _post(by("admin"), name, ["known"], data)

    return scene


def _bank_import() -> Act:
    _entry()
    file = SimpleUploadedFile("x.csv", f"signal_type,signal_str\npdq,{'ab' * 32}\n".encode())
    return _post(by("admin"), "bank_import", ["known"], {"file": file, "form": "csv"})


def _entry_retire() -> Act:
    return _post(by("admin"), "entry_retire", [_entry().key], {"reason": "a logo"})


def _entry_restore() -> Act:
    entry = _entry()
    entry_retire(actor=who("admin"), key=str(entry.key), reason="a logo", now=timezone.now())
    return _post(by("admin"), "entry_restore", [entry.key])


def _entry_release() -> Act:
    entry = _entry()
    entry.flooded_at = timezone.now()
    entry.save()
    return _post(by("admin"), "entry_release", [entry.key])


def _entry_judge() -> Act:
    return _post(by("admin"), "entry_judge", [_entry().key], {"is_right": "0"})


def _match_judge() -> Act:
    entry = _entry()
    where = {"bank": "known", "entry": str(entry.key), "algorithm": "pdq", "distance": 3, "role": "cover"}
    hit = scenes.Finding("hashes", "1", "violence", 1.0, where, Outcome.BLOCK)
    item = scenes.item_judged("met-1", findings=[hit])
    return _post(by("reviewer"), "match_judge", [item.key, entry.key], {"is_right": "0"})


# --- accounts ----------------------------------------------------------------------------------------------------


def _factor(user: User) -> str:
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def _code(secret: str) -> str:
    return str(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))).zfill(6)


def _proven(user: User) -> Client:
    """Return a browser in which a person has just given their password."""
    client = signed_in(user)
    client.post(reverse("account_reauthenticate"), {"password": scenes.PASSWORD})
    return client


def _login() -> Act:
    return _post(Client(), "account_login", [], {"login": who("reviewer").username, "password": scenes.PASSWORD})


def _set_password() -> Act:
    user = who("reviewer")
    client = _proven(user)
    user.set_unusable_password()
    user.save()
    client.force_login(user)
    data = {"password1": "another-horse-1", "password2": "another-horse-1"}
    return _post(client, "account_set_password", [], data)


def _change_password() -> Act:
    data = {"oldpassword": scenes.PASSWORD, "password1": "another-horse-1", "password2": "another-horse-1"}
    return _post(by("reviewer"), "account_change_password", [], data)


def _reset_password() -> Act:
    user, client = who("reviewer"), Client()
    key = default_token_generator.make_token(user)
    url = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), key])
    form = client.get(url).url
    return lambda: client.post(form, {"password1": "another-horse-1", "password2": "another-horse-1"})


def _email() -> Act:
    return _post(by("reviewer"), "account_email", [], {"email": "who@example.test", "action_add": ""})


def _totp_on() -> Act:
    client = _proven(who("reviewer"))
    client.get(reverse("mfa_activate_totp"))
    secret = client.session["mfa.totp.secret"]
    return _post(client, "mfa_activate_totp", [], {"code": _code(secret)})


def _shown() -> Client:
    """Return a browser in which the reviewer has shown a second factor."""
    client, secret = by("reviewer"), _factor(who("reviewer"))
    client.post(reverse("mfa_reauthenticate"), {"code": _code(secret)})
    return client


def _totp_off() -> Act:
    return _post(_shown(), "mfa_deactivate_totp", [])


def _codes_anew() -> Act:
    client = _shown()
    RecoveryCodes.activate(who("reviewer"))
    return _post(client, "mfa_generate_recovery_codes", [])


def _second_step() -> Act:
    secret, client = _factor(who("reviewer")), Client()
    client.post(reverse("account_login"), {"login": who("reviewer").username, "password": scenes.PASSWORD})
    return _post(client, "mfa_authenticate", [], {"code": _code(secret)})


# --- the API -----------------------------------------------------------------------------------------------------


def _api(method: str, name: str, args: list[object], body: dict[str, object] | None = None) -> Callable[[], Act]:
    def scene() -> Act:
        _, secret = ApiKey.issue(name="platform", scopes=list(SCOPES))
        scenes.item_judged("api-1")
        send = getattr(Client(headers={"Authorization": f"Api-Key {secret}"}), method)
        return lambda: send(reverse(name, args=args), body or {}, content_type="application/json")

    return scene


_UPLOAD: dict[str, object] = {
    "external_id": "api-2", "kind": "text", "caption": "a walk along the canal", "creator": "mira", "region": "GB",
}  # fmt: skip
_REPORT: dict[str, object] = {"external_id": "api-1", "reporter": "r-1", "category": "violence"}

#: Address -> the scene that performs it; after a blank, which of several acts that one address takes.
ACTS: dict[str, Callable[[], Act]] = {
    "job_claim": _claim,
    "job_decide": _decide,
    "job_release": _release,
    "job_skip language": _held("job_skip", reason="language"),
    "job_skip advice": _held("job_skip", reason="advice", skip_note="Who is meant?"),
    "job_skip too_much": _held("job_skip", reason="too_much"),
    "job_skip technical": _held("job_skip", reason="technical"),
    "job_help": _held("job_help", act_clause="self-harm-help"),
    "job_warn": _held("job_warn", act_clause="harassment-insult"),
    "job_call_lead": _held("job_call_lead", lead_text="Somebody seems in danger."),
    "lead_call_seen": _lead_call_seen,
    "shortcut_save": lambda: _post(by("reviewer"), "shortcut_save", [], {"reset": "1"}),
    "job_ask": _held("job_ask", question="Who is meant?"),
    "shift_end": _shift_end,
    "answer_read": _answer_read,
    "undo_take": _undo(Outcome.BLOCK),
    "undo_take what waits": _undo(Outcome.CLEAR, waits=True),
    "overturn_read": _overturn_read,
    "overtaken_read": lambda: _post(by("reviewer"), "overtaken_read", [overtaken().key]),
    "seat_save": lambda: _post(by("reviewer"), "seat_save", [], {"languages": "de, en"}),
    "seat_train": _seat_train,
    "campaign_decide": _campaign_decide,
    "campaign_admit": _campaign_admit,
    "campaign_claim": _campaign_act("campaign_claim"),
    "campaign_release": _campaign_release,
    "campaign_leave_out": _campaign_leave_out,
    "campaign_undo": _campaign_undo,
    "act_confirm": _wide_answer("act_confirm", "senior"),
    "act_refuse": _wide_answer("act_refuse", "senior"),
    "lead_move": _jobs_move,
    "person_invite": lambda: _post(by("admin"), "person_invite", [], {"username": "nina", "roles": ["reviewer"]}),
    "person_roles": lambda: _post(by("admin"), "person_roles", [who("reviewer").username], {"roles": ["senior"]}),
    "person_active": lambda: _post(by("admin"), "person_active", [who("reviewer").username], {"is_active": "0"}),
    "key_issue": lambda: _post(
        by("admin"), "key_issue", [], {"name": "A key", "scopes": ["feed:read"], "owner": str(who("admin").pk)}
    ),
    "key_rotate": lambda: _post(
        by("admin"), "key_rotate", [ApiKey.issue(name="a", scopes=["feed:read"])[0].key], {"hours": "24"}
    ),
    "key_revoke": lambda: _post(by("admin"), "key_revoke", [ApiKey.issue(name="a", scopes=["feed:read"])[0].key]),
    "reporter_register": lambda: _post(
        by("admin"), "reporter_register", [], {"external_id": "r-1", "name": "A hotline"}
    ),
    "reporter_trust": _reporter_trust,
    "item_overturn": _overturn,
    "deadletter_redrive": _redrive,
    "deadletter_redrive_all": _redrive_all,
    "rerun_start": _rerun_start,
    "rerun_act pause": _rerun_act("pause"),
    "rerun_act resume": _rerun_act("resume"),
    "rerun_act cancel": _rerun_act("cancel"),
    "policy_copy": lambda: _post(by("policy-editor"), "policy_copy", [1]),
    "policy_take": _take,
    "policy_save": _section_save,
    "policy_step_take submit": _step("submit", note="ready"),
    "policy_step_take discard": _step("discard", note="not needed"),
    "policy_step_take approve": _step("approve"),
    "policy_step_take reject": _step("reject", note="no"),
    "policy_step_take shadow": _step("shadow"),
    "policy_step_take canary": _step("canary", percent="5", confirm="on"),
    "policy_step_take adjust": _step("adjust", percent="20", confirm="on"),
    "policy_step_take withdraw": _step("withdraw", note="enough seen", confirm="on"),
    "policy_step_take activate": _step("activate", confirm="on"),
    "policy_step_take rollback": _step("rollback", note="too strict", confirm="on"),
    "slider_apply": _slider,
    "term_put": lambda: _post(by("policy-editor"), "term_put", [2], _WORD),
    "terms_take": _terms_take,
    "term_save": _term_save,
    "term_drop": _term_drop,
    "simulation_start": _simulation,
    "simulation_cancel": _simulation_cancel,
    "rollback_seen": _rollback_seen,
    "emergency_add": lambda: _post(by("policy-editor"), "emergency_add", [], _EMERGENCY),
    "emergency_review confirm": _emergency("emergency_review", {"act": "confirm"}, "policy-approver"),
    "emergency_review reject": _emergency("emergency_review", {"act": "reject", "note": "over"}, "policy-approver"),
    "emergency_withdraw": _emergency("emergency_withdraw", {"act": "withdraw"}, "policy-editor"),
    "prompt_draft": lambda: _post(by("policy-editor"), "prompt_draft", []),
    "prompt_save": _prompts("prompt_save", "policy-editor"),
    "prompt_publish": _prompts("prompt_publish", "policy-approver"),
    "prompt_discard": _prompts("prompt_discard", "policy-editor"),
    "bank_ratio": _bank("bank_ratio", {"ratio": "0.5"}),
    "bank_import": _bank_import,
    "bank_export": _bank("bank_export", {"form": "json"}),
    "entry_retire": _entry_retire,
    "entry_restore": _entry_restore,
    "entry_release": _entry_release,
    "entry_judge": _entry_judge,
    "match_judge": _match_judge,
    "account_login": _login,
    "account_login refused": lambda: _post(Client(), "account_login", [], {"login": "nobody", "password": "wrong"}),
    "account_logout": lambda: _post(by("reviewer"), "account_logout", []),
    "account_change_password": _change_password,
    "account_set_password": _set_password,
    "account_reset_password_from_key": _reset_password,
    "account_email": _email,
    "mfa_activate_totp": _totp_on,
    "mfa_deactivate_totp": _totp_off,
    "mfa_generate_recovery_codes": _codes_anew,
    "mfa_authenticate": _second_step,
    "api-items": _api("post", "api-items", [], _UPLOAD),
    "api-item": _api("delete", "api-item", ["api-1"]),
    "api-reports": _api("post", "api-reports", [], _REPORT),
}

#: Addresses that take other methods than GET and write no row, and why.
WITHOUT_ROW: dict[str, str] = {
    "job_heartbeat": "a lease that goes on; its claim and its end are rows",
    "job_draft": "what somebody had typed and not sent: theirs alone, and nothing about anybody changes by it",
    "viewing_save": "how somebody looks at media: theirs alone, and nothing about anybody changes by it",
    "campaign_draft": "what somebody had typed and not sent: theirs alone, and nothing about anybody changes by it",
    "campaign_draft_discard": "forgets what they themselves had typed and not sent",
    "overturn_draft": "what somebody had typed and not sent: theirs alone, and nothing about anybody changes by it",
    "overturn_draft_discard": "forgets what they themselves had typed and not sent",
    "job_draft_discard": "forgets what they themselves had typed and not sent",
    "person_link": "shows an invitation that was made again; what it leads to, setting a password, is a row",
    "terms_tried": "tries terms on a text; stores nothing",
    "match_look": "compares a picture with banks; stores nothing",
    "api-events": "what viewers watched: counted for the feed, with no actor",
    "account_signup": "closed: nobody can sign up",
    "account_reset_password": "sends a mail; the password that is set by it is a row",
    "account_confirm_email": "marks an address as confirmed: account_emailaddress is watched by its trigger",
    "account_reauthenticate": "a person signed in proves it again; a failure is a row (user.sign_in_failed)",
    "account_confirm_login_code": "sign-in by mailed code is off",
    "mfa_reauthenticate": "a person signed in proves it again; a failure and a code used are rows",
    "mfa_download_recovery_codes": "shows codes: a row, though by GET (user.recovery_codes_shown)",
    "socialaccount_connections": "no provider is configured; its table is watched by its trigger",
    "socialaccount_signup": "closed, like every sign-up",
    "openid_connect_login": "sends the browser to the provider",
    "openid_connect_callback": "ends in a sign-in, which is a row (user.signed_in)",
}
