"""Does the relay take the login that Postfix would make, and the sender and recipient after it?

One real AUTH with the configured credentials (unless told not to), then MAIL and RCPT, which are taken back at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.check import Context, check, fail, ok, skip, unknown, warn
from diagnose.facts import Route, target
from diagnose.facts.relay import (
    DialReply,
    Session,
    WayIn,
    options,
    plug_ins,
    relay_route,
    sasl,
    session,
    settings_problem,
    way_in,
)
from diagnose.knowledge.recognise import identify
from diagnose.model import Observation, Scalar
from diagnose.parse.postfix import sasl_options, table
from diagnose.parse.words.reason import Reason, classify

_WANTS_LOGIN = ("auth-required",)
_WANTS_TLS = ("starttls-required", "relay-requires-tls")
# A server's own trouble, which says nothing of the credentials.
_PASSING = ("server-busy", "rate-limited", "greylisted", "server-error", "session-lost")


@check(
    id="relay-login",
    title="Signing in to the relay",
    signs=("relay.mechanism", "relay.login", "relay.envelope"),
    tags=("relay", "sasl", "network"),
    needs=("postfix", "network"),
    probes=True,
    timeout=9.5,
)
def relay_login(ctx: Context) -> Iterator[Observation]:
    if problem := settings_problem(ctx):
        yield unknown("relay.login", "relay", problem)
        return
    way = relay_route(ctx)
    if way is None:
        skip("mail goes straight to the recipients' own servers: there is no relay to sign in to")
    into = way_in(ctx, way)
    asked = session(ctx, way)
    reply = asked.reply
    if reply.problem or not reply.connected or not reply.ehlo:
        why = reply.problem or reply.error or "no connection"
        yield unknown(
            "relay.login",
            into.place,
            f"not tried ({why}): it would tell whether the relay takes the credentials",
            **_where(way, into),
        )
        return
    # The parameters below hold for a session under TLS where Postfix would have it.
    yield from _mechanism(ctx, way, into, reply)
    yield from _login(ctx, way, into, asked)
    if asked.enveloped:
        yield from _envelope(way, into, reply, target(ctx).sender or "")


def _where(way: Route, into: WayIn) -> dict[str, Scalar]:
    return {"host": into.host, "port": into.port, "next_hop": way.nexthop, "provider": into.provider}


def _mechanism(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Iterator[Observation]:
    found = sasl(ctx, way)
    where = {**_where(way, into), "offered": " ".join(reply.mechanisms)}
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
    chosen = options(way, encrypted, verified=bool(reply.tls and reply.tls.verified))
    plugins = plug_ins(ctx) if way.value("smtp_sasl_type") in ("", "cyrus") else None
    rest = sasl_options.left(
        reply.mechanisms,
        mechanism_filter=way.value("smtp_sasl_mechanism_filter"),
        options=chosen,
        plugins=plugins,
    )
    offered = ", ".join(reply.mechanisms)
    option = "smtp_sasl_tls_security_options" if encrypted else "smtp_sasl_security_options"
    said = {
        "filter": f"offers {offered}; smtp_sasl_mechanism_filter = {way.value('smtp_sasl_mechanism_filter')} lets none of them through",
        "options": f"offers {offered}; {option} = {', '.join(chosen)} forbids them all",
        "token-only": f"offers {offered} alone, which needs a bearer token and a plug-in that Postfix does not bring",
        "plug-in": f"offers {offered}; no plug-in for any of them is installed here",
    }
    if rest.kind in said:
        parameter = {"filter": "smtp_sasl_mechanism_filter", "options": option}.get(rest.kind, "")
        yield fail("relay.mechanism", into.place, said[rest.kind], kind=rest.kind, parameter=parameter, **where)
    elif not rest.kind and way.value("smtp_sasl_type") in ("", "cyrus"):
        yield ok(
            "relay.mechanism", into.place, f"offers {offered}; {', '.join(rest.usable[:3])} can be used here", **where
        )


def _login(ctx: Context, way: Route, into: WayIn, asked: Session) -> Iterator[Observation]:
    found, reply, where = sasl(ctx, way), asked.reply, _where(way, into)
    hit = found.hit
    if not found.enabled or (hit is None and not found.blind):
        return  # the checks of the password map say so
    place = f"{hit.user} at {into.place}" if hit is not None and hit.user else into.place
    if found.blind:
        why = next(one.problem for one in found.asked if one.problem)
        yield unknown(
            "relay.login",
            place,
            f"the password map cannot be read ({why}); a login would tell whether the relay takes it",
            **where,
        )
        return
    if not ctx.settings.auth:
        yield unknown(
            "relay.login",
            place,
            "not tried, as asked for; it would tell whether the relay takes the credentials",
            **where,
        )
        return
    source = table.source(hit.table) if hit else ""
    where = {
        **where,
        "user": hit.user if hit else "",
        "mechanism": reply.mechanism,
        "table": hit.table.key if hit and source else "",
        "path": source,
    }
    if not asked.with_login or reply.stage not in ("auth", "mail", "rcpt", "quit") or not reply.auth:
        if reply.mechanisms:
            yield unknown(
                "relay.login",
                place,
                f"not tried: {reply.error.removeprefix('not tried: ') or 'the dialogue ended before'}",
                **where,
            )
        return
    code = reply.auth.rpartition("\n")[2][:3]
    if code == "235":
        yield ok("relay.login", place, f"is accepted ({reply.mechanism})", **where)
        return
    reason = classify(reply.auth, peer=into.host, port=into.port, stage="auth")
    label = _label(reason, "relay-credentials-rejected" if code.startswith("5") else "server-busy")
    where |= {
        "label": label,
        "code": int(code) if code.isdigit() else 0,
        "enhanced": (reason.enhanced if reason else "") or "",
    }
    say = warn if label in _PASSING or not code.startswith(("4", "5")) else fail
    hint = _user_name(into, hit.user if hit else "") if label == "relay-credentials-rejected" else ""
    yield say("relay.login", place, f"is refused: {reply.auth}{hint}", text=reply.auth, **where)


def _user_name(into: WayIn, user: str) -> str:
    """Some providers want one fixed word for everybody's user name."""
    known = identify(into.host)
    if (
        known is None
        or not known.login.user
        or not known.login.stated
        or re.search(r"[<>@ ]", known.login.user)
        or user in ("", known.login.user)
    ):
        return ""
    return f" (the user name at {known.name} is always {known.login.user}, and {user} was sent)"


def _label(reason: Reason | None, otherwise: str) -> str:
    if reason is None:
        return otherwise
    # What only says "no" in answer to AUTH says it of the credentials.
    vague = ("policy-refused", "noise", "spam-generic", "mailbox-unavailable", "greeting-refused", "auth-required")
    return otherwise if reason.label in vague else reason.label


def _envelope(way: Route, into: WayIn, reply: DialReply, sender: str) -> Iterator[Observation]:
    """What the relay says to the sender and the recipient; only refusals of the sender's side are the relay's."""
    where = {**_where(way, into), "sender": sender, "recipient": way.recipient}
    for stage, text in (("mail", reply.mail), ("rcpt", reply.rcpt)):
        code = text.rpartition("\n")[2][:3]
        if not text or code.startswith("2"):
            continue
        reason = classify(text, peer=into.host, port=into.port, stage=stage)
        label = reason.label if reason else "policy-refused"
        where |= {
            "label": label,
            "stage": stage,
            "code": int(code) if code.isdigit() else 0,
            "text": text,
        }
        say = fail if code.startswith("5") or label in (*_WANTS_LOGIN, *_WANTS_TLS) else warn
        yield say("relay.envelope", into.place, f"answers {stage.upper()} with: {text}", **where)
        return
    if reply.mail and reply.rcpt:
        yield ok("relay.envelope", into.place, "takes this sender and recipient", **where)
