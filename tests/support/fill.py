"""Fills a migrated database with cleared items, in bulk SQL: what the API would take hours for."""

import psycopg

#: One item in RESTRICTED_EVERY is for adults, one in BLOCKED_EVERY is blocked somewhere.
RESTRICTED_EVERY = 20
BLOCKED_EVERY = 50
#: Clearances a statement.
STEP = 20_000

_PEOPLE = """
    INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined)
    VALUES ('bench-author', '!', '', '', '', false, false, true, now()) ON CONFLICT (username) DO NOTHING
"""
_VERSION = """
    INSERT INTO policies_policyversion
        (key, number, title, change_note, state, canary_percent, unknown_language_outcome, author_id, digest, created_at)
    SELECT gen_random_uuid(), 9999, 'Benchmark', '', 'draft', 0, 0, id, '', now() FROM auth_user
    WHERE username = 'bench-author'
    ON CONFLICT (number) DO NOTHING
"""
_CREATORS = """
    INSERT INTO moderation_creator (key, created_at, external_id, display_name, region, standing)
    SELECT gen_random_uuid(), now(), 'bench-creator-' || n, '', 'DE', 0 FROM generate_series(1, %(creators)s) n
    ON CONFLICT (external_id) DO NOTHING
"""
_ITEMS = """
    INSERT INTO moderation_item
        (key, created_at, external_id, kind, media_id, caption, creator_id, language_claimed, language_detected, region,
         content_hash, state, deep_state)
    SELECT gen_random_uuid(), now() - make_interval(secs => 60.0 * (%(n)s - n)), %(prefix)s || n,
        CASE WHEN %(media)s::bigint IS NULL THEN 2 ELSE 1 END, %(media)s::bigint, 'A short text, number ' || n,
        c.ids[1 + n %% array_length(c.ids, 1)], '', (ARRAY['en', 'de', 'fr', 'es', 'pt'])[1 + n %% 5],
        (ARRAY['DE', 'FR', 'GB', 'US', 'BR'])[1 + n / 7 %% 5], encode(sha256((%(prefix)s || n)::bytea), 'hex'),
        'pending', 'not_needed'
    FROM generate_series(1, %(n)s) n,
        (SELECT array_agg(id) AS ids FROM moderation_creator WHERE external_id LIKE 'bench-creator-%%') c
    ORDER BY n
"""
_DECISIONS = """
    INSERT INTO moderation_decision
        (key, created_at, outcome, min_age, territories_blocked, stage, decided_by, category, reasons, evidence,
         evidence_digest, note, item_id, policy_version_id)
    SELECT gen_random_uuid(), now(), CASE WHEN i.id %% %(restricted)s = 0 OR i.id %% %(blocked)s = 1 THEN 1 ELSE 0 END,
        CASE WHEN i.id %% %(restricted)s = 0 THEN 18 ELSE 0 END,
        CASE WHEN i.id %% %(blocked)s = 1 THEN ARRAY['FR'] ELSE '{}'::varchar[] END,
        'activation', 'benchmark', '', '[]', '{}', i.content_hash, '', i.id, v.id
    FROM moderation_item i, (SELECT id FROM policies_policyversion WHERE number = 9999) v
    WHERE i.external_id LIKE %(prefix)s || '%%'
"""
_CURRENT = """
    UPDATE moderation_item i SET current_decision_id = d.id, state = CASE d.outcome WHEN 0 THEN 'cleared' ELSE 'restricted' END
    FROM moderation_decision d WHERE d.item_id = i.id AND i.external_id LIKE %(prefix)s || '%%'
"""
_CLEARANCES = """
    INSERT INTO moderation_clearance
        (txid, revision, changed_at, is_granted, min_age, territories_blocked, valid_until, decision_id, item_id,
         policy_version_id)
    SELECT 0, 0, now(), true, d.min_age, d.territories_blocked, now() + interval '90 days', d.id, d.item_id,
        d.policy_version_id
    FROM moderation_decision d JOIN moderation_item i ON i.id = d.item_id
    WHERE i.external_id LIKE %(prefix)s || '%%' AND i.id > %(after)s::bigint AND i.id <= %(after)s::bigint + %(step)s
    ORDER BY d.item_id
"""
_POPULARITY = """
    INSERT INTO feed_popularity (item_id, region, score, as_of)
    SELECT i.id, r.region, (i.id %% 997) / 10.0, now()
    FROM moderation_item i, unnest(ARRAY['', 'DE', 'FR', 'GB']) r(region)
    WHERE i.external_id LIKE %(prefix)s || '%%' AND i.id %% 10 = 0
    ON CONFLICT DO NOTHING
"""
_RANGE = "SELECT min(id), max(id) FROM moderation_item WHERE external_id LIKE %(prefix)s || '%%'"


def fill(url: str, n: int, prefix: str = "bench-", media: int | None = None) -> None:
    """Add `n` cleared items of 1,000 creators, a tenth of them popular; the triggers run as for any writer.

    Args:
        url: address of the database.
        n: how many items.
        prefix: how their external ids begin; another one for each call.
        media: primary key of the file that all of them show; texts without one.
    """
    values = {
        "n": n, "prefix": prefix, "media": media, "creators": 1_000, "restricted": RESTRICTED_EVERY, "blocked": BLOCKED_EVERY
    }  # fmt: skip
    with psycopg.connect(url) as connection:
        for statement in (_PEOPLE, _VERSION, _CREATORS, _ITEMS, _DECISIONS, _CURRENT, _POPULARITY):
            connection.execute(statement, values if "%(" in statement else None)
        row = connection.execute(_RANGE, values).fetchone()
    assert row
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        for after in range(row[0] - 1, row[1], STEP):
            connection.execute(_CLEARANCES, {**values, "after": after, "step": STEP})
        connection.execute("ANALYZE")
