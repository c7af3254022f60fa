"""The records to publish, each read back by what reads such a record."""

from __future__ import annotations

import pytest

from diagnose.parse.sender import dkim, publish
from diagnose.parse.sender.spf import evaluate

IP = "192.0.2.3"


def text_of(record: str) -> str:
    """What a resolver gives of it."""
    name, _, strings = record.partition(' TXT "')
    assert name.endswith(".")
    return strings.removesuffix('"').replace('" "', "")


@pytest.mark.parametrize(
    ("published", "merged"),
    [
        ((), "v=spf1 ip4:192.0.2.3 ~all"),
        (("v=spf1 mx -all",), "v=spf1 ip4:192.0.2.3 mx -all"),
        (("v=spf1 redirect=_spf.example.net",), "v=spf1 ip4:192.0.2.3 redirect=_spf.example.net"),
        (("v=spf1 mx exp=why.example.net -all",), "v=spf1 ip4:192.0.2.3 mx -all exp=why.example.net"),
        (("v=spf1 mx -all", "v=spf1 a mx ~all"), "v=spf1 ip4:192.0.2.3 mx a ~all"),
        (("v=spf1 mx ip4:192.0.2.3 -all", "v=spf1 a -all"), "v=spf1 mx ip4:192.0.2.3 a -all"),
        (("google-site-verification=x", "v=spf1 -all"), "v=spf1 ip4:192.0.2.3 -all"),
    ],
)
def test_one_spf_record_that_holds_what_was_there(published: tuple[str, ...], merged: str) -> None:
    record = text_of(publish.spf("example.org", published, [publish.address_term(IP)]))
    assert record == merged
    assert evaluate(lambda name, kind: (record,) if kind == "TXT" else (), "example.org", IP).result == "pass"


@pytest.mark.parametrize(
    "published",
    [
        ("v=spf1 ip4:1.2 -all",),
        ("v=spf1 ip4:192.0.2.3 -all",),
        ("v=spf1 redirect=a.net", "v=spf1 -all"),
        ('v=spf1 x="y" -all',),
        ("v=spf1 exists:%{l}\\.a.net -all",),
    ],
)
def test_no_record_where_it_would_be_guessed_or_is_there(published: tuple[str, ...]) -> None:
    assert publish.spf("example.org", published, [publish.address_term(IP)]) == ""


def test_a_key_in_strings_that_a_record_may_have() -> None:
    public = bytes(range(256)) * 2
    record = publish.dkim_key("mail._domainkey.example.org", public)
    assert all(len(part) <= 255 for part in record.split('"')[1::2])
    assert dkim.published((text_of(record),)).public == public


def test_an_ipv6_address() -> None:
    assert publish.address_term("2001:db8::3") == "ip6:2001:db8::3"
