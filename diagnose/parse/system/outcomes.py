"""Outcomes of connection attempts: of one, of all to a port, and banners that are not the server's. Pure.

The same errno may be this host's own doing or a router's: the ICMP error's sender, and how soon it came, tell them
apart where anything does. Linux sends no ICMP error to itself for a dropped packet: a drop looks alike everywhere.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from diagnose.record import dataclass


class Outcome(str, enum.Enum):
    """What one connect met."""

    __str__ = str.__str__  # enum.StrEnum is of Python 3.11

    OPEN = "open"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    PROHIBITED = "prohibited"  # an ICMP error of the kind "administratively prohibited"
    UNREACHABLE = "unreachable"  # an ICMP error, or no answer on the own link
    NO_ROUTE = "no-route"  # this host has no route or no such address family
    LOCAL = "local"  # this host's own routes, rules or policy said no
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

# (type, code) of RFC 792/1812 and RFC 4443 that say a filter did it.
_PROHIBITED4 = {"3/9", "3/10", "3/13"}
_PROHIBITED6 = {"1/1", "1/5", "1/6"}
# Errors that connect(2) gives at once for routes of type prohibit and blackhole, for a control group's filter and SELinux.
_OWN = {"EACCES", "EPERM", "EINVAL"}
_ROUTELESS = {"ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETDOWN"}
LINK_SECONDS = 0.9  # neighbours are asked for about three seconds; what fails sooner was answered or decided here


def outcome(
    *, error: str, icmp: str = "", offender: str = "", seconds: float = 0.0, local: str = "", wire: str = ""
) -> Outcome:
    """One attempt's, by the fields of `diagnose.host.reply.Attempt`."""
    if not error:
        return Outcome.OPEN
    if error in _OWN or wire == "altered":
        return Outcome.LOCAL
    if offender and is_own(offender, local):
        # The kernel reports a neighbour that keeps silent as an ICMP host-unreachable of its own: seconds later, or at once
        # where it asked a moment ago.
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


def is_own(address: str, local: str = "") -> bool:
    """Whether an ICMP error came from this very host."""
    if address == local:
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Pattern:
    """What independent targets on one port say together.

    kind: open (all connect), mixed (some do), blocked (at least two failed, none connects), down (a single one failed),
    unknown. failed_by: the commonest failure; opened/failed: how many of each.
    """

    kind: str
    failed_by: Outcome = Outcome.UNKNOWN
    opened: int = 0
    failed: int = 0

    @property
    def blocked(self) -> bool:
        return self.kind == "blocked"


def pattern(outcomes: Iterable[Outcome]) -> Pattern:
    """One outcome for each independent operator."""
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
    """The host name in a greeting, lower case, "*" where a middlebox put asterisks; of a refusal only what looks like one."""
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
    """Asterisks in place of the text: Cisco's SMTP inspection (Postfix manual, smtp_pix_workarounds)."""
    return re.match(r"220[ -][*02 ]*\*{4}", banner) is not None


def organisation(name: str) -> str:
    """The last two labels of a host name: enough to tell unrelated operators apart."""
    return ".".join(name.strip(".").split(".")[-2:])


@dataclass(frozen=True, kw_only=True)
class Greeted:
    """What one server said. names: domains of a genuine banner; offers: whether a genuine EHLO has STARTTLS;
    certain: those two are known for sure, not by hearsay."""

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
    """kind: banner (one server answers for unrelated operators), masked, or starttls (taken out of EHLO replies)."""

    kind: str
    by: str
    operators: tuple[str, ...]


def interception(greeted: Sequence[Greeted]) -> Interception | None:
    """Whether something answers in these servers' place: at least two unrelated operators must show the same."""
    by_name: dict[tuple[str, str], list[str]] = {}
    for one in greeted:
        name = greeting_name(one.banner)
        if name and (one.foreign or not one.names):
            # A refusal may name the caller first: only the very same words are one server's.
            words = "" if one.banner.startswith("220") else re.sub(r"\d+", "0", one.banner)
            by_name.setdefault((name, words), []).append(one.operator)
    for (name, _), operators in sorted(by_name.items()):
        if len(set(operators)) > 1:
            return Interception("masked" if name == "*" else "banner", name, tuple(sorted(set(operators))))
    bare = sorted({one.operator for one in greeted if one.starttls is False and one.offers})
    dressed = [one for one in greeted if one.starttls]
    if len(bare) > 1 and not dressed:
        return Interception("starttls", "", tuple(bare))
    return None
