"""Plans for the sender's name: what to publish in DNS, which only its owner can."""

from __future__ import annotations

from collections.abc import Iterator

from diagnose import facts
from diagnose.model import Observation, Status
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.plan import Other, Plan, plans

_KINDS = ("sender.dkim", "sender.spf", "sender.dmarc")
_WORDS = {
    "sender.spf": "add the address that our mail comes from to the SPF record (one record, in place of what is there).",
    "sender.dkim": "publish the key that signs our mail.",
    "sender.dmarc": "publish a DMARC policy; this one refuses nothing.",
}
_TEXTS = {
    "fail": "The SPF record of {domain} forbids {address} to send for it: add the address to it, or sign the mail with DKIM.",
    "none": "{domain} publishes no SPF record that names {address}: publish one, and sign the mail with DKIM.",
    "softfail": "The SPF record of {domain} does not name {address}: add it, or sign the mail with DKIM.",
    "neutral": "The SPF record of {domain} does not name {address}: add it, or sign the mail with DKIM.",
    "two-records": "{domain} publishes several SPF records, so that none of them is valid: keep one.",
    "syntax": "The SPF record of {domain} has a syntax error, so that it is not valid: correct it.",
    "look-ups": "The SPF record of {domain} takes more than ten DNS lookups, so that it is not valid: drop "
                "includes that no mail needs, or list their networks.",
    "void": "The SPF record of {domain} names hosts that do not exist, so that it is not valid: remove them.",
    "include": "The SPF record of {domain} includes a domain without one, so that it is not valid: remove it.",
    "missing": "The key that signs the mail of {domain} is not published: publish it at {place}.",
    "several": "Several keys are published at {place}: keep only the one that signs.",
    "revoked": "The key at {place} is marked as revoked: publish the one that signs.",
    "mismatch": "The key at {place} is not the one that signs: publish that one.",
    "unaligned": "Neither SPF nor DKIM passes for {domain} as its own DMARC policy requires: make one of the two pass.",
}  # fmt: skip


@plans("sender-unauthenticated", "spf-record-invalid", "dkim-key-mismatch")
def sender(e: Evidence) -> Plan | None:
    """What to publish for the domain of the mail in question; None if no check found a fault with it."""
    seen = _of_one_domain(e)
    if not seen:
        return None
    worst = max(seen, key=lambda o: (o.status, -_KINDS.index(o.sign)))
    own = {"spf-record-invalid": "sender.spf", "dkim-key-mismatch": "sender.dkim"}.get(e.diagnosis.cause.id)
    first = next((o for o in seen if o.sign == own), worst)
    text = _TEXTS.get(first.text("kind"), "").format_map(_Filled(first, worst))
    return Plan(by=tuple(_others(seen)), text=text)


@plans("ip-blocklisted")
def listed(e: Evidence) -> Plan | None:
    """Whom to ask for removal: the operators of the lists that name this host's address."""
    seen = e.seen("blocklist.listed")
    who = {o.text("list"): o for o in seen}
    if not who:
        return None
    others = tuple(
        Other(who=name, text=f"{o.subject} {o.summary}; the reason, and how to be removed: {o.data.get('url')}")
        for name, o in who.items()
    )
    policy = all(o.data.get("kind") == "policy" for o in seen)
    text = (
        f"{seen[0].subject} is listed because such addresses should not send mail directly: send through a relay."
        if policy
        else f"Find what was sent from {seen[0].subject} and stop it, then have the address removed from {', '.join(who)}."
    )
    return Plan(by=others, text=text)


def _of_one_domain(e: Evidence) -> list[Observation]:
    """The faults found with the domain of the mail's sender, else with the first domain that has a failed check."""
    seen = e.seen(*_KINDS)
    whose = (facts.target(e.ctx).sender or e.text("sender")).rpartition("@")[2].lower()
    wrong = [o for o in seen if o.subject == whose] or [o for o in seen if o.status is Status.FAILED]
    return [o for o in wrong if o.subject == wrong[0].subject]


def _others(seen: list[Observation]) -> Iterator[Other]:
    for sign in _KINDS:
        records = dict.fromkeys(o.text("publish") for o in seen if o.sign == sign)
        for record in filter(None, records):
            yield Other(who=f"whoever keeps the DNS of {seen[0].subject}", text=f"please {_WORDS[sign]}", record=record)


class _Filled(dict[str, str]):
    """The data of an observation, with words for what it does not say."""

    def __init__(self, *of: Observation) -> None:
        super().__init__({key: str(value) for o in reversed(of) for key, value in o.data.items() if value})

    def __missing__(self, key: str) -> str:
        return {"address": "this host's address", "place": "the selector's name"}.get(key, "the domain")
