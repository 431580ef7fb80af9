"""What the pages of simulations show, gathered from queries: answers in words and charts, flipped items, comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User

from console.pages.evidence import where_words
from console.pages.forms import categories, category_names
from console.pages.simulation.answers import Queues, answer_of, tell_of
from console.pages.simulation.forms import LEVEL_WORDS, FlipForm
from moderation.evidence.store import evidence_of
from moderation.items.queries import items_search
from moderation.items.visibility import categories_hidden, find_hidden, queues_hidden, result_visible
from moderation.models import Finding, Item, Queue, SimulationRun
from moderation.review.staffing import service_times
from moderation.simulation.queries import simulation_get
from policies.choices import Band, ItemKind
from policies.decision.decide import decide
from policies.errors import PolicyError
from policies.live import compile_version
from policies.models import PolicyVersion
from policies.replay.changed_items import Flip, flips_at
from policies.replay.comparison import differences
from policies.replay.outcomes import FlippedItem, Simulation
from policies.replay.population import Filter

#: Flipped items that are shown at once; the others open below.
_FIRST_FLIPPED = 25


def queues_known(user: User, routes: Iterable[tuple[str, int]], now: datetime) -> Queues:
    """Return what is known of queues: titles, the minutes that a version's routes promise, and how long jobs took."""
    rows = list(Queue.objects.values_list("slug", "title", "sla_minutes", "is_restricted"))
    minutes = {slug: sla for slug, _, sla, _ in rows}
    # Of several routes into one queue, the shortest promise is written last.
    minutes |= dict(sorted(routes, key=lambda route: -route[1]))
    hidden = queues_hidden(user, [(slug, is_restricted) for slug, _, _, is_restricted in rows])
    return Queues({slug: title for slug, title, _, _ in rows}, minutes, service_times(now, user), hidden)


def _routes_of(version: PolicyVersion | None) -> Iterable[tuple[str, int]]:
    return version.routingrules.values_list("queue", "sla_minutes") if version else ()


def filter_words(wanted: Filter) -> list[str]:
    """Return a filter in words, without its period; empty where it lets everything through."""
    words = [", ".join(wanted.markets), ", ".join(wanted.languages)]
    words += [f"meant for {Band(band).label.lower()}" for band in wanted.bands]
    words += [f"{ItemKind(kind).label.lower()}s" for kind in wanted.kinds]
    return [word for word in words if word]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list, with its filter in words."""

    run: SimulationRun
    words: list[str]


def run_context(user: User, run: SimulationRun, now: datetime) -> dict[str, Any]:
    """Return what the page of a finished run shows."""
    found, known = result_visible(user, run), categories()
    names, hidden = category_names(known), categories_hidden(user, known)
    context = {
        "names": names,
        "filter_words": filter_words(run.wanted),
        "is_stale": run.draft is None or getattr(run, "was_edited", False),
    }
    if found is None:
        return context
    flipped = load_changed_items(user, found, hidden)
    return context | {
        "answer": answer_of(found, queues_known(user, _routes_of(run.draft), now), names, hidden=hidden),
        "flipped": flipped[:_FIRST_FLIPPED],
        "more_flipped": flipped[_FIRST_FLIPPED:],
        "seconds": (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None,
    }


# --- flipped items -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flipped:
    """A flipped item with what was found on it. `level` is in words."""

    flip: FlippedItem
    item: Item
    level: str
    where: str


def load_changed_items(user: User, found: Simulation, hidden: frozenset[str]) -> list[Flipped]:
    """Return the flipped items that the person may know of, in the engine's order, in two queries; none for hidden categories."""
    by_pk = items_search(user).in_bulk([flip.item_pk for flip in found.flipped if flip.category not in hidden])
    best = _best_findings(list(by_pk))
    return [
        Flipped(flip, by_pk[flip.item_pk], LEVEL_WORDS.get(flip.level, "").lower(), _where(best, flip))
        for flip in found.flipped
        if flip.item_pk in by_pk and flip.category not in hidden
    ]


def _best_findings(item_pks: Sequence[int]) -> dict[tuple[int, str], Finding]:
    """Return the finding with the largest score of each item and category."""
    findings = Finding.objects.filter(item_id__in=item_pks).order_by("score", "pk")
    return {(finding.item_id, finding.category): finding for finding in findings}


def _where(best: Mapping[tuple[int, str], Finding], flip: FlippedItem) -> str:
    finding = best.get((flip.item_pk, flip.category))
    if finding is None:
        return ""
    return ", ".join(word for word in (f"by {finding.detector}", where_words(finding.where)) if word)


# --- which threshold flips an item -------------------------------------------------------------------------------


def flip_context(user: User, version: PolicyVersion, form: FlipForm) -> dict[str, Any]:
    """Return the verdict of a version on an item and what would flip it; errors go into the form."""
    item = _item_named(user, form.cleaned_data["item"].strip())
    if item is None:
        form.add_error("item", "There is no item with this id. Paste its external id, or the id in its page’s address.")
        return {}
    evidence = evidence_of([item.pk])
    if not len(evidence):
        form.add_error("item", "No evidence is stored for this item: it has not been judged yet.")
        return {"item": item}
    try:
        policy = compile_version(version)
    except PolicyError as error:
        form.add_error(None, f"The draft contradicts itself, so it says nothing of any item: {error}.")
        return {"item": item}
    batch = evidence.batch_for(policy)
    now = decide(batch, policy)
    hidden = categories_hidden(user)
    shown = [flip for flip in flips_at(batch, policy) if flip.category not in hidden]
    return {
        "item": item,
        "names": category_names(),
        "outcome": int(now.outcome[0]),
        "min_age": int(now.min_age[0]),
        "rule": policy.rules[int(now.rule[0])],
        "flips": [(flip, LEVEL_WORDS[flip.level].lower(), _slider_query(flip)) for flip in shown],
    }


def _slider_query(flip: Flip) -> str:
    """Return the query under which the slider shows a threshold where it flips the item."""
    asked = {
        "category": flip.category,
        "level": flip.level,
        "of": f"{flip.category}/{flip.level}",
        "threshold": flip.moved_to,
    }
    return urlencode(asked, safe="/")


def _item_named(user: User, text: str) -> Item | None:
    found = items_search(user).filter(external_id=text).first()
    if found is None:
        try:
            found = items_search(user).filter(key=UUID(text)).first()
        except ValueError:
            return None
    return found


# --- two runs ----------------------------------------------------------------------------------------------------

_GROUP_TITLES = {
    "total": "All items",
    "category": "By category",
    "language": "By language",
    "market": "By market",
    "audience": "By audience",
    "queue": "Jobs an hour, by queue",
}


def compare_context(user: User, first: str, second: str) -> dict[str, Any]:
    """Return two finished runs side by side, or what is wrong with the choice."""
    one, other = (simulation_get(key, user) for key in (first, second))
    results = [result_visible(user, run) if run else None for run in (one, other)]
    problem = ""
    if one is None or other is None or one.pk == other.pk:
        problem = "Choose two different runs from the list."
    elif None in results:
        problem = "Both runs must be done before they can be compared."
    context = {"first": one, "second": other, "problem": problem, "names": category_names()}
    if one is None or other is None or problem:
        return context
    hidden = find_hidden(user)
    of_one, of_other = (tell_of(found, hidden) for found in results if found)
    rows = [row for row in differences(of_one, of_other) if row.first or row.second]
    groups = [(_GROUP_TITLES[group], group, list(rows)) for group, rows in groupby(rows, key=lambda row: row.group)]
    words = [filter_words(run.wanted) for run in (one, other)]
    return context | {"groups": groups, "filters": words}
