"""Does the relay accept this sender and recipient?

Both are cancelled at once (RSET).
"""

from __future__ import annotations

from diagnose.check import ANY, FLAG, Context, Data, Observations, SignSpec, Stage, check, fail, ok, skip, warn
from diagnose.facts import target
from diagnose.facts.relay import session, way_in
from diagnose.facts.ways import relay_in_use
from diagnose.model import Strength
from diagnose.parse.words.reason import classify
from diagnose.parse.words.smtp_reply import code_of

_WANTS_LOGIN = ("auth-required",)
_WANTS_TLS = ("starttls-required", "relay-requires-tls")


@check(
    id="relay-envelope",
    title="Sender and recipient at the relay",
    signs=(
        SignSpec("relay.envelope", {"label": ANY, "stage": ("mail", "rcpt"), "signed_in": FLAG}, proves=Stage.DELIVERY),
    ),
    tags=("relay-login", "relay", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_envelope(ctx: Context) -> Observations:
    """Observes the relay's replies to MAIL FROM and RCPT TO; the first refusal counts."""
    way = relay_in_use(ctx)
    into, asked = way_in(ctx, way), session(ctx, way)
    if not asked.reply.greeted:
        skip("no dialogue with the relay was held")
    if not asked.enveloped:
        return
    reply = asked.reply
    signed_in = reply.auth.startswith("235")
    where: Data = into.data | {"sender": target(ctx).sender or "", "recipient": way.recipient}
    for stage, text in (("mail", reply.mail), ("rcpt", reply.rcpt)):
        code = code_of(text)
        if not text or code // 100 == 2:
            continue
        reason = classify(text, peer=into.host, port=into.port, stage=stage)
        label = reason.label_for(target(ctx).sender, way.recipient) if reason else "policy-refused"
        where["at_most"] = reason.scalars()["at_most"] if reason else None
        if label in _WANTS_LOGIN and signed_in:
            # It took the login: what it still lacks is a matter of the account.
            label, where["at_most"] = "relay-account-restricted", Strength.SPEAKS
        where |= {
            "signed_in": signed_in,
            "label": label,
            "stage": stage,
            "code": code,
            "text": text,
            "proof": "tried",
            "one_of_many": ctx.target.recipient is None,
        }
        say = fail if code // 100 == 5 or label in (*_WANTS_LOGIN, *_WANTS_TLS) else warn
        yield say("relay.envelope", into.place, f"answers {stage.upper()} with: {text}", **where)
        return
    if reply.mail and reply.rcpt:
        yield ok("relay.envelope", into.place, "accepts this sender and recipient", **where)
