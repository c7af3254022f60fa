"""Does the relay hold the dialogue to its end: whole replies, in time, that SMTP knows?"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, SignSpec, check, fail, ok, skip
from diagnose.facts.next_hop_name import named
from diagnose.facts.relay import DialReply, relay_route, session, settings_problem, way_in
from diagnose.model import Observation, Stage

# What breaks a dialogue after the connect, by the reply's error; the check of the port tells of a banner that never came.
_KINDS = {
    "timed out": ("hangs", "connects, and then says nothing more"),
    "connection closed": ("closes", "closes the connection"),
    "ECONNRESET": ("closes", "resets the connection"),
    "EPIPE": ("closes", "closes the connection"),
    "not an SMTP reply": ("nonsense", "answers with what is no SMTP reply"),
    "reply too long": ("endless", "never ends its reply"),
}
_STAGES = {
    "banner": "the greeting",
    "ehlo": "EHLO",
    "starttls": "STARTTLS",
    "auth": "AUTH",
    "mail": "MAIL",
    "rcpt": "RCPT",
}
# The first digits of a reply that each stage may get (RFC 5321 4.2.1, RFC 4954 4).
_DIGITS = "245"


@check(
    id="relay-session",
    title="The dialogue with the relay",
    signs=(
        SignSpec(
            "relay.session",
            {"stage": tuple(_STAGES.values()), "kind": ("hangs", "closes", "nonsense", "endless")},
            proves=Stage.GREETING,
        ),
    ),
    tags=("relay", "network"),
    needs=("postfix", "network"),
    probes=True,
    timeout=9.5,
)
def relay_session(ctx: Context) -> Iterator[Observation]:
    way = relay_route(ctx)
    if (problem := settings_problem(ctx)) or way is None:
        skip(problem or "mail goes straight to the recipients' own servers: there is no relay")
    if not named(ctx, way).found:
        skip("the relay's name leads nowhere")
    into, reply = way_in(ctx, way), session(ctx, way).reply
    if reply.problem or not reply.connected:
        skip("no dialogue with the relay was held")
    stage, kind, text = broken(reply)
    if kind:
        yield fail("relay.session", into.place, f"{text} at {stage}", stage=stage, kind=kind, **into.data)
    elif reply.ehlo:
        yield ok("relay.session", into.place, "answers as a mail server does", **into.data)


def broken(reply: DialReply) -> tuple[str, str, str]:
    """Stage, kind and words of what broke the dialogue; empty where nothing did that is told here."""
    for name, stage in _STAGES.items():
        said = getattr(reply, name).rpartition("\n")[2]
        # With an error the text is what came before it, perhaps no whole reply.
        if said and (name != reply.stage or not reply.error) and said[:1] not in _DIGITS:
            return stage, "nonsense", f"answers with {said[:60]!r}"
    kind, text = _KINDS.get(reply.error, ("", ""))
    if not kind or reply.stage not in _STAGES or (reply.stage == "banner" and kind != "endless"):
        return "", "", ""
    return _STAGES[reply.stage], kind, text
