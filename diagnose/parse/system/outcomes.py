"""Outcomes of connection attempts: of one attempt, of all to a port, and banners that are not the server's. Pure.

The same errno may come from this host or from a router: only the ICMP error's sender and the elapsed time can
distinguish them. Linux sends no ICMP error to itself for a dropped packet, so drops look the same everywhere.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from diagnose.parse.system.own_network import is_loopback
from diagnose.record import dataclass, frozen


class Outcome(str, enum.Enum):
    """The outcome of one connect."""

    __str__ = str.__str__  # enum.StrEnum is of Python 3.11

    OPEN = "open"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    PROHIBITED = "prohibited"  # an ICMP error of the kind "administratively prohibited"
    UNREACHABLE = "unreachable"  # an ICMP error, or no answer on the local link
    NO_ROUTE = "no-route"  # this host has no route or no such address family
    LOCAL = "local"  # refused by this host's own routes, rules or policy
    UNKNOWN = "unknown"  # not tried, or not in time


WORDS = {
    Outcome.OPEN: "connects",
    Outcome.TIMEOUT: "does not answer",
    Outcome.REFUSED: "is refused",
    Outcome.PROHIBITED: "is prohibited by ICMP",
    Outcome.UNREACHABLE: "is unreachable by ICMP",
    Outcome.NO_ROUTE: "has no route from here",
    Outcome.LOCAL: "is stopped by this host itself",
    Outcome.UNKNOWN: "was not tried",
}
FAILURES = frozenset(Outcome) - {Outcome.OPEN, Outcome.UNKNOWN}

# type/code of RFC 792/1812 and RFC 4443 for administrative filtering.
_PROHIBITED4 = {"3/9", "3/10", "3/13"}
_PROHIBITED6 = {"1/1", "1/5", "1/6"}
# Immediate errors of connect(2) for routes of type prohibit and blackhole, for a control group's filter and SELinux.
_OWN = {"EACCES", "EPERM", "EINVAL"}
_ROUTELESS = {"ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETDOWN"}
LINK_SECONDS = 0.9  # neighbour discovery takes about three seconds; a faster failure was answered or decided locally


def outcome(
    *, error: str, icmp: str = "", offender: str = "", seconds: float = 0.0, local: str = "", wire: str = ""
) -> Outcome:
    """The outcome of one attempt, by the fields of `diagnose.host.reply.Attempt`."""
    if not error:
        return Outcome.OPEN
    if error in _OWN or wire == "altered":
        return Outcome.LOCAL
    if offender and is_own(offender, local):
        # The kernel reports an unresponsive neighbour as its own ICMP host-unreachable: seconds later, or at once
        # if it asked a moment ago.
        return Outcome.UNREACHABLE if icmp in ("3/1", "1/3") else Outcome.LOCAL
    if (wire == "kept" and error in ("ETIMEDOUT", "ECONNREFUSED")) or (wire == "answered" and error == "ETIMEDOUT"):
        return Outcome.LOCAL
    if error == "ETIMEDOUT":
        return Outcome.TIMEOUT
    if icmp:
        version6 = ":" in offender
        if icmp in (_PROHIBITED6 if version6 else _PROHIBITED4):
            return Outcome.PROHIBITED
        return Outcome.REFUSED if error == "ECONNREFUSED" else Outcome.UNREACHABLE
    if error in ("ECONNREFUSED", "ECONNRESET"):
        return Outcome.REFUSED
    if error in _ROUTELESS:
        return Outcome.NO_ROUTE
    if error == "EHOSTUNREACH":
        # Without an ICMP error: no neighbour answered, or, at once, a route of type unreachable.
        return Outcome.UNREACHABLE if seconds > LINK_SECONDS else Outcome.LOCAL
    return Outcome.UNKNOWN


def is_own(address: str, local: str) -> bool:
    """Whether an ICMP error came from this host."""
    return address == local or is_loopback(address)


@dataclass(frozen=True)
class Pattern:
    """The combined result of independent targets on one port.

    kind: open (all connect), mixed (some do), blocked (at least two failed, none connects), down (a single one failed),
    unknown. failed_by: the most frequent failure; opened, failed: counts.
    """

    kind: str
    failed_by: Outcome = Outcome.UNKNOWN
    opened: int = 0
    failed: int = 0

    @property
    def blocked(self) -> bool:
        return self.kind == "blocked"


def pattern(outcomes: Iterable[Outcome]) -> Pattern:
    """The pattern of outcomes, one for each independent operator."""
    counted = Counter(outcomes)
    opened = counted[Outcome.OPEN]
    failed = sum(counted[one] for one in FAILURES)
    if not failed:
        return Pattern("open" if opened else "unknown", Outcome.UNKNOWN, opened, 0)
    worst = max(sorted(FAILURES), key=lambda one: counted[one])
    if opened:
        return Pattern("mixed", worst, opened, failed)
    return Pattern("blocked" if failed > 1 else "down", worst, 0, failed)


# Banners ------------------------------------------------------------------------------------------------------------


def greeting_name(banner: str) -> str:
    """The host name in a greeting, lower case; "*" if a middlebox masked it, "" if there is none. In a refusal, only
    a word with the form of one."""
    match = re.match(r"220[ -](\S+)|[45]\d\d[ -](?:[45]\.\d+\.\d+ )?([a-z][\w-]*(?:\.[\w-]+)+)\s", banner, re.I)
    if match is None:
        return ""
    if match[2]:
        return match[2].lower()
    name = match[1].lower().rstrip(".")
    if masked(banner):
        return "*"
    return name


def masked(banner: str) -> bool:
    """Whether asterisks replace the greeting, as by Cisco's SMTP inspection (Postfix manual, smtp_pix_workarounds)."""
    return re.match(r"220[ -][*02 ]*\*{4}", banner) is not None


def organisation(name: str) -> str:
    """The last two labels of a host name: enough to tell unrelated operators apart."""
    return ".".join(name.strip(".").split(".")[-2:])


@frozen
class Greeted:
    """One server's greeting. names: domains of a genuine banner; starttls: whether its EHLO had STARTTLS; offers:
    whether a genuine EHLO has it; certain: names and offers are verified."""

    operator: str
    banner: str = ""
    starttls: bool | None = None
    names: tuple[str, ...] = ()
    offers: bool = True
    certain: bool = False

    @property
    def foreign(self) -> bool:
        name = greeting_name(self.banner)
        return bool(name) and bool(self.names) and not any(name == n or name.endswith("." + n) for n in self.names)


@dataclass(frozen=True)
class Interception:
    """kind: banner (one server answers for unrelated operators), masked, or starttls (removed from EHLO replies)."""

    kind: str
    by: str
    operators: tuple[str, ...]


def interception(greeted: Sequence[Greeted]) -> Interception | None:
    """The interception, if something answers in place of these servers: at least two unrelated operators must show
    the same."""
    by_words: dict[tuple[str, str], list[str]] = {}
    for one in greeted:
        name = greeting_name(one.banner)
        # A refusal may name the caller first, or nobody: only identical words are one server's.
        words = "" if one.banner.startswith("220") else re.sub(r"\d+", "0", one.banner)
        if (name and (one.foreign or not one.names)) or (not name and words):
            by_words.setdefault((name or one.banner, words), []).append(one.operator)
    for (name, _), operators in sorted(by_words.items()):
        if len(set(operators)) > 1:
            return Interception("masked" if name == "*" else "banner", name, tuple(sorted(set(operators))))
    bare = sorted({one.operator for one in greeted if one.starttls is False and one.offers})
    dressed = [one for one in greeted if one.starttls]
    if len(bare) > 1 and not dressed:
        return Interception("starttls", "", tuple(bare))
    return None
