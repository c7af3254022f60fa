"""Does one account, uid or sender on this host write to many strangers, and do many of them not exist?"""

from __future__ import annotations

from diagnose import facts
from diagnose.check import Context, Data, Observations, check, counted, fail, ok, unknown
from diagnose.facts import postfix_log
from diagnose.parse.log.senders import DOMAINS, GONE, RECIPIENTS, Senders
from diagnose.parse.postfix.queue import QueueSummary

_REFUSED = frozenset(
    "recipient-unknown mailbox-unavailable content-rejected spam-generic rate-limited ip-blocklisted recipient-domain-not-found "
    "dns-not-found".split()
)
_SHARE = 0.7  # of the queue that is one sender's


@check(
    id="senders",
    title="Senders",
    signs=("senders.storm", "senders.queue"),
    tags=("mail",),
    timeout=8.0,
)
def senders(ctx: Context) -> Observations:
    reply = postfix_log(ctx)
    if reply.lines:
        read = Senders()
        read.feed(reply.lines)
        sender = read.worst() or read.largest()
        if sender is not None:
            data: Data = {"account": sender.name, "count": sender.recipients, "gone": sender.gone}
            say = fail if sender.storms else ok
            reached = f"{counted(sender.recipients, 'recipient')} at {counted(len(sender.domains), 'domain')}"
            text = f"sent to {reached}" + (f", {sender.gone} of which do not exist" if sender.gone else "")
            yield say("senders.storm", sender.name, text, **data)
    elif reply.problem:
        yield unknown("senders.storm", "mail log", f"Could not count who sends: {reply.problem}")
    summary = facts.queue(ctx)
    if summary is not None:
        yield from _queue(summary)


def _queue(summary: QueueSummary) -> Observations:
    own = [(name, count) for name, count in summary.senders if name and name != "MAILER-DAEMON"]
    if not own or not summary.total:
        return
    name, count = max(own, key=lambda each: each[1])
    refused = [group for group in summary.groups if group.label in _REFUSED]
    share = sum(group.count for group in refused) / max(sum(group.count for group in summary.groups), 1)
    domains = len({group.domain for group in refused})
    storm = count >= max(RECIPIENTS, _SHARE * summary.total) and domains >= DOMAINS and share >= GONE
    say = fail if storm else ok
    text = f"sent {count} of {summary.total} waiting messages"
    text += f", some of which {counted(domains, 'domain')} refuse{'s' if domains == 1 else ''}" if domains else ""
    yield say("senders.queue", f"sender {name}", text, account=f"sender {name}", count=count)
