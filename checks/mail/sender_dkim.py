"""Is the mail of each sender domain DKIM-signed with a key that the domain publishes?"""

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
from diagnose.facts.sender import Sender, refused, senders
from diagnose.facts.signing import Signing, public_key, published, relay_keys, signing
from diagnose.parse.sender import dkim, publish
from diagnose.parse.sender.signers import Signer

_KINDS = ("missing", "several", "syntax", "revoked", "mismatch", "unsigned", "not-asked", "not-for-commands", "testing")


@check(
    id="sender-dkim",
    title="DKIM of the senders",
    signs=(SignSpec("sender.dkim", {"kind": _KINDS, "refused": FLAG, "asked": FLAG, "direct": FLAG}, gauge="sender"),),
    tags=("sender", "dns", "network"),
    needs=("network", "postfix"),
    probes=True,
    timeout=8.0,
)
def sender_dkim(ctx: Context) -> Observations:
    found = senders(ctx)
    if not found:
        skip("no mail from one of this host's own domains was seen leaving; --from ADDRESS names a sender")
    told = []
    for sender in found:
        data: Data = {
            "domain": sender.domain,
            "asked": sender.asked,
            "direct": not sender.through,
            "refused": bool(refused(ctx, sender.domain)),
        }
        said = _judged(ctx, sender, signing(ctx, sender.domain), data)
        if sender.asked or data["refused"] or not said.data.get("open"):
            told.append(said)
    if not told:
        skip("a milter, filter or relay may sign, which cannot be seen from here; --from ADDRESS shows what is known")
    yield from told


def _judged(ctx: Context, sender: Sender, signs: Signing, data: Data) -> Observation:
    sign, domain = "sender.dkim", sender.domain
    if signs.here:
        # One signature that verifies is enough.
        judged = [_key(ctx, sender, signs, signer, data) for signer in signs.signers[:2]]
        return min(judged, key=lambda observation: observation.status)
    if sender.through:
        keys = relay_keys(ctx, sender)
        if keys:
            text = f"publishes a key of {sender.through}, which signs: {', '.join(keys)}._domainkey.{domain}"
            return ok(sign, domain, text, selector=keys[0], **data)
        return unknown(
            sign, domain, f"not signed here; could not check whether {sender.through} signs", open=True, **data
        )
    if signs.here is None:
        return unknown(sign, domain, f"could not check whether mail is signed here: {signs.blind}", open=True, **data)
    if signs.signers:
        program = signs.signers[0].program
        text = f"{program} is set up to sign its mail, but Postfix does not use it: smtpd_milters and non_smtpd_milters are empty"
        return warn(sign, domain, text, kind="not-asked", **data)
    return warn(sign, domain, "its mail is not signed by DKIM on this host", kind="unsigned", **data)


def _key(ctx: Context, sender: Sender, signs: Signing, signer: Signer, data: Data) -> Observation:
    sign, place = "sender.dkim", f"{signer.selector}._domainkey.{signer.domain}"
    data = data | {"selector": signer.selector, "signer": signer.domain, "key": signer.key, "place": place}
    key = published(ctx, signer)
    if key is None:
        return unknown(
            sign, sender.domain, f"{signer.program} signs; its key at {place} could not be looked up", **data
        )
    own = public_key(ctx, signer)
    problem, why = key.problem, f"verifiers find no valid key at {place}: {key.why}"
    if not problem and own and not dkim.same(own, key.public):
        problem, why = "mismatch", f"the key at {place} is not the one that signs, {signer.key}"
    if problem:
        # A signature that fails counts as none: it harms where nothing else vouches for the mail, and a relay may sign again.
        say = warn if sender.through and not data["refused"] else fail
        data["publish"] = publish.dkim_key(place, own) if own else ""
        return say(sign, sender.domain, f"{signer.program} signs its mail, and {why}", kind=problem, **data)
    if key.testing:
        text = f"{signer.program} signs, and the key at {place} says t=y (testing): verifiers may ignore the signature"
        return warn(sign, sender.domain, text, kind="testing", **data)
    if not signs.commands:
        text = f"mail submitted by SMTP is signed; mail from the sendmail command is not, as non_smtpd_milters is empty ({place})"
        return warn(sign, sender.domain, text, kind="not-for-commands", **data)
    matches = "is the one that signs" if own else "is there; the private key cannot be read here to compare"
    return ok(sign, sender.domain, f"{signer.program} signs; the key at {place} {matches}", **data)
