"""The relay's name in the hosts file, which smtp(8) reads only where it is told to."""

from __future__ import annotations

import dataclasses

import pytest

from diagnose.check import Dial
from diagnose.host.query import DialReply
from tests.checks.pretended_postfix import failed
from tests.checks.pretended_relay import GOOD_TLS, HOST, answered, relayed
from tests.checks.test_relay_session import kinds, run_login, run_relay, run_tls


@pytest.mark.parametrize(("lookup", "dialled"), [("dns", "192.0.2.7"), ("native, dns", "192.0.2.7"), ("native", HOST)])
def test_the_hosts_file_leads_the_dialogue_astray_only_where_postfix_reads_it(lookup: str, dialled: str) -> None:
    asked: list[Dial] = []

    def dial(query: Dial) -> DialReply:
        asked.append(query)
        return answered()

    pinned = {"/etc/hosts": f"127.0.0.1 {HOST}\n"}
    host = relayed({"smtp_host_lookup": lookup}, files=pinned, hosts={HOST: "127.0.0.1"}, dial=dial)
    assert failed(run_relay(host)) == []
    assert {query.host for query in asked} == {dialled}
    assert {query.verify_name or query.host for query in asked} == {HOST}


def test_name_of_the_hosts_file_only() -> None:
    settings = {"relayhost": "[relay.lan]:25"}
    host = relayed(settings, names={}, hosts={"relay.lan": "192.168.1.9"})
    assert kinds(run_relay(host), "relay.name") == ["hosts-only"]
    native = relayed({**settings, "smtp_host_lookup": "dns, native"}, names={}, hosts={"relay.lan": "192.168.1.9"})
    assert failed(run_relay(native)) == []
    lost = relayed({**settings, "smtp_host_lookup": "dns, native"}, names={})
    assert kinds(run_relay(lost), "relay.name") == ["nxdomain"]


def test_nobody_is_asked_where_postfix_finds_no_address() -> None:
    """Another program reaches a server by the hosts file; its certificate says nothing of Postfix' way."""
    untrusted = dataclasses.replace(GOOD_TLS, verified=False, verify_error="Hostname mismatch", names=("a.example",))
    settings = {"relayhost": "[relay.lan]:587", "smtp_tls_security_level": "secure"}
    hosts = {"relay.lan": "192.168.1.9"}
    host = relayed(settings, names={}, hosts=hosts, dial=answered(tls=untrusted))
    assert failed([*run_relay(host), *run_tls(host), *run_login(host)]) == ["relay.name"]
