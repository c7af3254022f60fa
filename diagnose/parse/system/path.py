"""Locates where SYNs to a blocked port are lost, from TTL sweeps of that port and of another port of the same host.
Pure.

A router that drops while forwarding has already decremented the TTL and still answers for itself; one that drops on
input does not. So the place is always *between* the last hop that answered and the next, never at a hop.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Protocol

from diagnose.parse.system.own_network import is_loopback
from diagnose.record import frozen

ANSWERED = ("open", "refused")
NEAR = 5  # hops assumed to be the access network's: several targets failed, so it is not one target's own edge


class HopLike(Protocol):
    """A `diagnose.host.query.Hop`."""

    @property
    def ttl(self) -> int: ...
    @property
    def answer(self) -> str: ...
    @property
    def address(self) -> str: ...


@frozen
class Place:
    """where: host, gateway, isp, beyond or unknown. hop: TTL of the last hop passed, 0 for none. last, next:
    addresses of that hop and of the next one on the other port's path. how: dropped, reset, or the ICMP error's
    name. distance: hops to the target, 0 if unknown."""

    where: str
    hop: int = 0
    last: str = ""
    next: str = ""
    how: str = "dropped"
    distance: int = 0


def place(blocked: Sequence[HopLike], reference: Sequence[HopLike], local: str = "") -> Place:
    """The place where the blocked port's SYNs end. local: this host's address, to recognise its own ICMP errors."""
    passed = {h.ttl: h.address for h in blocked if h.answer == "time-exceeded"}
    known = {h.ttl: h.address for h in reference if h.answer == "time-exceeded"}
    distance = min((h.ttl for h in reference if h.answer in ANSWERED), default=0)
    last = max(passed, default=0)
    if any(h.answer == "open" for h in blocked):
        return Place(where="unknown", distance=distance)
    own = next((h for h in blocked if h.answer.startswith("local:")), None)
    if own is not None:
        return Place(where="host", how=own.answer.partition(":")[2], distance=distance)
    refused = min((h.ttl for h in blocked if h.answer == "refused"), default=0)
    if refused:
        if not distance or refused >= distance:
            return Place(where="unknown", hop=last, how="reset", distance=distance)
        return _at(refused - 1, {**known, **passed}, "reset", distance)
    errors = [h for h in blocked if h.answer not in ("time-exceeded", "silence")]
    if errors:
        said = errors[0]
        if said.address == local or is_loopback(said.address):
            return Place(where="host", how=said.answer, distance=distance)
        hops = {address: ttl for ttl, address in {**known, **passed}.items()}
        ttl = hops.get(said.address, said.ttl)
        return _at(min(ttl, said.ttl), {**known, said.ttl: said.address}, said.answer, distance)
    if not passed:
        if 1 in known:
            return Place(where="host", next=known[1], distance=distance)
        return Place(where="unknown", distance=distance)
    return _at(last, {**known, **passed}, "dropped", distance)


def _at(last: int, hops: Mapping[int, str], how: str, distance: int) -> Place:
    address = hops.get(last, "")
    if last == 0:
        where = "host"
    elif last == 1 and (not address or _private(address)):
        where = "gateway"
    elif last <= NEAR:
        where = "isp"
    else:
        where = "beyond"
    return Place(where=where, hop=last, last=address, next=hops.get(last + 1, ""), how=how, distance=distance)


def _private(address: str) -> bool:
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return False
    shared = here.version == 4 and here in ipaddress.ip_network("100.64.0.0/10")
    return (here.is_private and not shared) or here.is_link_local
