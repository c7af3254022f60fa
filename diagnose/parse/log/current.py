"""Which failures in a log or queue are current, and which are over or only a small share. Pure.

A failure is over when mail went through on the same route after it. The route is the relay, if there is one.
Otherwise it is the Internet for failures that affect any destination (a blocked port, a dead resolver), and the
recipient's domain for failures of that destination alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from diagnose.knowledge.phrases import Grip
from diagnose.knowledge.sayings import scope_of
from diagnose.parse.log.mail_event import NEVER_LEFT, Delivery, Group, Trouble
from diagnose.parse.log.maillog import MailLog
from diagnose.parse.system.own_network import is_loopback
from diagnose.parse.words.reason import Reason
from diagnose.record import frozen

OF_CONNECTING = frozenset({"connect-timeout", "connect-refused", "connect-no-route", "connect-network-unreachable"})
_CLIENTS = ("smtp", "lmtp")
OF_ONE_ADDRESS = frozenset(
    {"recipient-unknown", "recipient-mailbox-full", "recipient-suppressed", "mailbox-unavailable"}
)
# Failures of what smtpd(8) needs for every client: they stop it from accepting mail.
_OF_INTAKE = frozenset(
    {"backend-down", "content-filter-down", "lookup-table-broken", "milter-down", "postfix-config-error"}
)
MANY = 5  # so many successes to one failure make it a small share


@frozen
class Fact:
    """One kind of failure. current: no mail that it would have blocked has gone through since; minor: a small share
    of the mail that goes through; route: relay, direct or local; alone: other destinations accepted mail after it
    began."""

    label: str
    reason: Reason
    delivery: Delivery | None = None
    trouble: Trouble | None = None
    count: int = 1
    last: datetime | None = None
    route: str = "direct"
    current: bool = True
    minor: bool = False
    alone: bool = False


Way = Callable[[str, str], str]
"""way(sender, recipient): the relay's host name, "*" where its name in the log cannot be foretold, "" for direct delivery,
"local" for none."""


def facts(log: MailLog, way: Way, asked: str | None = None) -> tuple[Fact, ...]:
    """Every kind of failure in a log. `asked`: the recipient whose mail is missing; failures of theirs are never minor."""
    found: list[Fact] = []
    for (label, _, domain), group in log.deliveries.items():
        found += _of_group(log, way, label, domain, group, asked)
    told = {label for label, *_ in log.deliveries}
    for group_ in log.troubles.values():
        fact = _of_trouble(log, group_)
        # Other lines of smtp(8) about an attempt that failed are not counted as a second failure.
        if fact is not None and not (group_.sample.service in _CLIENTS and fact.label in told):
            found.append(fact)
    return tuple(found)


def _of_group(
    log: MailLog, way: Way, label: str, domain: str, group: Group[Delivery], asked: str | None
) -> Iterable[Fact]:
    sample = group.sample
    relay = way(sample.sender or "", sample.recipient or f"x@{domain}")
    route = "local" if relay == "local" else "relay" if relay else "direct"
    after = [at for (_, host, _), at in log.sent.items() if _later(at, group.last) and left_by(relay, host)]
    if sample.service in NEVER_LEFT and not _later(log.last_mail, group.last):
        after = []  # a bounce passes no content filter, and proves nothing of what fails on this host
    same_domain = _later(log.sent_to.get(domain), group.last)
    here = _later(log.delivered_here.get((sample.service or "", domain)), group.last)
    # error(8) repeats what a setting said when it was tried, and Postfix has read its settings again since.
    here = here or (sample.service in ("error", "retry") and _later(_started(log), group.last, 1.0))
    # Syslog stamps are whole seconds: mail accepted within the same second counts too.
    others = sum(1 for d, at in log.sent_to.items() if d != domain and at and group.first and at >= group.first)
    personal = bool(asked) and (sample.recipient or "").lower() == (asked or "").lower()
    if personal:  # others' mail says nothing about this recipient; only mail to this very address does
        same_domain = _later(log.taken.get((asked or "").lower()), group.last)
        after = after if same_domain else []
        here = same_domain and route == "local"
    for number, reason in enumerate(sample.reasons or ()):
        if reason.harmless or (number and reason.grip < Grip.PHRASE):
            continue
        scope = scope_of(reason.label)
        one = scope in ("message", "submission")
        # Other recipients' servers may not demand what this recipient's server demands.
        theirs = route == "direct" and (reason.quoted or (scope == "destination" and others > 0))
        over = same_domain if one or theirs else bool(after)
        sent = log.outward  # without mail to a filter of this host, which is also accepted in a mail loop
        # Nobody misses a bounce (it has no sender) that cannot be delivered.
        missed = sent > 0 or any(each.sample.sender for each in log.deliveries.values())
        share = (sent >= MANY * group.count and others > 0) or (sample.sender == "" and missed)
        # One address's failure is a small share, too, if mail other than its bounce has gone out since.
        share = share or (reason.label in OF_ONE_ADDRESS and bool(after) and _later(log.last_mail, group.last))
        yield Fact(
            label=reason.label,
            reason=reason,
            delivery=sample,
            count=group.count,
            last=group.last,
            route=route,
            current=not (over or here),
            minor=not personal and share and (one or theirs or scope == "destination"),
            alone=others > 0,
        )


def _of_trouble(log: MailLog, group: Group[Trouble]) -> Fact | None:
    trouble = group.sample
    reason = trouble.reason
    if reason is None or reason.harmless or reason.label in ("noise", "undelivered-notice"):
        return None
    if trouble.stranger:
        return None  # turned away, as it should be
    started = _started(log)
    lasting = scope_of(reason.label) == "submission"
    # Outgoing mail says nothing about smtpd(8), which sendmail(1) bypasses, nor about local delivery; a bounce passes no milter.
    at_intake = trouble.service == "smtpd" and reason.label in _OF_INTAKE
    good, number = (log.accepted, log.last_accepted) if at_intake else (log.last_mail, log.last_sent)
    if trouble.service in ("local", "virtual"):
        kept = (at for (service, _), at in log.delivered_here.items() if service == trouble.service and at is not None)
        good, number = max(kept, default=None), 0
    # Syslog stamps are whole seconds: within one second the order of the lines decides.
    after = _later(good, group.last) or (good == group.last and number > trouble.number)
    over = _later(started, group.last, 1.0) or (not lasting and after)
    return Fact(
        label=reason.label,
        reason=reason,
        trouble=trouble,
        count=group.count,
        last=group.last,
        route="local",
        current=not over,
        minor=lasting and log.statuses.get("sent", 0) >= 4 * MANY * group.count,
    )


def _started(log: MailLog) -> datetime | None:
    """When Postfix last started or was reloaded."""
    return max((s.at for s in log.starts if s.at is not None), default=None)


def left_by(relay: str, host: str) -> bool:
    """Whether mail that `host` accepted went by `relay`. Mail to a filter or another instance on this host has not
    left it."""
    return relay in ("*", host) or (relay == "" and not is_loopback(host))


def _later(one: datetime | None, other: datetime | None, seconds: float = 0.0) -> bool:
    return one is not None and other is not None and one > other + timedelta(seconds=seconds)
