"""What people read in place of the names that machines use: detectors, rules, reasons of jobs, acts of the audit log.

The one place for such words; docs/glossary.md explains the ones that need it. A name that is not here is written as words.
"""

import re
from collections.abc import Mapping

from policies.document.place_names import language_name

DETECTORS: Mapping[str, str] = {
    "hashes": "Known files and pictures",
    "terms": "Word lists",
    "text": "Language model",
    "links": "Links and spam",
    "history": "Creator’s record",
    "frames": "Known clips",
    "ocr": "Text in pictures",
    "speech": "Spoken words",
    "vision": "What pictures show",
}

#: Rules of the decision function that name no category or detector, and of machines and people beside it.
_RULES: Mapping[str, str] = {
    "default": "Nothing was found",
    "default.clear": "Nothing was found",
    "person.review": "Decided by a reviewer",
    "person.senior": "Decided by a senior",
    "person_holds": "What a person decided still holds",
    "new_hard_evidence": "New certain evidence, after a person decided",
    "unexamined": "Not all of it could be looked at",
    "clearance.expired": "Its clearance has run out",
}
_LEVELS: Mapping[str, str] = {
    "escalate": "high enough to ask a person",
    "block": "high enough to block",
    "restrict_13": "high enough for 13 and over",
    "restrict_16": "high enough for 16 and over",
    "restrict_18": "high enough for 18 and over",
}

#: What was done, by the name under which the audit log has it; the beginning before the dot is what it was done to.
ACTIONS: Mapping[str, Mapping[str, str]] = {
    "item": {
        "submitted": "Item uploaded", "withdrawn": "Item withdrawn by the platform", "listed": "Restricted item listed",
        "looked_at": "Restricted item looked at", "decided_with_campaign": "Item decided with its campaign",
    },
    "media": {"looked_at": "Restricted media looked at", "rekeyed": "Files of a restricted item moved"},
    "job": {
        "claimed": "Job taken", "decided": "Job decided", "released": "Job given back", "skipped": "Job skipped",
        "asked": "Question asked", "answer_read": "Answer read", "lease_expired": "Time on a job ran out",
        "raised": "Job made more urgent", "looked_at": "Restricted job looked at",
    },
    "decision": {"overturned": "Decision overturned"},
    "report": {"filed": "Report filed"},
    "reporter": {"registered": "Reporter registered", "trusted": "Reporter trusted", "distrusted": "Reporter not trusted any more"},
    "creator": {"standing_set": "Creator’s standing changed"},
    "campaign": {
        "opened": "Campaign opened", "joined": "Item joined a campaign", "admitted": "Item taken into a campaign",
        "decided": "Campaign decided", "undecided": "Campaign’s decision taken back", "escalated": "Campaign passed to seniors",
    },
    "bank": {
        "created": "Bank made", "extended": "Hashes added to a bank", "imported": "Hashes imported", "exported": "Hashes exported",
        "ratio_set": "Bank switched", "clip_added": "Clip added to a bank",
    },
    "entry": {
        "quarantined": "Hash held back after a flood", "flood_alarmed": "Flood of matches", "released": "Hash released",
        "retire_asked": "Asked to retire a hash", "retire_refused": "Hash kept", "retired": "Hash retired", "restored": "Hash put back",
    },
    "match": {"confirmed": "Match said to be right", "disputed": "Match said to be wrong"},
    "version": {
        "created": "Policy drafted", "edited": "Policy edited", "submitted": "Policy sent for approval", "approved": "Policy approved",
        "rejected": "Policy turned down", "shadowed": "Policy tried in shadow", "canaried": "Policy tried on a part",
        "activated": "Policy put in force", "rolled_back_to": "Policy rolled back to", "retired": "Policy retired",
        "taken_back": "Policy taken back", "withdrawn": "Policy withdrawn", "discarded": "Draft thrown away",
        "exported": "Policy exported",
    },
    "canary": {"adjusted": "Canary’s share changed", "rolled_back": "Canary taken back by its guard"},
    "rollback": {"acknowledged": "Notice of a rollback read"},
    "activation": {"started": "Activation begun", "done": "Activation done"},
    "clearance": {"expired": "Clearance ran out"},
    "clearances": {"expired": "Clearances ran out"},
    "seat": {"saved": "Seat changed", "trained": "Reviewer trained for queues"},
    "shift": {"ended": "Shift ended"},
    "simulation": {"started": "Simulation begun", "cancelled": "Simulation cancelled"},
    "prompts": {
        "drafted": "Prompts drafted", "written": "Prompts written", "published": "Prompts put in force", "discarded": "Prompts thrown away"
    },
    "domain": {"listed": "Domain listed", "retired": "Domain taken off the list"},
    "emergency": {},
    "message": {"died": "Work failed for good", "redriven": "Failed work tried again"},
    "rerun": {},
    "history": {"begun": "Database restored or begun"},
    "user": {
        "signed_in": "Signed in", "signed_out": "Signed out", "sign_in_failed": "Sign-in failed", "created": "Account made",
        "changed": "Account changed", "deleted": "Account deleted", "activated": "Account switched on",
        "deactivated": "Account switched off", "password_set": "Password set", "password_reset": "Password reset",
        "second_factor": "Second factor changed", "recovery_codes_shown": "Recovery codes shown", "role_added": "Role given",
        "role_removed": "Role taken",
    },
    "role": {},
    "api_key": {"issued": "API key made", "rotated": "API key renewed", "revoked": "API key revoked"},
}  # fmt: skip
#: What an act was done to, where more than its name is needed.
_SUBJECTS: Mapping[str, str] = {
    "api_key": "API keys", "history": "the database", "message": "background work", "version": "policies", "entry": "hashes",
    "user": "accounts", "rerun": "repeated detector runs", "emergency": "emergency terms", "clearances": "clearances",
    "prompts": "prompts", "media": "media", "match": "matches of banks",
}  # fmt: skip


_ACT = re.compile(r"[a-z_]{1,40}\.[a-z_]{0,40}")


def detector_name(slug: str) -> str:
    """Return what people call a detector."""
    return DETECTORS.get(slug, slug.replace("_", " "))


def rule_name(rule: str, names: Mapping[str, str]) -> str:
    """Return what decided, in a few words.

    Args:
        names: category slug -> name.
    """
    if rule in _RULES:
        return _RULES[rule]
    family, _, rest = rule.partition(".")
    if family == "missing":
        return f"No answer from “{detector_name(rest)}”"
    if family == "hard":
        return f"Certain evidence: {names.get(rest, rest.replace('_', ' '))}"
    if family in _LEVELS:
        return f"{names.get(rest, rest.replace('_', ' '))}: {_LEVELS[family]}"
    return rule.replace(".", ": ").replace("_", " ").capitalize()


def action_name(action: str) -> str:
    """Return what was done, as the audit log's readers see it."""
    subject, _, verb = action.partition(".")
    known = ACTIONS.get(subject, {}).get(verb)
    return known or f"{subject.replace('_', ' ').capitalize()} {verb.replace('_', ' ')}".strip()


def action_choices(asked: str = "") -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what the audit log can be asked for, by what it was done to: anything, or one act.

    Args:
        asked: what somebody asks for by its address; an act that nobody listed here is offered as well.
    """
    groups = sorted(ACTIONS.items(), key=lambda group: _subject(group[0]))
    offered = [(_subject(subject).capitalize(), _acts_on(subject, verbs)) for subject, verbs in groups]
    is_listed = any(asked == value for _, acts in offered for value, _ in acts)
    if not is_listed and _ACT.fullmatch(asked):
        offered.append(("Others", [(asked, action_name(asked))]))
    return offered


def _acts_on(subject: str, verbs: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (f"{subject}.", f"Anything done to {_subject(subject)}"),
        *((f"{subject}.{verb}", name) for verb, name in verbs.items()),
    ]


def _subject(slug: str) -> str:
    return _SUBJECTS.get(slug, f"{slug.replace('_', ' ')}s")


def language_label(tag: str) -> str:
    """Return the English name of a language by its tag, with the tag."""
    return "not known" if tag in ("", "und") else f"{language_name(tag.partition('-')[0])} ({tag})"
