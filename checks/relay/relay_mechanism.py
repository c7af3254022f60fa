"""Does the relay offer a login mechanism that the client can and may use?"""

from __future__ import annotations

from diagnose.check import Context, DialReply, Observations, SignSpec, check, fail, ok, skip, warn
from diagnose.facts import Route, unheard
from diagnose.facts.relay import WayIn, options, plug_ins, sasl, session, way_in
from diagnose.facts.ways import relay_in_use
from diagnose.parse.postfix import sasl_options


@check(
    id="relay-mechanism",
    title="Login mechanisms of the relay",
    signs=(
        SignSpec(
            "relay.mechanism", {"kind": ("none-offered", "unheard", "filter", "options", "token-only", "plug-in")}
        ),
    ),
    tags=("relay-login", "relay", "sasl", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_mechanism(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    into, asked = way_in(ctx, way), session(ctx, way)
    if not asked.reply.greeted:
        skip("no dialogue with the relay was held")
    # The parameters hold for a session under TLS where Postfix would have it.
    yield from _mechanism(ctx, way, into, asked.reply)


def _mechanism(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Observations:
    found = sasl(ctx, way)
    where = into.data | {"offered": " ".join(reply.mechanisms)}
    encrypted = bool(reply.tls and reply.tls.version)
    if not found.enabled:
        return
    if not reply.mechanisms:
        if encrypted or not reply.offers_starttls:
            # Without AUTH on offer Postfix goes on without a login; the server then says whether it minds.
            yield warn(
                "relay.mechanism", into.place, "offers no login at all on this port", kind="none-offered", **where
            )
        return
    words, by = unheard(ctx, way, reply.address)
    if "auth" in words:
        text = f"offers a login, but Postfix is set to ignore it ({by})"
        yield fail("relay.mechanism", into.place, text, kind="unheard", parameter=by, **where)
        return
    chosen = options(way, encrypted, verified=bool(reply.tls and reply.tls.verified))
    cyrus = not way.mailer and way.value("smtp_sasl_type") in ("", "cyrus")
    plugins = plug_ins(ctx) if cyrus else None
    rest = sasl_options.left(
        reply.mechanisms,
        mechanism_filter=way.value("smtp_sasl_mechanism_filter"),
        options=chosen,
        plugins=plugins,
    )
    offered = ", ".join(reply.mechanisms)
    option = "smtp_sasl_tls_security_options" if encrypted else "smtp_sasl_security_options"
    said = {
        "filter": f"offers {offered}; smtp_sasl_mechanism_filter = {way.value('smtp_sasl_mechanism_filter')} excludes all of them",
        "options": f"offers {offered}; {option} = {', '.join(chosen)} forbids them all",
        "token-only": f"offers only {offered}, which needs a bearer token{'' if way.mailer else ' and a SASL plug-in that Postfix does not ship'}",
        "plug-in": f"offers {offered}; no plug-in for any of them is installed here",
    }
    if rest.kind in said:
        parameter = {"filter": "smtp_sasl_mechanism_filter", "options": option}.get(rest.kind, "")
        yield fail("relay.mechanism", into.place, said[rest.kind], kind=rest.kind, parameter=parameter, **where)
    elif not rest.kind and (cyrus or way.mailer):
        yield ok(
            "relay.mechanism", into.place, f"offers {offered}; {', '.join(rest.usable[:3])} can be used here", **where
        )
