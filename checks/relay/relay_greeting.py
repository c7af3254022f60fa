"""Does the relay greet this host as a client it accepts, and does it deliver mail?"""

from __future__ import annotations

from diagnose.check import ANY, Context, DialReply, Observations, SignSpec, Stage, check, fail, ok, skip, warn
from diagnose.facts.next_hop_name import named
from diagnose.facts.relay import WayIn, session, way_in
from diagnose.facts.ways import relay_in_use
from diagnose.knowledge.phrases import Grip
from diagnose.knowledge.recognise import identify
from diagnose.parse.words.reason import classify
from diagnose.parse.words.smtp_reply import code_of


@check(
    id="relay-greeting",
    title="The relay's greeting",
    signs=(SignSpec("relay.banner", {"label": ANY}, proves=Stage.GREETING), "relay.catch-all"),
    tags=("relay", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_greeting(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    if not named(ctx, way).found:
        skip("the relay's name does not resolve")
    into = way_in(ctx, way)
    yield from _catch_all(into)
    reply = session(ctx, way).reply
    if reply.connected:
        yield from _banner(into, reply)


def _catch_all(into: WayIn) -> Observations:
    """Warns of a mail-testing service's host, which takes every message and delivers none."""
    known = identify(into.host)
    named = next((host for host in known.hosts if host.name == into.host.lower()), None) if known else None
    if known and named and not named.delivers and named.stated:
        text = f"is a test server of {known.name}: it keeps every message and delivers none"
        yield warn("relay.catch-all", into.place, text, host=into.host, port=into.port, provider=known.name)


def _banner(into: WayIn, reply: DialReply) -> Observations:
    where = into.data
    if not reply.banner:
        return  # the check of the relay's TLS says why there was no greeting
    code = code_of(reply.banner)
    if code // 100 == 2:
        yield ok("relay.banner", into.place, f"greets: {reply.banner.splitlines()[0]}", **where)
        return
    reason = classify(reply.banner, peer=into.host, port=into.port, stage="greeting")
    # Words that say more than a refusal name the label; a bare code does not.
    label = reason.label if reason and reason.grip > Grip.TOPIC else "greeting-refused"
    where |= {"kind": "refused", "label": label, "code": code, "text": reply.banner}
    say = fail if code // 100 == 5 else warn
    yield say("relay.banner", into.place, f"greets with a refusal: {reply.banner}", **where)
