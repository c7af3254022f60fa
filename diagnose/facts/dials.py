"""One connection attempt and its outcome, made as smtp(8) makes it.

near_end(ctx)    the account and the source addresses
source(ctx, family)   the parameter that sets the source address, and the address
dial_address(…)  one connect or short dialogue with an address
tried(…)         its outcome
"""

from __future__ import annotations

import ipaddress

from diagnose import facts
from diagnose.facts.asks import Asks
from diagnose.host.query import Dial, DialReply, Exec
from diagnose.host.reply import Attempt
from diagnose.knowledge.labels import Probe
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.parse.system import iproute
from diagnose.parse.system.outcomes import Outcome, is_own, outcome
from diagnose.record import frozen

_SAID_BY_OUTCOME = ("ETIMEDOUT", "ECONNREFUSED")
UNSPECIFIED = frozenset(("0.0.0.0", "::"))
"""What stands for no address; a connect to it ends at this very host."""

WIRE = {
    "kept": "its packets do not leave this host",
    "altered": "this host changes its packets on their way out",
    "answered": "this host discards the answer that came back",
    "sent": "its packets left this host",
}


@frozen
class Tried:
    """A dial to one address. host: the name that the address belongs to."""

    host: str
    operator: str
    port: int
    family: int
    address: str
    reply: DialReply
    outcome: Outcome
    probe: Probe | None = None

    @property
    def open(self) -> bool:
        return self.outcome is Outcome.OPEN

    @property
    def words(self) -> str:
        """The outcome for people, with the error and the ICMP sender if known."""
        attempt = self.reply.attempts[-1] if self.reply.attempts else None
        offender = attempt.offender if attempt else ""
        error = attempt.error if attempt else self.reply.problem or ""
        more = [error if error not in _SAID_BY_OUTCOME else "", WIRE.get(self.wire, "") if error else ""]
        more.append(f"ICMP from {offender}" if offender else "")
        return self.outcome.value + (f" ({', '.join(filter(None, more))})" if any(more) else "")

    @property
    def wire(self) -> str:
        """Attempt.wire of the last attempt; "" if it connected."""
        return self.reply.attempts[-1].wire if self.reply.attempts and not self.open else ""

    @property
    def here(self) -> bool:
        """Whether this host itself reports the failure: it stops the packets, has no route, or a router beside it
        does not answer."""
        attempt = self.reply.attempts[-1] if self.reply.attempts else None
        own = attempt is not None and bool(attempt.offender) and is_own(attempt.offender, attempt.local)
        return own or self.outcome in (Outcome.LOCAL, Outcome.NO_ROUTE)


def interface_addresses(ctx: Asks) -> tuple[iproute.Address, ...]:
    """The addresses of this host's interfaces, by ip(8)."""
    return iproute.addresses(ctx.ask(Exec(("ip", "-j", "addr"))).out)


def family_of(text: str) -> int:
    """4 or 6 for an address, 0 for a name."""
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return 0


def dial_address(
    address: str, port: int, host: str, *, say: str = "connect", helo: str = "", user: str = "", bind: str = ""
) -> Dial:
    """A short dialogue with one address. On an implicit TLS port it only connects."""
    say = "connect" if port in IMPLICIT_TLS_PORTS else say
    return Dial(host=address, port=port, verify_name=host, say=say, helo=helo, user=user, bind=bind)


def near_end(ctx: Asks, way: facts.Route | None = None) -> dict[str, str]:
    """`user` and `bind` of a Dial: the account and the source addresses that smtp(8) uses."""
    if (here := facts.mailer(ctx)) is not None:
        return {"user": here.account, "bind": ""}
    chosen = [address for family in (4, 6) if (address := source(ctx, family, way)[1])]
    return {"user": facts.mta(ctx).value("mail_owner"), "bind": " ".join(chosen)}


def source(ctx: Asks, family: int, way: facts.Route | None = None) -> tuple[str, str]:
    """(parameter, address): the source address that smtp(8) uses in this family; ("", "") if none is set."""
    way = way or facts.route(ctx)
    parameter = "smtp_bind_address" if family == 4 else "smtp_bind_address6"
    text = (way.value(parameter) if way is not None and way.remote else "").strip("[]")
    if not text:
        # The only address of its family in inet_interfaces, if not loopback, is the source, too (postconf(5)).
        listed = [word.strip("[]") for word in facts.mta(ctx).words("inet_interfaces")]
        own = [word for word in listed if family_of(word) == family]
        text = own[0] if len(own) == 1 and len(listed) == len([w for w in listed if family_of(w)]) else ""
        text = "" if text and ipaddress.ip_address(text).is_loopback else text
        parameter = "inet_interfaces"
    if family_of(text) == family and not ipaddress.ip_address(text).is_unspecified:
        # If no interface has the address, smtp(8) warns and uses any, unless smtp_bind_address_enforce is set (Postfix 3.7).
        listing = ctx.ask(Exec(("ip", "-j", "addr"))).out
        if not listing or f'"{text}"' in listing or (way is not None and way.flag("smtp_bind_address_enforce")):
            return parameter, text
    return "", ""


def met(attempt: Attempt) -> Outcome:
    """The outcome of a connection attempt."""
    return outcome(
        error=attempt.error,
        icmp=attempt.icmp,
        offender=attempt.offender,
        seconds=attempt.seconds,
        local=attempt.local,
        wire=attempt.wire,
    )


def tried(host: str, operator: str, query: Dial, reply: DialReply, probe: Probe | None = None) -> Tried:
    """The dial with its outcome."""
    attempt = reply.attempts[-1] if reply.attempts else None
    what = Outcome.UNKNOWN
    if reply.connected:
        what = Outcome.OPEN
    elif attempt is not None and not reply.problem:
        what = met(attempt)
    return Tried(
        host=host,
        operator=operator,
        port=query.port,
        family=family_of(query.host) or 4,
        address=query.host,
        reply=reply,
        outcome=what,
        probe=probe,
    )
