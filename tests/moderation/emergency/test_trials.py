"""Terms tried on a text: what matches, what is shielded and by what, and how the text is read."""

from __future__ import annotations

from moderation.detection.terms.detector import TermEntry, TermIndex
from moderation.emergency.trials import MAX_LETTERS, Piece, terms_try
from policies.choices import Outcome

ENTRIES = (
    TermEntry("rude", "harassment", score=0.5),
    TermEntry("rude health", "harassment", is_exception=True),
    TermEntry("rude health", "spam_scam", is_exception=True),
    TermEntry("double your money", "spam_scam", hard=Outcome.BLOCK),
    TermEntry("grob", "harassment", "de", score=0.5),
)


def test_it_finds_what_the_detector_finds() -> None:
    text = "how RUDE, in rude health and d0uble your m0ney"
    tried = terms_try(ENTRIES, text, "en")
    assert list(tried.hits) == TermIndex.build(ENTRIES).scan(text, "en")
    assert [(hit.entry.text, hit.entry.hard) for hit in tried.hits] == [
        ("rude", None),
        ("double your money", Outcome.BLOCK),
    ]


def test_it_names_the_exceptions_of_the_same_category_that_shield() -> None:
    [shielded] = terms_try(ENTRIES, "in rude health").shielded
    assert (shielded.hit.entry.text, shielded.exceptions) == ("rude", ("rude health",))


def test_the_pieces_are_the_text() -> None:
    text = "rude? in rude health!"
    pieces = terms_try(ENTRIES, text).pieces
    assert "".join(piece.text for piece in pieces) == text
    assert pieces == (Piece("rude", "hit"), Piece("? in ", ""), Piece("rude", "shielded"), Piece(" health!", ""))


def test_it_shows_how_the_text_is_read() -> None:
    assert terms_try(ENTRIES, "RÜDE").readings[0] == "rude"
    assert terms_try(ENTRIES, "").readings == ()
    assert terms_try((), "anything").hits == ()


def test_it_looks_at_as_much_as_a_caption_has() -> None:
    assert terms_try(ENTRIES, "x" * MAX_LETTERS + " rude").hits == ()
