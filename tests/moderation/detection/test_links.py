"""Addresses in captions: found however they are written, and judged with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.detection.links import DomainRule, LinksDetector, addresses_in, imitates, is_mixed, registrable
from moderation.detection.terms.normalise import fold
from moderation.detection.types import Finding, Subject
from policies.choices import ItemKind, Outcome


def findings(caption: str, **domains: DomainRule) -> tuple[Finding, ...]:
    rules = {name.replace("_", "."): rule for name, rule in domains.items()}
    detector = LinksDetector(lambda: rules)
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
        ("hXXps[:]//evil(dot)com:8080/a", ["evil.com"]),
        ("evil . com", ["evil.com"]),
        ("evil .com", ["evil.com"]),
        ("evil\n.com", ["evil.com"]),
        ("evil\U0001f534com", ["evil.com"]),
        ("evil \u2022 com", ["evil.com"]),
        ("evil d0t com", ["evil.com"]),
        ("go to e v i l . c o m now", ["evil.com"]),
        ("\u043f\u043e\u0447\u0442\u0430.\u0440\u0444", [fold("\u043f\u043e\u0447\u0442\u0430.\u0440\u0444").text]),
        ("http://xn--pypal-4ve.com/x", ["paypal.com"]),
        ("https://paypal.com@evil.top/login", ["evil.top"]),
        ("http://3232235521/x", ["3232235521"]),
        ("http://[2001:db8::1]/x", ["[2001:db8::1]"]),
        ("10.0.0.7:8080 and 10.0.0.8/x", ["10.0.0.7", "10.0.0.8"]),
        ("some.museum/tickets", ["some.museum"]),
        ("www.some.museum", ["www.some.museum"]),
    ],
)
def test_it_reads_an_address(text: str, hosts: list[str]) -> None:
    assert [a.host for a in addresses_in(text)] == hosts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "el punto es que",
        "Hello.World",
        "3.5 com",
        "polka dot shop",
        "me@google.com",
        "v1.2.3",
        "wow.that is",
        "1.2.3.4",
        "a b c d . e f g",
        "and/or",
        "w/o sugar",
        "I like it. Net result: fine",
        "at 10:30 . Then home",
    ],
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
        ("arnazon.com", "amazon"), ("paypal.evil.co.uk", "paypal"), ("google.github.io", "google"),
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
    assert many.where["why"] == ["shortened address, hides where it leads", "beside words that lure"]


def test_an_ordinary_address_says_nothing() -> None:
    assert findings("my recipes are on cooking.example") == ()


@pytest.mark.parametrize(
    ("caption", "why"),
    [
        ("http://10.0.0.7/x", "a number in place of a name"),
        ("https://paypal.com@evil.top/x", "a name before the host"),
        ("b\u0430nk-of-things.com", "mixes alphabets"),
        ("see bit.ly/x", "shortened address, hides where it leads"),
    ],
)
def test_each_sign_is_named(caption: str, why: str) -> None:
    [finding] = findings(caption)
    assert why in finding.where["why"]
    assert 0 < finding.score < 1


def test_a_shortener_alone_is_a_mild_sign() -> None:
    [finding] = findings("bit.ly/abc")
    assert (finding.score, finding.where["domain"]) == (0.3, "bit.ly")


def test_words_in_other_alphabets_are_not_mixed() -> None:
    assert not is_mixed("\u043f\u043e\u0447\u0442\u0430.com")
    assert not is_mixed("\u65e5\u672ctv.jp")
    assert is_mixed("p\u0430ypal.com")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("a.b.co.uk", "b.co.uk"), ("x.github.io", "x.github.io"), ("www.evil.com", "evil.com"), ("10.0.0.1", "10.0.0.1")],
)
def test_the_registrable_domain_follows_the_public_suffix_list(host: str, expected: str) -> None:
    assert registrable(host) == expected


def test_many_addresses_are_a_sign() -> None:
    assert findings("a.com b.com c.com") == ()
    assert len(findings("a.com b.com c.com d.com")) == 4


def test_a_listed_domain_has_a_fixed_consequence_also_below_it() -> None:
    rule = DomainRule("hate", Outcome.BLOCK)
    [finding] = findings("x.bad.com", bad_com=rule)
    assert (finding.hard, finding.category, finding.score) == (Outcome.BLOCK, "hate", 1.0)
    assert findings("notbad.com", bad_com=rule) == ()


def test_a_listed_domain_may_have_a_score_instead() -> None:
    [finding] = findings("bad.com", bad_com=DomainRule("hate", None, 0.7))
    assert (finding.hard, finding.category, finding.score) == (None, "hate", 0.7)


def test_a_listed_domain_is_found_in_any_spelling() -> None:
    rule = DomainRule("hate", Outcome.BLOCK)
    for caption in ("b\u0430d.com", "bad[.]com", "xn--bd-7kc.com", "b a d . c o m"):
        assert findings(caption, bad_com=rule)[0].hard == Outcome.BLOCK, caption


def test_what_looks_like_an_allowed_domain_is_not_allowed() -> None:
    allowed = DomainRule("", None)
    assert findings("free good.com", good_com=allowed) == ()
    assert findings("free g\u043e\u043ed.com", good_com=allowed)
    assert findings("https://good.com@evil.top/", good_com=allowed)


def test_lists_that_could_not_be_read_make_it_missing() -> None:
    result = LinksDetector(lambda: None).run(Subject(ItemKind.TEXT, "hello", "en", ""))
    assert result.missing
    assert result.missing.why == "failed"


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


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.",
        "a dot ",
        "a-",
        "http://a.",
        "a" * 63 + ".",
        "a [.] ",
        "a ",
        "a . ",
        "http://a@",
        "1.",
        "www.",
        "xn--",
        "a\u2022",
    ],
)
def test_a_hundred_thousand_characters_are_read(unit: str) -> None:
    addresses_in((unit * 100_000)[:100_000])
