"""Fills a migrated, seeded database with decided items and their stored evidence: what a simulation and an activation need.

Realistic in shape (most uploads harmless, few kinds of harm each, detectors missing now and then, people having decided what
was escalated and a random sample), decided by the active policy itself. Seeded: the same call gives the same items.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg

if TYPE_CHECKING:
    from policies.decision.compiled import CompiledPolicy
    from policies.decision.decide import VerdictBatch
    from policies.replay.population import Population

#: Items made, decided and copied at once.
CHUNK = 50_000
N_CREATORS = 20_000
N_FILES = 200
#: Share of all items that a random audit sends to a person, and of those escalated that a person has decided.
AUDIT_SHARE, REVIEWED_SHARE = 0.004, 0.6
_MARKETS = {"DE": 22, "US": 20, "GB": 14, "FR": 12, "BR": 12, "IN": 8, "TR": 5, "ID": 4, "": 3}
_LANGUAGES = {"en": 45, "de": 20, "fr": 11, "pt": 11, "es": 6, "tr": 4, "": 3}
_AUDIT_REASON = "Random audit sample"

_PEOPLE = """
    INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined)
    SELECT 'bench-reviewer-' || n, '!', '', '', '', false, false, true, now() FROM generate_series(1, 40) n
    ON CONFLICT (username) DO NOTHING
"""
_CREATORS = """
    INSERT INTO moderation_creator (key, created_at, external_id, display_name, region, standing)
    SELECT gen_random_uuid(), now(), %(prefix)s || 'creator-' || n, '', 'DE', CASE WHEN n %% 50 = 0 THEN 2 ELSE n %% 2 END
    FROM generate_series(1, %(creators)s) n ON CONFLICT (external_id) DO NOTHING
"""
_FILES = """
    INSERT INTO moderation_mediafile (key, created_at, sha256, storage_key, mime, n_bytes, pdq)
    SELECT gen_random_uuid(), now(), encode(sha256((%(prefix)s || n)::bytea), 'hex'), 'bench/' || n, 'image/jpeg', 1000, ''
    FROM generate_series(1, %(files)s) n ON CONFLICT (sha256) DO NOTHING
"""
_TABLES = {
    "moderation_item": "id, key, created_at, external_id, kind, caption, creator_id, language_claimed, language_detected, region,"
    " audience_claim, media_id, content_hash, state, deep_state, current_decision_id",
    "moderation_decision": "id, key, created_at, item_id, outcome, min_age, territories_blocked, stage, decided_by, category,"
    " reasons, evidence, evidence_digest, policy_version_id, actor_id, note, supersedes_id",
    "moderation_itemevidence": "item_id, decision_id, creator_id, txid, at, kind, market, language, claim, standing, missing,"
    " unlabelled, floor, is_final, cells",
    "moderation_clearance": "id, txid, changed_at, decision_id, policy_version_id, is_granted, min_age, territories_blocked,"
    " valid_until, item_id, revision",
    "moderation_clearancerevision": "txid, changed_at, decision_id, policy_version_id, is_granted, min_age,"
    " territories_blocked, valid_until, revision, item_id",
    "moderation_job": "id, key, created_at, item_id, queue_id, state, category, reason, score, due_at, claim_by, claimed_at, decided_at, n_leases,"
    " decision_id, closed_at",
}  # fmt: skip
_SEQUENCES = ("moderation_item", "moderation_decision", "moderation_clearance", "moderation_job")


@dataclass
class _World:
    """What all chunks share."""

    policy: CompiledPolicy
    version_pk: int
    codes: Mapping[str, int]
    queues: Mapping[str, int]
    creators: Sequence[int]
    standings: Sequence[int]
    files: Sequence[int]
    reviewers: Sequence[int]
    prefix: str
    until: datetime
    seconds_apart: float


def fill_evidence(url: str, n: int, *, prefix: str = "ev-", days: int = 30, seed: int = 20_261_125) -> None:
    """Add `n` decided items with stored evidence, uploaded evenly over the last `days`.

    Django must be set up for the same database, with the policy seeded. Triggers and foreign keys are not run while the rows
    are copied (it needs a superuser, as the embedded server's is); checks are, and what triggers would stamp is written.

    Args:
        url: address of the database.
        prefix: how external ids begin; another one for each call.
    """
    world = _prepare(url, n, prefix, days)
    rng = np.random.default_rng(seed)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for start in range(0, n, CHUNK):
            with connection.transaction():
                _copy_chunk(connection, world, rng, start, min(CHUNK, n - start), n)
        connection.execute("SET session_replication_role = origin")
        connection.execute("ANALYZE")


def _prepare(url: str, n: int, prefix: str, days: int) -> _World:
    from moderation.decisions.evidence import category_codes
    from moderation.decisions.record import version_pk
    from policies.live import active_policy

    policy = active_policy()
    values = {"prefix": prefix, "creators": N_CREATORS, "files": N_FILES}
    with psycopg.connect(url) as connection:
        for statement in (_PEOPLE, _CREATORS, _FILES):
            connection.execute(statement, values if "%(" in statement else None)
        creators = connection.execute(
            "SELECT id, standing FROM moderation_creator WHERE external_id LIKE %s ORDER BY id", [f"{prefix}creator-%"]
        ).fetchall()
        files = connection.execute("SELECT id FROM moderation_mediafile WHERE storage_key LIKE 'bench/%'").fetchall()
        people = connection.execute("SELECT id FROM auth_user WHERE username LIKE 'bench-reviewer-%'").fetchall()
    return _World(
        policy=policy,
        version_pk=version_pk(policy),
        codes=category_codes(),
        queues=_queues(policy),
        creators=[row[0] for row in creators],
        standings=[row[1] for row in creators],
        files=[row[0] for row in files],
        reviewers=[row[0] for row in people],
        prefix=prefix,
        until=datetime.now(UTC),
        seconds_apart=days * 86_400 / n,
    )


def _queues(policy: CompiledPolicy) -> dict[str, int]:
    from moderation.models import Queue
    from policies.choices import RESTRICTED_QUEUE, UNEXAMINED_QUEUE

    names = {route.queue for route in policy.routing} | {UNEXAMINED_QUEUE, RESTRICTED_QUEUE}
    made = {name: {"title": name, "is_restricted": name == RESTRICTED_QUEUE} for name in names}
    rows = {name: Queue.objects.get_or_create(slug=name, defaults=made[name])[0] for name in names}
    return {name: row.pk for name, row in rows.items()}


# --- what detectors found ----------------------------------------------------------------------------------------


def population_of(
    policy: CompiledPolicy,
    rng: np.random.Generator,
    n: int,
    *,
    standing: Any = None,
    creator: Any = None,
    at: Any = None,
) -> Population:
    """Return n random uploads as stored evidence, under the categories of a policy; primary keys are 0 to n - 1."""
    from policies.choices import DETECTORS
    from policies.replay.population import Population

    kind = rng.choice([0, 1, 2], n, p=[0.3, 0.2, 0.5]).astype(np.int8)
    return Population(
        categories=policy.categories,
        detectors=DETECTORS,
        markets=tuple(name for name in _MARKETS if name),
        languages=tuple(name for name in _LANGUAGES if name),
        item_pk=np.arange(n, dtype=np.int64),
        creator_pk=np.arange(n, dtype=np.int64) if creator is None else creator,
        at=np.arange(n, dtype=np.int64) if at is None else at,
        missing=_missing(rng, kind),
        kind=kind,
        market=_drawn(rng, n, _MARKETS),
        language=_drawn(rng, n, _LANGUAGES),
        claim=rng.choice([0, 1, 2, 3], n, p=[0.8, 0.1, 0.05, 0.05]).astype(np.int8),
        standing=rng.choice([0, 1, 2], n, p=[0.6, 0.38, 0.02]).astype(np.int8) if standing is None else standing,
        unlabelled=np.zeros(n, np.uint8),
        floor=np.zeros(n, np.uint8),
        is_final=np.ones(n, bool),
        cells=_cells(policy, rng, kind),
    )


def _drawn(rng: np.random.Generator, n: int, weights: Mapping[str, int]) -> Any:
    share = np.array(list(weights.values()), float)
    drawn = rng.choice(len(weights), n, p=share / share.sum())
    return np.where(drawn == len(weights) - 1, -1, drawn).astype(np.int16)


def _missing(rng: np.random.Generator, kind: Any) -> Any:
    from policies.choices import DETECTORS

    bit = {name: np.uint32(1 << i) for i, name in enumerate(DETECTORS)}
    missing = np.where(kind == 0, bit["speech"] | bit["vision"], np.where(kind == 1, bit["vision"], 0)).astype(
        np.uint32
    )
    for name, share in (("text", 0.01), ("history", 0.001), ("frames", 0.002), ("hashes", 0.0005)):
        missing |= np.where(rng.random(len(kind)) < share, bit[name], np.uint32(0))
    return missing


def _cells(policy: CompiledPolicy, rng: np.random.Generator, kind: Any) -> Any:
    """Return findings: the classifier's on most items, terms, links and banks on few, sorted by item."""
    from policies.choices import DETECTORS
    from policies.replay.population import Cells, source_code

    n, place = len(kind), {name: i for i, name in enumerate(DETECTORS)}
    spam = policy.categories.index("spam_scam")
    ordinary = [i for i, name in enumerate(policy.categories) if name not in policy.child_safety]
    parts: list[Any] = []

    def add(rows: Any, via: str, detector: str, category: Any, score: Any, hard: Any = 0) -> None:
        source = source_code(place[via], place[detector])
        part = np.empty(len(rows), [("r", "i4"), ("s", "u1"), ("c", "u2"), ("p", "f4"), ("h", "u1")])
        for name, column in zip("rscph", (rows, source, category, score, hard), strict=True):
            part[name] = column
        parts.append(part)

    for share in (0.6, 0.35, 0.2):  # faint likelihoods in a category or two
        rows = np.flatnonzero(rng.random(n) < share)
        add(rows, "text", "text", rng.choice(ordinary, len(rows)), 0.02 + 0.6 * rng.beta(0.7, 9, len(rows)))
    rows = np.flatnonzero(rng.random(n) < 0.06)  # what the classifier is unsure of or sure of
    add(rows, "text", "text", rng.choice(ordinary, len(rows)), rng.beta(1.3, 1.6, len(rows)))
    rows = np.flatnonzero(rng.random(n) < 0.02)
    add(rows, "terms", "terms", rng.choice(ordinary, len(rows)), rng.choice([0.4, 0.55, 0.7, 0.8, 0.9], len(rows)))
    rows = np.flatnonzero((rng.random(n) < 0.02) & (kind < 2))
    add(rows, "ocr", "terms", rng.choice(ordinary, len(rows)), rng.choice([0.4, 0.55, 0.7, 0.8], len(rows)))
    for detector, share in (("links", 0.03), ("history", 0.02)):
        rows = np.flatnonzero(rng.random(n) < share)
        add(rows, detector, detector, spam, rng.beta(1.5, 3, len(rows)))
    rows = np.flatnonzero(rng.random(n) < 0.0003)
    add(rows, "hashes", "hashes", rng.choice(ordinary, len(rows)), 1.0, rng.choice([2, 4], len(rows)))
    cells = np.concatenate(parts)
    cells = cells[np.argsort(cells["r"], kind="stable")]
    score = np.round(cells["p"].astype(np.float64), 6).astype(np.float32)
    return Cells(cells["r"].copy(), cells["s"].copy(), cells["c"].copy(), score, cells["h"].copy())


# --- rows --------------------------------------------------------------------------------------------------------


def _copy_chunk(
    connection: psycopg.Connection[Any], world: _World, rng: np.random.Generator, start: int, n: int, total: int
) -> None:
    from policies.decision.decide import decide

    owner = rng.integers(0, len(world.creators), n)
    at = world.until.timestamp() - (total - start - np.arange(n)) * world.seconds_apart
    population = population_of(
        world.policy, rng, n, standing=np.array(world.standings, np.int8)[owner],
        creator=np.array(world.creators, np.int64)[owner], at=at.astype(np.int64),
    )  # fmt: skip
    batch = population.batch_for(world.policy)
    verdict = decide(batch, world.policy)
    first = {table: _take_ids(connection, table, 2 * n) for table in _SEQUENCES}
    revision = _take(connection, "moderation_clearance_revision_seq", n)
    row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    chunk = _Chunk(world, rng, population, batch, verdict, start, first, revision, row[0] if row else 0)
    lines = chunk.lines()
    for table, columns in _TABLES.items():
        with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            copy.write("".join(lines[table]))


def _take_ids(connection: psycopg.Connection[Any], table: str, n: int) -> int:
    row = connection.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table]).fetchone()
    return _take(connection, row[0] if row else "", n)


def _take(connection: psycopg.Connection[Any], sequence: str, n: int) -> int:
    """Reserve n numbers of a sequence and return the first."""
    row = connection.execute("SELECT nextval(%s::regclass)", [sequence]).fetchone()
    first = int(row[0]) if row else 1
    connection.execute("SELECT setval(%s::regclass, %s)", [sequence, first + n])
    return first


@dataclass
class _Chunk:
    """One chunk of items on its way into lines that COPY reads."""

    world: _World
    rng: np.random.Generator
    population: Population
    batch: Any
    verdict: VerdictBatch
    start: int
    first: Mapping[str, int]
    revision: int
    txid: int

    def __post_init__(self) -> None:
        """Make what is asked for again and again."""
        random = self.rng.bytes(16 * 4 * len(self.population)).hex()
        self.keys = (random[i : i + 32] for i in range(0, len(random), 32))
        self.times = [datetime.fromtimestamp(at, UTC).isoformat() for at in self.population.at.tolist()]
        self.now = self.world.until.isoformat()
        self.valid_until = (self.world.until + timedelta(days=90)).isoformat()

    def lines(self) -> dict[str, list[str]]:
        """Return the lines of every table."""
        n = len(self.population)
        found: dict[str, list[str]] = {table: [] for table in _TABLES}
        texts, cells = list(self._evidence()), list(self._packed_cells())
        asked, says = self._people()
        n_extra = n
        for i in range(n):
            item, decision = self.first["moderation_item"] + i, self.first["moderation_decision"] + i
            outcome, age = int(self.verdict.outcome[i]), int(self.verdict.min_age[i])
            self._decision(found, i, item, decision, outcome, age, texts[i])
            if asked[i]:
                person = self.first["moderation_decision"] + n_extra
                is_decided = says[i] >= 0
                self._job(found, i, item, asked[i], person if is_decided else None)
                if is_decided:
                    outcome, age = int(says[i]), 0
                    self._by_person(found, i, item, person, decision, outcome, texts[i])
                    decision, n_extra = person, n_extra + 1
            self._item(found, i, item, decision, outcome)
            self._clearance(found, i, item, decision, outcome, age)
            self._stored(found, i, item, decision, cells[i])
        return found

    def _evidence(self) -> Iterator[str]:
        """Yield the evidence of each item in canonical JSON, as decisions keep it."""
        from policies.choices import DETECTORS

        scores, hard = self._by_row(self.batch.scores), self._by_row(self.batch.hard)
        detectors, p = sorted(DETECTORS), self.population
        for i in range(len(p)):
            market = p.markets[p.market[i]] if p.market[i] >= 0 else ""
            language = p.languages[p.language[i]] if p.language[i] >= 0 else "und"
            missing = ",".join(
                f'"{d}":"not_configured"' for d in detectors if int(p.missing[i]) >> DETECTORS.index(d) & 1
            )
            yield (
                f'{{"context":{{"claim":{p.claim[i]},"kind":{p.kind[i]},"language":"{language}","market":"{market}",'
                f'"standing":{p.standing[i]}}},"hard":{{{hard.get(i, "")}}},"missing":{{{missing}}},'
                f'"scores":{{{scores.get(i, "")}}},"unlabelled":0,"versions":{{}}}}'
            )

    def _by_row(self, table: Any) -> dict[int, str]:
        """Return "category":value, in the order of names, for each row of a table that has any."""
        order = np.argsort(self.world.policy.categories)
        names = [self.world.policy.categories[c] for c in order]
        rows, columns = np.nonzero(table[:, order])
        values = table[:, order][rows, columns]
        plain = values.tolist() if values.dtype == np.uint8 else np.round(values.astype(np.float64), 6).tolist()
        parts: dict[int, list[str]] = {}
        for row, column, value in zip(rows.tolist(), columns.tolist(), plain, strict=True):
            parts.setdefault(row, []).append(f'"{names[column]}":{value!r}')
        return {row: ",".join(pairs) for row, pairs in parts.items()}

    def _packed_cells(self) -> Iterator[str]:
        """Yield the cells of each item in hexadecimal."""
        from moderation.verdict.evidence_codec import CELL

        cells = self.population.cells
        codes = np.array([self.world.codes[name] for name in self.population.categories], np.uint16)
        packed = np.empty(len(cells), CELL)
        packed["source"], packed["hard"], packed["score"] = cells.source, cells.hard, cells.score
        packed["category"] = codes[cells.category]
        text, per = packed.tobytes().hex(), 2 * CELL.itemsize
        ends = np.cumsum(np.bincount(cells.row, minlength=len(self.population))).tolist()
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            yield text[begin * per : end * per]

    def _people(self) -> tuple[list[str], list[int]]:
        """Return why each item came before a person ("" for not at all), and what they said; -1 for nothing yet."""
        n = len(self.population)
        truth = self.rng.random(n) < np.nan_to_num(self.batch.scores.max(axis=1)) ** 1.5
        escalated = self.verdict.outcome == 2
        audited = ~escalated & (self.rng.random(n) < AUDIT_SHARE) & (self.verdict.outcome < 2)
        decided = audited | (escalated & (self.rng.random(n) < REVIEWED_SHARE))
        rules = self.world.policy.rules
        asked = [
            rules[rule] if e else _AUDIT_REASON if a else ""
            for rule, e, a in zip(self.verdict.rule.tolist(), escalated.tolist(), audited.tolist(), strict=True)
        ]
        return asked, np.where(decided, np.where(truth, 4, 0), -1).tolist()

    def _at(self, i: int) -> str:
        return self.times[i]

    def _uuid(self) -> str:
        return next(self.keys)

    def _category(self, i: int) -> str:
        category = int(self.verdict.category[i])
        return self.world.policy.categories[category] if category >= 0 else ""

    def _territories(self, i: int) -> str:
        return "{" + ",".join(self.world.policy.territories_of(int(self.verdict.territories[i]))) + "}"

    def _decision(
        self, found: dict[str, list[str]], i: int, item: int, pk: int, outcome: int, age: int, text: str
    ) -> None:
        served = outcome == 1
        found["moderation_decision"].append(
            f"{pk}\t{self._uuid()}\t{self._at(i)}\t{item}\t{outcome}\t{age if served else 0}\t"
            f"{self._territories(i) if served else '{}'}\tdeep\t{self.world.policy.rules[self.verdict.rule[i]]}\t"
            f"{self._category(i)}\t[]\t{text}\t{hashlib.sha256(text.encode()).hexdigest()}\t{self.world.version_pk}\t\\N\t\t\\N\n"
        )

    def _by_person(
        self, found: dict[str, list[str]], i: int, item: int, pk: int, before: int, outcome: int, text: str
    ) -> None:
        category = self._strongest(i) if outcome else ""
        reviewer = self.world.reviewers[item % len(self.world.reviewers)]
        found["moderation_decision"].append(
            f"{pk}\t{self._uuid()}\t{self._at(i)}\t{item}\t{outcome}\t0\t{{}}\treview\tperson.review\t{category}\t[]\t{text}\t"
            f"{hashlib.sha256(text.encode()).hexdigest()}\t{self.world.version_pk}\t{reviewer}\tseen\t{before}\n"
        )

    def _strongest(self, i: int) -> str:
        return self.world.policy.categories[int(self.batch.scores[i].argmax())]

    def _job(self, found: dict[str, list[str]], i: int, item: int, reason: str, decision: int | None) -> None:
        p, policy = self.population, self.world.policy
        language = p.languages[p.language[i]] if p.language[i] >= 0 else "und"
        queue = policy.queue_of(category=self._category(i), language=language, kind=int(p.kind[i]), is_held=False)
        state, end = ("decided", self._at(i)) if decision else ("open", "\\N")
        found["moderation_job"].append(
            f"{self.first['moderation_job'] + i}\t{self._uuid()}\t{self._at(i)}\t{item}\t{self.world.queues[queue]}\t{state}\t"
            f"{self._category(i)}\t{reason}\t0.5\t{self._at(i)}\t{self._at(i)}\t{self._at(i)}\t{end}\t1\t"
            f"{decision or chr(92) + 'N'}\t{end}\n"
        )

    def _item(self, found: dict[str, list[str]], i: int, item: int, decision: int, outcome: int) -> None:
        p, world = self.population, self.world
        language = p.languages[p.language[i]] if p.language[i] >= 0 else ""
        region = p.markets[p.market[i]] if p.market[i] >= 0 else ""
        external = f"{world.prefix}{self.start + i}"
        media = world.files[item % len(world.files)] if p.kind[i] < 2 else "\\N"
        state = ("cleared", "restricted", "held", "held", "blocked")[outcome]
        found["moderation_item"].append(
            f"{item}\t{self._uuid()}\t{self._at(i)}\t{external}\t{p.kind[i]}\tA short text, number {self.start + i}\t"
            f"{p.creator_pk[i]}\t\t{language}\t{region}\t{p.claim[i]}\t{media}\t"
            f"{hashlib.sha256(external.encode()).hexdigest()}\t{state}\t{'done' if p.kind[i] < 2 else 'not_needed'}\t{decision}\n"
        )

    def _clearance(self, found: dict[str, list[str]], i: int, item: int, decision: int, outcome: int, age: int) -> None:
        if outcome > 1:
            return
        territories = self._territories(i) if outcome == 1 else "{}"
        body = (
            f"{decision}\t{self.world.version_pk}\tt\t{age if outcome == 1 else 0}\t{territories}\t{self.valid_until}"
        )
        now, revision = self.now, self.revision + i
        pk = self.first["moderation_clearance"] + i
        found["moderation_clearance"].append(f"{pk}\t{self.txid}\t{now}\t{body}\t{item}\t{revision}\n")
        found["moderation_clearancerevision"].append(f"{self.txid}\t{now}\t{body}\t{revision}\t{item}\n")

    def _stored(self, found: dict[str, list[str]], i: int, item: int, decision: int, cells: str) -> None:
        p = self.population
        market = p.markets[p.market[i]] if p.market[i] >= 0 else ""
        language = p.languages[p.language[i]] if p.language[i] >= 0 else ""
        found["moderation_itemevidence"].append(
            f"{item}\t{decision}\t{p.creator_pk[i]}\t{self.txid}\t{self._at(i)}\t{p.kind[i]}\t{market}\t{language}\t"
            f"{p.claim[i]}\t{p.standing[i]}\t{p.missing[i]}\t0\t0\tt\t\\\\x{cells}\n"
        )


def main() -> None:
    """Fill the database of DATABASE_OWNER_URL; the number of items is the only argument."""
    import sys

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ.setdefault("ENVIRONMENT", "test")  # nothing secret is needed here
    django.setup()
    fill_evidence(os.environ["DATABASE_OWNER_URL"], int(sys.argv[1]))


if __name__ == "__main__":
    main()
