"""Hosts outside this network that deliver mail for a domain to this host: a sign that it is the domain's mail server."""

from __future__ import annotations

from collections.abc import Iterable

from diagnose.parse.log.submitted import KEPT, NEAR
from diagnose.patterns import late

_CLIENT = late(r"smtpd\[\d+\]: (?P<id>[0-9A-Za-z]{6,25}): (?P<rest>client=(?P<name>[^\s\[]*)\[.*)")
_SENT = late(r"\]: (?P<id>[0-9A-Za-z]{6,25}): to=<[^<>]*@(?P<domain>[^<>@]+)>.* status=sent ")


def clients(lines: Iterable[str], domain: str) -> tuple[str, ...]:
    """Names of the outside hosts in Postfix's log lines that sent mail for `domain`, lower case; "unknown" for a
    host without one."""
    names: dict[str, str] = {}
    found: dict[str, None] = {}
    for line in lines:
        if ": client=" in line:
            came = _CLIENT.search(line)
            if came is None or "sasl_username=" in came["rest"] or NEAR.match(came["rest"]):
                continue
            names[came["id"]] = came["name"].lower()
            if len(names) > KEPT:
                del names[next(iter(names))]
        elif names and " status=sent " in line:
            sent = _SENT.search(line)
            if sent is not None and sent["domain"].lower() == domain and sent["id"] in names:
                found[names[sent["id"]]] = None
    return tuple(found)
