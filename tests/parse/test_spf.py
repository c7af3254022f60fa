"""SPF by the kinds of the RFC 7208 test suite, each judged by pyspf as well, the reference implementation in Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import spf as oracle

from diagnose.parse.sender.spf import Verdict, evaluate

Zone = dict[tuple[str, str], tuple[str, ...] | None]
IP4, IP6 = "192.0.2.3", "2001:db8::3"


def txt(record: str, **more: tuple[str, ...]) -> Zone:
    """The record of example.org, and others: `a__example__net="..."` is the TXT record of a.example.net."""
    found: dict[tuple[str, str], tuple[str, ...] | None] = {("example.org", "TXT"): (record,)}
    for name, values in more.items():
        kind, _, rest = name.partition("__")
        found[rest.replace("__", "."), kind] = values
    return found


MANY: Zone = {(f"i{n}.example.net", "TXT"): ("v=spf1 ?all",) for n in range(11)}
MANY["example.org", "TXT"] = ("v=spf1 " + " ".join(f"include:i{n}.example.net" for n in range(11)) + " -all",)
NESTED: Zone = {(f"n{n}.example.net", "TXT"): (f"v=spf1 include:n{n + 1}.example.net -all",) for n in range(12)}

CASES: dict[str, tuple[Zone, str, str]] = {
    # records
    "no record": ({}, IP4, "none"),
    "other TXT records": ({("example.org", "TXT"): ("google-site-verification=x", "v=spf1 +all")}, IP4, "pass"),
    "two records": ({("example.org", "TXT"): ("v=spf1 -all", "v=spf1 +all")}, IP4, "permerror"),
    "version 10": (txt("v=spf10 +all"), IP4, "none"),
    "version alone": (txt("v=spf1"), IP4, "neutral"),
    "upper case": (txt("V=SPF1 IP4:192.0.2.3 -ALL"), IP4, "pass"),
    "no answer": ({("example.org", "TXT"): None}, IP4, "temperror"),
    # syntax
    "unknown mechanism": (txt("v=spf1 moo -all"), IP4, "permerror"),
    "mistake behind a match": (txt("v=spf1 +all ip4:1.2.3"), IP4, "permerror"),
    "address without ip4": (txt("v=spf1 192.0.2.3 -all"), IP4, "permerror"),
    "ip4 without address": (txt("v=spf1 ip4 -all"), IP4, "permerror"),
    "ip4 with a prefix of 33": (txt("v=spf1 ip4:192.0.2.3/33 -all"), IP4, "permerror"),
    "ip4 with a padded prefix": (txt("v=spf1 ip4:192.0.2.0/024 -all"), IP4, "permerror"),
    "all with an argument": (txt("v=spf1 -all:example.org"), IP4, "permerror"),
    "include without a domain": (txt("v=spf1 include -all"), IP4, "permerror"),
    "a top label of digits": (txt("v=spf1 a:example.111 -all"), IP4, "permerror"),
    "two redirects": (txt("v=spf1 redirect=a.example.net redirect=b.example.net"), IP4, "permerror"),
    "an unknown modifier": (txt("v=spf1 moo=cow ip4:192.0.2.3 -all"), IP4, "pass"),
    "a tab": (txt("v=spf1\tip4:192.0.2.3 -all"), IP4, "none"),
    # all, ip4, ip6
    "ip4": (txt("v=spf1 ip4:192.0.2.3 -all"), IP4, "pass"),
    "ip4 network": (txt("v=spf1 ip4:192.0.2.77/24 -all"), IP4, "pass"),
    "ip4 of another": (txt("v=spf1 ip4:192.0.2.4 -all"), IP4, "fail"),
    "softfail": (txt("v=spf1 ~all"), IP4, "softfail"),
    "neutral": (txt("v=spf1 ?all"), IP4, "neutral"),
    "nothing matches": (txt("v=spf1 ip4:192.0.2.4"), IP4, "neutral"),
    "ip6": (txt("v=spf1 ip6:2001:db8::/32 -all"), IP6, "pass"),
    "ip6 by an IPv4 client": (txt("v=spf1 ip6:2001:db8::/32 -all"), IP4, "fail"),
    "ip4 by an IPv6 client": (txt("v=spf1 ip4:0.0.0.0/0 -all"), IP6, "fail"),
    # a, mx
    "a": (txt("v=spf1 a -all", A__example__org=(IP4,)), IP4, "pass"),
    "a of another domain": (txt("v=spf1 a:www.example.net -all", A__www__example__net=(IP4,)), IP4, "pass"),
    "a with prefixes": (txt("v=spf1 a/24//64 -all", A__example__org=("192.0.2.200",)), IP4, "pass"),
    "a with an IPv6 prefix": (txt("v=spf1 a//64 -all", AAAA__example__org=("2001:db8::77",)), IP6, "pass"),
    "a with nothing behind the colon": (txt("v=spf1 a: -all"), IP4, "permerror"),
    "a not answered": (txt("v=spf1 a -all") | {("example.org", "A"): None}, IP4, "temperror"),
    "mx": (txt("v=spf1 mx -all", MX__example__org=("10 m.example.org.",), A__m__example__org=(IP4,)), IP4, "pass"),
    "mx of another": (txt("v=spf1 mx -all", MX__example__org=("10 m.example.org.",)), IP4, "fail"),
    "eleven exchangers": (
        txt("v=spf1 mx -all", MX__example__org=tuple(f"10 m{n}.example.org." for n in range(11))),
        IP4,
        "permerror",
    ),
    # include
    "include": (txt("v=spf1 include:p.example.net -all", TXT__p__example__net=("v=spf1 ip4:192.0.2.3 -all",)), IP4, "pass"),
    "fail within an include": (
        txt("v=spf1 include:p.example.net ~all", TXT__p__example__net=("v=spf1 -all",)),
        IP4,
        "softfail",
    ),
    "include of nothing": (txt("v=spf1 include:p.example.net -all"), IP4, "permerror"),
    "an include that is broken": (
        txt("v=spf1 include:p.example.net -all", TXT__p__example__net=("v=spf1 moo",)),
        IP4,
        "permerror",
    ),
    "an include behind the match": (txt("v=spf1 ip4:192.0.2.3 include:p.example.net -all"), IP4, "pass"),
    # redirect
    "redirect": (txt("v=spf1 redirect=p.example.net", TXT__p__example__net=("v=spf1 ip4:192.0.2.3 -all",)), IP4, "pass"),
    "redirect before a mechanism": (
        txt("v=spf1 redirect=p.example.net ip4:192.0.2.3", TXT__p__example__net=("v=spf1 -all",)),
        IP4,
        "pass",
    ),
    "redirect beside all": (txt("v=spf1 redirect=p.example.net ?all", TXT__p__example__net=("v=spf1 -all",)), IP4, "neutral"),
    "redirect to nothing": (txt("v=spf1 redirect=p.example.net"), IP4, "permerror"),
    "redirect that is neutral": (txt("v=spf1 redirect=p.example.net", TXT__p__example__net=("v=spf1",)), IP4, "neutral"),
    # exists, ptr
    "exists": (
        txt("v=spf1 exists:%{ir}.%{l}.list.example.net -all", A__3__2__0__192__joe__list__example__net=("127.0.0.2",)),
        IP4,
        "pass",
    ),
    "exists not": (txt("v=spf1 exists:%{i}.list.example.net -all"), IP4, "fail"),
    "exists for IPv6": (
        txt("v=spf1 exists:%{v}.list.example.net -all", A__ip6__list__example__net=("127.0.0.2",)),
        IP6,
        "pass",
    ),
    "ptr": (
        txt("v=spf1 ptr -all")
        | {
            ("3.2.0.192.in-addr.arpa", "PTR"): ("mail.example.org.",),
            ("mail.example.org", "A"): (IP4,),
        },
        IP4,
        "pass",
    ),
    "ptr that does not lead back": (
        txt("v=spf1 ptr -all")
        | {("3.2.0.192.in-addr.arpa", "PTR"): ("mail.example.org.",)},
        IP4,
        "fail",
    ),
    "ptr of a like name": (
        txt("v=spf1 ptr -all")
        | {
            ("3.2.0.192.in-addr.arpa", "PTR"): ("notexample.org.",),
            ("notexample.org", "A"): (IP4,),
        },
        IP4,
        "fail",
    ),
    # macros
    "a macro that explains only": (txt("v=spf1 exists:%{c}.example.net -all"), IP4, "permerror"),
    "a lone percent sign": (txt("v=spf1 exists:%.example.net -all"), IP4, "permerror"),
    "zero labels": (txt("v=spf1 exists:%{d0}.example.net -all"), IP4, "permerror"),
    "labels and delimiters": (
        txt("v=spf1 include:%{d1r}.%{l1r-}.example.net -all", TXT__example__joe__example__net=("v=spf1 +all",)),
        IP4,
        "pass",
    ),
    # limits
    "ten includes": ({**MANY, ("example.org", "TXT"): ("v=spf1 " + " ".join(f"include:i{n}.example.net" for n in range(10)) + " -all",)}, IP4, "fail"),
    "eleven includes": (MANY, IP4, "permerror"),
    "eleven includes, one below the other": (NESTED | txt("v=spf1 include:n0.example.net -all"), IP4, "permerror"),
    "an include of itself": (txt("v=spf1 include:example.org -all"), IP4, "permerror"),
    "two void look-ups": (txt("v=spf1 a:v1.example.net a:v2.example.net ip4:192.0.2.3 -all"), IP4, "pass"),
    "three void look-ups": (txt("v=spf1 a:v1.example.net a:v2.example.net a:v3.example.net ip4:192.0.2.3 -all"), IP4, "permerror"),
}  # fmt: skip


def verdict(zone: Zone, address: str, domain: str = "example.org") -> Verdict:
    return evaluate(lambda name, kind: zone.get((name.lower(), kind), ()), domain, address, sender=f"joe@{domain}")


@pytest.mark.parametrize("case", CASES)
def test_a_verdict(case: str) -> None:
    zone, address, result = CASES[case]
    assert verdict(zone, address).result == result


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"zero labels"}))  # which pyspf lets pass, against section 7.3
def test_the_reference_says_the_same(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    zone, address, result = CASES[case]

    def answer(name: str, kind: str, *_: Any) -> list[tuple[tuple[str, str], Any]]:
        values = zone.get((name.lower(), kind), ())
        if values is None:
            raise oracle.TempError("no answer")
        return [((name, kind), _in_its_form(value, kind)) for value in values]

    monkeypatch.setattr(oracle, "DNSLookup", answer)
    assert oracle.check2(i=address, s="joe@example.org", h="mail.example.org")[0] == result


def _in_its_form(value: str, kind: str) -> Any:
    if kind == "TXT":
        return (value.encode(),)
    if kind == "MX":
        preference, _, host = value.partition(" ")
        return int(preference), host.rstrip(".")
    return value.rstrip(".")


def test_what_decided_and_what_was_wrong_are_told() -> None:
    assert verdict(txt("v=spf1 ip4:192.0.2.4 -all"), IP4).term == "-all"
    assert "include:i10.example.net" in verdict(MANY, IP4).why
    assert verdict(MANY, IP4).kind == "look-ups"
    assert verdict({("example.org", "TXT"): ("v=spf1 -all", "v=spf1 +all")}, IP4).kind == "two-records"
    assert "'ip4:1.2.3'" in verdict(txt("v=spf1 ip4:1.2.3 -all"), IP4).why


def test_an_ipv4_client_in_ipv6_clothes_is_an_ipv4_client() -> None:
    assert verdict(txt("v=spf1 ip4:192.0.2.3 -all"), "::ffff:192.0.2.3").result == "pass"


def test_a_names_questions_are_announced_before_they_are_asked() -> None:
    told: list[tuple[str, str]] = []

    def ahead(questions: Iterable[tuple[str, str]]) -> None:
        told.extend(questions)

    zone = txt(
        "v=spf1 a include:p.example.net mx -all", TXT__p__example__net=("v=spf1 exists:%{i}.l.example.net ?all",)
    )
    evaluate(lambda name, kind: zone.get((name, kind), ()), "example.org", IP4, ahead=ahead)
    assert told == [
        ("example.org", "A"), ("p.example.net", "TXT"), ("example.org", "MX"), ("192.0.2.3.l.example.net", "A")
    ]  # fmt: skip


def test_a_record_that_leads_in_a_ring_asks_little() -> None:
    asked: list[str] = []

    def ask(name: str, kind: str) -> tuple[str, ...]:
        asked.append(name)
        return ("v=spf1 include:a.example.org include:b.example.org redirect=example.org",)

    assert evaluate(ask, "example.org", IP4).kind == "look-ups"
    assert len(asked) <= 11


@pytest.mark.parametrize(
    "word",
    [
        "a:" + "a" * 60_000 + "!",
        "exists:" + "%{" * 30_000,
        "a" + "/1" * 30_000,
        "ip4:" + "1" * 60_000,
        "a:" + "a." * 30_000,
    ],
)
def test_a_term_of_any_length_is_read_at_once(word: str) -> None:
    assert verdict(txt(f"v=spf1 {word} -all"), IP4).kind == "syntax"


@pytest.mark.parametrize("domain", ["a.b-c", "a.x1", "a.1x", "b-1.museum."])
def test_a_top_label(domain: str) -> None:
    assert verdict(txt(f"v=spf1 ?a:{domain} -all"), IP4).result == "fail"
