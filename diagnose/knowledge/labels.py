"""The label tables of `diagnose/knowledge` as typed values: relays, networks and probe hosts.

The TOML files hold facts, each with its evidence; nothing here decides anything. Tables are read on first use and
kept. Every fact that carries `evidence` has `.stated`: False for "recall", which may order what is tried and must
never be printed as a fact.

    relays()    -> tuple[Relay, ...]      providers that take mail for others, in file order
    networks()  -> tuple[Network, ...]    clouds, hosters and access providers with their port policies
    probes()    -> tuple[Probe, ...]      reference hosts of unrelated operators, by kind and port
    blocklists() -> tuple[Blocklist, ...] DNS blocklists that receivers use
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from diagnose.knowledge import documents
from diagnose.record import frozen

Evidence = Literal["official", "quoted", "repo", "thirdparty", "recall"]
TLS = Literal["starttls", "starttls-optional", "implicit", "none"]


@frozen
class Sourced:
    """What somebody said somewhere. source: URL, or "" where none can be named. stated: may be printed as a fact."""

    evidence: Evidence
    source: str = ""

    @property
    def stated(self) -> bool:
        return self.evidence != "recall"


@frozen
class Fact(Sourced):
    """A sentence, in our words, about a relay."""

    text: str


@frozen
class Endpoint(Sourced):
    """A port of a relay. tls: "starttls" (the server demands it), "starttls-optional" or "implicit"."""

    port: int
    tls: TLS

    @property
    def implicit(self) -> bool:
        return self.tls == "implicit"


@frozen
class RelayHost(Sourced):
    """A name of a relay. delivers: False for a catch-all that keeps test mail."""

    name: str
    region: str = ""
    delivers: bool = True


@frozen
class Login(Sourced):
    """What goes into the password map: literal words, or placeholders in angle brackets."""

    user: str
    password: str


@frozen
class Publishes(Sourced):
    """spf: the domain whose SPF record names the addresses that a relay sends from, which senders include; selectors: under which
    senders publish the relay's DKIM keys, to ask for, never printed as a fact."""

    spf: str
    selectors: tuple[str, ...] = ()


@frozen
class End(Sourced):
    """The end of something that a relay offers. date: "2026-12-31"; text: what ends."""

    date: str
    text: str


@frozen
class Relay:
    """A provider that takes mail over SMTP.

    kind: "service", "cloud", "mailbox" or "isp". sign_in: "password", "optional", "oauth2" or "none".
    rank: place among those suggested unasked (lower first), None: only when asked for or already in use.
    match: host patterns, "*" for one label or a part of it. mail_domains: sender domains that only it may send for.
    mechanisms: SASL names. publishes: what DNS holds of it, None if that is not known.
    passwords_end: when logins by password do.
    """

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: str
    sign_in: str = "password"
    rank: int | None = None
    hosts: tuple[RelayHost, ...]
    match: tuple[str, ...] = ()
    mail_domains: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...]
    login: Login
    mechanisms: tuple[str, ...] = ()
    publishes: Publishes | None = None
    passwords_end: End | None = None
    notes: tuple[Fact, ...] = ()

    def endpoint(self, port: int) -> Endpoint | None:
        return next((endpoint for endpoint in self.endpoints if endpoint.port == port), None)


@frozen
class Policy(Sourced):
    """What a network does to outgoing SMTP. default: "blocked", "conditional", "open" or "unknown"; ports: those
    that it closes, if any; text: for whom, and since when."""

    default: str
    ports: tuple[int, ...] = (25,)
    text: str = ""


@frozen
class Unblock(Sourced):
    """Where to ask. possible: "yes", "no", "conditional" or "unknown"."""

    possible: str
    how: str
    url: str = ""


@frozen
class Network:
    """A cloud, hoster or access provider.

    asns: autonomous system numbers. rdns: suffixes of its customers' PTR names. dmi: rules, one of which must match
    with every field; a trailing "*" matches any rest, a leading one any start. cloud_ids: cloud-init's names.
    relay: id of the relay it runs, or "". policy: None if only memory tells.
    """

    id: str
    name: str
    asns: tuple[int, ...] = ()
    rdns: tuple[str, ...] = ()
    dmi: tuple[tuple[tuple[str, str], ...], ...] = ()
    cloud_ids: tuple[str, ...] = ()
    policy: Policy | None = None
    unblock: Unblock | None = None
    relay: str = ""


@frozen
class Probe(Sourced):
    """A reference host: what it answers tells whether a port leaves this network.

    kind: "exchanger" (port 25), "submission" or "control". host: a name, or an address for controls that must work
    without DNS. ipv6: True if the host is known to have an IPv6 address (others may). names: domains of which
    one stands in a genuine banner; offers: EHLO keywords that a genuine server has; echo: its EHLO reply repeats
    the caller's public address. names and offers of a probe that is not `stated` are hints, not proof.
    """

    kind: Literal["exchanger", "submission", "control"]
    operator: str
    host: str
    port: int
    tls: TLS
    ipv6: bool = False
    names: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    echo: bool = False


@frozen
class Blocklist(Sourced):
    """A DNS blocklist of addresses (RFC 5782). codes, policy: answers and their meaning; policy for addresses that should not send
    mail themselves; refuses: whether many receivers refuse mail for it alone; url: where a listing is explained."""

    name: str
    zone: str
    codes: dict[str, str]
    policy: dict[str, str]
    url: str
    refuses: bool = False
    ipv6: bool = False


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _relay(entry: dict[str, Any], urls: dict[str, str]) -> Relay:
    known = _evidence(entry)

    def sourced(table: dict[str, Any]) -> dict[str, Any]:
        said = {**table} if "evidence" in table else {**table, **known}
        if "source" in said:
            said["source"] = urls.get(said["source"], said["source"])
        return _frozen(said)

    mechanisms = entry.pop("mechanisms", {"names": ()})
    publishes, end = entry.pop("publishes", None), entry.pop("passwords_end", None)
    return Relay(
        hosts=tuple(RelayHost(**sourced(host)) for host in entry.pop("hosts")),
        endpoints=tuple(
            Endpoint(port=port, **fact) for fact in map(sourced, entry.pop("endpoints")) for port in fact.pop("ports")
        ),
        login=Login(**sourced(entry.pop("login"))),
        mechanisms=tuple(mechanisms["names"]),
        publishes=Publishes(**sourced(publishes)) if publishes else None,
        passwords_end=End(**sourced(end)) if end else None,
        notes=tuple(Fact(**sourced(note)) for note in entry.pop("notes", ())),
        **_frozen(entry),
    )


def _evidence(entry: dict[str, Any]) -> dict[str, Any]:
    """Takes out of an entry what holds for those of its facts that have no evidence of their own."""
    return {key: entry.pop(key) for key in ("evidence", "source") if key in entry}


def _network(entry: dict[str, Any]) -> Network:
    policy, unblock = entry.pop("policy", None), entry.pop("unblock", None)
    known = _evidence(entry)
    return Network(
        policy=Policy(**known, **_frozen(policy)) if policy else None,
        unblock=Unblock(**known, **unblock) if unblock else None,
        dmi=tuple(tuple(rule.items()) for rule in entry.pop("dmi", ())),
        **_frozen(entry),
    )


@cache
def relays() -> tuple[Relay, ...]:
    """Every relay of relays/*.toml, in order of file name and place."""
    return tuple(
        _relay({"id": id, **entry}, table.get("sources", {}))
        for table in documents.folder("relays").values()
        for id, entry in table["relay"].items()
    )


@cache
def networks() -> tuple[Network, ...]:
    """Every network of networks/*.toml, in order of file name and place."""
    return tuple(
        _network({"id": id, **entry})
        for table in documents.folder("networks").values()
        for id, entry in table["network"].items()
    )


@cache
def probes() -> tuple[Probe, ...]:
    """Every probe host of probes.toml: exchangers first, operators in turn, then submission, then controls."""
    table = documents.document("probes.toml")
    turns: list[tuple[int, Probe]] = []
    for entry in table["exchanger"]:
        rest = _frozen(entry)
        hosts = rest.pop("hosts")
        turns += [
            (turn, Probe(kind="exchanger", host=host, port=25, tls="starttls", **rest))
            for turn, host in enumerate(hosts)
        ]
    found = [probe for _, probe in sorted(turns, key=lambda pair: pair[0])]
    kinds: tuple[Literal["submission", "control"], ...] = ("submission", "control")
    for kind in kinds:
        for entry in table[kind]:
            for host in entry["hosts"]:
                rest = {**host}
                found.append(Probe(kind=kind, host=rest.pop("name"), port=entry["port"], tls=entry["tls"], **rest))
    return tuple(found)


def probes_for(port: int, *, ipv6: bool | None = None) -> tuple[Probe, ...]:
    """The probe hosts of one port, distinct operators first; 25 means exchangers. ipv6=True keeps those known to
    have an IPv6 address and IPv6 literals, False leaves IPv6 literals out."""
    chosen = [probe for probe in probes() if probe.port == port]
    if ipv6 is True:
        chosen = [probe for probe in chosen if probe.ipv6]
    elif ipv6 is False:
        chosen = [probe for probe in chosen if ":" not in probe.host]
    return tuple(chosen)


@cache
def blocklists() -> tuple[Blocklist, ...]:
    """Every blocklist of blocklists.toml, the most used first."""
    return tuple(Blocklist(**{"policy": {}, **entry}) for entry in documents.document("blocklists.toml")["blocklist"])
