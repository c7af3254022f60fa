"""Does the SPF record of each sender domain allow the address that the mail comes from?"""

from __future__ import annotations

from diagnose.check import (
    FLAG,
    Context,
    Data,
    Observation,
    Observations,
    SignSpec,
    Status,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts.sender import Sender, Spf, asker, refused, senders, spf
from diagnose.parse.sender import publish

_RECORD = ("two-records", "syntax", "look-ups", "void", "include")
_SAID = {
    "softfail": "says that {by} is probably not allowed to ({term})",
    "neutral": "says nothing about {by}",
}


@check(
    id="sender-spf",
    title="SPF of the senders",
    signs=(
        SignSpec(
            "sender.spf",
            {"kind": ("fail", "softfail", "neutral", "none", *_RECORD), "refused": FLAG, "asked": FLAG, "direct": FLAG},
            gauge="sender",
        ),
    ),
    tags=("sender", "dns", "network"),
    needs=("network", "postfix"),
    probes=True,
    timeout=9.5,
)
def sender_spf(ctx: Context) -> Observations:
    found = senders(ctx)
    if not found:
        skip("no mail from one of this host's own domains was seen leaving; --from ADDRESS names a sender")
    told = [observation for sender in found for observation in _judged(ctx, sender)]
    if not told:
        skip(
            f"{found[0].through} may send from any address, under a name of its own; --from ADDRESS shows what is known"
        )
    yield from told


def _judged(ctx: Context, sender: Sender) -> Observations:
    judged = spf(ctx, sender)
    if not judged:
        where = f"what addresses {sender.through} sends from" if sender.through else "this host's public address"
        if sender.asked or not sender.through:
            yield unknown("sender.spf", sender.domain, f"not judged: {where} is not known", asked=sender.asked)
    record = _to_publish(ctx, sender, judged)
    for one in judged:
        said = _said(ctx, sender, one, record)
        if said.status is not Status.UNKNOWN or sender.asked or not said.data.get("open"):
            yield said


def _to_publish(ctx: Context, sender: Sender, judged: tuple[Spf, ...]) -> str:
    """The SPF record to publish, with all terms that the present one lacks; "" if it lacks none, or they are not
    known."""
    lacking = [one for one in judged if one.verdict.result not in ("pass", "temperror")]
    if not lacking:
        return ""
    terms = [publish.address_term(one.address) for one in lacking]
    if sender.through:
        known = sender.relay.publishes if sender.relay else None
        if known is None or not known.stated:
            return ""
        terms = [f"include:{known.spf}"]
    return publish.spf(sender.domain, asker(ctx)(sender.domain, "TXT") or (), terms)


def _said(ctx: Context, sender: Sender, one: Spf, record: str) -> Observation:
    """Observes one SPF verdict. For a service that may use its own MAIL FROM domain, or whose addresses are not
    known, only a pass counts, unless receivers refused the mail."""
    verdict, domain = one.verdict, sender.domain
    by = f"{one.by} ({one.address})" if one.by == "this host" else f"{sender.through} ({one.address}, of {one.by})"
    data: Data = {
        "domain": domain,
        "address": one.address,
        "record": verdict.record,
        "direct": not sender.through,
        "asked": sender.asked,
        "relay": sender.through,
    }
    if verdict.result == "pass":
        return ok("sender.spf", domain, f"its SPF record names {by}: {verdict.term}", **data)
    if verdict.result == "temperror":
        return unknown("sender.spf", domain, f"its SPF record could not be evaluated: {verdict.why}", **data)
    kind = verdict.kind or verdict.result
    if kind in _RECORD:
        text = f"its SPF record cannot be evaluated: {verdict.why}"
    elif kind == "none":
        text = f"has no SPF record that would name {by}"
    elif kind == "fail":
        text = f"its SPF record forbids {by} to send for it ({verdict.term})"
    else:
        text = f"its SPF record {_SAID[kind].format(by=by, term=verdict.term)}"
    said = refused(ctx, domain)
    data |= {"kind": kind, "refused": bool(said), "publish": record}
    own_sender = sender.relay is not None and sender.relay.kind in ("service", "cloud")
    if sender.through and not said and (own_sender or not one.known):
        why = "may send under a MAIL FROM of its own" if own_sender else "may send from other addresses"
        return unknown("sender.spf", domain, f"{text}; but {sender.through} {why}", open=True, **data)
    harmful = kind in ("fail", *_RECORD) and not sender.through
    return (fail if harmful or said else warn)("sender.spf", domain, text, **data)
