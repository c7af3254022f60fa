"""Does the relay's STARTTLS offer fit the client's TLS setting?"""

from __future__ import annotations

from diagnose.check import Context, DialReply, Observation, Observations, SignSpec, check, fail, ok, skip, unknown, warn
from diagnose.facts import Route, unheard
from diagnose.facts.dialogue import unfinished
from diagnose.facts.relay import WayIn, sasl, session, settings_problem, way_in
from diagnose.facts.relay_tls import spoken, tried
from diagnose.facts.ways import way_by_smtp


@check(
    id="relay-starttls",
    title="STARTTLS with the relay",
    signs=(SignSpec("relay.starttls", {"kind": ("demanded", "login-needs-tls", "not-offered", "refused", "unheard")}),),
    tags=("relay-tls", "relay", "tls", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_starttls(ctx: Context) -> Observations:
    if problem := settings_problem(ctx):
        yield unknown("relay.starttls", "relay", problem)
        return
    way = way_by_smtp(ctx)
    into = way_in(ctx, way)
    if not tried(way, into):
        skip("TLS with the recipients' own servers is opportunistic: it never holds mail back")
    heard = session(ctx, way).reply
    if heard.problem:
        text = f"could not check whether TLS works: {unfinished(heard) if heard.connected else heard.problem}"
        yield unknown("relay.starttls", into.place, text, **into.tls_data)
        return
    reply = spoken(ctx, way, into).dialogue
    if reply is not None and reply.greeted:
        words, by = unheard(ctx, way, reply.address)
        if reply.offers_starttls and "starttls" in words and (into.mode.mandatory or into.needs_login):
            text = f"offers STARTTLS, but Postfix is set to ignore it ({by})"
            yield fail("relay.starttls", into.place, text, kind="unheard", **into.tls_data | {"by": by})
            return
        yield (_off if into.mode.level == "none" else _wanted)(ctx, way, into, reply)


def _off(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Observation:
    where, by = into.tls_data, into.mode.by
    found = sasl(ctx, way)
    if not reply.offers_starttls:
        return ok("relay.starttls", into.place, "offers no STARTTLS, and none is required", **where)
    if reply.mail and "starttls" in reply.mail.lower() and not reply.mail.startswith("2"):
        text = f"requires STARTTLS, and this side has TLS off ({by}): {reply.mail}"
        return fail("relay.starttls", into.place, text, kind="demanded", **where)
    if found.enabled and not reply.mechanisms and (found.hit or (found.blind and into.needs_login)):
        text = f"offers a login only after STARTTLS, and this side has TLS off ({by})"
        # Postfix goes on without the login; other mailers do not.
        return fail("relay.starttls", into.place, text, kind="demanded" if way.mailer else "login-needs-tls", **where)
    return ok("relay.starttls", into.place, "offers STARTTLS; this side has it off", **where)


def _wanted(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Observation:
    mode, where = into.mode, into.tls_data
    if not reply.offers_starttls:
        if mode.mandatory:
            text = f"offers no STARTTLS, and this side requires it ({mode.words})"
            return fail("relay.starttls", into.place, text, kind="not-offered", **where)
        return ok("relay.starttls", into.place, "offers no STARTTLS; mail goes in the clear", **where)
    if reply.starttls and not reply.starttls.startswith("220"):
        say = fail if mode.mandatory else warn
        text = f"offers STARTTLS, but refuses it: {reply.starttls}"
        return say("relay.starttls", into.place, text, kind="refused", **where)
    return ok("relay.starttls", into.place, "offers STARTTLS", **where)
