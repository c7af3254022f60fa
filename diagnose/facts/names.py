"""Mail exchangers, public names, and file access by mode."""

from __future__ import annotations

import re

from diagnose.facts.asks import Asks
from diagnose.host.query import Lookup, Stat
from diagnose.record import frozen

_FQDN = re.compile(r"(?=.{4,253}$)(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.[a-z][a-z0-9-]{0,61}[a-z0-9]", re.I)
NOT_PUBLIC = tuple(".local .localdomain .internal .lan .home .localhost .invalid .test .example .home.arpa".split())


@frozen
class Exchangers:
    """hosts: sorted by preference; kind: mx, address (no MX but an address: the implicit MX of RFC 5321 5.1), null
    (RFC 7505), none (NXDOMAIN or nothing), or "unknown" (no answer: see rcode and problem)."""

    domain: str
    kind: str
    hosts: tuple[str, ...] = ()
    rcode: str = ""
    problem: str = ""


def exchangers(ctx: Asks, domain: str) -> Exchangers:
    reply = ctx.ask(Lookup(domain, "MX"))
    if reply.problem:
        return Exchangers(domain=domain, kind="unknown", problem=reply.problem)
    rcode = reply.rcode or ""
    if rcode == "NXDOMAIN":
        return Exchangers(domain=domain, kind="none", rcode=rcode)
    if rcode not in ("NOERROR", "NODATA"):
        return Exchangers(domain=domain, kind="unknown", rcode=rcode, problem=f"the name server answered {rcode}")
    ranked = []
    for answer in reply.answers:
        preference, _, host = answer.partition(" ")
        ranked.append((int(preference) if preference.isdecimal() else 0, host.rstrip(".").lower()))
    hosts = tuple(host for _, host in sorted(ranked))
    if hosts and all(not host for host in hosts):
        return Exchangers(domain=domain, kind="null", rcode=rcode)
    if hosts:
        return Exchangers(domain=domain, kind="mx", hosts=tuple(h for h in hosts if h), rcode=rcode)
    if any(ctx.ask(Lookup(domain, kind)).rcode == "NOERROR" for kind in ("A", "AAAA")):
        return Exchangers(domain=domain, kind="address", hosts=(domain,), rcode=rcode)
    return Exchangers(domain=domain, kind="none", rcode="NODATA")


def closed(ctx: Asks, path: str, user: str) -> bool:
    """Whether the mode denies `user`, who is not root, a directory or file; False if its group is named like the user."""
    seen = ctx.ask(Stat(path))
    needed, shift = (1 if seen.kind == "dir" else 4), (6 if seen.owner == user else 0)
    return seen.exists and seen.group != user and not seen.mode >> shift & needed


def is_public(name: str) -> bool:
    """Whether a name can exist in public DNS."""
    lowered = name.lower()
    return bool(_FQDN.fullmatch(name)) and not lowered.endswith(NOT_PUBLIC) and not lowered.startswith("localhost")
