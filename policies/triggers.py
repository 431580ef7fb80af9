"""The database triggers that keep a published policy version as it was."""

import pgtrigger

#: Columns of a version that only a draft may change. State, canary, approver and the times are its life, not its content.
_CONTENT = (
    "id",
    "key",
    "number",
    "title",
    "change_note",
    "unknown_language_outcome",
    "author_id",
    "digest",
    "created_at",
)

# FOR SHARE makes a change of content wait for a running submission, and the other way round; without it, a row could
# slip into a version between the reading of its state and the commit that publishes it.
_REFUSE = """
    SELECT state INTO found FROM policies_policyversion WHERE id = {version} FOR SHARE;
    IF found IS DISTINCT FROM 'draft' AND found IS NOT NULL THEN
        RAISE EXCEPTION 'policies: version % is %; its content cannot change', {version}, found
            USING ERRCODE = 'check_violation';
    END IF;
"""


def no_truncate() -> pgtrigger.Trigger:
    """Return the trigger that refuses TRUNCATE, which fires no trigger of rows: not even the owner empties a record by it."""
    return pgtrigger.Trigger(
        name="no_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func="RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;",
    )


def _frozen(body_old: str, body_new: str, declare: list[tuple[str, str]]) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="frozen_after_draft",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=declare,
        func=(
            f"IF TG_OP <> 'INSERT' THEN {body_old} END IF;"
            f"IF TG_OP <> 'DELETE' THEN {body_new} RETURN NEW; END IF;"
            "RETURN OLD;"
        ),
    )


def frozen_child() -> pgtrigger.Trigger:
    """Return the trigger that refuses any change of a row whose version is no longer a draft."""
    return _frozen(
        _REFUSE.format(version="OLD.version_id"), _REFUSE.format(version="NEW.version_id"), [("found", "text")]
    )


def frozen_term() -> pgtrigger.Trigger:
    """Return the same for a term, which reaches its version through its list."""
    look_up = "SELECT version_id INTO owner FROM policies_termlist WHERE id = {row}.list_id;"
    body = look_up + _REFUSE.format(version="owner")
    return _frozen(body.replace("{row}", "OLD"), body.replace("{row}", "NEW"), [("found", "text"), ("owner", "bigint")])


def frozen_version() -> pgtrigger.Trigger:
    """Return the trigger that keeps a version's own content, and the version itself, once it left draft."""
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in _CONTENT)
    return pgtrigger.Trigger(
        name="frozen_after_draft",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=f"""
            IF OLD.state = 'draft' THEN
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
            END IF;
            IF TG_OP = 'DELETE' OR {changed} THEN
                RAISE EXCEPTION 'policies: version % is %; its content cannot change', OLD.number, OLD.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        """,
    )


def version_transitions() -> pgtrigger.Trigger:
    """Return the trigger that refuses a change of state that `lifecycle.TRANSITIONS` does not know."""
    from policies.lifecycle import TRANSITIONS

    moves = ", ".join(f"('{old}', '{new}')" for old, news in TRANSITIONS.items() for new in news)
    return pgtrigger.Trigger(
        name="known_transitions",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__state__df=pgtrigger.F("new__state")),
        func=f"""
            IF (OLD.state, NEW.state) NOT IN ({moves}) THEN
                RAISE EXCEPTION 'policies: a version cannot go from % to %', OLD.state, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        """,
    )


def four_eyes() -> pgtrigger.Trigger:
    """Return the trigger that refuses an approver who wrote any part of the version.

    A constraint refuses the first author only.
    """
    return pgtrigger.Trigger(
        name="approver_wrote_nothing",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__approver_id__df=pgtrigger.F("new__approver_id")),
        func="""
            IF NEW.approver_id <> NEW.author_id AND EXISTS (
                SELECT 1 FROM policies_approval
                WHERE version_id = NEW.id AND actor_id = NEW.approver_id AND verb IN ('create', 'edit')
            ) THEN
                RAISE EXCEPTION 'policies: who wrote a part of version % cannot approve it', NEW.number
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        """,
    )


#: The body of the trigger that holds banks of any category with the flag to BLOCK, whatever the category is called.
BANK_BLOCKS = """
    IF EXISTS (SELECT 1 FROM policies_category c WHERE c.slug = NEW.category_id AND c.is_child_safety) THEN
        RAISE EXCEPTION 'policies_bankrule_child_safety_blocks: a match in category % must block', NEW.category_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policies_bankrule_child_safety_blocks';
    END IF;
    RETURN NEW;
"""
