"""Does the DMARC policy of a sender domain ask receivers to refuse this host's mail?"""

from __future__ import annotations

from diagnose.check import (
    FLAG,
    Context,
    Data,
    Observation,
    Observations,
    SignSpec,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts.sender import Sender, aligned, dmarc, refused, senders, spf
from diagnose.facts.signing import public_key, published, relay_keys, signing
from diagnose.parse.sender import dkim, publish
from diagnose.parse.sender.dmarc import Policy


@check(
    id="sender-dmarc",
    title="DMARC of the senders",
    signs=(
        SignSpec(
            "sender.dmarc",
            {"kind": ("none", "broken", "unaligned"), "refused": FLAG, "asked": FLAG, "direct": FLAG},
            gauge="sender",
        ),
    ),
    tags=("sender", "dns", "network"),
    needs=("network", "postfix"),
    probes=True,
    timeout=9.5,
)
def sender_dmarc(ctx: Context) -> Observations:
    found = senders(ctx)
    if not found:
        skip("no mail from one of this host's own domains was seen leaving; --from ADDRESS names a sender")
    told = [(sender, _judged(ctx, sender, dmarc(ctx, sender.domain))) for sender in found]
    kept = [said for sender, said in told if sender.asked or not said.data.get("open")]
    if not kept:
        skip("whether mail is aligned depends on the relay or a filter; --from ADDRESS shows what is known")
    yield from kept


def _judged(ctx: Context, sender: Sender, policy: Policy) -> Observation:
    sign, domain = "sender.dmarc", sender.domain
    data: Data = {
        "domain": domain,
        "asked": sender.asked,
        "direct": not sender.through,
        "refused": bool(refused(ctx, domain)),
        "policy": policy.policy,
        "place": policy.place,
    }
    if policy.problem:
        return unknown(sign, domain, f"its DMARC policy could not be looked up: {policy.problem}", **data)
    if policy.broken and not policy.place:
        text = f"its DMARC record is not one that receivers accept: {policy.broken}"
        return warn(sign, domain, text, kind="broken", **data)
    if not policy.policy:
        data["publish"] = publish.dmarc(policy.organisation)
        return warn(sign, domain, "publishes no DMARC policy", kind="none", **data)
    where = f"p={policy.policy}" + (f" of {policy.place}" if policy.place != domain else "")
    if not policy.refuses:
        return ok(sign, domain, f"its DMARC policy refuses nothing ({where})", **data)
    passes, why = _by_spf(ctx, sender)
    signed, why_signed = _by_dkim(ctx, sender, policy)
    whose = f"from {sender.through}" if sender.through else "from this host"
    if passes or signed:
        by = " and ".join(word for word, good in (("SPF", passes), ("DKIM", signed)) if good)
        return ok(sign, domain, f"its DMARC policy ({where}) lets mail {whose} pass: aligned by {by}", **data)
    reasons = f"SPF: {why}; DKIM: {why_signed}"
    if passes is None or signed is None:
        return unknown(
            sign,
            domain,
            f"could not check whether its DMARC policy ({where}) lets mail {whose} pass: {reasons}",
            open=not data["refused"],
            **data,
        )
    text = f"its DMARC policy ({where}) asks receivers to refuse mail {whose}: {reasons}"
    say = warn if sender.through and not data["refused"] else fail
    return say(sign, domain, text, kind="unaligned", **data)


def _by_spf(ctx: Context, sender: Sender) -> tuple[bool | None, str]:
    """(whether SPF passes for the sender's domain, why); None if that is open. The From header is taken to have that
    domain."""
    judged = spf(ctx, sender)
    results = [one.verdict.result for one in judged]
    if not judged or "temperror" in results:
        return None, "not judged"
    # Receivers see any of this host's addresses: one that does not pass is enough.
    bad = next((result for result in results if result != "pass"), "")
    if not bad:
        return True, "pass"
    if sender.through and (not judged[0].known or (sender.relay and sender.relay.kind in ("service", "cloud"))):
        return None, f"{bad} for what is known of {sender.through}"
    return False, bad


def _by_dkim(ctx: Context, sender: Sender, policy: Policy) -> tuple[bool | None, str]:
    signs = signing(ctx, sender.domain)
    if not signs.here:
        if sender.through:
            keys = relay_keys(ctx, sender)
            return (True, "") if keys else (None, f"whether {sender.through} signs is not known")
        return (None, signs.blind) if signs.here is None else (False, "not signed here")
    reasons = []
    for signer in signs.signers[:2]:
        key, own = published(ctx, signer), public_key(ctx, signer)
        fits = aligned(ctx, sender.domain, signer.domain, policy.strict_dkim)
        if key is None or fits is None:
            return None, "not looked up"
        if not fits:
            reasons.append(f"signed for {signer.domain}, which is not aligned")
        elif key.problem or (own and not dkim.same(own, key.public)):
            reasons.append(key.why or "another key is published")
        else:
            return True, ""
    if sender.through:
        return None, f"{reasons[0]}; whether {sender.through} signs is not known"
    return False, reasons[0]
