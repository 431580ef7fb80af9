"""The seed's term list as an index, for scoring without a database."""

from functools import lru_cache
from pathlib import Path

from django.apps import apps

from moderation.detection.terms.detector import TermEntry, TermIndex
from policies.choices import Outcome
from policies.document.stored import read_terms


@lru_cache(maxsize=1)
def seed_terms() -> TermIndex:
    """Return the terms that a fresh installation starts with."""
    path = Path(apps.get_app_config("policies").path) / "seeds" / "terms.csv"
    return TermIndex.build(
        TermEntry(
            text=row["text"],
            category=row["category"],
            language=row.get("language") or "",
            score=float(row.get("score") or 0.0),
            hard=Outcome[row["outcome"].upper()] if row.get("outcome") else None,
            is_exception=bool(row.get("exception")),
            whole_word=row.get("whole_word") is not False,
        )
        for row in read_terms(path.read_text(encoding="utf-8"))
    )
