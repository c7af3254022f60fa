"""What does the mail log say: what fails now, what got through since, and was anything submitted?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from diagnose import facts
from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Data,
    Now,
    Observation,
    Observations,
    SignSpec,
    Stage,
    Stat,
    check,
    counted,
    fail,
    ok,
    skip,
    stamped,
    unknown,
    warn,
)
from diagnose.facts.mail import SAID_SIGNS
from diagnose.facts.sender import senders
from diagnose.parse.log import current, maillog
from diagnose.parse.log.current import Fact
from diagnose.parse.postfix import table
from diagnose.parse.system.own_network import is_loopback

LATELY = timedelta(hours=1)
_OF_THIS_HOST = frozenset({"helo-name-invalid", "ip-blocklisted", "reverse-dns-missing", "sender-unauthenticated"})
_PATIENCE = 3.0  # seconds in which most mail leaves
RECENT = timedelta(minutes=10)  # a probe that fails now outweighs what went through before that


@check(
    id="log",
    title="Mail log",
    signs=(
        SignSpec("mail.flow", {"recent": FLAG, "unchanged": FLAG, "asked": FLAG}, gauge="flow", proves=Stage.DELIVERY),
        SAID_SIGNS,
        "log.submissions",
        SignSpec("log.recipient", {"kind": ANY}),
    ),
    tags=("mail",),
    decisive=True,
    timeout=8.0,
)
def log(ctx: Context) -> Observations:
    here = facts.mailer(ctx)
    reply = facts.log_reply(ctx)
    if not reply.lines and here is not None and here.id == "msmtp" and not reply.source:
        skip("msmtp is not set to keep a log (logfile or syslog in its settings)")
    if reply.problem and not reply.lines:
        if not facts.mta(ctx).installed and here is None:
            skip(f"{reply.problem}, and there is no Postfix to write one")
        text = f"Could not check what failed and what was delivered: {reply.problem}"
        yield unknown("mail.flow", "mail log", text, asked=ctx.target.recipient is not None)
        return
    where = ", ".join(reply.source) or "mail log"
    read = facts.mail_log(ctx)
    if read is None:
        return
    asked = ctx.target.recipient
    found = tuple(_weighed(ctx, read, fact) for fact in facts.failures(ctx, asked))
    unreached = {f.delivery.domain for f in found if f.delivery and f.route == "direct" and _dead(f)}
    for fact in found:
        if fact.label != "relay-access-denied" or fact.trouble is None or fact.trouble.service != "smtpd":
            yield _observation(ctx, fact, several=len(unreached) > 1 and _dead(fact))
        # Else this host's own refusal of a client, which the check of submissions judges.
    yield from _flow(ctx, read, found, where)
    handed = any("/pickup[" in line and ": uid=" in line for line in reply.lines)
    yield from _handed_over(read, reply.whole, handed, where, here.title if here else "Postfix")
    if asked and here is None:
        yield from _recipient(reply.lines, asked, read, where)


def _weighed(ctx: Context, read: maillog.MailLog, fact: Fact) -> Fact:
    """The fact, no longer minor if within the last hour a receiver refused mail from one of this host's senders for
    the host itself or its domain: the next mail there fails alike, whatever other receivers accept."""
    if not (fact.minor and fact.current and fact.label in _OF_THIS_HOST and fact.delivery and fact.last):
        return fact
    domain = (fact.delivery.sender or "").rpartition("@")[2].lower()
    if read.now - fact.last > LATELY or domain not in {sender.domain for sender in senders(ctx)}:
        return fact
    return replace(fact, minor=False)


def _dead(fact: Fact) -> bool:
    """Whether connections to this destination fail now, and no other destination took mail after that began."""
    return fact.current and not fact.alone and fact.label in current.OF_CONNECTING


def _observation(ctx: Context, fact: Fact, several: bool) -> Observation:
    reason = fact.reason
    delivery, trouble = fact.delivery, fact.trouble
    data: Data = {**reason.scalars(), "label": fact.label, "count": fact.count, "route": fact.route}
    # Weak words accompany failures, and do not make one: a setting that stands twice, say.
    data |= {"alone": fact.alone, "several": several, "source": "log"}
    data |= {"foreign": facts.foreign(ctx, reason), "logged": _only_logged(ctx, fact)}
    if delivery:
        host = delivery.relay_host if delivery.relay_host != "none" else None
        data |= {"host": data["host"] or host, "port": data["port"] or delivery.relay_port, "domain": delivery.domain}
        data |= {"sender": delivery.sender, "recipient": delivery.recipient, "status": delivery.status}
        way = facts.relay_of(ctx)(delivery.sender or "", delivery.recipient or "")
        data |= {"service": delivery.service, "hop": facts.is_hop(way, reason)}
    elif trouble:
        data |= {"client": trouble.client, "service": trouble.service}
    label = fact.label if delivery is None else reason.label_for(delivery.sender, delivery.recipient)
    if label == "backend-down" and delivery is not None and delivery.relay_host in _filters(ctx):
        label = "content-filter-down"  # pipe(8) says the same of a content filter
    if label == "sender-not-allowed" and delivery is not None and _of_recipient(delivery, reason.text):
        label = "relay-account-restricted"
    times = f" ({fact.count} times)" if fact.count > 1 else ""
    subject = (delivery.domain if delivery else trouble.service if trouble else "") or label
    # A relay's reply does not name the recipient's domain, and says nothing about that domain's own servers.
    whose = f"mail to {delivery.domain}: " if delivery and delivery.domain not in reason.text.lower() else ""
    text = f"{whose}{reason.text}{times}"
    if not fact.current:
        seen = warn(f"mail.{label}", subject, f"{text} (over since)", current=False, minor=fact.minor, **data)
    elif fact.minor:
        seen = warn(f"mail.{label}", subject, f"{text} (a small share of the mail)", current=True, minor=True, **data)
    else:
        seen = fail(f"mail.{label}", subject, text, current=True, minor=False, **data)
    return stamped(seen, fact.last)


def _only_logged(ctx: Context, fact: Fact) -> bool:
    """Whether the log alone says so, which any user can write: a line of a program of this host, a deferred message
    where the queue holds none with that reason, or a reply of a server that this host does not send to."""
    if fact.delivery and fact.delivery.status == "deferred":
        waiting = facts.queue(ctx)
        if waiting is None or not waiting.complete:
            return False
        return all(group.reason is not None and group.label != fact.label for group in (*waiting.groups, *waiting.rest))
    if fact.reason.code is None and not fact.reason.quoted:
        return True
    return fact.delivery is not None and not _on_a_way(ctx, fact.delivery)


def _on_a_way(ctx: Context, delivery: maillog.Delivery) -> bool:
    """Whether this host sends mail for that recipient to that server, as far as its settings tell: to the relay, or to
    port 25 without one."""
    host = delivery.relay_host or "none"
    way = facts.relay_of(ctx)(delivery.sender or "", delivery.recipient or "")
    if way == "local" or host == "none" or is_loopback(host):
        return True
    return current.left_by(way, host) if way else delivery.relay_port in (None, 25)


def _of_recipient(delivery: maillog.Delivery, text: str) -> bool:
    """Whether the provider's reply asks for a verified recipient, as it does while the account is in its sandbox.
    False for a bounce, which has no sender."""
    said = text.lower()
    if not delivery.sender or not delivery.recipient or "verified" not in said:
        return False
    return delivery.recipient.lower() in said and delivery.sender.lower() not in said


def _filters(ctx: Context) -> set[str]:
    """The transports that a content_filter names."""
    postfix = facts.mta(ctx)
    named = [postfix.value("content_filter"), *(s.overrides.get("content_filter", "") for s in postfix.master.services)]
    return {value.partition(":")[0] for value in named if value}


def _flow(ctx: Context, read: maillog.MailLog, found: tuple[Fact, ...], where: str) -> Observations:
    """Observes whether mail passes now on the target's route, by the log."""
    target = facts.target(ctx)
    relay = facts.relay_of(ctx)(target.sender or "", target.recipient or facts.ANYBODY)
    sent = [(at, host) for (_, host, _), at in read.sent.items() if at is not None and current.left_by(relay, host)]
    failing = [f for f in found if f.current and not f.minor and f.label != "undelivered-notice"]
    if sent:
        at, host = max(sent)
        data: Data = {"host": host, "last": at.isoformat(), "recent": read.now - at < RECENT}
        data["recent"] = data["recent"] and not _waits(ctx, (read.now - at).total_seconds())
        data["unchanged"] = _changed(ctx) <= at.timestamp() + 1
        mine = [f.last for f in failing if f.last is not None and f.route != "local"]
        if not failing and (lost := _unexplained(read)):
            yield unknown("mail.flow", lost.domain, f"mail to {lost.domain}: {lost.text}", proof="tried", **data)
        elif not failing or not mine or at >= max(mine):
            status = warn if failing else ok
            yield status("mail.flow", host, f"mail was last accepted by {host} at {at:%Y-%m-%d %H:%M:%S}", **data)
        else:
            yield fail("mail.flow", host, f"{host} has accepted no mail since {at:%Y-%m-%d %H:%M:%S}", **data)
    elif failing:
        yield fail("mail.flow", where, "mail fails, and none has left this way in the part of the log that was read")
    elif not found and (failed := sum(read.statuses.get(each, 0) for each in ("deferred", "bounced", "undeliverable"))):
        text = (
            f"{counted(failed, 'delivery attempt')} failed for reasons that this tool does not know, and none succeeded"
        )
        yield unknown("mail.flow", where, text, asked=ctx.target.recipient is not None, proof="tried")
    else:
        text = "no delivery to another host is in the part of the log that was read"
        yield unknown("mail.flow", where, text, asked=ctx.target.recipient is not None)


def _waits(ctx: Context, seconds: float) -> bool:
    """Whether a message that came within so many seconds, and not just now, is still under way: its outcome is open.
    Logs have whole seconds."""
    waiting, now = facts.queue(ctx), ctx.ask(Now()).epoch
    under_way = [g for g in (waiting.groups if waiting else ()) if g.queue_name in ("active", "incoming")]
    return any(g.oldest is not None and _PATIENCE < now - g.oldest < seconds + 1 for g in under_way)


def _unexplained(read: maillog.MailLog) -> maillog.Delivery | None:
    """A failed delivery whose reason is not known, with no success to its domain since; None if there is none or such
    are a small share of the mail."""
    groups = [group for (label, *_), group in read.deliveries.items() if not label and group.sample.sender != ""]
    if read.outward >= current.MANY * sum(group.count for group in groups):
        return None
    sent = read.sent_to
    return next((g.sample for g in groups if not ((at := sent.get(g.sample.domain)) and g.last and at > g.last)), None)


def _changed(ctx: Context) -> float:
    """Epoch of Postfix's last start, or of the newest change to the files that the mailer reads: earlier deliveries
    prove nothing about the present settings."""
    if (here := facts.mailer(ctx)) is not None:
        read = ("/etc/resolv.conf", *here.table["settings"], *here.table.get("logins", ()))
        return max(ctx.ask(Stat(path)).mtime for path in read)
    postfix, running = facts.mta(ctx), (facts.master(ctx), facts.queue_manager(ctx))
    folder, paths = postfix.config_directory, ["/etc/resolv.conf", f"{postfix.queue_directory}/etc/resolv.conf"]
    paths += [folder, f"{folder}/main.cf", f"{folder}/master.cf"]
    for one in table.parse_list(postfix.value("smtp_sasl_password_maps")):
        paths += table.files(one)
    return max(0.0, *(each.started for each in running if each), *(ctx.ask(Stat(path)).mtime for path in paths))


def _handed_over(read: maillog.MailLog, whole: bool, handed: bool, where: str, mailer: str) -> Observations:
    count = sum(read.statuses.values())
    if count or read.deliveries:
        yield ok(
            "log.submissions",
            where,
            f"{counted(count, 'delivery attempt')} in the part of the log that was read",
            count=count,
        )
    elif handed:
        yield unknown("log.submissions", where, f"mail was handed to {mailer}, and no delivery was tried")
    elif read.troubles:
        yield unknown("log.submissions", where, "the log shows problems, but no delivery")
    elif whole:
        yield fail(
            "log.submissions", where, f"no mail was handed to {mailer} in the part of the log that was read", count=0
        )


def _recipient(lines: tuple[str, ...], asked: str, read: maillog.MailLog, where: str) -> Observations:
    """Observes what the log shows of the recipient that the user named: refused here, no attempt, sent, or the last
    failure."""
    mark = f"to=<{asked.lower()}>"
    last: maillog.Delivery | None = None
    refused = ""
    reader = maillog.MailLog(read.now)
    for line in lines:
        if mark in line.lower():
            last = next((e for e in reader.feed(line) if isinstance(e, maillog.Delivery)), last)
            refused = line.partition("reject: ")[2] or refused
    data: Data = {"recipient": asked, "domain": asked.rpartition("@")[2].lower()}
    if last is None and refused:
        yield warn(
            "log.recipient", asked, f"refused by this host: {refused.partition('; from=')[0]}", kind="refused", **data
        )
    elif last is None:
        yield fail(
            "log.recipient",
            asked,
            f"{where} shows no attempt to deliver to {asked} in the part that was read",
            kind="none",
            **data,
        )
    elif last.left:
        host = last.relay_host or ""
        at = f" at {last.at:%Y-%m-%d %H:%M:%S}" if last.at else ""
        yield fail(
            "log.recipient",
            asked,
            f"{host} accepted the mail to {asked}{at}: {last.text}",
            kind="sent",
            host=host,
            queue_id=last.queue_id,
            **data,
        )
    else:
        yield warn(
            "log.recipient",
            asked,
            f"the last attempt to deliver to {asked} was {last.status}: {last.text}",
            kind=last.status,
            **data,
        )
