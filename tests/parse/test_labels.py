"""The label tables: complete, coherent, and honest about what is only remembered."""

from importlib.resources import files

import pytest

from diagnose.knowledge.labels import (
    Endpoint,
    Fact,
    Login,
    Network,
    Probe,
    Relay,
    RelayHost,
    networks,
    probes,
    probes_for,
    relays,
)

EVIDENCE = {"official", "quoted", "repo", "thirdparty", "recall"}


@pytest.mark.parametrize("relay", relays(), ids=lambda relay: relay.id)
def test_relay_is_coherent(relay: Relay) -> None:
    """Ports are unique, evidence is of a known kind, and what is stated from a page names a source."""
    ports = [endpoint.port for endpoint in relay.endpoints]
    assert ports
    assert len(ports) == len(set(ports))
    assert all(endpoint.tls in ("starttls", "starttls-optional", "implicit") for endpoint in relay.endpoints)
    assert relay.kind in ("service", "cloud", "mailbox", "isp")
    assert relay.sign_in in ("password", "optional", "oauth2", "none")
    facts: list[RelayHost | Endpoint | Login | Fact] = [*relay.hosts, *relay.endpoints, relay.login, *relay.notes]
    assert {fact.evidence for fact in facts} <= EVIDENCE
    for fact in facts:
        if fact.evidence in ("official", "quoted"):
            assert fact.source.startswith("http"), (relay.id, fact)
        if fact.evidence == "recall":
            assert not fact.source
    assert all(note.stated for note in relay.notes)


@pytest.mark.parametrize("relay", [relay for relay in relays() if relay.rank is not None], ids=lambda relay: relay.id)
def test_suggested_relay_is_confirmed(relay: Relay) -> None:
    """What is suggested unasked takes a password, and its host, login and a port are more than memory."""
    assert relay.sign_in == "password"
    assert relay.login.stated
    assert any(host.stated for host in relay.hosts)
    assert any(endpoint.stated and not endpoint.implicit for endpoint in relay.endpoints)


def test_relay_ids_and_hosts_are_unique() -> None:
    """An id names one relay, a host belongs to one relay, and two relays never share a rank."""
    ids = [relay.id for relay in relays()]
    hosts = [host.name for relay in relays() for host in relay.hosts]
    ranks = [relay.rank for relay in relays() if relay.rank is not None]
    assert len(ids) == len(set(ids)) >= 40
    assert len(hosts) == len(set(hosts))
    assert len(ranks) == len(set(ranks))


def test_logins_never_hold_a_secret() -> None:
    """A password is a marked placeholder, nothing that could be sent."""
    for relay in relays():
        if relay.sign_in in ("password", "optional"):
            assert relay.login.password.startswith("<YOUR-"), relay.id
            assert relay.login.password.endswith(">"), relay.id
            assert ":" not in relay.login.user
            assert " " not in relay.login.user


@pytest.mark.parametrize("network", networks(), ids=lambda network: network.id)
def test_network_is_coherent(network: Network) -> None:
    """It has a mark to be known by, its policy is one of four and more than memory, and its own relay exists."""
    assert network.asns or network.rdns or network.dmi or network.cloud_ids
    if (policy := network.policy) is not None:
        assert policy.default in ("blocked", "conditional", "open", "unknown")
        assert all(0 < port < 65536 for port in policy.ports)
        assert policy.evidence in EVIDENCE
        assert policy.stated
        if policy.evidence in ("official", "quoted"):
            assert policy.source.startswith("http")
    if network.unblock is not None:
        assert network.unblock.stated
        assert network.unblock.possible in ("yes", "no", "conditional", "unknown")
    assert not network.relay or network.relay in {relay.id for relay in relays()}
    assert all(rule for rule in network.dmi)


def test_network_marks_are_unambiguous() -> None:
    """No two networks claim the same number, PTR suffix or cloud-init id: the first would hide the second."""
    for mark in ("asns", "rdns", "cloud_ids", "dmi"):
        claimed = [value for network in networks() for value in getattr(network, mark)]
        doubles = {value for value in claimed if claimed.count(value) > 1}
        assert not doubles, (mark, doubles)


@pytest.mark.parametrize("port", [25, 465, 587, 2525, 2587, 2465])
def test_three_operators_for_each_mail_port(port: int) -> None:
    """A blocked port is a pattern over unrelated operators, so each port has at least three, the first ones distinct."""
    operators = [probe.operator for probe in probes_for(port)]
    assert len(set(operators)) >= 3
    assert len(set(operators[:3])) == 3
    assert all((probe.kind == "exchanger") == (port == 25) for probe in probes_for(port))


def test_controls_work_without_dns_in_both_families() -> None:
    """The controls for 443 and DNS hold addresses of both families, so that a dead resolver is not a dead network."""
    for port in (443, 53):
        assert any(":" in probe.host and probe.ipv6 for probe in probes_for(port, ipv6=True))
        assert any(probe.host.replace(".", "").isdigit() for probe in probes_for(port, ipv6=False))
        assert not any(":" in probe.host for probe in probes_for(port, ipv6=False))


def test_submission_probes_agree_with_the_relays() -> None:
    """A probe of a relay's host uses a port of that relay, the same way of TLS, and no better evidence than it has."""
    by_host = {host.name: relay for relay in relays() for host in relay.hosts}

    def check(probe: Probe) -> None:
        endpoint = by_host[probe.host].endpoint(probe.port)
        assert endpoint is not None
        assert endpoint.implicit == (probe.tls == "implicit")
        assert endpoint.stated == probe.stated

    submission = [probe for probe in probes() if probe.kind == "submission"]
    assert submission
    for probe in submission:
        check(probe)


def test_tables_are_read_once() -> None:
    """Loading is lazy and cached: the same tuple comes back."""
    assert relays() is relays()
    assert networks() is networks()
    assert probes() is probes()


def test_table_files_stay_short() -> None:
    """A table that outgrows 400 lines is split by section."""
    data = files("diagnose").joinpath("knowledge")
    for folder in ("relays", "networks"):
        for entry in data.joinpath(folder).iterdir():
            if entry.name.endswith(".toml"):
                assert len(entry.read_text(encoding="utf-8").splitlines()) < 400, entry.name
