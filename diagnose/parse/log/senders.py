"""How much mail each sender submits, to how many domains, and how much of it to mailboxes that do not exist.

An account with a stolen password or an abused web form sends to many domains and to many addresses that no longer
exist; an application or a well-kept newsletter does not. Other refusals (blocked address, suspended account) are no
sign of abuse: they affect every sender.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from diagnose.patterns import late
from diagnose.record import dataclass

RECIPIENTS, DOMAINS = 50, 20  # fewer are not a storm
GONE = 0.3  # share of recipients that do not exist; list services suspend a sender at 0.05 to 0.1
_KEPT = 20_000  # messages and senders that are remembered
_DOMAINS_KEPT = 200  # of one sender

_LINE = late(
    r"postfix[\w.-]*/(?:[\w.-]+/)?(?P<service>smtpd|smtps|pickup|qmgr|smtp|error|relay|bounce)\[\d+\]: (?P<id>[0-9A-Za-z]{6,25}): (?P<rest>.*)"
)
_ACCOUNT = late(r"\bsasl_username=(?P<name>[^\s,]+)")
_UID = late(r"\buid=(?P<uid>\d+)")
_FROM = late(r"\bfrom=<(?P<sender>[^>]*)>")
_TO = late(r"\bto=<[^>]*@(?P<domain>[^>]+)>")
_BOUNCED = late(r"\bdsn=(?P<dsn>5\.\d+\.\d+), status=bounced")
_NO_SUCH = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})  # RFC 3463, RFC 7505


def no_such(dsn: str) -> bool:
    """Whether a bounce's enhanced code says that the recipient, or its domain, does not exist."""
    return dsn in _NO_SUCH


@dataclass
class Sender:
    """One account, uid or envelope sender: recipients tried, how many do not exist, their domains (bounded)."""

    name: str
    recipients: int = 0
    gone: int = 0
    domains: set[str] = field(default_factory=set)

    @property
    def storms(self) -> bool:
        """Whether it sends to many domains and to many recipients that do not exist."""
        return self.recipients >= RECIPIENTS and len(self.domains) >= DOMAINS and self.gone >= GONE * self.recipients


class Senders:
    """Counts deliveries by the sender that submitted the mail. Bounded: senders beyond the limit are not counted."""

    def __init__(self) -> None:
        self._whose: dict[str, str] = {}
        self._senders: dict[str, Sender] = {}

    def feed(self, lines: Iterable[str]) -> None:
        """Count the deliveries in Postfix's own log lines."""
        for line in lines:
            if "status=" not in line and "from=<" not in line and "sasl_username=" not in line:
                continue
            found = _LINE.search(line)
            if found is None:
                continue
            id, rest = found["id"], found["rest"]
            if found["service"] in {"smtpd", "smtps", "pickup", "qmgr"}:
                self._submitted(id, rest)
            elif (to := _TO.search(rest)) is not None and id in self._whose:
                bounced = _BOUNCED.search(rest)
                self.count(self._whose[id], to["domain"].lower(), bounced is not None and no_such(bounced["dsn"]))

    def _submitted(self, id: str, rest: str) -> None:
        account, uid, sender = _ACCOUNT.search(rest), _UID.search(rest), _FROM.search(rest)
        if account is not None:
            name = f"account {account['name']}"
        elif uid is not None:
            name = f"uid {uid['uid']}"
        elif sender is not None and sender["sender"]:
            name = f"sender {sender['sender']}"
        else:
            return  # a bounce, or a client without a login
        if len(self._whose) < _KEPT:
            self._whose.setdefault(id, name)

    def count(self, name: str, domain: str, gone: bool) -> None:
        """Count one recipient at `domain`; gone: its server says that it does not exist."""
        sender = self._senders.get(name)
        if sender is None:
            if len(self._senders) >= _KEPT:
                return
            sender = self._senders[name] = Sender(name)
        sender.recipients += 1
        sender.gone += gone
        if len(sender.domains) < _DOMAINS_KEPT:
            sender.domains.add(domain)

    def worst(self) -> Sender | None:
        """The storming sender with the most nonexistent recipients; None if no sender storms."""
        storming = [sender for sender in self._senders.values() if sender.storms]
        return max(storming, key=lambda sender: (sender.gone, sender.name), default=None)

    def largest(self) -> Sender | None:
        """The sender with the most recipients; None if there is none."""
        return max(self._senders.values(), key=lambda sender: (sender.recipients, sender.name), default=None)
