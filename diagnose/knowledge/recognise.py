"""Looks up relay hosts, provider names and networks in the label tables of `diagnose/knowledge`. Pure.

split_next_hop(text) -> (host, port | None)   a relayhost as Postfix writes it
identify(host)       -> Relay | None          whose submission server a host name is
find(name)           -> Relay | None          a provider by id, other name or host
meant(host)          -> str                   the submission server that a misspelt name means
network_of(...)      -> Network | None        whose network this host is in
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from diagnose.knowledge.labels import Network, Relay, networks, relays
from diagnose.knowledge.smtp import port_number
from diagnose.nearest import near


def split_next_hop(text: str) -> tuple[str, int | None]:
    """("smtp.example.net", 587) of "[smtp.example.net]:587"; the first of several; port None if none is given."""
    first = re.split(r"[,\s]+", text.strip(), maxsplit=1)[0]
    first = re.sub(r"^smtps?:(?=[^\d])", "", first)
    match = re.fullmatch(r"\[(?P<inner>[^\]]*)\](?::(?P<port>\w+))?", first) or re.fullmatch(
        r"(?P<inner>[^:]*)(?::(?P<port>\w+))?", first
    )
    if match is None:
        return first.lower().rstrip("."), None
    port = match["port"]
    number = port_number(port) or None if port else None
    return match["inner"].lower().rstrip("."), number


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(re.escape(pattern.lower()).replace(r"\*", "[a-z0-9-]+"), name) is not None


def identify(host: str) -> Relay | None:
    """The provider whose submission server `host` is; brackets, port and case do not matter."""
    name, _ = split_next_hop(host)
    for relay in relays():
        if any(name == known.name for known in relay.hosts):
            return relay
    return next((relay for relay in relays() if any(_matches(pattern, name) for pattern in relay.match)), None)


def find(name: str) -> Relay | None:
    """The provider of that id, other name or host."""
    wanted = name.strip().lower()
    for relay in relays():
        if wanted == relay.id or wanted == relay.name.lower():
            return relay
    named = [relay for relay in relays() if wanted in relay.aliases]
    return named[0] if named else identify(wanted)


def meant(host: str) -> str:
    """The submission server that a misspelt name evidently means, "" where there is none."""
    return near(host, (one.name for relay in relays() for one in relay.hosts))


def _dmi_value(rule: str, value: str) -> bool:
    pattern = re.escape(rule).replace(r"\*", ".*")
    return re.fullmatch(pattern, value.strip(), re.IGNORECASE) is not None


def network_of(
    asn: int | None = None,
    dmi: Mapping[str, str] | None = None,
    rdns: str | None = None,
    cloud_id: str | None = None,
) -> Network | None:
    """Whose network, by the surest mark first: cloud-init's id, DMI strings, PTR, ASN.

    dmi: file names of /sys/class/dmi/id (and "hypervisor_uuid") to their text.
    """
    known = networks()
    strings = dmi or {}
    name = (rdns or "").lower().rstrip(".")

    def by_dmi(network: Network) -> bool:
        return any(all(_dmi_value(want, strings.get(key, "")) for key, want in rule) for rule in network.dmi)

    marks = (
        lambda network: cloud_id is not None and cloud_id.lower() in network.cloud_ids,
        by_dmi,
        lambda network: any(name == suffix or name.endswith("." + suffix) for suffix in network.rdns),
        lambda network: asn is not None and asn in network.asns,
    )
    return next((network for mark in marks for network in known if mark(network)), None)
