"""Does the relay complete the dialogue: whole replies, in time, in valid SMTP?"""

from __future__ import annotations

from diagnose.check import FLAG, Context, Observations, SignSpec, Stage, check, fail, ok, skip, unknown
from diagnose.facts.dialogue import KINDS, PASSED, STAGES, broken, unfinished
from diagnose.facts.names import is_public
from diagnose.facts.relay import session, way_in
from diagnose.facts.ways import relay_in_use


@check(
    id="relay-session",
    title="The dialogue with the relay",
    signs=(
        SignSpec(
            "relay.session",
            {"stage": tuple(STAGES.values()), "kind": KINDS, "named": FLAG},
            proves=Stage.GREETING,
        ),
    ),
    tags=("relay", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_session(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    into, reply = way_in(ctx, way), session(ctx, way).reply
    if not reply.connected:
        skip("no dialogue with the relay was held")
    at = STAGES.get(reply.stage, "")
    if reply.problem:
        text = f"could not follow the dialogue to its end: {unfinished(reply)}"
        yield unknown("relay.session", into.place, text, proof="tried", stage=at, **into.data)
    elif found := broken(reply, into.mode.mandatory):
        # The check of the port reports a missing greeting.
        silent = found.stage == "banner" and found.kind in ("hangs", "closes", "nonsense") and reply.error
        at, passes = STAGES[found.stage], PASSED.get(found.stage, Stage.GREETING).value
        data = {"stage": at, "kind": found.kind, "passes": passes, **into.data}
        data["named"] = not way.helo or way.helo.startswith("[") or is_public(way.helo)
        greeted = "" if data["named"] or found.stage != "ehlo" else f", greeted as {way.helo}"
        if not silent:
            yield fail("relay.session", into.place, f"{found.text} at {at}{greeted}", **data)
    elif reply.greeted:
        yield ok("relay.session", into.place, "answers as a mail server does", **into.data)
