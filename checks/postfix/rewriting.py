"""Does an alias, canonical or virtual table on this host rewrite the recipient?"""

from __future__ import annotations

import re

from diagnose.check import (
    Context,
    Observations,
    Status,
    Target,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mta, Route, exchangers, mta, origin, postfix_log, route, settings_read, target
from diagnose.facts.tables import hits
from diagnose.knowledge.smtp import OWN_HELO

_RECIPIENT = ("recipient_canonical_maps", "canonical_maps", "virtual_alias_maps", "recipient_bcc_maps")
_REWRITTEN = re.compile(r" (\w+): to=<([^>\s]*)>, orig_to=<([^>]*)>,")  # "NEXTRCPT NOT UPDATED" is no address
_QUEUE_ID = re.compile(r" (\w+): to=<")
_ENDED = re.compile(r", relay=([^,]*),.* status=(?:sent|bounced)")
_OURS = ("local", "virtual-alias", "virtual-mailbox")
_SENT = re.compile(r"/smtp\[\d+\]: \w+: to=<([^>]+@[^>]+)>, .* status=sent")
_NOBODYS = f"postmaster@{OWN_HELO}"


@check(
    id="rewriting",
    title="Address rewriting",
    signs=("config.rewritten", "config.sender-rewritten"),
    informational=("config.sender-rewritten",),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def rewriting(ctx: Context) -> Observations:
    postfix = mta(ctx)
    whose = target(ctx)
    # The newest recipient may be the sender, to whom a bounce goes.
    if not ctx.target.recipient and (missed := _last(ctx)):
        whose = Target(whose.sender, missed)
    found = list(_by_client(ctx, postfix, whose.recipient))
    if not whose.recipient or "@" not in whose.recipient:
        if not found:
            skip("no recipient is known: name one with --to to see how the tables rewrite it")
        yield from found
        return
    way = route(ctx, whose.recipient, whose.sender)
    # Aliases in a domain that is local here are normal.
    ours = way is not None and way.address_class in _OURS and not _any_domain(ctx, postfix, way)
    for parameter in _RECIPIENT:
        found += _asked(ctx, postfix, parameter, postfix.value(parameter), whose.recipient, ours)
    if moved := _moved(ctx, whose.recipient, again=bool(found)):
        text = f"the log shows mail to {whose.recipient} delivered to {moved} instead"
        data = {"recipient": whose.recipient, "value": moved}
        say = fail if any(seen.status is Status.FAILED for seen in found) or not (ours or found) else warn
        if say is fail or ours or ctx.target.recipient:
            found.append(say("config.rewritten", whose.recipient, text, **data))
    yield from found
    if not found:
        yield ok("config.rewritten", whose.recipient, "no table of this host rewrites it", recipient=whose.recipient)
    if whose.sender and "@" in whose.sender:
        for parameter in ("sender_canonical_maps", "smtp_generic_maps"):
            for reference, key, value in hits(ctx, postfix.value(parameter), whose.sender):
                if key.startswith("?"):
                    continue
                text = f"{parameter} makes {value} of {key}"
                yield warn("config.sender-rewritten", whose.sender, text, table=reference, key=key, value=value)


def _last(ctx: Context) -> str:
    """The original recipient of the newest mail that a table redirected, if its domain is not local here; "" if
    there is none. Mail that left this host counts only if that domain has MX hosts."""
    judged: dict[str, bool] = {}
    for line in reversed(postfix_log(ctx).lines[-2000:]):
        match = _REWRITTEN.search(line)
        ended = _ENDED.search(line) if match else None
        if not match or "@" not in match[3] or not ended:
            continue
        domain = match[3].rpartition("@")[2].lower()
        stays = ended[1] in ("local", "virtual", "none")
        if not stays and match[2].lower().endswith(f"@{domain}"):
            continue
        if domain not in judged:
            way = route(ctx, match[3])
            foreign = way is not None and (way.address_class not in _OURS or _any_domain(ctx, mta(ctx), way))
            judged[domain] = foreign and "." in domain and (stays or exchangers(ctx, domain).kind == "mx")
        if judged[domain]:
            return match[3]
    return ""


def _any_domain(ctx: Context, postfix: Mta, way: Route) -> bool:
    """Whether the domain is this host's only because a pattern of virtual_alias_maps matches whatever is asked."""
    if way.address_class != "virtual-alias" or "virtual_alias_domains" in postfix.explicit:
        return False
    return any(not key.startswith("?") for _, key, _ in hits(ctx, postfix.value("virtual_alias_maps"), _NOBODYS))


def _moved(ctx: Context, recipient: str, again: bool) -> str:
    """The address that the last message to the recipient went to instead, if nobody got it under this name; else "".
    Deliveries before Postfix last read its settings count only with `again`: its tables would do the same."""
    wanted = recipient.lower()
    given: dict[str, str] = {}  # to whom, by queue id
    named: set[str] = set()  # queue ids of mail that went out under the name, be it with copies
    for line in postfix_log(ctx).lines:
        match = _REWRITTEN.search(line)
        if match and match[3].lower() == wanted:
            given[match[1]] = match[2]
        elif f" to=<{wanted}>, relay=" in line.lower() and (own := _QUEUE_ID.search(line)):
            named.add(own[1])
            given.clear()
        elif not again and settings_read(line):
            given.clear()
    last = next(reversed(given), "")
    return "" if not last or last in named or given[last].lower() == wanted else given[last]


def _by_client(ctx: Context, postfix: Mta, recipient: str | None) -> Observations:
    """Observes what smtp_generic_maps or lmtp_generic_maps makes of a recipient, though it may be meant for senders
    only: the log does not show it. Without a recipient, the last one in the log is taken."""
    named = (name for service in postfix.master.services for name in service.overrides)
    if not any(name.endswith("_generic_maps") for name in (*postfix.explicit, *named)):
        return
    if not recipient:
        lines = reversed(postfix_log(ctx).lines[-2000:])
        recipient = next((match[1] for line in lines if (match := _SENT.search(line))), "")
    way = route(ctx, recipient) if recipient else None
    names = (origin(ctx, postfix), postfix.value("myhostname"), postfix.value("mydomain"))
    if (
        way is not None
        and way.remote
        and not any(f".{way.domain}".endswith(f".{name.lower()}") for name in names if name)
    ):
        parameter = f"{way.program}_generic_maps"
        yield from _asked(ctx, postfix, parameter, way.value(parameter), way.recipient, ours=False)


def _asked(ctx: Context, postfix: Mta, parameter: str, tables: str, recipient: str, ours: bool) -> Observations:
    say = warn if ctx.target.recipient else ok
    for reference, key, value in hits(ctx, tables, recipient):
        if key.startswith("?"):
            text = f"{parameter}: could not check whether the recipient is rewritten: {reference} cannot be queried ({value})"
            yield unknown("config.rewritten", recipient, text, table=reference)
            continue
        data = {"table": reference, "key": key, "value": value, "recipient": recipient, "parameter": parameter}
        if parameter == "recipient_bcc_maps":
            continue  # a copy; the mail itself still goes to its recipient
        # An address in this host's own domain that an entry for it forwards, with its mailboxes here or elsewhere.
        own = recipient.rpartition("@")[2].lower() in (origin(ctx, postfix).lower(), postfix.value("mydomain").lower())
        own = own and not ours and key.lower() == recipient.lower() and not reference.startswith(("regexp:", "pcre:"))
        results = [part.strip() for part in re.split(r"[,\s]+", value) if part.strip()]
        if recipient.lower() in (part.lower() for part in results) or value.strip() == "":
            yield warn("config.rewritten", recipient, f"{parameter} keeps {key} and adds others: {value}", **data)
        elif own:
            yield say("config.rewritten", recipient, f"{parameter} ({reference}) forwards {key} to {value}", **data)
        else:
            text = f"{parameter} ({reference}) turns {key} into {value}: the recipient gets nothing"
            yield (warn if ours else fail)("config.rewritten", recipient, text, **data)
