"""Every address of the console by every role: who gets what."""

from __future__ import annotations

import uuid

from console.identity.roles import ROLES

ALL = ("", *ROLES)
REVIEWERS = ("reviewer", "senior", "admin")
EXPLORERS = tuple(ROLES)
SENIORS = ("senior", "admin")
WATCHERS = ("senior", "policy-editor", "policy-approver", "analyst", "admin")
POLICY_PEOPLE = ("policy-editor", "policy-approver", "admin")
APPROVERS = ("policy-approver", "admin")

#: Name -> (method, arguments, status for those who may, who may). Everybody else signed in gets 403, strangers are sent
#: to sign in. Keys that name nothing give 404 to those who may.
NOBODY_KEY = [uuid.UUID(int=7)]


TABLE: dict[str, tuple[str, list[object], int, tuple[str, ...]]] = {
    "home": ("get", [], 200, ALL),
    "queue_list": ("get", [], 200, REVIEWERS),
    "job_claim": ("post", [], 302, REVIEWERS),
    "job_page": ("get", NOBODY_KEY, 404, REVIEWERS),
    "job_decide": ("post", NOBODY_KEY, 404, REVIEWERS),
    "job_release": ("post", NOBODY_KEY, 404, REVIEWERS),
    "job_heartbeat": ("post", NOBODY_KEY, 404, REVIEWERS),
    "campaign_list": ("get", [], 200, REVIEWERS),
    "campaign_page": ("get", NOBODY_KEY, 404, REVIEWERS),
    "campaign_decide": ("post", NOBODY_KEY, 404, REVIEWERS),
    "campaign_admit": ("post", NOBODY_KEY, 404, REVIEWERS),
    "item_list": ("get", [], 200, EXPLORERS),
    "item_page": ("get", NOBODY_KEY, 404, EXPLORERS),
    "item_alike": ("get", NOBODY_KEY, 404, EXPLORERS),
    "item_media": ("get", [*NOBODY_KEY, "media"], 404, EXPLORERS),
    "prompt_list": ("get", [], 200, POLICY_PEOPLE),
    "prompt_draft": ("post", [], 302, POLICY_PEOPLE),
    "prompt_page": ("get", [99], 404, POLICY_PEOPLE),
    "prompt_save": ("post", [99], 404, POLICY_PEOPLE),
    "prompt_publish": ("post", [99], 404, ("policy-approver", "admin")),
    "prompt_discard": ("post", [99], 404, POLICY_PEOPLE),
    "prompt_try": ("get", [99], 404, POLICY_PEOPLE),
    "item_overturn": ("post", NOBODY_KEY, 404, SENIORS),
    "deadletter_list": ("get", [], 200, SENIORS),
    "deadletter_redrive_all": ("post", [], 302, SENIORS),
    "deadletter_redrive": ("post", NOBODY_KEY, 404, SENIORS),
    "deep_page": ("get", [], 200, ("senior", "policy-editor", "policy-approver", "analyst", "admin")),
    "rerun_start": ("post", [], 422, ("admin",)),
    "rerun_act": ("post", [*NOBODY_KEY, "pause"], 302, ("admin",)),
    "audit_list": ("get", [], 200, ("analyst", "admin")),
    "policy_list": ("get", [], 200, EXPLORERS),
    "policy_page": ("get", [1], 200, EXPLORERS),
    "policy_simulate": ("get", [1], 200, WATCHERS),
    "simulation_start": ("post", [1], 422, POLICY_PEOPLE),
    "simulation_list": ("get", [], 200, WATCHERS),
    "simulation_page": ("get", NOBODY_KEY, 404, WATCHERS),
    "simulation_cancel": ("post", NOBODY_KEY, 404, POLICY_PEOPLE),
    "simulation_compare": ("get", [], 422, WATCHERS),
    "policy_flips": ("get", [1], 200, WATCHERS),
    "policy_slider": ("get", [1], 200, WATCHERS),
    "slider_apply": ("post", [1], 404, POLICY_PEOPLE),
    "policy_calibration": ("get", [], 200, WATCHERS),
    "calibration_page": ("get", ["none", "hate"], 404, WATCHERS),
    "policy_content": ("get", [1], 200, EXPLORERS),
    "policy_compare": ("get", [2], 200, EXPLORERS),
    "policy_export": ("get", [1], 200, EXPLORERS),
    "policy_live": ("get", [1], 302, EXPLORERS),
    "policy_disagreements": ("get", [1], 200, EXPLORERS),
    "policy_copy": ("post", [99], 404, POLICY_PEOPLE),
    "policy_import": ("get", [], 200, POLICY_PEOPLE),
    "policy_take": ("post", [], 422, POLICY_PEOPLE),
    "policy_edit": ("get", [2, "thresholds"], 200, POLICY_PEOPLE),
    "policy_save": ("post", [1, "thresholds"], 404, POLICY_PEOPLE),
    "policy_step": ("get", [2, "submit"], 200, POLICY_PEOPLE),
    "policy_step_take": ("post", [1, "submit"], 409, POLICY_PEOPLE),
    "policy_terms": ("get", [2], 200, EXPLORERS),
    "terms_tried": ("post", [2], 422, EXPLORERS),
    "term_put": ("post", [2], 422, POLICY_PEOPLE),
    "terms_take": ("post", [2], 422, POLICY_PEOPLE),
    "term_page": ("get", [2, *NOBODY_KEY], 404, POLICY_PEOPLE),
    "term_save": ("post", [2, *NOBODY_KEY], 404, POLICY_PEOPLE),
    "term_drop": ("post", [2, *NOBODY_KEY], 404, POLICY_PEOPLE),
    "activation_list": ("get", [], 200, EXPLORERS),
    "rollback_seen": ("post", NOBODY_KEY, 302, APPROVERS),
    "emergency_list": ("get", [], 200, EXPLORERS),
    "emergency_add": ("post", [], 422, POLICY_PEOPLE),
    "emergency_review": ("post", NOBODY_KEY, 302, APPROVERS),
    "emergency_withdraw": ("post", NOBODY_KEY, 302, POLICY_PEOPLE),
    "bank_list": ("get", [], 200, ("admin",)),
    "bank_page": ("get", ["none"], 404, ("admin",)),
    "bank_ratio": ("post", ["none"], 404, ("admin",)),
    "bank_import": ("post", ["none"], 404, ("admin",)),
    "bank_export": ("post", ["none"], 404, ("admin",)),
    "entry_retire": ("post", NOBODY_KEY, 404, ("admin",)),
    "entry_restore": ("post", NOBODY_KEY, 404, ("admin",)),
    "entry_release": ("post", NOBODY_KEY, 404, ("admin",)),
    "entry_judge": ("post", NOBODY_KEY, 404, SENIORS),
    "match_judge": ("post", NOBODY_KEY * 2, 404, REVIEWERS),
    "match_debugger": ("get", [], 200, SENIORS),
    "match_look": ("post", [], 422, SENIORS),
    "key_list": ("get", [], 200, ("admin",)),
    "key_issue": ("post", [], 422, ("admin",)),
    "key_rotate": ("post", NOBODY_KEY, 404, ("admin",)),
    "key_revoke": ("post", NOBODY_KEY, 404, ("admin",)),
    "reporter_list": ("get", [], 200, ("admin",)),
    "reporter_register": ("post", [], 422, ("admin",)),
    "reporter_trust": ("post", NOBODY_KEY, 404, ("admin",)),
    "mfa_index": ("get", [], 200, ALL),
    "account_change_password": ("get", [], 200, ALL),
    "account_email": ("get", [], 200, ALL),
    "mfa_activate_totp": ("get", [], 302, ALL),  # asks for the password again first
    "mfa_deactivate_totp": ("get", [], 404, ALL),
    "mfa_view_recovery_codes": ("get", [], 404, ALL),
    "mfa_generate_recovery_codes": ("get", [], 302, ALL),
    "mfa_download_recovery_codes": ("get", [], 404, ALL),
    "account_reauthenticate": ("get", [], 200, ALL),
    "mfa_reauthenticate": ("get", [], 302, ALL),
    "account_set_password": ("get", [], 302, ALL),
    "socialaccount_connections": ("get", [], 200, ALL),
}
