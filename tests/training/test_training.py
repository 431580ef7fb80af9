"""What the classifier learns from: the written corpus, the mapping of public sets, slots and tricks."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from moderation.detection.text import CATEGORIES
from moderation.detection.text.ngrams import NgramModel, features
from moderation.detection.text.prepare import prepare
from training import augment
from training.examples import CORPUS, HELDOUT, Example, none_of_all, written
from training.pool import Pool, split, targets
from training.slots import Slots, has_slot
from training.sources import SOURCES, public

# --- the written corpus --------------------------------------------------------------------------------------------------


def test_the_corpus_covers_every_category_with_look_alikes_in_six_languages() -> None:
    texts = list(written(CORPUS))
    assert len(texts) >= 6_000
    assert sum(n >= 50 for n in Counter(e.language for e in texts).values()) >= 6
    for category in CATEGORIES:
        own = [e for e in texts if e.source == f"corpus/{category}"]
        harmful = [e for e in own if e.labels[category]]
        assert len(own) >= 200, category
        assert 0.35 <= len(harmful) / len(own) <= 0.65, category
        assert len({e.slice for e in own}) >= 5, category


def test_no_text_is_there_twice_and_none_is_held_out() -> None:
    texts = Counter(e.text.casefold() for e in written(CORPUS))
    assert [t for t, n in texts.items() if n > 1] == []
    assert [e.text for e in written(HELDOUT) if e.text.casefold() in texts] == []


def test_the_held_out_texts_are_whole() -> None:
    assert [e.text for e in written(HELDOUT) if has_slot(e.text)] == []


@pytest.mark.parametrize(
    "line",
    [
        "hate\tviolation\tcaption",
        "rude\tviolation\tcaption\tx",
        "-\tjoke\tcaption\tx",
        "-\tnews\tpoem\tx",
        "-\tnews\tcaption\t ",
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "hate.en.tsv").write_text("-\tnews\tcaption\tfine\n" + line + "\n")
    with pytest.raises(ValueError, match=r"hate\.en\.tsv:2"):
        list(written(tmp_path))


# --- public sets -----------------------------------------------------------------------------------------------------------


def test_every_public_set_is_mapped_to_known_categories(shared_data: Path) -> None:
    for source in SOURCES:
        texts = list(source.examples(shared_data))
        assert texts, source.name
        assert {c for e in texts for c in e.labels} <= set(CATEGORIES), source.name
        assert all(0 <= p <= 1 for e in texts for p in e.labels.values()), source.name


def test_held_out_sources_are_never_learned_from(shared_data: Path) -> None:
    learned = {e.source for e in public(shared_data, is_held_out=False)}
    held_out = {e.source for e in public(shared_data, is_held_out=True)}
    assert learned & held_out == set()
    assert {s.name for s in SOURCES} == learned | held_out


def test_without_the_data_there_is_nothing_and_no_error(tmp_path: Path) -> None:
    assert public(tmp_path, is_held_out=False) == []


def test_the_tuning_split_is_the_same_every_time_and_apart() -> None:
    texts = [Example(f"text {n}", none_of_all(), "en", "x") for n in range(1_000)]
    learn, tune = split(texts)
    assert (learn, tune) == split(texts)
    assert len(learn) + len(tune) == 1_000
    assert 40 <= len(tune) <= 140


# --- slots and tricks --------------------------------------------------------------------------------------------------------


def test_slots_are_filled_even_without_lists_and_never_with_words_about_minors(
    shared_data: Path, tmp_path: Path
) -> None:
    draw = random.Random(1)
    for slots in (Slots(tmp_path), Slots(shared_data)):
        filled = slots.fill("{slur} {slurs} {insult} {swear} {sexterm} {group} {drug}", "en", draw)
        assert not has_slot(filled)
    banned = ("teen", "child", "kid", "school", "loli", "young", "minor")
    words = [w.casefold() for found in Slots(shared_data).words.values() for w in found]
    assert [w for w in words if any(b in w for b in banned)] == []


@pytest.mark.parametrize("name", sorted({**augment.TRICKS, **augment.HABITS}))
def test_a_change_of_spelling_changes_the_text_and_leaves_something(name: str) -> None:
    change = {**augment.TRICKS, **augment.HABITS}[name]
    text = "We are having a picnic by the river, everybody!"
    assert change(text, random.Random(3)).strip()
    assert change(text, random.Random(3)) != text
    assert change("", random.Random(3)) is not None


def test_a_pool_draws_what_it_is_asked_for_with_weights_only_where_something_is_known(tmp_path: Path) -> None:
    drawn = Pool(tmp_path, languages=frozenset({"en"}), public_share=0.0).take(300)
    labels, known = targets(drawn)
    assert len(drawn) == len(labels) == 300
    assert all(not has_slot(e.text) for e in drawn)
    assert any(0.0 in row for row in known)


# --- what the models read --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("  two\n\nlines\t", "two lines"),
        ("see https://a.example/x?y=1 now", "see link now"),
        ("thanks @somebody!", "thanks @user !"),
        ("ｆｕｌｌ 𝐛𝐨𝐥𝐝", "full bold"),
        ("z\u200be\u200dr\u2060o", "zero"),
        ("🔪", "kitchen knife"),
        ("👋🏾", "waving hand"),
        ("", ""),
    ],
)
def test_a_text_is_prepared(text: str, reads: str) -> None:
    assert prepare(text) == reads


def test_features_have_length_one_and_do_not_depend_on_case() -> None:
    found = features("A walk by the River")
    assert sum(v * v for v in found.values()) == pytest.approx(1.0)
    assert found == features("a walk by the river")
    assert features("") == {}


def test_a_quantised_model_says_nearly_the_same(tmp_path: Path) -> None:
    import numpy as np

    from moderation.detection.text.ngrams import N_FEATURES

    weights = np.random.default_rng(1).normal(size=(N_FEATURES, len(CATEGORIES))).astype(np.float32)
    model = NgramModel.quantise(weights, np.zeros(len(CATEGORIES), np.float32))
    model.save(tmp_path / "n.npz")
    text = "our walk by the river this morning"
    exact = sum(v * weights[k] for k, v in features(text).items())
    assert np.abs(NgramModel.load(tmp_path / "n.npz").logits([text])[0] - exact).max() < 0.1
