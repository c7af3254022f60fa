"""Values read from a mail log: deliveries, troubles, starts of Postfix, and groups of events."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from diagnose.parse.system.own_network import is_loopback
from diagnose.parse.words.reason import Reason
from diagnose.record import dataclass, frozen

# Delivery agents whose "sent" means that the message stayed on this host or was discarded.
NEVER_LEFT = frozenset({"local", "virtual", "discard", "pipe", "error", "spawn"})


@frozen
class Delivery:
    """One attempt at one recipient. ``delay`` and ``delays`` in seconds (before qmgr, in it, connecting, sending).

    ``status`` is Postfix's word: sent, deferred, bounced, SOFTBOUNCE, expired, force-expired, deliverable,
    undeliverable. ``reasons``: the most specific first. ``context``: the delivery agent's earlier lines about it.
    ``number``: its line in the log.
    """

    at: datetime | None
    queue_id: str | None
    sender: str | None
    recipient: str | None
    orig_to: str | None = None
    relay_host: str | None = None
    relay_address: str | None = None
    relay_port: int | None = None
    service: str | None = None
    syslog_name: str | None = None
    delay: float | None = None
    delays: tuple[float, ...] = ()
    tls: str | None = None
    dsn: str | None = None
    status: str
    text: str
    context: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    number: int = 0

    @property
    def left(self) -> bool:
        """Whether a remote server accepted the message."""
        return (
            self.status == "sent" and self.service not in NEVER_LEFT and self.relay_host not in {None, "none", "local"}
        )

    @property
    def outward(self) -> bool:
        """Whether another host accepted it, rather than a filter or instance on this one."""
        return self.left and not is_loopback(self.relay_address or self.relay_host or "")

    @property
    def reason(self) -> Reason | None:
        """The most specific reason, if any."""
        return self.reasons[0] if self.reasons else None

    @property
    def domain(self) -> str:
        """The recipient's domain, lower case; empty when unknown."""
        return (self.recipient or "").rpartition("@")[2].lower()


@frozen
class Trouble:
    """A line other than a delivery that reports a problem, or only seems to (``reason.harmless``).

    ``stranger``: an outside client was rejected, through no fault of this host.
    """

    at: datetime | None
    service: str | None
    pid: int | None
    text: str
    reason: Reason | None
    level: str = "info"
    queue_id: str | None = None
    client: str | None = None
    stranger: bool = False
    number: int = 0


@frozen
class Start:
    """Postfix's master was started or reloaded."""

    at: datetime | None
    version: str
    reload: bool


E = TypeVar("E", Delivery, Trouble)


@dataclass
class Group(Generic[E]):
    """Events of one kind: how many, the times of the first and last, and the newest as a sample."""

    count: int
    first: datetime | None
    last: datetime | None
    sample: E
