"""The costly detector: left out only where it cannot matter, filled in afterwards, and never missed in silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.deep.examine import item_examine
from moderation.detection.cascade import Seen, Turn, turn_of
from moderation.detection.ensemble import OnPathEnsemble
from moderation.detection.pools import DetectorPools
from moderation.detection.text import CATEGORIES
from moderation.detection.text.serving import ServedModel
from moderation.detection.types import Finding, Missing, Result, Subject
from moderation.live import onpath
from moderation.models import Item, OutboxMessage
from moderation.verdict.floor import CampaignFloor
from moderation.verdict.judge import could_change, judge
from moderation.verdict.judgement import Context
from policies.choices import DETECTORS, ItemKind, Outcome
from policies.live import active_policy
from tests.support.decisions import decision_of
from tests.support.fake_detectors import SUBJECT, Fake, after, why
from tests.support.people import ready, text_item
from tests.support.policy_builders import seed_policy

CONTEXT = Context(int(ItemKind.TEXT), "GB", "en", None, 1)


def costly(act: Callable[[], Any] | None = None) -> Fake:
    fake = Fake("text", act)
    fake.cost_ms = 10.0
    return fake


# --- left out ----------------------------------------------------------------------------------------------------


def test_a_costly_detector_that_cannot_matter_is_not_asked() -> None:
    text = costly()
    run = OnPathEnsemble([text, Fake("terms")], deadline_ms=200, pools=DetectorPools(2))
    results = run.run(SUBJECT, can_matter=lambda name, known: False)
    assert (why(results), text.n_runs) == ({"text": "skipped", "terms": ""}, 0)


def test_it_is_asked_with_what_the_others_found() -> None:
    seen: list[list[str]] = []

    def can_matter(name: str, known: Sequence[Result]) -> bool:
        seen.append([name, *(r.detector for r in known)])
        return True

    text = costly()
    results = OnPathEnsemble([Fake("terms"), text, Fake("links")], deadline_ms=200, pools=DetectorPools(2)).run(
        SUBJECT, can_matter=can_matter
    )
    assert why(results) == {"terms": "", "text": "", "links": ""}
    assert (seen, text.n_runs) == ([["text", "terms", "links"]], 1)


def test_nothing_is_left_out_while_a_cheap_one_is_slow() -> None:
    text, slow = costly(), Fake("terms", after(0.15, "terms"))
    run = OnPathEnsemble([slow, text], deadline_ms=200, pools=DetectorPools(2))
    run.run(SUBJECT, can_matter=lambda name, known: False)
    assert text.n_runs == 1


YES, NO, NEVER_ASKED = (lambda: True), (lambda: False), (lambda: pytest.fail("asked"))


@pytest.mark.parametrize(
    ("seen", "can_matter", "turn"),
    [
        (Seen.NOTHING, None, Turn.NOW),
        (Seen.NOTHING, NEVER_ASKED, Turn.LATER),
        (Seen.WORDS, None, Turn.NOW),
        (Seen.WORDS, YES, Turn.NOW),
        (Seen.WORDS, NO, Turn.LATER),
        (Seen.ALL, None, Turn.NOW),
        (Seen.ALL, YES, Turn.NOW),
        (Seen.ALL, NO, Turn.NEVER),
        (Seen.LATE, None, Turn.NOW),
        (Seen.LATE, NEVER_ASKED, Turn.NOW),
    ],
)
def test_when_a_costly_detector_is_asked(seen: Seen, can_matter: Callable[[], bool] | None, turn: Turn) -> None:
    assert turn_of(seen, can_matter) is turn


@pytest.mark.parametrize(
    ("outcome", "is_left_out"), [(Outcome.CLEAR, False), (Outcome.RESTRICT, False), (Outcome.ESCALATE, True)]
)
def test_nothing_matters_under_a_campaign_that_holds(outcome: Outcome, is_left_out: bool) -> None:
    policy = seed_policy(1)
    floor = CampaignFloor("a", False, outcome, "hate")
    assert could_change("text", others(policy, {}, {}, set()), CONTEXT, policy, floor=floor) != is_left_out


def others(policy: Any, scores: dict[str, float], hard: dict[str, Outcome], missing: set[str]) -> list[Result]:
    """Return results of all detectors but text: findings by terms, and what is missing."""
    found = [Finding("terms", "v1", c, s) for c, s in scores.items()]
    found += [Finding("terms", "v1", c, 1.0, hard=o) for c, o in hard.items()]
    return [
        Result(d, "v1", missing=Missing(d, "failed"))
        if d in missing
        else Result(d, "v1", findings=tuple(found) if d == "terms" else ())
        for d in DETECTORS
        if d != "text"
    ]


probability = st.floats(0, 1, width=32)


@settings(max_examples=150, deadline=None)
@given(
    version=st.sampled_from([1, 2]),
    kind=st.sampled_from(list(ItemKind)),
    market=st.sampled_from(["", "DE", "GB", "SA"]),
    claim=st.sampled_from([None, 0, 1, 3]),
    scores=st.dictionaries(st.sampled_from(CATEGORIES), probability, max_size=3),
    hard=st.dictionaries(st.sampled_from(CATEGORIES), st.sampled_from(list(Outcome)), max_size=1),
    missing=st.sets(st.sampled_from([d for d in DETECTORS if d not in {"text", "terms"}]), max_size=2),
    said=st.dictionaries(st.sampled_from(CATEGORIES), probability),
)
def test_what_is_left_out_could_not_have_changed_the_verdict(
    version: int, kind: int, market: str, claim: int | None, scores: Any, hard: Any, missing: set[str], said: Any
) -> None:
    policy = seed_policy(version)
    context = Context(int(kind), market, "en", claim, 1)
    known = others(policy, scores, hard, missing)
    if could_change("text", known, context, policy):
        return
    without = judge([*known, Result("text", "v1", missing=Missing("text", "skipped"))], context, policy)
    whole = judge(
        [*known, Result("text", "v1", findings=tuple(Finding("text", "v1", c, p) for c, p in said.items()))],
        context,
        policy,
    )
    assert whole.outcome == without.outcome
    if whole.outcome.is_servable:
        assert (whole.min_age, whole.territories) == (without.min_age, without.territories)


def test_a_hard_block_leaves_the_text_model_out_and_a_harmless_text_does_not() -> None:
    policy = seed_policy(1)
    assert not could_change("text", others(policy, {}, {"hate": Outcome.BLOCK}, set()), CONTEXT, policy)
    assert could_change("text", others(policy, {}, {}, set()), CONTEXT, policy)


# --- filled in afterwards ------------------------------------------------------------------------------------------


def hard_term() -> str:
    """Return a made-up token that the seeded policy blocks without doubt."""
    return next(t.text for t in active_policy().terms if t.outcome == Outcome.BLOCK and not t.is_exception)


@pytest.mark.django_db
def test_a_skipped_score_is_filled_in_off_the_path() -> None:
    ready()
    item = text_item("t-1", f"come to the market square for {hard_term()} this evening")
    first = decision_of(item)
    assert (first.outcome, first.evidence["missing"]["text"]) == (Outcome.BLOCK, "skipped")
    message = OutboxMessage.objects.get(item=item)
    item_examine(message)
    item = Item.objects.select_related("current_decision").get(pk=item.pk)
    assert decision_of(item).outcome == Outcome.BLOCK
    assert "text" not in decision_of(item).evidence["missing"]
    assert "text" in decision_of(item).evidence["versions"]


# --- the model killed, hung, or talking nonsense ---------------------------------------------------------------------


class Model:
    """A model that does what the test says."""

    version = "m1"
    languages = frozenset({"en"})

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    def knows_words_of(self, text: str) -> bool:
        return True

    def parts_of(self, texts: Sequence[str], languages: Sequence[str]) -> Any:
        said = self.act()
        return {"fused": np.zeros((len(texts), len(CATEGORIES)), np.float32) if said is None else said}


@pytest.fixture
def hang() -> Iterator[Callable[[], None]]:
    release = threading.Event()

    def wait() -> None:
        release.wait(30)

    yield wait
    release.set()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], None]]:
    """Put a model in the shipped one's place."""

    def put(model: Any) -> None:
        monkeypatch.setattr(onpath, "text_model", lambda setting: model)
        onpath.forget()

    yield put
    onpath.forget()


def killed() -> None:
    raise RuntimeError("the session is gone")


def nan() -> Any:
    return np.full((1, len(CATEGORIES)), np.nan, np.float32)


def beyond() -> Any:
    return np.full((1, len(CATEGORIES)), 1.5, np.float32)


@pytest.mark.django_db
@pytest.mark.parametrize("broken", [killed, nan, beyond])
def test_without_a_sound_answer_nothing_is_cleared(serve: Callable[[Any], None], broken: Callable[[], Any]) -> None:
    ready()
    serve(ServedModel(Model(broken)))
    item = text_item("t-1")
    assert (item.state, decision_of(item).decided_by) == ("held", "missing.text")
    assert decision_of(item).evidence["missing"]["text"] == "failed"
    assert OutboxMessage.objects.filter(item=item).count() == 1


@pytest.mark.django_db
def test_a_model_that_hangs_is_late_and_intake_answers_in_time(
    serve: Callable[[Any], None], hang: Callable[[], None], settings: Any
) -> None:
    settings.ONPATH_DEADLINE_MS = 50
    ready()
    serve(ServedModel(Model(hang)))
    text_item("t-0")  # builds what is built once per process
    started = time.perf_counter()
    item = text_item("t-1")
    assert (
        time.perf_counter() - started < settings.ONPATH_DEADLINE_MS / 1_000 + 1.0
    )  # two cores, shared with other tests
    assert (item.state, decision_of(item).evidence["missing"]["text"]) == ("held", "late")


@pytest.mark.django_db
def test_without_a_model_nothing_is_cleared(serve: Callable[[Any], None]) -> None:
    ready()
    serve(None)
    item = text_item("t-1")
    assert (item.state, decision_of(item).evidence["missing"]["text"]) == ("held", "not_configured")


@pytest.mark.django_db
def test_a_language_the_model_does_not_read_is_missing_not_silent() -> None:
    ready()
    item = text_item("t-1", "Dzisiaj pieczemy razem chleb z moją babcią na wsi")
    assert (item.state, decision_of(item).evidence["missing"]["text"]) == ("held", "unsupported")


def test_once_the_model_answers_again_it_is_believed() -> None:
    answers = iter([killed, killed])

    def act() -> Any:
        step = next(answers, None)
        return step() if step else None

    served = ServedModel(Model(act))
    with pytest.raises(RuntimeError):
        served.scores("hello", "en")
    with pytest.raises(RuntimeError):
        served.scores("hello", "en")
    assert served.scores("hello", "en")["hate"].fused == 0.0


def test_a_finding_keeps_what_each_part_says() -> None:
    from moderation.detection.text.detector import TextDetector

    model = Model(lambda: np.full((1, len(CATEGORIES)), 0.01, np.float32))
    half = np.full((1, len(CATEGORIES)), 0.5, np.float32)
    model.parts_of = lambda texts, languages: {"fused": half, "n-grams": half / 2, "transformer": half * np.nan}  # type: ignore[method-assign]
    found = TextDetector(ServedModel(model)).run(Subject(ItemKind.TEXT, "hello there", "en", "")).findings
    assert {f.category for f in found} == set(CATEGORIES)
    assert (found[0].score, found[0].where) == (0.5, {"field": "caption", "parts": {"n-grams": 0.25}})


def test_what_is_next_to_impossible_is_no_finding() -> None:
    from moderation.detection.text.detector import TextDetector

    model = Model(lambda: np.full((1, len(CATEGORIES)), 0.01, np.float32))
    assert TextDetector(ServedModel(model)).run(Subject(ItemKind.TEXT, "hello there", "en", "")).findings == ()
