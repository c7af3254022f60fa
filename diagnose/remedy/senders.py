"""Whose mail a new relay would take: the senders' domains of log and queue, and what each one's SPF says of that relay."""

from __future__ import annotations

import re

from diagnose import facts
from diagnose.facts.asks import Asks
from diagnose.host.query import Lookup
from diagnose.knowledge.recognise import identify

_MOST = 8


def domains(ctx: Asks) -> tuple[str, ...]:
    """The sender domains of mail to other hosts, the target's first."""
    whose = facts.target(ctx).sender
    found = [whose] if whose else []
    waiting, log = facts.queue(ctx), facts.mail_log(ctx)
    found += [group.sample.sender for group in waiting.groups] if waiting else []
    found += [group.sample.sender or "" for group in log.deliveries.values() if group.sample.relay_host] if log else []
    names = (address.rpartition("@")[2].lower() for address in found if "@" in address)
    return tuple(dict.fromkeys(name for name in names if re.fullmatch(r"[\w-]+(\.[\w-]+)+", name)))


def said(ctx: Asks, senders: tuple[str, ...], host: str) -> str:
    """One line: each domain with what its SPF record says of the relay."""
    relay = identify(host)
    words = {
        ".".join(host.split(".")[-2:]),
        *(".".join(one.name.split(".")[-2:]) for one in (relay.hosts if relay else ())),
    }
    published = relay.publishes if relay else None
    words |= {published.spf} if published else set()
    what_to_add = f"add include:{published.spf}" if published and published.stated else "add it"
    found = []
    for domain in senders[:_MOST]:
        reply = ctx.ask(Lookup(domain, "TXT", "", 2.0)) if ctx.settings.network else None
        record = next((text for text in (reply.answers if reply else ()) if "v=spf1" in text.lower()), "")
        if reply is None or reply.problem:
            what = "SPF not looked up"
        elif not record:
            what = "no SPF record"
        else:
            what = (
                "its SPF record allows it"
                if any(word in record.lower() for word in words)
                else f"its SPF record does not allow {host}: {what_to_add}"
            )
        found.append(f"{domain} ({what})")
    return f"Senders: {', '.join(found)}." if found else ""
