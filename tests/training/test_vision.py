"""Drawn scenes and their captions: the same from the same number, other ones for measuring, and nothing measured was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from training.vision.captions import KINDS, CaptionWriter, with_article
from training.vision.evaluate import average_precision, unseen_sentences_are_unseen
from training.vision.pen import THINGS
from training.vision.scenes import REFERENCE, TRAINING, UNSEEN, draw_scene


@pytest.mark.parametrize("name", sorted(THINGS))
def test_every_thing_can_be_drawn(name: str) -> None:
    image, scene = draw_scene(7, name=name, size=(96, 64))
    assert image.size == (96, 64)
    assert scene.things[0] == name
    assert np.asarray(image).std() > 2 or name == "empty picture"


def test_the_same_number_gives_the_same_drawing_and_another_stream_another_one() -> None:
    def drawn(stream: int) -> np.ndarray:
        return np.asarray(draw_scene(5, stream=stream, name="knife", size=(64, 64))[0])

    assert (drawn(TRAINING) == drawn(TRAINING)).all()
    assert (drawn(TRAINING) != drawn(UNSEEN)).any()
    assert (drawn(UNSEEN) != drawn(REFERENCE)).any()


def test_sentences_that_measure_are_never_captions_of_training() -> None:
    assert unseen_sentences_are_unseen()


def test_kinds_name_things_that_are_drawn() -> None:
    assert {name for members in KINDS.values() for name in members} <= set(THINGS)


def test_a_caption_names_what_its_mask_says() -> None:
    writer, rng = CaptionWriter(), np.random.default_rng(2)
    for seed in range(200):
        _, scene = draw_scene(seed, stream=TRAINING, size=(32, 32))
        caption, mask, one_is_enough = writer.write(scene, rng)
        named = {writer.names[i] for i in np.flatnonzero(mask)}
        if one_is_enough:
            assert scene.things[0] in named
            assert any(kind in caption for kind in KINDS)
        else:
            assert named <= set(scene.things)
            assert all(any(phrase in caption for phrase in THINGS[name].names) for name in named)


@pytest.mark.parametrize(
    ("name", "phrase"),
    [("knife", "a knife"), ("apple", "an apple"), ("pills", "pills"), ("glasses", "glasses"), ("city bus", "a city bus"),
     ("fire", "fire"), ("pool of blood", "a pool of blood"), ("umbrella", "an umbrella")],
)  # fmt: skip
def test_names_stand_with_their_article(name: str, phrase: str) -> None:
    assert with_article(name) == phrase


def test_average_precision_is_one_where_all_positives_come_first() -> None:
    scores, labels = np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False])
    assert average_precision(scores, labels) == 1.0
    assert average_precision(-scores, labels) == pytest.approx((1 / 3 + 2 / 4) / 2)
