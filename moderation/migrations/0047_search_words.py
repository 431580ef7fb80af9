import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import pgtrigger.compiler
import moderation.models.item
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


#: What of a text counts: lower case, without accents and signs. Each sign of a script that is written without spaces is a word of
#: its own, so that words inside a line are found, as phrases. The query goes through the same function.
_TEXT = r"""
CREATE FUNCTION gatehouse_search_text(written text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(
        normalize(lower(written), NFKD), '[\u0300-\u036f]', '', 'g'),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+', ' ', 'g'),
        '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])', ' \1 ', 'g')
$$
"""
#: Every word that is asked for has to be the beginning of one that is there, in the places of these weights; short ones whole.
_QUERY = r"""
CREATE FUNCTION gatehouse_search_query(asked text, weights text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(to_tsquery('simple', string_agg(
        '''' || word || '''' || CASE
            WHEN length(word) > 2 THEN ':*' || weights WHEN weights <> '' THEN ':' || weights ELSE '' END, ' & ')), ''::tsquery)
    FROM (
        SELECT btrim(gatehouse_search_text(one)) AS word
        FROM regexp_split_to_table(left(asked, 300), '\s+') WITH ORDINALITY AS words(one, n) WHERE n <= 8
    ) words WHERE word <> ''
$$
"""
#: The texts of a list of lines or segments, as one.
_JOINED = """
CREATE FUNCTION gatehouse_joined_texts(parts jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(left(string_agg(coalesce(part ->> 'words', part ->> 'text'), E'\\n' ORDER BY n), 60000), '')
    FROM jsonb_array_elements(CASE WHEN jsonb_typeof(parts) = 'array' THEN parts ELSE '[]' END) WITH ORDINALITY AS x(part, n)
$$
"""
_ITEM_TEXTS = """
CREATE FUNCTION gatehouse_item_texts(pks bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO moderation_itemtext (item_id, read, said, words)
    SELECT i.id, t.read, t.said, setweight(to_tsvector('simple', gatehouse_search_text(i.caption)), 'A')
        || setweight(to_tsvector('simple', gatehouse_search_text(t.read)), 'B')
        || setweight(to_tsvector('simple', gatehouse_search_text(t.said)), 'C')
    FROM moderation_item i LEFT JOIN moderation_mediafile f ON f.id = i.media_id
    CROSS JOIN LATERAL (SELECT
        coalesce((
            SELECT gatehouse_joined_texts(r.payload -> 'lines') FROM moderation_detectorresult r
            WHERE r.sha256 = f.sha256 AND r.detector = 'ocr' AND jsonb_typeof(r.payload -> 'lines') = 'array'
            ORDER BY r.id DESC LIMIT 1
        ), '') AS read,
        coalesce((
            SELECT gatehouse_joined_texts(r.payload -> 'segments') FROM moderation_detectorresult r
            WHERE r.sha256 = f.sha256 AND r.detector = 'speech' AND jsonb_typeof(r.payload -> 'segments') = 'array'
            ORDER BY r.id DESC LIMIT 1
        ), '') AS said
    ) t
    WHERE i.id = ANY(pks)
    ON CONFLICT (item_id) DO UPDATE SET read = EXCLUDED.read, said = EXCLUDED.said, words = EXCLUDED.words;
END
$$
"""
# Words that 60 of the newest 5,000 items have are frequent: one row, NULL, says so at once, and counting all of them by the index
# would be what takes time. All others by the index, whatever the planner guesses: a scan that counts on soon having found enough
# takes seconds where two frequent words never stand together. With room for what the index gives, or whole pages are looked at again.
_ITEMS_WITH = """
CREATE FUNCTION gatehouse_items_with(asked text, weights text, most integer) RETURNS SETOF bigint LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET search_path = public, pg_temp AS $$
DECLARE
    query tsquery := gatehouse_search_query(asked, weights);
    n integer;
BEGIN
    SELECT count(*) INTO n FROM (
        SELECT 1 FROM (
            SELECT t.words FROM (SELECT id FROM moderation_item ORDER BY created_at DESC LIMIT 5000) newest
            JOIN moderation_itemtext t ON t.item_id = newest.id OFFSET 0  -- the words are looked at here, not asked of the index
        ) seen WHERE words @@ query LIMIT 60
    ) found;
    IF n = 60 THEN
        RETURN NEXT NULL;
        RETURN;
    END IF;
    RETURN QUERY EXECUTE 'SELECT item_id FROM moderation_itemtext WHERE words @@ $1 LIMIT $2' USING query, most;
END
$$
"""
# What is checked at the end of the transaction is checked here: no index is made of a table that still has such checks.
_OF_STORED = """
SELECT gatehouse_item_texts(array_agg(id)) FROM moderation_item GROUP BY id / 5000;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""


def _sql(made: str, name: str) -> migrations.RunSQL:
    return migrations.RunSQL(made, f"DROP FUNCTION {name}")


class Migration(migrations.Migration):

    dependencies = [
        ("moderation", "0046_keep_thumbnails"),
        ('policies', '0024_hold_flagged_banks_to_block'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        _sql(_TEXT, "gatehouse_search_text(text)"),
        _sql(_QUERY, "gatehouse_search_query(text, text)"),
        _sql(_JOINED, "gatehouse_joined_texts(jsonb)"),
        _sql(_ITEM_TEXTS, "gatehouse_item_texts(bigint[])"),
        _sql(_ITEMS_WITH, "gatehouse_items_with(text, text, integer)"),
        migrations.CreateModel(
            name='ItemText',
            fields=[
                ('item', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='texts', serialize=False, to='moderation.item')),
                ('read', models.TextField(blank=True)),
                ('said', models.TextField(blank=True)),
                ('words', django.contrib.postgres.search.SearchVectorField()),
            ],
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(condition=models.Q(('category', ''), _negated=True), fields=['category', '-created_at'], name='moderation_decision_category'),
        ),
        migrations.AddIndex(
            model_name='item',
            index=models.Index(fields=['state', '-created_at'], name='moderation_item_state'),
        ),
        migrations.AddIndex(
            model_name='item',
            index=models.Index(django.db.models.functions.comparison.Coalesce(django.db.models.functions.comparison.NullIf('language_detected', models.Value('')), moderation.models.item.PrimarySubtag(django.db.models.functions.text.Lower('language_claimed'))), models.OrderBy(models.F('created_at'), descending=True), name='moderation_item_language'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='detectorresult',
            trigger=pgtrigger.compiler.Trigger(name='has_words', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."detector" IN (\'ocr\', \'speech\'))', func='\n    PERFORM gatehouse_item_texts(array_agg(i.id)) FROM moderation_item i JOIN moderation_mediafile f ON f.id = i.media_id\n    WHERE f.sha256 = NEW.sha256 HAVING count(*) > 0;\n    RETURN NULL;\n', hash='f94f8ebfadf01f655b9a7e17c484d8eb30013310', operation='INSERT', pgid='pgtrigger_has_words_a47a1', table='moderation_detectorresult', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='item',
            trigger=pgtrigger.compiler.Trigger(name='has_words', sql=pgtrigger.compiler.UpsertTriggerSql(func='PERFORM gatehouse_item_texts(ARRAY[NEW.id]); RETURN NULL;', hash='f0bf4d0fc6eb08965670dc3c72bf98753a48cf3c', operation='INSERT', pgid='pgtrigger_has_words_617c2', table='moderation_item', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='itemtext',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='6f40f944983fd2581b79a02d3c4c38b90a60b509', operation='DELETE', pgid='pgtrigger_no_delete_52c6e', table='moderation_itemtext', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='itemtext',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='497cca65ad43bb300cf059cf90dd8ff889aee6b7', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_6771a', table='moderation_itemtext', when='BEFORE')),
        ),
        migrations.RunSQL(_OF_STORED, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='itemtext',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['words'], name='moderation_itemtext_words'),
        ),
    ]
