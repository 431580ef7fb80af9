"""The product as the random sequences drive it: its own services, workers' tasks done at once, and the oracle beside it."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any
from unittest import mock

import numpy as np
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from PIL import Image

from feed import index
from feed.home import slate
from moderation.banks import service as banks
from moderation.campaigns.service import campaign_apply, campaign_decide
from moderation.campaigns.watch import _join
from moderation.decisions.basis import basis_of, campaign_basis_of, evidence_seen
from moderation.decisions.record import item_overturn, item_withdraw
from moderation.deep.examine import item_examine
from moderation.detection.media.storage import save_upload
from moderation.detection.types import Picture
from moderation.domains import service as domains
from moderation.emergency import service as emergency
from moderation.enforcement.standing import creator_standing_set
from moderation.exceptions import DecisionChanged, UndoRefused
from moderation.gate import door as process_gate
from moderation.gate.door import Gate, Viewer
from moderation.intake.submit import Begun, Submission, UploadedMedia, item_begin, item_submit
from moderation.live import emergency_terms
from moderation.live.detectors import deep_detectors
from moderation.models import (
    Campaign,
    Clearance,
    Creator,
    Decision,
    DetectorResult,
    EmergencyTerm,
    HashBank,
    Item,
    Job,
    ListedDomain,
    OutboxMessage,
    WaitingDecision,
)
from moderation.models.decision import DecisionStage
from moderation.models.review import ACTIVE_JOB_STATES
from moderation.models.waiting import WaitingState
from moderation.outbox.promise import TOPIC_REEXAMINE
from moderation.rejudge.list_changes import (
    TOPIC_LOOK,
    TOPIC_SETTLE,
    NotSettledYet,
    list_change_look,
    list_change_settle,
)
from moderation.rejudge.service import items_judge_again
from moderation.reports.service import report_file
from moderation.review.undo import undo
from moderation.review.waiting import overturn_send, waiting_apply_due
from moderation.rollout.activation import activation_start, activations_resume
from policies import live as live_policies
from policies.choices import BAND_MIN_AGES, Band, ItemKind, Outcome, Standing
from policies.models import PolicyVersion
from tests.support.oracle import InForce, Thing, Word, hard_on, stands, waits_for_people

#: People's terms: made-up words that no other list has, and what they do.
TERMS = {
    "zorblax": Outcome.BLOCK, "quuxwort": Outcome.BLOCK, "vimplet": Outcome.ESCALATE, "grondle": Outcome.RESTRICT,
}  # fmt: skip
#: In the second version's own list.
OWN_TERM = "fribbet"
DOMAINS = ("evil-example.org", "worse-example.org")
#: File by name; the text in its picture.
FILES = {"plain": "", "known": "", "written": "quuxwort"}
CREATORS = ("ada", "ben")
BANDS = (Band.UNDER_13, Band.TEEN_13_15, Band.ADULT)
#: English beyond doubt, whatever words stand beside it.
_SENTENCE = "Baking bread with my grandmother on a rainy morning, before all of us walk to the market together"
_runs = count()


class Quiet:
    """A text classifier that finds nothing in anything, at once."""

    version = "quiet-1"
    languages = frozenset({"en"})

    def scores(self, text: str, language: str) -> Mapping[str, Any]:
        """Return nothing."""
        return {}

    def knows_words_of(self, text: str) -> bool:
        """Say yes."""
        return True


class Stage:
    """What all sequences of a test share: people, two versions, a bank, and files that machines have looked at."""

    def __init__(self, author: User, approver: User, versions: tuple[PolicyVersion, PolicyVersion]) -> None:
        self.author, self.approver, self.versions = author, approver, versions
        self.bank = banks.bank_upsert(actor="test", slug="known", category="violence", outcome=Outcome.BLOCK)
        self.files = {name: _stored(n) for n, name in enumerate(FILES)}
        for name, text in FILES.items():
            _looked_at(self.files[name], text)
        self.gate = Gate(max_age_seconds=600)


def _stored(n: int) -> UploadedMedia:
    """Return a small picture that is stored, and no other's near copy."""
    data = io.BytesIO()
    Image.new("RGB", (64, 64), (n * 80, 40, 200 - n * 80)).save(data, "PNG")
    data.seek(0)
    stored = save_upload(data)
    pdq = hashlib.sha256(bytes([n])).hexdigest()
    picture = Picture("media", stored.sha256, np.zeros((64, 64, 3), np.uint8), (pdq, 100))
    return UploadedMedia(stored.sha256, stored.key, "image/png", stored.n_bytes, 64, 64, None, picture)


def _looked_at(file: UploadedMedia, text: str) -> None:
    """Keep what the slow detectors make of a file: nothing, but for what is written in it."""
    line = {"text": text, "words": text, "box": [0, 0, 9, 9], "confidence": 0.99, "ms": 0, "until_ms": 0}
    for detector in deep_detectors():
        payloads: dict[str, dict[str, Any]] = {
            "frames": {"frames": [{"ms": 0, "pdq": file.picture.pdq[0], "quality": 100}], "track": []},  # type: ignore[union-attr,index]
            "ocr": {"lines": [line] if text else []},
            "vision": {"version": detector.version, "n_frames": 1, "scores": {}},
            "speech": {},
        }
        DetectorResult.objects.get_or_create(
            sha256=file.sha256, detector=detector.name, version=detector.version,
            defaults={"status": "ok", "payload": payloads[detector.name]},
        )  # fmt: skip


class Writer:
    """A worker that never rests: it does what changes promised, and judges again what it likes, while steps go on."""

    def __init__(self) -> None:
        self._stop, self._may, self._rests = threading.Event(), threading.Event(), threading.Event()
        self._may.set()
        self.errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._rests.set()
                self._may.wait()
                self._rests.clear()
                for message in OutboxMessage.objects.filter(topic=TOPIC_LOOK, state="pending").order_by("pk"):
                    list_change_look(message)
                newest = Item.objects.filter(withdrawn_at=None).order_by("-pk").values_list("pk", flat=True)[:4]
                items_judge_again(item_pks=list(newest), stage=DecisionStage.LISTS)
        except BaseException as error:
            self.errors.append(error)
        finally:
            self._rests.set()
            connection.close()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Let it end what it does, and wait until the body is over."""
        self._may.clear()
        self._rests.wait(60)
        self._raise()
        try:
            yield
        finally:
            self._may.set()

    def end(self) -> None:
        """Stop for good."""
        self._stop.set()
        self._may.set()
        self._thread.join(60)
        self._raise()

    def _raise(self) -> None:
        if self.errors:
            raise self.errors[0]


class World:
    """One sequence: steps change the product and tell the oracle; `check` compares them.

    Args:
        writer: works beside the steps, but for the moments in which all is compared.
    """

    def __init__(self, stage: Stage, writer: Writer | None = None) -> None:
        self.stage, self.writer = stage, writer
        self.run = next(_runs)
        self.n = count()
        self.things: dict[str, Thing] = {}
        self.lists = InForce()
        self.terms: dict[str, str] = {}
        self.pages: list[tuple[str, str, frozenset[str]]] = []
        self.begun: dict[str, tuple[Submission, Begun, Thing]] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.waiting: dict[str, tuple[WaitingDecision, Word]] = {}
        self.second = PolicyVersion.objects.get(state="active").pk == stage.versions[1].pk
        self._afresh()

    def _afresh(self) -> None:
        """Take away what a sequence that failed half-way left in force, or the next would fail of it."""
        self.terms = {row.text: str(row.key) for row in EmergencyTerm.objects.filter(ended_at=None)}
        if self.terms:
            self.expire()
        for domain in ListedDomain.objects.filter(retired_at=None).values_list("domain", flat=True):
            domains.domain_retire(actor=self.stage.author, domain=domain, now=timezone.now())
        for item in Item.objects.filter(withdrawn_at=None):
            item_withdraw(actor="api:test", item=item, now=timezone.now())
        if self.second:
            self.activate()
        self.look()
        self._files()

    # --- uploads ------------------------------------------------------------------------------------------------------

    def submission(self, creator: str, words: frozenset[str], file: str) -> tuple[str, Submission, Thing]:
        """Describe an upload to the product and to the oracle."""
        name = f"s{self.run}-{next(self.n)}"
        marks = " ".join(f"https://{w}/x" if w in DOMAINS else w for w in sorted(words))
        media = self.stage.files.get(file)
        submission = Submission(
            external_id=name, kind=ItemKind.IMAGE if media else ItemKind.TEXT, caption=f"{_SENTENCE} {marks}",
            creator=f"{creator}-{self.run}", language="en", region="GB", duration_ms=None, audience=None, media=media,
            cover=None,
        )  # fmt: skip
        read = frozenset({FILES[file]}) - {""} if file else frozenset()
        return name, submission, Thing(creator, words, read, file, examined=not media)

    def upload(self, creator: str, words: frozenset[str], file: str) -> None:
        """Upload, by a process that knows the lists of now."""
        name, submission, thing = self.submission(creator, words, file)
        item_submit(actor="api:test", submission=submission)
        self.things[name] = thing

    def begin(self, creator: str, words: frozenset[str], file: str) -> None:
        """Judge an upload's words, and let what follows wait."""
        name, submission, thing = self.submission(creator, words, file)
        self.begun[name] = (submission, item_begin(submission), thing)

    def finish(self) -> None:
        """Store what was begun, judged by lists of then; the second look of every change comes after it."""
        for name, (submission, begun, thing) in self.begun.items():
            item_submit(actor="api:test", submission=submission, begun=begun)
            self.things[name] = thing
        if self.begun:
            self.settle()
        self.begun = {}

    def examine(self, name: str) -> None:
        """Do the deep pass on an item, for the first time or again."""
        item = self.item(name)
        for message in OutboxMessage.objects.filter(
            item=item, topic__endswith="examine", state__in=["pending", "sent"]
        ):
            item_examine(message)
            self.things[name].examined = True

    def withdraw(self, name: str) -> None:
        """Take an item back, as its platform."""
        item_withdraw(actor="api:test", item=self.item(name), now=timezone.now())
        self.things[name].withdrawn = True

    def report(self, name: str) -> None:
        """Report an item, as somebody who did not yet: it changes nothing by itself."""
        if not self.things[name].withdrawn:
            report_file(
                actor="api:test", external_id=name, reporter=f"somebody-{next(self.n)}", category="violence", text="",
                now=timezone.now(),
            )  # fmt: skip
            self.things[name].is_reported = True

    # --- lists --------------------------------------------------------------------------------------------------------

    def term(self, word: str) -> None:
        """Put a term in force, or take it back."""
        milder = {Outcome.ESCALATE: self.lists.escalating, Outcome.RESTRICT: self.lists.restricting}
        held = milder.get(TERMS[word], self.lists.blocking)
        if word in self.terms:
            emergency.emergency_term_withdraw(actor=self.stage.author, key=self.terms.pop(word), now=timezone.now())
            held.discard(word)
        else:
            made = emergency.emergency_term_add(
                actor=self.stage.author, text=word, category="violence", outcome=TERMS[word], note="a test",
                now=timezone.now(),
            )  # fmt: skip
            self.terms[word] = str(made.key)
            held.add(word)
        self.look()

    def expire(self) -> None:
        """Let every term's time be over."""
        EmergencyTerm.objects.filter(ended_at=None).update(expires_at=timezone.now())
        emergency_terms.forget()
        emergency.emergency_terms_expire(now=timezone.now())
        self.lists.blocking -= set(self.terms)
        self.lists.escalating -= set(self.terms)
        self.lists.restricting -= set(self.terms)
        self.terms = {}
        self.look()

    def entry(self) -> None:
        """Put a file's hash into the bank, or retire it, or restore it."""
        sha256 = self.stage.files["known"].sha256
        row = self.stage.bank.entries.filter(value=sha256).first()
        if row is None:
            entry = banks.NewEntry("sha256", sha256)
            banks.bank_add_entries(actor="test", bank=self.stage.bank, entries=[entry])
        elif row.retired_at:
            banks.entry_restore(actor=self.stage.author, key=str(row.key))
        else:
            banks.entry_retire(actor=self.stage.author, key=str(row.key), reason="a test", now=timezone.now())
        self._files()
        self.look()

    def switch(self) -> None:
        """Switch the bank off, or on."""
        bank = HashBank.objects.get(pk=self.stage.bank.pk)
        banks.bank_set_ratio(actor=self.stage.author, slug=bank.slug, ratio=1.0 - bank.enabled_ratio)
        self._files()
        self.look()

    def _files(self) -> None:
        live = self.stage.bank.entries.filter(retired_at=None).exists()
        on = HashBank.objects.get(pk=self.stage.bank.pk).enabled_ratio == 1.0
        self.lists.files = {"known"} if live and on else set()

    def domain(self, name: str) -> None:
        """List a domain, or take it off."""
        if name in self.lists.blocking:
            domains.domain_retire(actor=self.stage.author, domain=name, now=timezone.now())
            self.lists.blocking.discard(name)
        else:
            domains.domain_list(
                actor=self.stage.author, domain=name, category="spam_scam", outcome=Outcome.BLOCK, now=timezone.now()
            )
            self.lists.blocking.add(name)
        self.look()

    def standing(self, creator: str, standing: Standing) -> None:
        """Trust a creator more, or less."""
        row = Creator.objects.filter(external_id=f"{creator}-{self.run}").first()
        if row:
            creator_standing_set(
                actor=self.stage.author, creator=row, standing=standing, note="a test", now=timezone.now()
            )
            self.lists.standings[creator] = standing
            self.look()

    def activate(self) -> None:
        """Put the other version in force: the second has a term of its own."""
        self.second = not self.second
        version = PolicyVersion.objects.get(pk=self.stage.versions[self.second].pk)
        activation_start(actor=self.stage.approver, version=version, note="a test", now=timezone.now())
        live_policies.invalidate()
        (self.lists.blocking.add if self.second else self.lists.blocking.discard)(OWN_TERM)
        while not activations_resume(budget_seconds=60):
            pass

    # --- people -------------------------------------------------------------------------------------------------------

    def open_page(self, name: str) -> None:
        """Look at an item, and keep its page open."""
        item = self.item(name)
        basis = basis_of(pk=item.pk)
        assert basis
        self.pages.append((name, basis.token, self._shown(name, evidence_seen(item, basis))))

    def _shown(self, name: str, evidence: Mapping[str, Any]) -> frozenset[str]:
        """Return the hard evidence that a page shows, in the oracle's words."""
        shown = " ".join(evidence.get("hard_by", ()))
        words = {word for word in (*self.things[name].words, *self.things[name].read) if self._mark(word) in shown}
        file = self.stage.bank.entries.filter(value=self.stage.files["known"].sha256).first()
        return frozenset(words | ({"known"} if file and str(file.key) in shown else set()))

    def _mark(self, word: str) -> str:
        return self.terms.get(word, "a term that is not in force") if word in TERMS else word

    def decide(self, outcome: Outcome, *, page: int, min_age: int = 18, waits: bool = False) -> None:
        """Send an open page, as a senior; `min_age` is for what they restrict.

        Args:
            waits: as people do, so that what lets anybody see more waits; else it counts at once.
        """
        min_age = min_age if outcome == Outcome.RESTRICT else 0
        name, key, shown = self.pages[page % len(self.pages)]
        item = self.item(name)
        now = basis_of(pk=item.pk)
        is_fresh = now is not None and now.token == key
        if self.things[name].withdrawn:
            return
        try:
            made = (overturn_send if waits else item_overturn)(
                actor=self.stage.author, item_key=str(item.key), outcome=outcome, note="a test", now=timezone.now(),
                category="" if outcome == Outcome.CLEAR else "violence", territories=(), expected_decision=key,
                min_age=min_age,
            )  # fmt: skip
        except DecisionChanged:
            assert self.writer or not is_fresh, "a fresh page was refused"
        else:
            assert self.writer or is_fresh, "an old page decided"
            word = ((outcome, min_age), shown)
            if isinstance(made, WaitingDecision):
                self.waiting[name] = made, word
            else:
                self.things[name].decided(word)

    def take_effect(self) -> None:
        """Let ten seconds pass: what waited is made, unless something newer stands."""
        waiting_apply_due(now=timezone.now() + timedelta(seconds=11))
        for name, (made, word) in self.waiting.items():
            made.refresh_from_db()
            assert made.state != WaitingState.WAITING
            if made.state == WaitingState.APPLIED:
                self.things[name].decided(word)
        self.waiting = {}

    def undo(self, name: str) -> None:
        """Take back what the senior decided last of an item; where something newer stands, nothing changes."""
        item = self.item(name)
        decision = Decision.objects.filter(item=item, actor=self.stage.author).order_by("-pk").first()
        if decision is None or self.things[name].withdrawn:
            return
        is_standing = item.current_decision_id == decision.pk
        try:
            undo(actor=self.stage.author, key=str(decision.key), now=timezone.now())
        except UndoRefused:
            assert self.writer or not is_standing, "what stands could not be taken back"
        else:
            if is_standing:
                self.things[name].taken_back()

    def gather(self, names: list[str]) -> None:
        """Open a campaign of items that are in none yet."""
        names = [name for name in names if not self.things[name].campaign and not self.things[name].withdrawn]
        if not names:
            return
        now = timezone.now()
        items = [self.item(name) for name in names]
        campaign = Campaign.objects.create(
            category="violence", first_item=items[0], representatives=b"", bands=[], signature_version=0,
            n_items=len(items), n_creators=2, last_joined_at=now, due_at=now, live_until=now.replace(year=now.year + 1),
            began_at=min(item.created_at for item in items),
        )  # fmt: skip
        _join(campaign, [(item.pk, item.creator_id) for item in items], now)
        self.campaigns[str(campaign.key)] = campaign
        self.lists.floors[str(campaign.key)] = Outcome.ESCALATE
        for name in names:
            self.things[name].campaign = str(campaign.key)

    def decide_campaign(self, outcome: Outcome) -> None:
        """Decide the campaign that was opened first."""
        if not self.campaigns:
            return
        key, campaign = next(iter(self.campaigns.items()))
        del self.campaigns[key]
        campaign_decide(
            actor=self.stage.author, campaign_key=key, outcome=outcome, note="a test", min_age=0, territories=(),
            category="" if outcome == Outcome.CLEAR else "violence", now=timezone.now(),
            expected_decision=campaign_basis_of(campaign).token,
        )  # fmt: skip
        campaign.refresh_from_db()
        assert campaign_apply(campaign=campaign) == 0
        self.lists.floors[key] = outcome

    # --- workers ------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Let workers look at once at what changes promised."""
        self._work(TOPIC_LOOK, list_change_look)
        if not self.begun:
            self._work(TOPIC_SETTLE, lambda message: OutboxMessage.objects.filter(pk=message.pk).update(state="sent"))

    def settle(self) -> None:
        """Let workers look again, when nobody can hold an old list."""
        self._work(TOPIC_SETTLE, list_change_settle)

    def _work(self, topic: str, act: Any) -> None:
        for message in OutboxMessage.objects.filter(topic=topic, state="pending").order_by("pk"):
            self._act(act, message)

    @staticmethod
    def _act(act: Any, message: OutboxMessage) -> None:
        """Act as a worker does: again, where another test's transaction on the same server has not ended yet."""
        until = time.monotonic() + 180
        while True:
            try:
                act(message)
            except NotSettledYet:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return

    # --- comparing ----------------------------------------------------------------------------------------------------

    def item(self, name: str) -> Item:
        """Return an item as it is now."""
        return Item.objects.select_related("current_decision", "creator", "clearance").get(external_id=name)

    def check(self) -> None:
        """Compare state, clearance and gate of every item with the oracle, once all that is promised was done."""
        if self.writer is None:
            self._reexamine()
            self._compare()
            return
        with self.writer.resting():
            self.look()
            self._reexamine()
            self._compare()

    def _reexamine(self) -> None:
        """Do the examinations that judging promised: a text that something hard spared is read once that has gone."""
        for message in OutboxMessage.objects.filter(topic=TOPIC_REEXAMINE, state="pending").select_related("item"):
            item_examine(message)
            if message.item and message.item.external_id in self.things:
                self.things[message.item.external_id].examined = True

    def _compare(self) -> None:
        gate, now = self.stage.gate, timezone.now()
        gate.refresh()
        rows = {item.external_id: item for item in Item.objects.filter(external_id__in=self.things)}
        granted = {c.item_id: c for c in Clearance.objects.filter(item__in=[i.pk for i in rows.values()])}
        pks = [item.pk for item in rows.values()]
        queued = set(Job.objects.filter(item__in=pks, state__in=ACTIVE_JOB_STATES).values_list("item_id", flat=True))
        shown = {b: {token.item_id for token in gate.admit(pks, Viewer(b, "GB"), now).cleared} for b in BANDS}
        for name, thing in self.things.items():
            item = rows[name]
            # What was read in the same file for another upload may be known before this one was examined.
            may_be = {stands(replace(thing, examined=examined), self.lists) for examined in {thing.examined, True}}
            wanted, min_age = next((s for s in may_be if _STATES[s[0]] == item.state), stands(thing, self.lists))
            if not thing.examined:
                assert not wanted.is_servable or thing.person, f"{name} is served and nobody looked at it"
            clearance = granted.get(item.pk)
            told = f"{name}: {thing}, in force {hard_on(thing, self.lists)}, wanted {wanted.name}, is {item.state}"
            assert item.state == _STATES[wanted], told
            assert bool(clearance and clearance.is_granted) == wanted.is_servable, told
            for band in BANDS:
                assert (item.pk in shown[band]) == (wanted.is_servable and BAND_MIN_AGES[band] >= min_age), told
            assert item.pk in queued or not waits_for_people(thing, wanted), f"{told}, and is in no queue"

    def check_feed(self) -> None:
        """Compare what the home feed serves, to children and to adults, with the oracle."""
        with _following(self.stage.gate):
            for age, outcomes in (("30", (Outcome.CLEAR, Outcome.RESTRICT)), ("9", (Outcome.CLEAR,))):
                served = {entry.token.external_id for entry in slate(age=age, region="GB", limit=50).entries}
                wrong = {n for n in served & set(self.things) if stands(self.things[n], self.lists)[0] not in outcomes}
                assert not wrong, f"the feed serves {wrong} at {age}"

    def end(self) -> None:
        """Leave nothing in force, and nothing to look at, for the next sequence."""
        self.finish()
        self.check()
        self.check_feed()
        if self.writer:
            self.writer.end()
            self.writer = None
        if self.terms:
            self.expire()
        for name in [name for name in DOMAINS if name in self.lists.blocking]:
            self.domain(name)
        for name, thing in self.things.items():
            if not thing.withdrawn:
                self.withdraw(name)
        if self.second:
            self.activate()


@contextmanager
def _following(gate: Gate) -> Iterator[None]:
    """Let the feed of this process ask a gate, with an index made a moment ago."""
    gate.refresh()
    made = index.Index()
    with mock.patch.object(process_gate._HELD, "_held", (os.getpid(), gate)):
        index.HELD.replace(made)
        made.refresh_popularity()
        made.refresh()
        made.refresh_shelves(index.fill_shelf)
        yield
        index.HELD.replace(None)


_STATES = {
    Outcome.CLEAR: "cleared",
    Outcome.RESTRICT: "restricted",
    Outcome.ESCALATE: "held",
    Outcome.HOLD: "held",
    Outcome.BLOCK: "blocked",
}
