"""The check of blocklists: listed, not listed, and lists that say nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from checks.network.blocklists import check_blocklists
from diagnose.check import Context, Settings, Skip
from diagnose.host.memo import Memo, Recorder
from diagnose.host.query import DnsReply
from diagnose.knowledge.labels import blocklists
from diagnose.model import Observation, Target
from tests.checks.pretended_network import World, network
from tests.checks.pretended_postfix import run

MINE = "17.88.214.85"


def seen(answers: dict[str, str], relayhost: str = "") -> list[Observation]:
    """answers: by name; each list's entry for tests is there unless told otherwise."""
    usual = {f"2.0.0.127.{one.zone}": "127.0.0.2" for one in blocklists()}
    absent = {f"{who}.{one.zone}": "" for one in blocklists() for who in (MINE, "1.0.0.127")}
    records = {
        (name, "A"): DnsReply(rcode="NOERROR", answers=(text,)) if text else DnsReply(rcode="NXDOMAIN")
        for name, text in (absent | usual | answers).items()
    }
    world = World(records=records, ipv6=False)
    return run(check_blocklists, network(world, {"relayhost": relayhost} if relayhost else None))


def states(found: list[Observation]) -> list[tuple[str, object]]:
    return [(o.status.word, o.data.get("list")) for o in found]


def test_on_no_list() -> None:
    (found,) = seen({})
    assert found.status.word == "ok"
    assert all(one.name in found.summary for one in blocklists())


@pytest.mark.parametrize(("answer", "kind"), [("127.0.0.3", "listed"), ("127.0.0.10", "policy")])
def test_on_a_list_that_many_refuse_by(answer: str, kind: str) -> None:
    found = seen({f"{MINE}.zen.spamhaus.org": answer})
    assert (found[0].status.word, found[0].data["kind"], found[0].data["address"]) == ("failed", kind, "85.214.88.17")


def test_on_a_list_that_few_refuse_by() -> None:
    assert states(seen({f"{MINE}.dnsbl-1.uceprotect.net": "127.0.0.2"}))[0] == ("warning", "UCEPROTECT level 1")


@pytest.mark.parametrize(
    "answers",
    [
        # what Spamhaus answers public resolvers, whatever they ask for
        {f"{who}.zen.spamhaus.org": "127.255.255.254" for who in (MINE, "2.0.0.127")},
        # a list whose domain was sold, and one that has shut down and lists the world
        {f"{who}.zen.spamhaus.org": "203.0.113.80" for who in (MINE, "2.0.0.127", "1.0.0.127")},
        {f"{who}.zen.spamhaus.org": "127.0.0.2" for who in (MINE, "2.0.0.127", "1.0.0.127")},
        # a resolver that is not answered at all
        {"2.0.0.127.zen.spamhaus.org": ""},
        # a code that the list does not document
        {f"{MINE}.zen.spamhaus.org": "127.0.0.77"},
    ],
)
def test_a_list_that_says_nothing(answers: dict[str, str]) -> None:
    found = seen(answers)
    assert [o.status.word for o in found] == ["ok"]
    assert "no usable answer from Spamhaus ZEN" in found[0].summary


def test_no_list_says_anything() -> None:
    refused = {f"{who}.{one.zone}": "127.255.255.254" for one in blocklists() for who in (MINE, "2.0.0.127")}
    assert [o.status.word for o in seen(refused)] == ["unknown"]


def test_behind_a_relay_nobody_is_asked() -> None:
    assert seen({f"{MINE}.zen.spamhaus.org": "127.0.0.2"}, "[smtp.gmail.com]:587") == []


def test_a_watch_asks_nobody() -> None:
    host = network(World())
    context = Context(Recorder(Memo(host), time.monotonic() + 5), Target(), Settings(curious=False))
    with pytest.raises(Skip):
        list(check_blocklists.body(context))


def test_the_readme_names_every_list_that_is_asked() -> None:
    text = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")
    assert [one.zone for one in blocklists() if f"`{one.zone}`" not in text] == []
