"""Fills a migrated, seeded database with what the console's pages list: items with words, decisions, jobs, reports, audit rows.

Words are drawn as words are used: a few are in almost every text, most in few. Triggers are off while it fills, and indexes are
kept: what the triggers would write is written here. Seeded: the same call gives the same texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import psycopg

#: Different words; the n-th is used 1/n as often as the first.
N_WORDS = 50_000
#: Different texts that are read in pictures and said: many uploads share a file.
N_READ, N_SAID = 60_000, 30_000
_CHUNK = 50_000
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]

_STAGED = """
    CREATE UNLOGGED TABLE IF NOT EXISTS bench_text (n bigint PRIMARY KEY, caption text, read text, said text)
"""
_CREATORS = """
    INSERT INTO moderation_creator (key, created_at, external_id, display_name, region, standing)
    SELECT gen_random_uuid(), now(), 'maker-' || n, '', 'DE', n %% 3 FROM generate_series(1, 20000) n
    ON CONFLICT (external_id) DO NOTHING
"""
_FILES = """
    INSERT INTO moderation_mediafile (key, created_at, sha256, storage_key, mime, n_bytes, width, height, pdq)
    SELECT gen_random_uuid(), now(), encode(sha256(('page-' || n)::bytea), 'hex'), 'bench/' || n, 'image/jpeg', 1000, 720, 1280, ''
    FROM generate_series(1, 20000) n ON CONFLICT (sha256) DO NOTHING
"""
_ITEMS = """
    INSERT INTO moderation_item
        (key, created_at, external_id, kind, media_id, caption, creator_id, language_claimed, language_detected, region,
         content_hash, state, deep_state, is_restricted)
    SELECT gen_random_uuid(), now() - make_interval(secs => 30.0 * (%(n)s - t.n)), 'page-' || t.n, 1,
        f.ids[1 + t.n %% array_length(f.ids, 1)], t.caption, c.ids[1 + (t.n * 7919) %% array_length(c.ids, 1)], '',
        CASE WHEN t.n %% 20011 = 7 THEN 'sw' ELSE (ARRAY['en', 'en', 'en', 'de', 'fr', 'es', 'pt', 'tr', ''])[1 + t.n %% 9] END,
        (ARRAY['DE', 'FR', 'GB', 'US', 'BR'])[1 + t.n / 7 %% 5], encode(sha256(('page-' || t.n)::bytea), 'hex'),
        'pending', 'done', t.n %% 5003 = 11
    FROM bench_text t, (SELECT array_agg(id) AS ids FROM moderation_creator WHERE external_id LIKE 'maker-%%') c,
        (SELECT array_agg(id) AS ids FROM moderation_mediafile WHERE storage_key LIKE 'bench/%%') f
    ORDER BY t.n
"""
_TEXTS = """
    INSERT INTO moderation_itemtext (item_id, read, said, words)
    SELECT i.id, t.read, t.said, setweight(to_tsvector('simple', gatehouse_search_text(i.caption)), 'A')
        || setweight(to_tsvector('simple', gatehouse_search_text(t.read)), 'B')
        || setweight(to_tsvector('simple', gatehouse_search_text(t.said)), 'C')
    FROM moderation_item i JOIN bench_text t ON i.external_id = 'page-' || t.n
"""
_DECISIONS = """
    INSERT INTO moderation_decision
        (key, created_at, outcome, min_age, territories_blocked, stage, decided_by, category, reasons, evidence,
         evidence_digest, note, item_id, policy_version_id)
    SELECT gen_random_uuid(), i.created_at, o.outcome, CASE WHEN o.outcome = 1 THEN 18 ELSE 0 END, '{}', 'deep',
        CASE WHEN o.outcome = 0 THEN 'default' ELSE 'escalate.' || g.slug END,
        CASE WHEN o.outcome = 0 THEN '' WHEN i.id %% 10007 = 3 THEN 'dangerous_acts' ELSE g.slug END, '[]',
        '{"scores": {}, "hard": {}, "missing": {}, "context": {}}', i.content_hash, '', i.id, v.id
    FROM moderation_item i, (SELECT id FROM policies_policyversion ORDER BY number LIMIT 1) v,
        LATERAL (SELECT CASE WHEN i.id %% 20 < 14 THEN 0 WHEN i.id %% 20 < 16 THEN 1 WHEN i.id %% 20 < 18 THEN 2
                             WHEN i.id %% 20 < 19 THEN 3 ELSE 4 END AS outcome) o,
        LATERAL (SELECT (ARRAY['harassment', 'hate', 'violence', 'spam_scam'])[1 + i.id %% 4] AS slug) g
    WHERE i.external_id LIKE 'page-%%' ORDER BY i.id
"""
_CURRENT = """
    UPDATE moderation_item i SET current_decision_id = d.id,
        state = (ARRAY['cleared', 'restricted', 'held', 'held', 'blocked'])[1 + d.outcome]
    FROM moderation_decision d WHERE d.item_id = i.id AND i.external_id LIKE 'page-%%'
"""
_CLEARANCES = """
    INSERT INTO moderation_clearance
        (txid, revision, changed_at, is_granted, min_age, territories_blocked, valid_until, decision_id, item_id,
         policy_version_id)
    SELECT 0, 1000000000 + d.id, now(), true, d.min_age, d.territories_blocked, now() + interval '90 days', d.id, d.item_id,
        d.policy_version_id
    FROM moderation_decision d JOIN moderation_item i ON i.current_decision_id = d.id
    WHERE d.outcome < 2 AND i.external_id LIKE 'page-%%' ORDER BY d.id
"""
_QUEUES = """
    INSERT INTO moderation_queue (key, created_at, slug, title, severity, sla_minutes, is_restricted, position)
    SELECT gen_random_uuid(), now(), 'page-' || n, 'Queue ' || n, 1 + n %% 4, 240, false, 100 FROM generate_series(1, 8) n
    ON CONFLICT (slug) DO NOTHING
"""
#: A job for every item; a quarter of them open, and those long overdue are few.
_JOBS = """
    INSERT INTO moderation_job (key, created_at, state, category, reason, score, language, due_at, claim_by, harm, is_imminent,
        n_leases, item_id, queue_id, claimed_at, decided_at, closed_at, decision_id)
    SELECT gen_random_uuid(), i.created_at, CASE WHEN d.open THEN 'open' ELSE 'decided' END, 'hate', 'escalate.hate', 0.5,
        CASE WHEN i.id %% 12 < 8 THEN 'en' ELSE 'de' END, due.at, due.at - interval '1 hour', 0.5, i.id %% 50000 = 0,
        CASE WHEN d.open THEN 0 ELSE 1 END, i.id, q.ids[1 + i.id %% 8],
        CASE WHEN d.open THEN NULL ELSE i.created_at + interval '1 hour' END,
        CASE WHEN d.open THEN NULL ELSE i.created_at + interval '61 minutes' END,
        CASE WHEN d.open THEN NULL ELSE i.created_at + interval '61 minutes' END,
        CASE WHEN d.open THEN NULL ELSE i.current_decision_id END
    FROM moderation_item i, (SELECT array_agg(id) AS ids FROM moderation_queue WHERE slug LIKE 'page-%%') q,
        LATERAL (SELECT i.id %% 4 = 0 AS open) d,
        LATERAL (SELECT now() + interval '30 hours' * ((i.id * 7919 %% 100003) / 100003.0) - interval '1 hour' AS at) due
    WHERE i.external_id LIKE 'page-%%' ORDER BY i.id
"""
_REPORTS = """
    INSERT INTO moderation_report (key, created_at, category, reporter, text, is_trusted_flagger, item_id)
    SELECT gen_random_uuid(), now(), 'hate', 'reporter-' || i.id %% 5000, 'This is not right', false, i.id
    FROM moderation_item i WHERE i.external_id LIKE 'page-%%' AND i.id %% 20 = 0
"""
_AUDIT = """
    INSERT INTO moderation_auditevent (at, actor_name, action, object_type, object_key, data, request_id)
    SELECT i.created_at, (ARRAY['api:demo', 'reviewer-1', 'reviewer-2', 'system'])[1 + i.id %% 4],
        (ARRAY['item.submitted', 'job.decided', 'job.claimed', 'item.submitted'])[1 + i.id %% 4], 'item', i.external_id, '{}', ''
    FROM moderation_item i WHERE i.external_id LIKE 'page-%%' ORDER BY i.id
"""
_OUTBOX = """
    INSERT INTO moderation_outboxmessage (key, created_at, topic, part, queue, rank_at, payload, item_id, state, attempts,
        available_at, done_at, last_error)
    SELECT gen_random_uuid(), i.created_at, 'moderation.tasks.item_examine', '', 'deep.io', i.created_at, '{}', i.id,
        CASE WHEN i.id %% 200 = 0 THEN 'dead' WHEN i.id %% 50 = 1 THEN 'pending' ELSE 'done' END, 1, i.created_at,
        CASE WHEN i.id %% 200 = 0 OR i.id %% 50 = 1 THEN NULL ELSE i.created_at END,
        CASE WHEN i.id %% 200 = 0 THEN 'TimeoutError: after 60 s' ELSE '' END
    FROM moderation_item i WHERE i.external_id LIKE 'page-%%' ORDER BY i.id
"""


def vocabulary() -> list[str]:
    """Return the words, the most frequent first: syllables by number, so that each can be spelled from its rank."""
    n = len(_SYLLABLES)
    return [
        _SYLLABLES[i % n] + _SYLLABLES[i // n % n] + (_SYLLABLES[i // n // n % n] if i >= n * n else "")
        for i in range(N_WORDS)
    ]


def _texts(words: Sequence[str], n: int, length: int, seed: int) -> list[str]:
    """Return texts of about so many words, drawn with the n-th word 1/n as likely as the first."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(max(length // 2, 1), length * 3 // 2 + 1, n)
    ranks = (N_WORDS ** rng.random(int(lengths.sum()))).astype(np.int64) - 1
    at, texts = 0, []
    for size in lengths.tolist():
        texts.append(" ".join(words[rank] for rank in ranks[at : at + size].tolist()))
        at += size
    return texts


def _rows(n: int) -> Iterator[tuple[int, str, str, str]]:
    words = vocabulary()
    read, said = _texts(words, N_READ, 12, 1), _texts(words, N_SAID, 40, 2)
    for begin in range(0, n, _CHUNK):
        captions = _texts(words, min(_CHUNK, n - begin), 9, 100 + begin)
        for i, caption in enumerate(captions, begin + 1):
            yield (
                i,
                caption,
                read[i * 31 % N_READ] if i % 5 < 2 else "",
                said[i * 17 % N_SAID] if i % 5 in (1, 2, 3) else "",
            )


def fill_pages(url: str, n: int) -> None:
    """Add `n` items with words, decisions, clearances and jobs, and what else the pages list.

    Args:
        url: address of the database, as a role that may switch triggers off.
    """
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(_STAGED)
        with connection.cursor() as cursor, cursor.copy("COPY bench_text FROM STDIN") as copy:
            for row in _rows(n):
                copy.write_row(row)
        for statement in (_CREATORS, _FILES, _QUEUES, _ITEMS):
            connection.execute(statement, {"n": n})
        connection.commit()
        connection.execute("ANALYZE bench_text")
        connection.execute("DROP INDEX moderation_itemtext_words")
        connection.execute(_TEXTS)
        connection.execute(
            "CREATE INDEX moderation_itemtext_words ON moderation_itemtext USING gin (words) WITH (fastupdate = off)"
        )
        for statement in (_DECISIONS, _CURRENT, _CLEARANCES, _JOBS, _REPORTS, _AUDIT, _OUTBOX):
            connection.execute(statement, {"n": n})
        connection.execute("DROP TABLE bench_text")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
