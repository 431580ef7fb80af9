"""Takes away, one at a time, the lines that hold invariants 1 to 7 and 10 and the audit log, and insists that a test fails each time.

`python tools/mutants.py [NAME]`. Works on a copy; the tests are those named here, so that a mutant that survives says which
promise nobody checks. Prints a table and exits 1 when one survives.

`python tools/mutants.py --sequences [NAME]` puts the faults in SEQUENCES back and counts how many of the random sequences of
tests/standing/test_what_stands.py it takes until one of them finds it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutant:
    """One line taken away: `old` becomes `new` in `file`, and `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = (
    # 1 deny by absence
    Mutant("1 a late detector counts as silent", "moderation/detection/ensemble.py",
           'return _missing(detector, "late", "no answer within the deadline")',
           "return Result(detector.name, detector.version)", "tests/moderation/detection/test_ensemble.py"),
    Mutant("1 a detector that never ran is not missing", "moderation/verdict/judge.py",
           'why = dict.fromkeys(DETECTORS, "pending")', "why: dict[str, str] = {}",
           "tests/moderation/deep/test_deep_pass.py -k held_and_then_cleared"),
    Mutant("1 a stale gate still admits", "moderation/gate/door.py",
           'general = "stale" if is_stale else "history" if', 'general = "history" if',
           "tests/moderation/gate/test_rules.py tests/moderation/gate/test_follow.py"),
    Mutant("1 an unknown age is an adult", "policies/choices.py",
           "return Band.UNDER_13", "return Band.ADULT", "tests/feed tests/moderation/gate/test_rules.py -k age"),
    # 2 monotone
    Mutant("2 the least restrictive rule wins", "policies/decision/decide.py",
           "np.maximum(rank, policy.context_rank.take(context), out=rank)",
           "np.minimum(rank, policy.context_rank.take(context), out=rank)",
           "tests/policies/decision/test_decide_properties.py tests/policies/decision/test_golden_corpus.py"),
    Mutant("2 fusion keeps the last score", "moderation/detection/fusion.py",
           "scores[i] = max(scores[i], finding.score)", "scores[i] = finding.score", "tests/moderation/detection/test_fusion.py"),
    # 3 one door
    Mutant("3 anybody makes a Cleared token", "moderation/gate/door.py",
           'if mint is not _MINT:\n            raise TypeError("Only the gate makes Cleared tokens.")', "pass",
           "tests/moderation/gate/test_rules.py"),
    Mutant("3 the serialiser takes anything", "moderation/gate/door.py",
           'if type(token) is not Cleared or getattr(token, "_seal", None) is not _MINT:', "if False:",
           "tests/moderation/gate/test_rules.py tests/feed"),
    # 4 a decision is for ever
    Mutant("4 evidence is stored without its hard part", "moderation/verdict/judge.py",
           '"hard": hard,', '"hard": {},', "tests/moderation/decisions/test_decisions.py"),
    Mutant("4 decisions may be changed", "moderation/migrations/0001_create_record.py",
           "operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1e4fd'",
           "operation='DELETE', pgid='pgtrigger_append_only_1e4fd'",
           "tests/moderation/decisions/test_decisions.py -k history"),
    Mutant("4 a clearance may go beyond its decision", "moderation/migrations/0001_create_record.py",
           "d.outcome <= 1", "d.outcome <= 9", "tests/moderation/decisions/test_decisions.py -k beyond"),
    # 10 what stands is judged by what is in force
    Mutant("10 milder without a scan of now", "moderation/decisions/record.py",
           "if is_wider(judgement, current) and judgement.lists != lists_mark():", "if False:",
           "tests/standing/test_list_changes.py -k nobody_noted"),
    Mutant("10 many are made milder without a scan", "moderation/rollout/activation.py",
           "changes, other = self._confirm(plan.changes)", "changes, other = plan.changes, ()",
           "tests/moderation/rollout/test_activation.py -k widened"),
    Mutant("10 matches with banks are replayed as they were", "moderation/rollout/activation.py",
           'looks_at_matches="banks" in differs or', "looks_at_matches=False and",
           "tests/standing/test_versions.py -k banks_matches"),
    Mutant("10 an activation forgets what it overtakes", "moderation/rollout/activation.py",
           'looks_at_matches="banks" in differs or bool(running and running.looks_at_matches),',
           'looks_at_matches="banks" in differs,', "tests/standing/test_versions.py -k overtaken"),
    Mutant("10 a version's own term stays unseen", "moderation/rollout/activation.py",
           "apart = {*other, *_find_unnamed(named),", "apart = {*other,", "tests/standing/test_versions.py -k passed_over"),
    Mutant("10 people's items under a canary are passed over", "moderation/rollout/activation.py",
           "Exists(Decision.objects.filter(item=OuterRef(\"pk\"), policy_version=only))",
           "current_decision__policy_version=only", "tests/standing/test_versions.py -k asked_less"),
    Mutant("10 a killed activation passes over items", "moderation/rollout/activation.py",
           "self._update(**{name: F(name) + n for name, n in written.counts().items()})",
           "self._update(cursor=part[-1].item_pk, **{name: F(name) + n for name, n in written.counts().items()})",
           "tests/standing/test_versions.py -k killed"),
    Mutant("10 an overtaken activation goes on judging", "moderation/rollout/activation.py",
           "stage=DecisionStage.ACTIVATION, check=self._check)", "stage=DecisionStage.ACTIVATION)",
           "tests/moderation/rollout/test_activation.py -k one_by_one"),
    Mutant("10 nobody looks after a canary's start", "moderation/rollout/service.py",
           "return _share(version, before=0, now=now)", "return version",
           "tests/standing/test_versions.py -k begun_before_a_canary_is"),
    Mutant("10 nobody looks after a share changed", "moderation/rollout/service.py",
           "return _share(version, before=before, now=now)", "return version",
           "tests/standing/test_versions.py -k share_changes"),
    Mutant("10 what stood once stands", "moderation/decisions/record.py",
           "if current.evidence_digest == judgement.digest:",
           "if Decision.objects.filter(item_id=current.item_id, evidence_digest=judgement.digest, actor=None).exists():",
           "tests/standing/test_list_changes.py -k again_stops_again"),
    Mutant("10 terms are not looked for in what is stored", "moderation/rejudge/list_scan.py",
           "default_factory=lambda: names_resting_on(Basis.LISTS)", "default_factory=frozenset",
           "tests/standing/test_list_changes.py -k two_terms"),
    Mutant("10 nobody looks a second time", "moderation/rejudge/list_changes.py",
           "_stored().filter(stored_evidence__txid__gte=change.since_txid)", "_stored().none()",
           "tests/standing/test_list_changes.py -k three_uploaders"),
    Mutant("10 the second look does not wait", "moderation/rejudge/list_changes.py",
           "if not have_ended(mark_now(), wait_seconds=SETTLED_AFTER_SECONDS):", "if False:",
           "tests/standing/test_list_changes.py -k second_look"),
    Mutant("10 an old verdict is stored", "moderation/verdict/list_ages.py",
           "return time.monotonic() - read_at > JUDGEMENT_MAX_SECONDS", "return False",
           "tests/standing/test_list_changes.py -k too_long"),
    Mutant("10 a hash that somebody wrote on is not looked for", "moderation/rejudge/list_subjects.py",
           'entries = entries.filter(pk__gt=subject["after"], pk__lte=subject["until"])',
           'entries = entries.filter(pk__gt=subject["after"], pk__lte=subject["until"], retire_asked_at=None)',
           "tests/standing/test_list_changes.py -k retirement"),
    Mutant("10 a deep pass decides by old prompts", "moderation/deep/examine.py",
           "if any(result.version != in_use[result.detector].version for result in looked):", "if False:",
           "tests/standing/test_long_work.py -k publication"),
    Mutant("10 prompts of before outlive a new mark", "moderation/rejudge/service.py",
           "self.mark = lists_refresh()\n        self._in_use = _in_use()",
           'self.mark = lists_refresh()\n        self._in_use = getattr(self, "_in_use", None) or _in_use()',
           "tests/standing/test_long_work.py -k look"),
    Mutant("10 a creator is who they were when the batch was read", "moderation/rejudge/service.py",
           "verdict = judges.verdict(_as_locked(content, item))", "verdict = judges.verdict(content)",
           "tests/standing/test_long_work.py -k batch"),
    Mutant("10 a confirmation is no change", "moderation/emergency/service.py",
           "_change(term, now)\n    return _review(term, actor, EmergencyState.CONFIRMED, note, now)",
           "return _review(term, actor, EmergencyState.CONFIRMED, note, now)",
           "tests/moderation/emergency/test_emergency.py -k last_moment"),
    Mutant("10 an expired clearance is never judged again", "moderation/decisions/clearances.py",
           "message_add(topic=TOPIC_RENEW, item=clearance.item, rank_at=now)", "pass",
           "tests/standing/test_list_changes.py -k expired"),
    Mutant("10 other hard evidence is no news", "moderation/verdict/judge.py",
           'return is_harder or not set(found.get("hard_by", ())) <= set(known.get("hard_by", ()))', "return is_harder",
           "tests/standing/test_list_changes.py -k person_saw"),
    Mutant("10 a wave takes down what was there before", "moderation/campaigns/watch.py",
           "return [(pk, creator) for pk, creator in alike if pk not in apart]", "return list(alike)",
           "tests/moderation/campaigns/test_campaigns.py -k strangers_copied"),
    Mutant("10 a wave takes down what something stopped for a moment", "moderation/campaigns/watch.py",
           "rows = Item.objects.filter(served | trusted, pk__in=item_pks)",
           'rows = Item.objects.filter(served & Q(state="cleared") | trusted, pk__in=item_pks)',
           "tests/moderation/campaigns/test_campaigns.py -k for_a_moment"),
    Mutant("10 a slow wave begins with its first captions", "moderation/detection/minhash.py",
           "return None if dense is None else uploads[max(first, dense)][0]",
           "return uploads[max(first, dense or 0)][0] if uploads else None",
           "tests/moderation/campaigns/test_campaigns.py -k slow_wave"),
    # 5 nothing is lost
    Mutant("5 no promise of a deep pass", "moderation/intake/submit.py",
           "message_on_arrival(topic=TOPIC_EXAMINE, item=item, rank_at=rank_of(item.creator, now), available_at=now)", "pass", "tests/moderation/deep/test_deep_pass.py -k held_and_then_cleared"),
    Mutant("5 a message is done when it begins", "moderation/outbox/messages.py",
           "row.state = State.DEAD if is_dead else State.PENDING", "row.state = State.DONE",
           "tests/moderation/deep/test_deep_pass.py -k dead_letter"),
    Mutant("5 an expired lease stays", "moderation/review/leases.py",
           "lease_expires_at__lte=now)", "lease_expires_at__lte=now - timedelta(days=999))",
           "tests/moderation/review/test_leases.py -k expired"),
    # 6 one job, one reviewer
    Mutant("6 claims do not lock", "moderation/review/next_job.py",
           "LIMIT 1 FOR UPDATE SKIP LOCKED", "LIMIT 1", "tests/moderation/review/test_leases.py -k many_claims"),
    Mutant("6 imminent harm waits", "moderation/review/next_job.py",
           'where=f"is_imminent AND', 'where=f"false AND', "tests/moderation/review/test_next_job.py -k suicide"),
    Mutant("6 a job comes straight back", "moderation/review/next_job.py",
           "j.id <> ALL(%(passed)s::bigint[])", "true", "tests/moderation/review/test_next_job.py -k gave_back"),
    Mutant("6 a reason makes a job later", "moderation/verdict/job_order.py",
           "due_at=min(old.due_at, new.due_at)", "due_at=new.due_at", "tests/moderation/verdict/test_job_order.py -k never_makes"),
    Mutant("6 anybody decides with the token", "moderation/review/held.py",
           "and job.lease_holder_id == actor.pk", "", "tests/moderation/review/test_leases.py -k another_persons"),
    # 6 every person's verdict names what their page showed
    Mutant("6 an old page decides an item", "moderation/decisions/record.py",
           "if basis is None or expected_decision != basis.token:", "if basis is None:",
           "tests/console/pages/test_outdated_pages.py -k old_page"),
    Mutant("6 an old page decides a campaign", "moderation/campaigns/service.py",
           "if expected_decision != campaign_basis_of(campaign, actor).token:", "if False:",
           "tests/console/pages/test_outdated_pages.py -k old_page"),
    Mutant("6 an old page adds to a campaign", "moderation/campaigns/service.py",
           "if expected_decision != bystander_basis_from(campaign_basis_of(campaign, actor), beside).token:", "if False:",
           "tests/console/pages/test_outdated_pages.py -k adds_nobody"),
    Mutant("6 a report is not part of what is named", "moderation/decisions/basis.py",
           'f"{self.n_reports:x}", self._hard_part', '"0", self._hard_part', "tests/moderation/decisions/test_named_decisions.py -k report"),
    Mutant("6 who joined is not part of what is named", "moderation/decisions/basis.py",
           'return f"{self.newest}-{self.n_members:x}-', 'return f"0-0-',
           "tests/moderation/decisions/test_named_decisions.py -k joined"),
    Mutant("6 what is on the page is not stored as seen", "moderation/decisions/basis.py",
           "    if basis.hard:", "    if False:", "tests/console/pages/test_outdated_pages.py -k counts_as_seen"),
    Mutant("6 a second word of a category is not part of what is named", "moderation/decisions/basis.py",
           "return bool(self.hard or self.hard_by)", "return bool(self.hard)",
           "tests/standing/test_what_people_saw.py -k came_into_force"),
    Mutant("6 hard evidence that changes nothing leaves the lease", "moderation/decisions/record.py",
           "_store_findings(current, judgement)\n        leases_take(item=item, why=HARD_EVIDENCE)",
           "_store_findings(current, judgement)", "tests/standing/test_what_people_saw.py -k changes_nothing"),
    Mutant("10 a person's age outweighs hard evidence", "moderation/verdict/judge.py",
           "return judgement.outcome.is_servable and more", "return False",
           "tests/standing/test_what_people_saw.py -k restricts_to_more"),
    Mutant("5 what was passed on is lost", "moderation/decisions/record.py",
           "if theirs.outcome == Outcome.ESCALATE:", "if False:",
           "tests/standing/test_what_people_saw.py -k passed_on"),
    Mutant("5 machines answer reports", "moderation/jobs/opening.py",
           "JOIN moderation_report r ON r.job_id = j.id", "JOIN moderation_report r ON false",
           "tests/standing/test_what_people_saw.py -k a_report"),
    Mutant("6 a job's page is named after it was read", "console/pages/review/views.py",
           "return basis_from(page.item), page", "return basis_of(jobs__key=key) or basis_from(page.item), page",
           "tests/console/pages/test_outdated_pages.py -k put_together"),
    Mutant("6 hard evidence leaves the lease", "moderation/decisions/record.py",
           "if is_overtaken:", "if False:", "tests/console/pages/test_outdated_pages.py -k takes_the_job"),
    Mutant("6 nobody knows from whom a job was taken", "moderation/migrations/0026_name_the_decision.py",
           "NEW.taken_from_id := OLD.lease_holder_id;", "NULL;",
           "tests/moderation/decisions/test_named_decisions.py -k whatever_statement"),
    # 7 revocation is fast and ordered
    Mutant("7 the gate follows from the newest transaction", "moderation/gate/source.py",
           '_XMIN = "pg_snapshot_xmin(', '_XMIN = "pg_snapshot_xmax(',
           "tests/moderation/gate/test_follow.py"),
    Mutant("7 the stream's next is the last row", "moderation/gate/door.py",
           "self._marks[0].before_xid <= (self._xmin or 0)", "True", "tests/moderation/gate/test_follow.py"),
    # histories: what was read before a restore does not count
    Mutant("H a restored table is taken for the former one", "moderation/db/histories.py",
           "b.oid, ({_FILES})) AS history_signs", "b.oid) AS history_signs",
           "tests/moderation/db/test_histories.py -k emptied_or_made_anew"),
    Mutant("H a counter may go back", "moderation/db/histories.py",
           "return self.drawn < before.drawn or self.flushed < before.flushed", "return False",
           "tests/moderation/gate/test_rules.py tests/moderation/db/test_histories.py -k another_history"),
    Mutant("H nobody is told that a counter went back", "moderation/gate/door.py",
           "self._source.renew(history)", "pass", "tests/moderation/gate/test_rules.py"),
    Mutant("H the view of another history is kept until the new one stands", "moderation/gate/door.py",
           "self._columns, self._version = Columns(), self._version + 1", "self._version += 1",
           "tests/moderation/gate/test_rules.py"),
    Mutant("H a new connection reads only what changed", "moderation/gate/door.py",
           "        self._xmin = None\n        if self._is_other(history):", "        if self._is_other(history):",
           "tests/moderation/gate/test_rules.py"),
    Mutant("H what was chosen in another history passes", "moderation/gate/door.py",
           '"history" if history not in {None, self.history} else ""', '""', "tests/moderation/gate/test_rules.py"),
    Mutant("H a client of another history is not told", "moderation/gate/door.py",
           "if (since or history) and history != now.id:", "if history and history != now.id:", "tests/feed/test_restores.py"),
    Mutant("H a client ahead of the stream is not told", "moderation/gate/door.py",
           "if since > now.drawn:", "if False:", "tests/feed/test_restores.py"),
    Mutant("H the shelf of another history is shown", "feed/pipeline.py",
           "if place.history == history]", "]", "tests/feed/test_restores.py"),
    Mutant("H captions of another history are shown", "feed/hydrators.py",
           "now, history = time.monotonic(), gate.current().history", 'now, history = time.monotonic(), ""',
           "tests/feed/test_restores.py"),
    Mutant("H features of another history stay", "feed/index.py",
           "if granted.history != self._history:", "if False:", "tests/feed/test_restores.py"),
    Mutant("H banks of another history still match", "moderation/live/banks.py",
           "self.view, self._mark, self._checked_at = _NOTHING_YET, None, -math.inf", "pass",
           "tests/moderation/db/test_histories.py -k banks"),
    # the record cannot be undone by the application
    Mutant("R the application may do what triggers forbid", "console/database.py",
           "forbidden |= {str(operation) for operation in trigger.operation}", "pass",
           "tests/console/setup/test_database_roles.py"),
    Mutant("R a session switches triggers off", "console/database.py",
           "cursor.execute(_SHOULD_IGNORE)", "pass", "tests/console/setup/test_database_roles.py -k session"),
    Mutant("R a temporary table leads a trigger astray", "console/database.py",
           'cursor.execute(f"ALTER FUNCTION {signature} SET search_path = public, pg_temp")', "pass",
           "tests/console/setup/test_database_roles.py -k temporary"),
    Mutant("R a clearance outlives its decision", "moderation/migrations/0023_keep_clearances_current.py",
           "c.is_granted\\n            AND (i.current_decision_id", "false\\n            AND (i.current_decision_id",
           "tests/moderation/decisions/test_clearance_is_current.py"),
    Mutant("R a former decision is granted on", "moderation/migrations/0023_keep_clearances_current.py",
           "AND c.revision = NEW.revision AND c.is_granted", "AND false",
           "tests/moderation/decisions/test_clearance_is_current.py"),
    Mutant("R two writers break it together", "moderation/migrations/0023_keep_clearances_current.py",
           "i.withdrawn_at IS NULL FOR SHARE;", "i.withdrawn_at IS NULL;",
           "tests/moderation/decisions/test_clearance_is_current.py -k two_writers"),
    # 10 bytes follow the clearance
    Mutant("10 the gate is not asked for bytes", "console/pages/media/views.py",
           "if ticket is None or file is None or not _is_cleared(ticket, file):", "if ticket is None or file is None:",
           "tests/console/pages/media/test_clearance.py -k 'restriction_above or expires'"),
    Mutant("10 bytes are asked for as an adult", "console/pages/media/views.py",
           "gate.current().why_not(file.item_id, ticket.viewer, now)",
           'gate.current().why_not(file.item_id, gate.Viewer(gate.Band.ADULT, "FR"), now)',
           "tests/console/pages/media/test_clearance.py -k 'leaves_it or random or gate_does'"),
    Mutant("10 an answer under way goes on", "moderation/detection/media/streaming.py",
           "if not self._left or not self.may_go_on():", "if not self._left:",
           "tests/console/pages/media/test_clearance.py -k under_way"),
    Mutant("10 what a browser keeps is not asked for", "console/pages/media/views.py",
           '_ASK_AGAIN = "private, no-cache"', '_ASK_AGAIN = "private, max-age=600"', "tests/console/pages/media/test_media.py -k keeps"),
    Mutant("10 an address lives for ever", "moderation/gate/media_urls.py",
           "return ticket if now < ticket.ends_at else None", "return ticket", "tests/console/pages/media/test_media.py -k lives"),
    Mutant("10 anybody signs an address", "moderation/gate/media_urls.py",
           "return any(hmac.compare_digest(mac, _mac(says, str(secret))) for secret in secrets)", "return True",
           "tests/console/pages/media/test_media.py -k letter"),
    Mutant("10 people load what they may not open", "console/access.py",
           "if item is None or not (may(user, EXPLORE) or _holds_job_of(user, item)):", "if item is None:",
           "tests/console/pages/media/test_reviewers.py -k lease"),
    Mutant("10 restricted bytes go to every reviewer", "console/access.py",
           "item = queries.items_search(user).filter(key=key).first()\n    if item is None or not (",
           "item = Item.objects.filter(key=key).first()\n    if item is None or not (",
           "tests/console/pages/media/test_reviewers.py -k partition_only"),
    Mutant("10 restricted files stay where they were", "moderation/migrations/0021_move_restricted_media.py",
           "AND c.is_child_safety) THEN", "AND false) THEN", "tests/moderation/files/test_keys.py -k whoever"),
    Mutant("10 a moved file leaves its old object", "moderation/files/keys.py",
           'for key, sha256 in message.payload.get("left", {}).items():', "for key, sha256 in ():",
           "tests/moderation/files/test_keys.py -k each_file"),
    Mutant("10 an object that a twin names is removed", "moderation/files/keys.py",
           "if not any(model.objects.filter(sha256=sha256, storage_key=key).exists() for model in (MediaFile, DerivedFile)):",
           "if True:", "tests/moderation/files/test_keys.py -k another_row"),
    Mutant("10 an upload brings moved bytes back", "moderation/intake/submit.py",
           "if keys[role] != upload.storage_key:", "if False:", "tests/moderation/files/test_keys.py -k same_bytes"),
    # what starts, and what decoders reach
    Mutant("config a published secret starts", "console/checks.py",
           "any(part in key.lower() for part in _PUBLISHED_PARTS)", "False", "tests/console/setup/test_configuration.py -k hint"),
    Mutant("config a silenced check lets serve", "moderation/serving.py",
           "if message.is_serious()]", "if message.is_serious() and not message.is_silenced()]",
           "tests/console/setup/test_configuration.py -k silencing"),
    Mutant("config an unknown environment is taken", "console/env.py",
           "if value not in known:", "if False:", "tests/console/setup/test_configuration.py -k unknown_environment"),
    Mutant("config secrets have a default", "console/settings.py",
           'if _is_test else None,\n    example="the', 'if True else None,\n    example="the',
           "tests/console/setup/test_configuration.py -k has_a_default"),
    Mutant("config production is given the demo's settings", "console/command_line.py",
           'if said not in {None, "", "demo"}:', "if False:", "tests/console/setup/test_configuration.py -k another_instance"),
    Mutant("config a database role is not looked at", "console/checks.py",
           "found = [one.what for one in excess(alias)]", "found: list[str] = []",
           "tests/console/setup/test_configuration.py -k can_undo"),
    Mutant("config a role that owns a trigger's function serves", "console/database.py",
           "WHERE pronamespace = 'public'::regnamespace AND", "WHERE false AND",
           "tests/console/setup/test_configuration.py -k can_undo"),
    Mutant("config sign-in counts everybody behind a proxy as one", "console/identity/sign_ins.py",
           "return address_of(request)", 'return str(request.META["REMOTE_ADDR"])',
           "tests/console/identity/test_sign_in_addresses.py"),
    Mutant("config logs are for everybody", "console/demo/supervisor.py",
           "os.fchmod(descriptor, 0o600)", "pass", "tests/console/demo/test_start.py -k logs_are"),
    Mutant("sandbox Landlock is not entered", "moderation/detection/media/lockdown.py",
           "libc.syscall(_RESTRICT_SELF, rules, 0) == 0", "True", "tests/moderation/detection/media/test_lockdown.py -k nothing_of_ours"),
    Mutant("sandbox sockets are let pass", "moderation/detection/media/seccomp.py",
           '"socket": (41, 198),', "", "tests/moderation/detection/media/test_lockdown.py -k socket"),
    Mutant("sandbox the owner's variables are inherited", "moderation/detection/media/sandbox.py",
           "env=child_environment(),", "env={**os.environ, **child_environment()},",
           "tests/moderation/detection/media/test_lockdown.py -k inherits"),
    Mutant("sandbox decoding goes on without", "moderation/detection/media/sandbox_worker.py",
           'if terms["is_required"] and not held.is_whole:', "if False:",
           "tests/moderation/detection/media/test_lockdown.py -k nothing_is_decoded"),
    Mutant("sandbox stills wait for no memory", "moderation/detection/media/budget.py",
           "self._changed.wait_for(lambda: self._n_used + n_bytes <= self.n_bytes)", "pass",
           "tests/moderation/detection/media/test_stills.py -k waits_until"),
    Mutant("config the reconciler forgets what it did", "moderation/outbox/orphan_sweep.py",
           "return sum(", "return 0 * sum(", "tests/moderation/outbox/test_orphan_sweep.py"),
    # who may know and do
    Mutant("who: the partition goes by a name", "moderation/migrations/0024_restrict_by_flag.py",
           "WHERE c.slug = NEW.category AND c.is_child_safety", "WHERE c.slug = NEW.category AND c.slug = \\'child_safety\\'",
           "tests/console/identity/test_visibility.py -k decision_alone"),
    Mutant("who: everybody sees the partition", "moderation/items/visibility.py",
           "Item.objects.all() if may_know(user) else Item.objects.filter(is_restricted=False)", "Item.objects.all()",
           "tests/console/identity/test_visibility.py -k no_page"),
    Mutant("who: a form counts hidden members", "moderation/decisions/basis.py",
           'known = members_visible(reader, of="members__")', "known = Q()",
           "tests/console/identity/test_partition_counts.py -k token"),
    Mutant("who: a hidden report is told", "moderation/items/queries.py",
           "reports = reports_visible(reader).filter(item=OuterRef", "reports = Report.objects.filter(item=OuterRef",
           "tests/console/identity/test_partition_counts.py -k report"),
    Mutant("who: a simulation counts the partition", "moderation/evidence/store.py",
           "return population if keep.all() else population.select(keep)", "return population",
           "tests/console/identity/test_partition_counts.py -k simulation_does_not"),
    Mutant("who: home counts work on hidden items", "moderation/review/queries.py",
           "lambda: _backlog(messages_visible(user), jobs_visible(user)),", "backlog,",
           "tests/console/identity/test_partition_walk.py -k otherwise"),
    Mutant("who: a draft on what became restricted is read", "moderation/review/drafts.py",
           "job__in=jobs_visible(actor).filter(pk=job.pk)", "job=job", "tests/moderation/review/test_drafts.py -k restricted"),
    Mutant("who: anybody keeps a draft on anybody's job", "moderation/review/drafts.py",
           "if not _has_had(actor, job):", "if False:", "tests/moderation/review/test_drafts.py -k never_had"),
    Mutant("what arrives late is a draft of what was decided", "moderation/review/drafts.py",
           "if _is_decided_by(actor, job) or typed ==", "if typed ==", "tests/moderation/review/test_drafts.py -k arrives"),
    Mutant("a draft outlives its decision", "moderation/review/leases.py",
           "    drafts_settle(actor=actor, item=item)\n", "", "tests/moderation/review/test_drafts.py -k same_transaction"),
    Mutant("a clearing decision acts at once", "moderation/review/waiting.py",
           "if not settings.CLEARING_WAITS_SECONDS or not widens(item, verdict, now):", "if True:",
           "tests/moderation/review/test_waiting.py"),
    Mutant("a clearing decision is made on lists of then", "moderation/review/waiting.py",
           "mark = _look_again(WaitingDecision.objects.get(pk=pk))", "mark = lists_mark()", "tests/moderation/review/test_waiting.py"),
    Mutant("one person asks for a wide act and confirms it", "moderation/wide/acts.py",
           "if act.asked_by_id == actor.pk:", "if False:", "tests/moderation/wide"),
    Mutant("who: a stranger's report hides an item", "moderation/reports/service.py",
           "job_unconfirmed if is_gravest and not item.is_restricted else job_open", "job_open", "tests/moderation/reports/test_reports.py"),
    Mutant("who: whoever reads the feed may ask why", "feed/api/views.py",
           '{"GET": "feed:explain"}', '{"GET": "feed:read"}', "tests/feed/test_feed_api.py -k explain"),
    Mutant("who: an expired key works", "console/api/authentication.py",
           "AND (expires_at IS NULL OR expires_at > clock_timestamp())", "", "tests/console/pages/keys/test_keys.py -k expires"),
    Mutant("who: the old key of a rotation goes on", "console/identity/api_keys.py",
           'old.save(update_fields=["expires_at"])', "pass", "tests/console/pages/keys/test_keys.py -k overlap"),
    Mutant("who: every call writes the last use", "console/api/authentication.py",
           "if key.last_used_at is not None and key.last_used_at > before:", "if False:", "tests/console/pages/keys/test_keys.py -k last_use"),
    Mutant("who: a session of before the second factor goes on", "console/identity/second_factor.py",
           "has_shown(request, user, since=since) else _SHOW", "True else _SHOW", "tests/console/identity/test_second_factor.py -k before"),
    Mutant("who: one of before the present second factor counts", "console/identity/second_factor.py",
           'and record["at"] >= since.timestamp()', "", "tests/console/identity/test_second_factor.py -k does_not_count"),
    Mutant("who: the password shows recovery codes", "console/identity/second_factor.py",
           'OPEN_TO_SHOW = _LEAVE | {', 'OPEN_TO_SHOW = _LEAVE | {"mfa_view_recovery_codes", ',
           "tests/console/identity/test_second_factor.py -k the_password"),
    Mutant("who: setting a second factor up leaves other sessions", "console/identity/second_factor.py",
           "sessions_end(user, but=self.request.session.session_key)", "pass",
           "tests/console/identity/test_second_factor.py -k other_sessions"),
    Mutant("who: nobody needs a second factor", "console/identity/second_factor.py",
           "return _SET_UP if needs_one and name not in OPEN_TO_SET_UP else", "return",
           "tests/console/identity/test_second_factor.py -k only_the_pages"),
    Mutant("who: a page left open keeps a session", "console/identity/session_life.py",
           "or POLL_HEADER not in request.headers", "or True", "tests/console/identity/test_session_life.py -k by_itself"),
    Mutant("who: guessing is free while Redis is away", "console/degrading_cache.py",
           "_FORGETS if str(key).startswith(_NOT_KEPT) else self._own", "_FORGETS", "tests/console/edge/test_redis_away.py -k guessing"),
    # 8 audit without gaps
    Mutant("8 a history that a process renewed is in no row", "moderation/migrations/0030_audit_histories.py",
           "AFTER INSERT OR UPDATE ON moderation_history", "AFTER INSERT ON moderation_history",
           "tests/moderation/db/test_histories.py -k audit_log"),
    Mutant("8 a temporary table takes audit rows", "console/database.py",
           "OR starts_with(p.proname, 'gatehouse_')", "", "tests/console/setup/test_database_roles.py -k takes_no_audit_row"),
    Mutant("8 a table is not watched", "console/migrations/0005_audit_every_table.py",
           'CREATE = [_create(table, "gatehouse_audit_row", arguments) for table, arguments in ROWS.items()]',
           'CREATE = [_create(t, "gatehouse_audit_row", a) for t, a in ROWS.items() if t != "console_apikey"]',
           "tests/console/identity/test_audit_accounts.py -k keys_issued"),
    Mutant("8 memberships are not told", "moderation/migrations/0025_audit_every_table.py",
           "PERFORM gatehouse_audit('user.role_' || verb", "PERFORM ('user.role_' || verb",
           "tests/console/identity/test_audit_accounts.py -k roles_given"),
    Mutant("8 the database is not told who acts", "moderation/audit/actors.py",
           "return who() if who else _process", "return _process", "tests/console/identity/test_audit_accounts.py -k admin_site"),
    Mutant("8 an actor outlives their transaction", "moderation/audit/actors.py",
           "set_config('gatehouse.actor', %s, true)", "set_config('gatehouse.actor', 'somebody' || left(%s, 0), false)",
           "tests/console/identity/test_audit_accounts.py -k told_to_the_database"),
    Mutant("8 e-mail addresses are told", "console/migrations/0005_audit_every_table.py",
           '"verified,primary"', '"verified,primary,email"', "tests/console/identity/test_audit_accounts.py -k addresses"),
    Mutant("8 what was typed as a name is stored", "console/identity/sign_ins.py",
           'told = "unknown:" + salted_hmac(', 'told = "unknown:" + name or salted_hmac(',
           "tests/console/identity/test_audit_accounts.py -k keyed_hash"),
    Mutant("8 each refusal of a flood is a row", "console/identity/sign_ins.py",
           "< MAX_UNKNOWN else _OTHERS", "< 10**9 else _OTHERS", "tests/console/identity/test_audit_accounts.py -k flood"),
    Mutant("8 looks leave no row", "console/pages/looks.py",
           'if job_hides_media(job) and may_know(user):', 'if False and may_know(user):', "tests/console/identity/test_audit_looks.py"),
    Mutant("8 each range is a look", "console/pages/looks.py",
           "LOOK_SECONDS = 300", "LOOK_SECONDS = 0.001", "tests/console/identity/test_audit_looks.py -k once_however"),
    Mutant("8 leases end unseen", "moderation/review/leases.py",
           "    for job in jobs:\n        holder_name", "    for job in ():\n        holder_name",
           "tests/console/identity/test_audit_looks.py -k lease"),
    Mutant("8 a restricted item is named in the batch's row", "moderation/decisions/clearances.py",
           'object_type="item", object_key=external_id', 'object_type="clearances", object_key=external_id',
           "tests/console/identity/test_audit_looks.py -k clearances"),
    Mutant("8 steps of versions leave no row", "moderation/migrations/0025_audit_every_table.py",
           "CREATE TRIGGER gatehouse_audit AFTER INSERT ON policies_approval",
           "CREATE TRIGGER gatehouse_nothing AFTER DELETE ON policies_approval",
           "tests/console/identity/test_audit_looks.py -k step"),
    Mutant("8 kinds nobody declared are shown to all", "moderation/items/visibility.py",
           "Q(object_type__in=AUDIT_OPEN)\n", "~Q(object_type__in=AUDIT_ASKED)\n", "tests/console/pages/audit/test_audit.py -k declared"),
    Mutant("8 a service forgets its row", "moderation/domains/service.py",
           '    _audit(actor, "domain.retired", row)', "    pass", "tests/console/identity/test_audit_walk.py -k every_act"),
    # limits that hold by default
    Mutant("limits an address takes any body", "console/api/limits.py",
           "if length <= DEFAULT_BODY_BYTES:\n        return None", "return None",
           "tests/console/edge/test_slow_clients.py -k strangers_large_body"),
    Mutant("limits a stranger may send what a view grants", "console/edge/application.py",
           "if length > DEFAULT_BODY_BYTES and not await", "if False and not await",
           "tests/console/edge/test_slow_clients.py -k strangers_large_body"),
    Mutant("limits a method that is not there opens an address", "console/edge/callers.py",
           "if asked.auth is None:", "if False:", "tests/console/edge/test_slow_clients.py -k a_method_that"),
    Mutant("limits a body may take for ever", "console/edge/bodies.py",
           "async with asyncio.timeout(seconds_for(length)):", "async with asyncio.timeout(None):",
           "tests/console/edge/test_slow_clients.py -k too_slowly"),
    Mutant("limits slow bodies hold threads", "console/server.py",
           '"console.rsgi:application"', '"console.wsgi:application"',
           "tests/console/edge/test_slow_clients.py -k demo_starts"),
    Mutant("limits health waits with all others", "console/edge/application.py",
           "if is_health(environ):", "if False:", "tests/console/edge/test_slow_clients.py -k health_answers"),
    Mutant("limits health is made once for each name", "console/edge/health.py",
           'path = environ["PATH_INFO"]\n        waiting = self._next.get(path)',
           'path = environ["PATH_INFO"]\n        waiting = self._next.get(environ["HTTP_HOST"])',
           "tests/console/edge/test_edge.py -k made_once"),
    Mutant("limits an ended session sends large bodies", "console/edge/callers.py",
           "or session_is_over(request.session, time.time())", "", "tests/console/edge/test_edge.py -k is_over"),
    Mutant("limits a session without its second factor sends large bodies", "console/edge/callers.py",
           "or hold_at(request, user, match.view_name)", "", "tests/console/edge/test_edge.py -k second_factor"),
    Mutant("limits silent readers keep their places", "console/pages/media/streams.py",
           "slowest.paid_until > time.monotonic()", "True", "tests/console/pages/media/test_streams.py"),
    Mutant("limits a byte pays for an hour", "console/pages/media/streams.py",
           "min(self.paid_until + n_bytes", "min(time.monotonic() + n_bytes", "tests/console/pages/media/test_streams.py -k slowest"),
    Mutant("limits an abandoned body stays", "console/edge/bodies.py",
           "tempfile.TemporaryFile(dir=self.folder)", "tempfile.NamedTemporaryFile(dir=self.folder, delete=False)",
           "tests/console/edge/test_slow_clients.py -k go_away"),
    Mutant("limits chunks are read", "console/api/limits.py",
           'if environ.get("HTTP_TRANSFER_ENCODING"):', "if False:", "tests/console/edge/test_slow_clients.py -k chunks"),
    # untrusted text into parsers
    Mutant("text aliases are followed", "policies/document/yaml_form.py",
           "if isinstance(event, yaml.AliasEvent) or event.anchor is not None:", "if False:",
           "tests/policies/document/test_yaml_form.py -k bounded_message"),
    Mutant("text depth is not bounded", "policies/document/yaml_form.py",
           "if len(self.stack) >= MAX_DEPTH and", "if False and", "tests/policies/document/test_yaml_form.py -k bounded_message"),
    Mutant("text messages repeat all", "policies/errors.py",
           "return text if len(text) <= length else", "return text if True else", "tests/policies/document/test_yaml_form.py"),
    Mutant("text surrogates pass", "policies/untrusted.py",
           'return "It holds half of a surrogate pair, which is no character."', 'return ""',
           "tests/policies/test_untrusted.py"),
    Mutant("text parameters are not looked at", "console/strict_text.py",
           'if _has_fault(request.META.get("QUERY_STRING", "")):', "if False:",
           "tests/console/api/test_strict_text.py -k parameters"),
    Mutant("text forms are not looked at", "console/strict_text.py",
           "if any(map(text_fault, texts)):", "if False:", "tests/console/api/test_strict_text.py -k a_form_with"),
    Mutant("numbers of every script", "policies/untrusted.py",
           'r"[0-9]{1,19}"', 'r"\\s*[+]?\\d[\\d_]{0,18}"', "tests/policies/test_untrusted.py"),
)  # fmt: skip


#: Faults that random sequences must find without being told where to look.
SEQUENCES = (
    "10 milder without a scan of now", "10 what stood once stands", "10 terms are not looked for in what is stored",
    "10 nobody looks a second time", "10 other hard evidence is no news", "6 an old page decides an item",
    "6 what is on the page is not stored as seen",
)  # fmt: skip
#: So many sequences at most for one fault.
N_SEQUENCES = 300
_SEQUENCE = re.compile(r"\bs(\d+)-\d+\b")


def main() -> int:
    """Try every mutant; return 1 when one survives."""
    names = [argument for argument in sys.argv[1:] if argument != "--sequences"]
    wanted = names[0] if names else ""
    by_sequences = "--sequences" in sys.argv[1:]
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="gh-mutants-") as folder:
        copy = Path(folder) / "copy"
        _copy(copy)
        for mutant in MUTANTS:
            if wanted in mutant.name and (not by_sequences or mutant.name in SEQUENCES):
                survivors += not (_is_found(mutant, copy) if by_sequences else _is_killed(mutant, copy))
    return 1 if survivors else 0


def _copy(copy: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    files = listed.stdout.splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    copy.parent.chmod(0o711)


def _is_killed(mutant: Mutant, copy: Path) -> bool:
    began = time.monotonic()
    done = _run_with(mutant, copy, shlex.split(mutant.tests), {})
    if done is None:
        return False
    killer = next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
    is_killed = done.returncode == 1 and bool(killer)
    _say(
        f"{'killed  ' if is_killed else 'SURVIVED'}  {mutant.name}  ({time.monotonic() - began:.0f} s)  {killer[:110]}"
    )
    return is_killed


def _is_found(mutant: Mutant, copy: Path) -> bool:
    """Count the sequences until the fault is found: items carry the number of theirs in their name."""
    began = time.monotonic()
    settings = {"SOAK_SEQUENCES": str(N_SEQUENCES), "SOAK_COUNT": "1"}
    done = _run_with(mutant, copy, ["tests/standing/test_what_stands.py"], settings)
    if done is None:
        return False
    numbers = [int(number) for number in _SEQUENCE.findall(done.stdout)]
    is_found = done.returncode == 1 and bool(numbers)
    told = f"found by sequence {max(numbers) + 1}" if is_found else f"NOT FOUND by {N_SEQUENCES} sequences"
    _say(f"{told}  {mutant.name}  ({time.monotonic() - began:.0f} s)")
    return is_found


def _run_with(
    mutant: Mutant, copy: Path, tests: list[str], settings: dict[str, str]
) -> subprocess.CompletedProcess[str] | None:
    """Run tests with a line taken away; None where the line is not there."""
    file = copy / mutant.file
    text = file.read_text()
    if text.count(mutant.old) < 1:
        _say(f"GONE      {mutant.name}: the line is not in {mutant.file} any more; mend this list")
        return None
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, **settings}
        return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    finally:
        file.write_text(text)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
