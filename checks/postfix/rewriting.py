"""Is the recipient rewritten on this host, by an alias, canonical or virtual table, to somewhere else?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.check import Context, MailLog, MapLookup, check, fail, ok, skip, unknown, warn
from diagnose.facts import Mta, mta, route, target
from diagnose.model import Observation, Target
from diagnose.parse.postfix import table

_RECIPIENT = ("recipient_canonical_maps", "canonical_maps", "virtual_alias_maps", "recipient_bcc_maps")
_REWRITTEN = re.compile(r": to=<([^>]*)>, orig_to=<([^>]*)>,")
_READ = re.compile(r"/master\[\d+\]: (?:reload|daemon started) -- ")
_SENDER = ("sender_canonical_maps", "smtp_generic_maps")


@check(
    id="rewriting",
    title="Address rewriting",
    signs=("config.rewritten", "config.sender-rewritten"),
    informational=("config.sender-rewritten",),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def rewriting(ctx: Context) -> Iterator[Observation]:
    postfix = mta(ctx)
    whose = target(ctx)
    # The recipient of the newest mail may be the sender, whom a bounce goes to.
    if not ctx.target.recipient and (missed := _last(ctx)):
        whose = Target(whose.sender, missed)
    if not whose.recipient or "@" not in whose.recipient:
        skip("no recipient is known: name one with --to to see what the tables make of it")
    way = route(ctx, whose.recipient, whose.sender)
    # Aliases of a domain that this host holds are its ordinary work.
    ours = way is not None and way.address_class in ("local", "virtual-alias", "virtual-mailbox")
    found = [seen for parameter in _RECIPIENT for seen in _asked(ctx, postfix, parameter, whose.recipient, ours)]
    if moved := _moved(ctx, whose.recipient, again=bool(found)):
        text = f"the log shows mail to {whose.recipient} delivered to {moved} instead"
        data = {"recipient": whose.recipient, "value": moved, "parameter": "the log"}
        found.insert(0, (warn if ours else fail)("config.rewritten", whose.recipient, text, **data))
    yield from found
    if not found:
        yield ok("config.rewritten", whose.recipient, "no table of this host rewrites it", recipient=whose.recipient)
    if whose.sender and "@" in whose.sender:
        for parameter in _SENDER:
            for reference, key, value in _hits(ctx, postfix, parameter, whose.sender):
                if key.startswith("?"):
                    continue
                text = f"{parameter} makes {value} of {key}"
                yield warn("config.sender-rewritten", whose.sender, text, table=reference, key=key, value=value)


def _last(ctx: Context) -> str:
    """Of the newest mail that a table gave to somebody of this host: to whom it was written, where that is another host's."""
    for line in reversed(ctx.ask(MailLog(ctx.settings.since)).lines[-2000:]):
        match = _REWRITTEN.search(line)
        if match and "@" in match[2] and re.search(r", relay=(?:local|virtual|none),.* status=(?:sent|bounced)", line):
            way = route(ctx, match[2])
            if (
                way is not None
                and way.address_class not in ("local", "virtual-alias", "virtual-mailbox")
                and "." in way.domain
            ):
                return match[2]
    return ""


def _moved(ctx: Context, recipient: str, again: bool) -> str:
    """Whom the last message to the recipient went to, when that is someone else and nobody got it under this name. What Postfix
    did before it last read its settings counts only where its tables would do it again."""
    wanted = recipient.lower()
    last = ""
    for line in ctx.ask(MailLog(ctx.settings.since)).lines:
        match = _REWRITTEN.search(line)
        if match and match[2].lower() == wanted:
            last = match[1]
        elif f" to=<{wanted}>, relay=" in line.lower() or (not again and _READ.search(line)):
            last = ""
    return "" if last.lower() == wanted else last


def _asked(ctx: Context, postfix: Mta, parameter: str, recipient: str, ours: bool) -> Iterator[Observation]:
    for reference, key, value in _hits(ctx, postfix, parameter, recipient):
        if key.startswith("?"):
            text = f"{parameter}: could not check whether the recipient is rewritten: {reference} cannot be queried ({value})"
            yield unknown("config.rewritten", recipient, text, table=reference)
            continue
        data = {"table": reference, "key": key, "value": value, "recipient": recipient, "parameter": parameter}
        if parameter == "recipient_bcc_maps":
            continue  # a copy; the mail itself still goes to its recipient
        results = [part.strip() for part in re.split(r"[,\s]+", value) if part.strip()]
        if recipient.lower() in (part.lower() for part in results) or value.strip() == "":
            yield warn("config.rewritten", recipient, f"{parameter} keeps {key} and adds others: {value}", **data)
        else:
            text = f"{parameter} ({reference}) turns {key} into {value}: the recipient himself gets nothing"
            yield (warn if ours else fail)("config.rewritten", recipient, text, **data)


def _hits(ctx: Context, postfix: Mta, parameter: str, address: str) -> Iterator[tuple[str, str, str]]:
    """(table, key, value) of the first table and key that answers; key '?' where one cannot be asked."""
    domain = address.rpartition("@")[2]
    keys = (address, f"@{domain.lower()}")
    for reference in table.parse_list(postfix.value(parameter)):
        if reference.type == "static":
            yield reference.key, address, reference.name
            return
        for key in keys:
            if key.startswith("@") and reference.type in ("regexp", "pcre"):
                continue
            reply = ctx.ask(MapLookup(reference.raw, key))
            if reply.problem or (reply.error and not reply.found and "main.cf" not in reply.error):
                yield reference.key, "?" + key, reply.problem or reply.error
                break
            if reply.found:
                yield reference.key, key, reply.value
                return
