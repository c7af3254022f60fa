"""The check of who answers on the mail's port."""

from dataclasses import replace

import pytest

from checks.network.interception import check_interception
from diagnose.check import Dial, DialReply
from diagnose.host.query import TlsInfo
from diagnose.model import Status
from tests.checks.pretended_network import World, network
from tests.checks.pretended_postfix import failed, run

RELAY = {"relayhost": "[smtp.example.org]:587"}


def plain(name: str) -> str:
    return f"250-{name}\n250 SIZE"


def test_each_under_its_own_name() -> None:
    assert failed(run(check_interception, network(World()))) == []


def test_same_server_for_everybody() -> None:
    world = World(banner=lambda name: "220 smarthost.access.example ESMTP Exim")
    found = run(check_interception, network(world))
    assert failed(found) == ["egress.intercepted"]
    assert found[0].data["by"] == "smarthost.access.example"


def test_starttls_taken_out() -> None:
    assert failed(run(check_interception, network(World(ehlo=plain)))) == ["egress.starttls"]


@pytest.mark.parametrize(
    ("everybody", "stage", "wrapped", "kind"),
    [(True, "starttls", True, "starttls"), (True, "tls", False, "tls"), (True, "tls", True, "port"), (False, "starttls", True, "")],
)  # fmt: skip
def test_a_handshake_that_ends_nowhere(everybody: bool, stage: str, wrapped: bool, kind: str) -> None:
    """Large packets would be lost on port 465 as well."""
    world = World()
    usual = world.dial

    def dial(query: Dial) -> DialReply:
        reply = usual(query)
        hangs = query.tls == "starttls" and (everybody or query.verify_name == "smtp.example.org")
        if query.tls == "implicit" and wrapped:
            return replace(reply, tls=TlsInfo(version="TLSv1.3"))
        return replace(reply, stage=stage, error="timed out") if hangs and query.say != "connect" else reply

    world.dial = dial  # type: ignore[method-assign]
    found = run(check_interception, network(world, {**RELAY, "smtp_tls_security_level": "encrypt"}))
    assert [o.data["kind"] for o in found if o.status is Status.FAILED] == [kind] * everybody


def test_masked_greeting() -> None:
    world = World(banner=lambda name: "220 *****************************", ehlo=plain)
    assert failed(run(check_interception, network(world))) == ["egress.intercepted", "egress.starttls"]


def test_one_server_without_starttls_is_its_own_affair() -> None:
    full = World().ehlo
    world = World(ehlo=lambda name: plain(name) if "yahoo" in name else full(name))
    assert failed(run(check_interception, network(world))) == []


def test_port_that_mail_does_not_take() -> None:
    world = World(
        banner=lambda name: "220 proxy.example ESMTP" if "l.google" in name or "yahoo" in name else f"220 {name} ESMTP"
    )
    found = run(check_interception, network(world, RELAY))
    assert [(o.sign, o.data["port"]) for o in found if o.status is Status.WARNING] == [("egress.intercepted", 25)]
    assert failed(found) == []


def test_refusing_servers_are_no_proxy() -> None:
    found = run(check_interception, network(World(banner=lambda name: f"554 5.7.1 no access, says {name}")))
    assert failed(found) == []
    assert [o.status for o in found] == [Status.UNKNOWN]


@pytest.mark.parametrize(
    "refusal", ["554 filter7.access.example outgoing mail is closed on line 4", "554 5.7.1 Not from this network"]
)
def test_one_refusal_for_everybody(refusal: str) -> None:
    """A box on the way sends all callers the same refusal, with the name of its own host or with none."""
    found = run(check_interception, network(World(banner=lambda name: refusal)))
    assert failed(found)[:1] == ["egress.intercepted"]
    own = run(check_interception, network(World(banner=lambda name: f"554 {name} no mail from you")))
    assert failed(own) == []
