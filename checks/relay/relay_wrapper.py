"""Does the relay's port speak TLS from the first byte, and does the mailer expect that?"""

from __future__ import annotations

from diagnose.check import Context, Observations, SignSpec, check, fail, ok, warn
from diagnose.facts.relay import session, way_in
from diagnose.facts.relay_tls import spoken, tried
from diagnose.facts.ways import way_by_smtp
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS


@check(
    id="relay-wrapper",
    title="Implicit TLS on the relay's port",
    signs=(SignSpec("relay.wrapper", {"kind": ("level", "needed", "unwanted", "by-port")}),),
    tags=("relay-tls", "relay", "tls", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_wrapper(ctx: Context) -> Observations:
    way = way_by_smtp(ctx)
    into = way_in(ctx, way)
    mode, where = into.mode, into.tls_data
    off, on = "smtp_tls_wrappermode is off", "smtp_tls_wrappermode = yes makes Postfix start with TLS"
    if mode.own:
        off, on = f"TLS starts with STARTTLS here ({mode.by})", f"TLS starts at once here ({mode.by})"
    if mode.wrapper and mode.level in ("none", "may"):
        text = f"smtp_tls_wrappermode needs a TLS level of encrypt or stronger; it is {mode.level} ({mode.by}): smtp(8) refuses to connect"
        yield fail("relay.wrapper", into.place, text, kind="level", wrapper="yes", wanted_level="encrypt", **where)
    reply = session(ctx, way).reply if tried(way, into) else None
    if reply is None or reply.problem or not reply.connected:
        return
    speaks = spoken(ctx, way, into).kind
    where["wanted_level"] = mode.level if mode.mandatory else "encrypt"
    if speaks == "implicit" and not mode.wrapper:
        text = f"speaks TLS from the first byte (implicit TLS), and {off}: both sides wait for the other"
        yield fail("relay.wrapper", into.place, text, kind="needed", wrapper="yes", **where)
    elif speaks == "starttls" and mode.wrapper:
        text = f"greets in the clear (STARTTLS), and {on}"
        yield fail("relay.wrapper", into.place, text, kind="unwanted", wrapper="no", **where)
    elif speaks and (mode.mandatory or not mode.wrapper):
        what = "implicit TLS" if speaks == "implicit" else "STARTTLS or plain SMTP"
        yield ok(
            "relay.wrapper",
            into.place,
            f"speaks {what}, as {'these settings expect' if mode.own else 'Postfix expects'}",
            **into.tls_data,
        )
    elif not speaks and into.port in IMPLICIT_TLS_PORTS and not mode.wrapper:
        text = f"is a port for implicit TLS, and {off}"
        yield warn("relay.wrapper", into.place, text, kind="by-port", wrapper="yes", **where)
