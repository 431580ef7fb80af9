"""Takes away, one at a time, the lines that hold invariants 1 to 7 and 10 and the audit log, and insists that a test fails each time.

`python tools/mutants.py [NAME]`. Works on a copy; the tests are those named here, so that a mutant that survives says which
promise nobody checks. Prints a table and exits 1 when one survives.
"""

from __future__ import annotations

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
    Mutant("1 a late detector counts as silent", "moderation/ensemble.py",
           'return _missing(detector, "late", "no answer within the deadline")',
           "return Result(detector.name, detector.version)", "tests/moderation/test_ensemble.py"),
    Mutant("1 a detector that never ran is not missing", "moderation/judge.py",
           'why = dict.fromkeys(DETECTORS, "pending")', "why: dict[str, str] = {}",
           "tests/moderation/test_deep_pass.py -k held_and_then_cleared"),
    Mutant("1 a stale gate still admits", "moderation/gate.py",
           'general = "stale" if is_stale else "history" if', 'general = "history" if',
           "tests/moderation/test_gate_rules.py tests/moderation/test_gate_follow.py"),
    Mutant("1 an unknown age is an adult", "policies/choices.py",
           "return Band.UNDER_13", "return Band.ADULT", "tests/feed tests/moderation/test_gate_rules.py -k age"),
    # 2 monotone
    Mutant("2 the least restrictive rule wins", "policies/decide.py",
           "np.maximum(rank, policy.context_rank.take(context), out=rank)",
           "np.minimum(rank, policy.context_rank.take(context), out=rank)",
           "tests/policies/test_decide_properties.py tests/policies/test_golden_corpus.py"),
    Mutant("2 fusion keeps the last score", "moderation/fusion.py",
           "scores[i] = max(scores[i], finding.score)", "scores[i] = finding.score", "tests/moderation/test_fusion.py"),
    # 3 one door
    Mutant("3 anybody makes a Cleared token", "moderation/gate.py",
           'if mint is not _MINT:\n            raise TypeError("Only the gate makes Cleared tokens.")', "pass",
           "tests/moderation/test_gate_rules.py"),
    Mutant("3 the serialiser takes anything", "moderation/gate.py",
           'if type(token) is not Cleared or getattr(token, "_seal", None) is not _MINT:', "if False:",
           "tests/moderation/test_gate_rules.py tests/feed"),
    # 4 a decision is for ever
    Mutant("4 evidence is stored without its hard part", "moderation/judge.py",
           '"hard": hard,', '"hard": {},', "tests/moderation/test_decisions.py"),
    Mutant("4 decisions may be changed", "moderation/migrations/0001_create_record.py",
           "operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1e4fd'",
           "operation='DELETE', pgid='pgtrigger_append_only_1e4fd'",
           "tests/moderation/test_decisions.py -k history"),
    Mutant("4 a clearance may go beyond its decision", "moderation/migrations/0001_create_record.py",
           "d.outcome <= 1", "d.outcome <= 9", "tests/moderation/test_decisions.py -k beyond"),
    # 10 what stands is judged by what is in force
    Mutant("10 milder without a scan of now", "moderation/services/decisions.py",
           "if is_wider(judgement, current) and judgement.lists != lists_mark():", "if False:",
           "tests/standing/test_list_changes.py -k nobody_noted"),
    Mutant("10 many are made milder without a scan", "moderation/services/activation.py",
           "changes, other = self._confirmed(plan.changes)", "changes, other = plan.changes, ()",
           "tests/moderation/test_activation.py -k widened"),
    Mutant("10 what stood once stands", "moderation/services/decisions.py",
           "if current.evidence_digest == judgement.digest:",
           "if Decision.objects.filter(item_id=current.item_id, evidence_digest=judgement.digest, actor=None).exists():",
           "tests/standing/test_list_changes.py -k again_stops_again"),
    Mutant("10 terms are not looked for in what is stored", "moderation/services/list_scan.py",
           '_OF_LISTS = frozenset({"terms", "hashes", "frames", "links"})', "_OF_LISTS: frozenset[str] = frozenset()",
           "tests/standing/test_list_changes.py -k two_terms"),
    Mutant("10 nobody looks a second time", "moderation/services/list_changes.py",
           "_stored().filter(stored_evidence__txid__gte=change.since_txid)", "_stored().none()",
           "tests/standing/test_list_changes.py -k three_uploaders"),
    Mutant("10 the second look does not wait", "moderation/services/list_changes.py",
           "if not ended_before(mark_now(), wait_seconds=SETTLED_AFTER_SECONDS):", "if False:",
           "tests/standing/test_list_changes.py -k second_look"),
    Mutant("10 an old verdict is stored", "moderation/services/intake.py",
           "return time.monotonic() - self.at > JUDGEMENT_MAX_SECONDS", "return False",
           "tests/standing/test_list_changes.py -k too_long"),
    Mutant("10 an expired clearance is never judged again", "moderation/services/clearances.py",
           "message_add(topic=TOPIC_RENEW, item=clearance.item, rank_at=now)", "pass",
           "tests/standing/test_list_changes.py -k expired"),
    Mutant("10 other hard evidence is no news", "moderation/judge.py",
           'return is_harder or not set(found.get("hard_by", ())) <= set(known.get("hard_by", ()))', "return is_harder",
           "tests/standing/test_list_changes.py -k person_saw"),
    Mutant("10 a wave takes down what was there before", "moderation/services/campaign_watch.py",
           "return [(pk, creator) for pk, creator in alike if pk not in apart]", "return list(alike)",
           "tests/moderation/test_campaigns.py -k strangers_copied"),
    # 5 nothing is lost
    Mutant("5 no promise of a deep pass", "moderation/services/intake.py",
           "message_on_arrival(topic=TOPIC_EXAMINE, item=item, rank_at=rank_of(item.creator, now), available_at=now)", "pass", "tests/moderation/test_deep_pass.py -k held_and_then_cleared"),
    Mutant("5 a message is done when it begins", "moderation/services/outbox.py",
           "row.state = State.DEAD if is_dead else State.PENDING", "row.state = State.DONE",
           "tests/moderation/test_deep_pass.py -k dead_letter"),
    Mutant("5 an expired lease stays", "moderation/services/jobs.py",
           "lease_expires_at__lte=now)", "lease_expires_at__lte=now - timedelta(days=999))",
           "tests/moderation/test_jobs.py -k expired"),
    # 6 one job, one reviewer
    Mutant("6 claims do not lock", "moderation/services/jobs.py",
           "LIMIT 1 FOR UPDATE SKIP LOCKED", "LIMIT 1", "tests/moderation/test_jobs.py -k many_claims"),
    Mutant("6 anybody decides with the token", "moderation/services/jobs.py",
           "and job.lease_holder_id == actor.pk", "", "tests/moderation/test_jobs.py -k another_persons"),
    # 6 every person's verdict names what their page showed
    Mutant("6 an old page decides an item", "moderation/services/decisions.py",
           "if basis is None or expected_decision != basis.token:", "if basis is None:",
           "tests/console/test_outdated_pages.py -k old_page"),
    Mutant("6 an old page decides a campaign", "moderation/services/campaigns.py",
           "if expected_decision != campaign_basis_of(campaign).token:", "if False:",
           "tests/console/test_outdated_pages.py -k old_page"),
    Mutant("6 a report is not part of what is named", "moderation/basis.py",
           'f"{self.n_reports:x}", self._hard_part', '"0", self._hard_part', "tests/moderation/test_named_decisions.py -k report"),
    Mutant("6 who joined is not part of what is named", "moderation/basis.py",
           'return f"{self.newest}-{self.n_members:x}-', 'return f"0-0-',
           "tests/moderation/test_named_decisions.py -k joined"),
    Mutant("6 what is on the page is not stored as seen", "moderation/basis.py",
           "    if basis.hard:", "    if False:", "tests/console/test_outdated_pages.py -k counts_as_seen"),
    Mutant("6 a second word of a category is not part of what is named", "moderation/basis.py",
           "return bool(self.hard or self.hard_by)", "return bool(self.hard)",
           "tests/standing/test_what_people_saw.py -k came_into_force"),
    Mutant("6 hard evidence that changes nothing leaves the lease", "moderation/services/decisions.py",
           "_store_findings(current, judgement)\n        leases_take(item=item, why=HARD_EVIDENCE)",
           "_store_findings(current, judgement)", "tests/standing/test_what_people_saw.py -k changes_nothing"),
    Mutant("10 a person's age outweighs hard evidence", "moderation/judge.py",
           "return judgement.outcome.is_servable and more", "return False",
           "tests/standing/test_what_people_saw.py -k restricts_to_more"),
    Mutant("5 what was passed on is lost", "moderation/services/decisions.py",
           "if theirs.outcome == Outcome.ESCALATE:", "if False:",
           "tests/standing/test_what_people_saw.py -k passed_on"),
    Mutant("5 machines answer reports", "moderation/services/job_opening.py",
           "JOIN moderation_report r ON r.job_id = j.id", "JOIN moderation_report r ON false",
           "tests/standing/test_what_people_saw.py -k a_report"),
    Mutant("6 a job's page is named after it was read", "console/views/jobs.py",
           "return basis_from(page.item), page", "return basis_of(jobs__key=key) or basis_from(page.item), page",
           "tests/console/test_outdated_pages.py -k put_together"),
    Mutant("6 hard evidence leaves the lease", "moderation/services/decisions.py",
           "if is_overtaken:", "if False:", "tests/console/test_outdated_pages.py -k takes_the_job"),
    Mutant("6 nobody knows from whom a job was taken", "moderation/migrations/0026_name_the_decision.py",
           "NEW.taken_from_id := OLD.lease_holder_id;", "NULL;",
           "tests/moderation/test_named_decisions.py -k whatever_statement"),
    # 7 revocation is fast and ordered
    Mutant("7 the gate follows from the newest transaction", "moderation/gate_source.py",
           '_XMIN = "pg_snapshot_xmin(', '_XMIN = "pg_snapshot_xmax(',
           "tests/moderation/test_gate_follow.py"),
    Mutant("7 the stream's next is the last row", "moderation/gate.py",
           "self._marks[0].before_xid <= (self._xmin or 0)", "True", "tests/moderation/test_gate_follow.py"),
    # histories: what was read before a restore does not count
    Mutant("H a restored table is taken for the former one", "moderation/histories.py",
           "b.oid, ({_FILES})) AS history_signs", "b.oid) AS history_signs",
           "tests/moderation/test_histories.py -k emptied_or_made_anew"),
    Mutant("H a counter may go back", "moderation/histories.py",
           "return self.drawn < before.drawn or self.flushed < before.flushed", "return False",
           "tests/moderation/test_gate_rules.py tests/moderation/test_histories.py -k another_history"),
    Mutant("H nobody is told that a counter went back", "moderation/gate.py",
           "self._source.renew(history)", "pass", "tests/moderation/test_gate_rules.py"),
    Mutant("H the view of another history is kept until the new one stands", "moderation/gate.py",
           "self._columns, self._version = Columns(), self._version + 1", "self._version += 1",
           "tests/moderation/test_gate_rules.py"),
    Mutant("H a new connection reads only what changed", "moderation/gate.py",
           "        self._xmin = None\n        if self._is_other(history):", "        if self._is_other(history):",
           "tests/moderation/test_gate_rules.py"),
    Mutant("H what was chosen in another history passes", "moderation/gate.py",
           '"history" if history not in {None, self.history} else ""', '""', "tests/moderation/test_gate_rules.py"),
    Mutant("H a client of another history is not told", "moderation/gate.py",
           "if (since or history) and history != now.id:", "if history and history != now.id:", "tests/feed/test_restores.py"),
    Mutant("H a client ahead of the stream is not told", "moderation/gate.py",
           "if since > now.drawn:", "if False:", "tests/feed/test_restores.py"),
    Mutant("H the shelf of another history is shown", "feed/pipeline.py",
           "if place.history == history]", "]", "tests/feed/test_restores.py"),
    Mutant("H captions of another history are shown", "feed/hydrators.py",
           "now, history = time.monotonic(), gate.current().history", 'now, history = time.monotonic(), ""',
           "tests/feed/test_restores.py"),
    Mutant("H features of another history stay", "feed/index.py",
           "if granted.history != self._history:", "if False:", "tests/feed/test_restores.py"),
    Mutant("H banks of another history still match", "moderation/bank_follower.py",
           "self.view, self._mark, self._checked_at = _NOTHING_YET, None, -math.inf", "pass",
           "tests/moderation/test_histories.py -k banks"),
    # the record cannot be undone by the application
    Mutant("R the application may do what triggers forbid", "console/database.py",
           "forbidden |= {str(operation) for operation in trigger.operation}", "pass",
           "tests/console/test_database_roles.py"),
    Mutant("R a session switches triggers off", "console/database.py",
           "cursor.execute(_SHOULD_IGNORE)", "pass", "tests/console/test_database_roles.py -k session"),
    Mutant("R a temporary table leads a trigger astray", "console/database.py",
           'cursor.execute(f"ALTER FUNCTION {signature} SET search_path = public, pg_temp")', "pass",
           "tests/console/test_database_roles.py -k temporary"),
    Mutant("R a clearance outlives its decision", "moderation/migrations/0023_keep_clearances_current.py",
           "c.is_granted\\n            AND (i.current_decision_id", "false\\n            AND (i.current_decision_id",
           "tests/moderation/test_clearance_is_current.py"),
    Mutant("R a former decision is granted on", "moderation/migrations/0023_keep_clearances_current.py",
           "AND c.revision = NEW.revision AND c.is_granted", "AND false",
           "tests/moderation/test_clearance_is_current.py"),
    Mutant("R two writers break it together", "moderation/migrations/0023_keep_clearances_current.py",
           "i.withdrawn_at IS NULL FOR SHARE;", "i.withdrawn_at IS NULL;",
           "tests/moderation/test_clearance_is_current.py -k two_writers"),
    # 10 bytes follow the clearance
    Mutant("10 the gate is not asked for bytes", "console/views/media.py",
           "if ticket is None or file is None or not _is_cleared(ticket, file):", "if ticket is None or file is None:",
           "tests/console/test_media_clearance.py -k 'restriction_above or expires'"),
    Mutant("10 bytes are asked for as an adult", "console/views/media.py",
           "gate.current().why_not(file.item_id, ticket.viewer, now)",
           'gate.current().why_not(file.item_id, gate.Viewer(gate.Band.ADULT, "FR"), now)',
           "tests/console/test_media_clearance.py -k 'leaves_it or random or gate_does'"),
    Mutant("10 an answer under way goes on", "moderation/media/sending.py",
           "if not self._left or not self.may_go_on():", "if not self._left:",
           "tests/console/test_media_clearance.py -k under_way"),
    Mutant("10 what a browser keeps is not asked for", "console/views/media.py",
           '_ASK_AGAIN = "private, no-cache"', '_ASK_AGAIN = "private, max-age=600"', "tests/console/test_media.py -k keeps"),
    Mutant("10 an address lives for ever", "moderation/media_urls.py",
           "return ticket if now < ticket.ends_at else None", "return ticket", "tests/console/test_media.py -k lives"),
    Mutant("10 anybody signs an address", "moderation/media_urls.py",
           "return any(hmac.compare_digest(mac, _mac(says, str(secret))) for secret in secrets)", "return True",
           "tests/console/test_media.py -k letter"),
    Mutant("10 people load what they may not open", "console/access.py",
           "if item is None or not (may(user, EXPLORE) or _holds_job_of(user, item)):", "if item is None:",
           "tests/console/test_media_reviewers.py -k lease"),
    Mutant("10 restricted bytes go to every reviewer", "console/access.py",
           "item = selectors.items_search(user).filter(key=key).first()\n    if item is None or not (",
           "item = Item.objects.filter(key=key).first()\n    if item is None or not (",
           "tests/console/test_media_reviewers.py -k partition_only"),
    Mutant("10 restricted files stay where they were", "moderation/migrations/0021_move_restricted_media.py",
           "AND c.is_child_safety) THEN", "AND false) THEN", "tests/moderation/test_media_keys.py -k whoever"),
    Mutant("10 a moved file leaves its old object", "moderation/services/media_keys.py",
           'for key, sha256 in message.payload.get("left", {}).items():', "for key, sha256 in ():",
           "tests/moderation/test_media_keys.py -k each_file"),
    Mutant("10 an object that a twin names is removed", "moderation/services/media_keys.py",
           "if not any(model.objects.filter(sha256=sha256, storage_key=key).exists() for model in (MediaFile, DerivedFile)):",
           "if True:", "tests/moderation/test_media_keys.py -k another_row"),
    Mutant("10 an upload brings moved bytes back", "moderation/services/intake.py",
           "if keys[role] != upload.storage_key:", "if False:", "tests/moderation/test_media_keys.py -k same_bytes"),
    # what starts, and what decoders reach
    Mutant("config a published secret starts", "console/checks.py",
           "any(part in key.lower() for part in _PUBLISHED_PARTS)", "False", "tests/console/test_configuration.py -k hint"),
    Mutant("config a silenced check lets serve", "moderation/serving.py",
           "if message.is_serious()]", "if message.is_serious() and not message.is_silenced()]",
           "tests/console/test_configuration.py -k silencing"),
    Mutant("config an unknown environment is taken", "console/env.py",
           "if value not in known:", "if False:", "tests/console/test_configuration.py -k unknown_environment"),
    Mutant("config secrets have a default", "console/settings.py",
           'if _is_test else None,\n    example="the', 'if True else None,\n    example="the',
           "tests/console/test_configuration.py -k has_a_default"),
    Mutant("config production is given the demo's settings", "console/command_line.py",
           'if said not in {None, "", "demo"}:', "if False:", "tests/console/test_configuration.py -k another_instance"),
    Mutant("config a database role is not looked at", "console/checks.py",
           "if any(rights):", "if False:", "tests/console/test_configuration.py -k superuser"),
    Mutant("config logs are for everybody", "console/supervisor.py",
           "os.fchmod(descriptor, 0o600)", "pass", "tests/console/test_start.py -k logs_are"),
    Mutant("sandbox Landlock is not entered", "moderation/media/confinement.py",
           "libc.syscall(_RESTRICT_SELF, rules, 0) == 0", "True", "tests/moderation/test_media_confinement.py -k nothing_of_ours"),
    Mutant("sandbox sockets are let pass", "moderation/media/syscalls.py",
           '"socket": (41, 198),', "", "tests/moderation/test_media_confinement.py -k socket"),
    Mutant("sandbox the owner's variables are inherited", "moderation/media/confined.py",
           "env=child_environment(),", "env={**os.environ, **child_environment()},",
           "tests/moderation/test_media_confinement.py -k inherits"),
    Mutant("sandbox decoding goes on without", "moderation/media/child.py",
           'if terms["is_required"] and not held.is_whole:', "if False:",
           "tests/moderation/test_media_confinement.py -k nothing_is_decoded"),
    Mutant("sandbox stills wait for no memory", "moderation/media/budget.py",
           "self._changed.wait_for(lambda: self._n_used + n_bytes <= self.n_bytes)", "pass",
           "tests/moderation/test_media_stills.py -k waits_until"),
    Mutant("config the reconciler forgets what it did", "moderation/services/reconcile.py",
           "return sum(", "return 0 * sum(", "tests/moderation/test_reconcile.py"),
    # who may know and do
    Mutant("who: the partition goes by a name", "moderation/migrations/0024_restrict_by_flag.py",
           "WHERE c.slug = NEW.category AND c.is_child_safety", "WHERE c.slug = NEW.category AND c.slug = \\'child_safety\\'",
           "tests/console/test_visibility.py -k decision_alone"),
    Mutant("who: everybody sees the partition", "moderation/visibility.py",
           "Item.objects.all() if may_know(user) else Item.objects.filter(is_restricted=False)", "Item.objects.all()",
           "tests/console/test_visibility.py -k no_page"),
    Mutant("who: a stranger's report hides an item", "moderation/services/reports.py",
           "job_unconfirmed if is_gravest and not item.is_restricted else job_open", "job_open", "tests/moderation/test_reports.py"),
    Mutant("who: whoever reads the feed may ask why", "feed/api/views.py",
           '{"GET": "feed:explain"}', '{"GET": "feed:read"}', "tests/feed/test_feed_api.py -k explain"),
    Mutant("who: an expired key works", "console/api/authentication.py",
           "AND (expires_at IS NULL OR expires_at > clock_timestamp())", "", "tests/console/test_keys.py -k expires"),
    Mutant("who: the old key of a rotation goes on", "console/api_keys.py",
           'old.save(update_fields=["expires_at"])', "pass", "tests/console/test_keys.py -k overlap"),
    Mutant("who: every call writes the last use", "console/api/authentication.py",
           "if key.last_used_at is not None and key.last_used_at > before:", "if False:", "tests/console/test_keys.py -k last_use"),
    Mutant("who: a session of before the second factor goes on", "console/second_factor.py",
           "if not has_shown(request, user):", "if False:", "tests/console/test_second_factor.py -k before"),
    Mutant("who: nobody needs a second factor", "console/second_factor.py",
           "if not has_one(user):", "if False:", "tests/console/test_second_factor.py -k only_the_pages"),
    Mutant("who: a page left open keeps a session", "console/session_life.py",
           "or POLL_HEADER not in request.headers", "or True", "tests/console/test_session_life.py -k by_itself"),
    Mutant("who: guessing is free while Redis is away", "console/cache.py",
           "_FORGETS if str(key).startswith(_NOT_KEPT) else self._own", "_FORGETS", "tests/console/test_redis_away.py -k guessing"),
    # 8 audit without gaps
    Mutant("8 a table is not watched", "console/migrations/0005_audit_every_table.py",
           'CREATE = [_create(table, "gatehouse_audit_row", arguments) for table, arguments in ROWS.items()]',
           'CREATE = [_create(t, "gatehouse_audit_row", a) for t, a in ROWS.items() if t != "console_apikey"]',
           "tests/console/test_audit_accounts.py -k keys_issued"),
    Mutant("8 memberships are not told", "moderation/migrations/0025_audit_every_table.py",
           "PERFORM gatehouse_audit('user.role_' || verb", "PERFORM ('user.role_' || verb",
           "tests/console/test_audit_accounts.py -k roles_given"),
    Mutant("8 the database is not told who acts", "moderation/acting.py",
           "return who() if who else _process", "return _process", "tests/console/test_audit_accounts.py -k admin_site"),
    Mutant("8 an actor outlives their transaction", "moderation/acting.py",
           "set_config('gatehouse.actor', %s, true)", "set_config('gatehouse.actor', 'somebody' || left(%s, 0), false)",
           "tests/console/test_audit_accounts.py -k told_to_the_database"),
    Mutant("8 e-mail addresses are told", "console/migrations/0005_audit_every_table.py",
           '"verified,primary"', '"verified,primary,email"', "tests/console/test_audit_accounts.py -k addresses"),
    Mutant("8 what was typed as a name is stored", "console/sign_ins.py",
           'told = "unknown:" + salted_hmac(', 'told = "unknown:" + name or salted_hmac(',
           "tests/console/test_audit_accounts.py -k keyed_hash"),
    Mutant("8 each refusal of a flood is a row", "console/sign_ins.py",
           "< MAX_UNKNOWN else _OTHERS", "< 10**9 else _OTHERS", "tests/console/test_audit_accounts.py -k flood"),
    Mutant("8 looks leave no row", "console/looks.py",
           'if may(user, REVIEW_RESTRICTED) and (job.queue', 'if False and (job.queue', "tests/console/test_audit_looks.py"),
    Mutant("8 each range is a look", "console/looks.py",
           "LOOK_SECONDS = 300", "LOOK_SECONDS = 0.001", "tests/console/test_audit_looks.py -k once_however"),
    Mutant("8 leases end unseen", "moderation/services/jobs.py",
           "    for job in jobs:\n        holder_name", "    for job in ():\n        holder_name",
           "tests/console/test_audit_looks.py -k lease"),
    Mutant("8 a restricted item is named in the batch's row", "moderation/services/clearances.py",
           'object_type="item", object_key=external_id', 'object_type="clearances", object_key=external_id',
           "tests/console/test_audit_looks.py -k clearances"),
    Mutant("8 steps of versions leave no row", "moderation/migrations/0025_audit_every_table.py",
           "CREATE TRIGGER gatehouse_audit AFTER INSERT ON policies_approval",
           "CREATE TRIGGER gatehouse_nothing AFTER DELETE ON policies_approval",
           "tests/console/test_audit_looks.py -k step"),
    Mutant("8 kinds nobody declared are shown to all", "console/access.py",
           "Q(object_type__in=AUDIT_OPEN)\n", "~Q(object_type__in=AUDIT_ASKED)\n", "tests/console/test_audit.py -k declared"),
    Mutant("8 a service forgets its row", "moderation/services/domains.py",
           '    _audit(actor, "domain.retired", row)', "    pass", "tests/console/test_audit_walk.py -k every_act"),
    # limits that hold by default
    Mutant("limits an address takes any body", "console/api/limits.py",
           "if length <= DEFAULT_BODY_BYTES:\n        return None", "return None",
           "tests/console/test_slow_clients.py -k strangers_large_body"),
    Mutant("limits a stranger may send what a view grants", "console/edge/application.py",
           "if length > DEFAULT_BODY_BYTES and not await", "if False and not await",
           "tests/console/test_slow_clients.py -k strangers_large_body"),
    Mutant("limits a method that is not there opens an address", "console/edge/callers.py",
           "if asked.auth is None:", "if False:", "tests/console/test_slow_clients.py -k a_method_that"),
    Mutant("limits a body may take for ever", "console/edge/bodies.py",
           "async with asyncio.timeout(seconds_for(length)):", "async with asyncio.timeout(None):",
           "tests/console/test_slow_clients.py -k too_slowly"),
    Mutant("limits slow bodies hold threads", "console/server.py",
           '"console.rsgi:application"', '"console.wsgi:application"',
           "tests/console/test_slow_clients.py -k demo_starts"),
    Mutant("limits health waits with all others", "console/edge/application.py",
           'if environ["PATH_INFO"] in PATHS:', "if False:", "tests/console/test_slow_clients.py -k health_answers"),
    Mutant("limits an abandoned body stays", "console/edge/bodies.py",
           "tempfile.TemporaryFile(dir=self.folder)", "tempfile.NamedTemporaryFile(dir=self.folder, delete=False)",
           "tests/console/test_slow_clients.py -k go_away"),
    Mutant("limits chunks are read", "console/api/limits.py",
           'if environ.get("HTTP_TRANSFER_ENCODING"):', "if False:", "tests/console/test_slow_clients.py -k chunks"),
    # untrusted text into parsers
    Mutant("text aliases are followed", "policies/yaml_reading.py",
           "if isinstance(event, yaml.AliasEvent) or event.anchor is not None:", "if False:",
           "tests/policies/test_yaml_reading.py -k bounded_message"),
    Mutant("text depth is not bounded", "policies/yaml_reading.py",
           "if len(self.stack) >= MAX_DEPTH and", "if False and", "tests/policies/test_yaml_reading.py -k bounded_message"),
    Mutant("text messages repeat all", "policies/exceptions.py",
           "return text if len(text) <= length else", "return text if True else", "tests/policies/test_yaml_reading.py"),
    Mutant("text surrogates pass", "policies/untrusted.py",
           'return "It holds half of a surrogate pair, which is no character."', 'return ""',
           "tests/policies/test_untrusted.py"),
    Mutant("text parameters are not looked at", "console/strict_text.py",
           'if _has_fault(request.META.get("QUERY_STRING", "")):', "if False:",
           "tests/console/test_strict_text.py -k parameters"),
    Mutant("text forms are not looked at", "console/strict_text.py",
           "if any(map(text_fault, texts)):", "if False:", "tests/console/test_strict_text.py -k a_form_with"),
    Mutant("numbers of every script", "policies/untrusted.py",
           'r"[0-9]{1,19}"', 'r"\\s*[+]?\\d[\\d_]{0,18}"', "tests/policies/test_untrusted.py"),
)  # fmt: skip


def main() -> int:
    """Try every mutant; return 1 when one survives."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="gh-mutants-") as folder:
        copy = Path(folder) / "copy"
        _copy(copy)
        for mutant in MUTANTS:
            if wanted in mutant.name:
                survivors += not _is_killed(mutant, copy)
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
    file = copy / mutant.file
    text = file.read_text()
    if text.count(mutant.old) < 1:
        _say(f"GONE      {mutant.name}: the line is not in {mutant.file} any more; mend this list")
        return False
    began = time.monotonic()
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *shlex.split(mutant.tests)]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)  # noqa: S603
    finally:
        file.write_text(text)
    killer = next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
    is_killed = done.returncode == 1 and bool(killer)
    _say(
        f"{'killed  ' if is_killed else 'SURVIVED'}  {mutant.name}  ({time.monotonic() - began:.0f} s)  {killer[:110]}"
    )
    return is_killed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
