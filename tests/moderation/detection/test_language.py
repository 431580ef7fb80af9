"""Which language a caption is in, and when nobody can say."""

import pytest

from moderation.detection.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("the weather is rather nice today, is it not", "en"),
        ("heute backen wir zusammen ein Brot", "de"),
        ("bonjour tout le monde, comment allez-vous", "fr"),
        ("hola amigos, hoy vamos a cocinar", "es"),
        ("bugün hava çok güzel", "tr"),
        ("привет всем", "ru"),
        ("مرحبا بالجميع", "ar"),
        ("私は猫です", "ja"),
        ("안녕하세요 여러분", "ko"),
    ],
)
def test_it_names_the_language(text: str, language: str) -> None:
    found, confidence = detect(text)
    assert found == language
    assert 0.5 <= confidence <= 1.0


@pytest.mark.parametrize("text", ["", " ", "ok", "😀😀😀", "1234", "\ud800\ud800\ud800", "\x00\x00", "?!…"])
def test_what_says_too_little_is_unknown(text: str) -> None:
    assert detect(text) == ("und", 0.0)


def test_a_very_long_text_is_read_in_part() -> None:
    assert detect("we went to the market this morning " * 10_000)[0] == "en"


def test_half_a_surrogate_pair_does_not_stop_it() -> None:
    assert detect("we went to the market \ud800 this morning")[0] == "en"
