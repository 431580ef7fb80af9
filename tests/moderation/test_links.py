"""Addresses in captions: found however they are written, and judged with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.detectors.base import Finding, Subject
from moderation.detectors.links import DomainRule, LinksDetector, addresses_in, imitates
from policies.choices import ItemKind, Outcome


def findings(caption: str, **domains: DomainRule) -> tuple[Finding, ...]:
    detector = LinksDetector({name.replace("_", "."): rule for name, rule in domains.items()})
    return detector.run(Subject(ItemKind.TEXT, caption, "en", "")).findings


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("see https://a.b.c.d.example/x?y=1 now", ["a.b.c.d.example"]),
        ("evil.pw/x and bit.ly/y", ["evil.pw", "bit.ly"]),
        ("hxxp://evil[.]com/a", ["evil.com"]),
        ("evil [dot] com", ["evil.com"]),
        ("evil dot com", ["evil.com"]),
        ("ev\u200bil.com", ["evil.com"]),
        ("ｅｖｉｌ．com", ["evil.com"]),
        ("www.1.com.evil.xyz", ["www.1.com.evil.xyz"]),
        ("https://192.168.0.1/x", ["192.168.0.1"]),
        ("-evil.com-", ["evil.com"]),
    ],
)
def test_it_reads_an_address(text: str, hosts: list[str]) -> None:
    assert [a.host for a in addresses_in(text)] == hosts


@pytest.mark.parametrize(
    "text",
    ["", "el punto es que", "Hello.World", "3.5 com", "polka dot shop", "me@google.com", "v1.2.3", "wow.that is"],
)
def test_it_finds_no_address_where_there_is_none(text: str) -> None:
    assert addresses_in(text) == []


def test_the_span_is_what_was_written() -> None:
    text = "look: ev\u200bil [.] com/a !"
    [address] = addresses_in(text)
    assert text[address.start : address.end] == "ev\u200bil [.] com/a"
    assert (address.is_defanged, address.is_disguised) == (True, True)


def test_accents_are_no_disguise() -> None:
    [address] = addresses_in("besuch müller.de")
    assert not address.is_disguised


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("paypa1.com", "paypal"), ("gooogle.com", "google"), ("amzaon.de", "amazon"), ("apple-support.com", "apple"),
        ("paypal.secure.ru", "paypal"), ("paypal.com", None), ("www.google.co.uk", None), ("gatehouse.example", None),
    ],
)  # fmt: skip
def test_it_tells_a_look_alike_from_the_real_name(host: str, name: str | None) -> None:
    assert imitates(host) == name


def test_foreign_letters_make_the_real_name_a_look_alike() -> None:
    [finding] = findings("\u0430pple.com")
    assert "looks like apple" in finding.where["why"]


def test_more_signs_make_more_suspicion_and_each_is_named() -> None:
    [few], [many] = findings("bit.ly/a"), findings("FREE prize bit.ly/a")
    assert 0 < few.score < many.score < 1
    assert many.where["why"] == ["hides where it leads", "beside words that lure"]


def test_an_ordinary_address_says_nothing() -> None:
    assert findings("my recipes are on cooking.example") == ()


def test_many_addresses_are_a_sign() -> None:
    assert findings("a.com b.com c.com") == ()
    assert len(findings("a.com b.com c.com d.com")) == 4


def test_a_listed_domain_has_a_fixed_consequence_also_below_it() -> None:
    rule = DomainRule("hate", Outcome.BLOCK)
    [finding] = findings("x.bad.com", bad_com=rule)
    assert (finding.hard, finding.category, finding.score) == (Outcome.BLOCK, "hate", 1.0)
    assert findings("notbad.com", bad_com=rule) == ()


def test_an_allowed_domain_is_never_suspicious() -> None:
    assert findings("free bit.ly/a", bit_ly=DomainRule("", None)) == ()


@given(
    st.text(alphabet=st.characters(codec=None), max_size=100)
    | st.text(alphabet="ab.-/: [dot]\u200b\u0430@com", max_size=80)
)
def test_it_never_raises(text: str) -> None:
    for address in addresses_in(text):
        assert 0 <= address.start < address.end <= len(text)
    findings(text)


@pytest.mark.parametrize("unit", ["a", "a.", "a dot ", "a-", "http://a.", "a" * 63 + ".", "a [.] "])
def test_a_hundred_thousand_characters_are_read(unit: str) -> None:
    addresses_in((unit * 100_000)[:100_000])
